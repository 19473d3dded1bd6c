//! What commands certainly ask for.

use super::super::CommandLine;
use super::*;

/// The needs of a line in words: alternatives with `or`, in the form `verb resource.group/subresource namespace name`.
fn needs(line: &str) -> Vec<String> {
    let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
    let line = CommandLine::parse(&args).unwrap_or_else(|refusal| panic!("{line}: {refusal}"));
    let text = |attributes: &Attributes| match attributes {
        Attributes::Path { verb, path } => format!("{verb} {path}"),
        Attributes::Resource { verb, group, resource, subresource, namespace, name } => {
            let group = if group.is_empty() { String::new() } else { format!(".{group}") };
            let subresource = if subresource.is_empty() { String::new() } else { format!("/{subresource}") };
            let place = namespace.as_deref().unwrap_or("*");
            format!("{verb} {resource}{group}{subresource} {place} {}", name.as_deref().unwrap_or_default())
                .trim_end()
                .to_owned()
        }
    };
    line.needs("home").iter().map(|need| need.any.iter().map(text).collect::<Vec<_>>().join(" or ")).collect()
}

#[test]
fn reading_asks_for_what_is_named() {
    for (line, expected) in [
        ("get pods", "list pods home"),
        ("get po -n a --namespace=b", "list pods b"),
        ("-n a get po", "list pods a"),
        ("get pods -n=", "list pods ="),
        ("get pods --namespace=", "list pods home"),
        ("get pods -A", "list pods *"),
        ("get pods -A=false", "list pods home"),
        ("get nodes", "list nodes *"),
        ("get deploy app", "get deployments.apps home app"),
        ("get deployments.apps app", "get deployments.apps home app"),
        ("get pods,svc", "list pods home or list services home"),
        ("get pod/a svc/b", "get pods home a or get services home b"),
        ("get pods a b", "get pods home a or get pods home b"),
        ("get ns x", "get namespaces * x or get namespaces x x"),
        ("get pods -w", "get pods home or list pods home or watch pods home"),
        ("describe secret x", "get secrets home x or list secrets home or watch secrets home"),
        (
            "events",
            "list events home or watch events home or list events.events.k8s.io home or watch events.events.k8s.io home",
        ),
        ("top pods -A", "get pods.metrics.k8s.io * or list pods.metrics.k8s.io *"),
        ("label pod x a=b", "get pods home x or list pods home or watch pods home"),
        ("cordon n1", "get nodes * n1 or list nodes *"),
    ] {
        assert_eq!(needs(line), [expected], "{line}");
    }
}

#[test]
fn changing_asks_for_both() {
    for (line, expected) in [
        ("logs web", vec!["get pods home web", "get pods/log home web"]),
        ("logs deploy/app -f", vec!["get deployments.apps home app"]),
        ("exec web -- sh", vec!["get pods home web", "create pods/exec home web"]),
        ("exec deploy/app -- sh", vec!["get deployments.apps home app", "create pods/exec home"]),
        ("attach web -it", vec!["get pods home web", "create pods/attach home web"]),
        ("run x --image=y", vec!["create pods home"]),
        ("create cm x", vec!["create configmaps home"]),
        ("create secret generic x", vec!["create secrets home"]),
        ("create ns x", vec!["create namespaces *"]),
        ("create quota x", vec!["create resourcequotas home"]),
        ("create token sa", vec!["create serviceaccounts/token home sa"]),
        ("create cm x --dry-run=server", vec!["create configmaps home"]),
        ("delete pod x", vec!["delete pods home x"]),
        ("delete pods --all", vec!["list pods home"]),
        ("patch pod x -p {}", vec!["get pods home x or list pods home", "patch pods home x"]),
        (
            "scale deploy x --replicas=1",
            vec![
                "get deployments.apps home x or list deployments.apps home or get deployments.apps/scale home x",
                "patch deployments.apps/scale home x or update deployments.apps/scale home x",
            ],
        ),
        (
            "debug web --image=x",
            vec![
                "get pods home web",
                "patch pods/ephemeralcontainers home web or update pods/ephemeralcontainers home web or create pods home web",
            ],
        ),
    ] {
        assert_eq!(needs(line), expected, "{line}");
    }
}

#[test]
fn nothing_is_certain_of_the_rest() {
    for line in [
        "get all",
        "get widgets",
        "get pods,widgets",
        "get widgets/x pod/y",
        "get Pod",
        "get pods.v1.",
        "get deployments.v1.apps",
        "get pods x --subresource=status",
        "get -f -",
        "get pods --help",
        "apply -f -",
        "create cm x --dry-run=client",
        "create cm x --dry-run",
        "create cm",
        "run x --image=y --overrides={}",
        "delete pod x -i",
        "delete pod x --dry-run=client",
        "label pod x a=b --local",
        "logs -l app=x",
        "logs",
        "exec -f - -- sh",
        "exec web sh",
        "exec widget/x -- sh",
        "cordon node/x",
        "auth can-i get pods",
        "api-resources",
        "version",
        "explain pods",
        "help get",
        "cluster-info",
    ] {
        assert_eq!(needs(line), [""; 0], "{line}");
    }
}

#[test]
fn a_raw_path_is_read_like_the_request_that_it_becomes() {
    for (line, method, path) in [
        ("get --raw /api/v1/namespaces/x/secrets?limit=1", "GET", "/api/v1/namespaces/x/secrets?limit=1"),
        ("delete --raw=/api/v1/namespaces/x/pods/y", "DELETE", "/api/v1/namespaces/x/pods/y"),
        ("create --raw=/api/v1/namespaces/x/pods -f -", "POST", "/api/v1/namespaces/x/pods"),
        ("replace --raw=/api/v1/namespaces/x/pods/y -f -", "PUT", "/api/v1/namespaces/x/pods/y"),
    ] {
        let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let target = Target::parse(path).expect("a target");
        let info = RequestInfo::of(method, &target).expect("a request");
        let expected: Vec<Need> =
            needed(&info, &target, None).into_iter().map(|attributes| Need { any: vec![attributes] }).collect();
        assert_eq!(CommandLine::parse(&args).expect("a command").needs("home"), expected, "{line}");
    }
}
