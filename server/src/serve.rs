//! From an open listener to a server, and back down in order.

use std::{net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use tokio::{net::TcpListener, sync::oneshot, time::timeout};

use crate::{
    audit::{Act, Entry},
    auth::{AccessConfig, HubRef},
    config::{ServerConfig, audit_key},
    facility::Facility,
    fhir,
    hub::Hub,
    hygiene::{Hygiene, Origins},
    limits::sockets_possible,
    peers::Peers,
    retention, router,
    sign_in::SignIn,
    storage::{Sled, Storage, StorageError},
    transport::Transport,
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
         there could read every chart; listen on 127.0.0.1, or say with --sign-in whose tokens are \
         taken"
    )]
    Exposed {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The store does not open (data, environment).
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The system's certificates cannot be read, so neither webhooks nor keys of sign-ins can be fetched
    /// (environment).
    #[error("webhooks or sign-in do not start: {0}")]
    Certificates(#[from] reqwest::Error),
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
    refuse_exposed(listener.local_addr()?, config.sign_in.is_some())?;
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
    mut config: ServerConfig,
    storage: Arc<dyn Storage>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), RunError> {
    let address = listener.local_addr()?;
    refuse_exposed(address, config.sign_in.is_some())?;
    let scheme = scheme(&config);
    if let Some((tokens, roles)) = config.sign_in {
        let sign_in = Some(Arc::new(SignIn::start(tokens)?));
        config.hub.access = AccessConfig { sign_in, roles };
    }
    let hub = Hub::start(storage, config.hub.clone())?;
    config.fhir.https = config.tls.is_some();
    config.fhir.public_url =
        config.public_url.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned());
    let started = Entry::by_server(Act::Start).detail("version", env!("CARGO_PKG_VERSION"));
    hub.audit().note(started.detail("address", address.to_string()));
    let webhooks = Arc::new(Webhooks::start(&hub, config.webhooks)?);
    if !hub.gate().signs_in() {
        tracing::warn!(
            "no sign-in is configured: whoever is on this machine may read and change every chart, \
             under any name; this server answers nobody else"
        );
    }
    tracing::info!("listening on {scheme}://{address}");
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
    let exceeded = hub.metrics().exceeded.clone();
    let public = config.public_url.as_ref();
    let only_https = config.tls.is_some() || public.is_some_and(|url| url.scheme() == "https");
    let origins = Origins::new(config.origins, public);
    let app = Hygiene::new(origins, only_https, hub.limits(), exceeded.clone()).apply(app);
    let renewing = config.tls.clone().map(|tls| tokio::spawn(tls.keep()));
    let transport = Transport::new(config.tls, hub.limits(), exceeded);
    let (stop, stopping) = oneshot::channel();
    let signal = async move {
        shutdown.await;
        // The other half waits below for as long as this one exists.
        let _ = stop.send(());
    };
    let mut serving = pin!(transport.serve(listener, app, signal));
    let ended = tokio::select! {
        biased;
        _ = stopping => false,
        () = &mut serving => true,
    };
    tracing::info!("shutting down");
    renewing.inspect(tokio::task::JoinHandle::abort);
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
        if !ended && timeout(REQUESTS_GRACE, serving).await.is_err() {
            tracing::warn!("requests were still under way");
        }
    };
    tokio::join!(closing, requests);
    tracing::info!("closed in order");
    Ok(())
}

/// How the server is reached.
pub(crate) fn scheme(config: &ServerConfig) -> &'static str {
    if config.tls.is_some() { "https" } else { "http" }
}

/// Refuses an address that other machines reach, where nobody has to sign in.
pub(crate) fn refuse_exposed(address: SocketAddr, signs_in: bool) -> Result<(), RunError> {
    match address.ip().is_loopback() || signs_in {
        true => Ok(()),
        false => Err(RunError::Exposed { address }),
    }
}

#[cfg(test)]
mod tests;
