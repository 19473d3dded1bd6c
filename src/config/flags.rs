//! The flags of the two servers; a flag that was not given leaves the key to the environment, the file and the default.

use std::ffi::OsString;
use std::path::PathBuf;

/// A flag that was given, and the key that it sets.
pub struct Flag {
    pub(super) name: &'static str,
    pub(super) key: &'static str,
    pub(super) value: OsString,
}

/// What stands behind a flag: its name, the key that it sets, and its value if it was given.
type Row = (&'static str, &'static str, Option<OsString>);

/// The flags of central.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct CentralFlags {
    /// The configuration file
    #[arg(long, value_name = "FILE", env = "MK8S_CENTRAL_CONFIG")]
    pub config: Option<PathBuf>,
    /// The address to listen on [default: 127.0.0.1:8443]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// The URL by which users and agents reach central
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// The directory for certificates and the database
    #[arg(long, value_name = "DIRECTORY")]
    pub data_dir: Option<PathBuf>,
    /// The least level that is logged, or a filter such as info,mk8s::tunnel=debug [default: info]
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// The form of a log line: text or json [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<String>,
}

/// The flags of an agent.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct AgentFlags {
    /// The configuration file
    #[arg(long, value_name = "FILE", env = "MK8S_AGENT_CONFIG")]
    pub config: Option<PathBuf>,
    /// The URL of central
    #[arg(long, value_name = "URL")]
    pub central: Option<String>,
    /// The name of this cluster [default: what the token says]
    #[arg(long, value_name = "NAME")]
    pub cluster: Option<String>,
    /// The file that holds this agent's token
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// The certificate authorities to trust, PEM [default: the system's]
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// The one authority to trust, `sha256:<hex>`
    #[arg(long, value_name = "PIN")]
    pub ca_pin: Option<String>,
    /// The kubeconfig of the cluster [default: the pod's ServiceAccount, or else the usual kubeconfig]
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// The kubectl to run: a path, or a name that is looked up in PATH [default: kubectl]
    #[arg(long, value_name = "PROGRAM")]
    pub kubectl: Option<PathBuf>,
    /// The least level that is logged, or a filter such as info,mk8s::tunnel=debug [default: info]
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// The form of a log line: text or json [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<String>,
}

impl CentralFlags {
    /// The flags that were given.
    pub(super) fn given(&self) -> Vec<Flag> {
        given(self.rows())
    }

    /// All flags.
    pub(super) fn rows(&self) -> Vec<Row> {
        vec![
            ("--listen", "listen", text(&self.listen)),
            ("--public-url", "public_url", text(&self.public_url)),
            ("--data-dir", "data_dir", path(&self.data_dir)),
            ("--log-level", "log.level", text(&self.log_level)),
            ("--log-format", "log.format", text(&self.log_format)),
        ]
    }
}

impl AgentFlags {
    /// The flags that were given.
    pub(super) fn given(&self) -> Vec<Flag> {
        given(self.rows())
    }

    /// All flags.
    pub(super) fn rows(&self) -> Vec<Row> {
        vec![
            ("--central", "central", text(&self.central)),
            ("--cluster", "cluster", text(&self.cluster)),
            ("--token-file", "token_file", path(&self.token_file)),
            ("--ca-file", "tls.ca_file", path(&self.ca_file)),
            ("--ca-pin", "tls.ca_pin", text(&self.ca_pin)),
            ("--kubeconfig", "kubeconfig", path(&self.kubeconfig)),
            ("--context", "context", text(&self.context)),
            ("--kubectl", "kubectl.path", path(&self.kubectl)),
            ("--log-level", "log.level", text(&self.log_level)),
            ("--log-format", "log.format", text(&self.log_format)),
        ]
    }
}

fn given(flags: Vec<Row>) -> Vec<Flag> {
    flags.into_iter().filter_map(|(name, key, value)| Some(Flag { name, key, value: value? })).collect()
}

fn text(flag: &Option<String>) -> Option<OsString> {
    flag.as_ref().map(OsString::from)
}

fn path(flag: &Option<PathBuf>) -> Option<OsString> {
    flag.as_ref().map(OsString::from)
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command, FromArgMatches};

    use super::*;
    use crate::config::load::{Role, defaults};
    use crate::config::{AgentConfig, CentralConfig, shape};

    /// Gives every flag but --config, and returns what arrived.
    fn all<F: Args + FromArgMatches>(given: impl Fn(&F) -> Vec<Flag>) -> (Vec<String>, Vec<Flag>) {
        let command = F::augment_args(Command::new("test"));
        let longs = command.get_arguments().filter_map(|a| a.get_long()).filter(|l| *l != "config");
        let longs: Vec<String> = longs.map(|l| format!("--{l}")).collect();
        let line = longs.iter().flat_map(|l| [l.clone(), format!("value of {l}")]);
        let matches = command.clone().get_matches_from(std::iter::once("test".to_owned()).chain(line));
        (longs, given(&F::from_arg_matches(&matches).unwrap()))
    }

    fn check<R: Role>((longs, flags): (Vec<String>, Vec<Flag>)) {
        assert_eq!(longs, flags.iter().map(|f| f.name).collect::<Vec<_>>());
        let defaults = defaults::<R>().unwrap();
        let keys: Vec<String> = shape::leaves(&defaults).into_iter().map(|l| l.key).collect();
        for flag in flags {
            assert_eq!(flag.value.to_str().unwrap(), format!("value of {}", flag.name));
            assert!(keys.iter().any(|k| k == flag.key), "{}", flag.key);
        }
    }

    #[test]
    fn every_flag_sets_a_key_that_exists() {
        check::<CentralConfig>(all(CentralFlags::given));
        check::<AgentConfig>(all(AgentFlags::given));
    }
}
