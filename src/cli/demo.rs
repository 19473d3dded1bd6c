//! `mk8s demo`: central and an agent in one process, on this machine only, ready to be tried.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::exit::Exit;
use super::{output, serve};
use crate::access::{generate_agent_token, generate_password};
use crate::client::{Client, Credential};
use crate::config::central::{Bootstrap, BootstrapCluster};
use crate::config::log::{self, LogConfig};
use crate::config::secret::read_password_file;
use crate::config::{AgentConfig, CentralConfig, ClientState, StoredSession};
use crate::model::session::{Login, Tokens};
use crate::model::{ClusterName, ClusterStatus, Email};
use crate::telemetry;
use crate::tls::Trust;

/// The name of the one cluster.
const CLUSTER: &str = "dev";

/// How long the agent may take to connect.
const READY_TIMEOUT: Duration = Duration::from_secs(30);

/// How long running commands may go on after Ctrl-C: nobody wants to wait for the `get --watch` of a demo.
const GRACE_SECONDS: u64 = 1;

/// What to try it with.
#[derive(Args)]
pub struct DemoArgs {
    /// The kubeconfig of the cluster [default: the current one]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Where certificates, tokens and env.sh are kept [default: a temporary directory]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The address of central
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The kubectl that the agent runs
    #[arg(long, value_name = "FILE", default_value = "kubectl")]
    kubectl: PathBuf,
    /// The least level of log lines [default: $MK8S_LOG, or else warn]
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
}

/// Runs both until SIGTERM or SIGINT.
pub async fn run(args: DemoArgs) -> anyhow::Result<Exit> {
    let level = match &args.log_level {
        Some(level) => level.clone(),
        None => log::from_environment()?.unwrap_or_else(|| "warn".to_owned()),
    };
    let log = LogConfig { level, ..LogConfig::default() };
    telemetry::start(&log);
    let place = Place::open(args.dir.as_deref())?;
    let cluster: ClusterName = CLUSTER.parse()?;
    let token_file = place.path.join("agent-token");
    write_private(&token_file, generate_agent_token()?.expose())?;
    let password_file = place.path.join("admin-password");
    if !password_file.exists() {
        write_private(&password_file, &format!("{}\n", generate_password()?.expose()))?;
    }

    let central = serve::bind_central(CentralConfig {
        listen: args.listen,
        data_dir: place.path.clone(),
        bootstrap: Bootstrap {
            admin_password_file: Some(password_file.clone()),
            clusters: vec![BootstrapCluster { name: cluster.clone(), token_file: token_file.clone() }],
            ..Bootstrap::default()
        },
        shutdown_grace_seconds: GRACE_SECONDS,
        log: log.clone(),
        ..CentralConfig::default()
    })
    .await?;
    let (server, ca_file) = (central.public_url().to_owned(), central.ca_file().context("central has no certificate")?);
    let mut agent = AgentConfig {
        central: Some(server.clone()),
        cluster: Some(cluster.clone()),
        token_file: Some(token_file),
        kubeconfig: args.kubeconfig,
        shutdown_grace_seconds: GRACE_SECONDS,
        log,
        ..AgentConfig::default()
    };
    agent.kubectl.path = args.kubectl;
    agent.tls.ca_file = Some(ca_file.clone());
    // The cluster knows nothing of the roles of mk8s yet.
    agent.kubernetes.impersonate = false;

    let stop = serve::stop_on_signal()?;
    let serving = tokio::spawn(central.serve(stop.clone()));
    let mut agent = Box::pin(serve::run_agent(agent, stop.clone()));
    let ready = async {
        let anonymous = Client::new(&server, &Trust::CaFile(ca_file.clone()))?;
        let tokens = log_in(&anonymous, &password_file).await?;
        let client = anonymous.with_credential(Credential::AccessToken(tokens.access_token.clone()));
        wait_until_online(&client, &cluster, &stop).await?;
        let session = StoredSession::new(&server, tokens, Timestamp::now());
        let env_file = place.write_client(&server, &ca_file, &cluster, session)?;
        output::print(&welcome(&env_file))?;
        std::future::pending::<anyhow::Result<()>>().await
    };
    let ended = tokio::select! {
        ended = &mut agent => ended,
        failed = ready => failed,
    };
    stop.cancel();
    serving.await?;
    ended.map(|()| Exit::OK)
}

/// Logs in as the first admin, with the password that the demo has given it.
async fn log_in(client: &Client, password_file: &Path) -> anyhow::Result<Tokens> {
    let password = read_password_file(password_file)?.expose_secret().to_owned();
    let login = Login { email: Email::first_admin().into(), password: password.into() };
    client.login(&login).await.with_context(|| {
        format!("cannot log in with the password in {} (was it changed? use another --dir)", password_file.display())
    })
}

async fn wait_until_online(client: &Client, cluster: &ClusterName, stop: &CancellationToken) -> anyhow::Result<()> {
    let online = async {
        while client.cluster(cluster).await?.status != ClusterStatus::Online {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    };
    tokio::select! {
        () = stop.cancelled() => std::future::pending().await,
        online = tokio::time::timeout(READY_TIMEOUT, online) => match online {
            Ok(online) => online,
            Err(_) => bail!("the agent did not connect within {} s", READY_TIMEOUT.as_secs()),
        }
    }
}

fn welcome(env_file: &Path) -> String {
    format!(
        "mk8s demo is ready: central and an agent run on this machine, Ctrl-C ends them.\n\
         In another terminal:\n\n  \
         . {}\n  \
         mk8s status\n  \
         mk8s clusters list\n  \
         mk8s kubectl get pods -A\n  \
         mk8s admin users create ann@example.com --role developer\n\n",
        env_file.display()
    )
}

/// The directory of a demo; a temporary one is removed at the end.
struct Place {
    path: PathBuf,
    _temporary: Option<TempDir>,
}

impl Place {
    fn open(dir: Option<&Path>) -> anyhow::Result<Self> {
        let Some(dir) = dir else {
            let temporary =
                tempfile::Builder::new().prefix("mk8s-demo-").tempdir().context("cannot make a directory")?;
            return Ok(Self { path: temporary.path().to_owned(), _temporary: Some(temporary) });
        };
        fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        Ok(Self { path: fs::canonicalize(dir)?, _temporary: None })
    }

    /// A client's state for this central, and the shell assignments that choose it.
    fn write_client(
        &self,
        server: &str,
        ca_file: &Path,
        cluster: &ClusterName,
        session: StoredSession,
    ) -> anyhow::Result<PathBuf> {
        let config = self.path.join("client.yaml");
        ClientState {
            server: Some(server.into()),
            ca_file: Some(ca_file.into()),
            cluster: Some(cluster.clone()),
            session: Some(session),
            ..ClientState::default()
        }
        .save(&config)?;
        let env_file = self.path.join("env.sh");
        let assignments = [
            ("MK8S_SERVER", server.to_owned()),
            ("MK8S_CONFIG", config.display().to_string()),
            ("MK8S_CA_FILE", ca_file.display().to_string()),
            ("MK8S_CLUSTER", cluster.to_string()),
        ];
        let text: String = assignments
            .iter()
            .map(|(name, value)| format!("export {name}='{}'\n", value.replace('\'', "'\\''")))
            .collect();
        // In one step: a script may be waiting for this file.
        let temporary = self.path.join("env.sh.new");
        write_private(&temporary, &text)?;
        fs::rename(&temporary, &env_file)?;
        Ok(env_file)
    }
}

fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))
}
