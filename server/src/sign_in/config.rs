//! The operator's sign-in file: JSON, checked whole before the server starts. Secrets and keys stand
//! in files of their own, named relative to it.

use std::path::{Path, PathBuf};

use reqwest::Url;
use serde::Deserialize;

use super::{
    app::{self, App},
    claims::Rules,
    keys::{Key, Scheme},
};
use crate::auth::is_loopback;

/// Most that clocks may differ.
const LEEWAY_SECONDS_MAX: u64 = 300;

/// Whose tokens are taken, and what they are read for; made by [`read_sign_in`].
#[derive(Debug, Clone)]
pub struct SignInConfig {
    pub(super) rules: Rules,
    pub(super) keys: Vec<Key>,
    pub(super) key_sets: Vec<Url>,
    pub(super) app: Option<App>,
}

/// What is wrong with the sign-in file (caller).
#[derive(Debug, thiserror::Error)]
pub enum SignInFileError {
    /// The file does not open.
    #[error("{}: {error}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is not JSON of this form, or a field has a value that cannot be.
    #[error("{}: {place}: {reason}", file.display())]
    Field {
        /// The file.
        file: PathBuf,
        /// Where, such as `keys[0].secretFile`.
        place: String,
        /// Why.
        reason: String,
    },
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct File {
    issuer: Option<String>,
    audience: Option<String>,
    keys: Vec<Entry>,
    #[serde(default)]
    claims: Claims,
    default_scope: Option<String>,
    #[serde(default = "leeway_seconds")]
    leeway_seconds: u64,
    app: Option<app::Entry>,
}

/// One key as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Entry {
    algorithm: Option<Scheme>,
    secret_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    kid: Option<String>,
    jwks: Option<String>,
}

/// Under which names a token says what; JSON pointers, names, or names with dots between.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Claims {
    pub user: String,
    pub name: String,
    pub roles: String,
    pub scope: String,
    pub patient: String,
}

impl Default for Claims {
    /// Names of OpenID Connect and SMART App Launch, and the usual one for roles.
    fn default() -> Self {
        let [user, name, roles, scope, patient] =
            ["sub", "name", "roles", "scope", "patient"].map(str::to_owned);
        Self { user, name, roles, scope, patient }
    }
}

fn leeway_seconds() -> u64 {
    30
}

/// A field and what is wrong with it.
pub(super) type Wrong = (String, String);

/// Reads and checks a sign-in file, and the files of keys that it names.
///
/// ```json
/// {
///   "issuer": "https://idp.example/realms/ward",
///   "audience": "chartroom",
///   "keys": [
///     { "algorithm": "HS256", "secretFile": "secret" },
///     { "algorithm": "RS256", "keyFile": "public.pem", "kid": "2026" },
///     { "algorithm": "ES256", "keyFile": "ec.pem" },
///     { "jwks": "https://idp.example/jwks.json" }
///   ],
///   "claims": { "user": "sub", "name": "name", "roles": "realm_access.roles" },
///   "defaultScope": "user/*.cruds",
///   "leewaySeconds": 30,
///   "app": {
///     "clientId": "chartroom-workspace", "scope": "openid profile user/*.cruds",
///     "name": "St. Elsewhere", "resource": "chartroom",
///     "authorizationEndpoint": "https://idp.example/auth",
///     "tokenEndpoint": "https://idp.example/token"
///   }
/// }
/// ```
/// All but `keys` may be left out. A token's `iss` and `aud` are checked where `issuer` and
/// `audience` are given. `defaultScope` is that of tokens without a scope claim. `app` is for people
/// at a browser; it needs the `issuer`, and its `name` and `resource` may be left out.
pub fn read_sign_in(file: &Path) -> Result<SignInConfig, SignInFileError> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| SignInFileError::Unreadable { file: file.to_owned(), error })?;
    parse(&text, file.parent().unwrap_or(Path::new("")))
        .map_err(|(place, reason)| SignInFileError::Field { file: file.to_owned(), place, reason })
}

fn parse(text: &str, folder: &Path) -> Result<SignInConfig, Wrong> {
    let mut json = serde_json::Deserializer::from_str(text);
    let file: File = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| (error.path().to_string(), error.inner().to_string()))?;
    json.end().map_err(|error| ("behind the settings".to_owned(), error.to_string()))?;
    if file.keys.is_empty() {
        return Err(wrong("keys", "names none"));
    }
    if file.leeway_seconds > LEEWAY_SECONDS_MAX {
        return Err(wrong("leewaySeconds", "is 300 at most"));
    }
    let (mut keys, mut key_sets) = (Vec::new(), Vec::new());
    for (at, entry) in file.keys.into_iter().enumerate() {
        let within = |(field, reason): Wrong| (format!("keys[{at}]{field}"), reason);
        match entry.check(folder).map_err(within)? {
            Checked::Key(key) => keys.push(key),
            Checked::Set(url) => key_sets.push(url),
        }
    }
    let app = file.app.map(|app| app.check(file.issuer.as_deref())).transpose()?;
    let rules = Rules {
        issuer: file.issuer,
        audience: file.audience,
        claims: file.claims,
        scope_default: file.default_scope,
        leeway_ms: file.leeway_seconds * 1000,
    };
    Ok(SignInConfig { rules, keys, key_sets, app })
}

enum Checked {
    Key(Key),
    Set(Url),
}

impl Entry {
    fn check(self, folder: &Path) -> Result<Checked, Wrong> {
        let Self { algorithm, secret_file, key_file, kid, jwks } = self;
        let (scheme, field, path) = match (jwks, algorithm, secret_file, key_file) {
            (Some(url), None, None, None) if kid.is_none() => {
                return Ok(Checked::Set(address(".jwks", &url)?));
            }
            (Some(_), ..) => return Err(wrong(".jwks", "stands alone: a key set names its keys")),
            (None, Some(scheme @ Scheme::Hs256), Some(file), None) => (scheme, ".secretFile", file),
            (None, Some(scheme @ (Scheme::Rs256 | Scheme::Es256)), None, Some(file)) => {
                (scheme, ".keyFile", file)
            }
            _ => {
                let forms = "is HS256 with secretFile, RS256 or ES256 with keyFile, or jwks alone";
                return Err(wrong("", forms));
            }
        };
        let path = folder.join(path);
        let named = |reason: &dyn ToString| {
            wrong(field, format!("{}: {}", path.display(), reason.to_string()))
        };
        let bytes = std::fs::read(&path).map_err(|error| named(&error))?;
        Key::from_file(scheme, kid, &bytes).map(Checked::Key).map_err(|wanted| named(&wanted))
    }
}

/// An address of the provider's.
pub(super) fn address(field: &str, url: &str) -> Result<Url, Wrong> {
    let url: Url = url.parse().map_err(|error| wrong(field, error))?;
    let is_plain = url.username().is_empty() && url.password().is_none();
    let is_here = url.host_str().is_some_and(is_loopback);
    match url.scheme() {
        _ if !is_plain => Err(wrong(field, "holds no name or password")),
        "https" => Ok(url),
        "http" if is_here => Ok(url),
        _ => Err(wrong(field, "is https, but for a provider on this machine")),
    }
}

pub(super) fn wrong(field: &str, reason: impl ToString) -> Wrong {
    (field.to_owned(), reason.to_string())
}
