//! Certificate authorities of a test, and what they sign.

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType, date_time_ymd,
};

/// An authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate, PEM.
    pub pem: String,
}

/// A certificate and its key, PEM.
#[derive(Clone)]
pub struct Leaf {
    pub cert: String,
    pub key: String,
}

/// What is to be signed.
#[derive(Clone)]
pub struct Wanted {
    names: Vec<String>,
    uris: Vec<String>,
    usage: ExtendedKeyUsagePurpose,
    /// From when until when it is valid, in seconds from now.
    from: i64,
    until: i64,
}

impl Wanted {
    /// A certificate of a server with these names.
    pub fn server(names: &[&str]) -> Self {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Self { names, uris: Vec::new(), usage: ExtendedKeyUsagePurpose::ServerAuth, from: -3600, until: 365 * 86_400 }
    }

    /// A certificate of an agent of this cluster.
    pub fn agent(cluster: &str) -> Self {
        let uris = vec![format!("mk8s://cluster/{cluster}")];
        Self { uris, usage: ExtendedKeyUsagePurpose::ClientAuth, ..Self::server(&[]) }
    }

    /// A client certificate that is for no cluster.
    pub fn client() -> Self {
        Self { uris: Vec::new(), ..Self::agent("") }
    }

    /// The same for servers.
    pub fn for_servers(self) -> Self {
        Self { usage: ExtendedKeyUsagePurpose::ServerAuth, ..self }
    }

    /// The same for clients.
    pub fn for_clients(self) -> Self {
        Self { usage: ExtendedKeyUsagePurpose::ClientAuth, ..self }
    }

    /// The same at another time.
    pub fn valid(self, from: i64, until: i64) -> Self {
        Self { from, until, ..self }
    }

    fn params(&self) -> CertificateParams {
        let mut params = CertificateParams::new(self.names.clone()).expect("names");
        let uris = self.uris.iter().map(|uri| SanType::URI(uri.as_str().try_into().expect("uri")));
        params.subject_alt_names.extend(uris);
        params.distinguished_name.push(DnType::CommonName, "a leaf of the tests");
        params.extended_key_usages = vec![self.usage.clone()];
        let at = |seconds: i64| {
            let seconds = u64::try_from(jiff::Timestamp::now().as_second() + seconds).expect("after 1970");
            date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds)
        };
        (params.not_before, params.not_after) = (at(self.from), at(self.until));
        params
    }

    /// Signed by its own key.
    pub fn self_signed(&self) -> Leaf {
        let key = KeyPair::generate().expect("key");
        Leaf { cert: self.params().self_signed(&key).expect("certificate").pem(), key: key.serialize_pem() }
    }
}

impl Authority {
    /// A new one; authorities of the same name differ in their keys.
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("key");
        let pem = params.self_signed(&key).expect("certificate").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Signs.
    pub fn sign(&self, wanted: &Wanted) -> Leaf {
        let key = KeyPair::generate().expect("key");
        let cert = wanted.params().signed_by(&key, &self.issuer).expect("certificate");
        Leaf { cert: cert.pem(), key: key.serialize_pem() }
    }
}
