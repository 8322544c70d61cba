//! What goes wrong with a FHIR request: a status and an OperationOutcome.

use std::collections::BTreeSet;

use axum::{
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use chartroom_engine::{CommandError, document::CompartmentError};
use chartroom_fhir::outcome::{Issue, outcome};

use super::answer;
use crate::{
    error::ApiError,
    hub::{FollowError, RefoundingError, RoomError},
};

/// Why a FHIR request has no other answer.
#[derive(Debug)]
pub(crate) struct FhirError {
    pub status: StatusCode,
    pub issues: Vec<Issue>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl FhirError {
    /// An answer with this status, for these reasons.
    pub fn new(status: StatusCode, issues: Vec<Issue>) -> Self {
        Self { status, issues, headers: Vec::new() }
    }

    /// The same, for one reason.
    pub fn one(status: StatusCode, code: &'static str, text: impl Into<String>) -> Self {
        Self::new(status, vec![Issue::error(code, text)])
    }

    /// The request makes no sense (400).
    pub fn invalid(text: impl Into<String>) -> Self {
        Self::one(StatusCode::BAD_REQUEST, "invalid", text)
    }

    /// It is understood, and goes against a rule (422).
    pub fn rule(text: impl Into<String>) -> Self {
        Self::one(StatusCode::UNPROCESSABLE_ENTITY, "business-rule", text)
    }

    /// There is no such resource (404).
    pub fn not_found() -> Self {
        Self::one(StatusCode::NOT_FOUND, "not-found", "there is no such resource")
    }

    /// The resource was deleted (410).
    pub fn gone() -> Self {
        Self::one(StatusCode::GONE, "deleted", "the resource is deleted")
    }

    /// What the client goes on is not what stands (412).
    pub fn stale(text: impl Into<String>) -> Self {
        Self::one(StatusCode::PRECONDITION_FAILED, "conflict", text)
    }

    /// The server fails at it (500).
    pub fn failed() -> Self {
        Self::one(
            StatusCode::INTERNAL_SERVER_ERROR,
            "exception",
            "the server failed at the request",
        )
    }

    /// It is not done here (status as given).
    pub fn not_supported(status: StatusCode, text: impl Into<String>) -> Self {
        Self::one(status, "not-supported", text)
    }

    /// The first segment of the address is no resource type (404).
    pub fn unknown_type(looks_like_one: bool) -> Self {
        let text = match looks_like_one {
            true => "this is no resource type of FHIR R4",
            false => "there is nothing at this address",
        };
        Self::not_supported(StatusCode::NOT_FOUND, text)
    }

    /// The address is not for this method (405), or for none (404).
    pub fn not_allowed(allowed: &[&str]) -> Self {
        let allowed: BTreeSet<&str> = allowed.iter().copied().collect();
        let allowed = Vec::from_iter(allowed).join(", ");
        let Ok(allow) = HeaderValue::from_str(&allowed) else { return Self::not_found() };
        if allowed.is_empty() {
            return Self::unknown_type(false);
        }
        let text = format!("this address takes {allowed}");
        Self::not_supported(StatusCode::METHOD_NOT_ALLOWED, text).with(ALLOW, allow)
    }

    /// FHIR's code of why, for the audit trail.
    pub fn code(&self) -> Option<&'static str> {
        self.issues.first().map(|issue| issue.code)
    }

    /// The same, with a header.
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same, about an element of the request.
    pub fn at(mut self, expression: &str) -> Self {
        self.issues = self.issues.into_iter().map(|issue| issue.at(expression)).collect();
        self
    }

    /// The same, of an entry of a Bundle with a resource of this type.
    pub fn of_entry(mut self, at: usize, resource_type: &str) -> Self {
        for issue in &mut self.issues {
            let inner = issue.expression.as_deref().and_then(|path| {
                let rest =
                    path.strip_prefix(resource_type).filter(|_| !resource_type.is_empty())?;
                (rest.is_empty() || rest.starts_with('.')).then(|| format!("resource{rest}"))
            });
            if inner.is_some() {
                issue.expression = inner;
            }
        }
        self.below(&format!("Bundle.entry[{at}]"))
    }

    /// The same, of something below `prefix`, such as an entry of a Bundle.
    pub fn below(mut self, prefix: &str) -> Self {
        self.issues = self.issues.into_iter().map(|issue| issue.below(prefix)).collect();
        self
    }
}

impl From<RoomError> for FhirError {
    fn from(error: RoomError) -> Self {
        let text = match &error {
            // Which room and record is the operator's to know, from the log.
            RoomError::Unreadable { .. } => "a room cannot be read".to_owned(),
            RoomError::Storage
            | RoomError::Ended
            | RoomError::Refounded
            | RoomError::ShuttingDown => error.to_string(),
        };
        Self::one(StatusCode::SERVICE_UNAVAILABLE, "transient", text)
            .with(RETRY_AFTER, HeaderValue::from_static("1"))
    }
}

impl From<FollowError> for FhirError {
    fn from(error: FollowError) -> Self {
        match error {
            FollowError::Room(error) => error.into(),
            FollowError::Gone { .. } | FollowError::Ahead { .. } => {
                Self::one(StatusCode::GONE, "expired", "the events asked for are not kept any more")
            }
        }
    }
}

impl From<ApiError> for FhirError {
    fn from(error: ApiError) -> Self {
        let status = error.status();
        if let ApiError::Room(error) = error {
            return error.into();
        }
        let code = match status.as_u16() {
            401 => "login",
            404 => "not-found",
            403 => "forbidden",
            429 => "throttled",
            500.. => "transient",
            _ => "invalid",
        };
        let answer = Self::one(status, code, error.to_string());
        if let ApiError::TooOften(wait) = error {
            return answer.with(RETRY_AFTER, wait.seconds().into());
        }
        match status {
            StatusCode::UNAUTHORIZED => {
                answer.with(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
            }
            _ => answer,
        }
    }
}

impl From<RefoundingError> for FhirError {
    fn from(error: RefoundingError) -> Self {
        match error {
            RefoundingError::Refused(error) => {
                Self::one(StatusCode::CONFLICT, "conflict", error.to_string())
            }
            RefoundingError::Room(error) => error.into(),
        }
    }
}

impl From<CommandError> for FhirError {
    fn from(error: CommandError) -> Self {
        let (status, code) = match &error {
            CommandError::NotFound => (StatusCode::NOT_FOUND, "not-found"),
            CommandError::Deleted => (StatusCode::GONE, "deleted"),
            CommandError::TooLarge { .. }
            | CommandError::TooMany { .. }
            | CommandError::TextTooLong { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too-long"),
            CommandError::Changed => (StatusCode::CONFLICT, "conflict"),
            CommandError::ReadOnly | CommandError::Forbidden(_) => {
                (StatusCode::FORBIDDEN, "forbidden")
            }
            CommandError::Refused { code: "read-only" | "scope-missing", .. } => {
                (StatusCode::FORBIDDEN, "forbidden")
            }
            CommandError::ChangedSinceViewed => (StatusCode::CONFLICT, "conflict"),
            CommandError::RoomFull => (StatusCode::INSUFFICIENT_STORAGE, "too-costly"),
            CommandError::UnknownResourceType
            | CommandError::BadId
            | CommandError::Shape(_)
            | CommandError::NotAnObject => (StatusCode::BAD_REQUEST, "structure"),
            CommandError::Compartment(
                CompartmentError::WrongPatient
                | CompartmentError::BelongsToPatient
                | CompartmentError::Projection
                | CompartmentError::Restricted
                | CompartmentError::NotRestricted
                | CompartmentError::Name(_),
            )
            | CommandError::Twice
            | CommandError::ConflictOpen
            | CommandError::NotActive
            | CommandError::NotANote
            | CommandError::Signed
            | CommandError::WrongStatus
            | CommandError::Refused { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "business-rule"),
            CommandError::Write => (StatusCode::INTERNAL_SERVER_ERROR, "exception"),
        };
        Self::one(status, code, error.to_string())
    }
}

impl IntoResponse for FhirError {
    fn into_response(self) -> Response {
        let mut response = answer::json(self.status, &outcome(&self.issues));
        response.headers_mut().extend(self.headers);
        response
    }
}
