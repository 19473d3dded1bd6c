//! A command line as it may be kept: it tells what was done, without the secrets that stood in it.

use super::words::Words;
use crate::kubernetes::redact::{REDACTED, command, push, value, word};

/// Flags whose value is a secret, or may contain one.
const SECRET: [&str; 5] = ["docker-password", "overrides", "password", "patch", "token"];

/// Flags whose value is `name=secret`; for `--from-file` only by mistake.
const NAMED: [&str; 3] = ["env", "from-file", "from-literal"];

/// The command line in one line.
pub fn of(words: &Words) -> String {
    let mut line = String::new();
    words.command.words.split_whitespace().for_each(|word| push(&mut line, word));
    for flag in &words.flags {
        let shown = match &flag.value {
            None => format!("--{}", flag.name),
            Some(_) if SECRET.contains(&flag.name) => format!("--{}={REDACTED}", flag.name),
            Some(given) if NAMED.contains(&flag.name) => format!("--{}={}", flag.name, value(given)),
            Some(given) if flag.name == "annotations" => format!("--{}={}", flag.name, word(given)),
            // A path without its query.
            Some(given) if flag.name == "raw" => {
                format!("--{}={}", flag.name, given.split('?').next().unwrap_or_default())
            }
            Some(given) => format!("--{}={given}", flag.name),
        };
        push(&mut line, &shown);
    }
    for argument in &words.arguments {
        let shown = match words.command.words {
            // `set env deployment/x NAME=value`
            "set env" if argument.contains('=') => value(argument),
            // A container may be called `auth`, and its image is no secret.
            "set image" => argument.clone(),
            _ => word(argument),
        };
        push(&mut line, &shown);
    }
    if let Some(rest) = &words.rest {
        push(&mut line, "--");
        line.push(' ');
        line.push_str(&command(rest.iter().map(String::as_str)));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_left_out_and_all_else_is_told() {
        for (args, expected) in [
            (&["get", "pods", "-n", "x"][..], "get --namespace=x pods"),
            (
                &["create", "secret", "generic", "s", "--from-literal", "k=hunter2"],
                "create secret generic --from-literal=k=<redacted> s",
            ),
            (
                &["create", "secret", "docker-registry", "s", "--docker-password=hunter2", "--docker-username=u"],
                "create secret docker-registry --docker-password=<redacted> --docker-username=u s",
            ),
            (&["patch", "secret", "s", "-p", r#"{"data":{"a":"hunter2"}}"#], "patch --patch=<redacted> secret s"),
            (&["set", "env", "deployment/x", "A=hunter2"], "set env deployment/x A=<redacted>"),
            (&["exec", "web", "--", "env", "PASSWORD=hunter2", "true"], "exec web -- env PASSWORD=<redacted> true"),
            (&["run", "x", "--image=i", "--env=A=hunter2"], "run --image=i --env=A=<redacted> x"),
            (&["run", "x", "--annotations=token=hunter2"], "run --annotations=token=<redacted> x"),
            (&["create", "configmap", "x", "--from-literal=hunter2"], "create configmap --from-literal=<redacted> x"),
            (
                &["create", "secret", "generic", "x", "--from-file=k=hunter2"],
                "create secret generic --from-file=k=<redacted> x",
            ),
            (&["get", "--raw", "/api?token=hunter2"], "get --raw=/api"),
            (&["annotate", "pod", "x", "token=hunter2"], "annotate pod x token=<redacted>"),
            (&["set", "image", "deployment/x", "auth=i:1"], "set image deployment/x auth=i:1"),
        ] {
            let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
            let line = of(&Words::read(&args).unwrap());
            assert_eq!(line, expected);
            assert!(!line.contains("hunter2"));
        }
    }
}
