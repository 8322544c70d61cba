//! One link that this server dials: from the handshake to why it ended.
//!
//! What the other end does wrong ends the link with a named reason and touches nothing else. In each
//! room it is a member like any other, whose changes pass the same checks.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use chartroom_client::{
    backoff::Trouble,
    dial::{DialError, Target, dial},
    frame::{Frame, FrameError, RoomStanding, decode},
};
use chartroom_engine::{DocumentId, RoomId, RoomName};
use futures_util::StreamExt;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, timeout},
};

use super::{
    agenda::{Agenda, Lag, Step, UNAVAILABLE},
    config::KnownServer,
    socket::{self, Met},
    status::{Held, Status},
};
use crate::{
    clock,
    hub::{
        Closing, Hub, Link as Far, News, Relayed, RoomAt, RoomError, RoomNews, Said, ServerEnd,
        Socket, said_by_server,
    },
    patterns::RoomPattern,
};

/// How often the other end is asked whether it is there.
const PING: Duration = Duration::from_secs(5);
/// After so long without a sign of life it is not.
const SILENCE: Duration = Duration::from_secs(20);
/// How long the last words may take.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How often the agenda is looked at though nothing happened.
const TICK: Duration = Duration::from_millis(500);

/// Why a link ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum End {
    /// There was no socket.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The socket broke (environment).
    #[error("the connection broke")]
    Lost,
    /// Nothing came for a while (environment).
    #[error("it is silent")]
    Silent,
    /// It closed the connection (peer).
    #[error("it closed the connection with {code}: {reason}")]
    Closed {
        /// The close code.
        code: u16,
        /// What it gives as the reason.
        reason: String,
    },
    /// It does not take this server (peer).
    #[error("it does not take this server: {0}")]
    Refused(String),
    /// It is no sync server (peer).
    #[error("what answers there is no sync server")]
    NoServer,
    /// It speaks another version (peer).
    #[error("it speaks version {0:?} of the protocol, and this server version 1")]
    Version(String),
    /// It is this server (caller).
    #[error("the address leads to this server itself")]
    Myself,
    /// It sends what is no frame (peer).
    #[error("it sends garbage: {0}")]
    Garbage(FrameError),
    /// It sends more than a frame may have (peer).
    #[error("it sends a frame over the limit")]
    TooLong,
    /// It names rooms that it may not have (peer).
    #[error("it names a room outside of what it may have")]
    OutsideItsRooms,
    /// It names what is no room, or a document that is not the room's (peer).
    #[error("it names a room that cannot be")]
    NoRoom,
    /// It names heads that it does not bring (peer).
    #[error("it names heads that it does not bring")]
    BrokenPromise,
    /// A room here ended the link: the other end did wrong, or the room is loaded again.
    #[error("this server closed it: {}", .0.message)]
    Closing(Closing),
    /// The store here failed (environment).
    #[error(transparent)]
    Room(#[from] RoomError),
    /// This server goes down.
    #[error("this server is shutting down")]
    Stopping,
    /// Everything is in step, and that was all.
    #[error("everything is in step")]
    Done,
}

impl End {
    /// Whether dialling again soon may help.
    pub fn trouble(&self) -> Trouble {
        match self {
            Self::Dial(error) => error.trouble(),
            Self::Closed { code: 1002 | 1003 | 1007..=1009, .. } => Trouble::Lasting,
            Self::Closing(closing) if matches!(closing.code, 1002 | 1008 | 1009) => {
                Trouble::Lasting
            }
            Self::Lost
            | Self::Silent
            | Self::Closed { .. }
            | Self::Closing(_)
            | Self::Room(_)
            | Self::Stopping
            | Self::Done => Trouble::Passing,
            Self::Refused(_)
            | Self::NoServer
            | Self::Version(_)
            | Self::Myself
            | Self::Garbage(_)
            | Self::TooLong
            | Self::OutsideItsRooms
            | Self::NoRoom
            | Self::BrokenPromise => Trouble::Lasting,
        }
    }
}

/// A link, over all its connections.
pub(crate) struct Link {
    hub: Arc<Hub>,
    known: KnownServer,
    target: Target,
    status: Arc<Status>,
    agenda: Agenda,
    news: Arc<News>,
    /// Names of documents, those included that are not here.
    names: BTreeMap<DocumentId, RoomId>,
    stood: bool,
    /// Who wants to know how far it is.
    tell: Option<watch::Sender<Progress>>,
}

/// How far a link is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// How far the two ends are apart; without the time.
    pub lag: Lag,
    /// Bytes that came.
    pub received: u64,
    /// Bytes that were written.
    pub sent: u64,
}

/// A connection that stands.
struct Standing {
    far: Arc<Far>,
    chartroom: bool,
    open: BTreeMap<DocumentId, (RoomId, Relayed)>,
    heard: Instant,
    /// Ended with the connection.
    writing: JoinSet<()>,
}

impl Standing {
    /// Waits, not for long, until what is queued is written.
    async fn last_words(&mut self) {
        // Who takes no longer part in it needs none.
        let _ = timeout(LAST_WORDS, self.writing.join_next()).await;
    }
}

impl Link {
    /// A link to a server that is dialled; `None` where it dials itself.
    pub fn new(hub: &Arc<Hub>, known: KnownServer) -> Option<Self> {
        let target = known.dial.clone()?;
        let new = || {
            let metrics = hub.metrics().peer(&known.name);
            let (name, address) = (Arc::clone(&known.name), Some(target.address()));
            Status::new(name, address, known.rights.clone(), metrics)
        };
        let status = hub.registry().link(&known.name, new);
        let (agenda, names, stood) = (Agenda::default(), BTreeMap::new(), false);
        let (hub, news) = (Arc::clone(hub), hub.hear_changes());
        Some(Self { hub, known, target, status, agenda, news, names, stood, tell: None })
    }

    /// Tells how far it is, whenever that changes.
    pub fn telling(self, tell: watch::Sender<Progress>) -> Self {
        Self { tell: Some(tell), ..self }
    }

    /// Rooms that either end has.
    pub fn rooms(&self) -> usize {
        self.agenda.lag(0).rooms
    }

    /// How it stands.
    pub fn status(&self) -> &Arc<Status> {
        &self.status
    }

    /// Whether the last connection stood.
    pub fn stood(&self) -> bool {
        self.stood
    }

    /// Rooms about which nothing is done, and why.
    pub fn held(&self) -> Vec<Held> {
        let held = self.agenda.held();
        held.map(|(name, code)| Held { room: name.to_string(), code }).collect()
    }

    /// Takes in what changes while there is no connection.
    pub async fn rest(&mut self) {
        let news = self.news.next().await;
        for (id, news) in news {
            self.take_changes(&id, &news);
        }
        self.report();
    }

    /// Dials, and keeps rooms in step until the connection ends; with `once`, until they are.
    pub async fn run(&mut self, once: bool) -> End {
        self.stood = false;
        self.status.connecting();
        let end = self.connect_and_sync(once).await;
        self.agenda.reset();
        end.err().unwrap_or(End::Done)
    }

    async fn connect_and_sync(&mut self, once: bool) -> Result<(), End> {
        let mut websocket = dial(&self.target).await?;
        let Met { peer_id, metadata } = socket::join(&self.hub, &mut websocket).await?;
        if metadata.storage_id.as_deref() == Some(self.hub.storage_id()) {
            return Err(End::Myself);
        }
        let since_ms = self.hub.met(&self.known.name).await?;
        let chartroom = metadata.server.is_some();
        let server = ServerEnd {
            name: Arc::clone(&self.known.name),
            rights: self.known.rights.clone(),
            opens: true,
            since_ms,
            chartroom,
            news: Arc::clone(&self.news),
        };
        // Known to the hub while it exists, which closes it when the server ends.
        let socket = Socket::open(Arc::clone(&self.hub));
        let (sink, mut stream) = websocket.split();
        let far = Arc::new(Far::to_server(peer_id, server, Arc::clone(socket.outbox())));
        let mut writing = JoinSet::new();
        writing.spawn(socket::write(sink, Arc::clone(&far.outbox), Arc::clone(&self.status)));
        let open = BTreeMap::new();
        let mut standing = Standing { far, chartroom, open, heard: Instant::now(), writing };
        self.stood = true;
        self.status.connected(chartroom);
        self.begin(&standing).await?;
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut pings = interval(PING);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                closing = standing.far.outbox.closing() => {
                    standing.last_words().await;
                    let stopping = closing.code == Closing::going_away().code;
                    return Err(if stopping { End::Stopping } else { End::Closing(closing) });
                }
                _ = standing.writing.join_next() => return Err(End::Lost),
                frame = socket::next(&mut stream) => {
                    standing.heard = Instant::now();
                    if let Some(bytes) = frame? {
                        self.status.received(bytes.len() as u64);
                        self.take(&mut standing, &bytes).await?;
                    }
                }
                news = self.news.next() => {
                    for (id, news) in news {
                        self.take_changes(&id, &news);
                        self.take_news(&mut standing, &id, news)?;
                    }
                }
                _ = pings.tick() => {
                    if standing.heard.elapsed() >= SILENCE {
                        return Err(End::Silent);
                    }
                    standing.far.outbox.ping();
                }
                _ = ticks.tick() => {
                    self.tick()?;
                    if once && self.agenda.is_done() {
                        standing.far.outbox.close(Closing::normal());
                        standing.last_words().await;
                        return Ok(());
                    }
                }
            }
            self.take_steps(&mut standing)?;
        }
    }

    /// Says which rooms are wanted, and notes those that are here.
    async fn begin(&mut self, standing: &Standing) -> Result<(), End> {
        let now_ms = clock::now_ms();
        for record in self.hub.list().await? {
            if self.known.rights.covers(&record.id.name) {
                let at = RoomAt { epoch: record.id.epoch, heads: record.heads };
                self.names.insert(record.id.document_id(), record.id.clone());
                self.agenda.ours(now_ms, &record.id.name, at, 0);
            }
        }
        let (peer, rooms) = (&self.known.name, self.agenda.lag(now_ms).rooms);
        tracing::info!(%peer, address = self.target.address(), rooms, "link to a server stands");
        if standing.chartroom {
            let (sender, target) = self.parties(standing);
            let rooms = self.known.rights.rooms.iter().map(ToString::to_string).collect();
            standing.far.send(&Frame::Interest { sender, target, rooms });
        } else {
            self.agenda.all_are_told(now_ms);
            // It names no rooms: what is not here is asked for by its name.
            for pattern in &self.known.rights.rooms {
                if let RoomPattern::Room(name) = pattern
                    && self.known.rights.covers(name)
                {
                    let id = RoomId::first(name.clone());
                    self.names.entry(id.document_id()).or_insert(id);
                    self.agenda.wanted(now_ms, name);
                }
            }
        }
        Ok(())
    }

    async fn take(&mut self, standing: &mut Standing, bytes: &[u8]) -> Result<(), End> {
        let frame = decode(bytes).map_err(End::Garbage)?;
        let frame = match said_by_server(frame).map_err(End::Closing)? {
            Ok((document, said)) => return self.hand(standing, document, said).await,
            Err(frame) => frame,
        };
        match *frame {
            Frame::Rooms { rooms, complete, .. } => self.take_rooms(rooms, complete),
            Frame::RoomFound { name, epoch, document, .. } => {
                self.found(standing, &name, epoch, document)
            }
            Frame::RoomRefused { name, .. } => {
                if let Ok(name) = name.parse() {
                    standing.open.retain(|_, (id, _)| id.name != name);
                    self.agenda.hold(&name, "refused");
                }
                Ok(())
            }
            Frame::DocUnavailable { document, .. } => {
                let held = standing.open.remove(&document);
                if let Some((id, _)) = held {
                    self.agenda.hold(&id.name, UNAVAILABLE);
                }
                Ok(())
            }
            Frame::Refused { hashes, code, document, .. } => {
                let (peer, count) = (&self.known.name, hashes.len());
                tracing::warn!(%peer, %document, code, count, "a server refused changes of this one");
                self.status.refused(count as u64);
                Ok(())
            }
            Frame::Error { message, .. } => Err(End::Refused(message)),
            Frame::Leave { .. } => Err(End::Lost),
            // What else a server says is for clients.
            _ => Ok(()),
        }
    }

    /// The other end has these rooms.
    fn take_rooms(&mut self, rooms: Vec<RoomStanding>, complete: bool) -> Result<(), End> {
        let now_ms = clock::now_ms();
        for RoomStanding { name, epoch, heads } in rooms {
            let name: RoomName = name.parse().map_err(|_| End::NoRoom)?;
            if epoch == 0 {
                return Err(End::NoRoom);
            }
            if !self.known.rights.covers(&name) {
                return Err(End::OutsideItsRooms);
            }
            let id = RoomId { name, epoch };
            self.agenda.theirs(now_ms, &id.name, RoomAt { epoch, heads });
            self.names.insert(id.document_id(), id);
        }
        if complete {
            self.agenda.all_are_told(now_ms);
            let (peer, lag) = (&self.known.name, self.agenda.lag(now_ms));
            tracing::info!(%peer, rooms = lag.rooms, differ = lag.behind, "a server told its rooms");
        }
        Ok(())
    }

    /// The other end says which epoch of a room it has.
    fn found(
        &mut self,
        standing: &mut Standing,
        name: &str,
        epoch: u32,
        document: DocumentId,
    ) -> Result<(), End> {
        let name: RoomName = name.parse().map_err(|_| End::NoRoom)?;
        let id = RoomId { name, epoch };
        if epoch == 0 || id.document_id() != document {
            return Err(End::NoRoom);
        }
        if !self.known.rights.covers(&id.name) {
            return Err(End::OutsideItsRooms);
        }
        self.names.insert(document, id.clone());
        let stale = standing.open.iter().find(|(_, (open, _))| open.name == id.name && *open != id);
        if let Some(stale) = stale.map(|(document, _)| *document) {
            standing.open.remove(&stale);
            self.agenda.hold(&id.name, "epoch-differs");
        }
        Ok(())
    }

    /// Hands on what is said in a room, which is entered for it.
    async fn hand(
        &mut self,
        standing: &mut Standing,
        document: DocumentId,
        said: Said,
    ) -> Result<(), End> {
        let Some(id) = self.names.get(&document).cloned() else {
            let (sender, target) = self.parties(standing);
            standing.far.send(&Frame::DocUnavailable { sender, target, document });
            return Ok(());
        };
        if self.agenda.heard(clock::now_ms(), &id.name, id.epoch) {
            self.enter(standing, &id)?;
        }
        if let Some((_, relayed)) = standing.open.get(&document) {
            relayed.hand(said).await;
        }
        Ok(())
    }

    fn take_steps(&mut self, standing: &mut Standing) -> Result<(), End> {
        while let Some(step) = self.agenda.next(clock::now_ms()) {
            match step {
                Step::Enter(id) => self.enter(standing, &id)?,
                Step::Leave(id) => self.leave(standing, &id),
            }
        }
        Ok(())
    }

    fn enter(&mut self, standing: &mut Standing, id: &RoomId) -> Result<(), End> {
        if self.agenda.epochs_differ(&id.name) {
            self.agenda.hold(&id.name, "epoch-differs");
            return Ok(());
        }
        let document = id.document_id();
        self.names.insert(document, id.clone());
        if standing.chartroom {
            let (sender, target) = self.parties(standing);
            standing.far.send(&Frame::Room { sender, target, name: id.name.to_string() });
        }
        let relayed = Relayed::enter(&self.hub, id, &standing.far)?;
        standing.open.insert(document, (id.clone(), relayed));
        Ok(())
    }

    fn leave(&mut self, standing: &mut Standing, id: &RoomId) {
        let document = id.document_id();
        if standing.open.remove(&document).is_some() && standing.chartroom {
            let (sender, target) = self.parties(standing);
            standing.far.send(&Frame::LeaveRoom { sender, target, document });
        }
    }

    /// Notes what changed in a room here.
    fn take_changes(&mut self, id: &RoomId, news: &RoomNews) {
        if news.heads.is_some() && self.known.rights.covers(&id.name) {
            self.names.entry(id.document_id()).or_insert_with(|| id.clone());
            let at = RoomAt { epoch: id.epoch, heads: news.heads };
            self.agenda.ours(clock::now_ms(), &id.name, at, news.changes);
        }
    }

    /// Takes what rooms say of the other end.
    fn take_news(
        &mut self,
        standing: &mut Standing,
        id: &RoomId,
        news: RoomNews,
    ) -> Result<(), End> {
        let now_ms = clock::now_ms();
        if !standing.open.contains_key(&id.document_id()) {
            return Ok(());
        }
        match news.lost {
            None => {}
            Some(RoomError::Unreadable { .. }) => {
                standing.open.remove(&id.document_id());
                self.agenda.hold(&id.name, "unreadable-here");
            }
            Some(RoomError::Refounded) => {
                standing.open.remove(&id.document_id());
                self.agenda.hold(&id.name, "epoch-differs");
            }
            Some(error) => return Err(error.into()),
        }
        if let Some(is) = news.in_step {
            self.agenda.in_step(now_ms, &id.name, is, news.heads);
        }
        if let Some(changes) = news.lacks {
            self.agenda.lacks(now_ms, &id.name, changes);
        }
        Ok(())
    }

    fn tick(&mut self) -> Result<(), End> {
        self.report();
        let kept_aside: BTreeSet<RoomName> =
            self.hub.quarantine().list().into_iter().map(|kept| kept.room.name).collect();
        match self.agenda.broken_promise(clock::now_ms()) {
            // What it brought is kept aside, and so its heads stay unknown.
            Some(name) if kept_aside.contains(name) => {
                let name = name.clone();
                self.agenda.hold(&name, "quarantined");
                Ok(())
            }
            Some(_) => Err(End::BrokenPromise),
            None => Ok(()),
        }
    }

    fn report(&self) {
        let lag = self.agenda.lag(clock::now_ms());
        self.status.lags(lag, self.held());
        if let Some(tell) = &self.tell {
            let (received, sent) = self.status.bytes();
            let now = Progress { lag: Lag { ms: 0, ..lag }, received, sent };
            tell.send_if_modified(|last| std::mem::replace(last, now) != now);
        }
    }

    fn parties(&self, standing: &Standing) -> (String, String) {
        (self.hub.peer_id().to_owned(), standing.far.peer_id.clone())
    }
}
