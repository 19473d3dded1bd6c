//! The roles that come with the product.

use super::*;
use crate::access::built_in_roles;

fn built_in(name: &str, closed: Option<&str>) -> Policy {
    let roles = built_in_roles();
    let role = roles.iter().filter(|role| role.name.as_str() == name);
    Policy::compile(rules_for(role, &"dev".parse().expect("a name")), closed)
}

#[test]
fn built_in_roles_say_what_they_promise() {
    let roles = built_in_roles();
    assert_eq!(roles.iter().map(|role| role.name.as_str()).collect::<Vec<_>>(), ["admin", "developer", "viewer"]);
    for role in &roles {
        assert!(role.built_in);
        for permission in role.permissions.iter().chain(&role.deny) {
            check_permission(permission).unwrap_or_else(|invalid| panic!("{}: {invalid}", role.name));
        }
    }
    let lines = [
        // asked, admin, developer, viewer
        ("get pods -n a/x", true, true, true),
        ("list pods", true, true, true),
        ("get pods/log -n a/x", true, true, true),
        ("create pods/exec -n a/x", true, true, false),
        ("create pods/attach -n a/x", true, true, false),
        ("create pods/portforward -n a/x", true, true, false),
        ("patch pods/ephemeralcontainers -n a/x", true, true, false),
        ("create pods/eviction -n a/x", true, true, false),
        ("get pods/proxy -n a/x", true, false, false),
        ("get nodes/proxy -n /x", true, false, false),
        ("proxy nodes -n /x", true, false, false),
        ("create serviceaccounts/token -n a/x", true, false, false),
        ("create deployments -n a", true, true, false),
        ("patch deployments/scale -n a/x", true, true, false),
        ("delete pods -n a/x", true, true, false),
        ("get secrets -n a/x", true, true, false),
        ("list secrets -n a", true, true, false),
        ("list secrets -n /x", true, true, false),
        ("watch secrets", true, true, false),
        ("get secrets/status -n a/x", true, false, false),
        ("get secrets.example.com -n a/x", true, false, false),
        ("proxy secrets -n a/x", true, false, false),
        ("get configmaps -n a/x", true, true, true),
        ("list events", true, true, true),
        ("list events.events.k8s.io", true, true, true),
        ("get nodes -n /x", true, true, true),
        ("list namespaces", true, true, true),
        ("create namespaces", true, false, false),
        ("delete namespaces -n a/a", true, false, false),
        ("patch nodes -n /x", true, false, false),
        ("list persistentvolumes", true, false, true),
        ("list clusterroles", true, false, true),
        ("get roles -n a/x", true, false, true),
        ("create rolebindings -n a", true, false, false),
        ("get certificates.cert-manager.io -n a/x", true, false, true),
        ("list customresourcedefinitions", true, false, true),
        ("get pods.metrics.k8s.io -n a/x", true, true, true),
        ("get /metrics", true, false, false),
        ("get /logs/", true, false, false),
        ("get /version", true, true, true),
        ("create selfsubjectaccessreviews", true, true, true),
    ];
    for (asked, admin, developer, viewer) in lines {
        for (name, expected) in [("admin", admin), ("developer", developer), ("viewer", viewer)] {
            assert_eq!(allows(&built_in(name, None), asked), expected, "{name}: {asked}");
        }
    }
    for name in ["admin", "developer", "viewer"] {
        let policy = built_in(name, Some("mk8s"));
        table(&policy, &[("get pods -n mk8s/x", false), ("list secrets", false), ("list pods -n a", true)]);
    }
}
