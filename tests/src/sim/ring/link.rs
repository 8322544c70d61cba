//! The two ends of a link, as `peers/link` and `hub/connection/server` of the server are: the one that
//! dialled keeps the agenda, the other tells its rooms and what changes in them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chartroom_engine::{ActorId, Author, Input, Linked, Peer, heads_digest};
use chartroom_server::{
    hub::RoomAt,
    peers::agenda::{Agenda, Step},
    storage::Storage,
};

use super::{Happening, RETURN_MS, World, traffic::in_words};
use crate::sim::{Failure, server::Server};

/// A connection's number, and whether the end is the one that dialled.
pub type EndId = (u64, bool);

/// What rooms tell an end, until it takes it.
pub type News = BTreeMap<usize, RoomNews>;

/// What a room tells an end.
#[derive(Default)]
pub struct RoomNews {
    /// A digest of the heads that are durable now, where there are new ones.
    pub heads: Option<[u8; 16]>,
    /// Changes that became durable.
    pub changes: u64,
    /// Whether the far end has exactly what the room has, where that changed.
    pub in_step: Option<bool>,
    /// Changes that the far end has not said to have.
    pub lacks: Option<u64>,
}

/// A link, over all its connections.
pub struct Line {
    /// The server that dials.
    pub dials: usize,
    /// The server that is dialled.
    pub dialled: usize,
    /// The connection that stands.
    pub connection: Option<u64>,
    /// Not before this can a connection be made.
    pub away_until_ms: u64,
    /// What each message takes on top of the usual.
    pub slow_ms: u64,
    /// Of the server that dials; gone with it.
    pub agenda: Agenda,
    /// What the rooms of the server that dials told.
    pub news: News,
}

/// One connection, while an end of it is there.
#[derive(Default)]
pub struct Connection {
    line: usize,
    /// What arrives later is lost.
    broken_ms: Option<u64>,
    /// When the last frame arrives, at the end that was dialled and at the one that dialled.
    last_ms: [u64; 2],
    /// Frames under way.
    pub under_way: usize,
}

/// One end of a connection.
pub struct End {
    /// The server that it is at.
    pub server: usize,
    /// The server at the other end.
    pub far: usize,
    /// Rooms that it is in, and as which member.
    pub open: BTreeMap<usize, Peer>,
    /// In which of these the far end was last in step.
    pub in_step: BTreeSet<usize>,
    /// What the rooms told, where it was dialled.
    pub news: News,
    /// What was heard and not handed to a room yet.
    pub hearing: usize,
    /// Whether it wants to hear of rooms.
    listens: bool,
    /// Rooms that it asked for by name.
    known: BTreeSet<usize>,
    /// When a room is handed what was heard last.
    handed_ms: BTreeMap<usize, u64>,
}

/// What goes over a connection.
#[derive(Clone)]
pub enum Frame {
    /// It wants to know of all rooms.
    Interest,
    /// These rooms stand so; whether these are all.
    Rooms(Vec<(usize, Option<[u8; 16]>)>, bool),
    /// A room is entered.
    Room(usize),
    /// A room is left.
    Leave(usize),
    /// Something is said in a room.
    Said(usize, Said),
}

/// What a server says in a room.
#[derive(Clone)]
pub enum Said {
    /// A sync message.
    Sync(Arc<[u8]>),
    /// Who is behind actors.
    Authors(Vec<(ActorId, Author)>),
}

impl Line {
    /// A link that is to be dialled.
    pub fn new(dials: usize, dialled: usize) -> Self {
        let (agenda, news) = (Agenda::default(), News::new());
        Self { dials, dialled, connection: None, away_until_ms: 0, slow_ms: 0, agenda, news }
    }
}

/// The name by which other servers know a server.
pub fn name_of(server: usize) -> String {
    format!("s{server}")
}

impl World {
    /// Dials, and says which rooms are wanted.
    pub(super) fn dial(&mut self, line: usize) {
        let Line { dials, dialled, connection, away_until_ms, .. } = *self.line(line);
        if connection.is_some() {
            return;
        }
        if away_until_ms > self.now_ms
            || self.server(dials).is_none()
            || self.server(dialled).is_none()
        {
            let again = away_until_ms.max(self.now_ms + RETURN_MS);
            return self.enter(again, Happening::Dial(line));
        }
        let number = self.record.next_connection();
        self.connections.insert(number, Connection { line, ..Connection::default() });
        for (dialled_it, server, far) in [(true, dials, dialled), (false, dialled, dials)] {
            let now_ms = self.now_ms;
            self.host(server).met.entry(far).or_insert(now_ms);
            self.ends.insert((number, dialled_it), End::new(server, far));
        }
        self.note(|| format!("{dials} dials {dialled}: connection {number}"));
        let now_ms = self.now_ms;
        for (room, heads) in self.stored_rooms(dials) {
            let name = self.rooms.get(room).expect("rooms are numbered").name.clone();
            self.line(line).agenda.ours(now_ms, &name, RoomAt { epoch: 1, heads }, 0);
        }
        self.line(line).connection = Some(number);
        self.send((number, true), Frame::Interest);
    }

    /// A link breaks: what is under way is lost, some of it or all. The end that dialled notices at
    /// once and the other late.
    pub(super) fn cut(&mut self, line: usize, ms: u64, late_ms: u64) {
        let (now_ms, carried_ms) = (self.now_ms, self.choices.one_of(&[0, 0, 30]));
        let Line { connection, away_until_ms, agenda, .. } = self.line(line);
        *away_until_ms = (now_ms + ms).max(*away_until_ms);
        let again_ms = *away_until_ms;
        let Some(number) = connection.take() else { return };
        agenda.reset();
        if let Some(connection) = self.connections.get_mut(&number) {
            connection.broken_ms = Some(now_ms + carried_ms);
        }
        self.note(|| format!("connection {number} breaks"));
        self.end((number, true));
        self.enter(now_ms + late_ms, Happening::Noticed((number, false)));
        self.enter(again_ms, Happening::Dial(line));
    }

    /// An end is gone, and leaves its rooms.
    pub(super) fn end(&mut self, id: EndId) {
        let Some(end) = self.ends.remove(&id) else { return };
        for (room, peer) in end.open {
            self.leave_room(end.server, room, peer);
        }
        if !self.ends.contains_key(&(id.0, !id.1)) {
            self.connections.remove(&id.0);
        }
    }

    fn leave_room(&mut self, server: usize, room: usize, peer: Peer) {
        self.members.remove(&(server, peer));
        if let Some(server) = self.server(server) {
            server.leave(room, peer);
        }
        self.stirred.insert(server);
    }

    /// An end whose far end left without being in step hears how the room stands.
    fn tell_of_leaving(&mut self, at: EndId, room: usize, was_in_step: bool) {
        let server = self.end_at(at).server;
        let of = self.server(server).and_then(|host| host.loaded(room));
        if let Some(of) = of.filter(|of| !was_in_step && of.settled()) {
            let heads = Some(heads_digest(&of.document().heads()));
            self.tell(None, Some(at), room, |news| news.heads = heads);
        }
    }

    /// Sends a frame from an end: behind those before it.
    pub(super) fn send(&mut self, from: EndId, frame: Frame) {
        let (now_ms, to) = (self.now_ms, (from.0, !from.1));
        let delay_ms = self.choices.one_of(&[1, 1, 2, 5, 20, 80]);
        let Some(line) = self.connections.get(&from.0).map(|connection| connection.line) else {
            return;
        };
        let slow_ms = self.line(line).slow_ms;
        self.record.sends(&frame);
        let Some(connection) = self.connections.get_mut(&from.0) else { return };
        let [at_dialled, at_dialler] = &mut connection.last_ms;
        let last_ms = if from.1 { at_dialled } else { at_dialler };
        *last_ms = (now_ms + delay_ms + slow_ms).max(*last_ms + slow_ms / 4);
        let at_ms = *last_ms;
        connection.under_way += 1;
        self.enter(at_ms, Happening::Arrives(to, frame));
    }

    /// A frame arrives, unless its connection broke.
    pub(super) fn arrives(&mut self, at: EndId, frame: Frame) -> Result<(), Failure> {
        let now_ms = self.now_ms;
        let Some(connection) = self.connections.get_mut(&at.0) else { return Ok(()) };
        connection.under_way -= 1;
        let line = connection.line;
        if connection.broken_ms.is_some_and(|broken_ms| broken_ms <= now_ms)
            || !self.ends.contains_key(&at)
        {
            return Ok(());
        }
        self.note(|| format!("{at:?} hears {frame}"));
        match frame {
            Frame::Said(room, said) => return self.hear(at, line, room, said),
            Frame::Rooms(rooms, complete) => {
                for (room, heads) in rooms {
                    let name = self.rooms.get(room).expect("rooms are numbered").name.clone();
                    self.line(line).agenda.theirs(now_ms, &name, RoomAt { epoch: 1, heads });
                }
                if complete {
                    self.line(line).agenda.all_are_told(now_ms);
                }
                self.take_steps(line);
            }
            Frame::Interest => {
                let end = self.end_at(at);
                end.listens = true;
                let server = end.server;
                let rooms = self.stored_rooms(server);
                self.send(at, Frame::Rooms(rooms, true));
            }
            Frame::Room(room) => {
                self.end_at(at).known.insert(room);
            }
            Frame::Leave(room) => {
                let end = self.end_at(at);
                let (server, peer) = (end.server, end.open.remove(&room));
                let was_in_step = end.in_step.remove(&room);
                if let Some(peer) = peer {
                    self.leave_room(server, room, peer);
                    self.tell_of_leaving(at, room, was_in_step);
                }
            }
        }
        Ok(())
    }

    /// Something is said in a room, which is entered for it.
    fn hear(&mut self, at: EndId, line: usize, room: usize, said: Said) -> Result<(), Failure> {
        let now_ms = self.now_ms;
        if at.1 {
            let name = self.rooms.get(room).expect("rooms are numbered").name.clone();
            if self.line(line).agenda.heard(now_ms, &name, 1) {
                self.enter_room(at, room);
                self.send(at, Frame::Room(room));
            }
        } else if !self.end_at(at).open.contains_key(&room) {
            let server = self.end_at(at).server;
            let is_stored = self.stored_rooms(server).iter().any(|(stored, _)| *stored == room);
            if !is_stored && !self.end_at(at).known.contains(&room) {
                return Err(self.failure("unavailable", format!("{room} is unknown at {server}")));
            }
            self.enter_room(at, room);
        }
        let late_ms = self.choices.one_of(&[0, 0, 0, 1, 5]);
        let end = self.end_at(at);
        if end.open.contains_key(&room) {
            let handed_ms = end.handed_ms.entry(room).or_default();
            *handed_ms = (now_ms + late_ms).max(*handed_ms);
            let at_ms = *handed_ms;
            end.hearing += 1;
            self.enter(at_ms, Happening::Handed(at, room, said));
        }
        if at.1 {
            self.take_steps(line);
        }
        Ok(())
    }

    /// A room is handed what was said in it, unless it was left.
    pub(super) fn hand(&mut self, at: EndId, room: usize, said: Said) {
        let Some(end) = self.ends.get_mut(&at) else { return };
        end.hearing -= 1;
        let server = end.server;
        let Some(peer) = end.open.get(&room).copied() else { return };
        let input = match said {
            Said::Sync(message) => Input::Received { peer, message: message.to_vec() },
            Said::Authors(actors) => Input::Vouched { peer, actors },
        };
        let now_ms = self.now_ms;
        if let Some(server) = self.server(server) {
            server.room(room).handle(now_ms, input);
        }
        self.stirred.insert(server);
    }

    fn enter_room(&mut self, at: EndId, room: usize) {
        self.peers += 1;
        let peer = Peer(self.peers);
        let end = self.end_at(at);
        let (server, far) = (end.server, end.far);
        end.open.insert(room, peer);
        self.members.insert((server, peer), (at, room));
        let since_ms = self.host(server).met.get(&far).copied().unwrap_or_default();
        let name = name_of(far).into();
        let linked = Linked { name, opens: at.1, may_write: true, extensions: true, since_ms };
        if let Some(server) = self.server(server) {
            server.link(room, peer, linked);
        }
        self.stirred.insert(server);
    }

    /// What the agenda of a link says is done.
    pub(super) fn take_steps(&mut self, line: usize) {
        let Some(number) = self.line(line).connection else { return };
        let (now_ms, at) = (self.now_ms, (number, true));
        while let Some(step) = self.line(line).agenda.next(now_ms) {
            let (Step::Enter(id) | Step::Leave(id)) = &step;
            let room = self.rooms.iter().position(|room| room == id).expect("a room of the run");
            self.note(|| format!("{at:?} {step:?}"));
            if let Step::Enter(_) = step {
                self.send(at, Frame::Room(room));
                self.enter_room(at, room);
                continue;
            }
            let end = self.end_at(at);
            let server = end.server;
            end.in_step.remove(&room);
            if let Some(peer) = end.open.remove(&room) {
                self.leave_room(server, room, peer);
                self.send(at, Frame::Leave(room));
            }
        }
    }

    /// The end that dialled takes what rooms told, whether or not there is a connection.
    pub(super) fn take_news(&mut self, line: usize) {
        let now_ms = self.now_ms;
        let news = std::mem::take(&mut self.line(line).news);
        let end = self.line(line).connection.map(|number| (number, true));
        for (room, news) in news {
            let name = self.rooms.get(room).expect("rooms are numbered").name.clone();
            let is_open = end.is_some_and(|end| self.end_at(end).open.contains_key(&room));
            let agenda = &mut self.line(line).agenda;
            if news.heads.is_some() {
                agenda.ours(now_ms, &name, RoomAt { epoch: 1, heads: news.heads }, news.changes);
            }
            if let Some(is) = news.in_step.filter(|_| is_open) {
                // Whether it is in step is never told without the heads.
                agenda.in_step(now_ms, &name, is, news.heads.unwrap_or_default());
            }
            if let Some(changes) = news.lacks.filter(|_| is_open) {
                agenda.lacks(now_ms, &name, changes);
            }
        }
        self.take_steps(line);
    }

    /// The end that was dialled says what changed in rooms that the other one is not in.
    pub(super) fn announce(&mut self, at: EndId) {
        let Some(end) = self.ends.get_mut(&at) else { return };
        let news = std::mem::take(&mut end.news).into_iter();
        let changed = news.filter_map(|(room, news)| Some((room, Some(news.heads?))));
        let changed: Vec<_> =
            changed.filter(|(room, _)| end.listens && !end.open.contains_key(room)).collect();
        if !changed.is_empty() {
            self.send(at, Frame::Rooms(changed, false));
        }
    }

    /// A room tells an end something, which the end takes a little later.
    pub(super) fn tell(
        &mut self,
        line: Option<usize>,
        at: Option<EndId>,
        room: usize,
        add: impl FnOnce(&mut RoomNews),
    ) {
        let late_ms = self.choices.one_of(&[0, 0, 0, 1, 5]);
        let (news, happening) = match (line, at) {
            (Some(line), _) => (&mut self.line(line).news, Happening::News(line)),
            (None, Some(at)) => (&mut self.end_at(at).news, Happening::Announce(at)),
            (None, None) => return,
        };
        let is_first = news.is_empty();
        add(news.entry(room).or_default());
        if is_first {
            self.enter(self.now_ms + late_ms, happening);
        }
    }

    /// Rooms that a server has stored, with a digest of their heads.
    fn stored_rooms(&mut self, server: usize) -> Vec<(usize, Option<[u8; 16]>)> {
        let records = self.server(server).map(|server| server.storage().rooms());
        let records = records.transpose().expect("a store in memory is read").unwrap_or_default();
        let number = |id| self.rooms.iter().position(|room| *room == id);
        records.into_iter().filter_map(|record| Some((number(record.id)?, record.heads))).collect()
    }

    /// The link that an end belongs to, where it dialled.
    pub(super) fn line_of(&self, at: EndId) -> Option<usize> {
        self.connections.get(&at.0).map(|connection| connection.line).filter(|_| at.1)
    }

    pub(super) fn server(&mut self, server: usize) -> Option<&mut Server> {
        self.host(server).server.as_mut()
    }

    pub(super) fn host(&mut self, server: usize) -> &mut super::Host {
        self.hosts.get_mut(server).expect("servers are numbered")
    }

    pub(super) fn line(&mut self, line: usize) -> &mut Line {
        self.lines.get_mut(line).expect("links are numbered")
    }

    pub(super) fn end_at(&mut self, at: EndId) -> &mut End {
        self.ends.get_mut(&at).expect("the end was looked up")
    }
}

impl End {
    fn new(server: usize, far: usize) -> Self {
        Self {
            server,
            far,
            open: BTreeMap::new(),
            in_step: BTreeSet::new(),
            news: News::new(),
            hearing: 0,
            listens: false,
            known: BTreeSet::new(),
            handed_ms: BTreeMap::new(),
        }
    }
}

impl std::fmt::Display for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Interest => f.write_str("that all rooms are wanted"),
            Self::Rooms(rooms, complete) => write!(f, "of {} rooms, all: {complete}", rooms.len()),
            Self::Room(room) => write!(f, "that {room} is entered"),
            Self::Leave(room) => write!(f, "that {room} is left"),
            Self::Said(room, Said::Sync(bytes)) => write!(f, "{} in {room}", in_words(bytes)),
            Self::Said(room, Said::Authors(actors)) => {
                write!(f, "{} actors in {room}", actors.len())
            }
        }
    }
}
