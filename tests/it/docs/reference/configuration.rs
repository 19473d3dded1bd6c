//! `docs/reference/configuration.md`: every key of central, of an agent and of the client.

use mk8s::config::keys::{self, Key};

use super::{NOTICE, check, code, head, plain, row};

#[test]
fn the_reference_of_the_configuration_is_up_to_date() {
    let mut text = format!(
        "# Configuration reference\n\n{NOTICE}\n\nEvery key, in the order in which `mk8s config init` writes them. How a value is \
         found and what belongs together is in [configuration](../configuration.md).\n"
    );
    for (title, role, keys) in [
        ("Central", "`mk8s serve central`", keys::central()),
        ("Agent", "`mk8s serve agent`", keys::agent()),
        ("Client", "The client's state, `~/.mk8s/config.yaml`", keys::client()),
    ] {
        text += &format!("\n## {title}\n\n{role}.\n\n");
        text += &table(&keys.expect("keys"));
    }
    check("configuration.md", &text);
}

fn table(keys: &[Key]) -> String {
    if keys.iter().all(|key| key.variable.is_none()) {
        let rows = keys.iter().map(|key| {
            let said = Said::of(&key.comment);
            row([&code(&key.name), &default(key, &said), &said.meaning])
        });
        return head(["Key", "Default", "Meaning"]) + &rows.collect::<String>();
    }
    let rows = keys.iter().map(|key| {
        let said = Said::of(&key.comment);
        let variable = code(key.variable.as_deref().unwrap_or_default());
        let cells = [&code(&key.name), &variable, &code(key.flag.unwrap_or_default()), &key.accepts];
        row([cells[0], cells[1], cells[2], cells[3], &default(key, &said), &said.meaning])
    });
    head(["Key", "Variable", "Flag", "Value", "Default", "Meaning"]) + &rows.collect::<String>()
}

fn default(key: &Key, said: &Said) -> String {
    match (&said.default, key.default.as_str()) {
        (Some(said), _) => said.clone(),
        (None, "null") => String::new(),
        (None, default) => code(default.trim_matches('"')),
    }
}

/// What the comment above a key says: its default, if the value does not show it, and the rest.
struct Said {
    default: Option<String>,
    meaning: String,
}

impl Said {
    fn of(comment: &[String]) -> Self {
        // What is indented is a choice and what it means, or an example.
        let lines = comment.iter().map(|line| match line.strip_prefix("  ") {
            Some(choice) if choice.starts_with([' ', '-']) || choice.ends_with(':') => {
                format!("<br>{}", code(choice.trim()))
            }
            Some(choice) => format!("<br>{}", of_choice(choice)),
            None => format!(" {}", plain(line)),
        });
        let text = lines.collect::<String>().trim().to_owned();
        let Some((before, after)) = text.split_once("Default: ") else { return Self { default: None, meaning: text } };
        let (default, rest) = after.split_once(". ").unwrap_or((after.trim_end_matches('.'), ""));
        let meaning = format!("{} {rest}", before.trim()).trim().to_owned();
        Self { default: Some(default.to_owned()), meaning }
    }
}

/// `auto:  what it means`, or a value and two spaces before what it means.
fn of_choice(line: &str) -> String {
    let (name, meaning) =
        line.split_once(": ").filter(|(name, _)| !name.contains(' ')).or(line.split_once("  ")).unwrap_or((line, ""));
    format!("{}: {}", code(name.trim()), plain(meaning.trim()))
}

#[test]
fn what_a_comment_says_is_told_apart() {
    let said = |lines: &[&str]| {
        let said = Said::of(&lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>());
        (said.default, said.meaning)
    };
    assert_eq!(
        said(&["One thing. Default: a/<b>.c, made", "later. More."]),
        (Some("a/\\<b>.c, made later".into()), "One thing. More.".into())
    );
    assert_eq!(
        said(&["Where:", "  auto:  here", "  sqlite://x  there"]),
        (None, "Where:<br>`auto`: here<br>`sqlite://x`: there".into())
    );
}
