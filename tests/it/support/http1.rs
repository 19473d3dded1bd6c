//! HTTP/1.1 as it stands on the wire, for tests in which every byte counts.

use std::{fmt, io};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// A request or an answer.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// The first line and the headers, without the empty line behind them.
    pub head: String,
    /// The body, with the framing and the trailers of a chunked one.
    pub body: Vec<u8>,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n\n{}", self.head, self.text())
    }
}

impl Message {
    /// The first line.
    pub fn start(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// The status of an answer.
    pub fn status(&self) -> u16 {
        self.start().split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default()
    }

    /// The header lines, in their order.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.head.lines().skip(1)
    }

    /// The values of a header.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let of_name = |line: &'_ str| {
            line.split_once(':').filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(n, _)| n.len() + 1)
        };
        self.lines().filter_map(|line| of_name(line).map(|at| line[at..].trim())).collect()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn is_chunked(&self) -> bool {
        self.all("transfer-encoding").iter().any(|value| value.eq_ignore_ascii_case("chunked"))
    }

    fn length(&self) -> usize {
        self.all("content-length").first().and_then(|length| length.parse().ok()).unwrap_or_default()
    }
}

/// One end of a connection.
pub struct Wire<S> {
    stream: S,
    buffer: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// The end of a connection on which nothing was read yet.
    pub fn new(stream: S) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// Sends these bytes now.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// The next message; `None` when the other side has closed the connection, or broken it off.
    pub async fn message(&mut self) -> Option<Message> {
        let end = self.until(b"\r\n\r\n").await?;
        let head = self.take(end);
        let mut message = Message { head: String::from_utf8_lossy(&head[..end - 4]).into_owned(), body: Vec::new() };
        message.body = match message.is_chunked() {
            true => self.chunks().await?,
            false => self.exact(message.length()).await?,
        };
        Some(message)
    }

    /// All that comes until the other side closes the connection.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.more().await.is_some() {}
        std::mem::take(&mut self.buffer)
    }

    async fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut all = Vec::new();
        loop {
            let line = self.line().await?;
            let size = usize::from_str_radix(str::from_utf8(&line).ok()?.trim(), 16).ok()?;
            all.extend(line);
            if size == 0 {
                break;
            }
            all.extend(self.exact(size + 2).await?);
        }
        // The trailers, and the empty line behind them.
        loop {
            let line = self.line().await?;
            let is_last = line == b"\r\n";
            all.extend(line);
            if is_last {
                return Some(all);
            }
        }
    }

    /// The next line, with its end.
    pub async fn line(&mut self) -> Option<Vec<u8>> {
        let end = self.until(b"\r\n").await?;
        Some(self.take(end))
    }

    async fn exact(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < length {
            self.more().await?;
        }
        Some(self.take(length))
    }

    async fn until(&mut self, end: &[u8]) -> Option<usize> {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|part| part == end) {
                return Some(at + end.len());
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> Option<()> {
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(1..) => Some(()),
            Ok(0) | Err(_) => None,
        }
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        self.buffer.drain(..length).collect()
    }
}
