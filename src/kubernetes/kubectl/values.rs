//! Values of allowed flags that would read or write files where kubectl runs, or show more than a user may see.

use super::Refusal;
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
    let command = command.words;
    match value {
        "-" => None,
        "/dev/stdin" | "/dev/fd/0" | "/proc/self/fd/0" => {
            Some(format!("standard input is called -: `mk8s kubectl {command} -f -`"))
        }
        _ if value.starts_with("http://") || value.starts_with("https://") => Some(format!(
            "kubectl does not fetch URLs where it runs: fetch it yourself, `curl -fsSL URL | mk8s kubectl {command} -f -`"
        )),
        _ => Some(format!(
            "kubectl runs in the cluster and cannot see your files, only standard input can be sent: \
             `mk8s kubectl {command} -f - < FILE`"
        )),
    }
}

fn output(command: Command, value: &str) -> Option<String> {
    let (format, template) = value.split_once('=').map_or((value, None), |(format, template)| (format, Some(template)));
    let known = TEMPLATES.contains(&format)
        || template.is_none()
            && (FORMATS.contains(&format) || command.words == "explain" && EXPLANATIONS.contains(&format));
    if known {
        return None;
    }
    Some(match format {
        "go-template-file" | "templatefile" | "jsonpath-file" | "custom-columns-file" => {
            let inline = match format {
                "templatefile" => "go-template",
                _ => format.strip_suffix("-file").unwrap_or(format),
            };
            format!(
                "-o {format} would read a file where kubectl runs: give the template itself, `-o {inline}=\"$(cat FILE)\"`"
            )
        }
        _ => "this format of output (-o) is not known: use one of name, json, yaml, kyaml, wide, jsonpath=…, \
              jsonpath-as-json=…, go-template=…, custom-columns=…"
            .to_owned(),
    })
}

fn verbosity(value: &str) -> Option<String> {
    let calm = value.len() == 1 && value.parse::<u8>().is_ok_and(|level| level <= MOST_VERBOSE);
    (!calm).then(|| format!("-v may be 0 to {MOST_VERBOSE}: beyond that kubectl prints credentials and secrets"))
}

fn raw(value: &str) -> Option<String> {
    let path = value.starts_with('/') && !value.starts_with("//");
    (!path).then(|| "--raw needs the path of an API, which begins with one slash, such as /healthz".to_owned())
}
