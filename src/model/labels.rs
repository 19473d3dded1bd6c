//! Labels of clusters, by which several are chosen at once. They follow the rules of Kubernetes
//! (`k8s.io/apimachinery/pkg/util/validation`): who knows those knows these.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The most labels that a cluster may have.
pub const MAX_LABELS: usize = 64;

/// The labels of a cluster: keys and values, both checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "BTreeMap<String, String>", into = "BTreeMap<String, String>")]
#[schema(value_type = std::collections::BTreeMap<String, String>, example = json!({"env": "prod"}))]
pub struct Labels(BTreeMap<String, String>);

/// A change of labels: a value to set, or `null` for a label to remove (RFC 7396).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"env": "prod", "old": null}))]
pub struct LabelChange(pub BTreeMap<String, Option<String>>);

/// Why something is no label.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLabel {
    /// The key.
    #[error(
        "{0:?} is not the key of a label: a name of up to 63 letters, digits and -_. that begins and ends with a letter or \
         digit, and before it perhaps a domain and a slash"
    )]
    Key(String),
    /// The value.
    #[error(
        "{0:?} is not the value of a label: up to 63 letters, digits and -_. that begin and end with a letter or digit"
    )]
    Value(String),
    /// Their number.
    #[error("a cluster may have at most {MAX_LABELS} labels")]
    TooMany,
}

impl Labels {
    /// The value of a label.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The labels after a change.
    ///
    /// # Errors
    /// The first key or value that cannot be one, or that there would be too many.
    pub fn changed(&self, change: &LabelChange) -> Result<Self, InvalidLabel> {
        let mut labels = self.0.clone();
        for (key, value) in &change.0 {
            match value {
                Some(value) => labels.insert(key.clone(), value.clone()),
                // What is no key is refused though there is nothing to remove.
                None if is_key(key.as_bytes()) => labels.remove(key),
                None => return Err(InvalidLabel::Key(shown(key))),
            };
        }
        labels.try_into()
    }
}

impl TryFrom<BTreeMap<String, String>> for Labels {
    type Error = InvalidLabel;

    fn try_from(labels: BTreeMap<String, String>) -> Result<Self, InvalidLabel> {
        if labels.len() > MAX_LABELS {
            return Err(InvalidLabel::TooMany);
        }
        for (key, value) in &labels {
            if !is_key(key.as_bytes()) {
                return Err(InvalidLabel::Key(shown(key)));
            }
            if !is_value(value.as_bytes()) {
                return Err(InvalidLabel::Value(shown(value)));
            }
        }
        Ok(Self(labels))
    }
}

impl From<Labels> for BTreeMap<String, String> {
    fn from(labels: Labels) -> Self {
        labels.0
    }
}

/// The error repeats no more of a text than a label could have.
fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

/// Whether a text is a label's key: a name of up to 63 bytes, and before it perhaps a DNS domain and a slash.
pub fn is_key(key: &[u8]) -> bool {
    let mut parts = key.rsplitn(2, |b| *b == b'/');
    let name = parts.next().unwrap_or_default();
    parts.next().is_none_or(is_domain) && !name.is_empty() && is_value(name)
}

fn is_domain(domain: &[u8]) -> bool {
    let label = |label: &[u8]| {
        let inner = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-';
        matches!(label, [first, .., last] if *first != b'-' && *last != b'-') && label.iter().all(inner)
            || matches!(label, [only] if *only != b'-' && inner(only))
    };
    domain.len() <= 253 && domain.split(|b| *b == b'.').all(label)
}

/// Whether a text is a label's value: empty, or up to 63 letters, digits and `-_.` between two letters or digits.
pub fn is_value(value: &[u8]) -> bool {
    let ends = [value.first(), value.last()];
    value.len() <= 63
        && ends.into_iter().flatten().all(u8::is_ascii_alphanumeric)
        && value.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Result<Labels, InvalidLabel> {
        let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        pairs.collect::<BTreeMap<_, _>>().try_into()
    }

    #[test]
    fn labels_are_those_of_kubernetes() {
        for good in [("env", "prod"), ("a.b/c_D", ""), ("topology.kubernetes.io/zone", "eu-1.a_b")] {
            assert!(labels(&[good]).is_ok(), "{good:?}");
        }
        for bad in ["", "-a", "a-", "a b", "/a", "a/", "A.b/c", "a/b/c", "é", &"x".repeat(64)] {
            assert_eq!(labels(&[(bad, "x")]), Err(InvalidLabel::Key(bad.into())));
        }
        for bad in ["-", "a b", "a/b", "ü", &"x".repeat(64)] {
            assert_eq!(labels(&[("a", bad)]), Err(InvalidLabel::Value(bad.into())));
        }
        let many = (0..=MAX_LABELS).map(|i| (format!("k{i}"), String::new())).collect::<BTreeMap<_, _>>();
        assert_eq!(Labels::try_from(many), Err(InvalidLabel::TooMany));
        assert!(serde_json::from_str::<Labels>(r#"{"a":"b c"}"#).unwrap_err().to_string().contains("b c"));
    }

    #[test]
    fn a_change_sets_and_removes_and_leaves_the_rest() {
        let before = labels(&[("env", "prod"), ("old", "1"), ("tier", "web")]).unwrap();
        let change: LabelChange = serde_json::from_str(r#"{"env":"dev","old":null,"none":null,"new":""}"#).unwrap();
        let after = labels(&[("env", "dev"), ("new", ""), ("tier", "web")]).unwrap();
        assert_eq!(before.changed(&change), Ok(after));
        for bad in [r#"{"a b":null}"#, r#"{"a":"b c"}"#, r#"{"-":"b"}"#] {
            assert!(before.changed(&serde_json::from_str(bad).unwrap()).is_err(), "{bad}");
        }
    }
}
