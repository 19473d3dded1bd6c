//! How lines are read, and what is said of those that cannot be.

use super::*;

fn words(line: &str) -> Vec<String> {
    line.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

pub(super) fn canonical(line: &str) -> String {
    let line = CommandLine::parse(&words(line)).unwrap_or_else(|refusal| panic!("{line}: {refusal}"));
    line.canonical().join(" ")
}

pub(super) fn refusal(line: &str) -> String {
    match CommandLine::parse(&words(line)) {
        Ok(parsed) => panic!("{line} was accepted as {:?}", parsed.canonical()),
        Err(Refusal(text)) => text,
    }
}

#[test]
fn lines_are_read_as_kubectl_reads_them() {
    for (line, expected) in [
        ("", ""),
        ("--help", "--help=true"),
        ("-n x", "--namespace=x"),
        ("help rollout undo", "help rollout undo"),
        ("options", "options"),
        ("get pods", "get pods"),
        ("get pods -n x", "get --namespace=x pods"),
        ("get pods -nx -o=yaml", "get --namespace=x --output=yaml pods"),
        ("get -oyaml pods", "get --output=yaml pods"),
        ("get -n=x pods", "get --namespace=x pods"),
        ("get -n= pods", "get --namespace== pods"),
        ("get --namespace= pods", "get --namespace= pods"),
        ("get -n -- pods", "get --namespace=-- pods"),
        ("get -n --watch pods", "get --namespace=--watch pods"),
        ("get pods -w=false --no-headers", "get --watch=false --no-headers=true pods"),
        ("get pods --no_headers --all_namespaces=f", "get --no-headers=true --all-namespaces=f pods"),
        ("get pods -wA -lapp=web", "get --watch=true --all-namespaces=true --selector=app=web pods"),
        ("get pods -wn x", "get --watch=true --namespace=x pods"),
        ("-n x get pods", "get --namespace=x pods"),
        ("--namespace x -v 6 get pods", "get --namespace=x --v=6 pods"),
        ("--warnings-as-errors get pods", "get --warnings-as-errors=true pods"),
        ("-n get get pods", "get --namespace=get pods"),
        ("-nget get pods", "get --namespace=get pods"),
        ("create -n cm cm x", "create configmap --namespace=cm x"),
        ("create --namespace=cm -f -", "create --namespace=cm --filename=-"),
        (
            "create cm x --from-literal a=b --from-literal=c=d",
            "create configmap --from-literal=a=b --from-literal=c=d x",
        ),
        ("create cm x --dry-run -o yaml", "create configmap --dry-run --output=yaml x"),
        ("create cm x --dry-run=client", "create configmap --dry-run=client x"),
        ("delete pod --cascade x", "delete --cascade pod x"),
        ("apply --validate -f -", "apply --validate --filename=-"),
        ("top po --containers", "top pod --containers=true"),
        ("set sa deploy x y", "set serviceaccount deploy x y"),
        ("logs -fp web -c app", "logs --follow=true --previous=true --container=app web"),
        ("exec -itc app web -- sh -c x", "exec --stdin=true --tty=true --container=app web -- sh -c x"),
        ("exec -it=false web -- sh", "exec --stdin=true --tty=false web -- sh"),
        ("exec web -- a -- --kubeconfig=x", "exec web -- a -- --kubeconfig=x"),
        ("exec web --", "exec web --"),
        ("get -- pods", "get -- pods"),
        ("label pod x - a-", "label pod x - a-"),
        ("debug x --profile general --image y", "debug --profile=general --image=y x"),
        ("create rolebinding x --user=ann --clusterrole=view", "create rolebinding --user=ann --clusterrole=view x"),
        ("cluster-info dump --output-directory -", "cluster-info dump --output-directory=-"),
        ("get pods -v=6", "get --v=6 pods"),
        ("explain pods -o plaintext-openapiv2", "explain --output=plaintext-openapiv2 pods"),
        ("get --raw /healthz", "get --raw=/healthz"),
    ] {
        assert_eq!(canonical(line), expected, "{line}");
    }
}

#[test]
fn what_is_canonical_stays_as_it_is() {
    for line in ["exec -itc app web -- sh", "get po -wAn x", "create cm x --dry-run", "-n x create -f -", "get -n -- x"]
    {
        let first = canonical(line);
        assert_eq!(canonical(&first), first, "{line}");
    }
}

#[test]
fn what_is_unknown_or_out_of_place_is_refused_with_what_was_meant() {
    for (line, hint) in [
        ("gett pods", "\"get\""),
        ("nosuch", "plugins do not run remotely"),
        ("create nosuch", "has no command"),
        ("create confgmap x", "\"configmap\""),
        ("create -f - configmap x", "right after"),
        ("create - configmap x", "out of place"),
        ("create -h configmap", "right after"),
        ("create --help -n configmap", "right after"),
        ("create -- configmap x", "out of place"),
        ("rollout x", "has no command"),
        ("-h get pods", "first"),
        ("--help -n get pods", "first"),
        ("-w get pods", "before the command"),
        ("--watch get pods", "before the command"),
        ("-o name get pods", "before the command"),
        ("- get pods", "before the command"),
        ("-- get pods", "before the command"),
        ("get pods --namespce x", "--namespace"),
        ("get pods --names x", "has no flag"),
        ("get pods --no-watch", "has no flag"),
        ("get pods -x", "has no flag -x"),
        ("get pods -wx", "has no flag -x"),
        ("get pods -A=", "has no flag -="),
        ("get pods --", ""),
        ("get pods ---watch", "has no flag"),
        ("get pods --=x", "has no flag"),
        ("get pods -n", "needs a value"),
        ("get pods --namespace", "needs a value"),
        ("exec web -test.v -- sh", "has no flag"),
        ("exec web -itest.v -- sh", "has no flag"),
        ("get --raw http://169.254.169.254/", "one slash"),
        ("get --raw //evil/api", "one slash"),
        ("get --raw healthz", "one slash"),
    ] {
        match hint {
            "" => assert_eq!(canonical(line), line),
            _ => assert!(refusal(line).contains(hint), "{line}: {}", refusal(line)),
        }
    }
    let empty = CommandLine::parse(&[String::new(), "get".into()]).expect_err("an empty word");
    assert!(empty.0.contains("out of place"));
}

#[test]
fn a_message_is_short_and_shows_no_control_characters() {
    for line in
        ["\u{1b}[2Jx", "get --\u{1b}[2J", "get -\u{7}", &format!("create {}", "x".repeat(10_000)), "-\u{1b} get"]
    {
        let text = refusal(line);
        assert!(text.len() < 400 && !text.contains(char::is_control), "{text:?}");
    }
}
