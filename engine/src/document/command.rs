//! The edits that there are, and why one is not carried out.

use automerge::AutomergeError;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, Error},
};
use serde_json::{Map, Number, Value};

use super::{CompartmentError, ShapeError};

/// One typed edit.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Command {
    /// Makes the resource stand as given, creating or undeleting it where needed.
    Put {
        /// A FHIR resource with `resourceType` and `id`.
        resource: Value,
    },
    /// Sets elements of a resource that stands; null removes an element.
    Patch {
        /// FHIR resource type.
        resource_type: String,
        /// FHIR id.
        id: String,
        /// Element names to values.
        elements: Map<String, Value>,
    },
    /// Deletes a resource; it can be undeleted.
    Delete {
        /// FHIR resource type.
        resource_type: String,
        /// FHIR id.
        id: String,
    },
    /// Takes a delete back.
    Undelete {
        /// FHIR resource type.
        resource_type: String,
        /// FHIR id.
        id: String,
    },
    /// Writes into a text of a resource, which people write together; makes it where there is none.
    Splice {
        /// FHIR resource type.
        resource_type: String,
        /// FHIR id.
        id: String,
        /// The text's name among the texts of the resource: an element's.
        element: String,
        /// Where, in UTF-16 code units; behind the end is the end.
        index: usize,
        /// How many code units to take away there; a pair that it cuts goes whole.
        delete: usize,
        /// What to put there.
        insert: String,
    },
    /// Makes a text of a resource read like this; where several were begun apart, in place of them.
    SetText {
        /// FHIR resource type.
        resource_type: String,
        /// FHIR id.
        id: String,
        /// The text's name among the texts of the resource: an element's.
        element: String,
        /// All of it.
        text: String,
    },
    /// Several edits as one change, all or none; no two of one resource, but that writes into different
    /// texts of it may follow on each other, and on its put.
    Batch {
        /// The edits, [`crate::limits::BATCH_RESOURCES_MAX`] at most.
        commands: Vec<Command>,
    },
    /// Puts several resources as one change that raises no alerts.
    Import {
        /// FHIR resources, [`crate::limits::IMPORT_CHUNK_RESOURCES`] at most.
        resources: Vec<Value>,
    },
}

/// By hand: what serde derives for a tagged enum first keeps all members in a form of its own, and is a
/// fiftieth of the browser module.
impl<'de> Deserialize<'de> for Command {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Map::deserialize(deserializer)?;
        Self::of(Members(members)).map_err(D::Error::custom)
    }
}

/// The members of a command that is being read; each kind takes its own.
struct Members(Map<String, Value>);

impl Members {
    fn take<T: DeserializeOwned>(&mut self, name: &'static str) -> serde_json::Result<T> {
        let member = self.0.remove(name).ok_or_else(|| serde_json::Error::missing_field(name))?;
        serde_json::from_value(member)
    }

    fn count(&mut self, name: &'static str) -> serde_json::Result<usize> {
        let count = self.take::<Number>(name)?.as_u64();
        let count = count.and_then(|count| usize::try_from(count).ok());
        count.ok_or_else(|| serde_json::Error::custom("a count is a whole number"))
    }
}

/// Every kind as its name is written.
const KINDS: &[&str] =
    &["put", "patch", "delete", "undelete", "splice", "setText", "batch", "import"];

impl Command {
    fn of(mut members: Members) -> serde_json::Result<Self> {
        let kind: String = members.take("kind")?;
        Ok(match kind.as_str() {
            "put" => Self::Put { resource: members.take("resource")? },
            "patch" => Self::Patch {
                resource_type: members.take("resourceType")?,
                id: members.take("id")?,
                elements: members.take("elements")?,
            },
            "delete" => Self::Delete {
                resource_type: members.take("resourceType")?,
                id: members.take("id")?,
            },
            "undelete" => Self::Undelete {
                resource_type: members.take("resourceType")?,
                id: members.take("id")?,
            },
            "splice" => Self::Splice {
                resource_type: members.take("resourceType")?,
                id: members.take("id")?,
                element: members.take("element")?,
                index: members.count("index")?,
                delete: members.count("delete")?,
                insert: members.take("insert")?,
            },
            "setText" => Self::SetText {
                resource_type: members.take("resourceType")?,
                id: members.take("id")?,
                element: members.take("element")?,
                text: members.take("text")?,
            },
            "batch" => Self::Batch { commands: members.take("commands")? },
            "import" => Self::Import { resources: members.take("resources")? },
            _ => return Err(serde_json::Error::unknown_variant(&kind, KINDS)),
        })
    }
}

/// Why a command was not carried out; the document is as before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// `resourceType` is missing or names no FHIR R4 resource type.
    #[error("resourceType is missing or is no FHIR R4 resource type")]
    UnknownResourceType,
    /// `id` is missing or is not `[A-Za-z0-9.-]{1,64}`.
    #[error("id is missing or is not 1 to 64 letters, digits, dots and hyphens")]
    BadId,
    /// The JSON is not shaped like a resource.
    #[error("the resource has a wrong shape: {0}")]
    Shape(#[from] ShapeError),
    /// The value to put is not a JSON object.
    #[error("a resource is a JSON object")]
    NotAnObject,
    /// The resource belongs to another room.
    #[error(transparent)]
    Compartment(#[from] CompartmentError),
    /// Nothing stands at this type and id.
    #[error("there is no such resource in this room")]
    NotFound,
    /// The resource is deleted; undelete it first.
    #[error("the resource is deleted; undelete it first")]
    Deleted,
    /// The resource is over [`crate::limits::RESOURCE_BYTES_MAX`].
    #[error("the resource has {bytes} bytes of JSON; the limit is {limit}")]
    TooLarge {
        /// Its size as JSON text.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// An import has more than [`crate::limits::IMPORT_CHUNK_RESOURCES`] resources, or a batch more than
    /// [`crate::limits::BATCH_RESOURCES_MAX`].
    #[error("one change takes {limit} resources at most, this one has {count}")]
    TooMany {
        /// How many there are.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// A text is, or texts of one change are, over [`crate::limits::TEXT_UNITS_MAX`].
    #[error("the text has {units} characters; the limit is {limit}")]
    TextTooLong {
        /// UTF-16 code units that it would have.
        units: usize,
        /// The limit.
        limit: usize,
    },
    /// Two edits of one batch are of one resource.
    #[error("two edits of one batch are of the same resource")]
    Twice,
    /// The room is as large as it may be.
    #[error("the room is as large as it may be; founding it anew makes it smaller")]
    RoomFull,
    /// This author may read here, not write.
    #[error("this person may read this room, not change it")]
    ReadOnly,
    /// Drug, dose, to whom, whether active, an allergy or the code status is disputed, or a text of a note
    /// that is to be signed.
    #[error("concurrent values that matter for safety stand there; a person has to choose first")]
    ConflictOpen,
    /// The prescription is no order that stands.
    #[error("the prescription is not an active order")]
    NotActive,
    /// Another act comes first, or this one was done.
    #[error("the prescription is at another step of the pharmacy's work")]
    WrongStatus,
    /// This author may not do that here.
    #[cfg(not(target_arch = "wasm32"))]
    #[error(transparent)]
    Forbidden(#[from] crate::access::Denial),
    /// The resource is of a type that is not signed.
    #[cfg(not(target_arch = "wasm32"))]
    #[error("a DocumentReference or a Composition is signed, and no other resource")]
    NotANote,
    /// The note is signed: it is amended, or gets an addendum.
    #[cfg(not(target_arch = "wasm32"))]
    #[error("the note is signed; it can be amended, or get an addendum")]
    Signed,
    /// Others changed the note, and its signer did not see it.
    #[cfg(not(target_arch = "wasm32"))]
    #[error("the note changed since its signer saw it")]
    ChangedSinceViewed,
    /// What the edit was decided on is not what stands any more.
    #[error("the resource changed meanwhile")]
    Changed,
    /// A change that was made elsewhere is not taken.
    #[error("{message}")]
    Refused {
        /// The refusal's code.
        code: &'static str,
        /// What it says.
        message: String,
    },
    /// Automerge refused the write, which is our error.
    #[error("the change could not be written")]
    Write,
}

impl CommandError {
    /// A stable code for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownResourceType => "unknown-resource-type",
            Self::BadId => "bad-id",
            Self::Shape(_) | Self::NotAnObject => "bad-shape",
            Self::Compartment(error) => error.code(),
            Self::NotFound => "not-found",
            Self::Deleted => "deleted",
            Self::TooLarge { .. } | Self::TooMany { .. } | Self::TextTooLong { .. } => "too-large",
            Self::Twice => "twice",
            Self::RoomFull => "room-full",
            Self::ReadOnly => "read-only",
            Self::ConflictOpen => "conflict-open",
            Self::NotActive => "not-active",
            Self::WrongStatus => "wrong-status",
            #[cfg(not(target_arch = "wasm32"))]
            Self::Forbidden(denial) => denial.code(),
            #[cfg(not(target_arch = "wasm32"))]
            Self::NotANote => "not-a-note",
            #[cfg(not(target_arch = "wasm32"))]
            Self::Signed => "signed",
            #[cfg(not(target_arch = "wasm32"))]
            Self::ChangedSinceViewed => "changed-since-viewed",
            Self::Changed => "changed",
            Self::Refused { code, .. } => code,
            Self::Write => "internal",
        }
    }
}

impl From<AutomergeError> for CommandError {
    fn from(_: AutomergeError) -> Self {
        Self::Write
    }
}

impl Command {
    /// Whether it, or a part of it, is taken as history, which raises no alerts.
    pub fn is_history(&self) -> bool {
        match self {
            Self::Import { .. } => true,
            Self::Batch { commands } => commands.iter().any(Self::is_history),
            Self::Put { .. }
            | Self::Patch { .. }
            | Self::Delete { .. }
            | Self::Undelete { .. }
            | Self::Splice { .. }
            | Self::SetText { .. } => false,
        }
    }

    /// Type and id of every resource that the command names, as far as it names them.
    pub fn resources(&self) -> Vec<(String, String)> {
        let of = |resource: &Value| {
            let text = |name: &str| resource.get(name).and_then(Value::as_str).map(str::to_owned);
            Some((text("resourceType")?, text("id")?))
        };
        match self {
            Self::Put { resource } => of(resource).into_iter().collect(),
            Self::Import { resources } => resources.iter().filter_map(of).collect(),
            Self::Batch { commands } => commands.iter().flat_map(Self::resources).collect(),
            Self::Patch { resource_type, id, .. }
            | Self::Delete { resource_type, id }
            | Self::Undelete { resource_type, id }
            | Self::Splice { resource_type, id, .. }
            | Self::SetText { resource_type, id, .. } => vec![(resource_type.clone(), id.clone())],
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn without(json: &Value, name: &str) -> Value {
        let members = json.as_object().expect("a command is an object").iter();
        members.filter(|(other, _)| *other != name).map(|(k, v)| (k.clone(), v.clone())).collect()
    }

    #[test]
    fn a_command_of_every_kind_is_read_as_it_is_written() {
        let resource = json!({ "resourceType": "Observation", "id": "o", "valueDecimal": 0.010 });
        let one = |kind: &str, more: Value| {
            let mut json = json!({ "kind": kind, "resourceType": "Observation", "id": "o" });
            let more = more.as_object().expect("the members of a command").clone();
            json.as_object_mut().expect("it is an object").extend(more);
            json
        };
        let commands = [
            json!({ "kind": "put", "resource": resource }),
            one("patch", json!({ "elements": { "status": null, "issued": 1.50 } })),
            one("delete", json!({})),
            one("undelete", json!({})),
            one("splice", json!({ "element": "note", "index": 3, "delete": 0, "insert": "x" })),
            one("setText", json!({ "element": "note", "text": "x" })),
            json!({ "kind": "batch", "commands": [{ "kind": "put", "resource": resource }] }),
            json!({ "kind": "import", "resources": [resource] }),
        ];
        let kinds = commands.iter().map(|json| json["kind"].as_str().expect("it has a kind"));
        assert_eq!(kinds.collect::<Vec<_>>(), KINDS);
        for json in commands {
            let command: Command = serde_json::from_value(json.clone()).expect("it is a command");
            assert_eq!(serde_json::to_value(command).expect("it serialises"), json);
            for name in json.as_object().expect("it is an object").keys() {
                let read = serde_json::from_value::<Command>(without(&json, name));
                let error = read.expect_err("a member is missing").to_string();
                assert_eq!(error, format!("missing field `{name}`"));
            }
        }
    }

    #[test]
    fn what_is_wrong_with_a_command_is_said() {
        let check = |json: Value, expected: &str| {
            let read = serde_json::from_value::<Command>(json);
            assert_eq!(read.expect_err("it is no command").to_string(), expected);
        };
        let of_kinds =
            "`put`, `patch`, `delete`, `undelete`, `splice`, `setText`, `batch`, `import`";
        let unknown = format!("unknown variant `paint`, expected one of {of_kinds}");
        check(json!({ "kind": "paint" }), &unknown);
        check(json!({ "kind": "batch", "commands": [{ "kind": "paint" }] }), &unknown);
        check(json!("put"), "invalid type: string \"put\", expected a map");
        let mut splice = json!({
            "kind": "splice", "resourceType": "Observation", "id": "o",
            "element": "note", "index": 1.5, "delete": 0, "insert": "",
        });
        check(splice.clone(), "a count is a whole number");
        splice["index"] = json!(-1);
        check(splice, "a count is a whole number");
    }
}
