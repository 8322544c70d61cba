//! Everybody in a room says once a second where they are.

use std::{rc::Rc, time::Duration};

use chartroom_engine::RoomId;

use super::{Meter, Outcome, Stage, paced};
use crate::{chart::Chart, peer::Peer, process::Process};

/// Seconds of it that are counted.
const SECONDS: usize = 8;
/// Seconds before.
const WARM_UP: usize = 2;
const DRAIN_MAX: Duration = Duration::from_secs(3);

/// Runs it.
pub async fn run(
    peer: Peer,
    (id, chart): (&RoomId, &Chart),
    people: usize,
) -> anyhow::Result<Outcome> {
    let stage = Stage::new(Process::start(peer).await?);
    let room = peer.room(id.clone(), chart, 1)?;
    stage.seed(&room).await?;
    let voices = (0..people).map(|number| Rc::clone(&room).client(number, None)).collect();
    let people_in = stage.enter(&room, voices).await?;
    let speak = async |seconds: usize| {
        paced(people as f64, people * seconds, |number, due| {
            let sent = stage.board.borrow_mut().allocate();
            if let Some(person) = people_in.get(number % people) {
                person.presence(sent, due);
            }
        })
        .await;
    };
    speak(WARM_UP).await;
    stage.board.borrow_mut().clear();
    let meter = Meter::start(&stage.process)?;
    speak(SECONDS).await;
    let offered = people * (people - 1) * SECONDS;
    stage.settle(DRAIN_MAX, |board| board.arrivals() >= offered).await;
    let board = stage.board.borrow();
    Outcome {
        latency: board.latency(),
        offered: offered as u64,
        delivered: board.arrivals() as u64,
        ..Outcome::of("presence once a second", peer, people as f64)
    }
    .metered(&meter, &stage)
}
