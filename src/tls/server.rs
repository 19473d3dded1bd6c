//! What a server shows: the TLS configuration of listeners, kept up to date with its files.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use tracing::{info, warn};

use super::client::file_roots;
use super::identity::{Identity, IdentityFiles};
use super::reload::Reload;
use super::{Authority, TlsError, expiry, provider};

/// How often files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Where a server's certificate comes from.
pub enum Source {
    /// Files that somebody else renews.
    Files(IdentityFiles),
    /// An authority of our own, which signs for these names, again before the end.
    Authority(Arc<Authority>, Vec<String>),
}

/// The TLS of a server's listeners. Cheap to clone; all clones serve the same certificate.
#[derive(Clone)]
pub struct ServerTls {
    served: Arc<Reload<Served>>,
    renews_itself: bool,
}

/// What new handshakes get.
#[derive(Clone)]
struct Served {
    config: Arc<ServerConfig>,
    not_after: Timestamp,
}

impl ServerTls {
    /// Reads the certificate, and the authorities of client certificates, if there are such. Blocks.
    ///
    /// # Errors
    /// A file does not hold what it should.
    pub fn new(source: Source, client_ca: Option<PathBuf>) -> Result<Self, TlsError> {
        let renews_itself = matches!(source, Source::Authority(..));
        let mut files: Vec<PathBuf> = client_ca.iter().cloned().collect();
        if let Source::Files(own) = &source {
            files.extend([own.cert_file.clone(), own.key_file.clone()]);
        }
        let make = move || {
            let identity = match &source {
                Source::Files(files) => files.read()?,
                Source::Authority(authority, names) => authority.issue(names)?,
            };
            let not_after = identity.not_after();
            Ok(Served { config: configure(identity, client_ca.as_ref())?, not_after })
        };
        Ok(Self { served: Arc::new(Reload::new(files, make)?), renews_itself })
    }

    /// What the next handshake gets.
    pub fn config(&self) -> Arc<ServerConfig> {
        self.served.current().config
    }

    /// When the certificate that is served ends.
    pub fn not_after(&self) -> Timestamp {
        self.served.current().not_after
    }

    /// Keeps up with the files, renews what is our own, and warns of the end, for ever. Connections that are open go on.
    pub async fn keep(self) {
        let mut reminder = expiry::Reminder::default();
        loop {
            let tls = self.clone();
            match tokio::task::spawn_blocking(move || tls.look()).await {
                Ok(Ok(false)) | Err(_) => {}
                Ok(Ok(true)) => info!(not_after = %self.not_after(), "new certificates are in use"),
                Ok(Err(error)) => warn!(%error, "new certificates cannot be used: the old ones stay in use"),
            }
            reminder.look(self.not_after(), Timestamp::now());
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn look(&self) -> Result<bool, TlsError> {
        if self.renews_itself && expiry::is_near(self.not_after(), Timestamp::now()) {
            return self.served.renew().map(|()| true);
        }
        self.served.refresh()
    }
}

/// The server's side of TLS 1.2 and 1.3, which asks for no client certificate.
///
/// # Errors
/// The certificate does not go with the key.
pub fn server_config(identity: Identity) -> Result<Arc<ServerConfig>, TlsError> {
    configure(identity, None)
}

/// ALPN offers HTTP/2 and HTTP/1.1; a client that sends none gets HTTP/1.1 (kubectl's upgrades are such clients).
/// A client certificate is asked for, not demanded: on one listener there are clients with and without.
fn configure(identity: Identity, client_ca: Option<&PathBuf>) -> Result<Arc<ServerConfig>, TlsError> {
    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let roots = Arc::new(file_roots(file)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).allow_unauthenticated();
            let wrong = |e: rustls::server::VerifierBuilderError| TlsError::Unusable {
                path: file.clone(),
                reason: e.to_string(),
            };
            builder.with_client_cert_verifier(verifier.build().map_err(wrong)?)
        }
    };
    let mut config = builder.with_single_cert(identity.chain, identity.key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // Session tickets cost memory on every connection and agents reconnect rarely.
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}
