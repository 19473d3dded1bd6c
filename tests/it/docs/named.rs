//! What pages name in code exists: tests by their path, and files of the repository.

use std::fs;
use std::path::{Path, PathBuf};

use super::markdown::pattern;
use super::{expect_none, pages, root};

/// The pages that say which test guards a promise.
const PAGES: [&str; 2] = ["docs/gateway.md", "docs/security.md"];

#[test]
fn tests_that_are_named_exist() {
    let test = pattern(r"^(?:[a-z0-9_]+::)+([a-z0-9_]{10,})$");
    let sources = sources(&root().join("tests/it")) + &sources(&root().join("src"));
    let (mut problems, mut count) = (Vec::new(), 0);
    for page in pages().iter().filter(|page| PAGES.contains(&page.path.to_string_lossy().as_ref())) {
        for (line, span) in &page.spans {
            let Some(name) = test.captures(span).map(|found| found[1].to_owned()) else { continue };
            count += 1;
            if !sources.contains(&format!("fn {name}(")) {
                problems.push(format!("{}: there is no test {span}", page.at(*line)));
            }
        }
    }
    expect_none(&problems);
    assert!(count > 20, "{count}");
}

/// `src/lib.rs`, `deploy/demo.sh`: what looks like a path from the top of the repository is one.
#[test]
fn files_that_are_named_exist() {
    let file = pattern(r"^(?:src|tests|docs|deploy|migrations|proto|benches|fuzz)/[A-Za-z0-9_./-]*[A-Za-z0-9_/]$");
    let mut problems = Vec::new();
    for page in pages() {
        for (line, span) in page.spans.iter().filter(|(_, span)| file.is_match(span)) {
            if !root().join(span).exists() {
                problems.push(format!("{}: there is no {span}", page.at(*line)));
            }
        }
    }
    expect_none(&problems);
}

/// What others say, which is in no source of ours.
const FOREIGN: [&str; 4] =
    ["Error from server (Forbidden)", "cannot impersonate resource", "getting credentials", "You must be logged in"];

/// What is shown, by `docs/troubleshooting.md`, is something that the program says.
#[test]
fn messages_that_are_named_exist() {
    let plain = |text: String| text.replace("\\\n", " ").replace('\\', "");
    let said = plain(sources(&root().join("src")) + &texts(&root().join("tests/it/errors")));
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = fs::read_to_string(root().join("docs/troubleshooting.md")).expect("read");
    let (span, mut problems, mut count) = (pattern("`([^`]+)`"), Vec::new(), 0);
    for (number, line) in text.lines().enumerate().filter(|(_, line)| line.starts_with("| ")) {
        let shown = line.split(" | ").next().unwrap_or_default();
        for message in span.captures_iter(shown).map(|found| found[1].to_owned()) {
            if message.starts_with("mk8s ") || FOREIGN.iter().any(|foreign| message.contains(foreign)) {
                continue;
            }
            count += 1;
            let pieces = message.split(['…', '"']).map(str::trim).filter(|piece| piece.len() > 7);
            let missing = pieces
                .filter(|piece| !said.contains(piece))
                .map(|piece| format!("docs/troubleshooting.md:{}: nothing says {piece:?}", number + 1));
            problems.extend(missing);
        }
    }
    expect_none(&problems);
    assert!(count > 30, "{count}");
}

/// All texts of a directory.
fn texts(directory: &Path) -> String {
    let entries = fs::read_dir(directory).expect("read").map(|entry| entry.expect("entry").path());
    let texts = entries.filter(|path| path.extension().is_some_and(|ending| ending == "txt"));
    texts.map(|path| fs::read_to_string(path).expect("read")).collect()
}

fn sources(directory: &Path) -> String {
    let entries = fs::read_dir(directory).expect("read").map(|entry| entry.expect("entry").path());
    let text = |path: PathBuf| match path.is_dir() {
        true => sources(&path),
        false if path.extension().is_some_and(|ending| ending == "rs") => fs::read_to_string(&path).expect("read"),
        false => String::new(),
    };
    entries.map(text).collect()
}
