//! Carrying out commands: one typed edit, one transaction, one change.
//!
//! Writes are minimal: only the elements and list items that differ from what the room shows. No
//! command replaces a resource's map or a list that stands, so an edit made meanwhile is not lost.

use std::collections::{BTreeMap, BTreeSet};

use automerge::{Automerge, ChangeHash, ScalarValue, transaction::CommitOptions};
use serde_json::{Map, Value};

#[cfg(not(target_arch = "wasm32"))]
use super::notes;
use super::{
    codec::{self, DELETED, Element, SOURCE, Stored},
    command::{Command, CommandError},
    compartment::{self, CompartmentError},
    conflicts::{self, Read},
    history::{Message, Note},
    log_order::LogOrder,
    plan::Plan,
    resource_types::resource_type,
    texts::{self, TextWrite},
    view::unit_name,
};
use crate::{Author, RoomName, limits};

/// Who writes a command.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Writer<'a> {
    /// The person of the local actor, or the one in whose name the server's actor writes.
    Person(Option<&'a Author>),
    /// The same, with what the server notes of the edit.
    Noted(Option<&'a Author>, &'a Note),
    /// The server itself, into a room that only it writes.
    Server {
        /// What it writes stood before, and raises nothing.
        import: bool,
    },
}

impl Writer<'_> {
    pub fn is_server(self) -> bool {
        matches!(self, Self::Server { .. })
    }

    fn message(self, import: bool) -> Message {
        match self {
            Self::Person(by) => Message { by: by.cloned(), import, note: Note::default() },
            Self::Noted(by, note) => Message { by: by.cloned(), import, note: note.clone() },
            Self::Server { import } => Message { import, ..Message::default() },
        }
    }
}

/// The room that a command writes into.
struct Place<'a> {
    room: &'a RoomName,
    /// The server writes it for itself.
    own: bool,
    /// What is written comes from another room, or goes into one: signed or not.
    #[cfg(not(target_arch = "wasm32"))]
    moves: bool,
}

impl Place<'_> {
    fn check(
        &self,
        resource_type: &str,
        id: &str,
        resource: &Map<String, Value>,
    ) -> Result<(), CompartmentError> {
        if self.own { Ok(()) } else { compartment::check(self.room, resource_type, id, resource) }
    }

    /// Whether elements of a resource may be written, as far as it is a signed note, or becomes one. A
    /// browser's edit of one is refused by the server.
    #[cfg(not(target_arch = "wasm32"))]
    fn check_note<'a>(
        &self,
        (doc, order): (&Automerge, &LogOrder),
        (resource_type, id): (&str, &str),
        before: &Map<String, Value>,
        written: impl Iterator<Item = &'a String>,
        after: Option<&Map<String, Value>>,
    ) -> Result<(), CommandError> {
        let Some(element) =
            notes::status_element(resource_type).filter(|_| !self.own && !self.moves)
        else {
            return Ok(());
        };
        let status = after.and_then(|after| after.get(element)?.as_str());
        if !notes::may_write(resource_type, before, written, status) {
            return Err(CommandError::Signed);
        }
        // Nobody could choose any more.
        let signs = status.is_some_and(|after| notes::signs(resource_type, before, after));
        match signs && conflicts::has_disputed_text(doc, order, resource_type, id) {
            true => Err(CommandError::ConflictOpen),
            false => Ok(()),
        }
    }
}

/// Carries out a command on a document; `None` where nothing differed.
pub(super) fn apply(
    doc: &mut Automerge,
    order: &LogOrder,
    room: &RoomName,
    command: &Command,
    writer: Writer<'_>,
    time_s: i64,
) -> Result<Option<ChangeHash>, CommandError> {
    let limit = match matches!(command, Command::Batch { .. }) {
        true => limits::BATCH_RESOURCES_MAX,
        false => limits::IMPORT_CHUNK_RESOURCES,
    };
    let count = command.resources().len();
    if count > limit {
        return Err(CommandError::TooMany { count, limit });
    }
    let place = Place {
        room,
        own: writer.is_server(),
        #[cfg(not(target_arch = "wasm32"))]
        moves: matches!(writer, Writer::Noted(_, note) if note.moved),
    };
    let plans = plan(doc, order, &place, command, None)?;
    let message = writer.message(command.is_history());
    if plans.iter().all(Plan::is_nothing) {
        return Ok(None);
    }
    let units: u64 = plans.iter().flat_map(|plan| &plan.texts).map(TextWrite::ops).sum();
    if units > limits::CHANGE_OPS_MAX {
        let units = usize::try_from(units).unwrap_or(usize::MAX);
        return Err(CommandError::TextTooLong { units, limit: limits::TEXT_UNITS_MAX });
    }
    let mut tx = doc.transaction();
    for plan in &plans {
        plan.write(&mut tx)?;
    }
    let mut options = CommitOptions::default().with_time(time_s);
    if let Some(text) = message.text() {
        options.set_message(text);
    }
    let (hash, _) = tx.commit_with(options);
    Ok(hash)
}

/// What a command comes to; with `owner`, the resource of its text as the same change puts it.
fn plan(
    doc: &Automerge,
    order: &LogOrder,
    place: &Place<'_>,
    command: &Command,
    owner: Option<&Map<String, Value>>,
) -> Result<Vec<Plan>, CommandError> {
    Ok(match command {
        Command::Put { resource } => vec![put(doc, order, place, resource)?],
        Command::Import { resources } => {
            // Two entries with one id in an import: the later one counts.
            let mut plans = BTreeMap::new();
            for resource in resources {
                let plan = put(doc, order, place, resource)?;
                plans.insert((plan.resource_type, plan.id.clone()), plan);
            }
            plans.into_values().collect()
        }
        Command::Batch { commands } => batch(doc, order, place, commands)?,
        Command::Patch { resource_type, id, elements } => {
            vec![patch(doc, order, place, resource_type, id, elements)?]
        }
        Command::Delete { resource_type, id } => {
            vec![set_deleted(doc, order, place, (resource_type, id), true)?]
        }
        Command::Undelete { resource_type, id } => {
            vec![set_deleted(doc, order, place, (resource_type, id), false)?]
        }
        Command::Splice { .. } | Command::SetText { .. } => {
            typed(doc, order, place, command, owner)?.into_iter().collect()
        }
    })
}

/// Several edits, no two of one resource, but that texts of it may follow on each other, and on its put.
fn batch(
    doc: &Automerge,
    order: &LogOrder,
    place: &Place<'_>,
    commands: &[Command],
) -> Result<Vec<Plan>, CommandError> {
    let mut plans: BTreeMap<(&'static str, String), Plan> = BTreeMap::new();
    for (command, at) in commands.iter().zip(0..) {
        let owner = put_before(command, commands.get(..at).unwrap_or_default());
        for plan in plan(doc, order, place, command, owner)? {
            let key = (plan.resource_type, plan.id.clone());
            let Some(own) = plans.get_mut(&key) else {
                plans.insert(key, plan);
                continue;
            };
            let follows = is_text(command) && (owner.is_some() || !own.writes_elements());
            if !follows || !own.join(plan.texts) {
                return Err(CommandError::Twice);
            }
        }
    }
    Ok(plans.into_values().collect())
}

fn is_text(command: &Command) -> bool {
    matches!(command, Command::Splice { .. } | Command::SetText { .. })
}

/// The resource of a text as a command before it in the batch puts it.
fn put_before<'c>(command: &Command, before: &'c [Command]) -> Option<&'c Map<String, Value>> {
    let (Command::Splice { resource_type, id, .. } | Command::SetText { resource_type, id, .. }) =
        command
    else {
        return None;
    };
    let is_it = |resource: &&Value| {
        resource.get("resourceType").is_some_and(|name| name == resource_type)
            && resource.get("id").is_some_and(|other| other == id)
    };
    let put = |command: &'c Command| match command {
        Command::Put { resource } => Some(resource).filter(is_it),
        Command::Import { resources } => resources.iter().find(is_it),
        Command::Patch { .. }
        | Command::Delete { .. }
        | Command::Undelete { .. }
        | Command::Splice { .. }
        | Command::SetText { .. }
        | Command::Batch { .. } => None,
    };
    before.iter().rev().find_map(put)?.as_object()
}

fn put(
    doc: &Automerge,
    order: &LogOrder,
    place: &Place<'_>,
    resource: &Value,
) -> Result<Plan, CommandError> {
    let object = resource.as_object().ok_or(CommandError::NotAnObject)?;
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    let (resource_type, id) = identity(text("resourceType"), text("id"))?;
    codec::check_nesting(object)?;
    check_size(resource)?;
    place.check(resource_type, id, object)?;
    let mut wanted = codec::encode(object)?;
    let Some(read) = conflicts::read(doc, order, resource_type, id) else {
        return Ok(Plan {
            resource_type,
            id: id.to_owned(),
            create: true,
            writes: wanted,
            settles: BTreeMap::new(),
            texts: Vec::new(),
        });
    };
    let current = current_elements(&read);
    for name in current.keys() {
        wanted.entry(name.clone()).or_insert(Stored::Scalar(ScalarValue::Null));
    }
    wanted.retain(|name, stored| {
        let standing = match name.as_str() {
            SOURCE => Element { value: read.source.clone(), sibling: None },
            name => current.get(name).cloned().unwrap_or_default(),
        };
        codec::decode_stored(stored) != standing
    });
    #[cfg(not(target_arch = "wasm32"))]
    place.check_note(
        (doc, order),
        (resource_type, id),
        &read.elements,
        wanted.keys(),
        Some(object),
    )?;
    if read.deleted {
        wanted.insert(DELETED.to_owned(), Stored::Scalar(ScalarValue::Null));
    }
    let mut settles = disputed(&read);
    settles.retain(|name, _| wanted.contains_key(name));
    Ok(Plan {
        resource_type,
        id: id.to_owned(),
        create: false,
        writes: wanted,
        settles,
        texts: Vec::new(),
    })
}

fn patch(
    doc: &Automerge,
    order: &LogOrder,
    place: &Place<'_>,
    resource_type: &str,
    id: &str,
    elements: &Map<String, Value>,
) -> Result<Plan, CommandError> {
    let (resource_type, id) = identity(Some(resource_type), Some(id))?;
    codec::check_nesting(elements)?;
    let read = conflicts::read(doc, order, resource_type, id).ok_or(CommandError::NotFound)?;
    if read.deleted {
        return Err(CommandError::Deleted);
    }
    let mut resource = read.elements.clone();
    for (name, value) in elements {
        if value.is_null() {
            resource.remove(name);
        } else {
            resource.insert(name.clone(), value.clone());
        }
    }
    let set: BTreeSet<&str> =
        elements.keys().map(|name| name.strip_prefix('_').unwrap_or(name)).collect();
    // A choice element has one variant: setting one takes the others away.
    let choices: BTreeSet<&str> = elements
        .iter()
        .filter(|(name, value)| unit_name(name) != name.as_str() && !value.is_null())
        .map(|(name, _)| unit_name(name))
        .collect();
    resource.retain(|name, _| set.contains(name.as_str()) || !choices.contains(unit_name(name)));
    let whole = Value::Object(resource);
    check_size(&whole)?;
    let Value::Object(resource) = whole else { return Err(CommandError::NotAnObject) };
    place.check(resource_type, id, &resource)?;
    let current = current_elements(&read);
    let mut settles = disputed(&read);
    settles.retain(|name, _| set.contains(name.as_str()));
    let mut wanted = codec::encode(&resource)?;
    for name in current.keys().map(String::as_str).chain(set.iter().copied()) {
        wanted.entry(name.to_owned()).or_insert(Stored::Scalar(ScalarValue::Null));
    }
    wanted.retain(|name, stored| {
        let standing = current.get(name).cloned().unwrap_or_default();
        settles.contains_key(name) || codec::decode_stored(stored) != standing
    });
    #[cfg(not(target_arch = "wasm32"))]
    place.check_note(
        (doc, order),
        (resource_type, id),
        &read.elements,
        wanted.keys(),
        Some(&resource),
    )?;
    Ok(Plan {
        resource_type,
        id: id.to_owned(),
        create: false,
        writes: wanted,
        settles,
        texts: Vec::new(),
    })
}

fn set_deleted(
    doc: &Automerge,
    order: &LogOrder,
    place: &Place<'_>,
    (resource_type, id): (&str, &str),
    deleted: bool,
) -> Result<Plan, CommandError> {
    let (resource_type, id) = identity(Some(resource_type), Some(id))?;
    let read = conflicts::read(doc, order, resource_type, id).ok_or(CommandError::NotFound)?;
    let mut settles = disputed(&read);
    settles.retain(|name, _| name == DELETED);
    let mut writes = BTreeMap::new();
    if read.deleted != deleted || !settles.is_empty() {
        let value = if deleted { ScalarValue::Boolean(true) } else { ScalarValue::Null };
        writes.insert(DELETED.to_owned(), Stored::Scalar(value));
    }
    #[cfg(target_arch = "wasm32")]
    let _ = place;
    #[cfg(not(target_arch = "wasm32"))]
    if deleted {
        let keys = writes.keys();
        place.check_note((doc, order), (resource_type, id), &read.elements, keys, None)?;
    }
    Ok(Plan { resource_type, id: id.to_owned(), create: false, writes, settles, texts: Vec::new() })
}

/// A write into a text of a resource that stands, or is put in the same change.
fn typed(
    doc: &Automerge,
    order: &LogOrder,
    place: &Place<'_>,
    command: &Command,
    owner: Option<&Map<String, Value>>,
) -> Result<Option<Plan>, CommandError> {
    let (Command::Splice { resource_type, id, element, .. }
    | Command::SetText { resource_type, id, element, .. }) = command
    else {
        return Ok(None);
    };
    let (resource_type, id) = identity(Some(resource_type), Some(id))?;
    let key = texts::key(resource_type, id, element)?;
    let read = conflicts::read(doc, order, resource_type, id);
    let standing = match (owner, &read) {
        (Some(owner), _) => owner,
        (None, Some(read)) if read.deleted => return Err(CommandError::Deleted),
        (None, Some(read)) => &read.elements,
        (None, None) => return Err(CommandError::NotFound),
    };
    place.check(resource_type, id, standing)?;
    #[cfg(not(target_arch = "wasm32"))]
    if !place.own && !place.moves && notes::is_signed(resource_type, standing) {
        return Err(CommandError::Signed);
    }
    let write = match command {
        Command::Splice { index, delete, insert, .. } => {
            texts::splice(doc, order, key, (*index, *delete, insert))
        }
        Command::SetText { text, .. } => texts::set(doc, order, key, text),
        Command::Put { .. }
        | Command::Patch { .. }
        | Command::Delete { .. }
        | Command::Undelete { .. }
        | Command::Batch { .. }
        | Command::Import { .. } => Ok(None),
    };
    let (writes, settles) = (BTreeMap::new(), BTreeMap::new());
    let texts = write?.into_iter().collect();
    Ok(Some(Plan { resource_type, id: id.to_owned(), create: false, writes, settles, texts }))
}

/// The elements in conflict, as they show.
fn disputed(read: &Read) -> BTreeMap<String, Stored> {
    let shown = |name: &String| {
        let [value, sibling] = [name, &format!("_{name}")].map(|name| read.elements.get(name));
        (name.clone(), codec::encode_element(name, value, sibling))
    };
    read.conflicts.iter().flat_map(|conflict| &conflict.elements).map(shown).collect()
}

/// What stands now, element by element, a primitive joined with its sibling.
fn current_elements(read: &Read) -> BTreeMap<String, Element> {
    let mut elements: BTreeMap<String, Element> = BTreeMap::new();
    for (name, value) in &read.elements {
        match name.strip_prefix('_') {
            Some(name) => {
                elements.entry(name.to_owned()).or_default().sibling = Some(value.clone())
            }
            None => elements.entry(name.clone()).or_default().value = Some(value.clone()),
        }
    }
    elements
}

fn identity<'a>(
    name: Option<&str>,
    id: Option<&'a str>,
) -> Result<(&'static str, &'a str), CommandError> {
    let resource_type = name.and_then(resource_type).ok_or(CommandError::UnknownResourceType)?;
    let id = id.filter(|id| is_resource_id(id)).ok_or(CommandError::BadId)?;
    Ok((resource_type, id))
}

/// Whether a text is a FHIR id (FHIR R4, datatypes, `id`).
pub(crate) fn is_resource_id(id: &str) -> bool {
    (1..=limits::RESOURCE_ID_BYTES_MAX).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

fn check_size(resource: &Value) -> Result<(), CommandError> {
    let (bytes, limit) = (resource.to_string().len(), limits::RESOURCE_BYTES_MAX);
    if bytes > limit { Err(CommandError::TooLarge { bytes, limit }) } else { Ok(()) }
}
