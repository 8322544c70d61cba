//! Every interaction, as data: how it is asked for, and what it does. Requests are understood by this
//! table, the CapabilityStatement and docs/fhir.md are made from it.

use axum::http::Method;
use chartroom_engine::{access::Right, document::resource_type};

use super::error::FhirError;

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Interaction {
    Capabilities,
    Bundle,
    Read,
    Vread,
    Update,
    Patch,
    Delete,
    Create,
    Search,
    HistoryInstance,
    HistoryType,
    Everything,
    CorrectPatient,
    MergePatients,
    Relabel,
    Import,
}

/// What an interaction is about, as the CapabilityStatement sorts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// The server.
    System,
    /// Every resource type, or one instance of it.
    Type,
    /// An operation, of these types; of the server where there are none.
    Operation(&'static [&'static str]),
}

/// A segment of an address below the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Segment {
    /// A resource type of R4.
    Type,
    /// An id.
    Id,
    /// A version.
    Version,
    /// This word.
    Word(&'static str),
}

use Segment::{Id, Type, Version, Word};

/// One row.
#[derive(Debug)]
pub(crate) struct Row {
    pub method: Method,
    pub path: &'static [Segment],
    pub interaction: Interaction,
    pub level: Level,
    /// FHIR's code of the interaction, or the operation's name.
    pub code: &'static str,
    /// What it does, for docs/fhir.md.
    pub text: &'static str,
}

const fn row(
    method: Method,
    path: &'static [Segment],
    (interaction, level): (Interaction, Level),
    code: &'static str,
    text: &'static str,
) -> Row {
    Row { method, path, interaction, level, code, text }
}

/// All of them; an address matches the first row with as many segments that fit.
pub(crate) const ROWS: &[Row] = &[
    row(
        Method::GET,
        &[Word("metadata")],
        (Interaction::Capabilities, Level::System),
        "capabilities",
        "The CapabilityStatement, made from this table.",
    ),
    row(
        Method::POST,
        &[],
        (Interaction::Bundle, Level::System),
        "transaction",
        "A Bundle of type `transaction`: all of it or nothing, one change in each room.",
    ),
    row(
        Method::POST,
        &[],
        (Interaction::Bundle, Level::System),
        "batch",
        "A Bundle of type `batch`: each entry for itself, in its order.",
    ),
    row(
        Method::POST,
        &[Word("$import")],
        (Interaction::Import, Level::Operation(&[])),
        "import",
        "NDJSON of resources, or one Bundle, of any length, as history that raises no alerts; answers with NDJSON of its progress.",
    ),
    row(
        Method::POST,
        &[Type, Word("_search")],
        (Interaction::Search, Level::Type),
        "search-type",
        "As `GET [type]`, with the parameters in a form.",
    ),
    row(
        Method::GET,
        &[Type, Word("_history")],
        (Interaction::HistoryType, Level::Type),
        "history-type",
        "Every version of all resources of a type, the newest first; `_since`, `_count`.",
    ),
    row(
        Method::POST,
        &[Word("Patient"), Word("$merge")],
        (Interaction::MergePatients, Level::Operation(&["Patient"])),
        "merge",
        "One patient's chart goes into another's.",
    ),
    row(
        Method::GET,
        &[Word("Patient"), Id, Word("$everything")],
        (Interaction::Everything, Level::Operation(&["Patient"])),
        "everything",
        "The chart, page by page; `_since`, `_type`, `_count`.",
    ),
    row(
        Method::POST,
        &[Type, Id, Word("$correct-patient")],
        (Interaction::CorrectPatient, Level::Operation(&["Resource"])),
        "correct-patient",
        "A resource that was written in the wrong chart goes into the right one.",
    ),
    row(
        Method::POST,
        &[Type, Id, Word("$relabel")],
        (Interaction::Relabel, Level::Operation(&["Resource"])),
        "relabel",
        "A resource gets other security labels, and goes into the compartment of these; the room that it leaves is founded anew.",
    ),
    row(
        Method::GET,
        &[Type, Id, Word("_history"), Version],
        (Interaction::Vread, Level::Type),
        "vread",
        "A resource as one version had it.",
    ),
    row(
        Method::GET,
        &[Type, Id, Word("_history")],
        (Interaction::HistoryInstance, Level::Type),
        "history-instance",
        "Every version of a resource, the newest first, each with who made it; `_since`, `_count`.",
    ),
    row(
        Method::GET,
        &[Type, Id],
        (Interaction::Read, Level::Type),
        "read",
        "A resource as it stands; `_summary`, `_elements`, If-None-Match.",
    ),
    row(
        Method::PUT,
        &[Type, Id],
        (Interaction::Update, Level::Type),
        "update",
        "Makes a resource stand as given, creating it where there is none; If-Match, If-None-Match: *.",
    ),
    row(
        Method::PATCH,
        &[Type, Id],
        (Interaction::Patch, Level::Type),
        "patch",
        "JSON Patch or JSON Merge Patch; If-Match.",
    ),
    row(
        Method::DELETE,
        &[Type, Id],
        (Interaction::Delete, Level::Type),
        "delete",
        "Deletes a resource; its history stays, and a PUT brings it back. If-Match.",
    ),
    row(
        Method::POST,
        &[Type],
        (Interaction::Create, Level::Type),
        "create",
        "Writes a new resource under an id of the server's; If-None-Exist.",
    ),
    row(
        Method::GET,
        &[Type],
        (Interaction::Search, Level::Type),
        "search-type",
        "Resources of a type that match, page by page.",
    ),
];

/// What a caller's scopes must allow somewhere, of the type of the address, for an interaction: any of
/// them for a write, which is decided in the room.
pub(crate) fn rights(interaction: Interaction) -> &'static [Right] {
    match interaction {
        // Open to everybody, or decided by what is in it.
        Interaction::Capabilities | Interaction::Bundle | Interaction::Import => &[],
        Interaction::Read | Interaction::Vread | Interaction::HistoryInstance => &[Right::Read],
        Interaction::Search | Interaction::HistoryType => &[Right::Search],
        Interaction::Create => &[Right::Create],
        // One that is not there is created.
        Interaction::Update => &[],
        Interaction::Patch => &[Right::Update],
        Interaction::Delete => &[Right::Delete],
        Interaction::Everything => &[Right::Read, Right::Search],
        Interaction::CorrectPatient | Interaction::MergePatients | Interaction::Relabel => {
            &[Right::Create, Right::Update, Right::Delete]
        }
    }
}

/// A request, as the table understands it.
#[derive(Debug, Clone)]
pub(crate) struct Matched {
    pub interaction: Interaction,
    /// The type of the address; empty where it names none.
    pub resource_type: &'static str,
    /// The id of the address; empty where it names none.
    pub id: String,
    pub version: Option<String>,
}

/// Understands a request for an address below the base, `path` without a query.
pub(crate) fn understand(method: &Method, path: &str) -> Result<Matched, FhirError> {
    let path = path.trim_matches('/');
    // Split first: a slash that is written %2F is part of a segment.
    let segments: Vec<String> = match path.is_empty() {
        true => Vec::new(),
        false => path.split('/').map(decoded).collect::<Result<_, _>>()?,
    };
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let mut allowed = Vec::new();
    // A HEAD is a GET whose body is left out.
    let method = if method == Method::HEAD { &Method::GET } else { method };
    for row in ROWS.iter().filter(|row| row.path.len() == segments.len()) {
        let Some(matched) = fits(row, &segments) else { continue };
        if row.method == *method {
            return Ok(matched);
        }
        allowed.push(row.method.as_str());
    }
    let unknown = segments.first().filter(|name| resource_type(name).is_none());
    if let Some(name) = unknown.filter(|_| allowed.is_empty()) {
        return Err(FhirError::unknown_type(name.starts_with(|c: char| c.is_ascii_uppercase())));
    }
    Err(FhirError::not_allowed(&allowed))
}

fn decoded(segment: &str) -> Result<String, FhirError> {
    let decoded = percent_encoding::percent_decode_str(segment).decode_utf8();
    decoded.map(String::from).map_err(|_| FhirError::invalid("the address is no UTF-8"))
}

fn fits(row: &Row, segments: &[&str]) -> Option<Matched> {
    let mut matched = Matched {
        interaction: row.interaction,
        resource_type: "",
        id: String::new(),
        version: None,
    };
    for (segment, text) in row.path.iter().zip(segments) {
        match segment {
            Segment::Type => matched.resource_type = resource_type(text)?,
            Segment::Id if text.starts_with(['$', '_']) => return None,
            Segment::Id => matched.id = (*text).to_owned(),
            Segment::Version => matched.version = Some((*text).to_owned()),
            Segment::Word(word) if word == text => {
                matched.resource_type = resource_type(word).unwrap_or(matched.resource_type);
            }
            Segment::Word(_) => return None,
        }
    }
    Some(matched)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_understood() {
        for (method, path, interaction, id) in [
            (Method::GET, "/metadata", Interaction::Capabilities, ""),
            (Method::POST, "/", Interaction::Bundle, ""),
            (Method::POST, "", Interaction::Bundle, ""),
            (Method::GET, "/Patient/1", Interaction::Read, "1"),
            (Method::HEAD, "/Patient/1", Interaction::Read, "1"),
            (Method::GET, "/Patient/1/_history/2", Interaction::Vread, "1"),
            (Method::GET, "/Patient/_history", Interaction::HistoryType, ""),
            (Method::GET, "/Patient/1/_history", Interaction::HistoryInstance, "1"),
            (Method::POST, "/Patient/_search", Interaction::Search, ""),
            (Method::POST, "/Patient/$merge", Interaction::MergePatients, ""),
            (Method::GET, "/Patient/1/$everything", Interaction::Everything, "1"),
            (Method::POST, "/Flag/1/$correct-patient", Interaction::CorrectPatient, "1"),
            (Method::PUT, "/Flag/1", Interaction::Update, "1"),
        ] {
            let matched = understand(&method, path).unwrap();
            assert_eq!((matched.interaction, matched.id.as_str()), (interaction, id), "{path}");
        }
        for (method, path, status) in [
            (Method::GET, "/Pateint/1", 404),
            (Method::GET, "/nothing", 404),
            (Method::PUT, "/Patient", 405),
            (Method::DELETE, "/metadata", 405),
            (Method::GET, "/Flag/1/$everything", 404),
            (Method::POST, "/Patient/$nothing", 404),
        ] {
            let error = understand(&method, path).unwrap_err();
            assert_eq!(error.status.as_u16(), status, "{method} {path}");
        }
    }
}
