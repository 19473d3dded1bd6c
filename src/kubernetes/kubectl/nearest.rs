//! The known word that is nearest to a mistyped one.

/// The nearest of the known words, if it is near enough to be what was meant.
pub fn nearest(word: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    // Nothing that long was meant, and the work grows with the length.
    if word.len() > 64 {
        return None;
    }
    let limit = (word.chars().count() / 3).clamp(1, 2);
    known.map(|known| (distance(word, known), known)).filter(|(distance, _)| *distance <= limit).min().map(|(_, w)| w)
}

/// How many letters must be changed, added or removed to make one word of another.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
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
    fn near_words_are_found_and_far_ones_are_not() {
        let near = |word| nearest(word, ["get", "delete", "describe", "namespace"].into_iter());
        assert_eq!(near("gte"), None);
        assert_eq!(near("gett"), Some("get"));
        assert_eq!(near("descirbe"), Some("describe"));
        assert_eq!(near("namespaces"), Some("namespace"));
        assert_eq!(near("nosuch"), None);
        assert_eq!(near(""), None);
    }
}
