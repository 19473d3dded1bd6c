//! Who asks, and for how long.

use jiff::{SignedDuration, Timestamp};

use super::report::{Finding, Report, timed};
use super::server::Reached;
use crate::cli::output;
use crate::cli::session::{Session, TOKEN_VARIABLE};
use crate::client::Client;
use crate::model::session::Me;

const GROUP: &str = "session";

/// From when on the end of a session is near: whoever sits there can log in again.
const NEAR_SESSION: SignedDuration = SignedDuration::from_hours(1);

/// The same for an API token, which somebody has to replace elsewhere.
const NEAR_TOKEN: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Looks at it; a client that shows who asks.
pub async fn check(report: &mut Report, session: Option<&Session>, reached: Option<&Reached>) -> Option<Client> {
    let (Some(session), Some(_)) = (session, reached) else {
        report.skip(GROUP, &["login", "expiry"], "central does not answer");
        return None;
    };
    // The renewal has limits of its own and is not cut off: the tokens that central has sent by then would be lost, and
    // with them the session.
    let client = match session.client().await {
        Ok(client) => client,
        Err(error) => {
            report.note(GROUP, "login", Finding::error(&error, &format!("mk8s login {}", session.server)));
            report.skip(GROUP, &["expiry"], "login failed");
            return None;
        }
    };
    let (done, me) = timed("login", who(session, &client)).await;
    report.add(GROUP, done);
    let Some(me) = me else {
        report.skip(GROUP, &["expiry"], "login failed");
        return None;
    };
    let ends = match session.stored() {
        Some(stored) if me.api_token.is_none() => stored.refresh_expires_at,
        _ => me.expires_at,
    };
    report.note(GROUP, "expiry", expiry(ends, Timestamp::now(), session.uses_api_token()));
    Some(client)
}

async fn who(session: &Session, client: &Client) -> (Finding, Option<Me>) {
    match client.me().await {
        Ok(me) => {
            let by = match session.uses_api_token() {
                true => format!("an API token in {TOKEN_VARIABLE}"),
                false => "a session".to_owned(),
            };
            let text = format!("{} with {}, by {by}", me.user.email, output::the_roles(&me.user.roles));
            (Finding::ok(text), Some(me))
        }
        Err(error) => (Finding::error(&error.into(), &format!("mk8s login {}", session.server)), None),
    }
}

/// When it ends.
fn expiry(ends: Timestamp, now: Timestamp, is_token: bool) -> Finding {
    let (what, near, hint) = match is_token {
        true => ("the API token", NEAR_TOKEN, "mk8s tokens create makes a new one"),
        false => ("the session", NEAR_SESSION, "mk8s login"),
    };
    let text = format!("{what} ends {}", output::until(ends));
    if ends.duration_since(now) < near { Finding::warning(text, hint) } else { Finding::ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_told_before() {
        let now = Timestamp::now();
        let look = |hours, is_token| format!("{:?}", expiry(now + SignedDuration::from_hours(hours), now, is_token));
        assert!(look(2, false).contains("Ok") && look(0, false).contains("mk8s login"));
        assert!(look(8 * 24, true).contains("Ok") && look(6 * 24, true).contains("mk8s tokens create"));
    }
}
