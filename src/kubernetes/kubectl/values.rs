//! Values of allowed flags that would read or write files where kubectl runs, or show more than a user may see.

use super::Refusal;
use super::paths::{self, TEMPLATE_FILES};
use super::table::Command;

/// The most verbose log: above it kubectl prints the headers and bodies of its requests.
const MOST_VERBOSE: u8 = 6;

/// Formats of output that stand alone.
const FORMATS: &[&str] = &["", "name", "json", "yaml", "kyaml", "wide"];

/// Formats of output that come with a template, here or as `--template`.
const TEMPLATES: &[&str] = &["jsonpath", "jsonpath-as-json", "go-template", "template", "custom-columns"];

/// Formats that only `explain` has.
const EXPLANATIONS: &[&str] = &["plaintext", "plaintext-openapiv2"];

/// Refuses a value that is not harmless.
pub fn check(command: Command, flag: &str, value: Option<&str>) -> Result<(), Refusal> {
    let value = value.unwrap_or_default();
    paths::check_list(flag, value)?;
    if flag == "kustomize" {
        paths::check_kustomize(command, value)?;
    }
    let refused = match flag {
        "filename" => filename(command, value),
        "output" => output(command, value),
        "v" => verbosity(value),
        "raw" => raw(value),
        "output-directory" => (!matches!(value, "" | "-")).then(|| {
            "--output-directory would write files where kubectl runs: leave it out, and save what is printed".to_owned()
        }),
        _ => None,
    };
    refused.map_or(Ok(()), |text| Err(Refusal(text)))
}

fn filename(command: Command, value: &str) -> Option<String> {
    let is_url = |item: &str| ["http://", "https://"].iter().any(|scheme| item.starts_with(scheme));
    value.split(',').any(is_url).then(|| {
        let command = command.words;
        format!(
            "kubectl does not fetch URLs where it runs: fetch it yourself, `curl -fsSL URL | mk8s kubectl {command} -f -`"
        )
    })
}

fn output(command: Command, value: &str) -> Option<String> {
    let (format, template) = value.split_once('=').map_or((value, None), |(format, template)| (format, Some(template)));
    let known = TEMPLATES.contains(&format)
        || TEMPLATE_FILES.contains(&format)
        || template.is_none()
            && (FORMATS.contains(&format) || command.words == "explain" && EXPLANATIONS.contains(&format));
    if known {
        return None;
    }
    Some(
        "this format of output (-o) is not known: use one of name, json, yaml, kyaml, wide, jsonpath=…, jsonpath-as-json=…, \
         go-template=…, custom-columns=…, or jsonpath-file=…, go-template-file=…, custom-columns-file=…"
            .to_owned(),
    )
}

fn verbosity(value: &str) -> Option<String> {
    let calm = value.len() == 1 && value.parse::<u8>().is_ok_and(|level| level <= MOST_VERBOSE);
    (!calm).then(|| format!("-v may be 0 to {MOST_VERBOSE}: beyond that kubectl prints credentials and secrets"))
}

fn raw(value: &str) -> Option<String> {
    let path = value.starts_with('/') && !value.starts_with("//");
    (!path).then(|| "--raw needs the path of an API, which begins with one slash, such as /healthz".to_owned())
}
