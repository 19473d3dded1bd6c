//! What is silent for long is not dead: nothing between a client and the API server cuts it.

use std::process::Command;
use std::time::Duration;

use super::setup::Way;
use crate::support::{PATIENCE, Process, Stack, kubernetes, number, wait_for};

/// A log that says more only when it finds the file `go`.
const SILENT: &str = "echo first; while [ ! -e go ]; do sleep 0.2; done; echo seen; exec sleep 100000";

/// `MK8S_TEST_MINUTES` of silence; 10 seconds without it.
#[test]
fn a_silent_stream_lives() {
    let minutes = number("MK8S_TEST_MINUTES", 0);
    let silence = if minutes == 0 { Duration::from_secs(10) } else { Duration::from_secs(60 * minutes) };
    let stack = Stack::start();
    let way = Way::through(&stack.central);
    way.namespace.pod("web", SILENT);
    way.namespace.kubectl(&["create", "secret", "generic", "quiet"], "");

    let kubectl = |args: &[&str], web_socket: &str| {
        let mut command = way.command(&kubernetes().kubectl);
        command.env("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", web_socket).args(args);
        Process::start(&mut command)
    };
    // Without bookmarks, which an informer asks for, a watch says nothing at all.
    let target = format!("{}/api/v1/namespaces/{}/secrets", stack.central.gateway("dev"), way.namespace.0);
    let curl = |version: &str| {
        let mut curl: Command = stack.central.curl();
        curl.args(["--max-time", "0", "--no-buffer", version, &format!("{target}?watch=1")]);
        Process::start(&mut curl)
    };
    let mut watches = [
        ("kubectl get --watch", kubectl(&["get", "secrets", "--watch", "--output=name"], "true")),
        ("a watch with HTTP/1.1", curl("--http1.1")),
        ("a watch with HTTP/2", curl("--http2")),
        ("kubectl logs --follow", kubectl(&["logs", "--follow", "web"], "true")),
    ];
    let mut sessions = ["true", "false"].map(|web_socket| kubectl(&["exec", "-i", "web", "--", "cat"], web_socket));
    for ((name, watch), first) in watches.iter().zip(["quiet", "quiet", "quiet", "first"]) {
        wait_for(name, PATIENCE, || String::from_utf8_lossy(&watch.stdout()).contains(first).then_some(()));
    }
    for session in &mut sessions {
        session.write(b"before\n");
        wait_for("an echo", PATIENCE, || (session.stdout() == b"before\n").then_some(()));
    }
    let before: Vec<usize> = watches.iter().map(|(_, watch)| watch.stdout().len()).collect();
    std::thread::sleep(silence);
    for ((name, watch), before) in watches.iter_mut().zip(before) {
        assert!(watch.is_running(), "{name} ended: {:?}", watch.stderr());
        assert_eq!(watch.stdout().len(), before, "{name} was not silent");
    }
    way.namespace.kubectl(&["create", "secret", "generic", "seen"], "");
    way.namespace.kubectl(&["exec", "web", "--", "touch", "go"], "");
    for (name, watch) in &watches {
        wait_for(&format!("{name}: what happened at last"), PATIENCE, || {
            String::from_utf8_lossy(&watch.stdout()).contains("seen").then_some(())
        });
    }
    for session in &mut sessions {
        session.write(b"after\n");
        wait_for("an echo", PATIENCE, || (session.stdout() == b"before\nafter\n").then_some(()));
    }
    println!("{} streams lived through {silence:?} of silence", watches.len() + sessions.len());
}
