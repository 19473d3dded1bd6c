//! `mk8s env` and `mk8s shell`: kubectl for one cluster in one shell, whatever the kubeconfig of the user holds.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use tokio::process::Command;

use super::exit::{CliError, Exit};
use super::kubeconfig::{absolute, ask, hub};
use super::output;
use super::runtime::signals_for_a_child;
use super::session::{Session, SessionArgs};
use crate::config::{KubeconfigFile, paths, private_file};
use crate::kubernetes::kubeconfig::{Hub, MAX_BYTES, PREFIX, Wanted, edit};
use crate::model::ClusterName;

/// Options of `env`.
#[derive(Args)]
pub struct EnvArgs {
    /// The cluster [default: the chosen one]
    name: Option<ClusterName>,
    /// Whose syntax to print
    #[arg(long, value_enum, default_value_t = Shell::Sh)]
    shell: Shell,
}

/// Options of `shell`.
#[derive(Args)]
pub struct ShellArgs {
    /// The cluster [default: the chosen one]
    name: Option<ClusterName>,
    /// A command to run instead of the shell: SHELL, or on Windows COMSPEC
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// The kinds of shells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// sh and all that are like it
    #[value(aliases = ["bash", "zsh", "dash", "ksh"])]
    Sh,
    /// fish
    Fish,
}

/// Prints assignments for the shell that evaluates them.
pub async fn env(session: &SessionArgs, args: EnvArgs) -> anyhow::Result<Exit> {
    let session = session.resolve()?;
    let name = args.name.map_or_else(|| session.cluster(), Ok)?;
    let (hub, wanted) = wanted(&session, &name).await?;
    let path = directory(&hub)?.join(format!("{name}.yaml"));
    let file = KubeconfigFile::lock(&path).await?;
    // A namespace that was chosen in it stays; what cannot be edited is replaced, for the file is ours.
    let old = file.read(MAX_BYTES).unwrap_or_default();
    let kept = hub.put(&old, &wanted).and_then(|change| edit(&old, &change));
    let text = kept.or_else(|_| whole(&hub, &wanted))?;
    if text != old {
        private_file::replace(&path, &text)?;
    }
    let variables = variables(&session, &name, &path)?;
    let lines = variables.iter().map(|(variable, value)| args.shell.assignment(variable, value));
    output::print(&lines.collect::<String>())
}

/// Runs a shell or a command; its exit code.
pub async fn run(session: &SessionArgs, args: ShellArgs) -> anyhow::Result<Exit> {
    let session = session.resolve()?;
    let name = args.name.map_or_else(|| session.cluster(), Ok)?;
    let (hub, wanted) = wanted(&session, &name).await?;
    // Each shell has a file of its own, so that a namespace that is chosen in one is not chosen in another.
    let file = tempfile::Builder::new()
        .prefix(&format!("{name}-"))
        .suffix(".yaml")
        .tempfile_in(directory(&hub)?)
        .context("cannot make a kubeconfig for the shell")?
        .into_temp_path();
    private_file::replace(&file, &whole(&hub, &wanted)?)?;
    let (variable, default) = if cfg!(windows) { ("COMSPEC", "cmd.exe") } else { ("SHELL", "/bin/sh") };
    let shell = env::var_os(variable).filter(|shell| !shell.is_empty()).unwrap_or_else(|| default.into());
    let (program, arguments) =
        args.command.split_first().map_or((&shell, [].as_slice()), |(first, rest)| (first, rest));
    let _kept = signals_for_a_child();
    let mut child =
        Command::new(program).args(arguments).envs(variables(&session, &name, &file)?).spawn().map_err(|error| {
            CliError { what: format!("cannot run {}: {error}", program.display()), hint: None, exit: Exit(127) }
        })?;
    if args.command.is_empty() {
        output::say(&format!("kubectl speaks to the cluster {:?} in this shell, until it ends", name.as_str()));
    }
    Ok(code(child.wait().await?))
}

async fn wanted(session: &Session, name: &ClusterName) -> anyhow::Result<(Hub, Wanted)> {
    let wanted = ask(session, std::slice::from_ref(name), Some(name.clone())).await?;
    Ok((hub(session, PREFIX.to_owned()), wanted))
}

fn whole(hub: &Hub, wanted: &Wanted) -> Result<String, crate::kubernetes::kubeconfig::KubeconfigError> {
    edit("", &hub.put("", wanted)?)
}

/// Where the files are: beside the client's state, by central.
fn directory(hub: &Hub) -> anyhow::Result<PathBuf> {
    let state = std::path::absolute(paths::client_state()).context("cannot find the client's state")?;
    // A colon would end the path in KUBECONFIG, and no name on Windows has one.
    let host = hub.host().replace(':', "+");
    let directory = state.parent().unwrap_or(Path::new("/")).join("kubeconfigs").join(host);
    private_file::create_directory(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    Ok(directory)
}

/// What the shell gets. `mk8s kubectl` in it means the same cluster as kubectl.
fn variables(session: &Session, name: &ClusterName, file: &Path) -> anyhow::Result<Vec<(&'static str, String)>> {
    // What stands between two paths in KUBECONFIG cannot stand in one.
    let between = if cfg!(windows) { ';' } else { ':' };
    let Some(file) = file.to_str().filter(|file| !file.contains(between)) else {
        let what = format!("KUBECONFIG cannot name {}", file.display());
        let hint = format!("set MK8S_CONFIG to a file whose path is UTF-8 without {between:?}");
        return Err(CliError::usage(what, hint).into());
    };
    let mut variables = vec![
        ("KUBECONFIG", file.to_owned()),
        ("MK8S_SERVER", session.server.clone()),
        ("MK8S_CLUSTER", name.to_string()),
    ];
    if let Some(file) = session.authority.ca_file.as_ref().filter(|_| !session.remembers_authority) {
        variables.push(("MK8S_CA_FILE", absolute(file)?));
    }
    Ok(variables)
}

impl Shell {
    fn assignment(self, name: &str, value: &str) -> String {
        match self {
            Self::Sh => format!("export {name}='{}'\n", value.replace('\'', r"'\''")),
            Self::Fish => format!("set -gx {name} '{}'\n", value.replace('\\', r"\\").replace('\'', r"\'")),
        }
    }
}

fn code(status: ExitStatus) -> Exit {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal: Option<i32> = None;
    let code = status.code().or_else(|| signal.map(|signal| 128 + signal));
    Exit(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(Exit::FAILURE.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_word_for_the_shell() {
        for (shell, text) in [(Shell::Sh, r"export A='it'\''s \$(x)'"), (Shell::Fish, r"set -gx A 'it\'s \\$(x)'")] {
            assert_eq!(shell.assignment("A", r"it's \$(x)"), format!("{text}\n"));
        }
    }
}
