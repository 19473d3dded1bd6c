//! `mk8s port-forward`: ports of this machine that lead to those of a pod.

use std::env;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use clap::Args;
use kube::ResourceExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::exit::{CliError, Exit};
use super::kept::{self, explain};
use super::output;
use super::progress::Progress;
use super::runtime::until_signal;
use super::session::SessionArgs;
use crate::client::{
    Carrier, ClientError, ForwardError, Gateway, Kind, PodError, PodName, PortPair, PortSpec, Resolved, Target,
};
use crate::model::ErrorCode;

/// The variable by which kubectl, too, is kept from WebSockets.
const WEB_SOCKETS: &str = "KUBECTL_PORT_FORWARD_WEBSOCKETS";

/// How long a listener waits that could not accept a connection, as when there are too many open files.
const PAUSE: Duration = Duration::from_millis(200);

/// Options of `port-forward`.
#[derive(Args)]
pub struct PortForwardArgs {
    /// The namespace
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// Where to listen: IP addresses, or localhost for 127.0.0.1 and ::1; with commas between them
    #[arg(long, value_delimiter = ',', default_value = "localhost", value_name = "ADDRESS")]
    address: Vec<String>,
    /// How long to wait for a pod that runs, such as 30s or 2m
    #[arg(long, default_value = "1m", value_parser = duration, value_name = "DURATION")]
    pod_running_timeout: Duration,
    /// What to forward to: a pod, service, deployment, replicaset or statefulset
    #[arg(value_name = "TYPE/NAME", value_parser = target)]
    target: Target,
    /// The ports: numbers or names; with nothing before the colon any free one
    #[arg(required = true, value_name = "[LOCAL:]REMOTE")]
    ports: Vec<PortSpec>,
}

/// A forwarded port.
#[derive(Clone)]
struct Forward {
    gateway: Gateway,
    pod: PodName,
    carrier: Carrier,
    ports: PortPair,
    /// Who hears that there is no such pod any more.
    gone: mpsc::Sender<String>,
}

/// Forwards until it is interrupted, or the pod is gone.
pub async fn run(session: &SessionArgs, args: PortForwardArgs) -> anyhow::Result<Exit> {
    until_signal(forward(session, args)).await
}

async fn forward(session: &SessionArgs, args: PortForwardArgs) -> anyhow::Result<Exit> {
    let addresses = args.address.iter().map(|text| addresses(text)).collect::<Result<Vec<_>, _>>()?;
    let gateway = kept::gateway(session.resolve()?).await?;
    let waiting = Progress::new(format!("waiting for a pod of {} to run", args.target), None);
    let running = gateway.running_pod(&args.namespace, &args.target, args.pod_running_timeout);
    let running = waiting.show_while(running).await;
    let resolved = running.map_err(|error| no_pod(error, &args.namespace))?;
    let (gone, mut told) = mpsc::channel(1);
    let forward = |ports| Forward {
        gateway: gateway.clone(),
        pod: PodName { namespace: args.namespace.clone(), name: resolved.pod.name_any() },
        carrier: if env::var(WEB_SOCKETS).is_ok_and(|value| value == "false") { Carrier::Spdy } else { Carrier::Any },
        ports,
        gone: gone.clone(),
    };
    let mut listeners = Vec::new();
    for ports in pairs(&args.ports, &resolved)? {
        listeners.extend(listen(&addresses, ports).await?.into_iter().map(|(listener, at)| (listener, at, ports)));
    }
    let lines = listeners.iter().map(|(_, at, ports)| format!("Forwarding from {at} -> {}\n", ports.remote));
    output::print(&lines.collect::<String>())?;
    let _serving: Vec<AbortOnDropHandle<()>> = listeners
        .into_iter()
        .map(|(listener, at, ports)| {
            let forward = forward(PortPair { local: at.port(), ..ports });
            AbortOnDropHandle::new(tokio::spawn(async move { forward.serve(listener).await }))
        })
        .collect();
    let why = tokio::select! {
        why = gateway.until_gone(&resolved.pod) => why,
        Some(why) = told.recv() => why,
    };
    let hint = format!("for another pod run it again; mk8s kubectl get pods -n {}", args.namespace);
    Err(CliError { what: format!("lost connection to pod: {why}"), hint: Some(hint), exit: Exit::FAILURE }.into())
}

impl Forward {
    /// Serves all connections to a listener, each for itself.
    async fn serve(self, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => drop(tokio::spawn(self.clone().connection(stream))),
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    async fn connection(self, local: TcpStream) {
        // Standard output may be closed by now, which is nothing to a connection.
        let _ = output::print(&format!("Handling connection for {}\n", self.ports.local));
        let _ = local.set_nodelay(true);
        let joined = match self.gateway.port_forward(&self.pod, self.ports.remote, self.carrier).await {
            Ok(remote) => remote.join(local).await,
            Err(error) => Err(error),
        };
        let Err(error) = joined else { return };
        output::say(&format!("error: cannot forward {} -> {}: {error}", self.ports.local, self.ports.remote));
        if let ForwardError::Client(ClientError::Problem(problem)) = &error {
            output::say(&format!("  request: {}", problem.request_id));
            if problem.code == ErrorCode::NotFound {
                // It is told once.
                let _ = self.gone.try_send(problem.detail.clone());
            }
        }
    }
}

fn pairs(specs: &[PortSpec], resolved: &Resolved) -> Result<Vec<PortPair>, CliError> {
    let pairs = specs.iter().map(|spec| spec.resolve(resolved)).collect::<Result<Vec<_>, _>>();
    pairs.map_err(|error| CliError::usage(error.to_string(), "mk8s kubectl describe shows the ports that there are"))
}

/// Listens at each of the addresses, with the same port; of those that stand for one name one is enough.
async fn listen(addresses: &[Vec<IpAddr>], ports: PortPair) -> Result<Vec<(TcpListener, SocketAddr)>, CliError> {
    let mut port = ports.local;
    let mut listeners = Vec::new();
    for group in addresses {
        let mut failed = None;
        let before = listeners.len();
        for address in group {
            let bound = TcpListener::bind((*address, port)).await;
            match bound.and_then(|listener| listener.local_addr().map(|at| (listener, at))) {
                Ok((listener, at)) => {
                    port = at.port();
                    listeners.push((listener, at));
                }
                Err(error) => failed = Some((*address, error)),
            }
        }
        if let (Some((address, error)), true) = (failed, listeners.len() == before) {
            return Err(taken(SocketAddr::new(address, port), &error, ports.remote));
        }
    }
    Ok(listeners)
}

fn taken(at: SocketAddr, error: &io::Error, remote: u16) -> CliError {
    let hint = format!("another local port, or :{remote} for any that is free");
    CliError { what: format!("cannot listen on {at}: {error}"), hint: Some(hint), exit: Exit::FAILURE }
}

/// The addresses that a word stands for.
fn addresses(text: &str) -> Result<Vec<IpAddr>, CliError> {
    match text {
        "localhost" => Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]),
        text => {
            let wrong = |_| CliError::usage(format!("{text:?} is no address"), "--address with an IP or localhost");
            text.parse().map(|ip| vec![ip]).map_err(wrong)
        }
    }
}

fn target(text: &str) -> Result<Target, String> {
    let (kind, name) = text.split_once('/').unwrap_or(("pod", text));
    let kind = Kind::named(kind).ok_or("one of pod, service, deployment, replicaset and statefulset, then /NAME")?;
    match name.is_empty() || name.contains('/') {
        true => Err("TYPE/NAME, such as service/web".into()),
        false => Ok(Target { kind, name: name.to_owned() }),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<kube::core::Duration>().map_err(|e| e.to_string())?;
    match parsed.is_negative() || parsed == Duration::ZERO {
        true => Err("it must be more than nothing".into()),
        false => Ok(parsed.into()),
    }
}

fn no_pod(error: PodError, namespace: &str) -> anyhow::Error {
    let hint = Some(format!("mk8s kubectl get pods -n {namespace}"));
    match error {
        PodError::Client(error) => explain(error, namespace),
        PodError::TooLate(what) => CliError { what, hint, exit: Exit::TIMEOUT }.into(),
        PodError::NotRunning(what) | PodError::NoSelector(what) => CliError { what, hint, exit: Exit::FAILURE }.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_pod_unless_it_says_what_it_is() {
        assert_eq!(target("x").unwrap(), Target { kind: Kind::Pod, name: "x".into() });
        assert_eq!(target("svc/x").unwrap(), Target { kind: Kind::Service, name: "x".into() });
        for wrong in ["", "pod/", "node/x", "pod/x/y"] {
            assert!(target(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_and_addresses_are_read_as_kubectl_reads_them() {
        assert_eq!(duration("1m0s"), Ok(Duration::from_secs(60)));
        assert!(duration("0s").is_err() && duration("-1s").is_err() && duration("5").is_err());
        assert_eq!(addresses("localhost").unwrap().len(), 2);
        assert!(addresses("example.com").is_err());
    }

    #[tokio::test]
    async fn one_address_of_a_name_is_enough_and_one_that_is_taken_is_named() {
        let held = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let local = held.local_addr().unwrap().port();
        let error = listen(&[vec![Ipv4Addr::LOCALHOST.into()]], PortPair { local, remote: 80 }).await.unwrap_err();
        assert!(error.what.contains(&format!("127.0.0.1:{local}")) && error.hint.unwrap().contains(":80"));
        let free = listen(&[addresses("localhost").unwrap()], PortPair { local: 0, remote: 80 }).await.unwrap();
        assert!(free.iter().all(|(_, at)| at.port() == free[0].1.port() && at.port() != 0));
    }
}
