//! Label and field selectors, as far as they decide what a request is about: whether they can be read, and whether
//! they demand one name. They follow `k8s.io/apimachinery/pkg/labels` and `pkg/fields` to the letter.

/// A selector that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

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

/// Whether a label selector can be read.
pub(super) fn labels_are_valid(selector: &[u8]) -> bool {
    Parser { tokens: Lexer { rest: selector }.tokens(), next: 0 }.parse().is_ok()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Open,
    Close,
    Comma,
    Not,
    Equals,
    NotEquals,
    /// `<` or `>`.
    Compare,
    In,
    NotIn,
    Word(&'a [u8]),
    End,
}

struct Lexer<'a> {
    rest: &'a [u8],
}

impl<'a> Lexer<'a> {
    fn tokens(mut self) -> Vec<Token<'a>> {
        let mut tokens = Vec::new();
        loop {
            let token = self.token();
            tokens.push(token);
            if token == Token::End {
                return tokens;
            }
        }
    }

    fn token(&mut self) -> Token<'a> {
        while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] = self.rest {
            self.rest = rest;
        }
        let (token, length) = match self.rest {
            // A NUL byte is what the upstream lexer reads at the end, so it ends the selector.
            [] | [0, ..] => return Token::End,
            [b'=', b'=', ..] => (Token::Equals, 2),
            [b'!', b'=', ..] => (Token::NotEquals, 2),
            [b'=', ..] => (Token::Equals, 1),
            [b'!', ..] => (Token::Not, 1),
            [b'<' | b'>', ..] => (Token::Compare, 1),
            [b'(', ..] => (Token::Open, 1),
            [b')', ..] => (Token::Close, 1),
            [b',', ..] => (Token::Comma, 1),
            word => {
                let end = word.iter().position(|b| *b == 0 || is_special(*b) || is_space(*b)).unwrap_or(word.len());
                let token = match &word[..end] {
                    b"in" => Token::In,
                    b"notin" => Token::NotIn,
                    other => Token::Word(other),
                };
                (token, end)
            }
        };
        self.rest = &self.rest[length..];
        // Behind a token the same byte is swallowed.
        self.rest = self.rest.strip_prefix(&[0]).unwrap_or(self.rest);
        token
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn is_special(byte: u8) -> bool {
    matches!(byte, b'=' | b'!' | b'(' | b')' | b',' | b'>' | b'<')
}

struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    next: usize,
}

impl<'a> Parser<'a> {
    /// The next token; `in` and `notin` are words except where an operator stands.
    fn peek(&self) -> Token<'a> {
        match self.tokens.get(self.next).copied().unwrap_or(Token::End) {
            Token::In => Token::Word(b"in"),
            Token::NotIn => Token::Word(b"notin"),
            other => other,
        }
    }

    fn take(&mut self) -> Token<'a> {
        let token = self.peek();
        self.next += 1;
        token
    }

    fn take_operator(&mut self) -> Token<'a> {
        self.next += 1;
        self.tokens.get(self.next - 1).copied().unwrap_or(Token::End)
    }

    fn parse(&mut self) -> Result<(), Unreadable> {
        if self.peek() == Token::End {
            return Ok(());
        }
        loop {
            self.requirement()?;
            match self.take() {
                Token::End => return Ok(()),
                Token::Comma => {}
                _ => return Err(Unreadable),
            }
        }
    }

    fn requirement(&mut self) -> Result<(), Unreadable> {
        let mut first = self.take();
        let negated = first == Token::Not;
        if negated {
            first = self.take();
        }
        let Token::Word(key) = first else { return Err(Unreadable) };
        if !is_key(key) {
            return Err(Unreadable);
        }
        if negated || matches!(self.peek(), Token::End | Token::Comma) {
            return Ok(());
        }
        match self.take_operator() {
            Token::In | Token::NotIn => self.values(),
            Token::Equals | Token::NotEquals => self.value().and_then(require_value),
            Token::Compare => self.value().and_then(|value| {
                str::from_utf8(value).ok().and_then(|text| text.parse::<i64>().ok()).ok_or(Unreadable)?;
                require_value(value)
            }),
            _ => Err(Unreadable),
        }
    }

    fn value(&mut self) -> Result<&'a [u8], Unreadable> {
        if matches!(self.peek(), Token::End | Token::Comma) {
            return Ok(b"");
        }
        match self.take() {
            Token::Word(value) => Ok(value),
            _ => Err(Unreadable),
        }
    }

    /// A list in parentheses, in which any value may be empty.
    fn values(&mut self) -> Result<(), Unreadable> {
        if self.take() != Token::Open {
            return Err(Unreadable);
        }
        loop {
            match self.take() {
                Token::Close => return Ok(()),
                Token::Comma => {}
                Token::Word(value) => {
                    require_value(value)?;
                    if !matches!(self.peek(), Token::Comma | Token::Close) {
                        return Err(Unreadable);
                    }
                }
                _ => return Err(Unreadable),
            }
        }
    }
}

/// A label's key: a name of up to 63 bytes, and before it perhaps a DNS domain and a slash.
fn is_key(key: &[u8]) -> bool {
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

fn require_value(value: &[u8]) -> Result<(), Unreadable> {
    if is_value(value) { Ok(()) } else { Err(Unreadable) }
}

/// A label's value: empty, or up to 63 letters, digits and `-_.` between two letters or digits.
fn is_value(value: &[u8]) -> bool {
    let ends = [value.first(), value.last()];
    value.len() <= 63
        && ends.into_iter().flatten().all(u8::is_ascii_alphanumeric)
        && value.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}
