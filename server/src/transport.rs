//! From an accepted connection to requests: TLS where it is on, HTTP/1.1, and an end in order.
//!
//! `axum::serve` would do the same without TLS, and without what keeps a slow or greedy client from
//! holding connections: a head has a time and a size, an address so many connections. A socket that
//! was upgraded is no connection of this any more.

mod tls;

use std::{
    io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use axum::{Extension, Router, extract::ConnectInfo};
use chartroom_engine::limits::{
    ADDRESS_CONNECTIONS_MAX, HANDSHAKE_WAIT_MS, HEAD_BYTES_MAX, HEAD_WAIT_MS, HTTP_CONNECTIONS_MAX,
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::{sleep, timeout},
};
use tower::Layer;

use crate::limits::{Crowd, Exceeded, Limit, Limits};

pub use tls::{Tls, TlsError};

/// How long nothing is accepted behind a failure, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// How connections are served.
pub(crate) struct Transport {
    tls: Option<Tls>,
    http: http1::Builder,
    crowd: Crowd,
    /// Whether connections from this machine are counted by address, too.
    counts_local: bool,
    exceeded: Exceeded,
}

impl Transport {
    /// Serves nobody yet.
    pub fn new(tls: Option<Tls>, limits: &Limits, exceeded: Exceeded) -> Self {
        let most = limits.address_connections_max;
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(Duration::from_millis(HEAD_WAIT_MS))
            .max_header_size(HEAD_BYTES_MAX);
        Self {
            tls,
            http,
            crowd: Crowd::new(most.unwrap_or(ADDRESS_CONNECTIONS_MAX)),
            counts_local: most.is_some(),
            exceeded,
        }
    }

    /// As it is, but a head has less time.
    #[cfg(test)]
    pub fn with_head_wait(mut self, head_wait: Duration) -> Self {
        self.http.header_read_timeout(head_wait);
        self
    }

    /// Serves until `shutdown` ends, and then until the requests under way are answered.
    pub async fn serve(
        self,
        listener: TcpListener,
        app: Router,
        shutdown: impl Future<Output = ()>,
    ) {
        let transport = Arc::new(self);
        let places = Arc::new(Semaphore::new(HTTP_CONNECTIONS_MAX));
        let (stop, _) = watch::channel(());
        let mut shutdown = pin!(shutdown);
        loop {
            let accepted = async {
                let place = Arc::clone(&places).acquire_owned().await.expect("it is never closed");
                (place, accept(&listener).await)
            };
            let (place, (socket, peer)) = tokio::select! {
                biased;
                () = &mut shutdown => break,
                accepted = accepted => accepted,
            };
            let source = source(peer.ip());
            let present = transport.crowd.enter(source);
            if present.is_none() && (transport.counts_local || !source.is_loopback()) {
                transport.exceeded.note(Limit::AddressConnections);
                continue;
            }
            let (transport, app, stopping) =
                (Arc::clone(&transport), app.clone(), stop.subscribe());
            tokio::spawn(async move {
                transport.connection(socket, peer, app, stopping).await;
                drop((place, present));
            });
        }
        drop(listener);
        // Nobody listens where no connection is open.
        let _ = stop.send(());
        stop.closed().await;
    }

    async fn connection(
        &self,
        socket: TcpStream,
        peer: SocketAddr,
        app: Router,
        stopping: watch::Receiver<()>,
    ) {
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY was not set");
        }
        let Some(tls) = &self.tls else { return self.http(socket, peer, app, stopping).await };
        let handshake = tls.acceptor().accept(socket);
        match timeout(Duration::from_millis(HANDSHAKE_WAIT_MS), handshake).await {
            Ok(Ok(stream)) => self.http(stream, peer, app, stopping).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        }
    }

    async fn http(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: SocketAddr,
        app: Router,
        mut stopping: watch::Receiver<()>,
    ) {
        let service = TowerToHyperService::new(Extension(ConnectInfo(peer)).layer(app));
        let connection = self.http.serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection.with_upgrades());
        let result = tokio::select! {
            result = &mut connection => result,
            _ = stopping.changed() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = result {
            tracing::trace!(%error, "a connection ended");
        }
    }
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection is accepted for a second");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    [ConnectionAborted, ConnectionRefused, ConnectionReset].contains(&error.kind())
}

/// What counts as one address: of IPv6 the network of 64 bits that one subscriber has.
pub(crate) fn source(address: IpAddr) -> IpAddr {
    let address = address.to_canonical();
    let IpAddr::V6(v6) = address else { return address };
    let [a, b, c, d, ..] = v6.segments();
    if v6.is_loopback() { address } else { Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into() }
}

#[cfg(test)]
mod tests;
