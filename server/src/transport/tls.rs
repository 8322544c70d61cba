//! The server's certificate: two PEM files, read again when they change.
//!
//! Connections that are open keep the certificate that they began with. What cannot be used is
//! logged, and the certificate before it stays.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use parking_lot::RwLock;
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::sleep,
};
use tokio_rustls::TlsAcceptor;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// A certificate with its key, from files that are watched while the server runs; copies share it.
#[derive(Clone)]
pub struct Tls {
    certificate: Arc<Path>,
    key: Arc<Path>,
    current: Arc<RwLock<Arc<ServerConfig>>>,
    look_every: Duration,
}

/// Why a certificate cannot be used (caller).
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file does not open, or is no PEM file of its kind.
    #[error("{}: {error}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        error: pem::Error,
    },
    /// The two do not go together, or are of a kind that is not supported.
    #[error("the certificate in {} and the key in {} cannot be used: {error}",
        certificate.display(), key.display())]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        error: rustls::Error,
    },
}

impl Tls {
    /// Reads a certificate, followed by those that vouch for it, and its key.
    pub fn from_files(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let current = Arc::new(RwLock::new(load(certificate, key)?));
        let (certificate, key) = (certificate.into(), key.into());
        Ok(Self { certificate, key, current, look_every: LOOK_EVERY })
    }

    /// What takes the handshake of a connection that begins now.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        Arc::clone(&self.current.read()).into()
    }

    /// Reads the files again whenever they change, and at SIGHUP, for ever.
    pub(crate) async fn keep(self) {
        let mut hangup = signal(SignalKind::hangup())
            .inspect_err(|error| tracing::warn!(%error, "SIGHUP is not heard"))
            .ok();
        let mut seen = self.stamp().await;
        loop {
            let asked = tokio::select! {
                () = sleep(self.look_every) => false,
                () = heard(&mut hangup) => true,
            };
            let now = self.stamp().await;
            if asked || now != seen {
                // Taken before the files were read: what is written meanwhile shows the next time.
                seen = now;
                self.reload().await;
            }
        }
    }

    pub(super) async fn reload(&self) {
        let (certificate, key) = (Arc::clone(&self.certificate), Arc::clone(&self.key));
        match tokio::task::spawn_blocking(move || load(&certificate, &key)).await {
            Ok(Ok(config)) => {
                *self.current.write() = config;
                tracing::info!("the certificate was read again");
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "the certificate was not read again; the one before stays");
            }
            Err(_) => tracing::error!("the certificate was not read again"),
        }
    }

    /// What changes when a file does, through links.
    async fn stamp(&self) -> [Option<(SystemTime, u64)>; 2] {
        let of = async |path: &Path| -> io::Result<(SystemTime, u64)> {
            let found = tokio::fs::metadata(path).await?;
            Ok((found.modified()?, found.len()))
        };
        [of(&self.certificate).await.ok(), of(&self.key).await.ok()]
    }

    /// Looks at the files more often.
    #[cfg(test)]
    pub(super) fn looking_every(self, look_every: Duration) -> Self {
        Self { look_every, ..self }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

async fn heard(hangup: &mut Option<Signal>) {
    match hangup {
        Some(hangup) => {
            hangup.recv().await;
        }
        None => std::future::pending().await,
    }
}

fn load(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let of = |file: &Path| {
        let file = file.to_owned();
        |error| TlsError::File { file, error }
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .and_then(|chain| if chain.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(chain) })
        .map_err(of(certificate))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(of(key))?;
    let made = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(chain, private));
    let mut config = made.map_err(|error| TlsError::Pair {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
        error,
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
