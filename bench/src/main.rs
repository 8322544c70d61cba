//! Chartroom's load generator: the same people, in the same scenarios, against every peer.
//!
//! One thread carries all connections, pinned to one core, and the server that is measured has the
//! other. Start at [`scenario`]; [`voice`] holds the protocols.
#![allow(clippy::print_stdout, reason = "a report is for whoever runs it")]

mod board;
mod chart;
mod connection;
mod machine;
mod peer;
mod process;
mod scenario;
mod voice;

use chartroom_engine::RoomId;
use clap::{Parser, Subcommand};

use chart::Chart;
use peer::Peer;
use scenario::{Outcome, fan_out};

#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// One writes, many read
    FanOut {
        #[arg(long, value_delimiter = ',')]
        peers: Vec<Peer>,
        #[arg(long, value_delimiter = ',', default_value = "100")]
        readers: Vec<usize>,
        #[arg(long, default_value_t = 200)]
        edits: usize,
        /// Edits a second; 0: the next one when the last is acknowledged
        #[arg(long, default_value_t = 20.0)]
        rate: f64,
    },
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    if !machine::pin()? {
        println!("there is one core: server and generator share it");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, run(options.task))
}

async fn run(task: Task) -> anyhow::Result<()> {
    match task {
        Task::FanOut { peers, readers, edits, rate } => {
            let id = RoomId::first("patient:load".parse()?);
            let chart = Chart::small(&id)?;
            let pace =
                if rate > 0.0 { fan_out::Pace::PerSecond(rate) } else { fan_out::Pace::FlatOut };
            for readers in readers {
                for peer in &peers {
                    print(&fan_out::run(*peer, (&id, &chart), readers, edits, pace).await?);
                }
            }
        }
    }
    Ok(())
}

fn print(outcome: &Outcome) {
    let Outcome { latency, acknowledged, .. } = outcome;
    println!(
        "{:26} {:>6} {}: {:>6} of {:>6}, p50 {:.1} p95 {:.1} p99 {:.1} max {:.0} ms, saved p50 {:.1} p99 {:.1} ms, \
         {:.0} edits/s, {:.1} µs, {:.0} B, {:.0} MB, disk {:.1} MB, generator {:.0} % {}",
        outcome.peer.name(),
        outcome.size,
        outcome.scenario,
        outcome.delivered,
        outcome.offered,
        latency.p50,
        latency.p95,
        latency.p99,
        latency.max,
        acknowledged.p50,
        acknowledged.p99,
        outcome.edits_per_second,
        outcome.cpu_us,
        outcome.wire_bytes,
        outcome.resident as f64 / 1e6,
        outcome.disk_bytes as f64 / 1e6,
        outcome.generator * 100.0,
        outcome.note,
    );
}
