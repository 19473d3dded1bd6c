//! Central's own certificate, and the URLs that it is for.

use std::net::SocketAddr;
use std::sync::Arc;

use http::Uri;

use super::CentralError;
use crate::config::CentralConfig;
use crate::config::central::TlsMode;
use crate::tls::server::Source;
use crate::tls::{Authority, IdentityFiles, ServerTls};

/// How central is reached.
pub struct Urls {
    /// By users.
    pub users: String,
    /// By agents.
    pub agents: String,
}

impl Urls {
    /// What the configuration says, or else what follows from the addresses that are listened on.
    pub fn new(config: &CentralConfig, users: SocketAddr, agents: Option<SocketAddr>) -> Self {
        let scheme = if config.tls.mode == TlsMode::Off { "http" } else { "https" };
        let url = |host: &str, address: SocketAddr| format!("{scheme}://{host}:{}", address.port());
        let of_users = config.public_url.clone().unwrap_or_else(|| url("localhost", users));
        let of_agents = match (&config.agents.public_url, agents) {
            (Some(url), _) => url.clone(),
            (None, Some(address)) => url(&host(&of_users).unwrap_or_else(|| "localhost".into()), address),
            (None, None) => of_users.clone(),
        };
        Self { users: of_users, agents: of_agents }
    }
}

fn host(url: &str) -> Option<String> {
    url.parse::<Uri>().ok()?.host().map(ToOwned::to_owned)
}

/// The encryption of the listeners, and the development authority if there is one.
pub fn open(config: &CentralConfig, urls: &Urls) -> Result<(Option<ServerTls>, Option<Arc<Authority>>), CentralError> {
    let client_ca = config.tls.client_ca.clone();
    match (config.tls.mode, &config.tls.cert_file, &config.tls.key_file) {
        (TlsMode::Off, _, _) => Ok((None, None)),
        (TlsMode::Files, Some(cert_file), Some(key_file)) => {
            let files = IdentityFiles { cert_file: cert_file.clone(), key_file: key_file.clone() };
            Ok((Some(ServerTls::new(Source::Files(files), client_ca)?), None))
        }
        (TlsMode::Auto | TlsMode::Files, _, _) => {
            let authority = Arc::new(Authority::open_or_create(&config.data_dir.join("tls"))?);
            let tls = ServerTls::new(Source::Authority(authority.clone(), names(urls)), client_ca)?;
            Ok((Some(tls), Some(authority)))
        }
    }
}

/// What the development certificate is for: the hosts of the URLs, and this machine.
fn names(urls: &Urls) -> Vec<String> {
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(String::from).into();
    for host in [&urls.users, &urls.agents].into_iter().filter_map(|url| host(url)) {
        let host = host.trim_matches(['[', ']']).to_owned();
        if !names.contains(&host) {
            names.push(host);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(change: impl FnOnce(&mut CentralConfig), agents: Option<&str>) -> (String, String) {
        let mut config = CentralConfig::default();
        change(&mut config);
        let agents = agents.map(|address| address.parse().unwrap());
        let Urls { users, agents } = Urls::new(&config, "127.0.0.1:1000".parse().unwrap(), agents);
        (users, agents)
    }

    #[test]
    fn agents_are_told_where_they_are_listened_for() {
        let pair = |users: &str, agents: &str| (users.to_owned(), agents.to_owned());
        let local = "https://localhost:1000";
        assert_eq!(urls(|_| {}, None), pair(local, local));
        assert_eq!(urls(|_| {}, Some("127.0.0.1:2000")), pair(local, "https://localhost:2000"));
        let public = |c: &mut CentralConfig| c.public_url = Some("https://mk8s.example.com".into());
        assert_eq!(urls(public, None), pair("https://mk8s.example.com", "https://mk8s.example.com"));
        let own = pair("https://mk8s.example.com", "https://mk8s.example.com:2000");
        assert_eq!(urls(public, Some("0.0.0.0:2000")), own);
        let named = |c: &mut CentralConfig| c.agents.public_url = Some("https://[2001:db8::1]".into());
        assert_eq!(urls(named, Some("0.0.0.0:2000")), pair(local, "https://[2001:db8::1]"));
    }

    #[test]
    fn the_development_certificate_is_for_all_urls() {
        let urls = Urls { users: "https://mk8s.example.com".into(), agents: "https://[2001:db8::1]:2000".into() };
        assert_eq!(names(&urls), ["localhost", "127.0.0.1", "::1", "mk8s.example.com", "2001:db8::1"]);
    }
}
