//! New tokens for a stored session: one command asks for them, the others wait and find them.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::exit::{CliError, Exit};
use super::session::not_logged_in;
use crate::client::{Client, ClientError};
use crate::config::{ClientState, StateLock, StoredSession};
use crate::model::ErrorCode;
use crate::model::session::Refresh;

/// How long central may take: less than others wait for the lock that is held meanwhile.
pub const PATIENCE: Duration = Duration::from_secs(8);

/// The session with `server` as it is in the file, with an access token that can be used. It is read again under the
/// lock: another command may have renewed it. `client` shows no credential.
pub async fn renew_stored(path: &Path, server: &str, client: &Client) -> anyhow::Result<StoredSession> {
    let _lock = StateLock::take(path).await?;
    let mut state = ClientState::load(path)?;
    let now = Timestamp::now();
    let current = match state.session_with(server) {
        Some(current) if current.is_fresh(now) => return Ok(current.clone()),
        Some(current) => current.clone(),
        None => return Err(not_logged_in(server).into()),
    };
    let refresh = Refresh { refresh_token: current.refresh_token.clone() };
    let late = || ClientError::Timeout(PATIENCE.as_secs());
    match tokio::time::timeout(PATIENCE, client.refresh(&refresh)).await.unwrap_or_else(|_| Err(late())) {
        Ok(tokens) => {
            let renewed = StoredSession::new(server, tokens, now);
            state.session = Some(renewed.clone());
            state.save(path)?;
            Ok(renewed)
        }
        Err(ClientError::Problem(problem)) if problem.code == ErrorCode::Unauthenticated => {
            state.session = None;
            state.save(path)?;
            Err(anyhow::Error::from(ClientError::Problem(problem)).context(CliError {
                what: format!("the session with {server} has ended"),
                hint: Some(format!("mk8s login {server}")),
                exit: Exit::NOT_LOGGED_IN,
            }))
        }
        // Whatever ails central, the token until now is good for a little longer.
        Err(_) if current.access_expires_at > now => Ok(current),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use jiff::SignedDuration;
    use tempfile::TempDir;

    use super::*;
    use crate::client::fake::{Fake, problem};
    use crate::tls::Trust;

    const TOKENS: &str = r#"{"access_token":"new-access","token_type":"Bearer","expires_in":600,
        "refresh_token":"new-refresh","refresh_expires_in":2592000,
        "user":{"id":"01a210a3-0b0d-7252-9a6e-07461f01c863","email":"a@b","roles":[]}}"#;

    /// A state with a session whose access token has so many seconds left.
    fn stored(server: &str, seconds: i64) -> (TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.yaml");
        let access_expires_at = Timestamp::now() + SignedDuration::from_secs(seconds);
        let session = StoredSession { access_expires_at, ..StoredSession::example(server) };
        let state = ClientState { server: Some(server.into()), session: Some(session), ..ClientState::default() };
        state.save(&path).unwrap();
        (dir, path)
    }

    fn client(server: &str) -> Client {
        Client::new(server, &Trust::System).unwrap()
    }

    #[tokio::test]
    async fn fifty_commands_refresh_once() {
        let server = Fake::start("200 OK", TOKENS).await;
        let (_dir, path) = stored(&server.url, 30);
        let commands: Vec<_> = (0..50)
            .map(|_| {
                let (path, url) = (path.clone(), server.url.clone());
                tokio::spawn(async move { renew_stored(&path, &url, &client(&url)).await })
            })
            .collect();
        for command in commands {
            assert_eq!(command.await.unwrap().unwrap().access_token.expose(), "new-access");
        }
        assert_eq!(server.count(), 1);
        assert!(server.last().ends_with("{\"refresh_token\":\"mk8s_refresh_s3cret-2\"}"), "{}", server.last());
        let state = ClientState::load(&path).unwrap();
        let session = state.session_with(&server.url).unwrap();
        assert_eq!(session.refresh_token.expose(), "new-refresh");
        assert!(session.is_fresh(Timestamp::now()));
    }

    #[tokio::test]
    async fn a_refused_refresh_ends_the_session() {
        let server = Fake::start("401 Unauthorized", problem!("unauthenticated")).await;
        let (_dir, path) = stored(&server.url, 30);
        let error = renew_stored(&path, &server.url, &client(&server.url)).await.unwrap_err();
        let said = error.downcast_ref::<CliError>().unwrap();
        assert_eq!((said.exit, said.hint.clone()), (Exit(4), Some(format!("mk8s login {}", server.url))));
        let state = ClientState::load(&path).unwrap();
        assert!(state.session.is_none() && state.server.is_some());
        let error = renew_stored(&path, &server.url, &client(&server.url)).await.unwrap_err();
        assert_eq!(error.downcast_ref::<CliError>().unwrap().exit, Exit(4));
        assert_eq!(server.count(), 1);
    }

    #[tokio::test]
    async fn a_session_outlives_a_central_that_cannot_answer() {
        for answer in [Some(("503 Service Unavailable", problem!("unavailable"))), Some(("401 No", "<html>")), None] {
            let server = match answer {
                Some((status, body)) => Fake::start(status, body).await.url.clone(),
                None => "http://127.0.0.1:1".to_owned(),
            };
            let (_dir, path) = stored(&server, -30);
            assert!(renew_stored(&path, &server, &client(&server)).await.is_err());
            assert!(ClientState::load(&path).unwrap().session.is_some(), "{answer:?}");
            let (_dir, path) = stored(&server, 30);
            let current = renew_stored(&path, &server, &client(&server)).await.unwrap();
            assert_eq!(current.access_token.expose(), "ey.s3cret-1", "still good for half a minute");
        }
    }
}
