//! Words of a command as they may be kept: without what is, or looks like, a secret.

/// What stands in place of a secret.
pub const REDACTED: &str = "<redacted>";

/// Parts of names whose values are secrets. What a person calls a secret cannot be known; these are usual.
const SECRET_NAMES: [&str; 11] =
    ["pass", "secret", "token", "credential", "apikey", "api-key", "api_key", "auth", "cookie", "private", "pwd"];

/// How the tokens begin that mk8s itself gives out.
const TOKENS: [&str; 2] = ["mk8s_", "eyJ"];

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

/// `name=value` without the value; nothing is left of a word without a name, which may be a value alone.
pub fn value(word: &str) -> String {
    match word.split_once('=') {
        Some((name, _)) => format!("{name}={REDACTED}"),
        None => REDACTED.to_owned(),
    }
}

/// A path in which somebody may have taken a token for its id.
pub fn path(path: &str) -> String {
    let segment = |part| if is_token(part) { REDACTED } else { part };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// One word: a script is looked at word by word, where what is quoted is one; a URL loses its password.
pub fn word(word: &str) -> String {
    let (mut line, mut hide, mut quote) = (String::new(), false, None);
    let parts = word.split_inclusive(|c: char| {
        match quote {
            None if matches!(c, '\'' | '"') => quote = Some(c),
            Some(begun) if begun == c => quote = None,
            _ => {}
        }
        quote.is_none() && c.is_whitespace()
    });
    for part in parts {
        let bare = part.trim_end();
        let shown = if std::mem::take(&mut hide) && !bare.is_empty() { REDACTED.to_owned() } else { one(bare) };
        hide = bare.starts_with('-') && !bare.contains('=') && is_secret(bare);
        line.push_str(&shown);
        // `Authorization: Bearer x`, `"password": "x"`: where the value ends nobody knows.
        if bare.ends_with(':') && shown.ends_with(REDACTED) {
            break;
        }
        line.push_str(&part[bare.len()..]);
    }
    line
}

fn one(word: &str) -> String {
    if is_token(word) {
        return REDACTED.to_owned();
    }
    let word = without_user_info(word);
    for (at, sign) in word.match_indices(['=', ':']) {
        let name = word[..at].rsplit([',', ';', '&', '?', '{']).next().unwrap_or_default();
        if is_secret(name) && (sign == "=" || !name.contains('/')) {
            return format!("{}{sign}{REDACTED}", &word[..at]);
        }
    }
    word
}

/// `https://user:password@host` without the two.
fn without_user_info(word: &str) -> String {
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

fn is_token(word: &str) -> bool {
    TOKENS.iter().any(|begin| word.starts_with(begin))
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
            (&["curl", "-H", "Authorization: Bearer hunter2"], "curl -H Authorization:<redacted>"),
            (&["login", "mk8s_pat_hunter2"], "login <redacted>"),
            (&["sh", "-c", "curl -H \"Cookie: a=hunter2\" x"], "sh -c 'curl -H \"Cookie:<redacted> x'"),
            (&["sh", "-c", "PASSWORD=\"a hunter2\" run"], "sh -c 'PASSWORD=<redacted> run'"),
            (&["sh", "-c", "echo it's TOKEN=hunter2 hunter2"], "sh -c 'echo it'\\''s TOKEN=<redacted>'"),
            (&["curl", "https://x/?a=b&token=hunter2"], "curl 'https://x/?a=b&token=<redacted>'"),
            (&["curl", "https://a:hunter2@x/?token=hunter2"], "curl 'https://<redacted>@x/?token=<redacted>'"),
            (
                &["echo", r#"{"a":"https://x","password":"hunter2"}"#],
                r#"echo '{"a":"https://x","password":<redacted>'"#,
            ),
            (&["echo", r#"{"a": "b", "password": "hunter2"}"#], r#"echo '{"a": "b", "password":<redacted>'"#),
            (&["get", "registry/auth:1", "https://auth/?a=b"], "get registry/auth:1 'https://auth/?a=b'"),
            (&["it's", ""], "'it'\\''s' ''"),
        ] {
            let line = command(words.iter().copied());
            assert_eq!(line, expected);
            assert!(!line.contains("hunter2"));
        }
        assert_eq!(path("/admin/clusters/dev/tokens/mk8s_agent_1"), "/admin/clusters/dev/tokens/<redacted>");
        assert_eq!(path("/tokens/eyJhbGciOi.x.y"), "/tokens/<redacted>");
        assert_eq!(path("/admin/users/ann@example.com"), "/admin/users/ann@example.com");
    }
}
