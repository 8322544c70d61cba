//! The steps of a plan, carried out.

use chartroom_engine::{Author, Command, Input};
use serde_json::json;

use super::{
    Happening, RETURN_MS, World,
    link::Line,
    plan::{Act, PERSONS},
};
use crate::sim::{
    Failure,
    disk::Disk,
    model,
    plan::{Edit, Verb},
    server::Server,
};

/// A text so long that a few dozen go in several messages.
const LONG: usize = 6000;

impl World {
    pub(super) fn act(&mut self, act: Act) {
        self.note(|| act.to_string());
        match act {
            Act::Edit { server, room, who, edit } => self.edit(server, room, who, &edit),
            Act::Clash { room, edit } => {
                for server in 0..self.hosts.len() {
                    let edit = Edit { value: edit.value + server as u64, ..edit };
                    self.edit(server, room, server % PERSONS, &edit);
                }
            }
            Act::Burst { server, room, count } => {
                for n in 0..count {
                    let text = format!("{n} {}", "x".repeat(LONG));
                    let id = format!("long-{server}-{n}");
                    let resource =
                        json!({"resourceType": "Condition", "id": id, "code": {"text": text}});
                    self.command(server, room, n as usize % PERSONS, Command::Put { resource });
                }
            }
            Act::Cut { link, ms, late_ms } => self.cut(link, ms, late_ms),
            Act::Slow { link, ms } => self.line(link).slow_ms = ms,
            Act::Crash { server, kept, down_ms } => self.crash(server, kept, down_ms),
            Act::Wipe { server, down_ms } => self.wipe(server, down_ms),
            Act::Fail { server, faults } => self.host(server).disk.fail_writes(&faults),
            Act::FailOpens { server, count } => self.host(server).disk.fail_opens(count),
        }
    }

    /// The edit behind which nothing else comes.
    pub(super) fn edit_once_more(&mut self) {
        let edit = Edit { verb: Verb::Put, resource: 0, element: 0, value: 4711 };
        self.note(|| "one edit more".to_owned());
        self.edit(0, 0, 0, &edit);
    }

    fn edit(&mut self, server: usize, room: usize, who: usize, edit: &Edit) {
        let patient = format!("p{room}");
        let Some(host) = self.server(server) else { return };
        let room_of = host.room(room);
        let command = model::command(room_of.document(), room_of.people(), &patient, edit);
        if let Some(command) = command {
            self.command(server, room, who, command);
        }
    }

    fn command(&mut self, server: usize, room: usize, who: usize, command: Command) {
        let author = Author::new(format!("p{who}"), format!("Person {who}"));
        let ticket = self.record.ticket(author.clone());
        let now_ms = self.now_ms;
        let Some(host) = self.server(server) else { return };
        host.room(room).handle(now_ms, Input::Command { ticket, author: Some(author), command });
        self.stirred.insert(server);
    }

    /// A server dies, with all that it was about.
    fn crash(&mut self, server: usize, kept: bool, down_ms: u64) {
        let Some(died) = self.host(server).server.take() else { return };
        for (room, batch) in died.crash(kept) {
            self.record.keep(server, room, &batch.batch);
        }
        for line in 0..self.lines.len() {
            let Line { dials, dialled, .. } = *self.line(line);
            if dials == server || dialled == server {
                let late_ms = self.choices.one_of(&[0, 0, 50, 5_000]);
                self.cut(line, RETURN_MS, late_ms);
            }
            if dials == server {
                let Line { agenda, news, .. } = self.line(line);
                (*agenda, *news) = Default::default();
            }
        }
        let gone = self.ends.iter().filter(|(_, end)| end.server == server);
        for end in gone.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.end(end);
        }
        self.calendar
            .retain(|_, happening| !matches!(happening, Happening::Committed(of) if *of == server));
        self.enter(self.now_ms + down_ms, Happening::Started(server));
    }

    /// A server loses its disk, and forgets whom it met.
    fn wipe(&mut self, server: usize, down_ms: u64) {
        self.crash(server, false, down_ms);
        self.forget_what_only_it_had(server);
        let host = self.host(server);
        host.disk = Disk::default();
        host.wiped += 1;
        host.met.clear();
    }

    pub(super) fn start_server(&mut self, server: usize) {
        let host = self.hosts.get_mut(server).expect("servers are numbered");
        if host.server.is_some() {
            return;
        }
        let number = u8::try_from(server).expect("a few servers");
        let random = [100 + number, host.wiped, 0, 0, 0, 0, 0, 0];
        match Server::start(host.disk.clone(), &self.rooms, random) {
            Ok(started) => host.server = Some(started),
            Err(error) => {
                self.note(|| format!("{server} does not start: {error}"));
                self.enter(self.now_ms + 500, Happening::Started(server));
            }
        }
    }

    /// From now on everything is sound.
    pub(super) fn faults_stop(&mut self) -> Result<(), Failure> {
        self.note(|| "faults stop".to_owned());
        for server in 0..self.hosts.len() {
            self.host(server).disk.mend();
            let gone = self.server(server).map(Server::give_up_what_is_in_doubt);
            self.take(server, gone.unwrap_or_default())?;
        }
        for line in 0..self.lines.len() {
            let of = self.line(line);
            (of.away_until_ms, of.slow_ms) = (0, 0);
            self.enter(self.now_ms, Happening::Dial(line));
        }
        Ok(())
    }
}
