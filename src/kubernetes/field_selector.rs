//! Field selectors, as far as they decide what a request is about: whether they can be read, and whether they demand one
//! name. They follow `k8s.io/apimachinery/pkg/fields` to the letter.

use super::label_selector::Unreadable;

/// The value that a field selector demands of `metadata.name`: that of the first of its terms in sorted order.
pub(super) fn required_name(selector: &[u8]) -> Result<Option<String>, Unreadable> {
    let mut terms = terms(selector);
    terms.sort_unstable();
    let mut name = None;
    for term in terms.into_iter().filter(|term| !term.is_empty()) {
        let (field, equal, value) = split_term(term)?;
        let value = unescape_value(value)?;
        if equal && field == b"metadata.name" && name.is_none() {
            name = Some(value);
        }
    }
    Ok(name)
}

/// Splits at the commas that no backslash precedes.
fn terms(selector: &[u8]) -> Vec<&[u8]> {
    let mut escaped = false;
    selector
        .split(|byte| {
            let comma = *byte == b',' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            comma
        })
        .collect()
}

/// The field, whether the operator is equality, and the value as it stands.
fn split_term(term: &[u8]) -> Result<(&[u8], bool, &[u8]), Unreadable> {
    for at in 0..term.len() {
        let (field, rest) = term.split_at(at);
        for (operator, equal) in [(&b"!="[..], false), (b"==", true), (b"=", true)] {
            if let Some(value) = rest.strip_prefix(operator) {
                return Ok((field, equal, value));
            }
        }
    }
    Err(Unreadable)
}

fn unescape_value(value: &[u8]) -> Result<String, Unreadable> {
    let mut plain = Vec::with_capacity(value.len());
    let mut bytes = value.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => match bytes.next() {
                Some(escaped @ (b'\\' | b',' | b'=')) => plain.push(*escaped),
                _ => return Err(Unreadable),
            },
            b',' | b'=' => return Err(Unreadable),
            other => plain.push(*other),
        }
    }
    Ok(lossy(&plain))
}

/// The text, with U+FFFD for each byte that is not UTF-8.
fn lossy(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}
