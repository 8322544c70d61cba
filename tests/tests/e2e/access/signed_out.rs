//! Sign-ins that end: by their time, and because they are taken back.

use std::{
    io,
    sync::{Arc, Mutex, OnceLock},
};

use chartroom_server::wire::frame::{FollowStart, Frame};
use chartroom_tests::{
    client::Client,
    event_source::EventSource,
    identity::{Claims, Visitor},
    raw::{Texts, Wire, plain},
};
use serde_json::{Value, json};
use tracing_subscriber::EnvFilter;

use super::{Ward, allergy};

const ROOM: &str = "patient:p1";

/// Everything that is logged in this process from now on.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Listens to the log, once in a process; where another test was first there is nothing to hear.
pub(super) fn log() -> Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Log::default();
        let writer = log.clone();
        let filter =
            EnvFilter::new("chartroom_server=trace,chartroom_engine=trace,chartroom_fhir=trace");
        let _ = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(move || writer.clone())
            .try_init();
        log
    })
    .clone()
}

/// One person's connections at all doors that stay open.
struct Doors {
    sync: Wire,
    texts: Texts,
    events: EventSource,
}

impl Doors {
    async fn open(ward: &Ward, token: &str, peer: &str) -> Self {
        let address = ward.server.address();
        let mut sync = Wire::joined(address, Some(token), peer).await.unwrap();
        sync.find(ROOM).await.unwrap();
        let mut texts = Texts::open(address, Some(token)).await.unwrap();
        let data = json!({ "subscription_id": "s", "patient_ids": ["p1"] });
        texts.send(&json!({ "type": "subscribe", "data": data })).await.unwrap();
        texts.heard(0, "subscription").await.unwrap();
        let path = format!("/rooms/{ROOM}/events?after=0&token={token}");
        let mut events = EventSource::open(address, &path, "").await.unwrap();
        assert!(events.head[0].contains("200"), "{:?}", events.head);
        events.next().await.unwrap().unwrap();
        Self { sync, texts, events }
    }

    /// The codes that `/sync` and `/api/ws` end with, and the code of the last event.
    async fn ended(&mut self) -> (u16, u16, Value) {
        let sync = self.sync.until_closed().await.unwrap().0;
        let texts = self.texts.until_closed().await.unwrap().0;
        loop {
            let message = self.events.next().await.unwrap().expect("a last message");
            if message.event.as_deref() == Some("closed") {
                assert!(self.events.next().await.unwrap().is_none(), "it is the last one");
                return (sync, texts, message.data["code"].clone());
            }
        }
    }
}

async fn ward() -> Ward {
    let ward = Ward::open().await;
    ward.chart("p1").await;
    ward.admit(ROOM, "bob", "write").await;
    ward.admit(ROOM, "alice", "write").await;
    ward
}

/// Whether a token signs nobody in, at any door; `/sync` and `/api/ws` close with `code`.
async fn check_out(ward: &Ward, token: &str, code: u16, said: &str) {
    let reply = Visitor::of(&ward.server, Some(token)).get("/sign-in").await.unwrap();
    assert_eq!((reply.status, &reply.body["error"]["code"]), (401, &json!(said)));
    let mut wire = Wire::open(ward.server.address(), Some(token), "peer-late").await.unwrap();
    wire.join(plain()).await.unwrap();
    assert_eq!(wire.until_closed().await.unwrap().0, code);
    let mut texts = Texts::open(ward.server.address(), Some(token)).await.unwrap();
    assert_eq!(texts.until_closed().await.unwrap().0, code);
    let path = format!("/rooms/{ROOM}/events?token={token}");
    let events = EventSource::open(ward.server.address(), &path, "").await.unwrap();
    assert!(events.head[0].contains("401"), "{:?}", events.head);
}

#[tokio::test]
async fn a_person_whose_sign_ins_are_taken_back_is_out_at_once() {
    let ward = ward().await;
    let (one, other) = (ward.token(&Claims::of("bob")), ward.token(&Claims::of("bob")));
    let alices = ward.token(&Claims::of("alice"));
    let mut first = Doors::open(&ward, &one, "peer-1").await;
    let mut second = Doors::open(&ward, &other, "peer-2").await;
    let mut alice = Doors::open(&ward, &alices, "peer-3").await;
    ward.revoke(&json!({ "person": "bob" })).await;
    for doors in [&mut first, &mut second] {
        assert_eq!(doors.ended().await, (4003, 4003, json!("token-revoked")));
    }
    check_out(&ward, &one, 4003, "token-revoked").await;
    check_out(&ward, &other, 4003, "token-revoked").await;
    alice.sync.settled().await.unwrap();
    alice.texts.settled().await.unwrap();
    assert_eq!((&alice.sync.closed, &alice.texts.closed), (&None, &None));
    // One that is issued later is good.
    let later = ward.token(&Claims::of("bob").issued(5_000));
    Doors::open(&ward, &later, "peer-4").await;
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn a_token_that_is_taken_back_ends_alone() {
    let ward = ward().await;
    let (one, other) = (Claims::of("bob").id("jti-1"), Claims::of("bob").id("jti-2"));
    let (one, other) = (ward.token(&one), ward.token(&other));
    let mut first = Doors::open(&ward, &one, "peer-1").await;
    let mut second = Doors::open(&ward, &other, "peer-2").await;
    ward.revoke(&json!({ "token": "jti-1" })).await;
    assert_eq!(first.ended().await, (4003, 4003, json!("token-revoked")));
    check_out(&ward, &one, 4003, "token-revoked").await;
    second.sync.settled().await.unwrap();
    second.texts.settled().await.unwrap();
    assert_eq!((&second.sync.closed, &second.texts.closed), (&None, &None));
    Doors::open(&ward, &other, "peer-3").await;
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn what_is_taken_back_stays_so_over_a_restart() {
    let storage = Arc::new(chartroom_server::storage::Memory::new());
    let ward = Ward::open_over(storage.clone(), |_| {}).await;
    let token = ward.token(&Claims::of("bob"));
    ward.revoke(&json!({ "person": "bob" })).await;
    let Ward { server, provider, _folder, .. } = ward;
    server.stop().await.unwrap();
    let mut config = chartroom_server::config::ServerConfig::new("unused");
    provider.configure(&mut config).unwrap();
    let server = chartroom_tests::server::Server::start_over_with(storage, config).await.unwrap();
    let reply = Visitor::of(&server, Some(&token)).get("/sign-in").await.unwrap();
    assert_eq!(reply.status, 401, "{}", reply.text);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn connections_end_when_their_token_does() {
    let ward = ward().await;
    let token = ward.token(&Claims::of("bob").lasting(2_000));
    let mut doors = Doors::open(&ward, &token, "peer-1").await;
    assert_eq!(doors.ended().await, (4001, 4001, json!("token-expired")));
    let said = |frame: &&Value| frame["error"] == "TOKEN_EXPIRED";
    assert_eq!(doors.texts.frames.iter().filter(said).count(), 1);
    check_out(&ward, &token, 4001, "token-expired").await;
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn the_first_frame_may_sign_in_and_a_later_one_renews() {
    let ward = ward().await;
    let address = ward.server.address();
    let authenticate = |token: &str| json!({ "type": "authenticate", "token": token });
    let mut texts = Texts::open(address, None).await.unwrap();
    let short = ward.token(&Claims::of("bob").lasting(2_000));
    texts.send(&authenticate(&short)).await.unwrap();
    texts.heard(0, "auth_success").await.unwrap();
    assert_eq!(texts.frames[0]["data"]["user"]["username"], "bob");
    let data = json!({ "subscription_id": "s", "patient_ids": ["p1"] });
    texts.send(&json!({ "type": "subscribe", "data": data })).await.unwrap();
    texts.heard(0, "subscription").await.unwrap();
    let known = texts.frames.len();
    // The newer one holds beyond the older one's end, which another connection waits for.
    texts.send(&authenticate(&ward.token(&Claims::of("bob")))).await.unwrap();
    texts.heard(known, "auth_success").await.unwrap();
    let mut other = Texts::open(address, Some(&short)).await.unwrap();
    assert_eq!(other.until_closed().await.unwrap().0, 4001);
    texts.settled().await.unwrap();
    assert_eq!(texts.closed, None);
    let alice = ward.visitor(&Claims::of("alice"));
    assert_eq!(alice.put(&allergy("a1", "p1", "latex")).await.unwrap().status, 201);
    texts.heard(known, "update").await.unwrap();
    // Another person's is refused, and what is not one.
    texts.send(&authenticate(&ward.token(&Claims::of("alice")))).await.unwrap();
    assert_eq!(texts.until_closed().await.unwrap().0, 1008);
    let mut texts = Texts::open(address, None).await.unwrap();
    texts.send(&authenticate("nonsense")).await.unwrap();
    assert_eq!(texts.until_closed().await.unwrap().0, 4001);
    assert!(texts.frames.iter().any(|frame| frame["error"] == "AUTH_FAILED"));
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn a_renewed_connection_ends_with_the_renewing_token() {
    let ward = ward().await;
    let mut texts =
        Texts::open(ward.server.address(), Some(&ward.token(&Claims::of("bob").id("old"))))
            .await
            .unwrap();
    texts.heard(0, "welcome").await.unwrap();
    let newer = ward.token(&Claims::of("bob").id("new"));
    texts.send(&json!({ "type": "authenticate", "token": newer })).await.unwrap();
    texts.heard(0, "auth_success").await.unwrap();
    ward.revoke(&json!({ "token": "new" })).await;
    assert_eq!(texts.until_closed().await.unwrap().0, 4003);
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn who_is_dismissed_is_out_of_the_room_at_once_and_keeps_the_others() {
    let ward = ward().await;
    ward.chart("p2").await;
    ward.admit("patient:p2", "bob", "write").await;
    let token = ward.token(&Claims::of("bob"));
    let mut doors = Doors::open(&ward, &token, "peer-1").await;
    let mut client = ward.client("bob").await;
    let room = client.open(ROOM).await.unwrap();
    let other = client.open("patient:p2").await.unwrap();
    ward.dismiss(ROOM, "bob").await;
    assert_eq!(client.until_closed().await.unwrap().0, 1013);
    let texts = doors.texts.until_closed().await.unwrap().0;
    assert_eq!(texts, 1013);
    let message = loop {
        let message = doors.events.next().await.unwrap().unwrap();
        if message.event.is_some() {
            break message;
        }
    };
    assert_eq!(message.data["code"], "access-ended");
    let mut again = ward.client("bob").await;
    assert!(again.open(ROOM).await.is_err());
    assert_eq!(again.open("patient:p2").await.unwrap(), other);
    again.put(other, allergy("b2", "p2", "latex")).await.unwrap();
    again.until_saved(other).await.unwrap();
    let visitor = Visitor::of(&ward.server, Some(&token));
    assert_eq!(visitor.get(&format!("/rooms/{ROOM}")).await.unwrap().status, 404);
    let listed = visitor.get("/rooms").await.unwrap().text;
    assert!(!listed.contains(&room.to_string()) && listed.contains(&other.to_string()));
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn who_may_only_read_from_now_on_writes_nothing_more() {
    let ward = ward().await;
    let mut bob = ward.client("bob").await;
    let room = bob.open(ROOM).await.unwrap();
    ward.admit(ROOM, "bob", "read").await;
    assert_eq!(bob.until_closed().await.unwrap().0, 1013);
    let before = ward.document(ROOM).await;
    bob.reconnect(ward.server.address()).await.unwrap();
    bob.put(room, allergy("b1", "p1", "x")).await.unwrap();
    let refused = |me: &Client| {
        me.heard
            .iter()
            .any(|frame| matches!(frame, Frame::Refused { code, .. } if code == "read-only"))
    };
    bob.until("refused", refused).await.unwrap();
    assert_eq!(ward.document(ROOM).await, before);
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn a_token_travels_in_a_header_a_subprotocol_or_the_query_of_a_socket() {
    let ward = ward().await;
    let token = ward.token(&Claims::of("bob"));
    let nobody = Visitor::of(&ward.server, None);
    for path in ["/rooms", "/rooms/patient:p1", "/rooms/patient:p1/document", "/fhir/R4/Patient/p1"]
    {
        let reply = nobody.get(&format!("{path}?token={token}")).await.unwrap();
        assert_eq!(reply.status, 401, "{path}");
    }
    let path = format!("/rooms/patient:p1/events?token={token}");
    assert_eq!(nobody.get(&path).await.unwrap().status, 200);
    for offered in [format!("chartroom, bearer.{token}"), format!("bearer.{token}")] {
        let mut socket = Texts::offering(ward.server.address(), "/api/ws", &offered).await.unwrap();
        socket.heard(0, "welcome").await.unwrap();
        let chosen = if offered.starts_with("chartroom") { "chartroom" } else { offered.as_str() };
        assert_eq!(socket.protocol.as_deref(), Some(chosen));
    }
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn who_only_asked_for_a_room_by_name_hears_nothing_of_it_once_dismissed() {
    let ward = ward().await;
    let token = ward.token(&Claims::of("bob"));
    let mut bob = Wire::joined(ward.server.address(), Some(&token), "peer-1").await.unwrap();
    let found = bob.find(ROOM).await.unwrap();
    let Frame::RoomFound { document, .. } = found else { panic!("{found:?}") };
    ward.dismiss(ROOM, "bob").await;
    let (sender, target) = (bob.peer_id.clone(), bob.server_id.clone());
    let follow = Frame::Follow { sender, target, document, id: 1, start: FollowStart::After(0) };
    // One that is closed takes no more.
    let _ = bob.send(&follow).await;
    let said = |me: &Wire| {
        me.closed.is_some()
            || me.frames.iter().any(|frame| {
                use chartroom_server::wire::frame::FrameKind::{Events, FollowEnded};
                [Events, FollowEnded].contains(&frame.kind())
            })
    };
    bob.until("an answer", said).await.unwrap();
    let events = bob
        .frames
        .iter()
        .filter(|frame| frame.kind() == chartroom_server::wire::frame::FrameKind::Events);
    assert_eq!(events.count(), 0, "{:?}", bob.frames);
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn who_follows_a_room_without_being_in_it_is_out_when_dismissed() {
    use chartroom_server::wire::frame::FrameKind;
    let ward = ward().await;
    let token = ward.token(&Claims::of("bob"));
    let mut bob = Wire::joined(ward.server.address(), Some(&token), "peer-1").await.unwrap();
    let found = bob.find(ROOM).await.unwrap();
    let Frame::RoomFound { document, .. } = found else { panic!("{found:?}") };
    let (sender, target) = (bob.peer_id.clone(), bob.server_id.clone());
    bob.send(&Frame::Follow { sender, target, document, id: 1, start: FollowStart::After(0) })
        .await
        .unwrap();
    bob.until("events", |me| me.frames.iter().any(|f| f.kind() == FrameKind::Events))
        .await
        .unwrap();
    ward.dismiss(ROOM, "bob").await;
    let alice = ward.visitor(&Claims::of("alice"));
    assert_eq!(alice.put(&allergy("late", "p1", "AFTERWARDS")).await.unwrap().status, 201);
    let heard = |me: &Wire| {
        me.frames.iter().any(|frame| match frame {
            Frame::Events { events, .. } => events.iter().any(|text| text.contains("AFTERWARDS")),
            _ => false,
        })
    };
    bob.until("the end, or what was written since", |me| me.closed.is_some() || heard(me))
        .await
        .unwrap();
    assert!(!heard(&bob));
    ward.server.stop().await.unwrap();
}

#[tokio::test]
async fn who_is_dismissed_from_a_chart_is_out_of_its_compartments_at_once() {
    let ward = ward().await;
    let room = "patient:p1~PSY";
    let secret = super::protected("s1", "p1");
    let commands = json!({ "kind": "put", "resource": secret });
    let reply = ward.chief.post(&format!("/rooms/{room}/commands"), &commands).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    let token = ward.token(&Claims::of("bob").roles(&["psychiatrist"]));
    let mut bob = Client::sign_in(ward.server.address(), "bob", &token).await.unwrap();
    let document = bob.open(room).await.unwrap();
    ward.dismiss(ROOM, "bob").await;
    let visitor = Visitor::of(&ward.server, Some(&token));
    assert_eq!(visitor.get(&format!("/rooms/{room}")).await.unwrap().status, 404);
    let mut late = secret.clone();
    late["id"] = "s2".into();
    let commands = json!({ "kind": "put", "resource": late });
    let reply = ward.chief.post(&format!("/rooms/{room}/commands"), &commands).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    let heard = |me: &Client| me.resource(document, "Observation", "s2").is_some();
    bob.until("the end, or what was written since", |me| me.closed.is_some() || heard(me))
        .await
        .unwrap();
    assert!(!heard(&bob), "what was written since came");
    ward.server.stop().await.unwrap();
}
