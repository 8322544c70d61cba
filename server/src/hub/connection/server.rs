//! A connection on which another server is: it may enter the rooms that it may have, and is told what
//! changes in those it wants to know of.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use chartroom_client::{
    deflate::inflate,
    frame::{Frame, PeerMetadata, RoomStanding},
};
use chartroom_engine::{
    ActorId, DocumentId, RoomId, RoomName,
    limits::{SERVER_ROOMS_MAX, WIRE_LIST_MAX},
};
use parking_lot::Mutex;
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use super::{Session, closing_for};
use chartroom_engine::access::RoomPattern;

use crate::{
    clock,
    hub::{
        Closing, Hub, Outbox, Relayed, Rights, RoomError, Said,
        link::Link,
        neighbours::{News, RoomNews, ServerEnd},
    },
    limits::Limit,
    peers::{agenda::Lag, status::Status},
};

/// How often it is told how far the two ends are apart.
const REPORT: Duration = Duration::from_secs(1);

/// The other server, and the rooms it is in.
pub(super) struct OtherServer {
    status: Arc<Status>,
    news: Arc<News>,
    rooms: BTreeMap<DocumentId, Relayed>,
    /// Rooms that it asked for by name, or told an epoch of.
    known: BTreeMap<DocumentId, RoomId>,
    /// The names of the rooms it is in, for the teller.
    open: Arc<Mutex<BTreeSet<RoomId>>>,
    /// Ended with the connection.
    teller: JoinSet<()>,
}

impl Drop for OtherServer {
    fn drop(&mut self) {
        self.status.left();
    }
}

/// Who a server that dials is: by its token, or, where no tokens are asked for, by the name it gives.
pub(super) async fn admit(
    hub: &Arc<Hub>,
    metadata: &PeerMetadata,
    token: Option<&str>,
    peer_id: String,
    outbox: &Arc<Outbox>,
) -> Result<Option<(Arc<Link>, OtherServer)>, Closing> {
    let registry = hub.registry();
    let known = token.and_then(|token| registry.servers.with_token(token));
    let (name, rights) = match (known, &metadata.server) {
        (Some(known), _) => (Arc::clone(&known.name), known.rights.clone()),
        (None, None) => return Ok(None),
        (None, Some(name)) if registry.servers.wants_tokens() || hub.gate().signs_in() => {
            tracing::warn!(name, "a server was refused, which brings no token of the list");
            return Err(Closing::policy("this server takes no server without a token of its list"));
        }
        (None, Some(name)) => {
            let rights = Rights { rooms: vec![RoomPattern::All], may_write: true };
            (name.as_str().into(), rights)
        }
    };
    if metadata.storage_id.as_deref() == Some(hub.storage_id()) {
        return Err(Closing::policy("this is the same server"));
    }
    let since_ms = hub.met(&name).await.map_err(|error| closing_for(&error))?;
    let chartroom = metadata.chartroom.is_some();
    let status = registry.link(&name, || {
        Status::new(Arc::clone(&name), None, rights.clone(), hub.metrics().peer(&name))
    });
    let news = hub.hear_changes();
    let end = ServerEnd {
        name: Arc::clone(&name),
        rights,
        opens: false,
        since_ms,
        chartroom,
        news: Arc::clone(&news),
    };
    let link = Arc::new(Link::to_server(peer_id, end, Arc::clone(outbox)));
    status.joined(chartroom);
    tracing::info!(peer = %name, "a server dialled this one");
    let mut other = OtherServer {
        status,
        news,
        rooms: BTreeMap::new(),
        known: BTreeMap::new(),
        open: Arc::default(),
        teller: JoinSet::new(),
    };
    other.tell(hub, &link, Vec::new());
    Ok(Some((link, other)))
}

/// What one server says to another in a room, taken out of its frame; other frames come back.
#[allow(clippy::type_complexity, reason = "a result that is taken apart at once")]
#[allow(clippy::wildcard_enum_match_arm, reason = "what is said in no room goes back")]
pub(crate) fn said_by_server(
    frame: Frame,
) -> Result<Result<(DocumentId, Said), Box<Frame>>, Closing> {
    Ok(Ok(match frame {
        Frame::Sync { document, data, .. } | Frame::Request { document, data, .. } => {
            (document, Said::Sync(data))
        }
        Frame::SyncDeflated { document, size, data, .. } => {
            let message = inflate(&data, size);
            let message = message.map_err(|error| Closing::protocol(error.to_string()))?;
            (document, Said::Sync(message))
        }
        Frame::Authors { document, authors, .. } => {
            let authors = authors.into_iter();
            let actors = authors.map(|(actor, author)| (ActorId::from(actor), author));
            (document, Said::Authors(actors.collect()))
        }
        other => return Ok(Err(Box::new(other))),
    }))
}

impl OtherServer {
    /// Bytes came from it.
    pub fn received(&self, bytes: usize) {
        self.status.received(bytes as u64);
    }

    /// A room that is not here, in the latest epoch that the other server told of.
    fn named(&self, name: RoomName) -> RoomId {
        let told = self.known.values().filter(|id| id.name == name);
        told.max_by_key(|id| id.epoch).cloned().unwrap_or_else(|| RoomId::first(name))
    }

    fn leave(&mut self, document: &DocumentId) {
        // First of all, so that nothing that happens between is told by neither.
        if let Some(id) = self.known.get(document) {
            self.open.lock().remove(id);
        }
        self.rooms.remove(document);
    }

    /// Has it told of rooms like these from now on, all that are there first.
    fn tell(&mut self, hub: &Arc<Hub>, link: &Arc<Link>, patterns: Vec<RoomPattern>) {
        self.teller = JoinSet::new();
        let teller = Teller {
            hub: Arc::clone(hub),
            link: Arc::clone(link),
            status: Arc::clone(&self.status),
            news: Arc::clone(&self.news),
            open: Arc::clone(&self.open),
            patterns,
            behind: BTreeMap::new(),
            rooms: 0,
        };
        self.teller.spawn(teller.run());
    }
}

impl Session {
    /// Takes a frame of another server.
    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "what servers do not say is a mistake, as of a later version"
    )]
    pub(super) async fn take_of_server(
        &mut self,
        hub: &Arc<Hub>,
        frame: Frame,
    ) -> Result<(), Closing> {
        let frame = match said_by_server(frame)? {
            Ok((document, said)) => return self.say(hub, document, said).await,
            Err(frame) => frame,
        };
        let Some(other) = &mut self.server else { return Ok(()) };
        match *frame {
            Frame::Room { name, .. } => {
                let name: RoomName = name
                    .parse()
                    .map_err(|_| Closing::protocol("it names a room that cannot be"))?;
                if !may_have(&self.link, &name) {
                    self.link.send(&Frame::RoomRefused {
                        sender: hub.peer_id.clone(),
                        target: self.link.peer_id.clone(),
                        name: name.to_string(),
                        code: "room-outside".to_owned(),
                        message: "the room is outside of what this server may have".to_owned(),
                    });
                    return Ok(());
                }
                let stored = hub.stored(&name).await.map_err(|error| closing_for(&error))?;
                let id = stored.map_or_else(|| other.named(name), |record| record.id);
                self.link.send(&Frame::RoomFound {
                    sender: hub.peer_id.clone(),
                    target: self.link.peer_id.clone(),
                    name: id.name.to_string(),
                    epoch: id.epoch,
                    document: id.document_id(),
                    compartments: Vec::new(),
                    read_only: false,
                });
                other.known.insert(id.document_id(), id);
                Ok(())
            }
            Frame::LeaveRoom { document, .. } => {
                other.leave(&document);
                Ok(())
            }
            Frame::Interest { rooms, .. } => {
                let patterns: Result<_, _> =
                    rooms.iter().map(|pattern| pattern.parse::<RoomPattern>()).collect();
                let patterns =
                    patterns.map_err(|_| Closing::protocol("it wants rooms that cannot be"))?;
                other.tell(hub, &self.link, patterns);
                Ok(())
            }
            Frame::Rooms { rooms, .. } => {
                for RoomStanding { name, epoch, before, .. } in rooms {
                    let name: RoomName = name
                        .parse()
                        .map_err(|_| Closing::protocol("it names a room that cannot be"))?;
                    if !may_have(&self.link, &name) {
                        let message = "the room is outside of what this server may have";
                        return Err(Closing::policy(message));
                    }
                    if epoch == 0 {
                        return Err(Closing::protocol("it names a room that cannot be"));
                    }
                    let id = RoomId { name, epoch };
                    if matches!(hub.follow_epoch(&id, before).await, Ok(true)) {
                        let (peer, document) = (other.status.name(), id.document_id());
                        tracing::info!(%peer, %document, epoch, "a room goes on where a server founded it anew");
                        let name = id.name.to_string();
                        other.known.insert(document, id);
                        let here = RoomStanding { name, epoch, heads: None, before: None };
                        let (sender, target) = (hub.peer_id.clone(), self.link.peer_id.clone());
                        let (rooms, complete) = (vec![here], false);
                        self.link.send(&Frame::Rooms { sender, target, rooms, complete });
                    }
                }
                Ok(())
            }
            Frame::Refused { hashes, code, document, .. } => {
                let (peer, count) = (other.status.name(), hashes.len());
                tracing::warn!(%peer, %document, code, count, "a server refused changes of this one");
                other.status.refused(count as u64);
                Ok(())
            }
            Frame::Leave { .. } => {
                self.link.outbox.close(Closing::normal());
                Ok(())
            }
            Frame::Error { .. } => {
                tracing::info!(peer = %other.status.name(), "a server reported an error");
                Ok(())
            }
            _ => self.link.mistake(),
        }
    }

    /// Hands on what a server says in a room, which it enters with that.
    pub(super) async fn say(
        &mut self,
        hub: &Arc<Hub>,
        document: DocumentId,
        said: Said,
    ) -> Result<(), Closing> {
        let Some(other) = &mut self.server else { return Ok(()) };
        if !other.rooms.contains_key(&document) {
            let found = match other.known.get(&document) {
                Some(id) => Some(id.clone()),
                None => hub.room_of_document(document).await.map_err(|e| closing_for(&e))?,
            };
            // Of a room that it may not have it does not hear whether it is there.
            let Some(id) = found.filter(|id| may_have(&self.link, &id.name)) else {
                let (sender, target) = (hub.peer_id.clone(), self.link.peer_id.clone());
                self.link.send(&Frame::DocUnavailable { sender, target, document });
                return self.link.mistake();
            };
            if other.rooms.len() >= SERVER_ROOMS_MAX {
                let message = "the server has too many rooms open";
                return Err(Closing::over(Limit::ConnectionRooms, message));
            }
            let relayed = Relayed::enter(hub, &id, &self.link);
            other.rooms.insert(document, relayed.map_err(|error| closing_for(&error))?);
            other.open.lock().insert(id.clone());
            other.known.insert(document, id);
        }
        if let Some(relayed) = other.rooms.get(&document) {
            relayed.hand(said).await;
        }
        Ok(())
    }
}

fn may_have(link: &Link, room: &RoomName) -> bool {
    link.server.as_ref().is_some_and(|server| server.rights.covers(room))
}

/// Tells the other server of rooms, and the operator of the other server.
struct Teller {
    hub: Arc<Hub>,
    link: Arc<Link>,
    status: Arc<Status>,
    news: Arc<News>,
    open: Arc<Mutex<BTreeSet<RoomId>>>,
    patterns: Vec<RoomPattern>,
    /// Rooms that it is not known to have as they are: what it lacks, and since when.
    behind: BTreeMap<RoomId, (u64, u64)>,
    rooms: usize,
}

impl Teller {
    async fn run(mut self) {
        if !self.patterns.is_empty()
            && let Err(error) = self.tell_all().await
        {
            return self.link.fail(&self.hub.peer_id, closing_for(&error));
        }
        let mut reports = interval(REPORT);
        reports.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                news = self.news.next() => self.take_news(news),
                _ = reports.tick() => self.report(),
            }
        }
    }

    fn wants(&self, room: &RoomName) -> bool {
        may_have(&self.link, room) && self.patterns.iter().any(|pattern| pattern.matches(room))
    }

    async fn tell_all(&mut self) -> Result<(), RoomError> {
        let records = self.hub.list().await?;
        let wanted = records.into_iter().filter(|record| self.wants(&record.id.name));
        let mut rooms = Vec::new();
        for record in wanted {
            rooms.push(self.hub.standing(record).await?);
        }
        self.rooms = rooms.len();
        let mut parts = rooms.chunks(WIRE_LIST_MAX).peekable();
        if parts.peek().is_none() {
            self.send(Vec::new(), true);
        }
        while let Some(part) = parts.next() {
            self.link.outbox.space().await;
            self.send(part.to_vec(), parts.peek().is_none());
        }
        Ok(())
    }

    fn take_news(&mut self, news: BTreeMap<RoomId, RoomNews>) {
        let mut changed = Vec::new();
        for (id, news) in news {
            let is_open = self.open.lock().contains(&id);
            if let Some(RoomError::Unreadable { .. } | RoomError::Refounded) = news.lost {
                self.open.lock().remove(&id);
            }
            let in_step = news.in_step.map(|(is, _)| is);
            if in_step == Some(true) {
                self.behind.remove(&id);
            } else if in_step == Some(false) || (news.changes > 0 && self.wants(&id.name)) {
                let behind = self.behind.entry(id.clone()).or_insert((0, clock::now_ms()));
                behind.0 = news.lacks.unwrap_or(behind.0 + news.changes);
            } else if let (Some(lacks), Some(behind)) = (news.lacks, self.behind.get_mut(&id)) {
                behind.0 = lacks;
            }
            if let Some(heads) = news.heads.filter(|_| !is_open && self.wants(&id.name)) {
                let (name, epoch) = (id.name.to_string(), id.epoch);
                changed.push(RoomStanding { name, epoch, heads: Some(heads), before: None });
            }
        }
        for part in changed.chunks(WIRE_LIST_MAX) {
            self.send(part.to_vec(), false);
        }
    }

    fn send(&self, rooms: Vec<RoomStanding>, complete: bool) {
        let (sender, target) = (self.hub.peer_id.clone(), self.link.peer_id.clone());
        self.link.send(&Frame::Rooms { sender, target, rooms, complete });
    }

    fn report(&self) {
        self.status.sent(self.link.outbox.take_written());
        let since = self.behind.values().map(|(_, since)| *since).min();
        let lag = Lag {
            rooms: self.rooms.max(self.open.lock().len()),
            behind: self.behind.len(),
            from_before: 0,
            changes: self.behind.values().map(|(lacks, _)| lacks).sum(),
            ms: since.map_or(0, |since| clock::now_ms().saturating_sub(since)),
        };
        self.status.lags(lag, Vec::new());
    }
}
