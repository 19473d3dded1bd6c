//! `mk8s sessions`: one's own sessions, those on other machines too.

use clap::{ArgGroup, Subcommand};

use super::exit::{CliError, Exit, with_hint};
use super::logout;
use super::output::{self, Columns, ListArgs};
use super::session::SessionArgs;
use crate::model::printable::printable;
use crate::model::session::Session;
use crate::model::{ErrorCode, SessionId};

/// Where sessions are looked up.
const LIST: &str = "mk8s sessions list";

/// What to do with sessions.
#[derive(Subcommand)]
pub enum SessionsCommand {
    /// List your sessions, the latest first; an asterisk marks the one that this command uses
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// End a session, at once, with all that runs in it
    #[command(group = ArgGroup::new("which").required(true).args(["session", "others"]))]
    Revoke {
        /// Its identifier
        #[arg(value_name = "ID")]
        session: Option<String>,
        /// End all of your sessions but the one that this command uses
        #[arg(long)]
        others: bool,
    },
}

/// Runs the command.
pub async fn run(session: &SessionArgs, command: SessionsCommand) -> anyhow::Result<Exit> {
    match command {
        SessionsCommand::List(args) => list(session, args).await,
        SessionsCommand::Revoke { session: Some(wanted), .. } => revoke(session, &wanted).await,
        SessionsCommand::Revoke { session: None, .. } => revoke_others(session).await,
    }
}

async fn list(session: &SessionArgs, args: ListArgs) -> anyhow::Result<Exit> {
    let sessions = session.resolve()?.client().await?.sessions().await?;
    args.print(&sessions, |session| session.id.to_string(), "", &columns())
}

/// What is shown of sessions.
pub fn columns() -> Columns<'static, Session> {
    Columns::<Session>::default()
        .column("", |session| if session.current { "*" } else { "" }.into())
        .column("ID", |session| session.id.to_string())
        .column("CREATED", |session| output::ago(Some(session.created_at)))
        .column("LAST USED", |session| output::ago(Some(session.refreshed_at)))
        .column("EXPIRES", |session| output::ahead(session.expires_at))
        .column("ADDRESS", |session| session.source_ip.clone())
        .column("CLIENT", |session| client_of(session).into())
}

fn client_of(session: &Session) -> &str {
    if session.user_agent.is_empty() { "-" } else { &session.user_agent }
}

async fn revoke(session: &SessionArgs, wanted: &str) -> anyhow::Result<Exit> {
    let session = session.resolve()?;
    let client = session.client().await?;
    let found = find(client.sessions().await?, wanted, LIST)?;
    client.revoke_session(found.id).await.map_err(|error| with_hint(error, ErrorCode::NotFound, LIST))?;
    output::say(&format!("revoked {}", described(&found)));
    leave(&session.server, &found).await?;
    Ok(Exit::OK)
}

async fn revoke_others(session: &SessionArgs) -> anyhow::Result<Exit> {
    let client = session.resolve()?.client().await?;
    let mut count = 0;
    for other in client.sessions().await?.iter().filter(|session| !session.current) {
        match client.revoke_session(other.id).await {
            Ok(()) => output::say(&format!("revoked {}", described(other))),
            // It has ended meanwhile.
            Err(error) if error.problem().is_some_and(|problem| problem.code == ErrorCode::NotFound) => continue,
            Err(error) => return Err(error.into()),
        }
        count += 1;
    }
    if count == 0 {
        output::say("you have no other sessions");
    }
    Ok(Exit::OK)
}

/// The session with this identifier; if there is none, the hint is where to look.
pub fn find(sessions: Vec<Session>, wanted: &str, hint: &str) -> Result<Session, CliError> {
    let id: Option<SessionId> = wanted.parse().ok();
    sessions.into_iter().find(|session| Some(session.id) == id).ok_or_else(|| CliError {
        what: format!("there is no session {wanted:?}"),
        hint: Some(hint.into()),
        exit: Exit::NOT_FOUND,
    })
}

/// A session in a sentence.
pub fn described(session: &Session) -> String {
    printable(&format!("session {} ({} from {})", session.id, client_of(session), session.source_ip))
}

/// Forgets the tokens of a session that was ended, if they are those that are in use here.
pub async fn leave(server: &str, ended: &Session) -> anyhow::Result<()> {
    if ended.current {
        logout::forget(server).await?;
        output::say(&format!("  it was the one that you used: logged out of {server}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(user_agent: &str) -> Session {
        let at = jiff::Timestamp::UNIX_EPOCH;
        Session {
            id: SessionId::generate(),
            created_at: at,
            refreshed_at: at,
            expires_at: at,
            source_ip: "192.0.2.7".into(),
            user_agent: user_agent.into(),
            current: false,
        }
    }

    #[test]
    fn a_session_is_found_by_its_identifier() {
        let all = vec![session("a"), session("b")];
        assert_eq!(find(all.clone(), &all[1].id.to_string().to_uppercase(), "").unwrap(), all[1]);
        for wanted in [SessionId::generate().to_string().as_str(), "b", ""] {
            assert_eq!(find(all.clone(), wanted, "").unwrap_err().exit, Exit(5), "{wanted:?}");
        }
    }

    /// Whoever has the password can call itself anything.
    #[test]
    fn what_a_client_calls_itself_moves_no_cursor() {
        let bad = session("x\u{1b}[2J\u{9b}2J\n\u{7}y");
        assert_eq!(described(&bad), format!("session {} (x [2J 2J  y from 192.0.2.7)", bad.id));
        assert_eq!(described(&session("")).split_once(" (").unwrap().1, "- from 192.0.2.7)");
    }
}
