//! Moving resources from one chart into another, with nothing lost that is written meanwhile.

use std::{collections::BTreeMap, sync::Arc};

use chartroom_engine::{
    Command, CommandError, Decision, Document, Edit, Plan, RoomName, document::Note,
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

/// Resources on their way from one chart into another.
pub(super) struct Transfer<'a> {
    pub source: &'a RoomName,
    pub target: &'a RoomName,
    /// Whether they come as history, which raises nothing.
    pub import: bool,
    /// What is written with them, and where.
    pub marks: Vec<(&'a RoomName, Command)>,
}

impl Transfer<'_> {
    /// Writes resources in the target as `make` has them, then deletes them in the source where they
    /// still are what was written; what somebody wrote meanwhile goes after them.
    pub async fn run(
        &self,
        ask: &Ask,
        keys: Vec<(String, String)>,
        make: impl Fn(&Found) -> Value,
    ) -> Result<(), FhirError> {
        // Who writes over FHIR meanwhile would find the copy, and write there.
        let _alone = ask.fhir.turn.write().await;
        ask.caller.hub().note_moves((self.source, self.target), &keys).await?;
        let mut copied: BTreeMap<(String, String), Value> = BTreeMap::new();
        for _ in 0..ATTEMPTS {
            let wanted = keys.clone();
            let look = move |chart: &mut Chart| -> Vec<Found> {
                let found = wanted.iter().filter_map(|(name, id)| chart.current(name, id));
                found.filter(|found| !found.deleted).collect()
            };
            let looked = ask.fhir.charts.look_at(&ask.caller, self.source, look).await?;
            let found = looked.unwrap_or_default();
            if found.is_empty() {
                return Ok(());
            }
            let mut commands = Vec::new();
            for found in &found {
                let key = (found.resource_type.clone(), found.id.clone());
                let resource = make(found);
                commands.extend(difference(copied.get(&key), &resource));
                copied.insert(key, resource);
            }
            let commands = self.with_marks(self.target, self.as_history(commands));
            let note = Note { moved: true, reason: ask.reason.clone(), ..Note::default() };
            write_noted(ask, self.target, commands, note).await?;
            match self.delete(ask, found).await? {
                Ok(_) => return Ok(()),
                Err(CommandError::Changed) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(busy())
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
        found: Vec<Found>,
    ) -> Result<Result<Edit, CommandError>, FhirError> {
        let delete = |found: &Found| Command::Delete {
            resource_type: found.resource_type.clone(),
            id: found.id.clone(),
        };
        let command = together(self.with_marks(self.source, found.iter().map(delete).collect()));
        let note = Note { moved: true, reason: ask.reason.clone(), ..Note::default() };
        let plan = Plan(Arc::new(move |document: &Document| {
            let stands = |found: &Found| {
                let now = document.resource(&found.resource_type, &found.id);
                now.as_ref().map(without_history) == found.bare()
            };
            let decision = Decision { command: command.clone(), note: note.clone() };
            found.iter().all(stands).then_some(decision).ok_or(CommandError::Changed)
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
