//! From an open listener to a server, and back down in order.

use std::{net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::serve::ListenerExt;
use tokio::{net::TcpListener, sync::oneshot, time::timeout};

use crate::{
    audit::{Act, Entry},
    auth::HubRef,
    config::{ServerConfig, audit_key},
    facility::Facility,
    fhir,
    hub::Hub,
    limits::sockets_possible,
    peers::Peers,
    retention, router,
    storage::{Sled, Storage, StorageError},
    webhooks::Webhooks,
};

/// How long requests may take to end once the server closes.
const REQUESTS_GRACE: Duration = Duration::from_secs(10);

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Without sign-in everybody who reaches the address could read every chart (caller).
    #[error(
        "{address} can be reached from other machines, and no sign-in is configured, so everybody \
         there could read every chart; listen on 127.0.0.1 instead (this version has no \
         authentication setting yet)"
    )]
    Exposed {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The store does not open (data, environment).
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The system's certificates cannot be read, so no webhook can be (environment).
    #[error("webhooks do not start: {0}")]
    Webhooks(#[from] reqwest::Error),
    /// The system below failed (environment).
    #[error("the listener failed: {0}")]
    Listener(#[from] std::io::Error),
}

/// Serves the store that `config` names until `shutdown` ends, then flushes and closes.
pub async fn run(
    mut config: ServerConfig,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), RunError> {
    // Before the store is touched: refusing must leave nothing behind.
    refuse_exposed(listener.local_addr()?)?;
    let wanted = config.hub.limits.connections_max;
    config.hub.limits.connections_max = sockets_possible(wanted);
    if config.hub.limits.connections_max < wanted {
        let possible = config.hub.limits.connections_max;
        tracing::warn!(
            possible,
            wanted,
            "the system allows fewer open files than sockets are wanted"
        );
    }
    config.hub.audit_key.get_or_insert_with(|| audit_key(&config.data));
    let folder = config.data.clone();
    let storage = tokio::task::spawn_blocking(move || Sled::at(&folder)).await;
    let storage =
        storage.map_err(|_| StorageError::Environment("opening panicked".to_owned()))??;
    run_with_storage(config, Arc::new(storage), listener, shutdown).await
}

/// As [`run`], over a storage of the caller's.
pub async fn run_with_storage(
    config: ServerConfig,
    storage: Arc<dyn Storage>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), RunError> {
    let address = listener.local_addr()?;
    refuse_exposed(address)?;
    let hub = Hub::start(storage, config.hub.clone())?;
    let started = Entry::by_server(Act::Start).detail("version", env!("CARGO_PKG_VERSION"));
    hub.audit().note(started.detail("address", address.to_string()));
    let webhooks = Arc::new(Webhooks::start(&hub, config.webhooks)?);
    tracing::info!("no sign-in is configured: this server answers this machine only");
    tracing::info!("listening on http://{address}");
    let listener = listener.tap_io(|socket| {
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY was not set");
        }
    });
    let keeping = tokio::spawn(retention::run(Arc::clone(&hub), config.retention));
    let listing = tokio::spawn(fhir::list_places(Arc::clone(&hub)));
    let peers = Peers::start(&hub);
    let facility = Facility::start(&hub, config.facility);
    let app = router::build(
        HubRef(Arc::clone(&hub)),
        facility.queue(),
        Arc::clone(&webhooks),
        config.fhir,
        &config.web,
    );
    let (stop, stopping) = oneshot::channel();
    let signal = async move {
        shutdown.await;
        // The other half waits below for as long as this one exists.
        let _ = stop.send(());
    };
    let mut serving = pin!(axum::serve(listener, app).with_graceful_shutdown(signal).into_future());
    let early = tokio::select! {
        biased;
        _ = stopping => None,
        result = &mut serving => Some(result),
    };
    tracing::info!("shutting down");
    keeping.abort();
    listing.abort();
    let closing = async {
        peers.stop().await;
        facility.stop().await;
        webhooks.stop().await;
        hub.audit().note(Entry::by_server(Act::Stop));
        hub.close(false).await;
        hub.sockets_closed().await;
    };
    let requests = async {
        if early.is_none() && timeout(REQUESTS_GRACE, serving).await.is_err() {
            tracing::warn!("requests were still under way");
        }
    };
    tokio::join!(closing, requests);
    early.unwrap_or(Ok(()))?;
    tracing::info!("closed in order");
    Ok(())
}

/// Refuses an address that other machines reach.
pub(crate) fn refuse_exposed(address: SocketAddr) -> Result<(), RunError> {
    if address.ip().is_loopback() { Ok(()) } else { Err(RunError::Exposed { address }) }
}
