//! A client that was away: Automerge's own sync over a document of its own.

use automerge::{
    Automerge, ChangeHash,
    sync::{Message, State, SyncDoc},
};
use chartroom_engine::DocumentId;
use chartroom_server::wire::frame::{Frame, SyncHead, decode};

use super::{Manner, RepoRoom, client::join};
use crate::{
    board::Sent,
    voice::{Heard, Voice},
};

pub(super) struct Returning {
    document: DocumentId,
    peer_id: String,
    server_id: String,
    doc: Automerge,
    state: State,
    /// The last changes of the others.
    others: Vec<ChangeHash>,
    done: bool,
}

impl Returning {
    /// One that knows what it had in common with the server when it left, as stock clients store it.
    pub fn new(room: &RepoRoom, doc: Automerge, others: Vec<ChangeHash>) -> Self {
        let state = State { shared_heads: room.base.heads.clone(), ..State::new() };
        Self {
            document: room.document,
            peer_id: format!("bench-{}-returning", room.id.name.key()),
            server_id: String::new(),
            doc,
            state,
            others,
            done: false,
        }
    }

    fn say(&mut self) -> Vec<Vec<u8>> {
        let head = SyncHead::new(&self.peer_id, &self.server_id, &self.document);
        let message = self.doc.generate_sync_message(&mut self.state);
        message.map(|message| head.frame(&message.encode())).into_iter().collect()
    }
}

impl Voice for Returning {
    fn open(&mut self) -> Vec<Vec<u8>> {
        vec![join(&self.peer_id, Manner::Stock)]
    }

    fn hear(&mut self, frame: &[u8], heard: &mut Heard) -> anyhow::Result<Vec<Vec<u8>>> {
        match decode(frame)? {
            Frame::Peer { sender, .. } => {
                self.server_id = sender;
                Ok(self.say())
            }
            Frame::Sync { data, .. } | Frame::Request { data, .. } => {
                let message = Message::decode(&data)?;
                self.doc.receive_sync_message(&mut self.state, message)?;
                let answer = self.say();
                let heads = self.doc.get_heads();
                let has_others = self.others.iter().all(|hash| heads.contains(hash));
                let in_step = self.state.their_heads.as_ref() == Some(&heads);
                heard.synced = has_others && in_step && !self.done;
                self.done |= heard.synced;
                Ok(answer)
            }
            _ => Ok(Vec::new()),
        }
    }

    fn edit(&mut self) -> Option<(Sent, Vec<u8>)> {
        None
    }

    fn presence(&mut self, _sent: Sent) -> Vec<u8> {
        Vec::new()
    }
}
