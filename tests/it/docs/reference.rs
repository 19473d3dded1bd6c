//! The pages of `docs/reference` are as the program has them; `MK8S_TEST_UPDATE=1` (`just reference`) writes them anew.

mod api;
mod command_line;
mod configuration;
mod schema;

use std::fs;

use super::root;

/// What each of these pages begins with, after its title.
const NOTICE: &str =
    "<!-- Generated from the program: `just reference` writes this page anew, and a test fails when it is old. -->";

/// Compares a page with what it should be, or writes it.
#[track_caller]
fn check(name: &str, text: &str) {
    let path = root().join("docs/reference").join(name);
    if std::env::var_os("MK8S_TEST_UPDATE").is_some() {
        fs::create_dir_all(root().join("docs/reference")).expect("mkdir");
        return fs::write(&path, text).expect("write");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    let differs = text.lines().zip(found.lines()).find(|(expected, found)| expected != found);
    assert!(
        found == text,
        "docs/reference/{name} is old, `just reference` writes it anew; the first difference: {differs:?}, lengths {} and {}",
        text.lines().count(),
        found.lines().count()
    );
}

/// A row of a table.
fn row<const N: usize>(cells: [&str; N]) -> String {
    format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|").replace('\n', " ")).join(" | "))
}

/// The head of a table.
fn head<const N: usize>(cells: [&str; N]) -> String {
    row(cells) + "|" + &"---|".repeat(N) + "\n"
}

/// A text as it is, where Markdown would take signs for its own.
fn plain(text: &str) -> String {
    text.replace('<', "\\<").replace('*', "\\*")
}

/// As code; nothing stays nothing.
fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{text}`") }
}
