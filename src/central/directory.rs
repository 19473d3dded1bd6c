//! The clusters that exist, the tokens of their agents, and what the agents said.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use secrecy::ExposeSecret as _;

use crate::access::TokenHash;
use crate::config::ConfigError;
use crate::config::central::Bootstrap;
use crate::config::secret::read_secret_file;
use crate::model::{ClusterFacts, ClusterId, ClusterName};

/// All clusters, by name.
pub struct Directory(BTreeMap<ClusterName, Entry>);

/// One cluster.
pub struct Entry {
    /// Identifies it.
    pub id: ClusterId,
    /// Names it.
    pub name: ClusterName,
    token: TokenHash,
    heard: Mutex<Heard>,
}

/// What was last heard from the agents of a cluster.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// When anything was heard.
    pub last_seen: Option<Timestamp>,
    /// The version of the agent that registered last; `None` since central's start if none did.
    pub agent_version: Option<String>,
    /// What it said of the cluster.
    pub facts: ClusterFacts,
}

impl Directory {
    /// The clusters that the configuration declares.
    pub fn bootstrap(bootstrap: &Bootstrap) -> Result<Self, ConfigError> {
        let mut clusters = BTreeMap::new();
        for declared in &bootstrap.clusters {
            let token = read_secret_file(&declared.token_file)?;
            let entry = Entry {
                id: ClusterId::generate(),
                name: declared.name.clone(),
                token: TokenHash::of(token.expose_secret()),
                heard: Mutex::default(),
            };
            clusters.insert(declared.name.clone(), entry);
        }
        Ok(Self(clusters))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// All, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.0.values()
    }

    /// The cluster with this name.
    pub fn by_name(&self, name: &ClusterName) -> Option<&Entry> {
        self.0.get(name)
    }

    /// The cluster with this identifier.
    pub fn by_id(&self, id: ClusterId) -> Option<&Entry> {
        self.0.values().find(|entry| entry.id == id)
    }

    /// The cluster whose agents have this token. Compares with every token, so that the time tells nothing.
    pub fn by_token(&self, token: &str) -> Option<&Entry> {
        let shown = TokenHash::of(token);
        self.0.values().fold(None, |found, entry| if entry.token.matches(&shown) { Some(entry) } else { found })
    }
}

impl Entry {
    /// What was last heard.
    pub fn heard(&self) -> Heard {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes that the cluster was heard of just now.
    pub fn hear(&self, change: impl FnOnce(&mut Heard)) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.last_seen = Some(Timestamp::now());
        change(&mut heard);
    }
}
