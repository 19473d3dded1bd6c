//! The layers and their errors, without the process's environment.

mod errors;

use std::path::PathBuf;

use super::*;
use crate::config::{AgentConfig, AgentFlags, CentralConfig, CentralFlags};

/// A file, an environment and flags.
struct Case {
    dir: tempfile::TempDir,
    text: Option<Vec<u8>>,
    vars: Vec<(&'static str, &'static str)>,
    flags: Vec<Flag>,
}

fn file(text: impl AsRef<[u8]>) -> Case {
    Case { text: Some(text.as_ref().to_owned()), ..vars(&[]) }
}

fn vars(vars: &[(&'static str, &'static str)]) -> Case {
    Case { dir: tempfile::tempdir().unwrap(), text: None, vars: vars.to_vec(), flags: vec![] }
}

impl Case {
    fn path(&self) -> PathBuf {
        self.dir.path().join("config.yaml")
    }

    fn load<T: Role>(self) -> Result<Loaded<T>, ConfigError> {
        if let Some(text) = &self.text {
            std::fs::write(self.path(), text).unwrap();
        }
        let path = self.path();
        let vars: Vec<_> = self.vars.iter().map(|(n, v)| (n.into(), v.into())).collect();
        load(Layers { file: self.text.is_some().then_some(&path), vars, flags: self.flags })
    }

    /// The error, without the directory of the file.
    fn error<T: Role + std::fmt::Debug>(self) -> String {
        let directory = format!("{}/", self.dir.path().display());
        let error = self.load::<T>().unwrap_err().to_string();
        assert!(!error.contains('\n') && !error.ends_with('.'), "{error}");
        error.replace(&directory, "")
    }
}

#[test]
fn later_layers_win_key_by_key() {
    let flags = CentralFlags { log_level: Some("trace".into()), ..CentralFlags::default() };
    let case = Case {
        vars: vec![("MK8S_CENTRAL_LOG__LEVEL", "debug"), ("MK8S_CENTRAL_LOG__FORMAT", "json")],
        flags: flags.given(),
        ..file("log:\n  level: warn\n  format: text\ntls:\n  mode: 'off'\n")
    };
    let loaded = case.load::<CentralConfig>().unwrap();
    assert_eq!(loaded.config.log.level, "trace");
    assert_eq!(*loaded.origin("log.level"), Origin::Flag("--log-level".into()));
    assert_eq!(*loaded.origin("log.format"), Origin::Variable("MK8S_CENTRAL_LOG__FORMAT".into()));
    assert!(matches!(loaded.origin("tls.mode"), Origin::File(_)));
    assert_eq!(*loaded.origin("listen"), Origin::Default);
    let yaml = loaded.to_yaml().unwrap();
    // The last one of a name: sections stand in the order of theirs.
    let line = |key: &str| yaml.lines().rfind(|l| l.trim_start().starts_with(key)).unwrap().trim().to_owned();
    let words = |key: &str| line(key).split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words("level:"), ["level:", "\"trace\"", "#", "--log-level"]);
    assert_eq!(words("format:"), ["format:", "\"json\"", "#", "MK8S_CENTRAL_LOG__FORMAT"]);
    assert_eq!(words("mode:"), ["mode:", "\"off\"", "#", "file"]);
    assert_eq!(words("data_dir:")[2..], ["#", "default"]);
    assert_eq!(file(&yaml).load::<CentralConfig>().unwrap().config.log.level, "trace");
}

#[test]
fn one_variable_sets_the_log_of_every_role() {
    let origin = |name: &str| Origin::Variable(name.into());
    for (vars, file_says, level, from) in [
        (&[("MK8S_LOG", "debug")][..], "warn", "debug", origin("MK8S_LOG")),
        (
            &[("MK8S_CENTRAL_LOG__LEVEL", "error"), ("MK8S_LOG", "debug")],
            "warn",
            "error",
            origin("MK8S_CENTRAL_LOG__LEVEL"),
        ),
        (
            &[("MK8S_LOG", "debug"), ("MK8S_CENTRAL_LOG__LEVEL", "error")],
            "warn",
            "error",
            origin("MK8S_CENTRAL_LOG__LEVEL"),
        ),
        (&[("MK8S_LOG", "debug"), ("MK8S_CENTRAL_LOG__LEVEL", "")], "warn", "debug", origin("MK8S_LOG")),
    ] {
        let case = Case { vars: vars.to_vec(), ..file(format!("log: {{level: {file_says}}}")) };
        let loaded = case.load::<CentralConfig>().unwrap();
        assert_eq!((loaded.config.log.level.as_str(), loaded.origin("log.level")), (level, &from), "{vars:?}");
    }
    let empty = Case { vars: vec![("MK8S_LOG", "")], ..file("log: {level: warn}") };
    assert_eq!(empty.load::<CentralConfig>().unwrap().config.log.level, "warn");
    let flags = CentralFlags { log_level: Some("trace".into()), ..CentralFlags::default() }.given();
    let flag = Case { vars: vec![("MK8S_LOG", "debug")], flags, ..vars(&[]) };
    assert_eq!(flag.load::<CentralConfig>().unwrap().config.log.level, "trace");
    assert_eq!(
        vars(&[("MK8S_LOG", "verbose")]).error::<CentralConfig>(),
        "log.level in the environment variable MK8S_LOG: \"verbose\" is no level or filter: use off, error, warn, info, debug, \
         trace or a filter such as info,mk8s::tunnel=debug"
    );
}

#[test]
fn a_password_in_a_url_takes_effect_and_is_not_shown() {
    use secrecy::ExposeSecret as _;
    let vars = [("MK8S_CENTRAL_DATABASE__URL", "postgres://u:hunter2@db/mk8s")];
    let case = Case { vars: vars.to_vec(), ..file("auth: {signing_key_file: /k.pem}\n") };
    let loaded = case.load::<CentralConfig>().unwrap();
    assert_eq!(loaded.config.database_url().unwrap().expose_secret(), "postgres://u:hunter2@db/mk8s");
    let yaml = loaded.to_yaml().unwrap();
    assert!(!yaml.contains("hunter2") && !format!("{loaded:?}").contains("hunter2"), "{yaml}");
    assert!(yaml.contains("url: \"postgres://u:***@db/mk8s\"  "), "{yaml}");
    let bad = [("MK8S_CENTRAL_DATABASE__URL", "mysql://u:hunter2@db")];
    let error = self::vars(&bad).error::<CentralConfig>();
    assert_eq!(
        error,
        "database.url in the environment variable MK8S_CENTRAL_DATABASE__URL: the URL starts neither with sqlite:// nor \
         with postgres://"
    );
}

const AGENT: [(&str, &str); 2] = [("MK8S_AGENT_CENTRAL", "https://a/"), ("MK8S_AGENT_TOKEN_FILE", "token")];

#[test]
fn a_text_from_the_environment_stays_a_text() {
    let mut case = vars(&AGENT);
    case.vars.extend([
        ("MK8S_AGENT_CLUSTER", "1234"),
        ("MK8S_AGENT_CONTEXT", "true"),
        ("MK8S_AGENT_KUBECONFIG", "[1]"),
        ("MK8S_AGENT_WORK_DIR", "0x10"),
        ("MK8S_AGENT_TUNNEL__CONNECTIONS", "4"),
        ("MK8S_AGENT_LOG__LEVEL", ""),
        ("MK8S_AGENT_CONFIG", "anything"),
        ("MK8S_CENTRAL_LISTEN", "not ours"),
        ("PATH", "/bin"),
    ]);
    let loaded = case.load::<AgentConfig>().unwrap();
    let config = &loaded.config;
    assert_eq!(config.cluster.as_ref().unwrap().as_str(), "1234");
    assert_eq!(config.context.as_deref(), Some("true"));
    assert_eq!(config.kubeconfig, Some("[1]".into()));
    assert_eq!(config.work_dir, Some("0x10".into()));
    assert_eq!((config.tunnel.connections, config.log.level.as_str()), (4, "info"));
    assert_eq!((config.central.as_deref(), config.token_file.clone()), (Some("https://a"), Some("token".into())));
    assert_eq!(*loaded.origin("log.level"), Origin::Default);
}

#[test]
fn a_number_that_a_flag_or_variable_gives_stays_a_text_where_one_is_meant() {
    let flags = AgentFlags { cluster: Some("007".into()), context: Some("1e3".into()), ..AgentFlags::default() };
    let config = Case { flags: flags.given(), ..vars(&AGENT) }.load::<AgentConfig>().unwrap().config;
    assert_eq!((config.cluster.unwrap().as_str(), config.context.as_deref()), ("007", Some("1e3")));
}

#[test]
fn a_wrong_variable_or_flag_is_named() {
    let error = |name: &'static str, value: &'static str| vars(&[(name, value)]).error::<CentralConfig>();
    let unknown = error("MK8S_CENTRAL_TLS_MODE", "off");
    assert!(
        unknown.starts_with(
            "the environment variable MK8S_CENTRAL_TLS_MODE is unknown: did you mean MK8S_CENTRAL_TLS__MODE?"
        ),
        "{unknown}"
    );
    assert!(unknown.contains("MK8S_CENTRAL_CONFIG"), "{unknown}");
    assert!(error("MK8S_CENTRAL_listen", "127.0.0.1:1").contains("did you mean MK8S_CENTRAL_LISTEN?"));
    assert_eq!(
        error("MK8S_CENTRAL_SHUTDOWN_GRACE_SECONDS", "1m"),
        "shutdown_grace_seconds in the environment variable MK8S_CENTRAL_SHUTDOWN_GRACE_SECONDS: \"1m\" is not a whole number of \
         seconds from 0 to 3600"
    );
    assert_eq!(
        error("MK8S_CENTRAL_TLS__MODE", "on"),
        "tls.mode in the environment variable MK8S_CENTRAL_TLS__MODE: \"on\" is unknown: allowed: auto, files, off"
    );
    assert_eq!(
        error("MK8S_CENTRAL_BOOTSTRAP__CLUSTERS", "[]"),
        "bootstrap.clusters in the environment variable MK8S_CENTRAL_BOOTSTRAP__CLUSTERS: a list can be written in the \
         configuration file only: move it there"
    );
    let flags = CentralFlags { listen: Some("8443".into()), ..CentralFlags::default() };
    assert_eq!(
        Case { flags: flags.given(), ..vars(&[]) }.error::<CentralConfig>(),
        "listen in the flag --listen: \"8443\" is not an IP address with a port, such as 127.0.0.1:8443"
    );
}

#[test]
fn values_that_are_not_utf8_are_refused_not_mangled() {
    use std::os::unix::ffi::OsStringExt;
    let bad = || OsString::from_vec(b"a\xff".to_vec());
    let vars = [("MK8S_CENTRAL_DATA_DIR".into(), bad())];
    let error = load::<CentralConfig>(Layers { file: None, vars, flags: vec![] }).unwrap_err().to_string();
    assert_eq!(error, "data_dir in the environment variable MK8S_CENTRAL_DATA_DIR: the value is not valid UTF-8");
    let flags = CentralFlags { data_dir: Some(bad().into()), ..CentralFlags::default() };
    let error = load::<CentralConfig>(Layers { file: None, vars: [], flags: flags.given() }).unwrap_err().to_string();
    assert_eq!(error, "data_dir in the flag --data-dir: the value is not valid UTF-8");
}

#[test]
fn variables_that_kubernetes_sets_for_a_service_are_not_settings() {
    let links = [
        ("MK8S_CENTRAL_SERVICE_HOST", "10.0.0.1"),
        ("MK8S_CENTRAL_SERVICE_PORT", "443"),
        ("MK8S_CENTRAL_SERVICE_PORT_HTTPS", "443"),
        ("MK8S_CENTRAL_PORT", "tcp://10.0.0.1:443"),
        ("MK8S_CENTRAL_PORT_443_TCP_ADDR", "10.0.0.1"),
        ("MK8S_CENTRAL_METRICS_SERVICE_HOST", "10.0.0.2"),
        ("MK8S_CENTRAL_METRICS_PORT", "tcp://10.0.0.2:9090"),
    ];
    assert!(vars(&links).load::<CentralConfig>().is_ok());
    assert!(vars(&links[3..4]).load::<CentralConfig>().is_err());
}

#[test]
fn relative_paths_of_a_file_start_at_the_file() {
    let case = file(
        "data_dir: data\ntls: {mode: files, cert_file: ../c.pem, key_file: /k.pem}\n\
         database: {url_file: url}\nauth: {signing_key_file: s.pem, accepted_key_files: [a.pem, /b.pem]}\n\
         bootstrap: {admin_password_file: password, clusters: [{name: dev, token_file: dev.token}]}\n",
    );
    let dir = case.dir.path().to_owned();
    let config = case.load::<CentralConfig>().unwrap().config;
    assert_eq!(config.data_dir, dir.join("data"));
    assert_eq!(config.tls.cert_file, Some(dir.join("../c.pem")));
    assert_eq!(config.tls.key_file, Some("/k.pem".into()));
    assert_eq!(config.database.url_file, Some(dir.join("url")));
    assert_eq!(config.auth.signing_key_file, Some(dir.join("s.pem")));
    assert_eq!(config.auth.accepted_key_files, [dir.join("a.pem"), "/b.pem".into()]);
    assert_eq!(config.bootstrap.admin_password_file, Some(dir.join("password")));
    assert_eq!(config.bootstrap.clusters[0].token_file, dir.join("dev.token"));
    for (program, path) in [("kubectl-1.36", "kubectl-1.36".into()), ("./bin/kubectl", dir.join("./bin/kubectl"))] {
        let case = Case { dir: tempfile::tempdir().unwrap(), ..file(format!("kubectl: {{path: {program}}}\n")) };
        let directory = case.dir.path().to_owned();
        let found = Case { vars: AGENT.to_vec(), ..case }.load::<AgentConfig>().unwrap().config.kubectl.path;
        assert_eq!(
            found.strip_prefix(&directory).unwrap_or(&found),
            PathBuf::from(&path).strip_prefix(&dir).unwrap_or(&path)
        );
    }
}
