//! A change chunk taken apart and put together again, so that its parts can be bent one by one.
//!
//! Layout: automerge's binary format, "chunk container" and "change chunk".

/// A change chunk's data: what stands before its columns, the columns, and what stands behind them.
#[derive(Debug, Clone, Default)]
pub(super) struct Parts {
    pub head: Vec<u8>,
    /// Specification and bytes of each column.
    pub columns: Vec<(u64, Vec<u8>)>,
    pub extra: Vec<u8>,
}

impl Parts {
    /// Takes a sound chunk apart; `None` where it is none.
    pub fn of(chunk: &[u8]) -> Option<Self> {
        let mut rest = chunk.get(9..)?;
        let length = unsigned(&mut rest)?;
        let data = rest.get(..length)?;
        rest = data;
        let deps = unsigned(&mut rest)?;
        skip(&mut rest, deps.checked_mul(32)?)?;
        let skip_bytes = |rest: &mut &[u8]| unsigned(rest).and_then(|length| skip(rest, length));
        skip_bytes(&mut rest)?;
        for _number in ["seq", "start_op", "time"] {
            unsigned(&mut rest)?;
        }
        skip_bytes(&mut rest)?;
        for _ in 0..unsigned(&mut rest)? {
            skip_bytes(&mut rest)?;
        }
        let head = data.get(..data.len() - rest.len())?.to_vec();
        let mut directory = Vec::new();
        for _ in 0..unsigned(&mut rest)? {
            directory.push((unsigned(&mut rest)?, unsigned(&mut rest)?));
        }
        let mut columns = Vec::new();
        for (spec, length) in directory {
            columns.push((spec as u64, rest.get(..length)?.to_vec()));
            skip(&mut rest, length)?;
        }
        Some(Self { head, columns, extra: rest.to_vec() })
    }

    /// The chunk of these parts, with its lengths and its checksum right.
    pub fn chunk(&self) -> Vec<u8> {
        let mut data = self.head.clone();
        leb(self.columns.len() as u64, &mut data);
        for (spec, bytes) in &self.columns {
            leb(*spec, &mut data);
            leb(bytes.len() as u64, &mut data);
        }
        data.extend(self.columns.iter().flat_map(|(_, bytes)| bytes));
        data.extend(&self.extra);
        change_chunk(&data)
    }
}

/// A change chunk of this data, with its length and its checksum right.
pub(super) fn change_chunk(data: &[u8]) -> Vec<u8> {
    let mut chunk = vec![0x85, 0x6f, 0x4a, 0x83, 0, 0, 0, 0, 1];
    leb(data.len() as u64, &mut chunk);
    chunk.extend(data);
    chartroom_engine::change::seal(&mut chunk);
    chunk
}

/// Writes an unsigned LEB128 number.
pub(super) fn leb(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Writes a signed LEB128 number.
pub(super) fn signed_leb(mut number: i64, out: &mut Vec<u8>) {
    while !(-0x40..0x40).contains(&number) {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push((number & 0x7f) as u8);
}

fn unsigned(rest: &mut &[u8]) -> Option<usize> {
    let (mut number, mut shift) = (0u64, 0);
    loop {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return usize::try_from(number).ok();
        }
        shift += 7;
    }
}

fn skip(rest: &mut &[u8], length: usize) -> Option<()> {
    *rest = rest.get(length..)?;
    Some(())
}
