//! "Did you mean": the known word that is nearest to an unknown one.

/// The nearest of some words, if one is near enough to be meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Nothing that long was meant, and the work grows with the length.
    if word.len() > 64 {
        return None;
    }
    let word = normal(word);
    let limit = (word.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|candidate| (distance(&word, &normal(candidate)), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A hint such as `did you mean listen? allowed: listen, log`.
pub fn hint(word: &str, known: &[&str]) -> String {
    let allowed = format!("allowed: {}", known.join(", "));
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("did you mean {near}? {allowed}"),
        None => allowed,
    }
}

fn normal(word: &str) -> String {
    word.to_lowercase().replace('-', "_")
}

/// The edit distance: how many characters have to be added, removed, replaced or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let best = replaced.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                if swapped { best.min(table[i - 2][j - 2] + 1) } else { best }
            };
        }
    }
    table[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_word_is_suggested_and_a_far_one_is_not() {
        let known = ["listen", "public_url", "data_dir"];
        assert_eq!(nearest("lisen", known), Some("listen"));
        assert_eq!(nearest("public-url", known), Some("public_url"));
        assert_eq!(nearest("PublicUrl", known), Some("public_url"));
        assert_eq!(nearest("kubeconfig", known), None);
        assert_eq!(nearest("", known), None);
        assert_eq!(nearest("jsno", ["text", "json"]), Some("json"));
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
