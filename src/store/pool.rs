//! Connections that are kept, and the limits that no database can make a caller wait beyond.

use std::fs::{DirBuilder, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use deadpool::managed::{self, Metrics, PoolError, QueueMode, RecycleError, RecycleResult, TimeoutType};
use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use tokio::task::JoinHandle;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::conn::{Conn, PgConn};
use super::error::{Error, Result, chain};

/// How long a caller waits for a connection: for a free one, and for a new one.
pub(super) const CONNECT: Duration = Duration::from_millis(1_500);

/// How long PostgreSQL works on one statement, and waits for one lock.
pub(super) const STATEMENT: Duration = Duration::from_millis(1_500);

/// How long a call takes, all in all, before the connection is given up.
pub(super) const CALL: Duration = Duration::from_millis(1_800);

/// What each new connection to PostgreSQL is told, whatever the server's defaults are.
const POSTGRES_SESSION: &str = "SET synchronous_commit = on; SET default_transaction_isolation = 'read committed'; \
    SET statement_timeout = 1500; SET lock_timeout = 1500; SET idle_in_transaction_session_timeout = 10000;";

/// FULL: a commit is on the disk before it is answered.
const SQLITE_SESSION: &str = "PRAGMA busy_timeout = 500; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
    PRAGMA foreign_keys = ON;";

/// For the connection that writes, in KiB and pages: what is written again and again, the ends of indexes, is neither read
/// from the file nor copied into it each time.
const SQLITE_WRITER: &str = "PRAGMA cache_size = -8192; PRAGMA wal_autocheckpoint = 4000;";

/// The connections to one database.
pub(super) type Pool = managed::Pool<Manager>;

/// A connection that goes back to its pool when dropped.
pub(super) type Pooled = managed::Object<Manager>;

/// Opens connections, and judges whether one can be used again.
pub(super) enum Manager {
    /// To a file; a reader refuses to write.
    Sqlite { path: PathBuf, reader: bool },
    /// To a server. All connections of a generation are given up when one of them got no answer.
    Postgres { config: Box<tokio_postgres::Config>, tls: MakeRustlsConnect, generation: Arc<AtomicU64> },
}

impl Manager {
    /// A pool of at most `size` such connections.
    pub(super) fn pool(self, size: usize) -> Result<Pool> {
        Pool::builder(self)
            .max_size(size.max(1))
            .queue_mode(QueueMode::Lifo)
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .map_err(|e| Error::Other(Box::new(e)))
    }
}

impl managed::Manager for Manager {
    type Type = Conn;
    type Error = Error;

    async fn create(&self) -> Result<Conn> {
        match self {
            Self::Sqlite { path, reader } => {
                let (path, reader) = (path.clone(), *reader);
                blocking(move || open_file(&path, reader)).await?
            }
            Self::Postgres { config, tls, generation } => {
                let current = generation.load(Ordering::Acquire);
                let down = |e: &(dyn std::error::Error + 'static)| Error::Unavailable(chain(e));
                let (client, driver) = config.connect(tls.clone()).await.map_err(|e| down(&e))?;
                // When it ends, for whatever reason, the client is told of it with its next answer.
                let driver = tokio::spawn(async move { drop(driver.await) });
                client.batch_execute(POSTGRES_SESSION).await.map_err(|e| down(&e))?;
                let client = diesel_async::AsyncPgConnection::try_from(client).await.map_err(|e| down(&e))?;
                Ok(Conn::Postgres(PgConn::new(client, driver.abort_handle(), current)))
            }
        }
    }

    async fn recycle(&self, conn: &mut Conn, _: &Metrics) -> RecycleResult<Error> {
        let outdated = match (self, &*conn) {
            (Self::Postgres { generation, .. }, Conn::Postgres(c)) => {
                generation.load(Ordering::Acquire) != c.generation
            }
            _ => false,
        };
        match outdated || conn.is_broken() {
            true => Err(RecycleError::message("closed")),
            false => Ok(()),
        }
    }
}

/// A connection, within the limit. A caller that leaves meanwhile takes nothing.
pub(super) async fn get(pool: &Pool, limit: Duration) -> Result<Pooled> {
    let late = || Error::Unavailable(format!("no connection within {} ms", limit.as_millis()));
    let timeouts = managed::Timeouts { wait: Some(limit), create: Some(limit), recycle: None };
    match tokio::time::timeout(limit, pool.timeout_get(&timeouts)).await {
        Ok(Ok(conn)) => Ok(conn),
        Ok(Err(PoolError::Timeout(TimeoutType::Wait))) => Err(Error::Busy),
        Ok(Err(PoolError::Backend(error))) => Err(error),
        Ok(Err(PoolError::Timeout(_))) | Err(_) => Err(late()),
        Ok(Err(error)) => Err(Error::Unavailable(error.to_string())),
    }
}

/// Hangs up on a server that does not answer, so that the thread that waits for it goes on. Ends when dropped.
pub(super) struct Watch(Option<JoinHandle<()>>);

impl Watch {
    /// Gives the connection this long.
    pub(super) fn start(pooled: &Pooled, limit: Duration) -> Self {
        let (Conn::Postgres(conn), Some(pool)) = (&**pooled, managed::Object::pool(pooled)) else { return Self(None) };
        let (driver, generation) = (conn.driver(), conn.generation);
        Self(Some(tokio::spawn(async move {
            tokio::time::sleep(limit).await;
            if let Manager::Postgres { generation: current, .. } = pool.manager() {
                // Only the first of a generation ends it: what was opened since is not at fault.
                let _ = current.compare_exchange(generation, generation + 1, Ordering::AcqRel, Ordering::Acquire);
            }
            driver.abort();
        })))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// Runs what blocks on a thread for that, to its end, even when the caller leaves.
pub(super) async fn blocking<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(f).await {
        Ok(value) => Ok(value),
        Err(e) if e.is_panic() => std::panic::resume_unwind(e.into_panic()),
        Err(_) => Err(Error::Unavailable("the program is stopping".into())),
    }
}

fn open_file(path: &Path, reader: bool) -> Result<Conn> {
    let until = Instant::now() + CONNECT;
    make_private(path).map_err(|e| Error::Unavailable(format!("cannot create {}: {e}", path.display())))?;
    loop {
        match open_once(path, reader) {
            // SQLite does not wait its turn to change a new file to WAL.
            Err(Error::Busy) if Instant::now() < until => std::thread::sleep(Duration::from_millis(10)),
            result => return result.map(Conn::Sqlite),
        }
    }
}

fn open_once(path: &Path, reader: bool) -> Result<SqliteConnection> {
    let unavailable = |e: &dyn std::fmt::Display| Error::Unavailable(format!("cannot open {}: {e}", path.display()));
    let text = path.to_str().ok_or_else(|| unavailable(&"the path is not UTF-8"))?;
    let mut conn = SqliteConnection::establish(text).map_err(|e| unavailable(&e))?;
    conn.batch_execute(SQLITE_SESSION)?;
    conn.batch_execute(if reader { "PRAGMA query_only = ON;" } else { SQLITE_WRITER })?;
    Ok(conn)
}

/// Only the own user may read a new file and its directory; SQLite gives the files beside it the same mode.
fn make_private(path: &Path) -> std::io::Result<()> {
    if let Some(dir) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(()),
        result => result.map(drop),
    }
}
