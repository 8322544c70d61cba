//! One room of a client: the replica that programs read, and its exchange with the server.
//!
//! When the room is founded anew, its next epoch is fetched beside the present one, which stays as it
//! is and takes edits; with the first answer of the server the next one takes its place, and what is
//! unsaved is made again in it.

use std::sync::{Arc, Mutex};

use chartroom_engine::{
    ActorId, Author, ChangeHash, Command, CommandError, Document, DocumentId, Input, Peer, Role,
    Room, RoomConfig, RoomId, RoomName, limits::ROOM_BYTES_MAX, mint_actor,
};
use tokio::sync::watch;

use super::{
    NotMade, Opened, Refusal, Standing,
    drive::{Driven, drive},
    follows::Follows,
    unsaved::{Entry, Unsaved, settle},
};
use crate::{
    clock::now_ms,
    edit::{EditState, Fate, SaveError},
    frame::SyncHead,
    line::Wire,
    room::lock,
};

/// One room.
pub(super) struct Session {
    person: Author,
    /// Of the room that is synced, as are document and wire.
    id: RoomId,
    document: DocumentId,
    wire: Option<Entered>,
    shown: Arc<Mutex<Room>>,
    /// The room's next epoch, until the server has said what it has.
    next: Option<Room>,
    joined: u64,
    tickets: u64,
    unsaved: Unsaved,
    pub follows: Follows,
    standing: watch::Sender<Standing>,
}

/// A connection on which the room is open.
struct Entered {
    peer: Peer,
    head: SyncHead,
    /// What has arrived of a sync message that comes in parts.
    part: Vec<u8>,
}

/// What a room has to say.
#[derive(Default)]
pub(super) struct Said {
    /// Encoded frames for the server.
    pub frames: Vec<Vec<u8>>,
    /// Why the connection has to be made anew.
    pub fault: Option<&'static str>,
}

impl Said {
    pub fn append(&mut self, other: Self) {
        self.frames.extend(other.frames);
        self.fault = self.fault.or(other.fault);
    }
}

impl Session {
    /// A room as it is founded; `is_away` says that the server cannot be asked at present.
    pub fn new(name: RoomName, person: Author, is_away: bool) -> Self {
        let id = RoomId::first(name);
        let standing = Standing { answered: is_away, ..Standing::default() };
        Self {
            document: id.document_id(),
            shown: Arc::new(Mutex::new(found(&id, &person))),
            person,
            id,
            wire: None,
            next: None,
            joined: 0,
            tickets: 0,
            unsaved: Unsaved::default(),
            follows: Follows::default(),
            standing: watch::Sender::new(standing),
        }
    }

    pub fn opened(&self) -> Opened {
        Opened { shown: Arc::clone(&self.shown), standing: self.standing.subscribe() }
    }

    /// The document that is synced.
    pub fn document(&self) -> DocumentId {
        self.document
    }

    /// The same, where the room is open on the connection.
    pub fn synced_document(&self) -> Option<DocumentId> {
        self.wire.as_ref().map(|_| self.document)
    }

    /// Whether nobody has the room open, and the server has all of it.
    pub fn is_unused(&self) -> bool {
        self.standing.receiver_count() == 0 && self.follows.is_empty() && self.unsaved.count() == 0
    }

    /// The server is to be asked again for a room that it refused; says whether it did.
    pub fn forget_refusal(&self) -> bool {
        let was_refused = self.standing.borrow().refused.is_some();
        if was_refused {
            self.tell(|room| room.refused = None);
        }
        was_refused
    }

    /// What tells the server that nobody is in the room any more.
    pub fn leave(&self, wire: &Wire) -> Option<Vec<u8>> {
        self.synced_document().map(|document| wire.leave_room(document))
    }

    /// Makes an edit in the room that is shown.
    pub fn edit(&mut self, command: Command) -> (Result<EditState, NotMade>, Said) {
        if self.unsaved.is_full() {
            return (Err(NotMade::Full(command)), Said::default());
        }
        let bytes = serde_json::to_vec(&command).map_or(0, |text| text.len());
        let kept = Arc::new(command.clone());
        let input = self.command(command);
        let mut driven = drive(&mut lock(&self.shown), input);
        let made = match driven.answer.take() {
            Some(Ok(edit)) => {
                let (fate, state) = watch::channel(Fate::default());
                self.unsaved.add(edit.hash, Entry::new(fate, bytes));
                Ok(EditState { command: kept, fate: state })
            }
            Some(Err(error)) => Err(NotMade::Command(error)),
            None => Err(NotMade::Command(CommandError::Write)),
        };
        (made, self.take(driven, SaveError::Dropped))
    }

    /// The server has named the room's document, on a connection that is new, or since the room was
    /// founded anew.
    pub fn entered(&mut self, epoch: u32, document: DocumentId, wire: &Wire) -> Said {
        let id = RoomId { name: self.id.name.clone(), epoch };
        if id.document_id() != document {
            let code = "protocol".to_owned();
            let message = "the server has another document for this room".to_owned();
            self.refused(Refusal { code, message });
            return Said::default();
        }
        if id == self.id && self.wire.is_some() {
            return Said::default();
        }
        self.leave_peer();
        let shown = lock(&self.shown).id().clone();
        self.next = (id != shown).then(|| found(&id, &self.person));
        (self.id, self.document) = (id, document);
        self.joined += 1;
        let (peer, head) = (Peer(self.joined), wire.sync_head(&document));
        self.wire = Some(Entered { peer, head, part: Vec::new() });
        let joined = Input::Joined { peer, author: None, may_write: true, extensions: true };
        let driven = self.feed(joined);
        let said = self.take(driven, SaveError::Dropped);
        self.tell(|room| (room.synced, room.refused) = (false, None));
        said
    }

    /// The server does not serve this room.
    pub fn refused(&self, refusal: Refusal) {
        self.tell(|room| (room.synced, room.refused) = (false, Some(refusal)));
    }

    /// The connection is gone.
    pub fn left(&mut self) {
        self.follows.lost();
        self.leave_peer();
        self.next = None;
        self.id = lock(&self.shown).id().clone();
        self.document = self.id.document_id();
        self.tell(|room| (room.answered, room.synced, room.refused) = (true, false, None));
    }

    /// A sync message came.
    pub fn received(&mut self, message: Vec<u8>) -> Said {
        let Some(entered) = &self.wire else { return Said::default() };
        let driven = self.feed(Input::Received { peer: entered.peer, message });
        let mut said = self.take(driven, SaveError::Dropped);
        if said.fault.is_none() {
            if let Some(next) = self.next.take() {
                said.append(self.move_on(next));
            }
            self.tell(|room| (room.answered, room.synced, room.refused) = (true, true, None));
        }
        said
    }

    /// The next piece of a sync message of `total` bytes came.
    pub fn received_part(&mut self, total: u64, data: &[u8]) -> Said {
        let Some(entered) = &mut self.wire else { return Said::default() };
        entered.part.extend_from_slice(data);
        let length = entered.part.len() as u64;
        if total > ROOM_BYTES_MAX || length > total {
            let fault = Some("the server sent more of a message than it has");
            return Said { fault, ..Said::default() };
        }
        if length < total {
            return Said::default();
        }
        let message = std::mem::take(&mut entered.part);
        self.received(message)
    }

    /// The server says who is behind actors.
    pub fn introduced(&mut self, authors: Vec<(Vec<u8>, Author)>) -> Said {
        let mut said = Said::default();
        for (actor, author) in authors {
            let actor = ActorId::from(actor);
            let driven = self.feed(Input::Introduced { actor, author });
            said.append(self.take(driven, SaveError::Dropped));
        }
        self.tell(|_| ());
        said
    }

    /// The server refused changes.
    pub fn refused_changes(&mut self, hashes: &[[u8; 32]], refusal: Refusal) -> Said {
        let hashes = hashes.iter().copied().map(ChangeHash).collect();
        let driven = self.feed(Input::Refused { hashes });
        let Refusal { code, message } = refusal;
        self.take(driven, SaveError::Refused { code, message })
    }

    /// Time has passed.
    pub fn tick(&mut self) -> Said {
        let driven = self.feed(Input::Tick);
        self.take(driven, SaveError::Dropped)
    }

    /// The server is no peer of the room any more, on this connection or in this epoch.
    fn leave_peer(&mut self) {
        if let Some(entered) = self.wire.take() {
            // What it would say has nobody to hear it.
            drop(self.feed(Input::Left { peer: entered.peer }));
        }
    }

    /// Gives an input to the room that is synced.
    fn feed(&mut self, input: Input) -> Driven {
        match &mut self.next {
            Some(next) => drive(next, input),
            None => drive(&mut lock(&self.shown), input),
        }
    }

    /// Does what an input came to; what was given back, was for this reason.
    fn take(&mut self, driven: Driven, refused: SaveError) -> Said {
        let Driven { messages, saved, given_back, fault, is_untrusted, is_news, .. } = driven;
        let head = self.wire.as_ref().map(|entered| &entered.head);
        let frames = head.map(|head| messages.iter().map(|message| head.frame(message)).collect());
        let saved = self.unsaved.take(saved);
        let refusals = self.unsaved.take(given_back.iter().filter_map(|edit| edit.hash));
        let mut dropped = Vec::new();
        if is_untrusted && self.next.take().is_none() {
            dropped = self.unsaved.take_all();
            *lock(&self.shown) = found(&self.id, &self.person);
        }
        if is_news {
            self.tell(|_| ());
        }
        // Who hears of an edit finds the room's standing as it is now.
        settle(saved, &Ok(()));
        settle(refusals, &Err(refused));
        settle(dropped, &Err(SaveError::Dropped));
        Said { frames: frames.unwrap_or_default(), fault }
    }

    /// Shows the room's next epoch, and makes what is unsaved again in it.
    fn move_on(&mut self, mut next: Room) -> Said {
        let edits = lock(&self.shown).take_pending();
        let mut before = std::mem::take(&mut self.unsaved);
        let mut all = Said::default();
        for edit in edits {
            let entries = before.take(edit.hash);
            let input = self.command(edit.command);
            let mut driven = drive(&mut next, input);
            match driven.answer.take() {
                Some(Ok(edit)) => {
                    entries.into_iter().for_each(|entry| self.unsaved.add(edit.hash, entry));
                }
                Some(Err(error)) => settle(entries, &Err(error.into())),
                None => settle(entries, &Err(SaveError::Dropped)),
            }
            all.append(self.take(driven, SaveError::Dropped));
        }
        *lock(&self.shown) = next;
        all
    }

    fn command(&mut self, command: Command) -> Input {
        self.tickets += 1;
        Input::Command { ticket: self.tickets, author: None, command }
    }

    /// Tells whoever waits that something in the room is another.
    fn tell(&self, change: impl FnOnce(&mut Standing)) {
        self.standing.send_modify(|room| {
            change(room);
            room.unsaved = self.unsaved.count();
            room.is_full = self.unsaved.is_full();
        });
    }
}

/// A room as everybody founds it, with an actor of its own for the person.
fn found(id: &RoomId, person: &Author) -> Room {
    let actor = mint_actor(now_ms(), rand::random());
    let bindings = vec![(actor.clone(), person.clone())];
    let config = RoomConfig { bindings, ..RoomConfig::new(id.clone(), Role::Client) };
    Room::new(config, Document::found(id, actor))
}
