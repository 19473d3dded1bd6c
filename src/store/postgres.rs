//! The URL of a PostgreSQL database, and how the connection is encrypted.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::{Error, Result, chain};
use super::pool::CONNECT;

/// Reads the URL. tokio-postgres knows neither `sslmode=verify-full` nor `sslrootcert`, so both are taken out first.
/// No error repeats the URL: it holds a password.
pub(super) fn parse(url: &str) -> Result<(Config, MakeRustlsConnect)> {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    if base.matches('@').count() > 1 || query.contains('@') {
        return Err(bad("more than one @: write @ in a password as %40, and ? as %3F"));
    }
    let (mut mode, mut ca, mut rest) = ("verify-full", None, Vec::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sslmode", value)) => mode = value,
            Some(("sslrootcert", value)) => ca = Some(value),
            _ => rest.push(pair),
        }
    }
    let mut config: Config = format!("{base}?{}", rest.join("&")).parse().map_err(|e| bad(&chain(&e)))?;
    let local = !config.get_hosts().is_empty() && config.get_hosts().iter().all(|h| matches!(h, Host::Unix(_)));
    if local {
        mode = "disable"; // A socket of this machine needs no encryption, and PostgreSQL has none there.
    }
    let tls = tls(mode, ca)?;
    config
        .ssl_mode(if mode == "disable" { SslMode::Disable } else { SslMode::Require })
        .application_name("mk8s")
        .connect_timeout(CONNECT)
        .keepalives_idle(Duration::from_secs(30))
        .keepalives_interval(Duration::from_secs(5))
        .keepalives_retries(3)
        .tcp_user_timeout(Duration::from_secs(30));
    Ok((config, MakeRustlsConnect::new(tls)))
}

fn bad(why: &str) -> Error {
    Error::Unavailable(format!("the database's url is not valid: {why}"))
}

/// The modes of libpq that say what they mean: no encryption, encryption with anyone, encryption with that server.
fn tls(mode: &str, ca: Option<&str>) -> Result<ClientConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::Other(Box::new(e)))?;
    let builder = match (mode, ca) {
        ("verify-full", Some(path)) => builder.with_root_certificates(roots(path)?),
        ("disable" | "require", _) => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyServer(provider)))
        }
        ("verify-full", None) => {
            return Err(bad("sslmode=verify-full, the default, needs sslrootcert=<file>, or sslrootcert=system"));
        }
        _ => {
            return Err(bad(&format!(
                "sslmode={mode}: use disable, require, or verify-full with sslrootcert=<file> or sslrootcert=system"
            )));
        }
    };
    Ok(builder.with_no_client_auth())
}

/// The authorities in a PEM file, or those of the system.
fn roots(path: &str) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    if path == "system" {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    }
    let wrong = |e: &dyn std::fmt::Display| bad(&format!("sslrootcert={path}: {e}"));
    for cert in CertificateDer::pem_file_iter(path).map_err(|e| wrong(&e))? {
        roots.add(cert.map_err(|e| wrong(&e))?).map_err(|e| wrong(&e))?;
    }
    match roots.is_empty() {
        true => Err(wrong(&"no certificate in it")),
        false => Ok(roots),
    }
}

/// `sslmode=require`: encrypted, whoever the server is, as in libpq.
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
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
