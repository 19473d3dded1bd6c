//! API tokens of users and agent tokens of clusters.

use jiff::Timestamp;

use super::{Db, assert_conflict, assert_not_found, at, email, hash, on_both, role_names};
use crate::model::token::{AgentToken, ApiToken, NewCluster};
use crate::model::{ClusterId, TokenId, UserId};
use crate::store::{Result, agent_tokens, api_tokens, callers, clusters, users};

on_both! {
    api_tokens_are_listed_the_oldest_first
    a_user_has_one_valid_token_of_a_name
    an_api_token_can_do_what_its_owner_still_can
    an_api_token_is_revoked_by_its_owner_only
    all_api_tokens_of_a_user_are_revoked_at_once
    agent_tokens_are_listed_the_oldest_first
    a_cluster_has_two_valid_tokens_at_most
    parallel_creations_do_not_pass_the_limit
    an_agent_is_known_by_its_token
}

fn api_token(name: &str, roles: &[&str], created: i64, expires: i64) -> ApiToken {
    ApiToken {
        id: TokenId::generate(),
        name: name.into(),
        roles: role_names(roles),
        created_at: at(created),
        expires_at: at(expires),
        last_used_at: None,
    }
}

async fn create(db: &Db, user: UserId, secret: &'static str, token: &ApiToken) -> Result<()> {
    let token = token.clone();
    db.write(move |c| api_tokens::create(c, user, &hash(secret), &token)).await
}

async fn api_tokens_are_listed_the_oldest_first(db: Db) {
    let (ann, bob) = (db.user("ann", &["admin"]).await, db.user("bob", &[]).await);
    let (new, old) = (api_token("new", &["admin", "viewer"], 5, 100), api_token("old", &[], 1, 50));
    create(&db, ann, "1", &new).await.unwrap();
    create(&db, ann, "2", &old).await.unwrap();
    create(&db, bob, "3", &api_token("bob's", &[], 3, 100)).await.unwrap();
    let list = |second| db.read(move |c| api_tokens::list(c, ann, at(second)));
    assert_eq!(list(10).await.unwrap(), [old.clone(), new.clone()]);
    assert_eq!(list(50).await.unwrap(), std::slice::from_ref(&new), "what has expired is not listed");
    let id = new.id;
    db.write(move |c| api_tokens::touch(c, id, at(60))).await.unwrap();
    assert_eq!(list(60).await.unwrap(), [ApiToken { last_used_at: Some(at(60)), ..new }]);
    db.write(move |c| users::delete(c, ann)).await.unwrap();
    assert_eq!(list(10).await.unwrap(), []);
}

async fn a_user_has_one_valid_token_of_a_name(db: Db) {
    let (ann, bob) = (db.user("ann", &[]).await, db.user("bob", &[]).await);
    let first = api_token("ci", &[], 0, 50);
    create(&db, ann, "1", &first).await.unwrap();
    assert_conflict(create(&db, ann, "2", &api_token("ci", &[], 49, 90)).await, "api_tokens.name");
    create(&db, bob, "3", &api_token("ci", &[], 1, 90)).await.unwrap();
    create(&db, ann, "4", &api_token("ci", &[], 50, 90)).await.expect("the first has expired");
    let second = db.read(move |c| api_tokens::list(c, ann, at(51))).await.unwrap()[0].id;
    db.write(move |c| api_tokens::revoke(c, ann, second, at(52))).await.unwrap();
    create(&db, ann, "5", &api_token("ci", &[], 53, 90)).await.expect("the second was revoked");
    assert_conflict(create(&db, ann, "5", &api_token("x", &[], 53, 90)).await, "api_tokens.hash");
    assert_conflict(create(&db, ann, "6", &api_token("y", &["nosuch"], 53, 90)).await, "api_token_roles.role");
    assert_not_found(create(&db, UserId::generate(), "7", &api_token("z", &[], 53, 90)).await);

    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let (store, token) = (db.store.clone(), api_token("parallel", &[], 60, 90));
            tokio::spawn(async move {
                let secret = hash(&format!("parallel {task}"));
                store.write(move |c| api_tokens::create(c, ann, &secret, &token)).await
            })
        })
        .collect();
    let mut made = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(()) => made += 1,
            other => assert_conflict(other, "api_tokens.name"),
        }
    }
    assert_eq!(made, 1);
}

async fn an_api_token_can_do_what_its_owner_still_can(db: Db) {
    let ann = db.user("ann", &["admin", "developer", "viewer"]).await;
    let token = api_token("ci", &["viewer", "developer"], 0, 50);
    create(&db, ann, "secret", &token).await.unwrap();
    let caller = |second| db.read(move |c| callers::by_api_token(c, &hash("secret"), at(second)));
    let found = caller(1).await.unwrap().unwrap();
    assert_eq!((found.token, found.user, &found.email), (token.id, ann, &email("ann")));
    assert_eq!((found.expires_at, found.last_used_at), (at(50), None));
    assert_eq!(found.roles, role_names(&["developer", "viewer"]));

    db.write(move |c| users::set_roles(c, ann, &role_names(&["admin", "viewer"]))).await.unwrap();
    assert_eq!(caller(1).await.unwrap().unwrap().roles, role_names(&["viewer"]));
    db.write(move |c| users::set_roles(c, ann, &[])).await.unwrap();
    assert_eq!(caller(1).await.unwrap().unwrap().roles, [], "known still, without roles");

    assert_eq!(caller(50).await.unwrap(), None, "expired");
    assert_eq!(db.read(|c| callers::by_api_token(c, &hash("other"), at(1))).await.unwrap(), None, "unknown");
    db.write(move |c| users::set_disabled(c, ann, true)).await.unwrap();
    assert_eq!(caller(1).await.unwrap(), None, "its owner is kept out");
    db.write(move |c| users::set_disabled(c, ann, false)).await.unwrap();
    db.write(move |c| api_tokens::revoke(c, ann, token.id, at(2))).await.unwrap();
    assert_eq!(caller(2).await.unwrap(), None, "revoked");
}

async fn an_api_token_is_revoked_by_its_owner_only(db: Db) {
    let (ann, bob) = (db.user("ann", &[]).await, db.user("bob", &[]).await);
    let token = api_token("ci", &[], 0, 50);
    create(&db, ann, "1", &token).await.unwrap();
    let revoke = |user, id| db.write(move |c| api_tokens::revoke(c, user, id, at(1)));
    assert_not_found(revoke(bob, token.id).await);
    assert_not_found(revoke(ann, TokenId::generate()).await);
    revoke(ann, token.id).await.unwrap();
    assert_not_found(revoke(ann, token.id).await);
}

async fn all_api_tokens_of_a_user_are_revoked_at_once(db: Db) {
    let (ann, bob) = (db.user("ann", &[]).await, db.user("bob", &[]).await);
    for (user, secret, name, expires) in
        [(ann, "1", "a", 50), (ann, "2", "b", 50), (ann, "3", "old", 5), (bob, "4", "a", 50)]
    {
        create(&db, user, secret, &api_token(name, &[], 0, expires)).await.unwrap();
    }
    let revoke = || db.write(move |c| api_tokens::revoke_of_user(c, ann, at(10)));
    assert_eq!((revoke().await.unwrap(), revoke().await.unwrap()), (2, 0));
    let valid = |secret: &'static str| db.read(move |c| callers::by_api_token(c, &hash(secret), at(11)));
    for ended in ["1", "2"] {
        assert_eq!(valid(ended).await.unwrap(), None);
    }
    assert!(valid("4").await.unwrap().is_some());
}

fn agent_token(created: i64, expires: Option<i64>) -> AgentToken {
    AgentToken {
        id: TokenId::generate(),
        bootstrap: false,
        created_at: at(created),
        expires_at: expires.map(at),
        last_used_at: None,
    }
}

async fn cluster(db: &Db, name: &'static str) -> ClusterId {
    let id = ClusterId::generate();
    db.write(move |c| clusters::create(c, id, &NewCluster::named(name.parse().unwrap()), false, at(0))).await.unwrap();
    id
}

async fn add(db: &Db, cluster: ClusterId, secret: &'static str, token: &AgentToken) -> Result<()> {
    let token = token.clone();
    db.write(move |c| agent_tokens::create(c, cluster, &hash(secret), &token)).await
}

async fn agent_tokens_are_listed_the_oldest_first(db: Db) {
    let (dev, prod) = (cluster(&db, "dev").await, cluster(&db, "prod").await);
    let (new, old) = (agent_token(5, None), agent_token(1, Some(50)));
    add(&db, dev, "1", &new).await.unwrap();
    add(&db, dev, "2", &old).await.unwrap();
    add(&db, prod, "3", &agent_token(3, None)).await.unwrap();
    let list = |second| db.read(move |c| agent_tokens::list(c, dev, at(second)));
    assert_eq!(list(10).await.unwrap(), [old.clone(), new.clone()]);
    assert_eq!(list(50).await.unwrap(), std::slice::from_ref(&new));
    let revoke = |cluster, id| db.write(move |c| agent_tokens::revoke(c, cluster, id, at(11)));
    assert_not_found(revoke(prod, new.id).await);
    revoke(dev, new.id).await.unwrap();
    assert_not_found(revoke(dev, new.id).await);
    assert_not_found(revoke(dev, TokenId::generate()).await);
    assert_eq!(list(10).await.unwrap(), [old]);
    assert_conflict(add(&db, dev, "1", &agent_token(12, None)).await, "agent_tokens.hash");
    assert_not_found(add(&db, ClusterId::generate(), "9", &agent_token(12, None)).await);
}

async fn a_cluster_has_two_valid_tokens_at_most(db: Db) {
    let dev = cluster(&db, "dev").await;
    let (first, second) = (agent_token(0, Some(50)), agent_token(0, None));
    add(&db, dev, "1", &first).await.unwrap();
    add(&db, dev, "2", &second).await.unwrap();
    assert_conflict(add(&db, dev, "3", &agent_token(49, None)).await, "agent_tokens.active");
    add(&db, dev, "4", &agent_token(50, None)).await.expect("the first has expired");
    assert_conflict(add(&db, dev, "5", &agent_token(51, None)).await, "agent_tokens.active");
    db.write(move |c| agent_tokens::revoke(c, dev, second.id, at(52))).await.unwrap();
    add(&db, dev, "6", &agent_token(52, None)).await.expect("the second was revoked");
}

async fn parallel_creations_do_not_pass_the_limit(db: Db) {
    let stores = [db.store.clone(), db.place.open()];
    for round in ["r0", "r1", "r2", "r3", "r4"] {
        let dev = cluster(&db, round).await;
        let tasks: Vec<_> = (0..8)
            .map(|task| {
                let store = stores[task % 2].clone();
                tokio::spawn(async move {
                    let secret = hash(&format!("{round} {task}"));
                    store.write(move |c| agent_tokens::create(c, dev, &secret, &agent_token(1, None))).await
                })
            })
            .collect();
        let mut made = 0;
        for task in tasks {
            match task.await.unwrap() {
                Ok(()) => made += 1,
                other => assert_conflict(other, "agent_tokens.active"),
            }
        }
        assert_eq!(made, 2, "{round}");
    }
}

async fn an_agent_is_known_by_its_token(db: Db) {
    let dev = cluster(&db, "dev").await;
    let token = agent_token(0, Some(50));
    add(&db, dev, "secret", &token).await.unwrap();
    let find = |time: Timestamp| db.read(move |c| agent_tokens::by_hash(c, &hash("secret"), time));
    let found = find(at(1)).await.unwrap().unwrap();
    assert_eq!((found.token, found.cluster, found.name.as_str()), (token.id, dev, "dev"));
    assert_eq!((found.expires_at, found.last_used_at), (Some(at(50)), None));
    db.write(move |c| agent_tokens::touch(c, token.id, at(3))).await.unwrap();
    assert_eq!(find(at(4)).await.unwrap().unwrap().last_used_at, Some(at(3)));
    assert_eq!(find(at(50)).await.unwrap(), None, "expired");
    db.write(move |c| agent_tokens::revoke(c, dev, token.id, at(5))).await.unwrap();
    assert_eq!(find(at(5)).await.unwrap(), None, "revoked");
    assert_eq!(db.read(|c| agent_tokens::by_hash(c, &hash("other"), at(1))).await.unwrap(), None, "unknown");
}
