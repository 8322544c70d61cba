//! `chartroom refound`: a room's next epoch, with what stands now and none of its history.

use std::process::ExitCode;

use anyhow::{Context, bail};
use chartroom_engine::RoomName;
use serde_json::Value;

use super::{
    Store, open, runtime,
    target::{Server, error_message},
};

/// Founds a room of a store anew.
pub(super) fn in_store(room: &str, store: &Store) -> anyhow::Result<ExitCode> {
    let name: RoomName = room.parse().context("this is no room name")?;
    let runtime = runtime()?;
    let hub = {
        let _guard = runtime.enter();
        open(store)?
    };
    let founded = runtime.block_on(async {
        if hub.stored(&name).await?.is_none() {
            bail!("there is no room {name} in this store");
        }
        Ok(hub.refound(&name).await?.epoch)
    });
    runtime.block_on(hub.close(false));
    tell(&name, founded?.into())
}

/// Founds a room of a running server anew.
pub(super) fn on_server(room: &str, server: &Server) -> anyhow::Result<ExitCode> {
    let name: RoomName = room.parse().context("this is no room name")?;
    let (status, body) = server.post(&format!("/rooms/{name}/refound"), Vec::new())?;
    if status != 200 {
        bail!("the server answered {status}: {}", error_message(&body));
    }
    let answer: Value = serde_json::from_slice(&body)?;
    tell(&name, answer.get("epoch").cloned().unwrap_or_default())
}

fn tell(name: &RoomName, epoch: Value) -> anyhow::Result<ExitCode> {
    eprintln!("{name} is in epoch {epoch} now");
    Ok(ExitCode::SUCCESS)
}
