//! How many rooms are synced in bulk at a time: as many as the link bears without making others wait.
//!
//! What is on its way shows in the time that a ping takes above the shortest one. Below the target one
//! more room goes, above it one less (as LEDBAT does, RFC 6817).

use std::time::Duration;

use super::agenda::BULK_FIRST;

/// What bulk may add to the time of a ping.
const TARGET: Duration = Duration::from_millis(15);
/// Rooms at a time at most.
const MOST: usize = 8;

/// The width of the bulk.
#[derive(Debug)]
pub struct Width {
    rooms: usize,
    shortest: Option<Duration>,
}

impl Default for Width {
    fn default() -> Self {
        Self { rooms: BULK_FIRST, shortest: None }
    }
}

impl Width {
    /// A ping took so long; gives how many rooms go at a time from now on.
    pub fn pinged(&mut self, took: Duration) -> usize {
        let shortest = self.shortest.map_or(took, |shortest| shortest.min(took));
        self.shortest = Some(shortest);
        self.rooms = match took - shortest > TARGET {
            true => (self.rooms - 1).max(1),
            false => (self.rooms + 1).min(MOST),
        };
        self.rooms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_while_nobody_waits_and_shrinks_when_somebody_does() {
        let mut width = Width::default();
        let mut after = |ms| width.pinged(Duration::from_millis(ms));
        assert_eq!([after(20), after(30), after(35), after(36)], [3, 4, 5, 4]);
        assert_eq!((0..9).map(|_| after(200)).last(), Some(1));
        assert_eq!((0..9).map(|_| after(20)).last(), Some(8));
    }
}
