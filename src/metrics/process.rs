//! What the system knows of this process, under the names that Prometheus' own libraries give it.

use std::fmt;
use std::fs;

use nix::unistd::{SysconfVar, sysconf};

use super::Page;

/// What is read of `/proc/self`.
struct Process {
    cpu_seconds: f64,
    resident_bytes: u64,
    open_files: Option<u64>,
    start: Option<f64>,
}

/// Writes it; nothing where there is no `/proc`.
pub fn write(page: &mut Page<'_>) -> fmt::Result {
    let Some(process) = Process::read() else { return Ok(()) };
    page.counter("process_cpu_seconds", "CPU time that the process has used, user and system.", process.cpu_seconds)?;
    page.gauge("process_resident_memory_bytes", "Memory of the process that is in RAM.", process.resident_bytes)?;
    if let Some(open) = process.open_files {
        page.gauge("process_open_fds", "File descriptors that are open.", open)?;
    }
    if let Some(most) = most_files() {
        page.gauge("process_max_fds", "File descriptors that may be open.", most)?;
    }
    if let Some(start) = process.start {
        page.gauge("process_start_time_seconds", "When the process started, in seconds since 1970.", start)?;
    }
    Ok(())
}

impl Process {
    fn read() -> Option<Self> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        let fields = Fields::of(&stat)?;
        let (ticks, page) = (system(SysconfVar::CLK_TCK)?, system(SysconfVar::PAGE_SIZE)?);
        let started = fields.number(22)? as f64 / ticks as f64;
        Some(Self {
            cpu_seconds: (fields.number(14)? + fields.number(15)?) as f64 / ticks as f64,
            resident_bytes: fields.number(24)? * page,
            open_files: fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as u64),
            start: boot_time().map(|boot| boot as f64 + started),
        })
    }
}

/// The fields of `/proc/PID/stat`, by their numbers in proc(5).
struct Fields<'a>(Vec<&'a str>);

impl<'a> Fields<'a> {
    /// The second one is the name of the program, which may hold anything.
    fn of(stat: &'a str) -> Option<Self> {
        Some(Self(stat.rsplit_once(") ")?.1.split_ascii_whitespace().collect()))
    }

    fn number(&self, field: usize) -> Option<u64> {
        self.0.get(field - 3)?.parse().ok()
    }
}

fn system(variable: SysconfVar) -> Option<u64> {
    sysconf(variable).ok().flatten().and_then(|value| u64::try_from(value).ok())
}

fn most_files() -> Option<u64> {
    nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).ok().map(|(soft, _)| soft)
}

/// When the machine started, in seconds since 1970.
fn boot_time() -> Option<u64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::*;

    #[test]
    fn the_name_of_a_program_does_not_confuse() {
        let fields = Fields::of("12 (a) b ) S 1 2 3").unwrap();
        assert_eq!(fields.number(4), Some(1));
        assert_eq!(fields.number(9), None);
    }

    #[test]
    fn this_process_is_found() {
        let process = Process::read().unwrap();
        assert!(process.resident_bytes > 1 << 20 && process.open_files > Some(2));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        assert!(process.start.is_some_and(|start| start > now - 86_400.0 && start < now + 5.0));
    }
}
