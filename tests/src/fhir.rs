//! A person at a FHIR client: requests as bytes, answers with their headers.

#![allow(clippy::indexing_slicing, reason = "a JSON value gives null for what it lacks")]

use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};
use ureq::http::{HeaderMap, Request};

use crate::server::Server;

/// FHIR's JSON.
pub const FHIR_JSON: &str = "application/fhir+json";
/// The header that names the person.
const PERSON: &str = "x-chartroom-person";
/// How long an answer may take: an import of many thousand lines on a machine that does other things.
const ANSWER_WAIT: Duration = Duration::from_secs(300);

/// Somebody who asks a server's FHIR face.
#[derive(Debug, Clone)]
pub struct Fhir {
    base: String,
    person: String,
}

/// What a request came to.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, `Null` where it is no JSON.
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

impl Fhir {
    /// A person, `id;name`, at a server.
    pub fn of(server: &Server, person: &str) -> Self {
        Self::at(server, "/fhir/R4", person)
    }

    /// A person at one of the addresses that a server has FHIR at.
    pub fn at(server: &Server, path: &str, person: &str) -> Self {
        Self { base: server.http() + path, person: person.to_owned() }
    }

    /// The FHIR base.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Sends whatever it is; `path` is below the base, or a URL that the server gave.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> anyhow::Result<Reply> {
        let url = match path.starts_with("http://") {
            true => path.to_owned(),
            false => format!("{}{}{path}", self.base, if path.is_empty() { "" } else { "/" }),
        };
        let mut request = Request::builder().method(method).uri(url);
        if headers.iter().all(|(name, _)| *name != PERSON) {
            request = request.header(PERSON, &self.person);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        tokio::task::spawn_blocking(move || {
            let config = ureq::Agent::config_builder()
                .http_status_as_error(false)
                .allow_non_standard_methods(true)
                .timeout_global(Some(ANSWER_WAIT))
                .build();
            let agent: ureq::Agent = config.into();
            let mut response = match body {
                Some(body) => agent.run(request.body(body)?)?,
                None => agent.run(request.body(())?)?,
            };
            let bytes = response.body_mut().with_config().limit(u64::MAX).read_to_vec()?;
            let text = String::from_utf8(bytes)?;
            let body = serde_json::from_str(&text).unwrap_or_default();
            let headers = response.headers().clone();
            Ok(Reply { status: response.status().as_u16(), headers, body, text })
        })
        .await
        .context("the request panicked")?
    }

    /// Asks for what is at an address.
    pub async fn get(&self, path: &str) -> anyhow::Result<Reply> {
        self.send("GET", path, &[], None).await
    }

    /// The same, with headers.
    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> anyhow::Result<Reply> {
        self.send("GET", path, headers, None).await
    }

    /// Puts a resource where its type and id say.
    pub async fn put(&self, resource: &Value) -> anyhow::Result<Reply> {
        self.put_with(resource, &[]).await
    }

    /// The same, with headers.
    pub async fn put_with(
        &self,
        resource: &Value,
        headers: &[(&str, &str)],
    ) -> anyhow::Result<Reply> {
        let text = |name: &str| resource[name].as_str().unwrap_or_default().to_owned();
        let path = format!("{}/{}", text("resourceType"), text("id"));
        self.send_json("PUT", &path, headers, resource).await
    }

    /// Posts a resource to its type.
    pub async fn create(
        &self,
        resource: &Value,
        headers: &[(&str, &str)],
    ) -> anyhow::Result<Reply> {
        let path = resource["resourceType"].as_str().unwrap_or_default().to_owned();
        self.send_json("POST", &path, headers, resource).await
    }

    /// Posts a Bundle to the base.
    pub async fn bundle(&self, kind: &str, entries: Vec<Value>) -> anyhow::Result<Reply> {
        let bundle = json!({ "resourceType": "Bundle", "type": kind, "entry": entries });
        self.send_json("POST", "", &[], &bundle).await
    }

    /// Patches a resource with JSON Patch.
    pub async fn patch(
        &self,
        path: &str,
        patch: &Value,
        headers: &[(&str, &str)],
    ) -> anyhow::Result<Reply> {
        let mut all = vec![("content-type", "application/json-patch+json")];
        all.extend_from_slice(headers);
        self.send("PATCH", path, &all, Some(patch.to_string().into())).await
    }

    /// Deletes a resource.
    pub async fn delete(&self, path: &str, headers: &[(&str, &str)]) -> anyhow::Result<Reply> {
        self.send("DELETE", path, headers, None).await
    }

    /// Carries out an operation with Parameters of these, as name and part of a parameter.
    pub async fn operate(&self, path: &str, parameters: Vec<Value>) -> anyhow::Result<Reply> {
        let parameters = json!({ "resourceType": "Parameters", "parameter": parameters });
        self.send_json("POST", path, &[], &parameters).await
    }

    /// Sends JSON.
    pub async fn send_json(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> anyhow::Result<Reply> {
        let mut all = vec![("content-type", FHIR_JSON)];
        all.extend_from_slice(headers);
        self.send(method, path, &all, Some(body.to_string().into())).await
    }

    /// Every entry of a search or a history, page by page to the end.
    pub async fn pages(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let (mut entries, mut next) = (Vec::new(), Some(path.to_owned()));
        while let Some(path) = next {
            let page = self.get(&path).await?;
            anyhow::ensure!(page.status == 200, "{} {}", page.status, page.text);
            entries.extend(page.entries().iter().cloned());
            next = page.link("next");
        }
        Ok(entries)
    }
}

impl Reply {
    /// A header as text; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The entries of a Bundle.
    pub fn entries(&self) -> &[Value] {
        self.body["entry"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The issues of an OperationOutcome.
    pub fn issues(&self) -> &[Value] {
        self.body["issue"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The codes of its issues.
    pub fn codes(&self) -> Vec<&str> {
        self.issues().iter().filter_map(|issue| issue["code"].as_str()).collect()
    }

    /// The elements that its issues are about.
    pub fn expressions(&self) -> Vec<&str> {
        let all = self.issues().iter().filter_map(|issue| issue["expression"].as_array());
        all.flatten().filter_map(Value::as_str).collect()
    }

    /// The id of the resource.
    pub fn id(&self) -> &str {
        self.body["id"].as_str().unwrap_or_default()
    }

    /// The version that the ETag names.
    pub fn version(&self) -> &str {
        self.header("etag").trim_start_matches("W/").trim_matches('"')
    }

    /// Where a Bundle's link leads.
    pub fn link(&self, relation: &str) -> Option<String> {
        let links = self.body["link"].as_array()?.iter();
        let mut links = links.filter(|link| link["relation"] == relation);
        links.next()?["url"].as_str().map(str::to_owned)
    }
}
