//! Roles: what comes back is what was written, what cannot be read denies, and what somebody has stays.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use jiff::Timestamp;

use super::{Db, assert_conflict, assert_not_found, at, hash, on_both, role_names};
use crate::access::everything;
use crate::model::token::ApiToken;
use crate::model::{Permission, Role, RoleName, RoleSpec, TokenId, UserId};
use crate::store::roles::{self, Holders};
use crate::store::{api_tokens, schema, users};

on_both! {
    the_built_in_roles_are_those_of_the_program
    a_role_comes_back_as_it_was_written
    a_role_is_made_once_and_replaced_as_a_whole
    a_role_that_cannot_be_read_permits_nothing_and_denies_everything
    an_older_database_gets_the_built_in_roles_and_others_permit_nothing
    only_roles_that_nobody_has_can_be_deleted
}

fn name(name: &str) -> RoleName {
    name.parse().unwrap()
}

fn spec(role: &str) -> RoleSpec {
    let permission = |verbs: &[&str]| Permission {
        clusters: vec!["dev-*".into(), "staging".into()],
        namespaces: vec!["app-*".into(), "it's \"quoted\" \\ é".into()],
        resources: vec!["pods".into(), "deployments.apps".into()],
        verbs: verbs.iter().map(|verb| (*verb).into()).collect(),
    };
    RoleSpec {
        name: name(role),
        description: "for the team's apps".into(),
        permissions: vec![permission(&["get", "logs"]), permission(&["*"])],
        deny: vec![permission(&["exec"])],
    }
}

async fn read(db: &Db, role: &str) -> Option<Role> {
    let name = name(role);
    db.read(move |c| roles::by_name(c, &name)).await.unwrap()
}

async fn the_built_in_roles_are_those_of_the_program(db: Db) {
    let mut known = crate::access::built_in_roles();
    known.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(db.read(roles::list).await.unwrap(), known);
}

async fn a_role_comes_back_as_it_was_written(db: Db) {
    let wanted = RoleSpec { ..spec("team") };
    let row = wanted.clone();
    db.write(move |c| roles::create(c, &row, at(0))).await.unwrap();
    let found = read(&db, "team").await.unwrap();
    assert!(!found.built_in);
    assert_eq!(RoleSpec::from(found.clone()), wanted);
    assert!(db.read(roles::list).await.unwrap().contains(&found));
    assert_eq!(read(&db, "nosuch").await, None);
}

async fn a_role_is_made_once_and_replaced_as_a_whole(db: Db) {
    let create = || db.write(|c| roles::create(c, &spec("team"), at(0)));
    create().await.unwrap();
    assert_conflict(create().await, "roles.name");

    let other = RoleSpec { description: String::new(), deny: vec![], ..spec("team") };
    let row = other.clone();
    db.write(move |c| roles::put(c, &row, at(1))).await.unwrap();
    assert_eq!(RoleSpec::from(read(&db, "team").await.unwrap()), other);
    // What does not exist is made, and what is built in stays so.
    db.write(|c| roles::put(c, &spec("new"), at(1))).await.unwrap();
    assert_eq!(RoleSpec::from(read(&db, "new").await.unwrap()), spec("new"));
    db.write(|c| roles::put(c, &spec("viewer"), at(1))).await.unwrap();
    assert!(read(&db, "viewer").await.unwrap().built_in);
    assert_eq!(db.read(roles::list).await.unwrap().len(), 5);
}

async fn a_role_that_cannot_be_read_permits_nothing_and_denies_everything(db: Db) {
    let good = serde_json::to_string(&vec![everything()]).unwrap();
    let unknown_key = good.replace("verbs", "verb");
    for bad in ["", "{", "null", "{}", "[1]", &unknown_key] {
        for (permissions, deny) in [(bad, "[]"), (good.as_str(), bad)] {
            let (permissions, deny) = (permissions.to_owned(), deny.to_owned());
            let change = (schema::roles::permissions.eq(permissions), schema::roles::deny.eq(deny));
            db.write(move |c| {
                diesel::update(schema::roles::table.find("developer")).set(change).execute(c)?;
                Ok(())
            })
            .await
            .unwrap();
            let read = read(&db, "developer").await.unwrap();
            assert_eq!((read.permissions, read.deny), (vec![], vec![everything()]), "{bad}");
            assert_eq!(db.read(roles::list).await.unwrap().len(), 3, "the others are there");
        }
    }
    // Written again it is well again.
    db.write(|c| roles::put(c, &spec("developer"), at(0))).await.unwrap();
    assert_eq!(RoleSpec::from(read(&db, "developer").await.unwrap()), spec("developer"));
}

async fn an_older_database_gets_the_built_in_roles_and_others_permit_nothing(db: Db) {
    macro_rules! migration {
        ($direction:literal) => {
            match db.store.is_postgres() {
                true => include_str!(concat!("../../../migrations/postgres/2026-11-25-120000_roles/", $direction)),
                false => include_str!(concat!("../../../migrations/sqlite/2026-11-25-120000_roles/", $direction)),
            }
        };
    }
    let new = db.read(roles::list).await.unwrap();
    let ann = db.user("ann", &["viewer"]).await;
    let (up, down, before) = (migration!("up.sql"), migration!("down.sql"), db.policy_version().await);
    let old =
        "INSERT INTO roles (name, description, built_in, created_at) VALUES ('old', 'x', FALSE, '2026-11-25 00:00:00')";
    for sql in [down, old, up] {
        db.write(move |c| Ok(c.batch_execute(sql)?)).await.unwrap();
    }
    assert!(db.policy_version().await > before, "centrals that run notice it");
    let old = read(&db, "old").await.unwrap();
    assert_eq!((old.permissions, old.deny, old.description.as_str()), (vec![], vec![], "x"));
    let mut upgraded = db.read(roles::list).await.unwrap();
    upgraded.retain(|role| role.name.as_str() != "old");
    assert_eq!(upgraded, new);
    let user = db.read(move |c| users::by_id(c, ann)).await.unwrap().unwrap();
    assert_eq!(user.roles, role_names(&["viewer"]));
}

async fn token(db: &Db, user: UserId, secret: &str, expires_at: Timestamp) -> TokenId {
    let id = TokenId::generate();
    let token = ApiToken {
        id,
        name: secret.into(),
        roles: role_names(&["team"]),
        created_at: at(0),
        expires_at,
        last_used_at: None,
    };
    let hash = hash(secret);
    db.write(move |c| api_tokens::create(c, user, &hash, &token)).await.unwrap();
    id
}

async fn only_roles_that_nobody_has_can_be_deleted(db: Db) {
    let delete = |role: &str| {
        let name = name(role);
        db.write(move |c| roles::delete(c, &name, at(10)))
    };
    let holders = async || db.read(|c| roles::holders(c, &name("team"), at(10))).await.unwrap();
    assert_not_found(delete("team").await);
    for built_in in ["admin", "developer", "viewer"] {
        assert_conflict(delete(built_in).await, "roles.built_in");
    }
    db.write(|c| roles::create(c, &spec("team"), at(0))).await.unwrap();
    assert_eq!(holders().await, Holders::default());
    let ann = db.user("ann", &["team", "viewer"]).await;
    let bob = db.user("bob", &["team"]).await;
    db.write(move |c| users::set_disabled(c, bob, true)).await.unwrap();
    let (ci, _) = (token(&db, ann, "ci", at(100)).await, token(&db, ann, "expired", at(5)).await);
    assert_eq!(holders().await, Holders { users: 2, tokens: 1 }, "one who is disabled may be let in again");
    assert_conflict(delete("team").await, "user_roles.role");
    for user in [ann, bob] {
        db.write(move |c| users::set_roles(c, user, &[])).await.unwrap();
    }
    assert_conflict(delete("team").await, "api_token_roles.role");
    db.write(move |c| api_tokens::revoke(c, ann, ci, at(6))).await.unwrap();
    assert_eq!(holders().await, Holders::default());
    delete("team").await.unwrap();
    assert_eq!(read(&db, "team").await, None);
    assert_not_found(delete("team").await);
}
