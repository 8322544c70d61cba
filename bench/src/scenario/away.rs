//! Back after a night: edits on both sides, and the time until both have all of them.

use std::{rc::Rc, time::Duration};

use chartroom_engine::RoomId;

use super::{Meter, Outcome, Stage, paced};
use crate::{board::Latency, chart::Chart, peer::Peer, process::Process};

/// How fast the colleague wrote meanwhile.
const MEANWHILE_PER_SECOND: f64 = 100.0;
const WAIT_MAX: Duration = Duration::from_secs(60);

/// Runs it with so many edits on each side; `None` where the protocol has no such thing.
pub async fn run(
    peer: Peer,
    (id, chart): (&RoomId, &Chart),
    edits: usize,
) -> anyhow::Result<Option<Outcome>> {
    let stage = Stage::new(Process::start(peer).await?);
    let room = peer.room(id.clone(), chart, 2)?;
    for person in 0..2 {
        room.prepare(person, edits, &mut stage.board.borrow_mut())?;
    }
    let Some(returning) = Rc::clone(&room).returning(1)? else { return Ok(None) };
    stage.seed(&room).await?;
    let colleague = stage.enter(&room, vec![Rc::clone(&room).client(0, Some(0))]).await?;
    for colleague in &colleague {
        paced(MEANWHILE_PER_SECOND, edits, |_, due| colleague.edit(due)).await;
    }
    stage.wait("the colleague's edits", WAIT_MAX, |b| b.acknowledgements() >= edits).await?;

    let before = stage.count_anew();
    let meter = Meter::start(&stage.process)?;
    let _returned = stage.connect(returning, &room).await?;
    stage.wait("both to have everything", WAIT_MAX, |board| board.synced > before).await?;
    let board = stage.board.borrow();
    let outcome = Outcome {
        latency: Latency::of(&board.synced_us),
        offered: 2 * edits as u64,
        delivered: 2 * edits as u64,
        ..Outcome::of(format!("back with {edits} edits on each side"), peer, edits as f64)
    };
    outcome.metered(&meter, &stage).map(Some)
}
