//! Local files: a command line that names some gives the same through mk8s as with kubectl on the user's machine.

mod limits;
mod refused;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use tempfile::TempDir;

use crate::same_as_direct::difference;
use crate::support::attempt::words_in;
use crate::support::{Namespace, Output, Stack, kubernetes, run};

/// The exit code that kubectl must give, the command line, and its standard input. `{dir}` is the directory above the
/// working directory, absolute.
type Case = (i32, &'static str, &'static str);

/// Commands that change nothing.
const READING: &[Case] = &[
    // -f: files, lists, directories, patterns, paths of all kinds, and standard input among them
    (0, "create --dry-run=client -o yaml -f map.yaml", ""),
    (0, "create --dry-run=client -o name -f ./map.yaml -f two.yaml", ""),
    (0, "create --dry-run=client -o name -f map.yaml,two.yaml", ""),
    (0, "create --dry-run=client -o name -f map.yaml,-", OTHER),
    (0, "create --dry-run=client -o name -f - -f map.yaml", OTHER),
    (0, "create --dry-run=client -o name -f objects", ""),
    (0, "create --dry-run=client -o name -f objects/", ""),
    (0, "create --dry-run=client -o name -R -f objects", ""),
    (0, "create --dry-run=client -o name -f objects/c.txt", ""),
    (0, "create --dry-run=client -o name -f 'objects/*.yaml'", ""),
    (0, "create --dry-run=client -o name -f 'obj*/[a-b].*'", ""),
    (0, "create --dry-run=client -o name -f ../up.yaml", ""),
    (0, "create --dry-run=client -o name -f objects/../map.yaml", ""),
    (0, "create --dry-run=client -o name -f objects/deep/../../../up.yaml", ""),
    (0, "create --dry-run=client -o name -f {dir}/up.yaml", ""),
    (0, "create --dry-run=client -o name -f {dir}/work/../up.yaml", ""),
    (0, "create --dry-run=client -o name -f '{dir}/w?rk/objects/*.json'", ""),
    (0, "create --dry-run=client -o name -f link.yaml", ""),
    (0, "create --dry-run=client -o name -f 'with space.yaml'", ""),
    (0, "create --dry-run=client -o name -f /dev/stdin", OTHER),
    (1, "create --dry-run=client -o name -f nosuch.yaml", ""),
    (1, "create --dry-run=client -o name -f {dir}/nosuch.yaml", ""),
    (1, "create --dry-run=client -o name -f ../nosuch/x.yaml", ""),
    (1, "create --dry-run=client -o name -f map.yaml -f nosuch.yaml", ""),
    (1, "create --dry-run=client -o name -f 'nosuch*.yaml'", ""),
    (1, "create --dry-run=client -o name -f empty", ""),
    (1, "create --dry-run=client -o name -f bad.yaml", ""),
    (1, "create --dry-run=client -o name -f {dir}/work/bad.yaml", ""),
    (0, "create --dry-run=client -o name -f wrong.yaml", ""),
    (1, "create --dry-run=server -f {dir}/work/wrong.yaml", ""),
    (1, "create -f strange.yaml", ""),
    (1, "create --dry-run=client -o name -f ''", ""),
    (0, "get -f existing.yaml", ""),
    (0, "describe -f {dir}/work/existing.yaml", ""),
    (0, "diff -f existing.yaml", ""),
    (1, "diff -f changed.yaml", ""),
    (1, "diff -f {dir}/work/changed.yaml", ""),
    (0, "label --local -o yaml -f map.yaml a=b", ""),
    (0, "set env --local -o yaml -f deployment.yaml A=B", ""),
    // -k
    (0, "create --dry-run=client -o yaml -k kustom", ""),
    (0, "create --dry-run=client -o yaml -k ./kustom/", ""),
    (0, "create --dry-run=client -o yaml -k {dir}/work/kustom", ""),
    (0, "create --dry-run=client -o yaml -k ../work/kustom", ""),
    (1, "diff -k kustom", ""),
    (1, "create --dry-run=client -o yaml -k objects", ""),
    (1, "create --dry-run=client -o yaml -k nosuch", ""),
    (1, "create --dry-run=client -o yaml -k map.yaml", ""),
    (1, "create --dry-run=client -o yaml -k broken", ""),
    // what is made of files
    (0, "create configmap x --dry-run=client -o yaml --from-file=notes.txt", ""),
    (0, "create configmap x --dry-run=client -o yaml --from-file=key=notes.txt --from-file={dir}/up.yaml", ""),
    (0, "create configmap x --dry-run=client -o yaml --from-file=objects,bytes", ""),
    (0, "create configmap x --dry-run=client -o yaml --from-file=in=/dev/stdin", "what came in\n"),
    (0, "create configmap x --dry-run=client -o yaml --from-env-file=variables.env", ""),
    (1, "create configmap x --dry-run=client -o yaml --from-file=nosuch", ""),
    (1, "create configmap x --dry-run=client -o yaml --from-file=a=b=notes.txt", ""),
    (1, "create configmap x --dry-run=client -o yaml --from-file=key=objects", ""),
    (1, "create configmap x --dry-run=client -o yaml --from-env-file=wrong.env", ""),
    (0, "create secret generic x --dry-run=client -o yaml --from-file=bytes", ""),
    (0, "create secret generic x --dry-run=client -o yaml --from-env-file={dir}/work/variables.env", ""),
    (0, "create secret docker-registry x --dry-run=client -o yaml --from-file=.dockerconfigjson=auths.json", ""),
    (0, "create secret tls x --dry-run=client -o yaml --cert=tls.crt --key={dir}/work/tls.key", ""),
    (1, "create secret tls x --dry-run=client -o yaml --cert=tls.crt --key=notes.txt", ""),
    (1, "create secret tls x --dry-run=client -o yaml --cert=tls.crt --key=nosuch", ""),
    (0, "patch --local -o yaml -f map.yaml --patch-file=patch.yaml", ""),
    (1, "patch configmap map --patch-file=nosuch", ""),
    // templates
    (0, "get configmap map -o go-template-file=names.tmpl", ""),
    (0, "get configmap map -o templatefile={dir}/work/names.tmpl", ""),
    (0, "get configmap map -o go-template-file --template=names.tmpl", ""),
    (0, "get configmap map -o jsonpath-file=names.jsonpath", ""),
    (0, "get configmap map -o custom-columns-file=columns.txt", ""),
    (1, "get configmap map -o go-template-file={dir}/nosuch", ""),
    (1, "get configmap map -o jsonpath-file=objects", ""),
];

/// Commands that change something, in this order: each way has a namespace of its own.
const WRITING: &[Case] = &[
    (0, "apply -f map.yaml", ""),
    (0, "apply -f map.yaml", ""),
    (0, "apply -f {dir}/work/changed.yaml", ""),
    (0, "apply -R -f objects", ""),
    (0, "apply -k kustom", ""),
    (0, "apply --server-side --force-conflicts -f map.yaml", ""),
    (1, "create -f {dir}/work/map.yaml", ""),
    (0, "replace -f map.yaml", ""),
    (0, "patch configmap map --patch-file=patch.yaml", ""),
    (0, "create secret generic made --from-file=bytes", ""),
    (0, "get configmap,secret -o yaml", ""),
    (0, "delete -f map.yaml -f two.yaml --ignore-not-found", ""),
    (0, "delete -k kustom", ""),
    (1, "delete -f {dir}/work/map.yaml", ""),
];

const OTHER: &str = "{apiVersion: v1, kind: ConfigMap, metadata: {name: other}, data: {key: value}}\n";

/// A directory of a user, with another one in it that is the working directory.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::Builder::new().prefix("mk8s-files-").tempdir().expect("temporary directory"));
        let map = |name: &str, value: &str| {
            format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{key: {value}}}\n")
        };
        let certificate = rcgen::generate_simple_self_signed(vec!["example.com".to_owned()]).expect("certificate");
        for (name, content) in [
            ("up.yaml", map("up", "value")),
            ("work/map.yaml", map("map", "value")),
            ("work/existing.yaml", map("map", "value")),
            ("work/changed.yaml", map("map", "changed")),
            ("work/two.yaml", format!("{}---\n{}", map("one", "1"), map("two", "2"))),
            ("work/with space.yaml", map("space", "value")),
            ("work/objects/a.yaml", map("a", "value")),
            ("work/objects/b.json", r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"b"}}"#.to_owned()),
            ("work/objects/c.txt", map("c", "value")),
            ("work/objects/deep/d.yml", map("d", "value")),
            ("work/bad.yaml", "a: [\n".to_owned()),
            ("work/wrong.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: map}, dtaa: {}}\n".to_owned()),
            ("work/strange.yaml", "{apiVersion: v1, kind: Nosuch, metadata: {name: x}}\n".to_owned()),
            ("work/kustom/kustomization.yaml", "resources: [base, extra.yaml]\nnamePrefix: my-\n".to_owned()),
            ("work/kustom/extra.yaml", map("extra", "value")),
            (
                "work/kustom/base/kustomization.yaml",
                "resources: [map.yaml]\nconfigMapGenerator: [{name: made, files: [key=map.yaml]}]\n".to_owned(),
            ),
            ("work/kustom/base/map.yaml", map("base", "value")),
            ("work/broken/kustomization.yaml", "resources: [nosuch.yaml]\n".to_owned()),
            ("work/notes.txt", "some\nnotes\n".to_owned()),
            ("work/variables.env", "# variables\nA=b\nC=d=e\n".to_owned()),
            ("work/wrong.env", "A=b\nC D\n".to_owned()),
            ("work/auths.json", r#"{"auths":{"registry":{"auth":"YTpi"}}}"#.to_owned()),
            ("work/tls.crt", certificate.cert.pem()),
            ("work/tls.key", certificate.signing_key.serialize_pem()),
            ("work/patch.yaml", "data: {key: patched}\n".to_owned()),
            ("work/names.tmpl", "{{.metadata.name}}\n".to_owned()),
            ("work/names.jsonpath", "{.metadata.name}".to_owned()),
            ("work/columns.txt", "NAME          KEY\n.metadata.name .data.key\n".to_owned()),
        ] {
            home.write(name, content.as_bytes());
        }
        home.write("work/bytes", b"\xff\x00\r\n");
        fs::create_dir(home.work().join("empty")).expect("mkdir");
        std::os::unix::fs::symlink("map.yaml", home.work().join("link.yaml")).expect("symlink");
        home
    }

    fn write(&self, name: &str, content: &[u8]) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("mkdir");
        fs::write(path, content).expect("write");
    }

    fn work(&self) -> PathBuf {
        self.0.path().join("work")
    }

    /// Runs a command line in the working directory, with a kubectl of one's own or through mk8s.
    fn run(&self, mut command: Command, line: &str, namespace: &Namespace, stdin: &[u8]) -> Output {
        let directory = self.0.path().to_str().expect("a path").to_owned();
        let words = words_in(line, &namespace.0).into_iter().map(|word| word.replace("{dir}", &directory));
        run(command.args(words).current_dir(self.work()), stdin)
    }
}

/// A client command in a directory.
fn mk8s(stack: &Stack) -> Command {
    let mut command = stack.central.mk8s();
    command.arg("kubectl");
    command
}

#[track_caller]
fn compare(stack: &Stack, home: &Home, cases: &[Case], one: &Namespace, two: &Namespace) {
    let problems: Vec<String> = cases
        .iter()
        .filter_map(|(code, line, stdin)| {
            let (direct, through) = thread::scope(|scope| {
                let direct = scope.spawn(|| home.run(kubernetes().direct_as_admin(), line, one, stdin.as_bytes()));
                let through = home.run(mk8s(stack), line, two, stdin.as_bytes());
                (direct.join().expect("kubectl"), through)
            });
            let problem = if direct.code == *code {
                difference(&direct, &one.0, &through, &two.0)?
            } else {
                format!("kubectl itself ended with {}, not {code}: {}\n", direct.code, direct.err())
            };
            Some(format!("kubectl {line}\n{problem}"))
        })
        .collect();
    assert!(problems.is_empty(), "{} of {} differ\n\n{}", problems.len(), cases.len(), problems.join("\n"));
}

#[test]
fn commands_that_only_look() {
    let (stack, home, namespace) = (Stack::start(), Home::new(), Namespace::create());
    namespace.kubectl(&["apply", "-f", "-"], &fs::read_to_string(home.work().join("existing.yaml")).expect("read"));
    home.write("work/deployment.yaml", crate::same_as_direct::APP.as_bytes());
    compare(&stack, &home, READING, &namespace, &namespace);
    assert_eq!(left_over(&stack), Vec::<PathBuf>::new(), "the directories of commands are gone");
}

#[test]
fn commands_that_change_something() {
    let (stack, home, one, two) = (Stack::start(), Home::new(), Namespace::create(), Namespace::create());
    compare(&stack, &home, WRITING, &one, &two);
}

/// What is left of the directories of commands.
fn left_over(stack: &Stack) -> Vec<PathBuf> {
    let list = |path: &Path| fs::read_dir(path).expect("read").map(|entry| entry.expect("entry").path());
    list(&stack.agent.dir.path().join("work")).flat_map(|agent| list(&agent.join("exec")).collect::<Vec<_>>()).collect()
}
