//! `chartroom devices` and `wipe`: what people sign in from, and a device that is lost.

use std::{io::Write, process::ExitCode};

use anyhow::bail;
use serde_json::Value;

use super::target::{Server, error_message, segment};

/// Prints a person's devices, or one's own, as JSON.
pub(super) fn devices(server: &Server, person: Option<&str>) -> anyhow::Result<ExitCode> {
    let query = person.map(|person| format!("?person={}", segment(person))).unwrap_or_default();
    print(server.get(&format!("/devices{query}"))?)
}

/// Has a device wiped, and prints since when.
pub(super) fn wipe(server: &Server, handle: &str) -> anyhow::Result<ExitCode> {
    print(server.post(&format!("/devices/{}/wipe", segment(handle)), Vec::new())?)
}

fn print((status, body): (u16, Vec<u8>)) -> anyhow::Result<ExitCode> {
    if !(200..300).contains(&status) {
        bail!("the server answered {status}: {}", error_message(&body));
    }
    let answer: Value = serde_json::from_slice(&body)?;
    writeln!(std::io::stdout().lock(), "{answer:#}")?;
    Ok(ExitCode::SUCCESS)
}
