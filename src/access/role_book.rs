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
    by_cluster: HashMap<ClusterName, Vec<Closed>>,
}

/// The policies for one closed namespace, by role names. Mostly a cluster has one such, and while no agent is connected
/// none.
struct Closed {
    namespace: Option<Box<str>>,
    sets: HashMap<Vec<RoleName>, Arc<Rights>>,
}

/// What a set of roles allows in one cluster.
#[derive(Debug, Default)]
pub struct Rights {
    rules: ClusterRules,
    policy: Policy,
    closed: Option<Box<str>>,
}

impl Rights {
    /// The rules, as they travel to the agent.
    pub fn rules(&self) -> &ClusterRules {
        &self.rules
    }

    /// The same, ready to decide.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The namespace that this policy closes: it is right for requests to agents of that namespace alone.
    pub fn closed_namespace(&self) -> Option<&str> {
        self.closed.as_deref()
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

    /// What the roles of these names, in the order of their names, allow in a cluster whose agent closes this namespace
    /// of its own: only rules cover it that name it. It is known while an agent is connected.
    pub fn rights(&self, names: &[RoleName], cluster: &ClusterName, closed: Option<&str>) -> Arc<Rights> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        let of_namespace = |known: &&Closed| known.namespace.as_deref() == closed;
        let known = compiled.by_cluster.get(cluster).and_then(|all| all.iter().find(of_namespace));
        if let Some(rights) = known.and_then(|known| known.sets.get(names)) {
            return rights.clone();
        }
        if compiled.count >= MAX_COMPILED {
            *compiled = Compiled::default();
        }
        let rules = rules_for(self.named(names), cluster);
        let rights =
            Arc::new(Rights { policy: Policy::compile(rules.clone(), closed), rules, closed: closed.map(Into::into) });
        let all = compiled.by_cluster.entry(cluster.clone()).or_default();
        match all.iter_mut().find(|known| known.namespace.as_deref() == closed) {
            Some(known) => drop(known.sets.insert(names.to_vec(), rights.clone())),
            None => all.push(Closed {
                namespace: closed.map(Into::into),
                sets: HashMap::from([(names.to_vec(), rights.clone())]),
            }),
        }
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
        let allows = |roles: &[&str], cluster| book.rights(&names(roles), cluster, None).policy().allows_anything();
        assert!(allows(&["dev"], &dev) && !allows(&["dev"], &prod));
        assert!(allows(&["dev", "ops"], &prod));
        assert!(!allows(&[], &dev) && !allows(&["nosuch"], &dev), "what does not exist gives nothing");
        assert_eq!(book.rights(&names(&["dev", "ops"]), &dev, None).rules().roles.len(), 2);
    }

    #[test]
    fn a_policy_is_compiled_once_for_each_set_of_roles_and_cluster() {
        let (book, dev, other) = (book(), "dev-1".parse().unwrap(), "dev-2".parse().unwrap());
        let first = book.rights(&names(&["dev"]), &dev, None);
        assert!(Arc::ptr_eq(&first, &book.rights(&names(&["dev"]), &dev, None)));
        assert!(!Arc::ptr_eq(&first, &book.rights(&names(&["dev"]), &other, None)));
        let closed = book.rights(&names(&["dev"]), &dev, Some("mk8s"));
        assert!(!Arc::ptr_eq(&first, &closed), "another closed namespace is another policy");
        assert!(Arc::ptr_eq(&closed, &book.rights(&names(&["dev"]), &dev, Some("mk8s"))));
        for i in 0..MAX_COMPILED {
            book.rights(&names(&[&format!("r-{i}")]), &dev, None);
        }
        assert!(book.compiled.lock().unwrap().count <= MAX_COMPILED, "the memory has an end");
    }
}
