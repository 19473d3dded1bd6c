//! Users, their roles and their passwords.

use jiff::Timestamp;

use super::{Db, assert_conflict, assert_not_found, at, email, on_both, role_names};
use crate::model::UserId;
use crate::store::{settings, users};

on_both! {
    a_user_comes_back_as_it_was_made
    an_address_belongs_to_one_user
    users_are_listed_by_address_with_their_roles_in_order
    credentials_are_found_by_address_and_by_id
    a_password_and_a_lockout_can_be_changed
    roles_are_replaced_as_a_whole
    the_last_enabled_admin_can_be_told
    the_policy_version_grows
    times_keep_their_microseconds
}

async fn a_user_comes_back_as_it_was_made(db: Db) {
    assert_eq!(db.read(users::count).await.unwrap(), 0);
    let id = db.user("ann", &["viewer"]).await;
    assert_eq!(db.read(users::count).await.unwrap(), 1);
    let user = db.read(move |c| users::by_id(c, id)).await.unwrap().unwrap();
    assert_eq!((user.id, user.email.clone(), user.disabled), (id, email("ann"), false));
    assert_eq!((user.created_at, user.last_login_at), (at(0), None));
    assert_eq!(user.roles, role_names(&["viewer"]));
    assert_eq!(db.read(|c| users::by_email(c, &email("ann"))).await.unwrap(), Some(user));
    assert_eq!(db.read(|c| users::by_email(c, &email("bob"))).await.unwrap(), None);
    assert_eq!(db.read(|c| users::by_id(c, UserId::generate())).await.unwrap(), None);

    db.write(move |c| users::logged_in(c, id, at(9))).await.unwrap();
    let user = db.read(move |c| users::by_id(c, id)).await.unwrap().unwrap();
    assert_eq!(user.last_login_at, Some(at(9)));

    db.write(move |c| users::delete(c, id)).await.unwrap();
    assert_eq!(db.read(move |c| users::by_id(c, id)).await.unwrap(), None);
    assert_not_found(db.write(move |c| users::delete(c, id)).await);
}

async fn an_address_belongs_to_one_user(db: Db) {
    let id = db.user("ann", &[]).await;
    let again = |id| db.write(move |c| users::create(c, id, &email("ann"), "hash", at(0)));
    assert_conflict(again(UserId::generate()).await, "users.email");
    let same_id = db.write(move |c| users::create(c, id, &email("bob"), "hash", at(0))).await;
    assert_conflict(same_id, "users.id");
}

async fn users_are_listed_by_address_with_their_roles_in_order(db: Db) {
    for (name, roles) in [("b-z", &["viewer", "admin"][..]), ("bob", &[]), ("ann", &["developer"]), ("b_a", &["admin"])]
    {
        db.user(name, roles).await;
    }
    let users = db.read(users::list).await.unwrap();
    let names: Vec<_> = users.iter().map(|u| u.email.as_str().split('@').next().unwrap()).collect();
    assert_eq!(names, ["ann", "b-z", "b_a", "bob"], "by bytes, whatever the server's language is");
    assert_eq!(users[1].roles, role_names(&["admin", "viewer"]));
    assert!(users[3].roles.is_empty());
}

async fn credentials_are_found_by_address_and_by_id(db: Db) {
    let id = db.user("ann", &[]).await;
    let found = db.read(|c| users::credentials(c, &email("ann"))).await.unwrap().unwrap();
    assert_eq!((found.user, found.password_hash.as_str(), found.disabled), (id, "hash", false));
    assert!(!format!("{found:?}").contains("hash\""), "{found:?}");
    assert_eq!(db.read(move |c| users::credentials_of(c, id)).await.unwrap(), Some(found));
    assert_eq!(db.read(|c| users::credentials(c, &email("bob"))).await.unwrap(), None);
    assert_eq!(db.read(|c| users::credentials_of(c, UserId::generate())).await.unwrap(), None);
}

async fn a_password_and_a_lockout_can_be_changed(db: Db) {
    let id = db.user("ann", &[]).await;
    db.write(move |c| users::set_password(c, id, "other", at(5))).await.unwrap();
    db.write(move |c| users::set_disabled(c, id, true)).await.unwrap();
    let found = db.read(move |c| users::credentials_of(c, id)).await.unwrap().unwrap();
    assert_eq!((found.password_hash.as_str(), found.disabled), ("other", true));
    db.write(move |c| users::set_disabled(c, id, false)).await.unwrap();
    assert!(!db.read(move |c| users::by_id(c, id)).await.unwrap().unwrap().disabled);

    let nobody = UserId::generate();
    assert_not_found(db.write(move |c| users::set_password(c, nobody, "x", at(0))).await);
    assert_not_found(db.write(move |c| users::set_disabled(c, nobody, true)).await);
    assert_not_found(db.write(move |c| users::set_roles(c, nobody, &[])).await);
}

async fn roles_are_replaced_as_a_whole(db: Db) {
    let id = db.user("ann", &["viewer", "developer"]).await;
    let set = |names: &'static [&'static str]| db.write(move |c| users::set_roles(c, id, &role_names(names)));
    let roles = async || db.read(move |c| users::by_id(c, id)).await.unwrap().unwrap().roles;
    assert_eq!(roles().await, role_names(&["developer", "viewer"]));
    set(&["admin", "viewer", "admin"]).await.unwrap();
    assert_eq!(roles().await, role_names(&["admin", "viewer"]), "what is named twice is given once");
    assert_conflict(set(&["viewer", "nosuch"]).await, "user_roles.role");
    assert_eq!(roles().await, role_names(&["admin", "viewer"]), "a conflict changes nothing");
    set(&[]).await.unwrap();
    assert!(roles().await.is_empty());
}

async fn the_last_enabled_admin_can_be_told(db: Db) {
    let admins = async || db.read(users::enabled_admins).await.unwrap();
    db.user("bob", &["viewer"]).await;
    assert_eq!(admins().await, 0);
    let ann = db.user("ann", &["admin", "viewer"]).await;
    db.user("eve", &["admin"]).await;
    assert_eq!(admins().await, 2);
    db.write(move |c| users::set_disabled(c, ann, true)).await.unwrap();
    assert_eq!(admins().await, 1);
}

async fn the_policy_version_grows(db: Db) {
    let before = db.policy_version().await;
    assert_eq!(db.write(settings::bump_policy_version).await.unwrap(), before + 1);
    assert_eq!(db.policy_version().await, before + 1);
}

async fn times_keep_their_microseconds(db: Db) {
    let ann = db.user("ann", &[]).await;
    for micros in [0, 1, 999_999, 1_000_000, 1_800_000_000_000_001, 4_102_444_799_999_999, -1, -62_135_596_800_000_000]
    {
        let time = Timestamp::from_microsecond(micros).unwrap();
        let finer = Timestamp::from_nanosecond(time.as_nanosecond() + if micros < 0 { 0 } else { 999 }).unwrap();
        db.write(move |c| users::logged_in(c, ann, finer)).await.unwrap();
        let user = db.read(move |c| users::by_id(c, ann)).await.unwrap().unwrap();
        assert_eq!(user.last_login_at, Some(time), "what is finer is cut off");
    }
}
