//! What makes sense on the user's machine only: `port-forward`, `cp` and `proxy` of the client, in its own words and in
//! those of kubectl, against a real API server and its node.

mod cp;
mod port_forward;
mod proxy;

use std::process::Command;

use crate::support::{Central, Namespace, Stack};

/// How the same is asked for: `mk8s cp …` and `mk8s kubectl cp …`.
const WAYS: [&[&str]; 2] = [&[], &["kubectl"]];

/// A cluster, and a namespace with a pod `web` that sleeps.
fn setup() -> (Stack, Namespace) {
    let (stack, namespace) = (Stack::start(), Namespace::create());
    namespace.pod("web", "exec sleep 100000");
    (stack, namespace)
}

/// A command of the client in a namespace: the words before it, its name, and its arguments.
fn command(central: &Central, way: &[&str], namespace: &str, name: &str, args: &[&str]) -> Command {
    let mut command = central.mk8s();
    match way {
        // kubectl takes flags of all commands before the command, too.
        ["kubectl"] => command.args(way).args(["-n", namespace, name]).args(args),
        _ => command.arg(name).args(["-n", namespace]).args(args),
    };
    command
}
