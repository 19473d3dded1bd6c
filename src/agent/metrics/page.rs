//! The agent's page of metrics.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{AgentMetrics, ENDS};
use crate::metrics::{Measured, Page};
use crate::tls::IdentityFiles;

/// What can be said of the sandbox, in the first word of its state.
const LEVELS: [&str; 3] = ["enforced", "partial", "off"];

impl Measured for AgentMetrics {
    fn role(&self) -> &'static str {
        "agent"
    }

    fn not_ready(&self) -> Option<String> {
        if self.stop.is_cancelled() {
            return Some("the agent is stopping".into());
        }
        (self.tunnels.load(Ordering::Relaxed) == 0).then(|| "there is no tunnel to central".into())
    }

    fn write(&self, page: &mut Page<'_>) -> fmt::Result {
        let count = |value: &AtomicU64| value.load(Ordering::Relaxed);
        let tunnels = self.tunnels.load(Ordering::Relaxed);
        page.gauge("mk8s_agent_tunnels", "Tunnels to central that take requests.", tunnels)?;
        let help = "Tunnels to central that were opened.";
        page.counter("mk8s_agent_tunnels_opened", help, count(&self.tunnels_opened))?;
        let help = "Tunnels that could not be opened, or were lost.";
        page.counter("mk8s_agent_tunnel_failures", help, count(&self.tunnel_failures))?;
        page.gauge("mk8s_agent_tunnel_streams", "Streams that run in the tunnels.", self.load.current())?;
        let running = self.running.load(Ordering::Relaxed);
        page.gauge("mk8s_agent_commands_running", "Commands of the remote kubectl that run.", running)?;
        let ended = ENDS.into_iter().zip(&self.ended).map(|(end, value)| ([("result", end)], count(value)));
        page.counters(
            "mk8s_agent_commands",
            "Commands of the remote kubectl that are over, by how they ended.",
            ended,
        )?;
        self.write_calls(page)?;
        let help = "Requests of commands that the policy refused in the gate.";
        page.counter("mk8s_agent_denied_requests", help, count(&self.denied))?;
        if let Some(level) = self.sandbox.get() {
            let levels = LEVELS.map(|known| ([("level", known)], u32::from(known == level)));
            page.gauges(
                "mk8s_agent_sandbox",
                "What confines commands: 1 for the level that holds, 0 for the others.",
                levels,
            )?;
        }
        let Some(end) = self.client_certificate.as_ref().and_then(IdentityFiles::not_after) else { return Ok(()) };
        let help = "When the certificate ends that is shown to central, in seconds since 1970; absent without one.";
        page.gauge("mk8s_agent_client_certificate_not_after_timestamp_seconds", help, end.as_second())
    }
}

impl AgentMetrics {
    fn write_calls(&self, page: &mut Page<'_>) -> fmt::Result {
        let help =
            "Requests for the API server, by the way on which they came, their verb and the status of the answer.";
        let calls = self.calls.counts().map(|(via, verb, code, count)| {
            ([("via", via.as_str()), ("verb", verb.as_str()), ("code", code.as_str())], count)
        });
        page.counters("mk8s_agent_requests", help, calls)?;
        let latencies = self.calls.latencies();
        let latencies =
            latencies.map(|(via, verb, histogram)| ([("via", via.as_str()), ("verb", verb.as_str())], histogram));
        page.histograms(
            "mk8s_agent_request_duration_seconds",
            "How long the heads of answers took, of requests for the API server.",
            latencies,
        )
    }
}
