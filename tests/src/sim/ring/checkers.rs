//! What must hold of servers that are linked: while they run, and once they are quiet.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use automerge::{Change, sync::Message};
use chartroom_engine::{ActorId, Author, Batch, ChangeHash, Event, LoggedChange, Room};
use chartroom_server::storage::{Keyspace, Storage, StorageError};

use super::{
    World,
    link::{Frame, name_of},
};
use crate::sim::{Failure, checkers::difference, disk::Disk};

/// What happened so far.
#[derive(Default)]
pub struct Record {
    /// What the disks hold, by server and room.
    durable: BTreeMap<(usize, usize), BTreeSet<ChangeHash>>,
    /// Changes that were on a disk at every moment since they were acknowledged, by room.
    owed: BTreeSet<(usize, ChangeHash)>,
    /// Who made each change.
    made: BTreeMap<ChangeHash, Author>,
    /// Events that were published, by server and room, and number.
    published: BTreeMap<(usize, usize), BTreeMap<u64, Event>>,
    /// In whose name each command was given.
    tickets: Vec<Author>,
    connections: u64,
    /// Messages that were sent, but for those by which rooms are left.
    pub frames: u64,
    /// Changes of persons.
    pub edits: u64,
}

impl Record {
    pub fn ticket(&mut self, author: Author) -> u64 {
        self.tickets.push(author);
        self.tickets.len() as u64 - 1
    }

    pub fn next_connection(&mut self) -> u64 {
        self.connections += 1;
        self.connections
    }

    /// A command made a change, and was answered.
    pub fn written(&mut self, ticket: u64, hash: ChangeHash) {
        let author = self.tickets.get(ticket as usize).expect("commands are numbered");
        self.made.insert(hash, author.clone());
        self.edits += 1;
    }

    /// The changes of a batch are durable at a server.
    pub fn keep(&mut self, server: usize, room: usize, batch: &Batch) {
        let hashes = || batch.changes.iter().map(|change| change.hash);
        self.durable.entry((server, room)).or_default().extend(hashes());
        self.owed.extend(hashes().map(|hash| (room, hash)));
        let events = batch.events.iter().map(|event| (event.seq, Event::clone(event)));
        self.published.entry((server, room)).or_default().extend(events);
    }

    /// A room was loaded; false where it lacks what was durable.
    pub fn loaded(&mut self, server: usize, room: usize, stored: BTreeSet<ChangeHash>) -> bool {
        let durable = self.durable.entry((server, room)).or_default();
        let has_all = durable.is_subset(&stored);
        *durable = stored;
        has_all
    }

    /// A message is sent.
    pub fn sends(&mut self, frame: &Frame) {
        self.frames += u64::from(!matches!(frame, Frame::Leave(_)));
    }

    /// How many events were published.
    pub fn events(&self) -> u64 {
        self.published.values().map(|events| events.len() as u64).sum()
    }
}

impl World {
    /// A disk is lost: what no other disk has is owed no more.
    pub(super) fn forget_what_only_it_had(&mut self, server: usize) {
        for room in 0..self.rooms.len() {
            if self.record.durable.remove(&(server, room)).is_some() {
                let others = (0..self.hosts.len()).filter(|other| *other != server);
                let kept: BTreeSet<ChangeHash> =
                    others.flat_map(|other| self.on_disk(other, room)).collect();
                self.record.owed.retain(|(of, hash)| *of != room || kept.contains(hash));
            }
            self.record.published.remove(&(server, room));
        }
    }

    fn on_disk(&self, server: usize, room: usize) -> Vec<ChangeHash> {
        let log = self.log(server, room).expect("a store in memory is read");
        log.iter().map(|change| change.hash).collect()
    }

    /// A room's log as a disk has it.
    fn log(&self, server: usize, room: usize) -> Result<Vec<LoggedChange>, StorageError> {
        let (host, id) = (self.hosts.get(server), self.rooms.get(room));
        let (host, id) = host.zip(id).expect("servers and rooms are numbered");
        let stored = match &host.server {
            Some(server) => server.storage().load(id)?,
            None => {
                // Faults that wait for a server which is down would hit who only looks.
                host.disk.mend();
                Keyspace::<Disk>::open(host.disk.clone())?.load(id)?
            }
        };
        Ok(stored.map(|stored| stored.changes).unwrap_or_default())
    }
}

/// Heads that a server speaks are durable there.
pub fn of_message(
    world: &World,
    server: usize,
    room: usize,
    message: &Arc<[u8]>,
) -> Result<(), Failure> {
    let Ok(message) = Message::decode(message) else {
        return Err(world.failure("message", "a server sends what is no sync message"));
    };
    let (genesis, durable) = (world.genesis.get(room), world.record.durable.get(&(server, room)));
    let known = |hash: &ChangeHash| {
        Some(hash) == genesis || durable.is_some_and(|durable| durable.contains(hash))
    };
    match message.heads.iter().all(known) {
        true => Ok(()),
        false => Err(world.failure("durable", format!("{server} speaks heads not durable"))),
    }
}

/// Every server has the same of everything, and nothing that was promised is missing.
pub fn when_quiet(world: &mut World) -> Result<(), Failure> {
    heads_are_equal(world)?;
    let (mut actors, mut made) = (BTreeMap::new(), world.record.made.clone());
    for room in 0..world.rooms.len() {
        let stored = (0..world.hosts.len()).map(|server| {
            let host = world.hosts.get(server).and_then(|host| host.server.as_ref());
            host.expect("every server is up").stored(room)
        });
        let stored: Result<Vec<Room>, String> = stored.collect();
        let stored = stored.map_err(|error| world.failure("load", error))?;
        for pair in stored.windows(2) {
            if let [one, other] = pair
                && let Some(text) = difference(one, other)
            {
                return Err(world.failure("convergence", format!("room {room}: {text}")));
            }
        }
        for (server, stored) in stored.iter().enumerate() {
            let log = world.log(server, room);
            let log = log.map_err(|error| world.failure("load", error.to_string()))?;
            logged(world, server, room, (stored, &log), &mut actors)?;
            events(world, server, room, &log, &mut made)?;
        }
    }
    Ok(())
}

/// Every server has the same heads in every room, in memory and on disk.
pub fn heads_are_equal(world: &mut World) -> Result<(), Failure> {
    for room in 0..world.rooms.len() {
        let mut heads = Vec::new();
        for host in &mut world.hosts {
            let server = host.server.as_mut().expect("every server is up");
            heads.push(server.room(room).document().heads());
        }
        if heads.windows(2).any(|pair| pair.first() != pair.last()) {
            let counts: Vec<String> = heads
                .iter()
                .map(|heads| {
                    heads
                        .iter()
                        .map(|head| head.to_string()[..6].to_owned())
                        .collect::<Vec<_>>()
                        .join("+")
                })
                .collect();
            return Err(world.failure("heads", format!("room {room} has the heads {counts:?}")));
        }
    }
    Ok(())
}

/// The log has each change once, all that are owed, and notes the way that each came.
fn logged(
    world: &World,
    server: usize,
    room: usize,
    (stored, log): (&Room, &[LoggedChange]),
    actors: &mut BTreeMap<ChangeHash, ActorId>,
) -> Result<(), Failure> {
    let fails = |check, text: &str| Err(world.failure(check, format!("{server}, {room}: {text}")));
    let hashes: BTreeSet<ChangeHash> = log.iter().map(|change| change.hash).collect();
    let count = log.len() as u64;
    if hashes.len() != log.len() || stored.seq() != count {
        return fails("log", "a change is in the log twice, or not counted");
    }
    if stored.document().change_count() != count + 1 {
        return fails("log", "the document has what the log has not");
    }
    if world.record.durable.get(&(server, room)).is_some_and(|durable| *durable != hashes) {
        return fails("log", "the log is not what was committed");
    }
    if world.record.owed.iter().any(|(of, hash)| *of == room && !hashes.contains(hash)) {
        return fails("lost", "a change that was acknowledged is gone");
    }
    let host = world.hosts.get(server).and_then(|host| host.server.as_ref());
    let own = host.expect("every server is up").actor();
    for change in log {
        let actor = actors.entry(change.hash).or_insert_with(|| {
            let parsed = Change::from_bytes(change.bytes.to_vec());
            parsed.expect("a stored change is one").actor_id().clone()
        });
        let neighbours = world.lines.iter().filter_map(|line| match server {
            _ if line.dials == server => Some(name_of(line.dialled)),
            _ if line.dialled == server => Some(name_of(line.dials)),
            _ => None,
        });
        let is_right = match change.via.as_deref() {
            None => actor == own,
            Some(via) => actor != own && neighbours.into_iter().any(|name| name == via),
        };
        if !is_right {
            return fails("via", &format!("change {} came by {:?}", change.seq, change.via));
        }
    }
    Ok(())
}

/// The event log is numbered, has each event once, as it was told, and names who made the changes and
/// the way that they came.
fn events(
    world: &World,
    server: usize,
    room: usize,
    log: &[LoggedChange],
    made: &mut BTreeMap<ChangeHash, Author>,
) -> Result<(), Failure> {
    let fails =
        |check, text: String| Err(world.failure(check, format!("{server}, room {room}: {text}")));
    let host = world.hosts.get(server).and_then(|host| host.server.as_ref());
    let id = world.rooms.get(room).expect("rooms are numbered");
    let events = host.expect("every server is up").storage().events(id, 0, usize::MAX);
    let events = events.map_err(|error| world.failure("load", error.to_string()))?;
    if !events.iter().map(|event| event.seq).eq(1..=events.len() as u64) {
        return fails("numbers", "events are not numbered without gap or repeat".to_owned());
    }
    let ways: BTreeMap<ChangeHash, &Option<Arc<str>>> =
        log.iter().map(|change| (change.hash, &change.via)).collect();
    let published = world.record.published.get(&(server, room));
    let mut seen = BTreeSet::new();
    for event in &events {
        let identity = (&event.changes, &event.resource_type, &event.resource_id, &event.event);
        if !seen.insert(identity) {
            return fails("events", format!("event {} is there twice", event.seq));
        }
        let hash = event.changes.first().and_then(|hash| hash.parse::<ChangeHash>().ok());
        let Some((hash, via)) = hash.and_then(|hash| Some((hash, *ways.get(&hash)?))) else {
            return fails("events", format!("event {} is of no change of the log", event.seq));
        };
        if event.via != *via {
            return fails("via", format!("event {} came by {:?}", event.seq, event.via));
        }
        let Some(author) = event.author.as_ref().filter(|author| author.id.starts_with('p')) else {
            return fails("authors", format!("event {} names {:?}", event.seq, event.author));
        };
        // Where the server died before it answered, the first log says who it was.
        let maker = made.entry(hash).or_insert_with(|| author.clone());
        if author != maker {
            return fails("authors", format!("event {} names {author:?}", event.seq));
        }
        let bare = |event: &Event| Event { resource: Arc::default(), ..event.clone() };
        let told = published.and_then(|published| published.get(&event.seq));
        if told.is_some_and(|told| bare(told) != *event) {
            return fails("events", format!("event {} is not as told", event.seq));
        }
    }
    if published.is_some_and(|published| published.keys().any(|seq| *seq > events.len() as u64)) {
        return fails("events", "an event that was told is gone".to_owned());
    }
    Ok(())
}
