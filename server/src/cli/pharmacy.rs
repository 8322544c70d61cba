//! `chartroom pharmacy rebuild`: the queue anew from the patients' rooms.

use std::process::ExitCode;

use anyhow::bail;

use super::{
    Store, open, runtime,
    target::{Server, error_message},
};
use crate::facility::{
    FacilityConfig,
    pharmacy::{Queue, Rebuilt},
};

/// Rebuilds the queue of a running server.
pub(super) fn rebuild_in_server(server: &Server) -> anyhow::Result<ExitCode> {
    let (status, body) = server.post("/rooms/pharmacy:queue/rebuild", Vec::new())?;
    if status != 200 {
        bail!("the server answered {status}: {}", error_message(&body));
    }
    Ok(tell(serde_json::from_slice(&body)?))
}

/// Rebuilds the queue of a store that no server has open.
pub(super) fn rebuild_in_store(store: &Store) -> anyhow::Result<ExitCode> {
    let changes_max = FacilityConfig::default().changes_max;
    runtime()?.block_on(async {
        let hub = open(store)?;
        let rebuilt = Queue::new(&hub, changes_max).rebuild().await;
        hub.close(false).await;
        Ok(tell(rebuilt?))
    })
}

/// Exit code 1 where a room was left out.
fn tell(rebuilt: Rebuilt) -> ExitCode {
    let Rebuilt { rooms, changed, unreadable } = rebuilt;
    eprintln!("{rooms} rooms read, {changed} entries changed, {unreadable} rooms left out");
    if unreadable == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) }
}
