//! One long stream on a connection that has changed its protocol, as `kubectl cp` and `kubectl exec` have it.

use std::time::Instant;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::Way;
use super::stand_in::STREAM;
use crate::support::Server;

/// Reads the stream by every way.
pub async fn run(ways: &[Way], servers: &[&Server]) -> anyhow::Result<()> {
    println!("gateway: {} MiB on a connection that has changed its protocol", STREAM.1 >> 20);
    let cpu = || servers.iter().map(|server| server.cpu_micros()).sum::<anyhow::Result<u64>>();
    for way in ways {
        let (before, start) = (cpu()?, Instant::now());
        let bytes = way.stream().await.context(way.name)?;
        anyhow::ensure!(bytes == STREAM.1, "{}: {bytes} bytes came", way.name);
        print!("  {:<10} {:>6.0} MiB/s", way.name, (STREAM.1 >> 20) as f64 / start.elapsed().as_secs_f64());
        if way.name == "mk8s" {
            print!("  {:.1} ns of CPU a byte", (cpu()? - before) as f64 * 1000.0 / STREAM.1 as f64);
        }
        println!();
    }
    Ok(())
}

impl Way {
    async fn stream(&self) -> anyhow::Result<usize> {
        let mut connection = self.connector.connect(&self.origin.parse()?, mk8s::tls::Alpn::Http1).await?;
        let head = format!(
            "GET {}{} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nConnection: Upgrade\r\nUpgrade: \
             websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            self.prefix, STREAM.0, self.token
        );
        connection.write_all(head.as_bytes()).await?;
        connection.flush().await?;
        let mut buffer = vec![0; 64 << 10];
        let mut read = Vec::new();
        let end = loop {
            if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            anyhow::ensure!(connection.read_buf(&mut read).await? > 0, "no answer");
        };
        let head = String::from_utf8_lossy(&read[..end]).into_owned();
        anyhow::ensure!(head.starts_with("HTTP/1.1 101"), "{head}");
        let mut bytes = read.len() - end;
        // Whether the end is told is for TLS to say; all that counts is here.
        while bytes < STREAM.1 {
            match connection.read(&mut buffer).await? {
                0 => break,
                more => bytes += more,
            }
        }
        Ok(bytes)
    }
}
