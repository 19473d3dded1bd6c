//! Requests and upgrades that come and go, many of them broken off: nothing of them stays in central or in the agent.

use std::fs;
use std::time::Duration;

use futures_util::StreamExt as _;
use mk8s::tls::{Alpn, Connector, Trust};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Central, Namespace, PATIENCE, Stack, number, wait_for};

/// How many connections there are at once.
const AT_ONCE: usize = 16;

/// How much the memory of a process may grow between the end of the first third and the end.
const FLAT_KIB: u64 = 8 << 10;

/// How many more files a process may have open at the end than after the first third: a pooled connection or two.
const FLAT_FILES: usize = 8;

/// What a client does with its connection.
#[derive(Clone, Copy)]
enum Visit {
    /// Asks, and reads the answer to its end.
    Get,
    /// Begins a watch, and goes away at its first byte.
    Watch,
    /// Begins a command in a container over a WebSocket, and goes away.
    WebSocket,
    /// The same over SPDY.
    Spdy,
}

/// `MK8S_TEST_CHURN` connections, 900 without it; one of a hundred is upgraded.
#[test]
fn nothing_stays_of_clients_that_have_gone() {
    let connections = number("MK8S_TEST_CHURN", 900);
    let stack = Stack::start();
    let namespace = Namespace::create();
    namespace.pod("web", "exec sleep 100000");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let processes = [("central", stack.central.process.pid()), ("agent", stack.agent.process.pid())];
    let look = || processes.map(|(name, pid)| (name, open_files(pid), resident_kib(pid)));
    runtime.block_on(visit(&stack.central, &namespace, 0..connections / 3));
    std::thread::sleep(Duration::from_secs(2));
    let before = look();
    runtime.block_on(visit(&stack.central, &namespace, connections / 3..connections));
    for (index, (name, files, kib)) in before.into_iter().enumerate() {
        wait_for(&format!("{name} had {files} files open; now {:?}", look()), PATIENCE, || {
            (look()[index].1 <= files + FLAT_FILES).then_some(())
        });
        let (_, files_after, kib_after) = look()[index];
        println!("{connections} visits: {name}: {files} -> {files_after} files, {kib} -> {kib_after} KiB");
        assert!(kib_after <= kib + FLAT_KIB, "{name} had {kib} KiB after a third, and {kib_after} KiB at the end");
    }
    stack.run(&["clusters", "list"]).expect(0);
}

/// Makes the visits with these numbers.
async fn visit(central: &Central, namespace: &Namespace, numbers: std::ops::Range<u64>) {
    let connector = Connector::new(&Trust::CaFile(central.ca_file())).expect("trust");
    let visits = futures_util::stream::iter(numbers).map(|number| {
        let visit = match number {
            n if n % 200 == 50 => Visit::WebSocket,
            n if n % 200 == 150 => Visit::Spdy,
            n if n % 3 == 0 => Visit::Watch,
            _ => Visit::Get,
        };
        let connector = &connector;
        async move { visit.once(central, connector, &namespace.0).await.map_err(|e| format!("visit {number}: {e}")) }
    });
    let mut visits = visits.buffer_unordered(AT_ONCE);
    while let Some(result) = visits.next().await {
        result.expect("a visit");
    }
}

impl Visit {
    /// Connects, does what is to be done, and goes away.
    ///
    /// # Errors
    /// When the answer is not what was to be expected.
    async fn once(self, central: &Central, connector: &Connector, namespace: &str) -> Result<(), String> {
        let uri = central.url.parse().map_err(|e| format!("{e}"))?;
        let mut stream = connector.connect(&uri, Alpn::Http1).await.map_err(|e| format!("connect: {e}"))?;
        let base = format!("/clusters/dev/k8s/api/v1/namespaces/{namespace}");
        let exec = format!("{base}/pods/web/exec?command=sleep&command=1000&stdin=true&stdout=true");
        let (method, target, headers, expected) = match self {
            Self::Get => ("GET", format!("{base}/pods"), "Connection: close\r\n", "HTTP/1.1 200"),
            Self::Watch => ("GET", format!("{base}/pods?watch=true"), "", "HTTP/1.1 200"),
            Self::WebSocket => ("GET", exec, WEB_SOCKET, "HTTP/1.1 101"),
            Self::Spdy => ("POST", exec, SPDY, "HTTP/1.1 101"),
        };
        let token = Central::token();
        let head =
            format!("{method} {target} HTTP/1.1\r\nHost: mk8s\r\nAuthorization: Bearer {token}\r\n{headers}\r\n");
        stream.write_all(head.as_bytes()).await.map_err(|e| format!("write: {e}"))?;
        // What the socket did not take at once waits in the TLS session.
        stream.flush().await.map_err(|e| format!("flush: {e}"))?;
        let mut answer = Vec::new();
        let reading = async {
            match self {
                Self::Get => stream.read_to_end(&mut answer).await,
                _ => stream.read_buf(&mut answer).await,
            }
        };
        let read = tokio::time::timeout(PATIENCE, reading).await;
        let text = String::from_utf8_lossy(&answer).into_owned();
        read.map_err(|_| format!("no end in time after {text:?}"))?.map_err(|e| format!("read: {e} after {text:?}"))?;
        if text.starts_with(expected) { Ok(()) } else { Err(format!("{expected} was to come: {text}")) }
    }
}

const WEB_SOCKET: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                          Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n";
const SPDY: &str = "Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v5.channel.k8s.io\r\n\
                    X-Stream-Protocol-Version: v4.channel.k8s.io\r\nContent-Length: 0\r\n";

/// How many files a process has open, by /proc.
fn open_files(pid: i32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).expect("a running process").count()
}

/// The resident memory of a process, by /proc.
fn resident_kib(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a running process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
