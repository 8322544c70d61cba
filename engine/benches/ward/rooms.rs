//! A server's room and the people in it, driven as `chartroom_engine` says, with every batch durable
//! at once.

use std::sync::Arc;

use automerge::sync::{BloomFilter, ChunkList, Have, Message, MessageVersion};
use chartroom_engine::{
    Author, Command, Document, Input, Output, Peer, Role, Room, RoomConfig, RoomId, mint_actor,
};

use super::chart::Chart;

pub const NOW: u64 = 1_700_000_000_000;

/// The server, as its clients number it.
const SERVER: Peer = Peer(0);
/// The person who writes.
pub const WRITER: Peer = Peer(1);
/// The first of those who only listen.
const FIRST_READER: u64 = 2;

/// What a room had to say.
#[derive(Default)]
pub struct Said {
    pub messages: Vec<(Peer, Arc<[u8]>)>,
    pub events: usize,
}

impl Said {
    /// The messages for one of its peers, as the inputs of that peer's room.
    fn to(&self, peer: Peer) -> Vec<Vec<u8>> {
        let to_peer = self.messages.iter().filter(|(to, _)| *to == peer);
        to_peer.map(|(_, message)| message.to_vec()).collect()
    }
}

pub fn server(id: &RoomId, snapshot: Option<&[u8]>) -> Room {
    replica(id, Role::Server, 0, snapshot)
}

/// A person's room; `seed` tells people apart.
pub fn client(id: &RoomId, seed: u8, snapshot: Option<&[u8]>) -> Room {
    replica(id, Role::Client, seed, snapshot)
}

fn replica(id: &RoomId, role: Role, seed: u8, snapshot: Option<&[u8]>) -> Room {
    let actor = mint_actor(NOW, [seed; 8]);
    let document = Document::load(id, actor.clone(), snapshot, []).expect("a sound snapshot");
    let server_actor = (role == Role::Server).then_some(actor);
    Room::new(RoomConfig { server_actor, ..RoomConfig::new(id.clone(), role) }, document)
}

/// Runs a room until it is quiet.
pub fn run(room: &mut Room) -> Said {
    let mut said = Said::default();
    room.advance(NOW);
    while let Some(output) = room.poll_output() {
        match output {
            Output::Persist(batch) => room.handle(NOW, Input::Persisted { through: batch.number }),
            Output::Send { peer, message, .. } => said.messages.push((peer, message)),
            Output::Events(events) => said.events += events.len(),
            Output::Answered { result, .. } => drop(result.expect("the edit is in order")),
            Output::Refused { .. } | Output::Close { .. } | Output::Reload { .. } => {
                panic!("the room turns the benchmark away: {output:?}")
            }
            Output::Introduce { .. }
            | Output::Adopted
            | Output::Saved { .. }
            | Output::Quarantine { .. }
            | Output::GivenBack { .. } => {}
        }
        room.advance(NOW);
    }
    said
}

/// Hands messages of a peer in, and runs the room until it is quiet.
pub fn take(room: &mut Room, peer: Peer, messages: Vec<Vec<u8>>) -> Said {
    for message in messages {
        room.handle(NOW, Input::Received { peer, message });
    }
    run(room)
}

pub fn edit(room: &mut Room, command: Command) -> Said {
    room.handle(NOW, Input::Command { ticket: 1, author: None, command });
    run(room)
}

pub fn join(room: &mut Room, peer: Peer) {
    let author = Some(Author::new(format!("p{}", peer.0), "Somebody"));
    room.handle(NOW, Input::Joined { peer, author, may_write: true, extensions: true });
}

/// A client joins and both sides talk until nothing is left to say; what the client said, turn by
/// turn.
pub fn meet(server: &mut Room, client: &mut Room, peer: Peer) -> Vec<Vec<Vec<u8>>> {
    let mut turns = Vec::new();
    join(server, peer);
    join(client, SERVER);
    loop {
        let turn = run(client).to(SERVER);
        if turn.is_empty() {
            return turns;
        }
        turns.push(turn.clone());
        let answer = take(server, peer, turn).to(peer);
        for message in answer {
            client.handle(NOW, Input::Received { peer: SERVER, message });
        }
    }
}

/// What a client says first that has nothing.
pub fn opening(chart: &Chart) -> Vec<Vec<u8>> {
    let mut client = client(&chart.id, 1, None);
    join(&mut client, SERVER);
    run(&mut client).to(SERVER)
}

/// What somebody says who has these heads and nothing new.
pub fn acknowledgement(room: &Room) -> Vec<u8> {
    let heads = room.document().heads();
    let have = vec![Have { last_sync: heads.clone(), bloom: BloomFilter::default() }];
    let changes = ChunkList::from(Vec::<Vec<u8>>::new());
    Message { heads, need: Vec::new(), have, changes, flags: None, version: MessageVersion::V1 }
        .encode()
}

/// A server's room, a person who writes in it, and readers who are in step.
pub struct Ward {
    pub server: Room,
    writer: Room,
    chart: Arc<Chart>,
    for_writer: Vec<Vec<u8>>,
    edits: u64,
    readers: u64,
}

impl Ward {
    /// A ward with this chart, as its snapshot has it.
    pub fn open(chart: &Arc<Chart>, snapshot: &[u8], readers: u64) -> Self {
        let mut server = server(&chart.id, Some(snapshot));
        let mut writer = client(&chart.id, 1, Some(snapshot));
        meet(&mut server, &mut writer, WRITER);
        let chart = Arc::clone(chart);
        let mut ward = Self { server, writer, chart, for_writer: Vec::new(), edits: 0, readers };
        for reader in ward.readers() {
            join(&mut ward.server, reader);
        }
        let greetings = ward.acknowledgements();
        ward.hear(greetings);
        ward
    }

    /// The writer hears what the server said last, and edits; the messages of that.
    pub fn edits(&mut self, count: u64) -> Vec<Vec<u8>> {
        take(&mut self.writer, SERVER, std::mem::take(&mut self.for_writer));
        let first = self.edits;
        self.edits += count;
        let edits = (first..self.edits).map(|number| self.chart.edit(number));
        edits.flat_map(|command| edit(&mut self.writer, command).to(SERVER)).collect()
    }

    /// The server's room takes messages of the writer; how many events come of it.
    pub fn take(&mut self, messages: Vec<Vec<u8>>) -> usize {
        let said = take(&mut self.server, WRITER, messages);
        self.for_writer.extend(said.to(WRITER));
        said.events
    }

    /// What every reader answers to the change before.
    pub fn acknowledgements(&self) -> Vec<Input> {
        let message = acknowledgement(&self.server);
        self.readers().map(|peer| Input::Received { peer, message: message.clone() }).collect()
    }

    /// The server's room takes what the readers answer.
    pub fn hear(&mut self, answers: Vec<Input>) {
        for answer in answers {
            self.server.handle(NOW, answer);
        }
        let said = run(&mut self.server);
        self.for_writer.extend(said.to(WRITER));
    }

    fn readers(&self) -> impl Iterator<Item = Peer> + use<> {
        (FIRST_READER..FIRST_READER + self.readers).map(Peer)
    }
}

/// Somebody who was away, with edits that the server's room does not know, as it has some that they
/// lack.
pub struct Away {
    server: Room,
    turns: Vec<Vec<Vec<u8>>>,
}

impl Away {
    /// What a person says is recorded with another room that is equal, so that the server's part can be
    /// had alone.
    pub fn with(chart: &Chart, snapshot: &[u8], edits: u64) -> Self {
        let behind = || {
            let mut server = server(&chart.id, Some(snapshot));
            (0..edits).for_each(|number| drop(edit(&mut server, chart.edit(number))));
            server
        };
        let mut client = client(&chart.id, 1, Some(snapshot));
        (edits..2 * edits).for_each(|number| drop(edit(&mut client, chart.edit(number))));
        let turns = meet(&mut behind(), &mut client, WRITER);
        Self { server: behind(), turns }
    }

    /// The server's part of the return.
    pub fn returns(&mut self) {
        join(&mut self.server, WRITER);
        for turn in std::mem::take(&mut self.turns) {
            take(&mut self.server, WRITER, turn);
        }
    }
}
