//! Requests that change the protocol: exec, attach and port-forward, over WebSocket or SPDY.
//!
//! Each has a connection of its own, which is used once and closed: what follows an answer other than 101 must never
//! reach the API server on a connection that carries the agent's credential.

use http::{Response, StatusCode};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_util::task::AbortOnDropHandle;
use tower::{BoxError, ServiceExt as _};

use super::{Outgoing, RelayError, Upstream, chain, headers};
use crate::kubernetes::headers::Upgrade;

/// How much is read at once.
const CHUNK: usize = 32 << 10;

/// The answer to a request that asks for another protocol. The connection is closed when this is dropped.
pub struct Upgraded {
    /// Its head, and the body when it is not 101.
    pub response: Response<Incoming>,
    connection: AbortOnDropHandle<()>,
}

impl Upstream {
    /// Asks the API server to change the protocol.
    ///
    /// # Errors
    /// When there is no answer, or it changes to another protocol.
    pub async fn upgrade<B>(&self, request: Outgoing, to: Upgrade, body: B) -> Result<Upgraded, RelayError>
    where
        B: http_body::Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        let mut request = self.prepare(request, Some(to), body).await?;
        let uri = request.uri().clone();
        // Unlike the pool, a bare connection takes the request as it is.
        if let Some(authority) = uri.authority()
            && let Ok(host) = authority.as_str().parse()
        {
            request.headers_mut().insert(http::header::HOST, host);
        }
        if let Some(target) = uri.path_and_query() {
            *request.uri_mut() = target.clone().into();
        }
        let unanswered = |e: &dyn std::error::Error| RelayError::Unanswered(chain(e));
        let stream = self.dialer.clone().oneshot(uri).await.map_err(|e| unanswered(e.as_ref()))?;
        let (mut sender, connection) = http1::handshake(stream).await.map_err(|e| unanswered(&e))?;
        let connection = AbortOnDropHandle::new(tokio::spawn(async move {
            let _ = connection.with_upgrades().await;
        }));
        let mut response = sender.send_request(request).await.map_err(|e| unanswered(&e))?;
        let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        if switched && !to.is_agreed(response.headers()) {
            return Err(RelayError::Protocol);
        }
        headers::response(response.headers_mut(), &self.origin);
        if switched {
            to.add_to(response.headers_mut());
        }
        Ok(Upgraded { response, connection })
    }
}

impl Upgraded {
    /// Whether the protocol has changed.
    pub fn is_switched(&self) -> bool {
        self.response.status() == StatusCode::SWITCHING_PROTOCOLS
    }

    /// Carries bytes both ways until one side ends.
    pub async fn join(self, client: hyper::upgrade::OnUpgrade) {
        let Self { mut response, connection } = self;
        let Ok((client, server)) = tokio::try_join!(client, hyper::upgrade::on(&mut response)) else { return };
        let (client_reader, client_writer) = tokio::io::split(TokioIo::new(client));
        let (server_reader, server_writer) = tokio::io::split(TokioIo::new(server));
        tokio::select! {
            () = copy(client_reader, server_writer) => {}
            () = copy(server_reader, client_writer) => {}
        }
        drop(connection);
    }

    /// The answer and its connection, when the protocol stays.
    pub fn into_refusal(self) -> (Response<Incoming>, AbortOnDropHandle<()>) {
        (self.response, self.connection)
    }
}

async fn copy(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
    let mut buffer = vec![0; CHUNK];
    loop {
        let Ok(length) = from.read(&mut buffer).await else { return };
        if length == 0 {
            break;
        }
        // At once: the other side may wait for it before it sends more.
        if to.write_all(&buffer[..length]).await.is_err() || to.flush().await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}
