//! kubectl's words, and the words of refusals.

use super::*;

#[test]
fn a_word_of_kubectl_means_its_verb_on_its_subresource() {
    let lines = [
        ("logs", "pods", "get pods/log"),
        ("exec", "pods", "create pods/exec"),
        ("attach", "pods", "create pods/attach"),
        ("port-forward", "pods", "create pods/portforward"),
        ("debug", "pods", "patch pods/ephemeralcontainers"),
        ("evict", "pods", "create pods/eviction"),
        ("token", "serviceaccounts", "create serviceaccounts/token"),
        ("proxy", "pods", "get pods/proxy"),
        ("proxy", "services", "delete services/proxy"),
        ("proxy", "nodes", "proxy nodes"),
    ];
    for (word, resource, meaning) in lines {
        let asked = format!("{meaning} -n a/x");
        for resources in [resource, "*", &format!("{}*", &resource[..2]), "x.example.com,*"] {
            let policy = policy(&[&format!("{word} on {resources} in a")], &[]);
            assert!(allows(&policy, &asked), "{word} on {resources}: {asked}");
            assert!(!allows(&policy, &format!("get {resource} -n a/x")));
            assert!(!allows(&policy, &format!("{meaning} -n b/x")));
            for (other, _, meaning) in lines {
                let same = other == word;
                assert!(same || !allows(&policy, &format!("{meaning} -n a/x")), "{word} gives {other}");
            }
        }
        let written = meaning.split(' ').nth(1).expect("a resource");
        let verb = meaning.split(' ').next().expect("a verb");
        if written.contains('/') {
            assert!(allows(&policy(&[&format!("{verb} on {written} in a")], &[]), &asked), "{meaning}");
            assert!(allows(&policy(&[&format!("{word} on {written} in a")], &[]), &asked), "{word} on {written}");
        }
        assert!(!allows(&policy(&[&format!("{word} on configmaps in a")], &[]), &asked));
        assert!(!allows(&policy(&["* on * in a"], &[&format!("{word} on {resource} in a")]), &asked));
    }
    let debug = policy(&["get,create,update,debug,exec,logs on pods in a"], &[]);
    table(
        &debug,
        &[
            ("update pods/ephemeralcontainers -n a/x", false),
            ("get pods/exec -n a/x", false),
            ("create pods/log -n a/x", false),
            ("create pods.metrics.k8s.io/exec -n a/x", false),
        ],
    );
}

#[test]
fn the_star_verb_is_every_word_on_the_named_resource() {
    let policy = policy(&["* on pods in a"], &[]);
    table(
        &policy,
        &[
            ("get pods -n a/x", true),
            ("get pods/log -n a/x", true),
            ("create pods/exec -n a/x", true),
            ("get pods/proxy -n a/x", true),
            ("get pods/status -n a/x", false),
            ("create serviceaccounts/token -n a/x", false),
            ("get nodes/proxy -n /x", false),
            ("get pods", false),
        ],
    );
}

#[test]
fn refusals_say_what_is_missing() {
    let roles = vec![
        role("developer", &["get on pods in a"], &[]),
        role("viewer", &["get on pods in *"], &["get on secrets in *"]),
    ];
    let two = Policy::compile(ClusterRules { roles }, None);
    let one = Policy::compile(ClusterRules { roles: vec![role("admin", &["* on * in *"], &[])] }, Some("mk8s"));
    let lines = [
        (
            &two,
            "list secrets -n kube-system",
            "none of the roles developer, viewer permits \"list\" on secrets in the namespace \"kube-system\"; \
             missing: verbs [\"list\"], resources [\"secrets\"], namespaces [\"kube-system\"]",
        ),
        (&two, "get secrets -n app/x", "the role viewer denies \"get\" on secrets in the namespace \"app\""),
        (
            &two,
            "list pods",
            "none of the roles developer, viewer permits \"list\" on pods across all namespaces (a permission for that \
             has the namespace \"*\"); missing: verbs [\"list\"], resources [\"pods\"], namespaces [\"*\"]",
        ),
        (
            &two,
            "get pods/log -n app-2/x",
            "none of the roles developer, viewer permits \"logs\" on pods in the namespace \"app-2\"; \
             missing: verbs [\"logs\"], resources [\"pods\"], namespaces [\"app-2\"]",
        ),
        (
            &two,
            "delete nodes -n /n",
            "none of the roles developer, viewer permits \"delete\" on nodes in the whole cluster (a permission for \
             that has the namespace \"*\"); missing: verbs [\"delete\"], resources [\"nodes\"], namespaces [\"*\"]",
        ),
        (
            &two,
            "list certificates.cert-manager.io/status",
            "none of the roles developer, viewer permits \"list\" on certificates.cert-manager.io/status outside of a \
             single namespace (a permission for that has the namespace \"*\"); missing: verbs [\"list\"], \
             resources [\"certificates.cert-manager.io/status\"], namespaces [\"*\"]",
        ),
        (
            &two,
            "get /metrics",
            "none of the roles developer, viewer permits \"get\" on /metrics (a permission for that has the namespace \
             \"*\"); missing: verbs [\"get\"], resources [\"/metrics\"], namespaces [\"*\"]",
        ),
        (
            &one,
            "get pods -n mk8s/x",
            "the namespace \"mk8s\" is the agent's own, and no permission covers \"get\" on pods in the namespace \
             \"mk8s\" that names it without a \"*\"; missing: verbs [\"get\"], resources [\"pods\"], \
             namespaces [\"mk8s\"]",
        ),
        (&one, "trace /metrics", "the verb \"trace\" is not known here"),
        (&Policy::default(), "get pods -n a", "no role permits anything in this cluster"),
    ];
    for (policy, asked, expected) in lines {
        assert_eq!(why(policy, asked), expected, "{asked}");
    }
    let single = policy(&["get on pods in a"], &[]);
    assert!(why(&single, "get pods -n b").starts_with("the role r does not permit \"get\" on pods"));
    let long = why(&single, &format!("get {} -n b", "x\u{7}".repeat(10_000)));
    assert!(long.len() < 2_000 && !long.contains('\u{7}'), "{long}");
}

/// What a refusal says is missing can be written into a role, and then the request is allowed.
#[test]
fn what_is_missing_helps() {
    let asked = [
        "get pods -n a/x",
        "list pods",
        "get pods/log -n a/x",
        "create pods/exec -n a/x",
        "create serviceaccounts/token -n a/x",
        "get nodes/proxy -n /x",
        "proxy nodes -n /x",
        "get deployments/scale -n a/x",
        "list secrets -n mk8s",
        "get /metrics",
        "update pods/ephemeralcontainers -n a/x",
        "get certificates.cert-manager.io/status -n a/x",
        "delete nodes -n /x",
        "get events.events.k8s.io -n a/x",
        "delete namespaces -n a/a",
    ];
    for asked in asked {
        let why = why(&policy(&["get on bindings in z"], &[]), asked);
        let (_, missing) = why.split_once("missing: ").expect("what is missing");
        let lists: Vec<&str> = missing.split('"').skip(1).step_by(2).collect();
        let [verb, resource, namespace] = lists.as_slice() else { panic!("{missing}") };
        let text = |text: &str| vec![text.to_owned()];
        let permission = Permission {
            clusters: text("*"),
            namespaces: text(namespace),
            resources: text(resource),
            verbs: text(verb),
        };
        check_permission(&permission).unwrap_or_else(|invalid| panic!("{asked}: {invalid}"));
        let granted = policy(&[&format!("{verb} on {resource} in {namespace}")], &[]);
        assert!(allows(&granted, asked), "{asked}: {missing}");
    }
}
