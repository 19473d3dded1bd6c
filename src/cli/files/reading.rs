//! Reads files in pieces: what is sent is what was announced, or nothing is run.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

use tokio::io::AsyncReadExt as _;

use crate::cli::exit::CliError;
use crate::cli::progress::Progress;
use crate::client::ExecWriter;
use crate::model::exec::CHUNK_BYTES;
use crate::model::files::MAX_FILES_BYTES;

/// Reads a pipe, or another file without a size, to its end.
///
/// # Errors
/// When it cannot be read; `FileTooLarge` when it does not end in time.
pub fn all(path: &str) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(MAX_FILES_BYTES + 1).read_to_end(&mut content)?;
    match content.len() as u64 > MAX_FILES_BYTES {
        true => Err(ErrorKind::FileTooLarge.into()),
        false => Ok(content),
    }
}

/// Sends what was read before. `false` when the connection is gone.
pub async fn send_content(content: &[u8], writer: &mut ExecWriter, progress: &Progress) -> bool {
    for piece in content.chunks(CHUNK_BYTES) {
        if writer.send_file(piece).await.is_err() {
            return false;
        }
        progress.add(piece.len() as u64);
    }
    true
}

/// Sends a file of so many bytes. `false` when the connection is gone.
///
/// # Errors
/// When it cannot be read, or has another size by now. Its last bytes are not sent then, so the command does not run.
pub async fn send_file(path: &Path, bytes: u64, writer: &mut ExecWriter, progress: &Progress) -> anyhow::Result<bool> {
    let failed = |what: String| CliError::usage(format!("{} {what}", path.display()), "nothing was run: try again");
    let cannot = |error: io::Error| failed(format!("cannot be read: {error}"));
    let changed = || failed("has changed while it was being read".into());
    let mut file = tokio::fs::File::open(path).await.map_err(cannot)?;
    let mut left = bytes;
    let mut buffer = vec![0; CHUNK_BYTES];
    while left > 0 {
        let room = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = file.read(&mut buffer[..room]).await.map_err(cannot)?;
        left -= read as u64;
        let is_too_short = read == 0;
        let is_too_long = left == 0 && file.read(&mut [0]).await.map_err(cannot)? > 0;
        if is_too_short || is_too_long {
            return Err(changed().into());
        }
        if writer.send_file(&buffer[..read]).await.is_err() {
            return Ok(false);
        }
        progress.add(read as u64);
    }
    Ok(true)
}
