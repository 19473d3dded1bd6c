//! The URL of a PostgreSQL server, and how its certificate is verified. Spoken over rustls, without libpq.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::Error;
use super::pool::WAIT;

/// How to reach a server.
pub(super) struct Postgres {
    pub(super) config: Config,
    pub(super) tls: MakeRustlsConnect,
}

impl fmt::Debug for Postgres {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("hosts", &self.config.get_hosts()).finish_non_exhaustive()
    }
}

/// An error with its causes: tokio-postgres says the best part there.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |e| e.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Reads a URL. `sslmode` is `verify-full` (the default: the certificate must be valid for the host; `sslrootcert` names
/// the authorities, else the system's count), `require` (encrypted, not verified, as in libpq), or `disable`.
pub(super) fn parse(url: &str) -> Result<Postgres, Error> {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let (mut mode, mut authorities, mut rest) = ("verify-full", None, Vec::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sslmode", value)) => mode = value,
            Some(("sslrootcert", value)) => authorities = Some(value),
            _ => rest.push(pair),
        }
    }
    // The parser's message does not repeat the URL, which holds the password.
    let mut config: Config = format!("{base}?{}", rest.join("&")).parse().map_err(|error| bad(chain(&error)))?;
    let tls = client_config(mode, authorities)?;
    config
        .ssl_mode(if mode == "disable" { SslMode::Disable } else { SslMode::Require })
        .application_name("mk8s")
        .connect_timeout(WAIT)
        .keepalives_idle(Duration::from_secs(30))
        .tcp_user_timeout(Duration::from_secs(10));
    let wait = WAIT.as_millis();
    let ours = format!(
        "-c statement_timeout={wait} -c lock_timeout={wait} -c idle_in_transaction_session_timeout=10000 \
         -c synchronous_commit=on -c timezone=UTC"
    );
    let options = config.get_options().map_or(ours.clone(), |theirs| format!("{ours} {theirs}"));
    config.options(options);
    Ok(Postgres { config, tls: MakeRustlsConnect::new(tls) })
}

fn bad(what: impl fmt::Display) -> Error {
    Error::Unavailable(format!("the URL is not right: {what}"))
}

fn client_config(mode: &str, authorities: Option<&str>) -> Result<ClientConfig, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().map_err(bad)?;
    let builder = match mode {
        "verify-full" => {
            let mut roots = RootCertStore::empty();
            match authorities {
                Some(path) => {
                    let wrong = |error: &dyn fmt::Display| bad(format!("sslrootcert {path}: {error}"));
                    for cert in CertificateDer::pem_file_iter(path).map_err(|e| wrong(&e))? {
                        roots.add(cert.map_err(|e| wrong(&e))?).map_err(|e| wrong(&e))?;
                    }
                }
                None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
            }
            builder.with_root_certificates(roots)
        }
        "disable" | "require" => builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyServer(provider))),
        _ => return Err(bad(format!("sslmode={mode}: use verify-full (with sslrootcert=<file>), require or disable"))),
    };
    Ok(builder.with_no_client_auth())
}

/// `sslmode=require`: encrypted, the server not verified.
#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
