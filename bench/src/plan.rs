//! Everything that `make bench` does, in order, and the file that it leaves.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use chartroom_engine::RoomId;
use serde::{Deserialize, Serialize};

use crate::{
    chart::Chart,
    machine::Machine,
    peer::Peer,
    print,
    scenario::{Outcome, away, fan_out, history, joining, killed, presence, rooms},
};

/// Whom it is measured beside.
const ALL: [Peer; 6] = [
    Peer::Floor,
    Peer::Chartroom,
    Peer::ChartroomOwn,
    Peer::Hocuspocus,
    Peer::AutomergeRepo,
    Peer::Samod,
];
/// Those that keep up with many people.
const QUICK: [Peer; 4] = [Peer::Floor, Peer::Chartroom, Peer::ChartroomOwn, Peer::Hocuspocus];
/// Those that keep documents.
const KEEPING: [Peer; 4] = [Peer::Chartroom, Peer::Hocuspocus, Peer::AutomergeRepo, Peer::Samod];
/// Patients of the sample data of about 0.5, 1 and 4 MB.
const PATIENTS: [&str; 3] = ["Wendy_Littel", "Norbert_Ferry", "Fletcher_Hyatt"];

/// What a run leaves.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Results {
    /// Where it ran.
    pub machine: Machine,
    /// What was seen, in order.
    pub outcomes: Vec<Outcome>,
    /// What could not be run, and why.
    pub failures: Vec<String>,
}

impl Results {
    /// Reads what a run left.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        Ok(serde_json::from_slice(&fs::read(path)?)?)
    }

    fn note(&mut self, what: &str, ran: anyhow::Result<Vec<Outcome>>) {
        match ran {
            Ok(outcomes) => {
                outcomes.iter().for_each(print);
                self.outcomes.extend(outcomes);
            }
            Err(error) => {
                eprintln!("{what}: {error:#}");
                self.failures.push(format!("{what}: {error:#}"));
            }
        }
    }
}

/// Runs all of it, and writes what was seen after each part.
pub async fn run(data: &Path, out: &Path) -> anyhow::Result<()> {
    let mut results = Results { machine: Machine::here()?, ..Results::default() };
    let id = RoomId::first("patient:load".parse()?);
    let small = Chart::small(&id)?;
    let small = (&id, &small);
    let fan = async |results: &mut Results, peer: Peer, readers, pace| {
        let ran = fan_out::run(peer, small, readers, 200, pace).await;
        results.note(&format!("{peer}, {readers} readers"), ran.map(|outcome| vec![outcome]));
    };
    let paced = fan_out::Pace::PerSecond(20.0);
    for readers in [10, 100, 500, 1000] {
        let slow_too = readers <= 500;
        for peer in if slow_too { ALL.as_slice() } else { QUICK.as_slice() } {
            fan(&mut results, *peer, readers, paced).await;
        }
    }
    for peer in ALL {
        fan(&mut results, peer, 100, fan_out::Pace::FlatOut).await;
    }
    write(&results, out)?;
    for many in [20, 200, 1000] {
        for peer in QUICK {
            let ran = rooms::run(peer, many, 1000.0, 60_000.0).await;
            results.note(&format!("{peer}, {many} rooms"), ran);
        }
    }
    let ran = rooms::run(Peer::AutomergeRepo, 200, 100.0, 60_000.0).await;
    results.note("automerge-repo, 200 rooms", ran);
    write(&results, out)?;
    for bundle in bundles(data)? {
        let (id, chart) = Chart::of_bundle(&bundle)?;
        for peer in KEEPING {
            let ran = joining::run(peer, (&id, &chart), 20).await;
            results.note(&format!("{peer}, joining"), ran.map(Vec::from));
        }
        let ran = fan_out::run(Peer::Chartroom, (&id, &chart), 10, 100, paced).await;
        let named = ran.map(|outcome| {
            let scenario = "an edit in a large chart".to_owned();
            vec![Outcome { scenario, size: chart.json_bytes as f64 / 1e6, ..outcome }]
        });
        results.note("a large chart", named);
    }
    write(&results, out)?;
    for peer in KEEPING {
        let ran = away::run(peer, small, 200).await;
        results.note(&format!("{peer}, back"), ran.map(|outcome| outcome.into_iter().collect()));
    }
    for peer in KEEPING {
        let ran = presence::run(peer, small, 500).await;
        results.note(&format!("{peer}, presence"), ran.map(|outcome| vec![outcome]));
    }
    for changes in [1000, 10_000, 50_000, 200_000] {
        let ran = history::run(changes).await;
        results.note("a long history", ran.map(|outcome| vec![outcome]));
    }
    write(&results, out)?;
    for peer in KEEPING {
        let ran = killed::run(peer, small, 20).await;
        results.note(&format!("{peer}, killed"), ran.map(|outcome| vec![outcome]));
    }
    write(&results, out)
}

/// Adds an outcome to what a run left, behind the others of its scenario and size.
pub fn append(file: &Path, outcome: Outcome) -> anyhow::Result<()> {
    let mut results = Results::read(file)?;
    let same = |other: &Outcome| (&other.scenario, other.size) == (&outcome.scenario, outcome.size);
    let place = results.outcomes.iter().rposition(same).map_or(results.outcomes.len(), |at| at + 1);
    results.outcomes.insert(place, outcome);
    write(&results, file)
}

/// Puts outcomes of one scenario and peer in the place of those that a run left.
pub fn replace(file: &Path, outcomes: Vec<Outcome>) -> anyhow::Result<()> {
    let mut results = Results::read(file)?;
    let Some(first) = outcomes.first() else { return Ok(()) };
    let (scenario, peer) = (first.scenario.clone(), first.peer);
    let same = |other: &Outcome| (&other.scenario, other.peer) == (&scenario, peer);
    let place = results.outcomes.iter().position(same).unwrap_or(results.outcomes.len());
    results.outcomes.retain(|other| !same(other));
    results.outcomes.splice(place..place, outcomes);
    write(&results, file)
}

/// The bundles of the patients, or of the server's own samples where the data is not there.
fn bundles(data: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/samples");
    let Ok(entries) = fs::read_dir(data) else {
        println!("there is no patient data; the largest sample stands for it");
        return Ok(vec![samples.join("theodore-brackenwood.json")]);
    };
    let paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    let named = |name: &&str| {
        let begins = |path: &&PathBuf| {
            let file = path.file_name().and_then(|file| file.to_str());
            file.is_some_and(|file| file.starts_with(*name))
        };
        paths.iter().find(begins).cloned()
    };
    Ok(PATIENTS.iter().filter_map(named).collect())
}

fn write(results: &Results, out: &Path) -> anyhow::Result<()> {
    let folder = out.parent().context("the file lies in a folder")?;
    fs::create_dir_all(folder)?;
    Ok(fs::write(out, serde_json::to_string_pretty(results)?)?)
}
