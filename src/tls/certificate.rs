//! What is read off a certificate: until when it is valid, whose it is, who signed it.

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
