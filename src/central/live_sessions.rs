//! The sessions of a user that have not ended: their owner sees and ends them, and so do admins.

use jiff::Timestamp;
use tracing::info;

use super::state::Central;
use super::users::UserRef;
use crate::access::{Caller, Credential};
use crate::model::printable::printable;
use crate::model::session::Session;
use crate::model::{ErrorCode, Failure, SessionId, UserId};
use crate::store::{self, Conn, sessions};

impl Central {
    /// The sessions of the caller.
    pub async fn sessions(&self, caller: &Caller) -> Result<Vec<Session>, Failure> {
        let (user, current) = (caller.user_id(), current(caller));
        self.store.read(move |c| list(c, user, current)).await
    }

    /// Ends a session of the caller.
    pub async fn end_session(&self, caller: &Caller, session: SessionId) -> Result<(), Failure> {
        let user = caller.user_id();
        self.change(move |c| end(c, user, session)).await?;
        info!(%user, %session, "session revoked");
        Ok(())
    }

    /// The sessions of a user.
    pub async fn sessions_of(&self, admin: &Caller, user: UserRef) -> Result<Vec<Session>, Failure> {
        let current = current(admin);
        self.store
            .read(move |c| {
                let id = user.find(c)?.id;
                list(c, id, current)
            })
            .await
    }

    /// Ends a session of a user.
    pub async fn end_session_of(&self, admin: &Caller, user: UserRef, session: SessionId) -> Result<(), Failure> {
        let user = self
            .change(move |c| {
                let id = user.find(c)?.id;
                end(c, id, session).map(|()| id)
            })
            .await?;
        info!(admin = %admin.user_id(), %user, %session, "session revoked");
        Ok(())
    }
}

/// The session that asks; an API token is in none.
fn current(caller: &Caller) -> Option<SessionId> {
    match caller.credential() {
        Credential::Session { id } => Some(id),
        Credential::ApiToken { .. } => None,
    }
}

fn list(c: &mut Conn, user: UserId, current: Option<SessionId>) -> Result<Vec<Session>, Failure> {
    let mut sessions = sessions::list(c, user, current, Timestamp::now())?;
    // Whoever logged in may have called itself anything, and others look at it.
    for session in &mut sessions {
        session.user_agent = printable(&session.user_agent);
    }
    Ok(sessions)
}

fn end(c: &mut Conn, user: UserId, session: SessionId) -> Result<(), Failure> {
    sessions::revoke_one_of_user(c, user, session, Timestamp::now()).map_err(|error| match error {
        store::Error::NotFound => no_such_session(),
        error => error.into(),
    })
}

/// The answer to a session that is not there: of another user, or ended, or none at all.
pub fn no_such_session() -> Failure {
    Failure::new(ErrorCode::NotFound, "there is no such session, or it has ended already")
}
