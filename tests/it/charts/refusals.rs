//! Values that are wrong are refused before anything is installed, and it is said why.

use super::setup::Helm;

/// What makes the chart of the agent whole.
const WHOLE: &str = "central.url=https://mk8s.example.com,token.existingSecret=mk8s-agent-token";

/// Values of central, and what has to be said of them.
const CENTRAL: &[(&str, &[&str])] = &[
    ("replicas=1", &["additional properties 'replicas' not allowed"]),
    ("replicaCount=2", &["replicaCount: 2 replicas do not know each other's tunnels", "set 1"]),
    ("replicaCount=-1", &["/replicaCount", "minimum"]),
    ("image.repository=", &["/image/repository", "minLength: got 0, want 1"]),
    ("image.digest=sha256:abc", &["/image/digest", "does not match pattern"]),
    ("image.pullPolicy=Sometimes", &["/image/pullPolicy", "'IfNotPresent', 'Always', 'Never'"]),
    ("database.type=mysql", &["/database/type", "'sqlite', 'postgresql'"]),
    ("database.type=postgresql", &["database.existingSecret: database.type is postgresql: name the Secret"]),
    ("database.type=postgresql,database.existingSecret=x", &["auth.existingSecret", "openssl genrsa 2048"]),
    (
        "database.existingSecret=x",
        &["database.existingSecret: database.type is sqlite", "set database.type to postgresql"],
    ),
    ("database.existingSecret=Not_A_Name", &["/database/existingSecret", "does not match pattern"]),
    ("auth.acceptedKeys={a.pem}", &["auth.acceptedKeys", "auth.existingSecret"]),
    ("config.listen=0.0.0.0:8443", &["/config", "additional properties 'listen' not allowed"]),
    ("config.public_url=mk8s.example.com", &["/config/public_url", "does not match pattern"]),
    ("config.shutdown_grace_seconds=soon", &["/config/shutdown_grace_seconds", "got string, want integer"]),
    ("config.auth.access_token_seconds=10", &["/config/auth/access_token_seconds", "minimum: got 10, want 60"]),
    ("config.agents.public_url=https://a.example.com", &["config.agents.public_url", "agentsListener.enabled"]),
    ("config.agents.require_client_certificate=true", &["needs tls.clientCa.existingSecret"]),
    ("tls.existingSecret=x,tls.certManager.enabled=true", &["set one of tls.existingSecret, tls.certManager.enabled"]),
    ("tls.certManager.enabled=true", &["tls.certManager.issuerRef.name", "name the issuer"]),
    ("tls.terminatedByProxy=true", &["config.trusted_proxies", "list the networks of the proxies"]),
    (
        "tls.terminatedByProxy=true,config.trusted_proxies={10.0.0.0/8}",
        &["config.public_url", "set the URL of the proxy"],
    ),
    ("ingress.enabled=true", &["ingress.host: set it, or config.public_url"]),
    ("ingress.agents.enabled=true", &["ingress.agents.host"]),
    ("persistence.size=big", &["/persistence/size", "does not match pattern"]),
    ("service.type=ExternalName", &["/service/type", "'ClusterIP', 'NodePort', 'LoadBalancer'"]),
    ("bootstrap.clusters[0].name=dev", &["/bootstrap/clusters/0", "missing property 'existingSecret'"]),
    ("metrics.enabled=maybe", &["/metrics/enabled", "got string, want boolean"]),
];

/// Values of an agent, besides those that make it whole.
const AGENT: &[(&str, &[&str])] = &[
    ("central.url=", &["central.url: it is required", "mk8s admin clusters create"]),
    ("central.url=http://mk8s.example.com", &["/central/url", "does not match pattern"]),
    ("central.caPin=sha256:12", &["/central/caPin", "does not match pattern"]),
    ("central.ca=ca.crt", &["/central/ca", "BEGIN CERTIFICATE"]),
    ("central.existingCaSecret=a,central.existingCaConfigMap=b", &["central: set one of central.caPin"]),
    ("token.existingSecret=", &["token.existingSecret: name the Secret", "--set-file token.value=FILE"]),
    ("token.value=x", &["token: set one of token.existingSecret and token.value"]),
    ("token.existingSecret=,token.value=dev.token", &["token.value: it is not the token of an agent", "--set-file"]),
    ("token=x", &["/token", "got string, want object"]),
    ("rbac.bindings.viewer=view", &["/rbac/bindings/viewer", "got string, want null or array"]),
    ("rbac.bindings.Admin={view}", &["/rbac/bindings", "additional properties 'Admin' not allowed"]),
    ("config.kubectl.sandbox=maybe", &["/config/kubectl/sandbox", "'required', 'preferred', 'off'"]),
    ("config.tunnel.connections=17", &["/config/tunnel/connections", "maximum: got 17, want 16"]),
    ("config.token_file=/x", &["/config", "additional properties 'token_file' not allowed"]),
    ("networkPolicy.egress.apiServerPorts={https}", &["/networkPolicy/egress/apiServerPorts/0", "want integer"]),
];

#[test]
fn wrong_values_are_refused_with_the_reason() {
    let Some(helm) = Helm::find() else { return };
    helm.template("mk8s-agent", "default", &["--set", WHOLE]).expect(0);
    for (values, words) in CENTRAL {
        is_refused(&helm, "mk8s-central", &["--set", values], words);
    }
    for (values, words) in AGENT {
        is_refused(&helm, "mk8s-agent", &["--set", WHOLE, "--set", values], words);
    }
}

#[track_caller]
fn is_refused(helm: &Helm, chart: &str, args: &[&str], words: &[&str]) {
    let output = helm.template(chart, "default", args);
    assert!(output.code != 0 && output.stdout.is_empty(), "{chart} takes {args:?}: {}", output.out());
    for word in words {
        assert!(output.err().contains(word), "{chart} {args:?}: no {word:?} in: {}", output.err());
    }
}

#[test]
fn a_wrong_token_is_not_repeated() {
    let Some(helm) = Helm::find() else { return };
    let secret = "mk8s_pat_it-is-of-another-kind";
    let args = ["--set", "central.url=https://mk8s.example.com", "--set", &format!("token.value={secret}")];
    let output = helm.template("mk8s-agent", "default", &args);
    assert!(output.code != 0 && !output.err().contains(secret), "{}", output.err());
}
