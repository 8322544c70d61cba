//! How clients write that know nothing of Chartroom: nested maps, lists and texts, keys deleted,
//! whole maps replaced.

use automerge::{
    Automerge, ChangeHash, ObjId, ObjType, ROOT, ReadDoc, Value as Stored,
    transaction::{Transactable, Transaction},
};
use serde_json::Value;

use super::{
    model::{Target, Typed},
    plan::{Edit, Verb},
};

/// Carries out an edit in automerge's own words; gives the change, if there is one.
pub fn edit(doc: &mut Automerge, patient: &str, edit: &Edit) -> Option<ChangeHash> {
    let target = Target::of(edit);
    let collection = object(doc, &ROOT, target.resource_type())?;
    let standing = object(doc, &collection, &target.id);
    let mut tx = doc.transaction();
    write(&mut tx, &collection, standing, &target, patient, edit);
    tx.commit().0
}

fn write(
    tx: &mut Transaction<'_>,
    collection: &ObjId,
    standing: Option<ObjId>,
    target: &Target,
    patient: &str,
    edit: &Edit,
) -> Option<()> {
    let name = target.element;
    let Some(map) = standing.filter(|_| !matches!(edit.verb, Verb::Put | Verb::Batch)) else {
        let map = tx.put_object(collection, target.id.as_str(), ObjType::Map).ok()?;
        let resource = target.resource(patient, edit.value);
        let elements = resource.as_object()?.iter();
        for (name, value) in
            elements.filter(|(name, _)| !matches!(name.as_str(), "resourceType" | "id"))
        {
            put(tx, &map, name, value, edit.value)?;
        }
        return Some(());
    };
    match edit.verb {
        Verb::Splice | Verb::SetText => typed(tx, target, edit),
        Verb::Unset => tx.delete(&map, name).ok(),
        Verb::Delete => tx.delete(collection, target.id.as_str()).ok(),
        Verb::Insert | Verb::Remove => items(tx, &map, edit),
        Verb::Put | Verb::Batch | Verb::Set | Verb::Undelete | Verb::Choose => {
            put(tx, &map, name, &target.value, edit.value)
        }
    }
}

/// Writes into a text, or a new one in its place; indexes count characters here.
fn typed(tx: &mut Transaction<'_>, target: &Target, edit: &Edit) -> Option<()> {
    let Typed { text, index, delete, insert } = Typed::of(edit);
    let texts = object(tx, &ROOT, "$texts")?;
    let key = format!("{}:{}:{text}", target.resource_type(), target.id);
    let text = match object(tx, &texts, &key).filter(|_| edit.verb == Verb::Splice) {
        Some(text) => text,
        None => tx.put_object(&texts, key, ObjType::Text).ok()?,
    };
    let length = tx.length(&text);
    let index = index.min(length);
    tx.splice_text(&text, index, delete.min(length - index) as isize, insert).ok()
}

/// Inserts a note, or takes one out, where notes stand as a list.
fn items(tx: &mut Transaction<'_>, map: &ObjId, edit: &Edit) -> Option<()> {
    let list = match tx.get(map, "note").ok()? {
        Some((Stored::Object(ObjType::List), list)) => list,
        _ => tx.put_object(map, "note", ObjType::List).ok()?,
    };
    let length = tx.length(&list);
    if edit.verb == Verb::Insert {
        let at = edit.value as usize % (length + 1);
        let item = tx.insert_object(&list, at, ObjType::Map).ok()?;
        return tx.put(&item, "text", format!("foreign note {}", edit.value)).ok();
    }
    (length > 0).then(|| tx.delete(&list, edit.value as usize % length).ok())?
}

/// Puts a JSON value as automerge's JavaScript does, or, by the number, strings as scalars.
fn put(
    tx: &mut Transaction<'_>,
    map: &ObjId,
    name: &str,
    value: &Value,
    number: u64,
) -> Option<()> {
    match value {
        Value::String(text) if number.is_multiple_of(2) => {
            let object = tx.put_object(map, name, ObjType::Text).ok()?;
            tx.splice_text(&object, 0, 0, text).ok()
        }
        Value::String(text) => tx.put(map, name, text.as_str()).ok(),
        Value::Object(members) => {
            let object = tx.put_object(map, name, ObjType::Map).ok()?;
            members.iter().try_for_each(|(name, value)| put(tx, &object, name, value, number))
        }
        Value::Array(items) => {
            let list = tx.put_object(map, name, ObjType::List).ok()?;
            items.iter().enumerate().try_for_each(|(at, item)| {
                let object = tx.insert_object(&list, at, ObjType::Map).ok()?;
                let members = item.as_object()?.iter();
                members.into_iter().try_for_each(|(n, v)| put(tx, &object, n, v, number))
            })
        }
        Value::Number(value) => tx.put(map, name, value.as_f64()?).ok(),
        Value::Bool(value) => tx.put(map, name, *value).ok(),
        Value::Null => tx.put(map, name, ()).ok(),
    }
}

fn object(doc: &impl ReadDoc, parent: &ObjId, name: &str) -> Option<ObjId> {
    match doc.get(parent, name).ok()? {
        Some((Stored::Object(_), object)) => Some(object),
        _ => None,
    }
}
