//! The entries of mk8s in a kubeconfig: what they are, which of a file's are ours, and what has to change.
//!
//! One cluster and one context for each cluster, and one user for all of them, who gets his token from a program.

mod edit;
mod lines;

use serde::Serialize;
use serde_json::{Value, json};

pub use edit::edit;

/// The most bytes of a file that is edited; the certificates of a thousand clusters take less.
pub const MAX_BYTES: u64 = 16 << 20;

/// What the names of our entries begin with when nothing else was said.
pub const PREFIX: &str = "mk8s-";

/// Why a file is left as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KubeconfigError {
    /// It is no YAML that can be understood.
    #[error("it is not valid: {0}")]
    Invalid(String),
    /// It is written in a form in which no line can be changed without touching others.
    #[error("{0}, which mk8s does not edit")]
    Form(String),
    /// An entry of somebody else has a name that is needed.
    #[error("its {kind} {name:?} is not for {server}")]
    Taken {
        /// `cluster` or `context`.
        kind: &'static str,
        /// The name.
        name: String,
        /// The central that the entry would have to be for.
        server: String,
    },
}

/// The program that gives the token, as kubectl runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plugin {
    /// An absolute path, or a name to look up in `PATH`.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables that it needs beyond those that kubectl has.
    pub env: Vec<(String, String)>,
}

/// A central, as a kubeconfig names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hub {
    /// Its normalised URL.
    pub server: String,
    /// What the names of clusters and contexts begin with.
    pub prefix: String,
}

/// What a file shall hold of one central.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The names of clusters that shall have entries.
    pub clusters: Vec<String>,
    /// The authorities to trust for them, PEM in base64; without, the system's.
    pub authority: Option<String>,
    /// The name in central's certificate, if it is not the host of its URL.
    pub server_name: Option<String>,
    /// Where tokens come from.
    pub plugin: Plugin,
    /// Whether the entries of all other clusters of this central go.
    pub others_go: bool,
    /// The cluster whose context becomes the current one; without, the current one stays.
    pub current: Option<String>,
}

/// What a file has of one central.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// How many entries there are for its clusters.
    pub clusters: usize,
    /// The program that a user of them runs for a token.
    pub plugin: Option<String>,
}

/// An item of a list of a kubeconfig.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// All of it.
    pub value: Value,
    /// The same as lines of YAML, the first of which begins with `- `.
    pub text: String,
}

/// What is to be done with one list.
#[derive(Clone, Debug, Default)]
pub struct ListChange {
    /// The names of items that go.
    pub remove: Vec<String>,
    /// Items that are added, or take the place of those with their names.
    pub put: Vec<Entry>,
}

/// What is to be done with a file.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// The list `clusters`.
    pub clusters: ListChange,
    /// The list `contexts`.
    pub contexts: ListChange,
    /// The list `users`.
    pub users: ListChange,
    /// The new current context.
    pub current_context: Option<String>,
}

/// Lists with their names.
const CLUSTERS: &str = "clusters";
const CONTEXTS: &str = "contexts";
const USERS: &str = "users";
const CURRENT: &str = "current-context";

impl Change {
    /// The lists with their names, in the order in which a new file has them.
    fn lists(&self) -> [(&'static str, &ListChange); 3] {
        [(CLUSTERS, &self.clusters), (CONTEXTS, &self.contexts), (USERS, &self.users)]
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        let nothing = |list: &ListChange| list.remove.is_empty() && list.put.is_empty();
        self.current_context.is_none() && self.lists().iter().all(|(_, list)| nothing(list))
    }

    /// How many clusters are added or changed, and how many go.
    pub fn counts(&self) -> (usize, usize) {
        (self.clusters.put.len(), self.clusters.remove.len())
    }
}

impl Hub {
    /// The name of the cluster's entry and context.
    pub fn entry_name(&self, cluster: &str) -> String {
        format!("{}{cluster}", self.prefix)
    }

    /// The name of the one user. With another prefix it is another one: two people, or two roles of one, may share a file.
    pub fn user(&self) -> String {
        let (prefix, host) = (self.prefix.as_str(), self.host());
        if prefix == PREFIX { format!("mk8s@{host}") } else { format!("{prefix}user@{host}") }
    }

    /// Host and port.
    pub fn host(&self) -> &str {
        self.server.split_once("://").map_or(self.server.as_str(), |(_, host)| host)
    }

    fn url(&self, cluster: &str) -> String {
        format!("{}/clusters/{cluster}/k8s", self.server)
    }

    /// The clusters that a file has entries of ours for.
    fn owned(&self, file: &Value) -> Vec<String> {
        let name = |entry: &Value| entry["name"].as_str()?.strip_prefix(&self.prefix).map(str::to_owned);
        let ours = |entry: &&Value| name(entry).is_some_and(|name| self.owns(entry, &name));
        items(file, CLUSTERS).iter().filter(ours).filter_map(name).collect()
    }

    /// What a file has for this central, whatever its entries are called.
    ///
    /// # Errors
    /// [`KubeconfigError::Invalid`].
    pub fn found(&self, text: &str) -> Result<Found, KubeconfigError> {
        let file = parse(text)?;
        let is_ours = |entry: &&Value| {
            let path = entry["cluster"]["server"].as_str().and_then(|url| url.strip_prefix(self.server.as_str()));
            let name = path.and_then(|path| path.strip_prefix("/clusters/")?.strip_suffix("/k8s"));
            name.is_some_and(|name| !name.contains('/'))
        };
        let clusters: Vec<&Value> = items(&file, CLUSTERS).iter().filter(is_ours).map(|entry| &entry["name"]).collect();
        let contexts = items(&file, CONTEXTS).iter().map(|entry| &entry["context"]);
        let users = contexts.filter(|context| clusters.contains(&&context["cluster"])).map(|context| &context["user"]);
        let program = |user: &Value| find(&file, USERS, user.as_str()?)?["user"]["exec"]["command"].as_str();
        Ok(Found { clusters: clusters.len(), plugin: users.filter_map(program).next().map(str::to_owned) })
    }

    fn owns(&self, entry: &Value, cluster: &str) -> bool {
        entry["cluster"]["server"].as_str() == Some(&self.url(cluster))
    }

    fn owns_context(&self, entry: &Value, name: &str) -> bool {
        let context = &entry["context"];
        context["cluster"].as_str() == Some(name) && context["user"].as_str() == Some(&self.user())
    }

    /// What makes a file hold what is wanted.
    ///
    /// # Errors
    /// [`KubeconfigError::Taken`], and [`KubeconfigError::Invalid`] for a file that cannot be read.
    pub fn put(&self, text: &str, wanted: &Wanted) -> Result<Change, KubeconfigError> {
        let file = parse(text)?;
        let mut change = Change::default();
        if wanted.others_go {
            let gone: Vec<String> =
                self.owned(&file).into_iter().filter(|name| !wanted.clusters.contains(name)).collect();
            self.remove_entries(&file, &gone, &mut change);
        }
        for cluster in &wanted.clusters {
            let name = self.entry_name(cluster);
            let taken = |kind| KubeconfigError::Taken { kind, name: name.clone(), server: self.server.clone() };
            let entry = self.cluster(cluster, wanted)?;
            match find(&file, CLUSTERS, &name) {
                Some(found) if !self.owns(found, cluster) => return Err(taken("cluster")),
                Some(found) if without_nulls(found) == entry.value => {}
                _ => change.clusters.put.push(entry),
            }
            match find(&file, CONTEXTS, &name) {
                Some(found) if !self.owns_context(found, &name) => return Err(taken("context")),
                // It may have got a namespace meanwhile.
                Some(_) => {}
                None => change.contexts.put.push(self.context(&name)?),
            }
        }
        let user = user(&self.user(), &wanted.plugin)?;
        if find(&file, USERS, &user.name).is_none_or(|found| without_nulls(found) != user.value) {
            change.users.put.push(user);
        }
        let current = wanted.current.as_deref().map(|cluster| self.entry_name(cluster));
        change.current_context = current.filter(|name| file[CURRENT].as_str() != Some(name));
        Ok(change)
    }

    /// What takes the entries of these clusters out of a file, or all of this central.
    ///
    /// # Errors
    /// [`KubeconfigError::Invalid`].
    pub fn remove(&self, text: &str, clusters: Option<&[String]>) -> Result<Change, KubeconfigError> {
        let file = parse(text)?;
        let owned = self.owned(&file);
        let gone: Vec<String> =
            owned.into_iter().filter(|name| clusters.is_none_or(|clusters| clusters.contains(name))).collect();
        let mut change = Change::default();
        self.remove_entries(&file, &gone, &mut change);
        let user = self.user();
        let stays = |entry: &Value| {
            let removed = entry["name"].as_str().is_some_and(|name| change.contexts.remove.iter().any(|n| n == name));
            !removed && entry["context"]["user"].as_str() == Some(&user)
        };
        // A context that somebody else has made may need the user.
        if find(&file, USERS, &user).is_some() && !items(&file, CONTEXTS).iter().any(stays) {
            change.users.remove.push(user);
        }
        Ok(change)
    }

    fn remove_entries(&self, file: &Value, clusters: &[String], change: &mut Change) {
        for name in clusters.iter().map(|cluster| self.entry_name(cluster)) {
            if find(file, CONTEXTS, &name).is_some_and(|entry| self.owns_context(entry, &name)) {
                change.contexts.remove.push(name.clone());
            }
            change.clusters.remove.push(name);
        }
    }

    fn cluster(&self, cluster: &str, wanted: &Wanted) -> Result<Entry, KubeconfigError> {
        #[derive(Serialize)]
        struct Item<'a> {
            name: &'a str,
            cluster: Cluster<'a>,
        }
        #[derive(Serialize)]
        #[serde(rename_all = "kebab-case")]
        struct Cluster<'a> {
            server: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            certificate_authority_data: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            tls_server_name: Option<&'a str>,
        }
        let (name, server) = (self.entry_name(cluster), self.url(cluster));
        let cluster = Cluster {
            server: &server,
            certificate_authority_data: wanted.authority.as_deref(),
            tls_server_name: wanted.server_name.as_deref(),
        };
        Entry::new(&name, &Item { name: &name, cluster })
    }

    fn context(&self, name: &str) -> Result<Entry, KubeconfigError> {
        #[derive(Serialize)]
        struct Item<'a> {
            name: &'a str,
            context: Context<'a>,
        }
        #[derive(Serialize)]
        struct Context<'a> {
            cluster: &'a str,
            user: &'a str,
        }
        Entry::new(name, &Item { name, context: Context { cluster: name, user: &self.user() } })
    }
}

fn user(name: &str, plugin: &Plugin) -> Result<Entry, KubeconfigError> {
    #[derive(Serialize)]
    struct Item<'a> {
        name: &'a str,
        user: User<'a>,
    }
    #[derive(Serialize)]
    struct User<'a> {
        exec: Exec<'a>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Exec<'a> {
        api_version: &'a str,
        command: &'a str,
        args: &'a [String],
        #[serde(skip_serializing_if = "Vec::is_empty")]
        env: Vec<Value>,
        interactive_mode: &'a str,
        provide_cluster_info: bool,
        install_hint: &'a str,
    }
    let exec = Exec {
        api_version: "client.authentication.k8s.io/v1",
        command: &plugin.command,
        args: &plugin.args,
        env: plugin.env.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect(),
        interactive_mode: "Never",
        provide_cluster_info: false,
        install_hint: "the program mk8s is not where it was: install it, then run mk8s kubeconfig write again",
    };
    Entry::new(name, &Item { name, user: User { exec } })
}

impl Entry {
    fn new(name: &str, item: &impl Serialize) -> Result<Self, KubeconfigError> {
        let invalid = |e: &dyn std::fmt::Display| KubeconfigError::Invalid(e.to_string());
        let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
        let text = serde_saphyr::to_string_with_options(&[item], options).map_err(|e| invalid(&e))?;
        let value = serde_json::to_value(item).map_err(|e| invalid(&e))?;
        Ok(Self { name: name.to_owned(), value, text })
    }
}

/// The meaning of a file; null for an empty one.
fn parse(text: &str) -> Result<Value, KubeconfigError> {
    let options = serde_saphyr::options! { with_snippet: false };
    let value: Value = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        // The library's words could repeat a value, which may be a credential.
        let place = error.location().map(|at| format!(" (line {}, column {})", at.line(), at.column()));
        KubeconfigError::Invalid(format!("no kubeconfig in YAML{}", place.unwrap_or_default()))
    })?;
    for list in [CLUSTERS, CONTEXTS, USERS] {
        if !matches!(value[list], Value::Null | Value::Array(_)) {
            return Err(KubeconfigError::Invalid(format!("{list} is no list")));
        }
    }
    match value {
        Value::Null | Value::Object(_) => Ok(value),
        _ => Err(KubeconfigError::Invalid("no kubeconfig in YAML".into())),
    }
}

fn items<'a>(file: &'a Value, list: &str) -> &'a [Value] {
    file[list].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn find<'a>(file: &'a Value, list: &str, name: &str) -> Option<&'a Value> {
    items(file, list).iter().find(|entry| entry["name"].as_str() == Some(name))
}

/// kubectl writes `null` for what is not there.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(keys) => {
            let keys = keys.iter().filter(|(_, value)| !value.is_null());
            Value::Object(keys.map(|(key, value)| (key.clone(), without_nulls(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(without_nulls).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests;
