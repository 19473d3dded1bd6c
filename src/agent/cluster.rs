//! The cluster of this agent: its credential, and what its API server says of it.

use std::path::Path;
use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use kube::api::ListParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use tracing::debug;

use super::AgentError;
use super::relay::Upstream;
use crate::model::ClusterFacts;

/// How long the API server may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A cluster that can be asked.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    config: Config,
    /// The namespace of the pod, when the credential is that of its ServiceAccount.
    own_namespace: Option<String>,
}

impl Cluster {
    /// The cluster of a kubeconfig, of the pod's ServiceAccount, or of the default kubeconfig, in this order.
    pub async fn load(kubeconfig: Option<&Path>, context: Option<&str>) -> Result<Self, AgentError> {
        let failed = |e: &dyn std::fmt::Display| AgentError::Credential(e.to_string());
        let in_cluster = std::env::var_os("KUBERNETES_SERVICE_HOST").is_some();
        let (mut config, own_namespace) = match kubeconfig {
            None if in_cluster => {
                let config = Config::incluster().map_err(|e| failed(&e))?;
                let namespace = config.default_namespace.clone();
                (config, Some(namespace))
            }
            file => {
                let read = file.map_or_else(Kubeconfig::read, Kubeconfig::read_from).map_err(|e| failed(&e))?;
                check_context(&read, context).map_err(|e| failed(&e))?;
                let options = KubeConfigOptions { context: context.map(ToOwned::to_owned), ..Default::default() };
                (Config::from_custom_kubeconfig(read, &options).await.map_err(|e| failed(&e))?, None)
            }
        };
        // The proxy of the environment leads to central, not to the cluster.
        config.proxy_url = None;
        let client = Client::try_from(config.clone()).map_err(|e| failed(&e))?;
        Ok(Self { client, config, own_namespace })
    }

    /// The way to its API server for the requests of commands.
    pub async fn upstream(&self) -> Result<Upstream, AgentError> {
        let config = self.config.clone();
        // A credential that comes from a program is asked for now.
        let made = tokio::task::spawn_blocking(move || Upstream::new(&config)).await;
        made.map_err(|e| AgentError::Credential(e.to_string()))?.map_err(|e| AgentError::Credential(e.to_string()))
    }

    /// Whether the credential itself acts as another user, by the `as` of a kubeconfig.
    pub fn impersonates(&self) -> bool {
        let user = &self.config.auth_info;
        user.impersonate.is_some() || user.impersonate_uid.is_some() || user.impersonate_groups.is_some()
    }

    /// The namespace of this agent's pod, if it runs as one.
    pub fn own_namespace(&self) -> Option<&str> {
        self.own_namespace.as_deref()
    }

    /// The namespace of commands for which none is named: that of the context.
    pub fn default_namespace(&self) -> &str {
        // What is in the namespace of the agent is not what callers mean.
        if self.own_namespace.is_some() { "default" } else { &self.config.default_namespace }
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

/// Says what is missing in words that name the key.
fn check_context(file: &Kubeconfig, context: Option<&str>) -> Result<(), String> {
    let name = context.or(file.current_context.as_deref()).filter(|name| !name.is_empty());
    let name = name.ok_or("the kubeconfig has no current context")?;
    match file.contexts.iter().any(|context| context.name == name) {
        true => Ok(()),
        false => Err(format!("the kubeconfig has no context {name:?}")),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_that_is_missing_is_named() {
        let file = Kubeconfig::from_yaml("contexts: [{name: x, context: {cluster: a}}]").unwrap();
        assert_eq!(check_context(&file, Some("x")), Ok(()));
        assert_eq!(check_context(&file, Some("z")).unwrap_err(), "the kubeconfig has no context \"z\"");
        assert_eq!(check_context(&file, None).unwrap_err(), "the kubeconfig has no current context");
    }
}
