//! Central's end of a tunnel: the HTTP/2 client on a connection that an agent dialled.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tonic::body::Body;
use tower::{Service as _, ServiceExt as _};

use super::sender::{ConnectionError, Sender, open};
use super::settings::OPEN_TIMEOUT;
use super::{DRAIN_PATH, HELLO_PATH, NAMESPACE};

/// HTTP/2 wants an authority; the agent ignores it, for there is nothing to choose.
pub(super) const ORIGIN: &str = "http://agent";

/// Why a tunnel was not opened.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// The connection broke, or did not speak HTTP/2.
    #[error("the connection broke before the agent answered")]
    Connection(#[from] ConnectionError),
    /// The upgrade did not come through.
    #[error("the connection broke during the upgrade")]
    Upgrade(#[from] hyper::Error),
    /// Silence.
    #[error("the agent did not answer within {} s", OPEN_TIMEOUT.as_secs())]
    Timeout,
    /// Another answer than the expected one.
    #[error("the agent does not serve this tunnel (HTTP {0})")]
    Refused(StatusCode),
    /// The agent named its namespace in a way that cannot be read: what it closes would be open.
    #[error("the agent names its own namespace in a way that cannot be read")]
    Namespace,
    /// The request could not even be sent.
    #[error("the agent closed the connection")]
    Closed,
}

/// One open tunnel. Dropping the last clone lets running streams end and closes it.
#[derive(Clone)]
pub struct Tunnel {
    /// Tells tunnels apart: the HTTP/2 library does not reliably say that a connection has ended.
    pub serial: u64,
    pub(super) sender: Sender,
    load: Arc<AtomicUsize>,
    draining: Arc<AtomicBool>,
    namespace: Option<Arc<str>>,
}

/// Counts one stream of a tunnel for as long as it lives.
pub(super) struct Load(Arc<AtomicUsize>);

impl Drop for Load {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Tunnel {
    /// The namespace of the agent itself, which only rules cover that name it.
    pub fn closed_namespace(&self) -> Option<&Arc<str>> {
        self.namespace.as_ref()
    }

    /// How many streams it carries.
    pub fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    /// Whether one of its ends has said that it leaves: streams that run go on, no new ones are wanted.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed) || self.sender.is_closing()
    }

    /// Takes no new streams from now on.
    pub(super) fn mark_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(super) fn count(&self) -> Load {
        self.load.fetch_add(1, Ordering::Relaxed);
        Load(self.load.clone())
    }

    /// Asks the agent to dial again, because central is about to leave.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub async fn drain(&self) -> Result<(), AcceptError> {
        self.mark_draining();
        ask(self.sender.clone(), DRAIN_PATH).await.map(drop)
    }
}

/// Opens a tunnel on an upgraded connection.
///
/// Returns it once the agent has answered on it, with the future that drives it and ends when the connection does.
///
/// # Errors
/// When the connection breaks or the agent does not answer in time.
pub async fn accept(io: Upgraded) -> Result<(Tunnel, impl Future<Output = Result<(), ConnectionError>>), AcceptError> {
    static SERIAL: AtomicU64 = AtomicU64::new(1);

    let opening = async {
        let (sender, connection) = open(TokioIo::new(io)).await.map_err(ConnectionError::from)?;
        let mut connection = Box::pin(connection);
        let headers = tokio::select! {
            answer = ask(sender.clone(), HELLO_PATH) => answer?,
            ended = &mut connection => { ended?; return Err(AcceptError::Closed) }
        };
        let namespace = match headers.get(NAMESPACE).map(HeaderValue::to_str) {
            None => None,
            Some(Ok(namespace)) => Some(namespace.into()),
            Some(Err(_)) => return Err(AcceptError::Namespace),
        };
        let tunnel = Tunnel {
            serial: SERIAL.fetch_add(1, Ordering::Relaxed),
            sender,
            load: Arc::default(),
            draining: Arc::default(),
            namespace,
        };
        Ok((tunnel, connection))
    };
    tokio::time::timeout(OPEN_TIMEOUT, opening).await.unwrap_or(Err(AcceptError::Timeout))
}

/// A request of the protocol itself: no body, answered at once, with 204; the headers of the answer.
async fn ask(mut sender: Sender, path: &'static str) -> Result<HeaderMap, AcceptError> {
    let mut request = Request::new(Body::empty());
    let mut uri = Uri::from_static(ORIGIN).into_parts();
    uri.path_and_query = Some(http::uri::PathAndQuery::from_static(path));
    *request.uri_mut() = Uri::from_parts(uri).map_err(|_| AcceptError::Closed)?;
    let asking = async { sender.ready().await?.call(request).await };
    match tokio::time::timeout(OPEN_TIMEOUT, asking).await {
        Err(_) => Err(AcceptError::Timeout),
        Ok(Err(error)) => Err(AcceptError::Connection(error.source.into())),
        Ok(Ok(answer)) if answer.status() == StatusCode::NO_CONTENT => Ok(answer.into_parts().0.headers),
        Ok(Ok(answer)) => Err(AcceptError::Refused(answer.status())),
    }
}
