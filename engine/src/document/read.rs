//! What readers get of a document: resources, collections, conflicts, now or behind a change of the
//! log.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use automerge::ChangeHash;
#[cfg(not(target_arch = "wasm32"))]
use automerge::ReadDoc;
use serde_json::{Map, Value, json};

#[cfg(not(target_arch = "wasm32"))]
use super::genesis;
use super::{
    Conflict, ConflictKind, Document, Look, People, RESOURCE_TYPES, Seen, TEXTS, codec, conflicts,
    reader::Reader, resource_types, texts, view::ResourceView,
};
use crate::limits;

impl Document {
    /// A resource as every reader sees it; `None` where it is absent or deleted.
    pub fn resource(&self, resource_type: &str, id: &str) -> Option<Value> {
        let resource_type = resource_types::resource_type(resource_type)?;
        let read = conflicts::read(&self.doc, &self.order, resource_type, id)?;
        (!read.deleted).then(|| with_identity(resource_type, id, read.elements))
    }

    /// Resources as they stood right behind changes of the log, as events tell them: a stub of type
    /// and id where one was deleted, or where the change is not of this document.
    ///
    /// One walk over the history, whatever the number of questions; a document that was loaded from
    /// a server's storage has it in the order of the log.
    pub fn resources_behind(&self, asked: &[(ChangeHash, String, String)]) -> Vec<Arc<Value>> {
        let heads = self.heads_behind(asked.iter().map(|(change, ..)| *change));
        let mut answers: Vec<Arc<Value>> = Vec::with_capacity(asked.len());
        let mut before = None;
        for question in asked {
            // The events of one change of one resource follow on one another.
            let same = answers.last().filter(|_| before == Some(question)).cloned();
            before = Some(question);
            let (change, name, id) = question;
            answers.push(same.unwrap_or_else(|| {
                let heads = heads.get(change).map_or(&[][..], Vec::as_slice);
                self.resource_at(heads, name, id).unwrap_or_else(|| stub(name, id)).into()
            }));
        }
        answers
    }

    /// The heads of the log right behind changes of it; those that are not this document's are left
    /// out. One walk over the history.
    pub fn heads_behind(
        &self,
        changes: impl IntoIterator<Item = ChangeHash>,
    ) -> BTreeMap<ChangeHash, Vec<ChangeHash>> {
        let asked: BTreeSet<ChangeHash> = changes.into_iter().collect();
        let (mut prefix, mut heads) = (BTreeSet::new(), BTreeMap::new());
        for change in self.doc.get_changes_meta(&[]) {
            for dep in &change.deps {
                prefix.remove(dep);
            }
            prefix.insert(change.hash);
            if asked.contains(&change.hash) {
                heads.insert(change.hash, prefix.iter().copied().collect());
            }
        }
        heads
    }

    /// A resource as it stood at `heads`; `None` where it was absent or deleted.
    pub fn resource_at(&self, heads: &[ChangeHash], name: &str, id: &str) -> Option<Value> {
        let resource_type = resource_types::resource_type(name)?;
        let reader = Reader { doc: &self.doc, heads: Some(heads) };
        let read = conflicts::read_with(reader, &self.order, resource_type, id)?;
        (!read.deleted).then(|| with_identity(resource_type, id, read.elements))
    }

    /// The resources of one type, by id, as they stood at `heads`.
    pub fn collection_at(&self, heads: &[ChangeHash], resource_type: &str) -> Vec<Value> {
        let ids = Reader { doc: &self.doc, heads: Some(heads) }.ids(resource_type);
        ids.iter().filter_map(|id| self.resource_at(heads, resource_type, id)).collect()
    }

    /// The resources of one type, by id.
    pub fn collection(&self, resource_type: &str) -> Vec<Value> {
        self.ids(resource_type).iter().filter_map(|id| self.resource(resource_type, id)).collect()
    }

    /// The types that have resources, and how many.
    pub fn collections(&self) -> Vec<(String, usize)> {
        RESOURCE_TYPES
            .iter()
            .map(|name| ((*name).to_owned(), self.collection(name).len()))
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    /// All resources, by type and id.
    pub fn resources(&self) -> Vec<Value> {
        RESOURCE_TYPES.iter().flat_map(|name| self.collection(name)).collect()
    }

    /// All resources as a FHIR Bundle of type `collection`, with `meta.versionId` and
    /// `meta.lastUpdated` as they came in.
    pub fn export(&self) -> Value {
        self.export_with(Reader { doc: &self.doc, heads: None })
    }

    /// The same, as of `heads`.
    pub fn export_at(&self, heads: &[ChangeHash]) -> Value {
        self.export_with(Reader { doc: &self.doc, heads: Some(heads) })
    }

    fn export_with(&self, reader: Reader<'_>) -> Value {
        let entry = |name: &'static str, id: &String| {
            let read = conflicts::read_with(reader, &self.order, name, id)?;
            let mut elements = read.elements;
            codec::restore_meta(&mut elements, read.source);
            (!read.deleted).then(|| {
                json!({
                    "fullUrl": format!("{name}/{id}"),
                    "resource": with_identity(name, id, elements),
                })
            })
        };
        let entries: Vec<Value> = RESOURCE_TYPES
            .into_iter()
            .flat_map(|name| reader.ids(name).into_iter().map(move |id| (name, id)))
            .filter_map(|(name, id)| entry(name, &id))
            .collect();
        json!({ "resourceType": "Bundle", "type": "collection", "entry": entries })
    }

    /// Every conflict of the room; with authors as `people` knows them.
    pub fn conflicts(&self, people: &People) -> Vec<Conflict> {
        let mut found: Vec<Conflict> = RESOURCE_TYPES
            .iter()
            .flat_map(|name| self.ids(name).into_iter().map(move |id| (*name, id)))
            .filter_map(|(name, id)| conflicts::read(&self.doc, &self.order, name, &id))
            .flat_map(|read| read.conflicts)
            .collect();
        found.extend(conflicts::of_texts(&self.doc, &self.order, ""));
        found.sort_by(|a, b| (&a.resource_type, &a.id).cmp(&(&b.resource_type, &b.id)));
        self.with_authors(found, people)
    }

    /// The conflicts of one resource, deleted or not, and of its texts.
    pub fn resource_conflicts(
        &self,
        resource_type: &str,
        id: &str,
        people: &People,
    ) -> Vec<Conflict> {
        let read = conflicts::read(&self.doc, &self.order, resource_type, id);
        let mut found = read.map(|read| read.conflicts).unwrap_or_default();
        let prefix = texts::prefix(resource_type, id);
        found.extend(conflicts::of_texts(&self.doc, &self.order, &prefix));
        self.with_authors(found, people)
    }

    fn with_authors(&self, mut found: Vec<Conflict>, people: &People) -> Vec<Conflict> {
        for value in found.iter_mut().flat_map(|conflict| &mut conflict.values) {
            let hash: Option<ChangeHash> = value.hash.parse().ok();
            value.author = hash.and_then(|hash| {
                let change = self.meta(&hash)?;
                people.author(&change.actor, change.message.as_deref())
            });
        }
        found
    }

    /// A resource as [`resource`](Self::resource) gives it, and the names of its elements in conflict,
    /// in one reading.
    pub(crate) fn look(&self, resource_type: &str, id: &str) -> Look {
        let Some(resource_type) = resource_types::resource_type(resource_type) else {
            return Look::default();
        };
        let Some((read, line)) = conflicts::look(&self.doc, &self.order, resource_type, id) else {
            return Look::default();
        };
        let names: BTreeSet<String> = read
            .conflicts
            .into_iter()
            .flat_map(|conflict| match conflict.kind {
                ConflictKind::Created => vec!["$created".to_owned()],
                ConflictKind::Element
                | ConflictKind::Group
                | ConflictKind::Deleted
                | ConflictKind::Text => conflict.elements,
            })
            .collect();
        let resource = || Arc::new(with_identity(resource_type, id, read.elements));
        let resource = (!read.deleted).then(resource);
        Look::new(Seen { resource, disputed: names.into_iter().collect() }, line)
    }

    /// The changes behind the values in one of these elements of a resource, or behind a text, where as
    /// many stand beside each other as may.
    pub(crate) fn crowd(
        &self,
        name: &str,
        id: &str,
        elements: &BTreeSet<String>,
    ) -> BTreeSet<ChangeHash> {
        if name == TEXTS {
            let begun = texts::standing(&self.doc, &self.order, id);
            let is_crowd = begun.len() >= limits::CONCURRENT_MAX;
            return begun.into_iter().filter(|_| is_crowd).map(|(hash, _)| hash).collect();
        }
        let reader = Reader { doc: &self.doc, heads: None };
        resource_types::resource_type(name)
            .and_then(|resource_type| ResourceView::of(reader, resource_type, id))
            .map(|view| view.crowd(&self.order, elements, limits::CONCURRENT_MAX))
            .unwrap_or_default()
    }

    /// Whether there is a resource, deleted or not.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn has_resource(&self, resource_type: &str, id: &str) -> bool {
        let collection = genesis::collection(resource_type);
        collection.is_some_and(|of| self.doc.get(of, id).is_ok_and(|found| found.is_some()))
    }

    /// Whether texts of a resource stand beside each other, for a person to choose.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn has_disputed_text(&self, resource_type: &str, id: &str) -> bool {
        conflicts::has_disputed_text(&self.doc, &self.order, resource_type, id)
    }

    /// Whether there was a resource, deleted or not, at heads, all of which the document has.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn had_resource(&self, heads: &[ChangeHash], name: &str, id: &str) -> bool {
        let collection = genesis::collection(name);
        let found = collection.map(|of| self.doc.get_at(of, id, heads));
        found.is_some_and(|found| found.is_ok_and(|found| found.is_some()))
    }

    /// The ids of one type, deleted ones included.
    pub(crate) fn ids(&self, resource_type: &str) -> Vec<String> {
        Reader { doc: &self.doc, heads: None }.ids(resource_type)
    }
}

/// The path that is not stored, back in its members.
fn with_identity(resource_type: &str, id: &str, mut resource: Map<String, Value>) -> Value {
    // What a foreign client wrote at these names stands.
    resource.entry("resourceType").or_insert_with(|| Value::from(resource_type));
    resource.entry("id").or_insert_with(|| Value::from(id));
    Value::Object(resource)
}

/// A stub of type and id, as events carry it after a delete.
pub(crate) fn stub(resource_type: &str, id: &str) -> Value {
    with_identity(resource_type, id, Map::new())
}
