//! The local files that a command line names, and where kubectl finds them.
//!
//! kubectl runs in a directory below a root that looks like that of the user's machine, as far as the files that came
//! along: a relative path means there what it means here, and an absolute one has the root put before it. As nothing in
//! there leads anywhere else, a path that stays below the root by its text stays below it.

use super::Refusal;
use super::table::Command;
use super::words::Words;

/// Flags with a list of paths, separated by commas.
const LISTS: [&str; 3] = ["filename", "from-file", "from-env-file"];

/// Flags with one path.
const SINGLE: [&str; 5] = ["kustomize", "patch-file", "cert", "key", "custom"];

/// Formats of output whose template is in a file.
pub const TEMPLATE_FILES: [&str; 4] = ["go-template-file", "templatefile", "jsonpath-file", "custom-columns-file"];

/// How much of a path a message shows, in characters.
const SHOWN: usize = 100;

/// What kubectl does with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathUse {
    /// Reads objects from a file, from those of a directory that are called so, or from what a pattern matches.
    Objects {
        /// From the directories in it, too.
        recursive: bool,
    },
    /// Builds a kustomization from a directory.
    Kustomization,
    /// Reads a file, or all files of a directory but not those of directories in it.
    FileOrDirectory,
    /// Reads the lines of a file as variables.
    Variables,
    /// Reads a file.
    File,
}

/// A path that a command line names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathArgument {
    /// The path as it was given.
    pub path: String,
    /// What kubectl does with it.
    pub used: PathUse,
}

/// A part of the value of a flag.
enum Piece<'a> {
    Text(&'a str),
    Path(&'a str, PathUse),
}

/// All paths, in the order in which they were given.
pub fn of(words: &Words) -> Vec<PathArgument> {
    let pieces = words.flags.iter().filter_map(|flag| Some((flag.name, flag.value.as_deref()?)));
    let pieces = pieces.flat_map(|(name, value)| pieces_of(words, name, value));
    let paths = pieces.filter_map(|piece| match piece {
        Piece::Path(path, used) => Some(PathArgument { path: path.to_owned(), used }),
        Piece::Text(_) => None,
    });
    paths.collect()
}

/// The value of a flag with this root put before each absolute path in it.
pub fn below(words: &Words, flag: &str, value: &str, root: &str) -> String {
    let pieces = pieces_of(words, flag, value).into_iter();
    let pieces = pieces.map(|piece| match piece {
        Piece::Path(path, _) if path.starts_with('/') => format!("{root}{path}"),
        Piece::Path(text, _) | Piece::Text(text) => text.to_owned(),
    });
    pieces.collect()
}

/// Refuses the value of a list whose items are not certain: kubectl reads it as CSV.
pub fn check_list(flag: &str, value: &str) -> Result<(), Refusal> {
    if LISTS.contains(&flag) && value.contains(['"', '\n', '\r']) {
        return Err(Refusal(format!(
            "--{flag} is a list separated by commas: names with quotation marks or line breaks cannot be in it, rename \
             the file"
        )));
    }
    Ok(())
}

/// Refuses what kustomize would take for an address of another machine.
pub fn check_kustomize(command: Command, value: &str) -> Result<(), Refusal> {
    match is_remote(value) {
        true => Err(Refusal(format!(
            "-k takes a directory of your machine, kubectl fetches nothing where it runs: fetch it first, then \
             `mk8s kubectl {} -k DIRECTORY`",
            command.words
        ))),
        false => Ok(()),
    }
}

/// Whether kustomize would take a text for an address: of a file, or of a repository.
pub fn is_remote(text: &str) -> bool {
    let text = text.trim().to_ascii_lowercase();
    text.contains("://") || ["git::", "git@", "github.com/", "github.com:"].iter().any(|known| text.starts_with(known))
}

/// Where a path leads, seen from a directory: from the root, without `.` and `..`. `None` where it leads above the root.
///
/// # Examples
/// `../b` seen from `home/ann` is `home/b`.
pub fn resolve(directory: &str, path: &str) -> Option<String> {
    let start = if path.starts_with('/') { "" } else { directory };
    let mut parts: Vec<&str> = start.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// Refuses paths that lead out of what came along; without a directory nothing came along, and no path may be named.
pub fn check(words: &Words, directory: Option<&str>) -> Result<(), Refusal> {
    for PathArgument { path, .. } in of(words) {
        let shown: String = path.chars().take(SHOWN).collect();
        let Some(directory) = directory else {
            return Err(Refusal(format!(
                "{shown:?} would be a file where kubectl runs, and no files came with the command: send it in \"files\", \
                 or its content as \"stdin\" with -f -"
            )));
        };
        if resolve(directory, &path).is_none() {
            return Err(Refusal(format!(
                "the path {shown:?} leads above the root directory: leave out some of its .."
            )));
        }
    }
    Ok(())
}

fn pieces_of<'a>(words: &Words, flag: &str, value: &'a str) -> Vec<Piece<'a>> {
    let file = |path| Piece::Path(path, PathUse::File);
    if LISTS.contains(&flag) {
        return value.split_inclusive(',').flat_map(|item| item_of(words, flag, item)).collect();
    }
    if SINGLE.contains(&flag) {
        let used = if flag == "kustomize" { PathUse::Kustomization } else { PathUse::File };
        return if value.is_empty() { Vec::new() } else { vec![Piece::Path(value, used)] };
    }
    match flag {
        "output" => match value.split_once('=') {
            Some((format, path)) if TEMPLATE_FILES.contains(&format) => {
                vec![Piece::Text(&value[..=format.len()]), file(path)]
            }
            _ => vec![Piece::Text(value)],
        },
        "template" if has_template_file(words) => vec![file(value)],
        _ => vec![Piece::Text(value)],
    }
}

/// One item of a list, with the comma behind it.
fn item_of<'a>(words: &Words, flag: &str, item: &'a str) -> Vec<Piece<'a>> {
    let (text, comma) = item.split_at(item.strip_suffix(',').unwrap_or(item).len());
    let mut pieces = match flag {
        _ if text.is_empty() => Vec::new(),
        "filename" if text == "-" => vec![Piece::Text(text)],
        "filename" => vec![Piece::Path(text, PathUse::Objects { recursive: words.is_on("recursive") })],
        "from-env-file" => vec![Piece::Path(text, PathUse::Variables)],
        // `key=path`; with more than one `=` kubectl complains, and opens nothing.
        _ => match text.split_once('=') {
            Some((key, path)) => {
                vec![Piece::Text(&text[..=key.len()]), Piece::Path(path, PathUse::FileOrDirectory)]
            }
            None => vec![Piece::Path(text, PathUse::FileOrDirectory)],
        },
    };
    if !comma.is_empty() {
        pieces.push(Piece::Text(comma));
    }
    pieces
}

/// Whether any format of output has its template in a file, so that `--template` may be its path.
fn has_template_file(words: &Words) -> bool {
    words.values("output").any(|value| TEMPLATE_FILES.contains(&value.split('=').next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::super::CommandLine;
    use super::*;

    fn parse(line: &str) -> CommandLine {
        let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
        CommandLine::parse(&args).unwrap_or_else(|refusal| panic!("{line}: {refusal}"))
    }

    #[test]
    fn every_flag_that_names_files_is_known() {
        use PathUse::{File, FileOrDirectory, Kustomization, Objects, Variables};
        let objects = Objects { recursive: false };
        for (line, expected) in [
            ("apply -f a.yaml", &[("a.yaml", objects)][..]),
            ("apply -f a,-,/b -f c -f -", &[("a", objects), ("/b", objects), ("c", objects)]),
            ("apply -Rf a", &[("a", Objects { recursive: true })]),
            ("apply -f a -R=false", &[("a", objects)]),
            ("apply -f -", &[]),
            ("apply -f -,", &[]),
            ("diff -k ../a", &[("../a", Kustomization)]),
            ("create cm x --from-file=a,k=b", &[("a", FileOrDirectory), ("b", FileOrDirectory)]),
            ("create cm x --from-env-file=a", &[("a", Variables)]),
            ("create secret docker-registry x --from-file=a", &[("a", FileOrDirectory)]),
            ("create secret tls x --cert=a --key=b", &[("a", File), ("b", File)]),
            ("patch pod x --patch-file a", &[("a", File)]),
            ("debug x --custom=a", &[("a", File)]),
            ("get pods -o go-template-file=a=b", &[("a=b", File)]),
            ("get pods -o jsonpath-file --template=a", &[("a", File)]),
            ("get pods --template=a -o custom-columns-file=b", &[("a", File), ("b", File)]),
            ("get pods --template=a -o go-template", &[]),
            ("get pods -o go-template=go-template-file=a", &[]),
            ("explain pods --recursive", &[]),
        ] {
            let found = parse(line).paths();
            let found: Vec<(&str, PathUse)> = found.iter().map(|found| (found.path.as_str(), found.used)).collect();
            assert_eq!(found, expected, "{line}");
        }
    }

    #[test]
    fn absolute_paths_get_the_root_and_nothing_else_changes() {
        for (line, expected) in [
            ("apply -f a,/b,-,../c,/", "apply --filename=a,/root/b,-,../c,/root/"),
            ("create cm x --from-file=/a=b,k=/c", "create configmap --from-file=/a=b,k=/root/c x"),
            ("get pods -o go-template-file=/a", "get --output=go-template-file=/root/a pods"),
            ("get pods -o go-template=/a", "get --output=go-template=/a pods"),
            ("get pods -o jsonpath-file --template /a", "get --output=jsonpath-file --template=/root/a pods"),
            ("create secret tls x --cert=/a --key=b", "create secret tls --cert=/root/a --key=b x"),
            ("exec x -- cat /a", "exec x -- cat /a"),
        ] {
            assert_eq!(parse(line).canonical_below("/root").join(" "), expected, "{line}");
        }
    }

    #[test]
    fn paths_stay_below_the_root() {
        for (directory, path, expected) in [
            ("", "a", Some("a")),
            ("home/ann", "./a//b/", Some("home/ann/a/b")),
            ("home/ann", "../a", Some("home/a")),
            ("home/ann", "../../a", Some("a")),
            ("home/ann", "/a/../b", Some("b")),
            ("home/ann", "../../../a", None),
            ("", "..", None),
            ("home", "/..", None),
            ("home", "a/../../../b", None),
            ("home", "../..", None),
        ] {
            assert_eq!(resolve(directory, path).as_deref(), expected, "{directory} {path}");
        }
        for line in ["apply -f ../../a", "apply -f a,../../b", "create cm x --from-file=k=/../a", "diff -k ../../x"] {
            assert!(parse(line).admit(Some("home")).unwrap_err().0.contains("above the root"), "{line}");
            assert!(parse(line).admit(None).unwrap_err().0.contains("no files came"), "{line}");
            assert!(parse(line).admit(Some("home/ann")).is_ok() || line.contains("/../a"), "{line}");
        }
        assert!(parse("apply -f -").admit(None).is_ok());
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for value in ["https://x/y", "HTTP://x", "git::https://x", "git@x:y", "github.com/x/y", "ssh://x"] {
            assert!(is_remote(value), "{value}");
        }
        for value in ["a", "../a", "github.com", "a:b", "/a", "http"] {
            assert!(!is_remote(value), "{value}");
        }
    }
}
