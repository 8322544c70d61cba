//! The simulator's other world: several servers that are linked, each with a disk of its own.
//!
//! Rooms, storage and the [`Agenda`](chartroom_server::peers::agenda::Agenda) of the end that dials
//! are the product's; [`link`] does what the two ends do with sockets. Persons edit at each server;
//! links break, servers die, and a disk may be lost. Start at [`run`].

mod acts;
mod checkers;
mod link;
pub mod plan;
mod traffic;

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
};

use chartroom_engine::{ChangeHash, Document, Peer, RoomId, mint_actor};

use super::{Failure, Outcome, caught, choices::Choices, disk::Disk, server::Server};
use checkers::Record;
use link::{Connection, End, EndId, Frame, Line, Said};
use plan::{Act, Plan};

/// Virtual time, from the last step on, after which everything must be quiet.
const PATIENCE_MS: u64 = 300_000;
/// How long a link that broke, or whose server is down, waits before it is dialled again.
const RETURN_MS: u64 = 200;
/// How often the end that dialled looks at its agenda; rooms hear at every second time that time
/// passes.
const TICK_MS: u64 = 500;
/// Longer than a room in step stays open.
const REST_MS: u64 = 40_000;
/// Messages that one edit may cost a link, in a room that rests: to enter it, with whom it knows, to
/// exchange it, and to leave.
const EDIT_FRAMES_MAX: u64 = 16;
/// The moment at which a run begins: milliseconds since 1970.
const BEGIN_MS: u64 = 1_700_000_000_000;

/// Runs a plan. A panic is a failure like any other.
pub fn run(plan: &Plan) -> Result<Outcome, Failure> {
    tell(plan, false).0
}

/// Runs a plan, and gives what happened as lines for people.
pub fn run_told(plan: &Plan) -> (Result<Outcome, Failure>, Vec<String>) {
    tell(plan, true)
}

fn tell(plan: &Plan, verbose: bool) -> (Result<Outcome, Failure>, Vec<String>) {
    let mut world = World::new(plan, verbose);
    let outcome = caught(|| world.run(plan));
    let outcome = outcome.unwrap_or_else(|panic| Err(world.failure("panic", panic)));
    (outcome, world.told.unwrap_or_default())
}

/// One server's place.
struct Host {
    /// The server, unless it is down.
    server: Option<Server>,
    disk: Disk,
    /// How many disks it has lost.
    wiped: u8,
    /// When it first met each other one; its disk knows.
    met: BTreeMap<usize, u64>,
}

/// A run under way.
struct World {
    now_ms: u64,
    rooms: Vec<RoomId>,
    /// The change that each begins with.
    genesis: Vec<ChangeHash>,
    hosts: Vec<Host>,
    lines: Vec<Line>,
    connections: BTreeMap<u64, Connection>,
    ends: BTreeMap<EndId, End>,
    /// Which end a member of a server's room is.
    members: BTreeMap<(usize, Peer), (EndId, usize)>,
    peers: u64,
    /// Servers to which something happened.
    stirred: BTreeSet<usize>,
    calendar: BTreeMap<(u64, u64), Happening>,
    serial: u64,
    choices: Choices<'static>,
    record: Record,
    trace: DefaultHasher,
    told: Option<Vec<String>>,
    happened: u64,
}

/// Something in the calendar.
enum Happening {
    Act(Act),
    /// A link is dialled.
    Dial(usize),
    /// An end that was dialled notices that its connection is gone.
    Noticed(EndId),
    /// A frame arrives at an end.
    Arrives(EndId, Frame),
    /// A room is handed what its end heard.
    Handed(EndId, usize, Said),
    /// The end that dialled a link takes its news, or an end that was dialled does.
    News(usize),
    Announce(EndId),
    Committed(usize),
    Started(usize),
    Tick(u64),
}

impl World {
    /// Servers over empty disks, and links that are dialled at once.
    fn new(plan: &Plan, verbose: bool) -> Self {
        let name = |n| format!("patient:p{n}").parse().expect("a room name");
        let rooms: Vec<RoomId> = (0..plan.rooms).map(|n| RoomId::first(name(n))).collect();
        let genesis = |id| Document::found(id, mint_actor(0, [0; 8])).genesis();
        let host = |_| Host { server: None, disk: Disk::default(), wiped: 0, met: BTreeMap::new() };
        let line = |(dials, dialled)| Line::new(dials, dialled);
        let mut world = Self {
            now_ms: BEGIN_MS,
            genesis: rooms.iter().map(genesis).collect(),
            rooms,
            hosts: (0..plan.servers).map(host).collect(),
            lines: plan.links().into_iter().map(line).collect(),
            connections: BTreeMap::new(),
            ends: BTreeMap::new(),
            members: BTreeMap::new(),
            peers: 0,
            stirred: BTreeSet::new(),
            calendar: BTreeMap::new(),
            serial: 0,
            choices: Choices::of(plan.seed << 8),
            record: Record::default(),
            trace: DefaultHasher::new(),
            told: verbose.then(Vec::new),
            happened: 0,
        };
        for server in 0..plan.servers {
            world.start_server(server);
        }
        for line in 0..world.lines.len() {
            world.enter(BEGIN_MS, Happening::Dial(line));
        }
        let mut at = BEGIN_MS;
        for step in &plan.steps {
            at += step.after_ms;
            world.enter(at, Happening::Act(step.act.clone()));
        }
        world.enter(BEGIN_MS + TICK_MS, Happening::Tick(1));
        world
    }

    /// Lets everything happen, then become quiet, rest, and take one edit more.
    fn run(&mut self, plan: &Plan) -> Result<Outcome, Failure> {
        let last_ms = BEGIN_MS + plan.steps.iter().map(|step| step.after_ms).sum::<u64>();
        self.go_on_until(last_ms)?;
        self.faults_stop()?;
        self.become_quiet()?;
        checkers::when_quiet(self)?;
        self.rest()?;
        let before = self.record.frames;
        self.edit_once_more();
        self.become_quiet()?;
        checkers::heads_are_equal(self)?;
        let (sent, links) = (self.record.frames - before, self.lines.len() as u64);
        if sent > EDIT_FRAMES_MAX * links {
            let text = format!("one edit costs {sent} messages over {links} links");
            return Err(self.failure("messages", text));
        }
        self.rest()?;
        Ok(Outcome {
            trace: self.trace.finish(),
            happened: self.happened,
            edits: self.record.edits,
            events: self.record.events(),
        })
    }

    fn go_on_until(&mut self, end_ms: u64) -> Result<(), Failure> {
        while self.calendar.keys().next().is_some_and(|(at, _)| *at <= end_ms) {
            self.go_on()?;
        }
        Ok(())
    }

    /// Lets the next thing happen; says whether it was a tick.
    fn go_on(&mut self) -> Result<bool, Failure> {
        let Some(((at, _), happening)) = self.calendar.pop_first() else { return Ok(false) };
        self.now_ms = at;
        self.happened += 1;
        let is_tick = matches!(happening, Happening::Tick(_));
        self.happen(happening)?;
        while let Some(server) = self.stirred.pop_first() {
            self.serve(server)?;
        }
        Ok(is_tick)
    }

    fn become_quiet(&mut self) -> Result<(), Failure> {
        let deadline_ms = self.now_ms + PATIENCE_MS;
        // What only a tick brings about was brought about, and was nothing.
        while !(self.go_on()? && self.is_quiet()) {
            if self.now_ms > deadline_ms {
                return Err(self.failure("liveness", self.what_is_not_quiet()));
            }
        }
        Ok(())
    }

    /// Nothing is said while nothing happens, but that rooms are left.
    fn rest(&mut self) -> Result<(), Failure> {
        let before = self.record.frames;
        self.go_on_until(self.now_ms + REST_MS)?;
        if self.record.frames != before {
            let sent = self.record.frames - before;
            return Err(self.failure("messages", format!("{sent} messages though all is in step")));
        }
        match self.ends.values().all(|end| end.open.is_empty()) {
            true => Ok(()),
            false => Err(self.failure("messages", "a room is not left though all is in step")),
        }
    }

    /// Whether nothing is under way, and every link believes that it is done.
    fn is_quiet(&self) -> bool {
        let serves = |host: &Host| host.server.as_ref().is_some_and(Server::is_quiet);
        let done = |line: &Line| line.connection.is_some() && line.agenda.is_done();
        self.hosts.iter().all(serves)
            && self.lines.iter().all(|line| done(line) && line.news.is_empty())
            && self.ends.values().all(|end| end.news.is_empty() && end.hearing == 0)
            && self.ends.len() == 2 * self.lines.len()
            && self.connections.values().all(|connection| connection.under_way == 0)
    }

    /// Why it is not quiet, for whoever looks into it.
    fn what_is_not_quiet(&self) -> String {
        let (mut told, now_ms) = (Vec::new(), self.now_ms);
        for (number, host) in self.hosts.iter().enumerate() {
            if !host.server.as_ref().is_some_and(Server::is_quiet) {
                told.push(format!("server {number} is busy or down"));
            }
        }
        for line in &self.lines {
            let Line { dials, dialled, connection, agenda, news, .. } = line;
            if connection.is_none() || !agenda.is_done() || !news.is_empty() {
                let lag = agenda.lag(now_ms);
                let news: Vec<_> = news.keys().collect();
                told.push(format!("{dials} to {dialled}: {connection:?}, {lag:?}, news {news:?}"));
            }
        }
        for (id, end) in self.ends.iter().filter(|(_, end)| !end.news.is_empty() || end.hearing > 0)
        {
            let news: Vec<_> = end.news.keys().collect();
            told.push(format!("end {id:?} hears {} and has news {news:?}", end.hearing));
        }
        for (number, connection) in &self.connections {
            if connection.under_way > 0 {
                told.push(format!("{} frames are under way on {number}", connection.under_way));
            }
        }
        format!("it does not become quiet: {}", told.join("; "))
    }

    /// A failure that is found now.
    fn failure(&self, check: &'static str, text: impl Into<String>) -> Failure {
        Failure { check, at_ms: self.now_ms - BEGIN_MS, text: text.into() }
    }

    fn enter(&mut self, at_ms: u64, happening: Happening) {
        self.serial += 1;
        self.calendar.insert((at_ms, self.serial), happening);
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        let line = line();
        (self.now_ms, &line).hash(&mut self.trace);
        if let Some(told) = &mut self.told {
            told.push(format!("{:>8} {line}", self.now_ms - BEGIN_MS));
        }
    }

    fn happen(&mut self, happening: Happening) -> Result<(), Failure> {
        match happening {
            Happening::Act(act) => self.act(act),
            Happening::Dial(line) => self.dial(line),
            Happening::Noticed(end) => self.end(end),
            Happening::Arrives(end, frame) => self.arrives(end, frame)?,
            Happening::Handed(end, room, said) => self.hand(end, room, said),
            Happening::News(line) => self.take_news(line),
            Happening::Announce(end) => self.announce(end),
            Happening::Committed(server) => self.committed(server)?,
            Happening::Started(server) => self.start_server(server),
            Happening::Tick(count) => self.tick(count)?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{plan::Plan, run};

    /// Seeds of every run of the tests; `SEED` and `SEEDS` take others.
    const SEEDS: u64 = 12;
    const STEPS: usize = 60;

    #[test]
    fn servers_in_step_have_the_same_and_nothing_promised_is_lost() {
        let number = |name, usual| {
            std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
        };
        let first: u64 = number("SEED", 1);
        for seed in first..first + number("SEEDS", SEEDS) {
            let plan = Plan::of_seed(seed, STEPS);
            if let Err(failure) = run(&plan) {
                panic!("seed {seed}: {failure}\n{plan}");
            }
        }
    }

    #[test]
    fn plans_of_servers_that_failed_once_hold() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/plans/servers");
        let plans: Vec<_> = std::fs::read_dir(folder).unwrap().map(Result::unwrap).collect();
        assert!(!plans.is_empty());
        for plan in plans {
            let text = std::fs::read_to_string(plan.path()).unwrap();
            if let Err(failure) = run(&text.parse().unwrap()) {
                panic!("{}: {failure}", plan.path().display());
            }
        }
    }

    #[test]
    fn the_same_seed_of_servers_has_the_same_trace() {
        let outcome = |seed| run(&Plan::of_seed(seed, 60));
        assert_eq!(outcome(3), outcome(3));
        assert_ne!(outcome(3), outcome(4));
    }
}
