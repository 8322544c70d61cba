//! One connection on `/sync`: who is there, which rooms it is in, what its frames ask for.
//!
//! It moves frames between one socket and rooms and knows no socket itself: bytes come in through
//! [`Connection::receive`], and leave through the [`Outbox`]. What a peer does wrong ends its own
//! connection, with a reason, and touches nobody else.

mod follow;
mod membership;
mod server;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chartroom_engine::{
    Author, DocumentId, RoomId, RoomName,
    access::Access,
    limits::{CONNECTION_ROOMS_MAX, EPHEMERAL_BYTES_MAX, WIRE_BYTES_MAX},
};
use serde::de::IgnoredAny;
use tokio::time::{Instant, sleep};

use super::{
    Closing, DEVICE_WIPED, Hub, Outbox, RoomError, RoomHandle, Said, Socket,
    ephemeral::Ephemeral,
    link::{Link, fail},
    room_task::Mail,
};
use crate::{
    audit::{Act, Door, Entry},
    auth::{
        self, Caller, Entrant, SignedIn,
        devices::Handle,
        pass::{Ended, Pass},
    },
    error::ApiError,
    limits::{Bucket, Limit, NEW_ROOMS, PRESENCE_BYTES_MAX},
    sign_in::SignInError,
    wire::frame::{
        ChartroomMetadata, DeviceSecret, Envelope, Frame, FrameError, PROTOCOL_VERSION,
        PeerMetadata,
    },
};
use follow::Follows;
pub(super) use membership::Membership;
use server::OtherServer;
pub(crate) use server::said_by_server;

/// What is said of more rooms than that.
const TOO_MANY_ROOMS: &str = "the connection has too many rooms";
/// Version of the extension messages.
const EXTENSIONS_VERSION: u64 = 1;

/// The server's end of one socket.
pub struct Connection {
    hub: Arc<Hub>,
    /// What the upgrade brought.
    entrant: Entrant,
    socket: Socket,
    envelope: Envelope,
    /// The device that it comes from, where it said which.
    device: Option<Handle>,
    session: Option<Session>,
}

/// What is known once the peer has joined.
struct Session {
    link: Arc<Link>,
    caller: Caller,
    /// Its right to go on.
    pass: Pass,
    /// What is known of the peer where it is another server.
    server: Option<OtherServer>,
    /// Rooms that the peer asked for by name, loaded and not yet synced.
    known: BTreeMap<DocumentId, Arc<RoomHandle>>,
    /// Rooms that it is in.
    joined: BTreeMap<DocumentId, Membership>,
    /// Rooms whose events it gets.
    follows: Follows,
    new_rooms: Bucket,
}

impl Connection {
    /// A socket that was just accepted.
    pub(crate) fn new(entrant: Entrant) -> Self {
        let hub = Arc::clone(&entrant.hub);
        Self {
            entrant,
            socket: Socket::open(Arc::clone(&hub)),
            hub,
            envelope: Envelope::default(),
            device: None,
            session: None,
        }
    }

    /// What waits to be written to the socket.
    pub fn outbox(&self) -> &Arc<Outbox> {
        self.socket.outbox()
    }

    /// Whether the peer has said who it is.
    pub fn has_joined(&self) -> bool {
        self.session.is_some()
    }

    /// Whether the peer is another server.
    pub fn is_server(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.server.is_some())
    }

    /// Waits until the peer's sign-in, or a right that it uses, ends. Safe to cancel.
    pub async fn ended(&self) -> Closing {
        match &self.session {
            Some(session) => session.pass.ended().await.closing(),
            None => std::future::pending().await,
        }
    }

    /// Takes one binary frame; waits while its room is behind.
    pub async fn receive(&mut self, bytes: &[u8]) {
        if self.outbox().is_closing() {
            return;
        }
        if let Err(closing) = self.try_receive(bytes).await {
            self.fail(closing);
        }
    }

    /// Tells the peer why, then ends the connection.
    pub fn fail(&self, closing: Closing) {
        if closing.code == DEVICE_WIPED && !self.outbox().is_closing() {
            self.note_wipe();
        }
        let peer_id = self.session.as_ref().map(|session| session.link.peer_id.as_str());
        fail(self.outbox(), &self.hub.peer_id, peer_id, closing);
    }

    /// Notes that a device is told to wipe what it keeps.
    fn note_wipe(&self) {
        let Some(device) = self.device else { return };
        self.hub.wipe_is_told(device);
        let entry = match &self.session {
            Some(session) => {
                session.caller.entry(Act::Wipe).connection(session.link.peer_id.clone())
            }
            None => {
                let from = self.entrant.from.map(|from| from.ip());
                let entry = Entry::by_server(Act::Wipe).via(Door::Sync);
                from.into_iter().fold(entry, Entry::from)
            }
        };
        self.hub.audit.note(entry.detail("device", device.to_string()).detail("wipe", "told"));
    }

    async fn try_receive(&mut self, bytes: &[u8]) -> Result<(), Closing> {
        if bytes.len() > WIRE_BYTES_MAX {
            let message =
                format!("the frame has {} bytes; the limit is {WIRE_BYTES_MAX}", bytes.len());
            return Err(Closing::over(Limit::FrameBytes, message));
        }
        if let Some(session) = &mut self.session
            && let Some((document, message)) = self.envelope.open(&session.link.peer_id, bytes)
        {
            return match &session.server {
                None => session.sync(&self.hub, document, message).await,
                Some(other) => {
                    other.received(bytes.len());
                    session.say(&self.hub, document, Said::Sync(message.to_vec())).await
                }
            };
        }
        let frame = self.envelope.decode(bytes).map_err(|error| match error {
            FrameError::TooLong(_) => Closing::over(Limit::MessageLists, error.to_string()),
            FrameError::Cbor(_)
            | FrameError::Missing(_)
            | FrameError::Shape(_)
            | FrameError::DocumentId => Closing::protocol(error.to_string()),
        })?;
        if let Frame::Join { sender, metadata, versions } = frame {
            return self.join(sender, metadata, &versions).await;
        }
        let Some(session) = &mut self.session else {
            return Err(Closing::protocol("the first message of a connection is join"));
        };
        if let Some(other) = &session.server {
            other.received(bytes.len());
        }
        session.take(&self.hub, frame).await
    }

    async fn join(
        &mut self,
        sender: String,
        metadata: PeerMetadata,
        versions: &[String],
    ) -> Result<(), Closing> {
        if !versions.iter().any(|version| version == PROTOCOL_VERSION) {
            return Err(Closing::protocol("this server speaks protocol version 1"));
        }
        self.check_device(metadata.device.as_ref())?;
        if sender == self.hub.peer_id {
            return Err(Closing::policy("this peer id is the server's"));
        }
        // A second join on one socket starts from fresh sync states, as a new socket would.
        if let Some(old) = self.session.take() {
            self.hub.leave(&old.link);
        }
        let (token, outbox) = (self.entrant.token.as_deref(), self.outbox());
        let admitted = server::admit(&self.hub, &metadata, token, sender.clone(), outbox).await?;
        let (link, signed, server) = match admitted {
            Some((link, server)) => (link, SignedIn::claimed(auth::anonymous()), Some(server)),
            None => {
                let signed = self.sign_in(metadata.person).await?;
                if let Some(device) = self.device {
                    let noted = self.hub.signed_in_from(&signed.person.author, device).await;
                    noted.map_err(|error| closing_for(&error))?;
                }
                let (person, outbox) = (signed.person.author.id.clone(), Arc::clone(outbox));
                let link = Link::new(sender, metadata.chartroom, outbox)
                    .of(person, self.entrant.from.map(|from| from.ip()));
                (Arc::new(link), signed, None)
            }
        };
        self.hub.enter(&link)?;
        link.send(&Frame::Peer {
            sender: self.hub.peer_id.clone(),
            target: link.peer_id.clone(),
            metadata: PeerMetadata {
                storage_id: Some(self.hub.storage_id.clone()),
                is_ephemeral: false,
                chartroom: Some(ChartroomMetadata {
                    version: EXTENSIONS_VERSION,
                    durable_heads: true,
                    parts: true,
                    person: server.is_none().then(|| signed.person.author.clone()),
                }),
                person: None,
                device: None,
                server: server.as_ref().map(|_| self.hub.registry.name.clone()),
            },
            version: PROTOCOL_VERSION.to_owned(),
        });
        let pass = Pass::new(Arc::clone(&self.hub), signed.clone(), self.device);
        let caller = Caller::new(Arc::clone(&self.hub), signed, self.entrant.from, Door::Sync);
        if server.is_none() {
            let entry = caller.entry(Act::SignIn).connection(link.peer_id.clone());
            let device = self.device.map(|device| device.to_string());
            caller.note(device.into_iter().fold(entry, |entry, of| entry.detail("device", of)));
        }
        self.session = Some(Session {
            link,
            caller,
            pass,
            server,
            known: BTreeMap::new(),
            joined: BTreeMap::new(),
            follows: Follows::default(),
            new_rooms: Bucket::full(Instant::now()),
        });
        Ok(())
    }

    /// Refuses a device that is to be wiped, whoever uses it: it may have no good token any more.
    fn check_device(&mut self, secret: Option<&DeviceSecret>) -> Result<(), Closing> {
        let malformed = |_| Closing::protocol("the field device is no device's secret");
        self.device = secret.map(Handle::of).transpose().map_err(malformed)?;
        match self.device.is_some_and(|device| self.hub.gate.is_wiped(device)) {
            true => Err(Ended::Wiped.closing()),
            false => Ok(()),
        }
    }

    /// Who the peer is: by its token, or, where there is no sign-in, as it says.
    async fn sign_in(&self, claimed: Option<Author>) -> Result<SignedIn, Closing> {
        if self.hub.gate().signs_in() {
            let signed = self.entrant.sign_in().await.map_err(|error| {
                self.entrant.note_refusal(error);
                if error == SignInError::Unavailable {
                    return Closing::try_again(error.to_string());
                }
                match error == SignInError::Revoked {
                    true => Ended::Revoked.closing(),
                    false => Closing::signed_out(error.to_string()),
                }
            })?;
            self.entrant.check_crowd(&signed)?;
            return Ok(signed);
        }
        let author = claimed.unwrap_or_else(auth::anonymous);
        if auth::is_reserved(&author.id) {
            return Err(Closing::policy("this person id is the server's own"));
        }
        Ok(SignedIn::claimed(author))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            self.hub.leave(&session.link);
        }
    }
}

impl Session {
    async fn take(&mut self, hub: &Arc<Hub>, frame: Frame) -> Result<(), Closing> {
        if let Frame::Ephemeral { sender, document, count, session, data, .. } = frame {
            let message = Ephemeral { sender, session, count, data };
            return self.relay(hub, document, message).await;
        }
        if frame_sender(&frame).is_some_and(|sender| sender != self.link.peer_id) {
            hub.metrics.frames_foreign.inc();
            return self.link.mistake();
        }
        if self.server.is_some() {
            return self.take_of_server(hub, frame).await;
        }
        match frame {
            Frame::Request { document, data, .. } | Frame::Sync { document, data, .. } => {
                self.sync(hub, document, &data).await
            }
            Frame::Room { name, .. } => self.find_room(hub, name).await,
            Frame::LeaveRoom { document, .. } => {
                self.joined.remove(&document);
                self.known.remove(&document);
                Ok(())
            }
            Frame::Presence { document, state, .. } => self.show(document, state).await,
            Frame::Follow { document, id, start, .. } => {
                let room = self.room(&document).map(|room| room.id().name.clone());
                self.follows.begin(hub, &self.link, id, room, start);
                Ok(())
            }
            Frame::Unfollow { id, .. } => {
                self.follows.end(id);
                Ok(())
            }
            Frame::RemoteSubscriptionChange { add, remove, .. } => {
                if remove.contains(&hub.storage_id) {
                    self.link.want_heads(false);
                }
                if add.contains(&hub.storage_id) {
                    self.link.want_heads(true);
                }
                Ok(())
            }
            Frame::Leave { .. } => {
                self.link.outbox.close(Closing::normal());
                Ok(())
            }
            Frame::Error { .. } => {
                tracing::info!("a peer reported an error");
                Ok(())
            }
            // What other storages hold is not this server's to know yet; the rest is for clients.
            Frame::RemoteHeadsChanged { .. }
            | Frame::DocUnavailable { .. }
            | Frame::Peer { .. }
            | Frame::RoomFound { .. }
            | Frame::RoomRefused { .. }
            | Frame::Authors { .. }
            | Frame::Refused { .. }
            | Frame::SyncPart { .. }
            | Frame::Present { .. }
            | Frame::Events { .. }
            | Frame::FollowEnded { .. }
            | Frame::Join { .. }
            | Frame::Ephemeral { .. }
            | Frame::Interest { .. }
            | Frame::Rooms { .. }
            | Frame::SyncDeflated { .. }
            | Frame::Unknown { .. } => self.link.mistake(),
        }
    }

    async fn sync(
        &mut self,
        hub: &Arc<Hub>,
        document: DocumentId,
        message: &[u8],
    ) -> Result<(), Closing> {
        if !self.joined.contains_key(&document) && !self.enter(hub, document).await? {
            self.link.send(&Frame::DocUnavailable {
                sender: hub.peer_id.clone(),
                target: self.link.peer_id.clone(),
                document,
            });
            return self.link.mistake();
        }
        let Some(membership) = self.joined.get(&document) else { return Ok(()) };
        if membership.expects(message) {
            return Ok(());
        }
        let turn = membership.turn().await;
        let wait = self.link.wait();
        if !wait.is_zero() {
            hub.exceeded(Limit::RefusedRate);
            self.rest(wait).await?;
        }
        membership.receive(message, turn).await.map_err(|error| closing_for(&error))
    }

    /// Enters the room of a document; false where there is none for this peer.
    async fn enter(&mut self, hub: &Arc<Hub>, document: DocumentId) -> Result<bool, Closing> {
        let id = match self.known.get(&document) {
            Some(room) => Ok(Some(room.id().clone())),
            None => hub.room_of_document(document).await,
        };
        let id = match id {
            Ok(id) => id,
            Err(RoomError::Unreadable { .. }) => None,
            Err(error) => return Err(closing_for(&error)),
        };
        // A document that is nobody's takes as long to refuse as one that is another's.
        let name = id.as_ref().map_or_else(RoomName::nowhere, |id| id.name.clone());
        let access = match self.may_join(&name, id.is_some()).await {
            Ok(access) => Arc::new(access),
            Err(ApiError::Room(error)) => return Err(closing_for(&error)),
            Err(_) => return Ok(false),
        };
        let Some(id) = id else { return Ok(false) };
        if !self.known.contains_key(&document) && !self.has_space() {
            return Err(Closing::over(Limit::ConnectionRooms, TOO_MANY_ROOMS));
        }
        let room = hub.open(&id).map_err(|error| closing_for(&error))?;
        let (link, author) = (Arc::clone(&self.link), self.caller.author().clone());
        let joining = Membership::join(hub, room, link, author, Arc::clone(&access)).await;
        match joining {
            Ok(membership) => {
                self.known.remove(&document);
                self.joined.insert(document, membership);
                Ok(true)
            }
            Err(RoomError::Unreadable { .. }) => Ok(false),
            Err(error) => Err(closing_for(&error)),
        }
    }

    /// What the peer may do in a room that it wants to be given; noted in the audit trail, where there
    /// is such a room.
    async fn may_join(&self, name: &RoomName, is_there: bool) -> Result<Access, ApiError> {
        let caller = self.caller.anew(Door::Sync);
        let access = self.pass.enter(name, caller.whole(name)).await;
        let entry = |act| caller.entry_of_seen(act).connection(self.link.peer_id.clone());
        match &access {
            Ok(_) if is_there => caller.note(entry(Act::Join)),
            Ok(_) => {}
            Err(error) => {
                let named = if is_there { entry(Act::Join).room(name) } else { entry(Act::Join) };
                caller.note(named.refused(error.code()));
            }
        }
        access
    }

    async fn find_room(&mut self, hub: &Arc<Hub>, name: String) -> Result<(), Closing> {
        let (sender, target) = (hub.peer_id.clone(), self.link.peer_id.clone());
        let refused = |name, code: &str, message| {
            let (sender, target, code) = (sender.clone(), target.clone(), code.to_owned());
            Frame::RoomRefused { sender, target, name, code, message }
        };
        let frame = match name.parse::<RoomName>() {
            Err(error) => refused(name, "room-name-invalid", error.to_string()),
            Ok(name) if !self.has_space() && self.caller.whole(&name).await.is_ok() => {
                let (name, limit) = (name.to_string(), hub.exceeded(Limit::ConnectionRooms));
                refused(name, limit.code(), TOO_MANY_ROOMS.to_owned())
            }
            Ok(room_name) => match self.open(hub, room_name).await {
                Ok((id, access)) => Frame::RoomFound {
                    sender,
                    target,
                    name,
                    epoch: id.epoch,
                    document: id.document_id(),
                    compartments: self.compartments(hub, &id.name).await?,
                    read_only: !access.writes(),
                },
                Err(error) => refused(name, error.code(), error.to_string()),
            },
        };
        self.link.send(&frame);
        if matches!(frame, Frame::RoomRefused { .. }) { self.link.mistake() } else { Ok(()) }
    }

    async fn open(&mut self, hub: &Arc<Hub>, name: RoomName) -> Result<(RoomId, Access), ApiError> {
        // What is followed of it ends with the right to it.
        let entered = self.pass.enter(&name, self.caller.whole(&name)).await;
        let access = entered.inspect_err(|error| {
            self.caller.note(self.caller.entry(Act::Join).room(&name).refused(error.code()));
        })?;
        let id = match hub.stored(&name).await? {
            Some(record) => record.id,
            None => {
                self.wait_for_new_room(hub).await;
                RoomId::first(name)
            }
        };
        let room = hub.open(&id)?;
        let (id, document) = (room.id().clone(), room.id().document_id());
        if !self.joined.contains_key(&document) {
            room.loaded().await?;
            self.known.insert(document, room);
        }
        Ok((id, access))
    }

    /// The restricted compartments of a chart that the peer may be given, for it to join into one chart.
    async fn compartments(&self, hub: &Hub, chart: &RoomName) -> Result<Vec<String>, Closing> {
        let mut open = Vec::new();
        for room in hub.compartments_of(chart).await.map_err(|error| closing_for(&error))? {
            let access = hub.access(&self.caller.signed().person, &room).await;
            let access = access.map_err(|error| closing_for(&error))?;
            if access.is_some_and(|access| access.check_whole().is_ok()) {
                open.push(room.to_string());
            }
        }
        Ok(open)
    }

    /// Waits; not longer than the peer's right to go on.
    async fn rest(&self, wait: Duration) -> Result<(), Closing> {
        tokio::select! {
            () = sleep(wait) => Ok(()),
            ended = self.pass.ended() => Err(ended.closing()),
        }
    }

    /// Waits until the peer may open one more room that nothing was written to.
    async fn wait_for_new_room(&mut self, hub: &Hub) {
        let wait = self.new_rooms.take(Instant::now(), 1, NEW_ROOMS);
        if !wait.is_zero() {
            hub.exceeded(Limit::NewRooms);
            // Whose right ends meanwhile is told so behind this.
            let _ = self.rest(wait).await;
        }
    }

    async fn relay(
        &self,
        hub: &Hub,
        document: DocumentId,
        message: Ephemeral,
    ) -> Result<(), Closing> {
        if !hub.may_speak_for(&self.link, &message.sender) {
            hub.metrics.frames_foreign.inc();
            return self.link.mistake();
        }
        if message.data.len() > EPHEMERAL_BYTES_MAX {
            let message = "the ephemeral message is over the limit";
            return Err(Closing::over(Limit::EphemeralBytes, message));
        }
        let Some(membership) = self.joined.get(&document) else { return Ok(()) };
        let mail = Mail::Ephemeral { peer: membership.peer(), message };
        membership.room().send(mail).await.map_err(|error| closing_for(&error))
    }

    /// Shows the peer to the others in a room, or nothing of it, and has it told who they are.
    async fn show(&self, document: DocumentId, state: Option<String>) -> Result<(), Closing> {
        if state.as_ref().is_some_and(|state| state.len() > PRESENCE_BYTES_MAX) {
            let message = "what is shown of the peer is over the limit";
            return Err(Closing::over(Limit::EphemeralBytes, message));
        }
        let is_json = |state: &String| serde_json::from_str::<IgnoredAny>(state).is_ok();
        if !state.as_ref().is_none_or(is_json) {
            return self.link.mistake();
        }
        let Some(membership) = self.joined.get(&document) else { return Ok(()) };
        let (peer, person) = (membership.peer(), self.caller.author().clone());
        let mail = Mail::Present { peer, person, state };
        membership.room().send(mail).await.map_err(|error| closing_for(&error))
    }

    /// A room that the peer has open.
    fn room(&self, document: &DocumentId) -> Option<&RoomHandle> {
        let joined = self.joined.get(document).map(Membership::room);
        joined.or_else(|| self.known.get(document).map(Arc::as_ref))
    }

    fn has_space(&self) -> bool {
        self.known.len() + self.joined.len() < CONNECTION_ROOMS_MAX
    }
}

/// Who a frame says it is from; `None` where it does not say.
fn frame_sender(frame: &Frame) -> Option<&str> {
    match frame {
        Frame::Join { sender, .. }
        | Frame::Peer { sender, .. }
        | Frame::Leave { sender }
        | Frame::Request { sender, .. }
        | Frame::Sync { sender, .. }
        | Frame::DocUnavailable { sender, .. }
        | Frame::Ephemeral { sender, .. }
        | Frame::RemoteSubscriptionChange { sender, .. }
        | Frame::RemoteHeadsChanged { sender, .. }
        | Frame::Room { sender, .. }
        | Frame::RoomFound { sender, .. }
        | Frame::RoomRefused { sender, .. }
        | Frame::Authors { sender, .. }
        | Frame::Refused { sender, .. }
        | Frame::SyncPart { sender, .. }
        | Frame::LeaveRoom { sender, .. }
        | Frame::Presence { sender, .. }
        | Frame::Present { sender, .. }
        | Frame::Follow { sender, .. }
        | Frame::Unfollow { sender, .. }
        | Frame::Events { sender, .. }
        | Frame::FollowEnded { sender, .. }
        | Frame::Interest { sender, .. }
        | Frame::Rooms { sender, .. }
        | Frame::SyncDeflated { sender, .. } => Some(sender),
        Frame::Error { sender, .. } => sender.as_deref(),
        Frame::Unknown { .. } => None,
    }
}

fn closing_for(error: &RoomError) -> Closing {
    match error {
        RoomError::ShuttingDown => Closing::going_away(),
        RoomError::Ended | RoomError::Refounded => {
            Closing::try_again("the room is loaded again; connect anew")
        }
        RoomError::Storage => Closing::try_again("the store failed; connect anew"),
        RoomError::Unreadable { .. } => Closing::try_again("the room cannot be read"),
    }
}
