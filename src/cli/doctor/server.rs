//! The way to central: name, TCP, TLS, HTTP, and what both sides should agree upon.

use std::net::SocketAddr;

use futures_util::future::select_ok;
use http::Uri;
use jiff::Timestamp;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::Instant;

use super::report::{Finding, Report, timed};
use super::skew;
use crate::cli::output;
use crate::cli::session::Session;
use crate::client::{Client, ClientError, Greeting};
use crate::model::version::VERSION;
use crate::tls::certificate::{Description, describe};
use crate::tls::{Alpn, ClientTls, ConnectError, Connector, Negotiated, is_near, probe};

const GROUP: &str = "server";

/// All that follows the connection.
const BEHIND_TCP: [&str; 7] = ["tls", "trust", "certificate", "health", "version-skew", "clock", "http2"];

/// How many addresses of a name are tried.
const MAX_ADDRESSES: usize = 16;

/// A central that answers.
pub struct Reached {
    /// The version of central.
    pub version: String,
}

/// A handshake that succeeded.
#[derive(Clone)]
struct Shaken {
    negotiated: Negotiated,
    certificate: Option<Description>,
}

/// Looks at all of it.
pub async fn check(report: &mut Report, session: Option<&Session>) -> Option<Reached> {
    let uri = session.and_then(|session| session.server.parse::<Uri>().ok());
    let (Some(session), Some(uri)) = (session, uri) else {
        report.skip(GROUP, &["proxy", "name", "tcp"], "server failed");
        report.skip(GROUP, &BEHIND_TCP, "server failed");
        return None;
    };
    let (proxy, next) = proxy(&uri);
    report.note(GROUP, "proxy", proxy);
    let Some((host, port)) = next else {
        report.skip(GROUP, &["name", "tcp"], "proxy failed");
        report.skip(GROUP, &BEHIND_TCP, "proxy failed");
        return None;
    };
    let (done, addresses) = timed("name", resolve(&host, port)).await;
    if !report.add(GROUP, done) {
        report.skip(GROUP, &["tcp"], "name failed");
        report.skip(GROUP, &BEHIND_TCP, "name failed");
        return None;
    }
    let (done, ()) = timed("tcp", connect(addresses)).await;
    if !report.add(GROUP, done) {
        report.skip(GROUP, &BEHIND_TCP, "tcp failed");
        return None;
    }
    if !encryption(report, &uri, session.authority.tls()).await {
        return None;
    }
    let greeted = greet(report, session).await;
    http2(report, &uri, session.authority.tls(), greeted.is_some()).await;
    greeted
}

/// The proxy, and what is dialled: it or the server.
fn proxy(uri: &Uri) -> (Finding, Option<(String, u16)>) {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    match Connector::proxy(uri) {
        Ok(None) => (Finding::ok("none"), Some((host, port))),
        Ok(Some((proxy, port))) => {
            let text = format!("{proxy}:{port}, from the environment (HTTPS_PROXY)");
            (Finding::ok(text), Some((proxy, port)))
        }
        // The URL of a proxy may hold a password.
        Err(_) => {
            let text = "the proxy of the environment is of a kind that is not supported";
            (Finding::failed(text, "HTTPS_PROXY must be an http:// URL; NO_PROXY names what needs none"), None)
        }
    }
}

async fn resolve(host: &str, port: u16) -> (Finding, Vec<SocketAddr>) {
    match lookup_host((host, port)).await {
        Ok(found) => {
            let found: Vec<SocketAddr> = found.take(MAX_ADDRESSES).collect();
            let shown: Vec<String> = found.iter().map(|address| address.ip().to_string()).collect();
            (Finding::ok(format!("{host} is {}", shown.join(", "))), found)
        }
        Err(error) => {
            let hint = "check the name in --server (MK8S_SERVER), and the DNS of this machine";
            (Finding::failed(format!("{host} is no name that is known here: {error}"), hint), Vec::new())
        }
    }
}

/// Connects to whichever address answers first.
async fn connect(addresses: Vec<SocketAddr>) -> (Finding, ()) {
    let since = Instant::now();
    let dial = |address: SocketAddr| {
        Box::pin(async move { TcpStream::connect(address).await.map(|_| address).map_err(|e| (address, e)) })
    };
    let hint =
        "check that central runs, that the port in --server (MK8S_SERVER) or HTTPS_PROXY is right, and firewalls";
    let finding = match addresses.is_empty() {
        true => Finding::failed("the name has no address", hint),
        false => match select_ok(addresses.into_iter().map(dial)).await {
            Ok((address, _)) => Finding::ok(format!("{address} answers, {} ms", since.elapsed().as_millis())),
            Err((address, error)) => Finding::failed(format!("{address} does not answer: {error}"), hint),
        },
    };
    (finding, ())
}

/// The handshake, whom it trusts, and the certificate; whether there is a way on.
async fn encryption(report: &mut Report, uri: &Uri, tls: ClientTls) -> bool {
    if uri.scheme_str() != Some("https") {
        report.skip(GROUP, &["tls", "trust", "certificate"], "the URL begins with http://");
        return true;
    }
    let (done, shaken) = timed("tls", shake(uri, &tls, Alpn::Http1)).await;
    let works = report.add(GROUP, done);
    match shaken {
        _ if !works => {}
        Some(Ok(shaken)) => {
            report.note(GROUP, "trust", Finding::ok(trusted(&tls)));
            report.note(GROUP, "certificate", certificate(shaken.certificate.as_ref(), Timestamp::now()));
            return true;
        }
        Some(Err(why)) => {
            let (done, ()) = timed("trust", untrusted(uri, &tls, why)).await;
            report.add(GROUP, done);
            report.skip(GROUP, &BEHIND_TCP[2..], "trust failed");
            return false;
        }
        None => {}
    }
    report.skip(GROUP, &BEHIND_TCP[1..], "tls failed");
    false
}

/// A handshake; an error if the server is there and not trusted.
async fn shake(uri: &Uri, tls: &ClientTls, alpn: Alpn) -> (Finding, Option<Result<Shaken, String>>) {
    let connector = match Connector::new(tls.clone()) {
        Ok(connector) => connector,
        Err(error) => {
            let error = anyhow::Error::from(error);
            return (Finding::error(&error, "--ca-file (MK8S_CA_FILE), or mk8s login with --ca-pin"), None);
        }
    };
    match connector.connect(uri, alpn).await {
        Ok(stream) => {
            let certificate = stream.certificates().first().and_then(describe);
            let Some(negotiated) = stream.negotiated() else {
                return (Finding::failed("the connection is not encrypted", "use an https:// URL"), None);
            };
            (Finding::ok(negotiated.version), Some(Ok(Shaken { negotiated, certificate })))
        }
        Err(ConnectError::Untrusted { reason, .. }) => (Finding::ok("the server speaks TLS"), Some(Err(reason))),
        Err(error) => {
            let hint = "check the port in --server (MK8S_SERVER), and what stands before central";
            (Finding::failed(error.to_string(), hint), None)
        }
    }
}

fn trusted(tls: &ClientTls) -> String {
    match &tls.trust {
        crate::tls::Trust::System => "by the authorities of this system".into(),
        crate::tls::Trust::CaFile(file) => format!("by the authorities in {}", file.display()),
        crate::tls::Trust::CaPin(pin) => format!("by the pin {pin}"),
    }
}

async fn untrusted(uri: &Uri, tls: &ClientTls, why: String) -> (Finding, ()) {
    let text = format!("the certificate of central is not trusted {}: {why}", trusted(tls));
    let hint = match probe::authority_pin(uri, tls).await {
        Ok(Some(pin)) => format!(
            "compare {pin}, which it shows, with what central's operator tells you; then mk8s login --ca-pin {pin}, or \
             --ca-file (MK8S_CA_FILE) with the right authority"
        ),
        _ => "central needs a certificate that is valid for this name and time; its operator can tell".into(),
    };
    (Finding::failed(text, hint), ())
}

/// For whom, by whom and until when.
fn certificate(found: Option<&Description>, now: Timestamp) -> Finding {
    let Some(found) = found else { return Finding::skipped("it is not of a form that is understood", None) };
    let text = format!("for {}, by {}, ends {}", found.names.join(", "), found.issuer, output::until(found.not_after));
    match is_near(found.not_after, now) {
        true => Finding::warning(text, "central's operator renews it; mk8s takes a new one as it is"),
        false => Finding::ok(text),
    }
}

/// `/health`, and what is compared with its answer.
async fn greet(report: &mut Report, session: &Session) -> Option<Reached> {
    let dependants = ["version-skew", "clock"];
    let client = match session.anonymous() {
        Ok(client) => client,
        Err(error) => {
            report.note(GROUP, "health", Finding::error(&error, "mk8s status"));
            report.skip(GROUP, &dependants, "health failed");
            return None;
        }
    };
    let (done, greeting) = timed("health", health(&client)).await;
    report.add(GROUP, done);
    let Some(greeting) = greeting else {
        report.skip(GROUP, &dependants, "health failed");
        return None;
    };
    let version = greeting.health.version;
    report.note(GROUP, "version-skew", skew::versions(("client", VERSION), ("central", &version)));
    let clock = greeting.date.map(|date| skew::clocks(date, greeting.asked_at, greeting.took));
    let untold = || Finding::skipped("not checked: the answer does not tell the time", None);
    report.note(GROUP, "clock", clock.unwrap_or_else(untold));
    Some(Reached { version })
}

async fn health(client: &Client) -> (Finding, Option<Greeting>) {
    match client.greeting().await {
        Ok(greeting) => {
            let text = format!("central {} answers, {} ms", greeting.health.version, greeting.took.as_millis());
            (Finding::ok(text), Some(greeting))
        }
        Err(error) => {
            let hint = match &error {
                ClientError::Problem(_) => "the log of central says more; its database may be away",
                _ => "check that --server (MK8S_SERVER) is the URL of a central, and what stands before it",
            };
            (Finding::error(&error.into(), hint), None)
        }
    }
}

async fn http2(report: &mut Report, uri: &Uri, tls: ClientTls, answers: bool) {
    if !answers {
        return report.skip(GROUP, &["http2"], "health failed");
    }
    if uri.scheme_str() != Some("https") {
        return report.skip(GROUP, &["http2"], "the URL begins with http://");
    }
    let agreed = async {
        let (_, shaken) = shake(uri, &tls, Alpn::Http2).await;
        let finding = match shaken {
            Some(Ok(Shaken { negotiated: Negotiated { http2: true, .. }, .. })) => Finding::ok("agreed upon"),
            _ => Finding::warning(
                "not agreed upon: kubectl and others need a connection for each request that runs",
                "let what stands before central offer h2",
            ),
        };
        (finding, ())
    };
    let (done, ()) = timed("http2", agreed).await;
    report.add(GROUP, done);
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_told_before() {
        let now = Timestamp::now();
        let look = |days: i64| {
            let not_after = now + SignedDuration::from_hours(24 * days);
            let found = Description { names: vec!["c".into(), "d".into()], issuer: "CN=x".into(), not_after };
            format!("{:?}", certificate(Some(&found), now))
        };
        assert!(look(31).contains("Ok") && look(31).contains("for c, d, by CN=x, ends "));
        assert!(look(29).contains("Warning"));
        assert!(format!("{:?}", certificate(None, now)).contains("Skipped"));
    }

    #[tokio::test]
    async fn a_name_and_an_address_are_looked_up_and_dialled() {
        let said = |finding: &Finding| format!("{finding:?}");
        let (finding, addresses) = resolve("127.0.0.1", 1).await;
        assert!(said(&finding).contains("127.0.0.1 is 127.0.0.1"));
        assert!(said(&connect(addresses).await.0).contains("refused"));
        assert!(said(&connect(Vec::new()).await.0).contains("no address"));
        let (finding, addresses) = resolve("no-such-name.invalid", 1).await;
        assert!(finding.is_failure() && said(&finding).contains("no-such-name.invalid") && addresses.is_empty());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let both = vec!["127.0.0.1:1".parse().unwrap(), listener.local_addr().unwrap()];
        assert!(said(&connect(both).await.0).contains("answers"), "one of them is enough");
    }
}
