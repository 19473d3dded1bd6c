//! Tries the sandbox once, at the start of an agent: kubectl tells its version from inside.

use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tracing::warn;

use super::{Abilities, Access, Sandbox};
use crate::agent::AgentError;
use crate::agent::process::{Spawner, Spec, Stdin, spawn};
use crate::agent::workdir::WorkDir;
use crate::config::agent::SandboxMode;
use crate::kubernetes::kubectl::client_version;

/// How long kubectl may take to tell its version.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most that is read of what it tells, in bytes.
const MAX_OUTPUT: u64 = 64 * 1024;

/// Why kubectl did not tell its version.
enum Silent {
    /// It failed: without a sandbox it may do better.
    Failed(String),
    /// It hangs, which is no fault of the sandbox.
    Hangs,
}

/// The sandbox for all commands, and the version of kubectl (such as `v1.36.3`), which was asked for inside of it.
///
/// # Errors
/// When kubectl does not tell its version; when the sandbox is required and this kernel, or this kubectl, cannot have it.
pub async fn start(
    mode: SandboxMode,
    program: &Path,
    work_dir: &WorkDir,
    spawner: &Spawner,
) -> Result<(Sandbox, String), AgentError> {
    if mode == SandboxMode::Off {
        let sandbox = Sandbox::off("by configuration");
        return match version(&sandbox, program, work_dir, spawner).await {
            Ok(version) => Ok((sandbox, version)),
            Err(silent) => Err(silent.of(program)),
        };
    }
    let sandbox = Sandbox::of_this_kernel(false);
    let abilities = Abilities::of_this_kernel(sandbox.walls.as_ref().is_some_and(|walls| walls.filter.is_some()));
    if mode == SandboxMode::Required && !abilities.suffice() {
        return Err(AgentError::Sandbox(abilities.to_string()));
    }
    // Most kubectl are static programs; for others the loader and the libraries have to be opened.
    let mut problem = String::new();
    for sandbox in [sandbox, Sandbox::of_this_kernel(true)] {
        match version(&sandbox, program, work_dir, spawner).await {
            Ok(version) => {
                if !abilities.is_full() {
                    warn!(sandbox = sandbox.state(), "commands are not fully confined; see `kubectl.sandbox`");
                }
                return Ok((sandbox, version));
            }
            Err(Silent::Failed(why)) => problem = why,
            Err(Silent::Hangs) => return Err(Silent::Hangs.of(program)),
        }
    }
    if mode == SandboxMode::Required {
        return Err(AgentError::Sandbox(format!("{} {problem} inside", program.display())));
    }
    let sandbox = Sandbox::off("kubectl does not run in it");
    let version = version(&sandbox, program, work_dir, spawner).await.map_err(|silent| silent.of(program))?;
    warn!(sandbox = sandbox.state(), problem, "commands are not confined; see `kubectl.sandbox`");
    Ok((sandbox, version))
}

impl Silent {
    fn of(self, program: &Path) -> AgentError {
        let why = match self {
            Self::Failed(why) => why,
            Self::Hangs => format!("did not tell its version within {} s", PATIENCE.as_secs()),
        };
        AgentError::Kubectl(format!("{} {why}", program.display()))
    }
}

async fn version(sandbox: &Sandbox, program: &Path, work_dir: &WorkDir, spawner: &Spawner) -> Result<String, Silent> {
    let (sandbox, program, work_dir) = (sandbox.clone(), program.to_owned(), work_dir.clone());
    let started = spawner.run(move || {
        let directory = work_dir.for_command()?;
        let access =
            Access { program: &program, directory: directory.path(), cache: &work_dir.cache(), port: None, diff: None };
        let sandbox = sandbox.confine(&access)?;
        let spec = Spec {
            program: program.clone(),
            args: ["version", "--client", "--output=json"].map(str::to_owned).into(),
            env: vec![("HOME", directory.path().into())],
            directory: directory.path().into(),
            stdin: Stdin::Null,
            sandbox,
        };
        Ok((spawn(&spec)?, directory))
    });
    let (mut process, directory) = started.await.map_err(|error| Silent::Failed(format!("does not start: {error}")))?;
    let (_, stdout, stderr) = process.take_streams();
    let telling = async { tokio::join!(read(stdout), read(stderr), process.wait()) };
    let told = tokio::time::timeout(PATIENCE, telling).await;
    drop(process);
    // Deleting files blocks.
    let _ = spawner.run(move || directory.close()).await;
    let (stdout, ..) = told.map_err(|_| Silent::Hangs)?;
    client_version(&stdout).ok_or_else(|| Silent::Failed("does not tell its version".into()))
}

async fn read(from: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut text = Vec::new();
    if let Some(from) = from {
        let _ = from.take(MAX_OUTPUT).read_to_end(&mut text).await;
    }
    text
}
