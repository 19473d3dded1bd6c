//! How a login recognises central, and what it shows to it: by what was given, by what is remembered, or by an authority that a person accepts.

use std::path::PathBuf;

use anyhow::Context as _;

use super::exit::{CliError, Exit};
use super::output;
use super::{outdated, prompt};
use crate::client::{Client, ClientError, Health};
use crate::config::ClientState;
use crate::tls::{ClientTls, ConnectError, IdentityFiles, Trust, probe};

/// What central is recognised by, and what is shown to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authority {
    /// The file of authorities; without, and without a pin, those of the system.
    pub ca_file: Option<PathBuf>,
    /// The pin of the one authority.
    pub ca_pin: Option<String>,
    /// The client certificate.
    pub client_cert_file: Option<PathBuf>,
    /// Its key.
    pub client_key_file: Option<PathBuf>,
    /// The name in central's certificate.
    pub server_name: Option<String>,
}

impl Authority {
    /// What was given, or else what is remembered of this server.
    pub fn choose(url: &str, given: Self, state: &ClientState) -> anyhow::Result<Self> {
        if given.ca_file.is_some() && given.ca_pin.is_some() {
            return Err(CliError::usage(
                "an authority is named twice",
                "keep one of --ca-file (MK8S_CA_FILE) and --ca-pin",
            )
            .into());
        }
        if given.client_cert_file.is_some() != given.client_key_file.is_some() {
            let what = "a client certificate needs its key, and a key its certificate";
            return Err(CliError::usage(what, "--client-cert-file <file> and --client-key-file <file>").into());
        }
        let remembered = if state.is_for(url) { Self::of(state) } else { Self::default() };
        let (ca_file, ca_pin) = match (given.ca_file, given.ca_pin) {
            (None, None) => (remembered.ca_file, remembered.ca_pin),
            given => given,
        };
        let (client_cert_file, client_key_file) = match (given.client_cert_file, given.client_key_file) {
            (None, None) => (remembered.client_cert_file, remembered.client_key_file),
            given => given,
        };
        let server_name = given.server_name.or(remembered.server_name);
        Ok(Self { ca_file, ca_pin, client_cert_file, client_key_file, server_name })
    }

    /// What a state holds.
    pub fn of(state: &ClientState) -> Self {
        let ClientState { ca_file, ca_pin, client_cert_file, client_key_file, server_name, .. } = state.clone();
        Self { ca_file, ca_pin, client_cert_file, client_key_file, server_name }
    }

    /// A state that holds it besides what it holds already.
    pub fn remember(self, state: ClientState) -> anyhow::Result<ClientState> {
        Ok(ClientState {
            ca_file: absolute(self.ca_file)?,
            ca_pin: self.ca_pin,
            client_cert_file: absolute(self.client_cert_file)?,
            client_key_file: absolute(self.client_key_file)?,
            server_name: self.server_name,
            ..state
        })
    }

    /// The same as a setting of connections.
    pub fn tls(&self) -> ClientTls {
        ClientTls {
            trust: Trust::from_options(self.ca_file.as_deref(), self.ca_pin.as_deref()),
            identity: IdentityFiles::from_options(self.client_cert_file.as_deref(), self.client_key_file.as_deref()),
            server_name: self.server_name.clone(),
        }
    }

    /// A client that recognises central so.
    pub fn client(&self, url: &str) -> Result<Client, ClientError> {
        Ok(Client::new(url, self.tls())?.when_outdated(outdated::warn))
    }

    fn is_system(&self) -> bool {
        self.ca_file.is_none() && self.ca_pin.is_none()
    }

    /// Asks central how it is. A server whose authority nobody has named yet is shown to the person at the terminal;
    /// one that differs from what was named or remembered is refused, as ssh refuses a host whose key has changed.
    pub async fn establish(&mut self, url: &str) -> anyhow::Result<Health> {
        let error = match self.client(url)?.health().await {
            Err(error @ ClientError::Connect(ConnectError::Untrusted { .. })) => error,
            other => return Ok(other?),
        };
        let uri = url.parse().with_context(|| format!("{url:?} is not a URL"))?;
        let pin = probe::authority_pin(&uri, &self.tls()).await.unwrap_or_default();
        let Some(pin) = pin else { return Err(error.into()) };
        if !self.is_system() {
            return Err(refused(
                error,
                format!(
                    "the authority that it shows is {pin}: if central's operator tells you the same, add --ca-pin {pin}"
                ),
            ));
        }
        if !prompt::is_interactive() {
            return Err(refused(
                error,
                format!(
                    "name central's authority with --ca-file <file> (MK8S_CA_FILE), or compare what it shows with what \
                 central's operator tells you, then add --ca-pin {pin}"
                ),
            ));
        }
        output::say(&format!("The authority of {url} is not known to this system. Its pin is\n  {pin}"));
        output::say("Compare it with what central's operator tells you: somebody else may be answering.");
        if !prompt::confirm("Trust this authority?")? {
            return Err(refused(error, "--ca-file <file>, or --ca-pin <pin>".into()));
        }
        self.ca_pin = Some(pin);
        Ok(self.client(url)?.health().await?)
    }
}

/// The state is read from any directory.
fn absolute(file: Option<PathBuf>) -> anyhow::Result<Option<PathBuf>> {
    let absolute =
        |file: PathBuf| std::path::absolute(&file).with_context(|| format!("cannot find {}", file.display()));
    file.map(absolute).transpose()
}

fn refused(error: ClientError, hint: String) -> anyhow::Error {
    let what = error.to_string();
    anyhow::Error::from(error).context(CliError { what, hint: Some(hint), exit: Exit::UNTRUSTED })
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://mk8s.example.com";

    fn choose(url: &str, file: Option<&str>, pin: Option<&str>) -> anyhow::Result<Authority> {
        let state =
            ClientState { server: Some(URL.into()), ca_pin: Some("remembered".into()), ..ClientState::default() };
        let given =
            Authority { ca_file: file.map(PathBuf::from), ca_pin: pin.map(str::to_owned), ..Authority::default() };
        Authority::choose(url, given, &state)
    }

    #[test]
    fn what_is_given_goes_before_what_is_remembered() {
        let pin = |pin: &str| Authority { ca_pin: Some(pin.into()), ..Authority::default() };
        assert_eq!(choose(URL, None, None).unwrap(), pin("remembered"));
        assert_eq!(choose(URL, None, Some("given")).unwrap(), pin("given"));
        assert!(choose("https://other.example.com", None, None).unwrap().is_system());
        let file = choose(URL, Some("ca.pem"), None).unwrap();
        assert!(file.ca_pin.is_none() && file.ca_file.is_some());
        assert!(choose(URL, Some("ca.pem"), Some("given")).is_err());
    }

    #[test]
    fn what_is_remembered_is_found_from_any_directory() {
        let authority = choose(URL, Some("ca.pem"), None).unwrap();
        let state = authority.remember(ClientState { server: Some(URL.into()), ..ClientState::default() }).unwrap();
        assert!(state.ca_file.unwrap().is_absolute() && state.ca_pin.is_none() && state.server.is_some());
    }

    #[test]
    fn a_client_certificate_and_a_name_are_remembered_with_their_server() {
        let own = Authority {
            client_cert_file: Some("/c".into()),
            client_key_file: Some("/k".into()),
            server_name: Some("central.internal".into()),
            ..Authority::default()
        };
        let Authority { client_cert_file, client_key_file, server_name, .. } = own.clone();
        let server = Some(URL.to_owned());
        let state = ClientState { server, client_cert_file, client_key_file, server_name, ..ClientState::default() };
        let choose = |url, given| Authority::choose(url, given, &state);
        assert_eq!(choose(URL, Authority::default()).unwrap(), own);
        assert_eq!(choose("https://other.example.com", Authority::default()).unwrap(), Authority::default());
        let other = Authority { server_name: Some("other".into()), ..Authority::default() };
        assert_eq!(choose(URL, other).unwrap(), Authority { server_name: Some("other".into()), ..own });
        let half = Authority { client_cert_file: Some("/c".into()), ..Authority::default() };
        assert!(choose(URL, half).unwrap_err().to_string().contains("needs its key"));
    }
}
