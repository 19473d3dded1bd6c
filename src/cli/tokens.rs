//! `mk8s tokens`: one's own API tokens, for CI jobs and scripts.

use clap::Subcommand;

use super::exit::{CliError, Exit, with_hint};
use super::output::{self, Columns, ListArgs};
use super::session::{SessionArgs, TOKEN_VARIABLE};
use crate::model::token::{ApiToken, MAX_API_TOKEN_DAYS, NewApiToken};
use crate::model::{ErrorCode, RoleName, TokenId};

/// What to do with API tokens.
#[derive(Subcommand)]
pub enum TokensCommand {
    /// Make a token and print it, this once; standard output has the token alone
    Create {
        /// What to call it
        name: String,
        /// A role of the token; may be repeated [default: all that you have]
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<RoleName>,
        /// Its life in days, at most 365 [default: 90]
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_API_TOKEN_DAYS)))]
        expires_in_days: Option<u16>,
    },
    /// List your tokens
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// End a token, at once
    Revoke {
        /// Its identifier or its name
        token: String,
    },
}

/// Runs the command.
pub async fn run(session: &SessionArgs, command: TokensCommand) -> anyhow::Result<Exit> {
    match command {
        TokensCommand::Create { name, roles, expires_in_days } => create(session, name, roles, expires_in_days).await,
        TokensCommand::List(args) => list(session, args).await,
        TokensCommand::Revoke { token } => revoke(session, &token).await,
    }
}

async fn create(
    session: &SessionArgs,
    name: String,
    roles: Vec<RoleName>,
    expires_in_days: Option<u16>,
) -> anyhow::Result<Exit> {
    let client = session.resolve()?.client().await?;
    let new = NewApiToken { name, roles: Some(roles).filter(|roles| !roles.is_empty()), expires_in_days };
    let created = client
        .create_token(&new)
        .await
        .map_err(|error| with_hint(error, ErrorCode::Conflict, "another name, or mk8s tokens revoke <name>"))?;
    let info = &created.info;
    output::say(&format!(
        "created token {:?} with {}, valid until {}",
        info.name,
        output::the_roles(&info.roles),
        output::until(info.expires_at)
    ));
    output::say(&format!("  it is shown this once; commands use it when {TOKEN_VARIABLE} is set to it"));
    output::print(&format!("{}\n", created.token.expose()))
}

async fn list(session: &SessionArgs, args: ListArgs) -> anyhow::Result<Exit> {
    let tokens = session.resolve()?.client().await?.tokens().await?;
    args.print(&tokens, |token| token.name.clone(), "no tokens yet: mk8s tokens create <name>", &columns())
}

/// What is shown of API tokens.
pub fn columns() -> Columns<'static, ApiToken> {
    Columns::<ApiToken>::default()
        .column("NAME", |token| token.name.clone())
        .column("ROLES", |token| output::roles(&token.roles))
        .column("EXPIRES", |token| output::ahead(token.expires_at))
        .column("LAST USED", |token| output::ago(token.last_used_at))
        .column("ID", |token| token.id.to_string())
        .wide("CREATED", |token| output::ago(Some(token.created_at)))
}

async fn revoke(session: &SessionArgs, wanted: &str) -> anyhow::Result<Exit> {
    let client = session.resolve()?.client().await?;
    let token = find(client.tokens().await?, wanted, "mk8s tokens list")?;
    client.revoke_token(token.id).await?;
    output::say(&format!("revoked token {:?} ({})", token.name, token.id));
    Ok(Exit::OK)
}

/// The token with this identifier, or else this name; if there is none, the hint is where to look.
pub fn find(tokens: Vec<ApiToken>, wanted: &str, hint: &str) -> Result<ApiToken, CliError> {
    let id: Option<TokenId> = wanted.parse().ok();
    let (by_id, others): (Vec<_>, Vec<_>) = tokens.into_iter().partition(|token| Some(token.id) == id);
    by_id.into_iter().chain(others.into_iter().filter(|token| token.name == wanted)).next().ok_or_else(|| CliError {
        what: format!("there is no token {wanted:?}"),
        hint: Some(hint.into()),
        exit: Exit::NOT_FOUND,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_by_its_identifier_and_by_its_name() {
        let token = |name: &str| ApiToken {
            id: TokenId::generate(),
            name: name.into(),
            roles: Vec::new(),
            created_at: jiff::Timestamp::UNIX_EPOCH,
            expires_at: jiff::Timestamp::UNIX_EPOCH,
            last_used_at: None,
        };
        let (ci, other) = (token("ci"), token("other"));
        let deceitful = token(&ci.id.to_string());
        let all = vec![deceitful, other.clone(), ci.clone()];
        assert_eq!(find(all.clone(), &ci.id.to_string(), "").unwrap(), ci);
        assert_eq!(find(all.clone(), "other", "").unwrap(), other);
        assert_eq!(find(all, "nosuch", "").unwrap_err().exit, Exit(5));
    }
}
