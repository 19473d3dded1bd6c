//! What it costs to know who asks, and what a flood of logins does to those who are logged in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::Request;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1::SendRequest;
use mk8s::client::Client;
use mk8s::model::session::Login;
use mk8s::tls::Trust;

use super::support::{Central, drain, percentile};

const REQUESTS: usize = 10_000;
const ROUNDS: usize = 3;
const PACED: usize = 600;
const FLOOD: usize = 40;

type Connection = SendRequest<Full<Bytes>>;

pub async fn run() -> anyhow::Result<()> {
    let central = Arc::new(Central::start(1).await?);
    let mut connection = central.connection().await?;
    let access = central.client_session().await?;
    println!("identity: processor time of central for one request, {ROUNDS} x {REQUESTS} of each, interleaved");
    let (mut health, mut session, mut token) = (0, 0, 0);
    for _ in 0..ROUNDS {
        health += cpu(&central, &mut connection, "/health", "").await?;
        session += cpu(&central, &mut connection, "/clusters", &access).await?;
        token += cpu(&central, &mut connection, "/clusters", &central.token).await?;
    }
    let each = |total: u64| total as f64 / (ROUNDS * REQUESTS) as f64;
    println!("  GET /health                 {:>6.1} us", each(health));
    for (how, total) in [("session", session), ("API token", token)] {
        let ratio = total as f64 / health as f64;
        println!("  GET /clusters, {how:<10}   {:>6.1} us   ratio {ratio:.2} (goal: at most 1.3)", each(total));
    }

    let mut quiet = paced(&mut connection, &access).await?;
    let stop = Arc::new(AtomicBool::new(false));
    let refused = Arc::new(AtomicUsize::new(0));
    let flood: Vec<_> =
        (0..FLOOD).map(|i| tokio::spawn(flood(central.clone(), i, stop.clone(), refused.clone()))).collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut flooded = paced(&mut connection, &access).await?;
    stop.store(true, Ordering::Relaxed);
    for task in flood {
        task.await??;
    }
    let (q50, q99) = (percentile(&mut quiet, 50), percentile(&mut quiet, 99));
    let (f50, f99) = (percentile(&mut flooded, 50), percentile(&mut flooded, 99));
    println!("identity: authenticated requests beside {FLOOD} clients that log in 20 times a second each");
    println!("  quiet       p50 {q50:>6} us   p99 {q99:>6} us");
    println!(
        "  flooded     p50 {f50:>6} us   p99 {f99:>6} us   ({} refused with 429)",
        refused.load(Ordering::Relaxed)
    );
    println!(
        "  ratio       p50 {:>6.2}      p99 {:>6.2} (goal: at most 1.5)",
        f50 as f64 / q50 as f64,
        f99 as f64 / q99 as f64
    );
    Ok(())
}

impl Central {
    async fn client_session(&self) -> anyhow::Result<String> {
        let anonymous = Client::new(&self.url, &Trust::CaFile(self.ca_file()))?;
        Ok(anonymous.login(&self.login()?).await?.access_token.expose().to_owned())
    }
}

async fn get(connection: &mut Connection, path: &str, token: &str) -> anyhow::Result<()> {
    let mut request = Request::get(path).header("host", "localhost");
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    connection.ready().await?;
    let response = connection.send_request(request.body(Full::default())?).await?;
    anyhow::ensure!(response.status() == 200, "HTTP {}", response.status());
    drain(response).await.map(drop)
}

/// The processor time that central needs for many requests.
async fn cpu(central: &Central, connection: &mut Connection, path: &str, token: &str) -> anyhow::Result<u64> {
    get(connection, path, token).await?;
    let before = central.server.cpu_micros()?;
    for _ in 0..REQUESTS {
        get(connection, path, token).await?;
    }
    Ok(central.server.cpu_micros()? - before)
}

/// The times of requests that come every 10 ms, whatever the answers take.
async fn paced(connection: &mut Connection, token: &str) -> anyhow::Result<Vec<Duration>> {
    let mut times = Vec::new();
    let mut due = Instant::now();
    for _ in 0..PACED {
        tokio::time::sleep_until(due.into()).await;
        get(connection, "/clusters", token).await?;
        times.push(due.elapsed());
        due += Duration::from_millis(10);
    }
    Ok(times)
}

/// Logs in with a wrong password, twenty times a second or as fast as answers come.
async fn flood(
    central: Arc<Central>,
    i: usize,
    stop: Arc<AtomicBool>,
    refused: Arc<AtomicUsize>,
) -> anyhow::Result<()> {
    let mut connection = central.connection().await?;
    // Spread over the time, as the clients share the processors with what they measure.
    let mut due = Instant::now() + Duration::from_micros(50_000 * i as u64 / FLOOD as u64);
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        tokio::time::sleep_until(due.into()).await;
        due += Duration::from_millis(50);
        let login = Login { email: format!("user{i}-{n}@example.com"), password: "wrong password".to_owned().into() };
        let request =
            Request::post("/auth/login").header("host", "localhost").body(serde_json::to_vec(&login)?.into())?;
        connection.ready().await?;
        let response = connection.send_request(request).await?;
        match response.status().as_u16() {
            401 => {}
            429 => drop(refused.fetch_add(1, Ordering::Relaxed)),
            status => anyhow::bail!("HTTP {status}"),
        }
        drain(response).await?;
    }
    Ok(())
}
