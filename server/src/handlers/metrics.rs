//! `GET /metrics`: counters as Prometheus text.

use axum::http::header::{CONTENT_TYPE, HeaderName};

use crate::auth::Operator;

/// What Prometheus expects of OpenMetrics text.
const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Gives all counters.
pub(crate) async fn show(Operator(caller): Operator) -> ([(HeaderName, &'static str); 1], String) {
    let hub = caller.hub();
    ([(CONTENT_TYPE, TYPE)], hub.metrics().render(hub.writer_counts(), hub.waiting_bytes()))
}
