//! What only central and the cluster know, asked within the budget of a completion.
//!
//! Nothing here renews a session by itself: it would be cut off by the budget when the new tokens are under way, and the
//! session would be lost with them. A process of its own does that, in peace.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

use http::Request;
use http::header::ACCEPT;
use http_body_util::{BodyExt as _, Limited};
use kube::client::Body;
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::words::Wanted;
use super::{Candidate, remembered};
use crate::cli::session::{Held, Session, SessionArgs};
use crate::client::{Client, Gateway};
use crate::kubernetes::built_in_resources::list_path;
use crate::kubernetes::kubectl::complete::{Expected, certain_list, certain_types};

/// How long a process may take that remembers for later.
const PATIENCE: Duration = Duration::from_secs(10);

/// The largest list that is read.
const MAX_ANSWER: usize = 8 << 20;

/// The most names that are asked for.
const MAX_NAMES: usize = 500;

/// Names of objects without the objects.
const NAMES: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

/// All types in one answer.
const TYPES: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// What there is; `None` where nobody could say.
pub async fn ask(args: &SessionArgs, wanted: &Wanted, namespace: &str) -> Option<Vec<Candidate>> {
    let (session, client) = ready(args).await?;
    let named = |names: Vec<String>, before: &str| {
        Some(names.into_iter().map(|name| Candidate::name(format!("{before}{name}"))).collect())
    };
    match wanted {
        Wanted::Clusters(before) => {
            let clusters = client.clusters().await.ok()?;
            let names: Vec<String> = clusters.into_iter().map(|cluster| cluster.name.to_string()).collect();
            remembered::keep(&session, &names);
            named(names, before)
        }
        Wanted::OfCluster(expected) => {
            let gateway = Gateway::of(&client, &session.cluster().ok()?);
            let before = match expected {
                Expected::Object { before, .. } => before.as_str(),
                _ => "",
            };
            named(of_cluster(&gateway, expected, namespace).await?, before)
        }
        Wanted::Words(_) | Wanted::Files => None,
    }
}

/// What is known where nobody could say; a process is started that will know more the next time.
pub fn otherwise(args: &SessionArgs, wanted: &Wanted) -> Vec<Candidate> {
    match wanted {
        Wanted::Clusters(before) => {
            let Ok(session) = args.resolve() else { return Vec::new() };
            // One that has to be renewed first has its process already, and of an API token nothing is remembered.
            if matches!(session.held(), Ok(Some(Held::Session(_)))) {
                drop(later(args));
            }
            remembered::of(&session).into_iter().map(|name| Candidate::name(format!("{before}{name}"))).collect()
        }
        Wanted::OfCluster(Expected::Type) => certain_types().into_iter().map(Candidate::name).collect(),
        _ => Vec::new(),
    }
}

/// Renews the session if it has to be, and remembers the clusters.
pub async fn remember(args: &SessionArgs) -> anyhow::Result<()> {
    let session = args.resolve()?;
    // With its own limits, and not cut off; see above.
    let client = session.client().await?;
    let clusters = timeout(PATIENCE, client.clusters()).await??;
    remembered::keep(&session, &clusters.into_iter().map(|cluster| cluster.name.to_string()).collect::<Vec<_>>());
    Ok(())
}

/// Who asks, with what can be shown now.
async fn ready(args: &SessionArgs) -> Option<(Session, Client)> {
    let mut session = args.resolve().ok()?;
    if session.held().ok()?.is_none() {
        later(args)?.wait().await.ok()?;
        session = args.resolve().ok()?;
    }
    let held = session.held().ok()??;
    let client = session.anonymous().ok()?.with_credential(held.into());
    Some((session, client))
}

/// A process that outlives this one, and says nothing.
fn later(args: &SessionArgs) -> Option<Child> {
    let mut command = Command::new(std::env::current_exe().ok()?);
    command.args(["__complete", "--remember"]).args(args.to_words());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Ctrl-C in the shell is not for it.
    #[cfg(unix)]
    command.process_group(0);
    command.spawn().ok()
}

async fn of_cluster(gateway: &Gateway, expected: &Expected, namespace: &str) -> Option<Vec<String>> {
    match expected {
        Expected::Namespace => names(gateway, "/api/v1/namespaces").await,
        Expected::Type => {
            let custom = Types::of(gateway).await?;
            Some(certain_types().into_iter().chain(custom.names()).collect::<BTreeSet<_>>().into_iter().collect())
        }
        Expected::Object { resource, .. } => {
            let path = match certain_list(resource, namespace) {
                Some(path) => path,
                None => Types::of(gateway).await?.list(resource, namespace)?,
            };
            names(gateway, &path).await
        }
        Expected::Container { pod } => {
            let pod = get(gateway, &format!("/api/v1/namespaces/{namespace}/pods/{pod}"), "application/json").await?;
            let containers = ["containers", "initContainers"].into_iter().flat_map(|list| items(&pod["spec"][list]));
            Some(containers.filter_map(|item| item["name"].as_str().map(str::to_owned)).collect())
        }
        Expected::Words(_) | Expected::File => None,
    }
}

async fn names(gateway: &Gateway, path: &str) -> Option<Vec<String>> {
    let list = get(gateway, &format!("{path}?limit={MAX_NAMES}"), NAMES).await?;
    let name = |item: &Value| item["metadata"]["name"].as_str().map(str::to_owned);
    Some(list["items"].as_array()?.iter().filter_map(name).collect())
}

async fn get(gateway: &Gateway, target: &str, accept: &str) -> Option<Value> {
    let request = Request::get(target).header(ACCEPT, accept).body(Body::empty()).ok()?;
    let answer = gateway.send(request).await.ok()?;
    if !answer.status().is_success() {
        return None;
    }
    let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await.ok()?;
    serde_json::from_slice(&body.to_bytes()).ok()
}

/// The types of the API groups of a cluster, as its API server tells them.
struct Types(Value);

impl Types {
    async fn of(gateway: &Gateway) -> Option<Self> {
        get(gateway, "/apis", TYPES).await.map(Self)
    }

    /// Group, version and type, in the API server's order: the preferred version of a group comes first.
    fn all(&self) -> impl Iterator<Item = (&str, &str, &Value)> {
        items(&self.0["items"]).flat_map(|group| {
            let name = group["metadata"]["name"].as_str().unwrap_or_default();
            items(&group["versions"]).flat_map(move |version| {
                let number = version["version"].as_str().unwrap_or_default();
                items(&version["resources"]).map(move |resource| (name, number, resource))
            })
        })
    }

    /// The names of those that are not Kubernetes' own, with their groups.
    fn names(&self) -> impl Iterator<Item = String> {
        let own = |plural: &str| certain_list(plural, "x").is_some();
        self.all().filter_map(move |(group, _, resource)| {
            let plural = resource["resource"].as_str()?;
            (!own(plural)).then(|| format!("{plural}.{group}"))
        })
    }

    /// Where the objects of a type are listed, by any of its names.
    fn list(&self, name: &str, namespace: &str) -> Option<String> {
        let (group, version, resource) = self.all().find(|(group, _, resource)| {
            let is = |key: &str| resource[key].as_str() == Some(name);
            let plural = resource["resource"].as_str().unwrap_or_default();
            let short = items(&resource["shortNames"]).any(|short| short.as_str() == Some(name));
            is("resource") || is("singularResource") || short || name.strip_prefix(plural) == Some(&format!(".{group}"))
        })?;
        let namespaced = resource["scope"].as_str() == Some("Namespaced");
        Some(list_path(group, version, resource["resource"].as_str()?, namespaced.then_some(namespace)))
    }
}

/// The items of a list; none of what is no list.
fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_others_are_found_by_any_name() {
        let resource = serde_json::json!({"resource": "widgets", "singularResource": "widget", "shortNames": ["wg"],
                                          "scope": "Namespaced"});
        let pods = serde_json::json!({"resource": "deployments", "scope": "Namespaced"});
        let types = Types(serde_json::json!({"items": [
            {"metadata": {"name": "apps"}, "versions": [{"version": "v1", "resources": [pods]}]},
            {"metadata": {"name": "example.com"}, "versions": [{"version": "v2", "resources": [resource]},
                                                               {"version": "v1", "resources": [resource]}]},
        ]}));
        let names: BTreeSet<String> = types.names().collect();
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["widgets.example.com"]);
        for name in ["widgets", "widget", "wg", "widgets.example.com"] {
            let list = types.list(name, "a");
            assert_eq!(list.as_deref(), Some("/apis/example.com/v2/namespaces/a/widgets"), "{name}");
        }
        assert_eq!(types.list("gadgets", "a"), None);
        assert_eq!(Types(Value::Null).names().count(), 0);
    }
}
