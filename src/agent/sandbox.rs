//! What a command may touch: Landlock for files, TCP and signals, and a filter of system calls for what it does not know.

mod filter;
mod trial;

use std::error::Error;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, NetPort, PathBeneath, PathFd,
    Ruleset, RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, RulesetError, Scope, make_bitflags,
};
use seccompiler::BpfProgram;

pub use trial::start;

/// The newest Landlock that is known here; all that it can forbid is forbidden. An older kernel forbids less.
const NEWEST: ABI = ABI::V10;

/// The loaders that start dynamically linked programs, one for each architecture and C library.
const LOADERS: [&str; 4] = [
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/ld-linux-aarch64.so.1",
    "/lib/ld-musl-x86_64.so.1",
    "/lib/ld-musl-aarch64.so.1",
];

/// Where their libraries are.
const LIBRARIES: [&str; 5] = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache"];

/// What confines commands; the same for all commands of an agent.
#[derive(Clone)]
pub struct Sandbox {
    walls: Option<Walls>,
    state: String,
}

#[derive(Clone)]
struct Walls {
    filter: Option<Arc<BpfProgram>>,
    /// Whether the program needs a loader and libraries.
    dynamic: bool,
}

/// What one command may touch, beside `/dev/null` and the time zone.
pub struct Access<'a> {
    /// The program: it can be read and executed, and nothing else can be executed.
    pub program: &'a Path,
    /// The private directory: it can be read and written.
    pub directory: &'a Path,
    /// The shared cache: it can be read.
    pub cache: &'a Path,
    /// The port of the gate, on 127.0.0.1; none means no network.
    pub port: Option<u16>,
    /// The program `diff`, when the command runs it.
    pub diff: Option<PathBuf>,
}

/// The walls of one command, ready to be put on between fork and exec.
#[derive(Clone)]
pub struct Confinement {
    ruleset: Option<Arc<OwnedFd>>,
    filter: Option<Arc<BpfProgram>>,
}

/// What this kernel can do.
#[derive(Clone, Copy)]
struct Abilities {
    files: bool,
    network: bool,
    signals: bool,
}

impl Sandbox {
    /// As much as this kernel can do; `dynamic` for a kubectl that needs a loader and libraries.
    fn of_this_kernel(dynamic: bool) -> Self {
        let filter = filter::program().ok().map(Arc::new);
        let state = Abilities::of_this_kernel(filter.is_some()).to_string();
        Self { walls: Some(Walls { filter, dynamic }), state }
    }

    /// None, for a reason.
    fn off(why: &str) -> Self {
        Self { walls: None, state: format!("off ({why})") }
    }

    /// What holds, in words, such as `enforced (files, network, signals)`.
    pub fn state(&self) -> &str {
        &self.state
    }

    /// Prepares the walls of one command; `None` when there are none. Opens the paths, so it blocks.
    ///
    /// # Errors
    /// When a path cannot be opened, or the kernel refuses the rules.
    pub fn confine(&self, access: &Access<'_>) -> io::Result<Option<Confinement>> {
        let Some(walls) = &self.walls else { return Ok(None) };
        let ruleset: Option<OwnedFd> = access.ruleset(walls.dynamic).map_err(io::Error::other)?.into();
        Ok(Some(Confinement { ruleset: ruleset.map(Arc::new), filter: walls.filter.clone() }))
    }
}

impl Access<'_> {
    /// The rules. What the kernel does not know is left out by the library.
    fn ruleset(&self, dynamic: bool) -> Result<RulesetCreated, Box<dyn Error + Send + Sync>> {
        let read = BitFlags::from(AccessFs::ReadFile);
        let run = make_bitflags!(AccessFs::{ReadFile | Execute});
        let mut rules = Ruleset::default()
            .handle_access(AccessFs::from_all(NEWEST))?
            .handle_access(AccessNet::from_all(NEWEST))?
            .scope(Scope::from_all(NEWEST))?
            .create()?
            .add_rule(PathBeneath::new(PathFd::new(self.program)?, run))?
            .add_rule(PathBeneath::new(PathFd::new(self.directory)?, own()))?
            .add_rule(PathBeneath::new(PathFd::new(self.cache)?, make_bitflags!(AccessFs::{ReadFile | ReadDir})))?
            .add_rule(PathBeneath::new(PathFd::new("/dev/null")?, make_bitflags!(AccessFs::{ReadFile | WriteFile})))?;
        if let Some(port) = self.port {
            rules = rules.add_rule(NetPort::new(port, AccessNet::ConnectTcp))?;
        }
        // Not a secret, and without it times would be shown in another zone than without the sandbox.
        let mut optional = vec![(Path::new("/etc/localtime"), read)];
        if let Some(diff) = &self.diff {
            optional.push((diff, run));
        }
        if dynamic || self.diff.is_some() {
            optional.extend(LOADERS.map(|path| (Path::new(path), run)));
            optional.extend(LIBRARIES.map(|path| (Path::new(path), read)));
        }
        for (path, allowed) in optional {
            // What is not there cannot be needed.
            if let Ok(path) = PathFd::new(path) {
                rules = rules.add_rule(PathBeneath::new(path, allowed))?;
            }
        }
        Ok(rules)
    }
}

/// What a command may do in its own directory: everything with files and directories, but execute them.
fn own() -> BitFlags<AccessFs> {
    make_bitflags!(AccessFs::{
        ReadFile | ReadDir | WriteFile | Truncate | MakeReg | MakeDir | RemoveFile | RemoveDir | Refer
    })
}

impl Confinement {
    /// The Landlock rules, as a descriptor that closes on exec.
    pub fn ruleset(&self) -> Option<RawFd> {
        self.ruleset.as_ref().map(|rules| rules.as_raw_fd())
    }

    /// The filter of system calls.
    pub fn filter(&self) -> Option<&BpfProgram> {
        self.filter.as_deref()
    }
}

impl Abilities {
    /// Landlock alone confines neither UDP nor local sockets: without the filter, the network is not confined.
    fn of_this_kernel(filter: bool) -> Self {
        // What must be had cannot be made where the kernel does not know it.
        let strict = || Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
        let has = |rules: Result<Ruleset, RulesetError>| rules.and_then(Ruleset::create).is_ok();
        Self {
            files: has(strict().handle_access(AccessFs::from_all(ABI::V1))),
            network: filter && has(strict().handle_access(AccessNet::from_all(ABI::V4))),
            signals: has(strict().scope(Scope::from_all(ABI::V6))),
        }
    }

    /// Whether this is enough for `kubectl.sandbox: required`.
    fn suffice(self) -> bool {
        self.files && self.network
    }

    fn is_full(self) -> bool {
        self.files && self.network && self.signals
    }
}

impl std::fmt::Display for Abilities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.files {
            return f.write_str("off (this kernel has no Landlock)");
        }
        let parts = [("files", self.files), ("network", self.network), ("signals", self.signals)];
        let named = |able: bool| {
            let names: Vec<&str> = parts.iter().filter(|part| part.1 == able).map(|part| part.0).collect();
            names.join(", ")
        };
        if self.is_full() {
            return write!(f, "enforced ({})", named(true));
        }
        write!(f, "partial ({}; this kernel cannot confine: {})", named(true), named(false))
    }
}

#[cfg(test)]
mod tests;
