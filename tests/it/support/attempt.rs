//! A command line that is tried through mk8s: with its client, and with `POST exec`.

use std::time::Duration;

use serde_json::{Value, json};

use super::process::{Output, run_within};
use super::stack::Central;

/// How long a command line that is tried may take; those that would go on for ever are ended.
const LIMIT: Duration = Duration::from_secs(30);

/// The ways to a remote kubectl.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// `mk8s kubectl`.
    Client,
    /// `POST /clusters/{name}/exec`.
    Post,
}

/// Both of them.
pub const WAYS: [Way; 2] = [Way::Client, Way::Post];

/// What became of a command line.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Whether mk8s refused it before anything ran: as wrong, or as not allowed.
    pub refused: bool,
    /// Whether it ran and ended well.
    pub succeeded: bool,
    /// The HTTP status of `POST exec`, the exit code of the client.
    pub code: i32,
    /// What kubectl wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error, or what mk8s said.
    pub stderr: String,
}

impl Attempt {
    /// All that was said.
    pub fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// For the message of a test that fails.
    pub fn brief(&self) -> String {
        let cut = |text: &str| text.chars().take(300).collect::<String>();
        format!("{}, stdout {:?}, stderr {:?}", self.code, cut(&self.stdout), cut(&self.stderr))
    }

    /// Itself, if it succeeded.
    #[track_caller]
    pub fn expect_success(self) -> Self {
        assert!(self.succeeded, "{}", self.brief());
        self
    }
}

impl Central {
    /// Tries a command line in the cluster `dev`, with somebody's token.
    pub fn attempt(&self, way: Way, token: &str, args: &[String], stdin: &str) -> Attempt {
        match way {
            Way::Client => {
                let mut command = self.client();
                from_client(run_within(command.env("MK8S_TOKEN", token).arg("kubectl").args(args), stdin, LIMIT))
            }
            Way::Post => self.post_exec("dev", token, args, stdin),
        }
    }

    /// The same by `POST exec` in any cluster.
    pub fn post_exec(&self, cluster: &str, token: &str, args: &[String], stdin: &str) -> Attempt {
        let mut body = json!({ "command": args });
        if !stdin.is_empty() {
            body["stdin"] = json!(stdin);
        }
        let mut curl = self.anonymous_curl();
        curl.args(["--write-out", "\n%{http_code}", "--data-binary", "@-"]);
        curl.args(["--header", &format!("Authorization: Bearer {token}")]);
        curl.arg(format!("{}/clusters/{cluster}/exec", self.url));
        from_post(&run_within(&mut curl, &body.to_string(), LIMIT))
    }
}

fn from_client(output: Output) -> Attempt {
    Attempt {
        refused: matches!(output.code, 2 | 3),
        succeeded: output.code == 0,
        code: output.code,
        stdout: output.out(),
        stderr: output.err(),
    }
}

fn from_post(output: &Output) -> Attempt {
    let text = output.out();
    let (body, status) = text.rsplit_once('\n').unwrap_or((&text, "0"));
    // Zero when curl was ended, and there is none.
    let status: i32 = status.parse().unwrap_or(0);
    let mut attempt = Attempt {
        refused: matches!(status, 400 | 403),
        succeeded: false,
        code: status,
        stdout: String::new(),
        stderr: output.err(),
    };
    for line in body.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| json!({ "error": line }));
        attempt.stdout += line["stdout"].as_str().unwrap_or_default();
        attempt.stderr += line["stderr"].as_str().unwrap_or_default();
        for field in ["detail", "error", "stdout_base64", "stderr_base64"] {
            attempt.stderr += line[field].as_str().unwrap_or_default();
        }
        attempt.succeeded |= status == 200 && line["exit_code"] == 0;
    }
    attempt
}

/// The words of a command line: it is split at spaces; single quotes keep words together, also an empty one.
pub fn words(line: &str) -> Vec<String> {
    // Every second piece is within quotes. A quote is kept as a mark, or an empty word would get lost.
    let pieces = line.split('\'').enumerate();
    let quoted = |piece: &str| format!("\u{1}{}", piece.replace(' ', "\0"));
    let text: String = pieces.map(|(i, piece)| if i % 2 == 1 { quoted(piece) } else { piece.to_owned() }).collect();
    let words = text.split(' ').filter(|word| !word.is_empty());
    words.map(|word| word.replace('\0', " ").replace('\u{1}', "")).collect()
}

/// The same, with the namespace before `--` or at the end, unless it has `-n`.
pub fn words_in(line: &str, namespace: &str) -> Vec<String> {
    let mut words = words(line);
    if !words.is_empty() && !words.iter().any(|word| word == "-n" || word == "-A") {
        let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
        words.insert(end, format!("--namespace={namespace}"));
    }
    words
}
