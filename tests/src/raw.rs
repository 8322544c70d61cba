//! Clients that keep to no protocol but what a test has them say: every frame that came is kept as it
//! came, and nothing is answered by itself.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use chartroom_engine::DocumentId;
use chartroom_server::wire::frame::{
    ChartroomMetadata, Frame, PROTOCOL_VERSION, PeerMetadata, decode, encode,
};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{
    MaybeTlsStream, client_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::client::{PATIENCE, Socket, open_socket_with};

/// A name that no room has, asked for to know that all that was said before was heard.
const BARRIER: &str = "no room";

/// One socket on `/sync`.
pub struct Wire {
    socket: Socket,
    /// The peer id that frames are sent under.
    pub peer_id: String,
    /// The server's.
    pub server_id: String,
    /// What came, in its order.
    pub frames: Vec<Frame>,
    /// The bytes of all of it.
    pub bytes: Vec<u8>,
    /// Code and reason of the close frame.
    pub closed: Option<(u16, String)>,
}

impl Wire {
    /// A socket that has not joined.
    pub async fn open(
        server: SocketAddr,
        token: Option<&str>,
        peer_id: &str,
    ) -> anyhow::Result<Self> {
        let socket = open_socket_with(server, token).await?;
        let (peer_id, server_id) = (peer_id.to_owned(), String::new());
        let (frames, bytes, closed) = (Vec::new(), Vec::new(), None);
        Ok(Self { socket, peer_id, server_id, frames, bytes, closed })
    }

    /// A socket that has joined.
    pub async fn joined(
        server: SocketAddr,
        token: Option<&str>,
        peer_id: &str,
    ) -> anyhow::Result<Self> {
        let mut wire = Self::open(server, token, peer_id).await?;
        wire.join(plain()).await?;
        match wire.frames.first() {
            Some(Frame::Peer { sender, .. }) => wire.server_id = sender.clone(),
            other => bail!("the server answered a join with {other:?}, {:?}", wire.closed),
        }
        Ok(wire)
    }

    /// Joins, and waits for an answer or the end.
    pub async fn join(&mut self, metadata: PeerMetadata) -> anyhow::Result<()> {
        let (sender, versions) = (self.peer_id.clone(), vec![PROTOCOL_VERSION.to_owned()]);
        let known = self.frames.len();
        self.send(&Frame::Join { sender, metadata, versions }).await?;
        self.until("an answer", |me| me.closed.is_some() || me.frames.len() > known).await
    }

    /// Sends a frame as it is.
    pub async fn send(&mut self, frame: &Frame) -> anyhow::Result<()> {
        Ok(self.socket.send(Message::Binary(encode(frame).into())).await?)
    }

    /// Says something in a sync session.
    pub async fn sync(&mut self, document: DocumentId, data: Vec<u8>) -> anyhow::Result<()> {
        let (sender, target) = (self.peer_id.clone(), self.server_id.clone());
        self.send(&Frame::Sync { sender, target, document, data }).await
    }

    /// Asks for a room by its name, and waits for the answer.
    pub async fn find(&mut self, name: &str) -> anyhow::Result<Frame> {
        let (sender, target) = (self.peer_id.clone(), self.server_id.clone());
        let known = self.frames.len();
        self.send(&Frame::Room { sender, target, name: name.to_owned() }).await?;
        let is_answer = |frame: &Frame| match frame {
            Frame::RoomFound { name: of, .. } | Frame::RoomRefused { name: of, .. } => of == name,
            _ => false,
        };
        self.until("the room's answer", |me| me.frames.iter().skip(known).any(is_answer)).await?;
        let answer = self.frames.iter().skip(known).find(|frame| is_answer(frame));
        answer.cloned().context("the answer was heard")
    }

    /// Waits until everything that was sent is dealt with, as far as the connection itself does that.
    pub async fn settled(&mut self) -> anyhow::Result<()> {
        if self.closed.is_some() {
            return Ok(());
        }
        let (sender, target) = (self.peer_id.clone(), self.server_id.clone());
        let count = |me: &Self| {
            let is_it = |frame: &&Frame| match frame {
                Frame::RoomRefused { name, .. } => name == BARRIER,
                _ => false,
            };
            me.frames.iter().filter(is_it).count()
        };
        let known = count(self);
        // One that is closed meanwhile takes no more.
        let _ = self.send(&Frame::Room { sender, target, name: BARRIER.to_owned() }).await;
        self.until("settled", |me| me.closed.is_some() || count(me) > known).await
    }

    /// Takes frames in until the condition holds.
    pub async fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) -> anyhow::Result<()> {
        let waiting = async {
            while !holds(self) {
                if self.closed.is_some() {
                    bail!("closed with {:?}; heard {:?}", self.closed, self.frames);
                }
                self.take().await?;
            }
            anyhow::Ok(())
        };
        match timeout(PATIENCE, waiting).await {
            Ok(done) => done.with_context(|| what.to_owned()),
            Err(_) => bail!("did not come about: {what}; heard {:?}", self.frames),
        }
    }

    /// Waits for the end; its code and reason.
    pub async fn until_closed(&mut self) -> anyhow::Result<(u16, String)> {
        self.until("closed", |me| me.closed.is_some()).await?;
        self.closed.clone().context("it is closed")
    }

    async fn take(&mut self) -> anyhow::Result<()> {
        match self.socket.next().await {
            Some(Ok(Message::Binary(bytes))) => {
                self.bytes.extend_from_slice(&bytes);
                self.frames.push(decode(&bytes)?);
            }
            Some(Ok(Message::Close(frame))) => {
                let frame = frame.map(|frame| (frame.code.into(), frame.reason.to_string()));
                self.closed = Some(frame.unwrap_or((1005, String::new())));
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => self.closed = Some((1006, error.to_string())),
            None => self.closed = Some((1006, "no close frame".to_owned())),
        }
        Ok(())
    }
}

/// What a client of Chartroom's says of itself, but for who it is.
pub fn plain() -> PeerMetadata {
    let chartroom = ChartroomMetadata { version: 1, parts: true, ..Default::default() };
    PeerMetadata { is_ephemeral: true, chartroom: Some(chartroom), ..PeerMetadata::default() }
}

/// One socket of JSON events.
pub struct Texts {
    socket: Socket,
    /// The subprotocol that the server chose.
    pub protocol: Option<String>,
    /// What came, in its order.
    pub frames: Vec<Value>,
    /// Code and reason of the close frame.
    pub closed: Option<(u16, String)>,
}

impl Texts {
    /// Opens a socket at `/api/ws`.
    pub async fn open(server: SocketAddr, token: Option<&str>) -> anyhow::Result<Self> {
        Self::open_at(server, "/api/ws", token).await
    }

    /// Opens a socket at one of its addresses.
    pub async fn open_at(
        server: SocketAddr,
        path: &str,
        token: Option<&str>,
    ) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(server).await?;
        let query = token.map(|token| format!("?token={token}")).unwrap_or_default();
        let url = format!("ws://{server}{path}{query}");
        let (socket, _) = client_async(url, MaybeTlsStream::Plain(stream)).await?;
        Ok(Self { socket, protocol: None, frames: Vec::new(), closed: None })
    }

    /// Opens a socket that offers subprotocols.
    pub async fn offering(server: SocketAddr, path: &str, protocols: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(server).await?;
        let mut request = format!("ws://{server}{path}").into_client_request()?;
        request.headers_mut().insert("sec-websocket-protocol", protocols.parse()?);
        let (socket, response) = client_async(request, MaybeTlsStream::Plain(stream)).await?;
        let chosen = response.headers().get("sec-websocket-protocol");
        let protocol = chosen.and_then(|chosen| chosen.to_str().ok()).map(str::to_owned);
        Ok(Self { socket, protocol, frames: Vec::new(), closed: None })
    }

    /// Sends an object.
    pub async fn send(&mut self, frame: &Value) -> anyhow::Result<()> {
        Ok(self.socket.send(Message::text(frame.to_string())).await?)
    }

    /// Takes frames in until the condition holds.
    pub async fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) -> anyhow::Result<()> {
        let waiting = async {
            while !holds(self) {
                if self.closed.is_some() {
                    bail!("closed with {:?}; heard {:?}", self.closed, self.frames);
                }
                self.take().await?;
            }
            anyhow::Ok(())
        };
        match timeout(PATIENCE, waiting).await {
            Ok(done) => done.with_context(|| what.to_owned()),
            Err(_) => bail!("did not come about: {what}; heard {:?}", self.frames),
        }
    }

    /// Waits for a frame of a type behind the first so many.
    pub async fn heard(&mut self, from: usize, kind: &str) -> anyhow::Result<Value> {
        let is_it = |frame: &Value| frame.get("type").is_some_and(|of| of == kind);
        self.until(kind, |me| me.frames.iter().skip(from).any(is_it)).await?;
        self.frames.iter().skip(from).find(|frame| is_it(frame)).cloned().context("it was heard")
    }

    /// Waits until everything that was sent is dealt with.
    pub async fn settled(&mut self) -> anyhow::Result<()> {
        if self.closed.is_some() {
            return Ok(());
        }
        let pongs = |me: &Self| {
            let is_pong = |frame: &&Value| frame.get("type").is_some_and(|of| of == "pong");
            me.frames.iter().filter(is_pong).count()
        };
        let known = pongs(self);
        // One that is closed meanwhile takes no more.
        let _ = self.send(&serde_json::json!({ "type": "ping" })).await;
        self.until("settled", |me| me.closed.is_some() || pongs(me) > known).await
    }

    /// Waits for the end; its code and reason.
    pub async fn until_closed(&mut self) -> anyhow::Result<(u16, String)> {
        self.until("closed", |me| me.closed.is_some()).await?;
        self.closed.clone().context("it is closed")
    }

    async fn take(&mut self) -> anyhow::Result<()> {
        match self.socket.next().await {
            Some(Ok(Message::Text(text))) => self.frames.push(serde_json::from_str(&text)?),
            Some(Ok(Message::Close(frame))) => {
                let frame = frame.map(|frame| (frame.code.into(), frame.reason.to_string()));
                self.closed = Some(frame.unwrap_or((1005, String::new())));
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => self.closed = Some((1006, error.to_string())),
            None => self.closed = Some((1006, "no close frame".to_owned())),
        }
        Ok(())
    }
}

/// A connection of plain HTTP that is kept, for answers to the byte and their times.
pub struct Kept {
    stream: TcpStream,
    server: SocketAddr,
    authorization: String,
}

impl Kept {
    /// Connects somebody.
    pub async fn open(server: SocketAddr, token: Option<&str>) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        let authorization =
            token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        Ok(Self { stream, server, authorization })
    }

    /// The whole answer to a request: the head without its date, and the body.
    pub async fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> anyhow::Result<(String, String)> {
        let (host, length) = (self.server, body.len());
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\n{}{headers}Content-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}",
            self.authorization
        );
        self.stream.write_all(request.as_bytes()).await?;
        let (mut read, mut part) = (Vec::new(), [0; 4096]);
        loop {
            let count = timeout(PATIENCE, self.stream.read(&mut part)).await??;
            anyhow::ensure!(count > 0, "the server closed the connection");
            read.extend_from_slice(part.get(..count).unwrap_or_default());
            let text = String::from_utf8_lossy(&read);
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().ok())?
            });
            let is_chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
            let is_whole = match length {
                Some(length) => body.len() >= length,
                None => !is_chunked || body.ends_with("0\r\n\r\n"),
            };
            if is_whole {
                let is_dated = |line: &&str| !line.to_ascii_lowercase().starts_with("date:");
                let head: Vec<&str> = head.lines().filter(is_dated).collect();
                return Ok((head.join("\n"), body.to_owned()));
            }
        }
    }
}
