//! A hundred watches of one client-go program, while central is killed: all of them come back at once.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal::SIGKILL;
use serde_json::json;

use super::super::setup::Way;
use super::Informer;
use crate::support::{Namespace, Stack, number};

/// How many watches there are, each with a selector of its own.
const WATCHES: usize = 100;

/// How often a watch may begin with a list after a kill, which most of them need not at all.
const LISTS: usize = 2;

/// Central is killed twice, or for `MK8S_TEST_MINUTES`: while nothing happens, and then with changes that no watch sees.
#[test]
fn a_hundred_watches_survive_kills_of_central() {
    let span = Duration::from_secs(60 * number("MK8S_TEST_MINUTES", 0));
    let Stack { agent, mut central } = Stack::start();
    let way = Way::through(&central);
    change_all(&way.namespace, 0);
    let mut informer = Informer::start(&way, &[&WATCHES.to_string()]);
    informer.wait_until_right_with(&way.namespace, "part");
    let (start, mut back) = (Instant::now(), Vec::new());
    while back.len() < 2 || start.elapsed() < span {
        // All of them watch: each has seen a change.
        change_all(&way.namespace, 3 * back.len() + 1);
        informer.wait_until_right_with(&way.namespace, "part");
        let killed = Instant::now();
        central.process.signal(SIGKILL);
        if back.len() % 2 == 1 {
            change_all(&way.namespace, 3 * back.len() + 2);
        }
        central = central.restart();
        // That a cache is right says nothing of its watch when nothing has changed.
        change_all(&way.namespace, 3 * back.len() + 3);
        informer.wait_until_right_with(&way.namespace, "part");
        back.push(killed.elapsed());
    }
    back.sort_unstable();
    println!("{} kills: right again after {:.1?}..{:.1?}", back.len(), back[0], back[back.len() - 1]);
    println!("{}", informer.summary());
    let lists = informer.count("list");
    assert!(lists <= WATCHES * (1 + LISTS * back.len()), "{lists} lists after {} kills", back.len());
    informer.end();
    drop((agent, central));
}

/// Makes or changes an object of each part.
fn change_all(namespace: &Namespace, round: usize) {
    let object = |part: usize| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"round": round.to_string()},
               "metadata": {"name": format!("part-{part}"), "labels": {"part": part.to_string()}}})
    };
    let all: Vec<_> = (0..WATCHES).map(object).collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": all});
    namespace.kubectl(&["apply", "--server-side", "--filename=-"], &list.to_string());
}
