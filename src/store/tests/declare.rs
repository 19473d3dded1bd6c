//! Clusters and tokens that the configuration declares.

use super::{Db, assert_conflict, at, hash, on_both};
use crate::model::token::{AgentToken, NewCluster};
use crate::model::{ClusterId, TokenId};
use crate::store::{Result, agent_tokens, clusters};

on_both! {
    what_is_declared_is_there_and_nothing_is_done_twice
    a_changed_token_replaces_the_old_one
    what_is_declared_no_more_is_revoked_and_can_come_back
    what_an_admin_revoked_stays_revoked
    an_existing_cluster_is_kept
    too_many_tokens_and_foreign_ones_are_conflicts
    many_replicas_declare_the_same_at_once
    hundreds_of_clusters_are_declared_at_once
}

type Declared = &'static [(&'static str, &'static str)];

async fn declare(db: &Db, declared: Declared, second: i64) -> Result<()> {
    db.write(move |c| agent_tokens::declare(c, &parsed(declared), at(second))).await
}

fn parsed(declared: Declared) -> Vec<(crate::model::ClusterName, crate::access::TokenHash)> {
    declared.iter().map(|(name, token)| (name.parse().unwrap(), hash(token))).collect()
}

/// The cluster that a token is valid for.
async fn cluster_of(db: &Db, token: &'static str) -> Option<String> {
    let found = db.read(move |c| agent_tokens::by_hash(c, &hash(token), at(100))).await.unwrap();
    found.map(|identity| identity.name.to_string())
}

async fn what_is_declared_is_there_and_nothing_is_done_twice(db: Db) {
    let declared: Declared = &[("dev", "d1"), ("prod", "p1"), ("prod", "p2"), ("prod", "p2")];
    let version = db.policy_version().await;
    declare(&db, declared, 1).await.unwrap();
    assert_eq!(db.policy_version().await, version + 1);
    let all = db.read(|c| clusters::list(c, at(2))).await.unwrap();
    let seen: Vec<_> = all.iter().map(|c| (c.name.as_str(), c.bootstrap, c.created_at, c.tokens)).collect();
    assert_eq!(seen, [("dev", true, at(1), 1), ("prod", true, at(1), 2)]);
    for (cluster, token) in declared {
        assert_eq!(cluster_of(&db, token).await.as_deref(), Some(*cluster));
    }
    let dev = all[0].id;
    let tokens = db.read(move |c| agent_tokens::list(c, dev, at(2))).await.unwrap();
    assert_eq!((tokens[0].bootstrap, tokens[0].created_at, tokens[0].expires_at), (true, at(1), None));

    declare(&db, declared, 5).await.unwrap();
    declare(&db, &[("prod", "p2"), ("prod", "p1"), ("dev", "d1")], 6).await.unwrap();
    assert_eq!(db.policy_version().await, version + 1);
    assert_eq!(db.read(|c| clusters::list(c, at(2))).await.unwrap(), all);
    assert_eq!(db.read(move |c| agent_tokens::list(c, dev, at(2))).await.unwrap(), tokens);
    // Without a change nothing is written: it passes where nothing can be.
    let read: Result<()> = db.read(move |c| agent_tokens::declare(c, &parsed(declared), at(7))).await;
    read.unwrap();
}

async fn a_changed_token_replaces_the_old_one(db: Db) {
    declare(&db, &[("dev", "d1"), ("dev", "d2")], 1).await.unwrap();
    let version = db.policy_version().await;
    declare(&db, &[("dev", "d2"), ("dev", "d3")], 2).await.unwrap();
    assert_eq!(db.policy_version().await, version + 1);
    assert_eq!(cluster_of(&db, "d1").await, None);
    for token in ["d2", "d3"] {
        assert_eq!(cluster_of(&db, token).await.as_deref(), Some("dev"));
    }
}

async fn what_is_declared_no_more_is_revoked_and_can_come_back(db: Db) {
    declare(&db, &[("dev", "d1"), ("prod", "p1")], 1).await.unwrap();
    declare(&db, &[("prod", "p1")], 2).await.unwrap();
    assert_eq!(cluster_of(&db, "d1").await, None);
    assert_eq!(cluster_of(&db, "p1").await.as_deref(), Some("prod"));
    let all = db.read(|c| clusters::list(c, at(3))).await.unwrap();
    assert_eq!(all.len(), 2, "the cluster itself stays");
    declare(&db, &[("dev", "d1"), ("prod", "p1")], 4).await.unwrap();
    assert_eq!(cluster_of(&db, "d1").await.as_deref(), Some("dev"));
    let version = db.policy_version().await;
    declare(&db, &[], 5).await.unwrap();
    assert_eq!(db.policy_version().await, version + 1);
    assert_eq!((cluster_of(&db, "d1").await, cluster_of(&db, "p1").await), (None, None));
}

async fn what_an_admin_revoked_stays_revoked(db: Db) {
    let declared: Declared = &[("dev", "d1")];
    declare(&db, declared, 1).await.unwrap();
    let found = db.read(|c| agent_tokens::by_hash(c, &hash("d1"), at(2))).await.unwrap().unwrap();
    db.write(move |c| agent_tokens::revoke(c, found.cluster, found.token, at(3))).await.unwrap();
    let version = db.policy_version().await;
    declare(&db, declared, 4).await.unwrap();
    assert_eq!(cluster_of(&db, "d1").await, None, "a restart does not bring it back");
    assert_eq!(db.policy_version().await, version);
    // A deleted cluster comes back, with what is declared for it.
    db.write(|c| clusters::delete(c, &"dev".parse().unwrap())).await.unwrap();
    declare(&db, declared, 5).await.unwrap();
    assert_eq!(cluster_of(&db, "d1").await.as_deref(), Some("dev"));
}

async fn an_existing_cluster_is_kept(db: Db) {
    let id = made_by_an_admin(&db, "dev", "admin's").await;
    declare(&db, &[("dev", "d1")], 2).await.unwrap();
    let found = db.read(|c| clusters::by_name(c, &"dev".parse().unwrap(), at(3))).await.unwrap().unwrap();
    assert_eq!((found.id, found.bootstrap, found.tokens), (id, false, 2));
    declare(&db, &[], 3).await.unwrap();
    assert_eq!(cluster_of(&db, "admin's").await.as_deref(), Some("dev"), "what is not declared is not touched");
    declare(&db, &[("dev", "admin's")], 4).await.unwrap();
    declare(&db, &[], 5).await.unwrap();
    assert_eq!(cluster_of(&db, "admin's").await.as_deref(), Some("dev"));
}

async fn made_by_an_admin(db: &Db, name: &'static str, token: &'static str) -> ClusterId {
    let id = ClusterId::generate();
    let info = AgentToken {
        id: TokenId::generate(),
        bootstrap: false,
        created_at: at(1),
        expires_at: None,
        last_used_at: None,
    };
    db.write(move |c| {
        clusters::create(c, id, &NewCluster::named(name.parse().unwrap()), false, at(0))?;
        agent_tokens::create(c, id, &hash(token), &info)
    })
    .await
    .unwrap();
    id
}

async fn too_many_tokens_and_foreign_ones_are_conflicts(db: Db) {
    let version = db.policy_version().await;
    assert_conflict(declare(&db, &[("dev", "1"), ("dev", "2"), ("dev", "3")], 1).await, "agent_tokens.active");
    assert_conflict(declare(&db, &[("dev", "1"), ("prod", "1")], 1).await, "agent_tokens.hash");
    assert!(db.read(|c| clusters::list(c, at(2))).await.unwrap().is_empty(), "a conflict changes nothing");
    assert_eq!(db.policy_version().await, version);

    made_by_an_admin(&db, "prod", "admin's").await;
    assert_conflict(declare(&db, &[("prod", "1"), ("prod", "2")], 1).await, "agent_tokens.active");
    assert_conflict(declare(&db, &[("dev", "admin's")], 1).await, "agent_tokens.hash");
    declare(&db, &[("prod", "1"), ("dev", "2")], 1).await.unwrap();
    assert_conflict(declare(&db, &[("prod", "2"), ("dev", "1")], 1).await, "agent_tokens.hash");
}

async fn many_replicas_declare_the_same_at_once(db: Db) {
    let version = db.policy_version().await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let store = db.place.open();
            tokio::spawn(async move {
                let declared = parsed(&[("dev", "d1"), ("prod", "p1"), ("prod", "p2")]);
                store.write(move |c| agent_tokens::declare(c, &declared, at(1))).await
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(db.policy_version().await, version + 1);
    assert_eq!(db.read(|c| clusters::list(c, at(2))).await.unwrap().len(), 2);
}

async fn hundreds_of_clusters_are_declared_at_once(db: Db) {
    let declared = |suffix: &str| -> Vec<_> {
        (0..1_200).map(|n| (format!("c-{n}").parse().unwrap(), hash(&format!("{n} {suffix}")))).collect()
    };
    for suffix in ["first", "second"] {
        let declared = declared(suffix);
        db.write::<()>(move |c| agent_tokens::declare(c, &declared, at(1))).await.unwrap();
    }
    let all = db.read(|c| clusters::list(c, at(2))).await.unwrap();
    assert_eq!((all.len(), all.iter().map(|c| c.tokens).sum::<usize>()), (1_200, 1_200));
}
