use std::collections::BTreeMap;

use arbitrary::{Result, Unstructured};

use super::{
    bend::bend,
    person::Person,
    ward::{BOB, CHARLIE, MALLORY, Ward},
    words,
};

/// Steps of one run; each may be a change of several operations.
const STEPS_MAX: usize = 24;

/// Changes of several people, sound or bent, one by one or together, are taken whole or refused, and
/// nobody but their sender is closed.
pub fn changes(data: &[u8]) {
    let mut ward = Ward::new();
    run(&mut ward, &mut Unstructured::new(data)).ok();
    ward.pass_time();
    ward.check();
}

fn run(ward: &mut Ward, choices: &mut Unstructured<'_>) -> Result<()> {
    let mut people = BTreeMap::new();
    for _ in 0..STEPS_MAX {
        if choices.is_empty() {
            break;
        }
        if choices.ratio(1, 8)? {
            ward.command(words::command(choices, 1)?).ok();
            continue;
        }
        let peer = *choices.choose(&[MALLORY, BOB, CHARLIE])?;
        // A person who is not in step writes beside what the room took since, and on what it refused.
        if !people.contains_key(&peer) || choices.ratio(1, 3)? {
            people.insert(peer, Person::in_step(ward, peer));
        }
        let Some(person) = people.get_mut(&peer) else { continue };
        let mut chunks = Vec::new();
        for _ in 0..=choices.int_in_range(0..=2)? {
            if let Some(change) = person.edit(choices)? {
                chunks.push(bend(&change, choices)?);
            }
        }
        if choices.ratio(1, 8)? {
            chunks.reverse();
        }
        ward.offer(peer, chunks);
    }
    Ok(())
}
