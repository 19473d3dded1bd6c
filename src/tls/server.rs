//! What a server shows: the TLS configuration of central's listener.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};

use super::authority::Identity;
use super::{TlsError, provider};

/// The server's side of TLS 1.2 and 1.3. ALPN offers HTTP/2 and HTTP/1.1; a client that sends none gets HTTP/1.1
/// (kubectl's upgrades are such clients).
pub fn server_config(identity: Identity) -> Result<Arc<ServerConfig>, TlsError> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(identity.chain, identity.key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // Session tickets cost memory on every connection and agents reconnect rarely.
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// Reads a certificate chain and its key from PEM files.
pub fn load_identity(cert_file: &Path, key_file: &Path) -> Result<Identity, TlsError> {
    let wrong = |path: &Path, expected, reason: String| TlsError::Content { path: path.into(), expected, reason };
    let chain = CertificateDer::pem_file_iter(cert_file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| wrong(cert_file, "a certificate chain", e.to_string()))?;
    if chain.is_empty() {
        return Err(wrong(cert_file, "a certificate chain", "no certificate in it".into()));
    }
    let key = PrivateKeyDer::from_pem_file(key_file).map_err(|e| wrong(key_file, "a private key", e.to_string()))?;
    Ok(Identity { chain, key })
}
