//! What permissions cover.

use super::*;

#[test]
fn without_a_permission_nothing_is_allowed() {
    for policy in [Policy::default(), policy(&[], &[]), policy(&[], &["get on pods in *"])] {
        assert!(!policy.allows_anything());
        table(&policy, &[("get pods -n a", false), ("get /version", false), ("get /api", false)]);
        assert!(matches!(policy.decide_all(&[]), Decision::Denied { .. }));
    }
    assert!(matches!(policy(&["* on * in *"], &[]).decide_all(&[]), Decision::Denied { .. }));
}

#[test]
fn all_of_a_request_must_be_allowed() {
    let policy = policy(&["get,update on pods in *"], &[]);
    let all = |texts: &[&str]| {
        let attributes: Vec<_> = texts.iter().map(|text| ask(text)).collect();
        matches!(policy.decide_all(&attributes), Decision::Allowed { .. })
    };
    assert!(all(&["get pods -n a", "update pods -n a"]));
    assert!(!all(&["update pods -n a", "create pods -n a"]));
    assert!(!all(&["create pods -n a", "update pods -n a"]));
}

#[test]
fn the_role_that_permits_is_named() {
    let roles = vec![role("one", &["get on pods in a"], &[]), role("two", &["get on pods in b"], &[])];
    let policy = Policy::compile(ClusterRules { roles }, None);
    let two = Decision::Allowed { role: Some("two".parse().expect("a role")) };
    assert_eq!(policy.decide(&ask("get pods -n b")), two);
    assert_eq!(policy.decide(&ask("get /version")), Decision::Allowed { role: None });
}

/// The rule about `exec`, `attach`, `portforward`, `ephemeralcontainers`, `proxy` and `token`.
#[test]
fn what_has_to_be_said() {
    let asked = [
        "create pods/exec -n a/x",
        "create pods/attach -n a/x",
        "create pods/portforward -n a/x",
        "patch pods/ephemeralcontainers -n a/x",
        "create serviceaccounts/token -n a/x",
        "get pods/proxy -n a/x",
        "create services/proxy -n a/x",
        "get nodes/proxy -n /x",
        "proxy nodes -n /x",
        "proxy targets.operator.x -n a/x",
        "create virtualmachines.kubevirt.io/portforward -n a/x",
    ];
    let all_verbs = "get,list,watch,create,update,patch,delete,deletecollection";
    for resources in ["*", "*.*", "*/*", "*.*/*", "pods", "pods/*", "nodes", "nodes/*", "p*,s*,n*", "pods/e*", "*/p*"] {
        let policy = policy(&[&format!("{all_verbs} on {resources} in *")], &[]);
        for asked in asked {
            assert!(!allows(&policy, asked), "{resources}: {asked}");
        }
    }
    let written = [
        "exec,attach,port-forward,debug,proxy,token on * in *",
        "* on pods,serviceaccounts,services,nodes,targets.operator.x in *",
        "create,patch,get,proxy on pods/exec,pods/attach,pods/portforward,pods/ephemeralcontainers,*/token,*/proxy \
         in *",
        "create,patch,get,proxy on */exec,*/attach,*/portforward,*/ephemeralcontainers,*/token,*/proxy in *",
        "* on * in *",
    ];
    for permission in written {
        let policy = policy(&[permission], &[]);
        for asked in &asked[..10] {
            assert!(allows(&policy, asked), "{permission}: {asked}");
        }
    }
}

#[test]
fn subresources_that_only_a_written_name_includes() {
    let wide = policy(&["get,create on * in *"], &[]);
    table(
        &wide,
        &[
            ("get pods -n a", true),
            ("get pods/log -n a/x", true),
            ("get pods/status -n a/x", true),
            ("get deployments/scale -n a/x", true),
            ("create pods/eviction -n a/x", true),
            ("get certificates.cert-manager.io/status -n a/x", true),
            ("get virtualmachines.subresources.kubevirt.io/console -n a/x", false),
            ("get virtualmachines.subresources.kubevirt.io/vnc -n a/x", false),
        ],
    );
    let written = policy(&["get on virtualmachines.subresources.kubevirt.io/* in *"], &[]);
    table(
        &written,
        &[
            ("get virtualmachines.subresources.kubevirt.io/console -n a/x", true),
            ("get virtualmachines.subresources.kubevirt.io/portforward -n a/x", false),
            ("get virtualmachines.subresources.kubevirt.io -n a/x", false),
        ],
    );
}

#[test]
fn a_get_of_pods_implies_nothing_else() {
    let policy = policy(&["get on pods in *"], &[]);
    table(
        &policy,
        &[
            ("get pods -n a/x", true),
            ("get pods", true),
            ("list pods -n a", false),
            ("watch pods -n a", false),
            ("get pods/log -n a/x", false),
            ("get pods/status -n a/x", false),
            ("get pods/exec -n a/x", false),
            ("create pods/exec -n a/x", false),
            ("get pods/proxy -n a/x", false),
            ("get Pods -n a/x", false),
            ("get pod -n a/x", false),
            ("get pods.metrics.k8s.io -n a/x", false),
            ("get pods.example.com -n a/x", false),
            ("get podtemplates -n a/x", false),
            ("Get pods -n a/x", false),
            ("* pods -n a/x", false),
            ("logs pods -n a/x", false),
            (" pods -n a/x", false),
        ],
    );
}

#[test]
fn resources_and_groups() {
    let policy = policy(
        &["get on deployments,*.apps.example.com,certificates.cert-manager.io,acme.*.io,*/scale,po*,jobs.batch in *"],
        &[],
    );
    table(
        &policy,
        &[
            ("get deployments.apps -n a", true),
            ("get deployments.extensions -n a", false),
            ("get deployments.apps/status -n a", false),
            ("get deployments.apps/scale -n a", true),
            ("get widgets.apps.example.com -n a", true),
            ("get widgets.apps.example.com/status -n a", true),
            ("get widgets.more.apps.example.com -n a", false),
            ("get certificates.cert-manager.io -n a", true),
            ("get certificates.cert-manager.io/status -n a", false),
            ("get certificates.evil.io -n a", false),
            ("get certificates. -n a", false),
            ("get acme.cert.io -n a", true),
            ("get acme.other.com -n a", false),
            ("get statefulsets/scale -n a", true),
            ("get anything.example.com/scale -n a", true),
            ("get statefulsets -n a", false),
            ("get pods -n a", true),
            ("get podtemplates -n a", true),
            ("get poddisruptionbudgets -n a", true),
            ("get pods/log -n a", false),
            ("get pods.metrics.k8s.io -n a", false),
            ("get jobs -n a", true),
            ("get cronjobs -n a", false),
        ],
    );
    let events = super::policy(&["get on events in *"], &[]);
    table(&events, &[("get events -n a", true), ("get events.events.k8s.io -n a", false)]);
}
