//! 200 hostile connections beside 50 honest people; server, strangers and people in a process each.
//!
//! Prints how long the honest ones' edits take to be saved and to be seen by a colleague, without
//! and with the hostile ones; ends with an error if an edit is lost or an honest person is closed.
//! `SECONDS` is the length of a phase, `CHARTROOM_BIN` the server.
#![allow(clippy::wildcard_enum_match_arm, reason = "one kind of output is looked for")]

mod honest;
mod hostile;
mod process;

use std::time::Duration;

use honest::{Figures, Ward};
use hostile::Crowd;
use process::{Process, Strangers};

/// Hostile connections.
const HOSTILE: usize = 200;
/// Rooms, with two honest people each.
const ROOMS: usize = 25;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    if let [_, address] = &std::env::args().collect::<Vec<_>>()[..] {
        let crowd = Crowd::start(address.parse()?, HOSTILE, ROOMS);
        process::told_to_end().await?;
        println!("hostile: {}", crowd.stop().await);
        return Ok(());
    }
    let seconds = std::env::var("SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(20);
    let phase = Duration::from_secs(seconds);
    let server = Process::start().await?;
    let mut ward = Ward::open(server.address(), ROOMS).await?;

    let alone = ward.work(phase).await?;
    println!("{ROOMS} rooms with two people each, {seconds} s a phase");
    println!("{}", alone.line("honest alone"));
    println!("server: {}", server.figures()?);

    let strangers = Strangers::start(server.address())?;
    let beside = ward.work(phase).await?;
    println!("{}", beside.line("beside hostile"));
    println!("server: {}", server.figures()?);
    strangers.stop()?;

    let after = ward.work(phase / 4).await?;
    println!("{}", after.line("honest after"));
    println!("{}", server.limits().await?);
    server.stop()?;
    Figures::check([alone, beside, after])
}

/// A room of the load.
fn room(number: usize) -> String {
    format!("patient:ward-{number}")
}
