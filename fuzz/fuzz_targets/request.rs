//! From the bytes of a request to the policy's decision: nothing panics, and what must hold holds for every input.
//!
//! An input is text: the method, the target and the content type in a line each, then a line for each rule, in which
//! `+` begins a permission and `-` a denial, followed by namespaces, resources and verbs as three words with commas.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use mk8s::access::{Decision, Policy};
use mk8s::kubernetes::attributes::{Attributes, needed};
use mk8s::kubernetes::request_info::RequestInfo;
use mk8s::kubernetes::target::Target;
use mk8s::model::{ClusterRules, RoleRules, Rule};

fuzz_target!(|data: &[u8]| -> Corpus {
    let Ok(text) = str::from_utf8(data) else { return Corpus::Reject };
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (method, raw, content_type) = (line(), line(), line());
    let content_type = Some(content_type).filter(|text| !text.is_empty());
    let rules = rules(lines);

    let Ok(target) = Target::parse(raw) else { return Corpus::Keep };
    check_target(raw, &target);
    let Ok(info) = RequestInfo::of(method, &target) else { return Corpus::Keep };
    assert_eq!(RequestInfo::resolve(method, target.path(), target.query()), Ok(info.clone()));
    check_info(&target, &info);
    let all = needed(&info, &target, content_type);
    check_needed(&info, &all);
    check_policy(&rules, &all);
    Corpus::Keep
});

/// Rules from lines; lines of another form are none.
fn rules<'a>(lines: impl Iterator<Item = &'a str>) -> ClusterRules {
    let mut role = RoleRules { role: "fuzz".parse().expect("a name"), permissions: Vec::new(), deny: Vec::new() };
    for line in lines {
        let mut words = line.split(' ');
        let list = |words: Option<&str>| words.unwrap_or_default().split(',').map(str::to_owned).collect();
        let kind = words.next();
        let rule = Rule { namespaces: list(words.next()), resources: list(words.next()), verbs: list(words.next()) };
        match kind {
            Some("+") => role.permissions.push(rule),
            Some("-") => role.deny.push(rule),
            _ => {}
        }
    }
    ClusterRules { roles: vec![role] }
}

fn check_target(raw: &str, target: &Target) {
    assert_eq!(target.as_str(), raw);
    let raw_path = raw.split('?').next().unwrap_or_default();
    let path = target.path();
    assert!(raw.is_ascii() && !raw.contains(['\\', '#', ' ']) && !raw_path.contains("//"));
    assert!(path.starts_with('/') && !path.contains(char::is_control));
    assert!(!path.split(['/', '\\']).any(|segment| matches!(segment, "." | "..")));
    // What is decoded cannot be decoded again, and has the segments that were sent, except behind a proxy.
    let strict = path.split_once("/proxy/").map_or(path, |(before, _)| before);
    assert!(!strict.contains(['%', '\\']) && !strict.contains("//"));
    if strict == path {
        assert_eq!(path.matches('/').count(), raw_path.matches('/').count());
    }
}

fn check_info(target: &Target, info: &RequestInfo) {
    match info {
        RequestInfo::Path { path, .. } => assert_eq!(path, target.path()),
        RequestInfo::Resource(info) => {
            assert!(!info.verb.is_empty() && !info.resource.is_empty() && !info.version.is_empty());
            for text in [&info.group, &info.version, &info.resource, &info.subresource, &info.namespace, &info.name] {
                assert!(!text.contains(['/', '%']) && !matches!(text.as_str(), "." | ".."), "{text:?}");
            }
            assert!(info.subresource.is_empty() || !info.name.is_empty());
        }
    }
}

fn check_needed(info: &RequestInfo, all: &[Attributes]) {
    assert!(!all.is_empty());
    for attributes in all {
        match (info, attributes) {
            (RequestInfo::Path { .. }, Attributes::Path { .. }) => {}
            (RequestInfo::Resource(info), Attributes::Resource { group, resource, namespace, name, .. }) => {
                assert_eq!((group, resource), (&info.group, &info.resource));
                assert_eq!(namespace.as_deref().unwrap_or_default(), info.namespace);
                assert_eq!(name.as_deref().unwrap_or_default(), info.name);
                assert!(namespace.as_deref() != Some("") && name.as_deref() != Some(""));
            }
            _ => panic!("{info:?} does not need {attributes:?}"),
        }
    }
}

fn check_policy(rules: &ClusterRules, all: &[Attributes]) {
    let decide = |rules: &ClusterRules| Policy::compile(rules.clone(), Some("closed")).decide_all(all);
    let policy = Policy::compile(rules.clone(), Some("closed"));
    let decision = policy.decide_all(all);
    assert_eq!(decision, policy.decide_all(all));
    assert_eq!(decision, decide(rules));

    let each: Vec<Decision> = all.iter().map(|attributes| policy.decide(attributes)).collect();
    assert_eq!(is_allowed(&decision), each.iter().all(is_allowed));
    assert!(policy.allows_anything() || !each.iter().any(is_allowed));

    let everywhere = permissions(rules).any(|rule| rule.namespaces.iter().any(|namespace| namespace == "*"));
    for (attributes, decision) in all.iter().zip(&each) {
        let Decision::Allowed { role: Some(_) } = decision else { continue };
        match attributes {
            Attributes::Resource { namespace: None, .. } | Attributes::Path { .. } => assert!(everywhere),
            Attributes::Resource { namespace: Some(namespace), .. } if namespace == "closed" => {
                let reads_itself = matches!(attributes, Attributes::Resource { group, resource, .. }
                    if group.is_empty() && resource == "namespaces");
                let named = permissions(rules).any(|rule| rule.namespaces.iter().any(|n| n == "closed"));
                assert!(named || reads_itself);
            }
            Attributes::Resource { .. } => {}
        }
    }

    // Denials take away and never give.
    let mut without = rules.clone();
    without.roles.iter_mut().for_each(|role| role.deny.clear());
    assert!(!is_allowed(&decision) || is_allowed(&decide(&without)));
    let mut denied = rules.clone();
    let all_of = |text: &str| vec![text.to_owned()];
    let everything = Rule { namespaces: all_of("*"), resources: all_of("*"), verbs: all_of("*") };
    denied.roles.iter_mut().for_each(|role| role.deny.push(everything.clone()));
    assert!(!matches!(decide(&denied), Decision::Allowed { role: Some(_) }));
    // Without permissions there is nothing.
    let mut nothing = rules.clone();
    nothing.roles.iter_mut().for_each(|role| role.permissions.clear());
    assert!(!is_allowed(&decide(&nothing)));
}

fn permissions(rules: &ClusterRules) -> impl Iterator<Item = &Rule> {
    rules.roles.iter().flat_map(|role| &role.permissions)
}

fn is_allowed(decision: &Decision) -> bool {
    matches!(decision, Decision::Allowed { .. })
}
