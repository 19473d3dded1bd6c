//! The objects that are edited: which is which, and what was changed in each.

use serde_json::{Map, Value};

/// An object as it is in the cluster, as far as is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// All of it.
    pub value: Value,
    /// The version that stands in the text that is edited.
    shown: Option<String>,
    /// The version that it has by now.
    version: Option<String>,
}

/// What was made of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Which of the objects.
    pub index: usize,
    /// All of it, as it was edited.
    pub edited: Value,
    /// The merge patch that makes it so, which fails if anybody else has changed it, or if it is another object by that
    /// name; `None` if there is no change.
    pub patch: Option<Value>,
}

impl Object {
    /// One as it was read.
    pub fn new(value: Value) -> Self {
        let version = text(&value, &["metadata", "resourceVersion"]).map(str::to_owned);
        Self { value, shown: version.clone(), version }
    }

    /// Remembers that a change was made, and the version that it led to.
    pub fn changed(&mut self, edited: Value, now: &Value) {
        self.value = edited;
        self.version = text(now, &["metadata", "resourceVersion"]).map(str::to_owned);
    }

    /// The version of its API.
    pub fn api_version(&self) -> &str {
        text(&self.value, &["apiVersion"]).unwrap_or_default()
    }

    /// Its kind.
    pub fn kind(&self) -> &str {
        text(&self.value, &["kind"]).unwrap_or_default()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        text(&self.value, &["metadata", "name"]).unwrap_or_default()
    }

    /// Its namespace, if it is in one.
    pub fn namespace(&self) -> Option<&str> {
        text(&self.value, &["metadata", "namespace"])
    }

    /// How kubectl calls it: `deployment.apps/web`.
    pub fn title(&self) -> String {
        title(&self.value)
    }

    fn is(&self, other: &Value) -> bool {
        let uid = |value| text(value, &["metadata", "uid"]);
        match (uid(&self.value), uid(other)) {
            (Some(one), Some(other)) => one == other,
            _ => identity(&self.value) == identity(other),
        }
    }

    fn patch(&self, edited: &Value) -> Option<Value> {
        let mut patch = difference(&self.value, edited)?;
        let given = text(edited, &["metadata", "resourceVersion"]).map(str::to_owned);
        if let Some(metadata) = patch.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("resourceVersion");
            if metadata.is_empty() {
                patch.as_object_mut()?.remove("metadata");
            }
        }
        if patch.as_object()?.is_empty() {
            return None;
        }
        // Whoever writes another version into the text means that one.
        let version = given.filter(|given| Some(given) != self.shown.as_ref()).or_else(|| self.version.clone());
        let uid = text(&self.value, &["metadata", "uid"]).map(str::to_owned);
        for (key, value) in [("resourceVersion", version), ("uid", uid)] {
            let (Some(value), Some(patch)) = (value, patch.as_object_mut()) else { continue };
            let metadata = patch.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
            // Anything else than a map is refused by the cluster, with a reason.
            if let Some(metadata) = metadata.as_object_mut() {
                metadata.insert(key.to_owned(), value.into());
            }
        }
        Some(patch)
    }
}

/// What was made of each of the objects that are still in the text.
///
/// # Errors
/// Why the text cannot be right: what an object is, and which one, cannot be changed.
pub fn changes(objects: &[Object], edited: Vec<Value>) -> Result<Vec<Change>, String> {
    let mut changes: Vec<Change> = Vec::with_capacity(edited.len());
    for edited in edited {
        let Some((index, object)) = objects.iter().enumerate().find(|(_, object)| object.is(&edited)) else {
            return Err(format!("{} is none of the objects that are edited: {CANNOT}", title(&edited)));
        };
        if identity(&object.value) != identity(&edited) {
            return Err(format!("{} has become {}: {CANNOT}", object.title(), title(&edited)));
        }
        if changes.iter().any(|change| change.index == index) {
            return Err(format!("{} is in the file twice", object.title()));
        }
        changes.push(Change { index, patch: object.patch(&edited), edited });
    }
    Ok(changes)
}

const CANNOT: &str = "apiVersion, kind, name and namespace cannot be changed";

/// How kubectl calls an object.
fn title(value: &Value) -> String {
    let [version, kind, _, name] = identity(value).map(Option::unwrap_or_default);
    let group = version.rsplit_once('/').map(|(group, _)| format!(".{group}")).unwrap_or_default();
    format!("{}{group}/{name}", kind.to_lowercase())
}

/// What makes an object this one.
fn identity(value: &Value) -> [Option<&str>; 4] {
    [&["apiVersion"][..], &["kind"], &["metadata", "namespace"], &["metadata", "name"]].map(|path| text(value, path))
}

fn text<'a>(value: &'a Value, path: &[&str]) -> Option<&'a str> {
    path.iter().try_fold(value, |value, key| value.get(key))?.as_str()
}

/// The JSON merge patch (RFC 7386) that makes one value of another; `None` if they are the same.
fn difference(from: &Value, to: &Value) -> Option<Value> {
    match (from, to) {
        (Value::Object(from), Value::Object(to)) => {
            let gone = from.keys().filter(|key| !to.contains_key(*key)).map(|key| (key.clone(), Value::Null));
            let others = to.iter().filter_map(|(key, to)| match from.get(key) {
                Some(from) => Some((key.clone(), difference(from, to)?)),
                None => Some((key.clone(), to.clone())),
            });
            let patch: Map<String, Value> = gone.chain(others).collect();
            (!patch.is_empty()).then_some(Value::Object(patch))
        }
        (from, to) => (from != to).then(|| to.clone()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(version: &str, data: Value) -> Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "data": data,
               "metadata": {"name": "x", "namespace": "n", "uid": "u", "resourceVersion": version, "labels": {"a": "b"}}})
    }

    #[test]
    fn a_change_is_a_patch_of_what_differs_and_of_the_version() {
        let object = Object::new(map("5", json!({"a": "1", "b": "2", "c": ["x", "y"]})));
        assert_eq!(object.title(), "configmap/x");
        let change = |edited: Value| changes(std::slice::from_ref(&object), vec![edited]).unwrap().remove(0).patch;
        assert_eq!(change(object.value.clone()), None);
        assert_eq!(
            change(map("5", json!({"a": "1", "c": ["x"], "d": {"e": 1}}))),
            Some(
                json!({"data": {"b": null, "c": ["x"], "d": {"e": 1}}, "metadata": {"resourceVersion": "5", "uid": "u"}})
            )
        );
        let mut edited = object.value.clone();
        edited["metadata"]["labels"] = Value::Null;
        assert_eq!(change(edited), Some(json!({"metadata": {"labels": null, "resourceVersion": "5", "uid": "u"}})));
        let mut edited = map("5", json!({}));
        for key in ["resourceVersion", "uid"] {
            edited["metadata"].as_object_mut().unwrap().remove(key);
        }
        let patch = change(edited).unwrap();
        assert_eq!(patch["metadata"], json!({"resourceVersion": "5", "uid": "u"}), "they cannot be left out");
        assert_eq!(change(map("7", object.value["data"].clone())), None, "the version alone is no change");
        assert_eq!(change(map("7", json!({}))).unwrap()["metadata"]["resourceVersion"], "7", "but it can be chosen");
    }

    #[test]
    fn what_was_changed_already_is_not_changed_again() {
        let mut object = Object::new(map("5", json!({"a": "1"})));
        let edited = map("5", json!({"a": "2"}));
        object.changed(edited.clone(), &map("6", json!({"a": "2"})));
        let patch = |edited: Value| changes(std::slice::from_ref(&object), vec![edited]).unwrap().remove(0).patch;
        assert_eq!(patch(edited), None);
        let again = patch(map("5", json!({"a": "3"})));
        assert_eq!(again, Some(json!({"data": {"a": "3"}, "metadata": {"resourceVersion": "6", "uid": "u"}})));
    }

    #[test]
    fn objects_are_told_apart_and_stay_what_they_are() {
        let other = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x", "namespace": "n"}});
        let objects = [Object::new(map("5", json!({}))), Object::new(other.clone())];
        assert_eq!(objects[1].title(), "deployment.apps/x");
        let found = changes(&objects, vec![other.clone(), map("5", json!({}))]).unwrap();
        assert_eq!(found.iter().map(|change| change.index).collect::<Vec<_>>(), [1, 0]);
        assert_eq!(changes(&objects, vec![]), Ok(vec![]), "one that is left out stays as it is");
        let problem = |edited: Value| changes(&objects, vec![edited]).unwrap_err();
        let mut renamed = map("5", json!({}));
        renamed["metadata"]["name"] = "y".into();
        assert!(problem(renamed).starts_with("configmap/x has become configmap/y: "));
        let mut unknown = other.clone();
        unknown["kind"] = "StatefulSet".into();
        assert!(problem(unknown).starts_with("statefulset.apps/x is none of the objects"));
        assert!(changes(&objects, vec![other.clone(), other]).unwrap_err().contains("twice"));
        assert!(problem(json!([])).contains("none of the objects"));
    }
}
