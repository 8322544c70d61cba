//! One entry of a Bundle as a request, and what its references become.

use std::collections::HashMap;

use axum::http::{Method, StatusCode};
use bytes::Bytes;
use chartroom_engine::document::resource_type;
use serde_json::Value;

use super::Interaction;
use crate::fhir::{
    ask::{Ask, Return, pairs},
    error::FhirError,
    find,
    table::understand,
    version::Version,
};

/// What a reference within a Bundle begins with.
const URN: &str = "urn:";
/// Elements that are URIs and may name an entry; canonicals and systems do not.
const URIS: [&str; 7] =
    ["url", "uri", "valueUri", "valueUrl", "valueOid", "valueUuid", "instantiatesUri"];

/// One entry.
#[derive(Debug)]
pub(super) struct Entry {
    pub interaction: Interaction,
    /// The request that it stands for.
    pub ask: Ask,
    pub full_url: Option<String>,
    pub resource: Option<Value>,
}

impl Entry {
    /// Reads an entry of a Bundle that `outer` posts; as a request of its own it has a body.
    pub fn parse(outer: &Ask, mut entry: Value, has_body: bool) -> Result<Self, FhirError> {
        let resource = entry.get_mut("resource").map(Value::take);
        let Some(request) = entry.get("request") else {
            return Err(FhirError::invalid("the entry has no request").at("request"));
        };
        let text = |name: &str| request.get(name).and_then(Value::as_str).map(str::to_owned);
        let method = text("method").and_then(|method| method.parse::<Method>().ok());
        let method = method.ok_or_else(|| {
            FhirError::invalid("the request has no HTTP method").at("request.method")
        })?;
        let url = text("url")
            .ok_or_else(|| FhirError::invalid("the request has no url").at("request.url"))?;
        let bare = url.strip_prefix(&outer.base).unwrap_or(&url);
        let (path, query) = bare.split_once('?').unwrap_or((bare, ""));
        let matched = understand(&method, path).map_err(|error| error.at("request.url"))?;
        if matches!(matched.interaction, Interaction::Bundle | Interaction::Import) {
            return Err(FhirError::invalid("a Bundle is not posted in a Bundle").at("request.url"));
        }
        let if_match = text("ifMatch").map(|tag| Version::of_etag(&tag)).transpose();
        let mut prefer = outer.prefer;
        if !matches!(matched.interaction, Interaction::Read | Interaction::Search) {
            prefer.returns.get_or_insert(Return::Minimal);
        }
        let is_patch = matched.interaction == Interaction::Patch;
        let carried = resource.as_ref().filter(|_| has_body || is_patch);
        let (content_type, body) = body_of(matched.interaction, carried)?;
        let ask = Ask {
            url: format!("{}/{}", outer.base, path.trim_matches('/')),
            resource_type: matched.resource_type,
            id: matched.id,
            version: matched.version,
            query: pairs(query.as_bytes()),
            prefer,
            if_match: if_match.map_err(|error| error.at("request.ifMatch"))?,
            if_none_match: text("ifNoneMatch"),
            if_none_exist: text("ifNoneExist"),
            content_type,
            body,
            ..outer.clone()
        };
        let full_url = entry.get("fullUrl").and_then(Value::as_str).map(str::to_owned);
        let writes = matches!(matched.interaction, Interaction::Create | Interaction::Update);
        if writes && !resource.as_ref().is_some_and(Value::is_object) {
            return Err(FhirError::one(
                StatusCode::BAD_REQUEST,
                "required",
                "the entry has no resource to write",
            )
            .at("resource"));
        }
        Ok(Self { interaction: matched.interaction, ask, full_url, resource })
    }

    /// What relative references of the entry are relative to, where its full URL says so.
    fn base_url(&self) -> Option<&str> {
        let url = self.full_url.as_deref().filter(|url| url.starts_with("http"))?;
        let (rest, _id) = url.rsplit_once('/')?;
        let (base, name) = rest.rsplit_once('/')?;
        (name == self.ask.resource_type).then(|| url.get(..=base.len())).flatten()
    }

    /// Whether it writes the resource of its address.
    pub fn writes(&self) -> bool {
        matches!(
            self.interaction,
            Interaction::Create | Interaction::Update | Interaction::Patch | Interaction::Delete
        )
    }

    /// What references to the entry's full URL become.
    fn reference(&self) -> String {
        format!("{}/{}", self.ask.resource_type, self.ask.id)
    }
}

/// The body of the request that an entry stands for. A patch comes as a Binary (FHIR R4,
/// http.html#patch).
fn body_of(
    interaction: Interaction,
    resource: Option<&Value>,
) -> Result<(String, Bytes), FhirError> {
    let Some(resource) = resource else { return Ok((String::new(), Bytes::new())) };
    if interaction != Interaction::Patch {
        let body = serde_json::to_vec(resource).unwrap_or_default();
        return Ok(("application/fhir+json".to_owned(), body.into()));
    }
    let text = |name: &str| resource.get(name).and_then(Value::as_str).unwrap_or_default();
    use base64::Engine as _;
    let data = base64::engine::general_purpose::STANDARD.decode(text("data"));
    let data = data.map_err(|_| {
        FhirError::invalid("a patch comes as a Binary with contentType and data")
            .at("resource.data")
    })?;
    Ok((text("contentType").to_owned(), data.into()))
}

/// What references within a Bundle become.
pub(super) struct References {
    by_url: HashMap<String, String>,
}

impl References {
    /// Of entries that have their ids.
    pub fn of(entries: &[Entry]) -> Self {
        let urls = entries.iter().filter(|entry| !entry.ask.id.is_empty());
        let by_url = urls.filter_map(|entry| Some((entry.full_url.clone()?, entry.reference())));
        Self { by_url: by_url.collect() }
    }

    /// Makes the references of an entry's resource relative ones: those to other entries, and those that
    /// search for a resource, which must find just one.
    pub async fn resolve(&self, entry: &mut Entry) -> Result<(), FhirError> {
        let Some(mut resource) = entry.resource.take() else { return Ok(()) };
        let mut searches = Vec::new();
        self.rewrite(&mut resource, entry.base_url(), &mut searches);
        searches.sort();
        searches.dedup();
        let mut by_url = HashMap::new();
        for search in searches {
            let reference = self.search(&entry.ask, &search).await?;
            by_url.insert(search, reference);
        }
        if !by_url.is_empty() {
            Self { by_url }.rewrite(&mut resource, None, &mut Vec::new());
        }
        entry.resource = Some(resource);
        Ok(())
    }

    fn rewrite(&self, value: &mut Value, base: Option<&str>, searches: &mut Vec<String>) {
        match value {
            Value::Array(items) => {
                items.iter_mut().for_each(|item| self.rewrite(item, base, searches));
            }
            Value::Object(members) => {
                for (name, member) in members {
                    match member {
                        Value::String(text) if name == "div" => self.rewrite_links(text),
                        Value::String(text) => self.rewrite_text(name, text, base, searches),
                        Value::Null
                        | Value::Bool(_)
                        | Value::Number(_)
                        | Value::Array(_)
                        | Value::Object(_) => self.rewrite(member, base, searches),
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// An element's text, where it is a reference or a URI (FHIR R4, http.html#trules).
    fn rewrite_text(
        &self,
        name: &str,
        text: &mut String,
        base: Option<&str>,
        searches: &mut Vec<String>,
    ) {
        let is_reference = name == "reference";
        if !is_reference && !URIS.contains(&name) {
            return;
        }
        // A relative reference is to what the sender's server has there (FHIR R4,
        // bundle.html#references).
        let whole = base.map(|base| format!("{base}{text}")).filter(|_| is_reference);
        let found = self.by_url.get(text.as_str());
        let found = found.or_else(|| whole.and_then(|whole| self.by_url.get(&whole)));
        if let Some(relative) = found {
            text.clone_from(relative);
        } else if is_reference && is_search(text) {
            searches.push(text.clone());
        }
    }

    /// The links of a narrative.
    fn rewrite_links(&self, narrative: &mut String) {
        if !narrative.contains(URN) {
            return;
        }
        for (url, relative) in &self.by_url {
            for quote in ['"', '\''] {
                let (from, to) =
                    (format!("{quote}{url}{quote}"), format!("{quote}{relative}{quote}"));
                if narrative.contains(&from) {
                    *narrative = narrative.replace(&from, &to);
                }
            }
        }
    }

    /// The one resource that a conditional reference finds (FHIR R4, http.html#trules).
    async fn search(&self, ask: &Ask, reference: &str) -> Result<String, FhirError> {
        let (name, criteria) = reference.split_once('?').unwrap_or((reference, ""));
        let unknown = || FhirError::invalid("a conditional reference names no resource type");
        let resource_type = resource_type(name).ok_or_else(unknown)?;
        let asked = Ask { resource_type, ..ask.clone() };
        match find::existing(&asked, criteria).await?.as_slice() {
            [one] => Ok(format!("{}/{}", one.resource_type, one.id)),
            [] => Err(FhirError::one(
                StatusCode::PRECONDITION_FAILED,
                "not-found",
                format!("a conditional reference to {resource_type} finds nothing"),
            )),
            _ => Err(FhirError::one(
                StatusCode::PRECONDITION_FAILED,
                "multiple-matches",
                format!("a conditional reference to {resource_type} finds several resources"),
            )),
        }
    }
}

/// Whether a reference searches for its resource: `Practitioner?identifier=…`.
fn is_search(reference: &str) -> bool {
    reference.split_once('?').is_some_and(|(name, _)| resource_type(name).is_some())
}
