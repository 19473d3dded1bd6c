//! Clusters: as users see them, and as admins do, with the tokens of their agents.

use http::Method;

use super::error::ClientError;
use super::http::{Client, NOTHING};
use crate::model::token::{
    AdminCluster, AdminClusterList, AgentToken, AgentTokenList, ClusterChange, CreatedAgentToken, NewAgentToken,
    NewCluster,
};
use crate::model::{Cluster, ClusterList, ClusterName, TokenId};

impl Client {
    /// All clusters that the caller may see.
    ///
    /// # Errors
    /// See [`ClientError`]; so for all that follow.
    pub async fn clusters(&self) -> Result<Vec<Cluster>, ClientError> {
        self.call(Method::GET, "/clusters", NOTHING).await.map(|list: ClusterList| list.clusters)
    }

    /// One cluster.
    #[allow(clippy::missing_errors_doc)]
    pub async fn cluster(&self, name: &ClusterName) -> Result<Cluster, ClientError> {
        self.call(Method::GET, &format!("/clusters/{name}"), NOTHING).await
    }

    /// All clusters, for admins.
    #[allow(clippy::missing_errors_doc)]
    pub async fn admin_clusters(&self) -> Result<Vec<AdminCluster>, ClientError> {
        self.call(Method::GET, "/admin/clusters", NOTHING).await.map(|list: AdminClusterList| list.clusters)
    }

    /// One cluster, for admins.
    #[allow(clippy::missing_errors_doc)]
    pub async fn admin_cluster(&self, name: &ClusterName) -> Result<AdminCluster, ClientError> {
        self.call(Method::GET, &path(name), NOTHING).await
    }

    /// Makes one.
    #[allow(clippy::missing_errors_doc)]
    pub async fn create_cluster(&self, new: &NewCluster) -> Result<AdminCluster, ClientError> {
        self.call(Method::POST, "/admin/clusters", Some(new)).await
    }

    /// Changes its labels.
    #[allow(clippy::missing_errors_doc)]
    pub async fn change_cluster(
        &self,
        name: &ClusterName,
        change: &ClusterChange,
    ) -> Result<AdminCluster, ClientError> {
        self.call(Method::PATCH, &path(name), Some(change)).await
    }

    /// Removes one, with its tokens and tunnels.
    #[allow(clippy::missing_errors_doc)]
    pub async fn delete_cluster(&self, name: &ClusterName) -> Result<(), ClientError> {
        self.tell(Method::DELETE, &path(name), NOTHING).await
    }

    /// The tokens of a cluster's agents.
    #[allow(clippy::missing_errors_doc)]
    pub async fn agent_tokens(&self, name: &ClusterName) -> Result<Vec<AgentToken>, ClientError> {
        let list: AgentTokenList = self.call(Method::GET, &format!("{}/tokens", path(name)), NOTHING).await?;
        Ok(list.tokens)
    }

    /// Makes a token for a cluster's agents.
    #[allow(clippy::missing_errors_doc)]
    pub async fn create_agent_token(
        &self,
        name: &ClusterName,
        new: &NewAgentToken,
    ) -> Result<CreatedAgentToken, ClientError> {
        self.call(Method::POST, &format!("{}/tokens", path(name)), Some(new)).await
    }

    /// Ends one.
    #[allow(clippy::missing_errors_doc)]
    pub async fn revoke_agent_token(&self, name: &ClusterName, id: TokenId) -> Result<(), ClientError> {
        self.tell(Method::DELETE, &format!("{}/tokens/{id}", path(name)), NOTHING).await
    }
}

/// The name is a DNS label, which needs no encoding.
fn path(name: &ClusterName) -> String {
    format!("/admin/clusters/{name}")
}
