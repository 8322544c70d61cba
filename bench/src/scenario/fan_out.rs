//! One writes, many read: paced, and flat out (the next edit when the last is acknowledged).

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use chartroom_engine::RoomId;

use super::{Meter, Outcome, Stage, paced};
use crate::{chart::Chart, connection::Connection, peer::Peer, process::Process};

/// Edits before anything is counted.
const WARM_UP: usize = 40;
/// How long the last arrivals may take.
const DRAIN_MAX: Duration = Duration::from_secs(10);

/// How the writer writes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// So many edits a second.
    PerSecond(f64),
    /// The next one when the last is acknowledged.
    FlatOut,
}

/// Runs it.
pub async fn run(
    peer: Peer,
    chart: (&RoomId, &Chart),
    readers: usize,
    edits: usize,
    pace: Pace,
) -> anyhow::Result<Outcome> {
    let stage = Stage::new(Process::start(peer).await?);
    let room = peer.room(chart.0.clone(), chart.1, 1)?;
    stage.seed(&room).await?;
    on(stage, peer, chart, (readers, edits, pace)).await
}

/// Runs it on a server that has the room.
pub async fn on(
    stage: Stage,
    peer: Peer,
    chart: (&RoomId, &Chart),
    (readers, edits, pace): (usize, usize, Pace),
) -> anyhow::Result<Outcome> {
    let room = peer.room(chart.0.clone(), chart.1, 1)?;
    room.prepare(0, WARM_UP + edits, &mut stage.board.borrow_mut())?;
    let voices = (1..=readers).map(|number| Rc::clone(&room).client(number, None)).collect();
    let _readers = stage.enter(&room, voices).await?;
    let first = stage.board.borrow().synced_us.first().copied().unwrap_or_default();
    let writer = stage.enter(&room, vec![Rc::clone(&room).client(0, Some(0))]).await?;
    let Some(writer) = writer.first() else { anyhow::bail!("somebody writes") };

    write(&stage, writer, WARM_UP, pace).await;
    stage.settle(DRAIN_MAX, |board| board.arrivals() >= WARM_UP * readers).await;
    stage.board.borrow_mut().clear();
    let meter = Meter::start(&stage.process)?;
    let began = Instant::now();
    write(&stage, writer, edits, pace).await;
    stage.settle(DRAIN_MAX, |board| board.acknowledgements() >= edits).await;
    let took = began.elapsed();
    stage.settle(DRAIN_MAX, |board| board.arrivals() >= edits * readers).await;
    let board = stage.board.borrow();
    let scenario = match pace {
        Pace::PerSecond(rate) => format!("fan-out at {rate} edits/s"),
        Pace::FlatOut => "fan-out, next edit when acknowledged".to_owned(),
    };
    Outcome {
        latency: board.latency(),
        acknowledged: board.until_acknowledged(),
        offered: (edits * readers) as u64,
        delivered: board.arrivals() as u64,
        edits_per_second: board.acknowledgements() as f64 / took.as_secs_f64(),
        note: format!("first sync {:.0} ms", f64::from(first) / 1000.0),
        ..Outcome::of(scenario, peer, readers as f64)
    }
    .metered(&meter, &stage)
}

async fn write(stage: &Stage, writer: &Connection, edits: usize, pace: Pace) {
    match pace {
        Pace::PerSecond(rate) => paced(rate, edits, |_, due| writer.edit(due)).await,
        Pace::FlatOut => {
            for _ in 0..edits {
                let before = stage.board.borrow().acknowledgements();
                writer.edit(Instant::now());
                stage.acknowledgement_behind(before, DRAIN_MAX).await;
            }
        }
    }
}
