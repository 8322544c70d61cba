//! The people of a run, each at a client with a replica of every room.

use automerge::{
    Automerge, Change, ChangeHash, ReadDoc,
    sync::{ChunkList, Message as SyncMessage, MessageVersion, State, SyncDoc},
};
use chartroom_engine::{
    ActorId, Author, Document, Input, Output, Peer, Role, Room, RoomConfig, RoomId, mint_actor,
};

use super::{
    choices::Choices,
    foreign, model,
    plan::{Attack, Edit, Kind, Verb},
};

/// The number under which a client knows the server.
const SERVER: Peer = Peer(0);

/// A person and their client.
pub struct Person {
    /// Who they are.
    pub author: Author,
    /// What their client is.
    pub kind: Kind,
    number: u8,
    restarts: u8,
    replicas: Vec<Replica>,
}

/// One room at one client.
pub enum Replica {
    /// Chartroom's own.
    Ours(Box<Room>),
    /// Automerge's own.
    Stock(Box<Automerge>, State),
}

/// What came of something at a client.
#[derive(Default)]
pub struct Doing {
    /// Sync messages for the server.
    pub sent: Vec<Vec<u8>>,
    /// The change that an edit made.
    pub made: Option<ChangeHash>,
    /// Changes that the server holds durably, as the client shows it.
    pub saved: Vec<ChangeHash>,
}

impl Person {
    /// A person at a new client.
    pub fn new(number: usize, name: &str, kind: Kind, rooms: &[RoomId]) -> Self {
        let number = u8::try_from(number).expect("a few people");
        let mut person = Self {
            author: Author::new(name, name),
            kind,
            number,
            restarts: 0,
            replicas: Vec::new(),
        };
        person.replicas = rooms.iter().map(|room| person.found(room)).collect();
        person
    }

    /// A replica.
    pub fn replica(&self, room: usize) -> &Replica {
        self.replicas.get(room).expect("everybody has every room")
    }

    fn is_ours(&self) -> bool {
        matches!(self.kind, Kind::Ours | Kind::Reader)
    }

    fn actor(&self) -> ActorId {
        mint_actor(u64::from(self.restarts) + 1, [self.number + 1; 8])
    }

    fn found(&self, id: &RoomId) -> Replica {
        if self.is_ours() {
            let document = Document::found(id, self.actor());
            let room = Room::new(RoomConfig::new(id.clone(), Role::Client), document);
            return Replica::Ours(Box::new(room));
        }
        let mut doc = Automerge::new();
        doc.set_actor(self.actor());
        Replica::Stock(Box::new(doc), State::new())
    }

    /// The client ends and starts again.
    pub fn restart(&mut self, rooms: &[RoomId], keeps: bool) {
        self.restarts += 1;
        let replicas = std::mem::take(&mut self.replicas);
        let again = replicas.into_iter().zip(rooms).map(|(replica, id)| match replica {
            _ if !keeps => self.found(id),
            Replica::Ours(mut room) => {
                let pending = room.take_pending().into_iter();
                let pending = pending.filter_map(|edit| Some((edit.hash?, edit.command)));
                let saved = room.document().save();
                let document = Document::load(id, self.actor(), Some(&saved), []);
                let mut document = document.expect("a client's store is read back");
                for change in room.document().log() {
                    if let Some(other) = room.document().logged_behind(&change.hash) {
                        document.keep_behind(change.hash, &other);
                    }
                }
                let bindings = room.people().bindings();
                let bindings = bindings.map(|(a, who)| (a.clone(), who.clone())).collect();
                let config = RoomConfig { bindings, ..RoomConfig::new(id.clone(), Role::Client) };
                let mut again = Room::new(config, document);
                again.take_up(pending);
                Replica::Ours(Box::new(again))
            }
            Replica::Stock(doc, state) => {
                let mut doc = Automerge::load(&doc.save()).expect("a stock store is read back");
                doc.set_actor(self.actor());
                Replica::Stock(Box::new(doc), kept(&state))
            }
        });
        self.replicas = again.collect();
    }

    /// The link to the server stands.
    pub fn connected(&mut self, now_ms: u64, room: usize) -> Doing {
        match self.replica_mut(room) {
            Replica::Ours(room) => {
                let (peer, author) = (SERVER, None);
                let joined = Input::Joined { peer, author, may_write: true, extensions: true };
                room.handle(now_ms, joined);
            }
            Replica::Stock(_, state) => *state = kept(state),
        }
        self.drive(now_ms, room, true)
    }

    /// The link is gone.
    pub fn disconnected(&mut self, now_ms: u64, room: usize) {
        if let Replica::Ours(room) = self.replica_mut(room) {
            room.handle(now_ms, Input::Left { peer: SERVER });
        }
        self.drive(now_ms, room, false);
    }

    /// Something for our client came in: a refusal, an introduction, time.
    pub fn heard(&mut self, now_ms: u64, room: usize, input: Input) -> Doing {
        if let Replica::Ours(room) = self.replica_mut(room) {
            room.handle(now_ms, input);
        }
        self.drive(now_ms, room, true)
    }

    /// A sync message came in. A stock client that cannot take it says so.
    pub fn receive(&mut self, now_ms: u64, room: usize, message: &[u8]) -> Result<Doing, String> {
        match self.replica_mut(room) {
            Replica::Ours(room) => {
                let message = message.to_vec();
                room.handle(now_ms, Input::Received { peer: SERVER, message });
            }
            Replica::Stock(doc, state) => {
                let message = SyncMessage::decode(message).map_err(|error| error.to_string())?;
                doc.receive_sync_message(state, message).map_err(|error| error.to_string())?;
            }
        }
        Ok(self.drive(now_ms, room, true))
    }

    /// Edits, online or not.
    pub fn edit(
        &mut self,
        now_ms: u64,
        room: usize,
        patient: &str,
        edit: &Edit,
        online: bool,
    ) -> Doing {
        let made = match self.replica_mut(room) {
            Replica::Ours(room) => {
                let command = model::command(room.document(), room.people(), patient, edit);
                if let Some(command) = command {
                    room.handle(now_ms, Input::Command { ticket: 1, author: None, command });
                }
                None
            }
            Replica::Stock(doc, _) => foreign::edit(doc, patient, edit),
        };
        let doing = self.drive(now_ms, room, online);
        Doing { made: doing.made.or(made), ..doing }
    }

    /// Lets a replica say what it has to say.
    fn drive(&mut self, now_ms: u64, room: usize, online: bool) -> Doing {
        let mut doing = Doing::default();
        match self.replica_mut(room) {
            Replica::Stock(doc, state) => {
                // Once for each thing that happens, as automerge-repo does.
                if online && let Some(message) = doc.generate_sync_message(state) {
                    doing.sent.push(message.encode());
                }
            }
            Replica::Ours(room) => loop {
                room.advance(now_ms);
                let mut persisted = None;
                while let Some(output) = room.poll_output() {
                    match output {
                        Output::Persist(batch) => persisted = Some(batch.number),
                        Output::Send { message, .. } => doing.sent.push(message.to_vec()),
                        Output::Saved { hashes } => doing.saved.extend(hashes),
                        Output::Answered { result, .. } => {
                            doing.made = result.ok().and_then(|edit| edit.hash);
                        }
                        Output::Close { reason, .. } => panic!("a client closes: {reason}"),
                        Output::Reload { reason } => panic!("a client reloads: {reason}"),
                        Output::Events(_)
                        | Output::Refused { .. }
                        | Output::Quarantine { .. }
                        | Output::Introduce { .. }
                        | Output::Adopted
                        | Output::GivenBack { .. } => {}
                    }
                }
                let Some(through) = persisted else { break };
                room.handle(now_ms, Input::Persisted { through });
            },
        }
        doing
    }

    /// Does what must not be done; gives what is sent for it.
    pub fn attack(
        &mut self,
        now_ms: u64,
        room: usize,
        (what, number): (Attack, u64),
        victim: &ActorId,
    ) -> Doing {
        let mine = self.actor();
        let fresh = mint_actor(100 + number, [self.number + 1; 8]);
        let Replica::Stock(doc, _) = self.replica_mut(room) else { return Doing::default() };
        let (resource, element) = (number % 8, number % 6);
        let edit = Edit { verb: Verb::Put, resource, element, value: number };
        let made = match what {
            Attack::OtherPatient => foreign::edit(doc, "other", &edit),
            Attack::Impersonate => {
                doc.set_actor(victim.clone());
                let made = foreign::edit(doc, "p1", &edit);
                doc.set_actor(mine);
                made
            }
            Attack::Garbage => {
                let bytes = (0..number % 40).map(|at| (number >> (at % 8)) as u8).collect();
                return Doing { sent: vec![bytes], ..Doing::default() };
            }
            Attack::Gap | Attack::Bend => {
                let sent = forged(doc, fresh, &edit, what).into_iter().collect();
                return Doing { sent, ..Doing::default() };
            }
            Attack::StartOver => None,
        };
        Doing { made, ..self.drive(now_ms, room, true) }
    }

    fn replica_mut(&mut self, room: usize) -> &mut Replica {
        self.replicas.get_mut(room).expect("everybody has every room")
    }
}

impl Replica {
    /// The heads of the replica.
    pub fn heads(&self) -> Vec<ChangeHash> {
        match self {
            Self::Ours(room) => room.document().heads(),
            Self::Stock(doc, _) => doc.get_heads(),
        }
    }

    /// Local edits that are not acknowledged.
    pub fn unsaved(&self) -> usize {
        match self {
            Self::Ours(room) => room.unsaved(),
            Self::Stock(..) => 0,
        }
    }
}

/// What a stock client keeps of its last session: the shared heads alone.
fn kept(state: &State) -> State {
    State::decode(&state.encode()).expect("a state is read back")
}

/// A sync message with one change that is not as it should be, made beside the document.
fn forged(doc: &Automerge, actor: ActorId, edit: &Edit, what: Attack) -> Option<Vec<u8>> {
    let mut scratch = doc.clone();
    scratch.set_actor(actor);
    let hash = foreign::edit(&mut scratch, "p1", edit)?;
    let change = scratch.get_change_by_hash(&hash)?;
    let mut chunk = if what == Attack::Gap {
        let mut expanded = change.decode();
        expanded.seq += 1 + edit.value % 3;
        expanded.hash = None;
        Change::from(expanded).raw_bytes().to_vec()
    } else {
        let mut chunk = change.raw_bytes().to_vec();
        let mut choices = Choices::of(edit.value);
        for _ in 0..=choices.below(3) {
            let at = 9 + choices.below(chunk.len() as u64 - 9) as usize;
            if let Some(byte) = chunk.get_mut(at) {
                *byte = choices.below(256) as u8;
            }
        }
        chunk
    };
    let hash = ChangeHash(chartroom_engine::change::seal(&mut chunk));
    let (need, have, flags, version) = (Vec::new(), Vec::new(), None, MessageVersion::V1);
    let changes = ChunkList::from(vec![chunk]);
    Some(SyncMessage { heads: vec![hash], need, have, changes, flags, version }.encode())
}
