//! FHIR JSON to stored elements and back, without loss.
//!
//! One element is one key of the resource's map. Strings, booleans and integers are native scalars;
//! a compound or a decimal is one string scalar, `=` and its JSON text, so that a datatype is never
//! merged from two people's halves and a decimal keeps its digits. A plain string that begins with
//! `=` is `=` and its JSON string. A primitive and its `_` sibling are one value, `=_[value,sibling]`.
//! Start at [`encode`]; [`Element`] is the way back.

use std::collections::BTreeMap;

use automerge::{ScalarValue, ScalarValueRef};
use serde_json::{Map, Value};

use super::resource_types::is_whole_array;
use crate::limits::NESTING_MAX;

/// Key that holds the incoming `meta.versionId` and `meta.lastUpdated`.
pub(crate) const SOURCE: &str = "$source";
/// Key that is true while the resource is deleted.
pub(crate) const DELETED: &str = "$deleted";
/// Key, inside an extension map, of the sequence of urls as given.
pub(super) const ORDER: &str = "$order";
/// Elements of `meta` that the room's own history answers for.
const META_FROM_HISTORY: [&str; 2] = ["versionId", "lastUpdated"];

/// An element as it is written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Stored {
    /// One value.
    Scalar(ScalarValue),
    /// An array, item by item.
    List(Vec<ScalarValue>),
    /// Extensions by url.
    Map(BTreeMap<String, ScalarValue>),
}

/// An element as it is read: the value and, for a primitive, its `_` sibling.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Element {
    /// What stands at the element's name.
    pub value: Option<Value>,
    /// What stands at `_` and the element's name.
    pub sibling: Option<Value>,
}

/// Why a JSON value is no resource.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// A member's name is empty or has characters that FHIR element names do not have.
    #[error(
        "a member name is not a FHIR element name (letters and digits, one leading underscore)"
    )]
    ElementName,
    /// `meta` is not an object.
    #[error("meta is not an object")]
    Meta,
    /// Arrays and objects stand too deep in each other.
    #[error("an element nests deeper than {NESTING_MAX} arrays and objects")]
    Nesting,
}

impl Element {
    /// A value without a sibling.
    pub fn of(value: Value) -> Self {
        Self { value: Some(value), sibling: None }
    }

    /// Whether the element is absent: never written, or removed.
    pub fn is_absent(&self) -> bool {
        self.value.is_none() && self.sibling.is_none()
    }

    /// One JSON value for both halves, for people who choose between two of them.
    pub fn into_json(self) -> Value {
        match (self.value, self.sibling) {
            (value, None) => value.unwrap_or(Value::Null),
            (value, Some(sibling)) => {
                serde_json::json!({ "value": value.unwrap_or(Value::Null), "_value": sibling })
            }
        }
    }

    /// Writes both halves into a resource.
    pub fn insert_into(self, name: String, resource: &mut Map<String, Value>) {
        if let Some(sibling) = self.sibling {
            resource.insert(format!("_{name}"), sibling);
        }
        if let Some(value) = self.value {
            resource.insert(name, value);
        }
    }
}

/// Turns a resource, without `resourceType` and `id`, into its elements.
pub(crate) fn encode(
    resource: &Map<String, Value>,
) -> Result<BTreeMap<String, Stored>, ShapeError> {
    let mut elements = BTreeMap::new();
    for (name, value) in resource {
        let element = name.strip_prefix('_').unwrap_or(name);
        if !is_element_name(element) {
            return Err(ShapeError::ElementName);
        }
        match name.as_str() {
            "resourceType" | "id" => {}
            "meta" => encode_meta(value, &mut elements)?,
            _ if elements.contains_key(element) => {}
            _ => {
                let sibling = resource.get(&format!("_{element}"));
                elements.insert(
                    element.to_owned(),
                    encode_element(element, resource.get(element), sibling),
                );
            }
        }
    }
    if let Some(sibling) = resource.get("_id") {
        elements.insert("id".to_owned(), Stored::Scalar(pair(None, sibling)));
    }
    Ok(elements)
}

/// Turns one element and its sibling into what is stored.
pub(crate) fn encode_element(name: &str, value: Option<&Value>, sibling: Option<&Value>) -> Stored {
    match (value, sibling) {
        (value, Some(sibling)) => Stored::Scalar(pair(value, sibling)),
        (Some(Value::Array(items)), None) if is_extension(name) => extensions_by_url(items)
            .map_or_else(|| Stored::Scalar(json_scalar(&Value::Array(items.clone()))), Stored::Map),
        (Some(value @ Value::Array(_)), None) if is_whole_array(name) => {
            Stored::Scalar(json_scalar(value))
        }
        (Some(Value::Array(items)), None) => Stored::List(items.iter().map(scalar).collect()),
        (Some(value), None) => Stored::Scalar(scalar(value)),
        (None, None) => Stored::Scalar(ScalarValue::Null),
    }
}

/// Keeps what history answers for apart from the rest of `meta`.
fn encode_meta(meta: &Value, elements: &mut BTreeMap<String, Stored>) -> Result<(), ShapeError> {
    let Value::Object(meta) = meta else { return Err(ShapeError::Meta) };
    let (source, own): (Map<_, _>, Map<_, _>) = meta
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()))
        .partition(|(name, _)| META_FROM_HISTORY.contains(&name.as_str()));
    if !own.is_empty() || source.is_empty() {
        elements.insert("meta".to_owned(), Stored::Scalar(json_scalar(&Value::Object(own))));
    }
    if !source.is_empty() {
        elements.insert(SOURCE.to_owned(), Stored::Scalar(json_scalar(&Value::Object(source))));
    }
    Ok(())
}

/// Reads what was, or is to be, written: the inverse of [`encode_element`].
pub(crate) fn decode_stored(stored: &Stored) -> Element {
    match stored {
        Stored::Scalar(scalar) => decode(scalar),
        Stored::List(items) => {
            Element::of(items.iter().map(|item| decode(item).into_json()).collect())
        }
        Stored::Map(entries) => {
            let by_url = entries.iter().map(|(url, entry)| (url.clone(), decode(entry))).collect();
            Element::of(decode_extensions(by_url))
        }
    }
}

/// Reads a scalar that stands at an element or in a list.
pub(crate) fn decode(scalar: &ScalarValue) -> Element {
    match scalar {
        ScalarValue::Null => Element::default(),
        ScalarValue::Str(text) => decode_text(text),
        ScalarValue::Int(number) => Element::of(Value::from(*number)),
        ScalarValue::Uint(number) => Element::of(Value::from(*number)),
        ScalarValue::F64(number) => Element::of(Value::from(*number)),
        ScalarValue::Boolean(value) => Element::of(Value::from(*value)),
        ScalarValue::Counter(counter) => Element::of(Value::from(i64::from(counter))),
        ScalarValue::Timestamp(ms) => Element::of(Value::from(crate::time::rfc3339(*ms))),
        ScalarValue::Bytes(bytes) => Element::of(Value::from(base64(bytes))),
        ScalarValue::Unknown { bytes, .. } => Element::of(Value::from(base64(bytes))),
    }
}

/// The same, of what stands in a document.
pub(crate) fn decode_ref(scalar: ScalarValueRef<'_>) -> Element {
    if let ScalarValueRef::Str(text) = &scalar { decode_text(text) } else { decode(&scalar.into()) }
}

/// Reads the text of a string scalar or of a `Text` that a foreign client made; JSON that nests too
/// deep is a text like another.
pub(crate) fn decode_text(text: &str) -> Element {
    let plain = || Element::of(Value::from(text));
    let Some(json) = text.strip_prefix('=') else { return plain() };
    let (json, is_pair) = json.strip_prefix('_').map_or((json, false), |pair| (pair, true));
    let parsed = serde_json::from_str(json).ok();
    let parsed = parsed.filter(|value| nesting(value) <= NESTING_MAX + usize::from(is_pair));
    if is_pair {
        let Some(Value::Array(halves)) = parsed else { return plain() };
        let mut halves = halves.into_iter().map(|half| (!half.is_null()).then_some(half));
        return Element { value: halves.next().flatten(), sibling: halves.next().flatten() };
    }
    parsed.map_or_else(plain, Element::of)
}

/// Refuses elements that would be read as text for their nesting.
pub(crate) fn check_nesting(elements: &Map<String, Value>) -> Result<(), ShapeError> {
    let too_deep = elements.values().any(|value| nesting(value) > NESTING_MAX);
    if too_deep { Err(ShapeError::Nesting) } else { Ok(()) }
}

/// How many arrays and objects stand in each other.
fn nesting(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(nesting).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(nesting).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// Reads a map of extensions by url back into FHIR's array.
pub(crate) fn decode_extensions(mut by_url: BTreeMap<String, Element>) -> Value {
    let order = by_url.remove(ORDER).and_then(|order| order.value);
    let mut waiting: BTreeMap<String, std::vec::IntoIter<Value>> = by_url
        .into_iter()
        .filter_map(|(key, element)| match element.value {
            Some(Value::Array(entries)) => Some((key, entries.into_iter())),
            Some(entry) => Some((key, vec![entry].into_iter())),
            None => None,
        })
        .collect();
    let mut array = Vec::new();
    if let Some(Value::Array(urls)) = order {
        for url in urls.iter().filter_map(Value::as_str) {
            array.extend(waiting.get_mut(&extension_key(url)).and_then(Iterator::next));
        }
    }
    array.extend(waiting.into_values().flatten());
    Value::Array(array)
}

/// Puts what history does not answer for back into `meta`, as `export` gives it.
pub(crate) fn restore_meta(resource: &mut Map<String, Value>, source: Option<Value>) {
    let Some(Value::Object(source)) = source else { return };
    let meta = resource.entry("meta").or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(meta) = meta {
        meta.extend(source);
    }
}

/// Whether the element is kept as a map by url.
pub(crate) fn is_extension(name: &str) -> bool {
    matches!(name, "extension" | "modifierExtension")
}

fn extensions_by_url(items: &[Value]) -> Option<BTreeMap<String, ScalarValue>> {
    let mut by_url: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut order = Vec::with_capacity(items.len());
    for item in items {
        let url = item.as_object()?.get("url")?.as_str()?;
        order.push(Value::from(url));
        by_url.entry(extension_key(url)).or_default().push(item.clone());
    }
    let mut map: BTreeMap<_, _> = by_url
        .into_iter()
        .map(|(key, entries)| (key, json_scalar(&Value::Array(entries))))
        .collect();
    map.insert(ORDER.to_owned(), json_scalar(&Value::Array(order)));
    Some(map)
}

/// A url as a key; one that begins with `$` is told apart from our own keys.
fn extension_key(url: &str) -> String {
    if url.starts_with('$') { format!("${url}") } else { url.to_owned() }
}

/// Whether a text is a name that FHIR elements have.
pub(crate) fn is_element_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
}

fn scalar(value: &Value) -> ScalarValue {
    match value {
        Value::Null => ScalarValue::Null,
        Value::Bool(value) => ScalarValue::Boolean(*value),
        Value::String(text) if text.starts_with('=') => json_scalar(value),
        Value::String(text) => ScalarValue::Str(text.as_str().into()),
        Value::Number(number) => match number.as_i64() {
            Some(integer) if integer.to_string() == number.to_string() => ScalarValue::Int(integer),
            _ => json_scalar(value),
        },
        Value::Array(_) | Value::Object(_) => json_scalar(value),
    }
}

fn pair(value: Option<&Value>, sibling: &Value) -> ScalarValue {
    let halves = Value::Array(vec![value.cloned().unwrap_or(Value::Null), sibling.clone()]);
    ScalarValue::Str(format!("=_{halves}").into())
}

fn json_scalar(value: &Value) -> ScalarValue {
    ScalarValue::Str(format!("={value}").into())
}

/// Standard base64 with padding (RFC 4648, section 4), for bytes that a foreign client stored.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit =
        |bits: u32| ALPHABET.get((bits & 63) as usize).map_or('=', |byte| char::from(*byte));
    bytes
        .chunks(3)
        .flat_map(|chunk| {
            let bits = chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte))
                << (8 * (3 - chunk.len()));
            (0..4).map(move |i| if i > chunk.len() { '=' } else { digit(bits >> (18 - 6 * i)) })
        })
        .collect()
}
