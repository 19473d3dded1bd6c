//! URLs of databases: what is understood, and that no password is shown.

use diesel::connection::SimpleConnection as _;
use secrecy::SecretString;

use super::postgres::Server;
use crate::store::{Error, Store};

fn open(url: &str) -> Result<Store, Error> {
    Store::open(&SecretString::from(url), 4)
}

#[track_caller]
fn refused(url: &str, expected: &str) {
    let error = open(url).expect_err(url);
    let text = format!("{error} {error:?}");
    assert!(text.contains(expected), "{url}: {text}");
    assert!(!text.contains("s3cret"), "{text}");
}

#[tokio::test]
async fn what_is_no_url_of_a_database_is_refused() {
    for url in ["", "mk8s.db", "sqlite://", "mysql://root:s3cret@db/mk8s", "postgres"] {
        refused(url, "sqlite://<path> or postgres://<server>");
    }
}

#[tokio::test]
async fn the_encryption_is_chosen_in_the_url() {
    let url = |query: &str| format!("postgres://mk8s:s3cret@db.example.com/mk8s{query}");
    for good in ["?sslmode=disable", "?sslmode=require", "?sslmode=verify-full&sslrootcert=system"] {
        open(&url(good)).unwrap();
    }
    open("postgres:///mk8s?host=/run/postgresql").expect("a socket needs no encryption");
    for unsafe_default in ["", "?", "?sslmode=verify-full", "?connect_timeout=3"] {
        refused(&url(unsafe_default), "needs sslrootcert=<file>");
    }
    for mode in ["prefer", "allow", "verify-ca", "", "Disable"] {
        refused(&url(&format!("?sslmode={mode}")), "use disable, require, or verify-full");
    }
    refused(&url("?sslrootcert=/nonexistent"), "sslrootcert=/nonexistent");
    let empty = tempfile::NamedTempFile::new().unwrap();
    refused(&url(&format!("?sslrootcert={}", empty.path().display())), "no certificate in it");
    let authority = tempfile::NamedTempFile::new().unwrap();
    let key = rcgen::generate_simple_self_signed(["db.example.com".to_owned()]).unwrap();
    std::fs::write(authority.path(), key.cert.pem()).unwrap();
    open(&url(&format!("?sslmode=verify-full&sslrootcert={}", authority.path().display()))).unwrap();
}

#[tokio::test]
async fn no_password_is_shown() {
    for (url, expected) in [
        ("postgres://mk8s:s3cret@db:port/mk8s?sslmode=disable", "port"),
        ("postgres://mk8s:s3cret@db/mk8s?sslmode=disable&nosuch=1", "nosuch"),
        ("postgres://mk8s:p@s3cret@db/mk8s?sslmode=disable", "%40"),
        ("postgres://mk8s:p?s3cret@db/mk8s?sslmode=disable", "%3F"),
    ] {
        refused(url, expected);
    }
    let store = open("postgres://mk8s:s3cret@127.0.0.1:1/mk8s?sslmode=disable").unwrap();
    assert_eq!(format!("{store:?}"), "Store(postgres)");
    let error = store.ping().await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)) && !format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    assert!(error.to_string().to_lowercase().contains("connection refused"), "{error}");
}

#[tokio::test]
async fn a_path_is_a_path() {
    let dir = tempfile::tempdir().unwrap();
    for name in [":memory:", "file:x?mode=memory", "a b.db", "new/dir/mk8s.db"] {
        let path = dir.path().join(name);
        let store = open(&format!("sqlite://{}", path.display())).unwrap();
        assert_eq!((store.is_postgres(), format!("{store:?}")), (false, "Store(sqlite)".into()));
        store.migrate().await.unwrap();
        assert!(path.is_file(), "{name}");
    }
    let store = open("sqlite:///proc/nosuch/mk8s.db").unwrap();
    let error = store.migrate().await.unwrap_err();
    assert!(error.to_string().contains("cannot create /proc/nosuch/mk8s.db"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_spoken_to_as_the_url_says() {
    let certificate = || rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (own, foreign) = (certificate(), certificate());
    let (pem, key) = (own.cert.pem(), own.signing_key.serialize_pem());
    let server = tokio::task::spawn_blocking(move || Server::start_tls(&pem, &key)).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    for (name, certificate) in [("own", &own), ("foreign", &foreign)] {
        std::fs::write(dir.path().join(name), certificate.cert.pem()).unwrap();
    }
    let ca = |name: &str| format!("verify-full&sslrootcert={}", dir.path().join(name).display());
    let encrypted = async |host: &str, mode: &str| {
        let store = open(&format!("postgres://mk8s@{host}:{}/postgres?sslmode={mode}", server.port()))?;
        store.write::<_, Error>(|c| Ok(c.batch_execute(ENCRYPTED_OR_FAIL).is_ok())).await
    };
    assert!(!encrypted("localhost", "disable").await.unwrap());
    assert!(encrypted("localhost", "require").await.unwrap());
    assert!(encrypted("127.0.0.1", "require").await.unwrap());
    assert!(encrypted("localhost", &ca("own")).await.unwrap());
    for (host, mode) in [("localhost", ca("foreign")), ("127.0.0.1", ca("own"))] {
        let error = encrypted(host, &mode).await.unwrap_err();
        assert!(matches!(&error, Error::Unavailable(why) if why.contains("certificate")), "{host} {mode}: {error:?}");
    }
}

/// Divides by zero on a connection without TLS.
const ENCRYPTED_OR_FAIL: &str = "SELECT 1 / ssl::int FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
