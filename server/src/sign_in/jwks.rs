//! A provider's key set: fetched now and then, never for each token.

use std::{sync::Arc, time::Duration};

use parking_lot::RwLock;
use reqwest::{Client, Url, redirect};
use serde::Deserialize;
use serde_json::Value;
use tokio::{
    sync::Mutex,
    time::{Instant, sleep},
};

use super::keys::Key;

/// Bytes of a key set that are read.
const SET_BYTES_MAX: usize = 256 * 1024;
/// Keys of a set that are used: a token that names none is tried with each.
const KEYS_MAX: usize = 16;
/// How long the provider may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// How often a set is fetched, and how long it is good for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// From one fetch to the next.
    pub every: Duration,
    /// From one fetch to the next for an id that is not known.
    pub unknown: Duration,
    /// How long the last keys stay good where the provider does not answer.
    pub good_for: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(10 * 60),
            unknown: Duration::from_secs(10),
            good_for: Duration::from_secs(24 * 60 * 60),
        }
    }
}

/// Why a set is not there (environment).
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("the provider does not answer")]
    Unreachable,
    #[error("the provider answers {0}")]
    Status(u16),
    #[error("the answer is no key set, or over {SET_BYTES_MAX} bytes")]
    NoSet,
    #[error("the key set has no key for RS256 or ES256")]
    Empty,
}

/// The keys that a provider lists at an address.
#[derive(Debug)]
pub(super) struct KeySet {
    client: Client,
    url: Url,
    pace: Pace,
    fetched: RwLock<Option<Fetched>>,
    /// When the provider was last asked; held while it is.
    asked: Mutex<Option<Instant>>,
}

#[derive(Debug, Clone)]
struct Fetched {
    keys: Arc<[Key]>,
    at: Instant,
}

impl KeySet {
    /// A set that is not fetched yet. Fails where the system's certificates cannot be read.
    pub fn new(url: Url, pace: Pace) -> Result<Self, reqwest::Error> {
        // Somebody in this process may have chosen one before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .timeout(FETCH_TIMEOUT)
            .user_agent(concat!("chartroom/", env!("CARGO_PKG_VERSION")));
        let client = if url.scheme() == "https" {
            client.https_only(true).build()?
        } else {
            client.no_proxy().tls_certs_only([]).build()?
        };
        Ok(Self { client, url, pace, fetched: RwLock::default(), asked: Mutex::default() })
    }

    /// Where it is.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The keys that are good now; `None` where the provider has not answered for too long.
    pub fn keys(&self) -> Option<Arc<[Key]>> {
        let fetched = self.fetched.read().clone()?;
        (fetched.at.elapsed() < self.pace.good_for).then_some(fetched.keys)
    }

    /// Fetches the set from time to time, for ever.
    pub async fn keep(&self) {
        loop {
            self.refresh().await;
            sleep(self.pace.every).await;
        }
    }

    /// Fetches the set unless that was just tried; waits where somebody else does.
    pub async fn refresh(&self) {
        let mut asked = self.asked.lock().await;
        if asked.is_some_and(|at| at.elapsed() < self.pace.unknown) {
            return;
        }
        // Before the answer, so that a caller who goes away has asked all the same.
        *asked = Some(Instant::now());
        match self.fetch().await {
            Ok(keys) => *self.fetched.write() = Some(Fetched { keys, at: Instant::now() }),
            Err(error) => {
                let host = self.url.host_str().unwrap_or_default();
                tracing::warn!(%error, host, "the keys of the sign-in provider were not fetched");
            }
        }
    }

    async fn fetch(&self) -> Result<Arc<[Key]>, FetchError> {
        #[derive(Deserialize)]
        struct Listed {
            keys: Vec<Value>,
        }
        let broken = |_| FetchError::Unreachable;
        let mut answer = self.client.get(self.url.clone()).send().await.map_err(broken)?;
        if !answer.status().is_success() {
            return Err(FetchError::Status(answer.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(broken)? {
            body.extend_from_slice(&chunk);
            if body.len() > SET_BYTES_MAX {
                return Err(FetchError::NoSet);
            }
        }
        let listed: Listed = serde_json::from_slice(&body).map_err(|_| FetchError::NoSet)?;
        let keys: Arc<[Key]> =
            listed.keys.iter().filter_map(Key::from_jwk).take(KEYS_MAX).collect();
        if keys.is_empty() { Err(FetchError::Empty) } else { Ok(keys) }
    }
}
