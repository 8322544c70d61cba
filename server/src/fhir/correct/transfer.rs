//! Moving resources and their texts from one chart into another, with nothing lost that is written
//! meanwhile.

use std::{collections::BTreeMap, sync::Arc};

use axum::http::StatusCode;
use chartroom_engine::{
    Command, CommandError, Decision, Document, Edit, Plan, RoomName, document::Note, limits,
};
use serde_json::{Map, Value};

use crate::fhir::{
    ask::Ask,
    chart::{Chart, Found, without_history},
    error::FhirError,
    write::busy,
};

/// How often what was written meanwhile goes after what was moved.
const ATTEMPTS: usize = 8;

/// Operations that texts have in one change, beside those of resources: half of what a change may have,
/// and a text as long as one may be.
pub(super) const TEXT_OPS: usize = limits::CHANGE_OPS_MAX as usize / 2;

/// Type and id.
pub(super) type Key = (String, String);
/// The texts of a resource, by name.
pub(super) type Texts = BTreeMap<String, String>;

/// Resources on their way from one chart into another.
pub(super) struct Transfer<'a> {
    pub source: &'a RoomName,
    pub target: &'a RoomName,
    /// Whether they come as history, which raises nothing.
    pub import: bool,
    /// What is written with them, and where.
    pub marks: Vec<(&'a RoomName, Command)>,
}

/// A resource, and what people wrote together beside it.
struct Moving {
    found: Found,
    texts: Texts,
}

impl Moving {
    fn key(&self) -> Key {
        (self.found.resource_type.clone(), self.found.id.clone())
    }
}

impl Transfer<'_> {
    /// Writes resources in the target as `make` has them, with their texts, then deletes them in the
    /// source where they still are what was written; what somebody wrote meanwhile goes after them.
    pub async fn run(
        &self,
        ask: &Ask,
        keys: Vec<Key>,
        make: impl Fn(&Found) -> Value,
    ) -> Result<(), FhirError> {
        // Who writes over FHIR meanwhile would find the copy, and write there.
        let _alone = ask.fhir.turn.write().await;
        ask.caller.hub().note_moves((self.source, self.target), &keys).await?;
        let mut copied: BTreeMap<Key, (Value, Texts)> = BTreeMap::new();
        for _ in 0..ATTEMPTS {
            let moving = self.moving(ask, keys.clone()).await?;
            if moving.is_empty() {
                return Ok(());
            }
            let standing = texts_of(ask, self.target, keys.clone()).await?;
            let (mut commands, mut texts) = (Vec::new(), Vec::new());
            for moving in &moving {
                let (key, resource) = (moving.key(), make(&moving.found));
                let (before, written) = copied.remove(&key).unzip();
                commands.extend(difference(before.as_ref(), &resource));
                let there = standing.get(&key).cloned().unwrap_or_default();
                texts.extend(typing(&key, written.as_ref(), &moving.texts, &there));
                copied.insert(key, (resource, moving.texts.clone()));
            }
            let commands = self.with_marks(self.target, self.as_history(commands));
            for commands in changes(commands, texts) {
                let note = Note { moved: true, reason: ask.reason.clone(), ..Note::default() };
                write_noted(ask, self.target, commands, note).await?;
            }
            match self.delete(ask, moving).await? {
                Ok(_) => return Ok(()),
                Err(CommandError::Changed) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(busy())
    }

    /// What stands in the source of these, with its texts.
    async fn moving(&self, ask: &Ask, keys: Vec<Key>) -> Result<Vec<Moving>, FhirError> {
        let look = move |chart: &mut Chart| -> Option<Vec<Moving>> {
            let found = keys.iter().filter_map(|(name, id)| chart.current(name, id));
            let found: Vec<Found> = found.filter(|found| !found.deleted).collect();
            let moving = found.into_iter().map(|found| {
                let (name, id) = (&found.resource_type, &found.id);
                let disputed = chart.document().has_disputed_text(name, id);
                let texts = chart.document().texts_of(name, id);
                (!disputed).then_some(Moving { found, texts })
            });
            moving.collect()
        };
        let looked = ask.fhir.charts.look_at(&ask.caller, self.source, look).await?;
        looked.unwrap_or_else(|| Some(Vec::new())).ok_or_else(disputed)
    }

    /// The same, as one import where all of it is new and comes as history.
    fn as_history(&self, commands: Vec<Command>) -> Vec<Command> {
        let is_put = |command: &Command| matches!(command, Command::Put { .. });
        if !self.import || !commands.iter().all(is_put) {
            return commands;
        }
        let resource = |command| match command {
            Command::Put { resource } => Some(resource),
            Command::Patch { .. }
            | Command::Delete { .. }
            | Command::Undelete { .. }
            | Command::Splice { .. }
            | Command::SetText { .. }
            | Command::Batch { .. }
            | Command::Import { .. } => None,
        };
        vec![Command::Import { resources: commands.into_iter().filter_map(resource).collect() }]
    }

    fn with_marks(&self, room: &RoomName, mut commands: Vec<Command>) -> Vec<Command> {
        let marks = self.marks.iter().filter(|(of, _)| *of == room);
        commands.extend(marks.map(|(_, mark)| mark.clone()));
        commands
    }

    async fn delete(
        &self,
        ask: &Ask,
        moving: Vec<Moving>,
    ) -> Result<Result<Edit, CommandError>, FhirError> {
        let delete = |moving: &Moving| {
            let (resource_type, id) = moving.key();
            Command::Delete { resource_type, id }
        };
        let command = together(self.with_marks(self.source, moving.iter().map(delete).collect()));
        let note = Note { moved: true, reason: ask.reason.clone(), ..Note::default() };
        let plan = Plan(Arc::new(move |document: &Document| {
            let stands = |Moving { found, texts }: &Moving| {
                let (name, id) = (&found.resource_type, &found.id);
                let now = document.resource(name, id);
                now.as_ref().map(without_history) == found.bare()
                    && document.texts_of(name, id) == *texts
                    && !document.has_disputed_text(name, id)
            };
            let decision = Decision { command: command.clone(), note: note.clone() };
            moving.iter().all(stands).then_some(decision).ok_or(CommandError::Changed)
        }));
        let access = Arc::new(ask.caller.writing(self.source).await?);
        let room = ask.caller.hub().open_latest(self.source).await?;
        Ok(room.plan_as(ask.caller.author(), &access, plan).await?)
    }
}

/// What makes of a resource that was copied before what its original is now: the elements that differ, so
/// that what was written in the copy stands. All of it where it was not copied yet.
fn difference(copied: Option<&Value>, resource: &Value) -> Option<Command> {
    let text = |name: &str| resource.get(name).and_then(Value::as_str).map(str::to_owned);
    let Some(copied) = copied else { return Some(Command::Put { resource: resource.clone() }) };
    let members = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let (before, now) = (members(copied), members(resource));
    let gone = before.keys().filter(|name| !now.contains_key(*name));
    let gone: Vec<_> = gone.map(|name| (name.clone(), Value::Null)).collect();
    let differing = now.into_iter().filter(|(name, value)| before.get(name) != Some(value));
    let elements: Map<String, Value> = differing.chain(gone).collect();
    let (resource_type, id) = (text("resourceType")?, text("id")?);
    (!elements.is_empty()).then_some(Command::Patch { resource_type, id, elements })
}

/// What makes of a resource's texts in the target what they are in the source, each with the operations
/// that it comes to at most: all of them where they were not copied yet, over those that another resource
/// left there; and then those that differ from what was copied.
fn typing(
    (resource_type, id): &Key,
    copied: Option<&Texts>,
    texts: &Texts,
    there: &Texts,
) -> Vec<(usize, Command)> {
    let left = there.keys().filter(|name| copied.is_none() && !texts.contains_key(*name));
    let left = left.map(|name| (name, ""));
    let differs = |(name, text): &(&String, &String)| {
        copied.is_none_or(|copied| copied.get(*name) != Some(*text))
    };
    let coming = texts.iter().filter(differs).map(|(name, text)| (name, text.as_str()));
    let command = |(name, text): (&String, &str)| {
        let units = |text: &str| text.encode_utf16().count();
        let ops = 1 + units(text) + there.get(name).map_or(0, |there| units(there));
        let (resource_type, id) = (resource_type.clone(), id.clone());
        let (element, text) = (name.clone(), text.to_owned());
        (ops, Command::SetText { resource_type, id, element, text })
    };
    left.chain(coming).map(command).collect()
}

/// Resources and their texts in one change, and in further ones the texts that it has no room for.
fn changes(resources: Vec<Command>, texts: Vec<(usize, Command)>) -> Vec<Vec<Command>> {
    let mut changes = vec![resources];
    let mut room = TEXT_OPS;
    for (ops, text) in texts {
        if ops > room {
            changes.push(Vec::new());
            room = TEXT_OPS;
        }
        room = room.saturating_sub(ops);
        changes.last_mut().into_iter().for_each(|change| change.push(text.clone()));
    }
    changes
}

/// The texts of resources, deleted or not, as a chart has them.
pub(super) async fn texts_of(
    ask: &Ask,
    room: &RoomName,
    keys: Vec<Key>,
) -> Result<BTreeMap<Key, Texts>, FhirError> {
    let look = move |chart: &mut Chart| {
        let of = |key: Key| {
            let texts = chart.document().texts_of(&key.0, &key.1);
            (!texts.is_empty()).then_some((key, texts))
        };
        keys.into_iter().filter_map(of).collect()
    };
    Ok(ask.fhir.charts.look_at(&ask.caller, room, look).await?.unwrap_or_default())
}

/// Texts stand beside each other, of which one alone would go along.
pub(super) fn disputed() -> FhirError {
    let text = "a text was begun twice, and both stand; somebody has to choose first";
    FhirError::one(StatusCode::CONFLICT, "conflict", text)
}

/// Writes several commands as one change.
pub(super) async fn write(
    ask: &Ask,
    room: &RoomName,
    commands: Vec<Command>,
) -> Result<(), FhirError> {
    let note = Note { reason: ask.reason.clone(), ..Note::default() };
    write_noted(ask, room, commands, note).await
}

async fn write_noted(
    ask: &Ask,
    room: &RoomName,
    commands: Vec<Command>,
    note: Note,
) -> Result<(), FhirError> {
    if commands.is_empty() {
        return Ok(());
    }
    let command = together(commands);
    let plan =
        Plan(Arc::new(move |_| Ok(Decision { command: command.clone(), note: note.clone() })));
    let access = Arc::new(ask.caller.writing(room).await?);
    let room = ask.caller.hub().open_latest(room).await?;
    room.plan_as(ask.caller.author(), &access, plan).await??;
    Ok(())
}

fn together(mut commands: Vec<Command>) -> Command {
    match commands.len() {
        1 => commands.remove(0),
        _ => Command::Batch { commands },
    }
}
