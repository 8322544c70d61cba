//! From a FHIR Bundle to resources as rooms take them: with ids, and with relative references.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

use flate2::read::MultiGzDecoder;
use serde_json::Value;

use super::lines::Lines;

/// What a reference within a bundle begins with.
const UUID_URN: &str = "urn:uuid:";

/// Why a file is no bundle.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BundleError {
    /// The file cannot be read (environment).
    #[error("the file cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// It is no JSON (caller).
    #[error("the file is no JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// It is no bundle (caller).
    #[error("the file is no FHIR Bundle with entries")]
    NotABundle,
}

/// Why an entry has no resource to import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EntryError {
    /// There is none.
    #[error("the entry has no resource")]
    Empty,
    /// The line is no JSON, or has a name twice in an object.
    #[error("the line is no JSON, or has a name twice in an object")]
    Json,
    /// The line is longer than any resource.
    #[error("the line is longer than a resource may be")]
    TooLarge,
    /// It has no type.
    #[error("the resource has no resourceType")]
    Untyped,
    /// It has no id.
    #[error("the resource has no id, and the entry's fullUrl is no urn:uuid that gives one")]
    Unnamed,
}

/// One entry: its place in the bundle, and its resource.
pub(crate) type Entry = (usize, Result<Value, EntryError>);

/// What a file has, block by block, gzipped if its name says so: the lines of NDJSON, or one Bundle.
pub(crate) fn blocks(
    path: &Path,
    mut block: impl FnMut(Vec<Entry>) -> anyhow::Result<()>,
) -> anyhow::Result<Result<(), BundleError>> {
    let file = match File::open(path) {
        Ok(file) => BufReader::with_capacity(1 << 16, file),
        Err(error) => return Ok(Err(error.into())),
    };
    let name = path.to_string_lossy().to_ascii_lowercase();
    let (bare, is_gzipped) =
        name.strip_suffix(".gz").map_or((name.as_str(), false), |bare| (bare, true));
    let mut reader: Box<dyn Read> =
        if is_gzipped { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    if !bare.ends_with(".ndjson") {
        let mut text = Vec::new();
        if let Err(error) = reader.read_to_end(&mut text) {
            return Ok(Err(error.into()));
        }
        let read = serde_json::from_slice(&text).map_err(BundleError::from).and_then(entries);
        return match read {
            Ok(entries) => block(entries).map(Ok),
            Err(error) => Ok(Err(error)),
        };
    }
    let (mut lines, mut buffer) = (Lines::default(), vec![0; 1 << 16]);
    loop {
        let read = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) => return Ok(Err(error.into())),
        };
        for entries in lines.take(buffer.get(..read).unwrap_or_default()) {
            block(entries)?;
        }
    }
    block(lines.end()).map(Ok)
}

/// The entries of a bundle; a single resource is a bundle of one.
pub(crate) fn entries(mut bundle: Value) -> Result<Vec<Entry>, BundleError> {
    let kind = bundle.get("resourceType").and_then(Value::as_str);
    if kind.is_some_and(|kind| kind != "Bundle") {
        return Ok(vec![(0, identified(None, Some(bundle)))]);
    }
    let Some(Value::Array(entries)) = bundle.get_mut("entry").map(Value::take) else {
        return Err(BundleError::NotABundle);
    };
    let identified = entries.into_iter().enumerate().map(|(index, mut entry)| {
        let resource = entry.get_mut("resource").map(Value::take);
        let url = entry.get("fullUrl").and_then(Value::as_str).map(str::to_owned);
        (index, identified(url.as_deref(), resource), url)
    });
    let identified: Vec<_> = identified.collect();
    let urls = identified
        .iter()
        .filter_map(|(_, resource, url)| Some((url.clone()?, relative(resource.as_ref().ok()?)?)));
    let urls: HashMap<String, String> = urls.collect();
    let rewritten = identified.into_iter().map(|(index, mut resource, _)| {
        if let Ok(resource) = &mut resource {
            rewrite(resource, &urls);
        }
        (index, resource)
    });
    Ok(rewritten.collect())
}

/// The resource with an id, its own or that of its full URL.
pub(crate) fn identified(url: Option<&str>, resource: Option<Value>) -> Result<Value, EntryError> {
    let Some(Value::Object(mut resource)) = resource else { return Err(EntryError::Empty) };
    if !resource.get("resourceType").is_some_and(Value::is_string) {
        return Err(EntryError::Untyped);
    }
    if !resource.contains_key("id") {
        let id = url.and_then(|url| url.strip_prefix(UUID_URN)).ok_or(EntryError::Unnamed)?;
        resource.insert("id".to_owned(), Value::from(id));
    }
    Ok(Value::Object(resource))
}

fn relative(resource: &Value) -> Option<String> {
    let text = |name: &str| resource.get(name).and_then(Value::as_str);
    Some(format!("{}/{}", text("resourceType")?, text("id")?))
}

/// Makes every `urn:uuid:` reference that the bundle resolves a relative one.
fn rewrite(value: &mut Value, urls: &HashMap<String, String>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| rewrite(item, urls)),
        Value::Object(members) => {
            for (name, member) in members {
                if let Value::String(url) = member
                    && name == "reference"
                    && url.starts_with(UUID_URN)
                    && let Some(relative) = urls.get(url.as_str())
                {
                    url.clone_from(relative);
                } else {
                    rewrite(member, urls);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_become_relative_everywhere() {
        let bundle = json!({ "resourceType": "Bundle", "entry": [
            { "fullUrl": "urn:uuid:p1", "resource": { "resourceType": "Patient" } },
            { "fullUrl": "urn:uuid:e1", "resource": {
                "resourceType": "Encounter", "id": "e1",
                "subject": { "reference": "urn:uuid:p1" },
                "participant": [{ "individual": { "reference": "urn:uuid:p1" } }],
                "serviceProvider": { "reference": "Organization?identifier=a|b" },
                "partOf": { "reference": "urn:uuid:elsewhere" },
                "reasonReference": [{ "display": "urn:uuid:p1" }],
            } },
        ] });
        let entries = entries(bundle).unwrap();
        assert_eq!(entries[0].1.as_ref().unwrap()["id"], "p1");
        let encounter = entries[1].1.as_ref().unwrap();
        assert_eq!(encounter["subject"]["reference"], "Patient/p1");
        assert_eq!(encounter["participant"][0]["individual"]["reference"], "Patient/p1");
        assert_eq!(encounter["serviceProvider"]["reference"], "Organization?identifier=a|b");
        assert_eq!(encounter["partOf"]["reference"], "urn:uuid:elsewhere");
        assert_eq!(encounter["reasonReference"][0]["display"], "urn:uuid:p1");
    }

    #[test]
    fn a_bad_entry_is_named_and_the_rest_is_there() {
        let bundle = json!({ "resourceType": "Bundle", "entry": [
            { "fullUrl": "urn:uuid:p1" },
            { "resource": { "id": "x" } },
            { "resource": { "resourceType": "Patient" } },
            { "resource": { "resourceType": "Patient", "id": "p" } },
        ] });
        let entries = entries(bundle).unwrap();
        assert_eq!(entries[0].1, Err(EntryError::Empty));
        assert_eq!(entries[1].1, Err(EntryError::Untyped));
        assert_eq!(entries[2].1, Err(EntryError::Unnamed));
        assert!(entries[3].1.is_ok());
    }

    #[test]
    fn decimals_keep_their_digits() {
        let text = r#"{"resourceType":"Observation","id":"o","valueQuantity":{"value":0.010}}"#;
        let entries = entries(serde_json::from_str(text).unwrap()).unwrap();
        assert_eq!(entries[0].1.as_ref().unwrap()["valueQuantity"]["value"].to_string(), "0.010");
    }
}
