//! The hostile connections: each does one kind of harm again and again, and is back at once when it
//! is closed.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chartroom_engine::{
    Author, Command, Document, Input, Output, Role, Room, RoomConfig, RoomId, change::seal,
    mint_actor,
};
use chartroom_server::wire::frame::{Frame, PROTOCOL_VERSION, PeerMetadata, encode};
use chartroom_tests::{
    client::{Socket, open_narrow_socket, open_socket},
    forge::{Message as Forged, bend, bomb, empty_bloom},
};
use futures_util::{SinkExt, StreamExt, stream::SplitStream};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

/// The least time between two messages of one connection, which bounds the load.
const PACE: Duration = Duration::from_millis(20);
/// The same for the largest frames, whose sender comes back no sooner either: 18 of 17 MiB a second
/// are more than most networks carry.
const LARGE_PACE: Duration = Duration::from_secs(1);
/// The least time between two connections of one attacker.
const RETURN: Duration = Duration::from_millis(10);
/// Changes in one message.
const CHANGES: usize = 20;

/// What a connection does.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Garbage,
    Blooms,
    Bombs,
    Bent,
    Oversize,
    Pings,
    Rooms,
    Deaf,
    Repeats,
    Impostor,
    OtherPatient,
}

const KINDS: [Kind; 11] = [
    Kind::Garbage,
    Kind::Blooms,
    Kind::Bombs,
    Kind::Bent,
    Kind::Oversize,
    Kind::Pings,
    Kind::Rooms,
    Kind::Deaf,
    Kind::Repeats,
    Kind::Impostor,
    Kind::OtherPatient,
];

/// What all of them did.
#[derive(Debug, Default)]
struct Deeds {
    connections: AtomicU64,
    unanswered: AtomicU64,
    messages: AtomicU64,
    closed: Mutex<BTreeMap<u16, u64>>,
}

/// Everybody hostile.
pub struct Crowd {
    tasks: JoinSet<()>,
    deeds: Arc<Deeds>,
}

impl Crowd {
    /// So many connections at once, spread over the rooms.
    pub fn start(server: SocketAddr, count: usize, rooms: usize) -> Self {
        let (mut tasks, deeds) = (JoinSet::new(), Arc::new(Deeds::default()));
        let only = std::env::var("KIND").unwrap_or_default();
        let all = KINDS.into_iter().cycle().take(count).enumerate();
        for (number, kind) in all.filter(|(_, kind)| format!("{kind:?}").contains(&only)) {
            let room = number / KINDS.len() % rooms;
            tasks.spawn(Attacker::new(number, kind, room).run(server, Arc::clone(&deeds)));
        }
        Self { tasks, deeds }
    }

    /// Ends them; what they did.
    pub async fn stop(mut self) -> String {
        self.tasks.shutdown().await;
        let Deeds { connections, unanswered, messages, closed } = &*self.deeds;
        format!(
            "{} connections, {} turned away, {} messages, closed by code {:?}",
            connections.load(Ordering::Relaxed),
            unanswered.load(Ordering::Relaxed),
            messages.load(Ordering::Relaxed),
            closed.lock().expect("nobody panics with it"),
        )
    }
}

struct Attacker {
    number: usize,
    kind: Kind,
    room: RoomId,
    sound: Vec<u8>,
    rng: StdRng,
}

impl Attacker {
    fn new(number: usize, kind: Kind, room: usize) -> Self {
        let patient = format!("ward-{room}");
        let room = RoomId::first(crate::room(room).parse().expect("a room name"));
        let mut sound = sound_change(&room, number, &patient);
        if matches!(kind, Kind::OtherPatient) {
            sound = of_other_patient(sound, &patient);
        }
        Self { number, kind, room, sound, rng: StdRng::seed_from_u64(number as u64) }
    }

    async fn run(mut self, server: SocketAddr, deeds: Arc<Deeds>) {
        loop {
            let narrow = matches!(self.kind, Kind::Deaf);
            let socket =
                if narrow { open_narrow_socket(server).await } else { open_socket(server).await };
            match socket {
                Ok(socket) => {
                    deeds.connections.fetch_add(1, Ordering::Relaxed);
                    self.harm(socket, &deeds).await;
                }
                Err(_) => {
                    deeds.unanswered.fetch_add(1, Ordering::Relaxed);
                }
            }
            let large = matches!(self.kind, Kind::Oversize);
            tokio::time::sleep(if large { LARGE_PACE } else { RETURN }).await;
        }
    }

    /// Does harm until the connection ends.
    async fn harm(&mut self, socket: Socket, deeds: &Deeds) {
        let (mut sink, stream) = socket.split();
        let deaf = matches!(self.kind, Kind::Deaf);
        let sending = async {
            if !matches!(self.kind, Kind::Garbage) {
                sink.send(Message::Binary(encode(&self.join()).into())).await?;
                sink.send(Message::Binary(encode(&self.ask(self.room.name.as_str())).into()))
                    .await?;
            }
            for count in 0u64.. {
                sink.send(self.next(count)).await?;
                deeds.messages.fetch_add(1, Ordering::Relaxed);
                let large = matches!(self.kind, Kind::Oversize);
                tokio::time::sleep(if large { LARGE_PACE } else { PACE }).await;
            }
            Ok::<(), tokio_tungstenite::tungstenite::Error>(())
        };
        tokio::select! {
            _ = sending => {}
            code = closing(stream), if !deaf => {
                *deeds.closed.lock().expect("nobody panics with it").entry(code).or_default() += 1;
            }
        }
    }

    fn next(&mut self, count: u64) -> Message {
        let message = match self.kind {
            Kind::Garbage => {
                return Message::Binary(self.rng.random::<[u8; 32]>().to_vec().into());
            }
            Kind::Oversize => return Message::Binary(vec![0; 17 * 1024 * 1024].into()),
            Kind::Pings => return Message::Ping(vec![0; 100].into()),
            Kind::Rooms => {
                let name = format!("patient:flood-{}-{count}", self.number);
                return Message::Binary(encode(&self.ask(&name)).into());
            }
            Kind::Blooms => Forged {
                heads: vec![self.rng.random()],
                bloom: Some(empty_bloom(5_000)),
                ..Forged::default()
            },
            Kind::Bombs => {
                Forged::of((0..CHANGES).map(|_| bomb(self.rng.random(), 99_999)).collect())
            }
            Kind::Bent => {
                let Self { sound, rng, .. } = self;
                let mut bent = || bend(sound, rng.random_range(0..4096), rng.random());
                Forged::of((0..CHANGES).map(|_| bent()).collect())
            }
            Kind::Deaf => Forged { bloom: Some(Vec::new()), ..Forged::default() },
            Kind::Repeats | Kind::Impostor => Forged::of(vec![self.sound.clone()]),
            Kind::OtherPatient => Forged::of(vec![self.sound.clone(); CHANGES]),
        };
        let impostor = matches!(self.kind, Kind::Impostor);
        let frame = Frame::Sync {
            sender: if impostor { "somebody else".to_owned() } else { self.id() },
            target: "server".to_owned(),
            document: self.room.document_id(),
            data: message.encode(),
        };
        Message::Binary(encode(&frame).into())
    }

    fn ask(&self, name: &str) -> Frame {
        Frame::Room { sender: self.id(), target: "server".to_owned(), name: name.to_owned() }
    }

    fn join(&self) -> Frame {
        Frame::Join {
            sender: self.id(),
            metadata: PeerMetadata {
                person: Some(Author::new(self.id(), "Mallory")),
                is_ephemeral: true,
                ..PeerMetadata::default()
            },
            versions: vec![PROTOCOL_VERSION.to_owned()],
        }
    }

    fn id(&self) -> String {
        format!("mallory-{}", self.number)
    }
}

/// Takes in and forgets what the server says, until it closes; the close code.
async fn closing(mut stream: SplitStream<Socket>) -> u16 {
    while let Some(Ok(message)) = stream.next().await {
        if let Message::Close(Some(frame)) = message {
            return frame.code.into();
        }
    }
    1006
}

/// The same change about a patient with another name of the same length.
fn of_other_patient(mut change: Vec<u8>, patient: &str) -> Vec<u8> {
    let reference = format!("Patient/{patient}");
    let places = 0..change.len().saturating_sub(reference.len());
    for at in places {
        if change.get(at..at + reference.len()) == Some(reference.as_bytes())
            && let Some(byte) = change.get_mut(at + reference.len() - patient.len())
        {
            *byte = b'x';
        }
    }
    seal(&mut change);
    change
}

/// A change of a client of the room, about a patient.
fn sound_change(id: &RoomId, number: usize, patient: &str) -> Vec<u8> {
    let seed = (number as u64).to_be_bytes();
    let document = Document::found(id, mint_actor(1_700_000_000_000, seed));
    let mut room = Room::new(RoomConfig::new(id.clone(), Role::Client), document);
    let resource = json!({
        "resourceType": "Condition",
        "id": format!("mallory-{number}"),
        "code": { "text": "Asthma" },
        "subject": { "reference": format!("Patient/{patient}") },
        "category": ["b", "c"],
    });
    let command = Command::Put { resource };
    room.handle(1, Input::Command { ticket: 1, author: None, command });
    room.advance(1);
    let changes = std::iter::from_fn(|| room.poll_output()).find_map(|output| {
        if let Output::Persist(batch) = output { Some(batch.changes) } else { None }
    });
    let changes = changes.expect("a put makes a change");
    changes.first().expect("one change").bytes.to_vec()
}
