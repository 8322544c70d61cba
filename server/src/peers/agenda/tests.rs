#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use super::*;

fn name(key: &str) -> RoomName {
    format!("patient:{key}").parse().unwrap()
}

fn at(heads: u8) -> RoomAt {
    RoomAt { epoch: 1, heads: Some([heads; 16]) }
}

fn steps(agenda: &mut Agenda, now_ms: u64) -> Vec<String> {
    let step = |step| match step {
        Step::Enter(id) => format!("+{}", id.name.key()),
        Step::Leave(id) => format!("-{}", id.name.key()),
    };
    std::iter::from_fn(|| agenda.next(now_ms)).map(step).collect()
}

/// Both ends have `a`; each has one that the other lacks.
fn met() -> Agenda {
    let mut agenda = Agenda::default();
    agenda.ours(0, &name("a"), at(1), 0);
    agenda.ours(0, &name("mine"), at(2), 0);
    agenda.theirs(0, &name("a"), at(1));
    agenda.theirs(0, &name("yours"), at(3));
    agenda.all_are_told(0);
    agenda
}

#[test]
fn only_what_differs_is_entered_and_then_left() {
    let mut agenda = met();
    assert_eq!(steps(&mut agenda, 1), ["+mine", "+yours"]);
    assert_eq!(agenda.lag(5), Lag { rooms: 3, behind: 2, from_before: 2, changes: 0, ms: 5 });
    agenda.in_step(2, &name("mine"), true, [2; 16]);
    agenda.in_step(2, &name("yours"), true, [3; 16]);
    assert!(agenda.is_done());
    assert_eq!(steps(&mut agenda, 3), ["-mine", "-yours"]);
    assert!(agenda.is_done());
    assert_eq!(agenda.lag(9), Lag { rooms: 3, ..Lag::default() });
}

#[test]
fn a_room_in_which_something_happens_does_not_wait_for_the_others() {
    let mut agenda = met();
    for n in 0..10 {
        agenda.theirs(0, &name(&format!("n{n}")), at(9));
    }
    agenda.complete = false;
    agenda.reset();
    for n in 0..10 {
        agenda.theirs(0, &name(&format!("n{n}")), at(9));
    }
    assert_eq!(steps(&mut agenda, 1), ["+n0", "+n1"]);
    agenda.theirs(0, &name("a"), at(1));
    agenda.all_are_told(1);
    agenda.ours(2, &name("a"), at(7), 1);
    assert_eq!(steps(&mut agenda, 2), ["+a"]);
    // It stays open while people may go on.
    agenda.in_step(3, &name("a"), true, [7; 16]);
    assert!(steps(&mut agenda, 4).is_empty());
    assert_eq!(steps(&mut agenda, 3 + LINGER_MS), ["-a", "+mine", "+n2"]);
}

#[test]
fn a_room_in_which_the_far_end_writes_is_in_step_when_it_is_left() {
    let mut agenda = met();
    agenda.theirs(1, &name("a"), at(7));
    assert_eq!(steps(&mut agenda, 1), ["+a", "+mine", "+yours"]);
    agenda.ours(2, &name("a"), at(7), 1);
    agenda.in_step(2, &name("a"), true, [7; 16]);
    agenda.ours(3, &name("a"), at(8), 1);
    assert_eq!(steps(&mut agenda, 2 + LINGER_MS)[0], "-a");
    assert_eq!(agenda.lag(2 + LINGER_MS).behind, 2, "the two others");
}

#[test]
fn a_room_that_does_not_move_gives_its_turn_away() {
    let mut agenda = Agenda::default();
    for n in 0..4 {
        agenda.theirs(0, &name(&format!("n{n}")), at(9));
    }
    assert_eq!(steps(&mut agenda, 0), ["+n0", "+n1"]);
    assert!(steps(&mut agenda, STUCK_MS - 1).is_empty());
    assert_eq!(steps(&mut agenda, STUCK_MS), ["+n2", "+n3"]);
    assert_eq!(agenda.broken_promise(PROMISE_MS), Some(&name("n0")));
}

#[test]
fn a_room_that_was_found_sealed_is_entered_when_its_next_epoch_is_known() {
    let mut agenda = met();
    agenda.heard(1, &name("a"), 1);
    agenda.hold(&name("a"), EPOCH_DIFFERS);
    agenda.theirs(2, &name("mine"), at(2));
    agenda.ours(2, &name("yours"), at(3), 0);
    agenda.ours(2, &name("a"), RoomAt { epoch: 2, ..at(7) }, 0);
    assert_eq!(steps(&mut agenda, 3), ["+a"]);
    assert!(agenda.epochs_differ(&name("a")));
}

#[test]
fn a_room_in_step_that_is_founded_anew_here_is_not_so_there() {
    let mut agenda = met();
    agenda.heard(1, &name("a"), 1);
    agenda.in_step(2, &name("a"), true, [1; 16]);
    let next = RoomAt { epoch: 2, ..at(7) };
    agenda.ours(3, &name("a"), next, 0);
    assert!(agenda.epochs_differ(&name("a")));
    agenda.moved(3, &name("a"), next);
    assert_eq!(steps(&mut agenda, 4)[0], "+a");
}

#[test]
fn behind_a_link_that_broke_it_is_known_what_is_left_and_what_comes() {
    let mut agenda = met();
    steps(&mut agenda, 1);
    agenda.in_step(2, &name("mine"), true, [2; 16]);
    agenda.hold(&name("yours"), "refused-there");
    agenda.pause();
    assert_eq!(agenda.held().count(), 1);
    assert_eq!(agenda.lag(3).behind, 0);
    agenda.ours(4, &name("mine"), at(9), 1);
    assert_eq!(agenda.lag(9), Lag { rooms: 3, behind: 1, from_before: 0, changes: 1, ms: 5 });
}

#[test]
fn what_is_said_in_a_room_opens_it() {
    let mut agenda = met();
    assert!(agenda.heard(1, &name("a"), 1));
    assert!(!agenda.heard(2, &name("a"), 1));
    agenda.hold(&name("mine"), "refused");
    assert_eq!(steps(&mut agenda, 3), ["+yours"]);
    assert_eq!(agenda.held().count(), 1);
}

#[test]
fn a_room_that_the_far_end_lacks_is_offered_when_something_happens_in_it() {
    let mut agenda = Agenda::default();
    agenda.all_are_told(0);
    for room in ["a", "b"] {
        agenda.wanted(0, &name(room));
    }
    assert_eq!(steps(&mut agenda, 0), ["+a", "+b"]);
    for room in ["a", "b"] {
        agenda.hold(&name(room), UNAVAILABLE);
    }
    assert!(steps(&mut agenda, 1).is_empty());
    agenda.ours(2, &name("a"), at(1), 1);
    assert_eq!(steps(&mut agenda, 2), ["+a"]);
    assert!(agenda.heard(3, &name("b"), 1));
}
