//! Who asks: the [`Caller`] through which handlers reach rooms.
//!
//! This version has one sign-in mode, none: whoever reaches the loopback address may read and write
//! everything and names the person it acts for. What keeps that to this machine is that the server
//! binds loopback only ([`crate::config`]), and that [`loopback_only`] refuses what a page of some
//! other site makes a browser on this machine send.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{FromRequestParts, Request},
    http::{
        HeaderMap,
        header::{HOST, ORIGIN},
        request::Parts,
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use chartroom_engine::{Author, RoomId, RoomName, document::People, limits::PERSON_BYTES_MAX};

use crate::{
    error::ApiError,
    hub::{Follower, Hub, RoomHandle},
};

/// The header that names the person, `id;name`, UTF-8.
const PERSON_HEADER: &str = "x-chartroom-person";

/// Who a client is that names nobody.
pub fn anonymous() -> Author {
    Author::new("anonymous", "Anonymous")
}

/// Somebody who asks, and what they may reach.
#[derive(Debug, Clone)]
pub struct Caller {
    author: Author,
    hub: HubRef,
}

/// The hub, kept out of reach of everything but a [`Caller`].
#[derive(Clone)]
pub(crate) struct HubRef(pub Arc<Hub>);

impl std::fmt::Debug for HubRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HubRef")
    }
}

impl Caller {
    /// In whose name the caller writes.
    pub fn author(&self) -> &Author {
        &self.author
    }

    /// All rooms that the caller may see.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub.0
    }

    /// A room that something was written to, or that every facility has.
    pub async fn room(&self, name: &str) -> Result<Arc<RoomHandle>, ApiError> {
        Ok(self.hub().open_latest(&self.known_name(name).await?).await?)
    }

    /// An epoch of a room, the latest unless another is asked for.
    pub async fn epoch(&self, name: &str, epoch: Option<u32>) -> Result<Arc<RoomHandle>, ApiError> {
        let Some(epoch) = epoch else { return self.room(name).await };
        let id = RoomId { name: parse_name(name)?, epoch };
        let known = self.hub().epochs(&id.name).await?;
        if !known.iter().any(|known| known.id == id) {
            return Err(ApiError::RoomNotFound);
        }
        Ok(self.hub().open(&id)?)
    }

    /// A room, whether or not anything was written to it.
    pub async fn room_or_new(&self, name: &str) -> Result<Arc<RoomHandle>, ApiError> {
        Ok(self.hub().open_latest(&parse_name(name)?).await?)
    }

    /// Follows the events of a room that [`room`](Self::room) would give.
    pub async fn follow(&self, name: &str, after: Option<u64>) -> Result<Follower, ApiError> {
        let name = self.known_name(name).await?;
        Ok(self.hub().follow(&name, after).await?)
    }

    /// The name of a room that the caller may see.
    pub async fn known_name(&self, name: &str) -> Result<RoomName, ApiError> {
        let name = parse_name(name)?;
        if !name.is_facility() && self.hub().stored(&name).await?.is_none() {
            return Err(ApiError::RoomNotFound);
        }
        Ok(name)
    }
}

impl FromRequestParts<HubRef> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, hub: &HubRef) -> Result<Self, ApiError> {
        Ok(Self { author: person(&parts.headers)?, hub: hub.clone() })
    }
}

/// Refuses requests that a page of another site makes a browser on this machine send.
///
/// A browser lets any page open a WebSocket to loopback, and a name that its owner points at
/// 127.0.0.1 passes for the same origin; the headers tell both.
pub(crate) async fn loopback_only(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let host_ok = headers.get(HOST).is_none_or(|host| host.to_str().is_ok_and(is_loopback));
    let origin_ok = headers.get(ORIGIN).is_none_or(|origin| {
        let authority = origin.to_str().ok().and_then(|text| text.split_once("://"));
        authority.is_some_and(|(_, authority)| is_loopback(authority))
    });
    if host_ok && origin_ok {
        next.run(request).await
    } else {
        ApiError::ForeignOrigin.into_response()
    }
}

fn parse_name(name: &str) -> Result<RoomName, ApiError> {
    name.parse().map_err(ApiError::RoomName)
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
