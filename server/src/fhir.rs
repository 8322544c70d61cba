//! The FHIR R4 REST face: what stands in rooms as FHIR resources, and every FHIR write as a change.
//!
//! A request is understood by [`table`] and [`dispatch`]ed to its interaction. Reading goes through
//! [`charts`], copies of rooms beside them; writing through [`write`]. What FHIR says of JSON alone
//! (validation, search semantics) is in the crate `chartroom-fhir`.

mod answer;
mod ask;
mod audit;
mod bundle;
mod capability;
mod chart;
mod charts;
mod correct;
#[cfg(test)]
mod docs;
mod error;
mod everything;
mod find;
mod history;
mod import;
mod interactions;
mod patch;
mod provenance;
mod references;
mod reverts;
mod table;
mod transaction;
mod version;
mod write;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
    routing::any,
};
use chartroom_engine::{RoomName, access::Ability, limits};
use tokio::time::{Instant, sleep};
use tower_http::compression::CompressionLayer;

use crate::{
    audit::{Act, Door as Entrance},
    auth::{Caller, HubRef, ended},
    error::ApiError,
    hub::{Hub, RoomError},
    router::{Door, Needs},
};
use ask::Ask;
use charts::Charts;
use error::FhirError;
use table::{Interaction, Segment, understand};

/// Where FHIR is, and where WintEHR looks for it.
const BASES: [&str; 2] = ["/fhir/R4", "/api/fhir/R4"];

/// How long a request waits for the places of resources to be listed.
const LISTING_WAIT: Duration = Duration::from_secs(1);

/// What can be set about FHIR.
#[derive(Debug, Clone, Default)]
pub struct FhirConfig {
    /// Whether an update has to say which version it goes on.
    pub versions_required: bool,
    /// What becomes of a resource that is not as R4 says.
    pub validation: Validation,
    /// Where clients find this server, whatever name they used; without a slash at its end.
    pub public_url: Option<String>,
    /// Whether its own connections are TLS.
    pub https: bool,
}

/// What becomes of a resource that is not as R4 says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Validation {
    /// It is refused.
    #[default]
    Refuse,
    /// It is stored, with a warning.
    Warn,
}

/// The FHIR face of a server.
pub(crate) struct Fhir {
    charts: Charts,
    validation: Validation,
    versions_required: bool,
    public_url: Option<String>,
    https: bool,
    /// Bytes of a body that is read whole.
    body_bytes_max: usize,
    /// Whether every resource's place is known.
    listed: AtomicBool,
    /// Conditional creates come one after the other.
    conditional: Arc<tokio::sync::Mutex<()>>,
    /// Writes go together; one that others were faster than too often, and a transaction over several
    /// rooms, goes alone.
    turn: tokio::sync::RwLock<()>,
}

impl std::fmt::Debug for Fhir {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fhir")
    }
}

impl Fhir {
    fn new(config: FhirConfig) -> Self {
        Self {
            charts: Charts::default(),
            validation: config.validation,
            versions_required: config.versions_required,
            public_url: config.public_url,
            https: config.https,
            body_bytes_max: limits::CHANGE_BYTES_MAX,
            listed: AtomicBool::new(false),
            conditional: Arc::default(),
            turn: tokio::sync::RwLock::default(),
        }
    }

    /// Where a client that asked `host` finds this server.
    fn address(&self, host: &str) -> String {
        let scheme = if self.https { "https" } else { "http" };
        self.public_url.clone().unwrap_or_else(|| format!("{scheme}://{host}"))
    }

    /// The room of a resource; `None` where there never was one, or not where the caller may be.
    async fn place(
        &self,
        caller: &Caller,
        resource_type: &str,
        id: &str,
    ) -> Result<Option<RoomName>, FhirError> {
        let places = match RoomName::patient(id).ok().filter(|_| resource_type == "Patient") {
            // Whose patient it is, the room says before it is looked for.
            Some(room) if caller.may_enter(&room).await?.is_none() => return Ok(None),
            _ => caller.hub().places_with(resource_type, id).await?,
        };
        if places.is_empty() {
            self.places_known(caller.hub()).await?;
            // What is nowhere takes as long as what is another's.
            caller.may_enter(&RoomName::nowhere()).await?;
        }
        for place in places {
            if caller.may_enter(&place).await?.is_some() {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// The rooms that a resource is and was in, the latest first.
    async fn places(
        &self,
        caller: &Caller,
        resource_type: &str,
        id: &str,
    ) -> Result<Vec<RoomName>, FhirError> {
        let place = self.place(caller, resource_type, id).await?;
        let Some(place) = place else { return Ok(Vec::new()) };
        let mut places = caller.hub().former_places(resource_type, id).await?;
        places.push(place);
        places.reverse();
        let mut seen = BTreeSet::new();
        places.retain(|place| seen.insert(place.clone()));
        Ok(places)
    }

    /// Refuses to say that something is not there while that is not known.
    async fn places_known(&self, hub: &Arc<Hub>) -> Result<(), FhirError> {
        if self.listed.load(Ordering::Relaxed) {
            return Ok(());
        }
        let began = Instant::now();
        while began.elapsed() < LISTING_WAIT {
            if hub.places_are_listed().await? {
                self.listed.store(true, Ordering::Relaxed);
                return Ok(());
            }
            // A new store is listed within milliseconds of its start.
            sleep(LISTING_WAIT / 50).await;
        }
        let text = "where each resource is, is being listed; come back later";
        Err(FhirError::one(StatusCode::SERVICE_UNAVAILABLE, "transient", text)
            .with(RETRY_AFTER, HeaderValue::from_static("2")))
    }
}

/// The doors of FHIR, as its table has them, by the first of its addresses.
pub(crate) fn doors() -> impl Iterator<Item = Door> {
    let [base, _] = BASES;
    table::ROWS.iter().map(move |row| {
        let path = row.path.iter().fold(base.to_owned(), |path, segment| {
            let segment = match segment {
                Segment::Type => "{type}",
                Segment::Id => "{id}",
                Segment::Version => "{version}",
                Segment::Word(word) => word,
            };
            format!("{path}/{segment}")
        });
        let needs = match row.interaction == Interaction::Capabilities {
            true => Needs::Nothing,
            false => Needs::Interaction,
        };
        Door { method: row.method.as_str(), path: path.into(), needs }
    })
}

/// The routes of FHIR.
pub(crate) fn router(config: FhirConfig) -> Router<HubRef> {
    let fhir = Arc::new(Fhir::new(config));
    let mut router = Router::new();
    for base in BASES {
        let fhir = Arc::clone(&fhir);
        let serve = move |State(hub): State<HubRef>, request: Request| {
            let fhir = Arc::clone(&fhir);
            async move { serve(hub, fhir, base, request).await }
        };
        for path in ["", "/", "/{*path}"] {
            router = router.route(&format!("{base}{path}"), any(serve.clone()));
        }
    }
    router.layer(CompressionLayer::new())
}

/// How a request is refused before it is understood, in the manner of its address.
pub(crate) fn refusal(path: &str, error: ApiError) -> Response {
    if BASES.iter().any(|base| path.starts_with(base)) {
        FhirError::from(error).into_response()
    } else {
        error.into_response()
    }
}

/// Lists where everything is in stores of earlier versions: once, beside everything.
pub(crate) async fn list_places(hub: Arc<Hub>) {
    if let Err(error) = hub.list_places().await
        && !matches!(error, RoomError::ShuttingDown)
    {
        tracing::error!(
            code = error.code(),
            "resources are not listed for FHIR; the next start tries again"
        );
    }
}

async fn serve(hub: HubRef, fhir: Arc<Fhir>, base: &'static str, request: Request) -> Response {
    answered(hub, fhir, base, request).await.unwrap_or_else(IntoResponse::into_response)
}

async fn answered(
    hub: HubRef,
    fhir: Arc<Fhir>,
    base: &'static str,
    request: Request,
) -> Result<Response, FhirError> {
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path().strip_prefix(base).unwrap_or_default();
    let matched = understand(&parts.method, path)?;
    let interaction = matched.interaction;
    let ask = Ask::of(&mut parts, (&hub, fhir), base, matched).await?;
    if interaction == Interaction::Import {
        // What it writes is known when it has been written.
        let caller = ask.caller.anew(Entrance::Fhir);
        caller.note(audit::request(&ask)(caller.entry(Act::Write)).detail("operation", "import"));
        return import::import(ask, body).await;
    }
    // To its end, also where the client goes away meanwhile: what several rooms take is not left halfway.
    let done = tokio::spawn(dispatch(interaction, ask.with_body(body).await?)).await;
    done.unwrap_or_else(|_| Err(FhirError::failed()))
}

/// Carries out an interaction, and notes in the audit trail who asked for it, from where, and how it
/// ended.
async fn dispatch(interaction: Interaction, mut ask: Ask) -> Result<Response, FhirError> {
    let Some(act) = audit::act(interaction) else { return allowed(interaction, ask).await };
    ask.caller = ask.caller.anew(Entrance::Fhir);
    let (caller, entry) = (ask.caller.clone(), audit::request(&ask));
    let answer = allowed(interaction, ask).await;
    let status = answer.as_ref().map_or_else(|error| error.status, Response::status);
    let code = answer.as_ref().err().and_then(FhirError::code);
    caller.note(ended(entry(caller.entry_of_seen(act)), code, status));
    answer
}

/// Carries out an interaction that the caller's scopes allow somewhere; where, the rooms say.
async fn allowed(interaction: Interaction, ask: Ask) -> Result<Response, FhirError> {
    if ask.resource_type == "AuditEvent" {
        interactions::only_reads(interaction)?;
        ask.caller.check(Ability::Audit)?;
    }
    for right in table::rights(interaction) {
        ask.caller.check_ever(*right, ask.resource_type)?;
    }
    match interaction {
        Interaction::Capabilities => Ok(capability::statement(&ask)),
        Interaction::Bundle => transaction::post(ask).await,
        Interaction::Read => interactions::read(ask).await,
        Interaction::Vread => interactions::vread(ask).await,
        Interaction::Update => interactions::update(ask).await,
        Interaction::Patch => interactions::patch(ask).await,
        Interaction::Delete => interactions::delete(ask).await,
        Interaction::Create => interactions::create(ask).await,
        Interaction::Search => find::search(ask).await,
        Interaction::HistoryInstance => history::of_instance(ask).await,
        Interaction::HistoryType => history::of_type(ask).await,
        Interaction::Everything => everything::everything(ask).await,
        Interaction::CorrectPatient => correct::correct_patient(ask).await,
        Interaction::MergePatients => correct::merge_patients(ask).await,
        Interaction::Relabel => correct::relabel(ask).await,
        // It takes its body as it comes, and is none of a Bundle's.
        Interaction::Import => Err(FhirError::not_found()),
    }
}
