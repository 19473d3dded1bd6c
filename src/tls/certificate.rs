//! What is read off a certificate: until when it is valid, whose it is, who signed it.

use std::net::IpAddr;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// A certificate in parts; `None` for one that is not well formed.
pub(super) fn parse<'a>(cert: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    X509Certificate::from_der(cert).ok().map(|(_, parsed)| parsed)
}

/// The first and the last moment of its validity.
pub(super) fn validity(cert: &X509Certificate<'_>) -> (Timestamp, Timestamp) {
    let time = |seconds: i64| Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    (time(cert.validity().not_before.timestamp()), time(cert.validity().not_after.timestamp()))
}

/// Why it cannot be used at this moment, if it cannot.
pub(super) fn out_of_time(cert: &X509Certificate<'_>, now: Timestamp) -> Option<String> {
    match validity(cert) {
        (not_before, _) if now < not_before => Some(not_valid_yet(not_before)),
        (_, not_after) if now > not_after => Some(expired(not_after)),
        _ => None,
    }
}

/// It ended.
pub(super) fn expired(not_after: Timestamp) -> String {
    format!("it expired at {not_after:.0}")
}

/// It has not begun.
pub(super) fn not_valid_yet(not_before: Timestamp) -> String {
    format!("it is not valid before {not_before:.0} (is the clock of this machine right?)")
}

/// A certificate of a server, as people know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Whom it is for: the names and addresses in it.
    pub names: Vec<String>,
    /// Who signed it.
    pub issuer: String,
    /// The last moment of its validity.
    pub not_after: Timestamp,
}

/// Describes a certificate; `None` for one that is not well formed.
pub fn describe(cert: &CertificateDer<'_>) -> Option<Description> {
    let cert = parse(cert)?;
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => address(bytes),
        _ => None,
    };
    let names = cert.subject_alternative_name().ok().flatten();
    let names = names.map(|names| names.value.general_names.iter().filter_map(name).collect()).unwrap_or_default();
    Some(Description { names, issuer: cert.issuer().to_string(), not_after: validity(&cert).1 })
}

/// The address in a certificate: 4 or 16 bytes.
fn address(bytes: &[u8]) -> Option<String> {
    let v4 = || <[u8; 4]>::try_from(bytes).ok().map(|bytes| IpAddr::from(bytes).to_string());
    v4().or_else(|| <[u8; 16]>::try_from(bytes).ok().map(|bytes| IpAddr::from(bytes).to_string()))
}

/// The URIs among the names of a certificate.
pub fn uris(cert: &CertificateDer<'_>) -> Vec<String> {
    let names = |cert: X509Certificate<'_>| {
        let names = cert.subject_alternative_name().ok().flatten()?;
        let uri = |name: &GeneralName<'_>| match name {
            GeneralName::URI(uri) => Some((*uri).to_owned()),
            _ => None,
        };
        Some(names.value.general_names.iter().filter_map(uri).collect())
    };
    parse(cert).and_then(names).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::Authority;

    #[test]
    fn a_certificate_is_described_by_its_names_its_issuer_and_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::open_or_create(dir.path()).unwrap();
        let identity = authority.issue(&["central.example.com".into(), "10.0.0.1".into(), "::1".into()]).unwrap();
        let found = describe(&identity.chain[0]).unwrap();
        assert_eq!(found.names, ["central.example.com", "10.0.0.1", "::1"]);
        assert!(found.issuer.contains("mk8s") && found.not_after > Timestamp::now(), "{found:?}");
        assert_eq!(describe(&CertificateDer::from(vec![0x30, 0x00])), None);
    }
}
