//! The objects that the client reads itself, with the fields that it looks at: the whole of their types would be a tenth
//! of the program.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::Api;
use kube::core::{ApiResource, NotUsed, Object};
use serde::Deserialize;

/// A pod.
pub type Pod = Object<PodSpec, PodStatus>;

/// What a pod consists of.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodSpec {
    /// Its ordinary containers.
    pub containers: Vec<Container>,
    /// Those that run before them.
    pub init_containers: Vec<Container>,
    /// Those that were added while it runs.
    pub ephemeral_containers: Vec<Container>,
}

/// A container of a pod.
#[derive(Clone, Debug, Deserialize)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// The ports that it declares.
    #[serde(default)]
    pub ports: Vec<ContainerPort>,
}

/// A port that a container declares.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerPort {
    /// Its name.
    pub name: Option<String>,
    /// Its number.
    pub container_port: i32,
    /// Its protocol; absent for TCP.
    pub protocol: Option<String>,
}

/// How a pod is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PodStatus {
    /// Where it is in its life, such as `Running`.
    pub phase: Option<String>,
    /// What else holds of it.
    pub conditions: Vec<Condition>,
}

/// Something that holds of a pod, or does not.
#[derive(Clone, Debug, Deserialize)]
pub struct Condition {
    /// What, such as `Ready`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
}

/// A service.
pub type Service = Object<ServiceSpec, NotUsed>;

/// What a service is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServiceSpec {
    /// The labels of its pods.
    pub selector: BTreeMap<String, String>,
    /// Its ports.
    pub ports: Vec<ServicePort>,
    /// Its address; `None`, in letters, for a headless one.
    #[serde(rename = "clusterIP")]
    pub cluster_ip: Option<String>,
}

/// A port of a service.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePort {
    /// Its name.
    pub name: Option<String>,
    /// Its number.
    pub port: i32,
    /// The port of the pods, by number or name.
    pub target_port: Option<IntOrString>,
    /// Its protocol; absent for TCP.
    pub protocol: Option<String>,
}

/// The pods of a namespace.
pub fn pods(client: kube::Client, namespace: &str) -> Api<Pod> {
    Api::namespaced_with(client, namespace, &ApiResource::erase::<k8s_openapi::api::core::v1::Pod>(&()))
}

/// The services of a namespace.
pub fn services(client: kube::Client, namespace: &str) -> Api<Service> {
    Api::namespaced_with(client, namespace, &ApiResource::erase::<k8s_openapi::api::core::v1::Service>(&()))
}
