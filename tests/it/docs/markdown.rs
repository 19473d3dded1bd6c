//! What the tests read of a page: headings, links, spans and blocks of code.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use regex_lite::Regex;

use super::root;

/// A page.
pub struct Page {
    /// Where it is.
    pub path: PathBuf,
    /// The anchors of its headings.
    pub anchors: Vec<String>,
    /// The targets of its links, each with its line.
    pub links: Vec<(usize, String)>,
    /// Its code in a line of text, each with its line.
    pub spans: Vec<(usize, String)>,
    /// Its blocks of code.
    pub blocks: Vec<Block>,
}

/// A block of code between fences.
pub struct Block {
    /// The line of its fence.
    pub line: usize,
    /// The words behind the fence: the language, and what the tests do with the block.
    pub info: Vec<String>,
    /// Its lines, without the indentation of the fence.
    pub lines: Vec<String>,
}

impl Block {
    /// Whether the words behind its fence begin so.
    pub fn is(&self, info: &[&str]) -> bool {
        self.info.len() >= info.len() && self.info.iter().zip(info).all(|(a, b)| a == b)
    }

    /// Its text.
    pub fn text(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

impl Page {
    /// Reads a file.
    pub fn read(path: &Path) -> Self {
        Self::parse(path, &std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
    }

    fn parse(path: &Path, text: &str) -> Self {
        let (link, span) = (pattern(r"\]\(([^)\s]+)\)"), pattern(r"`([^`]+)`"));
        let mut page = Self {
            path: path.strip_prefix(root()).unwrap_or(path).to_owned(),
            anchors: Vec::new(),
            links: Vec::new(),
            spans: Vec::new(),
            blocks: Vec::new(),
        };
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let mut open: Option<(usize, Block)> = None;
        for (number, line) in text.lines().enumerate().map(|(index, line)| (index + 1, line)) {
            let inner = line.trim_start();
            if let Some((indent, block)) = &mut open {
                if inner.starts_with("```") {
                    page.blocks.extend(open.take().map(|(_, block)| block));
                } else {
                    block.lines.push(line.get(*indent..).unwrap_or(inner).to_owned());
                }
            } else if let Some(info) = inner.strip_prefix("```") {
                let info = info.split_whitespace().map(str::to_owned).collect();
                open = Some((line.len() - inner.len(), Block { line: number, info, lines: Vec::new() }));
            } else {
                if let Some(title) = line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')) {
                    let anchor = anchor(title);
                    let count = seen.entry(anchor.clone()).or_default();
                    page.anchors.push(if *count == 0 { anchor.clone() } else { format!("{anchor}-{count}") });
                    *count += 1;
                }
                page.spans.extend(span.captures_iter(line).map(|found| (number, found[1].replace("\\|", "|"))));
                let plain = span.replace_all(line, "");
                page.links.extend(link.captures_iter(&plain).map(|found| (number, found[1].to_owned())));
            }
        }
        assert!(open.is_none(), "{}: a block of code is not closed", path.display());
        page
    }

    /// A place in it, for messages.
    pub fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path.display())
    }
}

/// The anchor that a heading gets: lower case, without punctuation, with hyphens for spaces.
fn anchor(title: &str) -> String {
    let text = pattern(r"\[([^\]]*)\]\([^)]*\)").replace_all(title, "$1").to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// A regular expression.
pub fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern")
}

#[test]
fn a_page_is_read_as_it_is_shown() {
    let text = "# The page: `one`\n## Twice\n## Twice\n[a](b.md#c) `[no](link)` `x`\n- item\n  ```yaml central\n  a: 1\n    b: 2\n  ```\n";
    let page = Page::parse(Path::new("page.md"), text);
    assert_eq!(page.anchors, ["the-page-one", "twice", "twice-1"]);
    assert_eq!(page.links, [(4, "b.md#c".to_owned())]);
    assert_eq!(page.spans.iter().map(|(_, span)| span.as_str()).collect::<Vec<_>>(), ["one", "[no](link)", "x"]);
    assert!(page.blocks[0].is(&["yaml", "central"]) && !page.blocks[0].is(&["yaml", "agent"]));
    assert_eq!(page.blocks[0].text(), "a: 1\n  b: 2\n");
}
