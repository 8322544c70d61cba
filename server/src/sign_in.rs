//! Who a token speaks for: JSON Web Tokens (RFC 7519) of the operator's provider, verified and read.
//!
//! A token is checked by its signature, with a key that is bound to one algorithm, before anything
//! that it says is believed; then by its times, issuer and audience. It decides nothing about what
//! its person may do. `config` is the operator's file, `keys` what tokens are verified with and
//! `jwks` where a provider lists them, `signatures` how, `claims` what a token says; `app` is what a
//! browser has to know to get one.
//! Neither a token nor what it says stands in a log or an error.

mod app;
mod claims;
mod config;
mod jwks;
mod keys;
mod signatures;

use std::sync::Arc;

use chartroom_engine::Author;
use jsonwebtoken::{Validation, decode, decode_header, errors::ErrorKind};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::clock;
use claims::Rules;
use jwks::{KeySet, Pace};
use keys::Key;

pub use app::App;
pub use config::{SignInConfig, SignInFileError, read_sign_in};

/// Longest token.
const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// A person who signed in, as the token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The person; the name is the id where the token has none.
    pub author: Author,
    /// Roles, as the provider calls them.
    pub roles: Vec<String>,
    /// OAuth scopes with a space between, such as `user/*.rs`; empty for none.
    pub scope: String,
    /// FHIR id of the patient that the sign-in is about (SMART App Launch, launch context).
    pub patient: Option<String>,
    /// Until when the token is taken, in milliseconds since 1970: its `exp` and the leeway.
    pub expires_ms: u64,
    /// When it was issued, in milliseconds since 1970.
    pub issued_ms: Option<u64>,
    /// The token's own id, `jti`.
    pub token_id: Option<String>,
}

/// Why nobody is signed in by a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// There is none (caller).
    #[error("a token is needed")]
    Missing,
    /// It is no token of the form taken here (caller).
    #[error("the token cannot be read")]
    Malformed,
    /// Its time is over (caller).
    #[error("the token has expired")]
    Expired,
    /// Its time has not come (caller).
    #[error("the token is not valid yet")]
    NotYet,
    /// Somebody else issued it (caller).
    #[error("the token is of another issuer")]
    WrongIssuer,
    /// It is meant for somebody else (caller).
    #[error("the token is for another audience")]
    WrongAudience,
    /// It is signed with a key that is not known, or in a way that is not taken (caller).
    #[error("the token is signed with an unknown key")]
    UnknownKey,
    /// What it says is not what was signed (caller).
    #[error("the token's signature is wrong")]
    BadSignature,
    /// It names no person, or one that cannot be (caller).
    #[error("the token names no person")]
    NoUser,
    /// It was taken back (caller).
    #[error("the sign-in was taken back")]
    Revoked,
    /// The provider's keys are not to be had (environment).
    #[error("sign-in is not possible for now")]
    Unavailable,
}

impl SignInError {
    /// A stable code for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "token-missing",
            Self::Malformed => "token-malformed",
            Self::Expired => "token-expired",
            Self::NotYet => "token-not-yet-valid",
            Self::WrongIssuer => "token-wrong-issuer",
            Self::WrongAudience => "token-wrong-audience",
            Self::UnknownKey => "token-unknown-key",
            Self::BadSignature => "token-bad-signature",
            Self::NoUser => "token-names-nobody",
            Self::Revoked => "token-revoked",
            Self::Unavailable => "sign-in-unavailable",
        }
    }
}

/// Verifies tokens.
#[derive(Debug)]
pub struct SignIn {
    rules: Rules,
    keys: Vec<Key>,
    key_sets: Vec<Arc<KeySet>>,
    app: Option<App>,
    /// Ended when this is dropped.
    _fetching: JoinSet<()>,
}

impl SignIn {
    /// Begins to fetch key sets, within a tokio runtime. Fails where the system's certificates
    /// cannot be read.
    pub fn start(config: SignInConfig) -> Result<Self, reqwest::Error> {
        if config.rules.audience.is_none() {
            tracing::warn!("sign-in names no audience: tokens for other services are taken, too");
        }
        Self::with_pace(config, Pace::default())
    }

    fn with_pace(config: SignInConfig, pace: Pace) -> Result<Self, reqwest::Error> {
        signatures::install();
        let sets = config.key_sets.iter().cloned().map(|url| Ok(Arc::new(KeySet::new(url, pace)?)));
        let key_sets = sets.collect::<Result<Vec<_>, reqwest::Error>>()?;
        let mut fetching = JoinSet::new();
        for set in &key_sets {
            let set = Arc::clone(set);
            fetching.spawn(async move { set.keep().await });
        }
        let SignInConfig { rules, keys, app, .. } = config;
        Ok(Self { rules, keys, key_sets, app, _fetching: fetching })
    }

    /// What an app in a browser needs, where the operator names one.
    pub fn app(&self) -> Option<&App> {
        self.app.as_ref()
    }

    /// The same as a SMART configuration.
    pub fn smart_configuration(&self) -> Option<Value> {
        let keys = self.key_sets.first().map(|set| set.url());
        Some(self.app.as_ref()?.smart_configuration(keys))
    }

    /// Whom a token speaks for. Waits for the provider where the token names a key that is not known,
    /// at most once in ten seconds for everybody.
    ///
    /// Costs 4 µs for HS256, 25 µs for RS256 and 60 µs for ES256, so nothing is remembered of a token.
    pub async fn identify(&self, token: &str) -> Result<Identity, SignInError> {
        let claims = match self.verify(token) {
            Err(Unverified { may_be_new: true, .. }) if !self.key_sets.is_empty() => {
                for set in &self.key_sets {
                    set.refresh().await;
                }
                let is_lost = self.key_sets.iter().any(|set| set.keys().is_none());
                let lost = is_lost.then_some(SignInError::Unavailable);
                self.verify(token).map_err(|unverified| lost.unwrap_or(unverified.error))?
            }
            verified => verified.map_err(|unverified| unverified.error)?,
        };
        self.rules.identity(&claims, clock::now_ms())
    }

    /// What a token says, once its signature is verified.
    fn verify(&self, token: &str) -> Result<Value, Unverified> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(SignInError::Malformed.into());
        }
        let header = decode_header(token).map_err(|_| SignInError::Malformed)?;
        // Extensions that must be understood; none is here (RFC 7515, section 4.1.11).
        if header.crit.is_some() {
            return Err(SignInError::Malformed.into());
        }
        let id = header.kid.as_deref();
        let sets: Vec<_> = self.key_sets.iter().filter_map(|set| set.keys()).collect();
        let known = self.keys.iter().chain(sets.iter().flat_map(|keys| keys.iter()));
        let (mut error, mut is_named) = (SignInError::UnknownKey, false);
        for key in known.filter(|key| key.may_have_signed(header.alg, id)) {
            match decode(token, &key.key, &only_signature(key)) {
                Ok(token) => return Ok(token.claims),
                Err(failure) if matches!(failure.kind(), ErrorKind::InvalidSignature) => {
                    error = SignInError::BadSignature;
                    is_named |= id.is_none() || key.id.as_deref() == id;
                }
                Err(_) => return Err(SignInError::Malformed.into()),
            }
        }
        Err(Unverified { error, may_be_new: !is_named })
    }
}

/// Why a token is not verified, and whether a key may have signed it that is not known yet.
struct Unverified {
    error: SignInError,
    may_be_new: bool,
}

impl From<SignInError> for Unverified {
    fn from(error: SignInError) -> Self {
        Self { error, may_be_new: false }
    }
}

/// Checks the signature by the key's own algorithm; `claims` checks what was signed.
fn only_signature(key: &Key) -> Validation {
    let mut validation = Validation::new(key.scheme.into());
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation
}

#[cfg(test)]
mod tests;
