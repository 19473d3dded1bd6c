//! Lines that would turn kubectl against the cluster, the agent or other users, in every spelling: each is refused.

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

#[test]
fn files_and_urls_are_refused() {
    for command in ["apply", "create", "delete", "get", "replace", "diff", "describe", "label x=y", "scale", "wait"] {
        for value in ["x.yaml", "/etc/passwd", "-,/etc/passwd", "./-", "\"-\"", "", ".", "--", "-f"] {
            assert!(refusal(&format!("{command} --filename={value}")).contains("-f - < FILE"), "{command} {value}");
        }
        for flag in ["-f x", "-fx", "-f=x", "--filename x", "-f - -f x", "-f x -f -"] {
            refusal(&format!("{command} {flag}"));
        }
        assert!(refusal(&format!("{command} -f https://x/y")).contains("curl"), "{command}");
        assert!(refusal(&format!("{command} -f /dev/stdin")).contains("-f -`"), "{command}");
        for flag in ["-k .", "-k=.", "-k.", "--kustomize=https://x", "-R", "-Rf -", "--recursive=false"] {
            refusal(&format!("{command} {flag}"));
        }
    }
    for line in [
        "create configmap x --from-file=/etc/passwd",
        "create configmap x --from_file /etc/passwd",
        "create configmap x --from-file=k=/dev/stdin",
        "create cm x --from-env-file=x",
        "create secret generic x --from-env-file x",
        "create secret generic x --from-file=x",
        "create secret docker-registry x --from-file=x",
        "create secret tls x --cert=x --key=y",
        "create secret tls x --key y",
        "patch pod x --patch-file=/etc/passwd",
        "patch pod x --patch_file /etc/passwd",
        "debug x --custom=/etc/passwd",
        "cluster-info dump --output-directory=/tmp",
        "cluster-info dump --output_directory /tmp",
        "create -f - --edit",
        "create -f - --edit=false",
        "get pods -w -o go-template-file=/etc/passwd",
        "get pods -o=go-template-file=/etc/passwd",
        "get pods -ogo-template-file=/etc/passwd",
        "get pods -wogo-template-file=/etc/passwd",
        "get pods --output templatefile=/etc/passwd",
        "get pods --output=templatefile --template=/etc/passwd",
        "get pods --template=/etc/passwd -o jsonpath-file",
        "get pods -o jsonpath-file=/etc/passwd",
        "get pods -o custom-columns-file=/etc/passwd",
        "get pods -o json -o custom-columns-file=/etc/passwd",
        "get pods -o custom-columns-file=/etc/passwd -o json",
        "get pods -output=json",
        "version -o go-template-file=/x",
        "explain pods -o go-template-file=/x",
        "get pods -o plaintext",
        "get pods -o JSON",
        "get pods -o json=x",
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
    assert!(refusal("edit pod x").contains("mk8s kubectl apply -f - < FILE"));
    assert!(refusal("config view").contains("mk8s clusters list"));
}
