//! What an app in a browser needs to know to sign people in at the operator's provider. All of it is
//! told to everybody, and nothing of it is secret: such an app can keep no secret (RFC 6749, section
//! 2.1), so it proves itself with PKCE and its registered address.

use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};

use super::config::{Wrong, address, wrong};

/// What this server makes of scopes, and what its provider has to do for a browser.
const CAPABILITIES: [&str; 6] = [
    "launch-standalone",
    "client-public",
    "permission-patient",
    "permission-user",
    "permission-v1",
    "permission-v2",
];

/// The app's part of the sign-in file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Entry {
    client_id: String,
    scope: String,
    name: Option<String>,
    resource: Option<String>,
    authorization_endpoint: String,
    token_endpoint: String,
}

/// A provider's place for apps in browsers.
#[derive(Debug, Clone)]
pub struct App {
    issuer: Url,
    /// As tokens write it: an address may be written in several ways.
    issuer_text: String,
    entry: Public,
    authorization: Url,
    token: Url,
}

#[derive(Debug, Clone)]
struct Public {
    client_id: String,
    scope: String,
    name: Option<String>,
    resource: Option<String>,
}

impl Entry {
    /// Checks it, beside the issuer of the tokens.
    pub fn check(self, issuer: Option<&str>) -> Result<App, Wrong> {
        let Some(issuer) = issuer else { return Err(wrong("app", "goes with an issuer")) };
        let Self { client_id, scope, name, resource, .. } = self;
        if client_id.is_empty() {
            return Err(wrong("app.clientId", "is the id that the provider knows the app by"));
        }
        if !scope.split_whitespace().any(|word| word == "openid") {
            return Err(wrong("app.scope", "has openid among its words"));
        }
        Ok(App {
            issuer: address("issuer", issuer)?,
            issuer_text: issuer.to_owned(),
            entry: Public { client_id, scope, name, resource },
            authorization: address("app.authorizationEndpoint", &self.authorization_endpoint)?,
            token: address("app.tokenEndpoint", &self.token_endpoint)?,
        })
    }
}

impl App {
    /// What the workspace asks for before anybody has signed in.
    pub fn for_workspace(&self) -> Value {
        let Public { client_id, scope, name, resource } = &self.entry;
        json!({
            "issuer": self.issuer_text, "clientId": client_id, "scope": scope,
            "name": name, "resource": resource,
        })
    }

    /// Where a SMART app finds the same (SMART App Launch 2.2, conformance). What the provider can do
    /// beyond that, its own discovery document says.
    pub fn smart_configuration(&self, key_set: Option<&Url>) -> Value {
        // Both, or neither: who verifies an id token needs its issuer's keys.
        let single = key_set.map(|_| "sso-openid-connect");
        let mut document = json!({
            "authorization_endpoint": self.authorization.as_str(),
            "token_endpoint": self.token.as_str(),
            "grant_types_supported": ["authorization_code"],
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": self.entry.scope.split_whitespace().collect::<Vec<_>>(),
            "capabilities": CAPABILITIES.into_iter().chain(single).collect::<Vec<_>>(),
        });
        if let (Some(keys), Some(members)) = (key_set, document.as_object_mut()) {
            members.insert("issuer".to_owned(), json!(self.issuer_text));
            members.insert("jwks_uri".to_owned(), json!(keys.as_str()));
        }
        document
    }

    /// The origins that the app asks for documents and tokens, each once.
    pub fn origins(&self) -> Vec<String> {
        let mut origins: Vec<String> =
            [&self.issuer, &self.token].map(|url| url.origin().ascii_serialization()).into();
        origins.dedup();
        origins
    }
}
