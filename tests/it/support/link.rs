//! A way to central that is slow, or that breaks once.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::stack::Central;

/// How often a part of what the rate allows goes on.
const TICK: Duration = Duration::from_millis(20);

/// A port that leads to central.
pub struct Link {
    port: u16,
    state: Arc<State>,
}

struct State {
    to: u16,
    /// Bytes a second in each direction; 0 for no limit.
    rate: u64,
    /// After how many bytes to a client its connection breaks, the first time; 0 for never.
    breaks_after: AtomicU64,
    ended: AtomicBool,
}

impl Link {
    /// One that carries so many bytes a second.
    pub fn slow(central: &Central, rate: u64) -> Self {
        Self::start(central, rate, 0)
    }

    /// One on which the first connection breaks that has carried so many bytes to its client.
    pub fn breaking(central: &Central, after: u64) -> Self {
        Self::start(central, 0, after)
    }

    fn start(central: &Central, rate: u64, breaks_after: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let port = listener.local_addr().expect("address").port();
        let state = Arc::new(State {
            to: central.port(),
            rate,
            breaks_after: AtomicU64::new(breaks_after),
            ended: AtomicBool::new(false),
        });
        thread::spawn({
            let state = state.clone();
            move || {
                for client in listener.incoming().map_while(Result::ok) {
                    if state.ended.load(Ordering::Relaxed) {
                        break;
                    }
                    state.clone().join(client);
                }
            }
        });
        Self { port, state }
    }

    /// The URL of central by this way.
    pub fn url(&self, central: &Central) -> String {
        central.url.replace(&format!(":{}", central.port()), &format!(":{}", self.port))
    }

    /// Whether it has broken.
    pub fn has_broken(&self) -> bool {
        self.state.breaks_after.load(Ordering::Relaxed) == 0
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl State {
    fn join(self: Arc<Self>, client: TcpStream) {
        let Ok(server) = TcpStream::connect(("127.0.0.1", self.to)) else { return };
        for (from, to, down) in [(&client, &server, false), (&server, &client, true)] {
            let (from, to) = (from.try_clone().expect("clone"), to.try_clone().expect("clone"));
            let state = self.clone();
            thread::spawn(move || state.carry(from, to, down));
        }
    }

    fn carry(&self, mut from: TcpStream, mut to: TcpStream, down: bool) {
        let per_tick = self.rate / 50;
        let mut buffer = vec![0; if per_tick == 0 { 64 << 10 } else { per_tick as usize }];
        let mut carried = 0;
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            carried += length as u64;
            let limit = self.breaks_after.load(Ordering::Relaxed);
            if down && limit > 0 && carried > limit {
                self.breaks_after.store(0, Ordering::Relaxed);
                let _ = from.shutdown(Shutdown::Both);
                break;
            }
            if to.write_all(&buffer[..length]).is_err() {
                break;
            }
            if per_tick > 0 {
                thread::sleep(TICK);
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    }
}
