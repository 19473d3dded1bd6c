//! Native clients: the kubeconfig that mk8s writes, and the token that it gives to kubectl.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::cli::{assert_fails, json};
use crate::support::process::MK8S;
use crate::support::stack::quiet;
use crate::support::{Central, Output, PATIENCE, Stack, kubernetes, run};

/// A kubeconfig of somebody who has another cluster.
const THEIRS: &str = "\
# theirs
apiVersion: v1
kind: Config
current-context: theirs   # production
clusters:
  - {name: theirs, cluster: {server: \"https://theirs.example.com\"}}

  # the end of their clusters
contexts:
- context: {cluster: theirs, user: theirs}
  name: theirs
users:
- name: theirs
  user:
    token: s3cret
";

/// A central to which the admin has logged in, with a kubeconfig of theirs.
fn logged_in() -> (Central, PathBuf) {
    let central = Central::start();
    central.log_in();
    let file = central.dir.path().join("kubeconfig");
    fs::write(&file, THEIRS).expect("write");
    (central, file)
}

/// A client command of the admin's session, with this kubeconfig.
fn mk8s(central: &Central, file: &Path, args: &[&str]) -> Output {
    run(central.client().env("KUBECONFIG", file).args(args), b"")
}

/// The real kubectl with this kubeconfig, and nothing else from mk8s.
fn kubectl(file: &Path, args: &[&str]) -> Output {
    run(kubernetes().direct_with(file, None).args(args), b"")
}

/// Makes the access token of the session one that has ended.
fn let_token_end(central: &Central) {
    let file = central.dir.path().join("client.yaml");
    let text = fs::read_to_string(&file).expect("the state");
    let line = text.lines().find(|line| line.trim_start().starts_with("access_expires_at:")).expect("a line");
    let past = format!("  access_expires_at: {:.0}", Timestamp::now() - SignedDuration::from_secs(5));
    fs::write(&file, text.replace(line, &past)).expect("write");
}

#[test]
fn a_kubeconfig_is_written_that_kubectl_reads_and_nothing_of_theirs_changes() {
    let (central, file) = logged_in();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("chmod");
    let output = mk8s(&central, &file, &["kubeconfig", "write"]).expect(0);
    assert_eq!(output.out(), "");
    assert!(output.err().contains("clusters: 2 written, 0 removed, 0 as they were"), "{}", output.err());
    assert_eq!(fs::metadata(&file).expect("metadata").mode() & 0o777, 0o640);
    let text = fs::read_to_string(&file).expect("read");
    let mut rest = text.lines();
    assert!(THEIRS.lines().all(|line| rest.any(|other| other == line)), "{text}");

    let names = kubectl(&file, &["config", "get-contexts", "-o", "name"]).expect(0).out();
    assert_eq!(names, "mk8s-dev\nmk8s-ghost\ntheirs\n");
    assert_eq!(kubectl(&file, &["config", "current-context"]).expect(0).out(), "theirs\n");
    let view = json(&kubectl(&file, &["config", "view", "--raw", "-o", "json", "--context", "mk8s-dev", "--minify"]));
    let cluster = &view["clusters"][0]["cluster"];
    assert_eq!(cluster["server"], format!("{}/clusters/dev/k8s", central.url));
    let exec = &view["users"][0]["user"]["exec"];
    assert_eq!(exec["command"], MK8S);
    assert_eq!(exec["args"], serde_json::json!(["credential", "--server", central.url]));
    assert_eq!((&exec["interactiveMode"], &exec["provideClusterInfo"]), (&"Never".into(), &false.into()));

    // Nothing to do: the file is not even replaced.
    let inode = fs::metadata(&file).expect("metadata").ino();
    mk8s(&central, &file, &["kubeconfig", "write"]).expect(0);
    assert_eq!(fs::metadata(&file).expect("metadata").ino(), inode);
    mk8s(&central, &file, &["kubeconfig", "write", "ghost", "ghost", "--use", "--cluster", "ghost"]).expect(0);
    assert_eq!(kubectl(&file, &["config", "current-context"]).expect(0).out(), "mk8s-ghost\n");

    // kubectl writes the file in its own way; ours are found all the same.
    kubectl(&file, &["config", "use-context", "theirs"]).expect(0);
    kubectl(&file, &["config", "set-context", "mk8s-dev", "--namespace", "mine"]).expect(0);
    let written = fs::read_to_string(&file).expect("read");
    mk8s(&central, &file, &["kubeconfig", "write"]).expect(0);
    assert_eq!(fs::read_to_string(&file).expect("read"), written);
    mk8s(&central, &file, &["kubeconfig", "remove", "ghost"]).expect(0);
    assert_eq!(kubectl(&file, &["config", "get-contexts", "-o", "name"]).expect(0).out(), "mk8s-dev\ntheirs\n");
    mk8s(&central, &file, &["kubeconfig", "remove"]).expect(0);
    let text = fs::read_to_string(&file).expect("read");
    assert!(!text.contains("mk8s") && text.contains("s3cret"), "{text}");
}

#[test]
fn a_kubeconfig_is_printed_for_whom_it_is_asked_and_new_files_are_private() {
    let (central, file) = logged_in();
    let printed = mk8s(&central, &file, &["kubeconfig", "print", "dev", "--use"]).expect(0);
    let own = central.dir.path().join("new/own");
    fs::create_dir(own.parent().expect("parent")).expect("mkdir");
    fs::write(&own, &printed.stdout).expect("write");
    let view = json(&kubectl(&own, &["config", "view", "--raw", "--minify", "-o", "json"]).expect(0));
    assert_eq!(view["contexts"][0]["name"], "mk8s-dev");
    assert_eq!(view["contexts"].as_array().map(Vec::len), Some(1));

    let other = central.dir.path().join("a/b/config");
    let other_name = other.to_str().expect("path");
    mk8s(&central, &file, &["kubeconfig", "write", "--file", other_name]).expect(0);
    assert_eq!(fs::metadata(&other).expect("metadata").mode() & 0o777, 0o600);
    assert_eq!(fs::read_to_string(&file).expect("read"), THEIRS);
    assert_fails(&mk8s(&central, &file, &["kubeconfig", "write", "nosuch"]), 5, &["nosuch", "clusters list"]);
    assert_fails(&mk8s(&central, &file, &["kubeconfig", "write", "ghost", "--use", "--prefix", "a b"]), 2, &["prefix"]);

    fs::write(&file, "clusters: [{name: theirs}]\n").expect("write");
    let refused = mk8s(&central, &file, &["kubeconfig", "write"]);
    assert_fails(&refused, 2, &["left as it is", "--file", "KUBECONFIG="]);
    assert_eq!(fs::read_to_string(&file).expect("read"), "clusters: [{name: theirs}]\n");
    // With a pin there is no file of authorities: the one that is pinned comes from central.
    let pin = central.dir.path().join("pinned.yaml");
    let ca = fs::read_to_string(central.ca_file()).expect("read");
    let state = fs::read_to_string(central.dir.path().join("client.yaml")).expect("read");
    let line = state.lines().find(|line| line.starts_with("ca_file:")).expect("a line");
    fs::write(&pin, state.replace(line, &format!("ca_pin: {}", pin_of(&ca)))).expect("write");
    let mut print = central.client();
    print.env_remove("MK8S_CA_FILE").env("MK8S_CONFIG", &pin).args(["kubeconfig", "print", "dev"]);
    let pinned = run(&mut print, b"").expect(0).out();
    let data = |text: &str| text.lines().find(|line| line.contains("certificate-authority-data")).map(str::to_owned);
    assert_eq!(data(&pinned).expect("an authority"), data(&printed.out()).expect("an authority"));
}

/// The pin of a certificate.
fn pin_of(pem: &str) -> String {
    let script = "openssl x509 -outform DER | sha256sum | cut -d' ' -f1";
    format!("sha256:{}", run(Command::new("sh").args(["-c", script]), pem.as_bytes()).expect(0).out().trim())
}

#[test]
fn writers_do_not_lose_each_others_changes() {
    let (central, file) = logged_in();
    thread::scope(|scope| {
        for i in 0..6 {
            let (central, file) = (&central, &file);
            scope.spawn(move || {
                let prefix = format!("p{i}-");
                mk8s(central, file, &["kubeconfig", "write", "--prefix", &prefix]).expect(0);
            });
        }
    });
    let view = json(&kubectl(&file, &["config", "view", "--raw", "-o", "json"]).expect(0));
    let count = |list: &str| view[list].as_array().map_or(0, Vec::len);
    assert_eq!((count("clusters"), count("contexts"), count("users")), (13, 13, 7));
    let lock = file.with_extension("lock");
    assert!(!lock.exists());
    fs::write(&lock, "").expect("write");
    // It is the same lock that keeps kubectl out.
    let kept_out = kubectl(&file, &["config", "set-credentials", "x", "--token=x"]);
    assert!(kept_out.code != 0 && kept_out.err().contains("kubeconfig.lock"), "{}", kept_out.err());
    assert_fails(&mk8s(&central, &file, &["kubeconfig", "remove"]), 1, &["kubeconfig.lock", "rm "]);
}

#[test]
fn a_good_token_is_given_without_central_and_a_bad_one_is_renewed() {
    let (mut central, _) = logged_in();
    let credential = |central: &Central| run(central.client().arg("credential"), b"");
    let_token_end(&central);
    let renewed = credential(&central).expect(0);
    assert_eq!(renewed.err(), "");
    let answer = json(&renewed);
    assert_eq!(answer["apiVersion"], "client.authentication.k8s.io/v1");
    assert_eq!(answer["kind"], "ExecCredential");
    let token = answer["status"]["token"].as_str().expect("a token").to_owned();
    central.get("/auth/me", &token).expect(200);
    let end: Timestamp = answer["status"]["expirationTimestamp"].as_str().expect("an end").parse().expect("a time");
    let left = end.duration_since(Timestamp::now()).as_secs();
    assert!((480..=540).contains(&left), "{left}");

    central.process.signal(nix::sys::signal::Signal::SIGKILL);
    central.process.wait(PATIENCE);
    // Neither a file of authorities nor the lock of the state is wanted.
    fs::remove_file(central.ca_file()).expect("remove");
    let _lock = lock(&central.dir.path().join("client.yaml.lock"));
    assert_eq!(json(&credential(&central).expect(0)), answer);
    let beta = r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1","spec":{}}"#;
    let output = run(central.client().arg("credential").env("KUBERNETES_EXEC_INFO", beta), b"").expect(0);
    assert_eq!(json(&output)["apiVersion"], "client.authentication.k8s.io/v1beta1");
}

fn lock(file: &Path) -> nix::fcntl::Flock<fs::File> {
    let file = fs::File::create(file).expect("the lock");
    nix::fcntl::Flock::lock(file, nix::fcntl::FlockArg::LockExclusive).expect("locked")
}

#[test]
fn a_token_of_the_environment_is_given_as_it_is_and_nobody_gets_none() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut command = Command::new(MK8S);
    quiet(&mut command).args(["credential", "--server", "https://mk8s.example.com"]);
    command.env("MK8S_CONFIG", dir.path().join("config.yaml"));
    assert_fails(&run(&mut command, b""), 4, &["not logged in to https://mk8s.example.com", "mk8s login"]);
    let answer = json(&run(command.env("MK8S_TOKEN", "mk8s_pat_x"), b"").expect(0));
    assert_eq!(answer["status"], serde_json::json!({ "token": "mk8s_pat_x" }));
    let bad = run(command.env("MK8S_TOKEN", "s3cret x"), b"");
    assert_fails(&bad, 2, &["MK8S_TOKEN"]);
    assert!(!bad.err().contains("s3cret"));
    assert_eq!(fs::read_dir(dir.path()).expect("dir").count(), 0);
}

#[test]
fn one_shell_has_one_cluster() {
    let (central, file) = logged_in();
    let script = |text: &str| {
        let mut sh = central.client();
        let mut command = Command::new("/bin/sh");
        command.envs(sh.env("KUBECONFIG", &file).get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("MK8S", MK8S).env("KUBECTL", &kubernetes().kubectl).env("SHELL", "/bin/sh");
        command.env("TOKEN", Central::token());
        run(command.args(["-c", text]), b"")
    };
    let seen = "\"$KUBECTL\" config get-contexts -o name; \"$KUBECTL\" config current-context; echo $MK8S_CLUSTER";
    let ghost = "mk8s-ghost\nmk8s-ghost\nghost\n";
    assert_eq!(script(&format!("eval \"$(\"$MK8S\" env ghost)\"; {seen}")).expect(0).out(), ghost);
    let fish = script("\"$MK8S\" env --shell fish").expect(0).out();
    assert!(fish.starts_with("set -gx KUBECONFIG '/") && fish.contains("/kubeconfigs/localhost+"), "{fish}");
    // What is trusted for this command alone is trusted in the shell.
    let trusted =
        script("cd / && MK8S_CONFIG=$(dirname \"$MK8S_CONFIG\")/other.yaml MK8S_TOKEN=$TOKEN \"$MK8S\" env dev")
            .expect(0)
            .out();
    assert!(trusted.contains(&format!("export MK8S_CA_FILE='{}'\n", central.ca_file().display())), "{trusted}");
    assert!(!script("\"$MK8S\" env dev").expect(0).out().contains("MK8S_CA_FILE"), "the login remembers it");
    // The namespace of a shell that exists stays.
    let again = "eval \"$(\"$MK8S\" env dev)\"; \"$KUBECTL\" config set-context --current --namespace=mine >&2; \
                 eval \"$(\"$MK8S\" env dev)\"; \"$KUBECTL\" config view --minify -o 'jsonpath={..namespace}'; stat -c %a $KUBECONFIG";
    assert_eq!(script(again).expect(0).out(), "mine600\n");

    assert_eq!(script(&format!("\"$MK8S\" shell ghost -- sh -c '{seen}'")).expect(0).out(), ghost);
    assert_eq!(script("echo 'exit 7' | \"$MK8S\" shell dev").code, 7);
    assert_eq!(script("\"$MK8S\" shell dev -- sh -c 'kill -TERM $$'").code, 143);
    assert_eq!(script("\"$MK8S\" shell dev -- /nonexistent").code, 127);
    let file = script("\"$MK8S\" shell dev -- sh -c 'stat -c %a $KUBECONFIG >&2; echo $KUBECONFIG'").expect(0);
    assert!(!Path::new(file.out().trim()).exists() && file.err() == "600\n", "{file:?}");
    assert_eq!(fs::read_to_string(central.dir.path().join("kubeconfig")).expect("read"), THEIRS);
}

/// The whole way: kubectl with the kubeconfig that was written, the plugin, the gateway, the agent.
#[test]
fn native_kubectl_works_with_what_was_written() {
    let stack = Stack::start();
    stack.central.log_in();
    let file = stack.central.dir.path().join("kubeconfig");
    mk8s(&stack.central, &file, &["kubeconfig", "write", "--use"]).expect(0);
    let direct = kubernetes().kubectl(&["get", "namespaces", "-o", "name"], "");
    let through = kubectl(&file, &["get", "namespaces", "-o", "name"]).expect(0).out();
    assert!(direct.contains("namespace/default\n") && through.contains("namespace/default\n"), "{through}");
    let_token_end(&stack.central);
    kubectl(&file, &["get", "pods", "-A"]).expect(0);
    mk8s(&stack.central, &file, &["logout"]).expect(0);
    let refused = kubectl(&file, &["get", "pods"]);
    assert!(refused.code == 1 && refused.err().contains("not logged in"), "{}", refused.err());
    let shown: Value = json(&kubectl(&file, &["config", "view", "-o", "json"]).expect(0));
    assert_eq!(shown["current-context"], "mk8s-dev");
}
