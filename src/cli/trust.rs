//! How a login recognises central: by what was given, by what is remembered, or by an authority that a person accepts.

use std::path::PathBuf;

use anyhow::Context as _;

use super::exit::{CliError, Exit};
use super::prompt;
use crate::client::{Client, ClientError, Health};
use crate::config::ClientState;
use crate::tls::{ConnectError, Trust, probe};

/// What central is recognised by; neither means the system's authorities.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authority {
    /// The file of authorities.
    pub ca_file: Option<PathBuf>,
    /// The pin of the one authority.
    pub ca_pin: Option<String>,
}

impl Authority {
    /// What was given, or else what is remembered of this server.
    pub fn choose(
        url: &str,
        ca_file: Option<PathBuf>,
        ca_pin: Option<String>,
        state: &ClientState,
    ) -> anyhow::Result<Self> {
        match (ca_file, ca_pin) {
            (Some(_), Some(_)) => {
                Err(CliError::usage("an authority is named twice", "keep one of --ca-file (MK8S_CA_FILE) and --ca-pin")
                    .into())
            }
            // The state is read from any directory.
            (Some(file), None) => {
                let file = std::path::absolute(&file).with_context(|| format!("cannot find {}", file.display()))?;
                Ok(Self { ca_file: Some(file), ca_pin: None })
            }
            (None, Some(pin)) => Ok(Self { ca_file: None, ca_pin: Some(pin) }),
            (None, None) if state.is_for(url) => {
                Ok(Self { ca_file: state.ca_file.clone(), ca_pin: state.ca_pin.clone() })
            }
            (None, None) => Ok(Self::default()),
        }
    }

    /// A client that recognises central so.
    pub fn client(&self, url: &str) -> Result<Client, ClientError> {
        Client::new(url, &Trust::from_options(self.ca_file.as_deref(), self.ca_pin.as_deref()))
    }

    fn is_system(&self) -> bool {
        *self == Self::default()
    }

    /// Asks central how it is. A server whose authority nobody has named yet is shown to the person at the terminal;
    /// one that differs from what was named or remembered is refused, as ssh refuses a host whose key has changed.
    pub async fn establish(&mut self, url: &str) -> anyhow::Result<Health> {
        let error = match self.client(url)?.health().await {
            Err(error @ ClientError::Connect(ConnectError::Untrusted { .. })) => error,
            other => return Ok(other?),
        };
        let uri = url.parse().with_context(|| format!("{url:?} is not a URL"))?;
        let pin = probe::authority_pin(&uri).await.unwrap_or_default();
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
        eprintln!("The authority of {url} is not known to this system. Its pin is\n  {pin}");
        eprintln!("Compare it with what central's operator tells you: somebody else may be answering.");
        if !prompt::confirm("Trust this authority?")? {
            return Err(refused(error, "--ca-file <file>, or --ca-pin <pin>".into()));
        }
        *self = Self { ca_file: None, ca_pin: Some(pin) };
        Ok(self.client(url)?.health().await?)
    }
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
        Authority::choose(url, file.map(PathBuf::from), pin.map(str::to_owned), &state)
    }

    #[test]
    fn what_is_given_goes_before_what_is_remembered() {
        let pin = |pin: &str| Authority { ca_file: None, ca_pin: Some(pin.into()) };
        assert_eq!(choose(URL, None, None).unwrap(), pin("remembered"));
        assert_eq!(choose(URL, None, Some("given")).unwrap(), pin("given"));
        assert!(choose("https://other.example.com", None, None).unwrap().is_system());
        let file = choose(URL, Some("ca.pem"), None).unwrap();
        assert!(file.ca_pin.is_none() && file.ca_file.unwrap().is_absolute());
        assert!(choose(URL, Some("ca.pem"), Some("given")).is_err());
    }
}
