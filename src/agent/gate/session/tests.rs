//! Rights of a command, while it runs.

use super::*;
use crate::model::{ClusterRules, RoleRules, Rule};

/// A policy that permits these verbs on pods in the namespace `team`.
fn policy(verbs: &[&str]) -> Policy {
    let rule = Rule {
        namespaces: vec!["team".into()],
        resources: vec!["pods".into()],
        verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
    };
    let permissions = if verbs.is_empty() { Vec::new() } else { vec![rule] };
    let role = RoleRules { role: "developer".parse().unwrap(), permissions, deny: Vec::new() };
    Policy::compile(ClusterRules { roles: vec![role] }, None)
}

fn session(verbs: &[&str]) -> Arc<Session> {
    Arc::new(Session::new("ann@example.com".into(), None, policy(verbs), None))
}

fn pods(verb: &str) -> Vec<Attributes> {
    vec![Attributes::Resource {
        verb: verb.into(),
        group: String::new(),
        resource: "pods".into(),
        subresource: String::new(),
        namespace: Some("team".into()),
        name: None,
    }]
}

#[test]
fn a_request_is_admitted_or_told_what_is_missing() {
    let session = session(&["get", "watch"]);
    assert!(session.admit(pods("watch")).is_ok());
    let Err(denial) = session.admit(pods("delete")) else { panic!("admitted") };
    assert_eq!(denial.what, pods("delete").pop());
    assert!(!denial.why.is_empty());
    // All of it has to be allowed, and asking for nothing that is known is not allowed.
    assert!(session.admit([pods("get"), pods("delete")].concat()).is_err());
    assert!(session.admit(Vec::new()).is_err());
}

#[test]
fn a_command_goes_on_while_what_it_does_stays_allowed() {
    let session = session(&["get", "watch", "delete"]);
    let running = session.admit(pods("watch")).ok().unwrap();
    session.replace(policy(&["get", "watch"]));
    assert!(!session.ended.is_cancelled());
    assert!(session.admit(pods("delete")).is_err(), "the new rights count at once");
    session.replace(policy(&["get"]));
    assert!(session.ended.is_cancelled());
    assert!(session.why().is_some_and(|why| !why.is_empty()));
    drop(running);
}

#[test]
fn a_request_that_has_ended_is_not_decided_again() {
    let session = session(&["get", "watch"]);
    drop(session.admit(pods("watch")).ok().unwrap());
    session.replace(policy(&["get"]));
    assert!(!session.ended.is_cancelled());
}

#[test]
fn who_may_do_nothing_any_more_is_ended_whatever_runs() {
    let session = session(&["get"]);
    session.replace(policy(&[]));
    assert!(session.ended.is_cancelled());
    assert_eq!(session.why(), Some("you may not do anything in this cluster any more"));
}

#[test]
fn a_token_is_worth_nothing_once_its_session_is_removed() {
    let sessions = Sessions::default();
    sessions.insert(TokenHash::of("a"), session(&["get"]));
    assert!(sessions.find("a").is_some());
    assert!(sessions.find("b").is_none() && sessions.find("").is_none());
    sessions.remove(&TokenHash::of("a"));
    assert!(sessions.find("a").is_none());
}
