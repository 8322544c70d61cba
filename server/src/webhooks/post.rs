//! One attempt: an event as a signed POST.

use chartroom_engine::Event;
use reqwest::{Client, header::CONTENT_TYPE, redirect};
use uuid::Uuid;

use super::{config::Target, retry::Failure};
use crate::clock;

/// Namespace of the ids of deliveries.
const ID_NAMESPACE: Uuid = Uuid::from_u128(0x3d0e_6f5b_92c4_4b1a_a8de_71c2_5f90_b64e);
/// Bytes of an answer that are read, so that the connection can be used again; what it says is
/// nobody's concern.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// The client of a target. The system's certificate store says whom it trusts, and the environment
/// what proxy it takes; what goes to this machine unencrypted needs neither.
pub fn client(target: &Target) -> Result<Client, reqwest::Error> {
    // Somebody in this process may have chosen one before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder()
        .redirect(redirect::Policy::none())
        .user_agent(concat!("chartroom/", env!("CARGO_PKG_VERSION")));
    if target.url.scheme() == "https" {
        client.build()
    } else {
        client.no_proxy().tls_certs_only([]).build()
    }
}

/// The `webhook-id` of an event for a target: the same at every attempt, and another for every other
/// event, even one that takes its number in a store that was put back.
pub fn message_id(target: &str, event: &Event) -> String {
    let change = event.changes.first().map_or("", String::as_str);
    let name = format!("{target}\n{}\n{}\n{change}", event.room, event.seq);
    format!("msg_{}", Uuid::new_v5(&ID_NAMESPACE, name.as_bytes()).simple())
}

/// Posts an event. Only an answer of 2xx is success.
pub async fn post(client: &Client, target: &Target, event: &Event) -> Result<(), Failure> {
    let id = message_id(&target.name, event);
    let timestamp_s = clock::now_ms() / 1000;
    let body = serde_json::to_vec(event).expect("an event is plain JSON");
    let signature = target.secrets.sign(&id, timestamp_s, &body);
    let mut answer = client
        .post(target.url.clone())
        .headers(target.headers.clone())
        .header(CONTENT_TYPE, "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", timestamp_s)
        .header("webhook-signature", signature)
        .timeout(target.timeout)
        .body(body)
        .send()
        .await
        .map_err(failure)?;
    let status = answer.status();
    let mut read = 0;
    while read < ANSWER_BYTES_MAX
        && let Ok(Some(bytes)) = answer.chunk().await
    {
        read += bytes.len();
    }
    if status.is_success() { Ok(()) } else { Err(Failure::Status(status.as_u16())) }
}

fn failure(error: reqwest::Error) -> Failure {
    if error.is_connect() {
        Failure::Unreachable
    } else if error.is_timeout() {
        Failure::Timeout
    } else {
        Failure::Broken
    }
}
