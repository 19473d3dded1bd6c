//! `mk8s kubectl edit`: objects in an editor of the user's machine, which here is a script.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cli::assert_fails;
use crate::support::process::MK8S;
use crate::support::{Namespace, Output, PATIENCE, Stack, Terminal, kubernetes, run, wait_for};

/// Keeps what it is given, and does what is written for this round.
const EDITOR: &str = r#"
number=$(($(cat "$DESK/rounds" 2>/dev/null || echo 0) + 1))
echo "$number" > "$DESK/rounds"
cp -p "$1" "$DESK/seen-$number"
stat -c %A "$1" "$(dirname "$1")" > "$DESK/modes"
. "$DESK/round-$number"
"#;

/// A user's machine, and a namespace with the map `map`.
struct Desk {
    stack: Stack,
    namespace: Namespace,
    dir: TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self {
            stack: Stack::start(),
            namespace: Namespace::create(),
            dir: tempfile::Builder::new().prefix("mk8s-desk-").tempdir().expect("temporary directory"),
        };
        fs::create_dir(desk.tmp()).expect("mkdir");
        fs::write(desk.dir.path().join("editor"), EDITOR).expect("write");
        desk.namespace.kubectl(&["create", "configmap", "map", "--from-literal=key=value"], "");
        desk
    }

    fn tmp(&self) -> PathBuf {
        self.dir.path().join("tmp")
    }

    /// `mk8s kubectl edit` with an editor that does this, round by round.
    fn command(&self, args: &[&str], rounds: &[&str]) -> Command {
        let _ = fs::remove_file(self.dir.path().join("rounds"));
        for (number, script) in rounds.iter().enumerate() {
            fs::write(self.dir.path().join(format!("round-{}", number + 1)), script).expect("write");
        }
        let mut command = self.stack.central.mk8s();
        command.args(["kubectl", "--namespace", &self.namespace.0, "edit"]).args(args).env("DESK", self.dir.path());
        command.env("KUBE_EDITOR", format!("sh '{}'", self.dir.path().join("editor").display()));
        command.env("EDITOR", "false").env("TMPDIR", self.tmp()).current_dir(self.dir.path());
        command
    }

    fn edit(&self, args: &[&str], rounds: &[&str]) -> Output {
        run(&mut self.command(args, rounds), b"")
    }

    /// What the editor was given in this round.
    fn seen(&self, round: usize) -> String {
        fs::read_to_string(self.dir.path().join(format!("seen-{round}"))).expect("a round")
    }

    fn rounds(&self) -> String {
        fs::read_to_string(self.dir.path().join("rounds")).unwrap_or_default().trim().to_owned()
    }

    /// The object as it is in the cluster.
    fn object(&self, name: &str) -> Value {
        let text = self.namespace.kubectl(&["get", name, "-o", "json", "--show-managed-fields"], "");
        serde_json::from_str(&text).expect("JSON")
    }

    fn value(&self) -> String {
        self.object("configmap/map")["data"]["key"].as_str().expect("a value").to_owned()
    }

    /// The copy of the user's changes, which the output names.
    #[track_caller]
    fn copy(&self, output: &Output) -> String {
        let err = output.err();
        let line = err.lines().find_map(|line| line.strip_prefix("A copy of your changes has been stored to "));
        let path = line.unwrap_or_else(|| panic!("no copy: {err}")).trim_matches('"').to_owned();
        assert!(path.starts_with(self.tmp().to_str().expect("a path")), "{path}");
        let text = fs::read_to_string(&path).expect("the copy");
        fs::remove_dir_all(PathBuf::from(&path).parent().expect("a directory")).expect("rm");
        self.assert_nothing_left();
        text
    }

    #[track_caller]
    fn assert_nothing_left(&self) {
        let left: Vec<_> = fs::read_dir(self.tmp()).expect("read").map(|entry| entry.expect("entry").path()).collect();
        assert_eq!(left, Vec::<PathBuf>::new(), "files are left behind");
    }
}

/// Makes the value of the map another one.
fn change(value: &str) -> String {
    format!("sed -i 's/^  key: .*/  key: {value}/' \"$1\"")
}

#[test]
fn a_change_is_applied_as_kubectl_applies_it() {
    let desk = Desk::new();
    let output = desk.edit(&["configmap/map"], &[&change("changed")]).expect(0);
    assert_eq!((output.out().as_str(), output.err().as_str()), ("configmap/map edited\n", ""));
    assert_eq!(desk.value(), "changed");
    let seen = desk.seen(1);
    let text: String = seen.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect();
    assert!(seen.starts_with("# Edit"), "{seen}");
    // It is what kubectl prints, but for what has changed since.
    let direct = desk.namespace.kubectl(&["get", "configmap/map", "-o", "yaml"], "");
    let same = |text: &str| text.lines().filter(|l| !l.contains("resourceVersion")).collect::<Vec<_>>().join("\n");
    assert_eq!(same(&text.replace("key: value", "key: changed")), same(&direct));
    assert_eq!(fs::read_to_string(desk.dir.path().join("modes")).expect("modes"), "-rw-------\ndrwx------\n");
    desk.assert_nothing_left();
    let fields = desk.object("configmap/map")["metadata"]["managedFields"].to_string();
    assert!(fields.contains("\"manager\":\"kubectl-edit\""), "{fields}");

    // The other forms of the command line.
    let name = desk.namespace.0.clone();
    let file = desk.dir.path().join("map.yaml");
    fs::write(&file, format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: map, namespace: {name}}}}}"))
        .expect("write");
    for (args, value) in [
        (&["configmap", "map", "--field-manager=me"][..], "two"),
        (&["-f", "map.yaml", "--validate=warn"], "three"),
        (&["cm", "--", "map"], "four"),
        (&["cm/map", "--windows-line-endings"], "five\\r"),
    ] {
        assert_eq!(desk.edit(args, &[&change(value)]).expect(0).out(), "configmap/map edited\n", "{args:?}");
        assert_eq!(desk.value(), value.trim_end_matches("\\r"));
        let fields = desk.object("configmap/map")["metadata"]["managedFields"].to_string();
        assert_eq!(fields.contains("\"manager\":\"me\""), value == "two", "{fields}");
    }
    assert!(desk.seen(1).lines().all(|line| line.is_empty() || desk.seen(1).contains(&format!("{line}\r\n"))));

    // JSON has no words above it, and what was made of it is printed.
    let output =
        desk.edit(&["cm/map", "-o", "json", "--output-patch"], &["sed -i 's/\"five\"/\"six\"/' \"$1\""]).expect(0);
    let (patch, object) = output.out().split_once('\n').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("two parts");
    assert!(patch.starts_with("Patch: {\"data\":{\"key\":\"six\"},\"metadata\":{\"resourceVersion\":"), "{patch}");
    assert!(patch.contains("\"uid\":"), "{patch}");
    let object: Value = serde_json::from_str(&object).expect("JSON");
    assert_eq!((&object["data"]["key"], &object["metadata"]["managedFields"]), (&"six".into(), &Value::Null));
    assert!(desk.seen(1).starts_with('{') && desk.value() == "six");
    let help = run(desk.stack.central.mk8s().args(["kubectl", "edit", "--help"]), b"").expect(0).out();
    assert!(help.starts_with("Edit a resource from the default editor."), "{help}");
}

#[test]
fn what_is_written_means_what_it_means_to_kubectl() {
    let desk = Desk::new();
    let labels = json!({"app": "x"});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "app"}, "spec": {
        "replicas": 0, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {
            "containers": [{"name": "main", "image": "shell"}, {"name": "other", "image": "shell"}],
            "volumes": [{"name": "v", "configMap": {"name": "map", "defaultMode": 420}}]}}}});
    desk.namespace.kubectl(&["apply", "-f", "-"], &deployment.to_string());
    // An octal number, a boolean of YAML 1.1, and a list with one less.
    let script = r#"sed -i -e 's/defaultMode: 420/defaultMode: 0640/' -e 's/^  replicas: 0/&\n  paused: yes/' "$1"
                    awk '/^      - image/ {n++} /^      dnsPolicy/ {n=0} n<2' "$1" > "$1.new"; mv "$1.new" "$1""#;
    let output = desk.edit(&["deployment", "app"], &[script]).expect(0);
    assert_eq!(output.out(), "deployment.apps/app edited\n");
    let spec = &desk.object("deployment/app")["spec"];
    let pod = &spec["template"]["spec"];
    assert_eq!((&pod["volumes"][0]["configMap"]["defaultMode"], &spec["paused"]), (&416.into(), &true.into()));
    assert_eq!(pod["containers"].as_array().map(Vec::len), Some(1), "{pod}");
    // A script in a map has lines that look like comments; a name may have a colon.
    let script = "#!/bin/sh\n# a comment\necho x\n";
    desk.namespace.kubectl(&["create", "configmap", "script", &format!("--from-literal=run={script}")], "");
    desk.edit(
        &["cm/script"],
        &["sed -i 's/echo x/echo y/' \"$1\"; echo 'nosuch: [' >> \"$1\"", "sed -i '/^nosuch/d' \"$1\""],
    )
    .expect(0);
    assert_eq!(desk.object("configmap/script")["data"]["run"], script.replace("echo x", "echo y"));
    desk.namespace.kubectl(&["create", "role", "a:b", "--verb=get", "--resource=pods"], "");
    let output = desk.edit(&["role", "a:b"], &["sed -i 's/^  - get/  - list/' \"$1\""]).expect(0);
    assert_eq!(output.out(), "role.rbac.authorization.k8s.io/a:b edited\n");
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}});
    desk.namespace.kubectl(&["apply", "-f", "-"], &service.to_string());
    let script = "sed -i 's/loadBalancer: {}/loadBalancer: {ingress: [{ip: 192.0.2.1}]}/' \"$1\"";
    desk.edit(&["service/web", "--subresource=status"], &[script]).expect(0);
    assert_eq!(desk.object("service/web")["status"]["loadBalancer"]["ingress"][0]["ip"], "192.0.2.1");
    desk.assert_nothing_left();
}

#[test]
fn without_a_change_nothing_is_done() {
    let desk = Desk::new();
    let version = desk.object("configmap/map")["metadata"]["resourceVersion"].clone();
    for (script, said) in [
        (":", "Edit cancelled, no changes made.\n"),
        ("echo '# a comment' >> \"$1\"", "Edit cancelled, no changes made.\n"),
        ("sed -i 's/key: value/\"key\":   \"value\"/' \"$1\"", "Edit cancelled, no changes made.\n"),
        (": > \"$1\"", "Edit cancelled, saved file was empty.\n"),
        ("sed -i '/^[^#]/d' \"$1\"", "Edit cancelled, saved file was empty.\n"),
    ] {
        let output = desk.edit(&["cm/map"], &[script]).expect(0);
        assert_eq!((output.out().as_str(), output.err().as_str()), ("", said), "{script}");
        desk.assert_nothing_left();
    }
    assert_eq!(desk.object("configmap/map")["metadata"]["resourceVersion"], version);
    assert_fails(&desk.edit(&["cm/nosuch"], &[]), 1, &["configmaps \"nosuch\" not found"]);
    assert_fails(&desk.edit(&["pods"], &[]), 1, &["no objects found"]);
    assert_eq!(desk.rounds(), "", "no editor was opened");
    for (args, word) in [
        (&["-f", "-"][..], "name a file"),
        (&["cm/map", "-o", "name"], "yaml or json"),
        (&["cm/map", "--save-config"], "--save-config"),
        (&["deployment/x", "--subresource=scale"], "mk8s kubectl scale"),
    ] {
        assert_fails(&desk.edit(args, &[]), 2, &[word]);
    }
    assert_fails(&run(desk.command(&["cm/map"], &[]).env("MK8S_CLUSTER", "ghost"), b""), 6, &["offline"]);
}

#[test]
fn what_is_not_valid_is_opened_again_with_the_reason() {
    let desk = Desk::new();
    let fix = format!("sed -i '/^nosuch/d' \"$1\"; {}", change("changed"));
    let output = desk.edit(&["cm/map"], &["echo 'nosuch: [' >> \"$1\"", &fix]).expect(0);
    assert_eq!((output.out().as_str(), desk.rounds().as_str()), ("configmap/map edited\n", "2"));
    let again = desk.seen(2);
    assert!(again.contains("\n# The file is not valid: error converting YAML to JSON: yaml: line "), "{again}");
    assert!(again.ends_with("nosuch: [\n") && desk.value() == "changed", "{again}");

    // An unknown field, something that cannot change, and what an object is.
    let unknown = "sed -i 's/^data:/dtaa: {}\\ndata:/' \"$1\"";
    let immutable = format!("sed -i '/^dtaa/d' \"$1\"; echo 'immutable: true' >> \"$1\"; {}", change("last"));
    desk.edit(&["cm/map"], &[unknown, &immutable]).expect(0);
    assert!(
        desk.seen(2).contains("# configmap/map is not valid:\n# * ") && desk.seen(2).contains("unknown field \"dtaa\"")
    );
    let output = desk.edit(&["cm/map"], &[&change("never"), ":"]);
    assert_fails(&output, 1, &["configmap/map is not valid", "no valid changes were saved"]);
    assert!(desk.seen(2).contains("field is immutable when `immutable` is set"), "{}", desk.seen(2));
    assert!(desk.copy(&output).contains("key: never") && desk.value() == "last");
    let output = desk.edit(&["cm/map"], &["sed -i 's/^  name: map/  name: other/' \"$1\"", ":"]);
    assert_fails(&output, 1, &["no valid changes were saved"]);
    assert!(desk.seen(2).contains("# configmap/map has become configmap/other: apiVersion, kind, name"));
    desk.copy(&output);

    // JSON has no place for the reason.
    let output = desk.edit(&["cm/map", "-o", "json"], &["echo x >> \"$1\"", ": > \"$1\""]).expect(0);
    assert!(output.err().contains("error: The file is not valid: ") && output.err().contains("saved file was empty"));
    desk.assert_nothing_left();
}

#[test]
fn what_somebody_else_has_changed_is_not_overwritten() {
    let desk = Desk::new();
    let other = |command: &str| {
        let (program, config) = (kubernetes().kubectl.display(), kubernetes().kubeconfig.display());
        format!("'{program}' --kubeconfig '{config}' --namespace {} {command} > /dev/null", desk.namespace.0)
    };
    let patch = other("patch configmap map -p '{\"data\":{\"other\":\"theirs\"}}'");
    let output = desk.edit(&["cm/map"], &[&format!("{}\n{patch}", change("mine"))]);
    assert_fails(
        &output,
        1,
        &["configmap/map has been changed by somebody else", "nothing was overwritten", "request: "],
    );
    assert!(desk.copy(&output).contains("key: mine"));
    assert_eq!(desk.object("configmap/map")["data"], json!({"key": "value", "other": "theirs"}));

    let output = desk.edit(&["cm/map"], &[&format!("{}\n{}", change("mine"), other("delete configmap map"))]);
    assert_fails(&output, 1, &["configmap/map is not there any more", "mk8s kubectl create -f"]);
    assert!(desk.copy(&output).contains("key: mine"));
}

/// Another cluster may be chosen in another terminal while the editor is open.
#[test]
fn what_is_changed_is_what_was_opened() {
    let desk = Desk::new();
    let choose = |name: &str| {
        let mut command = desk.stack.central.mk8s();
        command.env_remove("MK8S_CLUSTER").args(["clusters", "use", name]);
        command
    };
    run(&mut choose("dev"), b"").expect(0);
    let elsewhere = format!("{}\n'{MK8S}' clusters use ghost", change("mine"));
    let output = run(desk.command(&["cm/map"], &[&elsewhere]).env_remove("MK8S_CLUSTER"), b"").expect(0);
    assert!(output.err().contains("now using cluster \"ghost\""), "{}", output.err());
    assert_eq!(desk.value(), "mine");
    desk.assert_nothing_left();
}

#[test]
fn rights_are_those_of_the_user() {
    let desk = Desk::new();
    let viewer = desk.stack.central.user("viewer@example.com", &["viewer"]);
    let output = run(desk.command(&["cm/map"], &[&change("mine")]).env("MK8S_TOKEN", &viewer), b"");
    assert_fails(&output, 1, &["error: cannot change configmap/map", "cannot patch", "mk8s status", "request: "]);
    assert!(desk.copy(&output).contains("key: mine") && desk.value() == "value");
    desk.namespace.kubectl(&["create", "secret", "generic", "s", "--from-literal=key=value"], "");
    let output = run(desk.command(&["secret/s"], &[]).env("MK8S_TOKEN", &viewer), b"");
    assert_fails(&output, 3, &["secrets"]);
    assert_eq!(desk.rounds(), "");
    // As with kubectl, nothing more is needed than to get and to patch.
    let permissions =
        json!([{"clusters": ["dev"], "namespaces": ["*"], "resources": ["configmaps"], "verbs": ["get", "patch"]}]);
    desk.stack.central.make_role(&json!({ "name": "everything", "permissions": permissions }));
    let token = desk.stack.central.user("editor@example.com", &["everything"]);
    run(desk.command(&["cm/map"], &[&change("mine")]).env("MK8S_TOKEN", token), b"").expect(0);
    assert_eq!(desk.value(), "mine");
    // The log has who changed what, and nothing of what is in it.
    let log = wait_for("the end of the change in the log", PATIENCE, || {
        let log = desk.stack.run(&["audit", "--user=editor@example.com", "-o", "json"]).expect(0).out();
        let is_change =
            |line: &str| line.contains("\"verb\":\"patch\"") && line.contains("\"resource\":\"configmaps\"");
        log.lines().any(|line| is_change(line) && line.contains("\"status\":200")).then_some(log)
    });
    assert!(!log.contains("key: mine"), "{log}");
}

#[test]
fn an_editor_that_fails_changes_nothing() {
    let desk = Desk::new();
    let output = desk.edit(&["cm/map"], &[&format!("{}\nexit 3", change("mine"))]);
    assert_fails(&output, 1, &["the editor \"sh '", "exit status: 3", "nothing was changed", "KUBE_EDITOR"]);
    assert!(desk.copy(&output).contains("key: mine") && desk.value() == "value");
    assert_fails(&desk.edit(&["cm/map"], &["exit 1"]), 1, &["nothing was changed"]);
    desk.assert_nothing_left();
    let mut none = desk.command(&["cm/map"], &[]);
    assert_fails(&run(none.env("KUBE_EDITOR", "/nosuch/editor"), b""), 1, &["\"/nosuch/editor\" cannot be run"]);
    let mut fallback = desk.command(&["cm/map"], &[]);
    assert_fails(&run(fallback.env("KUBE_EDITOR", "").env("EDITOR", "false"), b""), 1, &["the editor \"false\""]);
    desk.assert_nothing_left();
}

#[test]
fn several_objects_are_changed_one_by_one() {
    let desk = Desk::new();
    for name in ["a", "b", "c"] {
        desk.namespace.kubectl(&["create", "configmap", name, "--from-literal=key=value"], "");
    }
    // The second time the first is done already, though the text still has its old version.
    let first = r#"awk '/key: value/ {n++} n==1 {sub("key: value", "key: one")} n==2 {sub("key: value", "key: {}")} 1' \
                   "$1" > "$1.new"; mv "$1.new" "$1""#;
    let second = "sed -i 's/key: {}/key: two/' \"$1\"";
    let output = desk.edit(&["cm/a", "cm/b", "cm/c"], &[first, second]).expect(0);
    assert_eq!(output.out(), "configmap/a edited\nconfigmap/c skipped\nconfigmap/b edited\n", "{}", output.err());
    let value = |name: &str| desk.object(&format!("configmap/{name}"))["data"]["key"].clone();
    assert_eq!([value("a"), value("b"), value("c")], ["one", "two", "value"]);
    // One that is left out stays; one that there was not is refused.
    let output =
        desk.edit(&["cm/a", "cm/b"], &["sed -i -e 's/name: b$/name: d/' -e '/uid:/d' \"$1\"", ": > \"$1\""]).expect(0);
    assert!(desk.seen(2).contains("# configmap/d is none of the objects that are edited"), "{}", output.err());
    desk.assert_nothing_left();
}

#[test]
fn the_terminal_is_the_editors() {
    let desk = Desk::new();
    let script = "trap 'echo interrupted' INT; until [ \"$value\" ]; do printf 'value? '; read -r value || true; done
                  sed -i \"s/^  key: .*/  key: $value/\" \"$1\"";
    let mut terminal = Terminal::start(&desk.command(&["cm/map"], &[script]));
    terminal.expect("value? ").control('c').expect("interrupted").enter("typed").expect("configmap/map edited").end(0);
    assert_eq!(desk.value(), "typed");
    desk.assert_nothing_left();
}

#[test]
fn what_was_written_survives_the_loss_of_central() {
    let desk = Desk::new();
    let pid = desk.stack.central.process.pid();
    let output = desk.edit(&["cm/map"], &[&format!("{}\nkill -9 {pid}", change("mine"))]);
    assert_ne!(output.code, 0);
    assert!(desk.copy(&output).contains("key: mine"), "{}", output.err());
}
