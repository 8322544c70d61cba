//! Keys that tokens are signed with, each bound to its one algorithm.

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;

/// Shortest secret for HS256 (RFC 7518, section 3.2).
const SECRET_BYTES_MIN: usize = 32;
/// Shortest RSA modulus (RFC 7518, section 3.3).
const RSA_BYTES_MIN: usize = 2048 / 8;
/// An uncompressed point of P-256.
const POINT_BYTES: usize = 65;

/// How a token may be signed (RFC 7518, section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Scheme {
    Hs256,
    Rs256,
    Es256,
}

impl From<Scheme> for Algorithm {
    fn from(scheme: Scheme) -> Self {
        match scheme {
            Scheme::Hs256 => Self::HS256,
            Scheme::Rs256 => Self::RS256,
            Scheme::Es256 => Self::ES256,
        }
    }
}

/// A key and the one algorithm that it verifies: a public key is never taken for a secret.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub scheme: Scheme,
    /// Its id; a key without one is tried for every token of its algorithm.
    pub id: Option<String>,
    pub key: DecodingKey,
}

impl Key {
    /// From the bytes of an operator's file; an error says what the file has to be.
    pub fn from_file(
        scheme: Scheme,
        id: Option<String>,
        bytes: &[u8],
    ) -> Result<Self, &'static str> {
        let (key, wanted) = match scheme {
            Scheme::Hs256 => (secret(bytes), "holds at least 32 bytes of secret"),
            Scheme::Rs256 => (rsa(bytes), "holds an RSA public key of 2048 bits or more, as PEM"),
            Scheme::Es256 => (point(bytes), "holds a public key on the curve P-256, as PEM"),
        };
        Ok(Self { scheme, id, key: key.ok_or(wanted)? })
    }

    /// From an entry of a key set (RFC 7517); `None` for what no token is to be verified with.
    ///
    /// A set is public, so secrets in it are none, and nobody else's algorithms are taken.
    pub fn from_jwk(entry: &Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(entry.clone()).ok()?;
        let named = jwk.common.key_algorithm;
        let fits = |algorithm| named.is_none_or(|named| named == algorithm);
        let scheme = if matches!(jwk.algorithm, AlgorithmParameters::RSA(_)) {
            fits(KeyAlgorithm::RS256).then_some(Scheme::Rs256)
        } else if let AlgorithmParameters::EllipticCurve(key) = &jwk.algorithm {
            let is_ours = key.curve == EllipticCurve::P256 && fits(KeyAlgorithm::ES256);
            is_ours.then_some(Scheme::Es256)
        } else {
            None
        };
        let signs =
            jwk.common.public_key_use.as_ref().is_none_or(|to| *to == PublicKeyUse::Signature);
        let key = DecodingKey::from_jwk(&jwk).ok()?;
        signs.then_some(Self { scheme: scheme?, id: jwk.common.key_id, key })
    }

    /// Whether a token that names `id`, or none, may be signed with it.
    pub fn may_have_signed(&self, algorithm: Algorithm, id: Option<&str>) -> bool {
        let is_named = self.id.as_deref().zip(id).is_none_or(|(own, named)| own == named);
        Algorithm::from(self.scheme) == algorithm && is_named
    }
}

/// Without the line end that an editor leaves behind it.
fn secret(bytes: &[u8]) -> Option<DecodingKey> {
    let secret = bytes.trim_ascii_end();
    if secret.len() < SECRET_BYTES_MIN {
        return None;
    }
    DecodingKey::from_secret(secret).ok()
}

fn rsa(pem: &[u8]) -> Option<DecodingKey> {
    let kinds: [&[u8]; 2] = [b"-----BEGIN PUBLIC KEY-----", b"-----BEGIN RSA PUBLIC KEY-----"];
    let is_public = kinds.iter().any(|kind| pem.starts_with(kind));
    let key = DecodingKey::from_rsa_pem(pem).ok().filter(|_| is_public)?;
    (key.try_get_as_bytes().ok()?.len() >= RSA_BYTES_MIN).then_some(key)
}

fn point(pem: &[u8]) -> Option<DecodingKey> {
    let is_public = pem.starts_with(b"-----BEGIN PUBLIC KEY-----");
    let key = DecodingKey::from_ec_pem(pem).ok().filter(|_| is_public)?;
    (key.try_get_as_bytes().ok()?.len() == POINT_BYTES).then_some(key)
}
