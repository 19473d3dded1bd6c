//! Label selectors: whether they can be read, and which labels they choose. They follow `k8s.io/apimachinery/pkg/labels`
//! to the letter.

use crate::model::labels::{Labels, is_key, is_value};

/// A selector that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not a selector: write one such as env=prod,tier!=web or region in (eu,us)")]
pub struct Unreadable;

/// A label selector that was understood. All that it demands must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelSelector<'a>(Vec<Requirement<'a>>);

/// One demand on a label.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement<'a> {
    key: &'a str,
    demand: Demand<'a>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Demand<'a> {
    Exists,
    Absent,
    In(Vec<&'a str>),
    /// A label that is absent is in no list.
    NotIn(Vec<&'a str>),
    Greater(i64),
    Less(i64),
}

impl<'a> LabelSelector<'a> {
    /// Reads a selector. The empty one demands nothing.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &'a [u8]) -> Result<Self, Unreadable> {
        Parser { tokens: Lexer { rest: text }.tokens(), next: 0 }.parse().map(Self)
    }

    /// Whether it chooses what has these labels.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.0.iter().all(|requirement| requirement.holds(labels.get(requirement.key)))
    }
}

impl Requirement<'_> {
    fn holds(&self, value: Option<&str>) -> bool {
        let number = || value.and_then(|value| value.parse::<i64>().ok());
        match &self.demand {
            Demand::Exists => value.is_some(),
            Demand::Absent => value.is_none(),
            Demand::In(values) => value.is_some_and(|value| values.contains(&value)),
            Demand::NotIn(values) => value.is_none_or(|value| !values.contains(&value)),
            Demand::Greater(bound) => number().is_some_and(|number| number > *bound),
            Demand::Less(bound) => number().is_some_and(|number| number < *bound),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Open,
    Close,
    Comma,
    Not,
    Equals,
    NotEquals,
    Less,
    Greater,
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
            [b'<', ..] => (Token::Less, 1),
            [b'>', ..] => (Token::Greater, 1),
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

    fn parse(&mut self) -> Result<Vec<Requirement<'a>>, Unreadable> {
        let mut requirements = Vec::new();
        if self.peek() == Token::End {
            return Ok(requirements);
        }
        loop {
            requirements.push(self.requirement()?);
            match self.take() {
                Token::End => return Ok(requirements),
                Token::Comma => {}
                _ => return Err(Unreadable),
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement<'a>, Unreadable> {
        let mut first = self.take();
        let negated = first == Token::Not;
        if negated {
            first = self.take();
        }
        let Token::Word(key) = first else { return Err(Unreadable) };
        let key = checked(key, is_key)?;
        let demand = match (negated, self.peek()) {
            (true, _) => Demand::Absent,
            (false, Token::End | Token::Comma) => Demand::Exists,
            (false, _) => self.demand()?,
        };
        Ok(Requirement { key, demand })
    }

    fn demand(&mut self) -> Result<Demand<'a>, Unreadable> {
        Ok(match self.take_operator() {
            Token::In => Demand::In(self.values()?),
            Token::NotIn => Demand::NotIn(self.values()?),
            Token::Equals => Demand::In(vec![self.value()?]),
            Token::NotEquals => Demand::NotIn(vec![self.value()?]),
            Token::Greater => Demand::Greater(self.number()?),
            Token::Less => Demand::Less(self.number()?),
            _ => return Err(Unreadable),
        })
    }

    fn value(&mut self) -> Result<&'a str, Unreadable> {
        if matches!(self.peek(), Token::End | Token::Comma) {
            return Ok("");
        }
        match self.take() {
            Token::Word(value) => checked(value, is_value),
            _ => Err(Unreadable),
        }
    }

    fn number(&mut self) -> Result<i64, Unreadable> {
        self.value()?.parse().map_err(|_| Unreadable)
    }

    /// A list in parentheses, in which any value may be empty.
    fn values(&mut self) -> Result<Vec<&'a str>, Unreadable> {
        if self.take() != Token::Open {
            return Err(Unreadable);
        }
        let mut values = Vec::new();
        // Whether a value may still come before the next comma or the end.
        let mut open = false;
        loop {
            match self.take() {
                Token::Close => {
                    values.extend(open.then_some(""));
                    return Ok(values);
                }
                Token::Comma => {
                    values.extend((open || values.is_empty()).then_some(""));
                    open = true;
                }
                Token::Word(value) => {
                    values.push(checked(value, is_value)?);
                    open = false;
                    if !matches!(self.peek(), Token::Comma | Token::Close) {
                        return Err(Unreadable);
                    }
                }
                _ => return Err(Unreadable),
            }
        }
    }
}

fn checked(text: &[u8], is_valid: fn(&[u8]) -> bool) -> Result<&str, Unreadable> {
    if is_valid(text) { str::from_utf8(text).map_err(|_| Unreadable) } else { Err(Unreadable) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chooses(selector: &str, labels: &str) -> bool {
        let labels = serde_json::from_str(labels).unwrap();
        LabelSelector::parse(selector.as_bytes()).unwrap().matches(&labels)
    }

    #[test]
    fn selectors_choose_what_those_of_kubernetes_choose() {
        let labels = r#"{"env":"prod","tier":"","n":"7","in":"notin"}"#;
        for selector in [
            "",
            "env",
            "env=prod",
            "env==prod",
            "env in (prod)",
            "env in (dev, prod)",
            "env!=dev",
            "none!=x",
            "!none",
            "none notin (a,b)",
            "tier=",
            "tier",
            "tier in (,a)",
            "tier in (a,)",
            "n>6",
            "n<8",
            "env=prod,n in (7),!x",
            "in=notin",
            "in in (notin)",
        ] {
            assert!(chooses(selector, labels), "{selector}");
        }
        for selector in [
            "!env",
            "env=dev",
            "env!=prod",
            "env in (a,b)",
            "env notin (prod,a)",
            "none",
            "none=",
            "n>7",
            "n<7",
            "env>1",
            "tier in (a)",
            "env=prod,n=8",
            "env in ()",
        ] {
            assert!(!chooses(selector, labels), "{selector}");
        }
    }

    #[test]
    fn what_is_no_selector_is_refused() {
        for text in
            ["=a", "env=a b", "env in a", "env in (a", "a b", "!", "env=a,", ",", "n>x", "env=a=b", "é", "a/b/c"]
        {
            assert_eq!(LabelSelector::parse(text.as_bytes()), Err(Unreadable), "{text}");
        }
    }
}
