//! What goes over the links, and between the server and its store.

use std::sync::Arc;

use chartroom_engine::{Input, Output, Peer};

use super::{Happening, Message, RETURN_MS, World};
use crate::sim::{
    Failure, checkers,
    network::{self, QUEUE_MAX},
    people::Doing,
    plan::{Act, Kind},
    server::Said,
};

impl World {
    pub(super) fn is_connected(&self, who: usize) -> bool {
        self.links.get(who).is_some_and(|link| link.connection.is_some())
    }

    pub(super) fn connect(&mut self, who: usize) -> Result<(), Failure> {
        let Some(link) = self.links.get_mut(who) else { return Ok(()) };
        if link.connection.is_some() {
            return Ok(());
        }
        let Some(server) = self.server.as_mut().filter(|_| link.away_until_ms <= self.now_ms)
        else {
            let again = link.away_until_ms.max(self.now_ms + RETURN_MS);
            self.enter(again, Happening::Connect(who));
            return Ok(());
        };
        self.connections += 1;
        link.connect(self.connections, self.rooms.len());
        let Some(person) = self.people.get(who) else { return Ok(()) };
        let may_write = person.kind != Kind::Reader;
        let ours = matches!(person.kind, Kind::Ours | Kind::Reader);
        for room in 0..self.rooms.len() {
            let peer = network::peer(who, self.connections, room);
            server.join(room, peer, person.author.clone(), may_write, ours);
        }
        self.note(|| format!("{who} connects"));
        for room in 0..self.rooms.len() {
            let Some(person) = self.people.get_mut(who) else { return Ok(()) };
            let doing = person.connected(self.now_ms, room);
            self.does(who, room, doing)?;
        }
        Ok(())
    }

    /// The link breaks, and what is under way is lost.
    pub(super) fn part(&mut self, who: usize, ms: u64) {
        let Some(link) = self.links.get_mut(who) else { return };
        link.away_until_ms = link.away_until_ms.max(self.now_ms + ms);
        let at_ms = link.away_until_ms;
        let Some(connection) = link.connection.take() else { return };
        for room in 0..self.rooms.len() {
            if let Some(server) = &mut self.server {
                server.leave(room, network::peer(who, connection.number, room));
            }
            if let Some(person) = self.people.get_mut(who) {
                person.disconnected(self.now_ms, room);
            }
        }
        self.enter(at_ms, Happening::Connect(who));
    }

    pub(super) fn arrived(&mut self, who: usize, connection: u64, room: usize, up: bool) -> bool {
        let link = self.links.get_mut(who).and_then(|link| link.connection.as_mut());
        let Some(link) = link.filter(|link| link.number == connection) else { return false };
        link.arrived(up, room);
        true
    }

    pub(super) fn hear(
        &mut self,
        who: usize,
        room: usize,
        message: Message,
    ) -> Result<(), Failure> {
        let now_ms = self.now_ms;
        let Some(person) = self.people.get_mut(who) else { return Ok(()) };
        let doing = match message {
            Message::Sync(bytes) => match person.receive(now_ms, room, &bytes) {
                Ok(doing) => doing,
                // What she did to her own document is hers to mend.
                Err(_) if person.kind == Kind::Hostile => {
                    return self.act(Act::Restart { who, keeps: false });
                }
                Err(error) => return Err(self.failure("stock", error)),
            },
            Message::Refused(hashes) => person.heard(now_ms, room, Input::Refused { hashes }),
            Message::Introduced(actor, author) => {
                person.heard(now_ms, room, Input::Introduced { actor, author })
            }
            Message::Closed => {
                self.part(who, RETURN_MS);
                return Ok(());
            }
        };
        self.note(|| format!("{who} hears in {room}"));
        self.does(who, room, doing)
    }

    /// Takes in what came of something at a client.
    pub(super) fn does(&mut self, who: usize, room: usize, doing: Doing) -> Result<(), Failure> {
        let Doing { sent, made, saved } = doing;
        let author = self.people.get(who).map(|person| person.author.clone());
        self.record.made.extend(made.into_iter().zip(author));
        let durable = self.record.durable.get(room);
        if !saved.iter().all(|hash| durable.is_some_and(|durable| durable.contains(hash))) {
            return Err(self.failure("acknowledged", "a client shows as saved what is not durable"));
        }
        for message in sent {
            let Some(link) = self.links.get_mut(who) else { continue };
            let Some(connection) = link.connection.as_ref().map(|c| c.number) else { continue };
            for at in link.send(self.now_ms, true, room) {
                let message = message.clone();
                self.enter(at, Happening::Up { who, connection, room, message });
            }
        }
        Ok(())
    }

    /// Lets the server work, and hands what waits to the store.
    pub(super) fn serve(&mut self) -> Result<(), Failure> {
        let Some(server) = &mut self.server else { return Ok(()) };
        let loaded = server.take_loaded();
        let said = server.drive(self.now_ms);
        let begins = server.begin_commit();
        for (room, stored) in loaded {
            let Some(durable) = self.record.durable.get_mut(room) else { continue };
            if !durable.is_subset(&stored) {
                return Err(self.failure("lost", "a loaded room lacks what was durable"));
            }
            *durable = stored;
        }
        self.take(said)?;
        if begins {
            let at = self.now_ms + self.choices.one_of(&[1, 1, 3, 15]);
            self.enter(at, Happening::Committed);
        }
        Ok(())
    }

    pub(super) fn take(&mut self, said: Vec<Said>) -> Result<(), Failure> {
        for said in said {
            match said {
                Said::To(peer, output) => self.send(peer, output)?,
                Said::Written(ticket, hash) => {
                    let author = self.people.get(ticket as usize).map(|p| p.author.clone());
                    self.record.made.extend(author.map(|author| (hash, author)));
                }
                Said::Committed(room, batch, _) => {
                    self.record.keep(room, &batch);
                    let events = batch.events.into_iter().map(Arc::unwrap_or_clone);
                    let events = events.map(|event| (event.seq, event));
                    if let Some(published) = self.record.published.get_mut(room) {
                        published.extend(events);
                    }
                }
                Said::GaveUp(room, members) => {
                    self.note(|| format!("room {room} is given up"));
                    for member in members {
                        self.part(network::parts(member).0, RETURN_MS);
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn send(&mut self, peer: Peer, output: Output) -> Result<(), Failure> {
        let (who, number, room) = network::parts(peer);
        let kind = self.people.get(who).map(|person| person.kind);
        let is_honest = !matches!(kind, Some(Kind::Hostile | Kind::Reader));
        let message = match output {
            Output::Send { message, .. } => {
                checkers::of_message(self, room, &message)?;
                Message::Sync(message)
            }
            Output::Refused { reason, .. } if is_honest => {
                return Err(self.failure("refused", format!("a sound change of {who}: {reason}")));
            }
            Output::Refused { hashes, .. } => Message::Refused(hashes),
            Output::Introduce { actors, .. } => {
                for (actor, author) in actors {
                    self.send_down(who, number, room, Message::Introduced(actor, author));
                }
                return Ok(());
            }
            Output::Close { reason, .. } if kind != Some(Kind::Hostile) => {
                return Err(self.failure("closed", format!("a sound peer, {who}: {reason}")));
            }
            Output::Close { .. } => Message::Closed,
            _ => return Ok(()),
        };
        self.send_down(who, number, room, message);
        Ok(())
    }

    pub(super) fn send_down(&mut self, who: usize, number: u64, room: usize, message: Message) {
        let Some(link) = self.links.get_mut(who) else { return };
        let Some(connection) = link.connection.as_ref().filter(|c| c.number == number) else {
            return;
        };
        if connection.down.iter().sum::<usize>() >= QUEUE_MAX {
            return self.part(who, RETURN_MS);
        }
        for at in link.send(self.now_ms, false, room) {
            let message = message.clone();
            self.enter(at, Happening::Down { who, connection: number, room, message });
        }
    }
}
