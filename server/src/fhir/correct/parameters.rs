//! What an operation is asked for.

use axum::http::StatusCode;
use serde_json::Value;

use crate::fhir::{
    ask::{Ask, short},
    error::FhirError,
};

/// The Parameters of an operation.
pub(super) struct Parameters(Value);

impl Parameters {
    pub fn of(ask: &Ask) -> Result<Self, FhirError> {
        ask.only_json()?;
        let body = ask.json()?;
        if body.get("resourceType").and_then(Value::as_str) != Some("Parameters") {
            return Err(FhirError::invalid("an operation takes Parameters").at("resourceType"));
        }
        Ok(Self(body))
    }

    fn named(&self, name: &str) -> Option<&Value> {
        let all = self.0.get("parameter").and_then(Value::as_array)?;
        all.iter().find(|parameter| parameter.get("name").and_then(Value::as_str) == Some(name))
    }

    /// The id of the patient that a parameter refers to.
    pub fn patient(&self, name: &str) -> Result<String, FhirError> {
        let reference =
            self.named(name).and_then(|p| p.pointer("/valueReference/reference")?.as_str());
        let id =
            reference.and_then(|reference| reference.rsplit_once("Patient/").map(|(_, id)| id));
        id.map(str::to_owned).ok_or_else(|| {
            let text = format!("the parameter `{name}` is a reference to a Patient");
            FhirError::one(StatusCode::BAD_REQUEST, "required", text).at("Parameters.parameter")
        })
    }

    /// The codes that parameters of a name have.
    pub fn codes(&self, name: &str) -> Vec<String> {
        let all = self.0.get("parameter").and_then(Value::as_array).into_iter().flatten();
        let named =
            all.filter(|parameter| parameter.get("name").and_then(Value::as_str) == Some(name));
        named.filter_map(|p| p.get("valueCode")?.as_str().map(str::to_owned)).collect()
    }

    pub fn reason(&self) -> Result<String, FhirError> {
        let reason = self.named("reason").and_then(|p| p.get("valueString")?.as_str());
        reason.filter(|reason| !reason.trim().is_empty()).map(short).ok_or_else(|| {
            let text = "the parameter `reason` says why, as a string";
            FhirError::one(StatusCode::BAD_REQUEST, "required", text).at("Parameters.parameter")
        })
    }
}
