//! What is accepted, and that all else is refused and never put right.

use super::*;

fn tree(directory: &str, files: &[(&str, u64)]) -> Result<FileTree, Failure> {
    let entries = files.iter().map(|(name, bytes)| ((*name).to_owned(), FileKind::File(*bytes))).collect();
    FileTree::new(directory.to_owned(), entries)
}

#[test]
fn names_that_lead_anywhere_else_are_refused() {
    for name in ["a", "a b", "a/b.yaml", "..a", "...", "a/..b", "-", "ä", &"x".repeat(255), "a\nb"] {
        assert!(tree("", &[(name, 1)]).is_ok(), "{name}");
        assert!(tree(name, &[]).is_ok(), "{name}");
    }
    let deep = vec!["a"; 65].join("/");
    let long = vec!["a".repeat(200); 11].join("/");
    for name in
        ["", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a/..", "a\0b", &"x".repeat(256), &deep, &long]
    {
        assert_eq!(tree("", &[(name, 1)]).unwrap_err().code, ErrorCode::InvalidRequest, "{name}");
        assert!(name.is_empty() || tree(name, &[]).is_err(), "{name}");
    }
}

#[test]
fn a_name_stands_for_one_thing() {
    assert!(tree("a", &[("a/b", 1), ("a/c", 1)]).is_ok());
    for files in
        [&[("a", 1), ("a", 1)][..], &[("a", 1), ("a/b", 1)], &[("a/b", 1), ("a", 0)], &[("a/b/c", 1), ("a", 1)]]
    {
        assert!(tree("", files).is_err(), "{files:?}");
    }
    assert!(tree("a", &[("a", 1)]).is_err());
    assert!(tree("a/b", &[("a", 1)]).is_err());
    let directory = ("a".to_owned(), FileKind::Directory);
    assert!(FileTree::new(String::new(), vec![directory.clone(), ("a/b".into(), FileKind::File(1))]).is_ok());
    assert!(FileTree::new(String::new(), vec![directory.clone(), directory]).is_err());
}

#[test]
fn there_are_bounds_for_all_together() {
    assert!(tree("", &[("a", MAX_FILES_BYTES)]).is_ok());
    for files in [&[("a", MAX_FILES_BYTES + 1)][..], &[("a", MAX_FILES_BYTES), ("b", 1)], &[("a", u64::MAX), ("b", 2)]]
    {
        let failure = tree("", files).unwrap_err();
        assert_eq!(failure.code, ErrorCode::TooLarge);
        assert!(failure.detail.contains("at most 64 MiB"), "{failure}");
    }
    let many = |count: usize, name: fn(usize) -> String| {
        FileTree::new(String::new(), (0..count).map(|n| (name(n), FileKind::File(0))).collect())
    };
    assert!(many(MAX_FILES, |n| n.to_string()).is_ok());
    assert_eq!(many(MAX_FILES + 1, |n| n.to_string()).unwrap_err().code, ErrorCode::TooLarge);
    // Each brings a directory with it.
    assert_eq!(many(MAX_FILES / 2 + 1, |n| format!("{n}/a")).unwrap_err().code, ErrorCode::TooLarge);
    assert_eq!(
        many(1000, |n| format!("{}{n}", format!("{}/", "x".repeat(250)).repeat(5))).unwrap_err().code,
        ErrorCode::TooLarge
    );
}

#[test]
fn a_file_says_in_one_way_what_it_is() {
    let parse = |json: &str| serde_json::from_str::<CommandFile>(json);
    let tree = |json: &str| FileTree::of(None, &[parse(json).unwrap()]).map(|tree| tree.entries()[0].1);
    assert_eq!(tree(r#"{"name":"a","content":"äb"}"#).unwrap(), FileKind::File(3));
    assert_eq!(tree(r#"{"name":"a","content_base64":"AAEC"}"#).unwrap(), FileKind::File(3));
    assert_eq!(tree(r#"{"name":"a","size":5}"#).unwrap(), FileKind::File(5));
    assert_eq!(tree(r#"{"name":"a","directory":true}"#).unwrap(), FileKind::Directory);
    for json in [
        r#"{"name":"a"}"#,
        r#"{"name":"a","content":"","size":0}"#,
        r#"{"name":"a","content":"","content_base64":""}"#,
        r#"{"name":"a","size":1,"directory":true}"#,
    ] {
        assert!(tree(json).is_err(), "{json}");
    }
    for json in [r#"{"name":"a","content_base64":"*"}"#, r#"{"name":"a","size":-1}"#, r#"{"name":"a","mode":1}"#] {
        assert!(parse(json).is_err(), "{json}");
    }
}

#[test]
fn no_more_comes_than_was_announced() {
    let tree = tree("", &[("a", 2), ("b", 3)]).unwrap();
    let mut announced = Announced::of(Some(&tree));
    announced.came(4).unwrap();
    assert!(!announced.is_complete());
    assert!(announced.came(2).is_err());
    announced.came(1).unwrap();
    assert!(announced.is_complete() && Announced::of(None).is_complete());
}
