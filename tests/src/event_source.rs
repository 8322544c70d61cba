//! A reader of server-sent events, as a browser's `EventSource` reads them.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    net::TcpStream,
    time::timeout,
};

use crate::client::{PATIENCE, connect_narrow};

/// One open stream.
pub struct EventSource {
    lines: Lines<BufReader<TcpStream>>,
    /// The status line and the headers.
    pub head: Vec<String>,
}

/// One message.
#[derive(Debug)]
pub struct Message {
    /// The number that a reader sends back as `Last-Event-ID`.
    pub id: Option<u64>,
    /// The kind, where one is given.
    pub event: Option<String>,
    /// The data.
    pub data: Value,
}

impl EventSource {
    /// Asks for a path with one more header, and reads the head of the answer.
    pub async fn open(server: SocketAddr, path: &str, header: &str) -> anyhow::Result<Self> {
        Self::over(TcpStream::connect(server).await?, path, header).await
    }

    /// As [`open`](Self::open), with a wire that holds little.
    pub async fn open_narrow(server: SocketAddr, path: &str) -> anyhow::Result<Self> {
        Self::over(connect_narrow(server).await?, path, "").await
    }

    async fn over(mut stream: TcpStream, path: &str, header: &str) -> anyhow::Result<Self> {
        // HTTP 1.0 has no chunks, so the body is the lines as they are.
        let header = if header.is_empty() { String::new() } else { format!("{header}\r\n") };
        let request = format!("GET {path} HTTP/1.0\r\nAccept: text/event-stream\r\n{header}\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut lines = BufReader::new(stream).lines();
        let mut head = Vec::new();
        while let Some(line) =
            timeout(PATIENCE, lines.next_line()).await??.filter(|l| !l.is_empty())
        {
            head.push(line);
        }
        Ok(Self { lines, head })
    }

    /// Waits for the next message; `None` at the end of the stream.
    pub async fn next(&mut self) -> anyhow::Result<Option<Message>> {
        let mut message = Message { id: None, event: None, data: Value::Null };
        loop {
            let line = timeout(PATIENCE, self.lines.next_line()).await.context("no line came")?;
            let Some(line) = line? else { return Ok(None) };
            match line.split_once(": ") {
                Some(("id", id)) => message.id = Some(id.parse()?),
                Some(("event", event)) => message.event = Some(event.to_owned()),
                Some(("data", data)) => message.data = serde_json::from_str(data)?,
                None if line.is_empty() && !message.data.is_null() => return Ok(Some(message)),
                None if line.is_empty() || line.starts_with(':') => {}
                _ => bail!("an unknown line: {line}"),
            }
        }
    }

    /// Waits for so many messages and gives their numbers.
    pub async fn numbers(&mut self, count: usize) -> anyhow::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        while numbers.len() < count {
            let message = self.next().await?.context("the stream ended")?;
            numbers.push(message.id.context("a message without a number")?);
        }
        Ok(numbers)
    }
}
