//! What a command certainly asks of the API server, so that central can refuse at once what the agent would refuse.
//!
//! Nothing here gives a right, and nothing may be refused that could succeed. So it stays with what kubectl asks for in
//! each case, whatever the cluster answers; where that depends on anything else, it says nothing.

use super::builtin;
use super::command_line::Need;
use super::words::Words;
use crate::kubernetes::attributes::{Attributes, needed};
use crate::kubernetes::built_in_resources::BuiltIn;
use crate::kubernetes::request_info::RequestInfo;
use crate::kubernetes::target::Target;

/// What a command certainly asks for, if it uses this namespace where it names none.
pub fn of(words: &Words, namespace: &str) -> Vec<Need> {
    if words.is_on("help") {
        return Vec::new();
    }
    if let Some(path) = words.value("raw") {
        return raw(words.command.words, path);
    }
    // An object of a file may have any type and its own namespace.
    let unknown = ["filename", "kustomize", "local", "overrides", "interactive"].iter().any(|flag| words.has(flag));
    // One that is given without a value stands for something that depends on the version.
    let dry = words.has("dry-run") && !matches!(words.value("dry-run"), Some("none" | "server"));
    if unknown {
        return Vec::new();
    }
    let named = words.value("namespace").filter(|name| !name.is_empty());
    Asker { words, namespace: named.unwrap_or(namespace), dry }.needs()
}

/// A path that is named on the command line.
fn raw(command: &str, path: &str) -> Vec<Need> {
    let method = match command {
        "get" => "GET",
        "create" => "POST",
        "replace" => "PUT",
        "delete" => "DELETE",
        _ => return Vec::new(),
    };
    let Ok(target) = Target::parse(path) else { return Vec::new() };
    let Ok(info) = RequestInfo::of(method, &target) else { return Vec::new() };
    needed(&info, &target, None).into_iter().map(|attributes| Need { any: vec![attributes] }).collect()
}

/// An object, or all of a type.
#[derive(Clone, Copy)]
struct Object<'a> {
    resource: &'static BuiltIn,
    name: Option<&'a str>,
}

struct Asker<'a> {
    words: &'a Words,
    namespace: &'a str,
    /// Whether nothing is changed.
    dry: bool,
}

impl Asker<'_> {
    fn needs(&self) -> Vec<Need> {
        let command = self.words.command.words;
        match command {
            "get" | "describe" | "wait" | "label" | "annotate" | "taint" | "set image" | "set env"
            | "set resources" | "set selector" | "set serviceaccount" | "set subject" | "autoscale" | "expose"
            | "rollout history" | "rollout status" | "rollout undo" => self.reads(),
            "patch" => self.changes(&["patch"], self.words.value("subresource").unwrap_or_default()),
            "rollout restart" | "rollout pause" | "rollout resume" => self.changes(&["patch"], ""),
            "scale" => self.changes(&["patch", "update"], "scale"),
            "delete" => self.deletes(),
            "cordon" | "uncordon" | "drain" => self.nodes(),
            "logs" => self.pod(&[("get", "log")]),
            "exec" => self.pod(&[("create", "exec")]),
            "attach" => self.pod(&[("create", "attach")]),
            "debug" => self.pod(&[("patch", "ephemeralcontainers"), ("update", "ephemeralcontainers"), ("create", "")]),
            "run" => self.creates("pods", None, ""),
            "create token" => self.creates("serviceaccounts", self.arguments().first().copied(), "token"),
            "top pod" => self.metrics("pods", true),
            "top node" => self.metrics("nodes", false),
            "events" => self.events(),
            _ => match command.strip_prefix("create ").and_then(created) {
                Some(plural) => self.creates(plural, None, ""),
                None => Vec::new(),
            },
        }
    }

    /// The objects are got or listed first, whatever happens to them then.
    fn reads(&self) -> Vec<Need> {
        if self.words.has("subresource") {
            return Vec::new();
        }
        let objects = self.objects(self.arguments());
        let watches = ["watch", "watch-only"].iter().any(|flag| self.words.has(flag));
        // Any is enough: describe lists when it finds nothing, wait goes on with what it is told.
        one(objects.iter().flat_map(|object| {
            let verbs: &[&str] = match self.words.command.words {
                "get" if object.name.is_some() && !watches => &["get"],
                "get" if !watches => &["list"],
                _ => &["get", "list", "watch"],
            };
            verbs.iter().flat_map(|verb| self.attributes(verb, *object, ""))
        }))
    }

    /// The objects are got or listed, and then changed.
    fn changes(&self, verbs: &[&str], subresource: &str) -> Vec<Need> {
        let objects = self.objects(self.arguments());
        let reads = objects.iter().flat_map(|object| {
            ["get", "list"].map(|verb| self.attributes(verb, *object, "")).into_iter().flatten().chain(
                // A subresource is got in place of the object.
                (!subresource.is_empty()).then(|| self.attributes("get", *object, subresource)).into_iter().flatten(),
            )
        });
        let mut needs = one(reads);
        // With a selector there may be nothing to change.
        if !self.dry && objects.iter().all(|object| object.name.is_some()) {
            let changes = objects.iter().flat_map(|object| verbs.iter().map(move |verb| (verb, object)));
            needs.extend(one(changes.flat_map(|(verb, object)| self.attributes(verb, *object, subresource))));
        }
        needs
    }

    /// Named objects are deleted without a look, others are listed first.
    fn deletes(&self) -> Vec<Need> {
        if self.dry {
            return Vec::new();
        }
        let objects = self.objects(self.arguments());
        one(objects
            .iter()
            .flat_map(|object| self.attributes(if object.name.is_some() { "delete" } else { "list" }, *object, "")))
    }

    fn nodes(&self) -> Vec<Need> {
        let Some(resource) = builtin::named("nodes") else { return Vec::new() };
        let names = self.arguments();
        // `node/x` is a name too, and so is that of another type.
        if names.iter().any(|name| name.contains('/')) {
            return Vec::new();
        }
        let names = if names.is_empty() { vec![None] } else { names.into_iter().map(Some).collect() };
        one(names.into_iter().flat_map(|name| {
            ["get", "list"].into_iter().flat_map(move |verb| self.attributes(verb, Object { resource, name }, ""))
        }))
    }

    /// A pod is got, alone or through its owner, and then one of these is done with it.
    fn pod(&self, then: &[(&str, &str)]) -> Vec<Need> {
        let (Some(pods), Some(word)) = (builtin::named("pods"), self.arguments().first().copied()) else {
            return Vec::new();
        };
        let single = self.words.arguments.len() == 1 || self.words.command.words == "logs";
        let selected = ["selector", "all-pods", "all-containers"].iter().any(|flag| self.words.has(flag));
        if !single || selected {
            return Vec::new();
        }
        let object = match word.split_once('/') {
            None => Object { resource: pods, name: Some(word) },
            Some((kind, name)) => match builtin::named(kind) {
                Some(resource) if !name.is_empty() => Object { resource, name: Some(name) },
                _ => return Vec::new(),
            },
        };
        let mut needs = one(self.attributes("get", object, ""));
        if object.resource == pods || self.words.command.words == "exec" {
            let pod = Object { resource: pods, name: object.name.filter(|_| object.resource == pods) };
            needs.extend(one(then.iter().flat_map(|(verb, subresource)| self.attributes(verb, pod, subresource))));
        }
        needs
    }

    fn creates(&self, plural: &str, name: Option<&str>, subresource: &str) -> Vec<Need> {
        // Without a name kubectl complains before it asks for anything.
        let Some(resource) = builtin::named(plural).filter(|_| !self.dry && !self.words.arguments.is_empty()) else {
            return Vec::new();
        };
        one(self.attributes("create", Object { resource, name }, subresource))
    }

    fn metrics(&self, plural: &str, namespaced: bool) -> Vec<Need> {
        let everywhere = self.words.is_on("all-namespaces") || !namespaced;
        one(["get", "list"].map(|verb| Attributes::Resource {
            verb: verb.to_owned(),
            group: "metrics.k8s.io".to_owned(),
            resource: plural.to_owned(),
            subresource: String::new(),
            namespace: (!everywhere).then(|| self.namespace.to_owned()),
            name: self.arguments().first().map(|name| (*name).to_owned()).filter(|_| verb == "get"),
        }))
    }

    /// Events have two groups, and it depends on the version which one kubectl asks for.
    fn events(&self) -> Vec<Need> {
        let everywhere = self.words.is_on("all-namespaces");
        one(["", "events.k8s.io"].into_iter().flat_map(|group| {
            ["list", "watch"].map(|verb| Attributes::Resource {
                verb: verb.to_owned(),
                group: group.to_owned(),
                resource: "events".to_owned(),
                subresource: String::new(),
                namespace: (!everywhere).then(|| self.namespace.to_owned()),
                name: None,
            })
        }))
    }

    /// What is asked for an object: one possibility, or two where it is not certain which namespace counts.
    fn attributes(&self, verb: &str, object: Object<'_>, subresource: &str) -> Vec<Attributes> {
        let everywhere = !object.resource.namespaced || self.words.is_on("all-namespaces");
        let attributes = |namespace: Option<&str>| Attributes::Resource {
            verb: verb.to_owned(),
            group: object.resource.group.to_owned(),
            resource: object.resource.name.to_owned(),
            subresource: subresource.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: object.name.filter(|_| verb != "list" && verb != "watch").map(str::to_owned),
        };
        let mut all = vec![attributes((!everywhere).then_some(self.namespace))];
        // A namespace is an object in itself too.
        if object.resource.name == "namespaces" {
            all.extend(object.name.map(|name| attributes(Some(name))));
        }
        all
    }

    /// The arguments, those after `--` included, as kubectl sees them unless it asks where `--` was.
    fn arguments(&self) -> Vec<&str> {
        let asks = matches!(self.words.command.words, "exec" | "debug" | "run");
        let rest = self.words.rest.iter().flatten().filter(|_| !asks);
        self.words.arguments.iter().chain(rest).map(String::as_str).collect()
    }

    /// The objects that the arguments name: `TYPE[,TYPE] [NAME…]` or `TYPE/NAME…`; none if any is not certain.
    fn objects<'w>(&self, arguments: Vec<&'w str>) -> Vec<Object<'w>> {
        let (mut objects, mut arguments) = (Vec::new(), arguments.into_iter().peekable());
        // What is set or changed comes after the objects, and is none.
        let is_change = |word: &str| word.contains('=') || word.ends_with('-');
        if arguments.peek().is_some_and(|first| first.contains('/')) {
            for word in arguments.take_while(|word| !is_change(word)) {
                let Some((kind, name)) = word.split_once('/') else { return Vec::new() };
                let Some(resource) = builtin::named(kind).filter(|_| !name.is_empty()) else { return Vec::new() };
                objects.push(Object { resource, name: Some(name) });
            }
            return objects;
        }
        let Some(types) = arguments.next() else { return Vec::new() };
        let names: Vec<&str> = arguments.take_while(|word| !is_change(word)).collect();
        for name in types.split(',') {
            let Some(resource) = builtin::named(name) else { return Vec::new() };
            match &names[..] {
                [] => objects.push(Object { resource, name: None }),
                names => objects.extend(names.iter().map(|name| Object { resource, name: Some(*name) })),
            }
        }
        objects
    }
}

/// The resource that a command such as `create configmap` creates.
fn created(kind: &str) -> Option<&'static str> {
    let name = match kind.split(' ').next()? {
        "quota" => "resourcequotas",
        name => name,
    };
    builtin::named(name).map(|resource| resource.name)
}

/// One need of alternatives; none if there are none.
fn one(any: impl IntoIterator<Item = Attributes>) -> Vec<Need> {
    let any: Vec<Attributes> = any.into_iter().collect();
    if any.is_empty() { Vec::new() } else { vec![Need { any }] }
}

#[cfg(test)]
mod tests;
