//! The table of URLs, whole, on one page, each with what it takes to come in.

use std::{borrow::Cow, path::Path, sync::Arc};

use axum::{
    Extension, Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{MethodRouter, delete, get, post, put},
};
use chartroom_engine::{access::Ability, limits::BODY_BYTES_MAX};
use tower_http::compression::CompressionLayer;

use crate::{
    audit::Act,
    auth::{HubRef, loopback_only, noted},
    facility::pharmacy::Queue,
    fhir::{self, FhirConfig},
    handlers::{
        alerts, api_ws, commands, conflicts, devices, document, events, glass, health, members,
        metrics, peers, pharmacy, quarantine, refound, room, rooms, sign_in, sync, texts, web,
        webhooks,
    },
    sign_in::SignIn,
    webhooks::Webhooks,
};

/// What it takes to come in by a door, where there is sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// To be signed in; what is shown is what may be seen.
    SignIn,
    /// To be signed in by what is said once the socket is open.
    Socket,
    /// To be let into the room of the address, and to read everything in it.
    Whole,
    /// To be let into the room, and to read some of it.
    Some,
    /// To be let into the room, and to read the resource of the address.
    Resource,
    /// To be let into the room, and to write in it.
    Write,
    /// A role that may do this, whatever the room.
    Role(Ability),
    /// Being let into the room, or a role that may do this.
    WholeOrRole(Ability),
    /// That the device is one's own, or a role that may do this.
    OwnOrRole(Ability),
    /// What the FHIR interaction takes (`fhir/table.rs`).
    Interaction,
}

/// One door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Door {
    /// `GET`, `POST`, `PUT` or `DELETE`.
    pub method: &'static str,
    /// The path, as axum writes it.
    pub path: Cow<'static, str>,
    /// What it takes.
    pub needs: Needs,
}

/// A door, what is noted of those who come in by it, and what is behind it.
struct Row(Door, Option<Act>, MethodRouter<HubRef>);

/// A door of which nothing is noted: everybody may come in, or what comes in is noted by itself.
fn open(path: &'static str, needs: Needs, behind: MethodRouter<HubRef>) -> Row {
    Row(Door { method: "GET", path: path.into(), needs }, None, behind)
}

/// A door whose callers are signed in, each with an entry in the audit trail.
fn row(
    method: &'static str,
    path: &'static str,
    (needs, act): (Needs, Act),
    behind: MethodRouter<HubRef>,
) -> Row {
    Row(Door { method, path: path.into(), needs }, Some(act), behind)
}

/// Every door but those of FHIR and the web app.
fn rows() -> Vec<Row> {
    use Ability::{Admit, BreakGlass, Operate};
    let small = |behind: MethodRouter<HubRef>| behind.layer(CompressionLayer::new());
    let commands = post(commands::apply).layer(DefaultBodyLimit::max(BODY_BYTES_MAX));
    vec![
        row("GET", "/rooms", (Needs::SignIn, Act::Search), small(get(rooms::list))),
        row("GET", "/rooms/{room}", (Needs::Whole, Act::Read), small(get(room::show))),
        row(
            "GET",
            "/rooms/{room}/document",
            (Needs::Whole, Act::Export),
            small(get(document::show)),
        ),
        row(
            "GET",
            "/rooms/{room}/conflicts",
            (Needs::Whole, Act::Read),
            small(get(conflicts::list)),
        ),
        row(
            "GET",
            "/rooms/{room}/texts/{type}/{id}/{name}",
            (Needs::Resource, Act::Read),
            small(get(texts::show)),
        ),
        row("GET", "/rooms/{room}/events", (Needs::Some, Act::Follow), small(get(events::list))),
        row("GET", "/rooms/{room}/queue", (Needs::Whole, Act::Read), small(get(pharmacy::queue))),
        row("GET", "/rooms/{room}/active", (Needs::Whole, Act::Read), small(get(alerts::active))),
        row("POST", "/rooms/{room}/commands", (Needs::Write, Act::Write), commands),
        row(
            "POST",
            "/rooms/{room}/refound",
            (Needs::Role(Operate), Act::Operate),
            post(refound::refound),
        ),
        row(
            "POST",
            "/rooms/{room}/rebuild",
            (Needs::Role(Operate), Act::Operate),
            post(pharmacy::rebuild),
        ),
        row(
            "GET",
            "/rooms/{room}/members",
            (Needs::WholeOrRole(Admit), Act::Read),
            small(get(members::list)),
        ),
        row(
            "PUT",
            "/rooms/{room}/members/{person}",
            (Needs::Role(Admit), Act::Admit),
            put(members::admit),
        ),
        row(
            "DELETE",
            "/rooms/{room}/members/{person}",
            (Needs::Role(Admit), Act::Dismiss),
            delete(members::dismiss),
        ),
        row(
            "POST",
            "/rooms/{room}/glass",
            (Needs::Role(BreakGlass), Act::BreakGlass),
            post(glass::broken),
        ),
        row("DELETE", "/rooms/{room}/glass", (Needs::SignIn, Act::Dismiss), delete(glass::mended)),
        row("GET", "/sign-in", (Needs::SignIn, Act::Read), get(sign_in::show)),
        row("POST", "/sign-in/revoke", (Needs::Role(Operate), Act::Revoke), post(sign_in::revoke)),
        row("GET", "/devices", (Needs::SignIn, Act::Read), get(devices::list)),
        row(
            "POST",
            "/devices/{handle}/wipe",
            (Needs::OwnOrRole(Operate), Act::Wipe),
            post(devices::wipe),
        ),
        row("GET", "/peers", (Needs::Role(Operate), Act::Operate), small(get(peers::list))),
        row(
            "GET",
            "/quarantine",
            (Needs::Role(Operate), Act::Operate),
            small(get(quarantine::list)),
        ),
        row(
            "DELETE",
            "/quarantine/{hash}",
            (Needs::Role(Operate), Act::Operate),
            delete(quarantine::discard),
        ),
        row("GET", "/webhooks", (Needs::Role(Operate), Act::Operate), get(webhooks::list)),
        row(
            "POST",
            "/webhooks/{target}/resume",
            (Needs::Role(Operate), Act::Operate),
            post(webhooks::resume),
        ),
        row(
            "GET",
            "/webhooks/dead-letters",
            (Needs::Role(Operate), Act::Operate),
            get(webhooks::dead_letters),
        ),
        row(
            "DELETE",
            "/webhooks/dead-letters/{id}",
            (Needs::Role(Operate), Act::Operate),
            delete(webhooks::discard),
        ),
        row(
            "POST",
            "/webhooks/dead-letters/{id}/retry",
            (Needs::Role(Operate), Act::Operate),
            post(webhooks::retry),
        ),
        row("GET", "/metrics", (Needs::Role(Operate), Act::Operate), get(metrics::show)),
        open("/sign-in/app", Needs::Nothing, get(sign_in::app)),
        open("/fhir/R4/.well-known/smart-configuration", Needs::Nothing, get(sign_in::smart)),
        open("/api/fhir/R4/.well-known/smart-configuration", Needs::Nothing, get(sign_in::smart)),
        open("/healthz", Needs::Nothing, get(health::alive)),
        open("/readyz", Needs::Nothing, get(health::ready)),
        open("/sync", Needs::Socket, get(sync::upgrade)),
        open("/api/ws", Needs::Socket, get(api_ws::upgrade)),
        open("/ws", Needs::Socket, get(api_ws::upgrade)),
    ]
}

/// Every door that there is; the web app's files are open to everybody.
pub fn doors() -> Vec<Door> {
    let own = rows().into_iter().map(|Row(door, ..)| door);
    own.chain(fhir::doors()).collect()
}

/// Everything the server answers.
pub(crate) fn build(
    hub: HubRef,
    queue: Arc<Queue>,
    targets: Arc<Webhooks>,
    fhir: FhirConfig,
    web_folder: &Path,
) -> Router {
    let web = web::service(web_folder, hub.0.gate().signing_in().and_then(SignIn::app));
    let own = rows().into_iter().fold(Router::new(), |router, Row(door, act, behind)| {
        let noting = middleware::from_fn_with_state((hub.clone(), act), noted);
        router.route(&door.path, behind.layer(noting))
    });
    own.layer(Extension(queue))
        .layer(Extension(targets))
        .merge(fhir::router(fhir))
        .fallback_service(web)
        .layer(middleware::from_fn_with_state(hub.clone(), loopback_only))
        .with_state(hub)
}
