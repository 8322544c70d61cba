//! Another server in a room: whom it vouches for, and what is noted of the changes it brings.
//!
//! Its changes pass the same checks as a person's. What differs: the authors are the persons who made
//! them, as the server says where nobody is known here; a refused change is kept aside; and of what
//! was made before the two servers met events are logged, and raised nowhere.

use std::{collections::BTreeMap, sync::Arc};

use automerge::{ActorId, Change};

use super::{Room, io::Linked, member::Member};
use crate::{Author, Peer, document::People, event::ResourceChange, limits, sync::Session, time};

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
    /// Whether it has still to say so: what comes before is the rest of an earlier exchange.
    unheard: bool,
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
        let history = (CLOCK_SET_MS..since_ms).contains(&made_ms);
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

impl Member {
    /// The person responsible for what an actor writes over this connection: who is signed in, or,
    /// through another server, whom that vouches for, who is known here, or the server itself.
    /// `None` while the server has still to say who it is: the change is asked for again.
    pub fn author_of(&self, actor: &ActorId, people: &People) -> Option<Author> {
        let vouched = self
            .link
            .as_ref()
            .and_then(|link| link.vouched.get(actor).or_else(|| people.of(actor)).cloned());
        let unheard = self.link.as_ref().is_some_and(|link| link.unheard);
        vouched.or_else(|| self.author.clone().filter(|_| !unheard))
    }
}

impl Room {
    pub(super) fn link(&mut self, peer: Peer, server: Linked) {
        let Linked { name, opens, may_write, extensions, since_ms } = server;
        let itself = Author::new(format!("server:{name}"), &*name);
        let mut member = Member::new(Some(itself), may_write, extensions);
        member.session = Session::between_servers(opens);
        let (vouched, unheard) = (BTreeMap::new(), extensions);
        member.link = Some(Link { server: name, since_ms, vouched, unheard });
        self.enter_member(peer, member);
    }

    pub(super) fn vouched(&mut self, peer: Peer, actors: Vec<(ActorId, Author)>) {
        let member = self.members.get_mut(&peer);
        let Some(link) = member.and_then(|member| member.link.as_mut()) else { return };
        link.unheard = false;
        for (actor, author) in actors {
            let known = self.people.of(&actor).is_some_and(|known| known.id == author.id);
            if !known && link.vouched.len() < limits::VOUCHED_MAX {
                link.vouched.insert(actor, author);
            }
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
        self.document.metas_since(&known).len() as u64
    }
}
