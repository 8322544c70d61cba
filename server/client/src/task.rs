//! The client's task: it alone writes in the rooms, and it has the line to the server.
//!
//! It does one thing at a time: a request of the program, what the server says, or what time asks
//! for. Programs read rooms beside it, each under its lock, which the task holds only while it
//! applies something. Start at [`Task::run`].

mod drive;
mod follows;
mod session;
mod unsaved;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use chartroom_engine::{Author, Command, CommandError, DocumentId, Event, Room, RoomName};
use tokio::{
    select,
    sync::{Notify, mpsc, oneshot, watch},
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};

use crate::{
    client::Status,
    edit::EditState,
    events::FollowError,
    frame::Frame,
    line::{Heard, Wire},
};
use session::{Said, Session};
pub use unsaved::{UNSAVED_BYTES_MAX, UNSAVED_MAX};

/// How often rooms are told that time passes.
const TICK: Duration = Duration::from_secs(1);
/// How long the end of a client may take, a closing handshake included.
const CLOSE_MAX: Duration = Duration::from_secs(5);

/// What handles ask of the task.
pub(crate) enum Request {
    Open { name: RoomName, reply: oneshot::Sender<Opened> },
    Edit { room: RoomName, command: Command, reply: oneshot::Sender<Result<EditState, NotMade>> },
    Follow { room: RoomName, after: u64, events: mpsc::Sender<Result<Event, FollowError>> },
}

/// What an open room shares with the task.
pub(crate) struct Opened {
    pub shown: Arc<Mutex<Room>>,
    pub standing: watch::Receiver<Standing>,
}

/// Why an edit was not made.
pub(crate) enum NotMade {
    Command(CommandError),
    /// Too much is unsaved; the command comes back.
    Full(Command),
}

/// Where a room stands; told whenever something in it changes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standing {
    /// Whether the server has answered once, or cannot be asked.
    pub answered: bool,
    /// Whether what the server had when the connection came up is here, and the connection is.
    pub synced: bool,
    pub unsaved: usize,
    /// Whether so much is unsaved that edits have to wait.
    pub is_full: bool,
    pub refused: Option<Refusal>,
}

/// Why the server does not serve a room.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub code: String,
    pub message: String,
}

impl Standing {
    pub fn is_in_step(&self) -> bool {
        self.synced && self.unsaved == 0
    }
}

/// The task.
pub(crate) struct Task {
    person: Author,
    requests: mpsc::Receiver<Request>,
    heard: mpsc::Receiver<Heard>,
    line: JoinHandle<()>,
    drained: Arc<Notify>,
    status: watch::Sender<Status>,
    wire: Option<Wire>,
    rooms: BTreeMap<RoomName, Session>,
    /// How often events were asked for; each asking has its number, so that late answers are told
    /// apart.
    follows: u64,
}

impl Task {
    pub fn new(
        person: Author,
        requests: mpsc::Receiver<Request>,
        heard: mpsc::Receiver<Heard>,
        line: JoinHandle<()>,
        drained: Arc<Notify>,
        status: watch::Sender<Status>,
    ) -> Self {
        let (wire, rooms) = (None, BTreeMap::new());
        Self { person, requests, heard, line, drained, status, wire, rooms, follows: 0 }
    }

    /// Works until the client is closed, which whoever sent `closing` hears of by its drop, or nobody
    /// has anything of the client any more.
    pub async fn run(mut self, mut closing: oneshot::Receiver<oneshot::Sender<()>>) {
        let closed = select! {
            // Whatever is being done; a server that does not read must not keep the client.
            Ok(closed) = &mut closing => Some(closed),
            () = self.work() => None,
        };
        self.close().await;
        drop(closed);
    }

    async fn work(&mut self) {
        let drained = Arc::clone(&self.drained);
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            select! {
                request = self.requests.recv() => match request {
                    Some(request) => self.take(request).await,
                    None => return,
                },
                heard = self.heard.recv() => match heard {
                    Some(heard) => self.hear(heard).await,
                    None => return,
                },
                () = drained.notified() => self.ask_for_events().await,
                _ = tick.tick() => self.tick().await,
            }
        }
    }

    async fn take(&mut self, request: Request) {
        match request {
            Request::Open { name, reply } => self.open(name, reply).await,
            Request::Edit { room, command, reply } => {
                let Some(session) = self.rooms.get_mut(&room) else { return };
                let (made, said) = session.edit(command);
                // Who asked may have gone; the edit stands.
                let _ = reply.send(made);
                self.say(said).await;
            }
            Request::Follow { room, after, events } => {
                let Some(session) = self.rooms.get_mut(&room) else { return };
                session.follows.add(after, events);
                self.ask_for_events().await;
            }
        }
    }

    async fn open(&mut self, name: RoomName, reply: oneshot::Sender<Opened>) {
        let is_new = !self.rooms.contains_key(&name);
        let session = self.rooms.entry(name.clone()).or_insert_with(|| {
            let is_away =
                matches!(*self.status.borrow(), Status::Offline(_) | Status::SignedOut(_));
            Session::new(name.clone(), self.person.clone(), is_away)
        });
        let asks = is_new || session.forget_refusal();
        let _ = reply.send(session.opened());
        if let Some(wire) = self.wire.as_ref().filter(|_| asks) {
            wire.send(vec![wire.room(name.as_str())]).await;
        }
    }

    async fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Up(wire) => {
                self.status.send_replace(Status::Online);
                wire.send(self.rooms.keys().map(|name| wire.room(name.as_str())).collect()).await;
                self.wire = Some(wire);
            }
            Heard::Down(reason) => {
                self.wire = None;
                self.rooms.values_mut().for_each(Session::left);
                self.status.send_replace(match reason.signs_out() {
                    true => Status::SignedOut(reason),
                    false => Status::Offline(reason),
                });
            }
            // What comes from a connection that was given up is not heard.
            Heard::Frame(frame) if self.wire.is_some() => self.hear_frame(frame).await,
            Heard::Frame(_) => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "a client takes what it knows")]
    async fn hear_frame(&mut self, frame: Frame) {
        let session = match &frame {
            Frame::RoomFound { name, .. } | Frame::RoomRefused { name, .. } => {
                name.parse().ok().and_then(|name: RoomName| self.rooms.get_mut(&name))
            }
            Frame::Sync { document, .. }
            | Frame::SyncPart { document, .. }
            | Frame::Authors { document, .. }
            | Frame::Refused { document, .. }
            | Frame::DocUnavailable { document, .. } => of_document(&mut self.rooms, document),
            Frame::Events { id, .. } | Frame::FollowEnded { id, .. } => {
                self.rooms.values_mut().find(|session| session.follows.has(*id))
            }
            _ => None,
        };
        let (Some(session), Some(wire)) = (session, &self.wire) else { return };
        let said = match frame {
            Frame::RoomFound { epoch, document, .. } => {
                let said = session.entered(epoch, document, wire);
                self.say(said).await;
                return self.ask_for_events().await;
            }
            Frame::RoomRefused { code, message, .. } => {
                session.refused(Refusal { code, message });
                Said::default()
            }
            Frame::DocUnavailable { .. } => {
                let code = "room-unavailable".to_owned();
                let message = "the server does not have this room for you".to_owned();
                session.refused(Refusal { code, message });
                Said::default()
            }
            Frame::Sync { data, .. } => session.received(data),
            Frame::SyncPart { total, data, .. } => session.received_part(total, &data),
            Frame::Authors { authors, .. } => session.introduced(authors),
            Frame::Refused { hashes, code, message, .. } => {
                session.refused_changes(&hashes, Refusal { code, message })
            }
            Frame::Events { id, events, .. } => {
                let full = session.follows.events(id, events);
                Said {
                    frames: full.map(|id| wire.unfollow(id)).into_iter().collect(),
                    ..<_>::default()
                }
            }
            Frame::FollowEnded { id, code, message, first, last, .. } => {
                session.follows.ended(id, follow_error(code, message, first, last));
                Said::default()
            }
            _ => Said::default(),
        };
        self.say(said).await;
    }

    /// Asks for events where that was not done on this connection, or where a slow reader has caught
    /// up.
    async fn ask_for_events(&mut self) {
        let Some(wire) = &self.wire else { return };
        for session in self.rooms.values_mut() {
            let Some(document) = session.synced_document() else { continue };
            let asked = session.follows.ask(&mut self.follows);
            let frames = asked.into_iter().map(|(id, after)| wire.follow(document, id, after));
            wire.send(frames.collect()).await;
        }
    }

    async fn tick(&mut self) {
        let mut all = Said::default();
        let mut unused = Vec::new();
        for (name, session) in &mut self.rooms {
            all.append(session.tick());
            let gone = session.follows.forget_readers();
            if let Some(wire) = &self.wire {
                all.frames.extend(gone.into_iter().map(|id| wire.unfollow(id)));
            }
            if session.is_unused() {
                unused.push(name.clone());
            }
        }
        for session in unused.iter().filter_map(|name| self.rooms.remove(name)) {
            all.frames.extend(self.wire.as_ref().and_then(|wire| session.leave(wire)));
        }
        self.say(all).await;
    }

    /// Sends what rooms have to say, or gives the connection up where what came cannot be.
    async fn say(&mut self, said: Said) {
        let Some(wire) = &self.wire else { return };
        wire.send(said.frames).await;
        if let Some(fault) = said.fault {
            tracing::warn!(fault, "the connection is given up");
            self.wire = None;
            self.rooms.values_mut().for_each(Session::left);
        }
    }

    /// Leaves the rooms, and waits for the end of the line, though not for long.
    async fn close(self) {
        let Self { wire, rooms, heard, mut line, .. } = self;
        let leaving = async {
            if let Some(wire) = wire {
                wire.send(rooms.values().filter_map(|session| session.leave(&wire)).collect())
                    .await;
            }
            drop(heard);
            (&mut line).await
        };
        if timeout(CLOSE_MAX, leaving).await.is_err() {
            line.abort();
        }
    }
}

fn of_document<'a>(
    rooms: &'a mut BTreeMap<RoomName, Session>,
    document: &DocumentId,
) -> Option<&'a mut Session> {
    rooms.values_mut().find(|session| session.document() == *document)
}

fn follow_error(
    code: String,
    message: String,
    first: Option<u64>,
    last: Option<u64>,
) -> FollowError {
    match (code.as_str(), first, last) {
        ("events-gone", Some(first), Some(last)) => FollowError::Gone { first, last },
        ("events-ahead", _, Some(last)) => FollowError::Ahead { last },
        _ => FollowError::Refused { code, message },
    }
}
