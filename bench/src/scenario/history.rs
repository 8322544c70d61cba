//! A chart with a long history: opening it, and an edit in it.

use std::{rc::Rc, sync::Arc};

use anyhow::Context;
use automerge::{
    ROOT, ReadDoc,
    transaction::{CommitOptions, Transactable},
};
use chartroom_engine::{Batch, LoggedChange, RoomId};
use chartroom_server::{
    clock,
    storage::{RoomBatch, Sled, Storage},
};

use super::{Outcome, fan_out};
use crate::{
    chart::Chart,
    peer::Peer,
    process::Process,
    voice::repo::{Base, load},
};

/// Changes stored at once.
const STORED_AT_ONCE: usize = 2000;
/// Who reads while it is edited.
const READERS: usize = 10;
const EDITS: usize = 100;

/// Runs it over so many changes; opening is the first reader's time.
pub async fn run(changes: usize) -> anyhow::Result<Outcome> {
    let id = RoomId::first("patient:history".parse()?);
    let small = Chart::small(&id)?;
    let folder = tempfile::tempdir()?;
    let base = grown(&id, &small, changes, folder.path())?;
    let chart = Chart { base: Rc::new(base), ..small };
    let process = Process::over(Peer::Chartroom, folder).await?;
    let pace = fan_out::Pace::PerSecond(20.0);
    let stage = super::Stage::new(process);
    let outcome =
        fan_out::on(stage, Peer::Chartroom, (&id, &chart), (READERS, EDITS, pace)).await?;
    Ok(Outcome {
        scenario: "an edit in a long history".to_owned(),
        size: changes as f64,
        ..outcome
    })
}

/// Stores a room with so many changes, and gives it as clients have it.
fn grown(
    id: &RoomId,
    chart: &Chart,
    changes: usize,
    folder: &std::path::Path,
) -> anyhow::Result<Base> {
    let mut doc = load(chart.base.document())?;
    doc.set_actor(chartroom_engine::mint_actor(clock::now_ms(), rand::random()));
    let observations = doc.get(ROOT, "Observation")?.context("there are observations")?.1;
    let keys: Vec<String> = doc.keys(&observations).collect();
    for number in 0..changes {
        let key = keys.get(number % keys.len()).context("there is one")?;
        let map = doc.get(&observations, key.as_str())?.context("it is there")?.1;
        let mut transaction = doc.transaction();
        transaction.put(&map, "valueString", format!("value {number}"))?;
        transaction.commit_with(CommitOptions::default().with_time(1_700_000_000));
    }
    let storage = Sled::at(folder)?;
    // Genesis is no part of the log.
    let all = doc.get_changes(&[]);
    let logged = all.iter().skip(1).zip(1..).map(|(change, seq)| LoggedChange {
        seq,
        hash: change.hash(),
        bytes: Arc::from(change.raw_bytes()),
        via: None,
    });
    let logged: Vec<LoggedChange> = logged.collect();
    for (some, number) in logged.chunks(STORED_AT_ONCE).zip(1..) {
        let batch = Batch { number, changes: some.to_vec(), ..Batch::default() };
        storage.commit(&[RoomBatch::new(id.clone(), batch, clock::now_ms())])?;
    }
    Base::of(doc.save())
}
