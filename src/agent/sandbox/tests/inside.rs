//! What is tried inside: the test program runs this one test in the sandbox, and tells how each attempt ended.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::errno::Errno;
use nix::libc;
use nix::sched::{CloneFlags, unshare};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::kill;
use nix::sys::socket::{
    AddressFamily, Backlog, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, listen, sendto, socket, socketpair,
};
use nix::unistd::getppid;

/// What every line of the report begins with.
pub const MARK: &str = "attempt ";

/// The line after which the process waits for its input to end.
pub const DONE: &str = "attempt done";

fn path(name: &str) -> PathBuf {
    std::env::var_os(name).unwrap_or_else(|| panic!("{name} is not set")).into()
}

fn port(name: &str) -> u16 {
    path(name).to_str().and_then(|port| port.parse().ok()).unwrap_or_else(|| panic!("{name} is no port"))
}

fn tell<T, E: Into<io::Error>>(name: &str, outcome: Result<T, E>) {
    let outcome = match outcome.map_err(Into::into) {
        Ok(_) => "ok".to_owned(),
        Err(error) => match error.raw_os_error() {
            Some(code) => format!("{:?}", Errno::from_raw(code)),
            None => error.to_string(),
        },
    };
    println!("{MARK}{name}: {outcome}");
}

fn write(path: &Path) -> io::Result<()> {
    OpenOptions::new().create(true).append(true).open(path)?.write_all(b"x")
}

fn run(program: &Path) -> io::Result<()> {
    Command::new(program).args(["-c", ":"]).status().map(drop)
}

#[test]
#[ignore = "runs in the sandbox, where the other tests start it"]
fn inside() {
    if std::env::var_os("OWN").is_none() {
        return println!("not started by the other tests");
    }
    // The test harness has not ended its line.
    println!();
    files();
    network();
    processes();
    let mut names: Vec<String> = std::env::vars().map(|(name, _)| name).collect();
    names.sort();
    println!("{MARK}environment: {}", names.join(" "));
    println!("{MARK}pid: {}", std::process::id());
    println!("{DONE}");
    // The others look at this process meanwhile.
    let _ = io::stdin().lock().read_line(&mut String::new());
}

fn files() {
    let (own, neighbour, cache) = (path("OWN"), path("NEIGHBOUR"), path("CACHE"));
    for (name, path) in [
        ("read users", "/etc/passwd".into()),
        ("read environment of init", "/proc/1/environ".into()),
        ("read own environment", "/proc/self/environ".into()),
        ("read device", "/dev/zero".into()),
        ("read null", "/dev/null".into()),
        ("read neighbour", neighbour.join("secret")),
        ("read cache", cache.join("cached")),
        ("read own", own.join("own")),
    ] {
        tell(name, File::open(path).and_then(|mut file| file.read(&mut [0])));
    }
    for (name, path) in [("list root", Path::new("/")), ("list neighbour", &neighbour), ("list own", &own)] {
        tell(name, fs::read_dir(path));
    }
    for (name, path) in [
        ("write null", "/dev/null".into()),
        ("write neighbour", neighbour.join("secret")),
        ("create in neighbour", neighbour.join("new")),
        ("write cache", cache.join("cached")),
        ("create in cache", cache.join("new")),
        ("write own", own.join("new")),
    ] {
        tell(name, write(&path));
    }
    tell("remove in neighbour", fs::remove_file(neighbour.join("removable")));
    tell("truncate neighbour", nix::unistd::truncate(&neighbour.join("secret"), 0));
    tell("rename own", fs::rename(own.join("new"), own.join("renamed")));
    tell("run shell", run(Path::new("/bin/sh")));
    tell("run own", run(&own.join("tool")));
}

fn network() {
    let other = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port("OTHER"));
    tell("connect to the gate", TcpStream::connect((Ipv4Addr::LOCALHOST, port("GATE"))));
    tell("connect elsewhere", TcpStream::connect(other));
    tell("bind", TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    tell("udp", UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)));
    tell("udp over ipv6", UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)));
    tell("connect to a local socket", UnixStream::connect(path("OWN").join("socket")));
    let open = |family, kind, protocol: Option<SockProtocol>| socket(family, kind, SockFlag::SOCK_CLOEXEC, protocol);
    tell("netlink", open(AddressFamily::Netlink, SockType::Raw, SockProtocol::NetlinkRoute.into()));
    tell("raw", open(AddressFamily::Inet, SockType::Raw, SockProtocol::Icmp.into()));
    tell("packets", open(AddressFamily::Packet, SockType::Datagram, None));
    tell("other protocol", open(AddressFamily::Inet, SockType::Stream, SockProtocol::Udp.into()));
    tell("pair", socketpair(AddressFamily::Unix, SockType::Datagram, None, SockFlag::SOCK_CLOEXEC));
    let tcp = || open(AddressFamily::Inet, SockType::Stream, SockProtocol::Tcp.into());
    // Without a bind, the kernel chooses a port.
    tell("listen", tcp().and_then(|socket| listen(&socket, Backlog::new(1)?)));
    let fast = MsgFlags::from_bits_retain(libc::MSG_FASTOPEN);
    let connect_by_sending = |socket: OwnedFd| sendto(socket.as_raw_fd(), b"x", &SockaddrIn::from(other), fast);
    tell("connect by sending", tcp().and_then(connect_by_sending));
}

fn processes() {
    tell("signal the agent", kill(getppid(), None));
    tell("file in memory", memfd_create("x", MFdFlags::MFD_CLOEXEC));
    // The one that needs no privilege.
    tell("namespace", unshare(CloneFlags::CLONE_NEWUSER));
    tell("thread", std::thread::Builder::new().spawn(|| ()).map(|thread| thread.join().is_ok()));
}
