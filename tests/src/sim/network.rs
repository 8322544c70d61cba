//! Links: each person's one connection, which delivers in order, late, and breaks.

use chartroom_engine::Peer;

use super::choices::Choices;

/// Messages that may be on their way to one person; beyond, the server closes the connection.
pub const QUEUE_MAX: usize = 200;

/// A person's way to the server.
pub struct Link {
    /// The connection that stands, by its number.
    pub connection: Option<Connection>,
    /// Not before this can a connection be made.
    pub away_until_ms: u64,
    /// What each message takes on top of the usual.
    pub slow_ms: u64,
    /// Messages that are still to arrive twice.
    pub twice: u64,
    choices: Choices<'static>,
}

/// One connection.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Its number; [`peer`] makes the server's members of it.
    pub number: u64,
    /// Messages under way to the server, by room.
    pub up: Vec<usize>,
    /// Messages under way to the client, by room.
    pub down: Vec<usize>,
    last_up_ms: u64,
    last_down_ms: u64,
}

impl Link {
    /// A link without a connection.
    pub fn new(seed: u64) -> Self {
        let choices = Choices::of(seed);
        Self { connection: None, away_until_ms: 0, slow_ms: 0, twice: 0, choices }
    }

    /// A new connection.
    pub fn connect(&mut self, number: u64, rooms: usize) {
        self.connection = Some(Connection {
            number,
            up: vec![0; rooms],
            down: vec![0; rooms],
            last_up_ms: 0,
            last_down_ms: 0,
        });
    }

    /// When a message that is sent now arrives: behind those before it. Twice, should it be so.
    pub fn send(&mut self, now_ms: u64, up: bool, room: usize) -> Vec<u64> {
        let copies = if self.twice > 0 { 2 } else { 1 };
        self.twice = self.twice.saturating_sub(1);
        let usual = [1, 1, 2, 5, 20, 80];
        let delays: Vec<u64> =
            (0..copies).map(|_| self.choices.one_of(&usual) + self.slow_ms).collect();
        let Some(connection) = &mut self.connection else { return Vec::new() };
        let (under_way, last) = match up {
            true => (&mut connection.up, &mut connection.last_up_ms),
            false => (&mut connection.down, &mut connection.last_down_ms),
        };
        if let Some(count) = under_way.get_mut(room) {
            *count += copies;
        }
        let arrive = delays.into_iter().map(|delay| {
            let slow = self.slow_ms.min(delay);
            *last = (now_ms + delay).max(*last + slow);
            *last
        });
        arrive.collect()
    }
}

impl Connection {
    /// A message has arrived.
    pub fn arrived(&mut self, up: bool, room: usize) {
        let under_way = if up { &mut self.up } else { &mut self.down };
        if let Some(count) = under_way.get_mut(room) {
            *count -= 1;
        }
    }

    /// Whether nothing of a room is under way.
    pub fn is_quiet(&self, room: usize) -> bool {
        self.up.get(room) == Some(&0) && self.down.get(room) == Some(&0)
    }
}

/// The member of a room that a person's connection is at the server.
pub fn peer(who: usize, connection: u64, room: usize) -> Peer {
    Peer((connection << 16) | (who as u64) << 8 | room as u64)
}

/// Person, connection and room of a member.
pub fn parts(Peer(number): Peer) -> (usize, u64, usize) {
    ((number >> 8 & 0xff) as usize, number >> 16, (number & 0xff) as usize)
}
