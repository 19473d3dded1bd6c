//! `/auth`: login, refresh, logout, one's own account and password; and the keys that access tokens are checked with.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::exec::Asked;
use super::json::Strict;
use super::recorded;
use crate::access::{Caller, Credential};
use crate::central::audit::Durability;
use crate::central::sessions::{Origin, Unrefreshed};
use crate::central::state::Central;
use crate::model::audit::{AuditDecision, AuditKind, AuditOutcome, AuditRecord};
use crate::model::session::{Account, Login, Me, PasswordChange, Refresh, Tokens};
use crate::model::{Email, Failure, RequestId};

/// The most characters of a user agent that are kept.
const MAX_USER_AGENT: usize = 200;

/// The address of whoever sent a request: that of the connection, or what a trusted proxy says.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// Answers with secrets are for the one who asked (RFC 6749, section 5.1).
pub type Secret<T> = ([(header::HeaderName, HeaderValue); 1], Json<T>);

/// Marks an answer as not to be stored.
pub fn secret<T>(answer: T) -> Secret<T> {
    ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(answer))
}

/// Begins a session.
pub async fn login(
    State(central): State<Arc<Central>>,
    Extension(Peer(ip)): Extension<Peer>,
    Extension(id): Extension<RequestId>,
    headers: HeaderMap,
    Strict(login): Strict<Login>,
) -> Result<Secret<Tokens>, Failure> {
    let user_agent = headers.get(header::USER_AGENT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let user_agent: String = user_agent.chars().take(MAX_USER_AGENT).collect();
    let mut record = AuditRecord {
        kind: Some(AuditKind::Login),
        // What is no address may be a password in the wrong place.
        user: login.email.parse::<Email>().ok().map(|email| email.to_string()),
        source_ip: Some(ip.to_string()),
        user_agent: Some(user_agent.clone()),
        verb: Some("login".to_owned()),
        ..AuditRecord::new(&id)
    };
    let result = central.log_in(login, Origin { ip, user_agent }).await;
    let durability = match &result {
        Ok(_) => {
            (record.status, record.outcome) = (Some(200), Some(AuditOutcome::Complete));
            record.decision = Some(AuditDecision::Allowed);
            Durability::Strict
        }
        Err(failure) => {
            recorded::refused(&mut record, failure);
            record.decision = Some(AuditDecision::Denied);
            // It gives nothing. Whoever floods central with guesses shall not make it write each of them apart.
            Durability::Batch
        }
    };
    central.audit.note(record, durability).await?;
    result.map(secret)
}

/// The next tokens of a session.
pub async fn refresh(
    State(central): State<Arc<Central>>,
    Asked(record): Asked,
    Strict(refresh): Strict<Refresh>,
) -> Result<Secret<Tokens>, Failure> {
    let failure = match central.refresh(refresh.refresh_token).await {
        Ok(tokens) => return Ok(secret(tokens)),
        Err(Unrefreshed::Refused(failure)) => failure,
        // The one refusal that somebody has to look into.
        Err(Unrefreshed::Reused { session, user, email, failure }) => {
            let mut record = AuditRecord {
                kind: Some(AuditKind::Login),
                user: Some(email.to_string()),
                user_id: Some(user.to_string()),
                credential: Some(format!("session:{session}")),
                verb: Some("refresh".to_owned()),
                decision: Some(AuditDecision::Denied),
                ..record
            };
            recorded::refused(&mut record, &failure);
            central.audit.note(record, Durability::Strict).await?;
            failure
        }
    };
    Err(failure)
}

/// Ends the session of the caller.
pub async fn logout(
    State(central): State<Arc<Central>>,
    Extension(caller): Extension<Caller>,
) -> Result<StatusCode, Failure> {
    central.log_out(&caller).await.map(|()| StatusCode::NO_CONTENT)
}

/// Who is asking.
pub async fn me(Extension(caller): Extension<Caller>) -> Json<Me> {
    let api_token = match caller.credential() {
        Credential::ApiToken { id } => Some(id),
        Credential::Session { .. } => None,
    };
    let user = Account { id: caller.user_id(), email: caller.email().clone(), roles: caller.roles().to_vec() };
    Json(Me { user, api_token, expires_at: caller.expires_at() })
}

/// Gives the caller another password.
pub async fn password(
    State(central): State<Arc<Central>>,
    Extension(caller): Extension<Caller>,
    Extension(Peer(ip)): Extension<Peer>,
    Strict(change): Strict<PasswordChange>,
) -> Result<StatusCode, Failure> {
    central.change_password(&caller, change, ip).await.map(|()| StatusCode::NO_CONTENT)
}

/// The public keys (RFC 7517).
pub async fn jwks(State(central): State<Arc<Central>>) -> Json<serde_json::Value> {
    Json(central.keys.jwks())
}
