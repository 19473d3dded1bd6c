//! Cuts the command line at `kubectl`, so that no parser of ours ever sees kubectl's own arguments.

use std::ffi::OsString;

/// Our options that take their value from the next word.
pub(super) const WITH_VALUE: [&str; 3] = ["--server", "--ca-file", "--cluster"];

/// The words up to and including `kubectl` or `k`, and those behind it, untouched.
pub fn split_at_kubectl(mut argv: Vec<OsString>) -> (Vec<OsString>, Vec<OsString>) {
    let mut index = 1;
    while let Some(word) = argv.get(index) {
        if WITH_VALUE.iter().any(|option| word == option) {
            index += 2;
        } else if word.to_string_lossy().starts_with('-') {
            index += 1;
        } else {
            if word == "kubectl" || word == "k" {
                let rest = argv.split_off(index + 1);
                return (argv, rest);
            }
            break;
        }
    }
    (argv, Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> (String, String) {
        let (ours, theirs) = split_at_kubectl(line.split(' ').map(OsString::from).collect());
        let join = |words: Vec<OsString>| words.join(" ".as_ref()).into_string().unwrap();
        (join(ours), join(theirs))
    }

    #[test]
    fn what_follows_kubectl_is_kubectls() {
        let cases = [
            ("mk8s kubectl get pods --help", "mk8s kubectl", "get pods --help"),
            ("mk8s k --cluster x version", "mk8s k", "--cluster x version"),
            ("mk8s --cluster kubectl k get -- kubectl", "mk8s --cluster kubectl k", "get -- kubectl"),
            ("mk8s --server=x kubectl", "mk8s --server=x kubectl", ""),
            ("mk8s clusters show kubectl", "mk8s clusters show kubectl", ""),
            ("mk8s help kubectl", "mk8s help kubectl", ""),
            ("mk8s", "mk8s", ""),
        ];
        for (line, ours, theirs) in cases {
            assert_eq!(split(line), (ours.to_owned(), theirs.to_owned()), "{line}");
        }
    }
}
