//! What many clusters write, on its way to the user: merged, as JSON, or line by line with the name of the cluster.
//!
//! Whoever has something to say queues it first and then waits until it is written. A wait that is given up loses
//! nothing: the next one goes on where it stopped, so that no line is ever cut or mixed with another.

use std::io;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncWrite, AsyncWriteExt as _, Stderr, Stdout, stderr, stdout};
use tokio::sync::Mutex;

use super::lines::{Lines, prefixes};
use super::state::State;
use super::{json, table};
use crate::cli::progress::CLEAR;
use crate::kubernetes::kubectl::OutputForm;

/// The most bytes of output that are held for all clusters together.
pub const MAX_HELD: usize = 64 << 20;

/// The most bytes of standard error of a cluster that are told in JSON.
const MAX_TOLD: usize = 64 << 10;

/// The outputs of all clusters. Whoever writes has both of ours, so that what is seen on a terminal is in order.
pub struct Output(Mutex<Inner>);

struct Inner {
    form: OutputForm,
    clusters: Vec<Cluster>,
    /// How many bytes are held for all of them.
    held: usize,
    out: Queue<Stdout>,
    err: Queue<Stderr>,
    /// Whether the line of progress stands on the terminal.
    shows_progress: bool,
}

/// The outputs of one cluster.
struct Cluster {
    name: String,
    out: Lines,
    err: Lines,
    /// Standard output that is not shown before the end.
    held: Vec<u8>,
    /// The beginning of standard error.
    told: Vec<u8>,
    /// Whether its end has been told.
    has_ended: bool,
}

/// One of our own outputs.
struct Queue<W> {
    to: W,
    waiting: BytesMut,
}

impl Output {
    /// The outputs of clusters with these names.
    pub fn new(form: OutputForm, names: &[&str]) -> Self {
        let cluster = |(name, prefix): (&&str, String)| Cluster {
            name: (*name).to_owned(),
            out: Lines::new(prefix.clone()),
            err: Lines::new(prefix),
            held: Vec::new(),
            told: Vec::new(),
            has_ended: false,
        };
        Self(Mutex::new(Inner {
            form,
            clusters: names.iter().zip(prefixes(names.iter().copied())).map(cluster).collect(),
            held: 0,
            out: Queue { to: stdout(), waiting: BytesMut::new() },
            err: Queue { to: stderr(), waiting: BytesMut::new() },
            shows_progress: false,
        }))
    }

    /// Takes a piece of a cluster's standard output. `false` when there is no room for it.
    pub async fn stdout(&self, index: usize, data: &[u8]) -> io::Result<bool> {
        let mut inner = self.0.lock().await;
        let has_room = inner.take_stdout(index, data);
        inner.write().await?;
        Ok(has_room)
    }

    /// Takes a piece of a cluster's standard error.
    pub async fn stderr(&self, index: usize, data: &[u8]) -> io::Result<()> {
        let mut inner = self.0.lock().await;
        if let Some(cluster) = inner.clusters.get_mut(index) {
            let room = MAX_TOLD.saturating_sub(cluster.told.len());
            cluster.told.extend(data.iter().take(room));
            let lines = cluster.err.take(data);
            inner.err.put(&lines);
        }
        inner.write().await
    }

    /// A cluster has ended.
    pub async fn ended(&self, index: usize, state: &State) -> io::Result<()> {
        let mut inner = self.0.lock().await;
        inner.end(index, state);
        inner.write().await
    }

    /// Shows the line of progress, in place of the one before.
    pub async fn show_progress(&self, line: &str) -> io::Result<()> {
        let mut inner = self.0.lock().await;
        inner.write().await?;
        inner.shows_progress = true;
        inner.err.write_now(&[CLEAR.as_bytes(), line.as_bytes()].concat()).await
    }

    /// Takes the line of progress away.
    pub async fn clear_progress(&self) -> io::Result<()> {
        self.0.lock().await.clear_progress().await
    }

    /// Shows all that is left when nothing runs any more, then this text.
    pub async fn finish(&self, states: &[State], summary: Option<&str>) -> io::Result<()> {
        let mut inner = self.0.lock().await;
        for (index, state) in states.iter().enumerate() {
            inner.end(index, state);
        }
        if inner.form == OutputForm::Table {
            inner.show_table();
        }
        inner.write().await?;
        inner.clear_progress().await?;
        inner.err.put(summary.unwrap_or_default().as_bytes());
        inner.write().await
    }
}

impl Inner {
    /// Takes a piece of a cluster's standard output. `false` when there is no room for it.
    fn take_stdout(&mut self, index: usize, data: &[u8]) -> bool {
        if self.form != OutputForm::Text {
            if self.hold(index, data) {
                return true;
            }
            if self.form == OutputForm::Json {
                self.let_go(index);
                return false;
            }
            self.show_held();
        }
        if let Some(cluster) = self.clusters.get_mut(index) {
            self.out.put(&cluster.out.take(data));
        }
        true
    }

    /// Keeps output for later, if there is room for it.
    fn hold(&mut self, index: usize, data: &[u8]) -> bool {
        let Some(cluster) = self.clusters.get_mut(index).filter(|_| self.held + data.len() <= MAX_HELD) else {
            return false;
        };
        cluster.held.extend_from_slice(data);
        self.held += data.len();
        true
    }

    /// Takes out what is held of a cluster.
    fn let_go(&mut self, index: usize) -> Vec<u8> {
        let held = self.clusters.get_mut(index).map(|cluster| std::mem::take(&mut cluster.held)).unwrap_or_default();
        self.held -= held.len();
        held
    }

    /// Shows what is held line by line, and from now on all that comes.
    fn show_held(&mut self) {
        self.form = OutputForm::Text;
        self.held = 0;
        for cluster in &mut self.clusters {
            self.out.put(&cluster.out.take(&std::mem::take(&mut cluster.held)));
        }
    }

    /// Shows the tables as one, and then what is none, line by line.
    fn show_table(&mut self) {
        let mut others = Vec::new();
        let mut tables = Vec::new();
        for cluster in &mut self.clusters {
            match table::parse(&cluster.held) {
                Some(parsed) => tables.push((cluster.name.as_str(), parsed)),
                None => {
                    others.extend(cluster.out.take(&cluster.held));
                    others.extend(cluster.out.finish());
                }
            }
        }
        self.out.put(table::merge(&tables).as_bytes());
        self.out.put(&others);
    }

    /// Tells the end of a cluster, once: ends lines that have no end, says why a command failed, shows its JSON.
    fn end(&mut self, index: usize, state: &State) {
        let Some(cluster) = self.clusters.get_mut(index).filter(|cluster| !cluster.has_ended) else { return };
        cluster.has_ended = true;
        self.out.put(&cluster.out.finish());
        self.err.put(&match state {
            State::Failed(failure) => cluster.err.say(&format!("error: {}", failure.what)),
            _ => cluster.err.finish(),
        });
        if self.form == OutputForm::Json {
            let line = json::line(&cluster.name, state, &cluster.held, &cluster.told);
            self.out.put(&line);
            self.let_go(index);
        }
    }

    /// Writes what waits.
    async fn write(&mut self) -> io::Result<()> {
        if !self.out.waiting.is_empty() || !self.err.waiting.is_empty() {
            self.clear_progress().await?;
        }
        self.out.write().await?;
        self.err.write().await
    }

    async fn clear_progress(&mut self) -> io::Result<()> {
        if self.shows_progress {
            self.err.write_now(CLEAR.as_bytes()).await?;
            self.shows_progress = false;
        }
        Ok(())
    }
}

impl<W: AsyncWrite + Unpin> Queue<W> {
    fn put(&mut self, text: &[u8]) {
        self.waiting.extend_from_slice(text);
    }

    async fn write(&mut self) -> io::Result<()> {
        while !self.waiting.is_empty() {
            let written = self.to.write(&self.waiting).await?;
            self.waiting.advance(written);
        }
        self.to.flush().await
    }

    /// Writes what goes before all that waits, and may come twice or not at all.
    async fn write_now(&mut self, text: &[u8]) -> io::Result<()> {
        self.to.write_all(text).await?;
        self.to.flush().await
    }
}

#[cfg(test)]
mod tests;
