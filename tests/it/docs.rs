//! The documentation is true: links lead somewhere, command lines are those of the program, what is marked to be run is
//! run, and the references are as they are generated.

mod lines;
mod links;
mod markdown;
mod named;
mod reference;
mod session;
mod shell;
mod walks;
mod yaml;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use markdown::Page;

/// The top of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All pages of the repository.
fn pages() -> &'static [Page] {
    fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).expect("read").map(|entry| entry.expect("entry").path()) {
            let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if entry.is_dir() && name != "target" && !name.starts_with('.') {
                collect(&entry, found);
            } else if name.ends_with(".md") {
                found.push(entry);
            }
        }
    }
    static PAGES: OnceLock<Vec<Page>> = OnceLock::new();
    PAGES.get_or_init(|| {
        let mut found = Vec::new();
        collect(root(), &mut found);
        found.sort();
        assert!(found.len() > 10, "{found:?}");
        found.iter().map(|path| Page::read(path)).collect()
    })
}

/// The page of this name.
#[track_caller]
fn page(name: &str) -> &'static Page {
    pages().iter().find(|page| page.path == Path::new(name)).unwrap_or_else(|| panic!("there is no {name}"))
}

/// Fails with all that was found, if anything was.
#[track_caller]
fn expect_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}
