//! Requests, plausible and hostile, the same ones for the same seed.

/// SplitMix64: few lines, and good enough to choose words.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("below a usize")
    }

    /// True once in `n` times.
    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

const METHODS: [&str; 16] = [
    "GET", "GET", "GET", "GET", "GET", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "DELETE", "OPTIONS", "FOO",
    "get", "TRACE",
];

const SEGMENTS: [&str; 48] = [
    "api",
    "apis",
    "v1",
    "apps",
    "namespaces",
    "watch",
    "proxy",
    "status",
    "finalize",
    "pods",
    "nodes",
    "services",
    "exec",
    "log",
    "a",
    "default",
    "",
    "",
    ".",
    "..",
    "%2e%2e",
    "%2F",
    "x%2Fexec",
    "%2f%2f",
    "%5C",
    "%25",
    "%252e",
    "%00",
    "%0a",
    "%ff",
    "%",
    "%zz",
    "%2",
    "%C3%BC",
    "ü",
    "API",
    "Pods",
    "namespaces%2Fa",
    "w%61tch",
    "pro%78y",
    "https:s:443",
    "a+b",
    "a;b",
    "a\\b",
    "a#b",
    "a b",
    "%ED%A0%80",
    "a-very-long-name-a-very-long-name-a-very-long-name",
];

const RESOURCES: [&str; 10] =
    ["pods", "services", "nodes", "namespaces", "deployments", "secrets", "Pods", "events", "proxy", "watch"];
const NAMES: [&str; 9] = ["p", "web-0", "status", "finalize", "proxy", "", "namespaces", "p%3A80", "https:s:443"];
const SUBRESOURCES: [&str; 9] =
    ["status", "log", "exec", "attach", "portforward", "proxy", "scale", "finalize", "ephemeralcontainers"];

const KEYS: [&str; 24] = [
    "watch",
    "watch",
    "watch",
    "w%61tch",
    "Watch",
    "sendInitialEvents",
    "sendInitialEvents",
    "fieldSelector",
    "fieldSelector",
    "fieldSelector",
    "labelSelector",
    "labelSelector",
    "limit",
    "timeoutSeconds",
    "resourceVersion",
    "allowWatchBookmarks",
    "continue",
    "field%53elector",
    "f+x",
    "",
    "%zz",
    "shardSelector",
    "resourceVersionMatch",
    "pretty",
];
const FLAGS: [&str; 16] = [
    "1",
    "0",
    "true",
    "false",
    "FALSE",
    "fAlSe",
    "fal%C5%BFe",
    "",
    "t",
    "00",
    "+",
    "%ff",
    "%zz",
    "true;x=1",
    "no",
    "+false",
];
const NUMBERS: [&str; 14] = [
    "500",
    "0",
    "",
    "-1",
    "%2B5",
    "+5",
    "1.5",
    "abc",
    "0x10",
    "1_000",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "007",
];
const FIELDS: [&str; 26] = [
    "metadata.name",
    "metadata.name",
    "metadata.name",
    "metadata.namespace",
    "spec.nodeName",
    "=",
    "=",
    "=",
    "==",
    "!=",
    ",",
    ",",
    "a",
    "b",
    "web-0",
    "%5C",
    "%5C,",
    "%5C=",
    "%5C%5C",
    "%2F",
    "%25",
    "..",
    "+",
    "%ff",
    "%C3%BC",
    ".",
];
const LABELS: [&str; 34] = [
    "app",
    "app",
    "app",
    "tier",
    "x.io/app",
    "x/y/z",
    "/a",
    "X.io/a",
    "=",
    "=",
    "==",
    "!=",
    "!",
    "in",
    "in",
    "notin",
    "(",
    "(",
    ")",
    ")",
    ",",
    ",",
    "<",
    ">",
    "5",
    "a",
    "+",
    "%09",
    "%00",
    "-a",
    "a_b.c",
    "%C3%BC",
    "%ff",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];
const WHOLE_FIELDS: [&str; 6] = [
    "metadata.name%3Dweb-0",
    "metadata.name=b,metadata.name=a",
    "metadata.name!=a",
    "status.phase=Running",
    "metadata.name=.",
    "metadata.name=a%5C,b",
];
const WHOLE_LABELS: [&str; 8] =
    ["app%3Dweb", "app=web,tier!=db", "app+in+(a,b)", "app+notin+(a,,)", "!app", "x.io/app", "app+in+()", "n>5,n<-7"];

/// An endless row of requests: method and target.
pub struct Requests {
    random: Random,
}

impl Requests {
    /// The row of a seed.
    pub fn new(seed: u64) -> Self {
        Self { random: Random(seed) }
    }

    fn path(&mut self) -> String {
        let r = &mut self.random;
        if r.one_in(4) {
            let mut path = r.of(&["", "/api/v1", "/apis/apps/v1", "/api", "/api/v1/namespaces", "/API"]).to_owned();
            for _ in 0..r.below(8) {
                path += "/";
                path += r.of(&SEGMENTS);
            }
            return path;
        }
        let mut path = r.of(&["/api/v1", "/api/v1", "/apis/apps/v1", "/apis/x.io/v1beta1", "/api", "/apis"]).to_owned();
        if r.one_in(10) {
            path += r.of(&["/watch", "/proxy"]);
        }
        if r.one_in(2) {
            path += "/namespaces/";
            path += r.of(&["a", "default", "kube-system", "status", "pods", "", "watch"]);
        }
        if !r.one_in(8) {
            path += "/";
            path += r.of(&RESOURCES);
        }
        if r.one_in(2) {
            path += "/";
            path += r.of(&NAMES);
            if r.one_in(2) {
                path += "/";
                path += r.of(&SUBRESOURCES);
                for _ in 0..r.below(3) {
                    path += "/";
                    path += r.of(&SEGMENTS);
                }
            }
        }
        if r.one_in(12) {
            path += "/";
        }
        path
    }

    fn words(&mut self, words: &[&'static str]) -> String {
        let count = 1 + self.random.below(8);
        (0..count).map(|_| self.random.of(words)).collect()
    }

    fn parameter(&mut self) -> String {
        let key = self.random.of(&KEYS);
        let whole = self.random.one_in(2);
        let value = match key {
            "limit" | "timeoutSeconds" => self.random.of(&NUMBERS).to_owned(),
            "fieldSelector" | "field%53elector" if whole => self.random.of(&WHOLE_FIELDS).to_owned(),
            "fieldSelector" | "field%53elector" => {
                let start = self.random.of(&["", "metadata.name=a,", "metadata.name=a,b="]);
                start.to_owned() + &self.words(&FIELDS)
            }
            "labelSelector" if whole => self.random.of(&WHOLE_LABELS).to_owned(),
            "labelSelector" => self.words(&LABELS),
            _ => self.random.of(&FLAGS).to_owned(),
        };
        if self.random.one_in(12) { key.to_owned() } else { format!("{key}={value}") }
    }

    /// Changes one place of a target, which is ASCII there or becomes so.
    fn mutate(&mut self, target: &mut String) {
        let mut at = self.random.below(target.len() + 1);
        while !target.is_char_boundary(at) {
            at -= 1;
        }
        let Some(old) = target[at..].chars().next() else {
            target.push_str(self.random.of(&["/", "?", "//", "%", "#"]));
            return;
        };
        let new = match self.random.below(5) {
            0 => String::new(),
            1 => old.to_string().repeat(2),
            2 => old.to_string().bytes().map(|b| format!("%{b:02x}")).collect(),
            3 => self.random.of(&["/", "%2F", "?", ";", "\t", "\u{0}", "\u{7f}", "ſ", "\\", "&", "=", "%"]).to_owned(),
            _ => old.to_string() + self.random.of(&["/", "/..", "%2e", "?", "&", "\u{85}", ",", "="]),
        };
        target.replace_range(at..at + old.len_utf8(), &new);
    }
}

impl Iterator for Requests {
    type Item = (&'static str, String);

    fn next(&mut self) -> Option<Self::Item> {
        let method = self.random.of(&METHODS);
        let mut target = self.path();
        if self.random.one_in(2) {
            target += "?";
            let count = self.random.below(4);
            let mut parameters: Vec<String> = (0..=count).map(|_| self.parameter()).collect();
            if self.random.one_in(3) {
                // Options with a mistake show in that the name of the field selector does not count.
                parameters.insert(0, "fieldSelector=metadata.name%3Dweb-0".into());
            }
            target += &parameters.join("&");
        }
        if self.random.one_in(60) {
            target.insert_str(0, self.random.of(&["https://host", "http:", "*", "x", "/", "//host", ":", "1:", "?"]));
        }
        if self.random.one_in(400) {
            target =
                self.random.of(&["", "/", "*", "//", "/?", "/healthz", "/version/", "/metrics", "host:443"]).into();
        }
        if self.random.one_in(5) {
            for _ in 0..=self.random.below(2) {
                self.mutate(&mut target);
            }
        }
        if self.random.one_in(5000) {
            // Around the number of parameters at which Go gives up.
            target = format!("/api/v1/pods?{}watch=1", "&".repeat(9_998 + self.random.below(4)));
        }
        Some((method, target))
    }
}
