//! What every request passes and every answer carries, whatever it is about.
//!
//! A page of another site is refused at every door, WebSockets included, unless the operator lists
//! it; an address may send so many requests a second; and answers tell browsers to keep nothing,
//! guess nothing and show it in no frame. Who asks is [`crate::auth`]'s.

mod origins;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    extract::{ConnectInfo, Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{
            CACHE_CONTROL, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
            X_FRAME_OPTIONS,
        },
    },
    middleware::{self, Next},
    response::Response,
};
use chartroom_engine::limits::{BODY_WAIT_MS, FAILED_SIGN_IN_REQUESTS, REQUESTS_PER_SECOND};
use tower_http::timeout::RequestBodyTimeoutLayer;

use crate::{
    error::ApiError,
    fhir::refusal,
    limits::{Exceeded, Limit, Limits, Rates, RetryAfter, request_rate},
    transport::source,
};

pub(crate) use origins::Origins;
pub use origins::{Origin, OriginError};

/// A year, as browsers want it before they believe it (RFC 6797).
const ONLY_TLS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// On every answer.
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    // A chart's address names a patient, which no other site is told.
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ),
];

/// Marks an answer that says itself how long it may be kept: a file of the web app.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cacheable;

/// What requests and answers are held to.
pub(crate) struct Hygiene {
    origins: Origins,
    rates: Rates<IpAddr>,
    /// Whether requests from this machine are counted, too.
    counts_local: bool,
    only_tls: bool,
    exceeded: Exceeded,
}

impl Hygiene {
    /// Nothing counted yet; `only_tls` where browsers reach the server by https alone.
    pub fn new(origins: Origins, only_tls: bool, limits: &Limits, exceeded: Exceeded) -> Self {
        let per_second = limits.requests_per_second;
        Self {
            origins,
            rates: Rates::new(request_rate(per_second.unwrap_or(REQUESTS_PER_SECOND))),
            counts_local: per_second.is_some(),
            only_tls,
            exceeded,
        }
    }

    /// Holds everything that `app` answers to it.
    pub fn apply(self, app: Router) -> Router {
        let cross_origin = self.origins.layer();
        let hygiene = Arc::new(self);
        let app = app
            .layer(RequestBodyTimeoutLayer::new(Duration::from_millis(BODY_WAIT_MS)))
            .layer(middleware::from_fn_with_state(Arc::clone(&hygiene), admit));
        // Outside of refusals, so that a page that may ask can read them.
        let app = match cross_origin {
            Some(layer) => app.layer(layer),
            None => app,
        };
        app.layer(middleware::from_fn_with_state(hygiene, dress))
    }

    /// Counts requests of an address.
    fn count(&self, address: Option<IpAddr>, requests: usize) -> Result<(), RetryAfter> {
        let counted = address.filter(|address| self.counts_local || !address.is_loopback());
        let Some(address) = counted else { return Ok(()) };
        self.rates.take(&address, requests).inspect_err(|_| self.exceeded.note(Limit::Requests))
    }
}

async fn admit(State(hygiene): State<Arc<Hygiene>>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let address = peer.map(|ConnectInfo(peer)| source(peer.ip()));
    if let Err(retry_after) = hygiene.count(address, 1) {
        return refusal(request.uri().path(), ApiError::TooOften(retry_after));
    }
    if !hygiene.origins.admit(request.headers()) {
        return refusal(request.uri().path(), ApiError::ForeignOrigin);
    }
    let response = next.run(request).await;
    if response.status() == StatusCode::UNAUTHORIZED {
        // Who is over the rate already hears so at the next request.
        let _ = hygiene.count(address, FAILED_SIGN_IN_REQUESTS);
    }
    response
}

async fn dress(State(hygiene): State<Arc<Hygiene>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let may_be_kept = response.extensions().get::<Cacheable>().is_some();
    let headers: &mut HeaderMap = response.headers_mut();
    headers.extend(HEADERS);
    if !may_be_kept {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if hygiene.only_tls {
        headers.insert(STRICT_TRANSPORT_SECURITY, ONLY_TLS);
    }
    response
}

#[cfg(test)]
mod tests;
