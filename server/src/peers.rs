//! Rooms synced between servers.
//!
//! Both ends speak `/sync`, with the engine's own session in each room. The server that dials keeps
//! the [`agenda`]: which rooms differ, and which are visited. The one that is dialled tells its rooms
//! and what changes in them (`hub/connection/server`). Who may have what stands in [`config`].
//! Start at [`link`].

pub mod agenda;
pub mod config;
pub(crate) mod end;
pub(crate) mod link;
mod socket;
pub(crate) mod status;
mod width;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chartroom_client::backoff::{Backoff, Trouble};
use chartroom_engine::RoomId;
use parking_lot::Mutex;
use tokio::{
    task::JoinSet,
    time::{Instant, timeout_at},
};

use crate::{
    clock,
    hub::{Hub, RoomError},
    storage::{Fact, Storage, StorageError},
};
use config::{KnownServer, Servers};
use end::End;
use link::Link;
use status::Status;

/// When this server first met another, by its name: milliseconds since 1970.
const MET: &str = "server";

/// A link that stood for so long was well.
const STOOD: Duration = Duration::from_secs(10);

/// All other servers, as the hub knows them.
pub(crate) struct Registry {
    /// The operator's list.
    pub servers: Servers,
    /// This server's own name.
    pub name: String,
    met: Mutex<BTreeMap<String, u64>>,
    links: Mutex<BTreeMap<Arc<str>, Arc<Status>>>,
}

impl Registry {
    /// As listed and stored.
    pub fn of(
        servers: Servers,
        storage_id: &str,
        storage: &dyn Storage,
    ) -> Result<Self, StorageError> {
        let short = storage_id.rsplit('-').next().unwrap_or(storage_id);
        let name = servers.name.clone().unwrap_or_else(|| format!("chartroom-{short}"));
        let met = storage.facts(MET)?.into_iter().filter_map(|(name, value)| {
            Some((name, std::str::from_utf8(&value).ok()?.parse().ok()?))
        });
        let (met, links) = (Mutex::new(met.collect()), Mutex::default());
        Ok(Self { servers, name, met, links })
    }

    /// How the link of a name stands; made by `new` where there is none.
    pub fn link(&self, name: &Arc<str>, new: impl FnOnce() -> Status) -> Arc<Status> {
        let mut links = self.links.lock();
        Arc::clone(links.entry(Arc::clone(name)).or_insert_with(|| Arc::new(new())))
    }

    /// Every link.
    pub fn links(&self) -> Vec<Arc<Status>> {
        self.links.lock().values().cloned().collect()
    }
}

impl Hub {
    /// When this server first met another: now, durably, where it has not.
    pub(crate) async fn met(&self, name: &str) -> Result<u64, RoomError> {
        if let Some(met) = self.registry().met.lock().get(name) {
            return Ok(*met);
        }
        let now_ms = clock::now_ms();
        let value = Some(now_ms.to_string().into_bytes());
        let fact = Fact { table: MET.to_owned(), key: name.to_owned(), value };
        // The fact is about no room; the directory stands for the server.
        let about = RoomId::first(chartroom_engine::RoomName::directory());
        self.note(about, vec![fact]).await?;
        Ok(*self.registry().met.lock().entry(name.to_owned()).or_insert(now_ms))
    }
}

/// The links that this server dials, each a task.
pub(crate) struct Peers(JoinSet<()>);

impl Peers {
    /// Begins to dial.
    pub fn start(hub: &Arc<Hub>) -> Self {
        let mut tasks = JoinSet::new();
        for known in &hub.registry().servers.known {
            let Some(target) = &known.dial else { continue };
            if !target.is_encrypted() && !crate::auth::is_loopback(&target.address()) {
                let (peer, address) = (&known.name, target.address());
                tracing::warn!(
                    %peer, address,
                    "what goes to this server can be read on the way; use wss:// outside this machine"
                );
            }
            tasks.spawn(keep_in_step(Arc::clone(hub), known.clone()));
        }
        Self(tasks)
    }

    /// Ends them.
    pub async fn stop(mut self) {
        self.0.shutdown().await;
    }
}

/// Dials a server again and again.
async fn keep_in_step(hub: Arc<Hub>, known: KnownServer) {
    let Some(mut link) = Link::new(&hub, known) else { return };
    let mut backoff = Backoff::new();
    loop {
        let began = Instant::now();
        let end = link.run(false).await;
        if link.stood() && began.elapsed() > STOOD {
            backoff.succeeded();
        }
        if matches!(end, End::Stopping) {
            return;
        }
        let trouble = end.trouble();
        let wait = backoff.failed(trouble, rand::random());
        let peer = link.status().name();
        let seconds = format!("{:.1}", wait.as_secs_f64());
        match trouble {
            Trouble::Passing => {
                tracing::info!(%peer, reason = %end, "link to a server broke; dialled again in {seconds} s");
            }
            Trouble::Lasting => {
                tracing::warn!(%peer, reason = %end, "link to a server cannot stand; dialled again in {seconds} s");
            }
        }
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        link.status().broke(end.to_string(), Some(clock::now_ms() + wait_ms));
        let until = Instant::now() + wait;
        // What changes meanwhile is counted, so that the lag shows.
        while let Ok(()) = timeout_at(until, link.rest()).await {}
    }
}
