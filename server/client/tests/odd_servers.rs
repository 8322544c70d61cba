//! What the client makes of servers that say no, say nonsense, or go.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test stops at the first surprise"
)]

use std::{future::Future, time::Duration};

use chartroom_client::{
    Author, Client, Command, FollowError, LineError, OpenError, OpenRoom, SaveError, Status,
    Target,
    backoff::Trouble,
    frame::{
        ChartroomMetadata, FollowStart, Frame, PROTOCOL_VERSION, PeerMetadata, decode, encode,
    },
};
use chartroom_engine::{DocumentId, RoomId};
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, accept_async,
    tungstenite::{
        Message,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

const ROOM: &str = "patient:p1";

/// What was waited for, or the test fails.
async fn soon<T>(waiting: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(10), waiting).await.unwrap()
}

/// A server whose every word is the test's.
struct Fake {
    listener: TcpListener,
}

/// Its end of one connection.
struct Line {
    socket: WebSocketStream<TcpStream>,
    client: String,
}

impl Fake {
    async fn start() -> (Self, Client) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = Target::new(&format!("ws://{}", listener.local_addr().unwrap())).unwrap();
        (Self { listener }, Client::connect(target, Author::new("alice", "Alice")))
    }

    /// A client that has said who it is.
    async fn accept(&self) -> Line {
        let (socket, _) = soon(self.listener.accept()).await.unwrap();
        let mut line = Line { socket: accept_async(socket).await.unwrap(), client: String::new() };
        let Frame::Join { sender, metadata, .. } = line.next().await else { panic!("no join") };
        assert_eq!(metadata.person, Some(Author::new("alice", "Alice")));
        line.client = sender;
        line
    }

    /// A client that was answered as a server does.
    async fn welcome(&self) -> Line {
        let mut line = self.accept().await;
        let chartroom = ChartroomMetadata { version: 1, parts: true, ..<_>::default() };
        line.answer(Some(chartroom)).await;
        line
    }
}

impl Line {
    async fn next(&mut self) -> Frame {
        loop {
            match soon(self.socket.next()).await.unwrap().unwrap() {
                Message::Binary(bytes) => return decode(&bytes).unwrap(),
                Message::Close(_) => panic!("the client closed"),
                _ => {}
            }
        }
    }

    async fn say(&mut self, frame: Frame) {
        self.socket.send(Message::Binary(encode(&frame).into())).await.unwrap();
    }

    async fn answer(&mut self, chartroom: Option<ChartroomMetadata>) {
        let target = self.client.clone();
        let metadata = PeerMetadata { chartroom, ..PeerMetadata::default() };
        let (sender, version) = ("server".to_owned(), PROTOCOL_VERSION.to_owned());
        self.say(Frame::Peer { sender, target, metadata, version }).await;
    }

    /// Waits until the client asks for the room.
    async fn asked(&mut self) {
        assert!(matches!(self.next().await, Frame::Room { name, .. } if name == ROOM));
    }

    async fn refuse(&mut self, code: &str) {
        let (sender, target) = self.parties();
        let (name, code, message) = (ROOM.to_owned(), code.to_owned(), "no".to_owned());
        self.say(Frame::RoomRefused { sender, target, name, code, message }).await;
    }

    /// Names the room's document, and takes the client's opening message in.
    async fn found(&mut self) -> DocumentId {
        self.asked().await;
        let (sender, target) = self.parties();
        let document = RoomId::first(ROOM.parse().unwrap()).document_id();
        let name = ROOM.to_owned();
        self.say(Frame::RoomFound {
            sender,
            target,
            name,
            epoch: 1,
            document,
            compartments: Vec::new(),
            read_only: false,
        })
        .await;
        assert!(matches!(self.next().await, Frame::Sync { .. }));
        document
    }

    fn parties(&self) -> (String, String) {
        ("server".to_owned(), self.client.clone())
    }
}

async fn until_offline(client: &Client) -> std::sync::Arc<LineError> {
    let mut status = client.status();
    let offline = soon(status.wait_for(|status| matches!(status, Status::Offline(_)))).await;
    match &*offline.unwrap() {
        Status::Offline(error) => error.clone(),
        other => panic!("{other:?}"),
    }
}

fn flag() -> Command {
    let resource = json!({ "resourceType": "Flag", "id": "f1", "status": "active" });
    Command::Put { resource }
}

/// A room opened while there is no server, with an edit in it.
async fn written_offline(client: &Client) -> (OpenRoom, chartroom_client::Edit) {
    until_offline(client).await;
    let room = soon(client.open(ROOM)).await.unwrap();
    let edit = room.edit(flag()).await.unwrap();
    (room, edit)
}

#[tokio::test]
async fn a_server_without_the_extensions_is_no_chartroom() {
    let (fake, client) = Fake::start().await;
    fake.accept().await.answer(None).await;
    let error = until_offline(&client).await;
    assert!(matches!(*error, LineError::NoChartroom), "{error}");
    assert_eq!(error.trouble(), Trouble::Lasting);
}

#[tokio::test]
async fn what_a_server_says_before_it_closes_is_the_reason() {
    let (fake, client) = Fake::start().await;
    let mut line = fake.welcome().await;
    let message = "too many rooms".to_owned();
    line.say(Frame::Error { sender: None, target: None, code: None, message }).await;
    let close = CloseFrame { code: CloseCode::Policy, reason: "".into() };
    line.socket.send(Message::Close(Some(close))).await.unwrap();
    let error = until_offline(&client).await;
    let LineError::Closed { code, message } = &*error else { panic!("{error}") };
    assert_eq!((*code, message.as_str()), (1008, "too many rooms"));
}

#[tokio::test]
async fn a_room_that_was_refused_is_asked_for_again() {
    let (fake, client) = Fake::start().await;
    let mut line = fake.welcome().await;
    for code in ["room-unreadable", "room-unavailable"] {
        let serving = async {
            line.asked().await;
            line.refuse(code).await;
        };
        let (opened, ()) = tokio::join!(soon(client.open(ROOM)), serving);
        let Err(OpenError::Refused { code: heard, .. }) = opened else { panic!("{opened:?}") };
        assert_eq!(heard, code);
    }
}

#[tokio::test]
async fn nonsense_makes_the_connection_anew_and_edits_stay() {
    let (fake, client) = Fake::start().await;
    drop(fake.accept().await);
    let (room, edit) = written_offline(&client).await;
    for whole in [true, false] {
        let mut line = fake.welcome().await;
        let document = line.found().await;
        let (sender, target) = line.parties();
        let nonsense = match whole {
            true => Frame::Sync { sender, target, document, data: vec![9; 9] },
            false => Frame::SyncPart { sender, document, total: 8, data: vec![9; 9] },
        };
        line.say(nonsense).await;
        assert!(matches!(line.next().await, Frame::Leave { .. }));
    }
    fake.welcome().await.found().await;
    assert_eq!(room.unsaved(), 1);
    assert_eq!(room.resource("Flag", "f1").unwrap()["status"], "active");
    soon(client.close()).await;
    assert_eq!(soon(edit.saved()).await, Err(SaveError::Closed));
}

#[tokio::test]
async fn a_client_that_closes_leaves_in_order() {
    let (fake, client) = Fake::start().await;
    drop(fake.accept().await);
    let (room, _edit) = written_offline(&client).await;
    let mut line = fake.welcome().await;
    let document = line.found().await;
    let serving = async {
        assert!(
            matches!(line.next().await, Frame::LeaveRoom { document: left, .. } if left == document)
        );
        assert!(matches!(line.next().await, Frame::Leave { .. }));
        let close = soon(line.socket.next()).await.unwrap().unwrap();
        assert!(matches!(close, Message::Close(_)), "{close:?}");
        // The answer to it.
        assert!(soon(line.socket.next()).await.is_none());
    };
    tokio::join!(soon(client.close()), serving);
    assert!(!room.is_in_step());
}

#[tokio::test]
async fn a_room_that_nobody_has_open_is_left() {
    let (fake, client) = Fake::start().await;
    drop(fake.accept().await);
    until_offline(&client).await;
    let room = soon(client.open(ROOM)).await.unwrap();
    let mut line = fake.welcome().await;
    line.found().await;
    let events = room.follow(3).await.unwrap();
    let Frame::Follow { id, start: FollowStart::After(3), .. } = line.next().await else {
        panic!("no follow")
    };
    drop(room);
    drop(events);
    assert!(matches!(line.next().await, Frame::Unfollow { id: ended, .. } if ended == id));
    assert!(matches!(line.next().await, Frame::LeaveRoom { .. }));
    // All is gone that came from the client, and so is its task.
    drop(client);
    assert!(matches!(line.next().await, Frame::Leave { .. }));
}

#[tokio::test]
async fn what_ends_a_stream_of_events_is_its_last_word() {
    let (fake, client) = Fake::start().await;
    drop(fake.accept().await);
    until_offline(&client).await;
    let room = soon(client.open(ROOM)).await.unwrap();
    let mut line = fake.welcome().await;
    line.found().await;
    for expected in [FollowError::Gone { first: 5, last: 9 }, FollowError::Unreadable { after: 3 }]
    {
        let mut events = room.follow(3).await.unwrap();
        let Frame::Follow { id, .. } = line.next().await else { panic!("no follow") };
        let (sender, target) = line.parties();
        let (code, message) = ("events-gone".to_owned(), "gone".to_owned());
        let (first, last) = (Some(5), Some(9));
        line.say(match expected {
            FollowError::Gone { .. } => {
                Frame::FollowEnded { sender, target, id, code, message, first, last }
            }
            _ => Frame::Events { sender, target, id, events: vec!["{}".to_owned()] },
        })
        .await;
        assert_eq!(soon(events.next()).await.unwrap().unwrap_err(), expected);
        assert!(soon(events.next()).await.is_none());
    }
    assert!(matches!(line.next().await, Frame::Unfollow { .. }));
}
