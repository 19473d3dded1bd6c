//! The rules of the source tree, so that it stays the way `lib.rs` describes it.

use std::fs;
use std::path::{Path, PathBuf};

/// The most lines that a file may have.
const MAX_LINES: usize = 500;

/// A source file: its path below `src`, and its text.
struct Source {
    path: String,
    text: String,
}

fn sources() -> Vec<Source> {
    fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).expect("read_dir").flatten() {
            let path = entry.path();
            if path.is_dir() {
                collect(&path, files);
            } else if path.extension().is_some_and(|e| e == "rs") {
                files.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    let source = |file: PathBuf| Source {
        path: file.strip_prefix(&root).expect("prefix").to_string_lossy().into_owned(),
        text: fs::read_to_string(&file).expect("read"),
    };
    files.into_iter().map(source).collect()
}

/// The rooms in the order in which `lib.rs` declares them.
fn rooms() -> Vec<String> {
    let lib = sources().into_iter().find(|s| s.path == "lib.rs").expect("lib.rs").text;
    lib.lines().filter_map(|l| l.strip_prefix("pub mod ")?.strip_suffix(';').map(str::to_owned)).collect()
}

/// The room that a file belongs to; `None` for lib.rs and main.rs.
fn room_of(path: &str) -> Option<&str> {
    let first = path.split('/').next()?;
    let name = first.strip_suffix(".rs").unwrap_or(first);
    (name != "lib" && name != "main").then_some(name)
}

/// The rooms that a text names as `crate::room`, alone or in a list.
fn named_rooms(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for rest in text.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            None => found.push(identifier(rest)),
            Some(list) => {
                let mut depth = 0;
                let mut item = String::new();
                for c in list.chars() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => found.push(identifier(std::mem::take(&mut item).trim())),
                        _ if depth == 0 => item.push(c),
                        _ => {}
                    }
                }
                found.push(identifier(item.trim()));
            }
        }
    }
    found
}

fn identifier(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The lines that are code, without comments.
fn code(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_room_imports_only_rooms_above_it() {
    let rooms = rooms();
    assert!(rooms.len() > 8, "lib.rs was not understood: {rooms:?}");
    let place = |room: &str| rooms.iter().position(|r| r == room);
    for source in sources() {
        let Some(room) = room_of(&source.path) else { continue };
        let here = place(room).unwrap_or_else(|| panic!("{} is not in lib.rs", source.path));
        for other in named_rooms(&code(&source.text)) {
            let Some(there) = place(&other) else { continue };
            assert!(there <= here, "src/{} imports {other}, which stands below {room} in lib.rs", source.path);
        }
    }
}

#[test]
fn libraries_stay_in_their_rooms() {
    let rules: [(&str, &[&str]); 4] = [
        ("diesel", &["store/"]),
        ("tonic", &["tunnel/", "central/agents.rs", "agent/"]),
        ("proto::", &["tunnel/"]),
        ("prometheus_client", &["metrics/"]),
    ];
    for source in sources() {
        let code = code(&source.text);
        for (library, allowed) in rules {
            let named = code.match_indices(library).any(|(at, _)| {
                !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
                    && (library.ends_with("::") || code[at + library.len()..].starts_with("::"))
            });
            assert!(
                !named || allowed.iter().any(|room| source.path.starts_with(room)),
                "src/{} names {library}, which belongs to {allowed:?}",
                source.path
            );
        }
    }
}

#[test]
fn agent_and_client_know_no_store() {
    for source in sources().iter().filter(|s| s.path.starts_with("agent/") || s.path.starts_with("client/")) {
        assert!(!named_rooms(&code(&source.text)).contains(&"store".to_owned()), "src/{}", source.path);
    }
}

#[test]
fn only_serve_names_the_servers() {
    for source in sources().iter().filter(|s| s.path.starts_with("cli/") && s.path != "cli/serve.rs") {
        // exit.rs maps the agent's failures to exit codes.
        let names = named_rooms(&code(&source.text));
        let allowed = if source.path == "cli/exit.rs" { vec!["central"] } else { vec!["central", "agent"] };
        assert!(!names.iter().any(|n| allowed.contains(&n.as_str())), "src/{} names a server", source.path);
    }
}

#[test]
fn files_are_small_and_open_with_a_sentence() {
    for source in sources() {
        let lines = source.text.lines().count();
        assert!(lines <= MAX_LINES, "src/{} has {lines} lines, more than {MAX_LINES}", source.path);
        assert!(source.text.starts_with("//! "), "src/{} does not say what it is for", source.path);
    }
    let main = sources().into_iter().find(|s| s.path == "main.rs").expect("main.rs");
    assert!(main.text.lines().count() < 40);
}

#[test]
fn unsafe_is_in_one_file() {
    for source in sources().iter().filter(|s| s.path != "agent/process.rs") {
        assert!(!code(&source.text).contains("unsafe "), "src/{} has unsafe code", source.path);
    }
}

#[test]
fn the_request_path_does_not_panic() {
    for source in sources().into_iter().filter(|s| !s.path.contains("/tests")) {
        let on_path = ["central/", "agent/", "tunnel/", "store/", "access/", "kubernetes/"]
            .iter()
            .any(|r| source.path.starts_with(r));
        let code = code(&source.text);
        let product = code.split("#[cfg(test)]").next().unwrap_or_default();
        assert!(
            !on_path || !(product.contains(".unwrap()") || product.contains(".expect(")),
            "src/{} can panic on a request",
            source.path
        );
    }
}

#[test]
fn the_rules_can_fail() {
    assert_eq!(
        named_rooms("use crate::tunnel::exec; crate::{agent::run, model::{A, B}, cli}"),
        ["tunnel", "agent", "model", "cli"]
    );
    assert_eq!(room_of("central/http/exec.rs"), Some("central"));
    assert_eq!(room_of("telemetry.rs"), Some("telemetry"));
}
