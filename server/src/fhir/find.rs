//! Search: which rooms to look in, what matches there, and the page that is answered.
//!
//! A search of a few rooms is answered whole, with its total. One of the whole facility goes room by
//! room until the page is full, so that its cost is that of the page; only where an order or a total is
//! asked for every room is looked at.

mod include;
mod scope;
mod shape;

use std::{sync::Arc, time::Duration};

use axum::{http::StatusCode, response::Response};
use chartroom_engine::RoomName;
use chartroom_fhir::{
    outcome::Issue,
    search::{Context, Query, Summary, Total},
};
use serde_json::Value;
use tokio::time::Instant;

use super::{
    answer,
    ask::{Ask, pairs},
    audit::SEARCHED_MAX,
    bundle::{self, CURSOR, Page},
    chart::{Chart, Found},
    error::FhirError,
};
use crate::clock;
use scope::{Scope, scope};
pub(crate) use shape::shape;

/// Rooms that are looked at whole, whatever the page.
const FEW_ROOMS: usize = 8;
/// Matches that are put in order at most.
const SORTED_MAX: usize = 20_000;
/// How long a page may take that looks into every room; it is answered as far as it is.
const LONG: Duration = Duration::from_secs(3);
/// An id behind those of all resources.
const BEHIND_ALL: &str = "|";
/// The form that a POST of a search has.
const FORM: &str = "application/x-www-form-urlencoded";

/// A match, and the room that it is in.
pub(crate) type Match = (RoomName, Found);

/// `GET [type]?…` and `POST [type]/_search`.
pub(crate) async fn search(mut ask: Ask) -> Result<Response, FhirError> {
    if !ask.body.is_empty() {
        if !ask.content_type.starts_with(FORM) {
            let text = format!("a search is posted as {FORM}");
            return Err(FhirError::not_supported(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
        }
        ask.query.extend(pairs(&ask.body));
    }
    if let Some(search) = ask.url.strip_suffix("/_search") {
        ask.url = search.to_owned();
    }
    let (query, mut warnings) = parse(&ask, &ask.query)?;
    let page =
        Page { count: query.count().max(1), cursor: ask.parameter(CURSOR).map(str::to_owned) };
    let counting = query.summary() == Summary::Count;
    let found = matches(&ask, &query, &page, counting).await?;
    if found.cut {
        let text = format!("only the newest {SEARCHED_MAX} entries were looked at");
        warnings.push(Issue::warning("incomplete", text));
    }
    if counting {
        let bundle = bundle::page(
            "searchset",
            &ask,
            &page,
            Some(found.total.unwrap_or(0)),
            None,
            Vec::new(),
        );
        return Ok(answer::json(StatusCode::OK, &bundle));
    }
    let (included, cut_off) = include::included(&ask, &query, &found.page).await?;
    if cut_off {
        let text = "more comes along with these matches than an answer has; ask for fewer at once";
        warnings.push(Issue::warning("incomplete", text));
    }
    let mut entries: Vec<Value> =
        found.page.iter().map(|(_, found)| entry(&ask, found, "match")).collect();
    entries.extend(included.iter().map(|found| entry(&ask, found, "include")));
    warnings.extend(answer::disputes(found.page.iter().map(|(_, found)| found).chain(&included)));
    entries.extend(bundle::outcome_entry(&warnings));
    // The link to itself says what was applied.
    ask.query = query.applied().to_vec();
    let bundle = bundle::page("searchset", &ask, &page, found.total, found.next, entries);
    Ok(answer::json(StatusCode::OK, &bundle))
}

/// What a conditional create's criteria match, two at most.
pub(crate) async fn existing(ask: &Ask, criteria: &str) -> Result<Vec<Found>, FhirError> {
    let criteria = criteria.split_once('?').map_or(criteria, |(_, query)| query);
    let asked = Ask { query: pairs(criteria.as_bytes()), ..ask.clone() };
    let (query, warnings) = parse(&asked, &asked.query)?;
    // Criteria that are not understood would match everything.
    if query.applied().is_empty() || !warnings.is_empty() {
        let text = "the criteria name no search parameter that this server knows";
        return Err(FhirError::one(StatusCode::PRECONDITION_FAILED, "not-supported", text));
    }
    let page = Page { count: 2, cursor: None };
    let found = matches(&asked, &query, &page, false).await?;
    if found.next.is_some() && found.page.len() < page.count {
        // Where not everything was looked at, that nothing is there cannot be said.
        let text =
            "the criteria have to be looked for in too many charts; name the patient in them";
        return Err(FhirError::one(StatusCode::PRECONDITION_FAILED, "too-costly", text));
    }
    Ok(found.page.into_iter().map(|(_, found)| found).collect())
}

fn parse(ask: &Ask, pairs: &[(String, String)]) -> Result<(Arc<Query>, Vec<Issue>), FhirError> {
    let now_ms = i64::try_from(clock::now_ms()).unwrap_or(i64::MAX);
    let context = Context { handling: ask.prefer.handling(), base: &ask.base, now_ms };
    let pairs: Vec<_> = pairs.iter().filter(|(name, _)| name != CURSOR).cloned().collect();
    let parsed = Query::parse(ask.resource_type, &pairs, &context);
    let (query, warnings) =
        parsed.map_err(|issues| FhirError::new(StatusCode::BAD_REQUEST, issues))?;
    Ok((Arc::new(query), warnings))
}

/// A page of matches.
#[derive(Debug, Default)]
struct Matches {
    page: Vec<Match>,
    /// How many there are, where all rooms were looked at.
    total: Option<usize>,
    /// Where the next page begins.
    next: Option<String>,
    /// Whether there may be more that was not looked at.
    cut: bool,
}

async fn matches(
    ask: &Ask,
    query: &Arc<Query>,
    page: &Page,
    counting: bool,
) -> Result<Matches, FhirError> {
    let scope = scope(ask, query).await?;
    let cut_short = scope.is_cut();
    let all =
        counting || query.is_sorted() || query.total() == Some(Total::Accurate) || scope.is_small();
    if !all {
        return some(ask, query, page, scope).await;
    }
    let (mut found, mut total) = (Vec::new(), 0);
    for room in scope.rooms() {
        let here = in_room(ask, query, &scope, &room).await?;
        total += here.len();
        if !counting {
            found.extend(here);
        }
        if query.is_sorted() && found.len() > SORTED_MAX {
            let text =
                format!("more than {SORTED_MAX} resources match; ask for fewer, or for no order");
            return Err(FhirError::one(StatusCode::BAD_REQUEST, "too-costly", text));
        }
    }
    if counting {
        return Ok(Matches { total: Some(total), cut: cut_short, ..Matches::default() });
    }
    if query.is_sorted() {
        sort(query, &mut found);
        let start = page.cursor.as_deref().map_or(Ok(0), |cursor| start_of(cursor, &found))?;
        let (page, last) = cut(found.into_iter().skip(start).collect(), page.count);
        let next = last.map(|last| format!("{}~{last}", start + page.len()));
        let total = (!cut_short).then_some(total);
        return Ok(Matches { page, total, next, cut: cut_short });
    }
    let cursor = page.cursor.as_deref().map(Cursor::parse).transpose()?;
    let behind = found.into_iter().filter(|(room, found)| {
        cursor.as_ref().is_none_or(|cursor| cursor.is_before(room, &found.id))
    });
    let (page, next) = cut(behind.take(page.count + 1).collect(), page.count);
    let total = (!cut_short).then_some(total);
    Ok(Matches { page, total, next, cut: cut_short })
}

/// Where a page of matches in an order begins: behind the last one of the page before, wherever that is
/// now, since others write meanwhile; at its number where it matches no more.
fn start_of(cursor: &str, found: &[Match]) -> Result<usize, FhirError> {
    let (number, last) = cursor.split_once('~').ok_or_else(bundle::bad_cursor)?;
    let number: usize = number.parse().map_err(|_| bundle::bad_cursor())?;
    let last = Cursor::parse(last)?;
    let is_last = |(room, found): &Match| *room == last.room && found.id == last.id;
    Ok(found.iter().position(is_last).map_or(number.min(found.len()), |at| at + 1))
}

/// Matches room by room, until the page is full or has taken long enough: the next one goes on.
async fn some(
    ask: &Ask,
    query: &Arc<Query>,
    page: &Page,
    scope: Scope,
) -> Result<Matches, FhirError> {
    let cursor = page.cursor.as_deref().map(Cursor::parse).transpose()?;
    let (began, mut found): (Instant, Vec<Match>) = (Instant::now(), Vec::new());
    let rooms = scope.rooms().filter(|room| cursor.as_ref().is_none_or(|c| *room >= c.room));
    let mut rooms = rooms.peekable();
    while let Some(room) = rooms.next() {
        let here = in_room(ask, query, &scope, &room).await?.into_iter();
        found.extend(here.filter(|(room, found)| {
            cursor.as_ref().is_none_or(|cursor| cursor.is_before(room, &found.id))
        }));
        if found.len() > page.count {
            break;
        }
        if began.elapsed() > LONG && rooms.peek().is_some() {
            let next = Some(format!("{room}~{BEHIND_ALL}"));
            return Ok(Matches { page: found, next, ..Matches::default() });
        }
    }
    let whole = cursor.is_none() && found.len() <= page.count;
    let total = whole.then_some(found.len());
    let (page, next) = cut(found, page.count);
    Ok(Matches { page, total, next, cut: false })
}

/// As many as the page has, and where the next one begins if there are more.
fn cut(mut found: Vec<Match>, count: usize) -> (Vec<Match>, Option<String>) {
    let more = found.len() > count;
    found.truncate(count);
    let last = found.last().filter(|_| more);
    let next = last.map(|(room, found)| format!("{room}~{}", found.id));
    (found, next)
}

/// The matches of one room, by id.
async fn in_room(
    ask: &Ask,
    query: &Arc<Query>,
    scope: &Scope,
    room: &RoomName,
) -> Result<Vec<Match>, FhirError> {
    let charts = &ask.fhir.charts;
    if let Some(made) = scope.made() {
        let found = made.iter().filter(|resource| query.matches(resource));
        return Ok(found.map(|resource| (room.clone(), Found::made(resource))).collect());
    }
    let asked = Arc::clone(query);
    let look = move |chart: &mut Chart| matching(chart, &asked);
    let found = if scope.is_small() {
        charts.look_at(&ask.caller, room, look).await?
    } else {
        let asked = Arc::clone(query);
        charts
            .scan_at(
                &ask.caller,
                room,
                query.resource_type(),
                move |bare| asked.may_match(bare),
                look,
            )
            .await?
    };
    Ok(found.unwrap_or_default().into_iter().map(|found| (room.clone(), found)).collect())
}

/// The matches of a chart, by id.
pub(super) fn matching(chart: &mut Chart, query: &Query) -> Vec<Found> {
    let mut all = chart.collection(query.resource_type());
    if query.resource_type() == "Provenance" && chart.shows_type("Provenance") {
        let made = super::provenance::all(chart);
        all.extend(made.into_iter().map(|made| Found::made(&Arc::new(made))));
        all.sort_by(|one, other| one.id.cmp(&other.id));
    }
    all.retain(|found| query.matches(&found.resource));
    all
}

fn sort(query: &Query, found: &mut [Match]) {
    let mut resources: Vec<Arc<Value>> =
        found.iter().map(|(_, found)| Arc::clone(&found.resource)).collect();
    query.sort(&mut resources);
    let places: std::collections::HashMap<*const Value, usize> =
        resources.iter().enumerate().map(|(at, resource)| (Arc::as_ptr(resource), at)).collect();
    found.sort_by_key(|(_, found)| places.get(&Arc::as_ptr(&found.resource)).copied());
}

/// Where a page without an order begins: behind this room and id.
struct Cursor {
    room: RoomName,
    id: String,
}

impl Cursor {
    fn parse(text: &str) -> Result<Self, FhirError> {
        // An id has no `~`.
        let (room, id) = text.rsplit_once('~').ok_or_else(bundle::bad_cursor)?;
        let room = room.parse().map_err(|_| bundle::bad_cursor())?;
        Ok(Self { room, id: id.to_owned() })
    }

    fn is_before(&self, room: &RoomName, id: &str) -> bool {
        (&self.room, self.id.as_str()) < (room, id)
    }
}

fn entry(ask: &Ask, found: &Found, mode: &str) -> Value {
    bundle::entry(ask, found, &shape(&ask.query, &found.resource), mode)
}
