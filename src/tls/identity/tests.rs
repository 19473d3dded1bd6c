//! Which files are taken for a certificate and its key, and what is said of others.

use std::fs;
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use super::*;
use crate::tls::authority::valid_for_days;

/// PEM of a leaf, an intermediate, their root, and the key of the leaf.
struct Chain {
    leaf: String,
    intermediate: String,
    root: String,
    key: KeyPair,
}

fn params(name: &str, ca: bool, days: i64) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["central.test".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    if ca {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    valid_for_days(&mut params, days);
    params
}

fn chain(key: KeyPair, days: i64) -> Chain {
    let root_key = KeyPair::generate().unwrap();
    let root = params("root", true, 10).self_signed(&root_key).unwrap();
    let root_issuer = Issuer::new(params("root", true, 10), root_key);
    let intermediate_key = KeyPair::generate().unwrap();
    let intermediate = params("intermediate", true, 10).signed_by(&intermediate_key, &root_issuer).unwrap();
    let issuer = Issuer::new(params("intermediate", true, 10), intermediate_key);
    let leaf = params("leaf", false, days).signed_by(&key, &issuer).unwrap();
    Chain { leaf: leaf.pem(), intermediate: intermediate.pem(), root: root.pem(), key }
}

fn write(dir: &TempDir, certs: &str, key: &str) -> IdentityFiles {
    let files = IdentityFiles { cert_file: dir.path().join("tls.crt"), key_file: dir.path().join("tls.key") };
    fs::write(&files.cert_file, certs).unwrap();
    fs::write(&files.key_file, key).unwrap();
    files
}

fn openssl(dir: &TempDir, args: &str) -> String {
    let output = Command::new("openssl").args(args.split(' ')).current_dir(dir.path()).output().unwrap();
    assert!(output.status.success(), "{args}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_leaf_is_the_certificate_of_the_key_wherever_it_stands() {
    let dir = tempfile::tempdir().unwrap();
    let Chain { leaf, intermediate, root, key } = chain(KeyPair::generate().unwrap(), 1);
    let key = key.serialize_pem();
    let expected: Vec<_> =
        CertificateDer::pem_slice_iter(format!("{leaf}{intermediate}{root}").as_bytes()).map(Result::unwrap).collect();
    for order in [
        [&leaf, &intermediate, &root],
        [&root, &intermediate, &leaf],
        [&intermediate, &leaf, &root],
        [&root, &leaf, &intermediate],
    ] {
        let text = order.map(String::as_str).concat();
        assert_eq!(write(&dir, &text, &key).read().unwrap().chain, expected);
        // All in one file, the key before and behind, with text between them.
        for text in [format!("{key}# a comment\n{text}"), format!("{text}\n\n{key}"), text.replace('\n', "\r\n") + &key]
        {
            let mut files = write(&dir, &text, "");
            files.key_file = files.cert_file.clone();
            assert_eq!(files.read().unwrap().chain, expected);
        }
    }
}

#[test]
fn keys_of_all_usual_kinds_and_forms_are_taken() {
    let dir = tempfile::tempdir().unwrap();
    for (kind, generate, old_form) in [
        ("RSA", "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048", "pkey -in k -traditional"),
        ("P-256", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256", "pkey -in k -traditional"),
        ("P-384", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384", "pkey -in k -traditional"),
        ("Ed25519", "genpkey -algorithm ED25519", "pkey -in k"),
    ] {
        let pkcs8 = openssl(&dir, generate);
        fs::write(dir.path().join("k"), &pkcs8).unwrap();
        let old = openssl(&dir, old_form);
        assert!(kind == "Ed25519" || old != pkcs8, "{kind}: another form");
        let parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
        let key = KeyPair::from_pem(&pkcs8).unwrap();
        let leaf = chain(key, 1).leaf;
        for form in [&pkcs8, &old, &format!("{parameters}{old}")] {
            let identity = write(&dir, &leaf, form).read().unwrap_or_else(|e| panic!("{kind}: {e}"));
            crate::tls::server::server_config(identity).unwrap_or_else(|e| panic!("{kind}: {e}"));
        }
    }
}

#[test]
fn what_cannot_be_used_is_named_with_its_reason() {
    let dir = tempfile::tempdir().unwrap();
    let good = chain(KeyPair::generate().unwrap(), 1);
    let (leaf, key) = (good.leaf.as_str(), good.key.serialize_pem());
    let other = KeyPair::generate().unwrap().serialize_pem();
    let expired = chain(KeyPair::generate().unwrap(), 0);
    // Valid from an hour ago for "0 days" ends now.
    let expired_key = expired.key.serialize_pem();
    fs::write(dir.path().join("k"), &key).unwrap();
    let encrypted = openssl(&dir, "pkcs8 -in k -topk8 -passout pass:hunter2");
    let damaged = key.replace("MI", "!!");
    let half = &leaf[..leaf.len() / 2];
    for (certs, key, file, reason) in [
        ("", key.as_str(), "tls.crt", "no certificate in it"),
        (key.as_str(), &key, "tls.crt", "no certificate in it"),
        ("no PEM", &key, "tls.crt", "no certificate in it"),
        (half, &key, "tls.crt", "its PEM is damaged"),
        (leaf, "", "tls.key", "no key in it"),
        (leaf, leaf, "tls.key", "no key in it"),
        (leaf, &damaged, "tls.key", "its PEM is damaged"),
        (leaf, &encrypted, "tls.key", "encrypted with a password"),
        (leaf, &format!("{key}{other}"), "tls.key", "several keys"),
        (leaf, &other, "tls.key", "it is not the key of any certificate in"),
        (&expired.leaf, &expired_key, "tls.crt", "it expired at 20"),
    ] {
        let error = write(&dir, certs, key).read().err().unwrap_or_else(|| panic!("{reason}: accepted")).to_string();
        let path = dir.path().join(file).display().to_string();
        assert!(error.contains(reason) && error.contains(&path) && !error.contains('\n'), "{error}");
        assert!(!error.contains("hunter2"));
    }
    let mut early = params("leaf", false, 10);
    early.not_before += std::time::Duration::from_secs(7200);
    let early = early.self_signed(&good.key).unwrap().pem();
    let error = write(&dir, &early, &key).read().err().unwrap().to_string();
    assert!(error.contains("tls.crt: it is not valid before 20"), "{error}");
    let missing = IdentityFiles { cert_file: dir.path().join("none"), ..write(&dir, leaf, &key) };
    let error = missing.read().err().unwrap().to_string();
    assert!(error.starts_with("cannot read ") && error.contains("none: No such file"), "{error}");
}
