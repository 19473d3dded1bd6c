//! What is held, what is shown, and when.

use super::*;
use crate::cli::exit::Exit;

/// The outputs of clusters, of which nothing is written.
fn outputs(form: OutputForm, names: &[&str]) -> Inner {
    Output::new(form, names).0.into_inner()
}

fn shown(inner: &Inner) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&inner.out.waiting), text(&inner.err.waiting))
}

#[test]
fn tables_wait_and_other_lines_do_not() {
    let mut inner = outputs(OutputForm::Table, &["b", "a"]);
    assert!(inner.take_stdout(1, b"NAME   AGE\nx      1d\n"));
    assert!(inner.take_stdout(0, b"NAME   AGE\ny      2"));
    assert_eq!(shown(&inner), (String::new(), String::new()));
    assert!(inner.take_stdout(0, b"d\n"));
    inner.show_table();
    assert_eq!(shown(&inner).0, "CLUSTER   NAME   AGE\nb         y      2d\na         x      1d\n");

    let mut inner = outputs(OutputForm::Text, &["a"]);
    assert!(inner.take_stdout(0, b"one\ntw"));
    assert_eq!(shown(&inner).0, "a | one\n");
}

#[test]
fn what_is_no_table_stands_below_in_lines() {
    let mut inner = outputs(OutputForm::Table, &["a", "b"]);
    inner.take_stdout(0, b"NAME   AGE\nx      1d\nand more");
    inner.take_stdout(1, b"NAME   AGE\ny      2d\n");
    inner.show_table();
    let expected = "CLUSTER   NAME   AGE\nb         y      2d\na | NAME   AGE\na | x      1d\na | and more\n";
    assert_eq!(shown(&inner).0, expected);
}

#[test]
fn tables_that_do_not_fit_become_lines() {
    let mut inner = outputs(OutputForm::Table, &["a", "b"]);
    let row = format!("{}\n", "x".repeat((1 << 20) - 1));
    for _ in 0..MAX_HELD >> 20 {
        assert!(inner.take_stdout(0, row.as_bytes()));
    }
    assert_eq!((inner.held, inner.out.waiting.len()), (MAX_HELD, 0));
    assert!(inner.take_stdout(1, b"begun"));
    assert_eq!((inner.held, inner.form), (0, OutputForm::Text));
    assert!(inner.take_stdout(1, b" and ended\n"));
    let lines = (MAX_HELD >> 20) * ("a | ".len() + row.len());
    assert_eq!(inner.out.waiting.len(), lines + "b | begun and ended\n".len());
    assert!(inner.out.waiting.ends_with(b"x\nb | begun and ended\n"));
}

#[test]
fn json_that_does_not_fit_makes_room_for_others() {
    let mut inner = outputs(OutputForm::Json, &["a", "b"]);
    let large = vec![b' '; MAX_HELD];
    assert!(inner.take_stdout(0, &large) && !inner.take_stdout(1, b"{}"));
    assert_eq!(inner.held, MAX_HELD);
    inner.end(1, &State::failed("too much".into(), "too_large", Exit::USAGE));
    inner.end(0, &State::Exited(0));
    assert_eq!(inner.held, 0);
    assert!(inner.take_stdout(1, b"{}"));
    let (out, err) = shown(&inner);
    let expected = "{\"cluster\":\"b\",\"error\":{\"what\":\"too much\",\"code\":\"too_large\"}}\n{\"cluster\":\"a\",\"exit_code\":0,\"result\":null}\n";
    assert_eq!((out.as_str(), err.as_str()), (expected, "b | error: too much\n"));
}

#[test]
fn the_end_of_a_cluster_is_told_once() {
    let mut inner = outputs(OutputForm::Json, &["a"]);
    inner.take_stdout(0, b"[]");
    inner.end(0, &State::Exited(0));
    inner.end(0, &State::Running);
    assert_eq!(shown(&inner).0, "{\"cluster\":\"a\",\"exit_code\":0,\"result\":[]}\n");
}
