//! What holds for all policies: tried on many, made from a seed.

use super::*;

struct Seed(u64);

impl Seed {
    fn below(&mut self, limit: usize) -> usize {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }

    fn some(&mut self, list: &[&str]) -> Vec<String> {
        (0..=self.below(3)).map(|_| self.pick(list).to_owned()).collect()
    }

    fn rule(&mut self, namespaces: &[&str]) -> Rule {
        Rule { namespaces: self.some(namespaces), resources: self.some(&RESOURCES), verbs: self.some(&VERBS) }
    }

    fn rules(&mut self) -> Vec<Rule> {
        (0..self.below(4)).map(|_| self.rule(&NAMESPACES)).collect()
    }

    fn roles(&mut self) -> Vec<RoleRules> {
        let role = |seed: &mut Self, name: &str| RoleRules {
            role: name.parse().expect("a role"),
            permissions: seed.rules(),
            deny: if seed.below(2) == 0 { seed.rules() } else { vec![] },
        };
        vec![role(self, "one"), role(self, "two")]
    }

    fn asked(&mut self) -> Attributes {
        if self.below(8) == 0 {
            return ask(&format!("{} {}", self.pick(&["get", "post", "head", "x"]), self.pick(&PATHS)));
        }
        let place = ["", "a", "app-1", "kube-system", "mk8s"];
        let (verb, what, namespace) = (self.pick(&ASKED_VERBS), self.pick(&ASKED), self.pick(&place));
        ask(&format!("{verb} {what} -n {namespace}{}", self.pick(&["", "/x"])))
    }
}

const NAMESPACES: [&str; 8] = ["*", "a", "app-*", "*-system", "kube-*", "mk8s", "mk8*", "*a*"];
const RESOURCES: [&str; 16] = [
    "*",
    "pods",
    "pods/*",
    "pods/exec",
    "pods/log",
    "secrets",
    "po*",
    "*/scale",
    "deployments",
    "*.apps",
    "nodes",
    "*.*",
    "nodes/proxy",
    "widgets.example.com",
    "/metrics",
    "/api*",
];
const VERBS: [&str; 9] = ["*", "get", "list", "create", "delete", "logs", "exec", "proxy", "post"];
const ASKED: [&str; 12] = [
    "pods",
    "pods/exec",
    "pods/log",
    "pods/status",
    "secrets",
    "deployments",
    "deployments/scale",
    "nodes",
    "nodes/proxy",
    "widgets.example.com",
    "namespaces",
    "selfsubjectaccessreviews",
];
const ASKED_VERBS: [&str; 7] = ["get", "list", "watch", "create", "delete", "proxy", "strange"];
const PATHS: [&str; 4] = ["/metrics", "/api/v1", "/version", "/logs/x"];

fn compile(roles: &[RoleRules]) -> Policy {
    Policy::compile(ClusterRules { roles: roles.to_vec() }, Some("mk8s"))
}

fn is_allowed(policy: &Policy, asked: &Attributes) -> bool {
    matches!(policy.decide(asked), Decision::Allowed { .. })
}

#[test]
fn more_permissions_take_nothing_away_and_more_denials_give_nothing() {
    let mut seed = Seed(0x6d6b_3873);
    let (mut allowed, mut gained, mut lost) = (0, 0, 0);
    for _ in 0..6_000 {
        let roles = seed.roles();
        let before = compile(&roles);
        let mut permitted = roles.clone();
        permitted[seed.below(2)].permissions.push(seed.rule(&NAMESPACES));
        let permitted = compile(&permitted);
        let mut denied = roles.clone();
        denied[seed.below(2)].deny.push(seed.rule(&NAMESPACES));
        let denied = compile(&denied);
        for _ in 0..10 {
            let asked = seed.asked();
            let now = is_allowed(&before, &asked);
            assert!(!now || is_allowed(&permitted, &asked), "a permission took away {asked:?} from {roles:?}");
            assert!(now || !is_allowed(&denied, &asked), "a denial gave {asked:?} to {roles:?}");
            allowed += usize::from(now);
            gained += usize::from(!now && is_allowed(&permitted, &asked));
            lost += usize::from(now && !is_allowed(&denied, &asked));
        }
    }
    assert!(allowed > 5_000 && gained > 1_000 && lost > 500, "too little was tried: {allowed} {gained} {lost}");
}

/// The same rule as permission and as denial: the denial covers at least as much, whatever else is permitted.
#[test]
fn a_denial_always_wins() {
    let mut seed = Seed(7);
    let mut covered = 0;
    for _ in 0..20_000 {
        let rule = seed.rule(&NAMESPACES);
        let roles = |permissions: Vec<Rule>, deny: Vec<Rule>| {
            let name = "one".parse().expect("a role");
            vec![RoleRules { role: name, permissions, deny }]
        };
        let asked = seed.asked();
        let permits = compile(&roles(vec![rule.clone()], vec![])).decide(&asked);
        // What is open to everyone is not permitted by the rule.
        if matches!(permits, Decision::Allowed { role: Some(_) }) {
            covered += 1;
            let mut all = seed.rules();
            all.push(super::rule("* on * in *,mk8s"));
            let decision = compile(&roles(all, vec![rule.clone()])).decide(&asked);
            assert!(matches!(decision, Decision::Denied { .. }), "{rule:?} permits and does not deny {asked:?}");
        }
    }
    assert!(covered > 500, "too little was tried: {covered}");
}

#[test]
fn without_a_namespace_only_the_star_alone_permits() {
    let mut seed = Seed(11);
    let limited: Vec<&str> = NAMESPACES.into_iter().filter(|pattern| *pattern != "*").chain(["**"]).collect();
    let mut tried = 0;
    for _ in 0..20_000 {
        let rules = RoleRules {
            role: "one".parse().expect("a role"),
            permissions: (0..5).map(|_| seed.rule(&limited)).collect(),
            deny: vec![],
        };
        let asked = seed.asked();
        let without = match &asked {
            Attributes::Resource { namespace, .. } => namespace.is_none(),
            Attributes::Path { .. } => true,
        };
        if without {
            tried += 1;
            let decision = compile(&[rules]).decide(&asked);
            assert!(!matches!(decision, Decision::Allowed { role: Some(_) }), "{asked:?}");
        }
    }
    assert!(tried > 1_000);
}

#[test]
fn a_policy_can_be_shared() {
    fn shared<T: Send + Sync + std::fmt::Debug>(_: &T) {}
    shared(&Policy::default());
}
