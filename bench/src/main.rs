//! Chartroom's load generator: the same people, in the same scenarios, against every peer.
//!
//! One thread carries all connections, pinned to one core, and the server that is measured has the
//! other. Start at [`plan`], which is what `make bench` runs; [`voice`] holds the protocols.
#![allow(clippy::wildcard_enum_match_arm, reason = "a client takes what it knows")]
#![allow(clippy::print_stdout, reason = "a report is for whoever runs it")]

mod board;
mod chart;
mod connection;
mod machine;
mod peer;
mod plan;
mod process;
mod report;
mod scenario;
mod voice;

use std::{path::PathBuf, time::Duration};

use chartroom_engine::RoomId;
use clap::{Parser, Subcommand};

use chart::Chart;
use peer::Peer;
use scenario::{Outcome, away, fan_out, history, joining, killed, linked, presence, rooms};

#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Everything, into a file
    All {
        /// Folder of patients as FHIR Bundles
        #[arg(long, default_value = "../shared/data/synthea")]
        data: PathBuf,
        #[arg(long, default_value = "target/bench/results.json")]
        out: PathBuf,
    },
    /// Tables and plots from what a run left
    Report {
        #[arg(long, default_value = "target/bench/results.json")]
        results: PathBuf,
        #[arg(long, default_value = "docs/performance")]
        folder: PathBuf,
    },
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
        /// What a run left, to add this to
        #[arg(long)]
        append: Option<PathBuf>,
    },
    /// Many rooms of two, faster and faster
    Rooms {
        #[arg(long, value_delimiter = ',')]
        peers: Vec<Peer>,
        #[arg(long, default_value_t = 200)]
        rooms: usize,
        /// Edits a second at first
        #[arg(long, default_value_t = 1000.0)]
        from: f64,
        /// Edits a second at most
        #[arg(long, default_value_t = 60_000.0)]
        to: f64,
        /// What a run left, in which this takes the place of what was seen of these peers there
        #[arg(long)]
        replace: Option<PathBuf>,
    },
    /// People open a patient's chart at the same moment
    Joining {
        #[arg(long, value_delimiter = ',')]
        peers: Vec<Peer>,
        /// The patient, as a FHIR Bundle
        #[arg(long)]
        bundle: PathBuf,
        #[arg(long, default_value_t = 20)]
        people: usize,
    },
    /// Back after a night with edits on both sides
    Away {
        #[arg(long, value_delimiter = ',')]
        peers: Vec<Peer>,
        #[arg(long, default_value_t = 200)]
        edits: usize,
    },
    /// Everybody says once a second where they are
    Presence {
        #[arg(long, value_delimiter = ',')]
        peers: Vec<Peer>,
        #[arg(long, default_value_t = 500)]
        people: usize,
    },
    /// An edit in a chart with a long history
    History {
        #[arg(long, value_delimiter = ',', default_value = "1000,10000")]
        changes: Vec<usize>,
    },
    /// Two servers over a thin link: a bulk first sync, live edits meanwhile, a night's catch-up
    Linked {
        /// Folder of patients as FHIR Bundles
        #[arg(long, default_value = "../shared/data/synthea")]
        data: PathBuf,
        #[arg(long, default_value_t = 1000)]
        patients: usize,
        /// What the link carries each way, in Mbit/s
        #[arg(long, default_value_t = 10)]
        mbits: u64,
        /// What it takes each way, in milliseconds
        #[arg(long, default_value_t = 10)]
        delay: u64,
        /// Edits of the night
        #[arg(long, default_value_t = 200)]
        edits: usize,
    },
    /// SIGKILL in the moment of the acknowledgement
    Killed {
        #[arg(long, value_delimiter = ',')]
        peers: Vec<Peer>,
        #[arg(long, default_value_t = 20)]
        trials: usize,
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
    let id = RoomId::first("patient:load".parse()?);
    let chart = Chart::small(&id)?;
    let small = (&id, &chart);
    match task {
        Task::All { data, out } => plan::run(&data, &out).await?,
        Task::Report { results, folder } => {
            report::write(&plan::Results::read(&results)?, &folder)?
        }
        Task::FanOut { peers, readers, edits, rate, append } => {
            let pace =
                if rate > 0.0 { fan_out::Pace::PerSecond(rate) } else { fan_out::Pace::FlatOut };
            for readers in readers {
                for peer in &peers {
                    let outcome = fan_out::run(*peer, small, readers, edits, pace).await?;
                    print(&outcome);
                    if let Some(file) = &append {
                        plan::append(file, outcome)?;
                    }
                }
            }
        }
        Task::Rooms { peers, rooms, from, to, replace } => {
            for peer in peers {
                let outcomes = rooms::run(peer, rooms, from, to).await?;
                outcomes.iter().for_each(print);
                if let Some(file) = &replace {
                    plan::replace(file, outcomes)?;
                }
            }
        }
        Task::Joining { peers, bundle, people } => {
            let (id, chart) = Chart::of_bundle(&bundle)?;
            for peer in peers {
                joining::run(peer, (&id, &chart), people).await?.iter().for_each(print);
            }
        }
        Task::Away { peers, edits } => {
            for peer in peers {
                away::run(peer, small, edits).await?.iter().for_each(print);
            }
        }
        Task::Presence { peers, people } => {
            for peer in peers {
                print(&presence::run(peer, small, people).await?);
            }
        }
        Task::History { changes } => {
            for changes in changes {
                print(&history::run(changes).await?);
            }
        }
        Task::Linked { data, patients, mbits, delay, edits } => {
            let (bits_per_second, delay) = (mbits * 1_000_000, Duration::from_millis(delay));
            let setting = linked::Setting { patients, bits_per_second, delay, edits };
            linked::run(&data, setting).await?;
        }
        Task::Killed { peers, trials } => {
            for peer in peers {
                print(&killed::run(peer, small, trials).await?);
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
