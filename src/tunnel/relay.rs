//! The agent's end of a request to the API server: what central forwards, as the agent takes it.

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use hyper::ext::Protocol;
use hyper::upgrade::OnUpgrade;
use tonic::body::Body;

use super::dial::Running;
use super::forward::protocol_of;
use super::{API_SERVER, names};
use crate::kubernetes::headers::Upgrade;
use crate::model::RequestId;

/// A request for the API server. Central has decided that it may go on.
pub struct Forwarded {
    /// The request, as in central's logs.
    pub id: RequestId,
    /// Who asks.
    pub user: String,
    /// With which groups.
    pub groups: Vec<String>,
    /// The method.
    pub method: Method,
    /// The target.
    pub uri: Uri,
    /// The headers. Those that say who asks are among them, and do not cross.
    pub headers: HeaderMap,
    /// What follows the headers.
    pub kind: Kind,
    /// To be kept as long as the request runs.
    pub running: Running,
}

/// What follows the headers of a request.
pub enum Kind {
    /// A body.
    Plain(Incoming),
    /// Another protocol, if the API server agrees.
    Upgrade(Upgrade, OnUpgrade),
}

/// Sends requests to the API server. An answer 101 stands for a protocol that has changed.
pub trait Relay: Clone + Send + Sync + 'static {
    /// The namespace that only rules cover that name it.
    fn closed_namespace(&self) -> Option<&str>;

    /// Answers a request.
    fn relay(&self, request: Forwarded) -> impl Future<Output = Response<Body>> + Send;
}

/// Whether a request is for the API server.
pub(super) fn is_for_api_server(request: &Request<Incoming>) -> bool {
    request.uri().authority().is_some_and(|authority| authority.as_str() == API_SERVER)
}

/// Answers a request for the API server; 400 for one that central does not make.
pub(super) async fn answer(relay: impl Relay, request: Request<Incoming>, running: Running) -> Response<Body> {
    let Some(forwarded) = forwarded(request, running) else {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return response;
    };
    let mut response = relay.relay(forwarded).await;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        // So HTTP/2 says it; what HTTP/1.1 says besides is of its connection.
        *response.status_mut() = StatusCode::OK;
        response.headers_mut().remove(http::header::CONNECTION);
        response.headers_mut().remove(http::header::UPGRADE);
    }
    response
}

fn forwarded(mut request: Request<Incoming>, running: Running) -> Option<Forwarded> {
    let upgrade = match request.extensions_mut().remove::<Protocol>() {
        None => None,
        Some(protocol) => {
            let is = |upgrade: &Upgrade| protocol_of(*upgrade) == protocol.as_str();
            let upgrade = [Upgrade::WebSocket, Upgrade::Spdy].into_iter().find(is)?;
            Some((upgrade, hyper::upgrade::on(&mut request)))
        }
    };
    let (head, body) = request.into_parts();
    let text = |value: &HeaderValue| String::from_utf8(value.as_bytes().to_vec()).ok();
    let method = match &upgrade {
        Some(_) => Method::from_bytes(head.headers.get(names::METHOD)?.as_bytes()).ok()?,
        None => head.method,
    };
    Some(Forwarded {
        id: text(head.headers.get(names::REQUEST_ID)?)?.into(),
        user: text(head.headers.get(names::USER)?)?,
        groups: head.headers.get_all(names::GROUP).iter().map(text).collect::<Option<_>>()?,
        method,
        uri: head.uri,
        headers: head.headers,
        kind: upgrade.map_or(Kind::Plain(body), |(upgrade, client)| Kind::Upgrade(upgrade, client)),
        running,
    })
}
