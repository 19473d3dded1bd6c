//! The RSA keys of access tokens: read from PEM, made at the first start, named by their thumbprint.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{KeySize, PublicKey};
use aws_lc_rs::signature::{KeyPair as _, RsaKeyPair};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{DecodingKey, EncodingKey};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

/// The fewest bits of a modulus (RFC 7518, section 3.3).
const MIN_BITS: usize = 2048;

/// The most bits that signatures are verified with.
const MAX_BITS: usize = 8192;

/// What is wrong with a key, or why it does not sign.
#[derive(Debug, thiserror::Error)]
pub enum JwtError {
    /// No private RSA key.
    #[error(
        "this is no RSA private key: give a PEM file with PRIVATE KEY or RSA PRIVATE KEY, of 2048 to 8192 bits and \
         without a passphrase, such as `openssl genrsa 2048` makes"
    )]
    NoPrivateKey,
    /// Neither a private nor a public RSA key.
    #[error(
        "this is no RSA key: give a PEM file with PUBLIC KEY, PRIVATE KEY or RSA PRIVATE KEY, of 2048 to 8192 bits and \
         without a passphrase"
    )]
    NoKey,
    /// The key is too short to be safe, or too long to be used.
    #[error("the RSA key has {0} bits: use one of {MIN_BITS} to {MAX_BITS}")]
    Size(usize),
    /// The system's cryptography failed.
    #[error("cannot make an RSA key")]
    Generate,
    /// The system's cryptography failed.
    #[error("cannot sign a token")]
    Sign(#[source] jsonwebtoken::errors::Error),
}

/// The key that signs access tokens.
#[derive(Clone)]
pub struct SigningKey {
    pub(super) key: EncodingKey,
    pub(super) public: VerifyingKey,
}

/// A key whose access tokens are accepted.
#[derive(Clone)]
pub struct VerifyingKey {
    pub(super) key: DecodingKey,
    kid: String,
    n: String,
    e: String,
}

impl SigningKey {
    /// Reads a private key: PKCS#8 (`PRIVATE KEY`) or PKCS#1 (`RSA PRIVATE KEY`).
    ///
    /// # Errors
    /// It is none, is locked with a passphrase, or has fewer than 2048 bits.
    pub fn from_pem(pem: &SecretString) -> Result<Self, JwtError> {
        let pair = private(pem.expose_secret().as_bytes()).ok_or(JwtError::NoPrivateKey)?;
        // Written anew, so that the key that signs is the one that was read, whatever else is in the file.
        let pem = to_pem(&pair).ok_or(JwtError::NoPrivateKey)?;
        let key = EncodingKey::from_rsa_pem(pem.expose_secret().as_bytes()).map_err(|_| JwtError::NoPrivateKey)?;
        Ok(Self { key, public: VerifyingKey::new(pair.public_key())? })
    }

    /// The name of the key: its thumbprint (RFC 7638).
    pub fn kid(&self) -> &str {
        self.public.kid()
    }

    /// What verifies its signatures.
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }
}

impl VerifyingKey {
    /// Reads a public key (`PUBLIC KEY`), or the public half of a private one.
    ///
    /// # Errors
    /// It is none, or has fewer than 2048 bits.
    pub fn from_pem(pem: &SecretString) -> Result<Self, JwtError> {
        let pem = pem.expose_secret().as_bytes();
        if let Some(pair) = private(pem) {
            return Self::new(pair.public_key());
        }
        let spki = SubjectPublicKeyInfoDer::from_pem_slice(pem).map_err(|_| JwtError::NoKey)?;
        Self::new(&PublicKey::from_der(&spki).map_err(|_| JwtError::NoKey)?)
    }

    /// The name of the key: its thumbprint (RFC 7638).
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The key as a JWK (RFC 7517).
    pub(super) fn jwk(&self) -> Value {
        json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, "n": self.n, "e": self.e})
    }

    fn new(key: &PublicKey) -> Result<Self, JwtError> {
        let (modulus, exponent) = (key.modulus(), key.exponent());
        let (modulus, exponent) =
            (modulus.big_endian_without_leading_zero(), exponent.big_endian_without_leading_zero());
        let unused = modulus.first().map_or(0, |byte| byte.leading_zeros() as usize);
        let bits = modulus.len() * 8 - unused;
        if !(MIN_BITS..=MAX_BITS).contains(&bits) {
            return Err(JwtError::Size(bits));
        }
        let (n, e) = (BASE64_URL_SAFE_NO_PAD.encode(modulus), BASE64_URL_SAFE_NO_PAD.encode(exponent));
        // RFC 7638, section 3.2: the required members alone, in this order, without white space.
        let thumbprint = digest(&SHA256, format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#).as_bytes());
        let kid = BASE64_URL_SAFE_NO_PAD.encode(thumbprint);
        Ok(Self { key: DecodingKey::from_rsa_raw_components(modulus, exponent), kid, n, e })
    }
}

/// A new RSA key of 2048 bits, as PKCS#8 in PEM.
///
/// # Errors
/// The system's cryptography failed.
pub fn generate_signing_key_pem() -> Result<SecretString, JwtError> {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| JwtError::Generate)?;
    to_pem(&pair).ok_or(JwtError::Generate)
}

/// A key as PKCS#8 in PEM.
fn to_pem(pair: &RsaKeyPair) -> Option<SecretString> {
    let der = pair.as_der().ok()?;
    let base64 = Zeroizing::new(BASE64_STANDARD.encode(der.as_ref()));
    // Large enough from the start, so that no copy is left behind by growing.
    let mut pem = String::with_capacity(2 * base64.len() + 128);
    pem.push_str("-----BEGIN PRIVATE KEY-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = more;
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    Some(SecretString::from(pem))
}

fn private(pem: &[u8]) -> Option<RsaKeyPair> {
    match PrivateKeyDer::from_pem_slice(pem).ok()? {
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).ok(),
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()).ok(),
        _ => None,
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.kid())
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({})", self.kid)
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rsa::{PublicEncryptingKey, PublicKeyComponents};

    use super::*;

    /// Of 1024 bits, by `openssl genrsa 1024 | openssl rsa -pubout`.
    const SHORT: &str = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC5tbKZzhy6m1oT6QPlpdN9nUQT
Ppbb44mKt2T9nEZYnIlwCEAUpZKTIOV0j9KwqyXer7ifo+vHFpl8se9sZ+OraW1v
L5yRbPB35d1bN1q+czefCRbPTOe7LlmMAQS7QYWWmecpz0OCs5AVSnKqLrc5SGTt
dq2Isa1v7Ri1TcgQ/QIDAQAB
-----END PUBLIC KEY-----
";

    fn secret(text: impl Into<String>) -> SecretString {
        SecretString::from(text.into())
    }

    fn pem(label: &str, der: &[u8]) -> SecretString {
        secret(format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", BASE64_STANDARD.encode(der)))
    }

    #[test]
    fn a_key_is_read_in_each_of_its_forms_and_has_one_name() {
        let pkcs8 = generate_signing_key_pem().unwrap();
        let signing = SigningKey::from_pem(&pkcs8).unwrap();
        let pair = private(pkcs8.expose_secret().as_bytes()).unwrap();
        // PKCS#8 wraps PKCS#1 in an OCTET STRING that begins after 26 bytes, whatever the key of 2048 bits.
        let pkcs1 = pem("RSA PRIVATE KEY", &pair.as_der().unwrap().as_ref()[26..]);
        let public = pem("PUBLIC KEY", pair.public_key().as_der().unwrap().as_ref());
        assert_eq!(SigningKey::from_pem(&pkcs1).unwrap().kid(), signing.kid());
        for pem in [&pkcs8, &pkcs1, &public] {
            assert_eq!(VerifyingKey::from_pem(pem).unwrap().kid(), signing.kid());
        }
        assert_eq!(signing.kid().len(), 43);
        let both = secret(format!("{}{}", public.expose_secret(), pkcs1.expose_secret()));
        let (from_both, message) = (SigningKey::from_pem(&both).unwrap(), b"message");
        let sign =
            |key: &SigningKey| jsonwebtoken::crypto::sign(message, &key.key, jsonwebtoken::Algorithm::RS256).unwrap();
        assert_eq!((from_both.kid(), sign(&from_both)), (signing.kid(), sign(&signing)));
        assert!(matches!(SigningKey::from_pem(&public), Err(JwtError::NoPrivateKey)));
        assert_ne!(SigningKey::from_pem(&generate_signing_key_pem().unwrap()).unwrap().kid(), signing.kid());
    }

    /// The example of RFC 7638, section 3.1.
    #[test]
    fn the_name_is_the_thumbprint() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3\
                 oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdA\
                 ZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-\
                 kEgU8awapJzKnqDKgw";
        let bytes = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
        let key: PublicEncryptingKey = PublicKeyComponents { n: bytes(n), e: bytes("AQAB") }.try_into().unwrap();
        let key = PublicKey::from_der(key.as_der().unwrap().as_ref()).unwrap();
        assert_eq!(VerifyingKey::new(&key).unwrap().kid(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn what_is_no_rsa_key_of_2048_bits_is_refused() {
        let elliptic = rcgen::KeyPair::generate().unwrap();
        let whole = generate_signing_key_pem().unwrap();
        let half = &whole.expose_secret()[..whole.expose_secret().len() / 2];
        let cut = secret(format!("{half}\n-----END PRIVATE KEY-----\n"));
        let locked = secret("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n");
        for bad in [
            secret(""),
            secret("x"),
            secret(half),
            cut,
            locked,
            secret(elliptic.serialize_pem()),
            secret(elliptic.public_key_pem()),
        ] {
            assert!(matches!(SigningKey::from_pem(&bad), Err(JwtError::NoPrivateKey)));
            assert!(matches!(VerifyingKey::from_pem(&bad), Err(JwtError::NoKey)));
        }
        let short = VerifyingKey::from_pem(&secret(SHORT)).unwrap_err();
        assert_eq!(short.to_string(), "the RSA key has 1024 bits: use one of 2048 to 8192");
    }

    #[test]
    fn a_key_is_shown_by_its_name_alone() {
        let key = SigningKey::from_pem(&generate_signing_key_pem().unwrap()).unwrap();
        assert_eq!(format!("{key:?}"), format!("SigningKey({})", key.kid()));
        assert_eq!(format!("{:?}", key.verifying_key()), format!("VerifyingKey({})", key.kid()));
    }
}
