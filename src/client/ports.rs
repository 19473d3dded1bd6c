//! Which port of this machine leads to which of a pod: `8080:80`, `:80`, `80`, and names in place of numbers.

use std::str::FromStr;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::kinds::{Pod, Service, ServicePort};
use super::pods::Resolved;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortSpec {
    local: Local,
    remote: Remote,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Local {
    /// The same number as the remote one.
    Same,
    /// Any that is free.
    Free,
    Number(u16),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Remote {
    Number(u16),
    Name(String),
}

/// Two ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortPair {
    /// That of this machine; 0 for any that is free.
    pub local: u16,
    /// That of the pod.
    pub remote: u16,
}

/// A port that there is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// The pod or the service has no such port.
    #[error("{place} has no port {port}")]
    Missing {
        /// Which pod or service.
        place: String,
        /// The number or the name.
        port: String,
    },
    /// Only TCP can be forwarded.
    #[error("the port {0} is for {1}, and only TCP can be forwarded")]
    Protocol(String, String),
}

impl FromStr for PortSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
        let (local, remote) = match text.split_once(':') {
            None => (Local::Same, text),
            Some(("" | "0", remote)) => (Local::Free, remote),
            Some((local, remote)) => {
                (Local::Number(number(local).ok_or("the local port is a number from 1 to 65535")?), remote)
            }
        };
        let is_name = |text: &str| {
            text.len() <= 63 && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        let remote = match number(remote) {
            Some(port) => Remote::Number(port),
            None if is_name(remote) && remote.bytes().any(|b| b.is_ascii_lowercase()) => {
                Remote::Name(remote.to_owned())
            }
            None => return Err("the remote port is a number from 1 to 65535, or a name: [LOCAL:]REMOTE".into()),
        };
        Ok(Self { local, remote })
    }
}

impl PortSpec {
    /// The ports, for what a target stands for.
    ///
    /// # Errors
    /// When the pod or the service does not have them.
    pub fn resolve(&self, target: &Resolved) -> Result<PortPair, PortError> {
        let pod = &target.pod;
        let (shown, remote) = match (&target.service, &self.remote) {
            (None, Remote::Number(port)) => {
                check_protocol(pod, *port)?;
                (*port, *port)
            }
            (None, Remote::Name(name)) => {
                let port = port_of_pod(pod, name)?;
                (port, port)
            }
            (Some(service), remote) => {
                let port = port_of_service(service, remote)?;
                let number = u16::try_from(port.port).unwrap_or_default();
                (number, behind(service, port, pod)?)
            }
        };
        let local = match self.local {
            Local::Same => shown,
            Local::Free => 0,
            Local::Number(port) => port,
        };
        Ok(PortPair { local, remote })
    }
}

/// The port of a service with a number or a name.
fn port_of_service<'a>(service: &'a Service, wanted: &Remote) -> Result<&'a ServicePort, PortError> {
    let ports = &service.spec.ports;
    let matches = |port: &&ServicePort| match wanted {
        Remote::Number(number) => port.port == i32::from(*number),
        Remote::Name(name) => port.name.as_ref() == Some(name),
    };
    let is_tcp = |port: &&ServicePort| port.protocol.as_deref().is_none_or(|protocol| protocol == "TCP");
    let shown = || match wanted {
        Remote::Number(number) => number.to_string(),
        Remote::Name(name) => name.clone(),
    };
    match (ports.iter().filter(matches).find(is_tcp), ports.iter().find(matches)) {
        (Some(port), _) => Ok(port),
        (None, Some(other)) => Err(PortError::Protocol(shown(), other.protocol.clone().unwrap_or_default())),
        (None, None) => {
            let name = service.metadata.name.clone().unwrap_or_default();
            Err(PortError::Missing { place: format!("the service {name}"), port: shown() })
        }
    }
}

/// The port of a pod that is behind one of a service.
fn behind(service: &Service, port: &ServicePort, pod: &Pod) -> Result<u16, PortError> {
    let number = |port: i32| u16::try_from(port).unwrap_or_default();
    let headless = service.spec.cluster_ip.as_deref() == Some("None");
    match &port.target_port {
        // Nothing stands between a client and the pods of such a service.
        _ if headless => Ok(number(port.port)),
        None | Some(IntOrString::Int(0)) => Ok(number(port.port)),
        Some(IntOrString::Int(target)) => Ok(number(*target)),
        Some(IntOrString::String(name)) => port_of_pod(pod, name),
    }
}

/// The port of a container with a name.
fn port_of_pod(pod: &Pod, name: &str) -> Result<u16, PortError> {
    let mut ports = pod.spec.containers.iter().flat_map(|container| &container.ports);
    let found = ports.find(|port| port.name.as_deref() == Some(name));
    match found.map(|port| (port.protocol.as_deref().unwrap_or("TCP"), u16::try_from(port.container_port))) {
        Some(("TCP", Ok(port))) => Ok(port),
        Some((protocol, _)) => Err(PortError::Protocol(name.to_owned(), protocol.to_owned())),
        None => {
            let pod = pod.metadata.name.clone().unwrap_or_default();
            Err(PortError::Missing { place: format!("the pod {pod}"), port: name.to_owned() })
        }
    }
}

/// Refuses a number that a container declares, but not for TCP. Most are declared nowhere.
fn check_protocol(pod: &Pod, number: u16) -> Result<(), PortError> {
    let ports = pod.spec.containers.iter().flat_map(|container| &container.ports);
    let declared: Vec<&str> = ports
        .filter(|port| port.container_port == i32::from(number))
        .map(|port| port.protocol.as_deref().unwrap_or("TCP"))
        .collect();
    match declared.as_slice() {
        [first, ..] if !declared.contains(&"TCP") => Err(PortError::Protocol(number.to_string(), (*first).to_owned())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(service: Option<serde_json::Value>, spec: &str) -> Result<(u16, u16), String> {
        let pod = serde_json::json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "ports": [
            {"name": "web", "containerPort": 8080}, {"name": "dns", "containerPort": 53, "protocol": "UDP"}]}]}});
        let service = service.map(|spec| serde_json::json!({"metadata": {"name": "s"}, "spec": spec}));
        let target = Resolved {
            pod: serde_json::from_value(pod).unwrap(),
            service: service.map(|service| serde_json::from_value(service).unwrap()),
        };
        let pair = spec.parse::<PortSpec>()?.resolve(&target).map_err(|e| e.to_string())?;
        Ok((pair.local, pair.remote))
    }

    #[test]
    fn ports_of_a_pod_have_numbers_or_names() {
        for (spec, pair) in [
            ("80", (80, 80)),
            ("1:2", (1, 2)),
            (":80", (0, 80)),
            ("0:80", (0, 80)),
            ("web", (8080, 8080)),
            ("9:web", (9, 8080)),
        ] {
            assert_eq!(resolve(None, spec), Ok(pair), "{spec}");
        }
        for (spec, word) in [("nosuch", "the pod p has no port nosuch"), ("53", "UDP"), ("dns", "UDP")] {
            assert!(resolve(None, spec).unwrap_err().contains(word), "{spec}");
        }
        for spec in ["", ":", "0", "x:80", "80:", "1:2:3", "70000", "-1", "a b", "8080:Web"] {
            assert!(spec.parse::<PortSpec>().is_err(), "{spec}");
        }
    }

    #[test]
    fn ports_of_a_service_lead_to_those_of_its_pods() {
        let service = |ip: &str| {
            Some(serde_json::json!({"clusterIP": ip, "ports": [
                {"port": 80, "name": "http", "targetPort": "web"}, {"port": 81, "targetPort": 9000}, {"port": 82},
                {"port": 83, "targetPort": "gone"}, {"port": 53, "protocol": "UDP"}]}))
        };
        for (spec, pair) in
            [("80", (80, 8080)), ("http", (80, 8080)), ("1:81", (1, 9000)), (":82", (0, 82)), (":http", (0, 8080))]
        {
            assert_eq!(resolve(service("10.0.0.1"), spec), Ok(pair), "{spec}");
        }
        assert_eq!(resolve(service("None"), "80"), Ok((80, 80)));
        for (spec, word) in [("84", "the service s has no port 84"), ("83", "no port gone"), ("53", "UDP")] {
            assert!(resolve(service("10.0.0.1"), spec).unwrap_err().contains(word), "{spec}");
        }
    }
}
