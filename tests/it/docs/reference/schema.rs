//! The types of the HTTP API as Markdown.

use serde_json::Value;

use super::{code, head, plain, row};

/// The fields of an object; none of anything else.
pub fn object(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

/// The items of a list; none of anything else.
pub fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A type with all of its fields.
pub fn describe(name: &str, schema: &Value) -> String {
    let mut text = format!("\n### {name}\n\n{}\n", about(schema));
    let fields = fields(schema);
    if fields.is_empty() {
        text += &format!("\nA {}.\n", kind(schema));
    } else {
        text += &format!("\n{}{fields}", head(["Field", "Type", "Meaning"]));
    }
    text
}

fn fields(schema: &Value) -> String {
    let inherited: String = array(&schema["allOf"])
        .map(|part| match reference(part) {
            Some(name) => row(["", &link(name), &format!("All fields of it. {}", about(part))]),
            None => fields(part),
        })
        .collect();
    let required: Vec<&str> = array(&schema["required"]).filter_map(Value::as_str).collect();
    let own = object(&schema["properties"]).map(|(name, field)| {
        let optional = if required.contains(&name) { "" } else { ", optional" };
        row([&code(name), &format!("{}{optional}", kind(field)), &about(field)])
    });
    inherited + &own.collect::<String>()
}

/// What is said of a type; that of the one choice among others than nothing, if it says nothing itself.
fn about(schema: &Value) -> String {
    let said = |schema: &Value| schema["description"].as_str().map(str::to_owned);
    let text = said(schema).or_else(|| array(&schema["oneOf"]).find_map(said)).unwrap_or_default();
    plain(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A type in a few words, with links to the others.
pub fn kind(schema: &Value) -> String {
    if let Some(name) = reference(schema) {
        return link(name);
    }
    if let Some(choice) = array(&schema["oneOf"]).find(|choice| choice["type"] != "null") {
        return kind(choice);
    }
    let values: Vec<String> = array(&schema["enum"]).filter_map(Value::as_str).map(code).collect();
    if !values.is_empty() {
        return values.join(", ");
    }
    let name = schema["type"]
        .as_str()
        .or_else(|| array(&schema["type"]).filter_map(Value::as_str).find(|name| *name != "null"));
    match (name.unwrap_or("object"), schema["format"].as_str()) {
        ("array", _) => format!("list of {}", kind(&schema["items"])),
        ("object", _) if schema["additionalProperties"].is_object() => "object with any keys".into(),
        (_, Some("date-time")) => "time (RFC 3339, UTC)".into(),
        (_, Some("uuid")) => "UUID".into(),
        (name, _) => {
            let bound = |key: &str| schema[key].as_f64().filter(|bound| *bound != 0.0);
            let bounds = match (bound("minimum").or(bound("minLength")), bound("maximum").or(bound("maxLength"))) {
                (None, None) => String::new(),
                (from, Some(to)) => format!(", {} to {to}", from.unwrap_or(0.0)),
                (Some(from), None) => format!(", {from} or more"),
            };
            let pattern = schema["pattern"].as_str().map(|pattern| format!(", `{pattern}`")).unwrap_or_default();
            format!("{name}{bounds}{pattern}")
        }
    }
}

fn reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

fn link(name: &str) -> String {
    format!("[{name}](#{})", name.to_lowercase())
}
