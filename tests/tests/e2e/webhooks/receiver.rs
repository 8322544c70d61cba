//! Another system that is told of events: real HTTP on loopback, and an answer of the test's.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri, header::LOCATION},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::{
    net::TcpListener,
    sync::watch,
    task::JoinHandle,
    time::{Instant, timeout_at},
};

/// A secret as an operator makes it.
pub const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

/// What an event is answered with.
type Answer = Arc<dyn Fn(&Value) -> u16 + Send + Sync>;

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub id: String,
    pub path: String,
    pub event: Value,
    pub status: u16,
    pub signed: bool,
    pub headers: HeaderMap,
}

impl Delivery {
    pub fn room(&self) -> &str {
        self.event["room"].as_str().unwrap()
    }

    pub fn seq(&self) -> u64 {
        self.event["seq"].as_u64().unwrap()
    }

    /// Name and resource.
    pub fn what(&self) -> String {
        let text = |member: &str| self.event[member].as_str().unwrap().to_owned();
        format!("{} {}", text("event"), text("resource_id"))
    }
}

/// The system.
pub struct Receiver {
    pub address: SocketAddr,
    desk: Arc<Desk>,
    task: JoinHandle<()>,
}

struct Desk {
    deliveries: watch::Sender<Vec<Delivery>>,
    answer: watch::Sender<Answer>,
}

impl Receiver {
    /// Listens, and answers with what the test says.
    pub async fn start(answer: impl Fn(&Value) -> u16 + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let desk = Arc::new(Desk {
            deliveries: watch::Sender::new(Vec::new()),
            answer: watch::Sender::new(Arc::new(answer)),
        });
        let app = Router::new().fallback(take).with_state(Arc::clone(&desk));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, desk, task }
    }

    /// Answers differently from now on.
    pub fn answer(&self, answer: impl Fn(&Value) -> u16 + Send + Sync + 'static) {
        self.desk.answer.send_replace(Arc::new(answer));
    }

    /// Every request so far, once it is as the test wants it.
    pub async fn until(&self, enough: impl FnMut(&Vec<Delivery>) -> bool) -> Vec<Delivery> {
        let mut deliveries = self.desk.deliveries.subscribe();
        let deadline = Instant::now() + Duration::from_secs(20);
        match timeout_at(deadline, deliveries.wait_for(enough)).await {
            Ok(seen) => seen.unwrap().clone(),
            Err(_) => panic!("it never came to that: {:#?}", self.seen()),
        }
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Delivery> {
        self.desk.deliveries.borrow().clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The numbers of delivered events by room, in the order in which they came; each once.
pub fn delivered(deliveries: &[Delivery]) -> BTreeMap<String, Vec<u64>> {
    let mut rooms: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for delivery in deliveries.iter().filter(|delivery| delivery.status == 200) {
        let seqs = rooms.entry(delivery.room().to_owned()).or_default();
        if !seqs.contains(&delivery.seq()) {
            seqs.push(delivery.seq());
        }
    }
    rooms
}

async fn take(
    State(desk): State<Arc<Desk>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, [(axum::http::HeaderName, &'static str); 1]) {
    let event: Value = serde_json::from_slice(&body).unwrap_or_default();
    let status = (desk.answer.borrow().clone())(&event);
    let header = |name: &str| headers.get(name).unwrap().to_str().unwrap().to_owned();
    let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY).unwrap();
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(&body);
    let expected = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
    let signed = header("webhook-signature") == expected;
    let path = uri.path().to_owned();
    let delivery = Delivery { id, path, event, status, signed, headers };
    desk.deliveries.send_modify(|deliveries| deliveries.push(delivery));
    (StatusCode::from_u16(status).unwrap(), [(LOCATION, "/elsewhere")])
}
