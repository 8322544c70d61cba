//! What comes with the matches of a page.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chartroom_engine::{RoomName, document::patient_path};
use chartroom_fhir::search::{Query, included as followed, revinclude_query};
use tokio::time::Instant;

use super::{
    LONG, Match, in_room,
    scope::{Scope, scope},
};
use crate::fhir::{
    ask::Ask,
    chart::{Chart, Found},
    error::FhirError,
};

/// Resources that come with a page at most.
const INCLUDED_MAX: usize = 1000;
/// How often what was included is followed on.
const ROUNDS_MAX: usize = 4;

/// Resources that the matches refer to, or that refer to them, each once; and whether there are more.
pub(super) async fn included(
    ask: &Ask,
    query: &Query,
    page: &[Match],
) -> Result<(Vec<Found>, bool), FhirError> {
    let key = |found: &Found| (found.resource_type.clone(), found.id.clone());
    let mut known: BTreeSet<_> = page.iter().map(|(_, found)| key(found)).collect();
    let (mut all, mut last) = (Vec::new(), page.to_vec());
    for round in 0..ROUNDS_MAX {
        let mut next = referred_to(ask, query, &last, round > 0).await?;
        let (referring, whole) = referring(ask, query, &last, round > 0).await?;
        next.extend(referring);
        next.retain(|(_, found)| known.insert(key(found)));
        if next.is_empty() {
            return Ok((all, !whole));
        }
        let room = INCLUDED_MAX - all.len();
        all.extend(next.iter().take(room).map(|(_, found)| found.clone()));
        if next.len() > room || !whole {
            return Ok((all, true));
        }
        last = next;
    }
    Ok((all, false))
}

async fn referred_to(
    ask: &Ask,
    query: &Query,
    from: &[Match],
    again: bool,
) -> Result<Vec<Match>, FhirError> {
    let hub = ask.caller.hub();
    let includes = query.includes().iter().filter(|include| !again || include.iterate);
    let mut wanted: BTreeMap<RoomName, BTreeSet<(String, String)>> = BTreeMap::new();
    for include in includes {
        for (_, found) in from {
            for (name, id) in followed(include, &found.resource, &ask.base) {
                for place in hub.places_with(&name, &id).await? {
                    wanted.entry(place).or_default().insert((name.clone(), id.clone()));
                }
            }
        }
    }
    let mut found = Vec::new();
    for (room, wanted) in wanted {
        let look = move |chart: &mut Chart| -> Vec<Found> {
            let found = wanted.iter().filter_map(|(name, id)| chart.current(name, id));
            found.filter(|found| !found.deleted).collect()
        };
        let here = ask.fhir.charts.look_at(&ask.caller, &room, look).await?.unwrap_or_default();
        found.extend(here.into_iter().map(|found| (room.clone(), found)));
    }
    Ok(found)
}

/// What refers to the matches: from their own rooms, and to those of the directory from every room;
/// and whether that is all.
async fn referring(
    ask: &Ask,
    query: &Query,
    to: &[Match],
    again: bool,
) -> Result<(Vec<Match>, bool), FhirError> {
    let mut by_room: BTreeMap<&RoomName, Vec<(&str, &str)>> = BTreeMap::new();
    for (room, found) in to {
        by_room.entry(room).or_default().push((&found.resource_type, &found.id));
    }
    let (began, mut all) = (Instant::now(), Vec::new());
    let includes = query.revincludes().iter().filter(|include| !again || include.iterate);
    for include in includes {
        for (room, targets) in &by_room {
            let asked = revinclude_query(include, targets.iter().copied(), &ask.base).map(Arc::new);
            let Some(asked) = asked else { continue };
            let everywhere =
                **room == RoomName::directory() && patient_path(include.source).is_some();
            let rooms: Vec<RoomName> =
                match everywhere || include.source == "Patient" && !room.is_chart() {
                    true => scope(ask, &asked).await?.rooms().collect(),
                    // A chart, with its restricted compartments.
                    false => {
                        let hub = ask.caller.hub();
                        let own = hub.compartments_of(room).await?;
                        std::iter::once((*room).clone()).chain(own).collect()
                    }
                };
            for room in rooms {
                all.extend(in_room(ask, &asked, &Scope::of(&room), &room).await?);
                if all.len() > INCLUDED_MAX || began.elapsed() > LONG {
                    return Ok((all, false));
                }
            }
        }
    }
    Ok((all, true))
}
