//! The commands of kubectl that make sense on the user's own machine only, and that the client does by itself.

use super::Refusal;
use super::refusals;
use super::words::{self, Words};

/// The commands, and their flags that the client knows.
const LOCAL: [(&str, &[&str]); 3] = [
    ("port-forward", &["namespace", "address", "pod-running-timeout", "help"]),
    ("cp", &["namespace", "container", "no-preserve", "retries", "help"]),
    (
        "proxy",
        &["namespace", "port", "address", "accept-hosts", "accept-paths", "reject-paths", "reject-methods", "help"],
    ),
];

/// The flags of such a command that the client knows.
pub fn local_flags(command: &str) -> Option<&'static [&'static str]> {
    LOCAL.into_iter().find(|(name, _)| *name == command).map(|(_, flags)| flags)
}

/// The same command line in the client's own words, if it is one of these commands; `None` for all that is kubectl's.
///
/// # Errors
/// When it has a flag that the client does not know.
pub fn local(args: &[String]) -> Result<Option<Vec<String>>, Refusal> {
    let Some((name, flags)) =
        words::leaf(args).and_then(|command| LOCAL.into_iter().find(|(name, _)| *name == command))
    else {
        return Ok(None);
    };
    let words = Words::read_local(args)?;
    if let Some(given) = words.flags.iter().find(|given| !flags.contains(&given.name)) {
        return Err(refusal(name, given.name));
    }
    let mut line = vec![name.to_owned()];
    for flag in flags {
        match *flag {
            switch @ ("help" | "no-preserve") => line.extend(words.is_on(switch).then(|| format!("--{switch}"))),
            "namespace" if name == "proxy" => {}
            "address" if name == "port-forward" => {
                line.extend(words.values("address").map(|value| format!("--address={value}")));
            }
            flag => line.extend(words.value(flag).map(|value| format!("--{flag}={value}"))),
        }
    }
    line.push("--".into());
    line.extend(words.arguments.into_iter().chain(words.rest.into_iter().flatten()));
    Ok(Some(line))
}

/// Refuses a flag of a command that the client does by itself.
pub(super) fn refusal(command: &str, flag: &str) -> Refusal {
    let why = match flag {
        "as"
        | "as-group"
        | "as-uid"
        | "as-user-extra"
        | "kubeconfig"
        | "context"
        | "cluster"
        | "user"
        | "server"
        | "tls-server-name"
        | "insecure-skip-tls-verify"
        | "certificate-authority"
        | "token"
        | "username"
        | "password"
        | "client-certificate"
        | "client-key" => refusals::reason(flag),
        _ => None,
    };
    let why = why.map_or_else(|| format!("`mk8s shell -- kubectl {command} …` has it"), str::to_owned);
    Refusal(format!("mk8s does kubectl {command} by itself, without the flag --{flag}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Result<Option<String>, String> {
        let args: Vec<String> = text.split(' ').map(str::to_owned).collect();
        local(&args).map(|line| line.map(|line| line.join(" "))).map_err(|refusal| refusal.0)
    }

    #[test]
    fn local_commands_are_found_wherever_their_flags_stand() {
        for (text, expected) in [
            ("port-forward svc/web 8080:80", "port-forward -- svc/web 8080:80"),
            ("-n a port-forward pod/x :80", "port-forward --namespace=a -- pod/x :80"),
            ("--namespace=a port-forward -nb pod/x :80", "port-forward --namespace=b -- pod/x :80"),
            (
                "port-forward --address localhost,10.0.0.1 pod/x 80 --address=::1 --pod-running-timeout 5s",
                "port-forward --address=localhost,10.0.0.1 --address=::1 --pod-running-timeout=5s -- pod/x 80",
            ),
            ("cp a/b:c d -c main --no-preserve", "cp --container=main --no-preserve -- a/b:c d"),
            ("cp --no-preserve=false a:b c", "cp -- a:b c"),
            ("cp a:b c --retries -1", "cp --retries=-1 -- a:b c"),
            ("proxy -p 0 --accept-paths=^/api -n x", "proxy --port=0 --accept-paths=^/api --"),
            ("port-forward --help", "port-forward --help --"),
        ] {
            assert_eq!(line(text).unwrap().as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn all_else_is_left_to_kubectl() {
        for text in
            ["get pods", "exec cp -- port-forward", "help proxy", "-n proxy get pods", "nosuch", "--nosuch cp", ""]
        {
            assert_eq!(line(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn flags_that_are_not_known_are_refused_by_name() {
        for (text, word) in [
            ("proxy --www=.", "--www"),
            ("cp a:b c -R", "has no flag -R"),
            ("port-forward --kubeconfig x pod/x 80", "mk8s --cluster NAME"),
            ("--as=x port-forward pod/x 80", "yourself"),
            ("port-forward --nosuch pod/x 80", "--nosuch"),
            ("proxy --port", "needs a value"),
        ] {
            assert!(line(text).unwrap_err().contains(word), "{text}");
        }
    }
}
