//! Commented configuration files to start from, with every key: `mk8s config init`.
//!
//! A line `#key: value` shows a default and can be uncommented as it is; a line `# text` is an explanation.

use super::paths;

/// A configuration file for central.
pub fn central() -> String {
    let data_dir = serde_json::to_string(&paths::data_dir("central")).unwrap_or_else(|_| "null".into());
    CENTRAL.replace("{data_dir}", &data_dir)
}

/// A configuration file for an agent; its two required keys hold examples.
pub fn agent() -> String {
    AGENT.to_owned()
}

/// A state file for the client.
pub fn client() -> String {
    CLIENT.to_owned()
}

pub(super) const CENTRAL: &str = r#"# Configuration of `mk8s serve central`.
# Order: defaults < this file < environment (MK8S_CENTRAL_TLS__MODE sets tls.mode) < flags.
# Relative paths are relative to the directory of this file. Check it with `mk8s config check central --config FILE`.

# The address and port of the listener for users, and for agents unless agents.listen is set.
# Another address than a loopback one needs tls.mode auto or files, or a declared proxy (tls.terminated_by_proxy).
# Port 0 takes a free port.
#listen: 127.0.0.1:8443

# The URL (scheme, host, port) by which users reach central, and agents unless agents.listen is set; its host is in the
# certificate of tls.mode auto. http:// only with tls.mode off. Default: https://localhost:<port>.
# Example: https://mk8s.example.com
#public_url: null

# The directory for certificates and, by default, keys and the database.
# Default: $XDG_DATA_HOME/mk8s/central, or ~/.local/share/mk8s/central.
#data_dir: {data_dir}

# Encryption of the listeners, TLS 1.2 or 1.3. Files that change are read again while central runs.
tls:
  # Where the certificate comes from.
  #   auto:  a development authority in <data_dir>/tls, made at the first start; renewed 30 days before its end
  #   files: cert_file and key_file
  #   off:   no encryption; on a loopback address, or behind a proxy (terminated_by_proxy)
  #mode: auto

  # For mode files, and required there: the certificate and those that signed it, a PEM file, in any order.
  #cert_file: null

  # For mode files, and required there: the private key (RSA, ECDSA or Ed25519), a PEM file; it may be the same as cert_file.
  #key_file: null

  # The authorities whose client certificates are accepted, a PEM file. Default: none is asked for.
  # An agent's certificate is for the cluster that its URI mk8s://cluster/<name> names.
  #client_ca: null

  # For mode off: whether a proxy in front of central speaks TLS in its place. Needs trusted_proxies.
  #terminated_by_proxy: false

# The networks of the proxies in front of central: from them, and from nobody else, the header X-Forwarded-For is
# believed.
#trusted_proxies: []

# What is special to agents.
agents:
  # The address and port of a listener of their own: what users ask for does not exist on it, nor what agents ask for on
  # listen. Default: agents use listen.
  #listen: null

  # The URL by which they reach that listener; only with agents.listen. Default: the host of public_url, with the port of agents.listen.
  #public_url: null

  # Whether an agent must show a client certificate for its cluster, besides its token. Needs tls.client_ca.
  #require_client_certificate: false

# Whether the web console is served at /console/, to users.
#console: true

# What central has to remember.
database:
  # Which database; the URL may hold a password, which is better kept in url_file.
  #   sqlite:///var/lib/mk8s/mk8s.db  a file, by its whole path
  #   postgres://user@host/database   PostgreSQL, for production; needs auth.signing_key_file
  # Default: sqlite://<data_dir>/mk8s.db
  #url: null

  # The file that holds the URL, in place of url, so that a password in it is in no configuration.
  #url_file: null

  # How many connections to the database there may be.
  #connections: 8

# Logins of users.
auth:
  # The RSA key that signs access tokens, a PEM file such as `openssl genrsa 2048` makes, with 2048 bits or more.
  # Required with PostgreSQL, since all centrals of a database must have the same.
  # Default: <data_dir>/keys/signing.pem, made at the first start.
  #signing_key_file: null

  # Keys whose access tokens are accepted besides, PEM, public or private: the previous or the next key of a rotation.
  # Example: [previous.pem]
  #accepted_key_files: []

  # How long an access token lives, in seconds.
  #access_token_seconds: 600

  # How long a session lives from its login on, in days; refreshing does not extend it.
  #session_days: 30

# The audit log, in the database.
audit:
  # Whether plain reads (get, list and watch, but of secrets) wait until they are recorded; everything else does.
  #   batch:  they do not: they are written within a second, and those of that second are lost when central is killed
  #   strict: they do
  #reads: batch

  # For how many days records of the audit log are kept; 0 is for ever.
  #retention_days: 365

  # A file that gets all records besides, as JSON lines, for a program that ships logs; /dev/stdout is standard output.
  # The file may be moved away at any time.
  #export_file: null

# Metrics and probes, without a token: a listener that stays inside.
metrics:
  # The address and port of the listener that serves /metrics, /health and /ready, encrypted as the others.
  # Default: there is none. Example: 0.0.0.0:9090
  #listen: null

# What exists from the first start on.
bootstrap:
  # The address of the first admin.
  #admin_email: admin@localhost

  # The file that holds the password of the first admin. Default: one that is made up and shown once.
  #admin_password_file: null

  # Clusters that exist from the first start on, each with the file that holds the token of its agents. A name may be
  # declared once: 1 to 63 lower case letters, digits and hyphens. Example:
  #   clusters:
  #     - name: dev
  #       token_file: dev.token
  #clusters: []

# How long running requests may go on after a stop was asked for, in seconds.
#shutdown_grace_seconds: 25

# Logging, to standard error.
log:
  # The least level: off, error, warn, info, debug, trace, or a filter such as info,mk8s::tunnel=debug
  #level: info

  # The form of a line: text for people, json for programs.
  #format: text
"#;

pub(super) const AGENT: &str = r#"# Configuration of `mk8s serve agent`.
# Order: defaults < this file < environment (MK8S_AGENT_TLS__CA_FILE sets tls.ca_file) < flags.
# Relative paths are relative to the directory of this file. Check it with `mk8s config check agent --config FILE`.

# Required: the URL of central, with scheme, host and port. http:// is accepted for loopback hosts only.
central: https://mk8s.example.com

# Required: the file that holds this agent's token.
token_file: agent.token

# The name of this cluster: lower case letters, digits and hyphens. Default: what the token says.
# Central refuses a name that the token does not stand for.
#cluster: null

# How central is recognised: by ca_file or ca_pin (set at most one), or else by the system's certificate authorities.
tls:
  # The certificate authorities to trust, a PEM file. Default: those of the system.
  #ca_file: null

  # The one authority to trust, not together with tls.ca_file: sha256: and the 64 hexadecimal digits of the SHA-256 of its certificate (DER).
  #ca_pin: null

  # The certificate that is shown to central, a PEM file, and its private key. It names the cluster by the URI
  # mk8s://cluster/<name>. Set both or neither. Files that change are read again for each connection.
  #client_cert_file: null
  #client_key_file: null

  # The name that must be in central's certificate. Default: the host of central.
  #server_name: null

# The kubeconfig of the cluster, a file. Default: the ServiceAccount of the pod, or else the usual kubeconfig.
#kubeconfig: null

# The context of the kubeconfig. Default: its current one.
#context: null

# The kubectl that is run for users.
kubectl:
  # The program: a path, or a name without a slash that is looked up in PATH.
  #path: kubectl

  # Whether its commands are confined by the kernel to their own directory and the cluster; mk8s clusters show tells
  # what holds.
  #   required:  the agent does not start where files and network cannot be confined, which takes Linux 6.7
  #   preferred: as far as the kernel can, with a warning when something is missing
  #   off:       not at all
  #sandbox: preferred

# How requests to the cluster are made.
kubernetes:
  # Whether they act as the caller: user <email>, group mk8s:<role> for each role. The agent's own account then needs
  # nothing but the right to impersonate, and the cluster's own roles and audit apply to the caller too.
  # With false they have the rights of the agent's account, and the roles of mk8s are the only limit.
  #impersonate: true

  # The namespace in which the agent runs; only roles that name it cover it. Default: that of the pod's ServiceAccount.
  #namespace: null

# The connections to central.
tunnel:
  # How many tunnels there may be; the first is always open, the others while commands run, and for 30 s after.
  #connections: 2

# Where the directories of running commands are made, with the files that come along: up to 1 GiB. Letters, digits and
# the characters . _ - / only, or commands with files are refused. Default: the system's temporary directory.
#work_dir: null

# How long running commands may go on after a stop was asked for, in seconds.
#shutdown_grace_seconds: 25

# Metrics and probes, without a token: a listener that stays inside.
metrics:
  # The address and port of the listener that serves /metrics, /health and /ready, with a certificate of its own making.
  # Default: there is none. Example: 0.0.0.0:9090
  #listen: null

# Logging, to standard error.
log:
  # The least level: off, error, warn, info, debug, trace, or a filter such as info,mk8s::tunnel=debug
  #level: info

  # The form of a line: text for people, json for programs.
  #format: text
"#;

pub(super) const CLIENT: &str = r#"# State of the mk8s client, by default ~/.mk8s/config.yaml. Its commands rewrite this file without the comments.
# Relative paths are relative to the directory of this file.

# The URL of central, with scheme, host and port. http:// is accepted for loopback hosts only.
# Example: https://mk8s.example.com
#server: null

# The certificate authorities to trust for it, a PEM file. Default: those of the system.
#ca_file: null

# The one authority to trust for it instead, as sha256: and the SHA-256 of its certificate. Not together with ca_file.
#ca_pin: null

# The certificate that is shown to it if it asks for one, a PEM file, and its private key: `mk8s login
# --client-cert-file` and `--client-key-file`. Both or neither.
#client_cert_file: null
#client_key_file: null

# The name that must be in its certificate: `mk8s login --server-name`. Default: the host of server.
#server_name: null

# The current cluster: `mk8s clusters use`.
#cluster: null

# What `mk8s login` left. Whoever has these tokens is logged in: keep this file to yourself.
session:
  # The server that the session is with; it is used for no other.
  #server: null

  # Who is logged in.
  #email: null

  # Shown with each request, and until when it is valid. `mk8s config show client` does not show it.
  #access_token: null
  #access_expires_at: null

  # For the next access token, and until when the session can be continued. Not shown either.
  #refresh_token: null
  #refresh_expires_at: null
"#;

#[cfg(test)]
mod tests {
    use figment::value::Dict;

    use super::*;
    use crate::config::load::{Layers, Loaded, Role, defaults, load, table};
    use crate::config::{AgentConfig, CentralConfig, ClientState, shape, yaml};

    fn load_text<T: Role>(text: &str) -> Loaded<T> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.yaml");
        std::fs::write(&path, text).unwrap();
        load(Layers { file: Some(&path), vars: [], flags: vec![] }).unwrap()
    }

    /// Uncomments every default: `#key: value`, which no explanation looks like.
    fn uncommented(template: &str) -> String {
        let line = |line: &str| {
            let text = line.trim_start();
            let indent = &line[..line.len() - text.len()];
            match text.strip_prefix('#') {
                Some(key) if key.starts_with(|c: char| c.is_ascii_lowercase()) => format!("{indent}{key}"),
                _ => line.to_owned(),
            }
        };
        template.lines().map(line).collect::<Vec<_>>().join("\n")
    }

    fn keys(dict: &Dict) -> Vec<String> {
        shape::leaves(dict).into_iter().map(|leaf| leaf.key).collect()
    }

    /// The template loads as it is, shows every key, and shows it with its default, but for the required ones.
    fn check<T: Role>(template: &str, required: &[&str]) {
        load_text::<T>(template);
        let uncommented = uncommented(template);
        let defaults = defaults::<T>().unwrap();
        assert_eq!(keys(&yaml::parse(&uncommented).unwrap()), keys(&defaults));
        let mut loaded = table(&load_text::<T>(&uncommented).config).unwrap();
        for key in required {
            assert!(template.contains(&format!("\n{key}: ")), "{key}");
            loaded.insert((*key).to_owned(), defaults[*key].clone());
        }
        assert_eq!(loaded, defaults);
    }

    #[test]
    fn the_template_of_central_shows_the_defaults() {
        check::<CentralConfig>(&central(), &[]);
    }

    #[test]
    fn the_template_of_an_agent_shows_the_defaults() {
        check::<AgentConfig>(&agent(), &["central", "token_file"]);
    }

    #[test]
    fn the_template_of_the_client_shows_the_defaults() {
        check::<ClientState>(&client(), &[]);
    }
}
