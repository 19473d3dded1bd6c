//! The rules of a caller, as they travel.

use super::proto;
use crate::model::{ClusterRules, RoleRules, Rule};

impl From<ClusterRules> for proto::Policy {
    fn from(rules: ClusterRules) -> Self {
        let role = |rules: RoleRules| proto::RoleRules {
            role: rules.role.into(),
            permissions: rules.permissions.into_iter().map(Into::into).collect(),
            deny: rules.deny.into_iter().map(Into::into).collect(),
        };
        Self { roles: rules.roles.into_iter().map(role).collect() }
    }
}

impl TryFrom<proto::Policy> for ClusterRules {
    type Error = crate::model::role::InvalidRoleName;

    /// All of it or nothing: a role that is left out might have been one that denies.
    fn try_from(policy: proto::Policy) -> Result<Self, Self::Error> {
        let role = |rules: proto::RoleRules| {
            Ok(RoleRules {
                role: rules.role.parse()?,
                permissions: rules.permissions.into_iter().map(Into::into).collect(),
                deny: rules.deny.into_iter().map(Into::into).collect(),
            })
        };
        Ok(Self { roles: policy.roles.into_iter().map(role).collect::<Result<_, _>>()? })
    }
}

impl From<Rule> for proto::Rule {
    fn from(rule: Rule) -> Self {
        Self { namespaces: rule.namespaces, resources: rule.resources, verbs: rule.verbs }
    }
}

impl From<proto::Rule> for Rule {
    fn from(rule: proto::Rule) -> Self {
        Self { namespaces: rule.namespaces, resources: rule.resources, verbs: rule.verbs }
    }
}
