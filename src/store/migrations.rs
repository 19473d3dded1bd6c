//! The schema's history, embedded in the program: one for each database, with the same steps.

use diesel::connection::SimpleConnection as _;
use diesel::migration::MigrationSource;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};

use super::conn::Conn;
use super::conn::MultiBackend;
use super::error::{Error, Result};

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Replicas that start together take turns; `write` has locked SQLite already. The number is mk8s's own.
const POSTGRES_LOCK: &str = "SET LOCAL statement_timeout = 60000; SET LOCAL lock_timeout = 60000; \
    SET LOCAL idle_in_transaction_session_timeout = 60000; SELECT pg_advisory_xact_lock(7311884);";

/// Runs what is missing, in the transaction that is open. A migration that this program does not know is an error.
pub(super) fn run(conn: &mut Conn) -> Result<()> {
    let migrations = match conn {
        Conn::Sqlite(_) => SQLITE,
        Conn::Postgres(c) => {
            c.batch_execute(POSTGRES_LOCK)?;
            POSTGRES
        }
    };
    let known: Vec<_> = MigrationSource::<MultiBackend>::migrations(&migrations)
        .map_err(Error::Other)?
        .iter()
        .map(|migration| migration.name().version().as_owned())
        .collect();
    let applied = conn.applied_migrations().map_err(Error::Other)?;
    if let Some(newer) = applied.iter().filter(|version| !known.contains(version)).max() {
        return Err(Error::Newer(newer.to_string()));
    }
    for name in conn.run_pending_migrations(migrations).map_err(Error::Other)? {
        tracing::info!(migration = %name, "the database's schema was changed");
    }
    Ok(())
}
