//! The client's side of TLS: whom it trusts, what it shows of itself, and by which name it knows the server.

use std::path::{Path, PathBuf};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};

use super::identity::{IdentityFiles, certificates};
use super::pin::PinJudge;
use super::verifier::Verifier;
use super::{TlsError, Trust, provider};

/// What a client brings to a handshake. Its files may change: they are read again for each connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientTls {
    /// How the server is recognised.
    pub trust: Trust,
    /// The certificate that is shown to a server that asks for one.
    pub identity: Option<IdentityFiles>,
    /// The name that must be in the server's certificate, in place of the host of its URL.
    pub server_name: Option<String>,
}

impl From<&Trust> for ClientTls {
    fn from(trust: &Trust) -> Self {
        Self { trust: trust.clone(), ..Self::default() }
    }
}

impl ClientTls {
    /// The files that it is made of.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let identity = self.identity.iter().flat_map(|files| [&files.cert_file, &files.key_file]);
        let trusted = match &self.trust {
            Trust::CaFile(file) => Some(file),
            Trust::System | Trust::CaPin(_) => None,
        };
        trusted.into_iter().chain(identity).cloned().collect()
    }

    /// The name of the server, if it is not that of its URL.
    pub(super) fn name(&self) -> Result<Option<ServerName<'static>>, TlsError> {
        let parse = |name: &String| ServerName::try_from(name.clone()).map_err(|_| TlsError::Name(name.clone()));
        self.server_name.as_ref().map(parse).transpose()
    }

    /// TLS 1.2 and 1.3. Reads the files.
    pub(super) fn config(&self) -> Result<ClientConfig, TlsError> {
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        let builder = match &self.trust {
            Trust::System => builder.with_root_certificates(system_roots()),
            Trust::CaFile(file) => builder.with_root_certificates(file_roots(file)?),
            Trust::CaPin(pin) => {
                builder.dangerous().with_custom_certificate_verifier(Verifier::new(PinJudge(pin.parse()?)))
            }
        };
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(files) => {
                let identity = files.read()?;
                builder.with_client_auth_cert(identity.chain, identity.key)?
            }
        };
        config.resumption = rustls::client::Resumption::disabled();
        Ok(config)
    }
}

/// A system without authorities trusts nobody; connections without TLS need none.
fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// The authorities of a PEM file.
pub(super) fn file_roots(file: &Path) -> Result<RootCertStore, TlsError> {
    const EXPECTED: &str = "certificate authorities";
    let mut roots = RootCertStore::empty();
    for cert in certificates(file, EXPECTED)? {
        let wrong =
            |e: rustls::Error| TlsError::Content { path: file.into(), expected: EXPECTED, reason: e.to_string() };
        roots.add(cert).map_err(wrong)?;
    }
    Ok(roots)
}
