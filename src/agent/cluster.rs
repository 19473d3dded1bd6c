//! The cluster of this agent: its credential, and what its API server says of it.

use std::path::Path;
use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use kube::api::ListParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use tracing::debug;

use super::AgentError;
use super::kubeconfig::Credential;
use crate::model::ClusterFacts;

/// How long the API server may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A cluster that can be asked.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    credential: Credential,
}

impl Cluster {
    /// The cluster of a kubeconfig, of the pod's ServiceAccount, or of the default kubeconfig, in this order.
    pub async fn load(kubeconfig: Option<&Path>, context: Option<&str>) -> Result<Self, AgentError> {
        let failed = |e: &dyn std::fmt::Display| AgentError::Credential(e.to_string());
        let in_cluster = std::env::var_os("KUBERNETES_SERVICE_HOST").is_some();
        let (credential, mut config) = match kubeconfig {
            None if in_cluster => {
                (Credential::in_cluster().map_err(|e| failed(&e))?, Config::incluster().map_err(|e| failed(&e))?)
            }
            file => {
                let read = file.map_or_else(Kubeconfig::read, Kubeconfig::read_from).map_err(|e| failed(&e))?;
                let credential = Credential::from_kubeconfig(&read, context).map_err(|e| failed(&e))?;
                let options = KubeConfigOptions { context: context.map(ToOwned::to_owned), ..Default::default() };
                (credential, Config::from_custom_kubeconfig(read, &options).await.map_err(|e| failed(&e))?)
            }
        };
        // The proxy of the environment leads to central, not to the cluster; kubectl does not get it either.
        config.proxy_url = None;
        let client = Client::try_from(config).map_err(|e| failed(&e))?;
        Ok(Self { client, credential })
    }

    /// What kubectl is given to reach the cluster.
    pub fn credential(&self) -> Credential {
        self.credential.clone()
    }

    /// What the API server says now; nothing while it does not answer.
    pub async fn facts(&self) -> ClusterFacts {
        let version = async { self.client.apiserver_version().await.map(|info| info.git_version) };
        let nodes = async {
            let list = Api::<Node>::all(self.client.clone()).list_metadata(&ListParams::default().limit(1)).await?;
            let more = list.metadata.remaining_item_count.unwrap_or(0);
            Ok(u32::try_from(list.items.len() as i64 + more).unwrap_or(u32::MAX))
        };
        let (kubernetes_version, node_count) = tokio::join!(answer(version), answer(nodes));
        ClusterFacts { kubernetes_version, node_count, ..ClusterFacts::default() }
    }
}

async fn answer<T>(question: impl Future<Output = kube::Result<T>>) -> Option<T> {
    match tokio::time::timeout(ANSWER_TIMEOUT, question).await {
        Ok(Ok(answer)) => Some(answer),
        Ok(Err(error)) => {
            debug!(%error, "the API server did not answer as expected");
            None
        }
        Err(_) => {
            debug!("the API server did not answer in time");
            None
        }
    }
}
