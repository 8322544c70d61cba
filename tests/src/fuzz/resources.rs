use arbitrary::Unstructured;
use chartroom_engine::Command;
use serde_json::{Value, json};

use super::{ward::Ward, words};

/// Any resource is refused, or given back equal, and writing it once more writes nothing: bytes that
/// are a JSON object are one, others choose one.
pub fn resources(data: &[u8]) {
    let mut resource = match serde_json::from_slice::<Value>(data) {
        Ok(resource) => resource,
        Err(_) => words::resource(&mut Unstructured::new(data)).unwrap_or_default(),
    };
    if let Some(object) = resource.as_object_mut() {
        object.entry("resourceType").or_insert_with(|| json!("Basic"));
        object.insert("id".to_owned(), json!("1"));
        // FHIR has no null elements: they are the absence of an element.
        object.retain(|_, value| !value.is_null());
    }
    let mut ward = Ward::new();
    let command = Command::Put { resource: resource.clone() };
    if ward.command(command.clone()).is_ok() {
        let exported = ward.room.document().export();
        let back = exported.pointer("/entry/0/resource").expect("what was put is exported");
        assert_eq!(back, &resource);
        assert!(ward.command(command).is_ok());
        assert_eq!(ward.room.seq(), 1, "the same put again writes nothing");
    }
}
