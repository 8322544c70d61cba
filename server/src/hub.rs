//! The hub: which rooms are loaded, which connections stand, and the one storage thread.
//!
//! A room is loaded when somebody asks for it and unloaded when nobody holds its [`RoomHandle`] for
//! a while. The invariant that makes unloading safe: handles are given out, and a task is retired,
//! under one lock, so a task that sees no handle but the hub's own can have no mail on its way.

mod answers;
mod connection;
pub(crate) mod consumer;
mod ephemeral;
mod facts;
mod feed;
mod glance;
mod handle;
mod link;
mod load;
mod neighbours;
mod outbox;
mod peer_ids;
mod places;
mod quarantine;
mod relayed;
mod replay;
mod resident;
mod room_task;
mod socket;
mod watch;
mod writer;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chartroom_client::frame::RoomStanding;
use chartroom_engine::{
    ActorId, Author, DocumentId, Event, Peer, RoomId, RoomName, Rules, heads_digest,
    limits::{MAILBOX_MAX, MEMORY_BUDGET, QUEUE_BYTES_MAX, QUEUE_EVENTS_MAX},
    mint_actor,
};
use parking_lot::Mutex;
use tokio::{
    sync::{Notify, Semaphore, mpsc, oneshot},
    task::JoinSet,
};
use uuid::Uuid;

use crate::{
    audit::{Audit, Scribe, SigningKey},
    auth::{AccessConfig, Gate},
    clock,
    limits::{Limit, Limits},
    observe::Metrics,
    peers::{Registry, config::Servers},
    storage::{RoomRecord, Storage, StorageError},
};

pub use connection::Connection;
pub(crate) use connection::said_by_server;
pub use feed::{FollowEnd, FollowError, Follower};
pub use handle::{Edits, Mirror, RefoundingError, RoomError, RoomHandle};
pub use load::{Loaded, load as load_room};
pub(crate) use neighbours::{News, RoomNews, ServerEnd};
pub use neighbours::{Rights, RoomAt, is_shared};
pub use outbox::{Closing, DEVICE_WIPED, Outbox, Outgoing, TRY_AGAIN};
pub(crate) use places::is_listed;
pub use quarantine::{Kept, Quarantine};
pub(crate) use relayed::{Relayed, Said};
pub use replay::EventPage;
pub(crate) use resident::CONNECTION_BYTES;
pub use resident::room_bytes;
pub(crate) use socket::{Place, Socket};
pub use watch::Watch;
pub use writer::{Writer, WriterCounts};

pub(crate) use link::Link;
use peer_ids::PeerIds;
use resident::Resident;
use room_task::RoomTask;
use socket::{Listeners, Places};
use watch::Watchers;

/// What can be set about rooms.
#[derive(Debug, Clone)]
pub struct HubConfig {
    /// How long a room without members stays loaded.
    pub room_idle: Duration,
    /// Bytes that loaded rooms may cost, as estimated, before those that nobody uses are unloaded.
    pub memory_budget: u64,
    /// Bytes that may wait for one connection before it is closed as too slow.
    pub queue_bytes: usize,
    /// Events that may wait for one reader of a room's events before it ends as too slow.
    pub queue_events: usize,
    /// What peers may ask of this machine.
    pub limits: Limits,
    /// What can be set about the rules of events.
    pub rules: Arc<Rules>,
    /// The servers that rooms are synced with.
    pub servers: Servers,
    /// Who may come in.
    pub access: AccessConfig,
    /// The file with the key that signs the audit trail, which is made where it is not there; `None`
    /// where a key of memory is enough.
    pub audit_key: Option<PathBuf>,
}

impl Default for HubConfig {
    fn default() -> Self {
        Self {
            room_idle: Duration::from_secs(60),
            memory_budget: MEMORY_BUDGET,
            queue_bytes: QUEUE_BYTES_MAX,
            queue_events: QUEUE_EVENTS_MAX,
            limits: Limits::default(),
            rules: Rules::shipped(),
            servers: Servers::default(),
            access: AccessConfig::default(),
            audit_key: None,
        }
    }
}

/// All rooms of one server.
pub struct Hub {
    storage: Arc<dyn Storage>,
    writer: Writer,
    audit: Arc<Audit>,
    config: HubConfig,
    server_actor: ActorId,
    storage_id: String,
    peer_id: String,
    rooms: Mutex<Rooms>,
    connections: Mutex<BTreeMap<String, Arc<Link>>>,
    peer_ids: PeerIds,
    /// Outboxes of sockets by their numbers, those that have not said who they are included.
    sockets: Mutex<BTreeMap<u64, Arc<Outbox>>>,
    socket_closed: Notify,
    places: Places,
    listeners: Listeners,
    numbers: AtomicU64,
    watchers: Watchers,
    /// Links to other servers.
    linked: neighbours::Listeners,
    /// Changes of other servers that are kept aside.
    quarantine: Quarantine,
    /// Other servers, and how the links to them stand.
    registry: Registry,
    /// Patients as they were last listed, and how often any was written since the server started.
    patients: Mutex<places::Patients>,
    patients_written: AtomicU64,
    /// The restricted compartments that are known.
    compartments: Mutex<places::Compartments>,
    /// Whose turn it is to be saved: many at once would leave a small machine no time for edits.
    compacting: Semaphore,
    metrics: Metrics,
    gate: Gate,
}

#[derive(Default)]
struct Rooms {
    loaded: BTreeMap<DocumentId, Arc<RoomHandle>>,
    tasks: JoinSet<()>,
    closed: bool,
}

impl Hub {
    /// Starts the storage thread; loads no room.
    pub fn start(storage: Arc<dyn Storage>, config: HubConfig) -> Result<Arc<Self>, StorageError> {
        let server_actor =
            storage.server_actor(&|| mint_actor(clock::now_ms(), rand::random::<[u8; 8]>()))?;
        let storage_id = storage_id(&server_actor);
        let quarantine = Quarantine::of(&*storage)?;
        let gate = Gate::of(&config.access, &config.limits, &*storage)?;
        let registry = Registry::of(config.servers.clone(), &storage_id, &*storage)?;
        let key =
            config.audit_key.as_deref().map_or_else(|| Ok(SigningKey::of_memory()), SigningKey::at);
        let key = key.map_err(|error| StorageError::Environment(error.to_string()))?;
        let audit = Audit::new(key);
        let scribe = Scribe::open(&*storage, Arc::clone(&audit))?;
        Ok(Arc::new(Self {
            writer: Writer::start(Arc::clone(&storage), scribe),
            audit,
            storage,
            places: Places::new(&config.limits),
            config,
            server_actor,
            peer_id: format!("chartroom-{storage_id}"),
            storage_id,
            rooms: Mutex::default(),
            connections: Mutex::default(),
            peer_ids: PeerIds::default(),
            sockets: Mutex::default(),
            socket_closed: Notify::new(),
            listeners: Listeners::default(),
            numbers: AtomicU64::new(1),
            watchers: Watchers::default(),
            linked: neighbours::Listeners::default(),
            quarantine,
            registry,
            patients: Mutex::default(),
            patients_written: AtomicU64::new(1),
            compartments: Mutex::default(),
            compacting: Semaphore::new(1),
            metrics: Metrics::new(),
            gate,
        }))
    }

    /// Opens a room: finds its task or starts one. Never waits; the handle's methods do.
    pub fn open(self: &Arc<Self>, id: &RoomId) -> Result<Arc<RoomHandle>, RoomError> {
        let document = id.document_id();
        let mut rooms = self.rooms.lock();
        if rooms.closed {
            return Err(RoomError::ShuttingDown);
        }
        match rooms.loaded.get(&document) {
            Some(handle) if !handle.has_ended() => return Ok(Arc::clone(handle)),
            Some(_) => {
                self.metrics.rooms_loaded.dec();
            }
            None => {}
        }
        let (sender, mailbox) = mpsc::channel(MAILBOX_MAX);
        let resident = Arc::new(Resident::new(self.metrics.rooms_bytes.clone()));
        let handle = Arc::new(RoomHandle::new(id.clone(), sender, Arc::clone(&resident)));
        rooms.loaded.insert(document, Arc::clone(&handle));
        let task = RoomTask::new(Arc::clone(self), id.clone(), mailbox, resident);
        // Tasks that ended are forgotten here, so that the set holds no more than the rooms do.
        while rooms.tasks.try_join_next().is_some() {}
        rooms.tasks.spawn(task.run());
        self.metrics.rooms_loaded.inc();
        Ok(handle)
    }

    /// The room of this name as stored, or `None` where nothing was ever written to it.
    pub async fn stored(&self, name: &RoomName) -> Result<Option<RoomRecord>, RoomError> {
        let name = name.clone();
        self.read_storage(move |storage| storage.room(&name)).await
    }

    /// The room that a document belongs to, if it is stored or loaded.
    pub async fn room_of_document(
        &self,
        document: DocumentId,
    ) -> Result<Option<RoomId>, RoomError> {
        // The store first: how long it takes must not tell whether somebody has the room open.
        let stored = self.read_storage(move |storage| storage.room_of_document(&document)).await?;
        let loaded = || self.rooms.lock().loaded.get(&document).map(|handle| handle.id().clone());
        Ok(stored.or_else(loaded))
    }

    /// Every stored room, by name.
    pub async fn list(&self) -> Result<Vec<RoomRecord>, RoomError> {
        self.read_storage(|storage| storage.rooms()).await
    }

    /// Opens a room's latest epoch, whether or not anything was written to it.
    pub async fn open_latest(
        self: &Arc<Self>,
        name: &RoomName,
    ) -> Result<Arc<RoomHandle>, RoomError> {
        let id = match self.stored(name).await? {
            Some(record) => record.id,
            None => RoomId::first(name.clone()),
        };
        self.open(&id)
    }

    /// Founds a room anew: its next epoch says what stands now and has none of its history; the old
    /// one is sealed and stays readable. Members are told, and events are numbered on.
    pub async fn refound(self: &Arc<Self>, name: &RoomName) -> Result<RoomId, RefoundingError> {
        self.open_latest(name).await?.refound(None).await
    }

    /// Goes on in an epoch that another server founded, where nothing is here that it does not hold:
    /// `sealed` is a digest of the heads that the epoch before had there. False where something is.
    pub(crate) async fn follow_epoch(
        self: &Arc<Self>,
        id: &RoomId,
        sealed: Option<[u8; 16]>,
    ) -> Result<bool, RefoundingError> {
        let Some(record) = self.stored(&id.name).await? else { return Ok(true) };
        if record.id.epoch >= id.epoch {
            return Ok(true);
        }
        let room = self.open(&record.id)?;
        let heads = room.read(|room| heads_digest(&room.document().heads())).await?;
        if sealed != Some(heads) || record.id.epoch + 1 != id.epoch {
            return Ok(false);
        }
        room.refound(Some(id.clone())).await?;
        Ok(true)
    }

    /// A room as another server is told of it.
    pub(crate) async fn standing(&self, record: RoomRecord) -> Result<RoomStanding, RoomError> {
        let RoomRecord { id, heads, .. } = record;
        let mut before = None;
        if id.epoch > 1 {
            let epochs = self.epochs(&id.name).await?;
            let sealed = epochs.iter().rev().find(|epoch| epoch.id.epoch < id.epoch);
            before = sealed.and_then(|sealed| sealed.heads);
        }
        Ok(RoomStanding { name: id.name.to_string(), epoch: id.epoch, heads, before })
    }

    /// Hears from now on which rooms have new events.
    pub fn watch(&self) -> Watch {
        self.watch_for(|_| true)
    }

    /// Hears from now on which rooms have new events of a kind.
    pub fn watch_for(&self, wanted: impl Fn(&Event) -> bool + Send + Sync + 'static) -> Watch {
        self.watchers.watch(wanted)
    }

    /// The rooms that are loaded, as those are in which people are.
    pub(crate) fn loaded(&self) -> Vec<RoomName> {
        self.rooms.lock().loaded.values().map(|handle| handle.id().name.clone()).collect()
    }

    /// Hears from now on of every change of a room that becomes durable.
    pub(crate) fn hear_changes(&self) -> Arc<News> {
        let news = Arc::default();
        self.linked.add(&news);
        news
    }

    /// The id by which this server is known on the wire.
    pub(crate) fn peer_id(&self) -> &str {
        &self.peer_id
    }

    /// The id of this server's store.
    pub(crate) fn storage_id(&self) -> &str {
        &self.storage_id
    }

    /// Other servers.
    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Who is shown in which room, where anybody is; by whom that may be heard is the caller's to ask.
    pub(crate) fn present(&self) -> BTreeMap<RoomName, Vec<Author>> {
        let rooms = self.rooms.lock();
        let shown = rooms
            .loaded
            .values()
            .map(|handle| (handle.id().name.clone(), handle.resident.present()));
        shown.filter(|(_, people)| !people.is_empty()).collect()
    }

    /// What is set about the rules of events.
    pub fn rules(&self) -> &Rules {
        &self.config.rules
    }

    /// Changes of other servers that are kept aside.
    pub fn quarantine(&self) -> &Quarantine {
        &self.quarantine
    }

    /// Drops a room's events up to and including `through`.
    pub(crate) async fn trim_events(&self, room: RoomId, through: u64) -> Result<(), RoomError> {
        let (done, answered) = oneshot::channel();
        self.writer.trim_events(room, through, move |outcome| {
            // Who no longer waits needs no answer.
            let _ = done.send(outcome);
        });
        answered.await.map_err(|_| RoomError::ShuttingDown)??;
        self.metrics.event_trims.inc();
        Ok(())
    }

    /// Who may come in.
    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Where it is noted who did what.
    pub fn audit(&self) -> &Audit {
        &self.audit
    }

    /// The limits that were set.
    pub(crate) fn limits(&self) -> &Limits {
        &self.config.limits
    }

    /// Notes that somebody went over a limit, and gives it back.
    pub(crate) fn exceeded(&self, limit: Limit) -> Limit {
        self.metrics.exceeded.note(limit);
        limit
    }

    /// What is counted.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// What the storage thread did so far.
    pub fn writer_counts(&self) -> WriterCounts {
        self.writer.counts()
    }

    /// Ends everything: sockets close with 1001, what rooms took is made durable, the storage thread
    /// ends. With `compact`, rooms are left as snapshots.
    pub async fn close(&self, compact: bool) {
        for outbox in self.sockets.lock().values() {
            outbox.close(Closing::going_away());
        }
        let (handles, mut tasks) = {
            let mut rooms = self.rooms.lock();
            rooms.closed = true;
            let handles: Vec<_> = rooms.loaded.values().cloned().collect();
            (handles, std::mem::take(&mut rooms.tasks))
        };
        for handle in handles {
            handle.close(compact).await;
        }
        while tasks.join_next().await.is_some() {}
        let writer = self.writer.clone();
        if tokio::task::spawn_blocking(move || writer.stop()).await.is_err() {
            tracing::error!("the storage thread did not stop in order");
        }
    }

    /// Waits until every socket is closed, which each is after a grace of its own.
    pub async fn sockets_closed(&self) {
        while !self.sockets.lock().is_empty() {
            self.socket_closed.notified().await;
        }
    }

    /// Has unused rooms go where all that are loaded cost too much.
    fn keep_to_budget(&self) {
        let resident = u64::try_from(self.metrics.rooms_bytes.get()).unwrap_or(0);
        let excess = resident.saturating_sub(self.config.memory_budget);
        if excess > 0 {
            self.rooms.lock().evict(excess);
        }
    }

    /// Bytes that wait for all sockets.
    pub(crate) fn waiting_bytes(&self) -> u64 {
        self.sockets.lock().values().map(|outbox| outbox.bytes() as u64).sum()
    }

    /// Forgets a room's task, unless somebody holds or has mailed it.
    fn retire(&self, document: &DocumentId, mail_waits: impl FnOnce() -> bool) -> bool {
        let mut rooms = self.rooms.lock();
        let unused =
            rooms.loaded.get(document).is_some_and(|handle| Arc::strong_count(handle) == 1);
        if !unused || mail_waits() {
            return false;
        }
        rooms.loaded.remove(document);
        self.metrics.rooms_loaded.dec();
        true
    }

    /// Makes a connection the one of its peer id; an older one is closed, unless it is somebody else's.
    fn enter(&self, link: &Arc<Link>) -> Result<(), Closing> {
        let old = {
            let mut connections = self.connections.lock();
            if self.gate.signs_in()
                && !self.peer_ids.take(link, |peer_id| connections.contains_key(peer_id))
            {
                return Err(Closing::policy("this peer id is somebody else's"));
            }
            connections.insert(link.peer_id.clone(), Arc::clone(link))
        };
        if let Some(old) = old.filter(|old| !Arc::ptr_eq(&old.outbox, &link.outbox)) {
            old.fail(&self.peer_id, Closing::policy("a newer connection has the same peer id"));
        }
        Ok(())
    }

    /// Whether a connection may hand on what a peer of this id is to have said: one of its own person's,
    /// or one that was never here.
    fn may_speak_for(&self, link: &Link, origin: &str) -> bool {
        let of_person = |known: &Arc<Link>| known.person == link.person;
        link.peer_id == origin
            || (self.peer_ids.may_use(link, origin)
                && self.connections.lock().get(origin).is_none_or(of_person))
    }

    /// Forgets a connection, unless another took its place.
    fn leave(&self, link: &Arc<Link>) {
        let mut connections = self.connections.lock();
        if connections.get(&link.peer_id).is_some_and(|known| Arc::ptr_eq(known, link)) {
            connections.remove(&link.peer_id);
        }
    }

    pub(crate) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    fn next_peer(&self) -> Peer {
        Peer(self.next_number())
    }

    pub(crate) async fn read_storage<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Storage) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, RoomError> {
        let storage = Arc::clone(&self.storage);
        match tokio::task::spawn_blocking(move || read(&*storage)).await {
            Ok(result) => result.map_err(RoomError::from),
            Err(_) => Err(RoomError::Storage),
        }
    }
}

/// The server's storage id, by which peers recognise its store: the bytes of its actor as a UUID.
fn storage_id(actor: &ActorId) -> String {
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(actor.to_bytes()) {
        *to = *from;
    }
    Uuid::from_bytes(bytes).to_string()
}
