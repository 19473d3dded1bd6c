//! The proof that a caller may use a thing: code that acts takes `Authorized<T>`, and only this room makes one.

use std::sync::Arc;

use super::Caller;
use super::role_book::{Rights, RoleBook};
use crate::model::ClusterName;

/// A thing of a cluster, together with the caller who may use it and what the caller may do there.
#[derive(Clone, Debug)]
pub struct Authorized<T> {
    subject: T,
    caller: Caller,
    rights: Arc<Rights>,
}

/// The caller may not use the thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("your roles allow nothing in this cluster: ask an admin for one that does")]
pub struct Denied;

impl<T> Authorized<T> {
    /// What may be used.
    pub fn subject(&self) -> &T {
        &self.subject
    }

    /// By whom.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The groups of the caller in the cluster: `mk8s:<role>` for each role that permits something there, so that none
    /// can be `system:masters`. The API server refuses a request of which it does not know one group, so that the others
    /// would only do harm.
    pub fn groups(&self) -> Vec<String> {
        let permitting = self.rights.rules().roles.iter().filter(|rules| !rules.permissions.is_empty());
        permitting.map(|rules| format!("mk8s:{}", rules.role)).collect()
    }

    /// What the caller may do in the cluster.
    pub fn rights(&self) -> &Rights {
        &self.rights
    }

    /// The same, to be kept: two are the same rights when they are one.
    pub fn shared_rights(&self) -> &Arc<Rights> {
        &self.rights
    }
}

/// Checks that the caller may use a thing of a cluster: whoever may do anything at all in the cluster may try, and each
/// request is decided by its own. `closed` is the namespace that the cluster's agent closes, see [`RoleBook::rights`].
///
/// # Errors
/// The caller may do nothing in the cluster.
pub fn authorize<T>(
    book: &RoleBook,
    caller: Caller,
    cluster: &ClusterName,
    closed: Option<&str>,
    subject: T,
) -> Result<Authorized<T>, Denied> {
    let rights = book.rights(caller.roles(), cluster, closed);
    if !rights.policy().allows_anything() {
        return Err(Denied);
    }
    Ok(Authorized { subject, caller, rights })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::Credential;
    use super::*;
    use crate::model::{Email, Permission, Role, RoleName, TokenId, UserId};

    fn with_roles(roles: &[&str]) -> Caller {
        let credential = Credential::ApiToken { id: TokenId::generate() };
        let roles: Vec<RoleName> = roles.iter().map(|role| role.parse().unwrap()).collect();
        Caller::new(UserId::generate(), Email::first_admin(), roles, credential, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn whoever_may_do_anything_in_a_cluster_may_use_it_and_nobody_else() {
        let pods = |cluster: &str| Permission {
            clusters: vec![cluster.into()],
            namespaces: vec!["*".into()],
            resources: vec!["pods".into()],
            verbs: vec!["get".into()],
        };
        let role = |name: &str, permissions: Vec<Permission>, deny: Vec<Permission>| Role {
            name: name.parse().unwrap(),
            description: String::new(),
            permissions,
            deny,
            built_in: false,
        };
        let book = RoleBook::new(vec![
            role("dev", vec![pods("dev")], vec![]),
            role("empty", vec![], vec![]),
            role("never", vec![], vec![pods("dev")]),
            role("prod", vec![pods("prod")], vec![]),
        ]);
        let (dev, prod) = ("dev".parse().unwrap(), "prod".parse().unwrap());
        let authorized = authorize(&book, with_roles(&["dev"]), &dev, None, 7).unwrap();
        assert_eq!((*authorized.subject(), authorized.groups()), (7, vec!["mk8s:dev".to_owned()]));
        assert_eq!(authorized.rights().rules().roles.len(), 1);
        assert_eq!(authorize(&book, with_roles(&["dev"]), &prod, None, 7).unwrap_err(), Denied);
        for nothing in [&[][..], &["empty"], &["never"], &["deleted"]] {
            assert_eq!(authorize(&book, with_roles(nothing), &dev, None, 7).unwrap_err(), Denied, "{nothing:?}");
        }
        // A cluster may not know the groups of roles that are for others.
        for (cluster, group) in [(&dev, "mk8s:dev"), (&prod, "mk8s:prod")] {
            let authorized =
                authorize(&book, with_roles(&["dev", "empty", "never", "prod"]), cluster, None, 7).unwrap();
            assert_eq!(authorized.groups(), [group]);
        }
    }
}
