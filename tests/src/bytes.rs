//! The numbers, lists and chunks of automerge's binary format, for bytes that no honest client sends.

use chartroom_engine::change::seal;

/// Writes an unsigned LEB128 number.
pub fn unsigned(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Writes a signed LEB128 number.
pub fn signed(out: &mut Vec<u8>, mut number: i64) {
    while !(-0x40..0x40).contains(&number) {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8 & 0x7f);
}

/// Writes how many there are of something.
pub fn count(out: &mut Vec<u8>, number: usize) {
    unsigned(out, number as u64);
}

/// Writes bytes behind their length.
pub fn prefixed(out: &mut Vec<u8>, bytes: &[u8]) {
    count(out, bytes.len());
    out.extend(bytes);
}

/// Writes a list of hashes behind its length.
pub fn hashes(out: &mut Vec<u8>, hashes: &[[u8; 32]]) {
    count(out, hashes.len());
    out.extend(hashes.iter().flatten());
}

/// A chunk of this type round its data, with its checksum.
pub fn chunk(kind: u8, data: &[u8]) -> Vec<u8> {
    let mut chunk = vec![0x85, 0x6f, 0x4a, 0x83, 0, 0, 0, 0, kind];
    prefixed(&mut chunk, data);
    seal(&mut chunk);
    chunk
}
