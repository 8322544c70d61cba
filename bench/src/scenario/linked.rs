//! Two servers over a thin link: how long a bulk first sync takes, what it does to a live edit
//! meanwhile, and what a night's catch-up costs.

mod link;
mod ward;

use std::{
    cell::RefCell,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{bail, ensure};
use chartroom_client::{Client, Command, OpenRoom};
use chartroom_engine::Author;
use serde_json::json;
use tokio::time::{interval, sleep};

use link::Link;
use ward::Ward;

use crate::board::Latency;

/// The room in which two people write and read meanwhile.
const LIVE: &str = "patient:live";
/// Live edits in a second.
const LIVE_RATE: u64 = 10;
/// How long live edits are measured with the link to themselves.
const ALONE: Duration = Duration::from_secs(20);
/// How long everything may take.
const WAIT_MAX: Duration = Duration::from_secs(1800);

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Patients of the first server.
    pub patients: usize,
    /// What the link carries, each way.
    pub bits_per_second: u64,
    /// What it takes, each way.
    pub delay: Duration,
    /// Edits of the night.
    pub edits: usize,
}

/// Measures, and prints what was seen.
pub async fn run(data: &Path, setting: Setting) -> anyhow::Result<()> {
    let hospital = Ward::import(data, setting.patients, "hospital").await?;
    let link = Link::before(hospital.address(), setting.bits_per_second, setting.delay).await?;
    let clinic = Ward::start("clinic", Some(link.address())).await?;
    println!(
        "{} patients, {} Mbit/s, {} ms each way",
        hospital.rooms().await?,
        setting.bits_per_second / 1_000_000,
        setting.delay.as_millis()
    );

    let began = Instant::now();
    let writing = open(&hospital, "alice").await?;
    let reading = open(&clinic, "bob").await?;
    writing.1.edit(observation("first")).await?.saved().await?;
    reading.1.until(|room| room.resource("Observation", "first").is_some()).await?;
    println!("the first live edit arrived {:.2} s after the clinic began", seconds(began));
    let seen = RefCell::default();
    tokio::select! {
        met = until_in_step(&clinic, true) => met?,
        ended = live(&writing.1, &reading.1, "bulk", WAIT_MAX, &seen) => {
            ended?;
            bail!("it is not in step after {} s", WAIT_MAX.as_secs());
        }
    }
    let (took, carried) = (seconds(began), link.carried());
    println!("first sync: {took:.1} s, {:.1} MB over the link", carried as f64 / 1e6);
    print("live edit meanwhile", &seen.take());
    live(&writing.1, &reading.1, "alone", ALONE, &seen).await?;
    print("live edit alone", &seen.take());

    night(&hospital, &clinic, &link, setting.edits).await
}

async fn open(ward: &Ward, person: &str) -> anyhow::Result<(Client, OpenRoom)> {
    let client = Client::connect(ward.target()?, Author::new(person, person));
    let room = client.open(LIVE).await?;
    Ok((client, room))
}

/// Writes at one server and reads at the other for so long; notes what each edit took from when it was
/// due, in microseconds.
async fn live(
    writing: &OpenRoom,
    reading: &OpenRoom,
    name: &str,
    length: Duration,
    seen: &RefCell<Vec<u32>>,
) -> anyhow::Result<()> {
    let mut ticks = interval(Duration::from_millis(1000 / LIVE_RATE));
    let began = Instant::now();
    for number in 0.. {
        let due = ticks.tick().await;
        if began.elapsed() >= length {
            break;
        }
        let id = format!("{name}-{number}");
        writing.edit(observation(&id)).await?;
        reading.until(|room| room.resource("Observation", &id).is_some()).await?;
        seen.borrow_mut().push(u32::try_from(due.elapsed().as_micros())?);
    }
    Ok(())
}

/// What 200 edits cost that were made while the link was down, in the largest chart.
async fn night(hospital: &Ward, clinic: &Ward, link: &Link, edits: usize) -> anyhow::Result<()> {
    let chart = hospital.largest().to_owned();
    for (who, both) in [("one side", false), ("each side", true)] {
        link.cut();
        hospital.edit(&chart, edits, who).await?;
        if both {
            clinic.edit(&chart, edits, who).await?;
        }
        let before = link.carried();
        let began = Instant::now();
        link.mend();
        until_in_step(clinic, false).await?;
        ensure!(hospital.heads(&chart).await? == clinic.heads(&chart).await?, "heads differ");
        println!(
            "a night's catch-up of {edits} edits on {who} in a chart of {} bytes of JSON: {} bytes over the \
             link, {:.2} s",
            hospital.largest_bytes(),
            link.carried() - before,
            seconds(began)
        );
    }
    Ok(())
}

async fn until_in_step(clinic: &Ward, but_live: bool) -> anyhow::Result<()> {
    let began = Instant::now();
    while !clinic.is_in_step(but_live).await? {
        ensure!(began.elapsed() < WAIT_MAX, "it is not in step after {} s", WAIT_MAX.as_secs());
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

fn observation(id: &str) -> Command {
    Command::Put {
        resource: json!({
            "resourceType": "Observation", "id": id, "status": "final",
            "code": { "text": "Heart rate" },
            "subject": { "reference": "Patient/live" },
            "valueQuantity": { "value": 72, "unit": "/min" },
        }),
    }
}

fn print(what: &str, seen: &[u32]) {
    let Latency { p50, p95, p99, max } = Latency::of(seen);
    println!(
        "{what}: {} edits, p50 {p50:.1} p95 {p95:.1} p99 {p99:.1} max {max:.0} ms",
        seen.len()
    );
}

fn seconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64()
}
