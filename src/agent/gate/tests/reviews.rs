//! Questions about the caller's own rights, in front of an API server that answers every one with an empty object.

use serde_json::{Value, json};

use super::*;

const ACCESS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
const RULES: &str = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
const IDENTITY: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

impl Scene {
    async fn post(&self, token: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (StatusCode, Value) {
        let mut request = Request::post(path).header("authorization", format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        let (head, body) = self.connect().await.send_request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        assert!(head.headers.get("content-length").is_none_or(|length| length == &body.len().to_string()));
        (head.status, serde_json::from_slice(&body).unwrap())
    }
}

fn access(verb: &str, namespace: &str) -> String {
    json!({ "spec": { "resourceAttributes": { "verb": verb, "resource": "pods", "namespace": namespace } } })
        .to_string()
}

fn only_pods_in_a(open: &Open) {
    let rule = Rule { namespaces: vec!["a".into()], resources: vec!["pods".into()], verbs: vec!["get".into()] };
    let role = RoleRules { role: "viewer".parse().unwrap(), permissions: vec![rule], deny: Vec::new() };
    open.replace(ClusterRules { roles: vec![role] });
}

#[tokio::test]
async fn the_answer_is_no_where_the_policy_refuses() {
    let mut scene = Scene::new(true).await;
    let (open, mut calls) = scene.open();
    only_pods_in_a(&open);
    let token = open.token().expose();
    let json_type = [("content-type", "application/json"), ("accept", "application/vnd.kubernetes.protobuf")];
    let headers = [json_type[0], json_type[1], ("accept-encoding", "gzip")];
    let (status, answer) = scene.post(token, ACCESS, &headers, &access("get", "a")).await;
    assert_eq!((status.as_u16(), answer), (200, json!({})));
    let seen = scene.seen.recv().await.unwrap();
    assert!(seen.contains(&"accept: application/json".to_owned()), "{seen:?}");
    assert!(seen.contains(&"impersonate-user: ann@example.com".to_owned()), "{seen:?}");
    assert!(!seen.iter().any(|line| line.contains("gzip") || line.contains("protobuf")), "{seen:?}");
    assert_eq!(call(&mut calls).await.status, 200);

    for (verb, namespace) in [("list", "a"), ("get", "b"), ("*", "a"), ("get", "")] {
        let (status, answer) = scene.post(token, ACCESS, &headers, &access(verb, namespace)).await;
        assert_eq!((status.as_u16(), &answer["status"]["allowed"]), (200, &json!(false)), "{verb} {namespace}");
        assert!(answer["status"]["reason"].as_str().unwrap().starts_with("mk8s: the role viewer"), "{answer}");
        scene.seen.recv().await.unwrap();
    }
    let (_, answer) = scene.post(token, RULES, &headers, "{\"spec\":{\"namespace\":\"a\"}}").await;
    let pods = json!({ "verbs": ["get"], "apiGroups": [""], "resources": ["pods"] });
    assert!(answer["status"]["resourceRules"].as_array().unwrap().contains(&pods), "{answer}");
    assert_eq!(answer["status"]["incomplete"], true);
    // Whom it acts as, the cluster knows.
    assert_eq!(scene.post(token, IDENTITY, &headers, "{}").await.1, json!({}));
}

#[tokio::test]
async fn what_the_cluster_refuses_stays_refused() {
    let scene = Scene::new(true).await;
    let (open, _calls) = scene.open();
    only_pods_in_a(&open);
    let headers = [("content-type", "application/json"), ("x-answer", "403")];
    let (status, answer) = scene.post(open.token().expose(), ACCESS, &headers, &access("list", "a")).await;
    assert_eq!((status.as_u16(), answer), (403, json!({})));
}

#[tokio::test]
async fn who_acts_as_the_agent_sees_the_own_name() {
    let scene = Scene::new(false).await;
    let (open, _calls) = scene.open();
    let (_, answer) = scene.post(open.token().expose(), IDENTITY, &[], "{}").await;
    let caller = json!({ "username": "ann@example.com", "groups": ["mk8s:admin"] });
    assert_eq!(answer, json!({ "status": { "userInfo": caller } }));
}

#[tokio::test]
async fn a_question_that_cannot_be_read_does_not_cross() {
    let mut scene = Scene::new(true).await;
    let (open, mut calls) = scene.open();
    let token = open.token().expose();
    let long = format!("{{\"metadata\":\"{}\"}}", "x".repeat(64 << 10));
    for (content_type, body, expected, reason) in [
        ("application/cbor", "{}", 415, "UnsupportedMediaType"),
        ("application/json", "{", 400, "BadRequest"),
        ("application/json", long.as_str(), 413, "RequestEntityTooLarge"),
        ("application/vnd.kubernetes.protobuf", "{}", 400, "BadRequest"),
    ] {
        let (status, answer) = scene.post(token, ACCESS, &[("content-type", content_type)], body).await;
        assert_eq!((status.as_u16(), &answer["reason"]), (expected, &json!(reason)), "{content_type}");
        assert_eq!(call(&mut calls).await.status, expected);
    }
    assert!(scene.seen.try_recv().is_err());
}
