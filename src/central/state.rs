//! What every request can see.

use http::Uri;
use tokio_util::task::TaskTracker;

use super::directory::Directory;
use super::registry::Registry;

/// The state of a running central.
pub struct Central {
    /// The clusters that exist.
    pub(super) directory: Directory,
    /// The tunnels that are open.
    pub(super) registry: Registry,
    /// The commands that outlive their HTTP request, because they run over a WebSocket.
    pub(super) commands: TaskTracker,
    /// The authority of the public URL, the only one that a browser's request may come from.
    pub(super) authority: Option<String>,
}

impl Central {
    pub(super) fn new(directory: Directory, registry: Registry, public_url: &str) -> Self {
        let authority = public_url.parse::<Uri>().ok().and_then(|url| url.authority().map(ToString::to_string));
        Self { directory, registry, commands: TaskTracker::new(), authority }
    }
}
