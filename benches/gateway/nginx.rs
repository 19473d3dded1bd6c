//! Two stream proxies of nginx, one behind the other, each of which ends TLS and begins it anew.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::bail;
use base64::Engine as _;
use mk8s::tls::Authority;

use crate::support::Server;

/// Where distributions put the module.
const MODULES: [&str; 2] =
    ["/usr/lib/nginx/modules/ngx_stream_module.so", "/usr/lib64/nginx/modules/ngx_stream_module.so"];

/// The two, in one process; ended when dropped.
pub struct Nginx {
    /// The port of the first.
    pub port: u16,
    _server: Server,
}

/// Starts them in front of a port of this machine; `None` without an nginx that can.
pub fn start(dir: &Path, authority: &Authority, upstream: u16) -> anyhow::Result<Option<Nginx>> {
    let module = MODULES.into_iter().find(|module| Path::new(module).exists());
    let Some(module) = module else { return Ok(None) };
    let identity = authority.issue(&["127.0.0.1".into()])?;
    let certificates: String = identity.chain.iter().map(|one| pem("CERTIFICATE", one)).collect();
    fs::write(dir.join("nginx.crt"), certificates)?;
    fs::write(dir.join("nginx.key"), pem("PRIVATE KEY", identity.key.secret_der()))?;
    let (first, second) = (free_port()?, free_port()?);
    let proxy = |from: u16, to: u16| {
        format!(
            "server {{ listen 127.0.0.1:{from} ssl; ssl_certificate nginx.crt; ssl_certificate_key nginx.key;\n\
             tcp_nodelay on; proxy_pass 127.0.0.1:{to}; proxy_ssl on; }}\n"
        )
    };
    let config = format!(
        "load_module {module};\ndaemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr crit;\n\
         events {{ worker_connections 1024; }}\nstream {{\n{}{}}}\n",
        proxy(first, second),
        proxy(second, upstream)
    );
    fs::write(dir.join("nginx.conf"), config)?;
    let mut nginx = Command::new("nginx");
    nginx.arg("-p").arg(dir).args(["-e", "stderr", "-c"]).arg(dir.join("nginx.conf")).stdin(Stdio::null());
    let Ok(child) = nginx.spawn() else { return Ok(None) };
    let server = Server(child);
    for _ in 0..200 {
        if TcpStream::connect(("127.0.0.1", first)).is_ok() {
            return Ok(Some(Nginx { port: first, _server: server }));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    bail!("nginx did not start");
}

fn pem(kind: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map_while(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", lines.join("\n"))
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
