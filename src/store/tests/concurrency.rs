//! Transactions: whole or not at all, whoever leaves, fails or panics.

use std::time::Duration;

use super::{Db, at, email, on_both, wait_for};
use crate::model::UserId;
use crate::store::{Error, Result, settings, users};

on_both! {
    a_failed_write_changes_nothing
    a_panic_in_a_write_changes_nothing
    callers_that_leave_lock_nothing
    an_error_of_the_caller_passes_through
    changes_are_made_one_after_another
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_of_a_file_cannot_write() {
    let db = Db::sqlite().await;
    assert!(db.read(settings::bump_policy_version).await.is_err());
    assert!(db.write(settings::bump_policy_version).await.is_ok());
}

/// An error of another room.
#[derive(Debug)]
enum OtherError {
    Own,
    Store(Error),
}

impl From<Error> for OtherError {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

async fn a_failed_write_changes_nothing(db: Db) {
    let failed: Result<()> = db
        .write(|c| {
            users::create(c, UserId::generate(), &email("ann"), "hash", at(0))?;
            users::set_disabled(c, UserId::generate(), true)
        })
        .await;
    assert!(matches!(failed, Err(Error::NotFound)), "{failed:?}");
    assert_eq!(db.read(users::count).await.unwrap(), 0);
    db.user("ann", &[]).await;
}

async fn a_panic_in_a_write_changes_nothing(db: Db) {
    for _ in 0..20 {
        let store = db.store.clone();
        let task = tokio::spawn(async move {
            let result: Result<()> = store
                .write(|c| {
                    users::create(c, UserId::generate(), &email("ann"), "hash", at(0))?;
                    std::panic::resume_unwind(Box::new("on purpose"))
                })
                .await;
            result
        });
        assert!(task.await.unwrap_err().is_panic());
        assert_eq!(db.read(users::count).await.unwrap(), 0);
    }
    db.user("ann", &[]).await;
}

async fn callers_that_leave_lock_nothing(db: Db) {
    let ann = db.user("ann", &[]).await;
    let before = db.policy_version().await;
    for n in 0..1_000_u64 {
        let (inside, is_inside) = tokio::sync::oneshot::channel();
        let write = db.write(move |c| {
            users::lock(c, ann)?;
            let _ = inside.send(()); // The caller may have left already.
            settings::bump_policy_version(c)
        });
        match n % 2 {
            0 => tokio::select! { _ = write => {}, _ = is_inside => {} },
            // At any other moment: before it has a connection, when it begins, when it commits.
            _ => drop(tokio::time::timeout(Duration::from_micros(n % 100 * 20), write).await),
        }
    }
    let began = std::time::Instant::now();
    db.write(move |c| users::lock(c, ann)).await.unwrap();
    let last = db.write(settings::bump_policy_version).await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(1_500), "{:?}", began.elapsed());
    assert!(last > before + 500, "what has begun is done: {last}");
    if let super::Place::Server(database) = &db.place {
        let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL \
            AND pid <> pg_backend_pid()";
        wait_for("no transaction is open", async || database.execute(open)[0][0] == "0").await;
    }
}

async fn an_error_of_the_caller_passes_through(db: Db) {
    let own: Result<(), OtherError> = db.store.write(|_| Err(OtherError::Own)).await;
    assert!(matches!(own, Err(OtherError::Own)));
    let ours: Result<(), OtherError> = db.store.write(|c| Ok(users::delete(c, UserId::generate())?)).await;
    assert!(matches!(ours, Err(OtherError::Store(Error::NotFound))));
}

async fn changes_are_made_one_after_another(db: Db) {
    let before = db.policy_version().await;
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let store = db.store.clone();
            tokio::spawn(async move { store.write(settings::bump_policy_version).await })
        })
        .collect();
    let mut seen = std::collections::BTreeSet::new();
    for task in tasks {
        seen.insert(task.await.unwrap().unwrap());
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), (before + 1..=before + 100).collect::<Vec<_>>());
}
