//! The resources of Kubernetes 1.36 itself: what a bare name in a permission can mean.

/// A resource that every API server has.
#[derive(Debug, PartialEq, Eq)]
pub struct BuiltIn {
    /// Its name in the plural.
    pub name: &'static str,
    /// Its API group; empty for the core group.
    pub group: &'static str,
    /// Whether its objects are in namespaces.
    pub namespaced: bool,
    /// kubectl's short name; empty without one.
    pub short: &'static str,
}

/// The built-in resource with this name.
pub fn built_in(name: &str) -> Option<&'static BuiltIn> {
    BUILT_IN.binary_search_by(|known| known.name.cmp(name)).ok().map(|at| &BUILT_IN[at])
}

impl BuiltIn {
    /// Where its objects are listed; all API groups of Kubernetes itself have a version 1.
    pub fn list_path(&self, namespace: &str) -> String {
        list_path(self.group, "v1", self.name, self.namespaced.then_some(namespace))
    }
}

/// Where the objects of a resource are listed, in a namespace if it has any.
pub fn list_path(group: &str, version: &str, plural: &str, namespace: Option<&str>) -> String {
    let root = if group.is_empty() { "/api".to_owned() } else { format!("/apis/{group}") };
    match namespace {
        Some(namespace) => format!("{root}/{version}/namespaces/{namespace}/{plural}"),
        None => format!("{root}/{version}/{plural}"),
    }
}

/// All of them, in the order of their names, as `kubectl api-resources` shows them. Events are those of the core group,
/// which kubectl reads; the same objects are in `events.events.k8s.io`, which a permission writes out.
pub const BUILT_IN: [BuiltIn; 66] = [
    cluster_wide("apiservices", "apiregistration.k8s.io", ""),
    namespaced("bindings", "", ""),
    cluster_wide("certificatesigningrequests", "certificates.k8s.io", "csr"),
    cluster_wide("clusterrolebindings", "rbac.authorization.k8s.io", ""),
    cluster_wide("clusterroles", "rbac.authorization.k8s.io", ""),
    cluster_wide("componentstatuses", "", "cs"),
    namespaced("configmaps", "", "cm"),
    namespaced("controllerrevisions", "apps", ""),
    namespaced("cronjobs", "batch", "cj"),
    cluster_wide("csidrivers", "storage.k8s.io", ""),
    cluster_wide("csinodes", "storage.k8s.io", ""),
    namespaced("csistoragecapacities", "storage.k8s.io", ""),
    cluster_wide("customresourcedefinitions", "apiextensions.k8s.io", "crd"),
    namespaced("daemonsets", "apps", "ds"),
    namespaced("deployments", "apps", "deploy"),
    cluster_wide("deviceclasses", "resource.k8s.io", ""),
    namespaced("endpoints", "", "ep"),
    namespaced("endpointslices", "discovery.k8s.io", ""),
    namespaced("events", "", "ev"),
    cluster_wide("flowschemas", "flowcontrol.apiserver.k8s.io", ""),
    namespaced("horizontalpodautoscalers", "autoscaling", "hpa"),
    cluster_wide("ingressclasses", "networking.k8s.io", ""),
    namespaced("ingresses", "networking.k8s.io", "ing"),
    cluster_wide("ipaddresses", "networking.k8s.io", "ip"),
    namespaced("jobs", "batch", ""),
    namespaced("leases", "coordination.k8s.io", ""),
    namespaced("limitranges", "", "limits"),
    namespaced("localsubjectaccessreviews", "authorization.k8s.io", ""),
    cluster_wide("mutatingadmissionpolicies", "admissionregistration.k8s.io", ""),
    cluster_wide("mutatingadmissionpolicybindings", "admissionregistration.k8s.io", ""),
    cluster_wide("mutatingwebhookconfigurations", "admissionregistration.k8s.io", ""),
    cluster_wide("namespaces", "", "ns"),
    namespaced("networkpolicies", "networking.k8s.io", "netpol"),
    cluster_wide("nodes", "", "no"),
    namespaced("persistentvolumeclaims", "", "pvc"),
    cluster_wide("persistentvolumes", "", "pv"),
    namespaced("poddisruptionbudgets", "policy", "pdb"),
    namespaced("pods", "", "po"),
    namespaced("podtemplates", "", ""),
    cluster_wide("priorityclasses", "scheduling.k8s.io", "pc"),
    cluster_wide("prioritylevelconfigurations", "flowcontrol.apiserver.k8s.io", ""),
    namespaced("replicasets", "apps", "rs"),
    namespaced("replicationcontrollers", "", "rc"),
    namespaced("resourceclaims", "resource.k8s.io", ""),
    namespaced("resourceclaimtemplates", "resource.k8s.io", ""),
    namespaced("resourcequotas", "", "quota"),
    cluster_wide("resourceslices", "resource.k8s.io", ""),
    namespaced("rolebindings", "rbac.authorization.k8s.io", ""),
    namespaced("roles", "rbac.authorization.k8s.io", ""),
    cluster_wide("runtimeclasses", "node.k8s.io", ""),
    namespaced("secrets", "", ""),
    cluster_wide("selfsubjectaccessreviews", "authorization.k8s.io", ""),
    cluster_wide("selfsubjectreviews", "authentication.k8s.io", ""),
    cluster_wide("selfsubjectrulesreviews", "authorization.k8s.io", ""),
    namespaced("serviceaccounts", "", "sa"),
    cluster_wide("servicecidrs", "networking.k8s.io", ""),
    namespaced("services", "", "svc"),
    namespaced("statefulsets", "apps", "sts"),
    cluster_wide("storageclasses", "storage.k8s.io", "sc"),
    cluster_wide("subjectaccessreviews", "authorization.k8s.io", ""),
    cluster_wide("tokenreviews", "authentication.k8s.io", ""),
    cluster_wide("validatingadmissionpolicies", "admissionregistration.k8s.io", ""),
    cluster_wide("validatingadmissionpolicybindings", "admissionregistration.k8s.io", ""),
    cluster_wide("validatingwebhookconfigurations", "admissionregistration.k8s.io", ""),
    cluster_wide("volumeattachments", "storage.k8s.io", ""),
    cluster_wide("volumeattributesclasses", "storage.k8s.io", "vac"),
];

const fn namespaced(name: &'static str, group: &'static str, short: &'static str) -> BuiltIn {
    BuiltIn { name, group, namespaced: true, short }
}

const fn cluster_wide(name: &'static str, group: &'static str, short: &'static str) -> BuiltIn {
    BuiltIn { name, group, namespaced: false, short }
}

/// The subresources of the built-in resources.
pub const SUBRESOURCES: [&str; 14] = [
    "approval",
    "attach",
    "binding",
    "ephemeralcontainers",
    "eviction",
    "exec",
    "finalize",
    "log",
    "portforward",
    "proxy",
    "resize",
    "scale",
    "status",
    "token",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_finds_everything() {
        assert!(BUILT_IN.windows(2).all(|pair| pair[0].name < pair[1].name));
        for known in &BUILT_IN {
            assert_eq!(built_in(known.name), Some(known));
        }
        assert_eq!(built_in("deployments").map(|known| known.group), Some("apps"));
        assert_eq!(built_in("events").map(|known| known.group), Some(""));
        assert_eq!(built_in("pod"), None);
        assert_eq!(built_in(""), None);
    }
}
