//! This machine: what is remembered, what goes before it, and what kubectl needs of mk8s.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use super::report::{Finding, Report, local};
use crate::cli::kubeconfig::hub;
use crate::cli::session::{Session, SessionArgs};
use crate::cli::version;
use crate::config::{ClientState, kubeconfig, paths};
use crate::kubernetes::kubeconfig::{Hub, MAX_BYTES};
use crate::model::nearest::nearest;

const GROUP: &str = "client";

/// The variables that the client reads.
const VARIABLES: [&str; 7] =
    ["MK8S_CA_FILE", "MK8S_CLUSTER", "MK8S_CONFIG", "MK8S_EMAIL", "MK8S_OUTPUT", "MK8S_SERVER", "MK8S_TOKEN"];

/// Looks at all of it; the settings that are in force.
pub async fn check(report: &mut Report, args: &SessionArgs) -> Option<Session> {
    report.note(GROUP, "version", Finding::ok(format!("mk8s {}", version::short())));
    report.note(GROUP, "environment", environment(env::vars_os().map(|(name, value)| (name, value.is_empty()))));
    let path = paths::client_state();
    let (done, ()) = local("config", {
        let path = path.clone();
        move || (config(&path), ())
    })
    .await;
    let readable = report.add(GROUP, done);
    let (done, ()) = local("config-mode", move || (mode(&path), ())).await;
    report.add(GROUP, done);
    if !readable {
        report.skip(GROUP, &["server", "kubeconfig", "kubeconfig-plugin"], "config failed");
        return None;
    }
    let (done, session) = local("server", {
        let args = args.clone();
        move || server(&args)
    })
    .await;
    report.add(GROUP, done);
    let Some(session) = session else {
        report.skip(GROUP, &["kubeconfig", "kubeconfig-plugin"], "server failed");
        return None;
    };
    let hub = hub(&session, String::new());
    let (done, plugin) = local("kubeconfig", move || entries(&hub, &kubeconfig::read_paths())).await;
    report.add(GROUP, done);
    match plugin {
        Entries::None => report.skip(GROUP, &["kubeconfig-plugin"], "kubeconfig has no entries"),
        Entries::WithPlugin(command) => {
            let path = env::var_os("PATH").unwrap_or_default();
            let (done, ()) = local("kubeconfig-plugin", move || (plugin_found(&command, &path), ())).await;
            report.add(GROUP, done);
        }
        Entries::WithoutPlugin => {
            let finding = Finding::failed("the kubeconfig has clusters of this central and not their user", WRITE);
            report.note(GROUP, "kubeconfig-plugin", finding);
        }
    }
    Some(session)
}

/// What puts entries right.
const WRITE: &str = "mk8s kubeconfig write";

/// Which variables are in force, and which may be misspelt. `vars`: names, and whether they are empty.
fn environment(vars: impl Iterator<Item = (OsString, bool)>) -> Finding {
    let (mut set, mut odd) = (Vec::new(), None);
    for (name, is_empty) in vars {
        let Some(name) = name.to_str().filter(|name| name.starts_with("MK8S_")) else { continue };
        let of_servers = ["MK8S_CENTRAL_", "MK8S_AGENT_"].iter().any(|prefix| name.starts_with(prefix));
        if VARIABLES.contains(&name) {
            if !is_empty {
                set.push(name.to_owned());
            }
        } else if let Some(near) = nearest(name, VARIABLES).filter(|_| !of_servers) {
            odd = Some((name.to_owned(), near));
        }
    }
    set.sort();
    if let Some((name, near)) = odd {
        return Finding::warning(format!("{name} means nothing to mk8s"), format!("did you mean {near}?"));
    }
    Finding::ok(match set.as_slice() {
        [] => "nothing is set that goes before what is remembered".to_owned(),
        names => format!("set, and before what is remembered: {}", names.join(", ")),
    })
}

/// Whether the file can be read, or need not be.
fn config(path: &Path) -> Finding {
    let shown = path.display();
    let hint = format!("mk8s config check client --config {shown}");
    match fs::metadata(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => {
            Finding::ok(format!("{shown} does not exist: nothing is remembered"))
        }
        Err(e) => Finding::failed(format!("cannot read {shown}: {e}"), format!("ls -l {shown}")),
        Ok(found) if !found.is_file() => Finding::failed(format!("{shown} is not a file"), "MK8S_CONFIG names one"),
        Ok(_) => match ClientState::load(path) {
            Ok(_) => Finding::ok(shown.to_string()),
            Err(error) => Finding::failed(error.to_string(), hint),
        },
    }
}

/// Whether its owner alone can read the tokens.
fn mode(path: &Path) -> Finding {
    let Ok(found) = fs::metadata(path) else {
        return Finding::skipped("not checked: there is no file that can be read", None);
    };
    match mode_of(&found) {
        mode if mode & 0o077 == 0 => Finding::ok(format!("{mode:04o}")),
        mode => Finding::failed(
            format!("{} has the mode {mode:04o}: others can read the tokens in it", path.display()),
            format!("chmod 600 {}; if they may have been read: mk8s logout, mk8s login", path.display()),
        ),
    }
}

/// What its owner and others may do with a file.
#[cfg(unix)]
fn mode_of(found: &fs::Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o7777
}

/// Windows has nothing of the kind: what is in a user's directory is the user's, and every file may be a program.
#[cfg(not(unix))]
fn mode_of(_: &fs::Metadata) -> u32 {
    0o700
}

/// Which central is in use.
fn server(args: &SessionArgs) -> (Finding, Option<Session>) {
    let checked = args.resolve().and_then(|session| {
        crate::config::client::check_server(&session.server)?;
        Ok(session)
    });
    match checked {
        Ok(session) => (Finding::ok(session.server.clone()), Some(session)),
        Err(error) => (Finding::error(&error, "--server (MK8S_SERVER) has the form https://mk8s.example.com"), None),
    }
}

/// What the kubeconfigs have for this central.
#[derive(Debug, Default, PartialEq, Eq)]
enum Entries {
    #[default]
    None,
    WithoutPlugin,
    WithPlugin(String),
}

/// Looks into the files that kubectl reads.
fn entries(hub: &Hub, files: &[PathBuf]) -> (Finding, Entries) {
    let (mut clusters, mut plugin, mut problem) = (0, None, None);
    for file in files {
        let Some(text) = read(file) else { continue };
        match text.map_err(|e| e.to_string()).and_then(|text| hub.found(&text).map_err(|e| e.to_string())) {
            Ok(found) => {
                clusters += found.clusters;
                plugin = plugin.or(found.plugin);
            }
            Err(why) => problem = Some(format!("{} cannot be read: {why}", file.display())),
        }
    }
    let found = match (clusters, plugin) {
        (0, _) => Entries::None,
        (_, None) => Entries::WithoutPlugin,
        (_, Some(plugin)) => Entries::WithPlugin(plugin),
    };
    let finding = match (problem, clusters) {
        (Some(problem), _) => Finding::warning(problem, "kubectl config view"),
        (None, 0) => {
            Finding::ok(format!("no entries for this central; {WRITE} adds them, for kubectl, helm and others"))
        }
        (None, n) => Finding::ok(format!("{n} {} of this central", if n == 1 { "cluster" } else { "clusters" })),
    };
    (finding, found)
}

/// The text of a file; `None` if there is no such file.
fn read(file: &Path) -> Option<std::io::Result<String>> {
    match fs::metadata(file) {
        Err(e) if e.kind() == ErrorKind::NotFound => return None,
        Ok(found) if !found.is_file() => return Some(Err(std::io::Error::other("it is not a file"))),
        _ => {}
    }
    let mut text = String::new();
    let read = fs::File::open(file).and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text));
    Some(read.map(|_| text))
}

/// Whether kubectl will find the program that gives the token.
fn plugin_found(command: &str, path: &OsString) -> Finding {
    let runs = |file: &PathBuf| fs::metadata(file).is_ok_and(|found| found.is_file() && mode_of(&found) & 0o111 != 0);
    if command.contains('/') {
        return match runs(&PathBuf::from(command)) {
            true => Finding::ok(command),
            false => Finding::failed(format!("{command}, which kubectl runs for a token, is not there"), WRITE),
        };
    }
    match env::split_paths(path).map(|dir| dir.join(command)).find(runs) {
        Some(found) => Finding::ok(found.display().to_string()),
        None => Finding::failed(
            format!("{command}, which kubectl runs for a token, is not in PATH"),
            format!("add its directory to PATH, or {WRITE}, which names it by its whole path"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn said(finding: &Finding) -> String {
        format!("{finding:?}")
    }

    #[test]
    fn variables_are_named_without_their_values() {
        let of = |names: &[&str]| said(&environment(names.iter().map(|name| (OsString::from(name), false))));
        assert!(of(&["HOME"]).contains("nothing is set"));
        assert!(of(&["MK8S_TOKEN", "MK8S_CLUSTER"]).contains("MK8S_CLUSTER, MK8S_TOKEN"));
        assert!(of(&["MK8S_SEVER"]).contains("did you mean MK8S_SERVER?"));
        for other in ["MK8S_CENTRAL_CONFIG", "MK8S_AGENT_TOKEN", "MK8S_SERVICE_HOST", "MK8S_PORT_8443_TCP"] {
            assert!(of(&[other]).contains("Ok"), "{other}");
        }
        assert!(said(&environment([("MK8S_TOKEN".into(), true)].into_iter())).contains("nothing is set"));
    }

    #[test]
    fn a_file_that_others_can_read_is_a_failure() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.yaml");
        assert!(said(&config(&path)).contains("does not exist") && said(&mode(&path)).contains("Skipped"));
        fs::write(&path, "cluster: dev\n").unwrap();
        for (bits, outcome) in [(0o600, "Ok"), (0o400, "Ok"), (0o640, "Failed"), (0o644, "Failed"), (0o604, "Failed")] {
            fs::set_permissions(&path, fs::Permissions::from_mode(bits)).unwrap();
            assert!(said(&mode(&path)).contains(outcome), "{bits:o}");
            assert!(said(&config(&path)).contains("Ok"));
        }
        fs::write(&path, "session: [").unwrap();
        assert!(said(&config(&path)).contains("mk8s config check client"));
        assert!(said(&config(dir.path())).contains("is not a file"));
    }

    #[test]
    fn entries_and_their_program_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let hub = Hub { server: "https://c".into(), prefix: String::new() };
        let file = dir.path().join("kubeconfig");
        let look = |text: &str| {
            fs::write(&file, text).unwrap();
            entries(&hub, &[dir.path().join("none"), file.clone()])
        };
        assert_eq!(look("").1, Entries::None);
        let cluster = "clusters: [{name: a, cluster: {server: https://c/clusters/a/k8s}}]\n";
        assert_eq!(look(cluster).1, Entries::WithoutPlugin);
        let user = "contexts: [{name: x, context: {cluster: a, user: mk8s@c}}]\n\
                    users: [{name: mk8s@c, user: {exec: {command: mk8s}}}]\n";
        let (finding, found) = look(&format!("{cluster}{user}"));
        assert!(found == Entries::WithPlugin("mk8s".into()) && said(&finding).contains("1 cluster of"));
        assert!(said(&look("a: [").0).contains("Warning"));

        let program = dir.path().join("mk8s");
        fs::write(&program, "").unwrap();
        let path = OsString::from(dir.path());
        assert!(said(&plugin_found("mk8s", &path)).contains("not in PATH"), "it is no program yet");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(said(&plugin_found("mk8s", &path)).contains("Ok"));
        assert!(said(&plugin_found(program.to_str().unwrap(), &OsString::new())).contains("Ok"));
        assert!(said(&plugin_found("/nowhere/mk8s", &path)).contains("kubeconfig write"));
    }
}
