//! Trust by pin: the server must show a chain that a known authority signed, and its name must match.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use rustls::client::danger::ServerCertVerified;
use rustls::pki_types::CertificateDer;
use rustls::{CertificateError, Error};

use super::TlsError;
use super::verifier::{Judge, Shown};

/// The SHA-256 of an authority's certificate (DER), written `sha256:<hex>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pin([u8; 32]);

impl Pin {
    /// The pin of a certificate.
    pub(super) fn of(cert: &CertificateDer<'_>) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, cert).as_ref());
        Self(hash)
    }
}

impl FromStr for Pin {
    type Err = TlsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || TlsError::Pin(text.to_owned());
        let hex = text
            .strip_prefix("sha256:")
            .filter(|h| h.len() == 64 && h.bytes().all(|b| b.is_ascii_hexdigit()))
            .ok_or_else(malformed)?;
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(hex.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| malformed())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| malformed())?;
        }
        Ok(Self(hash))
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

/// Verifies with the pinned authority from the server's own chain as the only root.
#[derive(Debug)]
pub(super) struct PinJudge(pub(super) Pin);

impl Judge for PinJudge {
    fn judge(&self, shown: &Shown<'_>) -> Result<ServerCertVerified, Error> {
        let pinned = shown
            .others
            .iter()
            .find(|cert| Pin::of(cert) == self.0)
            .ok_or(Error::InvalidCertificate(CertificateError::UnknownIssuer))?;
        shown.verify_with(pinned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_has_one_form() {
        let text = format!("sha256:{}", "0a".repeat(32));
        assert_eq!(text.parse::<Pin>().unwrap().to_string(), text);
        for bad in [
            "",
            "0a",
            "sha256:",
            "sha1:0a",
            &format!("sha256:{}", "zz".repeat(32)),
            &format!("sha256:{}", "+1".repeat(32)),
        ] {
            assert!(bad.parse::<Pin>().is_err(), "{bad}");
        }
    }
}
