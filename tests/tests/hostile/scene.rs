//! Where every hostile message is sent: Mallory and Alice in one room, Bob in another.
//!
//! The check is the same for all of them. It ends as the row says, within bounds of time and memory;
//! Alice and Bob, who write meanwhile, get their edits saved; the room has Alice's edit and nothing
//! of Mallory's, and has the same after a restart.

use std::{
    sync::Once,
    time::{Duration, Instant},
};

use chartroom_engine::DocumentId;
use chartroom_server::wire::frame::Frame;
use chartroom_tests::{client::Client, server::Server};
use serde_json::{Value, json};
use tokio::{sync::Mutex, time::timeout};

use crate::{HEAP, bytes::Op};

const ROOM: &str = "patient:p1";
const OTHER_ROOM: &str = "patient:p2";
/// An operation counter that is free in the room, and near enough.
pub const FREE: u64 = 10_000;

/// One row at a time in a process, since memory is counted per process.
static ALONE: Mutex<()> = Mutex::const_new(());

static QUIET: Once = Once::new();

/// A panic that the server catches is no failure of the test, and its backtrace would count as memory.
fn expect_panics() {
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() == Some("tokio-rt-worker") {
            println!("caught: {}", panic.location().unwrap());
        } else {
            told(panic);
        }
    }));
}

/// How a hostile message ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ends {
    /// The change is refused with this code; the connection stands.
    Refused(&'static str),
    /// A sound change before it is taken, and it is refused with this code.
    TakenThenRefused(&'static str),
    /// The connection is closed with this code, and a reason that contains these words.
    Closed(u16, &'static str),
    /// It is taken, for it does no harm: whatever it costs is within the bounds.
    Taken,
}

/// What a row may cost.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Until it has ended, and until each of the others has an edit saved.
    pub time: Duration,
    /// Heap above what was in use before, all parties' in this process.
    pub bytes: usize,
}

/// Bounds of a message of a few kilobytes.
pub const SMALL: Bounds = Bounds { time: Duration::from_secs(2), bytes: 8 << 20 };
/// Bounds of a message of up to 16 MiB, which both ends have in memory here.
pub const LARGE: Bounds = Bounds { bytes: 64 << 20, ..SMALL };
/// Bounds of what is taken, and is as dear as it may be.
pub const DEAR: Bounds = Bounds { time: Duration::from_secs(10), bytes: 128 << 20 };
/// Bounds of a change that waits for those that it depends on.
pub const SLOW: Bounds = Bounds { time: Duration::from_secs(34), ..SMALL };

/// What Mallory knows when she makes up her message.
pub struct Stage {
    /// The room's heads.
    pub heads: Vec<[u8; 32]>,
}

/// Runs one row with a sync message.
pub async fn check(name: &str, ends: Ends, bounds: Bounds, make: impl FnOnce(&Stage) -> Vec<u8>) {
    let make = |stage: &Stage, mallory: &Client, document| {
        let (sender, target) = mallory.peer_ids();
        let frame = Frame::Sync { sender, target, document, data: make(stage) };
        chartroom_server::wire::frame::encode(&frame)
    };
    check_frame(name, ends, bounds, make).await;
}

/// Runs one row with a frame.
pub async fn check_frame(
    name: &str,
    ends: Ends,
    bounds: Bounds,
    make: impl FnOnce(&Stage, &Client, DocumentId) -> Vec<u8>,
) {
    let _alone = ALONE.lock().await;
    QUIET.call_once(expect_panics);
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await.unwrap();
    let mut alice = Client::connect(server.address(), "alice").await.unwrap();
    let room = alice.open(ROOM).await.unwrap();
    alice.put(room, allergy("p1", "before")).await.unwrap();
    alice.until_saved(room).await.unwrap();
    let mut bob = Client::connect(server.address(), "bob").await.unwrap();
    let other = bob.open(OTHER_ROOM).await.unwrap();
    let mut mallory = Client::connect(server.address(), "mallory").await.unwrap();
    mallory.open(ROOM).await.unwrap();
    mallory.until_heads(room, &alice.heads(room)).await.unwrap();
    let heads = alice.heads(room).iter().map(|head| head.0).collect();
    let frame = make(&Stage { heads }, &mallory, room);

    let level = HEAP.current_usage();
    HEAP.reset_peak_usage();
    let started = Instant::now();
    mallory.send_bytes(frame).await.unwrap();
    let everybody = async {
        tokio::join!(
            ended(&mut mallory, room, &ends, started),
            saved(&mut alice, room, "p1", started),
            saved(&mut bob, other, "p2", started),
        )
    };
    // The bounds below say more than this does; it ends a row that would never end.
    let patience = bounds.time * 5;
    let took = timeout(patience, everybody).await.unwrap_or_else(|_| panic!("{name} never ended"));
    let peak = HEAP.peak_usage().saturating_sub(level);
    println!(
        "{name}: {ends:?} {:?}, {} KiB; Alice {:?}, Bob {:?}",
        took.0,
        peak >> 10,
        took.1,
        took.2
    );
    assert!(took.0.max(took.1).max(took.2) < bounds.time, "{name} took {took:?}");
    assert!(peak < bounds.bytes, "{name} took {peak} bytes");

    // Genesis and Alice's two.
    let changes = match ends {
        Ends::Refused(_) | Ends::Closed(..) => Some(3),
        Ends::TakenThenRefused(_) => Some(4),
        Ends::Taken => None,
    };
    let now = room_of(&server).await;
    assert!(changes.is_none_or(|changes| now["changes"] == changes), "{name}: {now}");
    if changes == Some(3) {
        assert_eq!(now["heads"], hex(&alice.heads(room)), "{name}");
    }
    // A newcomer gets the room as a snapshot, which must load.
    let mut late = Client::connect(server.address(), "late").await.unwrap();
    late.open(ROOM).await.unwrap();
    late.until("everything", |late| hex(&late.heads(room)) == now["heads"]).await.unwrap();
    let before = (room_of(&server).await, document_of(&server).await);
    drop((alice, bob, mallory, late));
    server.stop().await.unwrap();
    let server = Server::start(folder.path()).await.unwrap();
    assert_eq!((room_of(&server).await, document_of(&server).await), before, "{name}: restarted");
    server.stop().await.unwrap();
}

/// Operations of a sound change of Mallory's: a resource of hers in Alice's room, and what follows.
pub fn resource(more: impl IntoIterator<Item = Op>) -> Vec<Op> {
    use crate::bytes::{Action, collection};
    let make = Op::at(collection("Condition"), "m", Action::MakeMap, (0, Vec::new()));
    std::iter::once(make).chain(more).collect()
}

async fn ended(mallory: &mut Client, room: DocumentId, ends: &Ends, started: Instant) -> Duration {
    let expected = match ends {
        Ends::Closed(..) => "closed",
        Ends::Refused(_) | Ends::TakenThenRefused(_) => "refused",
        Ends::Taken => "taken",
    };
    let refusal = |client: &Client| {
        client.heard.iter().find_map(|frame| match frame {
            Frame::Refused { code, .. } => Some(code.clone()),
            _ => None,
        })
    };
    let over = |client: &Client| match ends {
        // Her own client is none the wiser of what she sent by hand until the server shows it.
        Ends::Taken => client.resource(room, "Condition", "m").is_some(),
        Ends::Closed(..) | Ends::Refused(_) | Ends::TakenThenRefused(_) => {
            refusal(client).is_some()
        }
    };
    let is_over = |me: &Client| me.closed.is_some() || over(me);
    mallory.until_within(SLOW.time, expected, is_over).await.unwrap();
    let took = started.elapsed();
    let found = match (&mallory.closed, refusal(mallory)) {
        (Some((code, reason)), _) => format!("closed {code}: {reason}"),
        (None, Some(code)) => format!("refused: {code}"),
        (None, None) => "taken".to_owned(),
    };
    let as_expected = match ends {
        Ends::Closed(code, words) => {
            found.starts_with(&format!("closed {code}: ")) && found.contains(words)
        }
        Ends::Refused(code) | Ends::TakenThenRefused(code) => found == format!("refused: {code}"),
        Ends::Taken => found == "taken",
    };
    assert!(as_expected, "{ends:?} was expected; {found}");
    took
}

async fn saved(who: &mut Client, room: DocumentId, patient: &str, started: Instant) -> Duration {
    who.put(room, allergy(patient, "meanwhile")).await.unwrap();
    who.until_saved(room).await.unwrap();
    started.elapsed()
}

async fn room_of(server: &Server) -> Value {
    server.get(&format!("/rooms/{ROOM}")).await.unwrap().body
}

async fn document_of(server: &Server) -> Value {
    let answer = server.get(&format!("/rooms/{ROOM}/document")).await.unwrap();
    assert_eq!(answer.status, 200);
    answer.body
}

fn hex(heads: &[chartroom_engine::ChangeHash]) -> Value {
    heads.iter().map(|head| head.to_string()).collect()
}

fn allergy(patient: &str, id: &str) -> Value {
    json!({
        "resourceType": "AllergyIntolerance",
        "id": id,
        "patient": { "reference": format!("Patient/{patient}") },
        "code": { "text": "latex" },
    })
}
