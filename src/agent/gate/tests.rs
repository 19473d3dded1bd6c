//! The gate in front of an API server that tells what it has got.

mod headers;
mod reviews;

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::model::ApiCall;

fn metrics() -> Arc<AgentMetrics> {
    Arc::new(AgentMetrics::new(CancellationToken::new(), None))
}

/// The head of a request as the API server saw it: request line and headers, sorted, in lower case.
type Seen = mpsc::UnboundedReceiver<Vec<String>>;

/// An API server over plain HTTP. It answers with what the header `x-answer` asks for: a status, `break` or `hang`.
async fn api_server() -> (String, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/base", listener.local_addr().unwrap());
    let (sender, seen) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let sender = sender.clone();
            let service = service_fn(move |request: Request<Incoming>| answer(request, sender.clone()));
            let serving = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(serving.with_upgrades());
        }
    });
    (url, seen)
}

async fn answer(
    request: Request<Incoming>,
    seen: mpsc::UnboundedSender<Vec<String>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let header =
        |(name, value): (&http::HeaderName, &http::HeaderValue)| format!("{name}: {}", value.to_str().unwrap());
    let mut lines: Vec<String> = request.headers().iter().map(header).collect();
    lines.sort();
    lines.insert(0, format!("{} {}", request.method(), request.uri()));
    seen.send(lines).unwrap();
    let wanted = request.headers().get("x-answer").map_or("200", |value| value.to_str().unwrap()).to_owned();
    if wanted == "hang" {
        std::future::pending::<()>().await;
    }
    let trailers = request.into_body().collect().await.unwrap().trailers().cloned();
    assert_eq!(trailers, None, "trailers must not cross");
    let mut response = Response::new(Full::new(Bytes::from_static(b"{}")));
    *response.status_mut() = StatusCode::from_bytes(wanted.as_bytes()).unwrap();
    response.headers_mut().insert("set-cookie", "a=b".parse().unwrap());
    response.headers_mut().insert("content-type", "application/json".parse().unwrap());
    if wanted == "302" {
        response.headers_mut().insert("location", "https://evil.example.com/".parse().unwrap());
    }
    if wanted == "101" {
        *response.body_mut() = Full::default();
        response.headers_mut().insert("upgrade", "h2c".parse().unwrap());
    }
    Ok(response)
}

struct Scene {
    gate: Gate,
    seen: Seen,
}

impl Scene {
    async fn new(impersonate: bool) -> Self {
        let (url, seen) = api_server().await;
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut config = kube::Config::new(url.parse().unwrap());
        config.auth_info.token = Some("agents-own".to_owned().into());
        let upstream = Upstream::new(&config).unwrap();
        let options =
            GateOptions { upstream, impersonate, closed_namespace: None, signals: Arc::default(), metrics: metrics() };
        Self { gate: Gate::start(options).await.unwrap(), seen }
    }

    /// A session that may do anything.
    fn open(&self) -> (Open, mpsc::Receiver<ExecEvent>) {
        let all = || vec!["*".to_owned()];
        let rule = Rule { namespaces: all(), resources: all(), verbs: all() };
        let role = RoleRules { role: "admin".parse().unwrap(), permissions: vec![rule], deny: Vec::new() };
        let (sender, calls) = mpsc::channel(16);
        let request = &"the-command".to_owned().into();
        let caller = Caller { request, name: "ann@example.com", groups: &["mk8s:admin".to_owned()], has_cache: true };
        (self.gate.open(caller, ClusterRules { roles: vec![role] }, sender).unwrap(), calls)
    }

    async fn tls(&self) -> TlsStream<TcpStream> {
        self.tls_for(&[]).await
    }

    /// A connection for one of these protocols.
    async fn tls_for(&self, protocols: &[&[u8]]) -> TlsStream<TcpStream> {
        let mut roots = rustls::RootCertStore::empty();
        roots
            .add(rustls::pki_types::CertificateDer::from_pem_slice(self.gate.authority().as_bytes()).unwrap())
            .unwrap();
        let mut config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        let stream = TcpStream::connect(self.gate.address()).await.unwrap();
        let name = rustls::pki_types::ServerName::try_from("127.0.0.1").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
    }

    async fn connect(&self) -> SendRequest<Full<Bytes>> {
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(self.tls().await)).await.unwrap();
        tokio::spawn(connection.with_upgrades());
        sender
    }

    /// Sends a request with these headers on a connection of its own.
    async fn get(&self, token: &str, target: &str, headers: &[(&str, &str)]) -> (StatusCode, HeaderMap, String) {
        let mut request = Request::get(target).header("authorization", format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.connect().await.send_request(request.body(Full::default()).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head.status, head.headers, String::from_utf8(body.to_vec()).unwrap())
    }
}

async fn call(calls: &mut mpsc::Receiver<ExecEvent>) -> ApiCall {
    let event = tokio::time::timeout(Duration::from_secs(5), calls.recv()).await.unwrap();
    let Some(ExecEvent::ApiCall(call)) = event else { panic!("{event:?}") };
    call
}

#[tokio::test]
async fn a_request_crosses_with_the_identity_of_the_caller_alone() {
    let mut scene = Scene::new(true).await;
    let (open, mut calls) = scene.open();
    let target = "/api/v1/namespaces/a/pods?limit=500&labelSelector=a%20in+(b)&&x";
    let forged = [
        ("connection", "Impersonate-User, x-hop"),
        ("x-hop", "1"),
        ("cookie", "a=b"),
        ("x-remote-user", "system:admin"),
        ("x-forwarded-for", "10.0.0.1"),
        ("accept", "application/json;as=Table"),
    ];
    let (status, headers, _) = scene.get(open.token().expose(), target, &forged).await;
    assert_eq!(status, 200);
    assert!(!headers.contains_key("set-cookie"));
    let seen = scene.seen.recv().await.unwrap();
    let host = seen.iter().find(|line| line.starts_with("host: 127.0.0.1:")).unwrap();
    assert_eq!(
        seen,
        [
            &format!("GET /base{target}"),
            "accept: application/json;as=Table",
            "audit-id: the-command",
            "authorization: Bearer agents-own",
            host,
            "impersonate-group: mk8s:admin",
            "impersonate-user: ann@example.com",
        ]
    );
    let call = call(&mut calls).await;
    assert_eq!((call.verb.as_str(), call.target.as_str(), call.status, call.denied), ("list", target, 200, None));
}

#[tokio::test]
async fn a_token_counts_while_its_command_runs_and_on_its_own_connections() {
    let scene = Scene::new(true).await;
    let (open, _calls) = scene.open();
    let (other, _other_calls) = scene.open();
    let token = open.token().expose().to_owned();
    let status = async |token: &str| scene.get(token, "/version", &[]).await.0;
    assert_eq!(status(&token).await, 200);
    for wrong in ["", "mk8s_gate_x", &token[1..], "agents-own"] {
        let (status, headers, body) = scene.get(wrong, "/version", &[]).await;
        assert_eq!(status, 401, "{wrong}");
        assert_eq!(headers["content-type"], "application/json");
        assert!(body.contains("\"reason\":\"Unauthorized\""), "{body}");
    }
    let twice = [("authorization", "Bearer x")];
    assert_eq!(scene.get(&token, "/version", &twice).await.0, 401, "two credentials are none");

    let mut sender = scene.connect().await;
    for (token, expected) in [(open.token(), 200), (other.token(), 401)] {
        let request = Request::get("/version").header("authorization", format!("Bearer {}", token.expose()));
        let response = sender.send_request(request.body(Full::<Bytes>::default()).unwrap()).await.unwrap();
        assert_eq!(response.status(), expected);
        response.into_body().collect().await.unwrap();
    }
    open.finish().await;
    assert_eq!(status(&token).await, 401);
    let token = other.token().expose().to_owned();
    drop(other);
    assert_eq!(status(&token).await, 401);
}

#[tokio::test]
async fn what_cannot_be_decided_is_refused() {
    let mut scene = Scene::new(true).await;
    let (open, mut calls) = scene.open();
    let token = open.token().expose();
    for (target, headers, expected) in [
        ("/api/v1/namespaces//pods", vec![], 400),
        ("/api/v1/namespaces/a/pods/x%2Fexec", vec![], 400),
        ("/api/v1/../pods", vec![], 400),
        ("http://elsewhere/api/v1/pods", vec![], 400),
        ("/api/v1/pods", vec![("content-type", "a"), ("content-type", "b")], 400),
        ("/api/v1/pods", vec![("Impersonate-User", "x")], 403),
        ("/api/v1/pods", vec![("impersonate_group", "system:masters")], 403),
    ] {
        let (status, _, body) = scene.get(token, target, &headers).await;
        assert_eq!(status, expected, "{target} {headers:?}");
        assert!(body.starts_with("{") && body.contains("mk8s: "), "{body}");
        assert_eq!(call(&mut calls).await.status, expected);
    }
    assert!(scene.seen.try_recv().is_err(), "nothing has reached the API server");
}

#[tokio::test]
async fn what_is_not_allowed_is_refused_in_the_words_of_kubernetes() {
    let mut scene = Scene::new(true).await;
    let (open, mut calls) = scene.open();
    let rule = Rule { namespaces: vec!["a".into()], resources: vec!["pods".into()], verbs: vec!["get".into()] };
    let role = RoleRules { role: "viewer".parse().unwrap(), permissions: vec![rule], deny: Vec::new() };
    open.replace(ClusterRules { roles: vec![role] });
    let (status, _, body) = scene.get(open.token().expose(), "/api/v1/namespaces/b/pods/x", &[]).await;
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    let denied = call(&mut calls).await.denied.unwrap();
    let text = "pods \"x\" is forbidden: User \"ann@example.com\" cannot get resource \"pods\" in API group \"\" \
                in the namespace \"b\": mk8s: ";
    assert_eq!(body["message"], format!("{text}{denied}"));
    assert_eq!((status.as_u16(), &body["code"]), (403, &serde_json::json!(403)));
    // Discovery stays open to whoever may do anything.
    assert_eq!(scene.get(open.token().expose(), "/apis", &[]).await.0, 200);
    assert!(scene.seen.recv().await.unwrap()[0].ends_with("/apis"));
}

#[tokio::test]
async fn without_impersonation_requests_have_the_rights_of_the_agent() {
    let mut scene = Scene::new(false).await;
    let (open, _calls) = scene.open();
    scene.get(open.token().expose(), "/version", &[]).await;
    let seen = scene.seen.recv().await.unwrap();
    assert!(seen.contains(&"authorization: Bearer agents-own".to_owned()));
    assert!(!seen.iter().any(|line| line.starts_with("impersonate")), "{seen:?}");
}

#[tokio::test]
async fn after_a_refused_upgrade_the_connection_is_closed() {
    let mut scene = Scene::new(true).await;
    let (open, _calls) = scene.open();
    for (wanted, expected) in [("400", "400"), ("403", "403"), ("200", "502"), ("302", "502"), ("101", "502")] {
        let mut stream = scene.tls().await;
        let head = format!(
            "GET /api/v1/namespaces/a/pods/x/exec?command=ls HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
             Connection: Upgrade\r\nUpgrade: websocket\r\nX-Answer: {wanted}\r\n\r\n",
            open.token().expose()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = vec![0; 4096];
        let length = stream.read(&mut answer).await.unwrap();
        // The second request is what must never be read by the API server.
        let _ = stream.write_all(b"GET /api/v1/secrets HTTP/1.1\r\nHost: x\r\n\r\n").await;
        let rest = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut Vec::new())).await;
        rest.expect("the connection is closed").ok();
        let answer = String::from_utf8(answer[..length].to_vec()).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected}")), "{wanted}: {answer}");
        assert!(!answer.contains("evil"), "{answer}");
        let seen = scene.seen.recv().await.unwrap();
        assert!(seen.contains(&"upgrade: websocket".to_owned()) && seen.contains(&"connection: Upgrade".to_owned()));
        assert!(seen.contains(&"impersonate-user: ann@example.com".to_owned()));
        assert!(scene.seen.try_recv().is_err(), "the second request has crossed");
    }
}

#[tokio::test]
async fn an_upgrade_that_is_not_one_crosses_without_its_headers() {
    let mut scene = Scene::new(true).await;
    let (open, _calls) = scene.open();
    let headers = [("connection", "xupgradex"), ("upgrade", "websocket")];
    scene.get(open.token().expose(), "/api/v1/namespaces/a/pods/x/exec", &headers).await;
    let seen = scene.seen.recv().await.unwrap();
    assert!(!seen.iter().any(|line| line.contains("pgrade")), "{seen:?}");
}

#[tokio::test]
async fn trailers_do_not_cross() {
    let mut scene = Scene::new(true).await;
    let (open, _calls) = scene.open();
    let mut stream = scene.tls().await;
    let request = format!(
        "POST /api/v1/namespaces/a/pods HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: close, te\r\n\
         TE: trailers\r\nTrailer: Impersonate-User\r\nTransfer-Encoding: chunked\r\n\r\n\
         2\r\n{{}}\r\n0\r\nImpersonate-User: system:admin\r\n\r\n",
        open.token().expose()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let seen = scene.seen.recv().await.unwrap();
    assert_eq!(seen.iter().filter(|line| line.starts_with("impersonate-user")).count(), 1, "{seen:?}");
    assert!(!seen.iter().any(|line| line.starts_with("te:") || line.starts_with("trailer:")), "{seen:?}");
}

#[tokio::test]
async fn a_request_whose_command_ends_is_cut_and_told_of() {
    let mut scene = Scene::new(true).await;
    let (open, mut calls) = scene.open();
    let mut sender = scene.connect().await;
    let request = Request::get("/api/v1/pods?watch=1")
        .header("authorization", format!("Bearer {}", open.token().expose()))
        .header("x-answer", "hang");
    let asking = tokio::spawn(sender.send_request(request.body(Full::<Bytes>::default()).unwrap()));
    scene.seen.recv().await.unwrap();
    open.finish().await;
    assert!(asking.await.unwrap().is_err());
    let call = call(&mut calls).await;
    assert_eq!((call.verb.as_str(), call.status), ("watch", 0));
}

#[tokio::test]
async fn an_api_server_that_is_gone_is_a_502_with_a_warning() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let config = kube::Config::new("http://127.0.0.1:1".parse().unwrap());
    let upstream = Upstream::new(&config).unwrap();
    let options = GateOptions {
        upstream,
        impersonate: false,
        closed_namespace: None,
        signals: Arc::default(),
        metrics: metrics(),
    };
    let (_, seen) = mpsc::unbounded_channel();
    let scene = Scene { gate: Gate::start(options).await.unwrap(), seen };
    let (open, _calls) = scene.open();
    let (status, headers, _) = scene.get(open.token().expose(), "/version", &[]).await;
    assert_eq!(status, 502);
    assert!(headers["warning"].to_str().unwrap().contains("the API server did not answer"));
}
