//! Sessions: login, refresh, logout, and the change of one's own password.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use tracing::{info, warn};

use super::callers::unauthenticated;
use super::state::Central;
use crate::access::{
    Caller, Credential, HashError, TokenHash, check_new_password, generate_refresh_token, next_refresh_token,
    random_bytes,
};
use crate::model::session::{Account, Login, PasswordChange, Tokens};
use crate::model::{Email, ErrorCode, Failure, SessionId, Token, UserId};
use crate::store::login_attempts::{self, Attempt};
use crate::store::sessions::{self, NewSession, Rotation};
use crate::store::{Conn, callers, users};

/// The one answer to a login that fails, whatever the reason.
const REFUSED: &str =
    "the email address or the password is wrong, or too many attempts failed lately: check both, wait, and try again";

/// The answer to a refresh token that counts for nothing.
const UNKNOWN: &str = "the refresh token is not valid, or not any more: log in again";

/// Why a session got no next tokens.
pub enum Unrefreshed {
    /// The token that was shown has a successor: one of two has a copy, and the session is ended.
    Reused {
        /// The session.
        session: SessionId,
        /// Whose it was.
        user: UserId,
        /// The address of that user.
        email: Email,
        /// The answer.
        failure: Failure,
    },
    /// Anything else.
    Refused(Failure),
}

impl From<Failure> for Unrefreshed {
    fn from(failure: Failure) -> Self {
        Self::Refused(failure)
    }
}

/// From where a request comes.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Its address.
    pub ip: IpAddr,
    /// The program that sent it, as it says.
    pub user_agent: String,
}

impl Central {
    /// Checks a password and begins a session. Unknown users, wrong passwords, disabled users and blocked addresses get
    /// the same answer after the same work.
    pub async fn log_in(&self, login: Login, origin: Origin) -> Result<Tokens, Failure> {
        let place = self.hasher.place().map_err(hashing)?;
        let email: Option<Email> = login.email.parse().ok();
        let key = attempt_key(email.as_ref(), origin.ip);
        let now = Timestamp::now();
        let (attempt, credentials) = {
            let (key, email) = (key.clone(), email.clone());
            let look_up = move |c: &mut Conn| {
                let attempt = login_attempts::charge(c, &key, now)?;
                let credentials = email.map(|email| users::credentials(c, &email)).transpose()?.flatten();
                Ok::<_, Failure>((attempt, credentials))
            };
            self.store.write(look_up).await?
        };
        let usable = credentials.filter(|found| !found.disabled && matches!(attempt, Attempt::Allowed));
        let hash = usable.as_ref().map(|found| found.password_hash.clone());
        let matches = self.hasher.verify(place, login.password, hash).await.map_err(hashing)?;
        let Some(found) = usable.filter(|_| matches) else {
            info!(ip = %origin.ip, blocked = !matches!(attempt, Attempt::Allowed), "login refused");
            return Err(unauthenticated(REFUSED));
        };

        let session = SessionId::generate();
        let refresh = generate_refresh_token().map_err(randomness)?;
        let new = NewSession {
            id: session,
            user: found.user,
            refresh: TokenHash::of(refresh.expose()),
            user_agent: origin.user_agent,
            source_ip: origin.ip.to_string(),
            now,
            expires_at: now + self.lifetimes.session,
        };
        let expires_at = new.expires_at;
        let account = self.store.write(move |c| {
            // The user may have been disabled, or got another password, while this one was checked.
            let current = users::credentials_of(c, found.user)?;
            if !current.is_some_and(|now| !now.disabled && now.password_hash == found.password_hash) {
                return Err(unauthenticated(REFUSED));
            }
            login_attempts::clear(c, &key)?;
            users::logged_in(c, found.user, now)?;
            sessions::create(c, &new)?;
            account(c, session, now)
        });
        let account = account.await?;
        info!(user = %account.id, %session, "logged in");
        self.tokens(session, refresh, expires_at, account)
    }

    /// The next tokens of a session. A refresh token that was used before ends the session, unless it was just now: the
    /// answer may have been lost, or two processes of one user asked at once.
    pub async fn refresh(&self, shown: Token) -> Result<Tokens, Unrefreshed> {
        let salt = random_bytes().map_err(randomness)?;
        let next = next_refresh_token(shown.expose(), &salt);
        let (hash, next_hash, now) = (TokenHash::of(shown.expose()), TokenHash::of(next.expose()), Timestamp::now());
        // Anyone may ask, and what nobody knows shall cost no turn at writing.
        let known = {
            let _place = self.callers.place()?;
            let hash = hash.clone();
            self.store.read(move |c| sessions::knows(c, &hash, now)).await.map_err(Failure::from)?
        };
        if !known {
            return Err(unauthenticated(UNKNOWN).into());
        }
        let rotate = move |c: &mut Conn| sessions::rotate(c, &hash, salt, &next_hash, now);
        let (session, expires_at, next) = match self.store.write(rotate).await.map_err(Failure::from)? {
            Rotation::Rotated { session, expires_at, .. } => (session, expires_at, next),
            Rotation::Repeated { session, expires_at, salt, .. } => {
                (session, expires_at, next_refresh_token(shown.expose(), &salt))
            }
            Rotation::Reused { session, user, email } => {
                warn!(%user, %session, "a refresh token was used again: its session is ended");
                let detail = "the refresh token was used before, so its session is ended: log in again";
                return Err(Unrefreshed::Reused { session, user, email, failure: unauthenticated(detail) });
            }
            Rotation::Unknown => return Err(unauthenticated(UNKNOWN).into()),
        };
        let account = self.store.read(move |c| account(c, session, now)).await?;
        Ok(self.tokens(session, next, expires_at, account)?)
    }

    fn tokens(
        &self,
        session: SessionId,
        refresh_token: Token,
        refresh_expires_at: Timestamp,
        user: Account,
    ) -> Result<Tokens, Failure> {
        let now = Timestamp::now();
        // No access token outlives its session.
        let left = refresh_expires_at.duration_since(now);
        let life = self.lifetimes.access.min(left);
        let access_token = self
            .keys
            .issue(self.keys.claims(user.id, session, now, u32::try_from(life.as_secs()).unwrap_or(0)))
            .map_err(|error| Failure::new(ErrorCode::Internal, format!("no token could be signed: {error}")))?;
        Ok(Tokens {
            access_token,
            token_type: "Bearer".into(),
            expires_in: seconds(life),
            refresh_token,
            refresh_expires_in: seconds(left),
            user,
        })
    }

    /// Ends the session of the caller.
    pub async fn log_out(&self, caller: &Caller) -> Result<(), Failure> {
        let session = session_of(caller)?;
        self.change(move |c| Ok(sessions::revoke(c, session, Timestamp::now())?)).await?;
        info!(user = %caller.user_id(), %session, "logged out");
        Ok(())
    }

    /// Gives the caller another password, and ends its other sessions.
    pub async fn change_password(&self, caller: &Caller, change: PasswordChange, ip: IpAddr) -> Result<(), Failure> {
        let (user, session, now) = (caller.user_id(), session_of(caller)?, Timestamp::now());
        let (place, next_place) = (self.hasher.place().map_err(hashing)?, self.hasher.place().map_err(hashing)?);
        check_new_password(&change.new_password).map_err(|e| Failure::new(ErrorCode::InvalidRequest, e.to_string()))?;
        // A stolen session must not be a way to guess the password without being slowed down.
        let key = attempt_key(Some(caller.email()), ip);
        let charge = {
            let key = key.clone();
            move |c: &mut Conn| {
                Ok::<_, Failure>((login_attempts::charge(c, &key, now)?, users::credentials_of(c, user)?))
            }
        };
        let (attempt, credentials) = self.store.write(charge).await?;
        let usable = credentials.filter(|_| matches!(attempt, Attempt::Allowed)).map(|found| found.password_hash);
        if !self.hasher.verify(place, change.current_password, usable).await.map_err(hashing)? {
            let detail = "the current password is wrong, or too many attempts failed lately: wait and try again";
            return Err(Failure::new(ErrorCode::Forbidden, detail));
        }
        let hash = self.hasher.hash(next_place, change.new_password).await.map_err(hashing)?;
        self.change(move |c| {
            login_attempts::clear(c, &key)?;
            users::set_password(c, user, &hash, now)?;
            sessions::revoke_of_user(c, user, Some(session), now)?;
            Ok(())
        })
        .await?;
        info!(%user, "password changed");
        Ok(())
    }
}

fn account(c: &mut Conn, session: SessionId, now: Timestamp) -> Result<Account, Failure> {
    let found =
        callers::by_session(c, session, now)?.ok_or_else(|| unauthenticated("the session has ended: log in again"))?;
    Ok(Account { id: found.user, email: found.email, roles: found.roles })
}

fn session_of(caller: &Caller) -> Result<SessionId, Failure> {
    match caller.credential() {
        Credential::Session { id } => Ok(id),
        Credential::ApiToken { .. } => Err(Failure::new(ErrorCode::Forbidden, "this needs a login, not an API token")),
    }
}

/// What the attempts to log in are counted by: the address, and the network that they come from. All texts that are no
/// addresses count as one.
fn attempt_key(email: Option<&Email>, ip: IpAddr) -> String {
    let network = match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}:{:x}::/56", d & 0xff00)
        }
    };
    email.map_or_else(|| "- ".into(), attempts_for) + &network
}

/// What the keys of an address begin with, wherever the attempts come from.
pub fn attempts_for(email: &Email) -> String {
    format!("{email} ")
}

fn seconds(life: SignedDuration) -> u64 {
    u64::try_from(life.as_secs()).unwrap_or(0)
}

/// Why a password was not hashed.
pub fn hashing(error: HashError) -> Failure {
    match error {
        HashError::Overloaded => Failure::new(
            ErrorCode::TooManyRequests,
            "too many passwords are being checked just now: try again in a few seconds",
        ),
        error => Failure::new(ErrorCode::Internal, format!("the password could not be hashed: {error}")),
    }
}

/// The system gave no randomness.
pub fn randomness(error: impl std::fmt::Display) -> Failure {
    Failure::new(ErrorCode::Internal, format!("no random token could be made: {error}"))
}

/// How long what a login gives is valid.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// The access token.
    pub access: SignedDuration,
    /// The session.
    pub session: SignedDuration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_counted_by_address_and_network() {
        let key = |email: &str, ip: &str| attempt_key(email.parse().ok().as_ref(), ip.parse().unwrap());
        assert_eq!(key("Ann@Example.com", "192.0.2.7"), "ann@example.com 192.0.2.0/24");
        assert_eq!(key("ann@example.com", "::ffff:192.0.2.9"), "ann@example.com 192.0.2.0/24");
        assert_eq!(key("ann@example.com", "2001:db8:1:23ff::1"), "ann@example.com 2001:db8:1:2300::/56");
        assert_eq!(key("not an address", "192.0.2.7"), "- 192.0.2.0/24");
    }
}
