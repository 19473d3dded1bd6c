//! What authority a server shows that is not trusted (yet), so that a person can compare its pin.

use std::sync::{Arc, Mutex};

use http::Uri;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

use super::connect::{Alpn, ConnectError, Connector};
use super::pin::{Pin, PinVerifier};
use super::{TlsError, provider};

/// The pin by which the server at `uri` would be trusted: that of the highest authority in its chain with which its
/// certificate is in order (signature, name, time). `None` if there is no such authority.
///
/// The handshake is always broken off: nothing is ever sent to a server that is not trusted.
///
/// # Errors
/// When the server cannot be reached or does not speak TLS.
pub async fn authority_pin(uri: &Uri) -> Result<Option<String>, ConnectError> {
    let probe = Arc::new(Probe { found: Mutex::new(None), provider: provider() });
    let connector = match config(probe.clone()) {
        Ok(config) => Connector::with_config(&config),
        Err(_) => return Ok(None),
    };
    match connector.connect(uri, Alpn::Http1).await {
        Ok(_) | Err(ConnectError::Untrusted { .. }) => {}
        Err(error) => return Err(error),
    }
    let found = probe.found.lock().map_or(None, |found| *found);
    Ok(found.map(|pin| pin.to_string()))
}

fn config(probe: Arc<Probe>) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    Ok(builder.dangerous().with_custom_certificate_verifier(probe).with_no_client_auth())
}

/// A verifier that notes what it would have taken, and takes nothing.
#[derive(Debug)]
struct Probe {
    found: Mutex<Option<Pin>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Probe {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let good = intermediates.iter().rev().map(|cert| Pin::of(cert)).find(|pin| {
            PinVerifier::new(*pin, self.provider.clone())
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .is_ok()
        });
        if let Ok(mut found) = self.found.lock() {
            *found = good;
        }
        Err(Error::InvalidCertificate(CertificateError::UnknownIssuer))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;
    use crate::tls::authority::Identity;
    use crate::tls::server::server_config;
    use crate::tls::{Authority, Trust};

    /// A server with this identity; it answers nothing, and panics when it is sent something.
    async fn serve(identity: Identity) -> Uri {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("https://{}", listener.local_addr().unwrap()).parse().unwrap();
        let acceptor = TlsAcceptor::from(server_config(identity).unwrap());
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                if let Ok(mut tls) = acceptor.accept(tcp).await {
                    let mut byte = [0];
                    assert!(!matches!(tls.read(&mut byte).await, Ok(1)), "something was sent");
                }
            }
        });
        uri
    }

    #[tokio::test]
    async fn the_pin_that_is_found_is_one_that_is_trusted_then() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::open_or_create(dir.path()).unwrap();
        let uri = serve(authority.issue(&["127.0.0.1".into()]).unwrap()).await;
        let pin = authority_pin(&uri).await.unwrap();
        assert_eq!(pin, Some(authority.pin()));
        let trusting = Connector::new(&Trust::CaPin(pin.unwrap())).unwrap();
        assert!(trusting.connect(&uri, Alpn::Http1).await.is_ok());
    }

    #[tokio::test]
    async fn no_pin_is_offered_that_would_not_help() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::open_or_create(dir.path()).unwrap();
        let other_name = serve(authority.issue(&["other.example.com".into()]).unwrap()).await;
        assert_eq!(authority_pin(&other_name).await.unwrap(), None);
        let mut leaf_alone = authority.issue(&["127.0.0.1".into()]).unwrap();
        leaf_alone.chain.truncate(1);
        assert_eq!(authority_pin(&serve(leaf_alone).await).await.unwrap(), None);
        let nobody: Uri = "https://127.0.0.1:1".parse().unwrap();
        assert!(matches!(authority_pin(&nobody).await, Err(ConnectError::Unreachable { .. })));
    }
}
