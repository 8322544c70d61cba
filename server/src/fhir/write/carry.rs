//! Having prepared writes done in their room.

use std::sync::Arc;

use chartroom_engine::{
    ChangeHash, Command, CommandError, Decision, Document, Offer, Plan, access::Access,
    document::Note, mint_actor,
};

use super::Prepared;
use crate::{
    clock,
    fhir::{ask::Ask, audit, chart::Chart, error::FhirError},
};

/// Has writes carried out in one room, as one change, where everything still stands as they were
/// prepared on.
pub(crate) async fn carry_out(
    ask: &Ask,
    writes: &[Prepared],
) -> Result<Result<Option<ChangeHash>, CommandError>, FhirError> {
    let Some(first) = writes.first() else { return Ok(Ok(None)) };
    let access = Arc::new(ask.caller.writing(&first.room).await?);
    let room = ask.caller.hub().open_latest(&first.room).await?;
    let done = if let ([write], Some(base)) = (writes, first.base) {
        let Some(offer) = offer(ask, write, base, access).await? else { return Ok(Ok(None)) };
        room.offer(offer).await?
    } else {
        let Some(command) = together(writes) else { return Ok(Ok(None)) };
        let reverts = writes.iter().flat_map(Prepared::noted_reverts).collect();
        note_moves(ask, writes).await?;
        for write in writes.iter().filter(|write| write.is_new && write.moved_from.is_none()) {
            let hub = ask.caller.hub();
            hub.note_place(&write.resource_type, &write.id, &write.room).await?;
        }
        let moved = writes.iter().any(|write| write.moved_from.is_some());
        let note = Note { reason: ask.reason.clone(), reverts, moved };
        let expected: Vec<Prepared> = writes.to_vec();
        let decide = move |document: &Document| {
            let unchanged = expected.iter().all(|write| write.still_stands(document));
            let decision = Decision { command: command.clone(), note: note.clone() };
            unchanged.then_some(decision).ok_or(CommandError::Changed)
        };
        room.plan_as(ask.caller.author(), &access, Plan(Arc::new(decide))).await?
    };
    // What is durable is not taken back for it.
    if done.is_ok() && audit::reverts(ask, writes).await.is_err() {
        tracing::error!("that an edit put others' work back was not noted in the audit");
    }
    Ok(done.map(|edit| edit.hash))
}

/// Notes where resources were that are created in another room.
async fn note_moves(ask: &Ask, writes: &[Prepared]) -> Result<(), FhirError> {
    for write in writes {
        if let Some(from) = &write.moved_from {
            let key = (write.resource_type.clone(), write.id.clone());
            ask.caller.hub().note_moves((from, &write.room), &[key]).await?;
        }
    }
    Ok(())
}

/// One command for all of them.
fn together(writes: &[Prepared]) -> Option<Command> {
    let mut commands: Vec<Command> =
        writes.iter().filter_map(|write| write.command.clone()).collect();
    match commands.len() {
        0 => None,
        1 => commands.pop(),
        _ => Some(Command::Batch { commands }),
    }
}

/// The change that a write makes of the room as it was behind `base`; `None` where it makes none.
async fn offer(
    ask: &Ask,
    write: &Prepared,
    base: ChangeHash,
    access: Arc<Access>,
) -> Result<Option<Offer>, FhirError> {
    let Some(command) = write.command.clone() else { return Ok(None) };
    let now_ms = clock::now_ms();
    let actor = mint_actor(now_ms, rand::random());
    let made = command.clone();
    let make = move |chart: &mut Chart| chart.document().change_behind(&base, actor, &made, now_ms);
    let chunk = ask.fhir.charts.look_at(&ask.caller, &write.room, make).await?;
    let chunk = chunk.ok_or_else(FhirError::not_found)??;
    let author = ask.caller.author().clone();
    Ok(chunk.map(|chunk| Offer { author, chunk, command, access }))
}
