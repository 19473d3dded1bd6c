//! The database, SQLite or PostgreSQL: each query is written once, and no other room knows diesel.
//!
//! A caller gives `Store::read` or `Store::write` a closure, which calls the functions of the modules here, one
//! module for each group of tables. The closure runs on a thread for blocking work and to its end, also when the
//! caller leaves. It should do nothing but queries: all of it must be done in less than two seconds.

pub mod agent_tokens;
pub mod api_tokens;
pub mod audit;
pub mod callers;
pub mod clusters;
mod conn;
mod error;
pub mod login_attempts;
mod migrations;
mod pool;
mod postgres;
pub mod roles;
mod schema;
pub mod sessions;
pub mod settings;
#[cfg(test)]
mod tests;
pub mod users;
mod value;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool::Status;
use deadpool::managed::Object;
use diesel::connection::{AnsiTransactionManager, Connection, SimpleConnection as _, TransactionManager};
use secrecy::{ExposeSecret as _, SecretString};

pub use conn::Conn;
pub use error::{Error, Result};

use pool::{CALL, CONNECT, Manager, Pool, STATEMENT, Watch};

/// How long the migrations may take, with the wait for another replica that runs them.
const MIGRATION: Duration = Duration::from_secs(60);

/// How long a call may take: until it has a connection, and all in all.
#[derive(Clone, Copy)]
struct Limits {
    connect: Duration,
    call: Duration,
}

/// Those of all calls but the first.
const ORDINARY: Limits = Limits { connect: CONNECT, call: CALL };

/// The database. Clones share its connections.
///
/// SQLite has one writer at a time: callers queue for it in order, instead of polling the file's lock, and readers go
/// on meanwhile (WAL). On PostgreSQL both pools are the same.
#[derive(Clone)]
pub struct Store {
    reads: Pool,
    writes: Pool,
}

/// How the connections of one pool are used.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// What they are for: `read`, `write` or `all`.
    pub name: &'static str,
    /// How many there may be.
    pub most: usize,
    /// How many are open.
    pub open: usize,
    /// How many of these are not in use.
    pub idle: usize,
    /// How many calls wait for one.
    pub waiting: usize,
}

impl Store {
    /// The database at `sqlite://PATH` or `postgres://…`, with at most so many connections. Connects on first use.
    ///
    /// # Errors
    /// When the URL is not valid, or a file that it names cannot be read.
    pub fn open(url: &SecretString, connections: usize) -> Result<Self> {
        let url = url.expose_secret();
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let (config, tls) = postgres::parse(url)?;
            let manager = Manager::Postgres { config: Box::new(config), tls, generation: Arc::default() };
            let shared = manager.pool(connections)?;
            return Ok(Self { reads: shared.clone(), writes: shared });
        }
        let path = url.strip_prefix("sqlite://").filter(|path| !path.is_empty());
        let path = path.ok_or_else(|| {
            Error::Unavailable("the database's url is not valid: write sqlite://<path> or postgres://<server>".into())
        })?;
        // A path that begins with "./" or "/" is no `:memory:` and no `file:` URI, which SQLite would understand.
        let path = PathBuf::from(".").join(path);
        Ok(Self {
            writes: Manager::Sqlite { path: path.clone(), reader: false }.pool(1)?,
            reads: Manager::Sqlite { path, reader: true }.pool(connections)?,
        })
    }

    /// Whether it is PostgreSQL, which several replicas of central can share.
    pub fn is_postgres(&self) -> bool {
        matches!(self.reads.manager(), Manager::Postgres { .. })
    }

    /// How its connections are used: those for reading and those for writing, or all of them.
    pub fn usage(&self) -> Vec<Usage> {
        let usage = |name, pool: &Pool| {
            let status = pool.status();
            let Status { max_size: most, size: open, available: idle, waiting } = status;
            Usage { name, most, open, idle, waiting }
        };
        match self.is_postgres() {
            true => vec![usage("all", &self.reads)],
            false => vec![usage("read", &self.reads), usage("write", &self.writes)],
        }
    }

    /// Brings the schema to what this program needs. Replicas that start together take turns.
    ///
    /// # Errors
    /// [`Error::Newer`] when a newer release has changed the schema already.
    pub async fn migrate(&self) -> Result<()> {
        // A file whose central was killed is put in order by whoever opens it first, however long that takes; a server is
        // there or it is not.
        let connect = if self.is_postgres() { CONNECT } else { MIGRATION };
        run(&self.writes, Limits { connect, call: MIGRATION }, |conn| transaction(conn, migrations::run)).await
    }

    /// Closes the connections, those in use when they come back, for which it waits a little. With the last one SQLite
    /// writes its log into the database, so that the file alone is a whole copy.
    pub async fn close(&self) {
        let (reads, writes) = (self.reads.clone(), self.writes.clone());
        let closing = pool::blocking(move || {
            let until = Instant::now() + CALL;
            reads.close();
            writes.close();
            while reads.status().size + writes.status().size > 0 && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        // The program is stopping in any case.
        let _ = closing.await;
    }

    /// Asks the database for an answer.
    ///
    /// # Errors
    /// When there is none.
    #[cfg(test)]
    pub async fn ping(&self) -> Result<()> {
        self.read(|conn| Ok(conn.batch_execute("SELECT 1")?)).await
    }

    /// Runs queries that change nothing. SQLite refuses a change here.
    ///
    /// # Errors
    /// Those of `f`; [`Error::Busy`] or [`Error::Unavailable`] within two seconds.
    pub async fn read<T, E>(&self, f: impl FnOnce(&mut Conn) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        run(&self.reads, ORDINARY, f).await
    }

    /// Runs one transaction: committed when `f` returns `Ok`, undone when it returns `Err` or panics. It runs to its
    /// end, also when the caller leaves. [`Error::Unavailable`] may come after a commit whose answer was lost.
    ///
    /// # Errors
    /// Those of `f`; [`Error::Busy`] or [`Error::Unavailable`] within two seconds.
    pub async fn write<T, E>(&self, f: impl FnOnce(&mut Conn) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        run(&self.writes, ORDINARY, |conn| transaction(conn, f)).await
    }
}

impl fmt::Debug for Store {
    /// Without the URL, which holds a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_postgres() { "Store(postgres)" } else { "Store(sqlite)" })
    }
}

type Transactions = <Conn as Connection>::TransactionManager;

fn transaction<T, E: From<Error>>(conn: &mut Conn, f: impl FnOnce(&mut Conn) -> Result<T, E>) -> Result<T, E> {
    match conn {
        // The lock at once: a transaction that begins to write late fails with "database is locked" without a wait.
        Conn::Sqlite(c) => AnsiTransactionManager::begin_transaction_sql(c, "BEGIN IMMEDIATE"),
        Conn::Postgres(_) => Transactions::begin_transaction(conn),
    }
    .map_err(Error::from)?;
    // When a rollback fails, the connection counts as broken, and `run` closes it.
    match catch_unwind(AssertUnwindSafe(|| f(conn))) {
        Ok(Ok(value)) => Transactions::commit_transaction(conn).map(|()| value).map_err(|e| Error::from(e).into()),
        Ok(Err(error)) => {
            drop(Transactions::rollback_transaction(conn));
            Err(error)
        }
        Err(panic) => {
            drop(Transactions::rollback_transaction(conn));
            resume_unwind(panic)
        }
    }
}

/// Runs `f` on a connection of the pool. The wait for one is asynchronous and holds no thread.
async fn run<T, E>(
    pool: &Pool,
    limits: Limits,
    f: impl FnOnce(&mut Conn) -> Result<T, E> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    let called = Instant::now();
    let mut conn = pool::get(pool, limits.connect).await?;
    pool::blocking(move || {
        let left = limits.call.saturating_sub(called.elapsed());
        let watch = Watch::start(&conn, left);
        if let Conn::Sqlite(c) = &mut *conn {
            c.batch_execute(&format!("PRAGMA busy_timeout = {}", left.as_millis())).map_err(Error::from)?;
        }
        let began = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| f(&mut conn)));
        let failed_on_postgres = !matches!(result, Ok(Ok(_))) && matches!(*conn, Conn::Postgres(_));
        let broken = conn.is_broken() || failed_on_postgres && conn.batch_execute("SELECT 1").is_err();
        drop(watch);
        if broken {
            drop(Object::take(conn)); // Now, and not with its next use: an open transaction keeps its locks.
        }
        match result {
            Ok(Err(_)) if broken => Err(Error::Unavailable("the connection to the database was lost".into()).into()),
            // What PostgreSQL says of its own limits depends on its language; the time does not.
            Ok(Err(_)) if failed_on_postgres && began.elapsed() >= STATEMENT => Err(Error::Busy.into()),
            Ok(result) => result,
            Err(panic) => resume_unwind(panic),
        }
    })
    .await?
}
