//! What clients say, checked before anything is done.

use std::collections::{BTreeMap, BTreeSet};

use chartroom_engine::{
    RoomName,
    limits::{PUBLISH_BYTES_MAX, REQUEST_NAME_BYTES_MAX, REQUEST_PLACES_MAX},
};
use serde_json::{Map, Value};

use super::{Filter, Unknown, filter::Wanted};

/// One frame of a client.
#[derive(Debug, PartialEq)]
pub(crate) enum Request {
    /// Wants events, in addition to what it wants already.
    Subscribe(Subscribe),
    /// Wants no more of them.
    Unsubscribe {
        /// Which subscription.
        id: String,
    },
    /// Asks whether the server is there.
    Ping,
    /// Says who it is.
    Authenticate {
        /// By which token.
        token: Option<String>,
    },
    /// Tells the others in a patient's room something.
    Publish(Publish),
}

/// Says what each frame is; one that is left out here does not compile.
macro_rules! kinds {
    ($($kind:ident)*) => {
        /// What a client's text frame is, whatever is in it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[allow(missing_docs, reason = "each is named as its request")]
        pub enum RequestKind { $($kind),* }

        impl RequestKind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$kind),*];
        }

        impl Request {
            /// What it is.
            pub fn kind(&self) -> RequestKind {
                match self { $(Self::$kind { .. } => RequestKind::$kind),* }
            }
        }
    };
}

kinds! { Subscribe Unsubscribe Ping Authenticate Publish }

/// Which events a client wants.
#[derive(Debug, PartialEq)]
pub(crate) struct Subscribe {
    /// The client's name for the subscription.
    pub id: String,
    /// The rooms, each once, never none.
    pub places: Vec<Place>,
    /// The patients as the client named them; `None` where it named none.
    pub patient_ids: Wanted<String>,
    /// The room that it named.
    pub room: Option<RoomName>,
    /// Which of the rooms' events.
    pub filter: Filter,
    /// Numbers behind which rooms are replayed first.
    pub after: BTreeMap<RoomName, u64>,
}

/// A room, and where the request names it.
#[derive(Debug, PartialEq)]
pub(crate) struct Place {
    /// The field, such as `data.patient_ids[0]`.
    pub field: String,
    /// The room.
    pub room: RoomName,
}

/// A client's own event.
#[derive(Debug, PartialEq)]
pub(crate) struct Publish {
    /// Its dotted name.
    pub name: String,
    /// The patient's room.
    pub place: Place,
    /// What the client says with it.
    pub payload: Map<String, Value>,
}

/// Why a frame is not taken; the connection stays.
#[derive(Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct RequestError {
    /// Stable code.
    pub code: &'static str,
    /// The field that is wrong.
    pub field: Option<String>,
    /// Public text.
    pub message: String,
    /// The subscription that the frame was about.
    pub subscription_id: Option<String>,
    /// The oldest number that the log has, where that matters.
    pub first: Option<u64>,
    /// The last number of the log, where that matters.
    pub last: Option<u64>,
}

impl RequestError {
    /// An error about one field.
    pub fn new(code: &'static str, field: impl Into<String>, message: impl Into<String>) -> Self {
        let (field, message) = (Some(field.into()), message.into());
        Self { code, field, message, ..Self::default() }
    }

    /// The frame as a whole cannot be read.
    pub fn frame(message: &str) -> Self {
        Self { code: "bad-frame", message: message.to_owned(), ..Self::default() }
    }

    fn field(field: impl Into<String>, reason: impl std::fmt::Display) -> Self {
        let field = field.into();
        let message = format!("{field} {reason}");
        Self::new("bad-field", field, message)
    }

    fn names(field: &str, unknown: Unknown) -> Self {
        Self::field(format!("{field}[{}]", unknown.index), unknown.reason)
    }
}

impl Request {
    /// Reads one text frame.
    pub fn parse(text: &str) -> Result<Self, RequestError> {
        let Ok(Value::Object(mut frame)) = serde_json::from_str(text) else {
            return Err(RequestError::frame("a frame is one JSON object"));
        };
        let Some(Value::String(kind)) = frame.remove("type") else {
            return Err(RequestError::field("type", "is no text"));
        };
        match kind.as_str() {
            "ping" => Ok(Self::Ping),
            "authenticate" => Ok(Self::Authenticate {
                token: frame.get("token").and_then(Value::as_str).map(str::to_owned),
            }),
            "subscribe" | "subscription" => {
                about(&frame, |data, id| subscribe(data, id).map(Self::Subscribe))
            }
            "unsubscribe" => about(&frame, |_, id| Ok(Self::Unsubscribe { id })),
            name if name.contains('.') => {
                publish(kind, frame.remove("payload"), text.len()).map(Self::Publish)
            }
            _ => Err(RequestError::new("unknown-type", "type", "there is no such type of frame")),
        }
    }
}

/// Reads a frame about a subscription; what is wrong with it names the subscription, too.
fn about(
    frame: &Map<String, Value>,
    read: impl FnOnce(&Map<String, Value>, String) -> Result<Request, RequestError>,
) -> Result<Request, RequestError> {
    let Some(Value::Object(data)) = frame.get("data") else {
        return Err(RequestError::field("data", "is no object"));
    };
    let id = data.get("subscription_id").and_then(Value::as_str);
    let Some(id) = id.filter(|id| (1..=REQUEST_NAME_BYTES_MAX).contains(&id.len())) else {
        let message = format!("is no text of 1 to {REQUEST_NAME_BYTES_MAX} bytes");
        return Err(RequestError::field("data.subscription_id", message));
    };
    read(data, id.to_owned())
        .map_err(|error| RequestError { subscription_id: Some(id.to_owned()), ..error })
}

fn subscribe(data: &Map<String, Value>, id: String) -> Result<Subscribe, RequestError> {
    let mut filter = Filter::default();
    let (types, events) = ("data.resource_types", "data.events");
    filter
        .set_types(texts(data, "resource_types")?)
        .map_err(|unknown| RequestError::names(types, unknown))?;
    filter
        .set_events(texts(data, "events")?)
        .map_err(|unknown| RequestError::names(events, unknown))?;
    let mut patients = patients(data)?;
    let ids: BTreeSet<String> =
        patients.iter().filter_map(|place| place.room.patient_id()).map(str::to_owned).collect();
    let patient_ids = (!ids.is_empty()).then_some(ids);
    let named = room(data)?;
    let room = named.as_ref().map(|place| place.room.clone());
    let places = match named {
        Some(place) => {
            filter.patients.clone_from(&patient_ids);
            vec![place]
        }
        None if patients.is_empty() => {
            return Err(RequestError::field("data.patient_ids", "names no patient, nor data.room"));
        }
        None => {
            patients.sort_by(|a, b| a.room.cmp(&b.room));
            patients.dedup_by(|a, b| a.room == b.room);
            patients
        }
    };
    let after = after(data, &places)?;
    Ok(Subscribe { id, places, patient_ids, room, filter, after })
}

fn patients(data: &Map<String, Value>) -> Result<Vec<Place>, RequestError> {
    let ids = texts(data, "patient_ids")?;
    if ids.len() > REQUEST_PLACES_MAX {
        let message = format!("has more than {REQUEST_PLACES_MAX} patients");
        return Err(RequestError::field("data.patient_ids", message));
    }
    let place = |(index, id)| patient(format!("data.patient_ids[{index}]"), id);
    ids.into_iter().enumerate().map(place).collect()
}

fn patient(field: String, id: &str) -> Result<Place, RequestError> {
    match RoomName::patient(id) {
        // An id with a compartment's label is no patient's.
        Ok(room) if room.patient_id() == Some(id) => Ok(Place { field, room }),
        _ => Err(RequestError::field(field, "is no FHIR id")),
    }
}

fn room(data: &Map<String, Value>) -> Result<Option<Place>, RequestError> {
    let field = "data.room".to_owned();
    match data.get("room") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(name)) => match name.parse() {
            Ok(room) => Ok(Some(Place { field, room })),
            Err(error) => Err(RequestError::new("bad-field", field, error.to_string())),
        },
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Err(RequestError::field(field, "is no text"))
        }
    }
}

/// `after` is the number of the one room, or an object of room names and numbers.
fn after(
    data: &Map<String, Value>,
    places: &[Place],
) -> Result<BTreeMap<RoomName, u64>, RequestError> {
    let wrong = || {
        let message = "is no number of the one room, nor an object from rooms of this \
                       subscription to numbers";
        RequestError::field("data.after", message)
    };
    match (data.get("after"), places) {
        (None | Some(Value::Null), _) => Ok(BTreeMap::new()),
        (Some(Value::Object(numbers)), _) => numbers
            .iter()
            .map(|(name, number)| {
                let place = places.iter().find(|place| place.room.as_str() == name);
                place.map(|place| place.room.clone()).zip(number.as_u64()).ok_or_else(wrong)
            })
            .collect(),
        (Some(number), [place]) => {
            Ok(BTreeMap::from([(place.room.clone(), number.as_u64().ok_or_else(wrong)?)]))
        }
        (Some(_), _) => Err(wrong()),
    }
}

fn publish(name: String, payload: Option<Value>, bytes: usize) -> Result<Publish, RequestError> {
    if name.len() > REQUEST_NAME_BYTES_MAX {
        return Err(RequestError::field("type", format!("is over {REQUEST_NAME_BYTES_MAX} bytes")));
    }
    if bytes > PUBLISH_BYTES_MAX {
        let message = format!("the frame is over {PUBLISH_BYTES_MAX} bytes");
        return Err(RequestError::new("too-large", "payload", message));
    }
    let Some(Value::Object(payload)) = payload else {
        return Err(RequestError::field("payload", "is no object"));
    };
    let field = "payload.patientId".to_owned();
    let place = match payload.get("patientId") {
        Some(Value::String(id)) => patient(field, id)?,
        _ => return Err(RequestError::field(field, "is no text")),
    };
    Ok(Publish { name, place, payload })
}

/// An array of texts; empty where there is none.
fn texts<'a>(data: &'a Map<String, Value>, name: &str) -> Result<Vec<&'a str>, RequestError> {
    match data.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => items
            .iter()
            .enumerate()
            .map(|(index, item)| {
                let field = || RequestError::field(format!("data.{name}[{index}]"), "is no text");
                item.as_str().ok_or_else(field)
            })
            .collect(),
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            Err(RequestError::field(format!("data.{name}"), "is no array"))
        }
    }
}
