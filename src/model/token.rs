//! Tokens that live long: those of CI jobs, and those of agents. Only their hashes are kept, so each is shown once.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::id::{ClusterId, ClusterName, TokenId};
use super::labels::{LabelChange, Labels};
use super::role::RoleName;
use super::secret::Token;

/// The longest life of an API token, in days.
pub const MAX_API_TOKEN_DAYS: u16 = 365;

/// The life of an API token that was asked for without one, in days.
pub const DEFAULT_API_TOKEN_DAYS: u16 = 90;

/// How many tokens of a cluster may be valid at once: one in use, and one to change to.
pub const MAX_AGENT_TOKENS: usize = 2;

/// An API token of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ApiToken {
    /// Identifies it.
    pub id: TokenId,
    /// What its owner calls it.
    pub name: String,
    /// Its roles. What its owner loses, it loses too.
    pub roles: Vec<RoleName>,
    /// When it was made, UTC.
    pub created_at: Timestamp,
    /// When it ends, UTC.
    pub expires_at: Timestamp,
    /// When it was last used, UTC, to the minute; absent if never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
}

/// The answer of `GET /tokens` and `GET /admin/users/{id}/tokens`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ApiTokenList {
    /// Those that are valid, the oldest first.
    pub tokens: Vec<ApiToken>,
}

/// The request of `POST /tokens`.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApiToken {
    /// What its owner calls it, 1 to 64 characters; no two valid ones of a user have the same.
    #[schema(min_length = 1, max_length = 64)]
    pub name: String,
    /// Its roles; absent: all that its owner has now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<RoleName>>,
    /// Its life in days, 1 to 365; absent: 90.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 365)]
    pub expires_in_days: Option<u16>,
}

/// The answer of `POST /tokens`.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CreatedApiToken {
    /// The token itself; shown this once.
    pub token: Token,
    /// What is known of it from now on.
    #[serde(flatten)]
    pub info: ApiToken,
}

/// A token of the agents of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AgentToken {
    /// Identifies it.
    pub id: TokenId,
    /// Whether the configuration of central declares it.
    pub bootstrap: bool,
    /// When it was made, UTC.
    pub created_at: Timestamp,
    /// When it ends, UTC; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it was last used, UTC, to the minute; absent if never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
}

/// The answer of `GET /admin/clusters/{name}/tokens`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AgentTokenList {
    /// Those that are valid, the oldest first.
    pub tokens: Vec<AgentToken>,
}

/// The request of `POST /admin/clusters/{name}/tokens`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAgentToken {
    /// Its life in days, 1 to 3650; absent: without end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 3650)]
    pub expires_in_days: Option<u16>,
}

/// The answer of `POST /admin/clusters/{name}/tokens`.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CreatedAgentToken {
    /// The token itself; shown this once.
    pub token: Token,
    /// What is known of it from now on.
    #[serde(flatten)]
    pub info: AgentToken,
    /// The URL by which agents reach central.
    pub central: String,
    /// The pin by which they recognise its development authority; absent with a certificate of another authority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_pin: Option<String>,
}

/// A cluster, as admins see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AdminCluster {
    /// Identifies it; a later cluster of the same name has another one.
    pub id: ClusterId,
    /// Its name.
    pub name: ClusterName,
    /// What it is chosen by, together with others.
    #[serde(default)]
    pub labels: Labels,
    /// Whether the configuration of central declares it; such a cluster is there again after a restart.
    pub bootstrap: bool,
    /// When it was made, UTC.
    pub created_at: Timestamp,
    /// How many of its tokens are valid.
    pub tokens: usize,
}

/// The answer of `GET /admin/clusters`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AdminClusterList {
    /// In the order of their names.
    pub clusters: Vec<AdminCluster>,
}

/// The request of `POST /admin/clusters`.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCluster {
    /// Its name.
    pub name: ClusterName,
    /// Its labels. Without any the field is left out: a central that knows of none takes the request, too.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

impl NewCluster {
    /// One without labels.
    pub fn named(name: ClusterName) -> Self {
        Self { name, labels: Labels::default() }
    }
}

/// The request of `PATCH /admin/clusters/{name}`.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClusterChange {
    /// Labels to set and to remove; the others stay.
    pub labels: LabelChange,
}
