//! What the gateway adds to a request, compared with no way between and with two chained stream proxies of nginx.
//!
//! The API server of the requests is a stand-in that answers with a list of pods that it has ready, so that what is
//! measured is the way to it. All ways use TLS on every hop. Only the last part asks a real one, with kubectl.

use std::path::Path;
use std::time::{Duration, Instant};
use std::{fs, iter};

use http::Request;
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use mk8s::tls::{Alpn, Authority, Connector, Trust};
use serde_json::json;

mod commands;
mod nginx;
pub mod stand_in;
mod stream;
use stand_in::LISTS;

use super::support::{Central, Server, drain, percentile};

/// Each of the rounds asks every way in turn.
const ROUNDS: usize = 5;

/// How many connections there are at once.
const CONNECTIONS: [usize; 3] = [1, 16, 64];

/// A way to the API server.
struct Way {
    name: &'static str,
    /// The scheme and the authority.
    origin: String,
    /// What stands before the path of a request.
    prefix: &'static str,
    connector: Connector,
    token: String,
}

/// What one way did in all rounds.
#[derive(Default)]
struct Seen {
    samples: Vec<Duration>,
    elapsed: Duration,
    cpu_micros: u64,
}

pub async fn run() -> anyhow::Result<()> {
    let dir = tempfile::Builder::new().prefix("mk8s-bench-gateway-").tempdir()?;
    let authority = Authority::open_or_create(dir.path())?;
    let port = stand_in::start(&authority).await?;
    let central = Central::start(1).await?;
    let kubeconfig = dir.path().join("agent.kubeconfig");
    let server = format!("https://127.0.0.1:{port}");
    fs::write(&kubeconfig, config(&server, authority.cert_file(), "stand-in"))?;
    let agent = central.start_agent_with(2, &kubeconfig, &central.kubectl()).await?;
    let ours = Connector::new(&Trust::CaFile(authority.cert_file().into()))?;
    let way =
        |name, origin: String| Way { name, origin, prefix: "", connector: ours.clone(), token: "stand-in".into() };
    let mut ways = vec![way("direct", server.clone())];
    let nginx = nginx::start(dir.path(), &authority, port)?;
    match &nginx {
        Some(nginx) => ways.push(way("2 x nginx", format!("https://127.0.0.1:{}", nginx.port))),
        None => println!("gateway: there is no nginx with its stream module, so that it is not compared with"),
    }
    ways.push(Way {
        name: "mk8s",
        origin: central.url.clone(),
        prefix: "/clusters/c0/k8s",
        connector: Connector::new(&Trust::CaFile(central.ca_file()))?,
        token: central.token.clone(),
    });
    let mut micros = [0.0; LISTS.len()];
    for (list, micros) in LISTS.iter().zip(&mut micros) {
        for connections in CONNECTIONS {
            let requests = list.requests.max(connections);
            let seen = measure(&ways, list.path, connections, requests, &[&central.server, &agent]).await?;
            report(&ways, seen, list, connections, requests, micros);
        }
    }
    let per_byte = (micros[1] - micros[0]) * 1000.0 / (LISTS[1].bytes - LISTS[0].bytes) as f64;
    println!(
        "  central and agent: {:.0} us of CPU a request (goal: at most 170), {per_byte:.1} ns a byte (goal: 4)",
        micros[0]
    );
    stream::run(&ways, &[&central.server, &agent]).await?;
    drop((agent, central, nginx));
    commands::run().await
}

/// Asks every way in every round; what each did. CPU time is that of `servers`.
async fn measure(
    ways: &[Way],
    path: &str,
    connections: usize,
    requests: usize,
    servers: &[&Server],
) -> anyhow::Result<Vec<Seen>> {
    let mut seen: Vec<Seen> = iter::repeat_with(Seen::default).take(ways.len()).collect();
    let mut open = Vec::new();
    for way in ways {
        let senders = (0..connections).map(|_| way.connect());
        open.push(futures_util::future::try_join_all(senders).await?);
    }
    let cpu = || servers.iter().map(|server| server.cpu_micros()).sum::<anyhow::Result<u64>>();
    for round in 0..=ROUNDS {
        for ((way, senders), seen) in ways.iter().zip(&mut open).zip(&mut seen) {
            let (before, start) = (cpu()?, Instant::now());
            let all = senders.iter_mut().map(|sender| way.ask(sender, path, requests / connections));
            let samples = futures_util::future::try_join_all(all).await?.concat();
            // The first round warms up.
            if round > 0 {
                seen.elapsed += start.elapsed();
                seen.cpu_micros += cpu()? - before;
                seen.samples.extend(samples);
            }
        }
    }
    Ok(seen)
}

fn report(ways: &[Way], seen: Vec<Seen>, list: &stand_in::List, connections: usize, requests: usize, micros: &mut f64) {
    println!("gateway: a list of {} KiB, {connections} connections, {ROUNDS} rounds of {requests}", list.bytes >> 10);
    let mut base = (0, 0);
    let mut stalls = Vec::new();
    let mut added = Vec::new();
    for (way, mut seen) in ways.iter().zip(seen) {
        let (p50, p99) = (percentile(&mut seen.samples, 50), percentile(&mut seen.samples, 99));
        if way.name == "direct" {
            base = (p50, p99);
        }
        let (more50, more99) = (p50.saturating_sub(base.0), p99.saturating_sub(base.1));
        let rate = seen.samples.len() as f64 / seen.elapsed.as_secs_f64();
        print!(
            "  {:<10} p50 {p50:>7} us  p99 {p99:>7} us  added {more50:>7} / {more99:>7} us  {rate:>7.0} a second",
            way.name
        );
        if way.name == "mk8s" {
            let cpu = seen.cpu_micros as f64 / seen.samples.len() as f64;
            print!("  {cpu:>6.0} us of CPU a request");
            // With many connections the share of idle work is least.
            *micros = cpu;
        }
        println!();
        added.push(more50);
        // What waits for a delayed acknowledgement of TCP takes 40 ms.
        let around_40 = seen.samples.iter().filter(|sample| (35..45).contains(&sample.as_millis())).count();
        stalls.push(format!("{} {around_40}", way.name));
    }
    if list.bytes < 4 << 10 {
        println!("  of {} requests took 35 to 45 ms: {}", ROUNDS * requests, stalls.join(", "));
    }
    // On a busy machine what nginx adds may drown in what the measuring itself takes.
    if let [_, nginx, mk8s] = added[..]
        && nginx > 0
    {
        println!("  added p50  {:.2} times that of 2 x nginx (goal: at most 3)", mk8s as f64 / nginx as f64);
    }
}

impl Way {
    async fn connect(&self) -> anyhow::Result<SendRequest<Empty<Bytes>>> {
        let io = self.connector.connect(&self.origin.parse()?, Alpn::Http1).await?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(io)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    /// Asks so many times, one after the other; how long each took until its last byte.
    async fn ask(
        &self,
        sender: &mut SendRequest<Empty<Bytes>>,
        path: &str,
        times: usize,
    ) -> anyhow::Result<Vec<Duration>> {
        let mut samples = Vec::with_capacity(times);
        for _ in 0..times {
            let request = Request::get(format!("{}{path}", self.prefix))
                .header("host", "localhost")
                .header("authorization", format!("Bearer {}", self.token))
                .body(Empty::new())?;
            let start = Instant::now();
            sender.ready().await?;
            let response = sender.send_request(request).await?;
            anyhow::ensure!(response.status() == 200, "{}: HTTP {}", self.name, response.status());
            drain(response).await?;
            samples.push(start.elapsed());
        }
        Ok(samples)
    }
}

/// A kubeconfig with a token.
pub fn config(server: &str, ca_file: &Path, token: &str) -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "a",
        "clusters": [{"name": "a", "cluster": {"server": server, "certificate-authority": ca_file}}],
        "users": [{"name": "a", "user": {"token": token}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
    })
    .to_string()
}
