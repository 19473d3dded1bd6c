//! Archives of friends and of others.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::sync::Mutex;

use tar::{Builder, Header};
use tempfile::TempDir;

use super::*;

/// An archive made by hand: kind, name, and content or target of a link.
fn archive(entries: &[(EntryType, &str, &str)]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (kind, name, content) in entries {
        let mut header = Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(0o4755);
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        let is_link = matches!(kind, EntryType::Symlink | EntryType::Link);
        if is_link {
            header.as_old_mut().linkname[..content.len()].copy_from_slice(content.as_bytes());
        }
        let content = if is_link { &[] } else { content.as_bytes() };
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, content).unwrap();
    }
    builder.into_inner().unwrap()
}

/// Unpacks below `out` of a new directory; how it ended, and what was said.
fn take(from: &str, entries: &[(EntryType, &str, &str)]) -> (TempDir, Result<(), UnpackError>, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("out")).unwrap();
    let (result, said) = take_in(&dir, from, entries);
    (dir, result, said)
}

fn take_in(dir: &TempDir, from: &str, entries: &[(EntryType, &str, &str)]) -> (Result<(), UnpackError>, Vec<String>) {
    let said = Mutex::new(Vec::new());
    let warn = |text| said.lock().unwrap().push(text);
    let result = unpack(archive(entries).as_slice(), from, &dir.path().join("out"), &warn);
    (result, said.into_inner().unwrap())
}

use EntryType::{Char, Directory, Fifo, Link, Regular, Symlink};

#[test]
fn a_directory_is_taken_with_what_is_in_it() {
    let entries = [(Directory, "a/d/", ""), (Regular, "a/d/f", "one"), (Link, "a/d/g", "a/d/f")];
    let (dir, result, said) = take("/a/d", &entries);
    result.unwrap();
    assert!(said.is_empty());
    for file in ["out/f", "out/g"] {
        assert_eq!(fs::read_to_string(dir.path().join(file)).unwrap(), "one");
    }
    let mode = fs::metadata(dir.path().join("out/f")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7000, 0, "a file of a container runs as nobody else");
}

#[test]
fn a_file_goes_to_a_path_or_into_a_directory() {
    let (dir, result, _) = take("a/f", &[(Regular, "a/f", "one")]);
    result.unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("out/f")).unwrap(), "one");
    fs::remove_dir_all(dir.path().join("out")).unwrap();
    take_in(&dir, "./a/./f", &[(Regular, "./a/f", "two")]).0.unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("out")).unwrap(), "two");
}

#[test]
fn names_that_lead_elsewhere_end_the_copy() {
    for name in ["../evil", "a/../../evil", "a/x/../../../evil", "/a/evil", "other/evil", "evil", "ab/evil"] {
        let (dir, result, _) = take("a", &[(Regular, "a/good", "good"), (Regular, name, "evil")]);
        let error = result.unwrap_err();
        assert!(matches!(&error, UnpackError::Outside(found) if found == name), "{name}: {error}");
        assert!(!dir.path().join("evil").exists() && !dir.path().join("out/evil").exists(), "{name}");
    }
}

#[test]
fn no_link_is_made_and_nothing_is_written_through_one() {
    let entries = [(Symlink, "a/l", "/tmp"), (Symlink, "a/m", "../.."), (Regular, "a/l/evil", "x")];
    let (dir, result, said) = take("a", &entries);
    result.unwrap();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(!Path::new("/tmp/evil").exists());
    assert!(dir.path().join("out/l").is_dir() && !dir.path().join("out/l").is_symlink());
    // Links that the user has there are not followed either.
    fs::remove_dir_all(dir.path().join("out/l")).unwrap();
    fs::create_dir(dir.path().join("elsewhere")).unwrap();
    symlink("../elsewhere", dir.path().join("out/l")).unwrap();
    assert!(take_in(&dir, "a", &[(Regular, "a/l/evil", "x")]).0.is_err());
    symlink("../elsewhere/evil", dir.path().join("out/n")).unwrap();
    assert!(take_in(&dir, "a", &[(Regular, "a/n", "x")]).0.is_err());
    assert!(take_in(&dir, "a", &[(Directory, "a/l/", ""), (Regular, "a/l/x", "")]).0.is_err());
    assert_eq!(fs::read_dir(dir.path().join("elsewhere")).unwrap().count(), 0);
}

#[test]
fn a_further_name_is_for_a_file_that_came_only() {
    for original in ["../secret", "/etc/passwd", "a/l/secret", "a/none"] {
        let (dir, ..) = take("a", &[]);
        fs::write(dir.path().join("secret"), "s").unwrap();
        symlink("..", dir.path().join("out/l")).unwrap();
        let (result, _) = take_in(&dir, "a", &[(Link, "a/x", original)]);
        assert!(matches!(result, Err(UnpackError::Outside(_))), "{original}");
        assert!(!dir.path().join("out/x").exists(), "{original}");
    }
}

#[test]
fn devices_are_not_made() {
    let (dir, result, said) = take("a", &[(Char, "a/null", ""), (Fifo, "a/pipe", ""), (Regular, "a/f", "x")]);
    result.unwrap();
    assert_eq!(said.len(), 2, "{said:?}");
    assert_eq!(fs::read_dir(dir.path().join("out")).unwrap().count(), 1);
}

#[test]
fn an_archive_that_breaks_off_is_a_failure() {
    let whole = archive(&[(Regular, "a", "0123456789")]);
    let dir = tempfile::tempdir().unwrap();
    let result = unpack(&whole[..515], "a", &dir.path().join("a"), &|_| {});
    assert!(matches!(result, Err(UnpackError::Read(_))), "{result:?}");
}

#[test]
fn paths_are_cleaned_as_tar_sees_them() {
    for (path, cleaned) in [
        ("/a//b/./c/", "/a/b/c"),
        ("a/../b", "b"),
        ("../a", "../a"),
        ("../../a/..", "../.."),
        ("/../a", "/a"),
        (".", "."),
        ("a/..", "."),
        ("/", "/"),
    ] {
        assert_eq!(clean(path), cleaned, "{path}");
    }
}
