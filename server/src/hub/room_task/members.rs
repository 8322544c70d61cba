//! The peers in one room, and what is said to them.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use chartroom_client::deflate::deflate;
use chartroom_engine::{
    ActorId, Answer, Author, ChangeHash, CloseReason, Peer, Quarantined, Room, RoomId,
    access::Access, change::Refusal, heads_digest, limits::SYNC_PART_BYTES,
};
use tokio::time::Instant;

use super::presence::Presence;
use crate::{
    audit::{Door, Entry},
    auth::BROKEN_GLASS,
    clock,
    hub::{
        Closing, Hub,
        answers::Answers,
        ephemeral::{Ephemeral, Seen},
        link::Link,
    },
    limits::Limit,
    wire::frame::{Frame, RemoteHeads, SyncHead, encode_sync_part},
};

/// Everyone in a room.
#[derive(Default)]
pub(super) struct Members {
    links: BTreeMap<Peer, Member>,
    /// Those that are servers, and whether each was last in step.
    servers: BTreeMap<Peer, bool>,
    seen: Seen,
    presence: Presence,
    /// The last long message that went out in parts, for all who are sent the same.
    parts: Option<(Arc<[u8]>, Vec<Bytes>)>,
}

/// One of them.
struct Member {
    link: Arc<Link>,
    answers: Arc<Answers>,
    sync: SyncHead,
    /// Whether glass had to be broken for it.
    glass: bool,
    /// Whether it may change nothing.
    read_only: bool,
}

impl Drop for Members {
    /// Whoever is still in the room when its task ends, by a panic as well, would wait for nothing.
    fn drop(&mut self) {
        for Member { link, .. } in self.links.values() {
            link.outbox.close(Closing::try_again("the room is loaded again; connect anew"));
        }
    }
}

impl Members {
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    pub fn count(&self) -> usize {
        self.links.len()
    }

    pub fn enter(
        &mut self,
        us: &str,
        id: &RoomId,
        peer: Peer,
        link: Arc<Link>,
        access: &Access,
        answers: Arc<Answers>,
    ) {
        let sync = SyncHead::new(us, &link.peer_id, &id.document_id());
        if link.server.is_some() {
            self.servers.insert(peer, false);
        }
        let (glass, read_only) = (access.glass_until_ms.is_some(), !access.writes());
        self.links.insert(peer, Member { link, answers, sync, glass, read_only });
    }

    /// Adds to the entry of a change how its author is in the room, where they are.
    pub fn locate(&self, entry: Entry) -> Entry {
        let id = entry.who.as_ref().map(|who| who.id.as_str()).unwrap_or_default();
        let member = self.links.values().find(|member| member.link.person == id);
        let Some(Member { link, glass, .. }) = member else { return entry };
        let entry = entry.via(Door::Sync).connection(link.peer_id.clone());
        let entry = link.from.into_iter().fold(entry, Entry::from);
        if *glass { entry.purpose(BROKEN_GLASS, None) } else { entry }
    }

    /// A peer is gone. The link of a server that was not in step hears how the room stands: what was
    /// on its way to that server may have been lost with its membership.
    pub fn leave(&mut self, id: &RoomId, peer: Peer, room: &Room) {
        let member = self.links.remove(&peer);
        self.presence.leave(peer);
        let was_in_step = self.servers.remove(&peer);
        if was_in_step == Some(false)
            && room.settled()
            && let Some(server) = member.as_ref().and_then(|member| member.link.server.as_ref())
        {
            let heads = heads_digest(&room.document().heads());
            server.news.tell(id, |news| news.heads = Some(heads));
        }
    }

    /// Tells links whether their servers have what the room has, where that changed.
    pub fn tell_servers(&mut self, id: &RoomId, room: &Room) {
        if self.servers.is_empty() || !room.settled() {
            return;
        }
        for (peer, was) in &mut self.servers {
            let is = room.is_in_step(*peer);
            if std::mem::replace(was, is) != is
                && let Some(server) = self.links.get(peer).and_then(|m| m.link.server.as_ref())
            {
                let heads = heads_digest(&room.document().heads());
                server.news.tell(id, |news| {
                    (news.in_step, news.heads) = (Some((is, heads)), Some(heads));
                });
            }
        }
    }

    /// Tells links how many changes their servers lack, which costs more than whether any.
    pub fn count_what_servers_lack(&self, id: &RoomId, room: &Room) {
        for (peer, _) in self.servers.iter().filter(|(_, in_step)| !**in_step) {
            if let Some(server) = self.links.get(peer).and_then(|m| m.link.server.as_ref()) {
                let lacks = room.lacks(*peer);
                server.news.tell(id, |news| news.lacks = Some(lacks));
            }
        }
    }

    /// Keeps a change aside that another server brought and this one's rules refuse.
    pub fn keep_aside(
        &self,
        hub: &Arc<Hub>,
        id: &RoomId,
        room: &Room,
        peer: Peer,
        change: Quarantined,
    ) {
        let Some(Member { link, .. }) = self.links.get(&peer) else { return };
        let Some(server) = &link.server else { return };
        server.news.tell(id, |news| news.quarantined += 1);
        if hub.keep_aside(id, room.people(), &server.name, change).is_err() {
            let message =
                "more changes are refused here than are kept aside; an operator has to look";
            link.fail(&hub.peer_id, Closing::policy(message));
        }
    }

    /// Ends the connection of one peer.
    pub fn close(&self, us: &str, peer: Peer, reason: CloseReason) {
        let closing = match reason {
            CloseReason::Garbage(_) => Closing::protocol(reason.to_string()),
            CloseReason::OverLimit(_) => Closing::over(Limit::MessageLists, reason.to_string()),
            CloseReason::Harm => Closing::policy(reason.to_string()),
        };
        if let Some(Member { link, .. }) = self.links.get(&peer) {
            link.fail(us, closing);
        }
    }

    /// Lets everybody out of an epoch that is sealed, with word of where the room is now; a client
    /// that does not understand that hears that the document is not to be had.
    pub fn send_away(&mut self, us: &str, sealed: &RoomId, now: &RoomId) {
        self.presence = Presence::default();
        for Member { link, read_only, .. } in std::mem::take(&mut self.links).into_values() {
            let (sender, target) = (us.to_owned(), link.peer_id.clone());
            link.send(&if link.extensions {
                let (name, epoch, document) = (now.name.to_string(), now.epoch, now.document_id());
                let compartments = Vec::new();
                Frame::RoomFound { sender, target, name, epoch, document, compartments, read_only }
            } else {
                Frame::DocUnavailable { sender, target, document: sealed.document_id() }
            });
        }
    }

    /// Ends all connections, and says how many.
    pub fn close_all(&mut self, us: &str, closing: &Closing) -> u64 {
        let links = std::mem::take(&mut self.links);
        for Member { link, .. } in links.values() {
            link.fail(us, closing.clone());
        }
        links.len() as u64
    }

    /// Hands a message of one member to the others, unless it came round.
    pub fn relay(&mut self, us: &str, id: &RoomId, from: Peer, message: Ephemeral) {
        if !self.links.contains_key(&from) || !self.seen.admit(&message) {
            return;
        }
        let links = self.links.iter().map(|(peer, member)| (peer, &member.link));
        let others = links.filter(|(peer, link)| {
            **peer != from && link.peer_id != message.sender && link.peer_id != us
        });
        for (_, link) in others {
            link.send(&Frame::Ephemeral {
                sender: message.sender.clone(),
                target: link.peer_id.clone(),
                document: id.document_id(),
                count: message.count,
                session: message.session.clone(),
                data: message.data.clone(),
            });
        }
    }

    /// A member wants to hear who is here, and shows itself to the others, or nothing of itself.
    pub fn present(
        &mut self,
        hub: &Hub,
        id: &RoomId,
        peer: Peer,
        person: Author,
        state: Option<String>,
    ) {
        let Some(Member { link, .. }) = self.links.get(&peer) else { return };
        let listens = self.presence.listens(peer);
        if self.presence.show(peer, &link.peer_id, person, state).is_err() {
            hub.exceeded(Limit::Present);
        }
        if !listens {
            self.tell_late_who_is_here(&hub.peer_id, id);
        }
    }

    /// When the members are to hear what changed about who is here.
    pub fn presence_due(&self) -> Option<Instant> {
        self.presence.due()
    }

    /// Tells everybody who listens what changed about who is here, with the same bytes.
    pub fn tell_who_is_here(&mut self, us: &str, id: &RoomId) {
        let outbox = |peer| self.links.get(&peer).map(|member| &*member.link.outbox);
        self.presence.tell_changes(us, &id.document_id(), outbox);
    }

    /// Everybody who is shown here, each once.
    pub fn people(&self) -> Vec<Author> {
        self.presence.people()
    }

    /// Tells those who is here who have not heard it yet, or read too slowly to hear all of it.
    pub fn tell_late_who_is_here(&mut self, us: &str, id: &RoomId) {
        let link = |peer| self.links.get(&peer).map(|member| &*member.link);
        self.presence.tell_late(us, &id.document_id(), link);
    }

    /// Sends one message of a sync session, to which the room need not hear `answer`.
    pub fn send_sync(
        &mut self,
        us: &str,
        id: &RoomId,
        peer: Peer,
        message: &Arc<[u8]>,
        answer: Option<Answer>,
    ) {
        let Some(Member { link, answers, sync, .. }) = self.links.get(&peer) else { return };
        // Before the peer can answer.
        answers.expect(answer);
        let in_parts = link.parts && message.len() > SYNC_PART_BYTES;
        if link.server.as_ref().is_some_and(|server| server.chartroom)
            && let Some(data) = deflate(message)
        {
            return link.send(&Frame::SyncDeflated {
                sender: us.to_owned(),
                target: link.peer_id.clone(),
                document: id.document_id(),
                size: message.len() as u64,
                data,
            });
        }
        // What is larger than the queue goes as one frame or not at all.
        if !in_parts || !link.outbox.holds(message.len()) {
            return link.outbox.push(sync.frame(message).into());
        }
        let known = self.parts.take().filter(|(of, _)| Arc::ptr_eq(of, message));
        let (_, parts) = self.parts.insert(known.unwrap_or_else(|| {
            let (parts, total) = (message.chunks(SYNC_PART_BYTES), message.len() as u64);
            let document = id.document_id();
            let parts = parts.map(|part| encode_sync_part(us, &document, total, part).into());
            (Arc::clone(message), parts.collect())
        }));
        parts.iter().for_each(|part| link.outbox.push(part.clone()));
    }

    /// Forgets what is quickly made again when somebody comes.
    pub fn rest(&mut self) {
        self.parts = None;
    }

    /// Tells a peer that understands it which of its changes are not taken; ends it if these are too
    /// many.
    pub fn send_refused(
        &self,
        us: &str,
        id: &RoomId,
        peer: Peer,
        hashes: &[ChangeHash],
        reason: &Refusal,
    ) {
        let document = id.document_id();
        tracing::debug!(%document, code = reason.code(), count = hashes.len(), "changes refused");
        let Some(Member { link, .. }) = self.links.get(&peer) else { return };
        if link.extensions {
            link.send(&Frame::Refused {
                sender: us.to_owned(),
                target: link.peer_id.clone(),
                document,
                hashes: hashes.iter().map(|hash| hash.0).collect(),
                code: reason.code().to_owned(),
                message: reason.to_string(),
            });
        }
        if let Err(closing) = link.refused(hashes.len()) {
            link.fail(us, closing);
        }
    }

    /// Tells a peer that understands it who is behind some actors.
    pub fn send_authors(&self, us: &str, id: &RoomId, peer: Peer, actors: &[(ActorId, Author)]) {
        let member = self.links.get(&peer).filter(|member| member.link.extensions);
        if let Some(Member { link, .. }) = member {
            let authors =
                actors.iter().map(|(actor, author)| (actor.to_bytes().to_vec(), author.clone()));
            link.send(&Frame::Authors {
                sender: us.to_owned(),
                target: link.peer_id.clone(),
                document: id.document_id(),
                authors: authors.collect(),
            });
        }
    }

    /// Tells those who asked for it what this server's storage holds now.
    pub fn announce_heads(&self, hub: &Hub, id: &RoomId, room: &Room) {
        let links = self.links.values().map(|member| &member.link);
        let mut wanting = links.filter(|link| link.heads_wanted()).peekable();
        if wanting.peek().is_none() || !room.settled() {
            return;
        }
        let heads = room.document().heads();
        let heads = heads.iter().map(|head| bs58::encode(head.0).with_check().into_string());
        let held = RemoteHeads { heads: heads.collect(), timestamp_ms: clock::now_ms() };
        let heads = BTreeMap::from([(hub.storage_id.clone(), held)]);
        for link in wanting {
            link.send(&Frame::RemoteHeadsChanged {
                sender: hub.peer_id.clone(),
                target: link.peer_id.clone(),
                document: id.document_id(),
                heads: heads.clone(),
            });
        }
    }
}
