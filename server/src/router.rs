//! The table of URLs, whole, on one page.

use std::{path::Path, sync::Arc};

use axum::{
    Extension, Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{delete, get, post},
};
use chartroom_engine::limits::BODY_BYTES_MAX;
use tower_http::compression::CompressionLayer;

use crate::{
    auth::{HubRef, loopback_only},
    facility::pharmacy::Queue,
    fhir::{self, FhirConfig},
    handlers::{
        alerts, api_ws, commands, conflicts, document, events, health, metrics, peers, pharmacy,
        quarantine, refound, room, rooms, sync, web, webhooks,
    },
    webhooks::Webhooks,
};

/// Everything the server answers.
pub(crate) fn build(
    hub: HubRef,
    queue: Arc<Queue>,
    targets: Arc<Webhooks>,
    fhir: FhirConfig,
    web_folder: &Path,
) -> Router {
    let json = Router::new()
        .route("/rooms", get(rooms::list))
        .route("/rooms/{room}", get(room::show))
        .route("/rooms/{room}/document", get(document::show))
        .route("/rooms/{room}/conflicts", get(conflicts::list))
        .route("/rooms/{room}/events", get(events::list))
        .route("/rooms/{room}/queue", get(pharmacy::queue))
        .route("/rooms/{room}/active", get(alerts::active))
        .route("/peers", get(peers::list))
        .route("/quarantine", get(quarantine::list))
        .layer(CompressionLayer::new());
    let webhooks = Router::new()
        .route("/webhooks", get(webhooks::list))
        .route("/webhooks/{target}/resume", post(webhooks::resume))
        .route("/webhooks/dead-letters", get(webhooks::dead_letters))
        .route("/webhooks/dead-letters/{id}", delete(webhooks::discard))
        .route("/webhooks/dead-letters/{id}/retry", post(webhooks::retry))
        .layer(Extension(targets));
    Router::new()
        .merge(json)
        .merge(webhooks)
        .route(
            "/rooms/{room}/commands",
            post(commands::apply).layer(DefaultBodyLimit::max(BODY_BYTES_MAX)),
        )
        .route("/rooms/{room}/refound", post(refound::refound))
        .route("/rooms/{room}/rebuild", post(pharmacy::rebuild).layer(Extension(queue)))
        .route("/quarantine/{hash}", delete(quarantine::discard))
        .route("/sync", get(sync::upgrade))
        .route("/api/ws", get(api_ws::upgrade))
        .route("/ws", get(api_ws::upgrade))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::show))
        .merge(fhir::router(fhir))
        .fallback_service(web::service(web_folder))
        .layer(middleware::from_fn(loopback_only))
        .with_state(hub)
}
