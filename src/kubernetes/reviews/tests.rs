//! Questions as clients send them, and answers as API servers do.

use super::*;
use crate::kubernetes::target::Target;

fn headers(content_type: &str) -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_str(content_type).unwrap())])
}

fn access(attributes: &Value) -> Asked {
    let body = json!({
        "kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "metadata": {},
        "spec": attributes, "status": { "allowed": false },
    });
    Review::Access.read(&headers("application/json"), body.to_string().as_bytes()).unwrap()
}

/// What is asked, as `verb group/resource/subresource namespace/name`.
fn things(asked: Asked) -> Vec<String> {
    let Asked::Access(all) = asked else { panic!("{asked:?}") };
    let show = |thing: Attributes| match thing {
        Attributes::Resource { verb, group, resource, subresource, namespace, name } => {
            let [namespace, name] = [namespace, name].map(Option::unwrap_or_default);
            format!("{verb} {group}/{resource}/{subresource} {namespace}/{name}")
        }
        Attributes::Path { verb, path } => format!("{verb} {path}"),
    };
    all.into_iter().map(show).collect()
}

fn resource(verb: &str, resource: &str, subresource: &str, namespace: &str, name: &str) -> Asked {
    access(&json!({ "resourceAttributes": {
        "verb": verb, "resource": resource, "subresource": subresource, "namespace": namespace, "name": name,
    } }))
}

fn length(text: &[u8]) -> u8 {
    u8::try_from(text.len()).unwrap()
}

/// A field of protobuf with bytes.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, length(content)][..], content].concat()
}

/// A body as client-go sends it: with the type in the envelope.
fn protobuf(spec: &[u8]) -> Vec<u8> {
    let kind = [field(1, b"authorization.k8s.io/v1"), field(2, b"SelfSubjectAccessReview")].concat();
    // Empty metadata and an empty status are sent too.
    let object = [field(1, b""), field(2, spec), field(3, b"")].concat();
    [&b"k8s\0"[..], &field(1, &kind), &field(2, &object), &field(3, b""), &field(4, b"")].concat()
}

#[test]
fn the_three_reviews_are_known_by_their_requests() {
    let of = |method: &str, path: &str| Review::of(&RequestInfo::of(method, &Target::parse(path).unwrap()).unwrap());
    for version in ["v1", "v1beta1", "v1alpha1"] {
        let authorization = |resource: &str| of("POST", &format!("/apis/authorization.k8s.io/{version}/{resource}"));
        assert_eq!(authorization("selfsubjectaccessreviews"), Some(Review::Access));
        assert_eq!(authorization("selfsubjectrulesreviews?dryRun=All"), Some(Review::Rules));
        let path = format!("/apis/authentication.k8s.io/{version}/selfsubjectreviews");
        assert_eq!((of("POST", &path), of("GET", &path)), (Some(Review::Identity), None));
    }
    for other in [
        "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        "/apis/authentication.k8s.io/v1/tokenreviews",
        "/apis/example.com/v1/selfsubjectaccessreviews",
        "/api/v1/selfsubjectreviews",
    ] {
        assert_eq!(of("POST", other), None, "{other}");
    }
}

#[test]
fn a_question_is_about_what_the_request_would_need() {
    for (asked, wanted) in [
        (resource("list", "pods", "", "app", ""), &["list /pods/ app/"][..]),
        (resource("list", "pods", "", "", ""), &["list /pods/ /"]),
        (resource("get", "pods", "exec", "app", "web"), &["create /pods/exec app/web"]),
        (resource("update", "pods", "", "app", "web"), &["update /pods/ app/web", "create /pods/ app/web"]),
        (resource("patch", "pods", "", "app", ""), &["patch /pods/ app/"]),
        // kubectl names the namespace of the context for everything.
        (resource("get", "nodes", "", "default", "n-1"), &["get /nodes/ /n-1"]),
        (resource("get", "namespaces", "", "default", "app"), &["get /namespaces/ app/app"]),
        (resource("list", "namespaces", "", "default", ""), &["list /namespaces/ /"]),
        (access(&json!({ "nonResourceAttributes": { "verb": "get", "path": "/metrics" } })), &["get /metrics"]),
        (access(&json!({})), &[]),
        (access(&Value::Null), &[]),
    ] {
        assert_eq!(things(asked), wanted);
    }
    let both = json!({ "resourceAttributes": { "verb": "bind", "resource": "a" }, "nonResourceAttributes": {} });
    assert_eq!(things(access(&both)), ["bind /a/ /", " "]);
    assert_eq!(resource("bind", "clusterroles", "", "", ""), Asked::Cluster);
    assert_eq!(things(resource("impersonate", "users", "", "", "x")), ["impersonate /users/ /x"]);
}

#[test]
fn a_star_asks_about_everything() {
    let all = things(resource("*", "pods", "", "app", ""));
    assert!(all.contains(&"deletecollection /pods/ app/".into()) && all.contains(&"get /pods/ app/".into()));
    assert!(!all.iter().any(|thing| thing.contains("exec")), "{all:?}");
    let all = things(resource("get", "pods", "*", "app", ""));
    assert!(all.contains(&"create /pods/exec app/".into()) && all.contains(&"get /pods/* app/".into()), "{all:?}");
    let all = things(resource("*", "*", "", "app", ""));
    assert!(all.contains(&"create /*/exec app/".into()) && all.contains(&"patch /*/ app/".into()), "{all:?}");
    assert_eq!(things(resource("get", "*", "", "app", "")), ["get /*/ app/"]);
    let paths = things(access(&json!({ "nonResourceAttributes": { "verb": "*", "path": "/x" } })));
    assert!(paths.len() == 7 && paths.contains(&"post /x".into()), "{paths:?}");
}

#[test]
fn protobuf_says_the_same_as_json() {
    let form = headers("application/vnd.kubernetes.protobuf");
    let attributes =
        [field(1, b"app"), field(2, b"get"), field(3, b"apps"), field(4, b"v1"), field(5, b"deployments")].concat();
    let attributes = [attributes, field(6, b"scale"), field(7, b"web"), field(8, b"\x0a\x01x")].concat();
    let asked = Review::Access.read(&form, &protobuf(&field(1, &attributes))).unwrap();
    assert_eq!(things(asked), ["get apps/deployments/scale app/web"]);
    let path = field(2, &[field(1, b"/metrics"), field(2, b"get")].concat());
    assert_eq!(things(Review::Access.read(&form, &protobuf(&path)).unwrap()), ["get /metrics"]);
    let asked = Review::Rules.read(&form, &protobuf(&field(1, b"app"))).unwrap();
    assert_eq!(asked, Asked::Rules { namespace: "app".into() });

    let encoded = [&b"k8s\0"[..], &field(2, b""), &field(3, b"gzip")].concat();
    for bad in [&b"{}"[..], b"", b"k8s\0\xff", &encoded] {
        assert_eq!(Review::Access.read(&form, bad).unwrap_err().code(), 400, "{bad:?}");
    }
}

#[test]
fn what_cannot_be_read_is_refused() {
    let read = |headers: &HeaderMap, body: &str| Review::Access.read(headers, body.as_bytes());
    for content_type in ["application/cbor", "application/yaml", "text/plain", "application/json, application/yaml"] {
        assert_eq!(read(&headers(content_type), "{}").unwrap_err().code(), 415, "{content_type}");
    }
    let mut twice = headers("application/json");
    twice.append(CONTENT_TYPE, HeaderValue::from_static("application/yaml"));
    let mut compressed = headers("application/json");
    compressed.append(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    for headers in [twice, compressed] {
        assert_eq!(read(&headers, "{}").unwrap_err().code(), 415);
    }
    for body in ["", "[]", "null", "{\"spec\":{},\"spec\":{}}", "{\"spec\":1}"] {
        assert_eq!(read(&headers("application/json"), body).unwrap_err().code(), 400, "{body}");
    }
    assert!(read(&HeaderMap::new(), "{}").is_ok());
    assert!(read(&headers("Application/JSON; charset=utf-8"), "{}").is_ok());
    assert_eq!(Review::Identity.read(&headers("application/cbor"), b"\xff"), Ok(Asked::Identity));
}

fn answered(status: &Value) -> Response<Bytes> {
    let body = json!({ "kind": "R", "spec": { "namespace": "app" }, "status": status }).to_string();
    let answer = Response::builder().status(201).header("content-type", "application/json");
    answer.header("content-length", body.len()).header("audit-id", "1").body(body.into()).unwrap()
}

/// The status of the answer after mk8s has put in what it has found.
fn status(finding: Finding, of_cluster: &Value) -> Value {
    let answer = finding.apply(answered(of_cluster)).unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["audit-id"]), (201, &HeaderValue::from_static("1")));
    let review: Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!((&review["kind"], &review["spec"]["namespace"]), (&json!("R"), &json!("app")));
    review["status"].clone()
}

fn denied() -> Finding {
    Finding::Denied { why: "no role permits it".into() }
}

#[test]
fn yes_needs_both_and_no_has_the_reason_of_mk8s() {
    let (yes, no) = (json!({ "allowed": true, "reason": "RBAC" }), json!({ "allowed": false }));
    assert_eq!(status(Finding::Agreed, &yes), yes);
    assert_eq!(status(Finding::Agreed, &no), no);
    let refused = json!({ "allowed": false, "denied": true, "reason": "mk8s: no role permits it" });
    assert_eq!((status(denied(), &yes), status(denied(), &no)), (refused.clone(), refused.clone()));
    assert_eq!(denied().apply(answered(&json!({}))).unwrap().headers().get(CONTENT_LENGTH), None);
}

#[test]
fn rules_and_identity_are_those_of_mk8s() {
    let rule = ResourceRule {
        verbs: vec!["get".into()],
        api_groups: vec![String::new()],
        resources: vec!["pods".into(), "pods/log".into()],
    };
    let path = PathRule { verbs: vec!["get".into()], paths: vec!["/metrics".into()] };
    let rules = Rules { resources: vec![rule], paths: vec![path] };
    let all = json!({ "resourceRules": [{ "verbs": ["*"] }], "nonResourceRules": [], "incomplete": false });
    let listed = status(Finding::Rules(rules.clone()), &all);
    assert_eq!(
        listed["resourceRules"],
        json!([{ "verbs": ["get"], "apiGroups": [""], "resources": ["pods", "pods/log"] }])
    );
    assert_eq!(listed["nonResourceRules"], json!([{ "verbs": ["get"], "nonResourceURLs": ["/metrics"] }]));
    assert_eq!((&listed["incomplete"], &listed["evaluationError"]), (&json!(true), &json!(INCOMPLETE)));
    let failed = status(Finding::Rules(rules), &json!({ "evaluationError": "webhook" }));
    assert!(failed["evaluationError"].as_str().unwrap().ends_with("; webhook"));

    let agent = json!({ "userInfo": { "username": "system:serviceaccount:a:b", "uid": "1", "extra": { "a": ["b"] } } });
    let identity = Finding::Identity { user: "ann@example.com".into(), groups: vec!["mk8s:viewer".into()] };
    let caller = json!({ "username": "ann@example.com", "groups": ["mk8s:viewer"] });
    assert_eq!(status(identity, &agent)["userInfo"], caller);
}

#[test]
fn an_answer_that_is_no_review_does_not_reach_the_client() {
    let yes = || answered(&json!({ "allowed": true }));
    let with = |name: &'static str, value: &'static str| {
        let mut answer = yes();
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
        answer
    };
    let body = |body: &'static str| yes().map(|_| Bytes::from_static(body.as_bytes()));
    for answer in [
        with("content-type", "application/vnd.kubernetes.protobuf"),
        with("content-encoding", "gzip"),
        body("{\"status\":true}"),
        body("[]"),
        body(""),
    ] {
        assert_eq!(denied().apply(answer).unwrap_err(), InvalidAnswer);
    }
    let mut refused = yes();
    *refused.status_mut() = StatusCode::FORBIDDEN;
    assert_eq!(denied().apply(refused).unwrap().body(), yes().body());
    let mut headers = headers("application/vnd.kubernetes.protobuf");
    headers.insert(ACCEPT, HeaderValue::from_static("application/vnd.kubernetes.protobuf"));
    headers.append(ACCEPT, HeaderValue::from_static("application/cbor"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    prepare(&mut headers);
    assert_eq!(headers.get_all(ACCEPT).iter().collect::<Vec<_>>(), ["application/json"]);
    assert!(!headers.contains_key(ACCEPT_ENCODING));
}
