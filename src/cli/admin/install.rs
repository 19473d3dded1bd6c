//! The commands that bring an agent into a cluster, as text to be pasted into a shell. The token is in none of them.

use crate::config::client::{check_server, is_pin};
use crate::model::ClusterName;
use crate::model::token::CreatedAgentToken;

/// The namespace of an agent in its cluster.
const NAMESPACE: &str = "mk8s-system";

/// The Secret there that holds its token, so that it is in no command and in no release of Helm.
const SECRET: &str = "mk8s-agent-token";

/// What the commands are made of: nothing but texts of a known form.
pub struct Install<'a> {
    cluster: &'a ClusterName,
    central: &'a str,
    ca_pin: Option<&'a str>,
}

impl<'a> Install<'a> {
    /// What central said, as far as it has the form that it should; `server` stands in for its URL.
    pub fn new(cluster: &'a ClusterName, created: &'a CreatedAgentToken, server: &'a str) -> Self {
        let central = if check_server(&created.central).is_ok() { &created.central } else { server };
        Self { cluster, central, ca_pin: created.ca_pin.as_deref().filter(|pin| is_pin(pin)) }
    }

    /// How to keep the token, and the two ways to run the agent with it.
    pub fn instructions(&self) -> String {
        let file = quote(&format!("{}.token", self.cluster));
        let (pin, pin_value) = match self.ca_pin {
            Some(pin) => (
                format!(" --ca-pin {}", quote(pin)),
                format!(" --set {}", quote(&format!("central.caPin={}", helm(pin)))),
            ),
            None => (String::new(), String::new()),
        };
        let url_value = quote(&format!("central.url={}", helm(self.central)));
        let from_file = quote(&format!("token={}.token", self.cluster));
        let central = quote(self.central);
        format!(
            "  the token is shown this once; keep it in a file (paste it, then Enter and Ctrl-D):\n\n    \
             (umask 077; cat > {file})\n\n  \
             then run the agent on a machine that reaches the cluster:\n\n    \
             mk8s serve agent --central {central} --token-file {file}{pin}\n\n  \
             or in the cluster itself (add --set image.repository=REGISTRY/mk8s for where its image is):\n\n    \
             kubectl create namespace {NAMESPACE}\n    \
             kubectl --namespace {NAMESPACE} create secret generic {SECRET} --from-file={from_file}\n    \
             helm install mk8s-agent deploy/charts/mk8s-agent --namespace {NAMESPACE} --set {url_value}{pin_value} \
             --set token.existingSecret={SECRET}\n"
        )
    }
}

/// A word of a POSIX shell that stands for exactly this text.
fn quote(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:/@=%+".contains(&byte);
    // An option or an assignment in front would not be a word.
    if !text.is_empty() && text.bytes().all(plain) && !text.starts_with(['-', '=']) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A value of helm's `--set`, in which commas separate and a backslash escapes.
fn helm(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if matches!(c, ',' | '\\' | '{' | '}' | '[' | ']' | '"') {
            out.push('\\');
        }
        out.push(c);
        out
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn created(central: &str, ca_pin: Option<&str>) -> CreatedAgentToken {
        serde_json::from_value(serde_json::json!({
            "token": "mk8s_agent_s3cret", "id": "01a210a3-0b0d-7252-9a6e-07461f01c863", "bootstrap": false,
            "created_at": "2026-01-02T15:04:05Z", "central": central, "ca_pin": ca_pin,
        }))
        .unwrap()
    }

    fn instructions(central: &str, ca_pin: Option<&str>) -> String {
        let (cluster, created) = ("prod".parse().unwrap(), created(central, ca_pin));
        Install::new(&cluster, &created, "https://asked.example.com").instructions()
    }

    #[test]
    fn the_commands_are_whole_and_have_no_token() {
        let pin = format!("sha256:{}", "0a".repeat(32));
        let text = instructions("https://mk8s.example.com", Some(&pin));
        for line in [
            "    (umask 077; cat > prod.token)\n".to_owned(),
            format!("    mk8s serve agent --central https://mk8s.example.com --token-file prod.token --ca-pin {pin}\n"),
            "    kubectl create namespace mk8s-system\n".to_owned(),
            "    kubectl --namespace mk8s-system create secret generic mk8s-agent-token --from-file=token=prod.token\n"
                .to_owned(),
            format!(
                "    helm install mk8s-agent deploy/charts/mk8s-agent --namespace mk8s-system \
                 --set central.url=https://mk8s.example.com --set central.caPin={pin} \
                 --set token.existingSecret=mk8s-agent-token\n"
            ),
        ] {
            assert!(text.contains(&line), "no {line:?} in {text}");
        }
        assert!(!text.contains("s3cret"));
        let text = instructions("https://mk8s.example.com", None);
        assert!(!text.contains("--ca-pin") && !text.contains("caPin"));
    }

    #[test]
    fn nothing_but_a_url_and_a_pin_gets_into_a_command() {
        for bad in ["https://a;reboot", "https://a/$(reboot)", "https://a\n reboot", "https://a'", "x", "", "\u{1b}[2J"]
        {
            let text = instructions(bad, Some(&format!("sha256:{bad}")));
            assert!(text.contains("--central https://asked.example.com --token-file prod.token\n"), "{text}");
            assert!(!text.contains("reboot") && !text.contains('\u{1b}'), "{text}");
        }
    }

    #[test]
    fn a_shell_reads_a_quoted_word_as_it_was() {
        for text in
            ["", "plain", "a b", "it's", "$(reboot)", "`x`", "a;b", "~", "*", "#", "-n", "a\nb", "a\\b", "\"", "é", "!"]
        {
            let output = Command::new("sh").arg("-c").arg(format!("printf %s {}", quote(text))).output().unwrap();
            // printf takes an option of its own for one, whatever the quotes.
            if text != "-n" {
                assert_eq!(String::from_utf8(output.stdout).unwrap(), text);
            }
        }
        assert_eq!(quote("https://[::1]:8443"), "'https://[::1]:8443'");
    }

    #[test]
    fn helm_takes_a_value_as_one() {
        assert_eq!(helm("https://[::1]:8443"), r"https://\[::1\]:8443");
        assert_eq!(helm(r"a,b\c"), r"a\,b\\c");
    }
}
