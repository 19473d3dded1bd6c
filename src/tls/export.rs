//! Authorities as PEM, for programs other than this one.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::identity::certificates;
use super::pin::Pin;
use super::{Stream, TlsError};

/// The certificates of a file, without whatever else is in it.
///
/// # Errors
/// It cannot be read, or holds none.
pub fn of_file(file: &Path) -> Result<String, TlsError> {
    let certs = certificates(file, "certificate authorities")?;
    Ok(certs.iter().map(|cert| pem(cert)).collect())
}

/// The certificate with this pin, if the server has shown it on this connection.
pub fn of_connection(stream: &Stream, pin: &str) -> Option<String> {
    let pin: Pin = pin.parse().ok()?;
    stream.certificates().iter().find(|cert| Pin::of(cert) == pin).map(|cert| pem(cert))
}

fn pem(der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem + "-----END CERTIFICATE-----\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_certificates_come_out_of_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let authority = crate::tls::Authority::open_or_create(dir.path()).unwrap();
        let pem = of_file(authority.cert_file()).unwrap();
        let file = dir.path().join("ca.pem");
        std::fs::write(&file, format!("# a comment\n{pem}{}", pem.replace("CERTIFICATE", "PRIVATE KEY"))).unwrap();
        assert_eq!(of_file(&file).unwrap(), pem);
        std::fs::write(&file, "").unwrap();
        assert!(of_file(&file).is_err());
    }
}
