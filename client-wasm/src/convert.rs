//! The only module that takes JavaScript values apart or puts them together.
//!
//! JSON passes as text: decimals keep their digits on this side, and `JSON.parse` is faster than
//! building objects value by value from here.

use std::{fmt::Display, sync::Arc};

use chartroom_engine::{ChangeHash, Command, Document};
use js_sys::{Array, Error, Reflect, Uint8Array};
use serde::Serialize;
use serde_json::Value;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

#[wasm_bindgen(typescript_custom_section)]
const OUTPUTS: &str = "
/**
 * What a call had to say: a report as JSON if anything happened, sync messages to send, and changes
 * to keep behind the snapshot. Where the report says `adopted`, keep the whole document instead.
 */
export type Outputs = [
  report: string | undefined,
  messages: Uint8Array<ArrayBuffer>[],
  changes: Uint8Array<ArrayBuffer>[],
];
";

#[wasm_bindgen]
extern "C" {
    /// `Outputs` of the TypeScript section.
    #[wasm_bindgen(extends = Array, typescript_type = "Outputs")]
    pub type Outputs;
}

/// An error that JavaScript catches: an `Error` with a stable `code`.
pub struct Failure {
    code: &'static str,
    message: String,
}

impl Failure {
    /// `error` is told to people; it holds no patient data.
    pub fn new(code: &'static str, error: &dyn Display) -> Self {
        Self { code, message: error.to_string() }
    }
}

impl From<Failure> for JsValue {
    fn from(failure: Failure) -> Self {
        let error = Error::new(&failure.message);
        // Setting a property of a fresh object cannot fail.
        let _ = Reflect::set(&error, &"code".into(), &failure.code.into());
        error.into()
    }
}

/// What a call gives back.
pub fn outputs(report: Option<String>, messages: &[Arc<[u8]>], changes: &[Arc<[u8]>]) -> Outputs {
    let bytes = |chunks: &[Arc<[u8]>]| -> Array {
        chunks.iter().map(|chunk| Uint8Array::from(chunk.as_ref())).collect()
    };
    let array = Array::of3(&report.into(), &bytes(messages), &bytes(changes));
    JsValue::from(array).into()
}

/// Milliseconds since 1970; JavaScript has no other number for it.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a time is a whole number far below 2^53, and a cast saturates"
)]
pub fn time(now_ms: f64) -> u64 {
    now_ms as u64
}

/// Eight random bytes.
pub fn random(bytes: &[u8]) -> Result<[u8; 8], Failure> {
    bytes.try_into().map_err(|_| Failure::new("bad-argument", &"8 random bytes are needed"))
}

/// Hashes, 32 bytes each, one behind the other.
pub fn hashes(bytes: &[u8]) -> Result<Vec<ChangeHash>, Failure> {
    let bad = |_| Failure::new("bad-argument", &"a hash has 32 bytes");
    bytes.chunks(32).map(|hash| ChangeHash::try_from(hash).map_err(bad)).collect()
}

/// Heads in hex, each of which the document has.
pub fn heads(document: &Document, heads: &[String]) -> Result<Vec<ChangeHash>, Failure> {
    let known = |head: &String| head.parse().ok().filter(|head| document.contains(head));
    let all: Option<Vec<ChangeHash>> = heads.iter().map(known).collect();
    all.ok_or_else(|| Failure::new("unknown-heads", &"the room has no change of such a hash"))
}

/// Reads the JSON text of a command. The error says where it cannot be read, and repeats nothing of
/// the text.
pub fn command(text: &str) -> Result<Command, Failure> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let place = format!("the JSON cannot be read at line {line} column {column}");
        Failure::new("bad-shape", &place)
    })?;
    serde_json::from_value(value)
        .map_err(|_| Failure::new("bad-shape", &"the JSON is no command of a known kind"))
}

/// Reads the JSON text of edits that were not acknowledged: an array of pairs of hash and command.
pub fn pending(text: &str) -> Option<Vec<(ChangeHash, Command)>> {
    let edits: Vec<(String, Value)> = serde_json::from_str(text).ok()?;
    let edit = |(hash, command): (String, Value)| {
        Some((hash.parse().ok()?, serde_json::from_value(command).ok()?))
    };
    edits.into_iter().map(edit).collect()
}

/// Writes JSON text.
pub fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| Failure::new("engine-failed", &error))
}
