//! `GET /peers`: the links to other servers, and how each stands.

use axum::Json;
use serde::Serialize;

use crate::{auth::Operator, peers::status::Report};

#[derive(Serialize)]
pub(crate) struct Peers {
    /// This server's own name.
    name: String,
    peers: Vec<Report>,
}

/// Lists them by name.
pub(crate) async fn list(Operator(caller): Operator) -> Json<Peers> {
    let hub = caller.hub();
    let links = hub.registry().links();
    let peers = links.iter().map(|link| link.report(hub.quarantine().count(link.name())));
    Json(Peers { name: hub.registry().name.clone(), peers: peers.collect() })
}
