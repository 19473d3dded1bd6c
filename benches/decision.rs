//! What it costs to decide one request by a hundred permissions.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::Context;
use mk8s::access::{Decision, Policy};
use mk8s::kubernetes::attributes::Attributes;
use mk8s::model::{ClusterRules, RoleRules, Rule};

const PERMISSIONS: usize = 100;
const ROUNDS: usize = 200_000;

pub fn run() -> anyhow::Result<()> {
    println!("decision: {PERMISSIONS} permissions, each with 6 resources, 5 verbs and 4 namespaces");
    let rules = rules().context("the names of the roles")?;
    let compile = each(ROUNDS / 100, || Policy::compile(rules.clone(), Some("mk8s")).allows_anything());
    println!("  copy the rules and compile them   {:>8.1} us", compile.as_nanos() as f64 / 1000.0);
    let policy = Policy::compile(rules, Some("mk8s"));
    let last = format!("team-{}", PERMISSIONS - 1);
    let lines = [
        ("the last permission covers it", asked("list", "", "services", "", Some(&last)), true),
        ("none covers it, the namespace", asked("list", "", "services", "", Some("kube-system")), false),
        ("none covers it, the resource", asked("list", "", "secrets", "", Some(&last)), false),
        ("none covers it, the verb", asked("delete", "", "pods", "", Some(&last)), false),
        ("none covers it, all namespaces", asked("list", "apps", "deployments", "", None), false),
        ("none covers it, a subresource", asked("create", "", "pods", "exec", Some(&last)), false),
    ];
    for (what, asked, expected) in lines {
        let allowed = || matches!(policy.decide(black_box(&asked)), Decision::Allowed { .. });
        anyhow::ensure!(allowed() == expected, "{what}: the decision is wrong");
        let time = each(ROUNDS, allowed);
        println!("  {what:<32}  {:>8} ns   (goal: at most 2000)", time.as_nanos());
    }
    Ok(())
}

/// The mean time of one call in the best of five series.
fn each(times: usize, call: impl Fn() -> bool) -> Duration {
    let series = || {
        let start = Instant::now();
        for _ in 0..times / 5 {
            black_box(call());
        }
        start.elapsed() / (times / 5) as u32
    };
    (0..5).map(|_| series()).min().unwrap_or_default()
}

/// Ten roles of ten permissions each, none of which covers the namespace of another.
fn rules() -> Option<ClusterRules> {
    let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let rule = |place: usize| Rule {
        namespaces: vec![
            format!("team-{place}"),
            format!("app-{place}-*"),
            format!("*-of-team-{place}"),
            format!("x-{place}-*-test"),
        ],
        resources: list(&["pods", "configmaps", "deployments", "ingresses", "*.cert-manager.io", "services"]),
        verbs: list(&["get", "list", "watch", "create", "logs"]),
    };
    let role = |tens: usize| {
        Some(RoleRules {
            role: format!("role-{tens}").parse().ok()?,
            permissions: (tens * 10..tens * 10 + 10).map(rule).collect(),
            deny: vec![],
        })
    };
    Some(ClusterRules { roles: (0..PERMISSIONS / 10).map(role).collect::<Option<_>>()? })
}

fn asked(verb: &str, group: &str, resource: &str, subresource: &str, namespace: Option<&str>) -> Attributes {
    Attributes::Resource {
        verb: verb.into(),
        group: group.into(),
        resource: resource.into(),
        subresource: subresource.into(),
        namespace: namespace.map(Into::into),
        name: None,
    }
}
