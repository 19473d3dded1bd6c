//! What it costs that everything is recorded, and how fast a long log is read.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use http::{Method, Request};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use jiff::{SignedDuration, Timestamp};
use mk8s::model::RequestId;
use mk8s::model::audit::{AuditDecision, AuditFilter, AuditKind, AuditOutcome, AuditRecord, Ending, Link, Phase};
use mk8s::store::{Error, Store, audit};
use mk8s::tls::{Alpn, Authority, Connector, Trust};
use secrecy::SecretString;

use super::gateway::{config, stand_in};
use super::postgres::Database;
use super::support::{Central, cpu_micros, drain, percentile};

/// How many write at once.
const WRITERS: usize = 16;

/// How often each of them asks in a round, and how many rounds there are.
const ASKS: usize = 200;
const ROUNDS: usize = 5;

/// How long requests are sustained.
const SUSTAINED: Duration = Duration::from_secs(60);

/// How many records the long log has.
const RECORDS: usize = 1_000_000;

/// How many of them are plain reads that are written alone first.
const READS: usize = 300_000;

/// How many go into one transaction, as central writes them.
const BATCH: usize = 2048;

pub async fn run() -> anyhow::Result<()> {
    requests().await?;
    let dir = tempfile::Builder::new().prefix("mk8s-bench-audit-").tempdir()?;
    long_log("SQLite", &format!("sqlite://{}", dir.path().join("mk8s.db").display())).await?;
    let server = tokio::task::block_in_place(Database::create);
    long_log("PostgreSQL", server.url()).await
}

/// Plain reads and writes beside each other through the gateway, to an API server that has its answers ready.
async fn requests() -> anyhow::Result<()> {
    let dir = tempfile::Builder::new().prefix("mk8s-bench-audit-").tempdir()?;
    let authority = Authority::open_or_create(dir.path())?;
    let port = stand_in::start(&authority).await?;
    let central = Central::start(1).await?;
    let kubeconfig = dir.path().join("agent.kubeconfig");
    std::fs::write(&kubeconfig, config(&format!("https://127.0.0.1:{port}"), authority.cert_file(), "stand-in"))?;
    let _agent = central.start_agent_with(2, &kubeconfig, &central.kubectl()).await?;
    let connector = Connector::new(&Trust::CaFile(central.ca_file()))?;
    let mut senders = Vec::new();
    for _ in 0..WRITERS {
        senders.push(connect(&connector, &central).await?);
    }
    let (mut reads, mut writes) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let read = ask_all(&mut senders, &central, &Method::GET, ASKS).await?;
        let written = ask_all(&mut senders, &central, &Method::POST, ASKS).await?;
        if round > 0 {
            reads.extend(read);
            writes.extend(written);
        }
    }
    println!("audit: requests of {WRITERS} at once through the gateway, SQLite, {ROUNDS} rounds of {ASKS} each");
    let (r50, r99) = (percentile(&mut reads, 50), percentile(&mut reads, 99));
    let (w50, w99) = (percentile(&mut writes, 50), percentile(&mut writes, 99));
    println!("  plain reads, in batches     p50 {r50:>6} us   p99 {r99:>6} us");
    println!("  writes, recorded before     p50 {w50:>6} us   p99 {w99:>6} us");
    println!("  strict adds                 p50 {:>6} us (goal: at most 1500)", w50.saturating_sub(r50));
    sustained(&mut senders, &central).await
}

async fn sustained(senders: &mut [Sender], central: &Central) -> anyhow::Result<()> {
    let (start, before) = (Instant::now(), central.server.cpu_micros()?);
    let (mut total, mut slowest) = (0, f64::INFINITY);
    while start.elapsed() < SUSTAINED {
        let began = Instant::now();
        let asked = ask_all(senders, central, &Method::GET, ASKS).await?.len();
        total += asked;
        slowest = slowest.min(asked as f64 / began.elapsed().as_secs_f64());
    }
    let rate = total as f64 / start.elapsed().as_secs_f64();
    let micros = (central.server.cpu_micros()? - before) as f64 / total as f64;
    println!(
        "  sustained for {} s: {rate:.0} audited requests a second (goal: 2000), never fewer than {slowest:.0}; {micros:.0} us of \
         central's CPU each, RSS {} KiB",
        SUSTAINED.as_secs(),
        central.server.rss_kib()?
    );
    Ok(())
}

type Sender = SendRequest<Empty<Bytes>>;

async fn connect(connector: &Connector, central: &Central) -> anyhow::Result<Sender> {
    let io = connector.connect(&central.url.parse()?, Alpn::Http1).await?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(io)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// All ask at once, each so many times; how long each request took.
async fn ask_all(
    senders: &mut [Sender],
    central: &Central,
    method: &Method,
    times: usize,
) -> anyhow::Result<Vec<Duration>> {
    let asking = senders.iter_mut().map(|sender| async move {
        let mut samples = Vec::with_capacity(times);
        for _ in 0..times {
            let request = Request::builder()
                .method(method)
                .uri(format!("/clusters/c0/k8s{}", stand_in::LISTS[0].path))
                .header("host", "localhost")
                .header("authorization", format!("Bearer {}", central.token))
                .body(Empty::new())?;
            let start = Instant::now();
            sender.ready().await?;
            let response = sender.send_request(request).await?;
            anyhow::ensure!(response.status() == 200, "HTTP {}", response.status());
            drain(response).await?;
            samples.push(start.elapsed());
        }
        anyhow::Ok(samples)
    });
    Ok(futures_util::future::try_join_all(asking).await?.concat())
}

async fn long_log(name: &str, url: &str) -> anyhow::Result<()> {
    let store = Store::open(&SecretString::from(url.to_owned()), 8)?;
    store.migrate().await?;
    let (rows, cpu) = fill(&store).await?;
    if store.is_postgres() {
        // As the server itself does a minute after it has got so many rows.
        store.write(|c| Ok::<_, Error>(c.batch_execute("ANALYZE audit_logs")?)).await?;
    }
    println!("audit: {rows} rows on {name}, each plain read {cpu:.1} us of this process's CPU (goal: 20)");
    let text = |text: &str| Some(text.to_owned());
    let none = AuditFilter::default;
    for (what, filter) in [
        ("the latest", none()),
        ("of one user", AuditFilter { user: text("user-7@example.com"), ..none() }),
        ("of one cluster and verb", AuditFilter { cluster: text("c3"), verb: text("delete"), ..none() }),
        ("denied", AuditFilter { decision: Some(AuditDecision::Denied), ..none() }),
        ("lost", AuditFilter { outcome: Some(AuditOutcome::Lost), ..none() }),
        ("of one namespace, an hour", {
            let until = Timestamp::now();
            let since = Some(until - SignedDuration::from_hours(1));
            AuditFilter { namespace: text("ns-1"), since, until: Some(until), ..none() }
        }),
        ("lists of one user", AuditFilter { user: text("user-7@example.com"), verb: text("list"), ..none() }),
        ("logins, of which none are", AuditFilter { kind: Some(AuditKind::Login), ..none() }),
        ("of nobody", AuditFilter { user: text("nobody@example.com"), ..none() }),
    ] {
        let mut samples = Vec::new();
        let mut found = 0;
        for _ in 0..10 {
            let filter = filter.clone();
            let start = Instant::now();
            found = store.read(move |c| audit::page(c, &filter)).await?.records.len();
            samples.push(start.elapsed());
        }
        let (p50, most) = (percentile(&mut samples, 50), percentile(&mut samples, 100));
        println!("  {what:<26} {found:>4} records   p50 {p50:>6} us   max {most:>6} us (goal: 100000)");
    }
    store.close().await;
    Ok(())
}

/// A long log: first plain reads alone, then the rest as well; how many rows, and what each of the reads cost.
async fn fill(store: &Store) -> anyhow::Result<(usize, f64)> {
    store.write(|c| audit::start(c, "bench", Timestamp::now())).await?;
    let mut rows = 0;
    let mut last = (0, String::new());
    let before = cpu_micros(std::process::id())?;
    let mut each = 0.0;
    for batch in 0..RECORDS.div_ceil(BATCH) {
        let mut links: Vec<Link> = Vec::with_capacity(2 * BATCH);
        for i in batch * BATCH..((batch + 1) * BATCH).min(RECORDS) {
            let is_read = i < READS;
            let begin = record(i, is_read);
            // Long requests and those that are strict have a second row.
            let ending = Ending { outcome: Some(AuditOutcome::Complete), ..Ending::default() };
            let end = (!is_read && i.is_multiple_of(4)).then(|| AuditRecord::of_end(&begin, ending));
            for (phase, record) in [(Phase::Begin, Some(begin)), (Phase::End, end)] {
                let Some(record) = record else { continue };
                let link = Link::next("bench", (last.0, &last.1), phase, record);
                last = (link.seq, link.hash.clone());
                links.push(link);
            }
        }
        rows += links.len();
        store.write(move |c| audit::append(c, &links, Timestamp::now())).await?;
        if (batch + 1) * BATCH <= READS {
            each = (cpu_micros(std::process::id())? - before) as f64 / rows as f64;
        }
    }
    Ok((rows, each))
}

fn record(i: usize, is_read: bool) -> AuditRecord {
    let verbs = ["get", "list", "watch", "get", "list", "get", "create", "patch", "update", "delete"];
    let verbs = if is_read { &verbs[..6] } else { &verbs[..] };
    let denied = i.is_multiple_of(211);
    let outcome = if i.is_multiple_of(1_999) { AuditOutcome::Lost } else { AuditOutcome::Complete };
    AuditRecord {
        kind: Some(AuditKind::Gateway),
        user: Some(format!("user-{}@example.com", i % 50)),
        user_id: Some("01a2203e-0a64-730d-b0ea-5826a89b454c".into()),
        credential: Some("token:01a2203e-0c1a-7036-a4d4-6b08da123ebc".into()),
        source_ip: Some("10.0.0.1".into()),
        user_agent: Some("kubectl/v1.36.3 (linux/amd64) kubernetes/0123456".into()),
        cluster: Some(format!("c{}", i % 20)),
        verb: Some(verbs[i % verbs.len()].into()),
        resource: Some("pods".into()),
        namespace: Some(format!("ns-{}", i % 100)),
        name: Some(format!("pod-{i}")),
        target: Some(format!("/api/v1/namespaces/ns-{}/pods/pod-{i}", i % 100)),
        decision: Some(if denied { AuditDecision::Denied } else { AuditDecision::Allowed }),
        rule: Some("developer".into()),
        status: Some(200),
        duration_micros: Some(1_000),
        bytes_out: Some(4_096),
        outcome: (is_read || !i.is_multiple_of(4)).then_some(outcome),
        ..AuditRecord::new(&RequestId::generate())
    }
}
