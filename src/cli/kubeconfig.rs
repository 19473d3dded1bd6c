//! `mk8s kubeconfig`: the entries by which native clients find the clusters and get their tokens.

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::{Args, Subcommand};

use super::exit::{CliError, Exit, with_hint};
use super::output;
use super::session::{Session, SessionArgs};
use crate::client::Client;
use crate::config::client::normalised;
use crate::config::{KubeconfigFile, kubeconfig};
use crate::kubernetes::kubeconfig::{Change, Hub, KubeconfigError, MAX_BYTES, PREFIX, Plugin, Wanted, edit};
use crate::model::{ClusterName, ErrorCode};
use crate::tls::export;

/// What to do with a kubeconfig.
#[derive(Subcommand)]
pub enum KubeconfigCommand {
    /// Print a kubeconfig of its own
    Print(PrintArgs),
    /// Add the clusters to the kubeconfig file, or bring them up to date; nothing else in it changes
    ///
    /// Without names: all clusters that you may see, and those that you no longer see are removed.
    Write(WriteArgs),
    /// Remove the clusters of this central from the kubeconfig file; without names all, and the user
    Remove(RemoveArgs),
}

/// Which clusters.
#[derive(Args)]
pub struct Names {
    /// The clusters [default: all]
    #[arg(value_name = "CLUSTER")]
    names: Vec<ClusterName>,
    /// What the names of contexts and clusters begin with, to tell two centrals or two users apart
    #[arg(long, default_value = PREFIX, value_parser = prefix)]
    prefix: String,
}

/// Options of `print`.
#[derive(Args)]
pub struct PrintArgs {
    #[command(flatten)]
    names: Names,
    /// Make the cluster, or with several of them the chosen one, the current context
    #[arg(long = "use")]
    make_current: bool,
}

/// Options of `write`.
#[derive(Args)]
pub struct WriteArgs {
    #[command(flatten)]
    print: PrintArgs,
    /// The file [default: the first of KUBECONFIG that exists, or else its last, or ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Options of `remove`.
#[derive(Args)]
pub struct RemoveArgs {
    #[command(flatten)]
    names: Names,
    /// The file [default: the first of KUBECONFIG that exists, or else its last, or ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Runs the command.
pub async fn run(session: &SessionArgs, command: KubeconfigCommand) -> anyhow::Result<Exit> {
    let session = session.resolve()?;
    match command {
        KubeconfigCommand::Print(args) => {
            let wanted = wanted(&session, &args).await?;
            let hub = hub(&session, args.names.prefix);
            output::print(&edit("", &hub.put("", &wanted)?)?)
        }
        KubeconfigCommand::Write(args) => write(&session, args).await,
        KubeconfigCommand::Remove(args) => remove(&session, args).await,
    }
}

async fn write(session: &Session, args: WriteArgs) -> anyhow::Result<Exit> {
    let wanted = wanted(session, &args.print).await?;
    let path = args.file.unwrap_or_else(kubeconfig::default_path);
    let hub = hub(session, args.print.names.prefix);
    let change = change(&path, |text| hub.put(text, &wanted)).await?;
    let (changed, gone) = change.counts();
    let same = wanted.clusters.len() - changed;
    output::say(&format!("{}: clusters: {changed} written, {gone} removed, {same} as they were", path.display()));
    match (&change.current_context, wanted.clusters.first()) {
        (Some(context), _) => output::say(&format!("  the current context is now {context}")),
        (None, Some(first)) => {
            output::say(&format!("  next: kubectl --context {} get namespaces", hub.entry_name(first)))
        }
        (None, None) => {}
    }
    Ok(Exit::OK)
}

async fn remove(session: &Session, args: RemoveArgs) -> anyhow::Result<Exit> {
    let path = args.file.unwrap_or_else(kubeconfig::default_path);
    let names: Vec<String> = args.names.names.iter().map(ToString::to_string).collect();
    let hub = hub(session, args.names.prefix);
    let only = (!names.is_empty()).then_some(names.as_slice());
    let (_, gone) = change(&path, |text| hub.remove(text, only)).await?.counts();
    output::say(&format!("{}: clusters: {gone} removed", path.display()));
    Ok(Exit::OK)
}

/// Changes a file under its lock, if there is something to change.
async fn change(path: &Path, find: impl FnOnce(&str) -> Result<Change, KubeconfigError>) -> anyhow::Result<Change> {
    let file = KubeconfigFile::lock(path).await?;
    let text = file.read(MAX_BYTES)?;
    let explain = |error: KubeconfigError| {
        let hint = match &error {
            KubeconfigError::Taken { .. } => "give other names with --prefix, or remove that entry".to_owned(),
            _ => format!("--file with a file of its own, and then KUBECONFIG={}:FILE", path.display()),
        };
        CliError::usage(format!("{} is left as it is: {error}", path.display()), hint)
    };
    let change = find(&text).map_err(explain)?;
    let result = edit(&text, &change).map_err(explain)?;
    if change.is_empty() {
        return Ok(change);
    }
    file.write(&result)?;
    Ok(change)
}

/// The central of a session, with this prefix.
pub fn hub(session: &Session, prefix: String) -> Hub {
    Hub { server: normalised(&session.server), prefix }
}

/// What a kubeconfig shall hold, after central was asked.
async fn wanted(session: &Session, args: &PrintArgs) -> anyhow::Result<Wanted> {
    let chosen = match (args.make_current, args.names.names.as_slice()) {
        (false, _) => None,
        (true, [one]) => Some(one.clone()),
        (true, _) => Some(session.cluster()?),
    };
    let names = &args.names.names;
    let wanted = ask(session, names, chosen).await?;
    match &wanted.current {
        Some(current) if !wanted.clusters.contains(current) => {
            Err(CliError::usage(format!("{current:?} is not among the clusters that are written"), "name it too")
                .into())
        }
        _ => Ok(wanted),
    }
}

/// The same for these clusters, or all.
pub async fn ask(session: &Session, names: &[ClusterName], current: Option<ClusterName>) -> anyhow::Result<Wanted> {
    let hub = hub(session, String::new());
    if !hub.server.starts_with("https://") {
        let what = format!("kubectl shows its token over https:// only, and central is {}", hub.server);
        return Err(CliError::usage(what, "mk8s kubectl, or a central with TLS").into());
    }
    let client = session.client().await?;
    let clusters: Vec<String> = if names.is_empty() {
        client.clusters().await?.into_iter().map(|cluster| cluster.name.to_string()).collect()
    } else {
        for name in names {
            client.cluster(name).await.map_err(|e| with_hint(e, ErrorCode::NotFound, "mk8s clusters list"))?;
        }
        // A cluster that is named twice is written once.
        names.iter().map(ToString::to_string).collect::<BTreeSet<_>>().into_iter().collect()
    };
    Ok(Wanted {
        clusters,
        authority: authority(session, &client).await?.map(|pem| BASE64_STANDARD.encode(pem)),
        server_name: session.authority.server_name.clone(),
        plugin: plugin(session, &hub.server)?,
        others_go: names.is_empty(),
        current: current.map(|name| name.to_string()),
    })
}

/// The authorities that kubectl has to be given; `None` for the system's.
async fn authority(session: &Session, client: &Client) -> anyhow::Result<Option<String>> {
    match (&session.authority.ca_file, &session.authority.ca_pin) {
        (Some(file), _) => Ok(Some(export::of_file(file)?)),
        (None, Some(pin)) => Ok(Some(client.authority(pin).await?)),
        (None, None) => Ok(None),
    }
}

fn plugin(session: &Session, server: &str) -> anyhow::Result<Plugin> {
    let mut args = vec!["credential".to_owned(), "--server".to_owned(), server.to_owned()];
    if let Some(file) = session.authority.ca_file.as_ref().filter(|_| !session.remembers_authority) {
        args.extend(["--ca-file".to_owned(), absolute(file)?]);
    }
    let state = env::var_os("MK8S_CONFIG").filter(|file| !file.is_empty());
    let env = state.map(|file| Ok::<_, anyhow::Error>(("MK8S_CONFIG".to_owned(), absolute(Path::new(&file))?)));
    Ok(Plugin { command: command()?, args, env: env.transpose()?.into_iter().collect() })
}

/// A path for other programs, which run in other directories.
pub fn absolute(file: &Path) -> anyhow::Result<String> {
    let file = std::path::absolute(file).with_context(|| format!("cannot find {}", file.display()))?;
    utf8(file)
}

fn utf8(file: PathBuf) -> anyhow::Result<String> {
    file.into_os_string().into_string().map_err(|file| {
        CliError::usage(format!("the path {file:?} is not valid UTF-8"), "a kubeconfig has UTF-8 alone: move the file")
            .into()
    })
}

/// This program: `mk8s`, if that is what kubectl will find, or its whole path.
fn command() -> anyhow::Result<String> {
    let own = env::current_exe().context("cannot find this program itself")?;
    let path = env::var_os("PATH").unwrap_or_default();
    let found =
        env::split_paths(&path).filter(|dir| dir.is_absolute()).map(|dir| dir.join("mk8s")).find(|p| p.is_file());
    let same = found
        .and_then(|found| found.canonicalize().ok())
        .is_some_and(|found| own.canonicalize().is_ok_and(|own| own == found));
    if same { Ok("mk8s".to_owned()) } else { utf8(own) }
}

fn prefix(text: &str) -> Result<String, String> {
    match text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.' | b'@')) {
        true => Ok(text.to_owned()),
        false => Err("letters, digits, and -_.@ only".to_owned()),
    }
}
