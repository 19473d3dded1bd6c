//! A database that is locked, has stopped or is gone: callers are told within two seconds, and it recovers by itself.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use secrecy::SecretString;
use tokio::task::JoinSet;

use super::postgres::Server;
use super::{Db, at, email, on_both};
use crate::model::UserId;
use crate::store::{Error, Result, Store, settings, users};

on_both! {
    a_lock_that_another_holds_is_reported_in_time
}

/// What callers may have to wait at most.
const LIMIT: Duration = Duration::from_secs(2);

#[track_caller]
fn assert_told<T: std::fmt::Debug>(result: &Result<T>, began: Instant) {
    assert!(matches!(result, Err(Error::Busy | Error::Unavailable(_))), "{result:?}");
    assert!(began.elapsed() < LIMIT, "after {:?}", began.elapsed());
}

async fn a_lock_that_another_holds_is_reported_in_time(db: Db) {
    let (locked, is_locked) = tokio::sync::oneshot::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let url = db.place.url();
    let other = std::thread::spawn(move || match url.strip_prefix("sqlite://") {
        Some(path) => {
            let mut file = SqliteConnection::establish(path).unwrap();
            file.batch_execute("BEGIN EXCLUSIVE").unwrap();
            locked.send(()).unwrap();
            released.recv().unwrap();
        }
        None => tokio::runtime::Runtime::new().unwrap().block_on(async {
            let (client, driver) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(driver);
            client.batch_execute("BEGIN; UPDATE settings SET value = value").await.unwrap();
            locked.send(()).unwrap();
            released.recv().unwrap();
        }),
    });
    is_locked.await.unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let store = db.store.clone();
        tasks.spawn(async move {
            let began = Instant::now();
            let result = store.write(settings::bump_policy_version).await;
            assert_told(&result, began);
            // A machine with much to do may not even have opened the connection by then.
            assert!(matches!(result, Err(Error::Busy | Error::Unavailable(_))), "{result:?}");
            (matches!(result, Err(Error::Busy)), began.elapsed())
        });
    }
    let other_store = db.place.open();
    let began = Instant::now();
    let result = other_store.write(settings::bump_policy_version).await;
    assert_told(&result, began);
    let mut busy = 0;
    while let Some(task) = tasks.join_next().await {
        let (is_busy, waited) = task.unwrap();
        assert!(waited > Duration::from_millis(1_000), "it waits for a while");
        busy += usize::from(is_busy);
    }
    assert!(busy > 0, "whoever waits for the lock hears that it is another's");
    db.policy_version().await; // Readers go on.
    release.send(()).unwrap();
    other.join().unwrap();
    db.write(settings::bump_policy_version).await.unwrap();
    other_store.write(settings::bump_policy_version).await.unwrap();
}

/// A server of one test's own, to be stopped and killed, with a store that has used all its connections.
async fn own_server() -> (Server, Store) {
    let server = tokio::task::spawn_blocking(Server::start).await.unwrap();
    let store = Store::open(&SecretString::from(server.url("postgres")), 4).unwrap();
    store.migrate().await.unwrap();
    use_all(&store).await;
    (server, store)
}

async fn use_all(store: &Store) {
    let mut tasks = JoinSet::new();
    for _ in 0..16 {
        let store = store.clone();
        tasks.spawn(async move { store.ping().await });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap().unwrap();
    }
}

/// Readers and writers without a pause, until each was told once that the server is lost; fails when that took too long.
fn load(store: &Store, stop: &tokio_util::sync::CancellationToken) -> JoinSet<(usize, usize)> {
    let mut tasks = JoinSet::new();
    for n in 0..12 {
        let (store, stop) = (store.clone(), stop.clone());
        tasks.spawn(async move {
            let (mut good, mut bad) = (0, 0);
            while !stop.is_cancelled() || bad == 0 {
                let began = Instant::now();
                let result = match n % 2 {
                    0 => store.read(settings::policy_version).await,
                    _ => store.write(settings::bump_policy_version).await,
                };
                match result {
                    Ok(_) => good += 1,
                    result => {
                        assert_told(&result, began);
                        bad += 1;
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
            }
            (good, bad)
        });
    }
    tasks
}

/// Sees that all of the load was told, and that everything works again at once.
async fn assert_recovers(server: &Server, store: &Store) {
    for n in 0..8 {
        let name = email(&format!("after-{}-{n}", UserId::generate()));
        let result = store.write(move |c| users::create(c, UserId::generate(), &name, "hash", at(0))).await;
        result.unwrap_or_else(|e| panic!("request {n} after the restart: {e:?}"));
    }
    use_all(store).await;
    let open = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mk8s' AND xact_start IS NOT NULL";
    let url = server.url("postgres");
    super::wait_for("no transaction is open", async || super::postgres::execute(&url, open).unwrap()[0][0] == "0")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_answering_is_reported_in_time() {
    let (server, store) = own_server().await;
    let stop = tokio_util::sync::CancellationToken::new();
    let mut tasks = load(&store, &stop);
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.signal("STOP");
    let began = Instant::now();
    assert_told(&store.write(settings::bump_policy_version).await, began);
    let began = Instant::now();
    assert_told(&store.ping().await, began);
    stop.cancel();
    while let Some(task) = tasks.join_next().await {
        let (good, bad) = task.unwrap();
        assert!(good > 0 && bad > 0, "{good} good, {bad} bad");
    }
    server.signal("CONT");
    assert_recovers(&server, &store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_is_reported_in_time() {
    let (mut server, store) = own_server().await;
    for _ in 0..2 {
        let stop = tokio_util::sync::CancellationToken::new();
        let mut tasks = load(&store, &stop);
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.signal("KILL");
        for _ in 0..20 {
            let began = Instant::now();
            assert_told(&store.ping().await, began);
        }
        stop.cancel();
        while let Some(task) = tasks.join_next().await {
            let (good, bad) = task.unwrap();
            assert!(good > 0 && bad > 0, "{good} good, {bad} bad");
        }
        server = tokio::task::spawn_blocking(move || {
            server.restart();
            server
        })
        .await
        .unwrap();
        assert_recovers(&server, &store).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_store_does_not_notice_a_restart() {
    let (mut server, store) = own_server().await;
    server.signal("KILL");
    let server = tokio::task::spawn_blocking(move || {
        server.restart();
        server
    })
    .await
    .unwrap();
    assert_recovers(&server, &store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_takes_too_long_is_given_up() {
    let db = Db::postgres().await;
    let began = Instant::now();
    let result: Result<()> = db.read(|c| Ok(c.batch_execute("SELECT pg_sleep(10)")?)).await;
    assert_told(&result, began);
    assert!(matches!(result, Err(Error::Busy)), "{result:?}");
    db.store.ping().await.unwrap();
}
