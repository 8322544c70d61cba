//! The steps of a plan, carried out.

use chartroom_engine::Input;
use chartroom_server::storage::StorageError;

use super::{Happening, RETURN_MS, World};
use crate::sim::{
    Failure, model,
    plan::{Act, Attack, Fault, Kind, PEOPLE, ROOMS},
    server::Server,
};

impl World {
    pub(super) fn act(&mut self, act: Act) -> Result<(), Failure> {
        self.note(|| act.to_string());
        let now_ms = self.now_ms;
        match act {
            Act::Edit { who, room, edit } => {
                let online = self.is_connected(who);
                let patient = patient_of(room);
                let Some(person) = self.people.get_mut(who) else { return Ok(()) };
                let doing = person.edit(now_ms, room, patient, &edit, online);
                self.record.edits += u64::from(doing.made.is_some());
                self.does(who, room, doing)?;
            }
            Act::Post { who, room, edit } => {
                let Some(author) = self.people.get(who).map(|person| person.author.clone()) else {
                    return Ok(());
                };
                let Some(server) = &mut self.server else { return Ok(()) };
                let room_of = server.room(room);
                let document = room_of.document();
                let command = model::command(document, room_of.people(), patient_of(room), &edit);
                if let Some(command) = command {
                    self.record.posted.insert(author.id.clone());
                    let (ticket, author) = (who as u64, Some(author));
                    room_of.handle(now_ms, Input::Command { ticket, author, command });
                }
            }
            Act::Away { who, ms } => self.part(who, ms),
            Act::Partition { who, ms } => {
                let cut = (0..self.people.len()).filter(|at| who >> at & 1 == 1);
                cut.collect::<Vec<_>>().into_iter().for_each(|who| self.part(who, ms));
            }
            Act::Slow { who, ms } => {
                if let Some(link) = self.links.get_mut(who) {
                    link.slow_ms = ms;
                }
            }
            Act::Twice { who, messages } => {
                if let Some(link) = self.links.get_mut(who) {
                    link.twice = messages;
                }
            }
            Act::Restart { who, keeps } => {
                self.part(who, RETURN_MS);
                if let Some(person) = self.people.get_mut(who) {
                    person.restart(&self.rooms, keeps);
                }
            }
            Act::Crash { kept, down_ms } => self.crash(kept, down_ms),
            Act::Fail { faults } => self.disk.fail_writes(&faults),
            Act::FailOpens { count } => self.disk.fail_opens(count),
            Act::Compact { room, dies_after } => self.compact(room, dies_after),
            Act::Attack { room, what, number } => self.attack(room, what, number)?,
        }
        Ok(())
    }

    pub(super) fn attack(&mut self, room: usize, what: Attack, number: u64) -> Result<(), Failure> {
        let mallory = PEOPLE.iter().position(|(_, kind)| *kind == Kind::Hostile);
        let mallory = mallory.expect("Mallory is always there");
        if what == Attack::StartOver {
            return self.act(Act::Restart { who: mallory, keeps: false });
        }
        if !self.is_connected(mallory) {
            return Ok(());
        }
        let Some(server) = &mut self.server else { return Ok(()) };
        // Somebody whose actor the room knows.
        let victim = {
            let mut known = server.room(room).people().bindings();
            known.find(|(_, who)| who.id != "mallory").map(|(actor, _)| actor.clone())
        };
        let (Some(victim), Some(person)) = (victim, self.people.get_mut(mallory)) else {
            return Ok(());
        };
        let doing = person.attack(self.now_ms, room, (what, number), &victim);
        self.record.forbidden.extend(doing.made);
        self.does(mallory, room, doing)
    }

    pub(super) fn compact(&mut self, room: usize, dies_after: Option<usize>) {
        let Some(server) = &mut self.server else { return };
        if let Some(writes) = dies_after {
            let mut faults = vec![Fault::None; writes];
            faults.push(Fault::NotWritten);
            self.disk.mend();
            self.disk.fail_writes(&faults);
        }
        server.compact(room);
        if dies_after.is_some() {
            self.crash(false, 1);
        }
    }

    pub(super) fn start_server(&mut self) -> Result<(), StorageError> {
        let mut server = Server::start(self.disk.clone(), &self.rooms, [200; 8])?;
        for room in 0..self.rooms.len() {
            server.room(room);
        }
        self.server = Some(server);
        Ok(())
    }

    pub(super) fn crash(&mut self, kept: bool, down_ms: u64) {
        let Some(server) = self.server.take() else { return };
        for who in 0..self.people.len() {
            self.part(who, RETURN_MS);
        }
        self.agenda.retain(|_, happening| !matches!(happening, Happening::Committed));
        for (room, batch) in server.crash(kept) {
            self.record.keep(room, &batch.batch);
        }
        self.enter(self.now_ms + down_ms, Happening::Started);
    }

    pub(super) fn tick(&mut self) -> Result<(), Failure> {
        if let Some(server) = &mut self.server {
            server.tick(self.now_ms);
        }
        for who in 0..self.people.len() {
            for room in 0..self.rooms.len() {
                if self.is_connected(who) {
                    let Some(person) = self.people.get_mut(who) else { continue };
                    let doing = person.heard(self.now_ms, room, Input::Tick);
                    self.does(who, room, doing)?;
                }
            }
        }
        self.enter(self.now_ms + 1000, Happening::Tick);
        Ok(())
    }
}

/// The patient of a room.
fn patient_of(room: usize) -> &'static str {
    ROOMS.get(room).and_then(|name| name.split_once(':')).map_or("", |(_, key)| key)
}
