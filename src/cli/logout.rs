//! `mk8s logout`: ends the session, at central too if it can be reached; server, authority and cluster stay remembered.

use jiff::Timestamp;

use super::exit::Exit;
use super::output;
use super::refresh::PATIENCE;
use super::session::{SessionArgs, TOKEN_VARIABLE, environment_token_is_set};
use super::trust::Authority;
use crate::client::{Client, ClientError, Credential};
use crate::config::{ClientState, StateLock, StoredSession, paths};
use crate::model::ErrorCode;
use crate::model::session::Refresh;

/// Logs out. The tokens are forgotten whatever central says.
pub async fn run(session: &SessionArgs) -> anyhow::Result<Exit> {
    let path = paths::client_state();
    let wanted = session.server();
    let is_wanted = |stored: &StoredSession| wanted.as_ref().is_none_or(|server| *server == stored.server);
    // Nothing to change is no reason to make a file for a lock.
    if ClientState::load(&path)?.session.is_none_or(|stored| !is_wanted(&stored)) {
        return Ok(nobody(wanted.as_deref()));
    }
    let _lock = StateLock::take(&path).await?;
    let mut state = ClientState::load(&path)?;
    let Some(stored) = state.session.clone().filter(is_wanted) else { return Ok(nobody(wanted.as_deref())) };
    let authority =
        Authority::choose(&stored.server, Authority { ca_file: session.ca_file(), ..Authority::default() }, &state)?;
    let outcome = match authority.client(&stored.server) {
        Ok(client) => tokio::time::timeout(PATIENCE, revoke(client, &stored))
            .await
            .unwrap_or_else(|_| Err(ClientError::Timeout(PATIENCE.as_secs()))),
        Err(error) => Err(error),
    };
    state.session = None;
    state.save(&path)?;
    output::say(&farewell(&stored, &outcome));
    note_token();
    Ok(Exit::OK)
}

/// Forgets the tokens for `server`, whose session has ended.
pub async fn forget(server: &str) -> anyhow::Result<()> {
    let path = paths::client_state();
    let _lock = StateLock::take(&path).await?;
    let mut state = ClientState::load(&path)?;
    if state.session_with(server).is_some() {
        state.session = None;
        state.save(&path)?;
    }
    Ok(())
}

fn nobody(wanted: Option<&str>) -> Exit {
    match wanted {
        Some(server) => output::say(&format!("not logged in to {server}")),
        None => output::say("not logged in"),
    }
    note_token();
    Exit::OK
}

fn note_token() {
    if environment_token_is_set() {
        output::say(&format!("  note: {TOKEN_VARIABLE} is still set and goes on being used"));
    }
}

async fn revoke(client: Client, stored: &StoredSession) -> Result<(), ClientError> {
    let access = if stored.is_fresh(Timestamp::now()) {
        stored.access_token.clone()
    } else {
        client.refresh(&Refresh { refresh_token: stored.refresh_token.clone() }).await?.access_token
    };
    client.with_credential(Credential::AccessToken(access)).logout().await
}

fn farewell(stored: &StoredSession, outcome: &Result<(), ClientError>) -> String {
    let server = &stored.server;
    match outcome {
        Ok(()) => format!("logged out of {server}"),
        Err(error) if error.problem().is_some_and(|problem| problem.code == ErrorCode::Unauthenticated) => {
            format!("logged out of {server}; central had ended the session already")
        }
        Err(error) => format!(
            "logged out of {server} on this machine only\n  why: the session could not be revoked: {error}\n  \
             it lives until {}; a change of your password ends it sooner",
            output::until(stored.refresh_expires_at)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::fake::{Fake, problem};
    use crate::tls::Trust;

    async fn log_out_of(server: &Fake) -> (StoredSession, Result<(), ClientError>) {
        let access_expires_at = Timestamp::now() + jiff::SignedDuration::from_secs(600);
        let stored = StoredSession { access_expires_at, ..StoredSession::example(&server.url) };
        let outcome = revoke(Client::new(&server.url, &Trust::System).unwrap(), &stored).await;
        (stored, outcome)
    }

    #[tokio::test]
    async fn what_became_of_the_session_is_said() {
        let server = Fake::start("204 No Content", "").await;
        let (stored, outcome) = log_out_of(&server).await;
        assert_eq!(farewell(&stored, &outcome), format!("logged out of {}", server.url));
        assert!(server.last().starts_with("POST /auth/logout ") && server.last().contains("Bearer ey.s3cret-1"));

        let (stored, outcome) = log_out_of(&Fake::start("401 No", problem!("unauthenticated")).await).await;
        assert!(farewell(&stored, &outcome).contains("already"));

        let (stored, outcome) = log_out_of(&Fake::start("503 No", problem!("unavailable")).await).await;
        let text = farewell(&stored, &outcome);
        assert!(text.contains("could not be revoked: the detail") && text.contains("2026-02-01T15:04:05Z"), "{text}");
        assert!(!text.contains("s3cret"));
    }
}
