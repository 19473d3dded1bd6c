//! `mk8s cp`: files to a container and back.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use clap::Args;

use super::exit::{CliError, Exit};
use super::kept::{self, explain};
use super::output;
use super::progress::Progress;
use super::runtime::until_signal;
use super::session::SessionArgs;
use crate::client::{ContainerName, CopyError, Gateway, Pod, PodName, PodSpec, Watch};

/// The annotation that names the container that is meant where none is named.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// Options of `cp`.
#[derive(Args)]
pub struct CpArgs {
    /// The namespace of a pod that is named without one
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// The container [default: the pod's default one, or its first]
    #[arg(short, long, value_name = "NAME")]
    container: Option<String>,
    /// Owner and mode in the container are those of new files there
    #[arg(long)]
    no_preserve: bool,
    /// How often a copy from a container goes on where it was when the connection is lost; a negative number: always
    #[arg(long, default_value_t = 0, value_name = "N", allow_negative_numbers = true, value_parser = retries)]
    retries: u32,
    /// A path of this machine, or [NAMESPACE/]POD:PATH
    #[arg(value_name = "FROM")]
    from: Place,
    /// The same; one of both is in a pod
    #[arg(value_name = "TO")]
    to: Place,
}

/// A copy, as the user sees it.
struct Watched(Progress);

impl Watch for Watched {
    fn copied(&self, bytes: u64) {
        self.0.add(bytes);
    }

    fn warn(&self, text: String) {
        output::say(&text);
    }
}

/// Where a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Here(PathBuf),
    Pod { namespace: Option<String>, pod: String, path: String },
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // kubectl would look for a pod in the namespace `.`.
        let is_path = ["/", "./", "../"].iter().any(|start| text.starts_with(start)) || is_on_a_drive(text);
        let place = match text.split_once(':').filter(|_| !is_path) {
            None => Self::Here(text.into()),
            Some((pod, path)) => {
                let (namespace, pod) = match pod.split_once('/') {
                    Some((namespace, pod)) => (Some(namespace.to_owned()), pod),
                    None => (None, pod),
                };
                if pod.is_empty() || pod.contains('/') || namespace.as_deref() == Some("") {
                    return Err("[NAMESPACE/]POD:PATH; a path of this machine with a colon begins with ./".into());
                }
                Self::Pod { namespace, pod: pod.to_owned(), path: path.to_owned() }
            }
        };
        match &place {
            Self::Here(path) if path.as_os_str().is_empty() => Err("the path is empty".into()),
            Self::Pod { path, .. } if path.is_empty() => Err("the path behind the colon is empty".into()),
            _ => Ok(place),
        }
    }
}

/// Whether it begins with a drive of Windows, which is no pod there.
fn is_on_a_drive(text: &str) -> bool {
    let drive = matches!(text.as_bytes(), [letter, b':', b'\\' | b'/', ..] if letter.is_ascii_alphabetic());
    cfg!(windows) && drive
}

/// As kubectl has it, a negative number stands for no end.
fn retries(text: &str) -> Result<u32, String> {
    let number: i32 = text.parse().map_err(|_| "a number, such as 3".to_owned())?;
    Ok(u32::try_from(number).unwrap_or(u32::MAX))
}

/// Copies.
pub async fn run(session: &SessionArgs, args: CpArgs) -> anyhow::Result<Exit> {
    until_signal(copy(session, args)).await
}

async fn copy(session: &SessionArgs, args: CpArgs) -> anyhow::Result<Exit> {
    let remote = |pod: &str, namespace: &Option<String>| PodName {
        namespace: namespace.clone().unwrap_or_else(|| args.namespace.clone()),
        name: pod.to_owned(),
    };
    let (copied, namespace) = match (&args.from, &args.to) {
        (Place::Here(from), Place::Pod { namespace, pod, path }) => {
            if let Err(error) = std::fs::metadata(from) {
                let what = format!("cannot read {}: {error}", from.display());
                return Err(CliError { what, hint: None, exit: Exit::FAILURE }.into());
            }
            let gateway = kept::gateway(session.resolve()?).await?;
            let at = container(&gateway, remote(pod, namespace), args.container.as_deref()).await?;
            let to = destination(&gateway, &at, from, path).await?;
            // The archive has a little more than the file; how much there is in a directory is not known before.
            let total = std::fs::metadata(from).ok().filter(|found| found.is_file()).map(|found| found.len());
            let watch = Arc::new(Watched(Progress::new(format!("copying {}", from.display()), total)));
            let copying = gateway.copy_to(from.clone(), &at, &to, !args.no_preserve, watch.clone());
            (watch.0.show_while(copying).await, at.pod.namespace)
        }
        (Place::Pod { namespace, pod, path }, Place::Here(to)) => {
            let gateway = kept::gateway(session.resolve()?).await?;
            let at = container(&gateway, remote(pod, namespace), args.container.as_deref()).await?;
            let watch = Arc::new(Watched(Progress::new(format!("copying {path}"), None)));
            let copying = gateway.copy_from(&at, path, to, args.retries, watch.clone());
            (watch.0.show_while(copying).await, at.pod.namespace)
        }
        _ => {
            let what = "one of both paths is on this machine, and the other in a pod";
            return Err(CliError::usage(what, "mk8s cp FILE POD:PATH, or mk8s cp POD:PATH FILE").into());
        }
    };
    copied.map(|()| Exit::OK).map_err(|error| failed(error, &namespace))
}

/// Where a file goes: into a directory, or to the path itself.
async fn destination(gateway: &Gateway, at: &ContainerName, from: &Path, to: &str) -> anyhow::Result<String> {
    let is_directory = gateway.is_directory(at, to).await.map_err(|error| explain(error, &at.pod.namespace))?;
    let to = match to.trim_end_matches('/') {
        "" => "/",
        to => to,
    };
    match from.file_name().filter(|_| is_directory) {
        Some(name) => Ok(format!("{}/{}", to.trim_end_matches('/'), name.to_string_lossy())),
        None => Ok(to.to_owned()),
    }
}

/// The container that is meant.
async fn container(gateway: &Gateway, pod: PodName, named: Option<&str>) -> anyhow::Result<ContainerName> {
    let found = gateway.pod(&pod.namespace, &pod.name).await.map_err(|error| explain(error, &pod.namespace))?;
    let names = names(&found);
    let annotated = found.metadata.annotations.iter().flatten().find(|(key, _)| *key == DEFAULT_CONTAINER);
    let wanted = named.or(annotated.map(|(_, name)| name.as_str())).filter(|name| !name.is_empty());
    let container = match wanted {
        Some(name) if !names.iter().any(|known| known == name) => {
            let what = format!("the pod {} has no container {name:?}", pod.name);
            let hint = Some(format!("its containers are {}", names.join(", ")));
            return Err(CliError { what, hint, exit: Exit::NOT_FOUND }.into());
        }
        Some(name) => name.to_owned(),
        None => {
            if names.len() > 1 {
                output::say(&format!("Defaulted container {:?} out of: {}", names[0], names.join(", ")));
            }
            names.first().cloned().unwrap_or_default()
        }
    };
    Ok(ContainerName { pod, container })
}

/// The names of all containers, the ordinary ones first.
fn names(pod: &Pod) -> Vec<String> {
    let PodSpec { containers, init_containers, ephemeral_containers } = &pod.spec;
    let all = containers.iter().chain(init_containers).chain(ephemeral_containers);
    all.map(|container| container.name.clone()).collect()
}

fn failed(error: CopyError, namespace: &str) -> anyhow::Error {
    let hint = match &error {
        CopyError::Client(_) => None,
        CopyError::NoTar(_) => Some(
            "use an image that has it, or for one file mk8s kubectl exec POD -- cat FILE > FILE, \
             and mk8s kubectl exec -i POD -- tee FILE < FILE"
                .to_owned(),
        ),
        CopyError::Remote(_) => Some("the path in the container, and who may write there".to_owned()),
        CopyError::Unpack(crate::client::UnpackError::Outside(_)) => {
            Some("do not trust this container; what came before is in place".to_owned())
        }
        CopyError::Local(_) | CopyError::Unpack(_) => None,
    };
    match error {
        CopyError::Client(error) => explain(error, namespace),
        error => CliError { what: format!("cannot copy: {error}"), hint, exit: Exit::FAILURE }.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_here_or_in_a_pod() {
        let pod = |namespace: Option<&str>, pod: &str, path: &str| {
            Ok(Place::Pod { namespace: namespace.map(str::to_owned), pod: pod.into(), path: path.into() })
        };
        assert_eq!("x:/a".parse(), pod(None, "x", "/a"));
        assert_eq!("n/x:a:b".parse(), pod(Some("n"), "x", "a:b"));
        for here in ["a", "a/b", "./a:b", "../a:b", "/a:b"] {
            assert_eq!(here.parse(), Ok(Place::Here(here.into())));
        }
        for wrong in ["", ":a", "x:", "/x:", "a/b/c:d", "n/:a"] {
            assert!(wrong.parse::<Place>().is_err() || wrong.starts_with('/'), "{wrong}");
        }
    }
}
