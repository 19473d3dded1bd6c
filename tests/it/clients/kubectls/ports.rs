//! Forwarded ports.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use nix::sys::signal::Signal::SIGINT;

use super::{Kubectl, Outcome};
use crate::support::{PATIENCE, Process, wait_for};

/// How many connections there are at once through one forwarded port.
const AT_ONCE: usize = 4;

/// A server: what it does with a connection.
type Serve = fn(TcpStream) -> io::Result<()>;

impl Kubectl<'_> {
    /// Forwards a port to each of the servers; what came of it.
    pub fn run_ports(&self) -> Vec<Outcome> {
        let servers: [(&str, Serve); 2] = [("to an echo", echo), ("to one that answers at the end", answer_at_the_end)];
        servers.map(|(name, serve)| (format!("port-forward {name}"), self.forward(serve))).into()
    }

    /// Several connections at once through one forwarded port, each with a mebibyte that comes back.
    fn forward(&self, serve: Serve) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let port = listener.local_addr().expect("address").port();
        thread::spawn(move || {
            for stream in listener.incoming().take(AT_ONCE).map_while(io::Result::ok) {
                thread::spawn(move || serve(stream));
            }
        });
        let mut forward = Process::start(&mut self.command(&format!("port-forward pod/web :{port}")));
        let local = wait_for("a forwarded port", PATIENCE, || {
            let text = String::from_utf8_lossy(&forward.stdout()).into_owned();
            text.strip_prefix("Forwarding from ")?.split(" -> ").next().map(str::to_owned)
        });
        let returned: Vec<bool> = thread::scope(|scope| {
            let all: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(|| comes_back(&local))).collect();
            all.into_iter().map(|one| one.join().expect("a connection")).collect()
        });
        let expected = [true; AT_ONCE];
        assert!(self.way.name != "directly" || returned == expected, "kubectl itself: {:?}", forward.stderr());
        forward.signal(SIGINT);
        format!("{} {returned:?}", forward.wait(PATIENCE))
    }
}

fn echo(stream: TcpStream) -> io::Result<()> {
    io::copy(&mut &stream, &mut &stream)?;
    stream.shutdown(Shutdown::Write)
}

/// It says nothing until it knows that nothing more comes: half of the connection must end alone.
fn answer_at_the_end(mut stream: TcpStream) -> io::Result<()> {
    let mut all = Vec::new();
    stream.read_to_end(&mut all)?;
    stream.write_all(&all)
}

/// Whether a mebibyte comes back from an address, and then the end.
fn comes_back(address: &str) -> bool {
    let stream = TcpStream::connect(address).expect("connect");
    let bytes: Vec<u8> = (0..1u32 << 20).map(|i| (i >> 8) as u8).collect();
    thread::scope(|scope| {
        scope.spawn(|| (&stream).write_all(&bytes).and_then(|()| stream.shutdown(Shutdown::Write)));
        let mut back = Vec::new();
        stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
        (&stream).read_to_end(&mut back).is_ok() && back == bytes
    })
}
