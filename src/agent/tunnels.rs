//! Keeps the tunnels open: dials, serves, waits, dials again.
//!
//! The first tunnel is always there. Another one is there while the streams that run are at least as many as the
//! tunnels before it, and for a while after that: a busy cluster gets its parallel connections, and an idle one costs
//! central a single connection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use super::backoff::Backoff;
use super::exec::Kubectl;
use super::forward::Forwarder;
use super::metrics::{AgentMetrics, OpenTunnel};
use crate::tunnel::control::ControlClient;
use crate::tunnel::dial::{DialError, Load, TunnelSignals, dial, serve};

/// A tunnel that lived this long was a success.
const HEALTHY: Duration = Duration::from_secs(5);

/// How long a tunnel that is no longer needed stays open.
const IDLE: Duration = Duration::from_secs(30);

/// What a tunnel needs.
#[derive(Clone)]
pub struct Tunnels {
    /// Central.
    pub control: ControlClient,
    /// What is served.
    pub kubectl: Kubectl,
    /// See [`Self::kubectl`].
    pub forwarder: Forwarder,
    /// Rung when the first tunnel was opened again.
    pub reconnected: Arc<Notify>,
    /// How many streams run.
    pub load: Load,
    /// Where tunnels are counted.
    pub metrics: Arc<AgentMetrics>,
    /// Cancelled when the agent stops.
    pub stop: CancellationToken,
}

impl Tunnels {
    /// Keeps up to so many tunnels open until the agent stops. The tracker is empty when all have ended after that.
    pub fn keep_open(&self, connections: u8) -> TaskTracker {
        let tracker = TaskTracker::new();
        for slot in 0..connections {
            tracker.spawn(self.clone().keep_one(slot, tracker.clone()));
        }
        tracker.close();
        tracker
    }

    async fn keep_one(self, slot: u8, tracker: TaskTracker) {
        let mut backoff = Backoff::default();
        let mut first = true;
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = self.load.at_least(slot.into()) => {}
            }
            let since = Instant::now();
            let ended = tokio::select! {
                () = self.stop.cancelled() => return,
                ended = self.one_tunnel(slot, &tracker, &mut first) => ended,
            };
            if since.elapsed() > HEALTHY {
                backoff.reset();
            }
            let wait = match ended {
                Ok(End::Stopped) => return,
                Ok(End::Drained | End::Idle) => Duration::ZERO,
                Ok(End::Closed) => {
                    self.metrics.tunnel_failed();
                    backoff.next()
                }
                Err(error) => {
                    self.metrics.tunnel_failed();
                    let wait = backoff.next();
                    warn!(slot, %error, retry_millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX), "no tunnel");
                    wait
                }
            };
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Dials and serves. A tunnel that was drained or is not needed goes on to the end of its streams in a task of its
    /// own.
    async fn one_tunnel(&self, slot: u8, tracker: &TaskTracker, first: &mut bool) -> Result<End, DialError> {
        let dialled = dial(&self.control.connector, &self.control.central, &self.control.token).await?;
        let signals =
            TunnelSignals { stop: self.stop.child_token(), drained: CancellationToken::new(), load: self.load.clone() };
        let mut serving = tracker.spawn(serve(dialled, self.kubectl.clone(), self.forwarder.clone(), signals.clone()));
        let _open = OpenTunnel::new(&self.metrics);
        info!(slot, "tunnel open");
        if slot == 0 && !std::mem::take(first) {
            self.reconnected.notify_one();
        }
        tokio::select! {
            () = signals.drained.cancelled() => {
                info!(slot, "central will leave: dialling again");
                Ok(End::Drained)
            }
            () = self.load.below(slot.into(), IDLE) => {
                info!(slot, "tunnel not needed");
                signals.stop.cancel();
                Ok(End::Idle)
            }
            ended = &mut serving => match ended {
                Ok(Ok(())) if self.stop.is_cancelled() => Ok(End::Stopped),
                Ok(Ok(())) => {
                    info!(slot, "tunnel closed");
                    Ok(End::Closed)
                }
                Ok(Err(error)) => Err(error),
                Err(_) => Ok(End::Closed),
            },
        }
    }
}

/// How a tunnel ended, for its slot.
enum End {
    /// The agent stops.
    Stopped,
    /// Central asked for another one.
    Drained,
    /// Too few streams run for it.
    Idle,
    /// The connection was closed.
    Closed,
}
