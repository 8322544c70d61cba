//! What a peer is expected to answer, so that its connection can keep from the room what would tell
//! it nothing.

use std::collections::VecDeque;

use chartroom_engine::Answer;
use parking_lot::Mutex;

/// Answers that are waited for; a peer that owes more has its answers heard.
const AWAITED_MAX: usize = 8;

/// The answers of one peer in one room that its room need not hear, the newest at the end.
#[derive(Debug, Default)]
pub(crate) struct Answers(Mutex<VecDeque<Answer>>);

impl Answers {
    /// The peer is told something, and would answer so if it has nothing else to say; with `None`
    /// whatever it answers is to be heard.
    pub fn expect(&self, answer: Option<Answer>) {
        let mut awaited = self.0.lock();
        let Some(answer) = answer else { return awaited.clear() };
        if awaited.len() >= AWAITED_MAX {
            awaited.pop_front();
        }
        awaited.push_back(answer);
    }

    /// Whether a message is an answer that was waited for, each once. One to something older than
    /// the last tells as little: the room's heads only go forward.
    pub fn take(&self, message: &[u8]) -> bool {
        let mut awaited = self.0.lock();
        let found = awaited.iter().position(|answer| answer.is(message));
        if let Some(place) = found {
            awaited.drain(..=place);
        }
        found.is_some()
    }
}

#[cfg(test)]
#[allow(clippy::wildcard_enum_match_arm, reason = "a test looks at the outputs it cares for")]
mod tests {
    use chartroom_engine::{
        Document, Input, Output, Peer, Role, Room, RoomConfig, RoomId, mint_actor,
    };

    use super::*;

    /// What a peer that has the first so many edits of a room answers.
    fn answers(count: u64) -> Vec<(Answer, Vec<u8>)> {
        let id = RoomId::first("facility:icu".parse().expect("it is a name"));
        let (actor, peer) = (mint_actor(0, [0; 8]), Peer(1));
        let document = Document::found(&id, actor.clone());
        let config = RoomConfig { server_actor: Some(actor), ..RoomConfig::new(id, Role::Server) };
        let mut room = Room::new(config, document);
        room.handle(0, Input::Joined { peer, author: None, may_write: true, extensions: true });
        let nothing = vec![0x42, 0, 0, 0, 0];
        room.handle(0, Input::Received { peer, message: nothing });
        let mut expected = Vec::new();
        for ticket in 1..=count {
            let text = format!("{ticket}");
            let resource = serde_json::json!({"resourceType": "Flag", "id": text});
            let command = chartroom_engine::Command::Put { resource };
            room.handle(0, Input::Command { ticket, author: None, command });
            room.advance(0);
            while let Some(output) = room.poll_output() {
                match output {
                    Output::Persist(batch) => {
                        room.handle(0, Input::Persisted { through: batch.number });
                    }
                    Output::Send { answer: Some(answer), .. } => {
                        let hash = room.document().heads().remove(0).0;
                        let message = [&[0x42, 1][..], &hash, &[0, 1, 1], &hash, &[0, 0]].concat();
                        assert!(answer.is(&message));
                        expected.push((answer, message));
                    }
                    _ => {}
                }
            }
        }
        expected
    }

    #[test]
    fn an_answer_is_taken_once_and_settles_those_before_it() {
        let expected = answers(3);
        let answers = Answers::default();
        expected.iter().for_each(|(answer, _)| answers.expect(Some(answer.clone())));
        let messages: Vec<&[u8]> = expected.iter().map(|(_, message)| &**message).collect();
        let [first, second, third] = *messages else { unreachable!("three were asked for") };
        assert!(!answers.take(b"something else"));
        assert!(answers.take(second));
        assert!(!answers.take(second) && !answers.take(first));
        assert!(answers.take(third));
        assert!(!answers.take(third));
    }

    #[test]
    fn everything_is_heard_behind_what_has_no_expected_answer() {
        let (answer, message) = answers(1).remove(0);
        let answers = Answers::default();
        answers.expect(Some(answer));
        answers.expect(None);
        assert!(!answers.take(&message));
    }

    #[test]
    fn few_are_kept() {
        let expected = answers(AWAITED_MAX as u64 + 1);
        let answers = Answers::default();
        expected.iter().for_each(|(answer, _)| answers.expect(Some(answer.clone())));
        assert_eq!(answers.0.lock().len(), AWAITED_MAX);
        let taken = expected.iter().filter(|(_, message)| answers.take(message)).count();
        assert_eq!(taken, AWAITED_MAX);
    }
}
