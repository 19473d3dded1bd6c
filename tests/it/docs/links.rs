//! Every link of a page to another place of the repository leads there.

use std::path::PathBuf;

use super::markdown::Page;
use super::{expect_none, pages, root};

#[test]
fn links_lead_somewhere() {
    let problems: Vec<String> = pages()
        .iter()
        .flat_map(|page| page.links.iter().filter_map(|(line, target)| broken(page, *line, target)))
        .collect();
    expect_none(&problems);
}

/// What is wrong with a link.
fn broken(page: &Page, line: usize, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let path = match file {
        "" => root().join(&page.path),
        file => root().join(page.path.parent()?).join(file),
    };
    let problem = |what: &str| Some(format!("{}: {target}: {what}", page.at(line)));
    if !path.exists() {
        return problem("there is no such file");
    }
    let anchor = anchor?;
    if path.extension().is_none_or(|ending| ending != "md") {
        return problem("anchors are checked in pages alone");
    }
    let other = pages().iter().find(|page| whole(page) == path.canonicalize().ok());
    if other.is_some_and(|other| other.anchors.iter().any(|known| known == anchor)) {
        return None;
    }
    problem("the page has no such heading")
}

/// The whole path of a page.
fn whole(page: &Page) -> Option<PathBuf> {
    root().join(&page.path).canonicalize().ok()
}

/// Every page can be found.
#[test]
fn every_page_is_linked() {
    let pages = pages();
    let resolve = |page: &Page, target: &str| {
        let file = target.split('#').next().unwrap_or_default();
        root().join(page.path.parent().unwrap_or(&page.path)).join(file).canonicalize().ok()
    };
    let linked: Vec<_> =
        pages.iter().flat_map(|page| page.links.iter().map(|(_, target)| resolve(page, target))).collect();
    let lost: Vec<String> = pages
        .iter()
        .filter(|page| page.path.starts_with("docs") && !linked.contains(&whole(page)))
        .map(|page| format!("{}: no page has a link to it", page.path.display()))
        .collect();
    expect_none(&lost);
}
