//! The hub: one listener for users and agents, a directory of clusters, a registry of tunnels.

mod agents;
mod bootstrap;
mod callers;
mod changes;
mod clusters;
mod directory;
pub mod http;
mod listen;
mod policies;
mod recover;
mod registry;
mod roles;
mod route;
mod running;
mod sessions;
mod state;
mod tokens;
mod users;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ::http::Uri;
use jiff::{SignedDuration, Timestamp};
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};
use tracing::{info, warn};

use crate::access::{COST, Hasher, JwtError};
use crate::store::{self, Store, login_attempts};

use crate::config::central::TlsMode;
use crate::config::load::Role as _;
use crate::config::{CentralConfig, ConfigError};
use crate::tls::{Authority, TlsError, server};
pub use recover::{Recovered, recover};

use callers::Callers;
use changes::{Changes, POLL};
use directory::Directory;
use policies::Policies;
use registry::Registry;
use running::Running;
use sessions::Lifetimes;
use state::{Address, Central};

/// How long agents may take to hear that central leaves.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// How often what has expired is removed from the database.
const TIDY_EVERY: Duration = Duration::from_secs(3600);

/// Why central does not start.
#[derive(Debug, thiserror::Error)]
pub enum CentralError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source} (is another central running? `listen` sets another address)")]
    Listen {
        /// Which one.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The database.
    #[error("cannot use the database: {0} (`database.url` names it)")]
    Store(#[from] store::Error),
    /// A key for access tokens.
    #[error("cannot use the key {}: {error} (`auth.signing_key_file` and `auth.accepted_key_files` name keys)", .file.display())]
    Key {
        /// Which one.
        file: PathBuf,
        /// What is wrong with it.
        error: JwtError,
    },
    /// A file.
    #[error("cannot use {}: {source}", .file.display())]
    File {
        /// Which one.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The password of the first admin.
    #[error("no password could be made for the first admin: {0}")]
    Password(String),
}

/// A central that listens already; connections wait until it serves.
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    public_url: String,
    tls: Option<Arc<ServerConfig>>,
    authority: Option<Authority>,
    central: Arc<Central>,
    grace: Duration,
}

/// Reads certificates and keys, brings the database up to date, and listens.
///
/// # Errors
/// When the configuration names what is not there, the database does not answer, or the address is taken.
pub async fn bind(config: CentralConfig) -> Result<Bound, CentralError> {
    config.validate()?;
    let store = Store::open(&config.database_url()?, config.database.connections.into())?;
    let keys = bootstrap::keys(&config, store.is_postgres())?;
    store.migrate().await?;
    let hasher = Hasher::new(COST);
    bootstrap::first_admin(&config, &store, &hasher).await?;
    bootstrap::declare_clusters(&config, &store).await?;
    let failed = |source| CentralError::Listen { address: config.listen, source };
    let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let scheme = if config.tls.mode == TlsMode::Off { "http" } else { "https" };
    let public_url = config.public_url.clone().unwrap_or_else(|| format!("{scheme}://localhost:{}", address.port()));
    let (tls, authority) = certificates(&config, &public_url)?;
    let central = Central {
        store,
        changes: Changes::default(),
        callers: Callers::default(),
        policies: Policies::default(),
        keys,
        hasher,
        lifetimes: Lifetimes {
            access: SignedDuration::from_secs(i64::from(config.auth.access_token_seconds)),
            session: SignedDuration::from_hours(24 * i64::from(config.auth.session_days)),
        },
        directory: Directory::default(),
        registry: Registry::default(),
        commands: TaskTracker::new(),
        running: Running::default(),
        address: Address::new(&public_url, authority.as_ref().map(|authority| authority.pin().to_owned())),
    };
    Ok(Bound {
        listener,
        address,
        central: Arc::new(central),
        public_url,
        tls,
        authority,
        grace: Duration::from_secs(config.shutdown_grace_seconds),
    })
}

/// Keeps up with what changes, here or on another central.
async fn follow(central: Arc<Central>) {
    loop {
        central.changes.ask(&central.store).await;
        // When this fails, so will the request that needs it, which says why.
        let _ = central.read_clusters().await;
        let _ = central.read_roles().await;
        tokio::time::sleep(POLL).await;
    }
}

/// Removes now and then what has expired.
async fn tidy(central: Arc<Central>) {
    loop {
        let now = Timestamp::now();
        let tidied = central.store.write(move |c| {
            store::sessions::delete_expired(c, now)?;
            login_attempts::delete_old(c, now)
        });
        if let Err(error) = tidied.await {
            warn!(%error, "what has expired was not removed");
        }
        tokio::time::sleep(TIDY_EVERY).await;
    }
}

type Certificates = (Option<Arc<ServerConfig>>, Option<Authority>);

fn certificates(config: &CentralConfig, public_url: &str) -> Result<Certificates, CentralError> {
    match (config.tls.mode, &config.tls.cert_file, &config.tls.key_file) {
        (TlsMode::Off, _, _) => Ok((None, None)),
        (TlsMode::Files, Some(cert), Some(key)) => {
            Ok((Some(server::server_config(server::load_identity(cert, key)?)?), None))
        }
        (TlsMode::Auto | TlsMode::Files, _, _) => {
            let authority = Authority::open_or_create(&config.data_dir.join("tls"))?;
            let identity = authority.issue(&names(public_url))?;
            Ok((Some(server::server_config(identity)?), Some(authority)))
        }
    }
}

/// What the development certificate is for: the host of the public URL, and this machine.
fn names(public_url: &str) -> Vec<String> {
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(String::from).into();
    let host = public_url.parse::<Uri>().ok().and_then(|url| url.host().map(|h| h.trim_matches(['[', ']']).to_owned()));
    names.extend(host.filter(|host| !names.contains(host)));
    names
}

impl Bound {
    /// The address that is listened on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL for users and agents.
    pub fn public_url(&self) -> &str {
        &self.public_url
    }

    /// The file with the development authority, for those who connect; `None` without one.
    pub fn ca_file(&self) -> Option<PathBuf> {
        self.authority.as_ref().map(Authority::cert_file).map(Path::to_owned)
    }

    /// Serves until `stop`, then lets running requests end for the grace period.
    pub async fn serve(self, stop: CancellationToken) {
        info!(address = %self.address, url = self.public_url, "central is listening");
        if let Some(authority) = &self.authority {
            info!(ca_file = %authority.cert_file().display(), ca_pin = authority.pin(), "development certificate authority");
        }
        let background = [
            AbortOnDropHandle::new(tokio::spawn(follow(self.central.clone()))),
            AbortOnDropHandle::new(tokio::spawn(tidy(self.central.clone()))),
            AbortOnDropHandle::new(tokio::spawn(self.central.clone().look_after_requests())),
        ];
        let router = http::routes(self.central.clone());
        let connections = listen::accept_until(self.listener, self.tls, router, stop).await;

        info!(grace_seconds = self.grace.as_secs(), "central is stopping: no new requests, running ones go on");
        self.central.registry.drain_all(DRAIN_TIMEOUT).await;
        let ended = async {
            connections.shutdown().await;
            self.central.commands.close();
            self.central.commands.wait().await;
        };
        if tokio::time::timeout(self.grace, ended).await.is_err() {
            warn!("the grace period is over, requests that still run are cut");
        }
        drop(background);
        self.central.store.close().await;
        info!("central has stopped");
    }
}
