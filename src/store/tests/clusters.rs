//! Clusters.

use super::{Db, assert_conflict, assert_not_found, at, hash, on_both};
use crate::model::token::{AgentToken, NewCluster};
use crate::model::{ClusterId, ClusterName, Labels, TokenId};
use crate::store::{agent_tokens, clusters};

on_both! {
    clusters_are_listed_by_name_with_their_valid_tokens
    a_name_belongs_to_one_cluster
    a_cluster_takes_its_tokens_with_it
    labels_are_those_that_were_set_last
}

fn name(text: &str) -> ClusterName {
    text.parse().unwrap()
}

fn new(text: &str) -> NewCluster {
    NewCluster { name: name(text), labels: labels(r#"{"env":"prod"}"#) }
}

fn labels(json: &str) -> Labels {
    serde_json::from_str(json).unwrap()
}

async fn create(db: &Db, text: &'static str, bootstrap: bool) -> ClusterId {
    let id = ClusterId::generate();
    db.write(move |c| clusters::create(c, id, &new(text), bootstrap, at(1))).await.unwrap();
    id
}

async fn add_token(db: &Db, cluster: ClusterId, secret: &'static str, expires: Option<i64>) {
    let token = AgentToken {
        id: TokenId::generate(),
        bootstrap: false,
        created_at: at(2),
        expires_at: expires.map(at),
        last_used_at: None,
    };
    db.write(move |c| agent_tokens::create(c, cluster, &hash(secret), &token)).await.unwrap();
}

async fn clusters_are_listed_by_name_with_their_valid_tokens(db: Db) {
    let (prod, dev) = (create(&db, "prod", true).await, create(&db, "dev-1", false).await);
    create(&db, "dev", false).await;
    add_token(&db, prod, "1", None).await;
    add_token(&db, prod, "2", Some(50)).await;
    add_token(&db, dev, "3", Some(50)).await;
    for (second, tokens) in [(10, [0, 1, 2]), (50, [0, 0, 1])] {
        let all = db.read(move |c| clusters::list(c, at(second))).await.unwrap();
        let names: Vec<_> = all.iter().map(|cluster| cluster.name.as_str()).collect();
        assert_eq!(names, ["dev", "dev-1", "prod"]);
        assert_eq!(all.iter().map(|cluster| cluster.tokens).collect::<Vec<_>>(), tokens);
        for cluster in all {
            let text = cluster.name.clone();
            let found = db.read(move |c| clusters::by_name(c, &text, at(second))).await.unwrap();
            assert_eq!(found, Some(cluster));
        }
    }
    let found = db.read(|c| clusters::by_name(c, &name("prod"), at(1))).await.unwrap().unwrap();
    assert_eq!((found.id, found.bootstrap, found.created_at), (prod, true, at(1)));
    assert_eq!(db.read(|c| clusters::by_name(c, &name("nosuch"), at(1))).await.unwrap(), None);
}

async fn a_name_belongs_to_one_cluster(db: Db) {
    create(&db, "dev", false).await;
    let again = db.write(|c| clusters::create(c, ClusterId::generate(), &new("dev"), false, at(1))).await;
    assert_conflict(again, "clusters.name");
}

async fn a_cluster_takes_its_tokens_with_it(db: Db) {
    let dev = create(&db, "dev", false).await;
    add_token(&db, dev, "1", None).await;
    let delete = || db.write(|c| clusters::delete(c, &name("dev")));
    assert_eq!(delete().await.unwrap(), dev);
    assert_not_found(delete().await);
    assert_eq!(db.read(|c| agent_tokens::by_hash(c, &hash("1"), at(3))).await.unwrap(), None);
    let again = create(&db, "dev", false).await;
    assert_ne!(again, dev);
    add_token(&db, again, "1", None).await;
}

async fn labels_are_those_that_were_set_last(db: Db) {
    create(&db, "dev", false).await;
    create(&db, "prod", false).await;
    let seen =
        || async { db.read(|c| clusters::list(c, at(1))).await.unwrap().into_iter().map(|cluster| cluster.labels) };
    let before = labels(r#"{"env":"prod"}"#);
    assert_eq!(seen().await.collect::<Vec<_>>(), [before.clone(), before.clone()]);
    let after = labels(r#"{"a.b/c":"","tier":"web"}"#);
    let set = |text: &'static str| {
        db.write(move |c| clusters::set_labels(c, &name(text), &labels(r#"{"a.b/c":"","tier":"web"}"#)))
    };
    set("dev").await.unwrap();
    assert_eq!(seen().await.collect::<Vec<_>>(), [after, before]);
    assert_not_found(set("nosuch").await);
}
