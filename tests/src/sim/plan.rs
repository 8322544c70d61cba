//! What happens in a run, decided before it begins: steps that a person can read, save and cut.
//!
//! A plan is its seed, from which the links draw their delays, and its steps, one a line. It does not
//! depend on what the run does, so leaving steps out leaves a plan.

use std::{fmt, str::FromStr};

use super::choices::Choices;

/// Who takes part, by what their client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Chartroom's own client.
    Ours,
    /// Chartroom's own client, of a person who may read only.
    Reader,
    /// Automerge's own client, which writes in its own way.
    Stock,
    /// A client that does what it must not.
    Hostile,
}

/// The people of every run.
pub const PEOPLE: [(&str, Kind); 7] = [
    ("alice", Kind::Ours),
    ("bob", Kind::Ours),
    ("dora", Kind::Ours),
    ("erin", Kind::Stock),
    ("frank", Kind::Stock),
    ("charlie", Kind::Reader),
    ("mallory", Kind::Hostile),
];
/// The rooms of every run.
pub const ROOMS: [&str; 2] = ["patient:p1", "patient:p2"];

/// What happens, and how long after what happened before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step<A = Act> {
    /// Milliseconds since the step before.
    pub after_ms: u64,
    /// What happens.
    pub act: A,
}

/// One thing that happens. Indexes are into [`PEOPLE`] and [`ROOMS`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// A person edits at their client, online or not.
    Edit { who: usize, room: usize, edit: Edit },
    /// A person edits by HTTP: the server writes in their name.
    Post { who: usize, room: usize, edit: Edit },
    /// A person's link breaks with all that is under way, and comes back after a while.
    Away { who: usize, ms: u64 },
    /// Several people are cut off at once, by bits.
    Partition { who: u64, ms: u64 },
    /// A person's link takes this long for each message from now on.
    Slow { who: usize, ms: u64 },
    /// The next messages of a person's link arrive twice.
    Twice { who: usize, messages: u64 },
    /// A person's client ends and starts again, with its store or without.
    Restart { who: usize, keeps: bool },
    /// The server dies; a commit under way is in the store afterwards, or not.
    Crash { kept: bool, down_ms: u64 },
    /// The next writes of the store fail, each in one of these ways.
    Fail { faults: Vec<Fault> },
    /// The next openings of the store fail.
    FailOpens { count: usize },
    /// A room's log becomes a snapshot; the server may die between the steps of that.
    Compact { room: usize, dies_after: Option<usize> },
    /// Mallory sends something forbidden.
    Attack { room: usize, what: Attack, number: u64 },
}

/// How a write of the store goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It does not.
    None,
    /// Nothing is written.
    NotWritten,
    /// All is written, and yet a failure is reported.
    WrittenUnheard,
    /// It shows until the store is opened again, and is gone then.
    WrittenUnsynced,
}

/// What somebody writes: the words of [`super::model`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edit {
    /// How.
    pub verb: Verb,
    /// Which resource, by number.
    pub resource: u64,
    /// Which element, by number.
    pub element: u64,
    /// Which value, by number.
    pub value: u64,
}

/// How a resource is edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Put it whole.
    Put,
    /// Set one element.
    Set,
    /// Remove one element.
    Unset,
    /// Insert into a list.
    Insert,
    /// Take an item out of a list.
    Remove,
    /// Delete it.
    Delete,
    /// Take a delete back.
    Undelete,
    /// Two resources in one change.
    Batch,
    /// Choose a side of a conflict.
    Choose,
    /// Write into a text.
    Splice,
    /// Write a text whole.
    SetText,
}

/// What Mallory does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attack {
    /// Writes another patient's resource.
    OtherPatient,
    /// Writes with somebody else's actor.
    Impersonate,
    /// Leaves a gap in her own sequence.
    Gap,
    /// Bends a sound change and makes its checksum right.
    Bend,
    /// Sends no sync message at all.
    Garbage,
    /// Throws her store away.
    StartOver,
}

macro_rules! words {
    ($type:ident { $($name:ident = $word:literal),* $(,)? }) => {
        impl $type {
            /// Each of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$name => $word),* })
            }
        }
        impl FromStr for $type {
            type Err = PlanError;
            fn from_str(word: &str) -> Result<Self, PlanError> {
                Self::ALL
                    .iter()
                    .find(|one| one.to_string() == word)
                    .copied()
                    .ok_or_else(|| PlanError(word.to_owned()))
            }
        }
    };
}

words!(Verb {
    Put = "put",
    Set = "set",
    Unset = "unset",
    Insert = "insert",
    Remove = "remove",
    Delete = "delete",
    Undelete = "undelete",
    Batch = "batch",
    Choose = "choose",
    Splice = "splice",
    SetText = "set-text",
});
words!(Attack {
    OtherPatient = "other-patient",
    Impersonate = "impersonate",
    Gap = "gap",
    Bend = "bend",
    Garbage = "garbage",
    StartOver = "start-over",
});
words!(Fault {
    None = "none",
    NotWritten = "not-written",
    WrittenUnheard = "written-unheard",
    WrittenUnsynced = "written-unsynced",
});

/// What of a saved plan is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no part of a plan: {0:?}")]
pub struct PlanError(pub(super) String);

/// A run before it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// From which the links draw their delays.
    pub seed: u64,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

impl Plan {
    /// The plan of a seed.
    pub fn of_seed(seed: u64, steps: usize) -> Self {
        Self::choose(seed, steps, &mut Choices::of(seed))
    }

    /// A plan of these choices, which ends with them.
    pub fn choose(seed: u64, steps: usize, choices: &mut Choices<'_>) -> Self {
        let steps = (0..steps).map_while(|_| (!choices.is_spent()).then(|| Step::choose(choices)));
        Self { seed, steps: steps.collect() }
    }
}

impl Step {
    fn choose(choices: &mut Choices<'_>) -> Self {
        let after_ms = choices.one_of(&[0, 1, 10, 30, 100, 300, 2000]);
        Self { after_ms, act: Act::choose(choices) }
    }
}

impl Act {
    fn choose(choices: &mut Choices<'_>) -> Self {
        let who = choices.below(PEOPLE.len() as u64) as usize;
        let room = choices.one_of(&[0, 0, 0, 1]);
        match choices.below(60) {
            0..=37 => Self::Edit { who, room, edit: Edit::choose(choices) },
            38..=41 => Self::Post { who, room, edit: Edit::choose(choices) },
            42..=44 => Self::Away { who, ms: choices.one_of(&[10, 500, 5_000, 30_000]) },
            45 => Self::Partition { who: choices.below(128), ms: choices.one_of(&[500, 20_000]) },
            46 => Self::Slow { who, ms: choices.one_of(&[0, 100, 1_500]) },
            47 => Self::Twice { who, messages: 1 + choices.below(3) },
            48..=49 => Self::Restart { who, keeps: !choices.once_in(3) },
            50..=51 => {
                Self::Crash { kept: choices.once_in(2), down_ms: choices.one_of(&[1, 200, 3_000]) }
            }
            52 => {
                let count = 1 + choices.below(4);
                let faults = (0..count).map(|_| choices.one_of(Fault::ALL)).collect();
                Self::Fail { faults }
            }
            53 => Self::FailOpens { count: 1 + choices.below(2) as usize },
            54..=55 => {
                let dies_after = choices.once_in(2).then(|| choices.below(4) as usize);
                Self::Compact { room, dies_after }
            }
            _ => Self::Attack {
                room,
                what: choices.one_of(Attack::ALL),
                number: choices.below(10_000),
            },
        }
    }
}

impl Edit {
    pub(super) fn choose(choices: &mut Choices<'_>) -> Self {
        let verb = choices.one_of(&[
            Verb::Put,
            Verb::Put,
            Verb::Set,
            Verb::Set,
            Verb::Set,
            Verb::Set,
            Verb::Unset,
            Verb::Insert,
            Verb::Insert,
            Verb::Remove,
            Verb::Delete,
            Verb::Undelete,
            Verb::Batch,
            Verb::Choose,
            Verb::Choose,
            Verb::Splice,
            Verb::Splice,
            Verb::Splice,
            Verb::SetText,
        ]);
        let (resource, element) = (choices.below(8), choices.below(6));
        Self { verb, resource, element, value: choices.below(1000) }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}", self.seed)?;
        for Step { after_ms, act } in &self.steps {
            writeln!(f, "+{after_ms} {act}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { verb, resource, element, value } = self;
        write!(f, "{verb} {resource} {element} {value}")
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let person = |who: &usize| PEOPLE.get(*who).map_or("nobody", |(name, _)| name);
        match self {
            Self::Edit { who, room, edit } => write!(f, "edit {} {room} {edit}", person(who)),
            Self::Post { who, room, edit } => write!(f, "post {} {room} {edit}", person(who)),
            Self::Away { who, ms } => write!(f, "away {} {ms}", person(who)),
            Self::Partition { who, ms } => write!(f, "partition {who} {ms}"),
            Self::Slow { who, ms } => write!(f, "slow {} {ms}", person(who)),
            Self::Twice { who, messages } => write!(f, "twice {} {messages}", person(who)),
            Self::Restart { who, keeps } => write!(f, "restart {} {keeps}", person(who)),
            Self::Crash { kept, down_ms } => write!(f, "crash {kept} {down_ms}"),
            Self::Fail { faults } => {
                f.write_str("fail")?;
                faults.iter().try_for_each(|fault| write!(f, " {fault}"))
            }
            Self::FailOpens { count } => write!(f, "fail-opens {count}"),
            Self::Compact { room, dies_after: None } => write!(f, "compact {room}"),
            Self::Compact { room, dies_after: Some(writes) } => {
                write!(f, "compact {room} {writes}")
            }
            Self::Attack { room, what, number } => write!(f, "attack {room} {what} {number}"),
        }
    }
}

impl FromStr for Plan {
    type Err = PlanError;

    fn from_str(text: &str) -> Result<Self, PlanError> {
        let mut lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let first = lines.next().unwrap_or_default();
        let seed = first.strip_prefix("seed ").and_then(|seed| seed.parse().ok());
        let seed = seed.ok_or_else(|| PlanError(first.to_owned()))?;
        let steps = lines.map(|line| parse_step(line).ok_or_else(|| PlanError(line.to_owned())));
        Ok(Self { seed, steps: steps.collect::<Result<_, _>>()? })
    }
}

fn parse_step(line: &str) -> Option<Step> {
    let mut words = line.split_whitespace();
    let after_ms = words.next()?.strip_prefix('+')?.parse().ok()?;
    let act = parse_act(words.next()?, &mut words)?;
    words.next().is_none().then_some(Step { after_ms, act })
}

fn parse_act<'a>(what: &str, words: &mut impl Iterator<Item = &'a str>) -> Option<Act> {
    fn next<'a, T: FromStr>(words: &mut impl Iterator<Item = &'a str>) -> Option<T> {
        words.next()?.parse().ok()
    }
    fn person<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<usize> {
        let name = words.next()?;
        PEOPLE.iter().position(|(person, _)| *person == name)
    }
    fn edit<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<Edit> {
        let (verb, resource) = (next(words)?, next(words)?);
        Some(Edit { verb, resource, element: next(words)?, value: next(words)? })
    }
    Some(match what {
        "edit" => Act::Edit { who: person(words)?, room: next(words)?, edit: edit(words)? },
        "post" => Act::Post { who: person(words)?, room: next(words)?, edit: edit(words)? },
        "away" => Act::Away { who: person(words)?, ms: next(words)? },
        "partition" => Act::Partition { who: next(words)?, ms: next(words)? },
        "slow" => Act::Slow { who: person(words)?, ms: next(words)? },
        "twice" => Act::Twice { who: person(words)?, messages: next(words)? },
        "restart" => Act::Restart { who: person(words)?, keeps: next(words)? },
        "crash" => Act::Crash { kept: next(words)?, down_ms: next(words)? },
        "fail" => Act::Fail { faults: words.map(|word| word.parse().ok()).collect::<Option<_>>()? },
        "fail-opens" => Act::FailOpens { count: next(words)? },
        "compact" => Act::Compact { room: next(words)?, dies_after: next(words) },
        "attack" => Act::Attack { room: next(words)?, what: next(words)?, number: next(words)? },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::Plan;

    #[test]
    fn a_plan_is_read_back_as_it_was_written() {
        for seed in 0..20 {
            let plan = Plan::of_seed(seed, 200);
            assert_eq!(plan.to_string().parse(), Ok(plan));
        }
        assert!("seed 1\n+5 edit alice 0 put 1 2".parse::<Plan>().is_err());
        assert!("seed 1\n+5 away nobody 10".parse::<Plan>().is_err());
    }
}
