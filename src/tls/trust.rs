//! Whom a client trusts: the system's authorities, a given file of them, or one pinned authority.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use rustls::{ClientConfig, RootCertStore};

use super::pin::PinVerifier;
use super::{TlsError, provider};

/// How a client recognises central.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// By the authorities that the system trusts.
    System,
    /// By the authorities in this PEM file, and no others.
    CaFile(PathBuf),
    /// By one authority, given as `sha256:<hex>` of its certificate; the server must send it in its chain.
    CaPin(String),
}

impl Trust {
    /// The trust that a file and a pin, both optional, ask for; the file wins.
    pub fn from_options(ca_file: Option<&Path>, ca_pin: Option<&str>) -> Self {
        match (ca_file, ca_pin) {
            (Some(file), _) => Self::CaFile(file.to_owned()),
            (None, Some(pin)) => Self::CaPin(pin.to_owned()),
            (None, None) => Self::System,
        }
    }

    /// The client's side of TLS 1.2 and 1.3.
    pub(super) fn client_config(&self) -> Result<ClientConfig, TlsError> {
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        let mut config = match self {
            Self::System => builder.with_root_certificates(system_roots()).with_no_client_auth(),
            Self::CaFile(file) => builder.with_root_certificates(file_roots(file)?).with_no_client_auth(),
            Self::CaPin(pin) => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(PinVerifier::new(pin.parse()?, provider())))
                .with_no_client_auth(),
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

fn file_roots(file: &Path) -> Result<RootCertStore, TlsError> {
    let wrong = |reason: String| TlsError::Content { path: file.into(), expected: "certificate authorities", reason };
    let certs = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| wrong(e.to_string()))?;
    if certs.is_empty() {
        return Err(wrong("no certificate in it".into()));
    }
    let mut roots = RootCertStore::empty();
    for cert in certs {
        roots.add(cert).map_err(|e| wrong(e.to_string()))?;
    }
    Ok(roots)
}
