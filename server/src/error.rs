//! What goes wrong with a request, and the status and public text it becomes.

use axum::{
    Json,
    extract::rejection::JsonRejection,
    http::{
        HeaderValue, StatusCode,
        header::{RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use chartroom_engine::{
    CommandError, RoomNameError,
    access::{Ability, Denial},
    document::RefoundError,
};
use serde_json::{Value, json};

use crate::{
    auth::devices::WipeError,
    facility::FacilityError,
    hub::{FollowError, RefoundingError, RoomError},
    limits::{Limit, RetryAfter},
    sign_in::SignInError,
    webhooks::WebhookError,
};

/// Why a request over HTTP has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// The room in the URL has no name (caller).
    #[error("{0}")]
    RoomName(RoomNameError),
    /// The storage failed, and no write succeeded since (environment).
    #[error("the store takes no writes for now; what is in it can be read")]
    TakesNoWrites,
    /// Nothing was ever written to the room (caller).
    #[error("there is no such room")]
    RoomNotFound,
    /// There is no such text, or not for the caller (caller).
    #[error("there is no such text")]
    TextNotFound,
    /// No change of this hash is kept aside (caller).
    #[error("no change of this hash is kept aside")]
    NotQuarantined,
    /// The caller has no device of this handle (caller).
    #[error("there is no such device")]
    DeviceNotFound,
    /// The device is not wiped (caller).
    #[error(transparent)]
    Wipe(WipeError),
    /// The room does not do it (data, environment).
    #[error(transparent)]
    Room(#[from] RoomError),
    /// The room is not founded anew as it stands (caller).
    #[error(transparent)]
    Refound(RefoundError),
    /// The events asked for are not in the log (caller).
    #[error(transparent)]
    Events(FollowError),
    /// The body is not what the endpoint takes (caller).
    #[error("the body is not a command or an array of commands: {0}")]
    Body(String),
    /// The body is over the limit (caller).
    #[error("the body is over {limit} bytes")]
    BodyTooLarge {
        /// The limit.
        limit: usize,
    },
    /// A command of the request was refused (caller).
    #[error("command {index}: {error}")]
    Command {
        /// Its place in the request, from 0.
        index: usize,
        /// Why.
        error: CommandError,
        /// What became of all of them.
        edits: Value,
    },
    /// A query parameter has a wrong value (caller).
    #[error("the query is not understood: {0}")]
    Query(String),
    /// One parameter has a wrong value (caller).
    #[error("{field} {reason}")]
    Parameter {
        /// Its name.
        field: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The person header has another form (caller).
    #[error("the header X-Chartroom-Person is written id;name")]
    Person,
    /// Nobody is signed in (caller, environment).
    #[error(transparent)]
    SignIn(#[from] SignInError),
    /// No role of the caller may do that (caller).
    #[error("this takes a role that may {}", ability_name(*.0))]
    Forbidden(Ability),
    /// The caller may not do that in the room (caller).
    #[error(transparent)]
    Denied(#[from] Denial),
    /// A page of another site asks (caller).
    #[error("this server does not answer pages of other sites")]
    ForeignOrigin,
    /// The address, or the person, asks too often (caller).
    #[error("too many requests; come back later")]
    TooOften(RetryAfter),
    /// A target or dead letter is not there, or not served (caller, environment).
    #[error(transparent)]
    Webhook(WebhookError),
    /// The server has no place for one more socket (environment).
    #[error("the server has too many connections; come back later")]
    Crowded(Limit),
    /// There is no such endpoint (caller).
    #[error("there is nothing at this address")]
    NotFound,
}

impl ApiError {
    /// The HTTP status that it becomes.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::RoomName(_)
            | Self::Body(_)
            | Self::Query(_)
            | Self::Parameter { .. }
            | Self::Person => StatusCode::BAD_REQUEST,
            Self::RoomNotFound
            | Self::TextNotFound
            | Self::NotQuarantined
            | Self::DeviceNotFound
            | Self::NotFound => StatusCode::NOT_FOUND,
            Self::Events(_) => StatusCode::GONE,
            Self::Refound(_) | Self::Wipe(_) => StatusCode::CONFLICT,
            Self::Room(_) | Self::TakesNoWrites | Self::Crowded(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Command { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::SignIn(SignInError::Unavailable) => StatusCode::SERVICE_UNAVAILABLE,
            Self::SignIn(_) => StatusCode::UNAUTHORIZED,
            Self::ForeignOrigin | Self::Forbidden(_) | Self::Denied(_) => StatusCode::FORBIDDEN,
            Self::TooOften(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Webhook(WebhookError::NotDelivered(_)) => StatusCode::BAD_GATEWAY,
            Self::Webhook(_) => StatusCode::NOT_FOUND,
        }
    }

    /// Stable code for clients.
    pub fn code(&self) -> &'static str {
        match self {
            Self::RoomName(_) => "room-name-invalid",
            Self::RoomNotFound => "room-not-found",
            Self::TextNotFound => "text-not-found",
            Self::NotQuarantined => "not-quarantined",
            Self::DeviceNotFound => "device-not-found",
            Self::Wipe(_) => "too-many-wiped",
            Self::Room(error) => error.code(),
            Self::TakesNoWrites => "storage-failing",
            Self::Events(error) => error.code(),
            Self::Refound(error) => error.code(),
            Self::Body(_) => "bad-body",
            Self::BodyTooLarge { .. } => "too-large",
            Self::Command { error, .. } => error.code(),
            Self::Query(_) | Self::Parameter { .. } => "bad-query",
            Self::Person => "bad-person",
            Self::SignIn(error) => error.code(),
            Self::Forbidden(_) => "role-missing",
            Self::Denied(denial) => denial.code(),
            Self::ForeignOrigin => "foreign-origin",
            Self::TooOften(_) => Limit::Requests.code(),
            Self::Webhook(error) => error.code(),
            Self::Crowded(limit) => limit.code(),
            Self::NotFound => "not-found",
        }
    }
}

impl ApiError {
    /// From the JSON extractor's refusal.
    pub fn body(rejection: &JsonRejection, limit: usize) -> Self {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            return Self::BodyTooLarge { limit };
        }
        Self::Body(rejection.body_text())
    }
}

impl From<RefoundingError> for ApiError {
    fn from(error: RefoundingError) -> Self {
        match error {
            RefoundingError::Refused(error) => Self::Refound(error),
            RefoundingError::Room(error) => Self::Room(error),
        }
    }
}

impl From<WipeError> for ApiError {
    fn from(error: WipeError) -> Self {
        match error {
            WipeError::Room(error) => Self::Room(error),
            WipeError::TooMany => Self::Wipe(error),
        }
    }
}

impl From<FacilityError> for ApiError {
    fn from(error: FacilityError) -> Self {
        match error {
            FacilityError::Events(error) => error.into(),
            FacilityError::Room(error) => error.into(),
        }
    }
}

impl From<FollowError> for ApiError {
    fn from(error: FollowError) -> Self {
        match error {
            FollowError::Room(error) => Self::Room(error),
            FollowError::Gone { .. } | FollowError::Ahead { .. } => Self::Events(error),
        }
    }
}

impl From<WebhookError> for ApiError {
    fn from(error: WebhookError) -> Self {
        match error {
            WebhookError::Log(error) => error.into(),
            WebhookError::TargetNotFound
            | WebhookError::LetterNotFound
            | WebhookError::NotDelivered(_) => Self::Webhook(error),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut error = json!({ "code": self.code(), "message": self.to_string() });
        let mut body = json!({});
        if let Self::Room(RoomError::Unreadable { room, key, .. }) = &self {
            insert(&mut error, "room", json!(room.name));
            insert(&mut error, "key", json!(key));
        }
        if let Self::Events(events) = &self {
            let (first, last) = events.numbers();
            for (key, number) in [("first", first), ("last", last)] {
                if let Some(number) = number {
                    insert(&mut error, key, json!(number));
                }
            }
        }
        if let Self::Parameter { field, .. } = &self {
            insert(&mut error, "field", json!(field));
        }
        if let Self::Command { index, edits, .. } = &self {
            insert(&mut error, "index", json!(index));
            insert(&mut body, "edits", edits.clone());
        }
        insert(&mut body, "error", error);
        let mut response = (self.status(), Json(body)).into_response();
        response.extensions_mut().insert(Code(self.code()));
        if self.status() == StatusCode::UNAUTHORIZED {
            // RFC 6750, section 3.
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Self::TooOften(wait) = self {
            response.headers_mut().insert(RETRY_AFTER, wait.seconds().into());
        }
        response
    }
}

/// Goes with an answer that is an error: its code, for the audit trail.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Code(pub &'static str);

/// What an ability is called in an error.
fn ability_name(ability: Ability) -> &'static str {
    match ability {
        Ability::BreakGlass => "break the glass",
        Ability::Admit => "say who is a member of a room",
        Ability::Audit => "read the audit trail",
        Ability::Operate => "run the server",
    }
}

fn insert(object: &mut Value, key: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}
