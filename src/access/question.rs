//! What somebody asks who wants to know whether a thing is allowed, in the words of permissions.

use super::policy::check_permission;
use crate::kubernetes::attributes::{Attributes, needed};
use crate::kubernetes::built_in_resources::built_in;
use crate::kubernetes::request_info::{RequestInfo, ResourceInfo};
use crate::kubernetes::target::Target;
use crate::model::{CanI, Permission};

/// The words of kubectl: the word, the subresource that it is about, the verb on it.
const WORDS: [(&str, &str, &str); 8] = [
    ("logs", "log", "get"),
    ("exec", "exec", "create"),
    ("attach", "attach", "create"),
    ("port-forward", "portforward", "create"),
    ("debug", "ephemeralcontainers", "patch"),
    ("proxy", "proxy", "get"),
    ("token", "token", "create"),
    ("evict", "eviction", "create"),
];

/// Why a question has no answer: the place in it and the problem.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}: {1}")]
pub struct InvalidQuestion(&'static str, String);

/// All that must be allowed so that the answer is yes: what such a request would need.
///
/// # Errors
/// When the question is about nothing that a request could be about.
pub fn asked(question: &CanI) -> Result<Vec<Attributes>, InvalidQuestion> {
    let info = match question.resource.starts_with('/') {
        true => path(question)?,
        false => RequestInfo::Resource(resource(question)?),
    };
    // For these it does not matter what else is in the target, and a patch is taken for one that creates nothing.
    let target = Target::parse("/").map_err(|error| InvalidQuestion("resource", error.to_string()))?;
    Ok(needed(&info, &target, Some("application/merge-patch+json")))
}

fn path(question: &CanI) -> Result<RequestInfo, InvalidQuestion> {
    let CanI { verb, resource: path, subresource, namespace, name, user: _ } = question;
    if subresource.is_some() || namespace.is_some() || name.is_some() {
        let problem = "a path has no subresource, namespace or name: leave these out";
        return Err(InvalidQuestion("resource", problem.into()));
    }
    check(verb, path)?;
    Ok(RequestInfo::Path { verb: verb.clone(), path: path.clone() })
}

fn resource(question: &CanI) -> Result<ResourceInfo, InvalidQuestion> {
    let CanI { verb, resource, subresource, namespace, name, user: _ } = question;
    let whole = match subresource {
        None => resource.clone(),
        Some(_) if resource.contains('/') => {
            let problem = "it is written behind the resource, or here, not in both places";
            return Err(InvalidQuestion("subresource", problem.into()));
        }
        Some(subresource) => format!("{resource}/{subresource}"),
    };
    check(verb, &whole)?;
    let (resource, subresource) = whole.split_once('/').unwrap_or((&whole, ""));
    let (resource, group) = match resource.split_once('.') {
        Some(written) => written,
        // A bare name that was accepted is built in.
        None => (resource, built_in(resource).map_or("", |known| known.group)),
    };
    let (verb, subresource) = match WORDS.iter().find(|(word, ..)| word == verb) {
        Some((_, subresource, verb)) => (*verb, *subresource),
        None => (verb.as_str(), subresource),
    };
    let name = name.as_deref().unwrap_or_default();
    let namespace = match built_in(resource).is_some_and(|known| known.group == group && !known.namespaced) {
        false => namespace.as_deref().unwrap_or_default(),
        // A namespace is in itself, as in the requests for it.
        true if resource == "namespaces" => name,
        true => "",
    };
    Ok(ResourceInfo {
        verb: verb.into(),
        group: group.into(),
        namespace: namespace.into(),
        resource: resource.into(),
        subresource: subresource.into(),
        name: name.into(),
        ..ResourceInfo::default()
    })
}

/// Checks verb and resource as those of a permission are checked, but for patterns, which are no question.
fn check(verb: &str, resource: &str) -> Result<(), InvalidQuestion> {
    for (place, text) in [("verb", verb), ("resource", resource)] {
        if text.contains('*') {
            return Err(InvalidQuestion(place, "ask about one thing: a pattern with * is for permissions".into()));
        }
    }
    let anywhere = || vec!["*".to_owned()];
    let (resources, verbs) = (vec![resource.to_owned()], vec![verb.to_owned()]);
    let permission = Permission { clusters: anywhere(), namespaces: anywhere(), resources, verbs };
    check_permission(&permission).map_err(|error| {
        let place = if error.place.starts_with("verbs") { "verb" } else { "resource" };
        InvalidQuestion(place, error.problem)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A question as `VERB RESOURCE [NAMESPACE [NAME]]`, where `-` is none.
    fn question(text: &str) -> CanI {
        let mut words = text.split(' ').map(str::to_owned);
        let (verb, resource) = (words.next().unwrap(), words.next().unwrap());
        let mut given = || words.next().filter(|word| word != "-");
        CanI { verb, resource, subresource: None, namespace: given(), name: given(), user: None }
    }

    /// What is asked, as `verb group/resource/subresource namespace/name`.
    fn things(text: &str) -> Vec<String> {
        let show = |thing: Attributes| match thing {
            Attributes::Resource { verb, group, resource, subresource, namespace, name } => {
                let [namespace, name] = [namespace, name].map(Option::unwrap_or_default);
                format!("{verb} {group}/{resource}/{subresource} {namespace}/{name}")
            }
            Attributes::Path { verb, path } => format!("{verb} {path}"),
        };
        asked(&question(text)).unwrap().into_iter().map(show).collect()
    }

    #[test]
    fn a_question_is_about_what_the_request_would_be_about() {
        for (text, thing) in [
            ("get pods", "get /pods/ /"),
            ("get pods app web", "get /pods/ app/web"),
            ("list deployments app", "list apps/deployments/ app/"),
            ("get certificates.cert-manager.io app", "get cert-manager.io/certificates/ app/"),
            ("get pods/log app web", "get /pods/log app/web"),
            ("logs pods app", "get /pods/log app/"),
            ("exec pods app", "create /pods/exec app/"),
            ("attach pods app", "create /pods/attach app/"),
            ("port-forward pods app", "create /pods/portforward app/"),
            ("debug pods app", "patch /pods/ephemeralcontainers app/"),
            ("evict pods app", "create /pods/eviction app/"),
            ("token serviceaccounts app", "create /serviceaccounts/token app/"),
            ("proxy services app", "get /services/proxy app/"),
            ("patch pods app web", "patch /pods/ app/web"),
            ("get nodes app n-1", "get /nodes/ /n-1"),
            ("list namespaces app", "list /namespaces/ /"),
            ("get namespaces - app", "get /namespaces/ app/app"),
            ("get /metrics", "get /metrics"),
        ] {
            assert_eq!(things(text), [thing], "{text}");
        }
        assert_eq!(things("update pods app web"), ["update /pods/ app/web", "create /pods/ app/web"]);
        let below = CanI { subresource: Some("log".into()), ..question("get pods app") };
        assert_eq!(asked(&below), asked(&question("get pods/log app")));
    }

    #[test]
    fn what_no_request_could_be_about_is_refused() {
        for (text, place) in [
            ("gets pods", "verb: "),
            ("* pods", "verb: "),
            ("get *", "resource: "),
            ("get pod", "resource: "),
            ("get ", "resource: "),
            ("get Pods", "resource: "),
            ("get widgets", "resource: "),
            ("get pods/nosuch", "resource: "),
            ("logs deployments", "verb: "),
            ("get /metrics app", "resource: "),
            ("get /a//b", "resource: "),
            ("list /metrics", "verb: "),
        ] {
            let error = asked(&question(text)).unwrap_err().to_string();
            assert!(error.starts_with(place), "{text}: {error}");
        }
        let twice = CanI { subresource: Some("log".into()), ..question("get pods/log") };
        assert!(asked(&twice).unwrap_err().to_string().starts_with("subresource: "));
    }
}
