//! What a verified token says: whether it holds now and here, and of whom.
//!
//! `jsonwebtoken` would check times itself, but by a clock of its own, and it reads no fraction of a
//! second where serde_json keeps numbers to the digit, as FHIR's decimals need.

use chartroom_engine::{Author, limits::PERSON_BYTES_MAX};
use serde_json::Value;

use super::{Identity, SignInError, config::Claims};
use crate::auth::is_reserved;

/// Longest id of a FHIR resource (FHIR R4, datatypes.html#id).
const FHIR_ID_BYTES_MAX: usize = 64;

/// What tokens have to say, and where they say it.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub issuer: Option<String>,
    pub audience: Option<String>,
    pub claims: Claims,
    pub scope_default: Option<String>,
    pub leeway_ms: u64,
}

impl Rules {
    /// Whom a verified token's claims are of.
    pub fn identity(&self, claims: &Value, now_ms: u64) -> Result<Identity, SignInError> {
        let expires_ms = self.check(claims, now_ms)?;
        let author = self.author(claims)?;
        let named = |path: &str| find(claims, path).filter(|value| !value.is_null());
        let scope = match named(&self.claims.scope) {
            Some(scope) => words(scope)?.join(" "),
            None => self.scope_default.clone().unwrap_or_default(),
        };
        let text = |value: &Value| value.as_str().map(str::to_owned).ok_or(SignInError::Malformed);
        let patient = named(&self.claims.patient).map(text).transpose()?;
        if !patient.as_deref().is_none_or(is_fhir_id) {
            return Err(SignInError::Malformed);
        }
        Ok(Identity {
            author,
            roles: named(&self.claims.roles).map_or(Ok(Vec::new()), words)?,
            scope,
            patient,
            expires_ms,
            issued_ms: instant_ms(claims, "iat")?,
            token_id: named("jti").map(text).transpose()?,
        })
    }

    /// Checks the registered claims (RFC 7519, section 4.1); gives until when the token is taken.
    fn check(&self, claims: &Value, now_ms: u64) -> Result<u64, SignInError> {
        let expires = instant_ms(claims, "exp")?.ok_or(SignInError::Malformed)?;
        let expires_ms = expires.saturating_add(self.leeway_ms);
        if now_ms >= expires_ms {
            return Err(SignInError::Expired);
        }
        let begins = instant_ms(claims, "nbf")?.unwrap_or(0);
        if begins > now_ms.saturating_add(self.leeway_ms) {
            return Err(SignInError::NotYet);
        }
        if self.issuer.as_deref().is_some_and(|issuer| claims["iss"] != issuer) {
            return Err(SignInError::WrongIssuer);
        }
        let is_meant = |audience: &String| {
            let named = &claims["aud"];
            named == audience
                || named.as_array().is_some_and(|all| all.iter().any(|a| a == audience))
        };
        if !self.audience.as_ref().is_none_or(is_meant) {
            return Err(SignInError::WrongAudience);
        }
        Ok(expires_ms)
    }

    fn author(&self, claims: &Value) -> Result<Author, SignInError> {
        let text = |path: &str| find(claims, path).and_then(Value::as_str);
        let id = text(&self.claims.user).ok_or(SignInError::NoUser)?;
        let name = text(&self.claims.name).map(str::trim).filter(|name| !name.is_empty());
        let name = name.unwrap_or(id);
        let is_plain = |text: &str| !text.is_empty() && !text.contains(char::is_control);
        let fits = id.len() + name.len() < PERSON_BYTES_MAX;
        if !fits || id.trim() != id || is_reserved(id) || ![id, name].into_iter().all(is_plain) {
            return Err(SignInError::NoUser);
        }
        Ok(Author::new(id, name))
    }
}

/// The claim at a JSON pointer, of exactly this name, or where dots lead.
fn find<'a>(claims: &'a Value, path: &str) -> Option<&'a Value> {
    if path.starts_with('/') {
        return claims.pointer(path);
    }
    // A name may have dots: those of some providers are addresses.
    let nested = || path.split('.').try_fold(claims, |value, key| value.get(key));
    claims.get(path).or_else(nested)
}

/// Words of a text, or texts of a list.
fn words(value: &Value) -> Result<Vec<String>, SignInError> {
    if let Some(text) = value.as_str() {
        return Ok(text.split_whitespace().map(str::to_owned).collect());
    }
    let list = value.as_array().ok_or(SignInError::Malformed)?;
    list.iter().map(|item| item.as_str().map(str::to_owned).ok_or(SignInError::Malformed)).collect()
}

/// A NumericDate: seconds since 1970, perhaps with a fraction.
fn instant_ms(claims: &Value, name: &str) -> Result<Option<u64>, SignInError> {
    let value = &claims[name];
    if value.is_null() {
        return Ok(None);
    }
    let seconds = value.as_f64().ok_or(SignInError::Malformed)?;
    // Saturates: what is before 1970 is 1970.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
    Ok(Some((seconds * 1000.0) as u64))
}

fn is_fhir_id(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    (1..=FHIR_ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_plain)
}
