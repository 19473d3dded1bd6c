//! The two forms in which a command's output is streamed over plain HTTP.

use std::io;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures_util::stream::unfold;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame};
use http_body_util::StreamBody;
use serde::Serialize;
use tokio_util::task::AbortOnDropHandle;

use super::exec_guarded::Guarded;
use crate::model::{ExecEnd, ExecOutput};

/// The trailer that carries the exit code behind raw output.
pub const EXIT_CODE: &str = "mk8s-exit-code";

/// A running command; dropping it ends the command.
pub struct Source {
    /// What it writes.
    pub output: Guarded,
    /// The task that feeds its input, which holds the other half of the call.
    pub _feeder: Option<AbortOnDropHandle<()>>,
}

impl Source {
    async fn next(&mut self) -> Option<ExecOutput> {
        self.output.next().await
    }
}

/// One JSON object a line; the last one says how the command ended.
pub fn ndjson(source: Source) -> impl Body<Data = Bytes, Error = io::Error> + Send + 'static {
    StreamBody::new(unfold(source, async |mut source| {
        let line = match source.next().await? {
            ExecOutput::Stdout(data) => line(&Output::stdout(&data)),
            ExecOutput::Stderr(data) => line(&Output::stderr(&data)),
            ExecOutput::End(end) => line(&end),
        };
        Some((line.map(Frame::data), source))
    }))
}

/// The bytes themselves, stdout and stderr as they come, and the exit code in a trailer.
/// A command without one, because it was lost, breaks the stream: it must not look complete.
pub fn raw(source: Source) -> impl Body<Data = Bytes, Error = io::Error> + Send + 'static {
    StreamBody::new(unfold(source, async |mut source| {
        let frame = match source.next().await? {
            ExecOutput::Stdout(data) | ExecOutput::Stderr(data) => Ok(Frame::data(data)),
            ExecOutput::End(end) => trailer(&end),
        };
        Some((frame, source))
    }))
}

fn trailer(end: &ExecEnd) -> io::Result<Frame<Bytes>> {
    let code = end.exit_code().ok_or_else(|| match end {
        ExecEnd::Error(error) => io::Error::other(error.clone()),
        _ => io::Error::other("the command has no exit code"),
    })?;
    let mut trailers = HeaderMap::new();
    trailers.insert(EXIT_CODE, HeaderValue::from(u16::from(code)));
    Ok(Frame::trailers(trailers))
}

/// Output as JSON: text where it is UTF-8, base64 where it is not.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Output<'a> {
    Stdout(&'a str),
    Stderr(&'a str),
    StdoutBase64(String),
    StderrBase64(String),
}

impl<'a> Output<'a> {
    fn stdout(data: &'a [u8]) -> Self {
        std::str::from_utf8(data).map_or_else(|_| Self::StdoutBase64(BASE64_STANDARD.encode(data)), Self::Stdout)
    }

    fn stderr(data: &'a [u8]) -> Self {
        std::str::from_utf8(data).map_or_else(|_| Self::StderrBase64(BASE64_STANDARD.encode(data)), Self::Stderr)
    }
}

fn line(value: &impl Serialize) -> io::Result<Bytes> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_text_where_it_can_be() {
        let text = |output: &Output<'_>| String::from_utf8(line(output).unwrap().to_vec()).unwrap();
        assert_eq!(text(&Output::stdout(b"a\n")), "{\"stdout\":\"a\\n\"}\n");
        assert_eq!(text(&Output::stderr(b"\xff")), "{\"stderr_base64\":\"/w==\"}\n");
    }

    #[test]
    fn a_lost_command_has_no_trailer() {
        assert!(trailer(&ExecEnd::Error("lost".into())).is_err());
        let frame = trailer(&ExecEnd::Signal(9)).unwrap();
        assert_eq!(frame.trailers_ref().unwrap()[EXIT_CODE], "137");
    }
}
