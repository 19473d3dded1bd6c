//! A proxy in front of central, as careless ones are: it ends TLS, speaks HTTP/1.1 alone, and takes the question for
//! another protocol out of requests.

use std::net::SocketAddr;
use std::path::PathBuf;

use http::Uri;
use mk8s::tls::server::server_config;
use mk8s::tls::{Alpn, Authority, Connector, Trust};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use super::http1::Wire;
use super::stack::Central;

/// Which requests lose their question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strips {
    /// Those for any protocol.
    All,
    /// None: it passes all of them on.
    Nothing,
}

/// The proxy.
pub struct Stripping {
    /// Its URL.
    pub url: String,
    /// The authority of its certificate.
    pub ca_file: PathBuf,
    _dir: TempDir,
    runtime: Option<Runtime>,
}

impl Stripping {
    /// Starts one in front of a central.
    pub fn start(central: &Central, strips: Strips) -> Self {
        let dir = tempfile::Builder::new().prefix("mk8s-stripping-").tempdir().expect("temporary directory");
        let authority = Authority::open_or_create(dir.path()).expect("authority");
        let identity = authority.issue(&["127.0.0.1".to_owned()]).expect("certificate");
        let mut config = server_config(identity).expect("configuration").as_ref().clone();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(std::sync::Arc::new(config));
        let to: Uri = central.url.parse().expect("URL");
        let connector = Connector::new(&Trust::CaFile(central.ca_file())).expect("connector");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("bind");
        let address: SocketAddr = listener.local_addr().expect("address");
        runtime.spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                tokio::spawn(serve(acceptor.clone(), connector.clone(), tcp, to.clone(), strips));
            }
        });
        let ca_file = authority.cert_file().to_owned();
        Self { url: format!("https://{address}"), ca_file, _dir: dir, runtime: Some(runtime) }
    }
}

impl Drop for Stripping {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn serve(acceptor: TlsAcceptor, connector: Connector, tcp: TcpStream, to: Uri, strips: Strips) -> Option<()> {
    let mut client = acceptor.accept(tcp).await.ok()?;
    let mut server = connector.connect(&to, Alpn::Http1).await.ok()?;
    if strips == Strips::Nothing {
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        return None;
    }
    let (mut client, mut server) = (Wire::new(client), Wire::new(server));
    while let Some(request) = client.message().await {
        let is_asking = |line: &&str| {
            let name = line.split(':').next().unwrap_or_default();
            name.eq_ignore_ascii_case("upgrade") || name.eq_ignore_ascii_case("connection")
        };
        let lines: Vec<&str> = request.head.lines().filter(|line| !is_asking(line)).collect();
        server.send(format!("{}\r\n\r\n", lines.join("\r\n")).as_bytes()).await.ok()?;
        server.send(&request.body).await.ok()?;
        let answer = server.message().await?;
        client.send(format!("{}\r\n\r\n", answer.head).as_bytes()).await.ok()?;
        client.send(&answer.body).await.ok()?;
    }
    Some(())
}
