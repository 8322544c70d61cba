//! `chartroom export`: one room as a FHIR Bundle on standard output.

use std::{io::Write, process::ExitCode};

use anyhow::{Context, bail};
use chartroom_engine::RoomName;

use super::{
    Store, open, runtime,
    target::{Server, error_message},
};

/// Exports from the store in a folder.
pub(super) fn from_store(room: &str, store: &Store) -> anyhow::Result<ExitCode> {
    let name: RoomName = room.parse().context("this is no room name")?;
    if !store.data.is_dir() {
        bail!("there is no store at {}", store.data.display());
    }
    let runtime = runtime()?;
    let hub = {
        let _guard = runtime.enter();
        open(store)?
    };
    let exported = runtime.block_on(async {
        let Some(record) = hub.stored(&name).await? else {
            bail!("there is no room {name} in this store");
        };
        let bundle = hub.open(&record.id)?.read(|room| room.document().export()).await?;
        Ok(serde_json::to_vec(&bundle)?)
    });
    runtime.block_on(hub.close(false));
    print(&exported?)
}

/// Exports from a running server.
pub(super) fn from_server(room: &str, server: &Server) -> anyhow::Result<ExitCode> {
    let name: RoomName = room.parse().context("this is no room name")?;
    match server.get(&format!("/rooms/{name}/document?format=bundle"))? {
        (200, bundle) => print(&bundle),
        (404, _) => bail!("there is no room {name} on this server"),
        (status, body) => bail!("the server answered {status}: {}", error_message(&body)),
    }
}

fn print(bundle: &[u8]) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    out.write_all(bundle)?;
    out.write_all(b"\n")?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
