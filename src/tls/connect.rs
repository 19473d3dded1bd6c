//! A connection to central: TCP, through a proxy where the environment names one, then TLS.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tower::ServiceExt as _;
use tracing::{info, warn};

use super::reload::Reload;
use super::{ClientTls, Stream, TlsError, reason};

/// How long DNS, TCP, proxy and TLS may take together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The protocol to ask for in the TLS handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alpn {
    /// HTTP/1.1, for requests that upgrade.
    Http1,
    /// HTTP/2.
    Http2,
}

/// Why a connection was not made.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL cannot be dialled.
    #[error("{0} is not a URL that can be dialled")]
    Url(Uri),
    /// The kind of proxy is not supported.
    #[error("the proxy {0} is not supported: HTTPS_PROXY must be an http:// URL")]
    Proxy(Uri),
    /// Nothing answers there.
    #[error("cannot connect to {target}: {reason}")]
    Unreachable {
        /// Host and port, with the proxy if there is one.
        target: String,
        /// What the system said.
        reason: String,
    },
    /// The server's certificate is not one that is trusted.
    #[error("{target} shows a certificate that is not trusted: {reason}")]
    Untrusted {
        /// Host and port.
        target: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The TLS handshake failed otherwise.
    #[error("{target} does not speak TLS as expected: {reason}")]
    Handshake {
        /// Host and port.
        target: String,
        /// What happened.
        reason: String,
    },
    /// It took too long.
    #[error("{target} did not answer within {} s", CONNECT_TIMEOUT.as_secs())]
    Timeout {
        /// Host and port.
        target: String,
    },
}

/// Makes connections; each one looks the name up anew, and sees what its files hold then.
#[derive(Clone)]
pub struct Connector {
    configs: Arc<Reload<Configs>>,
    name: Option<ServerName<'static>>,
    proxies: Arc<Matcher>,
    tcp: HttpConnector,
}

/// The client's side of a handshake for each protocol.
#[derive(Clone)]
struct Configs {
    http1: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
}

impl Connector {
    /// A connector that finds proxies in the environment. Reads the files of `tls`.
    ///
    /// # Errors
    /// One of the files does not hold what it should.
    pub fn new(tls: impl Into<ClientTls>) -> Result<Self, TlsError> {
        let tls = tls.into();
        let (files, name) = (tls.files(), tls.name()?);
        Ok(Self::from_configs(Reload::new(files, move || Ok(Configs::new(&tls.config()?)))?, name))
    }

    /// A connector that recognises servers as `config` says.
    pub(super) fn with_config(config: ClientConfig, name: Option<ServerName<'static>>) -> Result<Self, TlsError> {
        Ok(Self::from_configs(Reload::new(Vec::new(), move || Ok(Configs::new(&config)))?, name))
    }

    fn from_configs(configs: Reload<Configs>, name: Option<ServerName<'static>>) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(Duration::from_secs(30)));
        Self { configs: Arc::new(configs), name, proxies: Arc::new(Matcher::from_env()), tcp }
    }

    /// What the files hold now; what they held before, if they cannot be used.
    async fn configs(&self) -> Configs {
        if self.configs.has_files() {
            let configs = self.configs.clone();
            match tokio::task::spawn_blocking(move || configs.refresh()).await {
                Ok(Ok(false)) | Err(_) => {}
                Ok(Ok(true)) => info!("new certificates are in use"),
                Ok(Err(error)) => warn!(%error, "new certificates cannot be used: the old ones stay in use"),
            }
        }
        self.configs.current()
    }

    /// Connects to the host and port of `uri`; `https` is encrypted, `http` is not.
    pub async fn connect(&self, uri: &Uri, alpn: Alpn) -> Result<Stream, ConnectError> {
        let host = uri.host().ok_or_else(|| ConnectError::Url(uri.clone()))?;
        let encrypted = uri.scheme_str() == Some("https");
        let target = format!("{host}:{}", uri.port_u16().unwrap_or(if encrypted { 443 } else { 80 }));
        let connecting = async {
            let tcp = self.tcp(uri, &target).await?;
            if !encrypted {
                return Ok(Stream::plain(tcp));
            }
            let name = match &self.name {
                Some(name) => name.clone(),
                None => ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
                    .map_err(|_| ConnectError::Url(uri.clone()))?,
            };
            let configs = self.configs().await;
            let config = match alpn {
                Alpn::Http1 => configs.http1,
                Alpn::Http2 => configs.http2,
            };
            let tls = TlsConnector::from(config).connect(name, tcp).await.map_err(|e| tls_error(&target, &e))?;
            Ok(Stream::encrypted(tls))
        };
        match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(result) => result,
            Err(_) => Err(ConnectError::Timeout { target }),
        }
    }

    /// Host and port of the proxy by which connections to `uri` are made, if there is one.
    ///
    /// # Errors
    /// [`ConnectError::Proxy`] for a kind that is not supported; it does not repeat what a proxy asks its clients for.
    pub fn proxy(uri: &Uri) -> Result<Option<(String, u16)>, ConnectError> {
        let Some(proxy) = Self::intercepting(&Matcher::from_env(), uri)? else { return Ok(None) };
        let host = proxy.uri().host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        Ok(Some((host, proxy.uri().port_u16().unwrap_or(80))))
    }

    fn intercepting(proxies: &Matcher, uri: &Uri) -> Result<Option<Intercept>, ConnectError> {
        let proxy = if is_loopback(uri) { None } else { proxies.intercept(uri) };
        match proxy {
            Some(proxy) if proxy.uri().scheme_str() != Some("http") => Err(ConnectError::Proxy(proxy.uri().clone())),
            proxy => Ok(proxy),
        }
    }

    async fn tcp(&self, uri: &Uri, target: &str) -> Result<TcpStream, ConnectError> {
        let unreachable = |target: String, error: &dyn std::error::Error| ConnectError::Unreachable {
            target,
            reason: innermost(error),
        };
        let Some(proxy) = Self::intercepting(&self.proxies, uri)? else {
            let io = self.tcp.clone().oneshot(uri.clone()).await.map_err(|e| unreachable(target.into(), &e))?;
            return Ok(io.into_inner());
        };
        let mut tunnel = Tunnel::new(proxy.uri().clone(), self.tcp.clone());
        if let Some(auth) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(auth.clone());
        }
        let through = format!("{target} through the proxy {}", proxy.uri().authority().map_or("", |a| a.as_str()));
        let io = tunnel.oneshot(uri.clone()).await.map_err(|e| unreachable(through, &e))?;
        Ok(io.into_inner())
    }
}

impl Configs {
    fn new(config: &ClientConfig) -> Self {
        let with_alpn = |protocol: &[u8]| {
            let mut config = config.clone();
            config.alpn_protocols = vec![protocol.to_vec()];
            Arc::new(config)
        };
        Self { http1: with_alpn(b"http/1.1"), http2: with_alpn(b"h2") }
    }
}

/// Whether a URL names this machine; such connections never go through a proxy.
pub fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn tls_error(target: &str, error: &io::Error) -> ConnectError {
    let target = target.to_owned();
    match error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(why)) => {
            ConnectError::Untrusted { target, reason: reason::of_certificate(why) }
        }
        _ => ConnectError::Handshake { target, reason: reason::of_server(error) },
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
