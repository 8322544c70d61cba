//! `[type]/[id]/$relabel`: a resource gets other security labels, and goes into the room of these.
//!
//! The room that it leaves is founded anew, so that its history tells nothing of what is protected now;
//! the sealed epoch is the auditors'. No mark is left in it, which would say where to look.

use axum::{http::StatusCode, response::Response};
use chartroom_engine::{RoomName, access::Right, document::room_of};
use chartroom_fhir::outcome::{Issue, outcome};
use serde_json::{Value, json};

use super::{Transfer, act, ended, free, parameters::Parameters};
use crate::{
    audit::Act,
    error::ApiError,
    fhir::{
        answer,
        ask::Ask,
        audit,
        chart::{Chart, Found, without_history},
        error::FhirError,
        write::judge,
    },
};

/// The system of the labels that are given.
const SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";

/// `POST [type]/[id]/$relabel`.
pub(crate) async fn relabel(mut ask: Ask) -> Result<Response, FhirError> {
    let parameters = Parameters::of(&ask)?;
    let labels = parameters.codes("label");
    ask.reason = Some(parameters.reason()?);
    let place = ask.fhir.place(&ask.caller, ask.resource_type, &ask.id).await?;
    let source = place.ok_or_else(FhirError::not_found)?;
    let chart =
        source.chart().ok_or_else(|| FhirError::rule("only what is in a chart is labelled"))?;
    let (name, id) = (ask.resource_type, ask.id.clone());
    let look = move |chart: &mut Chart| {
        (chart.current(name, &id), !chart.document().conflicts(&Default::default()).is_empty())
    };
    let looked = ask.fhir.charts.look_at(&ask.caller, &source, look).await?;
    let (found, disputed) = looked.ok_or_else(FhirError::not_found)?;
    let found = found.filter(|found| !found.deleted).ok_or_else(FhirError::not_found)?;
    let make = |found: &Found| labelled(found, &labels);
    let resource = make(&found);
    judge(&ask, &resource)?;
    let target = room_of(&resource).map_err(chartroom_engine::CommandError::from)?;
    if target.chart().as_ref() != Some(&chart) {
        return Err(FhirError::rule(
            "the resource names no patient, whose compartment would take it",
        ));
    }
    for room in [&source, &target] {
        may_write(&ask, room).await?;
    }
    if target == source {
        let text = "the resource is in the room of these labels";
        return Ok(answer::json(StatusCode::OK, &outcome(&[Issue::information(text)])));
    }
    if disputed {
        let text = "the room has open conflicts, and is founded anew by this; resolve them first";
        return Err(FhirError::one(StatusCode::CONFLICT, "conflict", text));
    }
    free(&ask, (&source, &target), vec![(found.resource_type.clone(), found.id.clone(), resource)])
        .await?;
    let reference = format!("{}/{}", ask.resource_type, ask.id);
    let act = act(&ask, Act::Relabelled, &[reference], [&source, &target]);
    audit::note(&ask, act.clone()).await?;
    let transfer = Transfer { source: &source, target: &target, import: false, marks: Vec::new() };
    let keys = vec![(found.resource_type.clone(), found.id.clone())];
    let moved = transfer.run(&ask, keys, make).await;
    ended(&ask, act, moved).await?;
    ask.caller.hub().refound(&source).await?;
    let text =
        "the resource is in the room of its labels, and the room that it left is founded anew";
    Ok(answer::json(StatusCode::OK, &outcome(&[Issue::information(text)])))
}

/// What leaves a room, or comes into one, is its mover's to read and to write there.
async fn may_write(ask: &Ask, room: &RoomName) -> Result<(), FhirError> {
    let access = ask.caller.whole(room).await?;
    match access.writes_everything() {
        true => Ok(()),
        false => Err(ApiError::from(access.denial(Right::Update)).into()),
    }
}

/// A resource with these labels in place of those that it has.
fn labelled(found: &Found, labels: &[String]) -> Value {
    let mut resource = without_history(&found.resource);
    let Some(members) = resource.as_object_mut() else { return resource };
    let meta = members.entry("meta").or_insert_with(|| json!({}));
    let Some(meta) = meta.as_object_mut() else { return resource };
    let mut security =
        meta.remove("security").and_then(|s| s.as_array().cloned()).unwrap_or_default();
    security.retain(|coding| {
        let code = coding.get("code").and_then(Value::as_str);
        !code.is_some_and(chartroom_engine::document::is_label)
    });
    security.extend(labels.iter().map(|label| json!({ "system": SYSTEM, "code": label })));
    if !security.is_empty() {
        meta.insert("security".to_owned(), security.into());
    }
    if meta.is_empty() {
        members.remove("meta");
    }
    resource
}
