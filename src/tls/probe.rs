//! What authority a server shows that is not trusted (yet), so that a person can compare its pin.

use std::sync::{Arc, Mutex};

use http::Uri;
use rustls::client::danger::ServerCertVerified;
use rustls::{CertificateError, ClientConfig, Error};

use super::connect::{Alpn, ConnectError, Connector};
use super::pin::Pin;
use super::verifier::{Judge, Shown, Verifier};
use super::{ClientTls, TlsError, provider};

/// The pin by which the server at `uri` would be trusted: that of the highest authority in its chain with which its
/// certificate is in order (signature, name, time). `None` if there is no such authority.
///
/// The handshake is always broken off: nothing is ever sent to a server that is not trusted. Of `tls` the name counts
/// alone, by which the server is to be known.
///
/// # Errors
/// When the server cannot be reached or does not speak TLS.
pub async fn authority_pin(uri: &Uri, tls: &ClientTls) -> Result<Option<String>, ConnectError> {
    let found = Arc::new(Mutex::new(None));
    let connector = config(Probe(found.clone())).and_then(|config| Connector::with_config(config, tls.name()?));
    let Ok(connector) = connector else { return Ok(None) };
    match connector.connect(uri, Alpn::Http1).await {
        Ok(_) | Err(ConnectError::Untrusted { .. }) => {}
        Err(error) => return Err(error),
    }
    let found = found.lock().map_or(None, |found| *found);
    Ok(found.map(|pin| pin.to_string()))
}

fn config(probe: Probe) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    Ok(builder.dangerous().with_custom_certificate_verifier(Verifier::new(probe)).with_no_client_auth())
}

/// Notes what it would have taken, and takes nothing.
#[derive(Debug)]
struct Probe(Arc<Mutex<Option<Pin>>>);

impl Judge for Probe {
    fn judge(&self, shown: &Shown<'_>) -> Result<ServerCertVerified, Error> {
        let good = shown.others.iter().rev().find(|cert| shown.verify_with(cert).is_ok());
        if let Ok(mut found) = self.0.lock() {
            *found = good.map(|cert| Pin::of(cert));
        }
        Err(Error::InvalidCertificate(CertificateError::UnknownIssuer))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;
    use crate::tls::identity::Identity;
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
        let pin = authority_pin(&uri, &ClientTls::default()).await.unwrap();
        assert_eq!(pin, Some(authority.pin()));
        let trusting = Connector::new(&Trust::CaPin(pin.unwrap())).unwrap();
        assert!(trusting.connect(&uri, Alpn::Http1).await.is_ok());
    }

    #[tokio::test]
    async fn no_pin_is_offered_that_would_not_help() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::open_or_create(dir.path()).unwrap();
        let other_name = serve(authority.issue(&["other.example.com".into()]).unwrap()).await;
        assert_eq!(authority_pin(&other_name, &ClientTls::default()).await.unwrap(), None);
        let mut leaf_alone = authority.issue(&["127.0.0.1".into()]).unwrap();
        leaf_alone.chain.truncate(1);
        assert_eq!(authority_pin(&serve(leaf_alone).await, &ClientTls::default()).await.unwrap(), None);
        let nobody: Uri = "https://127.0.0.1:1".parse().unwrap();
        assert!(matches!(authority_pin(&nobody, &ClientTls::default()).await, Err(ConnectError::Unreachable { .. })));
    }
}
