//! The discovery cache: what resources the cluster has, so that kubectl need not ask for it in each command.
//!
//! Commands only read it. It is filled by a kubectl of the agent's own, which goes through the gate like all others and
//! acts as the agent, so that nothing that a caller does can end up in what another one reads. A new one is made beside
//! the old one; commands that have begun go on with theirs.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::exec::{Command, Launcher};
use super::process::Stdin;
use super::workdir::{make_read_only, remove_tree};
use crate::kubernetes::request_info::{RequestInfo, ResourceInfo};

/// How long the agent waits for the first cache before it takes commands.
const FIRST_TIMEOUT: Duration = Duration::from_secs(5);

/// How old the cache becomes; kubectl believes it for 6 h.
const MAX_AGE: Duration = Duration::from_secs(5 * 3600);

/// How long filling it may take.
const FILL_TIMEOUT: Duration = Duration::from_secs(60);

/// How long the API server takes to serve what was defined, and how long more definitions are waited for.
const SETTLE: Duration = Duration::from_secs(2);

/// How often commands that found nothing in it may have it filled again: a resource that does not exist is not in it
/// either.
const MISSED_PAUSE: Duration = Duration::from_secs(30);

/// The first wait after a failure; it doubles.
const FIRST_RETRY: Duration = Duration::from_secs(5);

/// The longest wait after a failure, and after a cache that lacks what one part of the cluster did not tell.
const LAST_RETRY: Duration = Duration::from_secs(300);

/// How much of what the filling kubectl complains about is logged, in bytes.
const COMPLAINT: u64 = 2_000;

/// What makes the cache out of date.
#[derive(Default)]
pub struct Signals {
    /// Resources were defined, changed or removed.
    pub changed: Notify,
    /// A command has asked for what there is: it found nothing, or did not look.
    pub missed: Notify,
}

impl Signals {
    /// Something was done: whether the cache is out of date now.
    pub fn notice(&self, info: &RequestInfo) {
        let RequestInfo::Resource(ResourceInfo { verb, group, resource, .. }) = info else { return };
        let writes = ["create", "update", "patch", "delete", "deletecollection"].contains(&verb.as_str());
        let defines = matches!(
            (group.as_str(), resource.as_str()),
            ("apiextensions.k8s.io", "customresourcedefinitions") | ("apiregistration.k8s.io", "apiservices")
        );
        if writes && defines {
            self.changed.notify_one();
        }
    }
}

/// The newest cache. Cheap to clone.
#[derive(Clone)]
pub struct Discovery(Arc<State>);

struct State {
    signals: Arc<Signals>,
    current: Mutex<Option<Arc<Cache>>>,
    version: Mutex<Option<String>>,
}

/// One cache; its directory is removed when no command uses it any more.
pub struct Cache(PathBuf);

impl Cache {
    /// Its directory, for `KUBECACHEDIR`.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        let path = std::mem::take(&mut self.0);
        // Deleting files blocks, and this may be one of the runtime's threads.
        let _ = std::thread::Builder::new().name("cache".into()).spawn(move || remove_tree(&path));
    }
}

/// What became of an attempt to fill the cache.
enum Filled {
    Whole,
    /// A part of the cluster, such as an extension that is down, did not tell what it has.
    Partly,
    Not,
}

/// Why a cache was not filled.
#[derive(Debug, thiserror::Error)]
enum FillError {
    #[error(transparent)]
    Session(#[from] super::gate::SessionError),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("kubectl did not end within {} s", FILL_TIMEOUT.as_secs())]
    Timeout,
    #[error("kubectl: {0}")]
    Kubectl(String),
}

impl Discovery {
    /// Without a cache yet.
    pub fn new(signals: Arc<Signals>) -> Self {
        Self(Arc::new(State { signals, current: Mutex::default(), version: Mutex::default() }))
    }

    /// The newest cache, if there is one.
    pub fn current(&self) -> Option<Arc<Cache>> {
        self.0.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes the version of the API server: with another one there are other resources.
    pub fn observe(&self, version: Option<&str>) {
        let Some(version) = version else { return };
        let mut known = self.0.version.lock().unwrap_or_else(PoisonError::into_inner);
        if known.as_deref() != Some(version) && known.replace(version.to_owned()).is_some() {
            self.0.signals.changed.notify_one();
        }
    }

    /// Fills the cache for the first time, so that the first command finds it; a cluster that does not answer is not
    /// waited for.
    pub async fn fill_first(&self, launcher: &Launcher) {
        let _ = tokio::time::timeout(FIRST_TIMEOUT, self.try_fill(launcher, 0)).await;
    }

    /// Keeps the cache up to date, for ever.
    pub async fn keep(self, launcher: Launcher) {
        let mut retry = FIRST_RETRY;
        let mut next = if self.current().is_some() { MAX_AGE } else { retry };
        let mut since = Instant::now();
        for number in 1_u64.. {
            tokio::select! {
                () = tokio::time::sleep_until(since + next) => {}
                () = self.0.signals.changed.notified() => tokio::time::sleep(SETTLE).await,
                () = self.0.signals.missed.notified() => tokio::time::sleep_until(since + MISSED_PAUSE).await,
            }
            since = Instant::now();
            next = match self.try_fill(&launcher, number).await {
                Filled::Whole => {
                    retry = FIRST_RETRY;
                    MAX_AGE
                }
                Filled::Partly => LAST_RETRY,
                Filled::Not => {
                    retry = (retry * 2).min(LAST_RETRY);
                    retry
                }
            };
        }
    }

    /// Commands go on without a cache, or with the old one, when it cannot be filled: that is only logged.
    async fn try_fill(&self, launcher: &Launcher, number: u64) -> Filled {
        match self.fill(launcher, number).await {
            Ok(status) if status.success() => Filled::Whole,
            Ok(_) => Filled::Partly,
            Err(error) => {
                debug!(%error, "the resources of the cluster are not cached");
                Filled::Not
            }
        }
    }

    /// Fills a new cache and makes it the current one.
    async fn fill(&self, launcher: &Launcher, number: u64) -> Result<ExitStatus, FillError> {
        let session = launcher.gate.open_for_discovery()?;
        let command = Command {
            args: vec!["api-resources".into(), "--output=name".into()],
            namespace: None,
            stdin: Stdin::Null,
            cache: None,
            place: None,
        };
        let (mut process, place) = launcher.start(&session, command).await?;
        let (_, stdout, stderr) = process.take_streams();
        let running = async { tokio::join!(process.wait(), read(stdout), read(stderr)) };
        let (status, _, complaint) =
            tokio::time::timeout(FILL_TIMEOUT, running).await.map_err(|_| FillError::Timeout)?;
        drop(process);
        session.finish().await;
        let status = status?;
        let path = launcher.work_dir.cache().join(number.to_string());
        let cache = Cache(path.clone());
        let filled = launcher.spawner.run(move || {
            let own = place.path().join("cache");
            // kubectl writes it last for the groups, and not at all when it was told of none.
            let filled = own.join("discovery").read_dir().is_ok_and(|mut hosts| hosts.next().is_some());
            if filled {
                std::fs::rename(own, &path)?;
                make_read_only(&path)?;
            }
            place.close()?;
            Ok(filled)
        });
        if !filled.await? {
            return Err(FillError::Kubectl(complaint.trim().to_owned()));
        }
        if !status.success() {
            warn!(complaint = complaint.trim(), "a part of the cluster does not tell what resources it has");
        }
        *self.0.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(cache));
        Ok(status)
    }
}

/// Reads all of an output and keeps its beginning.
async fn read(output: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut output) = output else { return String::new() };
    let mut start = Vec::new();
    let _ = (&mut output).take(COMPLAINT).read_to_end(&mut start).await;
    let _ = tokio::io::copy(&mut output, &mut tokio::io::sink()).await;
    String::from_utf8_lossy(&start).into_owned()
}
