//! Lines that would turn kubectl against the cluster, the agent or other users, in every spelling: each is refused.

use super::CommandLine;
use super::tests::{canonical, refusal};

#[test]
fn flags_that_change_whom_kubectl_talks_to_or_as_whom_are_refused_in_every_spelling() {
    let values = [
        "as",
        "as-group",
        "as-uid",
        "as-user-extra",
        "cache-dir",
        "certificate-authority",
        "client-certificate",
        "client-key",
        "cluster",
        "context",
        "kubeconfig",
        "kuberc",
        "log-flush-frequency",
        "password",
        "profile",
        "profile-output",
        "server",
        "tls-server-name",
        "token",
        "user",
        "username",
        "vmodule",
    ];
    for name in values {
        for spelled in [name.to_owned(), name.replace('-', "_")] {
            for flag in [format!("--{spelled}=x"), format!("--{spelled} x"), format!("--{spelled}=")] {
                for line in [
                    format!("get pods {flag}"),
                    format!("get {flag} pods"),
                    format!("{flag} get pods"),
                    format!("get pods -n x {flag} -o yaml"),
                    format!("create {flag} configmap x"),
                    format!("get pods --no-headers {flag} {flag}"),
                    format!("exec web {flag} -- sh"),
                ] {
                    let text = refusal(&line);
                    assert!(text.contains(&format!("--{name}")) && text.len() > 60, "{line}: {text}");
                    assert!(!text.contains("=x"), "{line}: values may be secret: {text}");
                }
            }
        }
    }
    for line in [
        "get pods -s https://evil",
        "get pods -s=https://evil",
        "get pods -shttps://evil",
        "get pods -ws https://evil",
        "get pods -wAs=https://evil",
        "-s https://evil get pods",
        "-shttps://evil get pods",
        "get pods --insecure-skip-tls-verify",
        "get pods --insecure_skip_tls_verify=true",
        "--insecure-skip-tls-verify get pods",
    ] {
        assert!(refusal(line).contains("only to the API server"), "{line}");
    }
}

#[test]
fn after_two_dashes_nothing_is_a_flag() {
    assert_eq!(canonical("exec web -- x --kubeconfig=y -s z"), "exec web -- x --kubeconfig=y -s z");
    assert_eq!(canonical("get pods -- --kubeconfig=y"), "get pods -- --kubeconfig=y");
    // It is the value of the flag before it, not the end of the flags.
    refusal("exec web -c -- --kubeconfig=y");
    refusal("get -n -- pods --token=x");
}

/// Flags that name a file, each with a path in the place of `{}`.
const FILES: [&str; 26] = [
    "apply -f {}",
    "apply -f={}",
    "apply -f{}",
    "apply --filename {}",
    "apply -f -,{}",
    "apply -f - -f {}",
    "apply -Rf {}",
    "diff -k {}",
    "diff --kustomize={}",
    "create configmap x --from-file={}",
    "create configmap x --from_file k={}",
    "create cm x --from-file=a,k={}",
    "create cm x --from-env-file={}",
    "create secret generic x --from-env-file {}",
    "create secret docker-registry x --from-file={}",
    "create secret tls x --cert={} --key=y",
    "create secret tls x --key {}",
    "patch pod x --patch-file={}",
    "patch pod x --patch_file {}",
    "debug x --custom={}",
    "get pods -wo go-template-file={}",
    "get pods --output templatefile={}",
    "get pods --output=templatefile --template={}",
    "get pods --template={} -o jsonpath-file",
    "get pods -o json -o custom-columns-file={}",
    "get pods -o custom-columns-file={} -o json",
];

#[test]
fn files_are_those_that_came_along() {
    for line in FILES {
        let parse = |path: &str| {
            let line = line.replace("{}", path);
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            CommandLine::parse(&words).unwrap_or_else(|refusal| panic!("{line}: {refusal}"))
        };
        for path in ["/etc/passwd", "x", "../x", "./-", "/dev/stdin", "/proc/self/environ"] {
            assert!(parse(path).admit(None).unwrap_err().0.contains("no files came"), "{line} {path}");
            parse(path).admit(Some("home/ann")).unwrap_or_else(|refusal| panic!("{line} {path}: {refusal}"));
            let leaves = parse(path)
                .canonical_below("/root")
                .iter()
                .any(|word| word.split(['=', ',']).any(|part| part.starts_with('/') && !part.starts_with("/root/")));
            assert!(!leaves, "{line} {path}");
        }
        for path in ["../../../x", "/../x", "a/../../../../x", "/a/../../x"] {
            assert!(parse(path).admit(Some("home/ann")).unwrap_err().0.contains("above the root"), "{line} {path}");
        }
    }
}

#[test]
fn urls_and_what_writes_files_are_refused() {
    for command in ["apply", "create", "delete", "get", "replace", "diff", "describe", "label x=y", "scale", "wait"] {
        for value in ["https://x/y", "http://x", "-,http://x", "a,https://x"] {
            assert!(refusal(&format!("{command} -f {value}")).contains("curl"), "{command} {value}");
        }
        // `wait` knows no -k.
        for value in ["https://x", "git::https://x/y", "git@x:y", "github.com/x/y"].iter().filter(|_| command != "wait")
        {
            assert!(refusal(&format!("{command} -k {value}")).contains("fetches nothing"), "{command} {value}");
        }
        assert!(refusal(&format!("{command} -f \"a,b\"")).contains("quotation marks"), "{command}");
    }
    for line in [
        "cluster-info dump --output-directory=/tmp",
        "cluster-info dump --output_directory /tmp",
        "create -f - --edit",
        "create -f - --edit=false",
        "get pods -output=json",
        "get pods -o plaintext",
        "get pods -o JSON",
        "get pods -o json=x",
        "get pods -o go-template-files=x",
    ] {
        refusal(line);
    }
}

#[test]
fn a_verbose_log_is_refused() {
    for flag in
        ["-v=7", "-v 8", "-v9", "--v=10", "--v 99", "-v=06", "-v=+7", "-v=-1", "-v=", "-v 0x9", "-wv9", "-v=6 -v=8"]
    {
        assert!(refusal(&format!("get pods {flag}")).contains("-v may be"), "{flag}");
        assert!(!refusal(&format!("{} get pods", flag.trim_start_matches("-w"))).is_empty(), "{flag}");
    }
    refusal("-v=9 get secrets");
    refusal("get pods --vmodule=round_trippers=9");
}

#[test]
fn commands_for_the_users_own_machine_are_refused() {
    for line in [
        "edit pod x",
        "-n x edit pod x",
        "apply edit-last-applied pod x",
        "apply -n x edit-last-applied pod x",
        "cp a:b c",
        "proxy",
        "proxy --port=1 --www=/",
        "port-forward x 80",
        "kustomize .",
        "kustomize --enable-helm --helm-command=/bin/sh .",
        "config view --raw",
        "config",
        "config use x",
        "config set-credentials x --exec-command=sh",
        "plugin list",
        "plugin",
        "completion bash",
        "alpha",
        "alpha x",
        "kuberc view",
        "__complete get pods",
        "__completeNoDesc x",
    ] {
        assert!(refusal(line).len() > 40, "{line}");
    }
    assert!(refusal("edit pod x").contains("mk8s kubectl apply -f FILE"));
    assert!(refusal("config view").contains("mk8s clusters list"));
}
