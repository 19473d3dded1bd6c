//! `mk8s admin roles apply`: roles from a file, all of them valid or none.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use crate::access::check_role;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output;
use crate::cli::session::SessionArgs;
use crate::model::RoleSpec;

/// The most bytes that a file may have.
const MAX_BYTES: u64 = 4 << 20;

/// What to look at when a file is refused.
const HINT: &str = "mk8s admin roles show viewer prints a role in the form that is read here";

/// Applies all roles of a file, and says what became of each.
pub async fn run(session: &SessionArgs, file: &Path) -> anyhow::Result<Exit> {
    let text = read(file).map_err(|error| CliError::usage(format!("cannot read {}: {error}", file.display()), HINT))?;
    let roles = parse(&text).map_err(|problem| CliError::usage(format!("{}: {problem}", file.display()), HINT))?;
    let client = session.resolve()?.client().await?;
    let before = client.roles().await?;
    for role in roles {
        let known = before.iter().find(|known| known.name == role.name).map(|known| RoleSpec::from(known.clone()));
        let done = match known {
            Some(known) if known == role => "unchanged",
            Some(_) => "changed",
            None => "created",
        };
        if done != "unchanged" {
            client.put_role(&role).await?;
        }
        output::say(&format!("role {:?} {done}", role.name.as_str()));
    }
    Ok(Exit::OK)
}

fn read(file: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    match file.as_os_str() == "-" {
        true => io::stdin().lock().take(MAX_BYTES + 1).read_to_end(&mut bytes)?,
        false => File::open(file)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?,
    };
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::other("it is larger than 4 MiB"));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8"))
}

/// The roles of a text, one a document. Each is checked as central checks it.
fn parse(text: &str) -> Result<Vec<RoleSpec>, String> {
    let options = serde_saphyr::options! { with_snippet: false, strict_booleans: true };
    let roles: Vec<RoleSpec> =
        serde_saphyr::from_multiple_with_options(text, options).map_err(|error| syntax_problem(&error))?;
    if roles.is_empty() {
        return Err("there is no role in it".into());
    }
    for (index, role) in roles.iter().enumerate() {
        if roles[..index].iter().any(|earlier| earlier.name == role.name) {
            return Err(format!("the role {:?} is in it twice", role.name.as_str()));
        }
        check_role(role).map_err(|error| format!("role {:?}: {error}", role.name.as_str()))?;
    }
    Ok(roles)
}

fn syntax_problem(error: &serde_saphyr::Error) -> String {
    let place = error.location().map(|at| format!("line {}, column {}: ", at.line(), at.column())).unwrap_or_default();
    let text = error.without_snippet().to_string().replace(['\n', '\r'], " ");
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
    let text = text.split(", set DuplicateKeyPolicy").next().unwrap_or(text);
    // An unquoted star refers to something else in YAML.
    let quote = if text.contains("alias") || text.contains("anchor") { " (write * in quotes: \"*\")" } else { "" };
    format!("{place}{text}{quote}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "name: team\npermissions:\n- clusters: ['*']\n  namespaces: [app-*]\n  resources: [pods]\n  \
                        verbs: [get, logs]\n";

    fn problem(text: &str) -> String {
        parse(text).unwrap_err()
    }

    #[test]
    fn a_file_has_one_role_or_several_as_yaml_or_json() {
        let one = parse(ROLE).unwrap();
        assert_eq!((one.len(), one[0].name.as_str(), one[0].deny.len()), (1, "team", 0));
        let json = serde_json::to_string_pretty(&one[0]).unwrap();
        assert_eq!(parse(&json).unwrap(), one);
        let two = format!("{ROLE}---\n{}", ROLE.replace("team", "other"));
        assert_eq!(parse(&two).unwrap().len(), 2);
        assert_eq!(parse(&format!("---\n{two}---\n")).unwrap().len(), 2, "empty documents count for nothing");
    }

    #[test]
    fn what_is_shown_can_be_applied() {
        let role = parse(ROLE).unwrap().remove(0);
        let role = RoleSpec {
            description: "yes, it's: [a] \"text\" # é".into(),
            deny: vec![crate::access::everything()],
            ..role
        };
        assert_eq!(parse(&serde_saphyr::to_string(&role).unwrap()).unwrap(), [role]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        assert!(problem("").contains("no role"));
        assert!(problem(&format!("{ROLE}---\n{ROLE}")).contains("twice"));
        assert!(problem(&ROLE.replace("'*'", "*")).contains("in quotes"), "{}", problem(&ROLE.replace("'*'", "*")));
        let unknown = problem(&ROLE.replace("verbs", "verb"));
        assert!(unknown.contains("line 6") && unknown.contains("verb"), "{unknown}");
        let empty = problem(&ROLE.replace("[get, logs]", "[]"));
        assert!(empty.starts_with("role \"team\": permissions[0].verbs"), "{empty}");
        let name = problem(&ROLE.replace("team", "No_Name"));
        assert!(name.contains("No_Name"), "{name}");
    }
}
