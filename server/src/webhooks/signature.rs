//! Signing, as the Standard Webhooks convention has it.
//!
//! Source: Standard Webhooks specification, "Signature scheme", symmetric signatures.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// What a secret begins with.
const PREFIX: &str = "whsec_";
/// How long its key may be.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The secrets that a target's deliveries are signed with: one, or during a change two.
#[derive(Clone)]
pub struct Secrets(Vec<Vec<u8>>);

/// The text holds no secret of the right form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a secret is whsec_ and the base64 of 24 to 64 random bytes; several stand side by side")]
pub struct SecretError;

impl Secrets {
    /// Reads secrets with white space between them.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let keys: Vec<Vec<u8>> = text.split_whitespace().map(key).collect::<Result<_, _>>()?;
        if keys.is_empty() { Err(SecretError) } else { Ok(Self(keys)) }
    }

    /// The header `webhook-signature`: one signature a secret.
    pub fn sign(&self, id: &str, timestamp_s: u64, body: &[u8]) -> String {
        let signatures: Vec<String> = self
            .0
            .iter()
            .map(|key| {
                let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes every key");
                mac.update(format!("{id}.{timestamp_s}.").as_bytes());
                mac.update(body);
                format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
            })
            .collect();
        signatures.join(" ")
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

fn key(text: &str) -> Result<Vec<u8>, SecretError> {
    let encoded = text.strip_prefix(PREFIX).ok_or(SecretError)?;
    let key = BASE64_STANDARD.decode(encoded).map_err(|_| SecretError)?;
    if KEY_BYTES.contains(&key.len()) { Ok(key) } else { Err(SecretError) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    /// The example that the convention's own libraries are tested with.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn signed(secrets: &str) -> String {
        Secrets::parse(secrets).unwrap().sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        )
    }

    #[test]
    fn the_example_of_the_convention_is_signed_as_there() {
        assert_eq!(signed(SECRET), SIGNATURE);
    }

    #[test]
    fn during_a_change_of_secret_both_sign() {
        let both = signed(&format!("{SECRET}\nwhsec_{}\n", BASE64_STANDARD.encode([7; 32])));
        let (first, second) = both.split_once(' ').unwrap();
        assert_eq!(first, SIGNATURE);
        assert!(second.starts_with("v1,") && second != SIGNATURE, "{second}");
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        let short = format!("whsec_{}", BASE64_STANDARD.encode([7; 23]));
        for bad in ["", " ", "hunter2", "whsec_", "whsec_%%", &short, &format!("{SECRET} x")] {
            assert_eq!(Secrets::parse(bad).err(), Some(SecretError), "{bad}");
        }
    }
}
