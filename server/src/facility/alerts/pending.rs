//! The alerts that wait for somebody: what each is about, and when it is raised again.
//!
//! An index and no more: whoever finds an alert here looks at the alert itself.

use std::{collections::BTreeMap, time::Duration};

use chartroom_engine::{RoomName, alerts};
use serde_json::Value;

/// Longest wait before the time is looked at anew, since a machine's clock may be set.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// Alerts by the id of their Communication.
#[derive(Debug, Default)]
pub(super) struct Pending(BTreeMap<String, Waiting>);

#[derive(Debug)]
struct Waiting {
    room: RoomName,
    about: Option<String>,
    due_ms: Option<u64>,
}

impl Pending {
    /// Takes in an alert that waits for somebody; `due_ms` is when it is raised again, if it is.
    pub fn watch(&mut self, alert: &Value, due_ms: Option<u64>) {
        let id = alert.get("id").and_then(Value::as_str);
        let source = alerts::source(alert).filter(|_| alerts::is_active(alert));
        if let (Some(id), Some(source)) = (id, source) {
            let about = alerts::about(alert).map(str::to_owned);
            self.0.insert(id.to_owned(), Waiting { room: source.room, about, due_ms });
        }
    }

    /// Takes an alert out.
    pub fn forget(&mut self, id: &str) {
        self.0.remove(id);
    }

    /// Ids of the alerts about some of a patient's Observations, `Observation/{id}`.
    pub fn about(&self, room: &RoomName, observations: &[String]) -> Vec<String> {
        self.ids(|alert| {
            alert.room == *room
                && alert.about.as_ref().is_some_and(|about| observations.contains(about))
        })
    }

    /// Ids of the alerts that are to be raised again by now.
    pub fn due(&self, now_ms: u64) -> Vec<String> {
        self.ids(|alert| alert.due_ms.is_some_and(|due| due <= now_ms))
    }

    /// Has alerts raised again no earlier than at an instant.
    pub fn postpone(&mut self, ids: &[String], until_ms: u64) {
        for id in ids {
            if let Some(alert) = self.0.get_mut(id) {
                alert.due_ms = alert.due_ms.map(|due| due.max(until_ms));
            }
        }
    }

    /// How long to wait until something may be due.
    pub fn wait(&self, now_ms: u64) -> Duration {
        let next = self.0.values().filter_map(|alert| alert.due_ms).min();
        next.map_or(WAIT_MAX, |due| Duration::from_millis(due.saturating_sub(now_ms))).min(WAIT_MAX)
    }

    fn ids(&self, wanted: impl Fn(&Waiting) -> bool) -> Vec<String> {
        let found = self.0.iter().filter(|(_, alert)| wanted(alert));
        found.map(|(id, _)| id.clone()).collect()
    }
}
