//! `POST /clusters/{name}/can-i`: what the policy says to one thing, for oneself or, asked by an admin, for a user.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};

use super::clusters::{self, InPath};
use super::json::Strict;
use crate::access::{Caller, Decision, Policy, asked};
use crate::central::state::Central;
use crate::central::users::UserRef;
use crate::kubernetes::attributes::Attributes;
use crate::model::{CanI, ErrorCode, Failure, Verdict};

/// Answers the question.
pub async fn ask(
    State(central): State<Arc<Central>>,
    Extension(caller): Extension<Caller>,
    name: InPath,
    Strict(question): Strict<CanI>,
) -> Result<Json<Verdict>, Failure> {
    let (entry, cluster) = clusters::find(&central, &clusters::named(name)?, caller).await?;
    let things = asked(&question).map_err(|error| Failure::new(ErrorCode::InvalidRequest, error.to_string()))?;
    let other = question.user.filter(|email| email != cluster.caller().email());
    let Some(email) = other else { return Ok(Json(verdict(cluster.rights().policy(), &things))) };
    if !cluster.caller().is_admin() {
        let detail = "only users with the role admin may ask about others: leave `user` out";
        return Err(Failure::new(ErrorCode::Forbidden, detail));
    }
    let user = central.user(UserRef::Email(email)).await?;
    let rights = central.rights(&user.roles, &entry.name, cluster.rights().closed_namespace()).await?;
    Ok(Json(match () {
        () if user.disabled => no("the user is disabled"),
        () if !rights.policy().allows_anything() => no("the roles of the user allow nothing in this cluster"),
        () => verdict(rights.policy(), &things),
    }))
}

fn no(reason: &str) -> Verdict {
    Verdict { allowed: false, reason: reason.into() }
}

fn verdict(policy: &Policy, things: &[Attributes]) -> Verdict {
    match policy.decide_all(things) {
        Decision::Allowed { role: Some(role) } => {
            Verdict { allowed: true, reason: format!("the role {:?} permits it", role.as_str()) }
        }
        Decision::Allowed { role: None } => {
            Verdict { allowed: true, reason: "everyone may who may do anything in this cluster".into() }
        }
        Decision::Denied { why } => Verdict { allowed: false, reason: why },
    }
}
