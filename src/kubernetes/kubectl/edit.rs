//! `kubectl edit`, which the client does by itself: what its command line asks for, and the kubectl that gets the objects.

use super::words::{self, Words};
use super::{CommandLine, Refusal};

/// Flags that mean the same for the command that gets the objects.
const PASSED: [&str; 9] = [
    "disable-compression",
    "filename",
    "kustomize",
    "match-server-version",
    "namespace",
    "recursive",
    "request-timeout",
    "subresource",
    "v",
];

/// Who changes the objects, where nobody else is named.
const FIELD_MANAGER: &str = "kubectl-edit";

/// The form in which objects are edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EditForm {
    /// YAML.
    Yaml,
    /// JSON.
    Json,
}

/// What `kubectl edit` is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The arguments of the kubectl that gets the objects.
    pub get: Vec<String>,
    /// How they are edited.
    pub form: EditForm,
    /// Whether the objects are printed afterwards, in that form, and not only their names.
    pub prints: bool,
    /// Whether the change itself is printed.
    pub prints_patch: bool,
    /// Whether `metadata.managedFields` is printed.
    pub managed_fields: bool,
    /// Whether the lines of the file end as on Windows; `None` for what is usual on the machine.
    pub windows_line_endings: Option<bool>,
    /// What is edited of the objects, if not all.
    pub subresource: Option<String>,
    /// Who changes them.
    pub field_manager: String,
    /// What becomes of unknown fields, in the words of the API: `Strict`, `Warn` or `Ignore`.
    pub validation: &'static str,
}

/// What a command line of `kubectl edit` asks for; `None` for every other, and for that of its help.
///
/// # Errors
/// When it has a flag or a value that the client does not know.
pub fn edit(args: &[String]) -> Result<Option<Edit>, Refusal> {
    if words::leaf(args) != Some("edit") {
        return Ok(None);
    }
    let words = Words::read_local(args)?;
    if let Some(given) = words.flags.iter().find(|given| !is_known(given.name)) {
        return Err(super::local::refusal("edit", given.name));
    }
    let form = match words.value("output") {
        None | Some("yaml" | "") => EditForm::Yaml,
        Some("json") => EditForm::Json,
        Some(_) => return Err(refused("-o is yaml or json, the form in which the objects are edited")),
    };
    let subresource = match words.value("subresource") {
        None | Some("") => None,
        Some(known @ ("status" | "resize")) => Some(known.to_owned()),
        Some("scale") => return Err(refused("the scale of objects is not edited: `mk8s kubectl scale` changes it")),
        Some(_) => return Err(refused("--subresource is status or resize")),
    };
    if words.values("filename").any(|value| value.split(',').any(|item| item == "-")) {
        return Err(refused("-f - would take the standard input of the editor: name a file, or TYPE/NAME"));
    }
    let mut get = vec!["get".to_owned()];
    get.extend(words.flags.iter().filter(|flag| PASSED.contains(&flag.name)).map(|flag| match &flag.value {
        Some(value) => format!("--{}={value}", flag.name),
        None => format!("--{}", flag.name),
    }));
    get.push(format!("--output={}", if form == EditForm::Json { "json" } else { "yaml" }));
    get.extend(words.arguments.iter().chain(words.rest.iter().flatten()).cloned());
    CommandLine::parse(&get)?;
    Ok(Some(Edit {
        get,
        form,
        prints: words.value("output").is_some_and(|form| !form.is_empty()),
        prints_patch: words.is_on("output-patch"),
        managed_fields: words.is_on("show-managed-fields"),
        windows_line_endings: words.has("windows-line-endings").then(|| words.is_on("windows-line-endings")),
        subresource,
        field_manager: words.value("field-manager").filter(|name| !name.is_empty()).unwrap_or(FIELD_MANAGER).to_owned(),
        validation: validation(words.value("validate"))?,
    }))
}

/// Whether a command line asks for the help of `kubectl edit`, which kubectl itself gives.
pub fn is_edit_help(args: &[String]) -> bool {
    words::leaf(args) == Some("edit") && Words::read_local(args).is_ok_and(|words| words.is_on("help"))
}

fn is_known(flag: &str) -> bool {
    const OWN: [&str; 6] =
        ["field-manager", "output", "output-patch", "show-managed-fields", "validate", "windows-line-endings"];
    PASSED.contains(&flag) || OWN.contains(&flag)
}

fn validation(value: Option<&str>) -> Result<&'static str, Refusal> {
    match value {
        None | Some("true" | "strict") => Ok("Strict"),
        Some("warn") => Ok("Warn"),
        Some("false" | "ignore") => Ok("Ignore"),
        Some(_) => Err(refused("--validate is strict, warn or ignore")),
    }
}

fn refused(why: &str) -> Refusal {
    Refusal(format!("mk8s does kubectl edit by itself: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Option<Edit>, String> {
        let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
        edit(&args).map_err(|refusal| refusal.0)
    }

    fn get(line: &str) -> String {
        read(line).unwrap().unwrap().get.join(" ")
    }

    #[test]
    fn the_objects_are_got_with_the_words_that_name_them() {
        for (line, expected) in [
            ("edit pod/x", "get --output=yaml pod/x"),
            ("edit pod x y", "get --output=yaml pod x y"),
            ("-n a edit svc/x deploy/y", "get --namespace=a --output=yaml svc/x deploy/y"),
            ("edit -f a.yaml -f b.yaml -R", "get --filename=a.yaml --filename=b.yaml --recursive=true --output=yaml"),
            ("edit deployment x -o json --subresource=status", "get --subresource=status --output=json deployment x"),
            ("edit --validate=warn --field-manager me cm/x", "get --output=yaml cm/x"),
            ("edit -- cm/x", "get --output=yaml cm/x"),
        ] {
            assert_eq!(get(line), expected, "{line}");
        }
        for line in ["get pods", "apply edit-last-applied", "nosuch", "exec edit -- edit", ""] {
            assert_eq!(read(line), Ok(None), "{line}");
        }
    }

    #[test]
    fn all_else_is_told_apart() {
        let edit = read("edit cm/x").unwrap().unwrap();
        assert_eq!((edit.form, edit.prints, edit.validation), (EditForm::Yaml, false, "Strict"));
        assert_eq!((edit.field_manager.as_str(), edit.windows_line_endings), ("kubectl-edit", None));
        let line = "edit cm/x -o json --validate=false --field-manager=me --windows-line-endings=false --output-patch";
        let edit = read(line).unwrap().unwrap();
        assert_eq!(
            (edit.form, edit.prints, edit.prints_patch, edit.validation),
            (EditForm::Json, true, true, "Ignore")
        );
        assert_eq!((edit.field_manager.as_str(), edit.windows_line_endings), ("me", Some(false)));
        let is_help = |line: &str| is_edit_help(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert!(is_help("edit --help") && is_help("-n x edit -h") && !is_help("edit cm/x") && !is_help("get --help"));
    }

    #[test]
    fn what_cannot_be_done_is_refused_by_name() {
        for (line, word) in [
            ("edit cm/x -o name", "-o is yaml or json"),
            ("edit cm/x --save-config", "--save-config"),
            ("edit cm/x --template=x", "--template"),
            ("edit deploy/x --subresource=scale", "mk8s kubectl scale"),
            ("edit deploy/x --subresource=nosuch", "status or resize"),
            ("edit -f -", "name a file"),
            ("edit -f a,-", "name a file"),
            ("edit -f https://x/y", "fetch"),
            ("edit cm/x --validate=maybe", "strict, warn or ignore"),
            ("edit cm/x --kubeconfig=x", "mk8s --cluster NAME"),
            ("edit cm/x --nosuch", "--nosuch"),
        ] {
            assert!(read(line).unwrap_err().contains(word), "{line}: {:?}", read(line));
        }
    }
}
