//! `mk8s kubectl --clusters …`: one command in many clusters at once, as one operation.

mod arguments;
mod json;
mod lines;
mod output;
mod progress;
mod state;
mod table;

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use tokio::io::{AsyncReadExt as _, stdin};
use tokio::time::{sleep, timeout};

use super::{usage, utf8};
use crate::cli::exit::{CliError, Exit};
use crate::cli::files::LocalFiles;
use crate::cli::kept::Kept;
use crate::cli::progress::{INTERVAL, PATIENCE, columns, is_wanted};
use crate::cli::runtime::interrupted;
use crate::cli::session::SessionArgs;
use crate::client::{ExecReader, ExecWriter};
use crate::kubernetes::kubectl::{leaf, local, output_form, wants_stdin, wants_terminal};
use crate::model::exec::{CHUNK_BYTES, Stdin};
use crate::model::{ClusterName, ExecEnd, ExecOutput, ExecRequest, OperationRequest, RequestId};
use output::{MAX_HELD, Output};
use state::State;

pub use arguments::{FanOut, Parsed, parse};

/// The two forms of the command.
pub const USAGE: &str = "mk8s kubectl ARGS...\n       mk8s kubectl --clusters PATTERN,... [OPTIONS] -- ARGS...";

/// What many clusters write, for the end of the help.
pub const HELP: &str = "\
Many clusters at once: `mk8s kubectl --clusters 'prod-*' -- get nodes`. You must be allowed to run the command in all of \
them, or it starts in none. Tables are merged into one with a column CLUSTER; with `-o json` each cluster is a line with an \
object; all other output comes line by line with the name of the cluster before it. Files and standard input go to each \
cluster. The exit code is the highest of all.";

/// The most bytes of standard input, which is held for all clusters.
const MAX_INPUT: u64 = 64 << 20;

/// How long writing the last words may take when the program is interrupted.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A command in its clusters.
struct Operation {
    id: RequestId,
    clusters: Vec<ClusterName>,
    request: ExecRequest,
    files: LocalFiles,
    input: Option<Bytes>,
    kept: Kept,
    output: Output,
    states: RefCell<Vec<State>>,
}

/// Runs kubectl in the clusters that are meant; the highest exit code.
pub async fn run(session: &SessionArgs, options: FanOut, words: Vec<std::ffi::OsString>) -> anyhow::Result<Exit> {
    let command = words.into_iter().map(utf8).collect::<Result<Vec<String>, _>>()?;
    check(&command)?;
    // It blocks for as long as a pipe does; signals end the program until they are waited for.
    let files = LocalFiles::of(&command)?;
    let operation = tokio::select! {
        biased;
        exit = interrupted() => return exit,
        operation = Operation::begin(session, &options, command, files) => operation?,
    };
    let end = tokio::select! {
        biased;
        exit = interrupted() => Ok(Some(exit?)),
        end = operation.run(&options) => end.map(|()| None),
        error = operation.show_progress() => Err(error),
    };
    let interruption = match end {
        Ok(interruption) => interruption,
        Err(error) => {
            // It fails when the terminal has gone.
            let _ = operation.output.clear_progress().await;
            return broken(error);
        }
    };
    let finish = operation.finish();
    match interruption {
        // Nobody may be there to read it.
        Some(exit) => timeout(LAST_WORDS, finish).await.map_or(Ok(exit), |end| end.map(|_| exit).or_else(broken)),
        None => tokio::select! {
            biased;
            exit = interrupted() => exit,
            end = finish => end.or_else(broken),
        },
    }
}

/// Refuses what can be done in one cluster only.
fn check(command: &[String]) -> Result<(), CliError> {
    let name = leaf(command).unwrap_or_default();
    let is_local = !matches!(local(command), Ok(None)) || matches!(name, "edit" | "apply edit-last-applied");
    if is_local {
        let what = format!("kubectl {name} is about your machine and one cluster");
        return Err(CliError::usage(what, format!("mk8s --cluster NAME kubectl {name} …, without --clusters")));
    }
    if wants_terminal(command) {
        let hint = format!("leave -t out, or mk8s --cluster NAME kubectl {name} … for one cluster");
        return Err(CliError::usage("a terminal (-it) can be that of one cluster only", hint));
    }
    Ok(())
}

/// Our own output has failed.
fn broken(error: io::Error) -> anyhow::Result<Exit> {
    if error.kind() == ErrorKind::BrokenPipe { Ok(Exit::BROKEN_PIPE) } else { Err(error.into()) }
}

/// Standard input to its end.
async fn read_input() -> anyhow::Result<Bytes> {
    let mut input = Vec::new();
    stdin().take(MAX_INPUT + 1).read_to_end(&mut input).await?;
    if input.len() as u64 > MAX_INPUT {
        let what =
            format!("standard input has more than the {} MiB that can be sent to many clusters", MAX_INPUT >> 20);
        return Err(CliError::usage(what, "split it; nothing was run").into());
    }
    Ok(input.into())
}

impl Operation {
    /// Has it checked for all clusters, and recorded.
    async fn begin(
        session: &SessionArgs,
        options: &FanOut,
        command: Vec<String>,
        files: LocalFiles,
    ) -> anyhow::Result<Self> {
        let (announced, directory) = files.announced();
        let wants_input = wants_stdin(&command);
        let form = output_form(&command);
        let mut request = ExecRequest {
            command,
            stdin: Some(Stdin::Follows(wants_input)),
            files: announced,
            directory,
            ..ExecRequest::default()
        };
        request.validate().map_err(usage)?;
        request.tree().map_err(usage)?;
        let session = session.resolve()?;
        let input = if wants_input { Some(read_input().await?) } else { None };
        let kept = Kept::of(session).await?;
        let asked = OperationRequest {
            command: request.command.clone(),
            clusters: options.clusters.clone(),
            selector: options.cluster_selector.clone(),
            ..OperationRequest::default()
        };
        let operation = kept.client().await?.operation(&asked).await?;
        request.operation = Some(operation.id.clone());
        let clusters: Vec<ClusterName> = operation.clusters.into_iter().map(|cluster| cluster.name).collect();
        let output = Output::new(form, &names(&clusters));
        let states = RefCell::new(vec![State::Waiting; clusters.len()]);
        Ok(Self { id: operation.id, clusters, request, files, input, kept, output, states })
    }

    /// Runs it in all clusters, as the options say.
    ///
    /// # Errors
    /// When our own output fails.
    async fn run(&self, options: &FanOut) -> io::Result<()> {
        let canaries = options.canary.map_or(0, usize::from).min(self.clusters.len());
        for part in [0..canaries, canaries..self.clusters.len()] {
            let runs = stream::iter(part).map(|index| self.run_in(index));
            let mut running = runs.buffer_unordered(usize::from(options.concurrency));
            let mut has_failed = false;
            while let Some(succeeded) = running.next().await {
                has_failed |= !succeeded?;
                if has_failed && options.fail_fast {
                    break;
                }
            }
            if has_failed {
                break;
            }
        }
        Ok(())
    }

    /// Runs it in one cluster; whether it succeeded.
    async fn run_in(&self, index: usize) -> io::Result<bool> {
        self.set(index, State::Running);
        let state = self.execute(index).await?;
        self.set(index, state.clone());
        self.output.ended(index, &state).await?;
        Ok(state.is_success())
    }

    fn set(&self, index: usize, state: State) {
        if let Some(of_cluster) = self.states.borrow_mut().get_mut(index) {
            *of_cluster = state;
        }
    }

    async fn execute(&self, index: usize) -> io::Result<State> {
        let Some(cluster) = self.clusters.get(index) else { return Ok(State::Waiting) };
        let start = async { self.kept.client().await?.exec(cluster, &self.request).await };
        match start.await {
            Err(error) => Ok(State::of(&error.into())),
            // Dropping the connection ends the remote kubectl.
            Ok((writer, reader)) => tokio::select! {
                state = self.relay(index, reader) => state,
                error = self.feed(writer) => Ok(State::of(&error)),
            },
        }
    }

    /// Takes what kubectl writes, until its end.
    async fn relay(&self, index: usize, mut reader: ExecReader) -> io::Result<State> {
        loop {
            match reader.next().await {
                Ok(ExecOutput::Stdout(data)) => {
                    if !self.output.stdout(index, &data).await? {
                        let what = format!(
                            "the JSON of all clusters has more than {} MiB at once: ask for less, such as one namespace, \
                             or for one cluster after the other (--concurrency 1)",
                            MAX_HELD >> 20
                        );
                        return Ok(State::failed(what, "too_large", Exit::USAGE));
                    }
                }
                Ok(ExecOutput::Stderr(data)) => self.output.stderr(index, &data).await?,
                Ok(ExecOutput::End(ExecEnd::Error(why))) => return Ok(State::failed(why, "failed", Exit::FAILURE)),
                Ok(ExecOutput::End(end)) => return Ok(State::Exited(end.exit_code().unwrap_or(Exit::USAGE.0))),
                Err(error) => return Ok(State::of(&error.into())),
            }
        }
    }

    /// Sends the files, then standard input. Returns only when a file cannot be sent.
    async fn feed(&self, mut writer: ExecWriter) -> anyhow::Error {
        match self.files.send_as_one_of_many(&mut writer).await {
            Err(error) => return error,
            // When something cannot be sent, the reader sees how the connection ended, and says so.
            Ok(false) => {}
            Ok(true) => {
                if let Some(input) = &self.input {
                    for piece in input.chunks(CHUNK_BYTES) {
                        if writer.send(piece).await.is_err() {
                            break;
                        }
                    }
                    let _ = writer.finish().await;
                }
            }
        }
        std::future::pending().await
    }

    /// Shows on a terminal how far it is. Returns only when that fails.
    async fn show_progress(&self) -> io::Error {
        if !is_wanted() {
            return std::future::pending().await;
        }
        sleep(PATIENCE).await;
        loop {
            let line = progress::line(&names(&self.clusters), &self.states.borrow(), columns());
            if let Err(error) = self.output.show_progress(&line).await {
                return error;
            }
            sleep(INTERVAL).await;
        }
    }

    /// Shows what is left to be shown; the exit code.
    async fn finish(&self) -> io::Result<Exit> {
        let states = self.states.borrow().clone();
        let summary = state::summary(&names(&self.clusters), &states, self.id.as_str());
        self.output.finish(&states, summary.as_deref()).await?;
        Ok(state::worst(&states))
    }
}

fn names(clusters: &[ClusterName]) -> Vec<&str> {
    clusters.iter().map(ClusterName::as_str).collect()
}
