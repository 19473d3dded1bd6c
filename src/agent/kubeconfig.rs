//! The kubeconfig that kubectl is given: one cluster, one user, one context, and the namespace of the request.

use kube::config::{AuthInfo, Cluster, Context, Kubeconfig, NamedAuthInfo, NamedCluster, NamedContext};

/// The name of everything in the generated file.
const NAME: &str = "mk8s";

/// Where Kubernetes puts the ServiceAccount of a pod.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// A cluster and a user of it.
#[derive(Clone)]
pub struct Credential {
    cluster: Cluster,
    user: AuthInfo,
    namespace: Option<String>,
}

/// Why there is no credential.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// No context was chosen.
    #[error("the kubeconfig has no current context")]
    NoContext,
    /// Something that is named is not there.
    #[error("the kubeconfig has no {kind} {name:?}")]
    Missing {
        /// What kind of thing.
        kind: &'static str,
        /// Which one.
        name: String,
    },
    /// The environment of a pod is incomplete.
    #[error("{0} is not set")]
    Environment(&'static str),
}

impl Credential {
    /// The one that a context of a kubeconfig names.
    pub fn from_kubeconfig(file: &Kubeconfig, context: Option<&str>) -> Result<Self, CredentialError> {
        let missing = |kind, name: &str| CredentialError::Missing { kind, name: name.to_owned() };
        let name =
            context.or(file.current_context.as_deref()).filter(|n| !n.is_empty()).ok_or(CredentialError::NoContext)?;
        let context = file
            .contexts
            .iter()
            .find(|c| c.name == name)
            .and_then(|c| c.context.clone())
            .ok_or_else(|| missing("context", name))?;
        let cluster = file
            .clusters
            .iter()
            .find(|c| c.name == context.cluster)
            .and_then(|c| c.cluster.clone())
            .ok_or_else(|| missing("cluster", &context.cluster))?;
        let user = match &context.user {
            None => AuthInfo::default(),
            Some(user) => file
                .auth_infos
                .iter()
                .find(|u| u.name == *user)
                .and_then(|u| u.auth_info.clone())
                .ok_or_else(|| missing("user", user))?,
        };
        Ok(Self { cluster, user, namespace: context.namespace })
    }

    /// The ServiceAccount of the pod in which this runs.
    pub fn in_cluster() -> Result<Self, CredentialError> {
        let variable = |name| std::env::var(name).map_err(|_| CredentialError::Environment(name));
        let (host, port) = (variable("KUBERNETES_SERVICE_HOST")?, variable("KUBERNETES_SERVICE_PORT")?);
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let cluster = Cluster {
            server: Some(format!("https://{host}:{port}")),
            certificate_authority: Some(format!("{SERVICE_ACCOUNT}/ca.crt")),
            ..Cluster::default()
        };
        let user = AuthInfo { token_file: Some(format!("{SERVICE_ACCOUNT}/token")), ..AuthInfo::default() };
        Ok(Self { cluster, user, namespace: None })
    }

    /// The TCP port of the API server.
    pub fn port(&self) -> Option<u16> {
        let url: http::Uri = self.cluster.server.as_ref()?.parse().ok()?;
        url.port_u16().or_else(|| (url.scheme() == Some(&http::uri::Scheme::HTTPS)).then_some(443))
    }

    /// The file for one command, as JSON, which kubectl reads as well as YAML.
    pub fn kubeconfig(&self, namespace: Option<&str>) -> serde_json::Result<Vec<u8>> {
        let context = Context {
            cluster: NAME.into(),
            user: Some(NAME.into()),
            namespace: namespace.map(ToOwned::to_owned).or_else(|| self.namespace.clone()),
            ..Context::default()
        };
        serde_json::to_vec(&Kubeconfig {
            clusters: vec![NamedCluster {
                name: NAME.into(),
                cluster: Some(self.cluster.clone()),
                ..Default::default()
            }],
            auth_infos: vec![NamedAuthInfo {
                name: NAME.into(),
                auth_info: Some(self.user.clone()),
                ..Default::default()
            }],
            contexts: vec![NamedContext { name: NAME.into(), context: Some(context), ..Default::default() }],
            current_context: Some(NAME.into()),
            kind: Some("Config".into()),
            api_version: Some("v1".into()),
            ..Kubeconfig::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Kubeconfig {
        Kubeconfig::from_yaml(
            "clusters: [{name: a, cluster: {server: 'https://a'}}]\n\
             users: [{name: u, user: {token: secret}}]\n\
             contexts: [{name: x, context: {cluster: a, user: u, namespace: team}}, {name: y, context: {cluster: gone}}]\n\
             current-context: x\n",
        )
        .unwrap()
    }

    #[test]
    fn one_context_is_kept_and_the_namespace_is_that_of_the_request() {
        let credential = Credential::from_kubeconfig(&file(), None).unwrap();
        let text = |namespace| String::from_utf8(credential.kubeconfig(namespace).unwrap()).unwrap();
        assert!(text(None).contains(r#""namespace":"team""#), "{}", text(None));
        assert!(text(Some("other")).contains(r#""namespace":"other""#));
        assert!(text(None).contains(r#""token":"secret""#), "kubectl needs the token");
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = |context| Credential::from_kubeconfig(&file(), Some(context)).err().unwrap().to_string();
        assert_eq!(error("z"), "the kubeconfig has no context \"z\"");
        assert_eq!(error("y"), "the kubeconfig has no cluster \"gone\"");
    }
}
