//! Patterns of file names as kubectl takes them for `-f`: those of Go's `filepath.Match`.

/// Whether a name without slashes matches a pattern without slashes; `false` for a pattern that is not valid.
pub fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    rest_matches(&pattern, &name)
}

/// Whether a text is more than a plain name.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', '\\'])
}

fn rest_matches(pattern: &[char], name: &[char]) -> bool {
    let (mut pattern, mut name) = (pattern, name);
    // Where to go on when what follows the last star does not match here.
    let mut again: Option<(&[char], &[char])> = None;
    loop {
        let step = match pattern.split_first() {
            None if name.is_empty() => return true,
            None => None,
            Some(('*', after)) => {
                again = Some((after, name));
                pattern = after;
                continue;
            }
            Some(_) => name.split_first().and_then(|(letter, left)| Some((one(pattern, *letter)?, left))),
        };
        match (step, again) {
            (Some((after, left)), _) => (pattern, name) = (after, left),
            (None, Some((after_star, [_, later @ ..]))) => {
                again = Some((after_star, later));
                (pattern, name) = (after_star, later);
            }
            (None, _) => return false,
        }
    }
}

/// What follows the first item of a pattern, if that matches a letter.
fn one(pattern: &[char], letter: char) -> Option<&[char]> {
    match pattern {
        ['?', after @ ..] => Some(after),
        ['[', class @ ..] => in_class(class, letter),
        ['\\', literal, after @ ..] | [literal, after @ ..] => (*literal == letter).then_some(after),
        [] => None,
    }
}

/// What follows a class such as `[a-z]`, if a letter is in it.
fn in_class(class: &[char], letter: char) -> Option<&[char]> {
    let (negated, mut class) = match class {
        ['^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let (mut found, mut first) = (false, true);
    loop {
        if let (false, [']', after @ ..]) = (first, class) {
            return (found != negated).then_some(after);
        }
        let (low, rest) = bound(class)?;
        let (high, rest) = match rest {
            ['-', rest @ ..] => bound(rest)?,
            rest => (low, rest),
        };
        found |= (low..=high).contains(&letter);
        (class, first) = (rest, false);
    }
}

fn bound(class: &[char]) -> Option<(char, &[char])> {
    match class {
        [] | ['-' | ']', ..] => None,
        ['\\', literal, rest @ ..] | [literal, rest @ ..] => Some((*literal, rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_go() {
        for (pattern, name) in [
            ("*.yaml", "a.yaml"),
            ("*.yaml", ".yaml"),
            ("*", "x"),
            ("a*b*c", "aXbYbZc"),
            ("?.y", "ä.y"),
            ("[a-c]x", "bx"),
            ("[^a-c]x", "dx"),
            ("[a\\]]", "]"),
            ("\\*", "*"),
            ("a[x-]", ""),
            ("**a", "ba"),
        ] {
            assert_eq!(matches(pattern, name), !name.is_empty(), "{pattern} {name}");
        }
        for (pattern, name) in
            [("*.yaml", "a.yml"), ("?", ""), ("[a-c]", "d"), ("[", "["), ("[]a]", "a"), ("a", "ab"), ("a*b", "a")]
        {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
        assert!(is_pattern("a*") && !is_pattern("a.yaml"));
    }
}
