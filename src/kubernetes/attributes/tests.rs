//! What requests need beyond what they say.

use super::*;

/// What is needed, each as "verb resource.group/sub ns/name" with `-` for none.
fn needs(request: &str, content_type: Option<&str>) -> Vec<String> {
    let (method, raw) = request.split_once(' ').expect(request);
    let target = Target::parse(raw).expect(raw);
    let info = RequestInfo::resolve(method, target.path(), target.query()).expect(raw);
    let text = |attributes| match attributes {
        Attributes::Path { verb, path } => format!("{verb} {path}"),
        Attributes::Resource { verb, group, resource, subresource, namespace, name } => {
            let (namespace, name) = (namespace.unwrap_or("-".into()), name.unwrap_or("-".into()));
            format!("{verb} {resource}.{group}/{subresource} {namespace}/{name}")
        }
    };
    needed(&info, &target, content_type).into_iter().map(text).collect()
}

#[test]
fn most_requests_need_what_they_say() {
    for (request, need) in [
        ("GET /api/v1/pods", "list pods./ -/-"),
        ("GET /api/v1/namespaces/a/pods/p/log", "get pods./log a/p"),
        ("POST /apis/apps/v1/namespaces/a/deployments", "create deployments.apps/ a/-"),
        ("DELETE /api/v1/namespaces/a", "delete namespaces./ a/a"),
        ("DELETE /api/v1/namespaces/a/pods/", "deletecollection pods./ a/-"),
        ("GET /api/v1/nodes/n/proxy/run", "get nodes./proxy -/n"),
        ("GET /api/v1/watch/pods", "watch pods./ -/-"),
        ("GET /api/v1/pods?sendInitialEvents=true", "list pods./ -/-"),
        ("GET /version", "get /version"),
        ("OPTIONS /api/v1/pods", " pods./ -/-"),
    ] {
        assert_eq!(needs(request, None), [need], "{request}");
    }
}

#[test]
fn a_connection_into_a_pod_needs_create_whatever_its_method() {
    for subresource in ["exec", "attach", "portforward"] {
        let path = format!("/api/v1/namespaces/a/pods/p/{subresource}");
        let with = |verb: &str| vec![format!("{verb} pods./{subresource} a/p")];
        for method in ["GET", "HEAD", "POST"] {
            assert_eq!(needs(&format!("{method} {path}"), None), with("create"), "{method} {path}");
        }
        assert_eq!(needs(&format!("DELETE {path}"), None), with("delete"));
        assert_eq!(needs(&format!("PUT {path}"), None), with("update"));
    }
    assert_eq!(needs("GET /apis/x.io/v1/namespaces/a/pods/p/exec", None), ["get pods.x.io/exec a/p"]);
}

#[test]
fn a_write_that_may_create_needs_create() {
    let deployment = "/apis/apps/v1/namespaces/a/deployments/d";
    let patch = ["patch deployments.apps/ a/d"];
    let apply = ["patch deployments.apps/ a/d", "create deployments.apps/ a/d"];
    assert_eq!(
        needs(&format!("PUT {deployment}"), Some("application/json")),
        ["update deployments.apps/ a/d", "create deployments.apps/ a/d"]
    );
    for plain in [
        "application/merge-patch+json",
        "application/json-patch+json; charset=utf-8",
        "Application/Strategic-Merge-Patch+JSON",
    ] {
        assert_eq!(needs(&format!("PATCH {deployment}"), Some(plain)), patch, "{plain}");
    }
    for other in [
        "application/apply-patch+yaml",
        "application/apply-patch+cbor",
        "APPLICATION/Apply-Patch+YAML;charset=utf-8",
        " application/apply-patch+yaml",
        "application/json",
        "",
    ] {
        assert_eq!(needs(&format!("PATCH {deployment}"), Some(other)), apply, "{other}");
    }
    assert_eq!(needs(&format!("PATCH {deployment}"), None), apply);
}

#[test]
fn a_write_to_a_subresource_needs_no_create_but_for_services() {
    for (request, need) in [
        ("PUT /api/v1/namespaces/a/pods/p/status", "update pods./status a/p"),
        ("PUT /apis/apps/v1/namespaces/a/deployments/d/scale", "update deployments.apps/scale a/d"),
        ("PATCH /api/v1/namespaces/a/pods/p/ephemeralcontainers", "patch pods./ephemeralcontainers a/p"),
        ("PUT /apis/x.io/v1/namespaces/a/services/s/status", "update services.x.io/status a/s"),
    ] {
        assert_eq!(needs(request, Some("application/apply-patch+yaml")), [need], "{request}");
    }
    assert_eq!(
        needs("PUT /api/v1/namespaces/a/services/s/status", None),
        ["update services./status a/s", "create services./ a/s"]
    );
}

#[test]
fn a_watch_that_begins_with_the_list_needs_list() {
    let both = ["watch pods./ a/-", "list pods./ a/-"];
    for query in ["sendInitialEvents", "sendInitialEvents=", "sendInitialEvents=yes", "s%65ndInitialEvents=1&limit=x"] {
        assert_eq!(needs(&format!("GET /api/v1/namespaces/a/pods?watch=1&{query}"), None), both, "{query}");
    }
    assert_eq!(needs("GET /api/v1/watch/namespaces/a/pods?sendInitialEvents=1", None), both);
    for query in ["", "sendInitialEvents=0", "sendInitialEvents=False&sendInitialEvents=1", "sendinitialevents=1"] {
        assert_eq!(needs(&format!("GET /api/v1/namespaces/a/pods?watch=1&{query}"), None), both[..1], "{query}");
    }
}

#[test]
fn the_old_proxy_prefix_is_a_proxy() {
    assert_eq!(needs("GET /api/v1/proxy/nodes/n/run", None), ["proxy nodes./proxy -/n"]);
    assert_eq!(needs("POST /api/v1/proxy/namespaces/a/pods/p/exec", None), ["proxy pods./proxy a/p"]);
}

#[test]
fn discovery_is_read_only_and_exact() {
    for path in ["/api", "/api/", "/api/v1", "/apis", "/apis/apps/v1", "/openapi/v3", "/version", "/version/", "/livez"]
    {
        assert!(is_discovery("get", path) && is_discovery("head", path), "{path}");
        assert!(!is_discovery("post", path) && !is_discovery("", path) && !is_discovery("options", path), "{path}");
    }
    for path in
        ["/", "", "/API", "/apix", "/metrics", "/logs/", "/healthz/etcd", "/version/x", "/.well-known/x", "/openapiv2"]
    {
        assert!(!is_discovery("get", path), "{path}");
    }
}
