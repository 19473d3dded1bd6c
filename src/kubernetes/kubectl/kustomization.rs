//! What a kustomization refers to: kubectl may neither fetch anything nor leave the directory that came along.

use std::collections::HashSet;
use std::io::Read;

use serde_json::Value;

use super::Refusal;
use super::paths::{is_remote, resolve};

/// The files that make a directory a kustomization.
const FILES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Fields that list files and directories.
const PLACES: [&str; 6] = ["resources", "bases", "components", "crds", "configurations", "patchesStrategicMerge"];

/// Fields that list files and directories whose content refers to files in turn.
const PLUGINS: [&str; 3] = ["generators", "transformers", "validators"];

/// Fields whose items have the path of a file.
const PATCHES: [&str; 3] = ["patches", "patchesJson6902", "replacements"];

/// Fields whose items have lists of files, as `name=path`.
const GENERATORS: [&str; 2] = ["configMapGenerator", "secretGenerator"];

/// The largest file that is looked at; kubectl's own are far smaller.
const MAX_KUSTOMIZATION_BYTES: u64 = 1 << 20;

/// What there is under a name.
pub enum Found {
    /// Nothing that could be read.
    Nothing,
    /// A directory.
    Directory,
    /// A file with this text.
    File(String),
    /// A file of more than 1 MiB, which is not read.
    Large,
}

impl Found {
    /// A file, which is not read beyond what is looked at.
    pub fn file(file: impl Read) -> Self {
        let mut bytes = Vec::new();
        match file.take(MAX_KUSTOMIZATION_BYTES + 1).read_to_end(&mut bytes) {
            Ok(_) if bytes.len() as u64 > MAX_KUSTOMIZATION_BYTES => Self::Large,
            Ok(_) => Self::File(String::from_utf8_lossy(&bytes).into_owned()),
            Err(_) => Self::Nothing,
        }
    }
}

/// Refuses a kustomization that refers to another machine, or to something outside of its directory.
///
/// `top` is that directory, from the root; `find` tells what there is under such a name.
///
/// # Errors
/// The first such reference, by its name.
pub fn check(top: &str, find: impl Fn(&str) -> Found) -> Result<(), Refusal> {
    let (mut left, mut seen) = (vec![top.to_owned()], HashSet::new());
    while let Some(directory) = left.pop() {
        if !seen.insert(directory.clone()) {
            continue;
        }
        for name in FILES {
            let path = join(&directory, name);
            let text = match find(&path) {
                Found::Nothing | Found::Directory => continue,
                Found::Large => return Err(large(top, &path)),
                Found::File(text) => text,
            };
            for reference in references(&text).ok_or_else(|| unclear(top, &path))? {
                if reference.is_remote() {
                    return Err(remote(top, &path, &reference.text));
                }
                if reference.is_inline() {
                    continue;
                }
                let inside = resolve(&directory, &reference.text).filter(|place| is_in(top, place));
                let place = inside.ok_or_else(|| outside(top, &path, &reference.text))?;
                match find(&place) {
                    Found::Directory => left.push(place),
                    Found::File(text) if reference.is_plugin && names_address(&text) => {
                        return Err(remote(top, &path, &reference.text));
                    }
                    Found::Large if reference.is_plugin => return Err(large(top, &place)),
                    Found::File(_) | Found::Large | Found::Nothing => {}
                }
            }
        }
    }
    Ok(())
}

/// Something that a kustomization refers to.
struct Reference {
    text: String,
    is_plugin: bool,
}

impl Reference {
    /// An object in the place of a file that has one.
    fn is_inline(&self) -> bool {
        self.text.contains('\n') || self.text.trim_start().starts_with('{')
    }

    fn is_remote(&self) -> bool {
        match self.is_inline() {
            true => self.is_plugin && names_address(&self.text),
            false => is_remote(&self.text),
        }
    }
}

/// All references; `None` if it cannot be read and could have an address in it.
fn references(text: &str) -> Option<Vec<Reference>> {
    let options = serde_saphyr::options! { with_snippet: false };
    let Ok(root) = serde_saphyr::from_str_with_options::<Value>(text, options) else {
        // kubectl complains too.
        return (!names_address(text)).then(Vec::new);
    };
    let mut found = Vec::new();
    let mut add = |value: &Value, is_plugin: bool| {
        found.extend(value.as_str().map(|text| Reference { text: text.to_owned(), is_plugin }));
    };
    for (fields, is_plugin) in [(&PLACES[..], false), (&PLUGINS[..], true)] {
        fields.iter().flat_map(|field| items(&root[*field])).for_each(|item| add(item, is_plugin));
    }
    PATCHES.iter().flat_map(|field| items(&root[*field])).for_each(|item| add(&item["path"], false));
    for generator in GENERATORS.iter().flat_map(|field| items(&root[*field])) {
        for item in items(&generator["files"]) {
            let path = item.as_str().map(|text| text.split_once('=').map_or(text, |(_, path)| path));
            add(&path.map_or(Value::Null, Value::from), false);
        }
        items(&generator["envs"]).chain([&generator["env"]]).for_each(|item| add(item, false));
    }
    add(&root["openapi"]["path"], false);
    Some(found)
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Whether a text has the address of a file in it.
fn names_address(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.contains("http://") || text.contains("https://")
}

fn is_in(top: &str, place: &str) -> bool {
    top.is_empty() || place.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

/// A path as it is seen from the directory of the kustomization.
fn seen_from<'a>(top: &str, path: &'a str) -> &'a str {
    path.strip_prefix(top).unwrap_or(path).trim_start_matches('/')
}

fn outside(top: &str, path: &str, reference: &str) -> Refusal {
    Refusal(format!(
        "{reference:?}, to which {} refers, is outside of the directory of -k, and only that is sent: name a directory \
         that has all of it inside, or send what it makes: `kubectl kustomize DIRECTORY | mk8s kubectl apply -f -`",
        seen_from(top, path)
    ))
}

fn remote(top: &str, path: &str, reference: &str) -> Refusal {
    let shown: String = reference.chars().take(200).collect();
    Refusal(format!(
        "{shown:?}, to which {} refers, is on another machine, and kubectl fetches nothing where it runs: fetch it into \
         the directory of -k, or send what it makes: `kubectl kustomize DIRECTORY | mk8s kubectl apply -f -`",
        seen_from(top, path)
    ))
}

fn large(top: &str, path: &str) -> Refusal {
    Refusal(format!("{} has more than 1 MiB, which no kustomization needs: divide it", seen_from(top, path)))
}

fn unclear(top: &str, path: &str) -> Refusal {
    Refusal(format!("{} cannot be read as YAML, and has an address in it: correct it", seen_from(top, path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of the kustomization `top` in these files.
    fn verdict(files: &[(&str, &str)]) -> Result<(), String> {
        let find = |name: &str| match files.iter().find(|(file, _)| *file == name) {
            Some((_, text)) => Found::File((*text).to_owned()),
            None if files.iter().any(|(file, _)| file.starts_with(&format!("{name}/"))) => Found::Directory,
            None => Found::Nothing,
        };
        check("a/top", find).map_err(|refusal| refusal.0)
    }

    #[test]
    fn what_is_inside_is_accepted() {
        let inside = "resources: [base, ./x.yaml, sub/../y.yaml]\nnamePrefix: https-\n\
                      configMapGenerator: [{name: c, files: [x, k=x], literals: [u=https://x], envs: [e]}]\n\
                      patches: [{path: p.yaml}, {patch: 'a: https://x'}]\ncommonAnnotations: {u: https://x}\n\
                      transformers: ['{a: b}', t.yaml]\n";
        verdict(&[("a/top/kustomization.yaml", inside), ("a/top/base/kustomization.yml", "resources: [../x.yaml]")])
            .unwrap();
        verdict(&[]).unwrap();
        verdict(&[("a/top/kustomization.yaml", "a: [")]).unwrap();
        // Nobody refers to it.
        verdict(&[("a/top/other/kustomization.yaml", "resources: [https://x]")]).unwrap();
    }

    #[test]
    fn what_is_not_read_to_its_end_is_refused() {
        let large = vec![b'#'; 2 << 20];
        assert!(matches!(Found::file(&large[..]), Found::Large));
        let all = |name: &str| if name.ends_with(".yaml") { Found::file(&large[..]) } else { Found::Nothing };
        assert!(check("a", all).unwrap_err().0.contains("more than 1 MiB"));
    }

    #[test]
    fn what_is_outside_or_elsewhere_is_named() {
        for (text, named) in [
            ("resources: [../base]", "../base"),
            ("resources: [x, /etc/passwd]", "/etc/passwd"),
            ("bases: [../../..]", "../../.."),
            ("components: [sub/../../x]", "sub/../../x"),
            ("patches: [{path: ../p.yaml}]", "../p.yaml"),
            ("configMapGenerator: [{name: c, files: [k=../x]}]", "../x"),
            ("secretGenerator: [{name: c, envs: [../x]}]", "../x"),
            ("secretGenerator: [{name: c, env: /x}]", "/x"),
            ("resources: [../top2]", "../top2"),
            ("openapi: {path: ../x}", "../x"),
        ] {
            let why = verdict(&[("a/top/kustomization.yaml", text)]).unwrap_err();
            assert!(why.contains(&format!("{named:?}")) && why.contains("outside"), "{text}: {why}");
        }
        for text in [
            "resources: [https://x/y.yaml]",
            "resources: [HTTP://169.254.169.254/]",
            "resources: [\"\\x68ttps://x\"]",
            "resources: [github.com/x/y//z?ref=v1]",
            "bases: [git@github.com:x/y]",
            "configMapGenerator: [{name: c, files: [k=http://x]}]",
            "generators: ['{kind: ConfigMapGenerator, files: [x=http://y]}']",
            "generators: [g.yaml]",
            "crds: [http://x]",
            "{a: [http://x",
        ] {
            let files = [("a/top/Kustomization", text), ("a/top/g.yaml", "files: [x=http://y]")];
            assert!(verdict(&files).unwrap_err().contains("Kustomization"), "{text}");
        }
        let why = verdict(&[
            ("a/top/kustomization.yaml", "resources: [base]"),
            ("a/top/base/kustomization.yaml", "resources: [../../x]"),
        ]);
        assert!(why.unwrap_err().contains("base/kustomization.yaml"));
    }
}
