//! A run: everything that happens, in the order of one virtual clock.

mod acts;
mod traffic;

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use chartroom_engine::{ActorId, Author, ChangeHash, Document, Event, Input, RoomId, mint_actor};

use super::{
    Failure, Outcome, checkers,
    choices::Choices,
    disk::Disk,
    network::{self, Link},
    people::Person,
    plan::{Act, PEOPLE, Plan, ROOMS},
    server::Server,
};

/// Virtual time, from the last step on, after which everything must be quiet.
const PATIENCE_MS: u64 = 180_000;
/// How long a client waits before it connects again.
const RETURN_MS: u64 = 200;
/// The moment at which a run begins: milliseconds since 1970.
const BEGIN_MS: u64 = 1_700_000_000_000;

/// A run under way.
pub struct World {
    /// Milliseconds since 1970.
    pub now_ms: u64,
    /// The rooms' names.
    pub rooms: Vec<RoomId>,
    /// The change that each begins with.
    pub genesis: Vec<ChangeHash>,
    /// The server, unless it is down.
    pub server: Option<Server>,
    disk: Disk,
    /// Everybody.
    pub people: Vec<Person>,
    links: Vec<Link>,
    agenda: BTreeMap<(u64, u64), Happening>,
    serial: u64,
    connections: u64,
    choices: Choices<'static>,
    /// What must hold of the past.
    pub record: Record,
    trace: DefaultHasher,
    lines: Option<Vec<String>>,
    happened: u64,
}

/// What happened so far that must not be taken back.
#[derive(Default)]
pub struct Record {
    /// Changes that were durable, by room.
    pub durable: Vec<BTreeSet<ChangeHash>>,
    /// Events that were published, by room and number.
    pub published: Vec<BTreeMap<u64, Event>>,
    /// Who made each change.
    pub made: BTreeMap<ChangeHash, Author>,
    /// People in whose name the server wrote, the hashes of which nobody may have heard.
    pub posted: BTreeSet<String>,
    /// Changes that nobody may take.
    pub forbidden: BTreeSet<ChangeHash>,
    /// Changes of people.
    pub edits: u64,
}

/// Something on the agenda.
enum Happening {
    Act(Act),
    Up { who: usize, connection: u64, room: usize, message: Vec<u8> },
    Down { who: usize, connection: u64, room: usize, message: Message },
    Connect(usize),
    Committed,
    Started,
    Tick,
}

/// What the server sends a client.
#[derive(Clone)]
enum Message {
    Sync(Arc<[u8]>),
    Refused(Vec<ChangeHash>),
    Introduced(ActorId, Author),
    Closed,
}

impl World {
    /// Everybody at a new client, and a server over an empty disk.
    pub fn new(plan: &Plan, verbose: bool) -> Self {
        let rooms: Vec<RoomId> =
            ROOMS.iter().map(|name| RoomId::first(name.parse().expect("a room name"))).collect();
        let people = PEOPLE.iter().enumerate();
        let people: Vec<Person> =
            people.map(|(n, (name, kind))| Person::new(n, name, *kind, &rooms)).collect();
        let links = (0..people.len() as u64).map(|who| Link::new((plan.seed << 8) | (who + 1)));
        let genesis = |id| Document::found(id, mint_actor(0, [0; 8])).genesis();
        let mut world = Self {
            genesis: rooms.iter().map(genesis).collect(),
            now_ms: BEGIN_MS,
            server: None,
            disk: Disk::default(),
            links: links.collect(),
            people,
            agenda: BTreeMap::new(),
            serial: 0,
            connections: 0,
            choices: Choices::of(plan.seed << 8),
            record: Record {
                durable: rooms.iter().map(|_| BTreeSet::new()).collect(),
                published: rooms.iter().map(|_| BTreeMap::new()).collect(),
                ..Record::default()
            },
            rooms,
            trace: DefaultHasher::new(),
            lines: verbose.then(Vec::new),
            happened: 0,
        };
        world.start_server().expect("an empty disk opens");
        let mut at = BEGIN_MS;
        for step in &plan.steps {
            at += step.after_ms;
            world.enter(at, Happening::Act(step.act.clone()));
        }
        for who in 0..world.people.len() {
            world.enter(BEGIN_MS, Happening::Connect(who));
        }
        world.enter(BEGIN_MS + 1000, Happening::Tick);
        world
    }

    /// Lets everything happen, and then become quiet.
    fn run(&mut self, plan: &Plan) -> Result<(), Failure> {
        let last_ms = BEGIN_MS + plan.steps.iter().map(|step| step.after_ms).sum::<u64>();
        let mut settling = false;
        while let Some(((at, _), happening)) = self.agenda.pop_first() {
            if !settling && at > last_ms {
                settling = true;
                self.faults_stop();
            }
            self.now_ms = at;
            self.happened += 1;
            if at > last_ms + PATIENCE_MS {
                return Err(self.failure("liveness", "it does not become quiet"));
            }
            let is_tick = matches!(happening, Happening::Tick);
            self.happen(happening)?;
            self.serve()?;
            checkers::while_running(self)?;
            // What only a tick brings about was brought about, and was nothing.
            if settling && is_tick && self.is_quiet() {
                break;
            }
        }
        checkers::when_quiet(self)
    }

    /// Runs the plan, and says what came of it.
    pub fn outcome(&mut self, plan: &Plan) -> Result<Outcome, Failure> {
        self.run(plan)?;
        let server = self.server.as_mut();
        let events =
            server.map(|server| (0..ROOMS.len()).map(|room| server.room(room).event_seq()).sum());
        Ok(Outcome {
            trace: self.trace.finish(),
            happened: self.happened,
            edits: self.record.edits,
            events: events.unwrap_or_default(),
        })
    }

    /// What happened, for people, where it was asked for.
    pub fn lines(&self) -> &[String] {
        self.lines.as_deref().unwrap_or_default()
    }

    /// A failure that is found now.
    pub fn failure(&self, check: &'static str, text: impl Into<String>) -> Failure {
        Failure { check, at_ms: self.now_ms - BEGIN_MS, text: text.into() }
    }

    /// Whether a person's replica of a room has everything and said everything.
    pub fn is_in_step(&self, who: usize, room: usize) -> bool {
        let connection = self.links.get(who).and_then(|link| link.connection.as_ref());
        connection.is_some_and(|connection| connection.is_quiet(room))
            && self.people.get(who).is_some_and(|person| person.replica(room).unsaved() == 0)
    }

    fn enter(&mut self, at_ms: u64, happening: Happening) {
        self.serial += 1;
        self.agenda.insert((at_ms, self.serial), happening);
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        let line = line();
        (self.now_ms, &line).hash(&mut self.trace);
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{:>8} {line}", self.now_ms - BEGIN_MS));
        }
    }

    fn faults_stop(&mut self) {
        self.disk.mend();
        for link in &mut self.links {
            (link.away_until_ms, link.slow_ms, link.twice) = (0, 0, 0);
        }
        for who in 0..self.people.len() {
            self.enter(self.now_ms, Happening::Connect(who));
        }
    }

    fn is_quiet(&self) -> bool {
        self.server.as_ref().is_some_and(Server::is_quiet)
            && (0..self.people.len())
                .all(|who| (0..self.rooms.len()).all(|room| self.is_in_step(who, room)))
    }

    fn happen(&mut self, happening: Happening) -> Result<(), Failure> {
        match happening {
            Happening::Act(act) => self.act(act)?,
            Happening::Up { who, connection, room, message } => {
                if self.arrived(who, connection, room, true) {
                    let peer = network::peer(who, connection, room);
                    self.note(|| format!("{who} says {} bytes in {room}", message.len()));
                    if let Some(server) = &mut self.server {
                        let input = Input::Received { peer, message };
                        server.room(room).handle(self.now_ms, input);
                    }
                }
            }
            Happening::Down { who, connection, room, message } => {
                if self.arrived(who, connection, room, false) {
                    self.hear(who, room, message)?;
                }
            }
            Happening::Connect(who) => self.connect(who)?,
            Happening::Committed => {
                let now_ms = self.now_ms;
                let said = self.server.as_mut().map(|server| server.end_commit(now_ms));
                self.note(|| "a commit ends".to_owned());
                self.take(said.unwrap_or_default())?;
            }
            Happening::Started => {
                if let Err(error) = self.start_server() {
                    self.note(|| format!("the server does not start: {error}"));
                    self.enter(self.now_ms + 500, Happening::Started);
                }
            }
            Happening::Tick => self.tick()?,
        }
        Ok(())
    }
}
