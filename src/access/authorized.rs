//! The proof that a caller may use a thing: code that acts takes `Authorized<T>`, and only this room makes one.

use super::Caller;

/// A thing together with the caller who may use it.
#[derive(Clone, Debug)]
pub struct Authorized<T> {
    subject: T,
    caller: Caller,
}

/// The caller may not use the thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("you have no role, so that you may use no cluster: ask an admin for one")]
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
}

/// Checks that the caller may use the thing: whoever has a role may use every cluster, as what the cluster allows to
/// the groups of these roles.
///
/// # Errors
/// The caller has no role.
pub fn authorize<T>(caller: Caller, subject: T) -> Result<Authorized<T>, Denied> {
    match caller.roles() {
        [] => Err(Denied),
        _ => Ok(Authorized { subject, caller }),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::Credential;
    use super::*;
    use crate::model::{Email, RoleName, TokenId, UserId};

    fn with_roles(roles: Vec<RoleName>) -> Caller {
        let credential = Credential::ApiToken { id: TokenId::generate() };
        Caller::new(UserId::generate(), Email::first_admin(), roles, credential, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn any_role_gives_the_use_of_clusters_and_none_does_not() {
        let authorized = authorize(with_roles(vec!["dev".parse().unwrap()]), 7).unwrap();
        assert_eq!((*authorized.subject(), authorized.caller().groups()), (7, vec!["mk8s:dev".to_owned()]));
        assert_eq!(authorize(with_roles(vec![]), 7).unwrap_err(), Denied);
    }
}
