//! A fault planted where only coverage leads: the test of the fuzzer itself.
//!
//! A toy list in two copies, of which one mishandles a rare shape: an item put back after it was
//! deleted, into a list that was sealed with the right word and holds the item's double. Bytes drawn
//! by chance do not meet it.

/// The word that seals a list.
const SEAL: u32 = 0x5eed_ca11;

/// Plays the bytes as operations on both copies, which must agree.
///
/// # Panics
/// Where the planted fault shows.
pub fn canary(data: &[u8]) {
    let (mut sound, mut faulty) = (List::default(), List::default());
    let mut rest = data;
    while let Some((op, tail)) = rest.split_first() {
        let (argument, tail) = tail.split_at(tail.len().min(4));
        rest = tail;
        let Ok(argument) = argument.try_into().map(u32::from_le_bytes) else { break };
        sound.play(*op, argument, false);
        faulty.play(*op, argument, true);
        assert_eq!(sound.items, faulty.items, "the canary is found");
    }
}

#[derive(Default)]
struct List {
    items: Vec<u32>,
    deleted: Vec<u32>,
    sealed: bool,
}

impl List {
    fn play(&mut self, op: u8, argument: u32, faulty: bool) {
        match op {
            b'i' => self.items.push(argument),
            b'd' => {
                if let Some(at) = self.items.iter().position(|item| *item == argument) {
                    self.deleted.push(self.items.remove(at));
                }
            }
            b's' => self.sealed |= argument == SEAL && !self.deleted.is_empty(),
            b'u' => {
                let Some(item) = self.deleted.pop() else { return };
                // The planted fault.
                if faulty && self.sealed && self.items.contains(&item) {
                    return;
                }
                self.items.push(item);
            }
            _ => {}
        }
    }
}
