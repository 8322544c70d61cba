//! From a request to somebody who is known: the extractors, where a token may stand, and what every door
//! notes of those who come in.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, FromRequestParts, MatchedPath, Request, State},
    http::{
        HeaderMap, StatusCode,
        header::{AUTHORIZATION, HOST, ORIGIN, SEC_WEBSOCKET_PROTOCOL},
        request::Parts,
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use chartroom_engine::{
    Author, RoomName,
    access::Ability,
    document::People,
    limits::{PERSON_BYTES_MAX, PERSON_CONNECTIONS_MAX},
};
use percent_encoding::percent_decode_str;

use super::{Caller, HubRef, SignedIn, anonymous};
use crate::{
    audit::{Act, Door, Entry},
    error::{ApiError, Code},
    hub::{Closing, Hub},
    limits::Limit,
    sign_in::SignInError,
};

/// The header that names the person, `id;name`, UTF-8, where there is no sign-in.
const PERSON_HEADER: &str = "x-chartroom-person";
/// How a token is named where a browser can set no header.
pub(crate) const PROTOCOL_BEARER: &str = "bearer.";

impl FromRequestParts<HubRef> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, hub: &HubRef) -> Result<Self, ApiError> {
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let entrant = Entrant::of(parts, hub);
        let signed = match hub.0.gate().signs_in() {
            true => entrant.sign_in().await.inspect_err(|error| entrant.note_refusal(*error))?,
            false => SignedIn::claimed(person(&parts.headers)?),
        };
        if let Err(wait) = hub.0.gate().count(&signed) {
            hub.0.exceeded(Limit::Requests);
            return Err(ApiError::TooOften(wait));
        }
        Ok(Self::new(Arc::clone(&hub.0), signed, entrant.from, Door::Http))
    }
}

/// Has the caller of a request signed in, and notes in the audit trail what they did and how it ended.
pub(crate) async fn noted(
    State((hub, act)): State<(HubRef, Option<Act>)>,
    request: Request,
    next: Next,
) -> Response {
    let Some(act) = act else { return next.run(request).await };
    let (mut parts, body) = request.into_parts();
    let caller = match Caller::from_request_parts(&mut parts, &hub).await {
        Ok(caller) => caller,
        Err(error) => return error.into_response(),
    };
    let path = parts.extensions.get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let door = format!("{} {}", parts.method, path.unwrap_or_default());
    let named = named(parts.uri.path());
    parts.extensions.insert(caller.clone());
    let response = next.run(Request::from_parts(parts, body)).await;
    let code = response.extensions().get::<Code>().map(|code| code.0);
    // Glass was noted before it broke.
    if act != Act::BreakGlass || code.is_some() {
        if let Some(room) = named {
            caller.has_seen_room(room);
        }
        caller.note(ended(caller.entry_of_seen(act).detail("door", door), code, response.status()));
    }
    response
}

/// The room in an address below `/rooms`.
fn named(path: &str) -> Option<RoomName> {
    let segment = path.strip_prefix("/rooms/")?.split('/').next()?;
    percent_decode_str(segment).decode_utf8().ok()?.parse().ok()
}

/// An entry with how a request ended.
pub(crate) fn ended(entry: Entry, code: Option<&'static str>, status: StatusCode) -> Entry {
    match code {
        None if status.is_success() => entry,
        code if status.is_server_error() => entry.failed(code.unwrap_or("failed")),
        code => entry.refused(code.unwrap_or("refused")),
    }
}

/// Somebody at the door of a socket, who says later who they are.
pub(crate) struct Entrant {
    pub hub: Arc<Hub>,
    /// What it brought, in whatever way a socket can.
    pub token: Option<String>,
    pub from: Option<SocketAddr>,
    /// Whom it claims to be, where there is no sign-in.
    pub claimed: Option<Author>,
}

impl Entrant {
    fn of(parts: &Parts, hub: &HubRef) -> Self {
        let from = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|from| from.0);
        let claimed = person(&parts.headers).ok();
        Self { hub: Arc::clone(&hub.0), token: token(parts), from, claimed }
    }
}

impl Entrant {
    /// Whom the token speaks for.
    pub async fn sign_in(&self) -> Result<SignedIn, SignInError> {
        self.hub.gate().sign_in(self.token.as_deref()).await
    }

    /// Refuses one more socket of somebody who has as many as one may.
    pub fn check_crowd(&self, signed: &SignedIn) -> Result<(), Closing> {
        if !self.hub.gate().is_crowded(signed) {
            return Ok(());
        }
        let message = format!("a person has at most {PERSON_CONNECTIONS_MAX} sockets");
        Err(Closing::over(Limit::PersonConnections, message))
    }

    /// Notes that a token did not do; who brings none has tried nothing.
    pub fn note_refusal(&self, error: SignInError) {
        if error != SignInError::Missing {
            let entry = Entry::by_server(Act::SignIn).via(Door::Http).refused(error.code());
            let entry = self.from.into_iter().fold(entry, |entry, from| entry.from(from.ip()));
            self.hub.audit().note(entry);
        }
    }
}

impl FromRequestParts<HubRef> for Entrant {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, hub: &HubRef) -> Result<Self, ApiError> {
        if !hub.0.gate().signs_in() {
            person(&parts.headers)?;
        }
        Ok(Self::of(parts, hub))
    }
}

/// Who runs the server.
pub(crate) struct Operator(pub Caller);

impl FromRequestParts<HubRef> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, hub: &HubRef) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, hub).await?;
        caller.check(Ability::Operate)?;
        Ok(Self(caller))
    }
}

/// The token of a request: in its header, or, since a browser can set none for sockets and event
/// streams, in the query or as a subprotocol `bearer.<token>`.
fn token(parts: &Parts) -> Option<String> {
    let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(token) = text(AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer ")) {
        return Some(token.to_owned());
    }
    if let Some(protocols) = text(SEC_WEBSOCKET_PROTOCOL) {
        let bearer = protocols.split(',').find_map(|p| p.trim().strip_prefix(PROTOCOL_BEARER));
        if let Some(token) = bearer {
            return Some(token.to_owned());
        }
    }
    let path = parts.uri.path();
    let takes_query = path.ends_with("/ws") || path.ends_with("/sync") || path.ends_with("/events");
    let query = parts.uri.query().filter(|_| takes_query).unwrap_or_default();
    let value = query.split('&').find_map(|pair| pair.strip_prefix("token="))?;
    percent_decode_str(value).decode_utf8().ok().map(String::from)
}

/// Refuses requests that a page of another site makes a browser on this machine send.
///
/// A browser lets any page open a WebSocket to loopback, and a name that its owner points at
/// 127.0.0.1 passes for the same origin; the headers tell both. With sign-in nothing depends on
/// who is near, and nobody is refused here.
pub(crate) async fn loopback_only(
    State(hub): State<HubRef>,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    let host_ok = headers.get(HOST).is_none_or(|host| host.to_str().is_ok_and(is_loopback));
    let origin_ok = headers.get(ORIGIN).is_none_or(|origin| {
        let authority = origin.to_str().ok().and_then(|text| text.split_once("://"));
        authority.is_some_and(|(_, authority)| is_loopback(authority))
    });
    if hub.0.gate().signs_in() || (host_ok && origin_ok) {
        next.run(request).await
    } else {
        ApiError::ForeignOrigin.into_response()
    }
}

fn person(headers: &HeaderMap) -> Result<Author, ApiError> {
    let Some(header) = headers.get(PERSON_HEADER) else { return Ok(anonymous()) };
    let text = std::str::from_utf8(header.as_bytes()).map_err(|_| ApiError::Person)?;
    let (id, name) = text.split_once(';').ok_or(ApiError::Person)?;
    let (id, name) = (id.trim(), name.trim());
    let is_wrong = id.is_empty() || name.is_empty() || text.len() > PERSON_BYTES_MAX;
    if is_wrong || is_reserved(id) {
        return Err(ApiError::Person);
    }
    Ok(Author::new(id, name))
}

/// Whether a person id is one that the server gives itself: what is written under it is believed.
pub(crate) fn is_reserved(id: &str) -> bool {
    id == People::SERVER || id.starts_with(People::SOMEBODY_AT)
}

/// Whether `host` or `host:port` means this machine.
pub(crate) fn is_loopback(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for here in ["localhost", "LOCALHOST:80", "127.0.0.1:8080", "[::1]:8080", "[::1]"] {
            assert!(is_loopback(here), "{here}");
        }
        for elsewhere in ["example.org", "localhost.example.org", "10.0.0.1:80", "", "127.0.0.1.x"]
        {
            assert!(!is_loopback(elsewhere), "{elsewhere}");
        }
    }
}
