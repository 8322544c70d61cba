//! Moving resources from one chart into another, with nothing lost that is written meanwhile.

use std::sync::Arc;

use axum::http::StatusCode;
use chartroom_engine::{
    Command, CommandError, Decision, Document, Edit, Plan, RoomName, document::Note,
};
use serde_json::Value;

use crate::fhir::{
    ask::Ask,
    chart::{Chart, Found, without_history},
    error::FhirError,
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
        for _ in 0..ATTEMPTS {
            let wanted = keys.clone();
            let look = move |chart: &mut Chart| -> Vec<Found> {
                let found = wanted.iter().filter_map(|(name, id)| chart.current(name, id));
                found.filter(|found| !found.deleted).collect()
            };
            let looked = ask.fhir.charts.look_at(ask.caller.hub(), self.source, look).await?;
            let found = looked.unwrap_or_default();
            if found.is_empty() {
                return Ok(());
            }
            let resources: Vec<Value> = found.iter().map(&make).collect();
            let commands = match self.import {
                true => vec![Command::Import { resources }],
                false => resources.into_iter().map(|resource| Command::Put { resource }).collect(),
            };
            write(ask, self.target, self.with_marks(self.target, commands)).await?;
            match self.delete(ask, found).await? {
                Ok(_) => return Ok(()),
                Err(CommandError::Changed) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(FhirError::one(
            StatusCode::CONFLICT,
            "conflict",
            "others keep writing there; try again",
        ))
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
        let note = Note { reason: ask.reason.clone(), reverts: Vec::new() };
        let plan = Plan(Arc::new(move |document: &Document| {
            let stands = |found: &Found| {
                let now = document.resource(&found.resource_type, &found.id);
                now.as_ref().map(without_history) == found.bare()
            };
            let decision = Decision { command: command.clone(), note: note.clone() };
            found.iter().all(stands).then_some(decision).ok_or(CommandError::Changed)
        }));
        let room = ask.caller.hub().open_latest(self.source).await?;
        Ok(room.plan(ask.caller.author().clone(), plan).await?)
    }
}

/// Writes several commands as one change.
pub(super) async fn write(
    ask: &Ask,
    room: &RoomName,
    commands: Vec<Command>,
) -> Result<(), FhirError> {
    let command = together(commands);
    let note = Note { reason: ask.reason.clone(), reverts: Vec::new() };
    let plan =
        Plan(Arc::new(move |_| Ok(Decision { command: command.clone(), note: note.clone() })));
    let room = ask.caller.hub().open_latest(room).await?;
    room.plan(ask.caller.author().clone(), plan).await??;
    Ok(())
}

fn together(mut commands: Vec<Command>) -> Command {
    match commands.len() {
        1 => commands.remove(0),
        _ => Command::Batch { commands },
    }
}
