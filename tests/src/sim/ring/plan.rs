//! What happens to servers that are linked: like [`plan`](crate::sim::plan), steps of lines.

use std::{fmt, str::FromStr};

use crate::sim::{
    choices::Choices,
    plan::{Edit, Fault, PlanError, Step},
};

/// Persons who edit, each at whichever server.
pub const PERSONS: usize = 5;

/// Which servers are linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Each dials the next, and the last the first.
    Ring,
    /// Each dials the next or is dialled by it, in turn.
    Chain,
    /// Each dials all behind it.
    Mesh,
    /// A ring in which those who are dialled dial as well.
    Double,
}

/// A run before it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// From which the links draw their delays.
    pub seed: u64,
    /// How they are linked.
    pub shape: Shape,
    /// How many servers there are.
    pub servers: usize,
    /// How many rooms there are.
    pub rooms: usize,
    /// What happens, in order.
    pub steps: Vec<Step<Act>>,
}

/// One thing that happens. Servers, rooms and persons are numbers, and so are links, in the order of
/// [`Plan::links`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// A person edits at a server.
    Edit { server: usize, room: usize, who: usize, edit: Edit },
    /// The same is edited at every server at once.
    Clash { room: usize, edit: Edit },
    /// Long resources are written at a server, more than go in one message.
    Burst { server: usize, room: usize, count: u64 },
    /// A link breaks, and comes back after a while; the end that was dialled notices it late.
    Cut { link: usize, ms: u64, late_ms: u64 },
    /// A link takes this long for each message from now on.
    Slow { link: usize, ms: u64 },
    /// A server dies; a commit under way is in the store afterwards, or not.
    Crash { server: usize, kept: bool, down_ms: u64 },
    /// A server dies with its disk, and starts over an empty one.
    Wipe { server: usize, down_ms: u64 },
    /// The next writes of a server's store fail, each in one of these ways.
    Fail { server: usize, faults: Vec<Fault> },
    /// The next openings of a server's store fail.
    FailOpens { server: usize, count: usize },
}

impl Plan {
    /// The plan of a seed.
    pub fn of_seed(seed: u64, steps: usize) -> Self {
        let choices = &mut Choices::of(seed ^ 0x5249_4e47);
        let shape =
            choices.one_of(&[Shape::Ring, Shape::Ring, Shape::Chain, Shape::Mesh, Shape::Double]);
        let servers = choices.one_of(&[3, 3, 4, 5]);
        let rooms = choices.one_of(&[1, 3, 10, 30]);
        let mut plan = Self { seed, shape, servers, rooms, steps: Vec::new() };
        plan.steps = (0..steps)
            .map(|_| {
                let after_ms = choices.one_of(&[0, 0, 1, 10, 30, 100, 300, 2000]);
                Step { after_ms, act: Act::choose(&plan, choices) }
            })
            .collect();
        plan
    }

    /// Who dials whom.
    pub fn links(&self) -> Vec<(usize, usize)> {
        let all = 0..self.servers;
        let round = || all.clone().map(|one| (one, (one + 1) % self.servers));
        match self.shape {
            Shape::Ring => round().collect(),
            Shape::Double => {
                round().flat_map(|(one, other)| [(one, other), (other, one)]).collect()
            }
            Shape::Chain => (1..self.servers)
                .map(|one| if one % 2 == 0 { (one, one - 1) } else { (one - 1, one) })
                .collect(),
            Shape::Mesh => all
                .clone()
                .flat_map(|one| (one + 1..self.servers).map(move |other| (one, other)))
                .collect(),
        }
    }
}

impl Act {
    fn choose(plan: &Plan, choices: &mut Choices<'_>) -> Self {
        let server = choices.below(plan.servers as u64) as usize;
        let link = choices.below(plan.links().len() as u64) as usize;
        // Most of it happens in a few rooms.
        let rooms = if choices.once_in(3) { plan.rooms } else { plan.rooms.min(2) };
        let room = choices.below(rooms as u64) as usize;
        match choices.below(60) {
            0..=37 => {
                let who = choices.below(PERSONS as u64) as usize;
                Self::Edit { server, room, who, edit: Edit::choose(choices) }
            }
            38..=43 => Self::Clash { room, edit: Edit::choose(choices) },
            44 => Self::Burst { server, room, count: choices.one_of(&[5, 30, 60]) },
            45..=50 => Self::Cut {
                link,
                ms: choices.one_of(&[1, 300, 3_000, 30_000]),
                late_ms: choices.one_of(&[0, 0, 50, 5_000]),
            },
            51..=52 => Self::Slow { link, ms: choices.one_of(&[0, 100, 1_500]) },
            53..=54 => {
                let down_ms = choices.one_of(&[1, 200, 3_000, 20_000]);
                Self::Crash { server, kept: choices.once_in(2), down_ms }
            }
            55 => Self::Wipe { server, down_ms: choices.one_of(&[1, 3_000]) },
            56..=58 => {
                let count = 1 + choices.below(4);
                let faults = (0..count).map(|_| choices.one_of(Fault::ALL)).collect();
                Self::Fail { server, faults }
            }
            _ => Self::FailOpens { server, count: 1 + choices.below(2) as usize },
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ring => "ring",
            Self::Chain => "chain",
            Self::Mesh => "mesh",
            Self::Double => "double",
        })
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, shape, servers, rooms, steps } = self;
        writeln!(f, "servers {shape} {servers} rooms {rooms} seed {seed}")?;
        steps.iter().try_for_each(|Step { after_ms, act }| writeln!(f, "+{after_ms} {act}"))
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edit { server, room, who, edit } => {
                write!(f, "edit {server} {room} {who} {edit}")
            }
            Self::Clash { room, edit } => write!(f, "clash {room} {edit}"),
            Self::Burst { server, room, count } => write!(f, "burst {server} {room} {count}"),
            Self::Cut { link, ms, late_ms } => write!(f, "cut {link} {ms} {late_ms}"),
            Self::Slow { link, ms } => write!(f, "slow {link} {ms}"),
            Self::Crash { server, kept, down_ms } => write!(f, "crash {server} {kept} {down_ms}"),
            Self::Wipe { server, down_ms } => write!(f, "wipe {server} {down_ms}"),
            Self::Fail { server, faults } => {
                write!(f, "fail {server}")?;
                faults.iter().try_for_each(|fault| write!(f, " {fault}"))
            }
            Self::FailOpens { server, count } => write!(f, "fail-opens {server} {count}"),
        }
    }
}

impl FromStr for Plan {
    type Err = PlanError;

    fn from_str(text: &str) -> Result<Self, PlanError> {
        let mut lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let first = lines.next().unwrap_or_default();
        let plan = parse_first(first).ok_or_else(|| PlanError(first.to_owned()))?;
        let steps = lines.map(|line| parse_step(line).ok_or_else(|| PlanError(line.to_owned())));
        Ok(Self { steps: steps.collect::<Result<_, _>>()?, ..plan })
    }
}

fn parse_first(line: &str) -> Option<Plan> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let ["servers", shape, servers, "rooms", rooms, "seed", seed] = words[..] else { return None };
    let shapes = [Shape::Ring, Shape::Chain, Shape::Mesh, Shape::Double];
    Some(Plan {
        seed: seed.parse().ok()?,
        shape: shapes.into_iter().find(|one| one.to_string() == shape)?,
        servers: servers.parse().ok()?,
        rooms: rooms.parse().ok()?,
        steps: Vec::new(),
    })
}

fn parse_step(line: &str) -> Option<Step<Act>> {
    let mut words = line.split_whitespace();
    let after_ms = words.next()?.strip_prefix('+')?.parse().ok()?;
    let what = words.next()?;
    let words = &mut words;
    let act = match what {
        "edit" => {
            let (server, room, who) = (next(words)?, next(words)?, next(words)?);
            Act::Edit { server, room, who, edit: edit(words)? }
        }
        "clash" => Act::Clash { room: next(words)?, edit: edit(words)? },
        "burst" => Act::Burst { server: next(words)?, room: next(words)?, count: next(words)? },
        "cut" => Act::Cut { link: next(words)?, ms: next(words)?, late_ms: next(words)? },
        "slow" => Act::Slow { link: next(words)?, ms: next(words)? },
        "crash" => Act::Crash { server: next(words)?, kept: next(words)?, down_ms: next(words)? },
        "wipe" => Act::Wipe { server: next(words)?, down_ms: next(words)? },
        "fail" => {
            let server = next(words)?;
            let faults = words.map(|word| word.parse().ok()).collect::<Option<_>>()?;
            Act::Fail { server, faults }
        }
        "fail-opens" => Act::FailOpens { server: next(words)?, count: next(words)? },
        _ => return None,
    };
    words.next().is_none().then_some(Step { after_ms, act })
}

fn next<'a, T: FromStr>(words: &mut impl Iterator<Item = &'a str>) -> Option<T> {
    words.next()?.parse().ok()
}

fn edit<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<Edit> {
    let (verb, resource) = (next(words)?, next(words)?);
    Some(Edit { verb, resource, element: next(words)?, value: next(words)? })
}

#[cfg(test)]
mod tests {
    use super::Plan;

    #[test]
    fn a_plan_of_servers_is_read_back_as_it_was_written() {
        for seed in 0..20 {
            let plan = Plan::of_seed(seed, 200);
            assert_eq!(plan.to_string().parse(), Ok(plan));
        }
    }
}
