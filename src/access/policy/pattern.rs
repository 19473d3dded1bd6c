//! Patterns: literal, or with `*` for any number of characters.

/// A pattern, ready to match. Case matters.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    ends: Ends,
    body: Body,
}

/// What the first and the last eight bytes of a text must be. That rules out nearly all that do not match.
#[derive(Clone, Copy, Debug, Default)]
struct Ends {
    first: u64,
    first_mask: u64,
    last: u64,
    last_mask: u64,
}

#[derive(Clone, Debug)]
enum Body {
    /// `*`: everything, the empty text as well.
    Any,
    /// The text itself.
    Literal(Box<str>),
    /// With stars; apart, so that many patterns are few bytes to go through.
    Glob(Box<Glob>),
}

/// Whether a name is this name, or matches this pattern.
pub fn name_matches(pattern: &str, name: &str) -> bool {
    Pattern::new(pattern).matches_text(name)
}

/// What stands before the first `*`, between the stars, and after the last.
#[derive(Clone, Debug)]
struct Glob {
    first: Box<str>,
    middle: Box<[Box<str>]>,
    last: Box<str>,
}

/// A text that is matched with many patterns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a> {
    /// The text.
    pub(super) text: &'a str,
    first: u64,
    last: u64,
}

impl<'a> Text<'a> {
    /// Makes a text ready to be matched.
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, first: first_bytes(text), last: last_bytes(text) }
    }
}

/// The first eight bytes, the first one lowest; zero where the text ends before.
fn first_bytes(text: &str) -> u64 {
    let bytes = text.as_bytes();
    let mut eight = [0; 8];
    let count = bytes.len().min(8);
    eight[..count].copy_from_slice(&bytes[..count]);
    u64::from_le_bytes(eight)
}

/// The last eight bytes, the last one highest; zero where the text begins after.
fn last_bytes(text: &str) -> u64 {
    let bytes = text.as_bytes();
    let mut eight = [0; 8];
    let count = bytes.len().min(8);
    eight[8 - count..].copy_from_slice(&bytes[bytes.len() - count..]);
    u64::from_le_bytes(eight)
}

/// How many bits the first or last eight bytes of a text have.
fn bits(text: &str) -> u32 {
    8 * text.len().min(8) as u32
}

impl Pattern {
    /// Reads a pattern; every text is one.
    pub(super) fn new(text: &str) -> Self {
        let parts: Vec<&str> = text.split('*').collect();
        match parts.as_slice() {
            [first, middle @ .., last] if parts.iter().any(|part| !part.is_empty()) => {
                let ends = Ends {
                    first: first_bytes(first),
                    first_mask: u64::MAX.checked_shr(64 - bits(first)).unwrap_or_default(),
                    last: last_bytes(last),
                    last_mask: u64::MAX.checked_shl(64 - bits(last)).unwrap_or_default(),
                };
                let middle = middle.iter().filter(|part| !part.is_empty()).map(|part| (*part).into()).collect();
                let glob = Glob { first: (*first).into(), middle, last: (*last).into() };
                Self { ends, body: Body::Glob(Box::new(glob)) }
            }
            [_, _, ..] => Self { ends: Ends::default(), body: Body::Any },
            _ => {
                let (first, last) = (first_bytes(text), last_bytes(text));
                let ends = Ends { first, first_mask: u64::MAX, last, last_mask: u64::MAX };
                Self { ends, body: Body::Literal(text.into()) }
            }
        }
    }

    /// Whether the text matches. The time is linear in the length of the text for each star.
    pub(super) fn matches(&self, text: &Text<'_>) -> bool {
        let ends = &self.ends;
        if (text.first ^ ends.first) & ends.first_mask | (text.last ^ ends.last) & ends.last_mask != 0 {
            return false;
        }
        match &self.body {
            Body::Any => true,
            Body::Literal(literal) => **literal == *text.text,
            Body::Glob(glob) => {
                let Some(rest) = text.text.strip_prefix(&*glob.first) else { return false };
                let Some(mut rest) = rest.strip_suffix(&*glob.last) else { return false };
                for part in &glob.middle {
                    let Some(at) = rest.find(&**part) else { return false };
                    rest = &rest[at + part.len()..];
                }
                true
            }
        }
    }

    /// The same for a text that is matched but once.
    pub(super) fn matches_text(&self, text: &str) -> bool {
        self.matches(&Text::new(text))
    }

    /// Whether this is a text without a star.
    pub(super) fn is_literal(&self) -> bool {
        matches!(self.body, Body::Literal(_))
    }

    /// Whether the pattern is this very text, without a star.
    pub(super) fn is_literally(&self, text: &str) -> bool {
        matches!(&self.body, Body::Literal(literal) if **literal == *text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_texts() {
        let table = [
            ("app", "app", true),
            ("app", "app-1", false),
            ("app", "App", false),
            ("", "", true),
            ("*", "", true),
            ("*", "anything", true),
            ("app-*", "app-1", true),
            ("app-*", "app-", true),
            ("app-*", "app", false),
            ("app-*", "my-app-1", false),
            ("*-dev", "eu-dev", true),
            ("*-dev", "eu-dev-2", false),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "acb", false),
            ("ab*ba", "aba", false),
            ("*kube*", "my-kube-x", true),
            ("*kube*", "kub-e", false),
            ("*ab*ab*", "ab", false),
            ("*ab*ab*", "abab", true),
            ("a**b", "ab", true),
            ("é*", "é1", true),
            ("deployments", "deployments", true),
            ("deployments", "deploymentz", false),
            ("deployments", "deployMents", false),
            ("deployments", "deploymXnts", false),
            ("podtemplates-long", "podtemplates-Long", false),
            ("abcdefgh", "abcdefghabcdefgh", false),
            ("abcdefghi*", "abcdefghj", false),
            ("abcdefghi*", "abcdefghi", true),
            ("*abcdefghi", "Xbcdefghi", false),
            ("*abcdefghi", "abcdefghi", true),
            ("a*", "", false),
            ("a\0", "a", false),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(Pattern::new(pattern).matches_text(text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn many_stars_take_no_time() {
        let pattern = Pattern::new(&"a*".repeat(120));
        let text = "a".repeat(100_000) + "b";
        let start = std::time::Instant::now();
        assert!(pattern.matches_text(&text));
        assert!(!Pattern::new(&("a*".repeat(120) + "c")).matches_text(&text));
        assert!(start.elapsed() < std::time::Duration::from_secs(1));
    }

    #[test]
    fn a_glob_is_never_literal() {
        assert!(Pattern::new("mk8s").is_literally("mk8s"));
        assert!(!Pattern::new("mk8*").is_literally("mk8s"));
        assert!(!Pattern::new("*").is_literally("*"));
    }
}
