//! Which change chunks a sync message brings: magic, four bytes of checksum, type, length, data
//! (Automerge's binary document format, "Chunk Containers").

/// What a chunk begins with.
const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];

/// One chunk of a concatenation.
#[derive(Debug, PartialEq, Eq)]
pub enum Chunk {
    /// A whole document.
    Document,
    /// One change, by its checksum: the first bytes of its hash, deflated or not.
    Change([u8; 4]),
}

/// The chunks in some bytes, as far as they can be read.
pub fn chunks(mut bytes: &[u8]) -> Vec<Chunk> {
    let mut found = Vec::new();
    while let Some((chunk, rest)) = first(bytes) {
        found.push(chunk);
        bytes = rest;
    }
    found
}

fn first(bytes: &[u8]) -> Option<(Chunk, &[u8])> {
    let rest = bytes.strip_prefix(&MAGIC)?;
    let (checksum, rest) = rest.split_first_chunk::<4>()?;
    let (kind, rest) = rest.split_first()?;
    let (length, rest) = unsigned(rest)?;
    let (_, rest) = rest.split_at_checked(length)?;
    Some((if *kind == 0 { Chunk::Document } else { Chunk::Change(*checksum) }, rest))
}

fn unsigned(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let end = bytes.iter().position(|byte| byte & 0x80 == 0)?;
    let (digits, rest) = bytes.split_at_checked(end + 1)?;
    let value = digits.iter().rev().try_fold(0_usize, |value, byte| {
        value.checked_mul(128)?.checked_add(usize::from(byte & 0x7f))
    })?;
    Some((value, rest))
}

#[cfg(test)]
mod tests {
    use automerge::{AutoCommit, ROOT, transaction::Transactable};

    use super::*;

    #[test]
    fn what_automerge_writes_is_known_by_its_hash() -> anyhow::Result<()> {
        let mut doc = AutoCommit::new();
        doc.put(ROOT, "a", "x".repeat(500))?;
        let first = doc.get_changes(&[]).remove(0);
        doc.put(ROOT, "b", 1)?;
        let second = doc.get_changes(&[first.hash()]).remove(0);
        let snapshot = doc.save();
        let mut bytes = first.raw_bytes().to_vec();
        let deflated = first.clone().bytes().into_owned();
        bytes.extend(deflated.iter().chain(second.raw_bytes()).chain(&snapshot));
        let change = |hash: automerge::ChangeHash| {
            Chunk::Change(*hash.0.first_chunk().expect("a hash has 32 bytes"))
        };
        let (first, second) = (first.hash(), second.hash());
        let expected = [change(first), change(first), change(second), Chunk::Document];
        assert_eq!(chunks(&bytes), expected);
        Ok(())
    }
}
