//! A real PostgreSQL for tests: started once per test process, with a database for each test, and gone with the process.
//!
//! A shell supervises the server and reads from a pipe whose other end the test process holds. When the process ends, in
//! whatever way, the pipe closes, and the shell stops the server and removes its files.
//! `MK8S_TEST_POSTGRES_URL` names a server to use instead; it must take connections without TLS.

use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Starts the server, again with each line of input, and stops it for good at the end of input.
const SUPERVISE: &str = r#"
start() { "$1/postgres" -D "$2/data" >>"$2/log" 2>&1 & pid=$!; }
start "$@"
while read -r _; do kill -KILL "$pid" 2>/dev/null; wait "$pid"; start "$@"; done
kill -QUIT "$pid" 2>/dev/null; wait "$pid"; rm -rf "$2"
"#;

/// Fast instead of durable: these data are thrown away.
const SETTINGS: &str = "
listen_addresses = ''
max_connections = 300
fsync = off
full_page_writes = off
shared_buffers = 32MB
autovacuum = off
";

/// How long a server may take to start on a busy machine.
const START: Duration = Duration::from_secs(60);

/// A running server.
pub struct Server {
    dir: PathBuf,
    port: u16,
    supervisor: Child,
}

impl Server {
    /// Starts a server of its own, which listens on a socket.
    pub fn start() -> Self {
        Self::start_with(5432, "", &[])
    }

    /// Starts a server that also listens on a port of this machine, with TLS.
    pub fn start_tls(certificate: &str, key: &str) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.expect("a free port").port();
        let settings = format!("listen_addresses = '127.0.0.1'\nport = {port}\nssl = on\n");
        Self::start_with(port, &settings, &[("server.crt", certificate), ("server.key", key)])
    }

    fn start_with(port: u16, more: &str, files: &[(&str, &str)]) -> Self {
        let bin = binaries();
        let dir = directory();
        let run = |program: &str| as_user(&dir, bin.join(program));
        let initdb = run("initdb")
            .args(["--no-sync", "--no-instructions", "-A", "trust", "-U", "mk8s", "-E", "UTF8", "--locale=C", "-D"])
            .arg(dir.join("data"))
            .output()
            .expect("run initdb");
        assert!(initdb.status.success(), "initdb failed: {}", String::from_utf8_lossy(&initdb.stderr));
        let data = dir.join("data");
        let settings = format!("{SETTINGS}unix_socket_directories = '{}'\n{more}", dir.display());
        let conf = std::fs::read_to_string(data.join("postgresql.conf")).expect("read postgresql.conf");
        std::fs::write(data.join("postgresql.conf"), conf + &settings).expect("write postgresql.conf");
        for (name, content) in files {
            let path = data.join(name);
            std::fs::write(&path, content).expect("write a file");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("chmod");
            if let Some((uid, gid)) = other_user() {
                chown(&path, Some(uid), Some(gid)).expect("chown");
            }
        }
        let supervisor = as_user(&dir, "sh".into())
            .args(["-c", SUPERVISE, "sh"])
            .args([&bin, &dir])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("start sh");
        let server = Self { dir, port, supervisor };
        server.wait_until_ready();
        server
    }

    /// The URL of one of its databases.
    pub fn url(&self, database: &str) -> String {
        let socket = self.dir.display().to_string().replace('/', "%2F");
        format!("postgres://mk8s@{socket}:{}/{database}?sslmode=disable", self.port)
    }

    /// The port of this machine that a server with TLS listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sends a signal to all processes of the server, such as `KILL`, or `STOP` and later `CONT`.
    pub fn signal(&self, signal: &str) {
        let mut reached = Vec::new();
        // Again, as one may have started another one meanwhile.
        while let Some(pid) = self.processes().into_iter().find(|pid| !reached.contains(pid)) {
            Command::new("kill").args(["-s", signal, &pid]).stderr(Stdio::null()).status().expect("run kill");
            reached.push(pid);
        }
    }

    /// Starts it again after it was killed.
    pub fn restart(&mut self) {
        let deadline = Instant::now() + START;
        while !self.processes().is_empty() {
            assert!(Instant::now() < deadline, "PostgreSQL was not killed");
            std::thread::sleep(Duration::from_millis(10));
        }
        self.supervisor.stdin.as_mut().expect("a pipe").write_all(b"\n").expect("the supervisor has ended");
        self.wait_until_ready();
    }

    /// All of them work in the directory of the data; the first is the one that starts others.
    fn processes(&self) -> Vec<String> {
        let data = self.dir.join("data");
        let mut pids: Vec<u32> = std::fs::read_dir("/proc")
            .expect("read /proc")
            .flatten()
            .filter(|entry| std::fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == data))
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .collect();
        pids.sort_unstable();
        pids.iter().map(ToString::to_string).collect()
    }

    fn wait_until_ready(&self) {
        let deadline = Instant::now() + START;
        while let Err(error) = execute(&self.url("postgres"), "SELECT 1") {
            let log = || std::fs::read_to_string(self.dir.join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "PostgreSQL does not start: {error}\n{}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        drop(self.supervisor.wait());
    }
}

/// A database of one test's own.
pub struct Database {
    url: String,
    /// Where to remove it, on a server that outlives the tests.
    remove: Option<(String, String)>,
}

impl Database {
    /// An empty database.
    pub fn create() -> Self {
        static SERVER: OnceLock<Result<String, Server>> = OnceLock::new();
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let server = SERVER.get_or_init(|| std::env::var("MK8S_TEST_POSTGRES_URL").map_err(|_| Server::start()));
        let name = format!("mk8s_test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let (admin, url) = match server {
            Ok(given) => (given.clone(), with_database(given, &name)),
            Err(own) => (own.url("postgres"), own.url(&name)),
        };
        execute(&admin, &format!("CREATE DATABASE {name} TEMPLATE template0")).expect("create a database");
        Self { url, remove: server.is_ok().then_some((admin, name)) }
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Runs SQL in it, past the product.
    pub fn execute(&self, sql: &str) -> Vec<Vec<String>> {
        execute(&self.url, sql).unwrap_or_else(|e| panic!("{sql}: {e}"))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some((admin, name)) = &self.remove {
            drop(execute(admin, &format!("DROP DATABASE {name} WITH (FORCE)")));
        }
    }
}

fn with_database(url: &str, name: &str) -> String {
    let (base, query) = url.split_once('?').map_or((url, String::new()), |(base, query)| (base, format!("?{query}")));
    let (scheme, rest) = base.split_once("://").expect("MK8S_TEST_POSTGRES_URL is a URL");
    format!("{scheme}://{}/{name}{query}", rest.split('/').next().unwrap_or_default())
}

/// Runs SQL, and returns the rows as text.
pub fn execute(url: &str, sql: &str) -> Result<Vec<Vec<String>>, tokio_postgres::Error> {
    let run = async {
        let (client, driver) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
        tokio::spawn(driver);
        let messages = client.simple_query(sql).await?;
        let row = |message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|at| row.get(at).unwrap_or_default().to_owned()).collect())
            }
            _ => None,
        };
        Ok(messages.into_iter().filter_map(row).collect())
    };
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    // On a thread of its own, as the test may be in a runtime already.
    std::thread::scope(|scope| scope.spawn(|| runtime().block_on(run)).join().expect("the queries"))
}

/// Where `postgres` and `initdb` are.
fn binaries() -> PathBuf {
    static BINARIES: OnceLock<PathBuf> = OnceLock::new();
    let found = BINARIES.get_or_init(|| {
        installed().or_else(|| {
            install();
            installed()
        })
        .expect("no PostgreSQL in PATH or /usr/lib/postgresql: install the Debian package `postgresql`, or set MK8S_TEST_POSTGRES_URL")
    });
    found.clone()
}

fn installed() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|dir| dir.flatten().map(|entry| entry.path().join("bin")).collect())
        .unwrap_or_default();
    versions.sort();
    std::env::split_paths(&path)
        .chain(versions.into_iter().rev())
        .find(|dir| dir.join("postgres").exists() && dir.join("initdb").exists())
}

/// Installs it on a bare Debian, where the tests run as root.
fn install() {
    const SCRIPT: &str = "apt-get update -qq && \
        DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends postgresql";
    if other_user().is_some() && Path::new("/usr/bin/apt-get").exists() {
        let _ = Command::new("sh").args(["-c", SCRIPT]).status();
    }
}

/// A directory of whom the server runs as, short enough for the path of a socket.
fn directory() -> PathBuf {
    let temp = std::env::temp_dir();
    let temp = if temp.as_os_str().len() > 60 { Path::new("/tmp") } else { &temp };
    let dir = tempfile::Builder::new().prefix("mk8s-postgres-").tempdir_in(temp).expect("a directory").keep();
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o700)).expect("chmod");
    if let Some((uid, gid)) = other_user() {
        chown(&dir, Some(uid), Some(gid)).expect("chown");
    }
    dir
}

fn as_user(dir: &Path, program: PathBuf) -> Command {
    let mut command = Command::new(program);
    command.current_dir(dir).env("LC_ALL", "C");
    if let Some((uid, gid)) = other_user() {
        command.uid(uid).gid(gid);
    }
    command
}

/// PostgreSQL refuses to run as root: the user to be instead.
fn other_user() -> Option<(u32, u32)> {
    (std::fs::metadata("/proc/self").expect("read /proc").uid() == 0).then(|| {
        let users = std::fs::read_to_string("/etc/passwd").expect("read /etc/passwd");
        let find = |name: &str| {
            let mut fields = users.lines().find(|line| line.split(':').next() == Some(name))?.split(':').skip(2);
            Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
        };
        find("postgres").or_else(|| find("nobody")).expect("no user `postgres` or `nobody` to run PostgreSQL as")
    })
}
