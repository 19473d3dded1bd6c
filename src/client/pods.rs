//! Which pod is meant by what stands for many, such as a service or a deployment, and whether it is still there.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::api::{ListParams, WatchParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind, Selector, WatchEvent};
use kube::{Api, ResourceExt as _};
use tokio::time::{Instant, sleep};

use super::error::ClientError;
use super::gateway::{Gateway, of_kube};
use super::kinds::{Pod, Service, pods, services};
use crate::model::ErrorCode;

/// How often pods are looked at that do not run yet.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// After how long a pod is watched again when it could not be.
const WATCH_AGAIN: Duration = Duration::from_secs(5);

/// How long one watch lasts, in seconds; the next follows.
const WATCH_SECONDS: u32 = 290;

/// What can stand for pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A pod itself.
    Pod,
    /// A service.
    Service,
    /// A deployment.
    Deployment,
    /// A replica set.
    ReplicaSet,
    /// A stateful set.
    StatefulSet,
}

/// Something that stands for pods, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
}

/// What a target stands for now.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The pod, which runs.
    pub pod: Pod,
    /// The service, if the target is one.
    pub service: Option<Service>,
}

/// Why there is no pod.
#[derive(Debug, thiserror::Error)]
pub enum PodError {
    /// A request failed.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The pod has ended, or is none that could begin.
    #[error("{0}")]
    NotRunning(String),
    /// No pod has begun to run in time.
    #[error("{0}")]
    TooLate(String),
    /// The service or the set chooses no pods.
    #[error("{0}")]
    NoSelector(String),
}

impl Kind {
    /// The kind with a name that kubectl knows: singular, plural or short, with its group or without.
    pub fn named(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        Some(match name.as_str() {
            "pod" | "pods" | "po" => Self::Pod,
            "service" | "services" | "svc" => Self::Service,
            "deployment" | "deployments" | "deploy" | "deployment.apps" | "deployments.apps" => Self::Deployment,
            "replicaset" | "replicasets" | "rs" | "replicaset.apps" | "replicasets.apps" => Self::ReplicaSet,
            "statefulset" | "statefulsets" | "sts" | "statefulset.apps" | "statefulsets.apps" => Self::StatefulSet,
            _ => return None,
        })
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Pod => "Pod",
            Self::Service => "Service",
            Self::Deployment => "Deployment",
            Self::ReplicaSet => "ReplicaSet",
            Self::StatefulSet => "StatefulSet",
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind.as_str().to_ascii_lowercase(), self.name)
    }
}

impl Gateway {
    /// A pod as it is now.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn pod(&self, namespace: &str, name: &str) -> Result<Pod, ClientError> {
        pods(self.kube(), namespace).get(name).await.map_err(of_kube)
    }

    /// A running pod that a target stands for, awaited for so long.
    ///
    /// # Errors
    /// When there is none, or it cannot be asked for.
    pub async fn running_pod(
        &self,
        namespace: &str,
        target: &Target,
        patience: Duration,
    ) -> Result<Resolved, PodError> {
        let deadline = Instant::now() + patience;
        let mut service = None;
        let selector = match target.kind {
            Kind::Pod => None,
            Kind::Service => {
                let found = services(self.kube(), namespace).get(&target.name).await.map_err(of_kube)?;
                let labels = found.spec.selector.clone();
                service = Some(found);
                Some(labels.into_iter().collect())
            }
            kind => Some(self.selector_of(namespace, kind, &target.name).await?),
        };
        if selector.as_ref().is_some_and(|selector| selector.to_string().is_empty()) {
            return Err(PodError::NoSelector(format!("{target} chooses no pods: it has no selector")));
        }
        loop {
            let found = match &selector {
                None => vec![self.pod(namespace, &target.name).await?],
                Some(selector) => {
                    let those = ListParams::default().labels_from(selector);
                    pods(self.kube(), namespace).list(&those).await.map_err(of_kube)?.items
                }
            };
            let states: Vec<String> = found.iter().map(|pod| format!("{} is {}", pod.name_any(), phase(pod))).collect();
            if target.kind == Kind::Pod && found.iter().any(has_ended) {
                return Err(PodError::NotRunning(format!("the pod does not run: {}", states.join(", "))));
            }
            if let Some(pod) = found.into_iter().filter(runs).min_by_key(rank) {
                return Ok(Resolved { pod, service });
            }
            if Instant::now() + LOOK_AGAIN > deadline {
                let states = if states.is_empty() { "there is none".to_owned() } else { states.join(", ") };
                let after = patience.as_secs();
                return Err(PodError::TooLate(format!("no pod of {target} runs after {after} s: {states}")));
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    async fn selector_of(&self, namespace: &str, kind: Kind, name: &str) -> Result<Selector, PodError> {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", kind.as_str()));
        let api: Api<DynamicObject> = Api::namespaced_with(self.kube(), namespace, &resource);
        let object = api.get(name).await.map_err(of_kube)?;
        let selector = serde_json::from_value::<LabelSelector>(object.data["spec"]["selector"].clone());
        let invalid = |e: &dyn std::fmt::Display| ClientError::Protocol(format!("the selector of {name}: {e}"));
        let selector = selector.map_err(|e| invalid(&e))?;
        Ok(Selector::try_from(selector).map_err(|e| invalid(&e))?)
    }

    /// Returns when a pod is no longer there, or no longer runs; why. Never, if the caller may not watch it.
    pub async fn until_gone(&self, pod: &Pod) -> String {
        let namespace = pod.namespace().unwrap_or_default();
        loop {
            match self.watch(&namespace, pod).await {
                Ok(Some(why)) => return why,
                Ok(None) => {}
                Err(error) => match error.problem().map(|problem| problem.code) {
                    Some(ErrorCode::Forbidden) => std::future::pending().await,
                    _ => sleep(WATCH_AGAIN).await,
                },
            }
        }
    }

    /// Watches a pod once; why it is gone, or nothing if the watch has ended before.
    async fn watch(&self, namespace: &str, pod: &Pod) -> Result<Option<String>, ClientError> {
        let name = pod.name_any();
        let api = pods(self.kube(), namespace);
        let now = api.get_opt(&name).await;
        let now = match now.map_err(of_kube) {
            Ok(now) => now,
            Err(error) if error.problem().is_some_and(|problem| problem.code == ErrorCode::NotFound) => None,
            Err(error) => return Err(error),
        };
        let Some(now) = now else { return Ok(Some(format!("the pod {name} was deleted"))) };
        if let Some(why) = why_gone(pod, &now) {
            return Ok(Some(why));
        }
        let only = WatchParams::default().fields(&format!("metadata.name={name}")).timeout(WATCH_SECONDS);
        let version = now.resource_version().unwrap_or_default();
        let events = api.watch(&only, &version).await.map_err(of_kube)?;
        let mut events = std::pin::pin!(events);
        while let Some(event) = events.try_next().await.map_err(of_kube)? {
            let why = match event {
                WatchEvent::Added(now) | WatchEvent::Modified(now) => why_gone(pod, &now),
                WatchEvent::Deleted(_) => Some(format!("the pod {name} was deleted")),
                WatchEvent::Bookmark(_) => None,
                // Such as a version that is too old: the pod is read again.
                WatchEvent::Error(_) => return Ok(None),
            };
            if why.is_some() {
                return Ok(why);
            }
        }
        Ok(None)
    }
}

fn why_gone(pod: &Pod, now: &Pod) -> Option<String> {
    let name = pod.name_any();
    if now.uid() != pod.uid() {
        return Some(format!("the pod {name} was replaced"));
    }
    has_ended(now).then(|| format!("the pod {name} has ended: it is {}", phase(now)))
}

fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Unknown")
}

fn has_ended(pod: &Pod) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

fn runs(pod: &Pod) -> bool {
    phase(pod) == "Running"
}

/// Pods that stay and are ready go before others, then those that have been there for longest.
fn rank(pod: &Pod) -> (bool, bool, Option<jiff::Timestamp>) {
    let mut conditions = pod.status.iter().flat_map(|status| &status.conditions);
    let ready = conditions.any(|condition| condition.kind == "Ready" && condition.status == "True");
    let since = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
    (pod.metadata.deletion_timestamp.is_some(), !ready, since)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, phase: &str, ready: bool, created: &str, leaves: bool) -> Pod {
        serde_json::from_value(serde_json::json!({
            "metadata": {"name": name, "creationTimestamp": created,
                         "deletionTimestamp": leaves.then_some("2026-01-02T00:00:00Z")},
            "spec": {},
            "status": {"phase": phase, "conditions": [
                {"type": "Ready", "status": if ready { "True" } else { "False" }}]},
        }))
        .unwrap()
    }

    #[test]
    fn the_pod_is_one_that_serves() {
        let old = "2026-01-01T00:00:00Z";
        let pods = [
            pod("leaves", "Running", true, old, true),
            pod("pending", "Pending", false, old, false),
            pod("starts", "Running", false, old, false),
            pod("new", "Running", true, "2026-01-01T02:00:00Z", false),
            pod("best", "Running", true, "2026-01-01T01:00:00Z", false),
            pod("done", "Succeeded", true, old, false),
        ];
        let best = pods.into_iter().filter(runs).min_by_key(rank).unwrap();
        assert_eq!(best.name_any(), "best");
    }

    #[test]
    fn kinds_have_the_names_that_kubectl_knows() {
        for name in ["deploy", "deployment", "Deployments", "deployments.apps"] {
            assert_eq!(Kind::named(name), Some(Kind::Deployment), "{name}");
        }
        assert_eq!(Kind::named("svc"), Some(Kind::Service));
        assert_eq!(Kind::named("po"), Some(Kind::Pod));
        for name in ["configmap", "svc.apps", "", "node"] {
            assert_eq!(Kind::named(name), None, "{name}");
        }
    }
}
