//! What a peer's frames ask for once it has joined: which rooms it is in, and what it does there.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chartroom_engine::{
    DocumentId, RoomId, RoomName,
    access::Access,
    limits::{CONNECTION_ROOMS_MAX, EPHEMERAL_BYTES_MAX},
};
use serde::de::IgnoredAny;
use tokio::time::{Instant, sleep};

use super::{closing_for, follow::Follows, membership::Membership, server::OtherServer};
use crate::{
    audit::{Act, Door},
    auth::{Caller, pass::Pass},
    error::ApiError,
    hub::{Closing, Hub, RoomError, RoomHandle, ephemeral::Ephemeral, link::Link, room_task::Mail},
    limits::{Bucket, Limit, NEW_ROOMS, PRESENCE_BYTES_MAX},
    wire::frame::Frame,
};

/// What is said of more rooms than that.
const TOO_MANY_ROOMS: &str = "the connection has too many rooms";

/// What is known once the peer has joined.
pub(super) struct Session {
    pub(super) link: Arc<Link>,
    pub(super) caller: Caller,
    /// Its right to go on.
    pub(super) pass: Pass,
    /// What is known of the peer where it is another server.
    pub(super) server: Option<OtherServer>,
    /// Rooms that the peer asked for by name, loaded and not yet synced.
    pub(super) known: BTreeMap<DocumentId, Arc<RoomHandle>>,
    /// Rooms that it is in.
    pub(super) joined: BTreeMap<DocumentId, Membership>,
    /// Rooms whose events it gets.
    follows: Follows,
    new_rooms: Bucket,
}

impl Session {
    /// A peer that has just joined.
    pub fn new(link: Arc<Link>, caller: Caller, pass: Pass, server: Option<OtherServer>) -> Self {
        Self {
            link,
            caller,
            pass,
            server,
            known: BTreeMap::new(),
            joined: BTreeMap::new(),
            follows: Follows::default(),
            new_rooms: Bucket::full(Instant::now()),
        }
    }

    pub async fn take(&mut self, hub: &Arc<Hub>, frame: Frame) -> Result<(), Closing> {
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

    pub async fn sync(
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
