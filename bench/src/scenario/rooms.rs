//! Many rooms of two, one writing and one reading, faster and faster until the slowest arrivals take
//! too long.

use std::{rc::Rc, time::Duration};

use chartroom_engine::RoomId;

use super::{Meter, Outcome, Stage, paced};
use crate::{chart::Chart, connection::Connection, peer::Peer, process::Process, voice::Room};

/// The slowest arrival but one of a hundred may take this long, in milliseconds.
const P99_MAX_MS: f64 = 100.0;
/// How much faster the next step is.
const STEP: f64 = 1.25;
/// How long a step is.
const STEP_TIME: Duration = Duration::from_secs(2);
/// How long its last arrivals may take.
const DRAIN_MAX: Duration = Duration::from_secs(5);
/// Share of the arrivals that there must be.
const DELIVERED_MIN: f64 = 0.999;

/// Runs it; one outcome for each step, the last one that kept the time marked.
pub async fn run(peer: Peer, rooms: usize, from: f64, to: f64) -> anyhow::Result<Vec<Outcome>> {
    let stage = Stage::new(Process::start(peer).await?);
    let (opened, writers, _readers) = enter(&stage, peer, rooms).await?;
    let mut outcomes = Vec::new();
    let mut rate = from;
    while rate <= to {
        let outcome = step(&stage, peer, &opened, &writers, rate).await?;
        let kept = outcome.latency.p99 <= P99_MAX_MS
            && outcome.delivered as f64 >= outcome.offered as f64 * DELIVERED_MIN;
        outcomes.push(outcome);
        if !kept {
            break;
        }
        rate *= STEP;
    }
    Ok(outcomes)
}

async fn enter(
    stage: &Stage,
    peer: Peer,
    rooms: usize,
) -> anyhow::Result<(Vec<Rc<dyn Room>>, Vec<Connection>, Vec<Connection>)> {
    let (mut opened, mut writers, mut readers) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..rooms {
        let id = RoomId::first(format!("patient:load{number}").parse()?);
        let room = peer.room(id.clone(), &Chart::small(&id)?, 1)?;
        stage.seed(&room).await?;
        writers.extend(stage.enter(&room, vec![Rc::clone(&room).client(0, Some(0))]).await?);
        readers.extend(stage.enter(&room, vec![Rc::clone(&room).client(1, None)]).await?);
        opened.push(room);
    }
    Ok((opened, writers, readers))
}

async fn step(
    stage: &Stage,
    peer: Peer,
    rooms: &[Rc<dyn Room>],
    writers: &[Connection],
    rate: f64,
) -> anyhow::Result<Outcome> {
    let edits = (rate * STEP_TIME.as_secs_f64()) as usize;
    for (number, room) in rooms.iter().enumerate() {
        let own = edits / rooms.len() + usize::from(number < edits % rooms.len());
        room.prepare(0, own, &mut stage.board.borrow_mut())?;
    }
    stage.board.borrow_mut().clear();
    let meter = Meter::start(&stage.process)?;
    paced(rate, edits, |number, due| {
        if let Some(writer) = writers.get(number % writers.len()) {
            writer.edit(due);
        }
    })
    .await;
    stage.settle(DRAIN_MAX, |board| board.arrivals() >= edits).await;
    let board = stage.board.borrow();
    Outcome {
        latency: board.latency(),
        acknowledged: board.until_acknowledged(),
        offered: edits as u64,
        delivered: board.arrivals() as u64,
        edits_per_second: rate,
        ..Outcome::of(format!("{} rooms of two", rooms.len()), peer, rate)
    }
    .metered(&meter, stage)
}
