//! Central stops in good order while somebody works in a container: the session ends as one whose connection is lost.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::{fs, thread};

use nix::sys::signal::Signal::SIGTERM;
use serde_json::{Value, json};

use super::setup::Way;
use crate::support::{PATIENCE, Stack, Terminal, kubernetes};

/// Nothing is on the screen but what it says, and what kubectl says.
const SCRIPT: &str = r#"stty -echo; echo started; read -r line; echo "got $line"; exec sleep 1000"#;

/// What kubectl makes of it over SPDY is its own: it takes every end of a connection for the end of the command, with the
/// exit code 0.
#[test]
fn a_session_does_not_hang_when_central_stops() {
    let Stack { agent, mut central } = Stack::start();
    let (direct, through) = (Way::direct(), Way::through(&central));
    let wire = Wire::lay(&direct);
    let mut sessions = [&direct, &through].map(|way| {
        way.namespace.pod("web", "exec sleep 100000");
        ["true", "false"].map(|web_socket| {
            let mut command = way.command(&kubernetes().kubectl);
            command.env("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", web_socket);
            let mut terminal = Terminal::start(command.args(["exec", "-it", "web", "--", "sh", "-c", SCRIPT]));
            terminal.expect("started\r\n");
            terminal
        })
    });
    central.process.signal(SIGTERM);
    central.process.wait_for_line("stopping", PATIENCE);
    // It goes on until the grace period is over.
    for terminal in sessions.as_flattened_mut() {
        terminal.enter("a line").expect("got a line\r\n");
    }
    assert_eq!(central.process.wait(PATIENCE), 0);
    wire.cut();
    let [direct, through] = sessions.map(|terminals| terminals.map(|mut terminal| said(terminal.finish())));
    println!("when central has stopped, with WebSocket and with SPDY: {through:?}");
    assert_eq!(through, direct, "as when the connection to the API server is cut");
    let (code, screen) = &through[0];
    assert!(*code == 1 && screen.contains("error: "), "{screen}");
    drop(agent);
}

/// The exit code, and the screen without the log of client-go, in which threads speak at the same time.
fn said((code, screen): (i32, String)) -> (i32, String) {
    let is_log = |line: &str| line.starts_with("E1") || line.starts_with("E0");
    (code, screen.split_inclusive('\n').filter(|line| !is_log(line)).collect())
}

/// A connection to the API server that can be cut.
struct Wire(Arc<Mutex<Vec<TcpStream>>>);

impl Wire {
    /// Lays it, and lets the kubeconfig lead to it.
    fn lay(way: &Way) -> Self {
        let mut config: Value = serde_json::from_slice(&fs::read(&way.kubeconfig).expect("read")).expect("JSON");
        let cluster = &mut config["clusters"][0]["cluster"];
        let server = cluster["server"].as_str().and_then(|url| url.strip_prefix("https://")).expect("a URL").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        cluster["server"] = json!(format!("https://{}", listener.local_addr().expect("address")));
        cluster["tls-server-name"] = json!(server.split(':').next());
        fs::write(&way.kubeconfig, config.to_string()).expect("write");
        let this = Self(Arc::default());
        let streams = this.0.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(io::Result::ok) {
                let server = TcpStream::connect(&server).expect("connect");
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (mut from, mut to) = (from.try_clone().expect("clone"), to.try_clone().expect("clone"));
                    streams.lock().expect("lock").push(from.try_clone().expect("clone"));
                    thread::spawn(move || io::copy(&mut from, &mut to).and_then(|_| to.shutdown(Shutdown::Both)));
                }
            }
        });
        this
    }

    fn cut(&self) {
        for stream in self.0.lock().expect("lock").iter() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}
