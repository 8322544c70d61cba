//! Everybody with every frame of JSON events.

use chartroom_server::wire::{RequestKind, request_kind};
use chartroom_tests::{identity::Claims, raw::Texts};
use serde_json::{Value, json};

use super::{ALL, Expired, Nobody, OtherScope, People, Reader, Ward, Who, check, ward};
use crate::access::sings;

/// What is to become of a frame.
fn expected(kind: RequestKind, who: Who) -> &'static str {
    use RequestKind::{Authenticate, Ping, Publish, Subscribe, Unsubscribe};
    match (kind, who) {
        (_, Expired) => "`TOKEN_EXPIRED`, 4001",
        (Ping, _) => "pong",
        (_, Nobody) => "`AUTH_FAILED`, 4001",
        (Authenticate, _) => "auth_success",
        (Unsubscribe, _) => "subscription",
        (Subscribe, who) if who.sees() || who == OtherScope => "subscription",
        (Publish, OtherScope | Reader) => "`READ_ONLY`",
        (Publish, who) if who.sees() => "told",
        (Subscribe | Publish, _) => "`ROOM_NOT_FOUND`",
    }
}

pub(super) fn expected_table() -> String {
    let cells = |kind: RequestKind| ALL.iter().map(|who| expected(kind, *who).to_owned()).collect();
    let title = |kind: RequestKind| match kind {
        RequestKind::Publish => "a client's own event".to_owned(),
        _ => format!("`{}`", format!("{kind:?}").to_lowercase()),
    };
    super::table(
        "frame",
        RequestKind::ALL.iter().map(|kind| (title(*kind), cells(*kind))).collect(),
    )
}

/// A frame of a kind, about a patient.
fn frame(kind: RequestKind, id: &str, token: Option<&str>) -> Value {
    let frame = match kind {
        RequestKind::Subscribe => {
            let data = json!({ "subscription_id": "s", "patient_ids": [id], "after": 0 });
            json!({ "type": "subscribe", "data": data })
        }
        RequestKind::Unsubscribe => {
            json!({ "type": "unsubscribe", "data": { "subscription_id": "s" } })
        }
        RequestKind::Ping => json!({ "type": "ping" }),
        RequestKind::Authenticate => json!({ "type": "authenticate", "token": token }),
        RequestKind::Publish => {
            json!({ "type": "order.placed", "payload": { "patientId": id, "note": "SAID" } })
        }
    };
    assert_eq!(request_kind(&frame.to_string()), Some(kind));
    frame
}

/// What the server said, in the words of the table.
fn said(texts: &Texts) -> String {
    let words = texts.frames.iter().filter_map(|frame| {
        let text = |name: &str| frame[name].as_str().unwrap_or_default().to_owned();
        match text("type").as_str() {
            "welcome" | "update" => None,
            "error" => Some(format!("`{}`", text("error"))),
            kind => Some(kind.to_owned()),
        }
    });
    let code = texts.closed.as_ref().map(|(code, _)| code.to_string());
    words.chain(code).collect::<Vec<String>>().join(", ")
}

/// Sends one frame, and says what became of it, with all that was heard.
async fn tried(
    ward: &Ward,
    people: &People,
    kind: RequestKind,
    who: Who,
    id: &str,
) -> (String, Texts) {
    let (address, token) = (ward.server.address(), people.token(who));
    let chief = ward.token(&Claims::of("chief").roles(&["chief"]));
    let mut onlooker = Texts::open(address, Some(&chief)).await.unwrap();
    let data = json!({ "subscription_id": "s", "patient_ids": [id] });
    onlooker.send(&json!({ "type": "subscribe", "data": data })).await.unwrap();
    onlooker.heard(0, "subscription").await.unwrap();
    let mut texts = Texts::open(address, token).await.unwrap();
    if who.is_in() {
        texts.heard(0, "welcome").await.unwrap();
    }
    // One that is closed already takes no more.
    let _ = texts.send(&frame(kind, id, token)).await;
    let wanted = expected(kind, who);
    match wanted {
        "told" => {
            let told =
                |me: &Texts| me.frames.iter().any(|frame| frame.to_string().contains("SAID"));
            onlooker.until("told", told).await.unwrap();
            return ("told".to_owned(), texts);
        }
        wanted if wanted.ends_with("4001") => drop(texts.until_closed().await.unwrap()),
        _ => texts.until("an answer", |me| !said(me).is_empty()).await.unwrap(),
    }
    let found = said(&texts);
    texts.settled().await.unwrap();
    onlooker.settled().await.unwrap();
    assert!(!onlooker.frames.iter().any(|frame| frame.to_string().contains("SAID")));
    (found, texts)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_frame_does_for_everybody_what_it_may_and_tells_others_nothing() {
    let (ward, people) = ward().await;
    let (mut wrong, mut charts) = (Vec::new(), 0);
    for kind in RequestKind::ALL {
        for who in ALL {
            charts += 1;
            let id = format!("t{charts}");
            people.chart(&ward, &id).await;
            let before = ward.document(&format!("patient:{id}")).await;
            let wanted = expected(*kind, who);
            let (found, mut texts) = tried(&ward, &people, *kind, who, &id).await;
            let place = format!("{kind:?} of {who:?}");
            if found != wanted {
                wrong.push(format!("{place}: {found} for {wanted}"));
            }
            if *kind == RequestKind::Subscribe && who.sees() {
                let canary = |me: &Texts| me.frames.iter().any(|frame| sings(&frame.to_string()));
                texts.until("what happened before", canary).await.unwrap();
            } else if texts.frames.iter().any(|frame| sings(&frame.to_string())) {
                wrong.push(format!("{place} tells what may not be seen: {:?}", texts.frames));
            }
            if ward.document(&format!("patient:{id}")).await != before {
                wrong.push(format!("{place} changed the room"));
            }
        }
    }
    check(wrong);
    ward.server.stop().await.unwrap();
}
