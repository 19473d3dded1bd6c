//! Words of a command as they may be kept: without what is, or looks like, a secret.

/// What stands in place of a secret.
pub const REDACTED: &str = "<redacted>";

/// Parts of names whose values are secrets. What a person calls a secret cannot be known; these are usual.
const SECRET_NAMES: [&str; 8] = ["pass", "secret", "token", "credential", "apikey", "api-key", "api_key", "auth"];

/// The words of a command in a container, in one line, as a shell would read them.
pub fn command<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let mut line = String::new();
    let mut hide = false;
    for word in words {
        let shown = if std::mem::take(&mut hide) { REDACTED.to_owned() } else { self::word(word) };
        // `--password x`: the value is a word of its own.
        hide = word.starts_with('-') && !word.contains('=') && is_secret(word);
        push(&mut line, &shown);
    }
    line
}

/// Adds a word to a line, quoted if a shell would need it.
pub fn push(line: &mut String, word: &str) {
    if !line.is_empty() {
        line.push(' ');
    }
    let plain = |c: char| c.is_alphanumeric() || "-_=/.,:@%+<>{}[]".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => line.push_str(word),
        false => {
            line.push('\'');
            line.push_str(&word.replace('\'', "'\\''"));
            line.push('\'');
        }
    }
}

/// `name=value` without the value; a word without a value as it is.
pub fn value(word: &str) -> String {
    match word.split_once('=') {
        Some((name, _)) => format!("{name}={REDACTED}"),
        None => word.to_owned(),
    }
}

/// One word: a script is looked at word by word, a URL loses its password.
fn word(word: &str) -> String {
    if word.contains(char::is_whitespace) {
        let mut hide = false;
        let parts = word.split_inclusive(char::is_whitespace).map(|part| {
            let bare = part.trim_end();
            let shown = if std::mem::take(&mut hide) && !bare.is_empty() { REDACTED.to_owned() } else { one(bare) };
            hide = bare.starts_with('-') && !bare.contains('=') && is_secret(bare);
            shown + &part[bare.len()..]
        });
        return parts.collect();
    }
    one(word)
}

fn one(word: &str) -> String {
    if let Some((name, _)) = word.split_once('=')
        && is_secret(name)
    {
        return value(word);
    }
    if let Some((name, _)) = word.split_once(": ").or_else(|| word.split_once(':'))
        && is_secret(name)
        && !name.contains('/')
    {
        return format!("{name}:{REDACTED}");
    }
    if let Some((scheme, rest)) = word.split_once("://")
        && let Some((user_info, host)) = rest.split('/').next().unwrap_or_default().rsplit_once('@')
        && user_info.contains(':')
    {
        let path = &rest[user_info.len() + 1 + host.len()..];
        return format!("{scheme}://{REDACTED}@{host}{path}");
    }
    word.to_owned()
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_NAMES.iter().any(|secret| name.contains(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_secret_is_left_out() {
        for (words, expected) in [
            (&["sh", "-c", "echo hello; exit 7"][..], "sh -c 'echo hello; exit 7'"),
            (&["mysql", "--password=hunter2", "db"], "mysql --password=<redacted> db"),
            (&["curl", "--token", "hunter2", "x"], "curl --token <redacted> x"),
            (&["env", "DB_PASSWORD=hunter2", "HOME=/x"], "env DB_PASSWORD=<redacted> HOME=/x"),
            (&["psql", "postgres://ann:hunter2@db:5432/x"], "psql postgres://<redacted>@db:5432/x"),
            (
                &["sh", "-c", "API_TOKEN=hunter2 run --secret hunter2 now"],
                "sh -c 'API_TOKEN=<redacted> run --secret <redacted> now'",
            ),
            (&["curl", "-H", "Authorization:hunter2"], "curl -H Authorization:<redacted>"),
            (&["it's", ""], "'it'\\''s' ''"),
        ] {
            let line = command(words.iter().copied());
            assert_eq!(line, expected);
            assert!(!line.contains("hunter2"));
        }
    }
}
