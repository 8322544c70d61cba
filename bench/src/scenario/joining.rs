//! People who open a chart at the same moment, warm or just after the server has started.

use std::{rc::Rc, time::Duration};

use anyhow::Context;
use chartroom_engine::RoomId;
use futures_util::future::join_all;

use super::{Meter, Outcome, Stage};
use crate::{board::Latency, chart::Chart, peer::Peer, process::Process, voice::Room};

/// How long the last of them may take.
const JOIN_MAX: Duration = Duration::from_secs(60);

/// Runs it: so many at once, from a server that has the chart open, and from one that has just
/// started.
pub async fn run(
    peer: Peer,
    (id, chart): (&RoomId, &Chart),
    people: usize,
) -> anyhow::Result<[Outcome; 2]> {
    let room = peer.room(id.clone(), chart, 1)?;
    let stage = Stage::new(holding(peer, chart, &room).await?);
    let _first = stage.enter(&room, vec![Rc::clone(&room).client(people, None)]).await?;
    let warm = join(&stage, &room, peer, chart, people, "server warm").await?;
    drop(_first);
    let folder = stage.process.stop().await?;
    let stage = Stage::new(Process::over(peer, folder).await?);
    let cold = join(&stage, &room, peer, chart, people, "server just started").await?;
    Ok([warm, cold])
}

/// A server that has the chart: imported where it is ours, as an operator would, else by a client.
async fn holding(peer: Peer, chart: &Chart, room: &Rc<dyn Room>) -> anyhow::Result<Process> {
    let folder = tempfile::tempdir()?;
    if peer.is_chartroom() && chart.store_in(folder.path())? {
        return Process::over(peer, folder).await;
    }
    let stage = Stage::new(Process::over(peer, folder).await?);
    stage.seed(room).await?;
    // Some save a while behind the edit.
    tokio::time::sleep(Duration::from_secs(3)).await;
    Ok(stage.process)
}

async fn join(
    stage: &Stage,
    room: &Rc<dyn Room>,
    peer: Peer,
    chart: &Chart,
    people: usize,
    how: &str,
) -> anyhow::Result<Outcome> {
    let before = stage.count_anew();
    let meter = Meter::start(&stage.process)?;
    let joining =
        (0..people).map(|number| stage.connect(Rc::clone(room).client(number, None), room));
    let joined: Vec<_> = join_all(joining).await.into_iter().collect::<anyhow::Result<_>>()?;
    stage.settle(JOIN_MAX, |board| board.synced + board.lost >= before + people).await;
    let board = stage.board.borrow();
    let outcome = Outcome {
        latency: Latency::of(&board.synced_us),
        offered: people as u64,
        delivered: (board.synced - before) as u64,
        note: format!("started in {} ms", stage.process.started_in.as_millis()),
        ..Outcome::of(format!("{people} join at once, {how}"), peer, chart.json_bytes as f64 / 1e6)
    }
    .metered(&meter, stage)
    .context("the server still runs");
    drop(joined);
    outcome
}
