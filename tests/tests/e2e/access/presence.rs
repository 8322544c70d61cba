//! Who may be seen in a room, and under which name.

use chartroom_engine::{Author, DocumentId};
use chartroom_server::wire::frame::{Frame, PeerMetadata, PresentPeer};
use chartroom_tests::{
    forge::Message,
    identity::Claims,
    raw::{Wire, plain},
};
use serde_json::json;

use super::{Ward, document_of};

const ROOM: &str = "patient:p1";

/// Somebody who asks for the room and shows something in it, and claims to be another.
async fn present(ward: &Ward, person: &str) -> Wire {
    let token = ward.token(&Claims::of(person));
    let peer = format!("peer-{person}");
    let mut wire = Wire::open(ward.server.address(), Some(&token), &peer).await.unwrap();
    let claimed = Some(Author::new("chief", "The Chief"));
    wire.join(PeerMetadata { person: claimed, ..plain() }).await.unwrap();
    let Some(Frame::Peer { sender, .. }) = wire.frames.first() else { panic!("{:?}", wire.frames) };
    wire.server_id = sender.clone();
    wire.find(ROOM).await.unwrap();
    let document: DocumentId = document_of(ROOM);
    wire.sync(document, Message::default().encode()).await.unwrap();
    let (sender, target) = (wire.peer_id.clone(), wire.server_id.clone());
    let state = Some(json!({ "by": person }).to_string());
    wire.send(&Frame::Presence { sender, target, document, state }).await.unwrap();
    wire.settled().await.unwrap();
    wire
}

fn told(wire: &Wire) -> impl Iterator<Item = (&[PresentPeer], &[String])> {
    wire.frames.iter().filter_map(|frame| match frame {
        Frame::Present { peers, gone, .. } => Some((&**peers, &**gone)),
        _ => None,
    })
}

#[tokio::test]
async fn a_reader_is_seen_under_the_name_of_the_sign_in_and_gone_when_it_is_taken_back() {
    let ward = Ward::open().await;
    ward.chart("p1").await;
    ward.admit(ROOM, "bob", "write").await;
    ward.admit(ROOM, "charlie", "read").await;
    let mut bob = present(&ward, "bob").await;
    let mallory = present(&ward, "mallory").await;
    let mut charlie = present(&ward, "charlie").await;
    let sees = |me: &Wire, peer: &str, person: &str| {
        let is_it = |shown: &PresentPeer| shown.peer == peer && shown.person.id == person;
        told(me).any(|(peers, _)| peers.iter().any(is_it))
    };
    bob.until("charlie", |me| sees(me, "peer-charlie", "charlie")).await.unwrap();
    charlie.until("bob", |me| sees(me, "peer-bob", "bob")).await.unwrap();
    ward.revoke(&json!({ "person": "charlie" })).await;
    assert_eq!(charlie.until_closed().await.unwrap().0, 4003);
    let is_gone = |me: &Wire| told(me).any(|(_, gone)| gone.contains(&"peer-charlie".to_owned()));
    bob.until("charlie is gone", is_gone).await.unwrap();
    assert_eq!(told(&mallory).count(), 0, "she is not let in");
    for wire in [&bob, &charlie] {
        let mut all = told(wire).flat_map(|(peers, _)| peers);
        let is_true = |of: &PresentPeer| of.person.id != "chief" && of.peer != "peer-mallory";
        assert!(all.all(is_true), "{:?}", wire.frames);
    }
    ward.server.stop().await.unwrap();
}
