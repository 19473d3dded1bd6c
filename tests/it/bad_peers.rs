//! Peers that speak badly, slowly or not at all: on the listener, as a WebSocket, as a tunnel.

use std::future::Future;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderValue, Uri};
use mk8s::tls::{Alpn, Connector, Stream, Trust};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::cli::{Client, assert_fails};
use crate::support::process::run_within;
use crate::support::stack::TOKEN;
use crate::support::{Central, PATIENCE, Stack, run, wait_for};

/// When central has given up a peer that says nothing: it waits for 10 s.
const GIVEN_UP: Duration = Duration::from_secs(15);

/// Runs a test's asynchronous part.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    runtime.block_on(future)
}

/// An encrypted connection for HTTP/1.1.
async fn connect(central: &Central) -> Stream {
    let uri: Uri = central.url.parse().expect("url");
    let connector = Connector::new(&Trust::CaFile(central.ca_file())).expect("trust");
    connector.connect(&uri, Alpn::Http1).await.expect("connection")
}

/// A WebSocket for commands on `dev`.
async fn websocket(central: &Central) -> WebSocketStream<Stream> {
    let mut request =
        central.url.replace("https:", "wss:").parse::<Uri>().expect("url").into_client_request().expect("request");
    *request.uri_mut() = format!("wss://localhost:{}/clusters/dev/exec", central.port()).parse().expect("uri");
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("mk8s.exec.v1"));
    let bearer = format!("Bearer {}", Central::token()).parse().expect("header");
    request.headers_mut().insert("authorization", bearer);
    client_async(request, connect(central).await).await.expect("upgrade").0
}

/// What is read until the peer closes, or breaks, the connection; panics if it does neither in time.
async fn read_to_end(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    let reading = async {
        while let Ok(n @ 1..) = stream.read(&mut buffer).await {
            all.extend_from_slice(&buffer[..n]);
        }
    };
    tokio::time::timeout(GIVEN_UP, reading).await.expect("central gives up");
    all
}

/// The other way round: a central that takes the request and says nothing.
#[test]
fn a_client_gives_up_a_central_that_does_not_answer() {
    // The kernel makes the connections; nobody takes them.
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    let client = Client::new();
    let ask = &|args: &[&str]| {
        let mut command = client.command();
        command.args(["--server", &url, "--cluster", "dev"]).args(args).env("MK8S_TOKEN", "mk8s_pat_x");
        run_within(&mut command, "", PATIENCE)
    };
    thread::scope(|scope| {
        let asked = [&["kubectl", "get", "pods"][..], &["audit", "-o", "json"], &["clusters", "list"]];
        for waiting in asked.map(|args| scope.spawn(move || ask(args))) {
            assert_fails(&waiting.join().expect("a thread"), 7, &["central did not answer within 30 s"]);
        }
    });
}

#[track_caller]
fn still_works(stack: &mut Stack) {
    assert!(stack.central.process.is_running() && stack.agent.process.is_running());
    stack.run(&["kubectl", "get", "namespaces"]).expect(0);
    let lines = [stack.central.process.stderr(), stack.agent.process.stderr()].concat();
    assert!(!lines.iter().any(|line| line.contains("panicked")), "{lines:#?}");
}

/// The result message that refuses a first message, and the end of the socket behind it.
async fn refusal(socket: &mut WebSocketStream<Stream>) -> Value {
    let reading = async {
        let Some(Ok(Message::Binary(data))) = socket.next().await else { panic!("no result") };
        assert_eq!(data[0], 3, "the channel of the result");
        assert!(!matches!(socket.next().await, Some(Ok(Message::Binary(_) | Message::Text(_)))), "nothing follows");
        serde_json::from_slice(&data[1..]).expect("a problem")
    };
    tokio::time::timeout(GIVEN_UP, reading).await.expect("central answers")
}

#[test]
fn a_websocket_whose_first_message_is_wrong_is_told_why() {
    let mut stack = Stack::start();
    block_on(async {
        let invalid = [
            (Message::text("garbage"), "the request is not valid"),
            (Message::text(r#"{"command":[]}"#), "\"command\" is empty"),
            (Message::text(r#"{"command":["get"],"stdin":"text"}"#), "must be true or false here"),
            (Message::text(r#"{"command":["get"],"cluster":"ghost"}"#), "unknown field `cluster`"),
            (Message::binary(&b"\x00garbage"[..]), "must be the command, as JSON text"),
            (Message::binary(&b""[..]), "must be the command, as JSON text"),
        ];
        for (message, said) in invalid {
            let mut socket = websocket(&stack.central).await;
            socket.send(message).await.expect("send");
            let problem = refusal(&mut socket).await;
            assert_eq!(problem["code"], "invalid_request");
            assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(said)), "{problem}");
        }
        // More than 8 MiB: the client may find the connection closed before it has sent all.
        let mut socket = websocket(&stack.central).await;
        let _ = socket.send(Message::text("x".repeat(9 << 20))).await;
        while let Some(Ok(message)) = socket.next().await {
            assert!(
                !matches!(message, Message::Binary(ref data) if data.starts_with(b"\x03{\"exit_code")),
                "{message}"
            );
        }
    });
    still_works(&mut stack);
}

#[test]
fn a_websocket_that_says_nothing_is_closed() {
    let mut stack = Stack::start();
    block_on(async {
        let since = Instant::now();
        let problem = refusal(&mut websocket(&stack.central).await).await;
        assert_eq!(problem["code"], "timeout");
        assert!(since.elapsed() > Duration::from_secs(9), "it had its 10 s");
        drop(websocket(&stack.central).await);
    });
    still_works(&mut stack);
}

/// Channels that do not exist, and a closing of channels that cannot be closed, end the command.
#[test]
fn a_websocket_that_breaks_the_protocol_ends_its_command() {
    let mut stack = Stack::start();
    for message in [&b"\x07x"[..], b"", b"\xff\x01", b"\x01x"] {
        block_on(async {
            let mut socket = websocket(&stack.central).await;
            let start = r#"{"command":["get","namespaces","--watch"],"stdin":true}"#;
            socket.send(Message::text(start)).await.expect("send");
            let first = socket.next().await;
            assert!(matches!(&first, Some(Ok(Message::Binary(data))) if data[0] == 1), "{first:?}");
            socket.send(Message::binary(message)).await.expect("send");
            let ending = async { while let Some(Ok(_)) = socket.next().await {} };
            tokio::time::timeout(PATIENCE, ending).await.expect("the socket ends");
        });
        wait_for("no kubectl is left", Duration::from_secs(1), || stack.agent.children().is_empty().then_some(()));
    }
    still_works(&mut stack);
}

/// A command whose files do not come has a place at the agent already: a user has few of them, and not for long.
#[test]
fn commands_whose_files_never_come_are_few_and_end() {
    let mut stack = Stack::start();
    let other = stack.central.user("ann@example.com", &["developer"]);
    let start = r#"{"command":["apply","-f","map.yaml"],"files":[{"name":"map.yaml","size":1}]}"#;
    block_on(async {
        let mut waiting = Vec::new();
        for _ in 0..64 {
            let mut socket = websocket(&stack.central).await;
            socket.send(Message::text(start)).await.expect("send");
            waiting.push(socket);
        }
        let mut one_more = websocket(&stack.central).await;
        one_more.send(Message::text(start)).await.expect("send");
        let problem = refusal(&mut one_more).await;
        assert_eq!(problem["code"], "too_many_requests", "{problem}");
        let mut of_other = stack.central.mk8s();
        run(of_other.env("MK8S_TOKEN", &other).args(["kubectl", "get", "pods"]), b"").expect(0);
        for socket in &mut waiting {
            let reading = async {
                loop {
                    match socket.next().await {
                        Some(Ok(Message::Ping(_))) => {}
                        Some(Ok(Message::Binary(result))) => break result,
                        other => panic!("{other:?}"),
                    }
                }
            };
            let result = tokio::time::timeout(PATIENCE, reading).await.expect("an end");
            let result = String::from_utf8_lossy(&result[1..]).into_owned();
            assert!(result.contains("nothing more of its files came within 30 s"), "{result}");
        }
    });
    still_works(&mut stack);
}

#[test]
fn connections_that_do_not_speak_tls_are_closed() {
    let mut stack = Stack::start();
    let port = stack.central.port();
    block_on(async {
        for garbage in [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], &[0xff; 100], b"\x16\x03\x01\xff\xff"] {
            let mut tcp = TcpStream::connect(("127.0.0.1", port)).await.expect("connect");
            tcp.write_all(garbage).await.expect("write");
            read_to_end(&mut tcp).await;
        }
        let mut silent = TcpStream::connect(("127.0.0.1", port)).await.expect("connect");
        assert_eq!(read_to_end(&mut silent).await, b"");
    });
    still_works(&mut stack);
}

/// With HTTP/2 there is no time for the headers of a request, since none may ever come.
#[test]
fn connections_on_which_nothing_is_asked_are_closed() {
    let mut stack = Stack::start();
    block_on(async {
        let uri: Uri = stack.central.url.parse().expect("url");
        let connector = Connector::new(&Trust::CaFile(stack.central.ca_file())).expect("trust");
        let mut silent = Vec::new();
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        for (alpn, say) in [
            (Alpn::Http1, &b""[..]),
            (Alpn::Http2, b""),
            (Alpn::Http2, preface),
            (Alpn::Http2, &[preface, &b"\0\0\0\x04\0\0\0\0\0"[..]].concat()),
        ] {
            let mut stream = connector.connect(&uri, alpn).await.expect("connection");
            stream.write_all(say).await.expect("write");
            silent.push(stream);
        }
        for mut stream in silent {
            read_to_end(&mut stream).await;
        }
    });
    still_works(&mut stack);
}

/// Slow headers and bodies hold a connection for 10 s, not for ever; many of them keep nobody else out.
#[test]
fn slow_and_huge_headers_are_cut_off() {
    let mut stack = Stack::start();
    block_on(async {
        let mut slow = Vec::new();
        for _ in 0..100 {
            let mut stream = connect(&stack.central).await;
            stream.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.expect("write");
            slow.push(stream);
        }
        let huge = format!("GET /health HTTP/1.1\r\nHost: x\r\nX-Huge: {}\r\n\r\n", "x".repeat(1 << 20));
        let mut stream = connect(&stack.central).await;
        let _ = stream.write_all(huge.as_bytes()).await;
        let answer = String::from_utf8_lossy(&read_to_end(&mut stream).await).into_owned();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
        for bad in
            ["GARBAGE\r\n\r\n", "GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"]
        {
            let mut stream = connect(&stack.central).await;
            stream.write_all(bad.as_bytes()).await.expect("write");
            let answer = String::from_utf8_lossy(&read_to_end(&mut stream).await).into_owned();
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
        }
        for mut stream in slow {
            read_to_end(&mut stream).await;
        }
    });
    still_works(&mut stack);
}

/// A tunnel counts only once its agent has answered on it.
#[test]
fn a_tunnel_that_does_not_serve_is_not_counted() {
    let mut central = Central::start();
    let upgrade = format!(
        "GET /agents/tunnel HTTP/1.1\r\nHost: localhost:{}\r\nConnection: Upgrade\r\nUpgrade: mk8s-tunnel\r\nAuthorization: Bearer {TOKEN}\r\n\r\n",
        central.port()
    );
    block_on(async {
        let mut tunnels = Vec::new();
        for say in [&b""[..], b"garbage instead of HTTP/2, and enough of it to be recognised as such\r\n\r\n"] {
            let mut stream = connect(&central).await;
            stream.write_all(upgrade.as_bytes()).await.expect("write");
            let mut head = [0; 12];
            stream.read_exact(&mut head).await.expect("read");
            assert_eq!(&head, b"HTTP/1.1 101");
            stream.write_all(say).await.expect("write");
            tunnels.push(stream);
        }
        assert!(!central.is_online());
        for mut tunnel in tunnels {
            read_to_end(&mut tunnel).await;
        }
        // Without `Connection: Upgrade` it is an ordinary request, and must not leave anything behind.
        let mut stream = connect(&central).await;
        let plain = upgrade.replace("Connection: Upgrade\r\n", "Connection: close\r\n");
        stream.write_all(plain.as_bytes()).await.expect("write");
        read_to_end(&mut stream).await;
    });
    assert!(!central.is_online() && central.process.is_running());
    central.process.wait_for_line("a tunnel was not opened", PATIENCE);
}

/// The floods of CVE-2023-44487: a request that is reset at once costs less than it is worth.
#[test]
fn a_flood_of_resets_neither_grows_nor_stops_central() {
    use http_body_util::Empty;
    use hyper_util::rt::{TokioExecutor, TokioIo};
    let mut stack = Stack::start();
    block_on(async {
        let uri: Uri = stack.central.url.parse().expect("url");
        let connector = Connector::new(&Trust::CaFile(stack.central.ca_file())).expect("trust");
        for _ in 0..5 {
            let io = TokioIo::new(connector.connect(&uri, Alpn::Http2).await.expect("connection"));
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.expect("handshake");
            let connection = tokio::spawn(connection);
            for _ in 0..2000 {
                if sender.ready().await.is_err() {
                    break;
                }
                let request =
                    http::Request::get(format!("{uri}clusters")).body(Empty::<bytes::Bytes>::new()).expect("request");
                let sending = sender.send_request(request);
                // Sent, but not waited for.
                let _ = tokio::time::timeout(Duration::ZERO, sending).await;
                tokio::task::yield_now().await;
            }
            connection.abort();
        }
    });
    still_works(&mut stack);
}
