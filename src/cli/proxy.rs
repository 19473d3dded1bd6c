//! `mk8s proxy`: the API of a cluster on a port of this machine, for programs that know nothing of mk8s.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use regex_lite::Regex;
use tokio::net::TcpListener;

use super::exit::{CliError, Exit};
use super::kept;
use super::output;
use super::runtime::until_signal;
use super::session::SessionArgs;
use crate::client::Filter;

/// Hosts that are accepted where none are named.
const HOSTS: &str = r"^localhost$,^127\.0\.0\.1$,^\[::1\]$";

/// How long a listener waits that could not accept a connection, as when there are too many open files.
const PAUSE: Duration = Duration::from_millis(200);

/// Options of `proxy`. Patterns are regular expressions, with commas between them.
#[derive(Args)]
pub struct ProxyArgs {
    /// The port to listen on; 0 for any that is free
    #[arg(short, long, default_value_t = 8001)]
    port: u16,
    /// The address to listen on; another than a loopback address needs --accept-hosts
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), value_name = "IP")]
    address: IpAddr,
    /// The hosts that requests may name [default: ^localhost$,^127\.0\.0\.1$,^\[::1\]$]
    #[arg(long, value_name = "PATTERNS")]
    accept_hosts: Option<String>,
    /// The paths that are accepted
    #[arg(long, default_value = "^.*", value_name = "PATTERNS")]
    accept_paths: String,
    /// The paths that are rejected, before that
    #[arg(
        long,
        default_value = "^/api/.*/pods/.*/exec,^/api/.*/pods/.*/attach,^/api/.*/pods/.*/portforward",
        value_name = "PATTERNS"
    )]
    reject_paths: String,
    /// The methods that are rejected
    #[arg(long, default_value = "^$", value_name = "PATTERNS")]
    reject_methods: String,
}

/// Serves until it is interrupted.
pub async fn run(session: &SessionArgs, args: ProxyArgs) -> anyhow::Result<Exit> {
    until_signal(serve(session, args)).await
}

async fn serve(session: &SessionArgs, args: ProxyArgs) -> anyhow::Result<Exit> {
    if !args.address.is_loopback() && args.accept_hosts.is_none() {
        let what = format!("whoever reaches {} would act as you", args.address);
        return Err(CliError::usage(what, "keep the loopback address, or name with --accept-hosts who may").into());
    }
    let filter = Arc::new(Filter {
        accept_hosts: patterns("accept-hosts", args.accept_hosts.as_deref().unwrap_or(HOSTS))?,
        accept_paths: patterns("accept-paths", &args.accept_paths)?,
        reject_paths: patterns("reject-paths", &args.reject_paths)?,
        reject_methods: patterns("reject-methods", &args.reject_methods)?,
    });
    let gateway = kept::gateway(session.resolve()?).await?;
    let listener = TcpListener::bind((args.address, args.port)).await.map_err(|error| CliError {
        what: format!("cannot listen on {}:{}: {error}", args.address, args.port),
        hint: Some("another port, or --port=0 for any that is free".into()),
        exit: Exit::FAILURE,
    })?;
    output::print(&format!("Starting to serve on {}\n", listener.local_addr()?))?;
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (gateway, filter) = (gateway.clone(), filter.clone());
        let service = service_fn(move |request| {
            let (gateway, filter) = (gateway.clone(), filter.clone());
            async move { Ok::<_, std::convert::Infallible>(gateway.relay(&filter, request).await) }
        });
        let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
        // How a connection ends is for its client to see.
        tokio::spawn(async move { drop(connection.with_upgrades().await) });
    }
}

fn patterns(flag: &str, text: &str) -> Result<Vec<Regex>, CliError> {
    let wrong = |error| CliError::usage(format!("--{flag}: {error}"), "regular expressions with commas between them");
    text.split(',').map(|pattern| Regex::new(pattern).map_err(wrong)).collect()
}
