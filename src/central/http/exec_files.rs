//! The local files of a command: in the body of a request, or in messages before the input.

use bytes::Bytes;

use crate::model::exec::CHUNK_BYTES;
use crate::model::{CommandFile, ErrorCode, ExecRequest, Failure};
use crate::tunnel::exec::ExecInput;

/// Takes the contents of all files out of a request that has them in it; what stays are names and sizes.
///
/// # Errors
/// When a content is missing, or is there twice.
pub fn take_contents(request: &mut ExecRequest) -> Result<Vec<Bytes>, Failure> {
    let files = request.files.iter().flatten();
    if files.clone().any(|file| file.size.is_some()) {
        let detail = "\"size\" is for files whose contents follow over the WebSocket: send \"content\" here";
        return Err(Failure::new(ErrorCode::InvalidRequest, detail));
    }
    // Checked before anything is taken out: a file says in one way what it is.
    request.tree()?;
    let files = request.files.iter_mut().flatten().filter(|file| !file.directory);
    Ok(files.filter_map(CommandFile::take_content).collect())
}

/// Refuses contents in a request whose files follow in messages.
///
/// # Errors
/// When there is one.
pub fn check_sizes(request: &ExecRequest) -> Result<(), Failure> {
    let mut files = request.files.iter().flatten();
    match files.all(|file| file.content.is_none() && file.content_base64.is_none()) {
        true => Ok(()),
        false => {
            let detail = "the contents of files follow in messages here: give each its \"size\"";
            Err(Failure::new(ErrorCode::InvalidRequest, detail))
        }
    }
}

/// Sends pieces of files, as fast as they are written. `false` when the command has ended.
pub async fn send(input: &ExecInput, mut data: Bytes) -> bool {
    while !data.is_empty() {
        if !input.send_file(data.split_to(data.len().min(CHUNK_BYTES))).await {
            return false;
        }
    }
    true
}
