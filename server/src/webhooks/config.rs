//! The operator's list of targets: a JSON file, checked whole before the server starts.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use chartroom_engine::{Event, RoomName, alerts, event};
use reqwest::{
    Url,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue},
};
use serde::Deserialize;

use super::{
    retry::Retry,
    signature::{SecretError, Secrets},
};
use chartroom_engine::access::RoomPattern;

/// Longest name of a target.
const NAME_BYTES_MAX: usize = 32;

/// Who hears of events, and of which.
#[derive(Clone)]
pub struct Target {
    /// The operator's name for it.
    pub name: String,
    /// Where events are posted.
    pub url: Url,
    /// What deliveries are signed with.
    pub secrets: Secrets,
    /// The rooms it hears.
    pub rooms: Vec<RoomPattern>,
    /// The names of the events it hears; `None` for all.
    pub events: Option<BTreeSet<String>>,
    /// Further headers of every delivery.
    pub headers: HeaderMap,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// How it is tried again.
    pub retry: Retry,
    /// Whether a room that the target newly hears is told from its first event on.
    pub from_start: bool,
}

/// What is wrong with the list of targets (caller).
#[derive(Debug, thiserror::Error)]
pub enum TargetsError {
    /// The file does not open.
    #[error("{}: {error}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is not JSON of this form.
    #[error("{}: {place}: {reason}", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// Where, such as `targets[0].timeout_ms`.
        place: String,
        /// Why.
        reason: String,
    },
    /// A field of a target has a value that cannot be.
    #[error("{}: target {target:?}: {field}: {reason}", file.display())]
    Field {
        /// The file.
        file: PathBuf,
        /// The target's name.
        target: String,
        /// The field.
        field: &'static str,
        /// Why.
        reason: String,
    },
}

/// Reads and checks a list of targets.
pub fn read_targets(file: &Path) -> Result<Vec<Target>, TargetsError> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| TargetsError::Unreadable { file: file.to_owned(), error })?;
    let mut json = serde_json::Deserializer::from_str(&text);
    let malformed = |place: String, reason: String| TargetsError::Malformed {
        file: file.to_owned(),
        place,
        reason,
    };
    let list: TargetList = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| malformed(error.path().to_string(), error.inner().to_string()))?;
    json.end().map_err(|error| malformed("behind the list".to_owned(), error.to_string()))?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut names = BTreeSet::new();
    list.targets
        .into_iter()
        .map(|entry| {
            let target = entry.name.clone();
            let first = names.insert(target.clone());
            let checked =
                if first { entry.check(folder) } else { Err(("name", "stands twice".to_owned())) };
            checked.map_err(|(field, reason)| TargetsError::Field {
                file: file.to_owned(),
                target,
                field,
                reason,
            })
        })
        .collect()
}

impl Target {
    /// Whether it hears a room.
    pub fn hears(&self, room: &RoomName) -> bool {
        self.rooms.iter().any(|pattern| pattern.matches(room))
    }

    /// Whether it is told of an event in a room that it hears.
    ///
    /// Never of an import, nor of a critical value that is long past. What a facility room repeats
    /// it is told once: from the patient's room where it hears that one. An alert that is raised for
    /// another role is news.
    pub fn wants(&self, event: &Event) -> bool {
        let late = event.details.get("late").and_then(serde_json::Value::as_bool);
        let told_already = event.source.as_ref().is_some_and(|source| self.hears(&source.room))
            && !alerts::is_escalated(event);
        self.events.as_ref().is_none_or(|names| names.contains(&event.event))
            && !event.import
            && late != Some(true)
            && !told_already
    }
}

/// Neither secrets, nor headers, nor what a URL may hold of either.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetList {
    targets: Vec<Entry>,
}

/// One target as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    url: String,
    secret: Option<String>,
    secret_file: Option<PathBuf>,
    rooms: Vec<String>,
    events: Vec<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default = "timeout_ms")]
    timeout_ms: u64,
    #[serde(default = "attempts")]
    attempts: u32,
    #[serde(default = "backoff_first_ms")]
    backoff_first_ms: u64,
    #[serde(default = "backoff_max_ms")]
    backoff_max_ms: u64,
    #[serde(default)]
    from: From,
}

#[derive(Default, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum From {
    #[default]
    Now,
    Start,
}

fn timeout_ms() -> u64 {
    10_000
}

/// With the waits below two to three days: a receiver that fails on Friday is there on Monday.
fn attempts() -> u32 {
    300
}

fn backoff_first_ms() -> u64 {
    5_000
}

fn backoff_max_ms() -> u64 {
    15 * 60 * 1000
}

/// A field and what is wrong with it.
type Wrong = (&'static str, String);

impl Entry {
    fn check(self, folder: &Path) -> Result<Target, Wrong> {
        let named = self.name.starts_with(|c: char| c.is_ascii_lowercase())
            && self.name.len() <= NAME_BYTES_MAX
            && self.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !named {
            return wrong("name", "is up to 32 of a-z, 0-9 and -, and begins with a letter");
        }
        for (field, number) in [
            ("timeout_ms", self.timeout_ms),
            ("attempts", self.attempts.into()),
            ("backoff_first_ms", self.backoff_first_ms),
        ] {
            if number == 0 {
                return wrong(field, "is at least 1");
            }
        }
        if self.backoff_max_ms < self.backoff_first_ms {
            return wrong("backoff_max_ms", "is not below backoff_first_ms");
        }
        Ok(Target {
            url: url(&self.url)?,
            secrets: secrets(self.secret, self.secret_file, folder)?,
            rooms: rooms(&self.rooms)?,
            events: events(self.events)?,
            headers: headers(self.headers)?,
            timeout: Duration::from_millis(self.timeout_ms),
            retry: Retry {
                attempts: self.attempts,
                first_ms: self.backoff_first_ms,
                max_ms: self.backoff_max_ms,
            },
            from_start: self.from == From::Start,
            name: self.name,
        })
    }
}

fn wrong<T>(field: &'static str, reason: impl ToString) -> Result<T, Wrong> {
    Err((field, reason.to_string()))
}

fn url(text: &str) -> Result<Url, Wrong> {
    let url: Url = text.parse().or_else(|error| wrong("url", error))?;
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("url", "holds no name or password; a header takes them");
    }
    let here = url.host_str().is_some_and(crate::auth::is_loopback);
    match url.scheme() {
        "https" => Ok(url),
        "http" if here => Ok(url),
        "http" => wrong("url", "is https, but for a receiver on this machine"),
        _ => wrong("url", "is https"),
    }
}

fn secrets(text: Option<String>, file: Option<PathBuf>, folder: &Path) -> Result<Secrets, Wrong> {
    let (field, text) = match (text, file) {
        (Some(text), None) => ("secret", text),
        (None, Some(file)) => {
            let read = std::fs::read_to_string(folder.join(&file));
            let named = |error| ("secret_file", format!("{}: {error}", file.display()));
            ("secret_file", read.map_err(named)?)
        }
        (Some(_), Some(_)) => {
            return wrong("secret", "stands in place of secret_file, not beside it");
        }
        (None, None) => return wrong("secret", "is missing, and so is secret_file"),
    };
    Secrets::parse(&text).map_err(|error: SecretError| (field, error.to_string()))
}

fn rooms(patterns: &[String]) -> Result<Vec<RoomPattern>, Wrong> {
    if patterns.is_empty() {
        return wrong("rooms", "names none");
    }
    let parse = |text: &String| {
        text.parse().map_err(|error| {
            ("rooms", format!("{text:?}: {error}; or a pattern such as patient:*"))
        })
    };
    patterns.iter().map(parse).collect()
}

fn events(names: Vec<String>) -> Result<Option<BTreeSet<String>>, Wrong> {
    if names.is_empty() {
        return wrong("events", "names none");
    }
    if names.iter().any(|name| name == "*") {
        return Ok(None);
    }
    if let Some(unknown) = names.iter().find(|name| !event::NAMES.contains(&name.as_str())) {
        return wrong("events", format!("{unknown:?} is no event's name"));
    }
    Ok(Some(names.into_iter().collect()))
}

fn headers(headers: BTreeMap<String, String>) -> Result<HeaderMap, Wrong> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let bad = |reason: &str| ("headers", format!("{name:?}: {reason}"));
        let key =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad("is no header's name"))?;
        let ours = [CONTENT_TYPE, CONTENT_LENGTH, HOST].contains(&key);
        if ours || key.as_str().starts_with("webhook-") {
            return Err(bad("is for the server to say"));
        }
        let mut value = HeaderValue::from_str(&value).map_err(|_| bad("has no header's value"))?;
        value.set_sensitive(true);
        map.insert(key, value);
    }
    Ok(map)
}

#[cfg(test)]
mod tests;
