//! Connections, kept for reuse: made when they are needed, thrown away when they are broken.

use std::time::Duration;

use deadpool::managed::{self, Metrics, RecycleError, RecycleResult};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel_async::AsyncPgConnection;

use super::conn::{Conn, PgConn};
use super::error::Error;
use super::postgres::{self, Postgres};

/// How long a caller waits for a connection, and a statement for what others hold.
pub(super) const WAIT: Duration = Duration::from_millis(1_500);

pub(super) type Pool = managed::Pool<Manager>;

/// Makes connections.
#[derive(Debug)]
pub(super) enum Manager {
    /// To a file.
    Sqlite {
        /// Which one.
        path: String,
        /// What else to run on each connection.
        setup: &'static str,
    },
    /// To a server.
    Postgres(Box<Postgres>),
}

impl Manager {
    /// A pool of at most so many connections, none of them made yet.
    pub(super) fn pool(self, size: usize) -> Result<Pool, Error> {
        let timeouts = managed::Timeouts { wait: Some(WAIT), create: Some(WAIT), recycle: None };
        Pool::builder(self)
            .max_size(size)
            .timeouts(timeouts)
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .map_err(|error| Error::Other(Box::new(error)))
    }
}

impl managed::Manager for Manager {
    type Type = Conn;
    type Error = Error;

    async fn create(&self) -> Result<Conn, Error> {
        match self {
            Self::Sqlite { path, setup } => {
                let (path, setup) = (path.clone(), *setup);
                super::blocking(move || sqlite(&path, setup)).await
            }
            Self::Postgres(server) => {
                let down = |error: &dyn std::error::Error| Error::Unavailable(postgres::chain(error));
                let (client, driver) = server.config.connect(server.tls.clone()).await.map_err(|e| down(&e))?;
                let connection = AsyncPgConnection::try_from_client_and_connection(client, driver).await;
                connection.map(|c| Conn::Postgres(PgConn(c.into()))).map_err(|e| down(&e))
            }
        }
    }

    async fn recycle(&self, conn: &mut Conn, _: &Metrics) -> RecycleResult<Error> {
        if conn.is_broken() { Err(RecycleError::message("broken")) } else { Ok(()) }
    }
}

/// Commits reach the disk before they are confirmed (`synchronous = FULL`), readers go on beside the writer (`WAL`).
fn sqlite(path: &str, setup: &str) -> Result<Conn, Error> {
    let mut conn = SqliteConnection::establish(path).map_err(|error| Error::Unavailable(error.to_string()))?;
    conn.batch_execute(&format!("PRAGMA busy_timeout = {};", WAIT.as_millis()))?;
    conn.batch_execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")?;
    conn.batch_execute(setup)?;
    Ok(Conn::Sqlite(conn))
}
