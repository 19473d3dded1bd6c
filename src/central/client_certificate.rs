//! What a client certificate says: the clusters whose agent may use it.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;

use crate::model::{ClusterName, ErrorCode, Failure};
use crate::tls::certificate::uris;

/// What stands before the name of a cluster in the URI of a certificate.
const URI: &str = "mk8s://cluster/";

/// The certificate that a client has shown in the handshake, where its chain was verified; the clusters that it names.
#[derive(Clone, Debug, Default)]
pub struct ClientCertificate(Option<Arc<[String]>>);

impl ClientCertificate {
    /// Of a connection that showed this chain, if any.
    pub fn shown(chain: Option<&[CertificateDer<'_>]>) -> Self {
        let clusters = |leaf| uris(leaf).iter().filter_map(|uri| Some(uri.strip_prefix(URI)?.to_owned())).collect();
        Self(chain.and_then(<[_]>::first).map(clusters))
    }

    /// Refuses an agent without a certificate where one is required.
    pub fn check_presence(&self, required: bool) -> Result<(), Failure> {
        match self.0 {
            None if required => Err(Failure::new(
                ErrorCode::Unauthenticated,
                "central asks agents for a client certificate, and none was shown: set `tls.client_cert_file` and \
                 `tls.client_key_file` of the agent",
            )),
            _ => Ok(()),
        }
    }

    /// Refuses an agent whose certificate is not for its cluster.
    pub fn check_cluster(&self, cluster: &ClusterName) -> Result<(), Failure> {
        let Some(named) = &self.0 else { return Ok(()) };
        if named.iter().any(|name| name == cluster.as_str()) {
            return Ok(());
        }
        let found = match named.first() {
            Some(other) => format!("is for the cluster {other:?}"),
            None => "names no cluster".into(),
        };
        let detail = format!(
            "the client certificate {found}, and the token for {:?}: the certificate needs the URI {URI}{cluster} among \
             its subject alternative names",
            cluster.as_str()
        );
        Err(Failure::new(ErrorCode::Forbidden, detail))
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    fn shown(uris: &[&str]) -> ClientCertificate {
        let mut params = CertificateParams::new(vec!["dev".to_owned()]).unwrap();
        params.subject_alt_names.extend(uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap())));
        let cert = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        ClientCertificate::shown(Some(&[cert.der().clone()]))
    }

    #[test]
    fn a_certificate_is_for_the_clusters_that_its_uris_name() {
        let dev = "dev".parse().unwrap();
        let check = |uris: &[&str]| shown(uris).check_cluster(&dev).map_err(|f| f.detail);
        assert_eq!(check(&["mk8s://cluster/dev"]), Ok(()));
        assert_eq!(check(&["spiffe://x/y", "mk8s://cluster/prod", "mk8s://cluster/dev"]), Ok(()));
        for (uris, said) in [
            (&["mk8s://cluster/prod"][..], "is for the cluster \"prod\""),
            (&["mk8s://cluster/dev2"], "is for the cluster \"dev2\""),
            (&["mk8s://cluster/dev/x"], "is for the cluster \"dev/x\""),
            (&["mk8s://cluster/DEV"], "is for the cluster \"DEV\""),
            // A DNS name is that of a server, which may have the same authority.
            (&[], "names no cluster"),
            (&["https://cluster/dev"], "names no cluster"),
        ] {
            let detail = check(uris).unwrap_err();
            assert!(detail.contains(said) && detail.contains("mk8s://cluster/dev "), "{detail}");
        }
    }

    #[test]
    fn without_a_certificate_it_depends() {
        let nothing = ClientCertificate::shown(None);
        assert!(nothing.check_cluster(&"dev".parse().unwrap()).is_ok() && nothing.check_presence(false).is_ok());
        assert_eq!(nothing.check_presence(true).unwrap_err().code, ErrorCode::Unauthenticated);
        assert!(shown(&[]).check_presence(true).is_ok());
    }
}
