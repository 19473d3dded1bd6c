//! One suite for both databases: each test is run on SQLite in a directory of its own, and on a real PostgreSQL.

mod attempts;
mod audit;
mod clusters;
mod concurrency;
mod declare;
mod lost;
#[path = "../../../tests/support/postgres.rs"]
mod postgres;
mod roles;
mod schema;
mod sessions;
mod tokens;
mod urls;
mod users;

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use tempfile::TempDir;

use super::{Conn, Error, Result, Store, users as user_rows};
use crate::access::TokenHash;
use crate::model::{Email, RoleName, UserId};

/// Runs each of these functions on both databases.
macro_rules! on_both {
    ($($name:ident)*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name($crate::store::tests::Db::sqlite().await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name($crate::store::tests::Db::postgres().await).await;
            })*
        }
    };
}
use on_both;

/// A database of one test, and a store on it.
struct Db {
    store: Store,
    place: Place,
}

enum Place {
    File(TempDir),
    Server(postgres::Database),
}

impl Place {
    fn file() -> Self {
        Self::File(tempfile::tempdir().unwrap())
    }

    async fn server() -> Self {
        // The first one starts the server, which takes a moment.
        Self::Server(tokio::task::spawn_blocking(postgres::Database::create).await.unwrap())
    }

    fn url(&self) -> String {
        match self {
            Self::File(dir) => format!("sqlite://{}", dir.path().join("data/mk8s.db").display()),
            Self::Server(database) => database.url().to_owned(),
        }
    }

    /// A store as another replica has it.
    fn open(&self) -> Store {
        Store::open(&SecretString::from(self.url()), 8).unwrap()
    }
}

impl Db {
    async fn sqlite() -> Self {
        Self::at(Place::file()).await
    }

    async fn postgres() -> Self {
        Self::at(Place::server().await).await
    }

    async fn at(place: Place) -> Self {
        let store = place.open();
        store.migrate().await.unwrap();
        Self { store, place }
    }

    async fn read<T: Send + 'static>(&self, f: impl FnOnce(&mut Conn) -> Result<T> + Send + 'static) -> Result<T> {
        self.store.read(f).await
    }

    async fn write<T: Send + 'static>(&self, f: impl FnOnce(&mut Conn) -> Result<T> + Send + 'static) -> Result<T> {
        self.store.write(f).await
    }

    /// A user with these roles.
    async fn user(&self, name: &str, roles: &[&str]) -> UserId {
        let (id, email, roles) = (UserId::generate(), email(name), role_names(roles));
        self.write(move |c| {
            user_rows::create(c, id, &email, "hash", at(0))?;
            user_rows::set_roles(c, id, &roles)
        })
        .await
        .unwrap();
        id
    }

    async fn policy_version(&self) -> i64 {
        self.read(super::settings::policy_version).await.unwrap()
    }
}

/// So many seconds after the moment when the tests begin.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_microsecond(1_800_000_000_123_456).unwrap() + SignedDuration::from_secs(seconds)
}

fn email(name: &str) -> Email {
    format!("{name}@example.com").parse().unwrap()
}

fn role_names(names: &[&str]) -> Vec<RoleName> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn hash(token: &str) -> TokenHash {
    TokenHash::of(token)
}

#[track_caller]
fn assert_conflict<T: std::fmt::Debug>(result: Result<T>, subject: &str) {
    match result {
        Err(Error::Conflict(on)) => assert_eq!(on, subject),
        other => panic!("no conflict on {subject}: {other:?}"),
    }
}

#[track_caller]
fn assert_not_found<T: std::fmt::Debug>(result: Result<T>) {
    assert!(matches!(result, Err(Error::NotFound)), "{result:?}");
}

/// Waits until a condition holds, and fails the test if it does not within ten seconds.
async fn wait_for(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition().await {
        assert!(Instant::now() < deadline, "{what}: not within 10 s");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
