//! `mk8s login`: begins a session with a central and remembers both.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use super::exit::{CliError, Exit};
use super::output;
use super::prompt::{self, PasswordArgs};
use super::session::{SessionArgs, TOKEN_VARIABLE, environment_token_is_set};
use super::trust::Authority;
use crate::client::ClientError;
use crate::config::client::{check_server, is_pin, is_server_name, normalised};
use crate::config::{ClientState, StateLock, StoredSession, paths};
use crate::model::session::{Account, Login};
use crate::model::{Email, ErrorCode};

/// Where to log in, and as whom.
#[derive(Args)]
pub struct LoginArgs {
    /// The URL of central, such as `https://mk8s.example.com` [default: --server, or else the one logged in to last]
    url: Option<String>,
    /// Your email address
    #[arg(long, env = "MK8S_EMAIL", value_name = "ADDRESS")]
    email: Option<String>,
    /// Trust this authority alone: sha256: and the hexadecimal SHA-256 of its certificate
    #[arg(long, value_name = "PIN")]
    ca_pin: Option<String>,
    /// The certificate to show to a central that asks for one, PEM; it is remembered
    #[arg(long, value_name = "FILE")]
    client_cert_file: Option<PathBuf>,
    /// The private key of that certificate, PEM
    #[arg(long, value_name = "FILE")]
    client_key_file: Option<PathBuf>,
    /// The name that must be in central's certificate [default: the host of the URL]
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,
    #[command(flatten)]
    password: PasswordArgs,
}

/// Logs in. Nothing is remembered of a login that fails.
pub async fn run(session: &SessionArgs, args: LoginArgs) -> anyhow::Result<Exit> {
    args.password.check()?;
    let path = paths::client_state();
    let old = ClientState::load(&path)?;
    let url = url(&args, session, &old)?;
    if let Some(pin) = args.ca_pin.as_deref().filter(|pin| !is_pin(pin)) {
        let what = format!("{pin:?} is not the pin of an authority");
        return Err(CliError::usage(what, "--ca-pin sha256:<64 hexadecimal digits>").into());
    }
    if let Some(name) = args.server_name.as_deref().filter(|name| !is_server_name(name)) {
        let what = format!("{name:?} is not the name of a server");
        return Err(CliError::usage(what, "--server-name <DNS name or IP address>").into());
    }
    let given = Authority {
        ca_file: session.ca_file(),
        ca_pin: args.ca_pin.clone(),
        client_cert_file: args.client_cert_file.clone(),
        client_key_file: args.client_key_file.clone(),
        server_name: args.server_name.clone(),
    };
    let mut authority = Authority::choose(&url, given, &old)?;
    let health = authority.establish(&url).await?;

    let email = email(&args, &old)?;
    let [password] = args.password.read([&format!("Password of {email}: ")])?;
    // If the session could not be kept, it is better not to begin one.
    drop(StateLock::take(&path).await?);
    let asked = Timestamp::now();
    let login = Login { email: email.to_string(), password };
    let tokens = authority.client(&url)?.login(&login).await.map_err(|error| refused(error, &url, &email))?;
    let account = tokens.user.clone();
    let stored = StoredSession::new(&url, tokens, asked);
    let ends = stored.refresh_expires_at;

    let _lock = StateLock::take(&path).await?;
    let state = ClientState::load(&path)?;
    let cluster = if state.is_for(&url) { state.cluster } else { None };
    let new = ClientState { server: Some(url.clone()), cluster, session: Some(stored), ..ClientState::default() };
    authority.remember(new)?.save(&path)?;
    output::say(&welcome(&url, &health.version, &account, ends));
    if environment_token_is_set() {
        output::say(&format!("  note: {TOKEN_VARIABLE} is set and goes before this session"));
    }
    Ok(Exit::OK)
}

fn url(args: &LoginArgs, session: &SessionArgs, old: &ClientState) -> anyhow::Result<String> {
    let given = args.url.as_deref().map(normalised).filter(|url| !url.is_empty());
    let Some(url) = given.or_else(|| session.server()).or_else(|| old.server.clone()) else {
        return Err(CliError::usage("no central is named", "mk8s login https://mk8s.example.com").into());
    };
    check_server(&url)?;
    Ok(url)
}

fn email(args: &LoginArgs, old: &ClientState) -> anyhow::Result<Email> {
    let text = match args.email.as_deref().filter(|email| !email.is_empty()) {
        Some(email) => email.to_owned(),
        None => {
            let flags = if args.password.is_stdin() {
                "--email <address> (MK8S_EMAIL)"
            } else {
                "--email <address> (MK8S_EMAIL) and --password-stdin"
            };
            prompt::require_terminal("the email address cannot be asked for", flags)?;
            match old.session.as_ref().map(|session| &session.email) {
                None => prompt::line("Email: ")?,
                Some(last) => match prompt::line(&format!("Email [{last}]: "))? {
                    empty if empty.is_empty() => last.to_string(),
                    typed => typed,
                },
            }
        }
    };
    text.parse().map_err(|e| CliError::usage(format!("{e}"), "--email <address>").into())
}

/// Why there is no session, in words that go with any cause: central does not tell which part was wrong.
fn refused(error: ClientError, url: &str, email: &Email) -> anyhow::Error {
    match error.problem().map(|problem| problem.code) {
        Some(ErrorCode::Unauthenticated) => anyhow::Error::from(error).context(CliError {
            what: format!("cannot log in to {url} as {email}"),
            hint: Some("check the address and the password; an admin can set a new one".into()),
            exit: Exit::NOT_LOGGED_IN,
        }),
        _ => error.into(),
    }
}

fn welcome(url: &str, version: &str, account: &Account, ends: Timestamp) -> String {
    let roles = match account.roles.as_slice() {
        [] => "none yet; an admin can give you some".into(),
        roles => output::roles(roles),
    };
    format!(
        "logged in to {url} (version {version}) as {}\n  roles: {roles}\n  session ends: {}\n  next: mk8s clusters list",
        account.email,
        output::until(ends)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_says_who_where_and_for_how_long() {
        let mut account = Account {
            id: crate::model::UserId::generate(),
            email: "ann@example.com".parse().unwrap(),
            roles: vec!["admin".parse().unwrap(), "dev".parse().unwrap()],
        };
        let ends = Timestamp::now() + jiff::SignedDuration::from_hours(721);
        let text = welcome("https://a", "1.2.3", &account, ends);
        assert!(text.starts_with("logged in to https://a (version 1.2.3) as ann@example.com\n  roles: admin,dev\n"));
        assert!(text.ends_with(" (in 30d)\n  next: mk8s clusters list"), "{text}");
        account.roles.clear();
        assert!(welcome("https://a", "1", &account, ends).contains("roles: none yet"));
    }
}
