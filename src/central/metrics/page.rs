//! Central's page of metrics: what was counted, and what is read at this moment.

use std::fmt;
use std::sync::atomic::Ordering;

use super::cluster::ClusterMetrics;
use crate::central::state::Central;
use crate::metrics::{Measured, Page};

/// What the two directions of bytes are called.
const DIRECTIONS: [&str; 2] = ["in", "out"];

impl Measured for Central {
    fn role(&self) -> &'static str {
        "central"
    }

    fn not_ready(&self) -> Option<String> {
        self.readiness().err().map(|failure| failure.detail)
    }

    fn write(&self, page: &mut Page<'_>) -> fmt::Result {
        self.metrics.http.write(page)?;
        self.write_clusters(page)?;
        let help = "Attempts to log in with a password, by their result.";
        let logins = self.metrics.logins.counts();
        page.counters("mk8s_logins", help, logins.map(|(result, count)| ([("result", result)], count)))?;
        self.metrics.audit.write(page)?;
        self.write_database(page)?;
        let Some(end) = self.certificate_not_after() else { return Ok(()) };
        let help = "When the certificate ends that central serves, in seconds since 1970; absent without TLS.";
        page.gauge("mk8s_certificate_not_after_timestamp_seconds", help, end.as_second())
    }
}

impl Central {
    fn write_clusters(&self, page: &mut Page<'_>) -> fmt::Result {
        let clusters = self.metrics.clusters();
        let tunnels = || clusters.iter().map(|(name, id, _)| (name, self.registry.usage(*id)));
        let help = "Tunnels of the agents of a cluster that take requests; 0 for a cluster that is offline.";
        page.gauges("mk8s_tunnels", help, tunnels().map(|(name, (open, _))| ([("cluster", &**name)], open)))?;
        let help = "Streams that run in the tunnels of a cluster.";
        let streams = tunnels().map(|(name, (_, streams))| ([("cluster", &**name)], streams));
        page.gauges("mk8s_tunnel_streams", help, streams)?;
        let help = "Tunnels that the agents of a cluster have opened.";
        let opened = clusters
            .iter()
            .map(|(name, _, counted)| ([("cluster", &**name)], counted.tunnels_opened.load(Ordering::Relaxed)));
        page.counters("mk8s_tunnels_opened", help, opened)?;

        // Requests may be for no cluster that there is.
        let known = clusters.iter().map(|(name, _, counted)| (&**name, &**counted));
        let all: Vec<(&str, &ClusterMetrics)> = known.chain([("", &*self.metrics.nowhere)]).collect();
        write_requests(&all, page)?;
        let help = "Commands of the remote kubectl that are over, by how they ended.";
        let commands = each(&all, |counted| counted.commands());
        let commands =
            commands.map(|(cluster, (outcome, count))| ([("cluster", cluster), ("outcome", outcome.as_str())], count));
        page.counters("mk8s_commands", help, commands)?;
        let help = "How long commands of the remote kubectl ran.";
        let ran = all.iter().map(|(cluster, counted)| ([("cluster", *cluster)], &counted.command_durations));
        page.histograms("mk8s_command_duration_seconds", help, ran)?;
        let help = "Requests that the policy denied, by what they were.";
        let denied = each(&all, |counted| counted.denied());
        let denied = denied.map(|(cluster, (kind, count))| ([("cluster", cluster), ("kind", kind.as_str())], count));
        page.counters("mk8s_denied_requests", help, denied)
    }

    fn write_database(&self, page: &mut Page<'_>) -> fmt::Result {
        let help = "Whether the database answered when it was last asked, which is every second: 1 or 0.";
        page.gauge("mk8s_database_up", help, u32::from(self.changes.database_answers()))?;
        let help = "How long the database took to answer, asked every second; without those times when it did not.";
        page.histogram("mk8s_database_round_trip_seconds", help, &self.metrics.round_trip)?;
        let usage = self.store.usage();
        let pools = || usage.iter().map(|pool| (("pool", pool.name), pool));
        let states = pools().flat_map(|(label, pool)| {
            let idle = pool.idle.min(pool.open);
            [([label, ("state", "used")], pool.open - idle), ([label, ("state", "idle")], idle)]
        });
        page.gauges("mk8s_database_connections", "Open connections to the database.", states)?;
        let most = pools().map(|(label, pool)| ([label], pool.most));
        page.gauges("mk8s_database_connections_max", "Connections to the database that there may be.", most)?;
        let waiting = pools().map(|(label, pool)| ([label], pool.waiting));
        page.gauges("mk8s_database_waiting", "Calls that wait for a connection to the database.", waiting)
    }
}

/// Requests to API servers.
fn write_requests(all: &[(&str, &ClusterMetrics)], page: &mut Page<'_>) -> fmt::Result {
    let help = "Requests to the Kubernetes API of a cluster that are over, by the way on which they came, their verb and \
                the status of the answer.";
    let calls = each(all, |counted| counted.calls.counts()).map(|(cluster, (via, verb, code, count))| {
        let labels = [("cluster", cluster), ("via", via.as_str()), ("verb", verb.as_str()), ("code", code.as_str())];
        (labels, count)
    });
    page.counters("mk8s_cluster_requests", help, calls)?;
    let help = "How long the heads of answers took, of requests to the Kubernetes API of a cluster.";
    let latencies = each(all, |counted| counted.calls.latencies()).map(|(cluster, (via, verb, histogram))| {
        ([("cluster", cluster), ("via", via.as_str()), ("verb", verb.as_str())], histogram)
    });
    page.histograms("mk8s_cluster_request_duration_seconds", help, latencies)?;
    let help = "Commands and requests through the gateway that run, by what they are.";
    let open = each(all, |counted| counted.open());
    let open = open.map(|(cluster, (stream, count))| ([("cluster", cluster), ("kind", stream.as_str())], count));
    page.gauges("mk8s_open_streams", help, open)?;
    let help = "Bytes of bodies, inputs, outputs and upgraded streams of requests that are over: in from clients, out to \
                them.";
    let bytes = each(all, |counted| DIRECTIONS.into_iter().zip(&counted.bytes));
    let bytes = bytes.map(|(cluster, (direction, count))| {
        ([("cluster", cluster), ("direction", direction)], count.load(Ordering::Relaxed))
    });
    page.counters("mk8s_cluster_bytes", help, bytes)
}

/// What each cluster has of something, with its name.
fn each<'a, T, I: Iterator<Item = T> + 'a>(
    all: &'a [(&'a str, &'a ClusterMetrics)],
    of: impl Fn(&'a ClusterMetrics) -> I + 'a,
) -> impl Iterator<Item = (&'a str, T)> + 'a {
    all.iter().flat_map(move |(cluster, counted)| of(counted).map(move |item| (*cluster, item)))
}
