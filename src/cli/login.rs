//! `mk8s login` and `mk8s logout`: which central this client speaks to.
//!
//! A central without users serves this machine only and asks for no password.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::exit::Exit;
use super::session::SessionArgs;
use crate::client::Client;
use crate::config::{ClientState, paths};
use crate::tls::Trust;

/// Where to log in.
#[derive(Args)]
pub struct LoginArgs {
    /// The URL of central, such as `https://mk8s.example.com`
    url: String,
}

/// Checks that central answers and remembers it.
pub async fn login(session: &SessionArgs, args: LoginArgs) -> anyhow::Result<Exit> {
    let url = args.url.trim_end_matches('/').to_owned();
    let path = paths::client_state();
    let old = ClientState::load(&path)?;
    let remembered = old.ca_file.clone().filter(|_| old.server.as_deref() == Some(&url));
    let ca_file = session.ca_file().map(absolute).transpose()?.or(remembered);
    let health = Client::new(&url, &Trust::from_options(ca_file.as_deref(), None))?.health().await?;
    let cluster = old.cluster.filter(|_| old.server.as_deref() == Some(&url));
    ClientState { server: Some(url.clone()), ca_file, cluster }.save(&path)?;
    eprintln!("logged in to {url} (version {}), which has no users yet and asks for no password", health.version);
    eprintln!("  next: mk8s clusters list");
    Ok(Exit::OK)
}

/// Forgets central.
pub fn logout() -> anyhow::Result<Exit> {
    let path = paths::client_state();
    match ClientState::load(&path)?.server {
        None => eprintln!("not logged in"),
        Some(server) => {
            ClientState::default().save(&path)?;
            eprintln!("logged out of {server}");
        }
    }
    Ok(Exit::OK)
}

/// The state is read from any directory.
fn absolute(file: PathBuf) -> anyhow::Result<PathBuf> {
    std::path::absolute(&file).with_context(|| format!("cannot find {}", file.display()))
}
