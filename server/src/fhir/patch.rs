//! JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7396) of resources.

use axum::http::StatusCode;
use serde_json::Value;

use super::error::FhirError;

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
                serde_json::from_slice(body).map(Self::Json).map_err(unreadable)
            }
            "application/merge-patch+json" => {
                serde_json::from_slice(body).map(Self::Merge).map_err(unreadable)
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
            Self::Json(patch) => json_patch::patch(&mut patched, patch).map_err(|error| {
                let text = format!(
                    "operation {} of the patch does not apply to what stands",
                    error.operation
                );
                FhirError::one(StatusCode::UNPROCESSABLE_ENTITY, "processing", text)
            })?,
            Self::Merge(merge) => json_patch::merge(&mut patched, merge),
        }
        let same = |name: &str| patched.get(name) == resource.get(name);
        if same("resourceType") && same("id") {
            return Ok(patched);
        }
        Err(FhirError::rule("a patch does not change resourceType or id"))
    }
}
