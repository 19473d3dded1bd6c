//! The request target, read strictly: what cannot be read in one way only is refused, never repaired.
//!
//! The API server decodes the path once and then splits it, and cleans nothing. Whatever stands in between may decode
//! twice, drop empty segments or resolve dots, and would then decide about another request than the one that is
//! served. No client needs such targets: names of Kubernetes objects are never `.` or `..` and have no `/` or `%`.

use super::query;

/// The longest request target, in bytes. Clients stay far below: URLs of an exec with a long command have a few KiB.
pub const MAX_LENGTH: usize = 32 * 1024;

/// A request target that every server reads in the same way, with its bytes as they came.
///
/// The part behind `/proxy/` of a proxy subresource belongs to the server that is reached through it, so `%2F`, `%5C`
/// and `%25` may stand there. All else that is refused elsewhere is refused there too, and `.` and `..` also where
/// they appear only after `%2F` and `%5C` are decoded.
///
/// One slash at the end is accepted: the API server drops it before it looks at a resource and before it routes, so
/// that `DELETE …/pods/` is the deletion of all pods for everyone, and paths without a resource keep it for everyone.
///
/// The query may hold any bytes, if escaped, since it carries the words of a command that is run in a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    raw: String,
    path: String,
}

/// Why a request target is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It is longer than [`MAX_LENGTH`].
    #[error("the request target is longer than {MAX_LENGTH} bytes")]
    TooLong,
    /// It does not begin with `/`: a whole URL, `*`, or nothing.
    #[error("the request target is not a path that begins with /")]
    NotAPath,
    /// A space, a control character or a byte beyond ASCII that is not escaped.
    #[error("the request target contains a space, a control character or a character beyond ASCII; escape it")]
    Character,
    /// A backslash that is not escaped.
    #[error("the request target contains a backslash")]
    Backslash,
    /// A fragment.
    #[error("the request target contains a #")]
    Fragment,
    /// A `%` without two hexadecimal digits, in the path or in the query.
    #[error("the request target contains a % that is not followed by two hexadecimal digits")]
    BadEscape,
    /// `//` in the path.
    #[error("the path contains an empty segment (//)")]
    EmptySegment,
    /// `.` or `..` as a segment, plain or escaped.
    #[error("the path contains the segment . or ..")]
    DotSegment,
    /// An escaped `/`, `\` or `%` where the path is not a proxied server's own.
    #[error("the path contains an escaped slash, backslash or percent sign (%2F, %5C, %25)")]
    EscapedSeparator,
    /// An escaped control character in the path.
    #[error("the path contains an escaped control character")]
    EscapedControl,
    /// The decoded path is not UTF-8.
    #[error("the decoded path is not UTF-8")]
    NotUtf8,
    /// `;` in the query, which some servers take for `&`.
    #[error("the query contains a semicolon; escape it as %3B")]
    Semicolon,
    /// More parameters than some servers read.
    #[error("the query has more than {} parameters", query::MAX_PARAMETERS)]
    TooManyParameters,
}

impl Target {
    /// Reads a request target: path and query, as they stand in the request line.
    ///
    /// # Errors
    /// When it could mean two things; see [`TargetError`].
    pub fn parse(raw: &str) -> Result<Self, TargetError> {
        if raw.len() > MAX_LENGTH {
            return Err(TargetError::TooLong);
        }
        let (path, query) = raw.split_once('?').unwrap_or((raw, ""));
        let segments = path.strip_prefix('/').ok_or(TargetError::NotAPath)?;
        for byte in raw.bytes() {
            match byte {
                b'\\' => return Err(TargetError::Backslash),
                b'#' => return Err(TargetError::Fragment),
                b'!'..=b'~' => {}
                _ => return Err(TargetError::Character),
            }
        }
        if path.contains("//") {
            return Err(TargetError::EmptySegment);
        }
        check_query(query)?;
        let path = decode(segments)?;
        Ok(Self { raw: raw.to_owned(), path })
    }

    /// The original bytes, to be forwarded.
    pub fn as_str(&self) -> &str {
        &self.raw
    }

    /// The path, decoded once.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The query as it came, without `?`; empty without one.
    pub fn query(&self) -> &str {
        self.raw.split_once('?').map_or("", |(_, query)| query)
    }
}

fn check_query(query: &str) -> Result<(), TargetError> {
    if query.contains(';') {
        return Err(TargetError::Semicolon);
    }
    if query::count(query) > query::MAX_PARAMETERS {
        return Err(TargetError::TooManyParameters);
    }
    query::unescape(query, true).map(drop).ok_or(TargetError::BadEscape)
}

/// The decoded path, from what stands behind its first slash.
fn decode(segments: &str) -> Result<String, TargetError> {
    let mut parts = Vec::new();
    for segment in segments.split('/') {
        let decoded = query::unescape(segment, false).ok_or(TargetError::BadEscape)?;
        let decoded = String::from_utf8(decoded).map_err(|_| TargetError::NotUtf8)?;
        if decoded.contains(char::is_control) {
            return Err(TargetError::EscapedControl);
        }
        if decoded.split(['/', '\\']).any(|part| part == "." || part == "..") {
            return Err(TargetError::DotSegment);
        }
        if decoded.contains(['/', '\\', '%']) && !behind_proxy(&parts) {
            return Err(TargetError::EscapedSeparator);
        }
        parts.push(decoded);
    }
    Ok(format!("/{}", parts.join("/")))
}

/// Whether the next segment belongs to the path of a proxied server: whether these end in, or go beyond, the
/// subresource `proxy`. The prefix `/proxy/` of old API servers is none.
fn behind_proxy(parts: &[String]) -> bool {
    let part = |at: usize| parts.get(at).map_or("", String::as_str);
    let mut at = match part(0) {
        "api" => 2,
        "apis" => 3,
        _ => return false,
    };
    match part(at) {
        "watch" | "proxy" => return false,
        "namespaces" if !matches!(part(at + 2), "" | "status" | "finalize") => at += 2,
        _ => {}
    }
    part(at + 2) == "proxy"
}

#[cfg(test)]
mod tests;
