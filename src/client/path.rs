//! The segments of a path: whatever a name holds, it names one thing below its collection.

use std::fmt::Write as _;

/// A segment in which everything but letters, digits and `-._~` is percent-encoded (RFC 3986, section 2).
pub fn segment(text: &str) -> String {
    // `.` and `..` would be taken for steps in the tree.
    let dots = matches!(text, "." | "..");
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') || (byte == b'.' && !dots);
        if plain {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::segment;

    #[test]
    fn a_segment_stays_one_segment() {
        for (text, path) in [
            ("dev", "dev"),
            ("ann.b@example.com", "ann.b%40example.com"),
            ("a+b@x", "a%2Bb%40x"),
            ("../admin?x#y", "..%2Fadmin%3Fx%23y"),
            ("..", "%2E%2E"),
            (".", "%2E"),
            ("%2F", "%252F"),
            ("é \r\n", "%C3%A9%20%0D%0A"),
        ] {
            assert_eq!(segment(text), path);
            assert!(format!("/admin/users/{}", segment(text)).parse::<http::Uri>().is_ok());
        }
    }
}
