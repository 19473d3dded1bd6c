//! Which requests pass.

use super::*;

fn filter() -> Filter {
    let all = |texts: &[&str]| texts.iter().map(|text| Regex::new(text).unwrap()).collect();
    Filter {
        accept_hosts: all(&["^localhost$", r"^127\.0\.0\.1$", r"^\[::1\]$"]),
        accept_paths: all(&["^.*"]),
        reject_paths: all(&["^/api/.*/pods/.*/exec"]),
        reject_methods: all(&["^$"]),
    }
}

fn refuse(target: &str, headers: &[(&'static str, &str)]) -> Option<String> {
    let headers = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
    filter().refuse("GET", target, &headers.collect())
}

#[test]
fn only_names_of_this_machine_are_accepted() {
    for host in ["localhost", "localhost:8001", "127.0.0.1:1", "[::1]:8001", "[::1]"] {
        assert_eq!(refuse("/api", &[("host", host)]), None, "{host}");
    }
    for host in ["evil.example", "localhost.evil.example:8001", "127.0.0.1.evil.example", "[::2]:8001", ""] {
        assert!(refuse("/api", &[("host", host)]).unwrap().contains("--accept-hosts"), "{host}");
    }
    assert!(refuse("/api", &[]).is_some());
    assert!(refuse("/api", &[("host", "localhost"), ("host", "localhost")]).is_some());
}

#[test]
fn pages_of_other_sites_are_refused() {
    let from = |name, value| refuse("/api", &[("host", "localhost:8001"), (name, value)]);
    for (name, value) in [
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("origin", "http://localhost:3000"),
        ("origin", "https://localhost:8001"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        assert!(from(name, value).unwrap().contains("another site"), "{value}");
    }
    for (name, value) in
        [("origin", "http://localhost:8001"), ("sec-fetch-site", "none"), ("sec-fetch-site", "same-origin")]
    {
        assert_eq!(from(name, value), None, "{value}");
    }
}

#[test]
fn a_rejected_path_is_rejected_however_it_is_written() {
    let at = |target| refuse(target, &[("host", "localhost")]);
    assert_eq!(at("/api/v1/namespaces/a/pods/b/log"), None);
    for target in [
        "/api/v1/namespaces/a/pods/b/exec?command=id",
        "/api/v1/namespaces/a/pods/b/%65xec",
        "/api/v1/namespaces/a/pods/b/x/../exec",
        "/api/v1//namespaces/a/pods/b/exec",
        "http://other/api",
    ] {
        assert!(at(target).is_some(), "{target}");
    }
}

#[test]
fn what_is_for_one_connection_goes_no_further() {
    let mut headers = HeaderMap::new();
    for (name, value) in [("connection", "close, X-Own"), ("x-own", "1"), ("te", "trailers"), ("accept", "*/*")] {
        headers.append(name, value.parse().unwrap());
    }
    clean(&mut headers);
    assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["accept"]);
}
