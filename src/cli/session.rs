//! Which central, which cluster and which credential a command is for: flags and environment before what is remembered.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser as _};
use jiff::Timestamp;

use super::exit::{CliError, Exit};
use super::refresh;
use super::trust::Authority;
use crate::client::{Client, ClientError, Credential};
use crate::config::client::normalised;
use crate::config::{ClientState, StoredSession, paths};
use crate::model::{ClusterName, Token};

/// The variable with an API token.
pub const TOKEN_VARIABLE: &str = "MK8S_TOKEN";

/// Options that every command of the client takes.
#[derive(Args, Clone, Default)]
pub struct SessionArgs {
    /// The URL of central
    #[arg(long, env = "MK8S_SERVER", value_name = "URL", global = true)]
    server: Option<String>,
    /// The certificate authorities to trust for it, PEM
    // clap's own parser of paths refuses an empty one, which counts as not set.
    #[arg(long, env = "MK8S_CA_FILE", value_name = "FILE", global = true)]
    #[arg(value_parser = OsStringValueParser::new().map(PathBuf::from))]
    ca_file: Option<PathBuf>,
    /// The cluster
    #[arg(long, env = "MK8S_CLUSTER", value_name = "NAME", global = true)]
    cluster: Option<String>,
}

impl SessionArgs {
    /// The cluster that the command line or the environment names; the remembered one is not asked.
    pub fn named_cluster(&self) -> Option<String> {
        given(self.cluster.as_deref())
    }
}

/// The settings that are in force.
#[derive(Clone)]
pub struct Session {
    /// The URL of central.
    pub server: String,
    /// How it is recognised, and what is shown to it.
    pub authority: Authority,
    /// Whether a command with nothing but the server would trust the same.
    pub remembers_authority: bool,
    /// The cluster, if one is chosen.
    pub cluster: Option<String>,
    /// Who asks.
    source: Source,
    state_file: PathBuf,
}

/// Where the credential comes from.
#[derive(Clone)]
enum Source {
    /// `MK8S_TOKEN`.
    Environment(Token),
    /// What a login left for this server.
    Stored(Box<StoredSession>),
    /// Nobody is logged in.
    Nobody,
}

/// What is shown to central.
#[derive(Clone)]
pub enum Held {
    /// `MK8S_TOKEN`.
    ApiToken(Token),
    /// A session, whose access token is good.
    Session(Box<StoredSession>),
}

impl From<Held> for Credential {
    fn from(held: Held) -> Self {
        match held {
            Held::ApiToken(token) => Self::ApiToken(token),
            Held::Session(session) => Self::AccessToken(session.access_token),
        }
    }
}

impl SessionArgs {
    /// What is in force, with the remembered state behind flags and environment.
    pub fn resolve(&self) -> anyhow::Result<Session> {
        let path = paths::client_state();
        let state = ClientState::load(&path)?;
        Ok(self.resolve_from(state, path, environment_token()?)?)
    }

    fn resolve_from(&self, state: ClientState, state_file: PathBuf, token: Option<Token>) -> Result<Session, CliError> {
        let server = self.server().or_else(|| state.server.clone()).ok_or_else(|| CliError {
            what: "no central is known".into(),
            hint: Some("mk8s login https://mk8s.example.com, or set --server (MK8S_SERVER)".into()),
            exit: Exit::NOT_LOGGED_IN,
        })?;
        let source = match (token, state.session_with(&server)) {
            (Some(token), _) => Source::Environment(token),
            (None, Some(stored)) => Source::Stored(Box::new(stored.clone())),
            (None, None) => Source::Nobody,
        };
        // The remembered authority and cluster belong to the remembered server.
        let remembered = if state.is_for(&server) { state } else { ClientState::default() };
        let remembers_authority = self.ca_file().is_none_or(|file| remembered.ca_file.as_ref() == Some(&file));
        let mut authority = Authority::of(&remembered);
        if let Some(file) = self.ca_file() {
            (authority.ca_file, authority.ca_pin) = (Some(file), None);
        }
        let cluster = given(self.cluster.as_deref()).or(remembered.cluster.map(String::from));
        Ok(Session { server, authority, remembers_authority, cluster, source, state_file })
    }

    /// The same with what words say that are read elsewhere; they go before all else.
    pub fn with(self, server: Option<String>, ca_file: Option<String>, cluster: Option<String>) -> Self {
        let ca_file = ca_file.map(PathBuf::from);
        Self { server: server.or(self.server), ca_file: ca_file.or(self.ca_file), cluster: cluster.or(self.cluster) }
    }

    /// The options by which another process speaks to the same server.
    pub fn to_words(&self) -> Vec<OsString> {
        let server = self.server().map(|server| [OsString::from("--server"), server.into()]);
        let ca_file = self.ca_file().map(|file| [OsString::from("--ca-file"), file.into()]);
        server.into_iter().chain(ca_file).flatten().collect()
    }

    /// The server that was given for this command.
    pub fn server(&self) -> Option<String> {
        given(self.server.as_deref()).map(|server| normalised(&server))
    }

    /// The file of authorities that was given for this command.
    pub fn ca_file(&self) -> Option<PathBuf> {
        self.ca_file.clone().filter(|file| !file.as_os_str().is_empty())
    }
}

impl Session {
    /// A client for the central that shows who asks; the access token of a session is renewed first if it has to be.
    pub async fn client(&self) -> anyhow::Result<Client> {
        let client = self.anonymous()?;
        let held = match self.held()? {
            Some(held) => held,
            None => self.renewed(&client).await?,
        };
        Ok(client.with_credential(held.into()))
    }

    /// What can be shown as it is, found without the network; `None` if the access token has to be renewed first.
    ///
    /// # Errors
    /// Nobody is logged in.
    pub fn held(&self) -> Result<Option<Held>, CliError> {
        match &self.source {
            Source::Environment(token) => Ok(Some(Held::ApiToken(token.clone()))),
            Source::Stored(stored) if stored.is_fresh(Timestamp::now()) => Ok(Some(Held::Session(stored.clone()))),
            Source::Stored(_) => Ok(None),
            Source::Nobody => Err(not_logged_in(&self.server)),
        }
    }

    /// The same with a renewed access token. `client` shows no credential.
    pub async fn renewed(&self, client: &Client) -> anyhow::Result<Held> {
        let renewed = refresh::renew_stored(&self.state_file, &self.server, client).await?;
        Ok(Held::Session(Box::new(renewed)))
    }

    /// A client that shows no credential.
    pub fn anonymous(&self) -> anyhow::Result<Client> {
        Ok(self.authority.client(&self.server)?)
    }

    /// What a login left for this server, unless `MK8S_TOKEN` goes before it.
    pub fn stored(&self) -> Option<&StoredSession> {
        match &self.source {
            Source::Stored(stored) => Some(stored),
            _ => None,
        }
    }

    /// Whether `MK8S_TOKEN` is what is shown.
    pub fn uses_api_token(&self) -> bool {
        matches!(self.source, Source::Environment(_))
    }

    /// The cluster, which must be chosen.
    pub fn cluster(&self) -> anyhow::Result<ClusterName> {
        let Some(name) = &self.cluster else {
            let hint = "mk8s clusters use <name>, or --cluster <name> (MK8S_CLUSTER) before the command";
            return Err(CliError::usage("no cluster is chosen", hint).into());
        };
        name.parse().map_err(|e| CliError::usage(format!("{e}"), "mk8s clusters list").into())
    }
}

/// Whether `MK8S_TOKEN` is set; an empty variable is none.
pub fn environment_token_is_set() -> bool {
    env::var_os(TOKEN_VARIABLE).is_some_and(|value| !value.is_empty())
}

fn environment_token() -> Result<Option<Token>, ClientError> {
    match env::var(TOKEN_VARIABLE) {
        Ok(token) if !token.is_empty() => Ok(Some(token.into())),
        Ok(_) | Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(ClientError::MalformedToken),
    }
}

/// Nobody is logged in to this server.
pub fn not_logged_in(server: &str) -> CliError {
    CliError {
        what: format!("not logged in to {server}"),
        hint: Some(format!("mk8s login {server}, or set {TOKEN_VARIABLE}")),
        exit: Exit::NOT_LOGGED_IN,
    }
}

fn given(value: Option<&str>) -> Option<String> {
    value.filter(|value| !value.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str = "https://mk8s.example.com";

    fn state() -> ClientState {
        ClientState {
            server: Some(SERVER.into()),
            ca_pin: Some(format!("sha256:{}", "0a".repeat(32))),
            cluster: Some("dev".parse().unwrap()),
            session: Some(StoredSession::example(SERVER)),
            ..ClientState::default()
        }
    }

    fn resolve(server: Option<&str>, ca_file: Option<&str>, token: Option<&str>) -> Session {
        let args =
            SessionArgs { server: server.map(str::to_owned), ca_file: ca_file.map(PathBuf::from), cluster: None };
        args.resolve_from(state(), "/nowhere".into(), token.map(|t| t.to_owned().into())).unwrap()
    }

    #[test]
    fn a_session_and_an_authority_serve_the_server_that_they_were_made_for() {
        for own in [None, Some(""), Some(SERVER), Some("HTTPS://MK8S.example.com/")] {
            let session = resolve(own, None, None);
            assert!(session.stored().is_some() && session.authority.ca_pin.is_some(), "{own:?}");
            assert_eq!(session.cluster.as_deref(), Some("dev"));
        }
        let other = resolve(Some("https://other.example.com"), None, None);
        assert!(other.stored().is_none() && other.authority.ca_pin.is_none() && other.cluster.is_none());
    }

    #[tokio::test]
    async fn without_a_session_the_server_is_named() {
        let other = resolve(Some("https://other.example.com"), None, None);
        let error = other.client().await.err().unwrap();
        let error = error.downcast_ref::<CliError>().unwrap();
        assert_eq!((error.exit, error.what.as_str()), (Exit(4), "not logged in to https://other.example.com"));
        assert!(error.hint.as_ref().unwrap().starts_with("mk8s login https://other.example.com"));
    }

    #[test]
    fn a_token_of_the_environment_goes_before_a_session_and_a_file_before_a_pin() {
        let session = resolve(None, Some("ca.pem"), Some("mk8s_pat_x"));
        assert!(session.stored().is_none() && session.uses_api_token());
        assert_eq!((session.authority.ca_file, session.authority.ca_pin), (Some("ca.pem".into()), None));
        assert!(resolve(Some("https://other.example.com"), None, Some("mk8s_pat_x")).uses_api_token());
    }
}
