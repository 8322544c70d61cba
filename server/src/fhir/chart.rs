//! A room as FHIR reads it: a copy of its document beside the room, with versions and times.
//!
//! Reading a whole chart takes longer than an edit may wait, so it is done on a copy, which takes in
//! what the room has had since before each look. What a copy shows is durable: the room gives
//! nothing else.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use chartroom_engine::{
    ChangeHash, Conflict, Document, RoomId,
    access::{Access, Right},
    document::{Account, People, Versions},
    time,
};
use serde_json::{Map, Value};

use super::version::{Series, Version};

/// A resource at one of its versions.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub resource_type: String,
    pub id: String,
    /// With `meta.versionId` and `meta.lastUpdated`; type and id alone where it is deleted.
    pub resource: Arc<Value>,
    pub deleted: bool,
    pub version: Version,
    /// The change that made the version.
    pub change: ChangeHash,
    /// When the server had that change, in milliseconds since 1970.
    pub updated_ms: i64,
    /// The elements in conflict, of what stands now; each shows one of its values.
    pub disputed: Vec<String>,
}

impl Found {
    /// A resource that is made from what the server knows.
    pub fn made(resource: &Arc<Value>) -> Self {
        let text = |name: &str| resource.get(name).and_then(Value::as_str).unwrap_or_default();
        let updated = resource.pointer("/meta/lastUpdated").and_then(Value::as_str);
        Self {
            resource_type: text("resourceType").to_owned(),
            id: text("id").to_owned(),
            resource: Arc::clone(resource),
            deleted: false,
            version: Version { series: Series::Epoch(1), number: 1 },
            change: ChangeHash([0; 32]),
            updated_ms: updated.and_then(time::parse).unwrap_or(0),
            disputed: Vec::new(),
        }
    }

    /// What the room shows of it, as a writer compares it; `None` where it is deleted.
    pub fn bare(&self) -> Option<Value> {
        (!self.deleted).then(|| without_history(&self.resource))
    }
}

/// A copy of a room.
#[derive(Debug)]
pub(crate) struct Chart {
    room: RoomId,
    document: Document,
    people: People,
    versions: Versions,
    /// When the server had each change, as the room's events say.
    times: HashMap<ChangeHash, i64>,
    /// The last event that was looked at.
    pub event_seq: u64,
    current: BTreeMap<String, BTreeMap<String, Found>>,
    /// Types of which every resource is in `current`.
    read: BTreeSet<String>,
    /// What whoever looks may see, where that is not everything.
    seen_with: Option<Access>,
}

impl Chart {
    /// A copy of a room's document.
    pub fn of(document: Document, people: People) -> Self {
        let mut chart = Self {
            room: document.room().clone(),
            document,
            people,
            versions: Versions::default(),
            times: HashMap::new(),
            event_seq: 0,
            current: BTreeMap::new(),
            read: BTreeSet::new(),
            seen_with: None,
        };
        chart.versions.follow(&chart.document);
        chart
    }

    /// Lets somebody look at what they may see of it.
    pub fn as_seen<T>(&mut self, access: Access, look: impl FnOnce(&mut Self) -> T) -> T {
        self.seen_with = access.check_whole().is_err().then_some(access);
        let looked = look(self);
        self.seen_with = None;
        looked
    }

    /// Whether a resource stands that whoever looks may not see.
    pub fn hides(&mut self, resource_type: &str, id: &str) -> bool {
        let standing = self.standing(resource_type, id);
        standing.is_some_and(|found| !found.deleted && !self.shows(&found))
    }

    /// Whether whoever looks may see all of a type.
    pub fn shows_type(&self, name: &str) -> bool {
        let access = self.seen_with.as_ref();
        access.is_none_or(|access| access.allows_type(Right::Read, name))
    }

    /// Whether whoever looks may see a version of a resource. Of what is deleted the version before
    /// would tell, and is not looked for.
    fn shows(&self, found: &Found) -> bool {
        self.seen_with.as_ref().is_none_or(|access| match found.deleted {
            true => access.allows_type(Right::Read, &found.resource_type),
            false => access.allows(Right::Read, &found.resource_type, &found.resource),
        })
    }

    /// Takes in what the room has had since; false where that does not fit.
    pub fn follow(&mut self, chunks: Vec<Vec<u8>>, people: People) -> bool {
        let followed = self.document.replay(chunks).is_ok();
        self.people = people;
        for (resource_type, id) in self.versions.follow(&self.document) {
            if let Some(of_type) = self.current.get_mut(&resource_type) {
                of_type.remove(&id);
            }
            self.read.remove(&resource_type);
        }
        followed
    }

    /// Notes when the server had changes.
    pub fn note_times(&mut self, times: impl IntoIterator<Item = (ChangeHash, i64)>) {
        for (change, ms) in times {
            self.times.entry(change).or_insert(ms);
        }
    }

    /// The heads of the copy.
    pub fn heads(&self) -> Vec<ChangeHash> {
        self.document.heads()
    }

    /// Whether the copy has all that a document has.
    pub fn has(&self, document: &Document) -> bool {
        document.heads().iter().all(|head| self.document.contains(head))
    }

    /// Bytes that the copy costs, about.
    pub fn bytes(&self) -> u64 {
        // Twice what a room's document costs: resources as JSON come beside it.
        self.document.ops() * 160 + self.document.change_count() * 500
    }

    /// The room.
    pub fn room(&self) -> &RoomId {
        &self.room
    }

    /// The document.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// A resource as it stands, deleted or not; `None` where it never was.
    pub fn current(&mut self, resource_type: &str, id: &str) -> Option<Found> {
        self.standing(resource_type, id).filter(|found| self.shows(found))
    }

    fn standing(&mut self, resource_type: &str, id: &str) -> Option<Found> {
        let known = self.current.get(resource_type).and_then(|of_type| of_type.get(id));
        if let Some(found) = known {
            return Some(found.clone());
        }
        let changes = self.versions.of(resource_type, id);
        let (change, number) = (*changes.last()?, changes.len());
        let (resource, disputed) = self.document.resource_with_disputes(resource_type, id);
        let found = self.found(resource_type, id, (change, number), resource);
        let disputed = disputed.iter().map(|name| expression(resource_type, name)).collect();
        let found = Found { disputed, ..found };
        let of_type = self.current.entry(resource_type.to_owned()).or_default();
        of_type.insert(id.to_owned(), found.clone());
        Some(found)
    }

    /// The resources of a type that stand, by id.
    pub fn collection(&mut self, resource_type: &str) -> Vec<Found> {
        if !self.read.contains(resource_type) {
            let ids: Vec<String> =
                self.versions.of_type(resource_type).map(|(id, _)| id.to_owned()).collect();
            for id in ids {
                self.standing(resource_type, &id);
            }
            self.read.insert(resource_type.to_owned());
        }
        let of_type = self.current.get(resource_type).into_iter().flat_map(BTreeMap::values);
        of_type.filter(|found| !found.deleted && self.shows(found)).cloned().collect()
    }

    /// The types that something was written of.
    pub fn types(&self) -> Vec<String> {
        let shown = |name: &&str| {
            let access = self.seen_with.as_ref();
            access.is_none_or(|access| access.may_allow(Right::Read, name))
        };
        self.versions.types().filter(shown).map(str::to_owned).collect()
    }

    /// The ids of one type with the changes that made their versions.
    pub fn versions_of(&self, resource_type: &str) -> impl Iterator<Item = (&str, &[ChangeHash])> {
        self.versions.of_type(resource_type)
    }

    /// The changes that made a resource's versions.
    pub fn changes_of(&self, resource_type: &str, id: &str) -> &[ChangeHash] {
        self.versions.of(resource_type, id)
    }

    /// How many versions a resource has had.
    pub fn count(&self, resource_type: &str, id: &str) -> usize {
        self.versions.of(resource_type, id).len()
    }

    /// The versions of a resource with these numbers, in their order; those that it has not had are
    /// left out.
    pub fn at(&self, resource_type: &str, id: &str, numbers: &[usize]) -> Vec<Found> {
        let changes = self.versions.of(resource_type, id);
        let asked: Vec<(ChangeHash, usize)> = numbers
            .iter()
            .filter_map(|number| Some((*changes.get(number.checked_sub(1)?)?, *number)))
            .collect();
        let heads = self.document.heads_behind(asked.iter().map(|(change, _)| *change));
        let found = |(change, number): (ChangeHash, usize)| {
            let heads = heads.get(&change)?;
            let resource = self.document.resource_at(heads, resource_type, id);
            Some(self.found(resource_type, id, (change, number), resource))
        };
        asked.into_iter().filter_map(found).filter(|found| self.shows(found)).collect()
    }

    /// One version of a resource; `None` where there was none.
    pub fn version(&self, resource_type: &str, id: &str, version: Version) -> Option<Found> {
        (version.series == self.series(resource_type, id))
            .then(|| self.at(resource_type, id, &[version.number]).pop())
            .flatten()
    }

    /// How the versions of a resource are counted.
    pub fn series(&self, resource_type: &str, id: &str) -> Series {
        let first = self.versions.of(resource_type, id).first();
        let account = first.and_then(|change| self.account(change));
        Series::of(&self.room, account.is_some_and(|account| account.note.moved))
    }

    /// Which version of a resource a change made.
    pub fn version_of(&self, resource_type: &str, id: &str, change: &ChangeHash) -> Option<usize> {
        let changes = self.versions.of(resource_type, id);
        changes.iter().position(|made| made == change).map(|at| at + 1)
    }

    /// What a change wrote, with the number of the version that it made of each.
    pub fn made_by(&self, change: &ChangeHash) -> Vec<(&str, &str, usize)> {
        let mut made = self.versions.made_by(change);
        made.retain(|(name, ..)| self.shows_type(name));
        made
    }

    /// The change whose hash begins so.
    pub fn change_named(&self, start: &str) -> Option<ChangeHash> {
        self.versions
            .types()
            .flat_map(|name| self.versions.of_type(name))
            .flat_map(|(_, changes)| changes)
            .find(|change| change.to_string().starts_with(start))
            .copied()
    }

    /// Whether all that a change did was to delete.
    pub fn is_deleting(&self, change: &ChangeHash) -> bool {
        self.versions.is_deleting(change)
    }

    /// The versions of a type that the events of this epoch do not tell of: id, change and time. A room
    /// that was founded anew has them, of what it was founded with.
    pub fn untold(&self, resource_type: &str) -> Vec<(String, ChangeHash, i64)> {
        let versions = self.versions.of_type(resource_type);
        let each = versions.flat_map(|(id, changes)| changes.iter().map(move |c| (id, *c)));
        each.filter(|(_, change)| !self.times.contains_key(change))
            .map(|(id, change)| (id.to_owned(), change, self.time_of(&change)))
            .collect()
    }

    /// What is known of a change.
    pub fn account(&self, change: &ChangeHash) -> Option<Account> {
        self.document.account(change, &self.people)
    }

    /// When the server had a change; where that is not known any more, when it was made, as its author's
    /// clock said.
    pub fn time_of(&self, change: &ChangeHash) -> i64 {
        let told = self.times.get(change).copied();
        // A claim is of a second; its end is behind whatever came before in it.
        let claimed = || self.account(change)?.authored_ms.map(|ms| ms + 999);
        told.or_else(claimed).unwrap_or(0)
    }

    /// The conflicts of a resource.
    pub fn conflicts(&self, resource_type: &str, id: &str) -> Vec<Conflict> {
        self.document.resource_conflicts(resource_type, id, &self.people)
    }

    fn found(
        &self,
        resource_type: &str,
        id: &str,
        (change, number): (ChangeHash, usize),
        resource: Option<Value>,
    ) -> Found {
        let version = Version { series: self.series(resource_type, id), number };
        let updated_ms = self.time_of(&change);
        let deleted = resource.is_none();
        let resource = resource
            .map(|resource| with_history(resource, version, updated_ms))
            .unwrap_or_else(|| serde_json::json!({ "resourceType": resource_type, "id": id }));
        Found {
            resource_type: resource_type.to_owned(),
            id: id.to_owned(),
            resource: Arc::new(resource),
            deleted,
            version,
            change,
            updated_ms,
            disputed: Vec::new(),
        }
    }
}

/// Where a conflict is, as an expression; one of the whole resource is at its type.
pub(crate) fn expression(resource_type: &str, name: &str) -> String {
    match name.starts_with('$') {
        true => resource_type.to_owned(),
        false => format!("{resource_type}.{name}"),
    }
}

/// A resource with what history says of it.
pub(crate) fn with_history(mut resource: Value, version: Version, updated_ms: i64) -> Value {
    if let Some(resource) = resource.as_object_mut() {
        let meta = resource.entry("meta").or_insert_with(|| Value::Object(Map::new()));
        if let Some(meta) = meta.as_object_mut() {
            meta.insert("versionId".to_owned(), version.to_string().into());
            meta.insert("lastUpdated".to_owned(), time::rfc3339(updated_ms).into());
        }
    }
    resource
}

/// A resource without it: as the room has it, or is to have it.
pub(crate) fn without_history(resource: &Value) -> Value {
    let mut resource = resource.clone();
    if let Some(members) = resource.as_object_mut()
        && let Some(meta) = members.get_mut("meta").and_then(Value::as_object_mut)
    {
        meta.remove("versionId");
        meta.remove("lastUpdated");
        if meta.is_empty() {
            members.remove("meta");
        }
    }
    resource
}
