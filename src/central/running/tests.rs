//! How many requests there may be, and how they end.

use jiff::Timestamp;

use super::*;
use crate::access::{Caller, Credential, RoleBook, authorize};
use crate::model::{Email, TokenId};

const EVERYTHING: &str = r#"[{"name": "all", "description": "", "built_in": false, "deny": [], "permissions":
    [{"clusters": ["*"], "namespaces": ["*"], "resources": ["*"], "verbs": ["*"]}]}]"#;

/// A caller, and the clusters that it may use.
struct User(Identified);

impl User {
    fn new() -> Self {
        let credential = Credential::ApiToken { id: TokenId::generate() };
        let (user, roles) = (UserId::generate(), vec!["all".parse().unwrap()]);
        let caller = Caller::new(user, Email::first_admin(), roles, credential, Timestamp::UNIX_EPOCH);
        Self(Identified::new(caller, TokenHash::of(&user.to_string())))
    }

    fn enter(&self, running: &Running, cluster: ClusterId) -> Result<Place, Full> {
        let (book, name) = (RoleBook::new(serde_json::from_str(EVERYTHING).unwrap()), "dev".parse().unwrap());
        let cluster = authorize(&book, self.0.caller.clone(), &name, None, cluster).unwrap();
        running.enter(&self.0, &cluster, &name, Vec::new(), None)
    }
}

#[test]
fn a_user_and_a_cluster_have_no_more_requests_than_they_may() {
    let (running, cluster) = (Running::default(), ClusterId::generate());
    let users: Vec<User> = (0..5).map(|_| User::new()).collect();
    let mut places: Vec<Place> =
        (0..MAX_OF_USER).map(|_| users[0].enter(&running, cluster).expect("a place")).collect();
    assert_eq!(users[0].enter(&running, cluster).err(), Some(Full::User));
    assert_eq!(users[0].enter(&running, ClusterId::generate()).err(), Some(Full::User), "in all clusters together");
    for user in &users[1..4] {
        places.extend((0..MAX_OF_USER).map(|_| user.enter(&running, cluster).expect("a place")));
    }
    assert_eq!(users[4].enter(&running, cluster).err(), Some(Full::Cluster));
    users[4].enter(&running, ClusterId::generate()).expect("another cluster has places");
    places.pop();
    places.push(users[4].enter(&running, cluster).expect("a place that was left"));
    drop(places);
    let table = running.table();
    assert!(table.callers.is_empty() && table.of_user.is_empty() && table.of_cluster.is_empty());
}

fn state() -> State {
    State {
        cut: CancellationToken::new(),
        why: OnceLock::new(),
        connection: None,
        release: Mutex::default(),
        taking: Taking::new(),
    }
}

fn place(running: &Running) -> Place {
    let (user, cluster) = (UserId::generate(), ClusterId::generate());
    Place { running: running.clone(), shown: TokenHash::of("x"), user, cluster, id: 0, state: Arc::new(state()) }
}

#[test]
fn the_first_reason_is_the_one_that_counts() {
    let place = place(&Running::default());
    assert_eq!(place.why(), None);
    place.state.end("one");
    place.state.end("two");
    assert!(place.cut().is_cancelled());
    assert_eq!(place.why(), Some("one"));
}

#[test]
fn what_a_request_holds_is_dropped_when_it_is_cut() {
    let place = place(&Running::default());
    let (state, held) = (place.state.clone(), Arc::new(()));
    let releasing = place.releasing();
    // Its place is among what it holds.
    let holds = (place, held.clone());
    releasing.by(move || drop(holds));
    state.let_go();
    assert_eq!(Arc::strong_count(&held), 1);
    state.let_go();

    // It was cut before it could say how.
    state.end("why");
    let late = held.clone();
    Releasing(state).by(move || drop(late));
    assert_eq!(Arc::strong_count(&held), 1);
}
