//! Requests of programs on this machine, on their way to the cluster with the user's credential.
//!
//! Whoever reaches the listener acts as the user. So the name in `Host` must be one that is accepted, which a page that
//! has its own name resolve to this machine does not have (DNS rebinding), and no request may come from a page of
//! another site.

use http::header::{CONNECTION, HOST, HeaderName, ORIGIN, UPGRADE};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use regex_lite::Regex;

use super::gateway::Gateway;
use crate::kubernetes::target::Target;

/// What is sent back: an answer of the cluster, or of this program.
pub type Answer = Response<Either<Incoming, Full<Bytes>>>;

/// Headers that are for one connection only (RFC 9110, section 7.6.1).
const OF_A_CONNECTION: [&str; 7] = [
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
];

/// Headers of browsers, which are about a page of this proxy: central would take that for one of another site.
const OF_A_PAGE: [&str; 7] =
    ["origin", "referer", "cookie", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest", "sec-fetch-user"];

/// Which requests pass.
#[derive(Debug)]
pub struct Filter {
    /// One must match the host, without its port.
    pub accept_hosts: Vec<Regex>,
    /// One must match the path.
    pub accept_paths: Vec<Regex>,
    /// None may match the path.
    pub reject_paths: Vec<Regex>,
    /// None may match the method.
    pub reject_methods: Vec<Regex>,
}

impl Filter {
    /// Why a request does not pass.
    pub fn refuse(&self, method: &str, target: &str, headers: &HeaderMap) -> Option<String> {
        let matches = |patterns: &[Regex], text: &str| patterns.iter().any(|pattern| pattern.is_match(text));
        let mut hosts = headers.get_all(HOST).iter();
        let (Some(authority), None) = (hosts.next().and_then(|host| host.to_str().ok()), hosts.next()) else {
            return Some("the request names no host, or several".into());
        };
        if !matches(&self.accept_hosts, host_of(authority)) {
            return Some(format!("the host {authority:?} is not accepted (--accept-hosts)"));
        }
        if let Some(site) = other_site(authority, headers) {
            return Some(format!("the request comes from a page of another site ({site})"));
        }
        let path = match Target::parse(target) {
            Ok(target) => target.path().to_owned(),
            Err(error) => return Some(error.to_string()),
        };
        if matches(&self.reject_methods, method) {
            return Some(format!("the method {method} is rejected (--reject-methods)"));
        }
        if matches(&self.reject_paths, &path) {
            return Some(format!("the path {path} is rejected (--reject-paths)"));
        }
        (!matches(&self.accept_paths, &path)).then(|| format!("the path {path} is not accepted (--accept-paths)"))
    }
}

/// The host without its port; an IPv6 address keeps its brackets.
fn host_of(authority: &str) -> &str {
    let port = authority.rfind(':').filter(|at| !authority[*at..].contains(']'));
    port.map_or(authority, |at| &authority[..at])
}

/// The site of a page that made a browser send this, if it is another one than that which is asked.
fn other_site(authority: &str, headers: &HeaderMap) -> Option<String> {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable").to_owned());
    if let Some(origin) = text(ORIGIN)
        && origin.strip_prefix("http://") != Some(authority)
    {
        return Some(origin);
    }
    text(HeaderName::from_static("sec-fetch-site")).filter(|site| !matches!(site.as_str(), "none" | "same-origin"))
}

impl Gateway {
    /// Hands a request on, if it passes, and its answer back. Both bodies stream; a protocol that is agreed upon is
    /// carried until one side ends.
    pub async fn relay(&self, filter: &Filter, mut request: Request<Incoming>) -> Answer {
        let target = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
        if let Some(why) = filter.refuse(request.method().as_str(), &target, request.headers()) {
            return said(StatusCode::FORBIDDEN, &why);
        }
        let upgrade = request.headers().get(UPGRADE).cloned();
        let client = upgrade.is_some().then(|| hyper::upgrade::on(&mut request));
        let (mut head, body) = request.into_parts();
        clean(&mut head.headers);
        for name in OF_A_PAGE {
            head.headers.remove(name);
        }
        head.extensions.clear();
        head.version = http::Version::HTTP_11;
        if let Some(upgrade) = upgrade {
            head.headers.insert(CONNECTION, http::HeaderValue::from_static("Upgrade"));
            head.headers.insert(UPGRADE, upgrade);
        }
        let mut response = match self.send(Request::from_parts(head, body)).await {
            Ok(response) => response,
            Err(error) => return said(StatusCode::BAD_GATEWAY, &error.to_string()),
        };
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let server = hyper::upgrade::on(&mut response);
            if let Some(client) = client {
                tokio::spawn(async move {
                    let Ok((client, server)) = tokio::try_join!(client, server) else { return };
                    let (mut client, mut server) = (TokioIo::new(client), TokioIo::new(server));
                    // How it ended is for the two to see.
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                });
            }
        } else {
            clean(response.headers_mut());
        }
        response.map(Either::Left)
    }
}

/// Takes out what is for one connection only.
fn clean(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(',').filter_map(|name| name.trim().parse().ok()).collect::<Vec<_>>())
        .collect();
    for name in named.into_iter().chain([CONNECTION, UPGRADE]) {
        headers.remove(name);
    }
    for name in OF_A_CONNECTION {
        headers.remove(name);
    }
}

fn said(status: StatusCode, why: &str) -> Answer {
    let mut response = Response::new(Either::Right(Full::new(Bytes::from(format!("mk8s proxy: {why}\n")))));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests;
