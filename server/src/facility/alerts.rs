//! The writer of `facility:alerts`: critical values for everybody, until somebody acknowledges them.
//!
//! What an alert has been through stands in its Communication, so nothing is lost with a restart:
//! the alerts that wait for somebody are read from the room when this begins, and what is done to an
//! alert is decided from the alert as it stands.

mod pending;

use std::{sync::Arc, time::Duration};

use chartroom_engine::{
    Command, Document, Event, Room, RoomName, alerts, event::critical, wording,
};
use serde_json::Value;
use tokio::{sync::watch, time::sleep};

use super::{FacilityConfig, FacilityError, history::History, stopped, write::Place};
use crate::{
    clock,
    hub::{FollowError, Hub, consumer::Consumer},
    storage::Fact,
};
use pending::Pending;

/// Events read at once.
const PAGE: usize = 1000;
/// How long to wait where the alerts cannot be read or raised again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

const CRITICAL: &str = "CRITICAL_VALUE_ALERT";
const ACKNOWLEDGED: &str = "RESULT_ACKNOWLEDGED";
const CORRECTED: [&str; 2] = ["OBSERVATION_UPDATED", "OBSERVATION_DELETED"];

/// The alerts and their one writer.
pub(crate) struct Alerts {
    hub: Arc<Hub>,
    config: Arc<FacilityConfig>,
    pending: Pending,
    /// Whether `pending` has what the room has: not at first, nor behind a write that failed.
    found: bool,
    history: History,
}

/// What follows from an event: commands about some alerts, and events to repeat.
#[derive(Default)]
struct Answer {
    commands: Vec<Command>,
    repeated: Vec<Event>,
}

impl Alerts {
    /// The alerts of a server.
    pub fn new(hub: Arc<Hub>, config: Arc<FacilityConfig>) -> Self {
        let history = History::new(RoomName::alerts(), config.changes_max);
        Self { hub, config, pending: Pending::default(), found: false, history }
    }

    /// Raises alerts, and raises them again, until the server closes.
    pub async fn run(mut self, mut stopping: watch::Receiver<bool>) {
        let mut consumer = Consumer::start(&self.hub, "alerts", is_news);
        loop {
            tokio::select! {
                biased;
                () = stopped(&mut stopping) => break,
                () = self.find_pending() => {}
            }
            let wait = self.pending.wait(clock::now_ms());
            tokio::select! {
                biased;
                () = stopped(&mut stopping) => break,
                () = sleep(wait) => self.escalate().await,
                (room, after) = consumer.next() => {
                    if let Err(error) = self.visit(&mut consumer, &room, after).await {
                        tracing::warn!(code = error.code(), "the alerts do not follow a room");
                        consumer.failed(room);
                        self.found = false;
                    }
                }
            }
        }
        consumer.save().await;
    }

    /// Finds the alerts that nobody has acknowledged yet, where that is not known.
    async fn find_pending(&mut self) {
        while !self.found {
            let look = |document: &Document| document.collection("Communication");
            match self.hub.glance(&RoomName::alerts(), look).await {
                Ok(alerts) => {
                    self.pending = Pending::default();
                    alerts.iter().flatten().for_each(|alert| self.watch(alert));
                    self.found = true;
                }
                Err(error) => {
                    tracing::warn!(code = error.code(), "the alerts were not read");
                    sleep(RETRY_AFTER).await;
                }
            }
        }
    }

    /// Handles all events of a room behind a number.
    async fn visit(
        &mut self,
        consumer: &mut Consumer,
        room: &RoomName,
        mut after: u64,
    ) -> Result<(), FacilityError> {
        loop {
            let page = match self.hub.bare_events(room, after, PAGE).await {
                // What is kept no longer is too old to alert anybody.
                Err(FollowError::Gone { first, .. }) => {
                    self.hub.bare_events(room, first - 1, PAGE).await?
                }
                page => page?,
            };
            let through = page.events.last().map_or(page.last, |event| event.seq);
            for event in page.events.into_iter().filter(is_news) {
                let fact = consumer.fact(room, event.seq);
                let seq = event.seq;
                let Answer { commands, repeated } = self.answer(event).await?;
                if !commands.is_empty() {
                    self.write(commands, repeated, vec![fact]).await?;
                    consumer.saved(room, seq);
                }
            }
            consumer.skipped(room, through).await;
            if through >= page.last {
                return Ok(());
            }
            after = through;
        }
    }

    async fn answer(&mut self, event: Event) -> Result<Answer, FacilityError> {
        match event.event.as_str() {
            CRITICAL => self.raised(event).await,
            ACKNOWLEDGED => {
                let observations = observations(&event.details);
                let concerned = self.pending.about(&event.room, &observations);
                let alerts = self.standing(concerned).await?;
                Ok(acknowledged(alerts.iter().filter(|alert| alerts::is_active(alert)), &event))
            }
            name if CORRECTED.contains(&name) => self.corrected(&event).await,
            // Somebody ended an alert where it stands.
            _ => {
                let alerts = self.standing(vec![event.resource_id.clone()]).await?;
                let ended = alerts
                    .iter()
                    .filter(|alert| alerts::is_completed(alert) && !alerts::is_acknowledged(alert));
                Ok(acknowledged(ended, &event))
            }
        }
    }

    async fn raised(&self, event: Event) -> Result<Answer, FacilityError> {
        let patient = event.patient_id.clone().unwrap_or_default();
        let look = move |chart: &Document| chart.resource("Patient", &patient);
        // A chart that cannot be read is no reason to alert nobody.
        let patient = self.hub.glance(&event.room, look).await.ok().flatten().flatten();
        let name = patient.as_ref().and_then(wording::person_name);
        let Some(resource) = alerts::raise(&event, name.as_deref()) else {
            return Ok(Answer::default());
        };
        let repeated = self.hub.with_resources(vec![event]).await?;
        let repeated = repeated.into_iter().map(Event::repeated).collect();
        Ok(Answer { commands: vec![Command::Put { resource }], repeated })
    }

    /// Ends the alerts about a result that is critical no more, or gone.
    async fn corrected(&mut self, event: &Event) -> Result<Answer, FacilityError> {
        let about = format!("{}/{}", event.resource_type, event.resource_id);
        let concerned = self.pending.about(&event.room, &[about]);
        if concerned.is_empty() {
            return Ok(Answer::default());
        }
        let id = event.resource_id.clone();
        let look = move |chart: &Document| chart.resource("Observation", &id);
        // While the chart cannot be read, its alerts stand.
        let Ok(result) = self.hub.glance(&event.room, look).await else {
            return Ok(Answer::default());
        };
        let result = result.flatten();
        let table = &self.hub.rules().critical;
        let why = match &result {
            Some(result) if critical::is_critical(table, result) => {
                return Ok(Answer::default());
            }
            Some(_) => "The result was corrected",
            None => "The result was removed",
        };
        let alerts = self.standing(concerned).await?;
        let active = alerts.iter().filter(|alert| alerts::is_active(alert));
        let commands = active.filter_map(|alert| alerts::withdraw(alert, why, event.time_ms));
        Ok(Answer { commands: commands.collect(), repeated: Vec::new() })
    }

    /// Raises again what nobody has acknowledged in time.
    async fn escalate(&mut self) {
        let now_ms = clock::now_ms();
        let due = self.pending.due(now_ms);
        if let Err(error) = self.escalate_each(due.clone(), now_ms).await {
            tracing::warn!(code = error.code(), "alerts were not raised again");
            let later = u64::try_from(RETRY_AFTER.as_millis()).unwrap_or(u64::MAX);
            self.pending.postpone(&due, now_ms.saturating_add(later));
        }
    }

    async fn escalate_each(&mut self, due: Vec<String>, now_ms: u64) -> Result<(), FacilityError> {
        for alert in self.standing(due).await? {
            let config = Arc::clone(&self.config);
            let Some((due_ms, role)) = escalation(&alert, &config) else { continue };
            if due_ms > now_ms {
                continue;
            }
            let Some(source) = alerts::source(&alert) else { continue };
            let before = source.seq.saturating_sub(1);
            let repeated = match self.hub.events(&source.room, before, 1).await {
                Ok(page) => page.events,
                // The alert stands without its event.
                Err(FollowError::Gone { .. } | FollowError::Ahead { .. }) => Vec::new(),
                Err(error @ FollowError::Room(_)) => return Err(error.into()),
            };
            let raised = repeated.into_iter().filter(|event| event.event == CRITICAL);
            let repeated = raised.map(|event| alerts::escalated_event(event, role));
            let commands = alerts::escalate(&alert, role, now_ms).into_iter().collect();
            self.write(commands, repeated.collect(), Vec::new()).await?;
        }
        Ok(())
    }

    /// Writes, and looks again at the alerts concerned.
    async fn write(
        &mut self,
        commands: Vec<Command>,
        repeated: Vec<Event>,
        facts: Vec<Fact>,
    ) -> Result<(), FacilityError> {
        let ids = commands.iter().flat_map(Command::resources).map(|(_, id)| id).collect();
        let place = Place::open(&self.hub, &RoomName::alerts()).await?;
        place.step(commands, repeated, false, facts).await?;
        self.history.keep_short(&self.hub).await;
        self.standing(ids).await.map(|_| ())
    }

    /// Alerts as they stand, those that are there; what is pending is brought in line with them.
    async fn standing(&mut self, ids: Vec<String>) -> Result<Vec<Value>, FacilityError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let place = Place::open(&self.hub, &RoomName::alerts()).await?;
        let asked = ids.clone();
        let look = move |room: &Room| -> Vec<Value> {
            asked.iter().filter_map(|id| room.document().resource("Communication", id)).collect()
        };
        let alerts = place.room().read(look).await?;
        for id in &ids {
            self.pending.forget(id);
        }
        alerts.iter().for_each(|alert| self.watch(alert));
        Ok(alerts)
    }

    fn watch(&mut self, alert: &Value) {
        let due_ms = escalation(alert, &self.config).map(|(due_ms, _)| due_ms);
        self.pending.watch(alert, due_ms);
    }
}

fn escalation<'a>(alert: &Value, config: &'a FacilityConfig) -> Option<(u64, &'a str)> {
    let after_ms = u64::try_from(config.escalate_after.as_millis()).unwrap_or(u64::MAX);
    alerts::escalation(alert, &config.escalate_to, after_ms)
}

fn acknowledged<'a>(alerts: impl Iterator<Item = &'a Value>, event: &Event) -> Answer {
    let by = event.author.as_ref();
    let commands = alerts.filter_map(|alert| alerts::acknowledge(alert, by, event.time_ms));
    Answer { commands: commands.collect(), repeated: Vec::new() }
}

/// The Observations that an acknowledgement names.
fn observations(details: &Value) -> Vec<String> {
    let several = details.get("observations").and_then(Value::as_array).into_iter().flatten();
    let all = details.get("observation").into_iter().chain(several);
    all.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Whether an event can mean anything for the alerts.
fn is_news(event: &Event) -> bool {
    // An import corrects as a person does.
    let corrects = event.room.is_chart() && CORRECTED.contains(&event.event.as_str());
    let of_patient = event.room.is_chart() && !event.import;
    let of_alert = event.room == RoomName::alerts()
        && event.source.is_none()
        && event.resource_type == "Communication"
        && event.event == "RESOURCE_UPDATED";
    of_patient && [CRITICAL, ACKNOWLEDGED].contains(&event.event.as_str()) || corrects || of_alert
}
