//! What admins do with clusters and the tokens of their agents.

use jiff::{SignedDuration, Timestamp};
use tracing::info;

use super::sessions::randomness;
use super::state::Central;
use super::tokens::no_such_token;
use crate::access::{Caller, TokenHash, generate_agent_token};
use crate::model::token::{
    AdminCluster, AgentToken, ClusterChange, CreatedAgentToken, MAX_AGENT_TOKENS, NewAgentToken, NewCluster,
};
use crate::model::{ClusterId, ClusterName, ErrorCode, Failure, TokenId};
use crate::store::{self, Conn, agent_tokens, clusters};

/// The longest life of an agent token, in days.
const MAX_DAYS: u16 = 3650;

impl Central {
    /// All clusters, as admins see them.
    pub async fn admin_clusters(&self) -> Result<Vec<AdminCluster>, Failure> {
        Ok(self.store.read(|c| clusters::list(c, Timestamp::now())).await?)
    }

    /// One cluster, as admins see it.
    pub async fn admin_cluster(&self, name: ClusterName) -> Result<AdminCluster, Failure> {
        self.store.read(move |c| find(c, &name)).await
    }

    /// Makes a cluster, which has no token yet.
    pub async fn create_cluster(&self, admin: &Caller, new: NewCluster) -> Result<AdminCluster, Failure> {
        let cluster = self
            .change(move |c| {
                clusters::create(c, ClusterId::generate(), &new, false, Timestamp::now()).map_err(|e| match e {
                    store::Error::Conflict(_) => {
                        Failure::new(ErrorCode::Conflict, format!("there is a cluster {:?} already", new.name.as_str()))
                    }
                    e => e.into(),
                })?;
                find(c, &new.name)
            })
            .await?;
        info!(admin = %admin.user_id(), cluster = %cluster.name, "cluster created");
        Ok(cluster)
    }

    /// Changes the labels of a cluster. Operations that began before keep the clusters that they have.
    pub async fn change_cluster(
        &self,
        admin: &Caller,
        name: ClusterName,
        change: ClusterChange,
    ) -> Result<AdminCluster, Failure> {
        let cluster = self
            .change(move |c| {
                let cluster = find(c, &name)?;
                let labels = cluster.labels.changed(&change.labels);
                let labels = labels.map_err(|error| Failure::new(ErrorCode::InvalidRequest, error.to_string()))?;
                clusters::set_labels(c, &name, &labels)?;
                Ok(AdminCluster { labels, ..cluster })
            })
            .await?;
        info!(admin = %admin.user_id(), cluster = %cluster.name, "labels of the cluster changed");
        Ok(cluster)
    }

    /// Removes a cluster. Its tunnels and all that runs in them end at once; a later cluster of this name has nothing
    /// of it.
    pub async fn delete_cluster(&self, admin: &Caller, name: ClusterName) -> Result<(), Failure> {
        let deleted = name.clone();
        let id = self
            .change(move |c| {
                clusters::delete(c, &name).map_err(|error| match error {
                    store::Error::NotFound => no_such_cluster(name.as_str()),
                    error => error.into(),
                })
            })
            .await?;
        self.directory.forget(id);
        info!(admin = %admin.user_id(), cluster = %deleted, "cluster deleted");
        Ok(())
    }

    /// The valid tokens of a cluster's agents.
    pub async fn agent_tokens(&self, name: ClusterName) -> Result<Vec<AgentToken>, Failure> {
        self.store
            .read(move |c| {
                let cluster = find(c, &name)?;
                Ok(agent_tokens::list(c, cluster.id, Timestamp::now())?)
            })
            .await
    }

    /// Makes a token for the agents of a cluster.
    pub async fn create_agent_token(
        &self,
        admin: &Caller,
        name: ClusterName,
        new: NewAgentToken,
    ) -> Result<CreatedAgentToken, Failure> {
        if new.expires_in_days.is_some_and(|days| !(1..=MAX_DAYS).contains(&days)) {
            let detail = format!("\"expires_in_days\" must be from 1 to {MAX_DAYS}");
            return Err(Failure::new(ErrorCode::InvalidRequest, detail));
        }
        let token = generate_agent_token().map_err(randomness)?;
        let now = Timestamp::now();
        let info = AgentToken {
            id: TokenId::generate(),
            bootstrap: false,
            created_at: now,
            expires_at: new.expires_in_days.map(|days| now + SignedDuration::from_hours(24 * i64::from(days))),
            last_used_at: None,
        };
        let (hash, row) = (TokenHash::of(token.expose()), info.clone());
        self.change(move |c| {
            let cluster = find(c, &name)?;
            agent_tokens::create(c, cluster.id, &hash, &row).map_err(|error| match error {
                store::Error::Conflict(_) => Failure::new(
                    ErrorCode::Conflict,
                    format!(
                        "cluster {:?} has {MAX_AGENT_TOKENS} valid tokens, which is the most: revoke one first",
                        name.as_str()
                    ),
                ),
                error => error.into(),
            })
        })
        .await?;
        info!(admin = %admin.user_id(), token = %info.id, "agent token created");
        let (central, ca_pin) = (self.address.agents_url.clone(), self.address.ca_pin.clone());
        Ok(CreatedAgentToken { token, info, central, ca_pin })
    }

    /// Ends a token; the tunnels that it opened end with it.
    pub async fn revoke_agent_token(&self, admin: &Caller, name: ClusterName, id: TokenId) -> Result<(), Failure> {
        self.change(move |c| {
            let cluster = find(c, &name)?;
            agent_tokens::revoke(c, cluster.id, id, Timestamp::now()).map_err(|error| match error {
                store::Error::NotFound => no_such_token(),
                error => error.into(),
            })
        })
        .await?;
        info!(admin = %admin.user_id(), token = %id, "agent token revoked");
        Ok(())
    }
}

fn find(c: &mut Conn, name: &ClusterName) -> Result<AdminCluster, Failure> {
    clusters::by_name(c, name, Timestamp::now())?.ok_or_else(|| no_such_cluster(name.as_str()))
}

/// The answer to a name that no cluster has.
pub fn no_such_cluster(name: &str) -> Failure {
    let detail = format!("there is no cluster {name:?}: `mk8s clusters list` shows those there are");
    Failure::new(ErrorCode::NotFound, detail)
}

/// The same where there is one with a name like it.
pub fn similar_cluster(name: &str, near: &str) -> Failure {
    let detail =
        format!("there is no cluster {name:?}, did you mean {near:?}? `mk8s clusters list` shows those there are");
    Failure::new(ErrorCode::NotFound, detail)
}
