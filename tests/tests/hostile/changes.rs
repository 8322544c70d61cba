//! Changes that harm: shared/notes/automerge.md, section 1.4, classes A to C, and appendix D.

use chartroom_engine::limits;

use crate::{
    bytes::{
        ACTION, Action, BUNDLE, CHANGE, Change, DEFLATED, DOCUMENT, INSERT, KEY_TEXT, Key, Op,
        PLAIN, PRED_COUNT, SELF, chunk, collection, hash, signed, unsigned,
    },
    rows,
    scene::{DEAR, Ends, FREE, LARGE, SLOW, SMALL, Stage, check, resource},
};

/// The operation that [`resource`] begins with.
const OF_M: (u64, usize) = (FREE, SELF);

/// A message with one change.
fn one(stage: &Stage, ops: &[Op], bend: impl FnOnce(&mut Change)) -> Vec<u8> {
    let mut change = Change::new(&stage.heads, FREE, ops);
    bend(&mut change);
    PLAIN.with(&[change.chunk()])
}

/// A sound change, bent.
fn bent(bend: impl FnOnce(&mut Change)) -> impl FnOnce(&Stage) -> Vec<u8> {
    |stage| one(stage, &resource([Op::text(OF_M, "recordedDate", "2026")]), bend)
}

/// What a change does in which nothing is wrong.
fn sound() -> Op {
    Op::at(collection("Condition"), "sound", Action::MakeMap, (0, vec![]))
}

/// Operations behind the making of a resource.
fn ops(more: impl IntoIterator<Item = Op>) -> impl FnOnce(&Stage) -> Vec<u8> {
    |stage| one(stage, &resource(more), |_| {})
}

/// A run of one value in a column.
fn run(length: i64, value: u64) -> Vec<u8> {
    let mut column = Vec::new();
    signed(&mut column, length);
    unsigned(&mut column, value);
    column
}

rows! { check:
    what_is_sound_is_taken => Ends::Taken, SMALL, ops([
        Op::text(OF_M, "recordedDate", "2026"),
        Op::at(OF_M, "note", Action::MakeList, (0, vec![])),
        Op::insert((FREE + 2, SELF), Key::Start),
        Op::insert((FREE + 2, SELF), Key::After((FREE + 3, SELF))),
        Op::text(OF_M, "recordedDate", "2027").over(&[(FREE + 1, SELF)]),
    ]);

    // A2: what is small on the wire and large when inflated.
    a2_a_deflated_change => Ends::Closed(1002, "plain change"), SMALL, |_| {
        PLAIN.with(&[chunk(DEFLATED, &bomb())])
    };
    a2_a_document_with_deflated_columns => Ends::Closed(1002, "plain change"), SMALL, |_| {
        PLAIN.with(&[chunk(DOCUMENT, &bomb())])
    };
    a2_a_deflated_column => Ends::Refused("malformed"), SMALL, bent(|change| {
        let column = change.columns.remove(&ACTION).unwrap();
        change.columns.insert(ACTION | 8, column);
    });

    // A3, D2: what is small on the wire and has endless operations.
    a3_a_run_of_2_to_the_40_operations => Ends::Refused("too-large"), SMALL, bent(|change| {
        change.columns.insert(ACTION, run(1 << 40, 1));
    });
    a3_a_run_of_2_to_the_62_operations => Ends::Refused("too-large"), SMALL, bent(|change| {
        change.columns.insert(ACTION, run(1 << 62, 1));
    });
    a3_a_run_of_2_to_the_40_predecessors => Ends::Refused("too-large"), SMALL, bent(|change| {
        change.columns.insert(PRED_COUNT, run(1 << 40, 1 << 20));
    });
    a3_a_run_of_a_long_name => Ends::Refused("too-large"), SMALL, bent(|change| {
        let mut column = Vec::new();
        signed(&mut column, 90_000);
        unsigned(&mut column, 1 << 20);
        column.extend(vec![b'n'; 1 << 20]);
        change.columns.insert(KEY_TEXT, column);
        change.columns.insert(ACTION, run(90_000, 1));
    });
    a3_operations_in_one_long_name => Ends::Refused("too-large"),
        LARGE, |stage| {
        let long = Op::at(OF_M, &"n".repeat(1 << 20), Action::MakeMap, (0, vec![]));
        let inside = (0..50_000).map(|_| Op::text((FREE + 1, SELF), "x", "y"));
        one(stage, &resource(std::iter::once(long).chain(inside)), |_| {})
    };
    a3_a_map_in_a_map_in_a_map_and_so_on => Ends::Refused("too-large"),
        LARGE,
        ops((0..50_000).map(|depth| Op::at((FREE + depth, SELF), "n", Action::MakeMap, (0, vec![]))));

    // B: where automerge panics.
    b2_an_unknown_actor_that_begins_with_2 => Ends::Refused("bad-sequence"), SMALL,
        bent(|change| change.seq = 2);
    b3_a_gap_in_an_actors_sequence => Ends::TakenThenRefused("bad-sequence"), SMALL, |stage| {
        let first = Change::new(&stage.heads, FREE, &[sound()]).chunk();
        let mut third = Change::new(&[hash(&first)], FREE + 10, &resource([]));
        third.seq = 3;
        PLAIN.with(&[first, third.chunk()])
    };
    b4_an_author_named_late => Ends::TakenThenRefused("malformed"), SMALL, |stage| {
        let first = Change::new(&stage.heads, FREE, &[sound()]).chunk();
        let mut second = Change::new(&[hash(&first)], FREE + 10, &resource([]));
        (second.seq, second.extra) = (2, vec![1, 3, b'b', b'o', b'b']);
        PLAIN.with(&[first, second.chunk()])
    };
    b5_an_operation_on_an_unknown_object => Ends::Refused("malformed"), SMALL,
        ops([Op::text((FREE + 77, SELF), "recordedDate", "2026")]);
    b5_an_operation_on_a_text_as_if_it_were_an_object => Ends::Refused("malformed"), SMALL, ops([
        Op::text(OF_M, "recordedDate", "2026"),
        Op::text((FREE + 1, SELF), "recordedDate", "2026"),
    ]);
    b5_a_name_in_a_list => Ends::Closed(1008, "harmed"), SMALL, ops([
        Op::at(OF_M, "note", Action::MakeList, (0, vec![])),
        Op::text((FREE + 1, SELF), "recordedDate", "2026"),
    ]);
    b6_an_insert_after_an_unknown_element => Ends::Closed(1008, "harmed"), SMALL, ops([
        Op::at(OF_M, "note", Action::MakeList, (0, vec![])),
        Op::insert((FREE + 1, SELF), Key::After((FREE + 77, SELF))),
    ]);
    b6_an_insert_at_a_key_of_a_map => Ends::Refused("malformed"), SMALL,
        ops([Op::insert(OF_M, Key::Name("recordedDate".to_owned()))]);
    b6_an_insert_into_a_map => Ends::Taken, SMALL, ops([Op::insert(OF_M, Key::Start)]);
    b7_an_operation_of_an_actor_that_is_not_named => Ends::Refused("malformed"), SMALL,
        ops([Op::text((FREE, 9), "recordedDate", "2026")]);
    b7_a_predecessor_of_an_actor_that_is_not_named => Ends::Refused("malformed"), SMALL,
        ops([Op::text(OF_M, "recordedDate", "2026").over(&[(FREE, 9)])]);
    b8_counters_that_end_beyond_32_bits => Ends::Refused("bad-counter"), SMALL,
        bent(|change| change.start_op = u64::from(u32::MAX) - 1);
    b10_a_delete_of_what_never_was => Ends::Closed(1008, "harmed"), SMALL, ops([
        Op::at(OF_M, "recordedDate", Action::Delete, (0, vec![])).over(&[(FREE + 77, SELF)]),
    ]);
    b10_a_delete_of_what_is_elsewhere => Ends::Closed(1008, "harmed"), SMALL, ops([
        Op::text(OF_M, "recordedDate", "2026"),
        Op::at(OF_M, "onsetString", Action::Delete, (0, vec![])).over(&[(FREE + 1, SELF)]),
    ]);

    // C: what automerge would take and be harmed by later.
    c1_a_first_operation_of_2_to_the_32 => Ends::Refused("bad-counter"), SMALL,
        bent(|change| change.start_op = u64::from(u32::MAX));
    c1_a_first_operation_far_ahead_of_the_room => Ends::Refused("bad-counter"), SMALL,
        bent(|change| change.start_op = 2_000_000);
    c1_a_first_operation_behind_the_rooms => Ends::Refused("bad-counter"), SMALL,
        bent(|change| change.start_op = 1);
    c1_a_gap_in_the_counters_before_no_operations => Ends::Refused("bad-counter"), SMALL, |stage| {
        let mut empty = Change::new(&stage.heads, FREE, &[]);
        empty.others = vec![];
        PLAIN.with(&[empty.chunk()])
    };
    c2_a_change_that_does_not_know_its_actors_last => Ends::TakenThenRefused("malformed"), SMALL, |stage| {
        let first = Change::new(&stage.heads, FREE, &[sound()]).chunk();
        let mut second = Change::new(&stage.heads, FREE + 10, &resource([]));
        second.seq = 2;
        PLAIN.with(&[first, second.chunk()])
    };
    c2_a_run_in_two_halves => Ends::Closed(1008, "harmed"), SMALL, bent(|change| {
        change.columns.insert(INSERT, vec![1, 0, 1]);
    });
    c2_a_literal_run_that_is_a_repetition => Ends::Closed(1008, "harmed"), SMALL, |stage| {
        let twice = [Op::text(OF_M, "a", "1"), Op::text(OF_M, "b", "1")];
        one(stage, &resource(twice), |change| {
            change.columns.insert(ACTION, vec![0x7f, 0, 0x7e, 1, 1]);
        })
    };
    c2_an_actor_that_is_named_and_not_used => Ends::Closed(1008, "harmed"), SMALL,
        bent(|change| change.others.push(vec![0x77; 16]));
    c2_actors_out_of_order => Ends::Closed(1008, "harmed"), SMALL, |stage| {
        let ops = resource([Op::text(OF_M, "a", "1").over(&[(4, 2)])]);
        one(stage, &ops, |change| change.others = vec![vec![0; 16], vec![0; 15]])
    };
    c2_a_column_that_nobody_knows => Ends::Closed(1008, "harmed"), SMALL, bent(|change| {
        change.columns.insert(13 << 4 | 2, run(2, 5));
    });
    c3_a_predecessor_that_never_was => Ends::Closed(1008, "harmed"), SMALL,
        ops([Op::text(OF_M, "recordedDate", "2026").over(&[(FREE + 77, SELF)])]);
    c3_a_predecessor_under_another_name => Ends::Closed(1008, "harmed"), SMALL, ops([
        Op::text(OF_M, "recordedDate", "2026"),
        Op::text(OF_M, "onsetString", "2026").over(&[(FREE + 1, SELF)]),
    ]);
    c3_a_predecessor_that_comes_later => Ends::Closed(1008, "harmed"), SMALL, ops([
        Op::text(OF_M, "recordedDate", "2026").over(&[(FREE + 2, SELF)]),
        Op::text(OF_M, "recordedDate", "2027"),
    ]);
    c4_a_wrong_checksum => Ends::Closed(1002, "checksum"), SMALL, |stage| {
        let mut chunk = Change::new(&stage.heads, FREE, &resource([])).chunk();
        chunk[4] ^= 1;
        PLAIN.with(&[chunk])
    };
    c5_another_change_with_a_number_that_was_used => Ends::TakenThenRefused("bad-sequence"), SMALL, |stage| {
        let first = Change::new(&stage.heads, FREE, &[sound()]).chunk();
        PLAIN.with(&[first, Change::new(&stage.heads, FREE, &resource([])).chunk()])
    };
    c6_an_actor_of_33_bytes => Ends::Refused("too-large"), SMALL,
        bent(|change| change.actor = vec![0xee; 33]);
    c6_an_actor_of_a_megabyte => Ends::Refused("too-large"), SMALL,
        bent(|change| change.actor = vec![0xee; 1 << 20]);
    c6_an_actor_without_bytes => Ends::Refused("malformed"), SMALL,
        bent(|change| change.actor = vec![]);
    c6_the_actor_of_genesis => Ends::Refused("foreign-actor"), SMALL, bent(|change| {
        (change.actor, change.seq) = (vec![0; 16], 2);
    });

    // D11, as far as it is a message: a tail that is torn off.
    d11_a_torn_chunk_behind_a_sound_one => Ends::Closed(1002, "cut short"), SMALL, |stage| {
        let first = Change::new(&stage.heads, FREE, &resource([])).chunk();
        let mut second = Change::new(&[hash(&first)], FREE + 10, &[]);
        second.seq = 2;
        let mut torn = second.chunk();
        torn.truncate(torn.len() - 5);
        PLAIN.with(&[first, torn])
    };
    a_bundle_of_changes => Ends::Closed(1002, "plain change"), SMALL,
        |_| PLAIN.with(&[chunk(BUNDLE, &[0; 40])]);
    a_change_of_nine_megabytes => Ends::Refused("too-large"), LARGE,
        |_| PLAIN.with(&[chunk(CHANGE, &vec![0; 9 << 20])]);
    columns_without_end => Ends::Refused("too-large"), SMALL, bent(|change| {
        change.columns.extend((200..5_000).map(|id| (id << 4 | 2, vec![])));
    });
    more_actors_than_anybody_names => Ends::Refused("too-large"), SMALL,
        bent(|change| change.others = vec![vec![1; 4]; 2_000]);
    a_person_in_the_name_of_another => Ends::Taken, SMALL, bent(|change| {
        change.message = br#"{"by":{"id":"alice","name":"Alice"},"import":true}"#.to_vec();
    });
    // What is sound and dear.
    a_thousand_changes_that_come_in_reverse => Ends::Taken, DEAR, |stage| {
        let mut chunks = vec![Change::new(&stage.heads, FREE, &resource([])).chunk()];
        for number in 1..1_000 {
            let mut next = Change::new(&[hash(&chunks[0])], FREE + 1, &[]);
            (next.seq, next.others) = (number + 1, vec![]);
            chunks.insert(0, next.chunk());
        }
        PLAIN.with(&chunks)
    };
    as_many_values_of_one_element_as_may => Ends::Taken, DEAR, |stage| {
        let first = Change::new(&stage.heads, FREE, &resource([])).chunk();
        let of_first = (FREE, 2);
        let values = (0..limits::CONCURRENT_MAX as u64).map(|number| {
            let name = format!("{number}");
            let ops = [Op::text(of_first, "recordedDate", &name)];
            let mut value = Change::new(&[hash(&first)], FREE + 1, &ops);
            value.actor = [&[0xdd; 8][..], &number.to_be_bytes()].concat();
            value.others = vec![vec![0xee; 16]];
            value.columns.insert(1, vec![0x7f, 1]);
            value.chunk()
        });
        PLAIN.with(&std::iter::once(first.clone()).chain(values).collect::<Vec<_>>())
    };
    twenty_thousand_operations => Ends::Taken, DEAR,
        ops((0..19_999).map(|number| Op::text(OF_M, &format!("e{}", number % 500), "y")));
    bytes_behind_a_chunk => Ends::Closed(1002, "bytes follow"), SMALL, |stage| {
        let mut chunk = Change::new(&stage.heads, FREE, &resource([])).chunk();
        chunk.push(0);
        PLAIN.with(&[chunk])
    };
    a_chunk_of_no_known_type => Ends::Closed(1002, "plain change"), SMALL, |stage| {
        PLAIN.with(&[chunk(CHANGE + 8, &Change::new(&stage.heads, FREE, &[]).data())])
    };
    a_change_without_dependencies => Ends::Refused("missing-dependencies"), SMALL,
        bent(|change| change.deps.clear());
    a_change_of_a_room_of_her_own => Ends::Refused("missing-dependencies"),
        SLOW,
        bent(|change| change.deps = vec![[9; 32]]);
    a_resource_of_another_patient => Ends::Refused("wrong-patient"), SMALL, ops([
        Op::text(OF_M, "subject", r#"={"reference":"Patient/p2"}"#),
    ]);
    a_write_into_the_root => Ends::Refused("outside-collections"), SMALL, |stage| {
        let mut op = Op::text(OF_M, "$room", "patient:p2");
        op.object = None;
        one(stage, &[op], |_| {})
    };
    a_scalar_in_the_place_of_a_resource => Ends::Refused("outside-collections"), SMALL,
        ops([Op::text(collection("Patient"), "p1", "gone")]);
}

/// Zeros, deflated a thousand to one.
fn bomb() -> Vec<u8> {
    use std::io::Write;
    let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..8 {
        deflate.write_all(&[0; 1 << 20]).unwrap();
    }
    deflate.finish().unwrap()
}
