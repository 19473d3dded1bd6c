//! `docs/reference/api.md`: every operation and type of the HTTP API, from the description that central serves; and the
//! table of errors in `docs/api.md`.

use mk8s::model::ErrorCode;
use serde_json::Value;

use super::super::{expect_none, root};
use super::schema::{self, array, object};
use super::{NOTICE, check, code, head, plain, row};
use crate::support::{Central, run};

/// The description, from a central that runs.
fn description() -> Value {
    let central = Central::start_in(Central::files(), &[]);
    let output = run(central.anonymous_curl().arg(format!("{}/openapi.json", central.url)), b"").expect(0);
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn the_reference_of_the_api_is_up_to_date() {
    let description = description();
    let mut text = format!(
        "# API reference\n\n{NOTICE}\n\nEvery operation, as `GET /openapi.json` describes it. How they are used, what the rights \
         mean and what a failure looks like is in [the HTTP API](../api.md). Metrics and readiness have \
         [a listener of their own](../metrics.md).\n\n## Operations\n\n"
    );
    let operations: Vec<(&str, &str, &Value)> = object(&description["paths"])
        .flat_map(|(path, methods)| object(methods).map(move |(method, operation)| (method, path, operation)))
        .collect();
    let rows = operations.iter().map(|(method, path, operation)| {
        let name = format!("{} {path}", method.to_uppercase());
        row([&format!("[`{name}`](#{})", anchor(&name)), &said(&operation["x-right"]), &said(&operation["summary"])])
    });
    text += &(head(["Operation", "Right", "Does"]) + &rows.collect::<String>());
    for (method, path, operation) in &operations {
        text += &of_operation(method, path, operation);
    }
    text += "\n## Types\n";
    for (name, schema) in object(&description["components"]["schemas"]) {
        text += &schema::describe(name, schema);
    }
    check("api.md", &text);
}

fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase().replace(' ', "-");
    kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
}

fn said(value: &Value) -> String {
    plain(value.as_str().unwrap_or_default())
}

fn of_operation(method: &str, path: &str, operation: &Value) -> String {
    let mut text = format!("\n### {} {}\n\n{}.\n\n", method.to_uppercase(), plain(path), said(&operation["summary"]));
    text += &format!("* Right: `{}`\n", said(&operation["x-right"]));
    for (place, title) in [("path", "In the path"), ("query", "Parameters")] {
        let names: Vec<String> = array(&operation["parameters"])
            .filter(|parameter| parameter["in"] == place)
            .map(|parameter| code(parameter["name"].as_str().unwrap_or_default()))
            .collect();
        if !names.is_empty() {
            text += &format!("* {title}: {}\n", names.join(", "));
        }
    }
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    if !body.is_null() {
        text += &format!("* Body: {}\n", schema::kind(body));
    }
    let mut errors = Vec::new();
    for (status, answer) in object(&operation["responses"]) {
        match status.parse::<u16>() {
            Ok(status @ 400..) => errors.push(format!("{status} {}", said(&answer["description"]).to_lowercase())),
            Ok(status) => text += &format!("* Answer: {status}{}\n", content(answer)),
            Err(_) => text += &format!("* Answer: {}\n", said(&answer["description"])),
        }
    }
    if !errors.is_empty() {
        text += &format!("* Errors: {}\n", errors.join(", "));
    }
    text
}

fn content(answer: &Value) -> String {
    let kinds: Vec<(&str, &Value)> = object(&answer["content"]).collect();
    match kinds.as_slice() {
        [] => String::new(),
        [("application/json", value)] => format!(", {}", schema::kind(&value["schema"])),
        kinds => {
            format!(", as a stream of {}", kinds.iter().map(|(kind, _)| code(kind)).collect::<Vec<_>>().join(" or "))
        }
    }
}

/// The table of errors is written for people; its codes, statuses and exit codes are those of the program.
#[test]
fn the_table_of_errors_is_up_to_date() {
    let schema = description()["components"]["schemas"]["ErrorCode"]["enum"].clone();
    let text = std::fs::read_to_string(root().join("docs/api.md")).expect("read");
    let table: Vec<Vec<&str>> = text
        .lines()
        .filter_map(|line| {
            Some(line.strip_prefix("| `")?.split('|').map(|cell| cell.trim().trim_matches('`')).collect())
        })
        .filter(|cells: &Vec<&str>| cells.len() == 5 && cells[1].parse::<u16>().is_ok())
        .collect();
    let mut problems = Vec::new();
    for value in array(&schema) {
        let error: ErrorCode = serde_json::from_value(value.clone()).expect("a code");
        let expected = [error.http_status().to_string(), mk8s::cli::exit_code_of(error).to_string()];
        match table.iter().find(|cells| cells[0] == error.as_str()) {
            Some(cells) if [cells[1], cells[3]] == expected => {}
            Some(cells) => problems.push(format!("{}: {cells:?} in place of {expected:?}", error.as_str())),
            None => problems.push(format!("{} is missing", error.as_str())),
        }
    }
    expect_none(&problems);
    assert_eq!(table.len(), array(&schema).count(), "a code that does not exist");
}
