//! The way to central, and the files of this machine.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use nix::fcntl::{Flock, FlockArg};

use super::{Problems, User};
use crate::support::Central;

/// A server that is something else than a central.
fn stranger() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    thread::spawn(move || {
        // As many as there are commands that ask it.
        for mut stream in listener.incoming().take(2).map_while(Result::ok) {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\n<html>");
        }
    });
    url
}

#[test]
fn ways_to_central() {
    let central = Central::start();
    let (user, mut problems) = (User::of(&central), Problems::default());
    let with = |server: &str, line: &str| {
        let mut command = user.at(&central, line);
        command.env("MK8S_SERVER", server);
        command
    };
    let nobody = TcpListener::bind("127.0.0.1:0").expect("bind").local_addr().expect("address");
    let plain = central.url.replace("https://", "http://");
    for (name, server) in [
        ("server-unknown-host", "https://mk8s.invalid"),
        ("server-refuses", &format!("https://{nobody}")),
        ("server-no-url", "mk8s.example.com"),
        ("server-other-scheme", "ftp://mk8s.example.com"),
        ("server-unencrypted", "http://mk8s.example.com"),
        ("server-wants-tls", &plain),
        ("server-is-a-stranger", &stranger()),
    ] {
        user.check(&mut problems, name, &mut with(server, "clusters list"));
    }
    user.check(&mut problems, "tls-untrusted", user.at(&central, "clusters list").env_remove("MK8S_CA_FILE"));
    user.check(&mut problems, "tls-untrusted-at-login", user.at(&central, "login").env_remove("MK8S_CA_FILE"));
    let pin = format!("sha256:{}", "0a".repeat(32));
    let mut login = user.at(&central, &format!("login --ca-pin {pin}"));
    user.check(&mut problems, "tls-other-pin-at-login", login.env_remove("MK8S_CA_FILE"));
    user.write("config.yaml", &format!("server: {}\nca_pin: {pin}\n", central.url));
    let mut list = user.at(&central, "clusters list");
    user.check(&mut problems, "tls-pin-has-changed", list.env_remove("MK8S_CA_FILE").env_remove("MK8S_SERVER"));
    fs::remove_file(user.dir.path().join("config.yaml")).expect("rm");
    user.check(&mut problems, "tls-no-ca-file", user.at(&central, "clusters list").env("MK8S_CA_FILE", "nosuch.pem"));
    user.write("no.pem", "no certificate\n");
    user.check(&mut problems, "tls-empty-ca-file", user.at(&central, "clusters list").env("MK8S_CA_FILE", "no.pem"));
    user.check(&mut problems, "tls-no-pin", &mut user.at(&central, "login --ca-pin 1234"));
    problems.expect_none();
}

#[test]
fn files_of_the_client() {
    let central = Central::start();
    let (user, mut problems) = (User::of(&central), Problems::default());
    user.write("config.yaml", "server: [\n");
    user.check(&mut problems, "config-broken", &mut user.at(&central, "clusters list"));
    user.write("config.yaml", "sevrer: https://mk8s.example.com\n");
    user.check(&mut problems, "config-unknown-key", &mut user.at(&central, "clusters list"));
    fs::remove_file(user.dir.path().join("config.yaml")).expect("rm");
    fs::create_dir(user.dir.path().join("config.yaml")).expect("mkdir");
    user.check(&mut problems, "config-unreadable", &mut user.at(&central, "clusters list"));
    fs::remove_dir(user.dir.path().join("config.yaml")).expect("rm");
    let lock = File::create(user.dir.path().join("config.yaml.lock")).expect("a lock");
    let lock = Flock::lock(lock, FlockArg::LockExclusive).expect("lock");
    user.check(&mut problems, "config-locked", &mut user.at(&central, "clusters use dev"));
    drop(lock);
    user.write("kubeconfig", "clusters: [{name: x}]\nusers: []\ncontexts: []\n");
    user.check(&mut problems, "kubeconfig-in-one-line", &mut user.at(&central, "kubeconfig write --file kubeconfig"));
    user.check(&mut problems, "kubeconfig-unknown-cluster", &mut user.at(&central, "kubeconfig write dve --file new"));
    user.check(&mut problems, "serve-central-without-a-file", &mut user.command("serve central --config nosuch.yaml"));
    user.check(&mut problems, "serve-agent-without-a-central", &mut user.command("serve agent"));
    user.write("central.yaml", "lisen: 127.0.0.1:0\n");
    user.check(&mut problems, "serve-central-unknown-key", &mut user.command("serve central --config central.yaml"));
    problems.expect_none();
}
