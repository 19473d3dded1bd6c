//! A certificate chain with its key, from PEM files in any order.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustls::pki_types::pem::{PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::certificate::{out_of_time, parse, validity};
use super::{TlsError, provider};

/// The largest file that is read.
const MAX_BYTES: u64 = 1 << 20;

/// A certificate chain, leaf first, and the key of its leaf.
pub struct Identity {
    /// The leaf and those that signed it, so that a client can pin the authority.
    pub chain: Vec<CertificateDer<'static>>,
    /// The private key of the leaf.
    pub key: PrivateKeyDer<'static>,
}

impl Identity {
    /// When its certificate ends.
    pub(super) fn not_after(&self) -> Timestamp {
        self.chain.first().and_then(parse).map_or(Timestamp::MAX, |leaf| validity(&leaf).1)
    }
}

/// The files of a chain and its key; both may be the same file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityFiles {
    /// The certificates, PEM.
    pub cert_file: PathBuf,
    /// The private key, PEM.
    pub key_file: PathBuf,
}

impl IdentityFiles {
    /// Both, or none.
    pub fn from_options(cert_file: Option<&Path>, key_file: Option<&Path>) -> Option<Self> {
        Some(Self { cert_file: cert_file?.to_owned(), key_file: key_file?.to_owned() })
    }

    /// Reads both. The leaf is the certificate that belongs to the key, wherever it stands; those that signed it follow
    /// it, and whatever else is in the file stands behind them.
    ///
    /// # Errors
    /// A file cannot be read or holds something else, the two do not belong together, or it is not the time of the
    /// certificate.
    pub fn read(&self) -> Result<Identity, TlsError> {
        let identity = self.read_at_any_time()?;
        match identity.chain.first().and_then(parse).and_then(|leaf| out_of_time(&leaf, Timestamp::now())) {
            Some(reason) => Err(TlsError::Unusable { path: self.cert_file.clone(), reason }),
            None => Ok(identity),
        }
    }

    /// When the certificate ends, or has ended; `None` where the files hold none that can be used. Blocks.
    pub fn not_after(&self) -> Option<Timestamp> {
        self.read_at_any_time().ok().map(|identity| identity.not_after())
    }

    fn read_at_any_time(&self) -> Result<Identity, TlsError> {
        let certs = certificates(&self.cert_file, "a certificate chain")?;
        let key = private_key(&self.key_file)?;
        let public = provider().key_provider.load_private_key(key.clone_key()).map_err(|_| TlsError::Content {
            path: self.key_file.clone(),
            expected: KEY,
            reason: "it is of a kind that is not supported: use RSA of 2048 bits or more, ECDSA or Ed25519".into(),
        })?;
        let public = public.public_key();
        let is_own = |cert: &CertificateDer<'_>| {
            parse(cert).is_some_and(|cert| public.as_ref().is_some_and(|key| **key == *cert.public_key().raw))
        };
        let Some(leaf) = certs.iter().position(is_own) else {
            let reason = format!("it is not the key of any certificate in {}", self.cert_file.display());
            return Err(TlsError::Unusable { path: self.key_file.clone(), reason });
        };
        Ok(Identity { chain: in_order(certs, leaf), key })
    }
}

/// The certificates of a PEM file, at least one; whatever else is in it is passed over.
pub(super) fn certificates(file: &Path, expected: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |reason: String| TlsError::Content { path: file.into(), expected, reason };
    let certs = CertificateDer::pem_slice_iter(&read(file)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| wrong(format!("its PEM is damaged ({e})")))?;
    if certs.is_empty() {
        return Err(wrong("no certificate in it".into()));
    }
    if certs.iter().any(|cert| parse(cert).is_none()) {
        return Err(wrong("a certificate in it is damaged".into()));
    }
    Ok(certs)
}

const KEY: &str = "a private key";

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let wrong = |reason: &str| TlsError::Content { path: file.into(), expected: KEY, reason: reason.into() };
    let text = read(file)?;
    // Said of its own accord: such a key is no PEM section that is known, or a damaged one.
    let has = |words: &[u8]| text.windows(words.len()).any(|found| found == words);
    if has(b"ENCRYPTED PRIVATE KEY") || has(b"Proc-Type: 4,ENCRYPTED") {
        return Err(wrong("it is encrypted with a password: decrypt it, as with `openssl pkey`"));
    }
    let mut keys = <(SectionKind, Vec<u8>)>::pem_slice_iter(&text)
        .filter_map(|section| match section {
            Ok((kind, der)) => PrivateKeyDer::from_pem(kind, der).map(Ok),
            Err(error) => Some(Err(error)),
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| wrong(&format!("its PEM is damaged ({e})")))?;
    match (keys.pop(), keys.is_empty()) {
        (Some(key), true) => Ok(key),
        (Some(_), false) => Err(wrong("there are several keys in it: keep the one of the certificate")),
        (None, _) => Err(wrong("no key in it")),
    }
}

fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |source| TlsError::File { action: "read", path: file.into(), source };
    let mut bytes = Vec::new();
    File::open(file).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)).map_err(failed)?;
    match bytes.len() as u64 > MAX_BYTES {
        true => Err(TlsError::Unusable { path: file.into(), reason: "it is larger than 1 MiB".into() }),
        false => Ok(bytes),
    }
}

/// The leaf, its issuer, the issuer of that, and so on; then the rest as it came.
fn in_order(mut rest: Vec<CertificateDer<'static>>, leaf: usize) -> Vec<CertificateDer<'static>> {
    let mut chain = vec![rest.remove(leaf)];
    let signed = |issuer: &CertificateDer<'_>, last: Option<&CertificateDer<'_>>| {
        let (Some(issuer), Some(last)) = (parse(issuer), last.and_then(parse)) else { return false };
        issuer.subject().as_raw() == last.issuer().as_raw()
    };
    while let Some(next) = rest.iter().position(|cert| signed(cert, chain.last())) {
        chain.push(rest.remove(next));
    }
    chain.append(&mut rest);
    chain
}

#[cfg(test)]
mod tests;
