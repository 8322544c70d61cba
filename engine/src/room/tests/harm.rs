//! Who loses nothing by a stranger's change that does harm in the batch with their own.

use automerge::{
    ActorId, Automerge, Change, ObjId, ObjType,
    legacy::{ElementId, Key, OpId},
    sync::{ChunkList, Message, MessageVersion},
    transaction::{Transactable, Transaction},
};

use super::*;
use io::Plan;

const ALICE: Peer = Peer(60);
const MALLORY: Peer = Peer(66);

/// The room's document, in the hands of a client that is not ours.
fn copy(room: &Room) -> Automerge {
    Automerge::load(&room.document().snapshot().bytes).unwrap()
}

/// A new resource as such a client writes it.
fn written(
    mut client: Automerge,
    actor: u8,
    id: &str,
    write: impl FnOnce(&mut Transaction<'_>, &ObjId),
) -> Change {
    client.set_actor(ActorId::from([actor; 16]));
    let collection = crate::document::tests_collection("Condition");
    let mut tx = client.transaction();
    let resource = tx.put_object(&collection, id, ObjType::Map).unwrap();
    write(&mut tx, &resource);
    tx.commit();
    client.get_last_local_change().unwrap()
}

/// Writes a reference as a map: the room has to try the change on a copy.
fn refers(tx: &mut Transaction<'_>, resource: &ObjId) {
    let subject = tx.put_object(resource, "subject", ObjType::Map).unwrap();
    tx.put(&subject, "reference", "Patient/1").unwrap();
}

fn sound(room: &Room, actor: u8) -> Change {
    written(copy(room), actor, "sound", refers)
}

/// A change whose last list item stands behind one that does not exist: automerge panics over it.
fn harmful(room: &Room, actor: u8) -> Change {
    let made = written(copy(room), actor, "harm", |tx, resource| {
        let notes = tx.put_object(resource, "note", ObjType::List).unwrap();
        tx.insert(&notes, 0, "one").unwrap();
        tx.insert(&notes, 1, "two").unwrap();
    });
    let mut change = made.decode();
    let last = change.operations.iter_mut().rfind(|op| op.insert).unwrap();
    last.key = Key::Seq(ElementId::Id(OpId(900, ActorId::from([0x99; 16]))));
    change.hash = None;
    Change::from(change)
}

fn offers(changes: &[&Change]) -> Vec<u8> {
    let heads = changes.last().map(|change| change.hash()).into_iter().collect();
    let chunks: Vec<_> = changes.iter().map(|change| change.raw_bytes().to_vec()).collect();
    let (changes, need, have, flags) = (ChunkList::from(chunks), Vec::new(), Vec::new(), None);
    Message { heads, need, have, changes, flags, version: MessageVersion::V1 }.encode()
}

impl World {
    fn with_mallory() -> Self {
        let mut world = Self::with("patient:1", &[1]);
        for (peer, name) in [(ALICE, "alice"), (MALLORY, "mallory")] {
            let author = Some(Author::new(name, name));
            let (may_write, extensions) = (true, false);
            world.server.handle(NOW, Input::Joined { peer, author, may_write, extensions });
        }
        world.settle();
        world
    }

    fn hears(&mut self, peer: Peer, changes: &[&Change]) {
        self.server.handle(NOW, Input::Received { peer, message: offers(changes) });
    }

    /// Mallory alone is closed, and the room has what the others wrote.
    fn is_well(&self, heads: &[ChangeHash]) {
        assert_eq!(self.closed, [(MALLORY, CloseReason::Harm)]);
        assert_eq!(self.refused, []);
        assert_eq!(self.server.document().heads(), heads);
        self.converged();
    }
}

#[test]
fn who_writes_behind_a_harmful_change_is_judged_by_the_room_as_it_was() {
    // Half changed, the document has Mallory's actor: what is read then depends on whose sorts first.
    for (alice, mallory) in [(60, 66), (66, 60)] {
        let mut world = World::with_mallory();
        let edit = sound(&world.server, alice);
        world.hears(MALLORY, &[&harmful(&world.server, mallory)]);
        world.hears(ALICE, &[&edit]);
        world.settle();
        world.is_well(&[edit.hash()]);
    }
}

#[test]
fn of_several_changes_behind_a_harmful_one_none_is_refused() {
    let mut world = World::with_mallory();
    let first = sound(&world.server, 60);
    let mut client = copy(&world.server);
    client.apply_changes([first.clone()]).unwrap();
    let second = written(client, 60, "second", refers);
    world.hears(MALLORY, &[&harmful(&world.server, 66)]);
    world.hears(ALICE, &[&first, &second]);
    world.settle();
    world.is_well(&[second.hash()]);
}

#[test]
fn a_command_behind_a_harmful_change_is_carried_out_on_the_room_as_it_was() {
    let mut world = World::with_mallory();
    let (first, harm) = (sound(&world.server, 65), harmful(&world.server, 66));
    world.hears(MALLORY, &[&first, &harm]);
    let author = Some(Author::new("alice", "Alice"));
    let plan = Plan(Arc::new(|document| {
        assert!(document.is_founded_only(), "what does harm is not shown");
        Ok(put("c", "Asthma").into())
    }));
    world.server.handle(NOW, Input::Planned { ticket: 1, author, plan });
    world.settle();
    let heads = world.server.document().heads();
    world.is_well(&heads);
    assert!(world.server.document().resource("Condition", "c").is_some());
}

#[test]
fn a_refusal_because_of_what_a_harmful_batch_held_is_taken_back() {
    let mut world = World::with_mallory();
    let (nothing, size_max) = (RoomSize { bytes: 0, ops: 0 }, RoomSize { bytes: 1 << 20, ops: 9 });
    world.server.ledger.measure(nothing, size_max);
    let edit = written(copy(&world.server), 60, "edit", |tx, resource| {
        refers(tx, resource);
        for name in ["onsetString", "recordedDate", "abatementString", "language"] {
            tx.put(resource, name, "2026").unwrap();
        }
    });
    // The room holds the edit, or what Mallory has put there when it is looked at.
    world.hears(MALLORY, &[&sound(&world.server, 65)]);
    world.hears(ALICE, &[&edit]);
    world.hears(MALLORY, &[&harmful(&world.server, 66)]);
    world.settle();
    world.is_well(&[edit.hash()]);
}

#[test]
fn a_room_goes_back_to_where_many_batches_had_brought_it() {
    let mut world = World::with_mallory();
    for number in 0..5 {
        world.edit(1, put(&format!("c{number}"), "Asthma"));
        world.settle();
    }
    let heads = world.server.document().heads();
    world.hears(MALLORY, &[&harmful(&world.server, 66)]);
    world.settle();
    world.is_well(&heads);
    world.edit(1, put("c0", "Gout"));
    world.settle();
    assert_eq!(
        world.server.document().resource("Condition", "c0").unwrap()["code"]["text"],
        "Gout"
    );
    assert_eq!(world.events.last().unwrap().resource["code"]["text"], "Gout");
    world.converged();
}
