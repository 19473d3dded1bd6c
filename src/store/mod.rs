//! The database: SQLite or PostgreSQL behind one blocking diesel connection. Each query is written once.
//!
//! [`Store::read`] and [`Store::write`] run a closure on a blocking thread, and to its end even when the caller leaves.
//! The modules are the groups of tables; their functions take the connection of such a closure, so that a caller makes
//! one transaction of what belongs together.

pub mod agent_tokens;
pub mod api_tokens;
pub mod callers;
pub mod clusters;
mod conn;
mod error;
pub mod login_attempts;
mod pool;
mod postgres;
pub mod roles;
mod schema;
pub mod sessions;
pub mod settings;
mod sqlite;
mod time;
pub mod users;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use deadpool::managed::{Object, PoolError, TimeoutType};
use diesel::connection::{AnsiTransactionManager, SimpleConnection as _, TransactionManager};
use diesel::migration::{Migration, MigrationSource as _, MigrationVersion};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use secrecy::{ExposeSecret as _, SecretString};

pub use conn::Conn;
pub use error::{Error, Result};
use pool::{Manager, Pool};

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// How long a caller waits for the whole operation. What runs after that runs to its end.
const PATIENCE: Duration = Duration::from_millis(1_900);

/// How long the migrations may take, the wait for another central's included.
const MIGRATION_PATIENCE: Duration = Duration::from_secs(120);

/// The lock of the migrations on PostgreSQL; any number that all centrals agree on.
const MIGRATION_LOCK: i64 = 0x006d_6b38_7300_0001;

/// The database. Cheap to clone.
///
/// On PostgreSQL both pools are the same. SQLite has one writer: callers queue for it in their order, instead of polling
/// the lock of the file, and readers go on meanwhile.
#[derive(Clone)]
pub struct Store {
    reads: Pool,
    writes: Pool,
    is_postgres: bool,
}

impl Store {
    /// The database at `sqlite://<path>` or `postgres://…`. Connects when it is first used.
    ///
    /// # Errors
    /// When the URL is wrong, or the directory of the file cannot be made.
    pub fn open(url: &SecretString, connections: usize) -> Result<Self> {
        let url = url.expose_secret();
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let pool = Manager::Postgres(Box::new(postgres::parse(url)?)).pool(connections)?;
            return Ok(Self { reads: pool.clone(), writes: pool, is_postgres: true });
        }
        let path = sqlite::prepare(url)?;
        Ok(Self {
            writes: Manager::Sqlite { path: path.clone(), setup: "" }.pool(1)?,
            reads: Manager::Sqlite { path, setup: "PRAGMA query_only = ON;" }.pool(connections)?,
            is_postgres: false,
        })
    }

    /// Whether several centrals may share it.
    pub fn is_postgres(&self) -> bool {
        self.is_postgres
    }

    /// Queries that change nothing; SQLite refuses a change here.
    ///
    /// # Errors
    /// Those of the closure; [`Error::Busy`] and [`Error::Unavailable`] within two seconds.
    pub async fn read<T, E>(&self, f: impl FnOnce(&mut Conn) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        within(PATIENCE, run(&self.reads, f)).await
    }

    /// One transaction, committed when the closure succeeds. It runs to its end even when the caller leaves.
    ///
    /// # Errors
    /// Those of the closure; [`Error::Busy`] and [`Error::Unavailable`] within two seconds. After one of these the
    /// transaction may still have been committed.
    pub async fn write<T, E>(&self, f: impl FnOnce(&mut Conn) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        within(PATIENCE, run(&self.writes, |conn| transaction(conn, f))).await
    }

    /// Brings the schema up to date, in one transaction. Centrals that start together take turns.
    ///
    /// # Errors
    /// [`Error::Newer`] when a newer version of mk8s has been here; else as for every operation.
    pub async fn migrate(&self) -> Result<()> {
        within(MIGRATION_PATIENCE, run(&self.writes, |conn| transaction(conn, migrate))).await
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<()> {
        self.read(|conn| Ok(conn.batch_execute("SELECT 1")?)).await
    }
}

fn transaction<T, E: From<Error>>(conn: &mut Conn, f: impl FnOnce(&mut Conn) -> Result<T, E>) -> Result<T, E> {
    match conn {
        // The lock of the writer at once: a transaction that begins to write late fails without having waited.
        Conn::Sqlite(c) => AnsiTransactionManager::begin_transaction_sql(c, "BEGIN IMMEDIATE"),
        Conn::Postgres(_) => <Conn as diesel::Connection>::TransactionManager::begin_transaction(conn),
    }
    .map_err(Error::from)?;
    let result = f(conn);
    match result {
        Ok(_) => <Conn as diesel::Connection>::TransactionManager::commit_transaction(conn).map_err(Error::from)?,
        // When this fails too, the connection is closed, which rolls back.
        Err(_) => drop(<Conn as diesel::Connection>::TransactionManager::rollback_transaction(conn)),
    }
    result
}

fn migrate(conn: &mut Conn) -> Result<()> {
    let migrations = match conn {
        Conn::Sqlite(_) => SQLITE,
        Conn::Postgres(c) => {
            let patience = MIGRATION_PATIENCE.as_millis();
            c.batch_execute(&format!(
                "SET LOCAL statement_timeout = {patience}; SET LOCAL lock_timeout = {patience}; \
                 SELECT pg_advisory_xact_lock({MIGRATION_LOCK});"
            ))?;
            POSTGRES
        }
    };
    let applied = conn.applied_migrations().map_err(Error::Other)?;
    let known = versions(conn, &migrations)?;
    if let Some(newer) = applied.iter().find(|version| !known.contains(version)) {
        return Err(Error::Newer(newer.to_string()));
    }
    conn.run_pending_migrations(migrations).map(drop).map_err(Error::Other)
}

fn versions(conn: &Conn, migrations: &EmbeddedMigrations) -> Result<Vec<MigrationVersion<'static>>> {
    fn of<DB: diesel::backend::Backend>(migrations: &EmbeddedMigrations) -> Result<Vec<MigrationVersion<'static>>> {
        let all: Vec<Box<dyn Migration<DB>>> = migrations.migrations().map_err(Error::Other)?;
        Ok(all.iter().map(|migration| migration.name().version().as_owned()).collect())
    }
    match conn {
        Conn::Sqlite(_) => of::<diesel::sqlite::Sqlite>(migrations),
        Conn::Postgres(_) => of::<diesel::pg::Pg>(migrations),
    }
}

async fn within<T, E: From<Error>>(time: Duration, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let late = || Error::Unavailable(format!("no answer within {} ms", time.as_millis()));
    tokio::time::timeout(time, work).await.unwrap_or_else(|_| Err(late().into()))
}

/// Waits for a connection without a thread, so that a caller who leaves takes nothing; then works on a blocking one.
async fn run<T, E>(pool: &Pool, f: impl FnOnce(&mut Conn) -> Result<T, E> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    let mut conn = pool.get().await.map_err(|error| match error {
        PoolError::Timeout(TimeoutType::Wait) => Error::Busy,
        PoolError::Backend(error) => error,
        error => Error::Unavailable(error.to_string()),
    })?;
    blocking(move || {
        let result = catch_unwind(AssertUnwindSafe(|| f(&mut conn)));
        let failed = !matches!(result, Ok(Ok(_)));
        if conn.is_broken() || failed && conn.batch_execute("SELECT 1").is_err() {
            // Closed now, and not when it would be used again: an open transaction keeps its locks.
            drop(Object::take(conn));
            if failed && let Ok(Err(_)) = result {
                return Err(Error::Unavailable("the connection was lost".into()).into());
            }
        }
        result.unwrap_or_else(|panic| resume_unwind(panic))
    })
    .await
}

async fn blocking<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(f).await.unwrap_or_else(|error| resume_unwind(error.into_panic()))
}
