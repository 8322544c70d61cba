//! One person at one protocol client: a socket, and an engine room per open chart.
//!
//! Nothing happens behind the test's back: frames are taken in while a method waits for a level, so
//! a test decides who is ahead. A method that waits gives up after ten seconds.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, anyhow, bail};
use chartroom_engine::{
    ActorId, Author, ChangeHash, Command, CommandError, Document, DocumentId, Edit, Event, Input,
    Output, Peer, Role, Room, RoomConfig, RoomId, mint_actor,
};
use chartroom_server::{
    clock::now_ms,
    wire::frame::{ChartroomMetadata, Frame, PROTOCOL_VERSION, PeerMetadata, decode, encode},
};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::{
    net::{TcpSocket, TcpStream},
    time::{Instant, timeout, timeout_at},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, client_async,
    tungstenite::{Error as WebSocketError, Message, protocol::CloseFrame},
};

/// How long a level may take to be reached.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// What a narrow socket holds.
const NARROW_BYTES: u32 = 16 * 1024;

/// The socket of a client.
pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A person at a client.
pub struct Client {
    peer_id: String,
    person: Author,
    server_id: String,
    token: Option<String>,
    socket: Socket,
    rooms: BTreeMap<DocumentId, Chart>,
    peers: u64,
    /// Frames that no room takes: errors, refusals, presence and the like, in their order.
    pub heard: Vec<Frame>,
    /// Code and reason of the close frame.
    pub closed: Option<(u16, String)>,
}

/// One open chart.
pub struct Chart {
    /// The replica.
    pub room: Room,
    peer: Peer,
    ticket: u64,
    /// Changes that the server acknowledged.
    pub saved: Vec<ChangeHash>,
    /// Edits that the server refused.
    pub given_back: Vec<Edit>,
    /// Events of all batches, local and remote.
    pub events: Vec<Event>,
    /// The bytes of each part of a long sync message that came so far.
    pub parts: Vec<usize>,
    part: Vec<u8>,
    answer: Option<Result<Edit, CommandError>>,
    /// Whether the server has said what it has, over the present connection.
    met: bool,
}

impl Client {
    /// Connects a person, whose id is also the peer id.
    pub async fn connect(server: SocketAddr, person: &str) -> anyhow::Result<Self> {
        Self::over(open_socket(server).await?, person).await
    }

    /// Connects a person who signs in.
    pub async fn sign_in(server: SocketAddr, person: &str, token: &str) -> anyhow::Result<Self> {
        let socket = open_socket_with(server, Some(token)).await?;
        let mut client = Self::unjoined(socket, person);
        client.token = Some(token.to_owned());
        client.join().await?;
        Ok(client)
    }

    /// Joins over a socket that is open.
    pub async fn over(socket: Socket, person: &str) -> anyhow::Result<Self> {
        let mut client = Self::unjoined(socket, person);
        client.join().await?;
        Ok(client)
    }

    fn unjoined(socket: Socket, person: &str) -> Self {
        Self {
            peer_id: format!("peer-{person}"),
            person: Author::new(person, capitalised(person)),
            server_id: String::new(),
            token: None,
            socket,
            rooms: BTreeMap::new(),
            peers: 0,
            heard: Vec::new(),
            closed: None,
        }
    }

    /// Drops the socket, connects again and syncs every open room anew.
    pub async fn reconnect(&mut self, server: SocketAddr) -> anyhow::Result<()> {
        self.socket = open_socket_with(server, self.token.as_deref()).await?;
        self.closed = None;
        self.join().await?;
        let open: Vec<(DocumentId, RoomId)> = self
            .rooms
            .iter()
            .map(|(document, chart)| (*document, chart.room.id().clone()))
            .collect();
        for (document, id) in open {
            self.find(id.name.as_str()).await?;
            let peer = self.next_peer();
            let chart = self.chart_mut(&document)?;
            let old = std::mem::replace(&mut chart.peer, peer);
            chart.room.handle(now_ms(), Input::Left { peer: old });
            chart.room.handle(now_ms(), joined(peer));
            chart.met = false;
            chart.part.clear();
            self.drive(document).await?;
            self.until("met", |me| me.chart(document).met).await?;
        }
        Ok(())
    }

    /// As [`reconnect`](Self::reconnect), where a room has moved on meanwhile: it is asked for by its
    /// name, and the answer is left for [`move_on`](Self::move_on).
    pub async fn reconnect_elsewhere(
        &mut self,
        server: SocketAddr,
        document: DocumentId,
    ) -> anyhow::Result<()> {
        self.socket = open_socket_with(server, self.token.as_deref()).await?;
        self.closed = None;
        self.heard.clear();
        self.join().await?;
        let name = self.chart(document).room.id().name.to_string();
        let (sender, target) = self.peer_ids();
        self.send(&Frame::Room { sender, target, name }).await
    }

    /// Opens a room by its name, and waits until server and client know what the other has.
    pub async fn open(&mut self, name: &str) -> anyhow::Result<DocumentId> {
        let id = self.find(name).await?;
        let document = id.document_id();
        let peer = self.next_peer();
        let actor = mint_actor(now_ms(), rand::random());
        let bindings = vec![(actor.clone(), self.person.clone())];
        let config = RoomConfig { bindings, ..RoomConfig::new(id.clone(), Role::Client) };
        let mut room = Room::new(config, Document::found(&id, actor));
        room.handle(now_ms(), joined(peer));
        let chart = Chart {
            room,
            peer,
            ticket: 0,
            saved: Vec::new(),
            given_back: Vec::new(),
            events: Vec::new(),
            parts: Vec::new(),
            part: Vec::new(),
            answer: None,
            met: false,
        };
        self.rooms.insert(document, chart);
        self.drive(document).await?;
        self.until("met", |me| me.chart(document).met).await?;
        Ok(document)
    }

    /// Goes with a room into its next epoch, once the server has said so, and makes unsaved edits
    /// again there; the new document.
    pub async fn move_on(&mut self, document: DocumentId) -> anyhow::Result<DocumentId> {
        let id = self.chart(document).room.id().clone();
        let moved = |frame: &Frame| match frame {
            Frame::RoomFound { name, epoch, .. } => *name == id.name.as_str() && *epoch > id.epoch,
            _ => false,
        };
        self.until("room founded anew", |me| me.heard.iter().any(moved)).await?;
        self.heard.retain(|frame| !moved(frame));
        let edits = self.chart_mut(&document)?.room.take_pending();
        self.rooms.remove(&document);
        let document = self.open(id.name.as_str()).await?;
        for edit in edits {
            self.edit(document, edit.command).await?;
        }
        Ok(document)
    }

    /// Edits locally and sends; does not wait for the server.
    pub async fn edit(&mut self, document: DocumentId, command: Command) -> anyhow::Result<Edit> {
        let chart = self.chart_mut(&document)?;
        chart.ticket += 1;
        let ticket = chart.ticket;
        chart.room.handle(now_ms(), Input::Command { ticket, author: None, command });
        self.drive(document).await?;
        let answer = self.chart_mut(&document)?.answer.take();
        Ok(answer.context("the room answers a local edit at once")??)
    }

    /// Puts a resource.
    pub async fn put(&mut self, document: DocumentId, resource: Value) -> anyhow::Result<Edit> {
        self.edit(document, Command::Put { resource }).await
    }

    /// An open chart.
    pub fn chart(&self, document: DocumentId) -> &Chart {
        let Some(chart) = self.rooms.get(&document) else { panic!("the room is not open") };
        chart
    }

    /// A resource as this client sees it.
    pub fn resource(&self, document: DocumentId, resource_type: &str, id: &str) -> Option<Value> {
        self.chart(document).room.document().resource(resource_type, id)
    }

    /// The heads of this client's replica.
    pub fn heads(&self, document: DocumentId) -> Vec<ChangeHash> {
        self.chart(document).room.document().heads()
    }

    /// Who an actor is, as far as the server has told.
    pub fn author_of(&self, document: DocumentId, actor: &ActorId) -> Option<&Author> {
        self.chart(document).room.author_of(actor)
    }

    /// Takes frames in until the condition holds.
    pub async fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) -> anyhow::Result<()> {
        self.until_within(PATIENCE, what, holds).await
    }

    /// As [`until`](Self::until), with patience of its own.
    pub async fn until_within(
        &mut self,
        patience: Duration,
        what: &str,
        holds: impl Fn(&Self) -> bool,
    ) -> anyhow::Result<()> {
        let waiting = async {
            while !holds(self) {
                self.take_frame().await?;
            }
            anyhow::Ok(())
        };
        let waited = timeout(patience, waiting).await;
        waited.map_err(|_| anyhow!("did not come about: {what}"))?.with_context(|| what.to_owned())
    }

    /// Takes in one frame, or none if none comes before the deadline; says which.
    pub async fn step(&mut self, deadline: Instant) -> anyhow::Result<bool> {
        if let Some((code, reason)) = &self.closed {
            bail!("the connection was closed with {code}: {reason}; heard {:?}", self.heard);
        }
        // Only waiting is cut off, never the taking in.
        let Ok(message) = timeout_at(deadline, self.socket.next()).await else { return Ok(false) };
        self.take_message(message).await?;
        Ok(true)
    }

    /// Waits until the server holds every edit of this client.
    pub async fn until_saved(&mut self, document: DocumentId) -> anyhow::Result<()> {
        self.until("edits saved", |me| me.chart(document).room.unsaved() == 0).await
    }

    /// Waits until this client has what another has.
    pub async fn until_heads(
        &mut self,
        document: DocumentId,
        heads: &[ChangeHash],
    ) -> anyhow::Result<()> {
        self.until("heads equal", |me| me.heads(document) == heads).await
    }

    /// Waits for the end of the connection; its code and reason.
    pub async fn until_closed(&mut self) -> anyhow::Result<(u16, String)> {
        self.until("connection closed", |me| me.closed.is_some()).await?;
        self.closed.clone().context("the connection is closed")
    }

    /// Sends a frame as it is.
    pub async fn send(&mut self, frame: &Frame) -> anyhow::Result<()> {
        self.send_bytes(encode(frame)).await
    }

    /// Sends bytes as they are.
    pub async fn send_bytes(&mut self, bytes: Vec<u8>) -> anyhow::Result<()> {
        Ok(self.socket.send(Message::Binary(bytes.into())).await?)
    }

    /// The peer id of the client, and that of the server.
    pub fn peer_ids(&self) -> (String, String) {
        (self.peer_id.clone(), self.server_id.clone())
    }

    /// The socket, for what no client does.
    pub fn socket(&mut self) -> &mut Socket {
        &mut self.socket
    }

    async fn join(&mut self) -> anyhow::Result<()> {
        self.send(&Frame::Join {
            sender: self.peer_id.clone(),
            metadata: PeerMetadata {
                storage_id: None,
                is_ephemeral: true,
                chartroom: Some(ChartroomMetadata {
                    version: 1,
                    parts: true,
                    ..Default::default()
                }),
                person: Some(self.person.clone()),
                ..Default::default()
            },
            versions: vec![PROTOCOL_VERSION.to_owned()],
        })
        .await?;
        let heard = self.heard.len();
        self.until("joined", |me| me.heard.len() > heard).await?;
        match self.heard.pop() {
            Some(Frame::Peer { sender, .. }) => self.server_id = sender,
            other => bail!("the server answered a join with {other:?}"),
        }
        Ok(())
    }

    /// Asks which document a room is.
    async fn find(&mut self, name: &str) -> anyhow::Result<RoomId> {
        let (sender, target) = self.peer_ids();
        self.send(&Frame::Room { sender, target, name: name.to_owned() }).await?;
        let found = |frame: &Frame| match frame {
            Frame::RoomFound { name: n, .. } | Frame::RoomRefused { name: n, .. } => n == name,
            _ => false,
        };
        self.until("room found", |me| me.heard.iter().any(found)).await?;
        let place = self.heard.iter().position(found).context("the answer was heard")?;
        match self.heard.remove(place) {
            Frame::RoomFound { epoch, .. } => Ok(RoomId { name: name.parse()?, epoch }),
            Frame::RoomRefused { code, message, .. } => bail!("{code}: {message}"),
            _ => bail!("no answer to a room"),
        }
    }

    async fn take_frame(&mut self) -> anyhow::Result<()> {
        if let Some((code, reason)) = &self.closed {
            bail!("the connection was closed with {code}: {reason}; heard {:?}", self.heard);
        }
        let message = self.socket.next().await;
        self.take_message(message).await
    }

    async fn take_message(
        &mut self,
        message: Option<Result<Message, WebSocketError>>,
    ) -> anyhow::Result<()> {
        match message {
            Some(Ok(Message::Binary(bytes))) => self.take(decode(&bytes)?).await,
            Some(Ok(Message::Close(frame))) => {
                self.closed = Some(frame.map_or((1005, String::new()), close_of));
                Ok(())
            }
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(error.into()),
            None => {
                self.closed.get_or_insert((1006, "no close frame".to_owned()));
                Ok(())
            }
        }
    }

    async fn take(&mut self, frame: Frame) -> anyhow::Result<()> {
        let document = match &frame {
            Frame::Sync { document, .. }
            | Frame::SyncPart { document, .. }
            | Frame::Authors { document, .. }
            | Frame::Refused { document, .. } => *document,
            _ => {
                self.heard.push(frame);
                return Ok(());
            }
        };
        let Some(chart) = self.rooms.get_mut(&document) else { return Ok(()) };
        match frame {
            Frame::Sync { data, .. } => {
                let peer = chart.peer;
                chart.met = true;
                chart.room.handle(now_ms(), Input::Received { peer, message: data });
            }
            Frame::SyncPart { total, data, .. } => {
                chart.parts.push(data.len());
                chart.part.extend(data);
                if chart.part.len() as u64 == total {
                    let (peer, message) = (chart.peer, std::mem::take(&mut chart.part));
                    chart.met = true;
                    chart.room.handle(now_ms(), Input::Received { peer, message });
                }
            }
            Frame::Authors { authors, .. } => {
                for (actor, author) in authors {
                    let actor = ActorId::from(actor);
                    chart.room.handle(now_ms(), Input::Introduced { actor, author });
                }
            }
            Frame::Refused { ref hashes, .. } => {
                let hashes = hashes.iter().map(|hash| ChangeHash(*hash)).collect();
                chart.room.handle(now_ms(), Input::Refused { hashes });
                self.heard.push(frame);
            }
            other => self.heard.push(other),
        }
        self.drive(document).await
    }

    /// The drive loop: what is staged is applied, and all that comes out is done.
    async fn drive(&mut self, document: DocumentId) -> anyhow::Result<()> {
        self.drain(document).await?;
        self.chart_mut(&document)?.room.advance(now_ms());
        self.drain(document).await
    }

    async fn drain(&mut self, document: DocumentId) -> anyhow::Result<()> {
        loop {
            let (sender, target) = self.peer_ids();
            let chart = self.chart_mut(&document)?;
            let Some(output) = chart.room.poll_output() else { return Ok(()) };
            match output {
                Output::Send { message, .. } => {
                    let data = message.to_vec();
                    self.send(&Frame::Sync { sender, target, document, data }).await?;
                }
                Output::Persist(batch) => {
                    chart.room.handle(now_ms(), Input::Persisted { through: batch.number });
                    chart.room.advance(now_ms());
                }
                Output::Events(events) => {
                    chart.events.extend(events.into_iter().map(Arc::unwrap_or_clone))
                }
                Output::Answered { result, .. } => chart.answer = Some(result),
                Output::Saved { hashes } => chart.saved.extend(hashes),
                Output::GivenBack { edits } => chart.given_back.extend(edits),
                Output::Close { reason, .. } => bail!("the room closes the server: {reason}"),
                Output::Reload { reason } => bail!("the room wants to be loaded again: {reason}"),
                _ => {}
            }
        }
    }

    fn chart_mut(&mut self, document: &DocumentId) -> anyhow::Result<&mut Chart> {
        self.rooms.get_mut(document).context("the room is not open")
    }

    fn next_peer(&mut self) -> Peer {
        self.peers += 1;
        Peer(self.peers)
    }
}

/// Opens a socket on `/sync` that has not joined.
pub async fn open_socket(server: SocketAddr) -> anyhow::Result<Socket> {
    open_socket_with(server, None).await
}

/// The same, with a token.
pub async fn open_socket_with(server: SocketAddr, token: Option<&str>) -> anyhow::Result<Socket> {
    upgrade(server, TcpStream::connect(server).await?, token).await
}

/// Opens a socket whose end of the wire holds little, so that who does not read is soon felt.
pub async fn open_narrow_socket(server: SocketAddr) -> anyhow::Result<Socket> {
    upgrade(server, connect_narrow(server).await?, None).await
}

/// The connection under such a socket.
pub(crate) async fn connect_narrow(server: SocketAddr) -> anyhow::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(NARROW_BYTES)?;
    Ok(socket.connect(server).await?)
}

async fn upgrade(
    server: SocketAddr,
    stream: TcpStream,
    token: Option<&str>,
) -> anyhow::Result<Socket> {
    stream.set_nodelay(true)?;
    let query = token.map(|token| format!("?token={token}")).unwrap_or_default();
    let url = format!("ws://{server}/sync{query}");
    let (socket, _) = client_async(url, MaybeTlsStream::Plain(stream)).await?;
    Ok(socket)
}

fn joined(peer: Peer) -> Input {
    Input::Joined { peer, author: None, may_write: true, extensions: true }
}

fn close_of(frame: CloseFrame) -> (u16, String) {
    (frame.code.into(), frame.reason.to_string())
}

fn capitalised(id: &str) -> String {
    let mut letters = id.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
