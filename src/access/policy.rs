//! The policy: what the roles of a caller allow in one cluster.
//!
//! Nothing is allowed that no permission covers, and what a denial covers is not allowed whatever a permission says. A
//! rule covers a request when its verbs, its resources and its namespaces do. Where a rule can be read in two ways, a
//! permission covers less and a denial more.
//!
//! **Resources.** A bare name means the built-in resource of that name in its own API group; all others are written
//! `name.group`. A name means the resource itself; its subresources are written out (`pods/status`, `pods/*`,
//! `*/scale`). `*` alone, and `*.group`, mean as well the subresources that are parts of an object or steps in its
//! life: `status`, `scale`, `log`, `eviction`, `binding`, `resize`, `approval`, `finalize`.
//!
//! **What has to be said.** The subresources `exec`, `attach`, `portforward`, `ephemeralcontainers`, `proxy` and
//! `token` run or reach something or hand out credentials, some of them even by GET. No `*` among the resources
//! includes them. A permission covers them only by kubectl's word for them (`exec`, `attach`, `port-forward`, `debug`,
//! `proxy`, `token`), by the verb `*`, or where the name of the subresource is written out (`pods/exec`, `*/proxy`).
//! Subresources that are not known here are included by `name/*` too, not by a `*` for the resource.
//!
//! **kubectl's words** go with the name of the resource: `logs` on `pods` is `get` on `pods/log`. The verb `*` is all
//! verbs and all words: with `pods` it includes `exec`. Together with the resource `*` it is everything, paths as well.
//!
//! **Paths** that name no resource need an entry such as `/metrics`, and methods as verbs. Discovery, health and
//! version, and reviews of what the caller may do, are open to whoever may do anything in the cluster.
//!
//! **Namespaces.** A request without one, for all namespaces or for what is in none, needs a permission with the
//! namespace `*`; the closed namespace, one with its very name. Listing secrets of all namespaces needs both.
//!
//! **Denials** cover subresources of a bare name too (those with a word of kubectl by that word or `*`), the same name
//! in every API group of Kubernetes itself, and requests for all namespaces, which would reach those of the denial.

mod asked;
mod check;
mod check_resource;
mod listing;
mod pattern;
mod refusal;
mod resource;
mod review;
mod rule;
mod verbs;

use asked::Asked;
pub use check::{InvalidPermission, check_permission};
pub use pattern::name_matches;
use resource::Sense;
use rule::CompiledRule;

use crate::kubernetes::attributes::Attributes;
use crate::model::{ClusterName, ClusterRules, Permission, Role, RoleName, RoleRules, Rule};

/// What the roles of one caller allow in one cluster, ready to decide.
#[derive(Debug, Default)]
pub struct Policy {
    roles: Vec<RoleName>,
    permissions: Vec<CompiledRule>,
    denials: Vec<CompiledRule>,
    closed: Option<Box<str>>,
    /// The rules as they were, to be shown.
    source: ClusterRules,
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

/// What these roles say about a cluster; roles that say nothing are left out.
pub fn rules_for<'a>(roles: impl IntoIterator<Item = &'a Role>, cluster: &ClusterName) -> ClusterRules {
    let about = |permission: &&Permission| {
        permission.clusters.iter().any(|pattern| pattern::Pattern::new(pattern).matches_text(cluster.as_str()))
    };
    let rule = |permission: &Permission| Rule {
        namespaces: permission.namespaces.clone(),
        resources: permission.resources.clone(),
        verbs: permission.verbs.clone(),
    };
    let rules = |permissions: &[Permission]| permissions.iter().filter(about).map(rule).collect();
    let of_role = |role: &Role| RoleRules {
        role: role.name.clone(),
        permissions: rules(&role.permissions),
        deny: rules(&role.deny),
    };
    let says_something = |rules: &RoleRules| !rules.permissions.is_empty() || !rules.deny.is_empty();
    ClusterRules { roles: roles.into_iter().map(of_role).filter(says_something).collect() }
}

impl Policy {
    /// Compiles the rules. `closed` is a namespace that only permissions cover which name it (that of the agent).
    pub fn compile(rules: ClusterRules, closed: Option<&str>) -> Self {
        let mut policy = Self { closed: closed.map(Into::into), ..Self::default() };
        for (place, RoleRules { role, permissions, deny }) in rules.roles.iter().enumerate() {
            policy.roles.push(role.clone());
            policy.permissions.extend(permissions.iter().map(|rule| CompiledRule::new(place, rule, Sense::Permit)));
            policy.denials.extend(deny.iter().map(|rule| CompiledRule::new(place, rule, Sense::Deny)));
        }
        policy.source = rules;
        policy
    }

    /// Whether the caller may do anything at all in the cluster.
    pub fn allows_anything(&self) -> bool {
        !self.permissions.is_empty()
    }

    /// Whether this one thing is allowed.
    pub fn decide(&self, attributes: &Attributes) -> Decision {
        match self.verdict(attributes) {
            Verdict::Open => Decision::Allowed { role: None },
            Verdict::Permitted(place) => Decision::Allowed { role: self.roles.get(place).cloned() },
            refused => Decision::Denied { why: refusal::why(self, attributes, &refused) },
        }
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

    fn verdict(&self, attributes: &Attributes) -> Verdict {
        if !self.allows_anything() {
            return Verdict::Nothing;
        }
        let Some(asked) = Asked::of(attributes) else { return Verdict::UnknownVerb };
        let open = asked.is_open();
        if let Some(denial) = self.denials.iter().find(|rule| rule.denies(&asked, open)) {
            return Verdict::Denied(denial.role);
        }
        if open {
            return Verdict::Open;
        }
        let Some(permission) = self.permissions.iter().find(|rule| rule.permits(&asked)) else {
            return Verdict::Missing;
        };
        match (&asked, self.closed.as_deref()) {
            (Asked::Resource(resource), Some(closed)) if resource.reaches(closed) => {
                match self.permissions.iter().find(|rule| rule.permits_by_name(resource, closed)) {
                    Some(rule) => Verdict::Permitted(rule.role),
                    None => Verdict::Closed,
                }
            }
            _ => Verdict::Permitted(permission.role),
        }
    }
}

/// What comes of a request; roles by their place in the policy.
enum Verdict {
    /// Everyone may who may do anything.
    Open,
    /// This role permits it.
    Permitted(usize),
    /// There is no permission at all.
    Nothing,
    /// The verb is not known.
    UnknownVerb,
    /// This role denies it.
    Denied(usize),
    /// No permission names the closed namespace.
    Closed,
    /// No permission covers it.
    Missing,
}

#[cfg(test)]
mod tests;
