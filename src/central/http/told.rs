//! What the audit log says of the body of a request that changes something: only what is written out here.

use std::sync::{Arc, OnceLock};

use crate::model::RoleName;
use crate::model::session::{Login, PasswordChange, Refresh};
use crate::model::token::{ClusterChange, NewAgentToken, NewApiToken, NewCluster};
use crate::model::user::{NewUser, UserChange, UserRoles};
use crate::model::{CanI, RoleSpec};

/// Where the reader of a body leaves what the audit log says of it. In the extensions of requests that are recorded.
#[derive(Clone, Default)]
pub struct Note(Arc<OnceLock<String>>);

impl Note {
    /// Leaves it.
    pub fn leave(&self, text: String) {
        let _ = self.0.set(text);
    }

    /// What was left.
    pub fn text(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}

/// A body, in words without secrets.
pub trait Told {
    /// The words; none where there is nothing to say, or nothing that may be said.
    fn told(&self) -> Option<String> {
        None
    }
}

impl Told for Login {}
impl Told for Refresh {}
impl Told for PasswordChange {}
impl Told for CanI {}

impl Told for NewUser {
    fn told(&self) -> Option<String> {
        Some(format!("user {} with {}", self.email, roles(&self.roles)))
    }
}

impl Told for UserRoles {
    fn told(&self) -> Option<String> {
        Some(roles(&self.roles))
    }
}

impl Told for UserChange {
    fn told(&self) -> Option<String> {
        let state = self.disabled.map(|disabled| if disabled { "disabled" } else { "enabled" });
        let password = self.password.as_ref().map(|_| "another password");
        Some([state, password].into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

impl Told for NewCluster {
    fn told(&self) -> Option<String> {
        let labels: Vec<String> = self.labels.iter().map(|(key, value)| format!(" {key}={value}")).collect();
        Some(format!("cluster {}{}", self.name, labels.concat()))
    }
}

impl Told for ClusterChange {
    fn told(&self) -> Option<String> {
        let changes = self.labels.0.iter().map(|(key, value)| match value {
            Some(value) => format!(" {key}={value}"),
            None => format!(" {key}-"),
        });
        Some(format!("labels{}", changes.collect::<String>()))
    }
}

impl Told for NewAgentToken {
    fn told(&self) -> Option<String> {
        Some(self.expires_in_days.map_or_else(|| "without end".to_owned(), |days| format!("for {days} days")))
    }
}

impl Told for NewApiToken {
    fn told(&self) -> Option<String> {
        let with = self.roles.as_deref().map_or_else(|| "all roles of its owner".to_owned(), roles);
        Some(format!("token {:?} with {with}", self.name))
    }
}

impl Told for RoleSpec {
    fn told(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }
}

fn roles(names: &[RoleName]) -> String {
    match names {
        [] => "no roles".to_owned(),
        names => format!("roles {}", names.iter().map(RoleName::as_str).collect::<Vec<_>>().join(", ")),
    }
}
