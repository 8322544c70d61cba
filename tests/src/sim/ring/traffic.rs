//! What a server's rooms say, and when they are told that something is durable.

use std::sync::Arc;

use chartroom_engine::{Output, Peer, heads_digest};

use super::{
    Happening, RETURN_MS, TICK_MS, World, checkers,
    link::{EndId, Frame, Said},
};
use crate::sim::{Failure, server::Said as Told};

impl World {
    /// Lets a server work, and hands what waits to its store.
    pub(super) fn serve(&mut self, server: usize) -> Result<(), Failure> {
        let now_ms = self.now_ms;
        let Some(host) = self.server(server) else { return Ok(()) };
        // Before anything else, so that rooms which are loaded now are known as they are stored.
        let (said, begins) = (host.drive(now_ms), host.begin_commit());
        for (room, stored) in host.take_loaded() {
            if !self.record.loaded(server, room, stored) {
                return Err(self.failure("lost", "a loaded room lacks what was durable"));
            }
        }
        self.take(server, said)?;
        if begins {
            let at_ms = now_ms + self.choices.one_of(&[1, 1, 3, 15]);
            self.enter(at_ms, Happening::Committed(server));
        }
        self.tell_who_is_in_step(server);
        Ok(())
    }

    pub(super) fn committed(&mut self, server: usize) -> Result<(), Failure> {
        let now_ms = self.now_ms;
        let said = self.server(server).map(|server| server.end_commit(now_ms));
        self.note(|| format!("a commit ends at {server}"));
        self.stirred.insert(server);
        self.take(server, said.unwrap_or_default())
    }

    pub(super) fn take(&mut self, server: usize, said: Vec<Told>) -> Result<(), Failure> {
        for said in said {
            match said {
                Told::To(peer, output) => self.say(server, peer, output)?,
                Told::Written(ticket, hash) => self.record.written(ticket, hash),
                Told::Committed(room, batch, heads) => {
                    self.record.keep(server, room, &batch);
                    let changes = batch.changes.len() as u64;
                    self.tell_of_changes(server, room, heads, changes);
                }
                Told::GaveUp(room, members) => {
                    self.note(|| format!("{server} gives up room {room}"));
                    for member in members {
                        self.close(server, member);
                    }
                    let Some(host) = self.server(server) else { continue };
                    let heads = heads_digest(&host.room(room).document().heads());
                    self.tell_of_changes(server, room, heads, 0);
                    self.stirred.insert(server);
                }
            }
        }
        Ok(())
    }

    /// What a room says to one of its members goes over the connection of that.
    fn say(&mut self, server: usize, peer: Peer, output: Output) -> Result<(), Failure> {
        let Some((end, room)) = self.members.get(&(server, peer)).copied() else { return Ok(()) };
        let said = match output {
            Output::Send { message, .. } => {
                checkers::of_message(self, server, room, &message)?;
                Said::Sync(message)
            }
            Output::Introduce { actors, .. } => Said::Authors(actors),
            Output::Refused { reason, .. } => {
                let text = format!("{server} refuses a change of room {room}: {reason}");
                return Err(self.failure("refused", text));
            }
            Output::Close { reason, .. } => {
                let text = format!("{server} closes a server in room {room}: {reason}");
                return Err(self.failure("closed", text));
            }
            _ => return Ok(()),
        };
        self.send(end, Frame::Said(room, said));
        Ok(())
    }

    /// The connection of a member of a room that was given up is closed.
    fn close(&mut self, server: usize, peer: Peer) {
        let Some((end, _)) = self.members.get(&(server, peer)).copied() else { return };
        let of = |line: &super::Line| line.connection == Some(end.0);
        match self.lines.iter().position(of) {
            Some(line) => self.cut(line, RETURN_MS, 0),
            None => self.end(end),
        }
    }

    /// Everybody who is linked to a server hears that changes of a room became durable.
    fn tell_of_changes(&mut self, server: usize, room: usize, heads: [u8; 16], changes: u64) {
        let dialling = (0..self.lines.len()).filter(|line| self.line(*line).dials == server);
        let dialling: Vec<usize> = dialling.collect();
        let dialled = self.ends.iter().filter(|(id, end)| !id.1 && end.server == server);
        let dialled: Vec<EndId> = dialled.map(|(id, _)| *id).collect();
        let ends = dialling.into_iter().map(|line| (Some(line), None));
        for (line, at) in ends.chain(dialled.into_iter().map(|id| (None, Some(id)))) {
            self.tell(line, at, room, |news| {
                news.heads = Some(heads);
                news.changes += changes;
            });
        }
    }

    /// Rooms tell their servers' ends whether those are in step, where that changed.
    fn tell_who_is_in_step(&mut self, server: usize) {
        for (id, room, peer) in self.linked(server) {
            let settled = self.server(server).and_then(|host| host.loaded(room));
            let Some(at) = settled.filter(|room| room.settled()) else { continue };
            let (is, heads) = (at.is_in_step(peer), at.document().heads());
            let was = &mut self.end_at(id).in_step;
            let changed = if is { was.insert(room) } else { was.remove(&room) };
            if changed {
                let heads = Some(heads_digest(&heads));
                let line = self.line_of(id);
                self.tell(line, Some(id), room, |news| {
                    (news.in_step, news.heads) = (Some(is), heads);
                });
            }
        }
    }

    /// The servers in a server's rooms.
    fn linked(&self, server: usize) -> Vec<(EndId, usize, Peer)> {
        let ends = self.ends.iter().filter(|(_, end)| end.server == server);
        let open = |(id, end): (&EndId, &super::End)| {
            let id = *id;
            end.open.clone().into_iter().map(move |(room, peer)| (id, room, peer))
        };
        ends.flat_map(open).collect()
    }

    /// Half a second has passed.
    pub(super) fn tick(&mut self, count: u64) -> Result<(), Failure> {
        let now_ms = self.now_ms;
        for server in (0..self.hosts.len()).filter(|_| count.is_multiple_of(2)) {
            let Some(host) = self.server(server) else { continue };
            host.tick(now_ms);
            self.stirred.insert(server);
            for (id, room, peer) in self.linked(server) {
                if self.end_at(id).in_step.contains(&room) {
                    continue;
                }
                let room_of = self.server(server).and_then(|host| host.loaded(room));
                let lacks = room_of.map(|room| room.lacks(peer));
                let line = self.line_of(id);
                self.tell(line, Some(id), room, |news| news.lacks = lacks);
            }
        }
        for line in 0..self.lines.len() {
            let broken = self.line(line).agenda.broken_promise(now_ms).cloned();
            if let Some(room) = broken {
                return Err(self.failure("promise", format!("link {line}: {room} is not brought")));
            }
            self.take_steps(line);
        }
        self.enter(now_ms + TICK_MS, Happening::Tick(count + 1));
        Ok(())
    }
}

/// The heads and needs of a sync message in a few words.
pub(super) fn in_words(message: &Arc<[u8]>) -> String {
    match automerge::sync::Message::decode(message) {
        Ok(message) => format!(
            "{} heads, {} changes, {} asked for",
            message.heads.len(),
            message.changes.len(),
            message.need.len()
        ),
        Err(_) => "garbage".to_owned(),
    }
}
