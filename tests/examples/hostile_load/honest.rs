//! The honest people, and how long their edits take.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{bail, ensure};
use chartroom_engine::DocumentId;
use chartroom_tests::client::Client;
use serde_json::json;
use tokio::time::Instant;

/// How often each person edits.
const PACE: Duration = Duration::from_millis(500);
/// How long edits may take to arrive behind the last one, before they count as lost.
const LAST: Duration = Duration::from_secs(30);

/// When each change of a room was made.
type Made = Arc<Mutex<BTreeMap<String, Instant>>>;

/// Everybody.
pub struct Ward {
    people: Vec<Person>,
}

/// How long edits took in one phase.
#[derive(Default)]
pub struct Figures {
    made: usize,
    saved: Vec<Duration>,
    seen: Vec<Duration>,
}

struct Person {
    client: Client,
    document: DocumentId,
    patient: String,
    id: String,
    edits: usize,
    made: Made,
    saved: usize,
    events: usize,
    partner: String,
    /// When each change of this person was saved, and each of the colleague's seen, in this phase.
    times: [BTreeMap<String, Instant>; 2],
}

impl Ward {
    /// Two people in each room.
    pub async fn open(server: SocketAddr, rooms: usize) -> anyhow::Result<Self> {
        let mut people = Vec::new();
        for room in 0..rooms {
            let made = Made::default();
            for (name, partner) in [("alice", "bob"), ("bob", "alice")] {
                let id = format!("{name}-{room}");
                let mut client = Client::connect(server, &id).await?;
                let document = client.open(&crate::room(room)).await?;
                let (patient, made) = (format!("ward-{room}"), Arc::clone(&made));
                people.push(Person {
                    client,
                    document,
                    patient,
                    id,
                    edits: 0,
                    made,
                    saved: 0,
                    events: 0,
                    partner: format!("{partner}-{room}"),
                    times: Default::default(),
                });
            }
        }
        Ok(Self { people })
    }

    /// Everybody edits for a while; ends when all of it is saved and seen.
    pub async fn work(&mut self, phase: Duration) -> anyhow::Result<Figures> {
        let start = Instant::now();
        let count = u32::try_from(self.people.len())?;
        let tasks: Vec<_> = std::mem::take(&mut self.people)
            .into_iter()
            .zip(0u32..)
            .map(|(person, place)| {
                let first = start + PACE * place / count;
                tokio::spawn(person.work(first, start + phase))
            })
            .collect();
        let (mut figures, mut failed) = (Figures::default(), None::<anyhow::Error>);
        for task in tasks {
            let (person, own) = match task.await? {
                Ok(worked) => worked,
                Err(error) => {
                    eprintln!("an honest person ends: {error:#}");
                    failed.get_or_insert(error);
                    continue;
                }
            };
            figures.made += own.made;
            figures.saved.extend(own.saved);
            figures.seen.extend(own.seen);
            self.people.push(person);
        }
        failed.map_or(Ok(figures), Err)
    }
}

impl Person {
    async fn work(mut self, first: Instant, end: Instant) -> anyhow::Result<(Self, Figures)> {
        let mut made = 0;
        let mut next = first;
        while next < end {
            while self.client.step(next).await? {
                self.note();
            }
            self.edit().await?;
            made += 1;
            next += PACE;
        }
        // The colleague makes as many edits as this person does.
        let last = Instant::now() + LAST;
        while self.times.iter().any(|times| times.len() < made) {
            if !self.client.step(last).await? {
                let [saved, seen] = self.times.each_ref().map(BTreeMap::len);
                bail!("{}: {made} edits, {saved} saved, {seen} seen of the colleague's", self.id);
            }
            self.note();
        }
        let begun = self.made.lock().expect("nobody panics with it");
        let [saved, seen] = self.times.each_mut().map(|times| {
            let times = std::mem::take(times);
            times.iter().filter_map(|(hash, at)| Some(*at - *begun.get(hash)?)).collect()
        });
        drop(begun);
        Ok((self, Figures { made, saved, seen }))
    }

    async fn edit(&mut self) -> anyhow::Result<()> {
        self.edits += 1;
        let resource = json!({
            "resourceType": "AllergyIntolerance",
            "id": self.id,
            "patient": { "reference": format!("Patient/{}", self.patient) },
            "code": { "text": format!("edit {}", self.edits) },
        });
        let at = Instant::now();
        let edit = self.client.put(self.document, resource).await?;
        let hash = edit.hash.ok_or_else(|| anyhow::anyhow!("an edit makes a change"))?;
        self.made.lock().expect("nobody panics with it").insert(hash.to_string(), at);
        Ok(())
    }

    /// Notes what was saved and seen with the last frame.
    fn note(&mut self) {
        let now = Instant::now();
        let chart = self.client.chart(self.document);
        let [saved_at, seen_at] = &mut self.times;
        for hash in chart.saved.iter().skip(self.saved) {
            saved_at.insert(hash.to_string(), now);
        }
        self.saved = chart.saved.len();
        let theirs = chart.events.iter().skip(self.events);
        for event in theirs.filter(|event| event.resource_id == self.partner) {
            for change in &event.changes {
                seen_at.entry(change.clone()).or_insert(now);
            }
        }
        self.events = chart.events.len();
    }
}

impl Figures {
    /// The figures in a line.
    pub fn line(&self, name: &str) -> String {
        format!(
            "{name:15} {} edits; saved p50 {} p99 {} max {} ms; seen p50 {} p99 {} max {} ms",
            self.made,
            at(&self.saved, 50),
            at(&self.saved, 99),
            at(&self.saved, 100),
            at(&self.seen, 50),
            at(&self.seen, 99),
            at(&self.seen, 100),
        )
    }

    /// Fails unless every edit was saved and seen.
    pub fn check(phases: impl IntoIterator<Item = Self>) -> anyhow::Result<()> {
        for Self { made, saved, seen } in phases {
            ensure!(made > 0 && made == saved.len() && made == seen.len(), "an edit is missing");
        }
        Ok(())
    }
}

/// A percentile in milliseconds.
fn at(times: &[Duration], percent: usize) -> String {
    let mut times = times.to_vec();
    times.sort_unstable();
    let place = (times.len() * percent).div_ceil(100).saturating_sub(1);
    times.get(place).map_or_else(String::new, |time| format!("{:.1}", time.as_secs_f64() * 1e3))
}
