//! As many values as may stand beside each other.

use super::*;
use crate::limits::CONCURRENT_MAX;

/// People, the last of whom has written what the others wrote without knowing of them.
fn crowded() -> World {
    crowded_by(|person| json!({ "recordedDate": format!("2026-01-{person:02}") }))
}

fn crowded_by(write: impl Fn(u8) -> Value) -> World {
    let people: Vec<u8> = (1..=CONCURRENT_MAX as u8 + 1).collect();
    let mut world = World::with("patient:1", &people);
    world.edit(1, put("c", "Asthma"));
    world.edit(1, patch("c", json!({ "note": [{ "text": "one" }, { "text": "two" }] })));
    world.settle();
    people.iter().for_each(|person| world.leave(*person));
    for person in &people {
        world.edit(*person, patch("c", write(*person)));
    }
    for person in &people {
        world.join(*person);
        world.settle();
    }
    world
}

#[test]
fn one_more_is_refused_and_given_back_and_can_be_chosen() {
    let mut world = crowded();
    let last = CONCURRENT_MAX as u8 + 1;
    let refused = (Peer(u64::from(last)), Refusal::TooManyConcurrent);
    assert_eq!(world.refused, [refused]);
    assert_eq!(world.server.conflicts()[0].values.len(), CONCURRENT_MAX);
    world.edit(last, patch("c", json!({ "recordedDate": "2026-02-01" })));
    world.settle();
    assert_eq!(world.server.conflicts(), []);
    assert_eq!(world.refused.len(), 1);
}

#[test]
fn the_values_of_all_parts_of_an_element_count_together() {
    let world = crowded_by(|person| {
        let mut note = json!([{ "text": "one" }, { "text": "two" }]);
        note[usize::from(person % 2)] = json!({ "text": person });
        json!({ "note": note })
    });
    let last = Peer(CONCURRENT_MAX as u64 + 1);
    assert_eq!(world.refused, [(last, Refusal::TooManyConcurrent)]);
    let conflicts = world.server.conflicts();
    assert_eq!((conflicts.len(), conflicts[0].values.len()), (1, CONCURRENT_MAX));

    // Items that people add apart are no conflict, and no crowd.
    let world = crowded_by(
        |person| json!({ "note": [{ "text": "one" }, { "text": "two" }, { "text": person }] }),
    );
    assert_eq!(world.refused, []);
    assert_eq!(world.server.conflicts(), []);
}

#[test]
fn who_chooses_behind_an_edit_of_something_else_is_heard() {
    let mut world = crowded();
    world.leave(1);
    world.edit(2, put("d", "Gout"));
    world.settle();
    world.edit(1, put("e", "Croup"));
    world.edit(1, patch("c", json!({ "recordedDate": "2026-02-01" })));
    world.join(1);
    world.settle();
    assert_eq!(world.refused.len(), 1);
    assert_eq!(world.server.conflicts(), []);
}
