//! The policy: what the roles of a caller allow in one cluster.

use crate::kubernetes::attributes::Attributes;
use crate::model::{ClusterName, ClusterRules, Permission, Role, RoleName};

/// What the roles of one caller allow in one cluster, ready to decide.
#[derive(Debug, Default)]
pub struct Policy {
    rules: ClusterRules,
}

/// Whether a request may go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It may.
    Allowed {
        /// The role that permits it; `None` for what everyone may who may do anything in the cluster.
        role: Option<RoleName>,
    },
    /// It may not.
    Denied {
        /// What is missing, or which role denies it: a sentence for the user, without a full stop.
        why: String,
    },
}

/// What is wrong with a permission: the place in it, such as `verbs[1]`, and the problem.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct InvalidPermission {
    /// Where.
    pub place: String,
    /// What, and what to write instead.
    pub problem: String,
}

/// Checks the patterns of a permission.
///
/// # Errors
/// The first thing that is wrong.
pub fn check_permission(_permission: &Permission) -> Result<(), InvalidPermission> {
    Ok(())
}

/// What these roles say about a cluster; roles that say nothing are left out.
pub fn rules_for<'a>(_roles: impl IntoIterator<Item = &'a Role>, _cluster: &ClusterName) -> ClusterRules {
    ClusterRules::default()
}

impl Policy {
    /// Compiles the rules. `closed` is a namespace that only permissions cover which name it (that of the agent).
    pub fn compile(rules: ClusterRules, _closed: Option<&str>) -> Self {
        Self { rules }
    }

    /// Whether the caller may do anything at all in the cluster.
    pub fn allows_anything(&self) -> bool {
        !self.rules.roles.is_empty()
    }

    /// Whether this one thing is allowed.
    pub fn decide(&self, _attributes: &Attributes) -> Decision {
        Decision::Denied { why: String::new() }
    }

    /// Whether all of these are allowed; the first that is not decides. Nothing at all is not allowed.
    pub fn decide_all(&self, all: &[Attributes]) -> Decision {
        let mut decision = Decision::Denied { why: "the request asks for nothing that is known".into() };
        for attributes in all {
            decision = self.decide(attributes);
            if matches!(decision, Decision::Denied { .. }) {
                break;
            }
        }
        decision
    }
}
