//! SIGKILL in the moment of the acknowledgement: what the server then has.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use chartroom_engine::RoomId;

use super::{Outcome, Stage};
use crate::{chart::Chart, peer::Peer, process::Process};

const WAIT_MAX: Duration = Duration::from_secs(10);
/// How long the room lies still before the edit, so that it is the only thing in doubt.
const STILL: Duration = Duration::from_secs(1);

/// Runs so many trials; `delivered` counts those that kept the edit.
pub async fn run(
    peer: Peer,
    (id, chart): (&RoomId, &Chart),
    trials: usize,
) -> anyhow::Result<Outcome> {
    let mut kept = 0;
    for _ in 0..trials {
        kept += usize::from(trial(peer, (id, chart)).await?);
    }
    Ok(Outcome {
        offered: trials as u64,
        delivered: kept as u64,
        ..Outcome::of("killed right after the acknowledgement", peer, trials as f64)
    })
}

async fn trial(peer: Peer, (id, chart): (&RoomId, &Chart)) -> anyhow::Result<bool> {
    let stage = Stage::new(Process::start(peer).await?);
    let room = peer.room(id.clone(), chart, 1)?;
    room.prepare(0, 1, &mut stage.board.borrow_mut())?;
    stage.seed(&room).await?;
    let writer = stage.enter(&room, vec![Rc::clone(&room).client(0, Some(0))]).await?;
    tokio::time::sleep(STILL).await;
    writer.iter().for_each(|writer| writer.edit(Instant::now()));
    stage.acknowledgement_behind(0, WAIT_MAX).await;
    anyhow::ensure!(stage.board.borrow().acknowledgements() == 1, "{peer} acknowledged nothing");
    let folder = stage.process.kill()?;
    drop(writer);

    let stage = Stage::new(Process::over(peer, folder).await?);
    let reader = Rc::clone(&room).client(1, None);
    let _reader = stage.connect(reader, &room).await?;
    // One that does not have the room any more does not answer at all.
    stage.settle(WAIT_MAX, |board| board.synced > 0 || board.lost > 0).await;
    let held = stage.board.borrow().held > 0;
    Ok(held)
}
