//! The development authority: a private CA in `data_dir/tls` that signs central's own certificate.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};

use super::TlsError;
use super::identity::Identity;
use crate::config::private_file::private;

const CA_CERT: &str = "ca.crt";
const CA_KEY: &str = "ca.key";

/// A certificate authority that lives in a directory.
pub struct Authority {
    cert_file: PathBuf,
    cert: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Opens the authority in `dir`, and makes it at the first call.
    pub fn open_or_create(dir: &Path) -> Result<Self, TlsError> {
        let (cert_file, key_file) = (dir.join(CA_CERT), dir.join(CA_KEY));
        if !cert_file.exists() {
            create(dir, &cert_file, &key_file)?;
        }
        let cert_pem = read(&cert_file)?;
        let wrong = |path: &Path, expected, reason: String| TlsError::Content { path: path.into(), expected, reason };
        let cert = CertificateDer::from_pem_slice(cert_pem.as_bytes())
            .map_err(|e| wrong(&cert_file, "a certificate", e.to_string()))?;
        let key = KeyPair::from_pem(&read(&key_file)?).map_err(|e| wrong(&key_file, "a private key", e.to_string()))?;
        let issuer = Issuer::from_ca_cert_pem(&cert_pem, key)
            .map_err(|e| wrong(&cert_file, "a certificate authority", e.to_string()))?;
        Ok(Self { cert_file, cert, issuer })
    }

    /// The file that clients need to trust this authority.
    pub fn cert_file(&self) -> &Path {
        &self.cert_file
    }

    /// The pin of this authority, as agents write it in `tls.ca_pin`.
    pub fn pin(&self) -> String {
        super::pin::Pin::of(&self.cert).to_string()
    }

    /// A new server certificate for the given DNS names and IP addresses, good for a year.
    pub fn issue(&self, names: &[String]) -> Result<Identity, TlsError> {
        let mut params = CertificateParams::new(names.to_vec())?;
        params.distinguished_name.push(DnType::CommonName, "mk8s central");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        valid_for_days(&mut params, 365);
        let key = KeyPair::generate()?;
        let leaf = params.signed_by(&key, &self.issuer)?;
        Ok(Identity {
            chain: vec![leaf.der().clone(), self.cert.clone()],
            key: PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        })
    }
}

/// Writes key and certificate; the certificate last, so that a half-made authority is made again.
fn create(dir: &Path, cert_file: &Path, key_file: &Path) -> Result<(), TlsError> {
    fs::create_dir_all(dir).map_err(|source| TlsError::File { action: "create", path: dir.into(), source })?;
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, "mk8s development CA");
    valid_for_days(&mut params, 3650);
    let key = KeyPair::generate()?;
    let cert = params.self_signed(&key)?;
    write(key_file, &key.serialize_pem(), private)?;
    write(cert_file, &cert.pem(), |options| options)
}

/// Valid from an hour ago, for clocks that are a little behind.
pub(super) fn valid_for_days(params: &mut CertificateParams, days: i64) {
    let now =
        rcgen::date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(jiff::Timestamp::now().as_second() as u64);
    params.not_before = now - std::time::Duration::from_secs(3600);
    params.not_after = now + std::time::Duration::from_secs(days as u64 * 86_400);
}

fn read(path: &Path) -> Result<String, TlsError> {
    fs::read_to_string(path).map_err(|source| TlsError::File { action: "read", path: path.into(), source })
}

/// Replaces a file in one step.
fn write(path: &Path, text: &str, access: fn(&mut OpenOptions) -> &mut OpenOptions) -> Result<(), TlsError> {
    let failed = |source| TlsError::File { action: "write", path: path.into(), source };
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut options = OpenOptions::new();
    let mut file = access(options.write(true).create(true).truncate(true)).open(&temporary).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&temporary, path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_survives_a_restart_and_keeps_its_key_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let first = Authority::open_or_create(dir.path()).unwrap();
        let again = Authority::open_or_create(dir.path()).unwrap();
        assert_eq!(first.pin(), again.pin());
        let mode = fs::metadata(dir.path().join(CA_KEY)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(first.issue(&["localhost".into(), "127.0.0.1".into()]).unwrap().chain.len(), 2);
    }

    #[test]
    fn a_broken_authority_names_its_file() {
        let dir = tempfile::tempdir().unwrap();
        Authority::open_or_create(dir.path()).unwrap();
        fs::write(dir.path().join(CA_KEY), "no key").unwrap();
        let error = Authority::open_or_create(dir.path()).err().unwrap().to_string();
        assert!(error.contains("ca.key"), "{error}");
    }
}
