//! One link that this server dials: from the handshake to why it ended.
//!
//! What the other end does wrong ends the link with a named reason and touches nothing else. In each
//! room it is a member like any other, whose changes pass the same checks.

mod rooms;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chartroom_client::{
    dial::{Target, dial},
    frame::{Frame, decode},
};
use chartroom_engine::{DocumentId, RoomId};
use futures_util::StreamExt;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, timeout},
};

use super::{
    agenda::{Agenda, Lag, UNAVAILABLE},
    config::KnownServer,
    end::End,
    socket::{self, Heard, Met},
    status::{Held, Status},
    width::Width,
};
use chartroom_engine::access::RoomPattern;

use crate::{
    clock,
    hub::{Closing, Hub, Link as Far, News, Relayed, RoomAt, ServerEnd, Socket, said_by_server},
};

/// How often the other end is asked whether it is there, and how long that takes.
const PING: Duration = Duration::from_secs(1);
/// After so long without a sign of life it is not.
const SILENCE: Duration = Duration::from_secs(20);
/// How long the last words may take.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How often the agenda is looked at though nothing happened.
const TICK: Duration = Duration::from_millis(500);

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
    /// When the ping that is not answered was sent.
    pinged: Option<Instant>,
    width: Width,
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
        self.agenda.reset();
        let end = self.connect_and_sync(once).await;
        self.agenda.pause();
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
        let (heard, pinged, width) = (Instant::now(), None, Width::default());
        let mut standing = Standing { far, chartroom, open, heard, pinged, width, writing };
        self.stood = true;
        self.status.comparing(chartroom);
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
                    match frame? {
                        Heard::Frame(bytes) => {
                            self.status.received(bytes.len() as u64);
                            self.take(&mut standing, &bytes).await?;
                        }
                        Heard::Pong => {
                            if let Some(pinged) = standing.pinged.take() {
                                let rooms = standing.width.pinged(pinged.elapsed());
                                self.agenda.set_bulk(rooms);
                            }
                        }
                        Heard::Ping => {}
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
                    standing.pinged.get_or_insert_with(Instant::now);
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
            self.take_steps(&mut standing).await?;
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
            self.ask_for_rooms(standing);
        } else {
            self.compared(standing);
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

    /// Asks which rooms are there, and to be told of what changes in them.
    fn ask_for_rooms(&self, standing: &Standing) {
        let (sender, target) = self.parties(standing);
        let rooms = self.known.rights.rooms.iter().map(ToString::to_string).collect();
        standing.far.send(&Frame::Interest { sender, target, rooms });
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "what else a server says is for clients")]
    async fn take(&mut self, standing: &mut Standing, bytes: &[u8]) -> Result<(), End> {
        let frame = decode(bytes).map_err(End::Garbage)?;
        let frame = match said_by_server(frame).map_err(End::Closing)? {
            Ok((document, said)) => return self.hand(standing, document, said).await,
            Err(frame) => frame,
        };
        match *frame {
            Frame::Rooms { rooms, complete, .. } => {
                self.take_rooms(standing, rooms, complete).await
            }
            Frame::RoomFound { name, epoch, document, .. } => {
                self.found(standing, &name, epoch, document).await
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
                if let Some((id, _)) = standing.open.get(&document) {
                    self.agenda.hold(&id.name, "refused-there");
                }
                Ok(())
            }
            // The close frame that follows says the same with a code.
            Frame::Error { .. } => Ok(()),
            Frame::Leave { .. } => Err(End::Lost),
            // What else a server says is for clients.
            _ => Ok(()),
        }
    }

    fn tick(&mut self) -> Result<(), End> {
        self.put_people_first();
        self.report();
        let Some(name) = self.agenda.broken_promise(clock::now_ms()).cloned() else {
            return Ok(());
        };
        // What it brought may be kept aside, and so its heads stay unknown.
        if !self.hub.quarantine().has_of(&name) {
            return Err(End::BrokenPromise);
        }
        self.agenda.hold(&name, "quarantined");
        Ok(())
    }

    /// It is known what the other end has.
    fn compared(&mut self, standing: &Standing) {
        self.agenda.all_are_told(clock::now_ms());
        self.put_people_first();
        self.report();
        self.status.connected(standing.chartroom);
    }

    fn put_people_first(&mut self) {
        for name in self.hub.loaded() {
            self.agenda.is_used(&name);
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
