//! `$import`: any number of resources in one request, as history that raises no alerts.
//!
//! The body is NDJSON, or one Bundle. The answer is NDJSON that comes while the body is read: a line of
//! progress after each block, one for each resource that is left out with an OperationOutcome, and a
//! last one with the sums.

use std::{collections::BTreeSet, convert::Infallible, sync::Arc};

use axum::{
    body::{Body, BodyDataStream, Bytes, to_bytes},
    http::{HeaderValue, Response as HttpResponse, StatusCode, header::CONTENT_TYPE},
    response::Response,
};
use chartroom_engine::{Command, RoomName, access::Ability};
use chartroom_fhir::{
    json::parse,
    outcome::{Issue, Severity, outcome},
    validate::validate,
};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{Validation, ask::Ask, error::FhirError, write::misplaced};
use crate::{
    error::ApiError,
    import::{
        Chunk, Sorted,
        bundle::{self, Entry},
        lines::Lines,
        sorted,
    },
};

/// Bytes of a Bundle that is imported.
const BUNDLE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Lines of the answer that may wait for a slow reader; the import waits with them.
const WAITING_MAX: usize = 64;
/// The answer's content type.
const NDJSON: HeaderValue = HeaderValue::from_static("application/fhir+ndjson");

/// An import under way.
struct Import {
    ask: Ask,
    tell: mpsc::Sender<Value>,
    resources: usize,
    left_out: usize,
    rooms: BTreeSet<RoomName>,
}

/// What is imported.
enum Source {
    Lines(BodyDataStream),
    Entries(Vec<Entry>),
}

/// `POST $import`.
pub(crate) async fn import(ask: Ask, body: Body) -> Result<Response, FhirError> {
    // What comes as history raises no alert.
    ask.caller.check(Ability::Operate)?;
    let source = match ask.content_type.contains("ndjson") {
        true => Source::Lines(body.into_data_stream()),
        false => {
            ask.only_json()?;
            Source::Entries(bundled(body).await?)
        }
    };
    let (tell, mut told) = mpsc::channel(WAITING_MAX);
    let import = Import { ask, tell, resources: 0, left_out: 0, rooms: BTreeSet::new() };
    tokio::spawn(import.run(source));
    let lines = stream::poll_fn(move |context| told.poll_recv(context));
    let lines = lines.map(|line: Value| Ok::<_, Infallible>(Bytes::from(format!("{line}\n"))));
    let mut response = HttpResponse::new(Body::from_stream(lines));
    response.headers_mut().insert(CONTENT_TYPE, NDJSON);
    Ok(response)
}

/// The entries of a Bundle.
async fn bundled(body: Body) -> Result<Vec<Entry>, FhirError> {
    let body = to_bytes(body, BUNDLE_BYTES_MAX).await.map_err(|_| {
        let text =
            format!("a Bundle has {BUNDLE_BYTES_MAX} bytes at most; NDJSON may be of any length");
        FhirError::one(StatusCode::PAYLOAD_TOO_LARGE, "too-long", text)
    })?;
    let unreadable = || {
        FhirError::one(
            StatusCode::BAD_REQUEST,
            "structure",
            "the body is no FHIR Bundle with entries",
        )
    };
    let bundle = parse(&body).map_err(|error| super::ask::unreadable(&error))?;
    bundle::entries(bundle).map_err(|_| unreadable())
}

impl Import {
    async fn run(mut self, source: Source) {
        let done = match source {
            Source::Entries(entries) => self.block(entries).await,
            Source::Lines(body) => self.lines(body).await,
        };
        let (resources, left_out, rooms) = (self.resources, self.left_out, self.rooms.len());
        let mut last = json!({ "resources": resources, "leftOut": left_out, "rooms": rooms });
        if let Some(last) = last.as_object_mut() {
            last.insert("done".to_owned(), done.is_ok().into());
            if let Err(error) = done {
                last.insert("outcome".to_owned(), outcome(&error.issues));
            }
        }
        self.tell(last).await;
    }

    async fn lines(&mut self, mut body: BodyDataStream) -> Result<(), FhirError> {
        let mut lines = Lines::default();
        while let Some(bytes) = body.next().await {
            let bytes = bytes.map_err(|_| {
                let text = "the body ended early; what is told of is imported";
                FhirError::one(StatusCode::BAD_REQUEST, "incomplete", text)
            })?;
            for entries in lines.take(&bytes) {
                self.block(entries).await?;
            }
        }
        self.block(lines.end()).await
    }

    /// Imports what was read together.
    async fn block(&mut self, entries: Vec<Entry>) -> Result<(), FhirError> {
        let mut sound = Vec::with_capacity(entries.len());
        for (at, mut resource) in entries {
            if let Ok(resource) = &mut resource {
                self.ask.make_relative(resource);
            }
            if let Some(issue) = resource.as_ref().ok().and_then(misplaced) {
                self.leave_out(at, &[issue]).await;
                continue;
            }
            let issues = resource.as_ref().map(validate).unwrap_or_default();
            let wrong = issues.iter().any(|issue| issue.severity >= Severity::Error);
            if wrong && self.ask.fhir.validation == Validation::Refuse {
                self.leave_out(at, &issues).await;
            } else {
                sound.push((at, resource));
            }
        }
        let Sorted { rooms, refused } = sorted(sound);
        for (at, reason) in refused {
            self.leave_out(at, &[Issue::error("invalid", reason)]).await;
        }
        for (room, chunks) in rooms {
            for chunk in chunks {
                self.chunk(&room, chunk).await?;
            }
            self.rooms.insert(room);
        }
        let (resources, left_out) = (self.resources, self.left_out);
        self.tell(json!({ "resources": resources, "leftOut": left_out })).await;
        Ok(())
    }

    /// Writes one change; resource by resource where the room refuses it.
    async fn chunk(&mut self, room: &RoomName, chunk: Chunk) -> Result<(), FhirError> {
        // An import takes long; a sign-in that ends meanwhile ends it.
        self.ask.caller.check_still_in()?;
        let access = match self.ask.caller.writing(room).await {
            Ok(access) => Arc::new(access),
            Err(ApiError::Room(error)) => return Err(error.into()),
            Err(error) => {
                for (at, _) in chunk {
                    self.leave_out(at, &[Issue::error("forbidden", error.to_string())]).await;
                }
                return Ok(());
            }
        };
        let handle = self.ask.caller.hub().open_latest(room).await?;
        let author = self.ask.caller.author().clone();
        let mut parts = vec![chunk];
        while let Some(part) = parts.pop() {
            let resources = part.iter().map(|(_, resource)| resource.clone()).collect();
            let edits =
                handle.command_as(&author, &access, vec![Command::Import { resources }]).await?;
            match (edits.into_iter().next(), part.as_slice()) {
                (Some(Err(error)), [(at, _)]) => {
                    let issues = FhirError::from(error).issues;
                    self.leave_out(*at, &issues).await;
                }
                (Some(Err(_)), _) => parts.extend(part.into_iter().map(|one| vec![one]).rev()),
                (Some(Ok(_)) | None, _) => self.resources += part.len(),
            }
        }
        Ok(())
    }

    async fn leave_out(&mut self, at: usize, issues: &[Issue]) {
        self.left_out += 1;
        self.tell(json!({ "at": at, "outcome": outcome(issues) })).await;
    }

    async fn tell(&self, line: Value) {
        // Who no longer reads needs no answer; what was sent is imported all the same.
        let _ = self.tell.send(line).await;
    }
}
