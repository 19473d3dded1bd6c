//! The golden vectors: requests whose meaning is easily mistaken.

use super::*;

/// "verb resource.group/version sub ns=… name=…", or "path verb …", or "error".
fn shown(method: &str, raw: &str) -> String {
    let (path, query) = raw.split_once('?').unwrap_or((raw, ""));
    let path = String::from_utf8(super::super::query::unescape(path, false).expect(raw)).expect(raw);
    match RequestInfo::resolve(method, &path, query) {
        Err(_) => "error".into(),
        Ok(RequestInfo::Path { verb, path }) => format!("path {verb} {path}"),
        Ok(RequestInfo::Resource(i)) => {
            let mut text = format!("{} {}", i.verb, i.resource);
            for (mark, value) in [("/", &i.subresource), (" ns=", &i.namespace), (" name=", &i.name)] {
                if !value.is_empty() {
                    text += mark;
                    text += value;
                }
            }
            text
        }
    }
}

#[test]
fn requests_mean_what_they_mean_to_the_api_server() {
    for (request, meaning) in [
        ("GET /api/v1/namespaces//pods", "list pods"),
        ("GET /api/v1/namespaces/pods", "get namespaces ns=pods name=pods"),
        ("GET /api/v1/namespaces/a%2Fpods", "list pods ns=a"),
        ("GET /api/v1/namespaces/a/pods/x%2Fexec", "get pods/exec ns=a name=x"),
        ("GET /api/v1/namespaces/a/pods/", "list pods ns=a"),
        ("DELETE /api/v1/namespaces/a/pods/", "deletecollection pods ns=a"),
        ("GET /api/v1//namespaces/a/pods", "get /a name=namespaces"),
        ("GET //api/v1/namespaces/a/pods", "list pods ns=a"),
        ("GET /api/v1/namespaces/a/../kube-system/secrets", "get ../secrets ns=a name=kube-system"),
        ("GET /API/v1/pods", "path get /API/v1/pods"),
        ("GET /api/v1/Pods", "list Pods"),
        ("GET /api/v1/namespaces/a/status", "get namespaces/status ns=a name=a"),
        ("PUT /api/v1/namespaces/a/finalize", "update namespaces/finalize ns=a name=a"),
        ("GET /api/v1/watch", "error"),
        ("GET /api/v1/watch/", "error"),
        ("GET /api/v1/proxy", "error"),
        ("GET /api/v1/watch/namespaces/a/pods/x", "watch pods ns=a name=x"),
        ("POST /api/v1/watch/pods", "watch pods"),
        ("DELETE /api/v1/watch/pods", "watch pods"),
        ("GET /apis/operator.x/v1/proxy/namespaces/d/targets/t", "proxy targets ns=d name=t"),
        ("GET /api/v1/proxy/nodes/n/metrics", "proxy nodes name=n"),
        ("GET /api/v1/nodes/n1/proxy/exec/ns/p/c", "get nodes/proxy name=n1"),
        ("GET /api/v1/namespaces/a/services/https:s:443/proxy/x", "get services/proxy ns=a name=https:s:443"),
        ("OPTIONS /api/v1/namespaces/a/services/s/proxy", " services/proxy ns=a name=s"),
        ("FOO /api/v1/pods", " pods"),
        ("get /api/v1/pods", " pods"),
        ("HEAD /api/v1/pods", "list pods"),
        ("HEAD /api/v1/namespaces/a/pods/x", "get pods ns=a name=x"),
        ("GET /api/v1/pods?watch", "watch pods"),
        ("GET /api/v1/pods?watch=", "watch pods"),
        ("GET /api/v1/pods?watch=1", "watch pods"),
        ("GET /api/v1/pods?watch=FALSE", "list pods"),
        ("GET /api/v1/pods?watch=0", "list pods"),
        ("GET /api/v1/pods?Watch=true", "list pods"),
        ("GET /api/v1/pods?watch=false&watch=true", "list pods"),
        ("GET /api/v1/pods?watch=true;x=1", "list pods"),
        ("GET /api/v1/pods?watch=%zz", "list pods"),
        ("GET /api/v1/pods?w%61tch=1", "watch pods"),
        ("GET /api/v1/pods?watch=1&limit=abc", "watch pods"),
        ("GET /api/v1/pods?watch=fal%C5%BFe", "list pods"),
        ("GET /api/v1/pods?watch=fal%C5%BFe&limit=", "watch pods"),
        ("GET /api/v1/namespaces/a/pods/x?watch=true", "get pods ns=a name=x"),
        ("GET /api/v1/pods?fieldSelector=metadata.name%3Db,metadata.name%3Da", "list pods name=a"),
        ("GET /apis/apps/v1", "path get /apis/apps/v1"),
        ("GET /apis/apps", "path get /apis/apps"),
        ("GET /api/v1", "path get /api/v1"),
        ("GET /openapi/v2", "path get /openapi/v2"),
        ("GET /", "path get /"),
        ("GET /apis/apps/v1/namespaces/a/deployments/d/scale", "get deployments/scale ns=a name=d"),
    ] {
        let (method, raw) = request.split_once(' ').expect(request);
        assert_eq!(shown(method, raw), meaning, "{request}");
    }
}

#[test]
fn a_field_selector_may_name_the_object() {
    for (selector, name) in [
        ("metadata.name=a", "a"),
        ("metadata.name==a", "a"),
        (",,metadata.name=a,", "a"),
        ("spec.nodeName=n,metadata.name=a", "a"),
        ("metadata.name=a%5C,b", "a,b"),
        ("metadata.name=a%5C%5C", "a\\"),
        ("metadata.name=%ff", "\u{fffd}"),
        ("metadata.name!=a", ""),
        ("metadata.name=", ""),
        ("metadata.name=a%2Fb", ""),
        ("metadata.name=a%25b", ""),
        ("metadata.name=..", ""),
        ("metadata.name=.,metadata.name=a", ""),
        (" metadata.name=a", ""),
        ("metadata.name=a&limit=1.5", ""),
        ("metadata.name=a&timeoutSeconds=9223372036854775808", ""),
        ("metadata.name=a&limit=-9223372036854775808&timeoutSeconds=%2B5", "a"),
        ("metadata.name=a,nonsense", ""),
        ("metadata.name=a,b=c=d", ""),
        ("metadata.name=a,b=%5Cx", ""),
        ("metadata.name=a,b=%5C", ""),
        ("metadata.name=a&labelSelector=x", "a"),
        ("metadata.name=a&labelSelector=x+y", ""),
        ("metadata.name=a&labelSelector=%00+y", "a"),
        ("metadata.name=a&labelSelector=x>5,y<-5", ""),
        ("metadata.name=a&labelSelector=x>5,y<b", ""),
        ("metadata.name=a&labelSelector=x>5,y<6", "a"),
    ] {
        let expected = if name.is_empty() { "list pods".to_owned() } else { format!("list pods name={name}") };
        assert_eq!(shown("GET", &format!("/api/v1/pods?fieldSelector={selector}")), expected, "{selector}");
    }
}

#[test]
fn only_methods_that_mean_something_go_on() {
    let of = |method, raw| RequestInfo::of(method, &Target::parse(raw).expect(raw));
    for method in ["FOO", "get", "", "CONNECT", "TRACE", "GET "] {
        assert_eq!(of(method, "/api"), Err(RequestInfoError::Method), "{method}");
    }
    assert_eq!(of("OPTIONS", "/api/v1/pods"), Err(RequestInfoError::NoVerb));
    assert_eq!(of("GET", "/api/v1/watch/"), Err(RequestInfoError::NoResource));
    let path = RequestInfo::Path { verb: "options".into(), path: "/api".into() };
    assert_eq!(of("OPTIONS", "/api"), Ok(path));
    for method in METHODS.into_iter().filter(|m| *m != "OPTIONS") {
        assert_eq!(of(method, "/api/v1/pods"), RequestInfo::resolve(method, "/api/v1/pods", ""));
    }
}
