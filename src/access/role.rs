//! What a role must be like to be kept.

use super::policy::check_permission;
use crate::model::{Permission, RoleSpec};

/// The most permissions that a role may have, and the most denials.
const MAX_ENTRIES: usize = 100;

/// The longest description, in characters.
const MAX_DESCRIPTION: usize = 200;

/// Why a role is refused: the place in it and the problem, such as `permissions[0].verbs[1]: …`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidRole(String);

/// Checks a role as its author wrote it.
///
/// # Errors
/// The first thing that is wrong.
pub fn check_role(role: &RoleSpec) -> Result<(), InvalidRole> {
    let invalid = |why: String| Err(InvalidRole(why));
    if role.description.chars().count() > MAX_DESCRIPTION || role.description.contains(char::is_control) {
        return invalid(format!("description: at most {MAX_DESCRIPTION} characters, in one line"));
    }
    if role.permissions.is_empty() && role.deny.is_empty() {
        return invalid("permissions: the role permits nothing and denies nothing: write at least one entry".into());
    }
    for (place, entries) in [("permissions", &role.permissions), ("deny", &role.deny)] {
        if entries.len() > MAX_ENTRIES {
            return invalid(format!(
                "{place}: {} entries, at most {MAX_ENTRIES} are accepted: join them, or make a second role",
                entries.len()
            ));
        }
        for (index, entry) in entries.iter().enumerate() {
            if let Err(error) = check_permission(entry) {
                return invalid(format!("{place}[{index}].{error}"));
            }
        }
    }
    if role.name.is_admin() && !(role.permissions.iter().any(covers_everything) && role.deny.is_empty()) {
        return invalid(
            "permissions: the role admin keeps one entry that covers everything (clusters, namespaces, resources and \
             verbs all [\"*\"]) and denies nothing: give users who may do less another role"
                .into(),
        );
    }
    Ok(())
}

fn covers_everything(permission: &Permission) -> bool {
    let Permission { clusters, namespaces, resources, verbs } = permission;
    [clusters, namespaces, resources, verbs].iter().all(|list| list.iter().any(|pattern| pattern == "*"))
}

/// An entry that covers everything.
pub fn everything() -> Permission {
    let all = || vec!["*".to_owned()];
    Permission { clusters: all(), namespaces: all(), resources: all(), verbs: all() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(name: &str, permissions: Vec<Permission>, deny: Vec<Permission>) -> RoleSpec {
        RoleSpec { name: name.parse().unwrap(), description: String::new(), permissions, deny }
    }

    fn problem(role: &RoleSpec) -> String {
        check_role(role).unwrap_err().to_string()
    }

    #[test]
    fn a_role_says_something_and_not_too_much() {
        check_role(&role("dev", vec![everything()], vec![])).unwrap();
        check_role(&role("never", vec![], vec![everything()])).unwrap();
        assert!(problem(&role("dev", vec![], vec![])).starts_with("permissions: "));
        check_role(&role("dev", vec![everything(); MAX_ENTRIES], vec![everything(); MAX_ENTRIES])).unwrap();
        assert!(problem(&role("dev", vec![everything(); MAX_ENTRIES + 1], vec![])).starts_with("permissions: 101 "));
        assert!(problem(&role("dev", vec![], vec![everything(); MAX_ENTRIES + 1])).starts_with("deny: 101 "));
        for description in ["x".repeat(MAX_DESCRIPTION + 1), "two\nlines".into(), "\u{1b}[31m".into()] {
            let role = RoleSpec { description, ..role("dev", vec![everything()], vec![]) };
            assert!(problem(&role).starts_with("description: "));
        }
    }

    #[test]
    fn a_wrong_entry_is_named_by_its_place() {
        let empty = Permission { verbs: vec![], ..everything() };
        let wrong = role("dev", vec![everything(), empty.clone()], vec![]);
        assert!(problem(&wrong).starts_with("permissions[1].verbs"), "{}", problem(&wrong));
        let wrong = role("dev", vec![everything()], vec![empty]);
        assert!(problem(&wrong).starts_with("deny[0].verbs"), "{}", problem(&wrong));
    }

    #[test]
    fn admin_cannot_be_emptied() {
        check_role(&role("admin", vec![everything()], vec![])).unwrap();
        let pods = Permission { resources: vec!["pods".into()], ..everything() };
        check_role(&role("admin", vec![pods.clone(), everything()], vec![])).unwrap();
        for wrong in [
            role("admin", vec![pods.clone()], vec![]),
            role("admin", vec![everything()], vec![pods.clone()]),
            role("admin", vec![Permission { clusters: vec!["dev".into()], ..everything() }], vec![]),
        ] {
            assert!(problem(&wrong).contains("admin"), "{}", problem(&wrong));
        }
        check_role(&role("dev", vec![everything()], vec![pods])).unwrap();
    }
}
