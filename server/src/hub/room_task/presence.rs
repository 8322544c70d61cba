//! Who shows themselves in a room, and what the others hear of it. Kept in memory alone.
//!
//! What changes is gathered for [`GATHER`] and told in one message, the same bytes to everybody who
//! listens, and the last state of a peer is the one that is told. Nothing waits for a slow reader: it
//! is left out, and sent the whole list when it has read what it had.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bytes::Bytes;
use chartroom_engine::{Author, DocumentId, Peer};
use tokio::time::Instant;

use crate::{
    hub::{Outbox, link::Link},
    limits::PRESENT_MAX,
    wire::frame::{Frame, PresentPeer, encode},
};

/// How long changes are gathered before they are told.
const GATHER: Duration = Duration::from_millis(100);

/// A room shows as many peers as it may.
#[derive(Debug)]
pub(super) struct Full;

/// Who is shown in a room, and who hears of it.
#[derive(Default)]
pub(super) struct Presence {
    /// Who listens, and whether they have heard everything that was told.
    listeners: BTreeMap<Peer, bool>,
    /// By peer id.
    shown: BTreeMap<String, Shown>,
    /// Peer ids of which something is to be told.
    changed: BTreeSet<String>,
    due: Option<Instant>,
}

/// One peer as the others see it.
struct Shown {
    peer: Peer,
    person: Author,
    state: String,
}

impl Presence {
    /// Shows a peer, or nothing of it, and has it listen. One that came later under the same id takes
    /// its place.
    pub fn show(
        &mut self,
        peer: Peer,
        peer_id: &str,
        person: Author,
        state: Option<String>,
    ) -> Result<(), Full> {
        self.listeners.entry(peer).or_insert(false);
        let was = self.shown.get(peer_id);
        if was.is_some_and(|was| was.peer > peer) {
            return Ok(());
        }
        if was.is_none() && state.is_some() && self.shown.len() >= PRESENT_MAX {
            return Err(Full);
        }
        let same = was.map(|was| (&was.person, &was.state)) == state.as_ref().map(|s| (&person, s));
        match state {
            Some(state) => {
                self.shown.insert(peer_id.to_owned(), Shown { peer, person, state });
            }
            None => {
                self.shown.remove(peer_id);
            }
        }
        if !same {
            self.change(peer_id.to_owned());
        }
        Ok(())
    }

    /// Whether a peer is told who is here.
    pub fn listens(&self, peer: Peer) -> bool {
        self.listeners.contains_key(&peer)
    }

    /// A peer is gone.
    pub fn leave(&mut self, peer: Peer) {
        if self.listeners.remove(&peer).is_none() {
            return;
        }
        let peer_id = self.shown.iter().find(|(_, shown)| shown.peer == peer);
        if let Some(peer_id) = peer_id.map(|(peer_id, _)| peer_id.clone()) {
            self.shown.remove(&peer_id);
            self.change(peer_id);
        }
    }

    /// Everybody who is shown, each once, by id.
    pub fn people(&self) -> Vec<Author> {
        let by_id = self.shown.values().map(|shown| (&shown.person.id, &shown.person));
        let by_id: BTreeMap<_, _> = by_id.collect();
        by_id.into_values().cloned().collect()
    }

    /// When what changed is to be told.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Tells what changed to everybody who listens.
    pub fn tell_changes<'a>(
        &mut self,
        us: &str,
        document: &DocumentId,
        outbox: impl Fn(Peer) -> Option<&'a Outbox>,
    ) {
        self.due = None;
        let changed = std::mem::take(&mut self.changed);
        let (shown, gone): (Vec<_>, Vec<_>) =
            changed.into_iter().partition(|peer_id| self.shown.contains_key(peer_id));
        let peers = shown.iter().filter_map(|peer_id| self.shown.get_key_value(peer_id));
        let news = told(us, document, false, peers, gone);
        for (peer, in_step) in &mut self.listeners {
            *in_step = *in_step && outbox(*peer).is_some_and(|outbox| outbox.offer(&news));
        }
    }

    /// Tells the whole list, but for themselves, to those who have not heard all that was told.
    pub fn tell_late<'a>(
        &mut self,
        us: &str,
        document: &DocumentId,
        link: impl Fn(Peer) -> Option<&'a Link>,
    ) {
        for (peer, in_step) in self.listeners.iter_mut().filter(|(_, in_step)| !**in_step) {
            let Some(link) = link(*peer).filter(|link| link.outbox.has_space()) else { continue };
            let others = self.shown.iter().filter(|(peer_id, _)| **peer_id != link.peer_id);
            *in_step = link.outbox.offer(&told(us, document, true, others, Vec::new()));
        }
    }

    fn change(&mut self, peer_id: String) {
        self.changed.insert(peer_id);
        self.due.get_or_insert_with(|| Instant::now() + GATHER);
    }
}

fn told<'a>(
    us: &str,
    document: &DocumentId,
    complete: bool,
    shown: impl Iterator<Item = (&'a String, &'a Shown)>,
    gone: Vec<String>,
) -> Bytes {
    let peers = shown.map(|(peer, Shown { person, state, .. })| PresentPeer {
        peer: peer.clone(),
        person: person.clone(),
        state: state.clone(),
    });
    let (sender, document, peers) = (us.to_owned(), *document, peers.collect());
    encode(&Frame::Present { sender, document, complete, peers, gone }).into()
}

#[cfg(test)]
#[allow(clippy::panic, clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt;

    use super::*;
    use crate::{limits::Exceeded, wire::frame::decode};

    const US: &str = "server";
    const DOCUMENT: DocumentId = DocumentId([7; 16]);

    /// Whether a message is the whole list, who shows what, and who is gone.
    type Told = (bool, Vec<(String, String)>, Vec<String>);

    /// A room's presence, and the sockets of those who are in it.
    #[derive(Default)]
    struct Scene {
        presence: Presence,
        links: BTreeMap<Peer, Link>,
    }

    impl Scene {
        fn enter(&mut self, number: u64, peer_id: &str) -> Peer {
            let outbox = Arc::new(Outbox::new(64 * 1024 * 1024, Exceeded::default()));
            let peer = Peer(number);
            self.links.insert(peer, Link::new(peer_id.to_owned(), None, outbox));
            peer
        }

        fn show(&mut self, peer: Peer, state: Option<&str>) -> Result<(), Full> {
            let peer_id = &self.links[&peer].peer_id;
            let person = Author::new(peer_id.to_uppercase(), "N. N.");
            self.presence.show(peer, peer_id, person, state.map(str::to_owned))
        }

        fn tell_late(&mut self) {
            self.presence.tell_late(US, &DOCUMENT, |peer| self.links.get(&peer));
        }

        fn tell(&mut self) {
            let outbox = |peer| self.links.get(&peer).map(|link| &*link.outbox);
            self.presence.tell_changes(US, &DOCUMENT, outbox);
        }

        fn heard(&self, peer: Peer) -> Vec<Bytes> {
            let outgoing = self.links[&peer].outbox.next().now_or_never();
            outgoing.map(|outgoing| outgoing.frames).unwrap_or_default()
        }

        /// What a peer was told.
        fn told(&self, peer: Peer) -> Vec<Told> {
            let told = self.heard(peer).into_iter().map(|bytes| match decode(&bytes) {
                Ok(Frame::Present { complete, peers, gone, .. }) => {
                    let shown = peers.into_iter().map(|shown| {
                        assert_eq!(shown.person.id, shown.peer.to_uppercase());
                        (shown.peer, shown.state)
                    });
                    (complete, shown.collect(), gone)
                }
                other => panic!("{other:?}"),
            });
            told.collect()
        }
    }

    fn shown(peer: &str, state: &str) -> (String, String) {
        (peer.to_owned(), state.to_owned())
    }

    #[tokio::test]
    async fn a_newcomer_hears_who_is_there_and_then_what_changes() {
        let mut scene = Scene::default();
        let (alice, bob) = (scene.enter(1, "alice"), scene.enter(2, "bob"));
        scene.show(alice, Some("1")).unwrap();
        scene.tell_late();
        assert_eq!(scene.told(alice), [(true, vec![], vec![])]);
        scene.show(bob, None).unwrap();
        scene.tell_late();
        assert_eq!(scene.told(bob), [(true, vec![shown("alice", "1")], vec![])]);
        scene.tell();
        scene.told(alice);
        scene.told(bob);
        assert_eq!(scene.presence.due(), None, "nobody moves");
        // The last state is the one that is told.
        for state in ["2", "3", "4"] {
            scene.show(alice, Some(state)).unwrap();
        }
        assert!(scene.presence.due().is_some());
        scene.tell();
        assert_eq!(scene.told(bob), [(false, vec![shown("alice", "4")], vec![])]);
        scene.show(alice, Some("4")).unwrap();
        scene.show(bob, None).unwrap();
        assert_eq!(scene.presence.due(), None, "the same again is nothing new");
        scene.presence.leave(alice);
        scene.tell();
        assert_eq!(scene.told(bob), [(false, vec![], vec!["alice".to_owned()])]);
        scene.presence.leave(bob);
        assert_eq!(scene.presence.due(), None, "who showed nothing goes unnoticed");
        assert!(scene.presence.listeners.is_empty());
    }

    #[tokio::test]
    async fn a_tick_is_one_message_of_the_same_bytes_to_all() {
        let mut scene = Scene::default();
        let peers: Vec<Peer> = (0..100).map(|n| scene.enter(n, &format!("p{n}"))).collect();
        for peer in &peers {
            scene.show(*peer, Some("{}")).unwrap();
            scene.tell_late();
            scene.heard(*peer);
        }
        scene.tell();
        let all: Vec<Bytes> = peers.iter().flat_map(|peer| scene.heard(*peer)).collect();
        assert_eq!(all.len(), 100);
        assert!(all.iter().all(|bytes| bytes.as_ptr() == all.first().unwrap().as_ptr()));
    }

    #[tokio::test]
    async fn a_later_socket_takes_the_place_of_an_earlier_one() {
        let mut scene = Scene::default();
        let (old, new) = (scene.enter(1, "alice"), scene.enter(2, "alice"));
        let bob = scene.enter(3, "bob");
        scene.show(old, Some("old")).unwrap();
        scene.show(new, Some("new")).unwrap();
        // What the old one said last comes late.
        scene.show(old, Some("late")).unwrap();
        scene.presence.leave(old);
        scene.show(bob, None).unwrap();
        scene.tell_late();
        assert_eq!(scene.told(bob), [(true, vec![shown("alice", "new")], vec![])]);
    }

    #[tokio::test]
    async fn who_reads_slowly_is_left_out_and_hears_the_whole_list_later() {
        let mut scene = Scene::default();
        let (alice, bob) = (scene.enter(1, "alice"), scene.enter(2, "bob"));
        scene.show(alice, Some("1")).unwrap();
        scene.show(bob, Some("b")).unwrap();
        scene.tell_late();
        scene.heard(bob);
        scene.links[&bob].outbox.push(Bytes::from(vec![0; 256 * 1024]));
        scene.tell();
        scene.show(alice, Some("2")).unwrap();
        scene.tell();
        scene.tell_late();
        assert_eq!(scene.heard(bob).len(), 1, "what was there");
        scene.show(alice, Some("3")).unwrap();
        scene.tell();
        assert_eq!(scene.heard(bob).len(), 0, "a difference to what it did not hear");
        scene.tell_late();
        assert_eq!(scene.told(bob), [(true, vec![shown("alice", "3")], vec![])]);
        scene.tell_late();
        assert_eq!(scene.heard(bob).len(), 0);
    }

    #[tokio::test]
    async fn a_room_shows_no_more_than_it_may() {
        let mut scene = Scene::default();
        for n in 0..PRESENT_MAX as u64 {
            let peer = scene.enter(n, &format!("p{n}"));
            scene.show(peer, Some("{}")).unwrap();
        }
        let late = scene.enter(1000, "late");
        assert!(scene.show(late, Some("{}")).is_err());
        assert!(scene.presence.listens(late));
        scene.presence.leave(Peer(0));
        scene.show(late, Some("{}")).unwrap();
    }
}
