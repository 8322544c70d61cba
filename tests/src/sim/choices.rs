//! Where a plan's choices come from: a seed, or a fuzzer's bytes.

/// A stream of choices.
pub enum Choices<'a> {
    /// Drawn from a seed: endless, and the same for ever (xorshift64*).
    Seed(u64),
    /// Taken from bytes, two a choice; spent when they are.
    Bytes(&'a [u8]),
}

impl Choices<'_> {
    /// Choices of a seed; near seeds give unlike choices.
    pub fn of(seed: u64) -> Self {
        Self::Seed(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `limit`; 0 where nothing is left to choose from.
    pub fn below(&mut self, limit: u64) -> u64 {
        match self {
            Self::Seed(state) => {
                *state ^= *state >> 12;
                *state ^= *state << 25;
                *state ^= *state >> 27;
                (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
            }
            Self::Bytes(bytes) => {
                let Some((pair, rest)) = bytes.split_first_chunk::<2>() else {
                    *bytes = &[];
                    return 0;
                };
                *bytes = rest;
                u64::from(u16::from_be_bytes(*pair)) % limit
            }
        }
    }

    /// One of these.
    pub fn one_of<T: Copy>(&mut self, these: &[T]) -> T {
        let at = self.below(these.len() as u64) as usize;
        *these.get(at).expect("a choice is below the number of choices")
    }

    /// True once in `n`.
    pub fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// Whether nothing is left to choose from.
    pub fn is_spent(&self) -> bool {
        matches!(self, Self::Bytes(bytes) if bytes.is_empty())
    }
}
