//! What callers may do, without asking the database each time.

use std::sync::{Arc, Mutex, PoisonError};

use super::changes::Stamp;
use super::state::Central;
use crate::access::{Rights, RoleBook};
use crate::model::{ClusterName, Failure, RoleName};
use crate::store::roles;

/// The roles that were read last, with the policies that were compiled from them.
#[derive(Default)]
pub struct Policies(Mutex<Option<(Arc<RoleBook>, Stamp)>>);

impl Policies {
    fn known(&self, central: &Central) -> Option<Arc<RoleBook>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().filter(|(_, stamp)| central.changes.is_fresh(*stamp)).map(|(book, _)| book.clone())
    }
}

impl Central {
    /// All roles, as they were at most two seconds ago, and never as they were before a change that is known.
    pub async fn role_book(&self) -> Result<Arc<RoleBook>, Failure> {
        match self.policies.known(self) {
            Some(known) => Ok(known),
            None => self.read_roles().await,
        }
    }

    /// Reads the roles from the database, for those who ask next. What was compiled from the same roles is kept.
    pub async fn read_roles(&self) -> Result<Arc<RoleBook>, Failure> {
        let stamp = self.changes.stamp();
        let roles = self.store.read(roles::list).await?;
        let mut known = self.policies.0.lock().unwrap_or_else(PoisonError::into_inner);
        let book = match &*known {
            Some((book, _)) if book.roles() == roles => book.clone(),
            _ => Arc::new(RoleBook::new(roles)),
        };
        *known = Some((book.clone(), stamp));
        Ok(book)
    }

    /// What these roles, in the order of their names, allow in a cluster whose agent closes this namespace.
    pub async fn rights(
        &self,
        roles: &[RoleName],
        cluster: &ClusterName,
        closed: Option<&str>,
    ) -> Result<Arc<Rights>, Failure> {
        Ok(self.role_book().await?.rights(roles, cluster, closed))
    }
}
