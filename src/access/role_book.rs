//! All roles as they are at one moment, and what sets of them allow in each cluster.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::policy::{Policy, rules_for};
use crate::model::{ClusterName, ClusterRules, Role, RoleName};

/// How many sets of roles are kept compiled; beyond, all are forgotten and compiled again.
const MAX_COMPILED: usize = 4_096;

/// The roles, with what was compiled from them. It never changes: other roles are another book.
pub struct RoleBook {
    roles: Vec<Role>,
    compiled: Mutex<Compiled>,
}

/// The policies that were asked for, by cluster and role names.
#[derive(Default)]
struct Compiled {
    count: usize,
    by_cluster: HashMap<ClusterName, HashMap<Vec<RoleName>, Arc<Rights>>>,
}

/// What a set of roles allows in one cluster.
#[derive(Debug, Default)]
pub struct Rights {
    rules: ClusterRules,
    policy: Policy,
}

impl Rights {
    /// The rules, as they travel to the agent.
    pub fn rules(&self) -> &ClusterRules {
        &self.rules
    }

    /// The same, ready to decide. Central knows no agent's own namespace, so that none is closed here: what this
    /// policy refuses the agent refuses too, and not the other way round.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}

impl RoleBook {
    /// A book of these roles.
    pub fn new(roles: Vec<Role>) -> Self {
        Self { roles, compiled: Mutex::default() }
    }

    /// All roles.
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// Those of these names that exist.
    pub fn named<'a>(&'a self, names: &'a [RoleName]) -> impl Iterator<Item = &'a Role> {
        self.roles.iter().filter(|role| names.contains(&role.name))
    }

    /// What the roles of these names, in the order of their names, allow in a cluster.
    pub fn rights(&self, names: &[RoleName], cluster: &ClusterName) -> Arc<Rights> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rights) = compiled.by_cluster.get(cluster).and_then(|sets| sets.get(names)) {
            return rights.clone();
        }
        if compiled.count >= MAX_COMPILED {
            *compiled = Compiled::default();
        }
        let rules = rules_for(self.named(names), cluster);
        let rights = Arc::new(Rights { policy: Policy::compile(rules.clone(), None), rules });
        compiled.by_cluster.entry(cluster.clone()).or_default().insert(names.to_vec(), rights.clone());
        compiled.count += 1;
        rights
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Permission;

    fn names(names: &[&str]) -> Vec<RoleName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    fn book() -> RoleBook {
        let role = |name: &str, clusters: &str| Role {
            name: name.parse().unwrap(),
            description: String::new(),
            permissions: vec![Permission {
                clusters: vec![clusters.into()],
                namespaces: vec!["*".into()],
                resources: vec!["pods".into()],
                verbs: vec!["get".into()],
            }],
            deny: Vec::new(),
            built_in: false,
        };
        RoleBook::new(vec![role("dev", "dev-*"), role("ops", "*")])
    }

    #[test]
    fn a_set_of_roles_has_the_rights_of_its_roles_in_the_cluster() {
        let (book, dev, prod) = (book(), "dev-1".parse().unwrap(), "prod".parse().unwrap());
        let allows = |roles: &[&str], cluster| book.rights(&names(roles), cluster).policy().allows_anything();
        assert!(allows(&["dev"], &dev) && !allows(&["dev"], &prod));
        assert!(allows(&["dev", "ops"], &prod));
        assert!(!allows(&[], &dev) && !allows(&["nosuch"], &dev), "what does not exist gives nothing");
        assert_eq!(book.rights(&names(&["dev", "ops"]), &dev).rules().roles.len(), 2);
    }

    #[test]
    fn a_policy_is_compiled_once_for_each_set_of_roles_and_cluster() {
        let (book, dev, other) = (book(), "dev-1".parse().unwrap(), "dev-2".parse().unwrap());
        let first = book.rights(&names(&["dev"]), &dev);
        assert!(Arc::ptr_eq(&first, &book.rights(&names(&["dev"]), &dev)));
        assert!(!Arc::ptr_eq(&first, &book.rights(&names(&["dev"]), &other)));
        for i in 0..MAX_COMPILED {
            book.rights(&names(&[&format!("r-{i}")]), &dev);
        }
        assert!(book.compiled.lock().unwrap().count <= MAX_COMPILED, "the memory has an end");
    }
}
