//! `chartroom sync`: rooms of a store brought in step with a server, both ways, once.
//!
//! Exit codes: 0 both have the same of every room; 1 some rooms are left, each named with its reason;
//! 2 the server could not be reached, or closed the link.

use std::{path::Path, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use tokio::{sync::watch, time::timeout};

use super::{Store, open_with, progress::Progress, runtime};
use chartroom_engine::access::RoomPattern;

use crate::{
    hub::{Hub, HubConfig},
    peers::{
        config::{KnownServer, Servers},
        end::End,
        link::Link,
    },
};

/// Brings rooms in step; gives up when nothing moves for `patience`.
pub(super) fn sync(
    store: &Store,
    url: &str,
    rooms: &[RoomPattern],
    token_file: Option<&Path>,
    patience: Duration,
) -> anyhow::Result<ExitCode> {
    let mut servers = Servers::default();
    servers.add(url, token_file, rooms)?;
    let config = HubConfig { servers: servers.clone(), ..HubConfig::default() };
    runtime()?.block_on(async {
        let hub = open_with(store, config)?;
        let known = servers.known.into_iter().next().context("no server is named")?;
        let outcome = run(&hub, known, patience).await;
        hub.close(true).await;
        outcome
    })
}

async fn run(hub: &Arc<Hub>, known: KnownServer, patience: Duration) -> anyhow::Result<ExitCode> {
    let (tell, mut told) = watch::channel(Default::default());
    let mut link = Link::new(hub, known).context("no server is named")?.telling(tell);
    let progress = Progress::of_rooms();
    let mut running = Box::pin(link.run(true));
    let end = loop {
        tokio::select! {
            end = &mut running => break end,
            moved = timeout(patience, told.changed()) => match moved {
                Ok(_) => {
                    let at = told.borrow_and_update();
                    progress.at_of(at.lag.rooms - at.lag.behind, at.lag.rooms);
                }
                Err(_) => bail!("nothing moved for {} s", patience.as_secs()),
            },
        }
    };
    drop(running);
    if !matches!(end, End::Done) {
        bail!("{end}");
    }
    let (held, kept_aside) = (link.held(), hub.quarantine().list());
    for room in &held {
        progress.note(&format!("{}: left: {}", room.room, room.code));
    }
    for kept in &kept_aside {
        progress.note(&format!("{}: a change is kept aside: {}", kept.room.name, kept.code));
    }
    let rooms = link.rooms();
    progress.end(&format!(
        "{rooms} rooms: {} in step, {} left; {} changes kept aside",
        rooms - held.len(),
        held.len(),
        kept_aside.len()
    ));
    let whole = held.is_empty() && kept_aside.is_empty();
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
