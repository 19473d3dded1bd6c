//! A certificate for a listener that lives and dies with this process, from an authority of its own: nothing is written.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::PrivateKeyDer;

use super::TlsError;
use super::authority::valid_for_days;
use super::identity::Identity;

/// Longer than any process lives.
const DAYS: i64 = 3650;

/// What a server of this process shows, named so, and the authority that its clients trust, PEM. The authority's key is dropped
/// before this returns: it never signs again.
///
/// # Errors
/// When the system gives no randomness.
pub fn identity(title: &str, names: &[String]) -> Result<(Identity, String), TlsError> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.distinguished_name.push(DnType::CommonName, format!("{title} CA"));
    valid_for_days(&mut params, DAYS);
    let key = KeyPair::generate()?;
    let authority = params.self_signed(&key)?;
    let issuer = Issuer::new(params, key);

    let mut params = CertificateParams::new(names.to_vec())?;
    params.distinguished_name.push(DnType::CommonName, title);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    valid_for_days(&mut params, DAYS);
    let key = KeyPair::generate()?;
    let leaf = params.signed_by(&key, &issuer)?;
    let identity = Identity { chain: vec![leaf.der().clone()], key: PrivateKeyDer::Pkcs8(key.serialize_der().into()) };
    Ok((identity, authority.pem()))
}
