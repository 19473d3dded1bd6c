//! A central that gives every request the same answer, for tests.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// The server, and the requests that it has seen.
pub(crate) struct Fake {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<String>>>,
}

/// A refusal with a code.
macro_rules! problem {
    ($code:literal) => {
        concat!(
            r#"{"type":"urn:mk8s:error","title":"t","status":400,"detail":"the detail","request_id":"r-1","code":""#,
            $code,
            "\"}"
        )
    };
}
pub(crate) use problem;

impl Fake {
    pub(crate) async fn start(status: &'static str, body: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let length = if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
        let answer = format!("HTTP/1.1 {status}\r\n{length}\r\n{body}");
        tokio::spawn({
            let seen = seen.clone();
            async move {
                while let Ok((mut stream, _)) = listener.accept().await {
                    let mut request = Vec::new();
                    while !is_whole(&request) {
                        let mut buffer = [0; 4096];
                        match stream.read(&mut buffer).await {
                            Ok(n @ 1..) => request.extend_from_slice(&buffer[..n]),
                            _ => break,
                        }
                    }
                    seen.lock().unwrap().push(String::from_utf8(request).unwrap());
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
            }
        });
        Self { url, seen }
    }

    /// The last request.
    pub(crate) fn last(&self) -> String {
        self.seen.lock().unwrap().last().cloned().unwrap_or_default()
    }

    /// How many requests came.
    pub(crate) fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0)
}
