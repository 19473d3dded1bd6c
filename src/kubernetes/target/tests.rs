//! Targets that are accepted, and why others are not.

use super::*;

#[test]
fn plain_targets_are_read_and_kept() {
    for (raw, path, query) in [
        ("/", "/", ""),
        ("/api", "/api", ""),
        ("/version/", "/version/", ""),
        ("/api/v1/pods?", "/api/v1/pods", ""),
        ("/api/v1/pods?a=b?c&&d", "/api/v1/pods", "a=b?c&&d"),
        ("/api/v1/namespaces/a%62c/pods/", "/api/v1/namespaces/abc/pods/", ""),
        ("/api/v1/namespaces/a/services/https:s:443/proxy/x", "/api/v1/namespaces/a/services/https:s:443/proxy/x", ""),
        (
            "/api/v1/namespaces/a/pods/p/exec?command=a%3Bb&command=%00%ff%0A%2F..",
            "/api/v1/namespaces/a/pods/p/exec",
            "command=a%3Bb&command=%00%ff%0A%2F..",
        ),
        ("/apis/g/v1/%C3%BC...;a+b", "/apis/g/v1/ü...;a+b", ""),
    ] {
        let target = Target::parse(raw).unwrap_or_else(|e| panic!("{raw}: {e}"));
        assert_eq!((target.as_str(), target.path(), target.query()), (raw, path, query));
    }
}

#[test]
fn what_could_mean_two_things_is_refused() {
    let long = format!("/{}", "a".repeat(MAX_LENGTH));
    let many = format!("/?{}", "&".repeat(query::MAX_PARAMETERS));
    for (raw, error) in [
        (long.as_str(), TargetError::TooLong),
        ("", TargetError::NotAPath),
        ("*", TargetError::NotAPath),
        ("api/v1", TargetError::NotAPath),
        ("?watch=1", TargetError::NotAPath),
        ("https://host/api/v1/pods", TargetError::NotAPath),
        ("/api v1", TargetError::Character),
        ("/api/v1/p\u{0}ds", TargetError::Character),
        ("/api/v1/pods\r\n", TargetError::Character),
        ("/api/v1/p\u{7f}ds", TargetError::Character),
        ("/api/v1/pöds", TargetError::Character),
        ("/api/v1/pods?watch=\u{1}", TargetError::Character),
        ("/api/v1\\pods", TargetError::Backslash),
        ("/api/v1/pods?a=\\", TargetError::Backslash),
        ("/api/v1/pods#x", TargetError::Fragment),
        ("/api/v1/pods?x#y", TargetError::Fragment),
        ("/api/v1/pods/%", TargetError::BadEscape),
        ("/api/v1/pods/%2", TargetError::BadEscape),
        ("/api/v1/pods/%gg", TargetError::BadEscape),
        ("/api/v1/pods?watch=%zz", TargetError::BadEscape),
        ("//api/v1/pods", TargetError::EmptySegment),
        ("//", TargetError::EmptySegment),
        ("/api/v1/namespaces//pods", TargetError::EmptySegment),
        ("/api/v1/pods//", TargetError::EmptySegment),
        ("/api/v1/nodes/n/proxy//x", TargetError::EmptySegment),
        ("/api/./v1", TargetError::DotSegment),
        ("/api/v1/namespaces/a/../kube-system/secrets", TargetError::DotSegment),
        ("/api/v1/namespaces/a/%2e%2E/secrets", TargetError::DotSegment),
        ("/api/v1/nodes/n/proxy/%2e%2e/x", TargetError::DotSegment),
        ("/api/v1/nodes/n/proxy/a%2F..%2F..%2Fx", TargetError::DotSegment),
        ("/api/v1/nodes/n/proxy/a%5C..", TargetError::DotSegment),
        ("/api/v1/pods/..", TargetError::DotSegment),
        ("/api/v1/namespaces/a%2Fpods", TargetError::EscapedSeparator),
        ("/api/v1/namespaces/a/pods/x%2fexec", TargetError::EscapedSeparator),
        ("/api/v1/namespaces/a/pods/x%5cexec", TargetError::EscapedSeparator),
        ("/api/v1/namespaces/a/pods/x%252fexec", TargetError::EscapedSeparator),
        ("/api%2Fv1/pods", TargetError::EscapedSeparator),
        ("/api/v1/pods/%00", TargetError::EscapedControl),
        ("/api/v1/pods/a%0Ab", TargetError::EscapedControl),
        ("/api/v1/pods/%7f", TargetError::EscapedControl),
        ("/api/v1/pods/%C2%85", TargetError::EscapedControl),
        ("/api/v1/nodes/n/proxy/%00", TargetError::EscapedControl),
        ("/api/v1/pods/%ff", TargetError::NotUtf8),
        ("/api/v1/pods/%ED%A0%80", TargetError::NotUtf8),
        ("/api/v1/pods?watch=true;x=1", TargetError::Semicolon),
        (many.as_str(), TargetError::TooManyParameters),
    ] {
        assert_eq!(Target::parse(raw), Err(error), "{raw:.80}");
    }
}

#[test]
fn only_a_proxied_path_has_escaped_separators() {
    for raw in [
        "/api/v1/nodes/n/proxy/a%2Fb",
        "/api/v1/nodes/n/proxy/x/a%5Cb/%252e%252e",
        "/api/v1/namespaces/a/pods/p:80/proxy/%2F%2Fhost",
        "/api/v1/namespaces/a/services/s/%70roxy/%25",
        "/apis/g/v1/namespaces/a/things/t/proxy/%2F",
        "/apis/g/v1/things/t/proxy/%2F/",
    ] {
        assert!(Target::parse(raw).is_ok(), "{raw}");
    }
    for raw in [
        "/api/v1/nodes/n/proxy%2Fa",
        "/api/v1/nodes/a%2Fb/proxy/c",
        "/api/v1/proxy/nodes/n/a%2Fb",
        "/api/v1/proxy/nodes/n/proxy/a%2Fb",
        "/api/v1/watch/nodes/n/proxy/a%2Fb",
        "/api/v1/watch/nodes/proxy/a%2Fb",
        "/api/v1/proxy/nodes/proxy/a%2Fb",
        "/api/v1/namespaces/a/proxy/a%2Fb",
        "/api/v1/namespaces/a/pods/proxy/a%2Fb",
        "/api/v1/namespaces/a/status/proxy/a%2Fb",
        "/apis/g/v1/namespaces/a/pods/proxy/a%2Fb",
        "/proxy/a%2Fb",
        "/logs/n/x/proxy/a%2Fb",
    ] {
        assert_eq!(Target::parse(raw), Err(TargetError::EscapedSeparator), "{raw}");
    }
}
