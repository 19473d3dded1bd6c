//! What pages mark to be run (```` ```console run ````) is run, by a person with a fresh home, against a real cluster.

use std::time::Instant;

use super::markdown::{Block, Page};
use super::session::Session;
use super::shell::typed;
use super::{expect_none, page, pages};

/// From the first configuration to the log out, as `README.md` shows it; before the end also what operators do by
/// `docs/operations.md`.
#[test]
fn the_way_of_a_newcomer_has_no_gap() {
    let (readme, operations) = (page("README.md"), page("docs/operations.md"));
    let is_last = |block: &Block| block.is(&["console", "run", "last"]);
    let (since, mut session) = (Instant::now(), Session::begin());
    let mut problems = walk(&mut session, readme, |block| !is_last(block));
    println!("the way of a newcomer took {:?}", since.elapsed());
    if problems.is_empty() {
        problems = walk(&mut session, operations, |_| true);
    }
    if problems.is_empty() {
        problems = walk(&mut session, readme, is_last);
    }
    session.end();
    expect_none(&problems);
}

/// No page has something that is marked and then not run.
#[test]
fn what_is_marked_is_run() {
    let marked = |page: &&Page| page.blocks.iter().any(|block| block.is(&["console", "run"]));
    let found: Vec<String> = pages().iter().filter(marked).map(|page| page.path.display().to_string()).collect();
    assert_eq!(found, ["README.md", "docs/operations.md"]);
}

/// Types all that is marked, as far as it works: what follows a failure has no meaning.
fn walk(session: &mut Session, page: &Page, wanted: impl Fn(&Block) -> bool) -> Vec<String> {
    let blocks: Vec<&Block> =
        page.blocks.iter().filter(|block| block.is(&["console", "run"]) && wanted(block)).collect();
    assert!(!blocks.is_empty(), "{}: nothing is marked", page.path.display());
    for typed in blocks.into_iter().flat_map(typed) {
        let problems = session.step(&page.at(typed.line), &typed);
        if !problems.is_empty() {
            return problems;
        }
    }
    Vec::new()
}
