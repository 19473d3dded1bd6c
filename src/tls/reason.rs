//! Why a handshake failed, in words for whoever has to put it right.

use std::error::Error as StdError;
use std::io;

use jiff::Timestamp;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};

use super::certificate::{expired, not_valid_yet};

/// What is wrong with a certificate that the other side has shown.
pub(super) fn of_certificate(error: &CertificateError) -> String {
    let time = |time: &UnixTime| {
        let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
    };
    match error {
        // A bad signature: an authority of the same name is known, but it is another one.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => "its authority is unknown here".into(),
        CertificateError::ExpiredContext { not_after, .. } => expired(time(not_after)),
        CertificateError::NotValidYetContext { not_before, .. } => not_valid_yet(time(not_before)),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "it was made for another purpose (its extended key usage)".into()
        }
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            "it is the certificate of an authority, which is none for a server or a client".into()
        }
        other => other.to_string(),
    }
}

/// Why a handshake with a client failed, if it is for something that its operator can put right.
pub fn of_client(error: &io::Error) -> Option<String> {
    match rustls_error(error)? {
        Error::InvalidCertificate(why) => Some(format!("its certificate is not accepted: {}", of_certificate(why))),
        Error::PeerIncompatible(why) => Some(format!("it does not speak TLS 1.2 or 1.3 as it should: {why:?}")),
        _ => None,
    }
}

/// Why a handshake with a server failed, other than by its certificate.
pub(super) fn of_server(error: &io::Error) -> String {
    match rustls_error(error) {
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            "it answers without TLS: is this the right port?".into()
        }
        Some(Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13 | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        )) => "it speaks TLS older than 1.2 only".into(),
        Some(Error::AlertReceived(AlertDescription::ProtocolVersion)) => "it speaks TLS older than 1.2 only".into(),
        Some(Error::AlertReceived(alert)) => of_alert(*alert).map_or_else(|| error.to_string(), Into::into),
        _ => error.to_string(),
    }
}

/// The error of a connection, in words if the server refused its client's certificate.
pub(super) fn of_refusal(error: io::Error) -> io::Error {
    match rustls_error(&error) {
        Some(Error::AlertReceived(alert)) => match of_alert(*alert) {
            Some(reason) => io::Error::new(error.kind(), reason),
            None => error,
        },
        _ => error,
    }
}

/// What an error of a library says, with the causes that it keeps to itself.
pub fn of_broken(error: &(dyn StdError + 'static)) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(found) = cause {
        let why = found.to_string();
        if !said.contains(&why) {
            said = format!("{said}: {why}");
        }
        cause = found.source();
    }
    said
}

fn rustls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

fn of_alert(alert: AlertDescription) -> Option<&'static str> {
    Some(match alert {
        AlertDescription::UnknownCA | AlertDescription::DecryptError => {
            "central does not accept the client certificate: its authority is unknown there (`tls.client_ca` of central)"
        }
        AlertDescription::CertificateExpired => {
            "central does not accept the client certificate: it has expired, or is not valid yet"
        }
        AlertDescription::UnsupportedCertificate => {
            "central does not accept the client certificate: it was made for another purpose (its extended key usage)"
        }
        AlertDescription::BadCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateUnknown => "central does not accept the client certificate",
        AlertDescription::CertificateRequired => "what is in front of central demands a client certificate",
        _ => return None,
    })
}
