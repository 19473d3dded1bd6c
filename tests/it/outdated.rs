//! A client that is older than central serves is told so once a day, and works on.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::{fs, thread};

use crate::cli::Client;
use crate::support::{Central, run};

/// A central that has no clusters and serves clients from this version on.
fn central(oldest: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    let answer = format!(
        "HTTP/1.1 200 OK\r\nMk8s-Min-Client: {oldest}\r\nContent-Length: 15\r\nConnection: close\r\n\r\n{{\"clusters\":[]}}"
    );
    // It ends with the process.
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    url
}

#[test]
fn it_is_told_once_a_day() {
    let client = Client::new();
    let list = |server: &str| {
        let mut command = client.command();
        command.args(["clusters", "list", "-o", "json"]).env("MK8S_SERVER", server).env("MK8S_TOKEN", "mk8s_x");
        let output = run(&mut command, b"").expect(0);
        assert_eq!(output.out().trim(), "[]");
        output.err()
    };
    let newer = central("99.1.0");
    let said = list(&newer);
    assert!(said.contains("warning: this is mk8s") && said.contains("99.1.0 or newer"), "{said}");
    assert_eq!(list(&newer), "", "it was told");

    let stamp = client.0.path().join("config.yaml.outdated");
    let yesterday = std::time::SystemTime::now() - std::time::Duration::from_secs(25 * 60 * 60);
    fs::File::options().write(true).open(stamp).and_then(|file| file.set_modified(yesterday)).expect("the stamp");
    assert_eq!(list(&newer), said, "a day has passed");

    for oldest in [env!("CARGO_PKG_VERSION"), "0.0.1", "soon"] {
        assert_eq!(list(&central(oldest)), "", "{oldest}");
    }
}

#[test]
fn central_tells_what_it_serves() {
    let central = Central::start();
    let output = run(
        std::process::Command::new("curl")
            .args(["-sS", "-D", "-", "--cacert"])
            .arg(central.ca_file())
            .arg(format!("{}/health", central.url)),
        b"",
    );
    assert!(output.expect(0).out().to_ascii_lowercase().contains("\r\nmk8s-min-client: 0.1.0\r\n"));
}
