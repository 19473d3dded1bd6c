//! Changes the text of a kubeconfig: only the lines of our entries, and never the meaning of anything else.

use serde_json::{Map, Value};

use super::lines::{key_line, list, value_of};
use super::{CURRENT, Change, Entry, KubeconfigError, ListChange, items, parse};

/// The beginning of a file that was empty.
const NEW: &str = "apiVersion: v1\nkind: Config\n";

/// The text of a file after a change; one that is not changed stays as it is, byte for byte.
///
/// The new text is read again: it means what the old one means with the change, or it is refused.
///
/// # Errors
/// [`KubeconfigError::Invalid`] and [`KubeconfigError::Form`].
pub fn edit(text: &str, change: &Change) -> Result<String, KubeconfigError> {
    let before = parse(text)?;
    let newline = if text.lines().next().is_some() && text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut result = text.to_owned();
    if before.is_null() {
        finish_line(&mut result, newline);
        result.push_str(&NEW.replace('\n', newline));
    }
    let meaning = expected(before, change);
    for (key, change) in change.lists() {
        result = edit_list(&result, key, change, newline)?;
    }
    if let Some(context) = &change.current_context {
        result = set_current(&result, context, newline);
    }
    match parse(&result) {
        Ok(after) if after == meaning => Ok(result),
        _ => Err(KubeconfigError::Form("it is written in a style".into())),
    }
}

/// What the file means after the change.
fn expected(before: Value, change: &Change) -> Value {
    let mut file = match before {
        Value::Object(keys) => keys,
        _ => Map::from_iter([("apiVersion".to_owned(), "v1".into()), ("kind".to_owned(), "Config".into())]),
    };
    for (key, change) in change.lists() {
        if change.remove.is_empty() && change.put.is_empty() {
            continue;
        }
        let mut list = file.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        list.retain(|item| !change.remove.iter().any(|name| item["name"].as_str() == Some(name)));
        for entry in &change.put {
            match list.iter_mut().find(|item| item["name"].as_str() == Some(&entry.name)) {
                Some(item) => *item = entry.value.clone(),
                None => list.push(entry.value.clone()),
            }
        }
        file.insert(key.to_owned(), Value::Array(list));
    }
    if let Some(context) = &change.current_context {
        file.insert(CURRENT.to_owned(), context.as_str().into());
    }
    Value::Object(file)
}

fn edit_list(text: &str, key: &str, change: &ListChange, newline: &str) -> Result<String, KubeconfigError> {
    if change.remove.is_empty() && change.put.is_empty() {
        return Ok(text.to_owned());
    }
    let file = parse(text)?;
    let names: Vec<Option<&str>> = items(&file, key).iter().map(|item| item["name"].as_str()).collect();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let Some(list) = list(&lines, key)? else { return Ok(append_list(text, key, &change.put, newline)) };
    if list.items.len() != names.len() {
        return Err(KubeconfigError::Form(format!("{key} is written in a style")));
    }
    let written = |entry: &Entry| indented(&entry.text, &list.indent, newline);
    let mut out: String = lines[..list.header].concat();
    let stays = names.iter().any(|name| !name.is_some_and(|name| change.remove.iter().any(|gone| gone == name)));
    out.push_str(&header(lines[list.header], key, stays || !change.put.is_empty(), list.is_written_empty, newline));
    let mut at = list.header + 1;
    for (range, name) in list.items.iter().zip(&names) {
        out.push_str(&lines[at..range.start].concat());
        at = range.end;
        if name.is_some_and(|name| change.remove.iter().any(|gone| gone == name)) {
            continue;
        }
        match change.put.iter().find(|entry| *name == Some(entry.name.as_str())) {
            Some(entry) => out.push_str(&written(entry)),
            None => out.push_str(&lines[range.clone()].concat()),
        }
    }
    for entry in change.put.iter().filter(|entry| !names.contains(&Some(entry.name.as_str()))) {
        finish_line(&mut out, newline);
        out.push_str(&written(entry));
    }
    out.push_str(&lines[at..].concat());
    Ok(out)
}

/// The line with the key of a list that has items, or has none.
fn header(line: &str, key: &str, has_items: bool, was_empty: bool, newline: &str) -> String {
    let comment = value_of(line, key).map_or("", |(_, comment)| comment);
    match (has_items, was_empty) {
        (true, true) => format!("{key}:{comment}{newline}"),
        (false, false) => format!("{key}: []{comment}{newline}"),
        _ => line.to_owned(),
    }
}

fn append_list(text: &str, key: &str, put: &[Entry], newline: &str) -> String {
    let mut out = text.to_owned();
    finish_line(&mut out, newline);
    // Nothing to put means that there is nothing to remove from either.
    out.push_str(&if put.is_empty() { format!("{key}: []{newline}") } else { format!("{key}:{newline}") });
    put.iter().for_each(|entry| out.push_str(&indented(&entry.text, "", newline)));
    out
}

fn set_current(text: &str, context: &str, newline: &str) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    // Quoted, since a name may look like a number.
    let line = |comment: &str| format!("{CURRENT}: {}{comment}{newline}", Value::from(context));
    match key_line(&lines, CURRENT) {
        Some(at) => {
            let comment = value_of(lines[at], CURRENT).map_or("", |(_, comment)| comment);
            [&lines[..at].concat(), line(comment).as_str(), &lines[at + 1..].concat()].concat()
        }
        None => {
            let mut out = text.to_owned();
            finish_line(&mut out, newline);
            out + &line("")
        }
    }
}

fn indented(text: &str, indent: &str, newline: &str) -> String {
    text.lines().map(|line| format!("{indent}{line}{newline}")).collect()
}

fn finish_line(text: &mut String, newline: &str) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push_str(newline);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CLUSTERS, CONTEXTS, USERS};
    use super::*;

    #[test]
    fn lists_that_are_not_changed_are_not_read() {
        let text = "clusters: &x [{name: a}]\nusers: *x\n";
        assert_eq!(edit(text, &Change::default()).unwrap(), text);
        assert_eq!([CLUSTERS, CONTEXTS, USERS], Change::default().lists().map(|(key, _)| key));
    }
}
