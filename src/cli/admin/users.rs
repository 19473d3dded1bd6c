//! `mk8s admin users`: make, change and remove users.

use std::str::FromStr;

use clap::Subcommand;

use crate::cli::exit::{Exit, with_hint};
use crate::cli::output::{self, Columns, ListArgs, OutputArgs};
use crate::cli::prompt::{PasswordArgs, confirm_deletion};
use crate::cli::session::SessionArgs;
use crate::cli::{sessions, tokens};
use crate::client::{Client, ClientError};
use crate::model::email::InvalidEmail;
use crate::model::user::{NewUser, UserChange, UserRoles};
use crate::model::{Email, ErrorCode, RoleName, User, UserId};

/// What to do with users.
#[derive(Subcommand)]
pub enum UsersCommand {
    /// List all users
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Make a user; without a password, central makes one up and it is printed, this once
    Create {
        /// The email address that the user logs in with
        email: Email,
        /// A role of the user; may be repeated
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<RoleName>,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Show one user
    Show {
        /// The email address or the identifier
        #[arg(value_name = "EMAIL")]
        user: UserRef,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Show the roles of a user, or give it others
    Roles {
        /// The email address or the identifier
        #[arg(value_name = "EMAIL")]
        user: UserRef,
        /// A role that the user has from now on, with the others that are named; may be repeated
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<RoleName>,
        /// Take all roles away
        #[arg(long, conflicts_with = "roles")]
        none: bool,
    },
    /// The API tokens of a user
    #[command(subcommand)]
    Token(UserTokenCommand),
    /// The sessions of a user
    #[command(subcommand)]
    Session(UserSessionCommand),
    /// Keep a user out, at once; the API tokens of the user end
    Disable {
        /// The email address or the identifier
        #[arg(value_name = "EMAIL")]
        user: UserRef,
    },
    /// Let a user in again
    Enable {
        /// The email address or the identifier
        #[arg(value_name = "EMAIL")]
        user: UserRef,
    },
    /// Give a user a new password; all sessions and API tokens of the user end
    ResetPassword {
        /// The email address or the identifier
        #[arg(value_name = "EMAIL")]
        user: UserRef,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Remove a user, with all sessions and tokens
    Delete {
        /// The email address or the identifier
        #[arg(value_name = "EMAIL")]
        user: UserRef,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// What to do with the API tokens of a user.
#[derive(Subcommand)]
pub enum UserTokenCommand {
    /// List the tokens of a user
    #[command(visible_alias = "ls")]
    List {
        /// The email address or the identifier
        #[arg(value_name = "EMAIL")]
        user: UserRef,
        #[command(flatten)]
        output: ListArgs,
    },
    /// End a token, at once
    Revoke {
        /// The email address or the identifier
        #[arg(value_name = "EMAIL")]
        user: UserRef,
        /// Its identifier or its name
        token: String,
    },
}

/// What to do with the sessions of a user.
#[derive(Subcommand)]
pub enum UserSessionCommand {
    /// List the sessions of a user, the latest first
    #[command(visible_alias = "ls")]
    List {
        /// The email address or the identifier
        #[arg(value_name = "EMAIL")]
        user: UserRef,
        #[command(flatten)]
        output: ListArgs,
    },
    /// End a session, at once, with all that runs in it
    Revoke {
        /// The email address or the identifier
        #[arg(value_name = "EMAIL")]
        user: UserRef,
        /// Its identifier
        #[arg(value_name = "ID")]
        session: String,
    },
}

/// A user, named by address or identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRef(String);

impl FromStr for UserRef {
    type Err = InvalidEmail;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<UserId>() {
            Ok(id) => Ok(Self(id.to_string())),
            Err(_) => text.parse::<Email>().map(|email| Self(email.into())),
        }
    }
}

/// Runs the command.
pub async fn run(session: &SessionArgs, command: UsersCommand) -> anyhow::Result<Exit> {
    match command {
        UsersCommand::List(args) => list(session, args).await,
        UsersCommand::Create { email, roles, password } => create(session, email, roles, password).await,
        UsersCommand::Show { user, output } => {
            let user = client(session).await?.user(&user.0).await.map_err(not_found)?;
            output.print(&user, &user.email, describe)
        }
        UsersCommand::Roles { user, roles, none: false } if roles.is_empty() => {
            let user = client(session).await?.user(&user.0).await.map_err(not_found)?;
            output::print(&user.roles.iter().map(|role| format!("{role}\n")).collect::<String>())
        }
        UsersCommand::Roles { user, roles, .. } => {
            let user = client(session).await?.set_roles(&user.0, &UserRoles { roles }).await.map_err(not_found)?;
            output::say(&format!("user {} has {}", user.email, output::the_roles(&user.roles)));
            Ok(Exit::OK)
        }
        UsersCommand::Token(command) => tokens_of(session, command).await,
        UsersCommand::Session(command) => sessions_of(session, command).await,
        UsersCommand::Disable { user } => set_disabled(session, &user, true).await,
        UsersCommand::Enable { user } => set_disabled(session, &user, false).await,
        UsersCommand::ResetPassword { user, password } => {
            password.check_source()?;
            let client = client(session).await?;
            let change = UserChange { disabled: None, password: Some(password.read_new()?) };
            let user = client.change_user(&user.0, &change).await.map_err(not_found)?;
            output::say(&format!(
                "user {} has a new password; all sessions and API tokens of the user have ended",
                user.email
            ));
            Ok(Exit::OK)
        }
        UsersCommand::Delete { user, yes } => {
            confirm_deletion("user", &user.0, yes)?;
            client(session).await?.delete_user(&user.0).await.map_err(not_found)?;
            output::say(&format!("deleted user {}", user.0));
            Ok(Exit::OK)
        }
    }
}

async fn tokens_of(session: &SessionArgs, command: UserTokenCommand) -> anyhow::Result<Exit> {
    let client = client(session).await?;
    match command {
        UserTokenCommand::List { user, output } => {
            let tokens = client.tokens_of(&user.0).await.map_err(not_found)?;
            output.print(&tokens, |token| token.name.clone(), "no tokens", &tokens::columns())
        }
        UserTokenCommand::Revoke { user, token } => {
            let hint = format!("mk8s admin users token list {}", user.0);
            let token = tokens::find(client.tokens_of(&user.0).await.map_err(not_found)?, &token, &hint)?;
            client.revoke_token_of(&user.0, token.id).await?;
            output::say(&format!("revoked token {:?} ({}) of {}", token.name, token.id, user.0));
            Ok(Exit::OK)
        }
    }
}

async fn sessions_of(session: &SessionArgs, command: UserSessionCommand) -> anyhow::Result<Exit> {
    let session = session.resolve()?;
    let client = session.client().await?;
    match command {
        UserSessionCommand::List { user, output } => {
            let listed = client.sessions_of(&user.0).await.map_err(not_found)?;
            output.print(&listed, |session| session.id.to_string(), "no sessions", &sessions::columns())
        }
        UserSessionCommand::Revoke { user, session: wanted } => {
            let hint = format!("mk8s admin users session list {}", user.0);
            let found = sessions::find(client.sessions_of(&user.0).await.map_err(not_found)?, &wanted, &hint)?;
            let ended = client.revoke_session_of(&user.0, found.id).await;
            ended.map_err(|error| with_hint(error, ErrorCode::NotFound, &hint))?;
            output::say(&format!("revoked {} of {}", sessions::described(&found), user.0));
            sessions::leave(&session.server, &found).await?;
            Ok(Exit::OK)
        }
    }
}

async fn client(session: &SessionArgs) -> anyhow::Result<Client> {
    session.resolve()?.client().await
}

fn not_found(error: ClientError) -> anyhow::Error {
    with_hint(error, ErrorCode::NotFound, "mk8s admin users list")
}

async fn list(session: &SessionArgs, args: ListArgs) -> anyhow::Result<Exit> {
    let users = client(session).await?.users().await?;
    let columns = Columns::<User>::default()
        .column("EMAIL", |user| user.email.to_string())
        .column("ROLES", |user| output::roles(&user.roles))
        .column("STATUS", |user| state(user).into())
        .column("LAST LOGIN", |user| output::ago(user.last_login_at))
        .wide("CREATED", |user| output::ago(Some(user.created_at)))
        .wide("ID", |user| user.id.to_string());
    args.print(&users, |user| user.email.to_string(), "", &columns)
}

fn describe(user: &User) -> String {
    output::fields(&[
        ("Email", user.email.to_string()),
        ("ID", user.id.to_string()),
        ("Roles", output::roles(&user.roles)),
        ("Status", state(user).into()),
        ("Created", output::since(user.created_at)),
        ("Last login", output::ago(user.last_login_at)),
    ])
}

fn state(user: &User) -> &'static str {
    if user.disabled { "disabled" } else { "active" }
}

async fn create(session: &SessionArgs, email: Email, roles: Vec<RoleName>, args: PasswordArgs) -> anyhow::Result<Exit> {
    args.check()?;
    let client = client(session).await?;
    let password = if args.is_stdin() { Some(args.read_new()?) } else { None };
    let new = NewUser { email, password, roles };
    let created = client.create_user(&new).await.map_err(|error| match error.problem().map(|p| p.code) {
        Some(ErrorCode::NotFound) => with_hint(error, ErrorCode::NotFound, "mk8s admin roles list"),
        _ => with_hint(error, ErrorCode::Conflict, "mk8s admin users show <email>"),
    })?;
    output::say(&format!("created user {} with {}", created.user.email, output::the_roles(&created.user.roles)));
    let Some(password) = created.initial_password else { return Ok(Exit::OK) };
    output::say("  the first password is shown this once; the user can change it with mk8s passwd");
    output::print(&format!("{}\n", password.expose()))
}

async fn set_disabled(session: &SessionArgs, user: &UserRef, disabled: bool) -> anyhow::Result<Exit> {
    let change = UserChange { disabled: Some(disabled), password: None };
    let user = client(session).await?.change_user(&user.0, &change).await.map_err(not_found)?;
    output::say(&format!("user {} is {}", user.email, state(&user)));
    Ok(Exit::OK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_named_by_address_or_identifier() {
        let named = |text: &str| text.parse::<UserRef>().map(|user| user.0).map_err(|e| e.to_string());
        assert_eq!(named(" Ann@Example.com ").unwrap(), "ann@example.com");
        let id = UserId::generate().to_string();
        assert_eq!(named(&id.to_uppercase()).unwrap(), id);
        assert!(named("ann").unwrap_err().contains("name@example.com"));
    }
}
