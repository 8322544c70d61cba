//! `chartroom members`, `admit`, `dismiss` and `revoke`: who may come into rooms of a running server.

use std::{io::Write, process::ExitCode};

use anyhow::bail;
use chartroom_engine::RoomName;
use serde_json::{Value, json};

use super::target::{Server, error_message, segment};
use crate::config::Revoked;

/// Prints who belongs to a room, and whose glass is broken, as JSON.
pub(super) fn members(server: &Server, room: &RoomName) -> anyhow::Result<ExitCode> {
    let (status, body) = server.get(&format!("/rooms/{room}/members"))?;
    done(status, &body)?;
    let people: Value = serde_json::from_slice(&body)?;
    writeln!(std::io::stdout().lock(), "{people:#}")?;
    Ok(ExitCode::SUCCESS)
}

/// Lets somebody in.
pub(super) fn admit(
    server: &Server,
    room: &RoomName,
    person: &str,
    read: bool,
    name: Option<&str>,
) -> anyhow::Result<ExitCode> {
    let level = if read { "read" } else { "write" };
    let membership = json!({ "level": level, "name": name });
    change(server, "PUT", &member(room, person), &membership)
}

/// Takes a membership away.
pub(super) fn dismiss(server: &Server, room: &RoomName, person: &str) -> anyhow::Result<ExitCode> {
    change(server, "DELETE", &member(room, person), &Value::Null)
}

/// Takes sign-ins back.
pub(super) fn revoke(server: &Server, meant: &Revoked) -> anyhow::Result<ExitCode> {
    let meant = match (&meant.person, &meant.token) {
        (Some(id), _) => json!({ "person": id }),
        (None, id) => json!({ "token": id }),
    };
    change(server, "POST", "/sign-in/revoke", &meant)
}

fn member(room: &RoomName, person: &str) -> String {
    format!("/rooms/{room}/members/{}", segment(person))
}

fn change(server: &Server, method: &str, path: &str, body: &Value) -> anyhow::Result<ExitCode> {
    let (status, answer) = server.call(method, path, body.to_string().into_bytes())?;
    done(status, &answer)?;
    Ok(ExitCode::SUCCESS)
}

fn done(status: u16, body: &[u8]) -> anyhow::Result<()> {
    match status {
        200..300 => Ok(()),
        404 => bail!("there is no such room on this server"),
        _ => bail!("the server answered {status}: {}", error_message(body)),
    }
}
