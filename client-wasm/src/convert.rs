//! The only module that takes JavaScript values apart or puts them together.
//!
//! JSON passes as text: decimals keep their digits on this side, and `JSON.parse` is faster than
//! building objects value by value from here.

use std::{fmt::Display, sync::Arc};

use chartroom_engine::ChangeHash;
use js_sys::{Array, Error, Reflect, Uint8Array};
use serde::Serialize;
use serde_json::{Map, Value};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

#[wasm_bindgen(typescript_custom_section)]
const OUTPUTS: &str = "
/** What a call had to say: a report as JSON if anything happened, then sync messages to send. */
export type Outputs = [report: string | undefined, ...messages: Uint8Array<ArrayBuffer>[]];
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
pub fn outputs(report: Option<String>, messages: &[Arc<[u8]>]) -> Outputs {
    let array = Array::new();
    array.push(&report.into());
    for message in messages {
        array.push(&Uint8Array::from(message.as_ref()));
    }
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

/// Reads JSON text. The error says what is wrong and where, and repeats nothing of the text.
pub fn parse(text: &str) -> Result<Value, Failure> {
    serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let place = format!("the JSON cannot be read at line {line} column {column}");
        Failure::new("bad-shape", &place)
    })
}

/// Reads the JSON text of an object.
pub fn parse_object(text: &str) -> Result<Map<String, Value>, Failure> {
    match parse(text)? {
        Value::Object(map) => Ok(map),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(Failure::new("bad-shape", &"elements are a JSON object"))
        }
    }
}

/// Writes JSON text.
pub fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| Failure::new("engine-failed", &error))
}
