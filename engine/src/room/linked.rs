//! Another server in a room: whom it vouches for, and what is noted of the changes it brings.
//!
//! Its changes pass the same checks as a person's. What differs: the authors are the persons who made
//! them, as the server says where nobody is known here; a refused change is kept aside; and of what
//! was made before the two servers met events are logged, and raised nowhere.

use std::{collections::BTreeMap, sync::Arc};

use automerge::{ActorId, Change, ChangeHash};

use super::{
    Room,
    inbox::Work,
    io::{Linked, Output, Quarantined},
    member::Member,
};
use crate::{
    Author, Peer, change::Refusal, document::People, event::ResourceChange, limits, sync::Session,
    time,
};

/// Claims of a time before this, in milliseconds since 1970, are those of a clock that was never
/// set: the first day of 2020.
const CLOCK_SET_MS: i64 = 1_577_836_800_000;

/// What a member has that is another server.
#[derive(Debug)]
pub(super) struct Link {
    server: Arc<str>,
    since_ms: u64,
    /// Who is behind actors, as it says.
    vouched: BTreeMap<ActorId, Author>,
}

/// The way that a change came.
#[derive(Debug)]
pub(super) struct Through {
    /// The server.
    pub server: Arc<str>,
    /// Whether the change was made before the two servers met.
    history: bool,
}

impl Link {
    /// What is noted of one of its changes.
    pub fn through(&self, change: &Change) -> Through {
        let made_ms = time::claimed_ms(change.timestamp());
        let since_ms = i64::try_from(self.since_ms).unwrap_or(i64::MAX);
        // Changes tell the second in which they were made, so the last one before that counts as after.
        let history = (CLOCK_SET_MS..=since_ms - 1000).contains(&made_ms);
        Through { server: Arc::clone(&self.server), history }
    }
}

impl Through {
    /// Notes it in what a change made of a resource.
    pub fn mark(&self, change: ResourceChange) -> ResourceChange {
        let via = Some(Arc::clone(&self.server));
        ResourceChange { via, import: change.import || self.history, ..change }
    }
}

/// Who is responsible for what an actor writes.
#[derive(Debug)]
pub(super) enum Whose {
    /// This person.
    Of(Author),
    /// Nobody: it comes from the server that a client trusts.
    Nobodys,
    /// Another server has yet to say: it does so ahead of the changes, but what was on its way when this
    /// side entered the room anew comes before that.
    Untold,
}

impl Member {
    /// The person responsible for what an actor writes over this connection: who is signed in, or,
    /// through another server, whom that vouches for, who is known here, or somebody at that server
    /// where it names nobody.
    pub fn author_of(&self, actor: &ActorId, people: &People) -> Whose {
        let author = || self.author.clone().map_or(Whose::Nobodys, Whose::Of);
        let Some(link) = self.server() else { return author() };
        let known = people.of(actor);
        let known_person = known.filter(|known| !People::is_somebody_at(known));
        match link.vouched.get(actor).or(known_person).or(known) {
            Some(person) => Whose::Of(person.clone()),
            None if self.extensions => Whose::Untold,
            None => author(),
        }
    }
}

impl Room {
    pub(super) fn link(&mut self, peer: Peer, server: Linked) {
        let Linked { name, opens, may_write, extensions, since_ms } = server;
        let itself = Author::new(format!("{}{name}", People::SOMEBODY_AT), &*name);
        let mut member = Member::new(Some(itself), may_write, extensions);
        member.session = Session::between_servers(opens);
        member.link = Some(Link { server: name, since_ms, vouched: BTreeMap::new() });
        self.enter_member(peer, member);
    }

    pub(super) fn vouched(&mut self, peer: Peer, actors: Vec<(ActorId, Author)>) {
        let Some(member) = self.members.get_mut(&peer) else { return };
        let Some(link) = &mut member.link else { return };
        for (actor, author) in actors {
            // Somebody at a server is nobody that is not known better.
            let known = self.people.of(&actor);
            let is_known =
                known.is_some_and(|known| known.id == author.id || People::is_somebody_at(&author));
            if !is_known && link.vouched.len() < limits::VOUCHED_MAX {
                link.vouched.insert(actor, author);
            }
        }
        if !member.orphans.is_empty() {
            // What waited for it can be taken now.
            self.inbox.push_back(Work::Changes { peer, chunks: Vec::new() });
        }
    }

    /// Has a change of another server kept aside that is refused; one of a person's is that person's to
    /// offer again.
    pub(super) fn keep_aside(
        &mut self,
        peer: Peer,
        (hash, actor): (ChangeHash, Option<&ActorId>),
        bytes: &[u8],
        reason: &Refusal,
    ) {
        if self.members.get(&peer).is_some_and(|member| member.server().is_some()) {
            let (actor, reason) = (actor.cloned(), reason.clone());
            let change = Quarantined { hash, actor, bytes: bytes.into(), reason };
            self.outputs.push_back(Output::Quarantine { peer, change });
        }
    }

    /// Whether another server has said that it has exactly what this room has, durably where it
    /// promises that.
    pub fn is_in_step(&self, peer: Peer) -> bool {
        let member = self.members.get(&peer);
        member.is_some_and(|member| member.session.is_in_step(&self.document.heads()))
    }

    /// How many changes here a peer has not said to have. Costs by their number and by the history.
    pub fn lacks(&self, peer: Peer) -> u64 {
        let Some(member) = self.members.get(&peer).filter(|_| !self.is_in_step(peer)) else {
            return 0;
        };
        let known = member.session.their_known(&self.document);
        // Who has said nothing that is known here has the genesis, as everybody has.
        let genesis = usize::from(known.is_empty());
        self.document.metas_since(&known).len().saturating_sub(genesis) as u64
    }
}
