//! Which central and which cluster a command is for: flags and environment before the remembered state.

use std::path::PathBuf;

use clap::Args;

use super::exit::{CliError, Exit};
use crate::client::Client;
use crate::config::{ClientState, paths};
use crate::model::ClusterName;
use crate::tls::Trust;

/// Options that every command of the client takes.
#[derive(Args, Clone)]
pub struct SessionArgs {
    /// The URL of central
    #[arg(long, env = "MK8S_SERVER", value_name = "URL", global = true)]
    server: Option<String>,
    /// The certificate authorities to trust for it, PEM
    #[arg(long, env = "MK8S_CA_FILE", value_name = "FILE", global = true)]
    ca_file: Option<PathBuf>,
    /// The cluster
    #[arg(long, env = "MK8S_CLUSTER", value_name = "NAME", global = true)]
    cluster: Option<String>,
}

/// The settings that are in force.
pub struct Session {
    /// The URL of central.
    pub server: String,
    /// The file of authorities.
    pub ca_file: Option<PathBuf>,
    /// The cluster, if one is chosen.
    pub cluster: Option<String>,
}

impl SessionArgs {
    /// What is in force, with the remembered state behind flags and environment.
    pub fn resolve(&self) -> anyhow::Result<Session> {
        let state = ClientState::load(&paths::client_state())?;
        let given = |value: &Option<String>| value.clone().filter(|v| !v.is_empty());
        let own_server = given(&self.server);
        // The remembered authorities belong to the remembered server.
        let same = own_server.is_none() || own_server == state.server;
        let server = own_server.or(state.server).ok_or_else(|| CliError {
            what: "no central is known".into(),
            hint: Some("mk8s login https://mk8s.example.com, or set --server (MK8S_SERVER)".into()),
            exit: Exit::NOT_LOGGED_IN,
        })?;
        let ca_file = self.ca_file.clone().filter(|f| !f.as_os_str().is_empty()).or(state.ca_file.filter(|_| same));
        let cluster = given(&self.cluster).or(state.cluster.filter(|_| same).map(String::from));
        Ok(Session { server, ca_file, cluster })
    }

    /// The file of authorities that was given for this command.
    pub fn ca_file(&self) -> Option<PathBuf> {
        self.ca_file.clone()
    }
}

impl Session {
    /// A client for the central.
    pub fn client(&self) -> anyhow::Result<Client> {
        Ok(Client::new(&self.server, &Trust::from_options(self.ca_file.as_deref(), None))?)
    }

    /// The cluster, which must be chosen.
    pub fn cluster(&self) -> anyhow::Result<ClusterName> {
        let Some(name) = &self.cluster else {
            let hint = "mk8s clusters use <name>, or --cluster <name> (MK8S_CLUSTER) before the command";
            return Err(CliError::usage("no cluster is chosen", hint).into());
        };
        name.parse().map_err(|e| CliError::usage(format!("{e}"), "mk8s clusters list").into())
    }
}
