//! The writer of `pharmacy:queue`: one Task for each open prescription of the facility.
//!
//! An entry is computed from the patient's room as it stands, so it does not matter how often or how
//! late that is done; only entries that differ are written. Events are repeated from the patient's
//! log, each once, since the number of the last one handled is written in the same step.

mod rebuild;

use std::{collections::BTreeSet, sync::Arc};

use chartroom_engine::{
    Command, Document, Event, RoomName,
    pharmacy::{self, Chart, Touched},
};
use serde_json::Value;
use tokio::sync::{Mutex, watch};

use super::{FacilityError, history::History, stopped, write::Place};
use crate::hub::{FollowError, Hub, consumer::Consumer};

pub(crate) use rebuild::Rebuilt;

/// Events read at once.
const PAGE: usize = 1000;

/// The queue and its one writer.
pub(crate) struct Queue {
    hub: Arc<Hub>,
    /// Entries are computed and written under this lock, so that none is written late.
    writing: Mutex<()>,
    history: History,
}

/// Which entries of a room are to be looked at.
#[derive(Debug, Default)]
struct Reach {
    all: bool,
    prescriptions: BTreeSet<String>,
}

/// What a page of a patient's events means for the queue.
#[derive(Debug, Default)]
struct News {
    /// By changes that happen now.
    live: Reach,
    /// By imports.
    import: Reach,
    /// Events to repeat.
    repeated: Vec<Event>,
    through: u64,
    last: u64,
}

impl Queue {
    /// The queue of a server, with so many changes in its history at most.
    pub fn new(hub: &Arc<Hub>, changes_max: u64) -> Self {
        let history = History::new(RoomName::pharmacy(), changes_max);
        Self { hub: Arc::clone(hub), writing: Mutex::default(), history }
    }

    /// Keeps the queue as the patients' rooms say, until the server closes.
    pub async fn run(self: Arc<Self>, mut stopping: watch::Receiver<bool>) {
        let mut consumer = Consumer::start(&self.hub, "pharmacy", is_news);
        loop {
            let (room, after) = tokio::select! {
                biased;
                () = stopped(&mut stopping) => break,
                next = consumer.next() => next,
            };
            if let Err(error) = self.visit(&mut consumer, &room, after).await {
                tracing::warn!(code = error.code(), "the pharmacy's queue does not follow a room");
                consumer.failed(room);
            }
        }
        consumer.save().await;
    }

    /// Handles all events of a room behind a number.
    async fn visit(
        &self,
        consumer: &mut Consumer,
        room: &RoomName,
        mut after: u64,
    ) -> Result<(), FacilityError> {
        loop {
            let news = self.news(room, after).await?;
            let (through, last) = (news.through, news.last);
            if self.follow(consumer, room, news).await? {
                consumer.saved(room, through);
            } else {
                consumer.skipped(room, through).await;
            }
            if through >= last {
                return Ok(());
            }
            after = through;
        }
    }

    async fn news(&self, room: &RoomName, after: u64) -> Result<News, FacilityError> {
        let page = match self.hub.bare_events(room, after, PAGE).await {
            Ok(page) => page,
            Err(FollowError::Gone { first, .. }) => {
                // Nobody knows what those events were; all that is open stood before.
                let import = Reach { all: true, ..Reach::default() };
                return Ok(News { import, through: first - 1, last: u64::MAX, ..News::default() });
            }
            Err(error) => return Err(error.into()),
        };
        let through = page.events.last().map_or(page.last, |event| event.seq);
        let mut news = News { through, last: page.last, ..News::default() };
        for event in page.events.into_iter().filter(is_news) {
            if event.import { &mut news.import } else { &mut news.live }.add(&event);
            if !event.import && pharmacy::is_repeated(&event) {
                news.repeated.push(event);
            }
        }
        Ok(news)
    }

    /// Writes what follows from news; says whether there was anything.
    async fn follow(
        &self,
        consumer: &Consumer,
        room: &RoomName,
        news: News,
    ) -> Result<bool, FacilityError> {
        let repeated = self.hub.with_resources(news.repeated).await?;
        let repeated: Vec<Event> = repeated.into_iter().map(Event::repeated).collect();
        let _writing = self.writing.lock().await;
        let place = Place::open(&self.hub, &RoomName::pharmacy()).await?;
        // What happens now counts where an import touched the same entry.
        let live = self.differing(&place, room, news.live).await?;
        let live_ids: BTreeSet<_> = live.iter().flat_map(Command::resources).collect();
        let mut import = self.differing(&place, room, news.import).await?;
        import.retain(|command| command.resources().iter().all(|id| !live_ids.contains(id)));
        if live.is_empty() && import.is_empty() && repeated.is_empty() {
            return Ok(false);
        }
        if !import.is_empty() {
            place.commands(import, true).await?;
        }
        place.step(live, repeated, false, vec![consumer.fact(room, news.through)]).await?;
        self.history.keep_short(&self.hub).await;
        Ok(true)
    }

    /// The commands that make a room's entries stand as they should.
    async fn differing(
        &self,
        place: &Place,
        room: &RoomName,
        reach: Reach,
    ) -> Result<Vec<Command>, FacilityError> {
        if reach.is_empty() {
            return Ok(Vec::new());
        }
        let (all, prescriptions) = (reach.all, reach.prescriptions);
        let name = room.clone();
        let asked = prescriptions.clone();
        let look = move |document: &Document| entries(document, all, asked);
        let entries = self.hub.glance(room, look).await?.unwrap_or_else(|| {
            prescriptions.iter().map(|id| (pharmacy::task_id(&name, id), None)).collect()
        });
        let differing = place.room().read(move |queue| {
            let different = |(id, entry): (String, Option<Value>)| {
                let standing = queue.document().resource("Task", &id);
                match entry {
                    Some(resource) if standing.as_ref() != Some(&resource) => {
                        Some(Command::Put { resource })
                    }
                    None if standing.is_some() => {
                        Some(Command::Delete { resource_type: "Task".to_owned(), id })
                    }
                    Some(_) | None => None,
                }
            };
            entries.into_iter().filter_map(different).collect()
        });
        Ok(differing.await?)
    }
}

impl Reach {
    fn add(&mut self, event: &Event) {
        match pharmacy::touched(event) {
            Some(Touched::All) => self.all = true,
            Some(Touched::One(id)) => {
                self.prescriptions.insert(id.to_owned());
            }
            None => {}
        }
    }

    fn is_empty(&self) -> bool {
        !self.all && self.prescriptions.is_empty()
    }
}

/// Task ids with what stands there: of these prescriptions, and of all open ones where `all`.
fn entries(
    document: &Document,
    all: bool,
    mut prescriptions: BTreeSet<String>,
) -> Vec<(String, Option<Value>)> {
    let chart = Chart::of(document);
    if all {
        prescriptions.extend(chart.open());
    }
    let room = &document.room().name;
    prescriptions.iter().map(|id| (pharmacy::task_id(room, id), chart.entry(id))).collect()
}

/// Whether an event can mean anything for the queue.
fn is_news(event: &Event) -> bool {
    event.room.patient_id().is_some()
        && (pharmacy::touched(event).is_some() || pharmacy::is_repeated(event))
}
