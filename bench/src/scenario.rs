//! What is done to each peer, and what is written down of it.

pub mod away;
pub mod fan_out;
pub mod history;
pub mod joining;
pub mod killed;
pub mod linked;
pub mod presence;
pub mod rooms;

use std::{
    cell::RefCell,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{bail, ensure};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use crate::{
    board::{Board, Latency},
    connection::{Connection, Shared},
    peer::Peer,
    process::{Process, Usage},
    voice::{Room, Voice},
};

/// How long everybody in a room may take to be in it.
const SYNC_MAX: Duration = Duration::from_secs(60);
/// Connections opened at once; more would wait in the listener's queue.
const OPENED_AT_ONCE: usize = 32;

/// What one scenario showed of one peer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    /// The scenario.
    pub scenario: String,
    /// Who.
    pub peer: Peer,
    /// What it was set to, such as people or rooms.
    pub size: f64,
    /// From due to arrival at others, in milliseconds.
    pub latency: Latency,
    /// From due to the writer's acknowledgement, in milliseconds.
    pub acknowledged: Latency,
    /// Arrivals that there should have been.
    pub offered: u64,
    /// Arrivals.
    pub delivered: u64,
    /// Edits in a second.
    pub edits_per_second: f64,
    /// Microseconds of the server's processor for each arrival.
    pub cpu_us: f64,
    /// Bytes of the server in memory, at the end.
    pub resident: u64,
    /// Bytes on the wire from the server, for each arrival.
    pub wire_bytes: f64,
    /// Bytes on the server's disk, at the end.
    pub disk_bytes: u64,
    /// Share of its core that the generator used; near 1 it is the limit itself.
    pub generator: f64,
    /// What else there is to say.
    #[serde(default)]
    pub note: String,
}

impl Outcome {
    /// One with nothing in it but who and what.
    pub fn of(scenario: impl Into<String>, peer: Peer, size: f64) -> Self {
        Self {
            scenario: scenario.into(),
            peer,
            size,
            latency: Latency::default(),
            acknowledged: Latency::default(),
            offered: 0,
            delivered: 0,
            edits_per_second: 0.0,
            cpu_us: 0.0,
            resident: 0,
            wire_bytes: 0.0,
            disk_bytes: 0,
            generator: 0.0,
            note: String::new(),
        }
    }

    /// With what the meter shows since it was started, for so many arrivals, and what the server holds.
    fn metered(mut self, meter: &Meter, stage: &Stage) -> anyhow::Result<Self> {
        let (cpu, generator) = meter.read(&stage.process)?;
        let arrivals = self.delivered.max(1) as f64;
        self.cpu_us = cpu.as_secs_f64() * 1e6 / arrivals;
        self.generator = generator;
        self.wire_bytes = stage.board.borrow().bytes_in as f64 / arrivals;
        self.resident = stage.process.usage()?.resident;
        self.disk_bytes = stage.process.disk_bytes()?;
        Ok(self)
    }
}

/// A server and the connections to it.
pub struct Stage {
    pub process: Process,
    pub board: Shared,
}

impl Stage {
    pub fn new(process: Process) -> Self {
        Self { process, board: Rc::new(RefCell::new(Board::default())) }
    }

    /// Has the server hold what a room begins with.
    pub async fn seed(&self, room: &Rc<dyn Room>) -> anyhow::Result<()> {
        if room.path().is_empty() {
            let before = self.board.borrow().synced;
            let _seeder = self.connect(Rc::clone(room).seeder(), room).await?;
            self.wait("the room to be there", SYNC_MAX, |board| board.synced > before).await?;
        }
        Ok(())
    }

    /// Opens connections a few at a time; returns when all are in step.
    pub async fn enter(
        &self,
        room: &Rc<dyn Room>,
        voices: Vec<Box<dyn Voice>>,
    ) -> anyhow::Result<Vec<Connection>> {
        let mut connections = Vec::with_capacity(voices.len());
        let mut expected = self.board.borrow().synced;
        for voice in voices {
            connections.push(self.connect(voice, room).await?);
            expected += usize::from(room.path().is_empty());
            if connections.len() % OPENED_AT_ONCE == 0 {
                self.wait("the first syncs", SYNC_MAX, |board| board.synced >= expected).await?;
            }
        }
        self.wait("the first syncs", SYNC_MAX, |board| board.synced >= expected).await?;
        Ok(connections)
    }

    pub async fn connect(
        &self,
        voice: Box<dyn Voice>,
        room: &Rc<dyn Room>,
    ) -> anyhow::Result<Connection> {
        let path = format!("{}{}", self.process.path(), room.path());
        Connection::open(&self.process.address(), voice, &path, &self.board).await
    }

    /// Counts anew; gives how many first syncs there were.
    pub fn count_anew(&self) -> usize {
        let mut board = self.board.borrow_mut();
        board.clear();
        board.synced_us.clear();
        board.synced
    }

    /// Waits for a level; an error if it is not reached in time or somebody lost the connection.
    pub async fn wait(
        &self,
        what: &str,
        max: Duration,
        reached: impl Fn(&Board) -> bool,
    ) -> anyhow::Result<()> {
        let began = Instant::now();
        while !reached(&self.board.borrow()) {
            ensure!(self.board.borrow().lost == 0, "a connection ended while waiting for {what}");
            if began.elapsed() > max {
                bail!("waited in vain for {what}");
            }
            sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    /// Waits until there are more acknowledgements than that, or nothing is to be hoped for.
    pub async fn acknowledgement_behind(&self, before: usize, max: Duration) {
        let told = Rc::clone(&self.board.borrow().told);
        let more = async {
            while self.board.borrow().acknowledgements() <= before {
                told.notified().await;
            }
        };
        // The board says how many there were.
        let _ = tokio::time::timeout(max, more).await;
    }

    /// Waits for a level, or until nothing is to be hoped for.
    pub async fn settle(&self, max: Duration, reached: impl Fn(&Board) -> bool) {
        let began = Instant::now();
        while !reached(&self.board.borrow()) && began.elapsed() < max {
            sleep(Duration::from_millis(1)).await;
        }
    }
}

/// What was used between two moments.
pub struct Meter {
    usage: Usage,
    own: Duration,
    began: Instant,
}

impl Meter {
    pub fn start(process: &Process) -> anyhow::Result<Self> {
        Ok(Self { usage: process.usage()?, own: own_cpu(), began: Instant::now() })
    }

    /// Since the start: the server's processor time, and the generator's share of its core.
    pub fn read(&self, process: &Process) -> anyhow::Result<(Duration, f64)> {
        let cpu = process.usage()?.cpu_since(&self.usage);
        let own = own_cpu().saturating_sub(self.own);
        Ok((cpu, own.as_secs_f64() / self.began.elapsed().as_secs_f64()))
    }
}

fn own_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// Sends orders evenly, so many a second, whatever becomes of them; `send` is told the number and when
/// it was due.
pub async fn paced(per_second: f64, count: usize, mut send: impl FnMut(usize, Instant)) {
    let began = Instant::now();
    let mut next = 0;
    while next < count {
        let due_by_now = (began.elapsed().as_secs_f64() * per_second) as usize + 1;
        while next < count.min(due_by_now) {
            send(next, began + Duration::from_secs_f64(next as f64 / per_second));
            next += 1;
        }
        sleep(Duration::from_millis(1)).await;
    }
}
