//! The server's certificate: two PEM files, read again when they change.
//!
//! Connections that are open keep the certificate that they began with. What cannot be used is
//! logged, and the certificate before it stays.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use parking_lot::{Mutex, RwLock};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};
use sha2::{Digest, Sha256};
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
    files: Arc<Files>,
    current: Arc<RwLock<Arc<ServerConfig>>>,
    /// A digest of the files as they were last looked at; `None` where they could not be read.
    seen: Arc<Mutex<Option<[u8; 32]>>>,
    look_every: Duration,
}

struct Files {
    certificate: PathBuf,
    key: PathBuf,
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
        let files = Files { certificate: certificate.to_owned(), key: key.to_owned() };
        let texts = files.read()?;
        Ok(Self {
            current: Arc::new(RwLock::new(files.load(&texts)?)),
            seen: Arc::new(Mutex::new(Some(digest(&texts)))),
            files: Arc::new(files),
            look_every: LOOK_EVERY,
        })
    }

    /// What takes the handshake of a connection that begins now.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        Arc::clone(&self.current.read()).into()
    }

    /// Takes what is in the files whenever they change, and at SIGHUP, for ever.
    pub(crate) async fn keep(self) {
        let mut hangup = signal(SignalKind::hangup())
            .inspect_err(|error| tracing::warn!(%error, "SIGHUP is not heard"))
            .ok();
        loop {
            let asked = tokio::select! {
                () = sleep(self.look_every) => false,
                () = heard(&mut hangup) => true,
            };
            let tls = self.clone();
            if tokio::task::spawn_blocking(move || tls.look(asked)).await.is_err() {
                tracing::error!("reading the certificate panicked");
            }
        }
    }

    /// Takes what is in the files if they are not what they were, or `asked` to.
    pub(super) fn look(&self, asked: bool) {
        let texts = self.files.read();
        let found = texts.as_ref().ok().map(digest);
        let before = std::mem::replace(&mut *self.seen.lock(), found);
        if before == found && !asked {
            return;
        }
        match texts.and_then(|texts| self.files.load(&texts)) {
            Ok(config) => {
                *self.current.write() = config;
                tracing::info!("the certificate was read again");
            }
            Err(error) => {
                tracing::error!(%error, "the certificate was not read again; the one before stays");
            }
        }
    }

    /// Looks at the files more often.
    #[cfg(test)]
    pub(super) fn looking_every(self, look_every: Duration) -> Self {
        Self { look_every, ..self }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("certificate", &self.files.certificate).finish_non_exhaustive()
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

fn digest(texts: &[Vec<u8>; 2]) -> [u8; 32] {
    texts.iter().fold(Sha256::new(), |sha, text| sha.chain_update(text)).finalize().into()
}

impl Files {
    /// The bytes of the certificate, and of the key.
    fn read(&self) -> Result<[Vec<u8>; 2], TlsError> {
        let read =
            |file: &Path| std::fs::read(file).map_err(|error| of(file)(pem::Error::Io(error)));
        Ok([read(&self.certificate)?, read(&self.key)?])
    }

    fn load(&self, [certificate, key]: &[Vec<u8>; 2]) -> Result<Arc<ServerConfig>, TlsError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
        let chain = chain
            .and_then(
                |chain| if chain.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(chain) },
            )
            .map_err(of(&self.certificate))?;
        let private = PrivateKeyDer::from_pem_slice(key).map_err(of(&self.key))?;
        let made = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|config| config.with_no_client_auth().with_single_cert(chain, private));
        let mut config = made.map_err(|error| TlsError::Pair {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            error,
        })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn of(file: &Path) -> impl Fn(pem::Error) -> TlsError {
    |error| TlsError::File { file: file.to_owned(), error }
}
