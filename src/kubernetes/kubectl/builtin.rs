//! The resources that every cluster has, by the names that kubectl knows them by.
//!
//! Where names clash, kubectl takes what the API server lists first: the core group, then the other built-in groups,
//! whose priorities are far above those of custom resources.

/// A built-in resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// Its name in the plural.
    pub plural: &'static str,
    /// Whether its objects live in a namespace.
    pub namespaced: bool,
    singular: &'static str,
    short: &'static str,
}

/// Group, plural, singular, short names; a star before the plural of those that live in no namespace.
const TABLE: &str = "
- pods pod po
- services service svc
- configmaps configmap cm
- secrets secret
- serviceaccounts serviceaccount sa
- endpoints endpoints ep
- persistentvolumeclaims persistentvolumeclaim pvc
- replicationcontrollers replicationcontroller rc
- resourcequotas resourcequota quota
- limitranges limitrange limits
- podtemplates podtemplate
- *namespaces namespace ns
- *nodes node no
- *persistentvolumes persistentvolume pv
apps deployments deployment deploy
apps replicasets replicaset rs
apps daemonsets daemonset ds
apps statefulsets statefulset sts
apps controllerrevisions controllerrevision
batch jobs job
batch cronjobs cronjob cj
autoscaling horizontalpodautoscalers horizontalpodautoscaler hpa
networking.k8s.io ingresses ingress ing
networking.k8s.io networkpolicies networkpolicy netpol
networking.k8s.io *ingressclasses ingressclass
policy poddisruptionbudgets poddisruptionbudget pdb
rbac.authorization.k8s.io roles role
rbac.authorization.k8s.io rolebindings rolebinding
rbac.authorization.k8s.io *clusterroles clusterrole
rbac.authorization.k8s.io *clusterrolebindings clusterrolebinding
discovery.k8s.io endpointslices endpointslice
coordination.k8s.io leases lease
storage.k8s.io *storageclasses storageclass sc
scheduling.k8s.io *priorityclasses priorityclass pc
certificates.k8s.io *certificatesigningrequests certificatesigningrequest csr
apiextensions.k8s.io *customresourcedefinitions customresourcedefinition crd
";

impl Resource {
    /// The built-in resource that kubectl means by a name: plural, singular, short, or `plural.group`.
    ///
    /// `None` for all that is not certain, such as the name of a kind.
    pub fn named(name: &str) -> Option<Self> {
        let plain = name.split_once('.');
        all().find(|resource| match plain {
            Some((plural, group)) => resource.plural == plural && resource.group == group,
            None => !name.is_empty() && [resource.plural, resource.singular, resource.short].contains(&name),
        })
    }
}

fn all() -> impl Iterator<Item = Resource> {
    TABLE.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (group, plural, singular) = (words.next()?, words.next()?, words.next()?);
        Some(Resource {
            group: group.trim_start_matches('-'),
            plural: plural.trim_start_matches('*'),
            namespaced: !plural.starts_with('*'),
            singular,
            short: words.next().unwrap_or_default(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_found_by_the_names_that_are_certain() {
        let found = |name| Resource::named(name).map(|resource| (resource.group, resource.plural));
        for name in ["pods", "pod", "po"] {
            assert_eq!(found(name), Some(("", "pods")));
        }
        for name in ["deployments", "deployment", "deploy", "deployments.apps"] {
            assert_eq!(found(name), Some(("apps", "deployments")));
        }
        for name in ["", "Pod", "all", "widgets", "pods.metrics.k8s.io", "deploy.apps", "deployments.v1.apps", "-"] {
            assert_eq!(found(name), None, "{name}");
        }
        assert_eq!(Resource::named("no").map(|resource| resource.namespaced), Some(false));
        assert_eq!(all().count(), 36);
    }

    #[test]
    fn no_name_stands_for_two_resources() {
        for resource in all() {
            for name in [resource.plural, resource.singular, resource.short] {
                assert!(name.is_empty() || Resource::named(name) == Some(resource), "{name}");
            }
        }
    }
}
