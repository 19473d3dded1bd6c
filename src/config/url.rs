//! The rules for a URL of central: scheme, host and port, nothing else.

use std::net::IpAddr;

use http::Uri;
use http::uri::Scheme;

/// Parses a URL of central; the error says what is wrong with it.
pub(super) fn parse(text: &str) -> Result<Uri, String> {
    let wrong = |why: &str| Err(format!("{text:?} {why}: give a URL such as https://mk8s.example.com"));
    let Ok(uri) = text.parse::<Uri>() else { return wrong("is not a URL") };
    if uri.scheme() != Some(&Scheme::HTTPS) && uri.scheme() != Some(&Scheme::HTTP) {
        return wrong("does not start with https:// or http://");
    }
    let Some(authority) = uri.authority() else { return wrong("names no host") };
    if authority.as_str().contains('@') {
        return wrong("contains a user name");
    }
    if !is_host(authority.host()) {
        return wrong("names no valid host");
    }
    let port = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
    if !port.is_empty() && !matches!(authority.port_u16(), Some(1..)) {
        return wrong("has no valid port");
    }
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() || text.contains('#') {
        return wrong("has more than scheme, host and port");
    }
    Ok(uri)
}

/// Whether a URL leads to this machine.
pub(super) fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    host.eq_ignore_ascii_case("localhost") || ip(host).is_some_and(|ip| ip.to_canonical().is_loopback())
}

/// Checks the URL by which a token would travel: encrypted, or without leaving this machine.
pub(super) fn parse_confidential(text: &str) -> Result<Uri, String> {
    let uri = parse(text)?;
    if uri.scheme() == Some(&Scheme::HTTP) && !is_loopback(&uri) {
        return Err(format!(
            "{text:?} would send the token unencrypted: use https://, http:// is for loopback hosts only"
        ));
    }
    Ok(uri)
}

fn is_host(host: &str) -> bool {
    let name = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_');
    ip(host).is_some() || (!host.is_empty() && !host.starts_with('.') && host.bytes().all(name))
}

fn ip(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_scheme_host_and_port() {
        for good in
            ["https://a", "https://a/", "http://a.b-c:8443", "https://127.0.0.1:1", "https://[::1]:8443", "HTTPS://A"]
        {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "a",
            "a:8443",
            "ftp://a",
            "https://",
            "https:///x",
            "https://a/x",
            "https://a?x",
            "https://a/#x",
            "https://u@a",
            "https://u:p@a",
            "https://a:",
            "https://a:0",
            "https://a:99999",
            "https://a b",
            "https://ä",
            "//a",
            "/x",
            "https://.a",
        ] {
            let error = parse(bad).unwrap_err();
            assert!(error.contains("https://mk8s.example.com"), "{bad}: {error}");
        }
    }

    #[test]
    fn a_token_travels_unencrypted_only_on_loopback() {
        for good in ["https://a", "http://localhost:1", "http://127.3.0.1", "http://[::1]", "http://LOCALHOST"] {
            assert!(parse_confidential(good).is_ok(), "{good}");
        }
        for bad in ["http://a", "http://10.0.0.1", "http://localhost.example.com", "http://[::2]"] {
            assert!(parse_confidential(bad).is_err(), "{bad}");
        }
    }
}
