//! JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7396) of resources.

use axum::http::StatusCode;
use chartroom_engine::limits;
use chartroom_fhir::json;
use serde_json::Value;

use super::{ask, error::FhirError};

/// Operations of a patch at most: each looks through the whole resource.
const OPERATIONS_MAX: usize = 256;

/// A patch.
#[derive(Debug, Clone)]
pub(crate) enum Patch {
    Json(json_patch::Patch),
    Merge(Value),
}

impl Patch {
    /// Reads a patch of a content type.
    pub fn parse(content_type: &str, body: &[u8]) -> Result<Self, FhirError> {
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        let unreadable = |error: serde_json::Error| {
            let (line, column) = (error.line(), error.column());
            let text = format!("the body is no patch of this kind: line {line}, column {column}");
            FhirError::one(StatusCode::BAD_REQUEST, "structure", text)
        };
        match kind {
            "application/json-patch+json" => {
                json::parse(body).map_err(|error| ask::unreadable(&error))?;
                let patch: json_patch::Patch = serde_json::from_slice(body).map_err(unreadable)?;
                if patch.len() > OPERATIONS_MAX {
                    let text = format!("a patch has {OPERATIONS_MAX} operations at most");
                    return Err(FhirError::one(StatusCode::PAYLOAD_TOO_LARGE, "too-long", text));
                }
                Ok(Self::Json(patch))
            }
            "application/merge-patch+json" => {
                json::parse(body).map(Self::Merge).map_err(|error| ask::unreadable(&error))
            }
            _ => Err(FhirError::not_supported(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "a patch is sent as application/json-patch+json or application/merge-patch+json",
            )),
        }
    }

    /// What a resource becomes.
    pub fn apply(&self, resource: &Value) -> Result<Value, FhirError> {
        let mut patched = resource.clone();
        match self {
            Self::Json(patch) => {
                for (number, operation) in patch.iter().enumerate() {
                    step(&mut patched, operation, number)?;
                }
            }
            Self::Merge(merge) => json_patch::merge(&mut patched, merge),
        }
        let same = |name: &str| patched.get(name) == resource.get(name);
        if same("resourceType") && same("id") {
            return Ok(patched);
        }
        Err(FhirError::rule("a patch does not change resourceType or id"))
    }
}

/// Applies one operation. Copies double what they copy, so what comes of each is measured before the
/// next: a few would make a resource that no memory, and no stack, holds.
fn step(
    patched: &mut Value,
    operation: &json_patch::PatchOperation,
    number: usize,
) -> Result<(), FhirError> {
    json_patch::patch(patched, std::slice::from_ref(operation)).map_err(|_| {
        let text = format!("operation {number} of the patch does not apply to what stands");
        FhirError::one(StatusCode::UNPROCESSABLE_ENTITY, "processing", text)
    })?;
    let bytes = measure(patched, limits::NESTING_MAX + 2).ok_or_else(|| {
        let text = format!("operation {number} of the patch nests deeper than elements may");
        FhirError::one(StatusCode::UNPROCESSABLE_ENTITY, "structure", text)
    })?;
    if bytes > limits::RESOURCE_BYTES_MAX {
        let text = format!("operation {number} of the patch makes the resource too large");
        return Err(FhirError::one(StatusCode::PAYLOAD_TOO_LARGE, "too-long", text));
    }
    Ok(())
}

/// Bytes of a value as JSON, about; `None` where it nests deeper.
fn measure(value: &Value, levels: usize) -> Option<usize> {
    let levels = || levels.checked_sub(1);
    Some(match value {
        Value::Array(items) => {
            let levels = levels()?;
            items.iter().try_fold(2, |sum, item| Some(sum + 1 + measure(item, levels)?))?
        }
        Value::Object(members) => {
            let levels = levels()?;
            let member =
                |(name, value): (&String, &Value)| Some(name.len() + 4 + measure(value, levels)?);
            members.iter().try_fold(2, |sum, each| Some(sum + member(each)?))?
        }
        Value::String(text) => text.len() + 2,
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
    })
}
