//! What the policy says to questions about the caller's own rights.
//!
//! Such questions may be about everything of a kind, which no request is. The answer is yes only if nothing of that
//! kind is refused: a pattern without a star in it that matches the text `*` has a star in that place, so that a
//! permission covers all that the star stands for; and a denial that could cover any of it counts for all.

use super::asked::Asked;
use super::{Decision, Policy};
use crate::kubernetes::attributes::Attributes;
use crate::kubernetes::reviews::{self, Finding};

impl Policy {
    /// What there is to say to a review. `acting` is the caller, with their groups, where the cluster knows only the
    /// agent.
    pub fn review(&self, asked: &reviews::Asked, acting: Option<(&str, &[String])>) -> Finding {
        match asked {
            reviews::Asked::Cluster => Finding::Agreed,
            reviews::Asked::Access(all) => match self.decide_every(all) {
                Decision::Allowed { .. } => Finding::Agreed,
                Decision::Denied { why } => Finding::Denied { why },
            },
            reviews::Asked::Rules { namespace } => Finding::Rules(self.rules_in(namespace)),
            reviews::Asked::Identity => match acting {
                None => Finding::Agreed,
                Some((user, groups)) => Finding::Identity { user: user.to_owned(), groups: groups.to_vec() },
            },
        }
    }

    /// The same as [`Policy::decide_all`], where `*` in the place of a group, a resource, a subresource or in a path
    /// stands for everything.
    fn decide_every(&self, all: &[Attributes]) -> Decision {
        let objection = all.iter().filter(|attributes| is_wide(attributes)).find_map(|wide| self.objection(wide));
        objection.map_or_else(|| self.decide_all(all), |why| Decision::Denied { why })
    }

    /// Why something of what is asked is refused, as far as the text `*` does not show it.
    fn objection(&self, wide: &Attributes) -> Option<String> {
        let asked = Asked::of(wide)?;
        if let Some(denial) = self.denials.iter().find(|rule| rule.may_deny(&asked)) {
            let role = self.roles.get(denial.role).map_or("", |role| role.as_str());
            return Some(format!("the role {role} denies something, and \"*\" asks about everything"));
        }
        // Lists of all secrets show those of the closed namespace.
        let Attributes::Resource { verb, namespace: None, .. } = wide else { return None };
        let secrets = Attributes::Resource {
            verb: verb.clone(),
            group: String::new(),
            resource: "secrets".into(),
            subresource: String::new(),
            namespace: None,
            name: None,
        };
        match self.decide(&secrets) {
            Decision::Denied { why } if self.closed.is_some() => Some(why),
            _ => None,
        }
    }
}

/// Whether it stands for several things.
fn is_wide(attributes: &Attributes) -> bool {
    match attributes {
        Attributes::Path { path, .. } => path.contains('*'),
        Attributes::Resource { group, resource, subresource, .. } => {
            [group, resource, subresource].iter().any(|text| text.contains('*'))
        }
    }
}
