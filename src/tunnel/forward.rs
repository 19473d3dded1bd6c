//! Central's end of a request to the API server: one stream of HTTP/2 on a tunnel.
//!
//! The method, the bytes of the target, the headers and both bodies travel as they are. A request that changes the
//! protocol is an extended CONNECT (RFC 8441); after its answer bytes go both ways.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use h2::{RecvStream, SendStream};
use http::header::HeaderValue;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body::{Body as _, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;
use tower::{Service as _, ServiceExt as _};

use super::accept::{Load, Tunnel};
use super::sender::{Received, SendError, send};
use super::{API_SERVER, names};
use crate::kubernetes::headers::Upgrade;
use crate::kubernetes::target::Target;
use crate::model::RequestId;

/// The body of a request.
pub type RequestBody = tonic::body::Body;

/// How much is read at once from a client that has changed the protocol.
const CHUNK: usize = 32 << 10;

/// A request without its body.
pub struct Head {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

/// What does not go into a header or a target.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the request cannot be sent to the agent: {0} does not fit in it")]
pub struct InvalidHead(&'static str);

/// Why there is no answer.
#[derive(Debug)]
pub enum ForwardError {
    /// The request never reached the agent; another tunnel may do. With its body, which nobody has touched.
    Unsent(RequestBody),
    /// The tunnel ended, or the stream did.
    Lost,
}

/// The body of an answer. Dropping it cancels the request.
pub struct AnswerBody {
    inner: Received,
    _load: Load,
}

/// The answer to a request that asks for another protocol.
pub enum Upgraded {
    /// The API server has changed it; with the headers of its 101.
    Switched(HeaderMap, Pipe),
    /// It has not.
    Refused(Response<AnswerBody>),
}

/// The bytes of another protocol. Dropping it cuts them.
pub struct Pipe {
    sender: SendStream<Bytes>,
    receiver: RecvStream,
    _load: Load,
}

impl Head {
    /// A request of this user. `headers` are those that may cross; what says who asks is added to them.
    ///
    /// # Errors
    /// When a name or the target does not go into a request.
    pub fn new(
        method: Method,
        target: &Target,
        mut headers: HeaderMap,
        id: &RequestId,
        (user, groups): (&str, &[String]),
    ) -> Result<Self, InvalidHead> {
        let value = |text: &str, what| HeaderValue::from_bytes(text.as_bytes()).map_err(|_| InvalidHead(what));
        headers.insert(names::REQUEST_ID, value(id.as_str(), "its id")?);
        headers.insert(names::USER, value(user, "the name of the caller")?);
        for group in groups {
            headers.append(names::GROUP, value(group, "a group of the caller")?);
        }
        let mut uri = http::uri::Parts::default();
        uri.scheme = Some(Scheme::HTTP);
        uri.authority = Some(Authority::from_static(API_SERVER));
        uri.path_and_query = Some(PathAndQuery::try_from(target.as_str()).map_err(|_| InvalidHead("the target"))?);
        let uri = Uri::from_parts(uri).map_err(|_| InvalidHead("the target"))?;
        Ok(Self { method, uri, headers })
    }

    fn request<B>(&self, body: B) -> Request<B> {
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }

    fn connect(&self, to: Upgrade) -> Request<()> {
        let mut request = self.request(());
        if let Ok(method) = HeaderValue::from_str(self.method.as_str()) {
            request.headers_mut().insert(names::METHOD, method);
        }
        *request.method_mut() = Method::CONNECT;
        // What follows is no body, whose length this would be.
        request.headers_mut().remove(http::header::CONTENT_LENGTH);
        request.extensions_mut().insert(h2::ext::Protocol::from_static(protocol_of(to)));
        request
    }
}

/// The name of a protocol in `:protocol`.
pub(super) fn protocol_of(upgrade: Upgrade) -> &'static str {
    match upgrade {
        Upgrade::WebSocket => "websocket",
        Upgrade::Spdy => "spdy/3.1",
    }
}

impl Tunnel {
    /// Sends a request; the answer as soon as its head is there. Both bodies stream. Cancelling resets the stream, also
    /// while nobody takes the answer.
    ///
    /// # Errors
    /// When there is no answer; see [`ForwardError`].
    pub async fn forward(
        &self,
        head: &Head,
        body: RequestBody,
        cancel: CancellationToken,
    ) -> Result<Response<AnswerBody>, ForwardError> {
        let load = self.count();
        let mut sender = self.sender.clone();
        if sender.ready().await.is_err() {
            self.mark_draining();
            return Err(ForwardError::Unsent(body));
        }
        let is_empty = body.is_end_stream();
        let mut request = head.request(body);
        request.extensions_mut().insert(cancel);
        match sender.call(request).await {
            Ok(answer) => Ok(answer.map(|inner| AnswerBody { inner, _load: load })),
            Err(SendError { unsent: true, .. }) if is_empty => {
                self.mark_draining();
                Err(ForwardError::Unsent(RequestBody::empty()))
            }
            Err(_) => Err(ForwardError::Lost),
        }
    }

    /// Sends a request that asks for another protocol. Dropping the future cancels it.
    ///
    /// # Errors
    /// When there is no answer; see [`ForwardError`].
    pub async fn upgrade(&self, head: &Head, to: Upgrade) -> Result<Upgraded, ForwardError> {
        let load = self.count();
        let (answer, sender) = match self.sender.clone().connect(head.connect(to)).await {
            Ok(answered) => answered,
            Err(SendError { unsent: true, .. }) => {
                self.mark_draining();
                return Err(ForwardError::Unsent(RequestBody::empty()));
            }
            Err(_) => return Err(ForwardError::Lost),
        };
        if answer.status() == StatusCode::OK {
            let (head, receiver) = answer.into_parts();
            return Ok(Upgraded::Switched(head.headers, Pipe { sender, receiver, _load: load }));
        }
        // Nothing more goes to the agent on a stream whose protocol stays.
        drop(sender);
        Ok(Upgraded::Refused(answer.map(|stream| AnswerBody { inner: Received::of(stream), _load: load })))
    }
}

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Pipe {
    /// Carries bytes both ways until one side ends.
    pub async fn join(self, client: impl AsyncRead + AsyncWrite) {
        let Self { sender, receiver, _load } = self;
        let (reader, writer) = tokio::io::split(client);
        tokio::select! {
            () = take(reader, sender) => {}
            () = give(receiver, writer) => {}
        }
    }
}

/// From the client to the agent.
async fn take(reader: impl AsyncRead, mut stream: SendStream<Bytes>) {
    let mut reader = std::pin::pin!(reader);
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(CHUNK);
        match reader.read_buf(&mut buffer).await {
            Ok(0) => break,
            Ok(_) => {}
            Err(_) => return,
        }
        if !send(&mut buffer.split().freeze(), &mut stream).await {
            return;
        }
    }
    // When this fails, the other direction ends too.
    let _ = stream.send_data(Bytes::new(), true);
}

/// From the agent to the client.
async fn give(mut stream: RecvStream, writer: impl AsyncWrite) {
    let mut writer = std::pin::pin!(writer);
    while let Some(data) = stream.data().await {
        let Ok(data) = data else { return };
        if writer.write_all(&data).await.is_err() || writer.flush().await.is_err() {
            return;
        }
        if stream.flow_control().release_capacity(data.len()).is_err() {
            return;
        }
    }
    let _ = writer.shutdown().await;
}
