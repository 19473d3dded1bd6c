//! Names of files as an archive has them, made names of this machine.

use std::ffi::OsString;
use std::fs::OpenOptions;

/// A name of this machine for one part of a path; `None` if none is the same.
#[cfg(unix)]
pub fn local(part: &[u8]) -> Option<OsString> {
    Some(std::os::unix::ffi::OsStringExt::from_vec(part.to_vec()))
}

/// A name of this machine for one part of a path; `None` if none is the same: on Windows some characters lead to another
/// directory, drive or stream, and some names to devices.
#[cfg(not(unix))]
pub fn local(part: &[u8]) -> Option<OsString> {
    let name = str::from_utf8(part).ok()?;
    let stem = name.split('.').next()?.trim_end().to_ascii_uppercase();
    let numbered =
        ["COM", "LPT"].iter().any(|device| stem.strip_prefix(device).is_some_and(|n| n.chars().count() == 1));
    let is_device = numbered || ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"].contains(&stem.as_str());
    let is_plain =
        !name.contains(|c: char| c.is_control() || r#"\/:*?"<>|"#.contains(c)) && !name.ends_with(['.', ' ']);
    (is_plain && !is_device).then(|| name.into())
}

/// Lets nothing be written through a link. Windows lets only who may make links, and those are looked for before.
pub fn no_links(options: &mut OpenOptions) {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, nix::libc::O_NOFOLLOW);
    #[cfg(not(unix))]
    let _ = options;
}

/// Gives a file that is made the permissions that it has in the container, as far as there are any here.
pub fn with_mode(options: &mut OpenOptions, mode: u32) {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, mode);
    #[cfg(not(unix))]
    let _ = (options, mode);
}
