//! The hub: a listener for users and agents, or one for each, a directory of clusters, a registry of tunnels.

mod agents;
mod audit;
mod bootstrap;
mod callers;
mod certificates;
mod changes;
mod client_certificate;
mod clusters;
mod directory;
mod forwarded;
pub mod http;
mod listen;
mod live_sessions;
mod metrics;
mod operations;
mod policies;
mod recover;
mod registry;
mod roles;
mod route;
mod running;
mod sessions;
mod state;
mod taking;
mod tokens;
mod users;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};
use tracing::{info, warn};

use crate::access::{COST, Hasher, JwtError, Shares};
use crate::store::{self, Store, login_attempts};

use crate::config::load::Role as _;
use crate::config::{CentralConfig, Cidr, ConfigError};
use crate::metrics::TlsSource;
use crate::tls::{Authority, TlsError};
pub use recover::{Recovered, recover};

use audit::{Audit, AuditTask, Export};
use callers::Callers;
use certificates::Urls;
use changes::{Changes, POLL};
use directory::Directory;
use http::Audience;
use listen::{Door, Open};
use metrics::Metrics;
use policies::Policies;
use registry::Registry;
use running::Running;
use sessions::Lifetimes;
use state::{Address, Central, MAX_COMMANDS};

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
    #[error("cannot listen on {address}: {source} (is another central running? `{key}` sets another address)")]
    Listen {
        /// The key that names it.
        key: &'static str,
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
    /// There is no database, where there has to be one.
    #[error(
        "there is no database {}: no central has started with this configuration (central may have `data_dir` or \
         `database.url` from a variable)", .0.display()
    )]
    NoDatabase(PathBuf),
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
    users: TcpListener,
    /// Of their own, if they have one.
    agents: Option<TcpListener>,
    /// For metrics and probes, if there is one.
    metrics: Option<TcpListener>,
    address: SocketAddr,
    public_url: String,
    authority: Option<Arc<Authority>>,
    trusted_proxies: Arc<[Cidr]>,
    central: Arc<Central>,
    audit: AuditTask,
    retention_days: u32,
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
    let (users, address) = listen("listen", config.listen).await?;
    let agents = match config.agents.listen {
        Some(address) => Some(listen("agents.listen", address).await?),
        None => None,
    };
    let for_metrics = match config.metrics.listen {
        Some(address) => Some(listen("metrics.listen", address).await?.0),
        None => None,
    };
    let urls = Urls::new(&config, address, agents.as_ref().map(|(_, address)| *address));
    let (tls, authority) = certificates::open(&config, &urls)?;
    let ca_pin = authority.as_ref().map(|authority| authority.pin());
    let export = Export::to(config.audit.export_file.clone());
    export.check().map_err(|source| {
        let file = config.audit.export_file.clone().unwrap_or_default();
        CentralError::File { file, source }
    })?;
    let metrics = Arc::new(Metrics::default());
    let (audit, audit_task) = Audit::start(&store, config.audit.reads, export, metrics.clone()).await?;
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
        shares: Shares::new(MAX_COMMANDS),
        running: Running::default(),
        audit,
        metrics,
        stopping: AtomicBool::new(false),
        address: Address::new(&urls.users, urls.agents, ca_pin),
        tls,
        console: config.console,
        agents_need_certificates: config.agents.require_client_certificate,
    };
    Ok(Bound {
        users,
        agents: agents.map(|(listener, _)| listener),
        metrics: for_metrics,
        address,
        central: Arc::new(central),
        public_url: urls.users,
        authority,
        audit: audit_task,
        retention_days: config.audit.retention_days,
        trusted_proxies: config.trusted_proxies.into(),
        grace: Duration::from_secs(config.shutdown_grace_seconds),
    })
}

async fn listen(key: &'static str, wanted: SocketAddr) -> Result<(TcpListener, SocketAddr), CentralError> {
    let failed = |source| CentralError::Listen { address: wanted, key, source };
    let listener = TcpListener::bind(wanted).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// Keeps up with what changes, here or on another central.
async fn follow(central: Arc<Central>) {
    loop {
        let since = Instant::now();
        central.changes.ask(&central.store).await;
        if central.changes.database_answers() {
            central.metrics.round_trip.observe(since.elapsed().as_secs_f64());
        }
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

impl Bound {
    /// The address that is listened on for users.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL for users.
    pub fn public_url(&self) -> &str {
        &self.public_url
    }

    /// The file with the development authority, for those who connect; `None` without one.
    pub fn ca_file(&self) -> Option<PathBuf> {
        self.authority.as_ref().map(|authority| authority.cert_file().to_owned())
    }

    /// Serves until `stop`, then lets running requests end for the grace period.
    pub async fn serve(self, stop: CancellationToken) {
        let agents = self.agents.as_ref().and_then(|listener| listener.local_addr().ok());
        if let Some(address) = agents {
            info!(%address, url = self.central.address.agents_url, "listening for agents");
        }
        // Until the end, so that it can be seen how central stops.
        let _watched = self.metrics.map(|listener| {
            if let Ok(address) = listener.local_addr() {
                info!(%address, "listening for metrics");
            }
            let tls = self.central.tls.clone().map(|tls| Box::new(move || tls.config()) as TlsSource);
            AbortOnDropHandle::new(tokio::spawn(crate::metrics::serve(listener, tls, self.central.clone())))
        });
        info!(address = %self.address, url = self.public_url, "central is listening");
        if let Some(authority) = &self.authority {
            info!(ca_file = %authority.cert_file().display(), ca_pin = authority.pin(), "development certificate authority");
        }
        let background = [
            AbortOnDropHandle::new(tokio::spawn(follow(self.central.clone()))),
            AbortOnDropHandle::new(tokio::spawn(tidy(self.central.clone()))),
            AbortOnDropHandle::new(tokio::spawn(self.central.clone().look_after_requests())),
            AbortOnDropHandle::new(tokio::spawn(audit::keep(
                self.central.audit.clone(),
                self.central.store.clone(),
                self.retention_days,
            ))),
        ];
        let keeping = self.central.tls.clone().map(|tls| AbortOnDropHandle::new(tokio::spawn(tls.keep())));
        let door = Door { tls: self.central.tls.clone(), trusted_proxies: self.trusted_proxies };
        let connections = match self.agents {
            None => {
                let router = http::routes(self.central.clone(), Audience::Everyone);
                vec![door.accept_until(self.users, router, stop).await]
            }
            Some(agents) => {
                let routes = |audience| http::routes(self.central.clone(), audience);
                let users = door.clone().accept_until(self.users, routes(Audience::Users), stop.clone());
                let agents = door.accept_until(agents, routes(Audience::Agents), stop);
                let (users, agents) = tokio::join!(users, agents);
                vec![users, agents]
            }
        };

        self.central.stopping.store(true, Ordering::Relaxed);
        info!(grace_seconds = self.grace.as_secs(), "central is stopping: no new requests, running ones go on");
        self.central.registry.drain_all(DRAIN_TIMEOUT).await;
        let ended = async {
            join_all(connections.into_iter().map(Open::shutdown)).await;
            self.central.commands.close();
            self.central.commands.wait().await;
        };
        if tokio::time::timeout(self.grace, ended).await.is_err() {
            warn!("the grace period is over, requests that still run are cut");
        }
        drop((background, keeping));
        self.audit.finish().await;
        self.central.store.close().await;
        info!("central has stopped");
    }
}
