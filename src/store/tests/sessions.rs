//! Sessions, their refresh tokens, and who stands behind them.

use std::collections::HashSet;

use super::{Db, assert_not_found, at, email, hash, on_both, role_names};
use crate::model::session::Session;
use crate::model::{SessionId, UserId};
use crate::store::sessions::{self, NewSession, Rotation};
use crate::store::{Result, callers, users};

on_both! {
    a_session_knows_its_user
    a_session_ends_when_revoked_expired_or_its_user_is_kept_out
    a_token_is_rotated_and_its_successor_too
    a_refresh_can_be_repeated_for_ten_seconds
    a_stolen_token_ends_the_session
    an_ended_session_gives_no_tokens
    sessions_are_listed_the_latest_first
    a_session_is_ended_for_its_own_user_only
    all_sessions_of_a_user_end_except_one
    expired_sessions_are_forgotten
    of_parallel_refreshes_one_wins_and_all_get_the_same
}

const EXPIRES: i64 = 1_000;

async fn login(db: &Db, user: UserId, token: &'static str) -> SessionId {
    let id = SessionId::generate();
    db.write(move |c| sessions::create(c, &session(id, user, token))).await.unwrap();
    id
}

fn session(id: SessionId, user: UserId, token: &str) -> NewSession {
    NewSession {
        id,
        user,
        refresh: hash(token),
        user_agent: "mk8s/0.1 (linux)".into(),
        source_ip: "2001:db8::1".into(),
        now: at(0),
        expires_at: at(EXPIRES),
    }
}

async fn rotate(db: &Db, shown: &'static str, salt: u8, next: &'static str, second: i64) -> Rotation {
    db.write(move |c| sessions::rotate(c, &hash(shown), [salt; 32], &hash(next), at(second))).await.unwrap()
}

async fn is_live(db: &Db, id: SessionId, second: i64) -> bool {
    db.read(move |c| callers::by_session(c, id, at(second))).await.unwrap().is_some()
}

async fn a_session_knows_its_user(db: Db) {
    let (ann, bob) = (db.user("ann", &["viewer", "admin"]).await, db.user("bob", &[]).await);
    let (one, other) = (login(&db, ann, "a").await, login(&db, bob, "b").await);
    let caller = db.read(move |c| callers::by_session(c, one, at(1))).await.unwrap().unwrap();
    assert_eq!((caller.user, caller.email, caller.roles), (ann, email("ann"), role_names(&["admin", "viewer"])));
    let caller = db.read(move |c| callers::by_session(c, other, at(1))).await.unwrap().unwrap();
    assert_eq!((caller.user, caller.roles), (bob, vec![]), "a user without roles is a user");
    assert!(!is_live(&db, SessionId::generate(), 1).await);
    db.write(move |c| users::set_roles(c, ann, &role_names(&["developer"]))).await.unwrap();
    let caller = db.read(move |c| callers::by_session(c, one, at(1))).await.unwrap().unwrap();
    assert_eq!(caller.roles, role_names(&["developer"]), "roles count from now on");
}

async fn a_session_ends_when_revoked_expired_or_its_user_is_kept_out(db: Db) {
    let ann = db.user("ann", &[]).await;
    let (a, b) = (login(&db, ann, "a").await, login(&db, ann, "b").await);
    assert!(is_live(&db, a, EXPIRES - 1).await && !is_live(&db, a, EXPIRES).await);
    for _ in 0..2 {
        db.write(move |c| sessions::revoke(c, a, at(5))).await.unwrap();
        assert!(!is_live(&db, a, 5).await && is_live(&db, b, 5).await);
    }
    db.write(move |c| users::set_disabled(c, ann, true)).await.unwrap();
    assert!(!is_live(&db, b, 5).await);
    db.write(move |c| users::set_disabled(c, ann, false)).await.unwrap();
    assert!(is_live(&db, b, 5).await);
    db.write(move |c| users::delete(c, ann)).await.unwrap();
    assert!(!is_live(&db, b, 5).await);
    assert_eq!(rotate(&db, "b", 1, "b2", 5).await, Rotation::Unknown, "its tokens went with the user");
}

async fn a_token_is_rotated_and_its_successor_too(db: Db) {
    let ann = db.user("ann", &[]).await;
    let session = login(&db, ann, "t1").await;
    let rotated = Rotation::Rotated { session, user: ann, expires_at: at(EXPIRES) };
    assert_eq!(rotate(&db, "t1", 1, "t2", 100).await, rotated);
    assert_eq!(rotate(&db, "t2", 2, "t3", 200).await, rotated);
    assert_eq!(rotate(&db, "t3", 3, "t4", EXPIRES - 1).await, rotated);
    assert_eq!(rotate(&db, "nosuch", 1, "x", 1).await, Rotation::Unknown);
    for (token, known) in [("t1", true), ("t4", true), ("nosuch", false)] {
        let knows = db.read(move |c| sessions::knows(c, &hash(token), at(EXPIRES - 1))).await;
        assert_eq!(knows.unwrap(), known, "{token}");
    }
    assert!(is_live(&db, session, 500).await);
}

async fn a_refresh_can_be_repeated_for_ten_seconds(db: Db) {
    let ann = db.user("ann", &[]).await;
    let session = login(&db, ann, "t1").await;
    rotate(&db, "t1", 7, "t2", 100).await;
    let version = db.policy_version().await;
    let repeated = Rotation::Repeated { session, user: ann, expires_at: at(EXPIRES), salt: [7; 32] };
    for second in [100, 109] {
        assert_eq!(rotate(&db, "t1", 8, "other", second).await, repeated);
    }
    assert_eq!(rotate(&db, "other", 1, "x", 109).await, Rotation::Unknown, "no other successor was made");
    assert!(matches!(rotate(&db, "t2", 9, "t3", 109).await, Rotation::Rotated { .. }));
    assert_eq!(db.policy_version().await, version);
}

async fn a_stolen_token_ends_the_session(db: Db) {
    let ann = db.user("ann", &[]).await;
    let (session, other) = (login(&db, ann, "t1").await, login(&db, ann, "o1").await);
    rotate(&db, "t1", 1, "t2", 100).await;
    let version = db.policy_version().await;
    let reused = Rotation::Reused { session, user: ann, email: email("ann") };
    assert_eq!(rotate(&db, "t1", 2, "x", 110).await, reused);
    assert_eq!(db.policy_version().await, version + 1);
    assert!(!is_live(&db, session, 110).await && is_live(&db, other, 110).await);
    for token in ["t1", "t2", "x"] {
        assert_eq!(rotate(&db, token, 3, "y", 111).await, Rotation::Unknown, "{token}");
    }
    assert_eq!(db.policy_version().await, version + 1, "what has ended is not ended again");
}

async fn an_ended_session_gives_no_tokens(db: Db) {
    let ann = db.user("ann", &[]).await;
    let session = login(&db, ann, "t1").await;
    assert_eq!(rotate(&db, "t1", 1, "t2", EXPIRES).await, Rotation::Unknown, "expired");
    db.write(move |c| users::set_disabled(c, ann, true)).await.unwrap();
    assert_eq!(rotate(&db, "t1", 1, "t2", 1).await, Rotation::Unknown, "kept out");
    db.write(move |c| users::set_disabled(c, ann, false)).await.unwrap();
    assert!(matches!(rotate(&db, "t1", 1, "t2", 1).await, Rotation::Rotated { .. }));
    db.write(move |c| sessions::revoke(c, session, at(2))).await.unwrap();
    assert_eq!(rotate(&db, "t1", 1, "x", 2).await, Rotation::Unknown, "revoked");
    assert_eq!(rotate(&db, "t2", 1, "x", 2).await, Rotation::Unknown, "revoked");
}

async fn sessions_are_listed_the_latest_first(db: Db) {
    let (ann, bob) = (db.user("ann", &[]).await, db.user("bob", &[]).await);
    let (new, old, other) = (SessionId::generate(), SessionId::generate(), SessionId::generate());
    db.write(move |c| {
        // The later one has the lower identifier.
        sessions::create(c, &NewSession { now: at(5), ..session(new, ann, "new") })?;
        sessions::create(c, &NewSession { expires_at: at(500), ..session(old, ann, "old") })?;
        sessions::create(c, &session(other, bob, "other"))
    })
    .await
    .unwrap();
    let list = |user, current, second| db.read(move |c| sessions::list(c, user, current, at(second)));
    let listed = |id, created, expires, current| Session {
        id,
        created_at: at(created),
        refreshed_at: at(created),
        expires_at: at(expires),
        source_ip: "2001:db8::1".into(),
        user_agent: "mk8s/0.1 (linux)".into(),
        current,
    };
    let (newer, older) = (listed(new, 5, EXPIRES, false), listed(old, 0, 500, true));
    assert_eq!(list(ann, Some(old), 10).await.unwrap(), [newer.clone(), older.clone()]);
    assert_eq!(list(bob, Some(old), 10).await.unwrap(), [listed(other, 0, EXPIRES, false)]);
    rotate(&db, "old", 1, "next", 100).await;
    let used = Session { refreshed_at: at(100), current: false, ..older };
    assert_eq!(list(ann, None, 499).await.unwrap(), [newer.clone(), used], "it was used, and is not later for that");
    assert_eq!(list(ann, None, 500).await.unwrap(), [newer], "what has expired is not listed");
    db.write(move |c| sessions::revoke(c, new, at(1))).await.unwrap();
    assert_eq!(list(ann, Some(new), 500).await.unwrap(), [], "nor is what was ended");
}

async fn a_session_is_ended_for_its_own_user_only(db: Db) {
    let (ann, bob) = (db.user("ann", &[]).await, db.user("bob", &[]).await);
    let (one, other, bobs) = (login(&db, ann, "a").await, login(&db, ann, "b").await, login(&db, bob, "c").await);
    let end = |user, id, second| db.write(move |c| sessions::revoke_one_of_user(c, user, id, at(second)));
    assert_not_found(end(ann, bobs, 1).await);
    assert_not_found(end(ann, SessionId::generate(), 1).await);
    assert_not_found(end(ann, other, EXPIRES).await);
    end(ann, one, 1).await.unwrap();
    assert!(!is_live(&db, one, 1).await && is_live(&db, other, 1).await && is_live(&db, bobs, 1).await);
    assert_eq!(rotate(&db, "a", 1, "x", 2).await, Rotation::Unknown, "its refresh token is worth nothing");
    assert_not_found(end(ann, one, 1).await);
    end(bob, bobs, 1).await.unwrap();
    assert!(!is_live(&db, bobs, 1).await);
}

async fn all_sessions_of_a_user_end_except_one(db: Db) {
    let (ann, bob) = (db.user("ann", &[]).await, db.user("bob", &[]).await);
    let (a, b, c) = (login(&db, ann, "a").await, login(&db, ann, "b").await, login(&db, ann, "c").await);
    let other = login(&db, bob, "d").await;
    let end = |except| db.write(move |conn| sessions::revoke_of_user(conn, ann, except, at(1)));
    assert_eq!(end(Some(b)).await.unwrap(), 2);
    assert!(!is_live(&db, a, 1).await && is_live(&db, b, 1).await && !is_live(&db, c, 1).await);
    assert_eq!(end(None).await.unwrap(), 1);
    assert_eq!(end(None).await.unwrap(), 0);
    assert!(!is_live(&db, b, 1).await && is_live(&db, other, 1).await);
}

async fn expired_sessions_are_forgotten(db: Db) {
    let ann = db.user("ann", &[]).await;
    login(&db, ann, "a").await;
    let forget = |second| db.write(move |c| sessions::delete_expired(c, at(second)));
    assert_eq!(forget(EXPIRES - 1).await.unwrap(), 0);
    assert_eq!(forget(EXPIRES).await.unwrap(), 1);
    assert_eq!(rotate(&db, "a", 1, "b", 1).await, Rotation::Unknown);
    // The hash is free again: nothing of the session is left.
    login(&db, ann, "a").await;
}

async fn of_parallel_refreshes_one_wins_and_all_get_the_same(db: Db) {
    let ann = db.user("ann", &[]).await;
    let id = SessionId::generate();
    db.write(move |c| sessions::create(c, &session(id, ann, "round 0"))).await.unwrap();
    let stores = [db.store.clone(), db.place.open()];
    for round in 0..20 {
        let tasks: Vec<_> = (0..8_u8)
            .map(|task| {
                let store = stores[usize::from(task % 2)].clone();
                tokio::spawn(async move {
                    // As central does it: the successor follows from the token and the salt.
                    let next = format!("round {} salt {task}", round + 1);
                    let shown = if round == 0 { "round 0".into() } else { format!("next {round}") };
                    let salt = [task; 32];
                    let rotation: Result<_> =
                        store.write(move |c| sessions::rotate(c, &hash(&shown), salt, &hash(&next), at(round))).await;
                    (task, rotation.unwrap())
                })
            })
            .collect();
        let (mut winners, mut salts) = (Vec::new(), HashSet::new());
        for task in tasks {
            match task.await.unwrap() {
                (task, Rotation::Rotated { .. }) => winners.push(task),
                (_, Rotation::Repeated { salt, .. }) => drop(salts.insert(salt)),
                (task, other) => panic!("round {round}, task {task}: {other:?}"),
            }
        }
        assert_eq!(winners.len(), 1, "round {round}");
        assert_eq!(salts, HashSet::from([[winners[0]; 32]]), "round {round}");
        // The next round shows the one successor.
        let (from, to) = (format!("round {} salt {}", round + 1, winners[0]), format!("next {}", round + 1));
        let rotation = db.write(move |c| sessions::rotate(c, &hash(&from), [0; 32], &hash(&to), at(round))).await;
        assert!(matches!(rotation, Ok(Rotation::Rotated { .. })), "round {round}: {rotation:?}");
    }
    assert!(is_live(&db, id, 30).await);
}
