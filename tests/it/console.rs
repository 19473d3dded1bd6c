//! The web console: what central serves of it, to whom, with which headers; and, in `browser`, what people do with it.

mod browser;

use std::fs;

use super::support::process::run;
use super::support::{Central, Stack};

/// What is under every answer of the console.
const HEADERS: [&str; 6] = [
    "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'",
    "x-content-type-options: nosniff",
    "referrer-policy: no-referrer",
    "cross-origin-opener-policy: same-origin",
    "x-frame-options: DENY",
    "cache-control: no-cache",
];

/// An answer: its status, its headers by line, its body.
struct Answer {
    status: u16,
    headers: Vec<String>,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        let value = |line: &String| line.starts_with(name) && line[name.len()..].starts_with(": ");
        self.headers.iter().find(|line| value(line)).map_or("", |line| &line[name.len() + 2..])
    }

    #[track_caller]
    fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{:?} {}", self.headers, self.body);
        self
    }

    /// Itself, if it is an answer of the console.
    #[track_caller]
    fn guarded(self) -> Self {
        for line in HEADERS {
            assert!(self.headers.iter().any(|header| header == line), "no {line:?} in {:#?}", self.headers);
        }
        assert_eq!(self.header("set-cookie"), "");
        self
    }
}

/// Asks as a browser does that has not been here.
fn ask(central: &Central, url: &str, more: &[&str]) -> Answer {
    let mut curl = central.anonymous_curl();
    curl.args(["--http1.1", "--include"]).args(more).arg(url);
    if !more.iter().any(|header| header.starts_with("Accept: ")) {
        curl.args(["--header", "Accept: text/html,*/*;q=0.8"]);
    }
    let text = run(&mut curl, b"").expect(0).out();
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let header = |line: &str| line.split_once(": ").map(|(name, value)| format!("{}: {value}", name.to_lowercase()));
    Answer { status: status.expect("a status"), headers: lines.filter_map(header).collect(), body: body.to_owned() }
}

fn get(central: &Central, path: &str, more: &[&str]) -> Answer {
    ask(central, &format!("{}{path}", central.url), more)
}

/// A central with more lines in its configuration.
fn configured(more: &str) -> Central {
    let dir = Central::prepared();
    let file = dir.path().join("central.yaml");
    let config = fs::read_to_string(&file).expect("read") + more;
    fs::write(file, config).expect("write");
    Central::start_in(dir, &[])
}

/// A field of the log line that has this text.
fn logged(central: &Central, text: &str, field: &str) -> String {
    let line = central.process.stderr().into_iter().find(|line| line.contains(text)).expect("a line");
    let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    line[field].as_str().unwrap_or_else(|| panic!("{line}")).to_owned()
}

#[test]
fn every_file_is_served_with_its_kind_its_tag_and_all_headers() {
    let central = Central::start();
    let document = get(&central, "/console/", &[]).expect(200).guarded();
    assert_eq!(document.header("content-type"), "text/html; charset=utf-8");
    assert!(document.body.starts_with("<!doctype html>"), "{}", document.body);
    for (file, kind) in [
        ("index.html", "text/html; charset=utf-8"),
        ("console.css", "text/css; charset=utf-8"),
        ("main.js", "text/javascript; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ] {
        let path = format!("/console/{file}");
        let whole = get(&central, &path, &[]).expect(200).guarded();
        assert_eq!(whole.header("content-type"), kind);
        let source = format!("{}/src/central/console/{file}", env!("CARGO_MANIFEST_DIR"));
        assert_eq!(whole.body, fs::read_to_string(source).expect("read"));
        let tag = whole.header("etag");
        assert!(tag.len() > 20 && tag.starts_with('"'), "a strong tag: {tag}");
        let known = format!("If-None-Match: \"other\", {tag}");
        let same = get(&central, &path, &["--header", &known]).expect(304).guarded();
        assert_eq!((same.body.as_str(), same.header("etag")), ("", tag));
        get(&central, &path, &["--header", "If-None-Match: \"other\""]).expect(200);
        let head = get(&central, &path, &["--head"]).expect(200).guarded();
        assert_eq!((head.body.as_str(), head.header("content-length")), ("", whole.body.len().to_string().as_str()));
    }
    assert_ne!(
        get(&central, "/console/main.js", &[]).header("etag"),
        get(&central, "/console/dom.js", &[]).header("etag")
    );
}

#[test]
fn a_browser_is_led_to_it_and_a_program_is_not() {
    let central = Central::start();
    for path in ["/", "/console"] {
        let found = get(&central, path, &[]).expect(303).guarded();
        assert_eq!(found.header("location"), "/console/");
    }
    let program = get(&central, "/", &["--header", "Accept: */*"]).expect(404);
    assert_eq!(program.header("content-type"), "application/problem+json");
    for path in ["/console/none.js", "/console/../Cargo.toml", "/console/a/b", "/console/%2e%2e%2fapi.js", "/consoles"]
    {
        let none = get(&central, path, &["--path-as-is"]).expect(404);
        assert_eq!(none.header("content-type"), "application/problem+json", "{path}");
    }
    for path in ["/", "/console/", "/console/main.js"] {
        get(&central, path, &["--request", "POST"]).expect(400);
    }
}

#[test]
fn a_link_of_another_page_leads_to_it_and_nothing_else_of_that_page_is_answered() {
    let central = Central::start();
    let visit = ["--header", "Sec-Fetch-Site: cross-site", "--header", "Sec-Fetch-Mode: navigate"];
    get(&central, "/", &visit).expect(303);
    get(&central, "/console/", &visit).expect(200).guarded();
    get(&central, "/clusters", &visit).expect(403);
    let renamed = ["--header", "Sec-Fetch-Site: same-origin", "--header", "Origin: https://other.example"];
    get(&central, "/console/main.js", &renamed).expect(200).guarded();
    get(&central, "/clusters", &renamed).expect(403);
    let embedded = ["--header", "Sec-Fetch-Site: cross-site", "--header", "Sec-Fetch-Mode: no-cors"];
    get(&central, "/console/", &embedded).expect(403);
    get(&central, "/console/main.js", &embedded).expect(403);
    let post = [&visit[..], &["--request", "POST"]].concat();
    get(&central, "/console/", &post).expect(403);
}

#[test]
fn it_can_be_switched_off() {
    let central = configured("console: false\n");
    let visit = ["--header", "Sec-Fetch-Mode: navigate"];
    for path in ["/", "/console", "/console/", "/console/main.js"] {
        assert_eq!(get(&central, path, &visit).expect(404).header("content-security-policy"), "");
    }
    get(&central, "/health", &[]).expect(200);
}

#[test]
fn agents_are_served_none() {
    let central = configured("agents: {listen: \"127.0.0.1:0\"}\n");
    let agents = logged(&central, "listening for agents", "url");
    for path in ["/", "/console", "/console/", "/console/main.js"] {
        ask(&central, &format!("{agents}{path}"), &[]).expect(404);
        assert_ne!(get(&central, path, &[]).status, 404);
    }
}

#[test]
fn what_is_counted_has_the_paths_of_the_table() {
    let central = configured("metrics: {listen: \"127.0.0.1:0\"}\n");
    let address = logged(&central, "listening for metrics", "address").replace("127.0.0.1", "https://localhost");
    for path in ["/", "/console", "/console/", "/console/main.js", "/console/made-up-1", "/console/made-up-2"] {
        get(&central, path, &[]);
    }
    let page = ask(&central, &format!("{address}/metrics"), &[]).expect(200).body;
    for route in ["/", "/console", "/console/", "/console/{file}"] {
        assert!(page.contains(&format!("route=\"{route}\"")), "no {route} in {page}");
    }
    assert!(!page.contains("made-up"));
}

#[test]
fn in_a_browser_it_does_what_it_should() {
    let stack = Stack::start();
    browser::check(&stack);
}
