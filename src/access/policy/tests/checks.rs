//! What a permission may say, and the messages for what it may not.

use super::*;

fn check(clusters: &str, rule_text: &str) -> Result<(), String> {
    let Rule { namespaces, resources, verbs } = rule(rule_text);
    let clusters = clusters.split(',').map(str::to_owned).collect();
    check_permission(&Permission { clusters, namespaces, resources, verbs }).map_err(|invalid| invalid.to_string())
}

#[test]
fn what_can_have_an_effect_is_accepted() {
    let good = [
        "get,list,logs on pods,services in default,app-*",
        "* on * in *",
        "get,get on pods,pods in a,a",
        "get on pods/log,*/scale,*/*,pods/*,po* in *",
        "get on *.cert-manager.io,certificates.cert-manager.io,certificates.*.io,*.*,deployments.apps/scale in *",
        "exec,attach,port-forward,debug,evict on pods in *",
        "proxy on nodes,services in *",
        "proxy on targets.operator.x in *",
        "token on serviceaccounts in *",
        "logs on pods/log in *",
        "get,create on pods/log,pods/exec in *",
        "get,post,put,patch,delete,head,options on /metrics,/logs/*,/* in *",
        "get,list on pods,/metrics in *",
        "get on namespaces in app-*",
        "get on events.events.k8s.io,events in a",
        "get on /openapi/* in *",
    ];
    for text in good {
        assert_eq!(check("dev-*,staging", text), Ok(()), "{text}");
    }
}

#[test]
fn what_can_have_none_is_refused_with_what_to_write() {
    let bad = [
        ("", "get on pods in *", "clusters[0]: the text is empty"),
        ("Dev", "get on pods in *", "clusters[0]: \"Dev\" matches no cluster: their names have lower case letters"),
        ("a.b", "get on pods in *", "clusters[0]: "),
        ("-a", "get on pods in *", "clusters[0]: \"-a\" matches no cluster: their names have 1 to 63"),
        ("a,b_c", "get on pods in *", "clusters[1]: "),
        ("*", "get on pods in App", "namespaces[0]: \"App\" matches no namespace"),
        ("*", "get on pods in a,", "namespaces[1]: the text is empty"),
        ("*", "get on pods in **", "namespaces[0]: \"**\" has several \"*\" side by side: write one"),
        ("*", "get on pods in a?", "namespaces[0]: "),
        ("*", "get on Pods in *", "resources[0]: \"Pods\" matches no resource: write the plural in lower case"),
        ("*", "get on pods,pod in *", "resources[1]: \"pod\" is not built in: did you mean \"pods\"?"),
        ("*", "get on po in *", "resources[0]: \"po\" is not built in: did you mean \"pods\"?"),
        ("*", "get on deploy in *", "resources[0]: \"deploy\" is not built in: did you mean \"deployments\"?"),
        ("*", "get on ingress in *", "resources[0]: \"ingress\" is not built in: did you mean \"ingresses\"?"),
        (
            "*",
            "get on networkpolicy in *",
            "resources[0]: \"networkpolicy\" is not built in: did you mean \"networkpolicies\"?",
        ),
        (
            "*",
            "get on certificates in *",
            "resources[0]: \"certificates\" is not built in: A resource of another API group is written name.group, \
             such as \"certificates.example.com\"",
        ),
        ("*", "get on issuer* in *", "resources[0]: \"issuer*\" is not built in"),
        ("*", "get on deployments.v1.apps in *", "resources[0]: \"deployments.v1.apps\" has a version"),
        ("*", "get on pods/log/x in *", "resources[0]: "),
        ("*", "get on pods/ in *", "resources[0]: "),
        ("*", "get on .apps in *", "resources[0]: "),
        ("*", "get on pods. in *", "resources[0]: "),
        (
            "*",
            "get on pods/logs in *",
            "resources[0]: no built-in resource has a subresource \"logs\": did you mean \"log\"?",
        ),
        ("*", "get on * *.x in *", "resources[0]: "),
        ("*", "get on /a//b in *", "resources[0]: "),
        ("*", "get on /a/../b in *", "resources[0]: "),
        ("*", "get on /a%2fb in *", "resources[0]: "),
        ("*", "get on /api/v1/pods in *", "resources[0]: \"/api/v1/pods\" is the path of a resource"),
        ("*", "get,log on pods in *", "verbs[1]: \"log\" is not a verb: write \"logs\""),
        ("*", "portforward on pods in *", "verbs[0]: \"portforward\" is not a verb: write \"port-forward\""),
        ("*", "read on pods in *", "verbs[0]: \"read\" is not a verb: write \"get\", \"list\" and \"watch\""),
        (
            "*",
            "gett on pods in *",
            "verbs[0]: \"gett\" is not a verb: did you mean \"get\"? Known are get, list, watch",
        ),
        ("*", "GET on pods in *", "verbs[0]: \"GET\" is not a verb: did you mean \"get\"?"),
        ("*", "frobnicate on pods in *", "verbs[0]: \"frobnicate\" is not a verb: Known are get, list, watch"),
        ("*", "get* on pods in *", "verbs[0]: \"get*\" is a pattern: write each verb"),
        ("*", "bind on clusterroles in *", "verbs[0]: \"bind\" is not a verb: no request has it"),
        ("*", "impersonate on serviceaccounts in *", "verbs[0]: \"impersonate\" is not a verb: no request has it"),
        ("*", "get,logs on services in *", "verbs[1]: \"logs\" has no effect on these resources: it is for \"pods\""),
        (
            "*",
            "get,token on pods in *",
            "verbs[1]: \"token\" has no effect on these resources: it is for \"serviceaccounts\"",
        ),
        (
            "*",
            "proxy on configmaps in *",
            "verbs[0]: \"proxy\" has no effect on these resources: it is for \"pods\", \"services\"",
        ),
        ("*", "get,post on pods in *", "verbs[1]: \"post\" has no effect on these resources: it is for paths"),
        ("*", "list on /metrics in *", "verbs[0]: \"list\" has no effect on these resources"),
        ("*", "get on pods/exec in *", "verbs[0]: \"get\" has no effect on these resources"),
        (
            "*",
            "get on pods,pods/exec in *",
            "resources[1]: none of these verbs has an effect on \"pods/exec\": add \"create\" or \"exec\"",
        ),
        ("*", "list on pods,/metrics in *", "resources[1]: none of these verbs has an effect on \"/metrics\""),
        ("*", "get on nodes in app", "resources[0]: \"nodes\" is in no namespace: write a permission of its own"),
        ("*", "get on pods,clusterroles in app-*", "resources[1]: \"clusterroles\" is in no namespace"),
        ("*", "get on storageclasses.storage.k8s.io in app-*", "resources[0]: "),
        ("*", "get on /metrics in app-*", "resources[0]: \"/metrics\" is in no namespace"),
    ];
    for (clusters, text, expected) in bad {
        let problem = check(clusters, text).expect_err(text);
        assert!(problem.starts_with(expected), "{text}: {problem}");
    }
}

#[test]
fn lists_have_bounds() {
    let good = Permission {
        clusters: vec!["*".into()],
        namespaces: vec!["*".into()],
        resources: vec!["pods".into()],
        verbs: vec!["get".into()],
    };
    type List = fn(&mut Permission) -> &mut Vec<String>;
    let lists: [(&str, List, usize); 4] = [
        ("clusters", |p| &mut p.clusters, 253),
        ("namespaces", |p| &mut p.namespaces, 253),
        ("resources", |p| &mut p.resources, 512),
        ("verbs", |p| &mut p.verbs, 253),
    ];
    for (place, list, longest) in lists {
        let with = |entries: Vec<String>| {
            let mut permission = good.clone();
            *list(&mut permission) = entries;
            check_permission(&permission).map_err(|invalid| invalid.to_string())
        };
        let one = list(&mut good.clone())[0].clone();
        assert_eq!(with(vec![one.clone(); 256]), Ok(()));
        assert_eq!(with(vec![one.clone(); 257]), Err(format!("{place}: 257 entries are more than 256")));
        assert!(with(vec![]).expect_err("empty").starts_with(&format!("{place}: the list is empty")));
        let long = "a*".repeat(longest);
        let expected = format!("{place}[1]: {} characters are more than {longest}", longest * 2);
        assert_eq!(with(vec![one, long]), Err(expected));
    }
}
