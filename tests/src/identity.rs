//! People who sign in: tokens of a provider that a test is itself, and the operator's two files.

use std::path::{Path, PathBuf};

use anyhow::Context;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chartroom_server::{clock::now_ms, config::ServerConfig, read_roles, sign_in::read_sign_in};
use hmac::{Hmac, Mac};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use crate::{
    fhir::{Fhir, Reply},
    server::Server,
};

/// Everything that a person may do, where the room lets them.
pub const EVERYTHING: &str = "user/*.cruds";
/// How long a token is good that says nothing else.
const HOUR_MS: i64 = 60 * 60 * 1000;
/// Who is meant by the tokens.
const AUDIENCE: &str = "chartroom";

/// The provider whose tokens a server takes.
#[derive(Debug, Clone)]
pub struct Provider {
    folder: PathBuf,
    secret: String,
}

/// What a token says.
#[derive(Debug, Clone)]
pub struct Claims(Map<String, Value>);

impl Provider {
    /// Writes the sign-in file, its secret and the roles into a folder.
    pub fn set_up(folder: &Path, roles: &Value) -> anyhow::Result<Self> {
        let secret = format!("secret-{:032x}", rand::random::<u128>());
        let sign_in = json!({
            "issuer": "https://idp.example",
            "audience": AUDIENCE,
            "keys": [{ "algorithm": "HS256", "secretFile": "secret" }],
            "leewaySeconds": 0,
        });
        std::fs::write(folder.join("secret"), &secret)?;
        std::fs::write(folder.join("sign-in.json"), sign_in.to_string())?;
        std::fs::write(folder.join("roles.json"), roles.to_string())?;
        Ok(Self { folder: folder.to_owned(), secret })
    }

    /// Has a server take these tokens.
    pub fn configure(&self, config: &mut ServerConfig) -> anyhow::Result<()> {
        let tokens = read_sign_in(&self.folder.join("sign-in.json"))?;
        let roles = read_roles(&self.folder.join("roles.json"))?;
        config.sign_in = Some((tokens, roles));
        Ok(())
    }

    /// What nobody but the server may know.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// A token.
    pub fn sign(&self, claims: &Claims) -> String {
        let part = |text: String| URL_SAFE_NO_PAD.encode(text);
        let head = part(json!({ "alg": "HS256", "typ": "JWT" }).to_string());
        let body = part(Value::Object(claims.0.clone()).to_string());
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes())
            .expect("a key of any length will do");
        mac.update(format!("{head}.{body}").as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
        format!("{head}.{body}.{signature}")
    }
}

impl Claims {
    /// Of a person who may do everything, as far as rooms let them, for an hour.
    pub fn of(person: &str) -> Self {
        let mut letters = person.chars();
        let name: String =
            letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
        let claims = Self(Map::new())
            .with("iss", "https://idp.example".into())
            .with("aud", AUDIENCE.into())
            .with("sub", person.into())
            .with("name", name.into())
            .with("jti", format!("{:016x}", rand::random::<u64>()).into())
            .with("scope", EVERYTHING.into());
        claims.issued(0).lasting(HOUR_MS)
    }

    /// With other scopes.
    pub fn scope(self, scope: &str) -> Self {
        self.with("scope", scope.into())
    }

    /// With roles.
    pub fn roles(self, roles: &[&str]) -> Self {
        self.with("roles", json!(roles))
    }

    /// About one patient.
    pub fn patient(self, id: &str) -> Self {
        self.with("patient", id.into())
    }

    /// With an id of its own.
    pub fn id(self, id: &str) -> Self {
        self.with("jti", id.into())
    }

    /// Issued so many milliseconds from now.
    pub fn issued(self, ms: i64) -> Self {
        let at = seconds(ms);
        self.with("iat", at)
    }

    /// Good until so many milliseconds from now.
    pub fn lasting(self, ms: i64) -> Self {
        let at = seconds(ms);
        self.with("exp", at)
    }

    /// With any claim.
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }
}

fn seconds(from_now_ms: i64) -> Value {
    let at = i64::try_from(now_ms()).unwrap_or(i64::MAX).saturating_add(from_now_ms);
    json!(at as f64 / 1000.0)
}

/// Somebody over HTTP: with a token, or nobody.
#[derive(Debug, Clone)]
pub struct Visitor {
    web: Fhir,
    bearer: Option<String>,
}

impl Visitor {
    /// Somebody at a server.
    pub fn of(server: &Server, token: Option<&str>) -> Self {
        // Whom a header claims to be counts for nothing where people sign in.
        let web = Fhir::at(server, "", "alice;Alice");
        Self { web, bearer: token.map(|token| format!("Bearer {token}")) }
    }

    /// Sends JSON, or nothing, to a path that begins with a slash, or to a URL that the server gave.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Reply> {
        self.send_with(method, path, &[], body).await
    }

    /// The same, with headers.
    pub async fn send_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> anyhow::Result<Reply> {
        let mut all = headers.to_vec();
        if let Some(bearer) = &self.bearer {
            all.push(("authorization", bearer));
        }
        let has_type = headers.iter().any(|(name, _)| *name == "content-type");
        if body.is_some() && !has_type {
            all.push(("content-type", "application/json"));
        }
        let body = body.map(|body| match body {
            // What is no JSON is sent as it is.
            Value::String(text) if has_type => text.clone().into_bytes(),
            body => body.to_string().into_bytes(),
        });
        let path = path.strip_prefix('/').unwrap_or(path);
        self.web.send(method, path, &all, body).await.with_context(|| format!("{method} {path}"))
    }

    /// Asks for what is at a path.
    pub async fn get(&self, path: &str) -> anyhow::Result<Reply> {
        self.send("GET", path, None).await
    }

    /// Posts JSON.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Reply> {
        self.send("POST", path, Some(body)).await
    }

    /// Puts a FHIR resource where its type and id say.
    pub async fn put(&self, resource: &Value) -> anyhow::Result<Reply> {
        let text = |name: &str| resource.get(name).and_then(Value::as_str).unwrap_or_default();
        let path = format!("/fhir/R4/{}/{}", text("resourceType"), text("id"));
        self.send("PUT", &path, Some(resource)).await
    }
}
