//! The agent's part of the gateway: requests that central has decided on, sent to the API server as their caller.
//!
//! The rules of the caller stay at central. What arrives here is read again with the same code, and what is not strict
//! goes no further.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty, Full, Limited};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tracing::{debug, warn};

use super::body::Filtered;
use super::discovery::Signals;
use super::metrics::{AgentMetrics, Call};
use super::relay::{Outgoing, RelayError, Upstream};
use crate::kubernetes::headers::{AUDIT_ID, Identity, Upgrade};
use crate::kubernetes::question::Question;
use crate::kubernetes::reviews::{Finding, InvalidAnswer, MAX_ANSWER, Review};
use crate::kubernetes::status::Status;
use crate::metrics::Via;
use crate::tunnel::relay::{Forwarded, Kind, Relay};

/// Sends what central forwards. Cheap to clone.
#[derive(Clone)]
pub struct Forwarder(Arc<Inner>);

struct Inner {
    upstream: Upstream,
    impersonate: bool,
    closed_namespace: Option<String>,
    signals: Arc<Signals>,
    metrics: Arc<AgentMetrics>,
    end_all: CancellationToken,
}

impl Forwarder {
    /// Sends requests to this API server, as their callers or as the agent itself.
    pub fn new(
        upstream: Upstream,
        impersonate: bool,
        closed_namespace: Option<String>,
        signals: Arc<Signals>,
        metrics: Arc<AgentMetrics>,
    ) -> Self {
        let end_all = CancellationToken::new();
        Self(Arc::new(Inner { upstream, impersonate, closed_namespace, signals, metrics, end_all }))
    }

    /// Ends all requests.
    pub fn end_all(&self) {
        self.0.end_all.cancel();
    }

    async fn answer(&self, request: Forwarded, counted: &mut Call) -> Result<Response<Body>, Status> {
        let Forwarded { id, user, groups, method, uri, headers, kind, running } = request;
        let raw = uri.path_and_query().map_or("", |target| target.as_str());
        let question = Question::read(&method, raw, &headers)?;
        counted.asks(&question);
        let identity = match self.0.impersonate {
            true => Some(Identity::new(&user, &groups).map_err(|error| Status::refused(&error.to_string()))?),
            false => None,
        };
        // The cluster would name the agent.
        let names_the_caller = identity.is_none() && Review::of(&question.info) == Some(Review::Identity);
        let finding = names_the_caller.then(|| Finding::Identity { user: user.clone(), groups: groups.clone() });
        let mut outgoing = Outgoing::new(method, question.target, &headers, identity)
            .map_err(|impersonating| Status::refused(&impersonating.to_string()))?;
        if let Ok(id) = HeaderValue::from_str(id.as_str()) {
            outgoing.headers.insert(AUDIT_ID, id);
        }
        let cut = self.0.end_all.clone();
        let sending = async {
            match kind {
                Kind::Plain(body) => {
                    let response = self.0.upstream.send(outgoing, Filtered::request(body, cut.clone())).await?;
                    if response.status().is_success() {
                        self.0.signals.notice(&question.info);
                    }
                    let response = response.map(|body| Filtered::answer(body, cut.clone()).holding(running));
                    match finding {
                        Some(finding) if !finding.leaves(response.status()) => whole(response, finding).await,
                        _ => Ok(response.map(Body::new)),
                    }
                }
                Kind::Upgrade(to, client) => self.upgrade(outgoing, to, client, running).await,
            }
        };
        let answered = tokio::select! {
            answered = sending => answered,
            () = self.0.end_all.cancelled() => return Err(Status::bad_gateway("mk8s: the agent is stopping")),
        };
        answered.map_err(|error: RelayError| {
            warn!(request_id = %id, %error, "a request could not be relayed");
            Status::bad_gateway(format!("mk8s: {error}"))
        })
    }

    /// Asks the API server to change the protocol. After 101 bytes go both ways, with nobody in between.
    async fn upgrade(
        &self,
        outgoing: Outgoing,
        to: Upgrade,
        client: hyper::upgrade::OnUpgrade,
        running: impl Send + Sync + 'static,
    ) -> Result<Response<Body>, RelayError> {
        let upgraded = self.0.upstream.upgrade(outgoing, to, Empty::<Bytes>::new()).await?;
        let cut = self.0.end_all.clone();
        if upgraded.is_switched() {
            let mut answer = Response::new(Body::empty());
            *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            *answer.headers_mut() = upgraded.response.headers().clone();
            tokio::spawn(async move {
                tokio::select! {
                    () = cut.cancelled() => {}
                    () = upgraded.join(client) => {}
                }
                drop(running);
            });
            return Ok(answer);
        }
        let (response, connection) = upgraded.into_refusal();
        if response.status().as_u16() < 400 {
            // Neither a redirection nor anything else that a client could go on with.
            return Err(RelayError::Protocol);
        }
        Ok(response.map(|body| Body::new(Filtered::answer(body, cut).holding((connection, running)))))
    }
}

/// Puts what is known here into an answer.
async fn whole(answer: Response<Filtered>, finding: Finding) -> Result<Response<Body>, RelayError> {
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|_| InvalidAnswer)?.to_bytes();
    Ok(finding.apply(Response::from_parts(head, body))?.map(|body| Body::new(Full::new(body))))
}

impl Relay for Forwarder {
    fn closed_namespace(&self) -> Option<&str> {
        self.0.closed_namespace.as_deref()
    }

    async fn relay(&self, request: Forwarded) -> Response<Body> {
        let mut counted = Call::new(self.0.metrics.clone(), Via::Gateway);
        let answer = self.answer(request, &mut counted).await.unwrap_or_else(|status| {
            debug!(status = status.code().as_u16(), "a forwarded request was refused");
            status.response().map(|body| Body::new(Full::new(body)))
        });
        counted.answered(answer.status());
        answer
    }
}
