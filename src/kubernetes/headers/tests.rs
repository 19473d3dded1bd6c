//! What crosses, and what must not.

use super::*;

fn map(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn identity() -> Identity {
    Identity::new("ann@example.com", &["mk8s:developer".into(), "mk8s:viewer".into()]).unwrap()
}

/// What the API server gets, as lines.
fn sent(lines: &[(&str, &str)]) -> Vec<String> {
    let mut headers = request(&map(lines)).unwrap();
    identity().add_to(&mut headers);
    let mut lines: Vec<String> = headers.iter().map(|(n, v)| format!("{n}: {}", v.to_str().unwrap())).collect();
    lines.sort();
    lines
}

const OURS: [&str; 3] =
    ["impersonate-group: mk8s:developer", "impersonate-group: mk8s:viewer", "impersonate-user: ann@example.com"];

#[test]
fn who_impersonates_is_refused_whatever_the_spelling() {
    for name in [
        "Impersonate-User",
        "impersonate-user",
        "IMPERSONATE-GROUP",
        "Impersonate-Uid",
        "Impersonate-Extra-Scopes",
        "Impersonate-Anything-To-Come",
        "Impersonate_User",
        "impersonate_group",
        "Impersonate-Extra_x",
    ] {
        let refused = request(&map(&[(name, "system:masters")])).unwrap_err();
        assert!(refused.to_string().contains(&name.to_ascii_lowercase()), "{refused}");
        // Naming it in Connection does not hide it.
        assert!(request(&map(&[("Connection", name), (name, "x")])).is_err(), "{name}");
        assert!(request(&map(&[(name, "")])).is_err(), "{name} empty");
    }
}

#[test]
fn naming_our_headers_in_connection_does_not_remove_them() {
    for named in ["Impersonate-User", "impersonate-group, Impersonate-User", "close, IMPERSONATE-USER, te"] {
        assert_eq!(sent(&[("Connection", named)]), OURS);
    }
    assert_eq!(sent(&[("Connection", "Impersonate-User"), ("Connection", "Impersonate-Group")]), OURS);
}

#[test]
fn what_claims_an_identity_never_crosses() {
    for name in [
        "Authorization",
        "Cookie",
        "Forwarded",
        "X-Real-Ip",
        "X_Real_IP",
        "X-Remote-User",
        "X-Remote-Group",
        "X-Remote-Extra-Scopes",
        "X_Remote_User",
        "x-remote-anything",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X_Forwarded_For",
        "Proxy-Authorization",
        "Proxy-Connection",
        "Audit-ID",
        "Audit_Id",
        "X-Mk8s-Anything",
    ] {
        assert_eq!(sent(&[(name, "a"), (name, "b")]), OURS, "{name}");
    }
}

#[test]
fn what_belongs_to_the_connection_never_crosses() {
    let own = [
        ("Connection", "Upgrade, X-Secret-Of-The-Hop, keep-alive"),
        ("X-Secret-Of-The-Hop", "1"),
        ("Upgrade", "websocket"),
        ("Keep-Alive", "timeout=5"),
        ("TE", "trailers"),
        ("Trailer", "Impersonate-User"),
        ("Transfer-Encoding", "chunked"),
        ("Content-Length", "7"),
        ("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA"),
        ("Expect", "100-continue"),
        ("Host", "elsewhere.example.com"),
    ];
    assert_eq!(sent(&own), OURS);
}

#[test]
fn everything_else_crosses_unchanged_and_in_order() {
    let lines = [
        ("Accept", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"),
        ("Accept-Encoding", "gzip"),
        ("Content-Length", "7"),
        ("Content-Type", "application/apply-patch+yaml"),
        ("If-None-Match", "\"x\""),
        ("Kubectl-Command", "kubectl get"),
        ("Kubectl-Session", "1"),
        ("User-Agent", "kubectl/v1.36.3"),
        ("X-Stream-Protocol-Version", "v5.channel.k8s.io"),
        ("X-Stream-Protocol-Version", "v4.channel.k8s.io"),
    ];
    let headers = request(&map(&lines)).unwrap();
    assert_eq!(headers, map(&lines));
}

#[test]
fn a_bearer_token_among_the_subprotocols_never_crosses() {
    let protocols = |value: &str| {
        let headers = request(&map(&[("Sec-WebSocket-Protocol", value)])).unwrap();
        headers.get(SEC_WEBSOCKET_PROTOCOL).map(|v| v.to_str().unwrap().to_owned())
    };
    assert_eq!(protocols("v5.channel.k8s.io").as_deref(), Some("v5.channel.k8s.io"));
    assert_eq!(protocols("base64url.bearer.authorization.k8s.io.eHg"), None);
    assert_eq!(protocols("a,Base64URL.bearer.authorization.k8s.io.eHg, b").as_deref(), Some("a, b"));
}

#[test]
fn an_answer_sets_no_cookies_and_leads_nowhere_else() {
    let answer = |lines: &[(&str, &str)]| {
        let mut headers = map(lines);
        response(&mut headers, "https://10.0.0.1:6443");
        headers
    };
    let kept = [("Audit-Id", "1"), ("Warning", "299 - \"x\""), ("Content-Type", "application/json")];
    assert_eq!(answer(&kept), map(&kept));
    let gone = [
        ("Set-Cookie", "a=b"),
        ("Connection", "close, X-Hop"),
        ("X-Hop", "1"),
        ("Transfer-Encoding", "chunked"),
        ("Location", "https://evil.example.com/"),
        ("Alt-Svc", "h2=\":1\""),
    ];
    assert_eq!(answer(&gone), HeaderMap::new());
    let location =
        |value: &str| answer(&[("Location", value)]).get(LOCATION).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(location("/api/v1/x").as_deref(), Some("/api/v1/x"));
    assert_eq!(location("https://10.0.0.1:6443/x").as_deref(), Some("/x"));
    for elsewhere in ["//evil", "/\\evil", "https://10.0.0.1:6443.evil/", "https://10.0.0.1:6443//evil", "relative"] {
        assert_eq!(location(elsewhere), None, "{elsewhere}");
    }
}

#[test]
fn an_upgrade_is_recognised_strictly() {
    let of = |method: Method, version: Version, lines: &[(&str, &str)]| Upgrade::of(&method, version, &map(lines));
    let web_socket = [("Connection", "keep-alive, Upgrade"), ("Upgrade", "WebSocket")];
    assert_eq!(of(Method::GET, Version::HTTP_11, &web_socket), Some(Upgrade::WebSocket));
    assert_eq!(
        of(Method::POST, Version::HTTP_11, &[("Connection", "upgrade"), ("Upgrade", "SPDY/3.1")]),
        Some(Upgrade::Spdy)
    );
    assert_eq!(of(Method::PUT, Version::HTTP_11, &web_socket), None);
    assert_eq!(of(Method::GET, Version::HTTP_10, &web_socket), None);
    assert_eq!(of(Method::GET, Version::HTTP_2, &web_socket), None);
    for none in [
        &[("Connection", "xupgradex"), ("Upgrade", "websocket")],
        &[("Connection", "upgrade"), ("Upgrade", "h2c")],
        &[("Connection", "upgrade"), ("Upgrade", "websocket, SPDY/3.1")],
        &[("Connection", "close"), ("Upgrade", "websocket")],
    ] {
        assert_eq!(of(Method::GET, Version::HTTP_11, none), None, "{none:?}");
    }
    let twice = [("Connection", "upgrade"), ("Upgrade", "websocket"), ("Upgrade", "SPDY/3.1")];
    assert_eq!(of(Method::GET, Version::HTTP_11, &twice), None);
}

#[test]
fn nobody_becomes_a_user_or_a_group_of_the_system() {
    for (user, group) in [
        ("system:admin", "mk8s:viewer"),
        ("ann@example.com", "system:masters"),
        ("ann@example.com", "developers"),
        ("ann@example.com", " mk8s:admin"),
        ("ann@example.com", "mk8s:admin\n"),
        (" system:admin", "mk8s:viewer"),
        ("a\r\nImpersonate-Group: system:masters", "mk8s:viewer"),
        ("", "mk8s:viewer"),
    ] {
        assert!(Identity::new(user, &[group.to_owned()]).is_err(), "{user:?} {group:?}");
    }
    assert!(Identity::new("jörg@example.com", &[]).is_ok());
}

#[test]
fn trailers_are_no_headers() {
    let mut trailers = map(&[
        ("Grpc-Status", "0"),
        ("Content-Length", "1"),
        ("Content-Type", "a"),
        ("Set-Cookie", "a=b"),
        ("Location", "/x"),
        ("Transfer-Encoding", "chunked"),
    ]);
    super::trailers(&mut trailers);
    assert_eq!(trailers, map(&[("Grpc-Status", "0")]));
}

#[test]
fn bytes_in_connection_that_are_no_name_hide_none() {
    let mut headers = map(&[("X-Hop", "1"), ("X-Other", "1"), ("Accept", "a")]);
    headers.append(CONNECTION, HeaderValue::from_bytes(b"x-hop, \xff\xfe,\tX-Other ").unwrap());
    assert_eq!(request(&headers).unwrap(), map(&[("Accept", "a")]));
}
