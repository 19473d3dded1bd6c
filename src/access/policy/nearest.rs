//! What somebody may have meant.

/// The known word that differs from the text in the fewest characters: at most two, and fewer than half of them.
pub(super) fn nearest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = 2.min(text.len() / 2);
    let candidates = known.into_iter().map(|word| (distance(text, word), word));
    candidates.filter(|(distance, _)| *distance <= most).min_by_key(|(distance, _)| *distance).map(|(_, word)| word)
}

/// How many characters have to be put in, left out or replaced.
fn distance(a: &str, b: &str) -> usize {
    if a.len().abs_diff(b.len()) > 2 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_nonsense_is_not() {
        let known = ["pods", "nodes", "deployments"];
        let meant = |text| nearest(text, known);
        assert_eq!(meant("pod"), Some("pods"));
        assert_eq!(meant("node"), Some("nodes"));
        assert_eq!(meant("deploiments"), Some("deployments"));
        assert_eq!(meant("dploymets"), Some("deployments"));
        assert_eq!(meant("x"), None);
        assert_eq!(meant(""), None);
        assert_eq!(meant("certificates"), None);
    }
}
