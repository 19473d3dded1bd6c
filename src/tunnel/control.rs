//! Registration and heartbeats: ordinary gRPC from agent to central.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use secrecy::{ExposeSecret as _, SecretString};
use tonic::body::Body;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request, Response, Status};
use tower::Service;

use super::proto::agent_service_client::AgentServiceClient;
use super::proto::agent_service_server::{AgentService, AgentServiceServer};
use super::proto::{self, HeartbeatRequest, HeartbeatResponse, RegisterRequest, RegisterResponse};
use super::sender::{Sender, open};
use super::settings::OPEN_TIMEOUT;
use crate::model::printable::printable;
use crate::model::version::{MIN_PROTOCOL_VERSION, PROTOCOL_VERSION, VERSION};
use crate::model::{ClusterFacts, ClusterId, ClusterName, ErrorCode, Failure};
use crate::tls::{Alpn, ConnectError, Connector};

/// The most characters of a text that an agent says of itself.
const MAX_TEXT: usize = 128;

/// The path under which central serves this.
pub const SERVICE_PATH: &str = "/mk8s.agent.v1.AgentService/{method}";

/// What an agent says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The protocol versions that it speaks, both inclusive.
    pub protocol: (u32, u32),
    /// Its version.
    pub agent_version: String,
    /// The cluster that it believes to be in.
    pub cluster: Option<String>,
    /// What it knows of the cluster.
    pub facts: ClusterFacts,
}

impl Registration {
    /// The registration of this build.
    pub fn of_this_build(cluster: Option<&ClusterName>, facts: ClusterFacts) -> Self {
        Self {
            protocol: (MIN_PROTOCOL_VERSION, PROTOCOL_VERSION),
            agent_version: VERSION.to_owned(),
            cluster: cluster.map(ToString::to_string),
            facts,
        }
    }
}

/// What central answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The cluster that the token stands for.
    pub cluster_id: ClusterId,
    /// Its name.
    pub cluster: ClusterName,
    /// The protocol version to speak.
    pub protocol_version: u32,
    /// How often a heartbeat is expected.
    pub heartbeat_interval: Duration,
}

/// What central does with these calls.
pub trait ControlPlane: Send + Sync + 'static {
    /// An agent introduces itself.
    fn register(
        &self,
        token: &str,
        registration: Registration,
    ) -> impl Future<Output = Result<Registered, Failure>> + Send;
    /// An agent is still there.
    fn heartbeat(&self, token: &str, facts: ClusterFacts) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// The protocol version that both sides speak.
///
/// # Errors
/// When there is none; the failure says which side to upgrade.
pub fn negotiate((theirs_min, theirs_max): (u32, u32)) -> Result<u32, Failure> {
    let (min, max) = (MIN_PROTOCOL_VERSION, PROTOCOL_VERSION);
    let refuse = |side: &str| {
        let detail = format!(
            "the agent speaks protocol versions {theirs_min} to {theirs_max}, central {min} to {max}: upgrade {side}"
        );
        Err(Failure::new(ErrorCode::InvalidRequest, detail))
    };
    if theirs_max < min {
        refuse("the agent")
    } else if theirs_min > max {
        refuse("central")
    } else {
        Ok(max.min(theirs_max))
    }
}

/// Why a call to central failed.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Central answered, with a refusal.
    #[error("central refused this agent: {0}")]
    Refused(Failure),
    /// The connection broke, or something other than central answered.
    #[error("central gave no usable answer: {0}")]
    Broken(String),
    /// Silence.
    #[error("central did not answer within {} s", OPEN_TIMEOUT.as_secs())]
    Timeout,
}

/// Calls central. Each call has a connection of its own: between two heartbeats there is nothing to keep.
#[derive(Clone)]
pub struct ControlClient {
    /// How central is reached.
    pub connector: Connector,
    /// Where.
    pub central: Uri,
    /// The token of this agent.
    pub token: Arc<SecretString>,
}

impl ControlClient {
    /// Introduces this agent.
    ///
    /// # Errors
    /// When central cannot be reached or refuses.
    pub async fn register(&self, registration: Registration) -> Result<Registered, ControlError> {
        let request = self.request(RegisterRequest {
            min_protocol_version: registration.protocol.0,
            max_protocol_version: registration.protocol.1,
            agent_version: registration.agent_version,
            cluster_name: registration.cluster.unwrap_or_default(),
            facts: Some(registration.facts.into()),
        })?;
        let answer = self.call(async |mut client| client.register(request).await).await?;
        let broken = |e: &dyn std::fmt::Display| ControlError::Broken(e.to_string());
        Ok(Registered {
            cluster_id: answer.cluster_id.parse().map_err(|e| broken(&e))?,
            cluster: answer.cluster_name.parse().map_err(|e| broken(&e))?,
            protocol_version: answer.protocol_version,
            heartbeat_interval: Duration::from_secs(answer.heartbeat_interval_seconds.clamp(1, 3600).into()),
        })
    }

    /// Says that this agent is still there.
    ///
    /// # Errors
    /// When central cannot be reached or refuses.
    pub async fn heartbeat(&self, facts: ClusterFacts) -> Result<(), ControlError> {
        let request = self.request(HeartbeatRequest { facts: Some(facts.into()) })?;
        self.call(async |mut client| client.heartbeat(request).await).await.map(|HeartbeatResponse {}| ())
    }

    fn request<T>(&self, message: T) -> Result<Request<T>, ControlError> {
        let mut value: MetadataValue<_> = format!("Bearer {}", self.token.expose_secret()).parse().map_err(|_| {
            ControlError::Refused(Failure::new(ErrorCode::InvalidRequest, "the token cannot be sent in a header"))
        })?;
        value.set_sensitive(true);
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", value);
        Ok(request)
    }

    async fn call<T>(
        &self,
        method: impl AsyncFnOnce(AgentServiceClient<Sender>) -> Result<Response<T>, Status>,
    ) -> Result<T, ControlError> {
        let calling = async {
            let io = self.connector.connect(&self.central, Alpn::Http2).await?;
            let (sender, connection) = open(io).await.map_err(|e| ControlError::Broken(e.to_string()))?;
            let client = AgentServiceClient::with_origin(sender, self.central.clone());
            tokio::select! {
                answer = method(client) => answer.map(Response::into_inner).map_err(|s| failure(&s)),
                ended = connection => Err(ControlError::Broken(ended.err().map_or("the connection was closed".into(), |e| e.to_string()))),
            }
        };
        let answer = tokio::time::timeout(OPEN_TIMEOUT, calling).await.unwrap_or(Err(ControlError::Timeout));
        answer.map_err(|error| match error {
            ControlError::Broken(why) if self.central.scheme_str() == Some("http") => {
                ControlError::Broken(format!("{why} (if central speaks TLS, its URL begins with https://)"))
            }
            error => error,
        })
    }
}

/// Serves the calls of agents.
pub fn control_service<P, B>(
    plane: P,
) -> impl Service<http::Request<B>, Response = http::Response<Body>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ Sync
+ 'static
where
    P: ControlPlane,
    B: http_body::Body + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
{
    AgentServiceServer::new(Adapter(plane))
}

struct Adapter<P>(P);

#[tonic::async_trait]
impl<P: ControlPlane> AgentService for Adapter<P> {
    async fn register(&self, request: Request<RegisterRequest>) -> Result<Response<RegisterResponse>, Status> {
        let token = bearer(&request)?.to_owned();
        let request = request.into_inner();
        let registration = Registration {
            protocol: (request.min_protocol_version, request.max_protocol_version),
            agent_version: shown(&request.agent_version),
            cluster: Some(shown(&request.cluster_name)).filter(|n| !n.is_empty()),
            facts: request.facts.unwrap_or_default().into(),
        };
        let answer = self.0.register(&token, registration).await.map_err(|f| status(&f))?;
        Ok(Response::new(RegisterResponse {
            cluster_id: answer.cluster_id.to_string(),
            cluster_name: answer.cluster.to_string(),
            protocol_version: answer.protocol_version,
            heartbeat_interval_seconds: u32::try_from(answer.heartbeat_interval.as_secs()).unwrap_or(u32::MAX),
            central_time_ms: jiff::Timestamp::now().as_millisecond(),
        }))
    }

    async fn heartbeat(&self, request: Request<HeartbeatRequest>) -> Result<Response<HeartbeatResponse>, Status> {
        let token = bearer(&request)?.to_owned();
        let facts = request.into_inner().facts.unwrap_or_default().into();
        self.0.heartbeat(&token, facts).await.map_err(|f| status(&f))?;
        Ok(Response::new(HeartbeatResponse {}))
    }
}

fn bearer<T>(request: &Request<T>) -> Result<&str, Status> {
    request
        .metadata()
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .ok_or_else(|| Status::unauthenticated("no agent token: send it as authorization metadata, Bearer"))
}

/// The one mapping of error codes to gRPC.
fn status(failure: &Failure) -> Status {
    let code = match failure.code {
        ErrorCode::InvalidRequest => Code::InvalidArgument,
        ErrorCode::Unauthenticated => Code::Unauthenticated,
        ErrorCode::Forbidden => Code::PermissionDenied,
        ErrorCode::NotFound => Code::NotFound,
        ErrorCode::Conflict => Code::AlreadyExists,
        ErrorCode::TooLarge | ErrorCode::TooManyRequests => Code::ResourceExhausted,
        ErrorCode::Unavailable => Code::Unavailable,
        ErrorCode::Timeout => Code::DeadlineExceeded,
        ErrorCode::Internal => Code::Internal,
    };
    Status::new(code, failure.detail.clone())
}

/// The way back: only what central itself refuses is a refusal.
fn failure(status: &Status) -> ControlError {
    let code = match status.code() {
        Code::InvalidArgument => ErrorCode::InvalidRequest,
        Code::Unauthenticated => ErrorCode::Unauthenticated,
        Code::PermissionDenied => ErrorCode::Forbidden,
        Code::NotFound => ErrorCode::NotFound,
        Code::Unimplemented => {
            let what = "it serves no agents at this address: is it the one for agents (`agents.listen` of central)?";
            return ControlError::Broken(what.into());
        }
        _ => return ControlError::Broken(status.message().to_owned()),
    };
    ControlError::Refused(Failure::new(code, status.message()))
}

impl From<ClusterFacts> for proto::ClusterFacts {
    fn from(facts: ClusterFacts) -> Self {
        let ClusterFacts { kubernetes_version, node_count, kubectl_version, sandbox } = facts;
        Self { kubernetes_version, node_count, kubectl_version, sandbox }
    }
}

impl From<proto::ClusterFacts> for ClusterFacts {
    fn from(facts: proto::ClusterFacts) -> Self {
        let proto::ClusterFacts { kubernetes_version, node_count, kubectl_version, sandbox } = facts;
        let said = |text: Option<String>| text.as_deref().map(shown);
        Self {
            kubernetes_version: said(kubernetes_version),
            node_count,
            kubectl_version: said(kubectl_version),
            sandbox: said(sandbox),
        }
    }
}

/// What an agent says, as it may be kept and shown on terminals: whoever has its token says what it likes.
fn shown(text: &str) -> String {
    printable(&text.chars().take(MAX_TEXT).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_agent_says_of_itself_is_bounded_and_harmless() {
        let facts = proto::ClusterFacts {
            kubernetes_version: Some("v1.36.3".into()),
            kubectl_version: Some("\x1b]0;owned\x07v1\n".into()),
            sandbox: Some("ä".repeat(100_000)),
            ..proto::ClusterFacts::default()
        };
        let facts = ClusterFacts::from(facts);
        assert_eq!(facts.kubernetes_version.as_deref(), Some("v1.36.3"));
        assert_eq!(facts.kubectl_version.as_deref(), Some(" ]0;owned v1 "));
        assert_eq!(facts.sandbox, Some("ä".repeat(128)));
    }

    #[test]
    fn a_version_gap_names_the_side_to_upgrade() {
        assert_eq!(negotiate((1, 1)), Ok(1));
        assert_eq!(negotiate((1, 9)), Ok(PROTOCOL_VERSION));
        assert!(negotiate((0, 0)).unwrap_err().detail.ends_with("upgrade the agent"));
        assert!(negotiate((8, 9)).unwrap_err().detail.ends_with("upgrade central"));
    }
}
