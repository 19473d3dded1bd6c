//! Percent escapes and queries, read as Go's `net/url` reads them, which is what the API server uses.

/// The most parameters that Go reads: of a query with more it reads none at all. Older versions of Go know no limit,
/// so a strict target has no more than these.
pub(super) const MAX_PARAMETERS: usize = 10_000;

/// The parameters of a query in their order. Keys and values are bytes: they need not be UTF-8.
pub(super) struct Query {
    parameters: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Query {
    /// Reads a raw query. A parameter with a semicolon or a broken escape is left out, as Go does.
    pub(super) fn parse(raw: &str) -> Self {
        let mut parameters = Vec::new();
        if count(raw) <= MAX_PARAMETERS {
            for parameter in raw.split('&').filter(|p| !p.is_empty() && !p.contains(';')) {
                let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
                if let (Some(key), Some(value)) = (unescape(key, true), unescape(value, true)) {
                    parameters.push((key, value));
                }
            }
        }
        Self { parameters }
    }

    /// The value that counts: the first one.
    pub(super) fn first<'a>(&'a self, key: &str) -> Option<&'a [u8]> {
        self.all(key).next()
    }

    /// All values of a parameter.
    pub(super) fn all<'a>(&'a self, key: &str) -> impl Iterator<Item = &'a [u8]> {
        self.parameters.iter().filter(move |(k, _)| k == key.as_bytes()).map(|(_, value)| value.as_slice())
    }

    /// A parameter that is true or false: only `0`, `false` in any case, and absence are false.
    pub(super) fn flag(&self, key: &str) -> bool {
        self.first(key).is_some_and(|value| value != b"0" && !folds_to_false(value))
    }
}

/// How many parameters a query has, counting empty ones.
pub(super) fn count(raw: &str) -> usize {
    raw.bytes().filter(|b| *b == b'&').count() + 1
}

/// Whether Go's `EqualFold` takes it for "false". Unicode folds the long s to an s; no other letter folds to these five.
fn folds_to_false(value: &[u8]) -> bool {
    str::from_utf8(value).is_ok_and(|text| text.replace('ſ', "s").eq_ignore_ascii_case("false"))
}

/// Decodes percent escapes once; `None` when one of them is broken. In queries a plus is a space, in paths it is not.
pub(super) fn unescape(text: &str, plus_is_space: bool) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            b'+' if plus_is_space => b' ',
            other => other,
        });
    }
    Some(decoded)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded_once() {
        assert_eq!(unescape("a%2fb%2F+%25", false).as_deref(), Some(&b"a/b/+%"[..]));
        assert_eq!(unescape("a+%ff", true).as_deref(), Some(&b"a \xff"[..]));
        for broken in ["%", "%2", "a%zz", "%2g", "%%41"] {
            assert_eq!(unescape(broken, false), None, "{broken}");
        }
    }

    #[test]
    fn the_first_value_that_can_be_read_counts() {
        let query = Query::parse("w%61tch=1&watch=0&&x;=1&y=%zz&y=2&z");
        assert_eq!(query.first("watch"), Some(&b"1"[..]));
        assert_eq!(query.first("x"), None);
        assert_eq!(query.first("y"), Some(&b"2"[..]));
        assert_eq!(query.first("z"), Some(&b""[..]));
    }

    #[test]
    fn all_but_zero_and_false_is_true() {
        for no in ["", "x=1", "f=0", "f=false", "f=FaLsE", "f=fal%C5%BFe", "F=true", "f=true;x", "f=%zz"] {
            assert!(!Query::parse(no).flag("f"), "{no}");
        }
        for yes in ["f", "f=", "f=1", "f=true", "f=no", "f=00", "f=+false", "f=%ff", "f=%zz&f=1"] {
            assert!(Query::parse(yes).flag("f"), "{yes}");
        }
    }

    #[test]
    fn a_query_of_too_many_parameters_says_nothing() {
        let longest = "&".repeat(MAX_PARAMETERS - 1) + "f";
        assert!(Query::parse(&longest).flag("f"));
        assert!(!Query::parse(&format!("&{longest}")).flag("f"));
    }
}
