//! What a room's task does for a room that cannot be written to.

use chartroom_engine::Room;

use super::{Mail, RoomTask};
use crate::hub::RoomError;

impl RoomTask {
    /// Answers for a room that takes nothing, until nobody asks for a while: a sealed epoch, or one
    /// that cannot be loaded. False when the room is to be loaded again.
    pub(super) async fn stand_in(
        &mut self,
        sealed: Result<Room, RoomError>,
        kept: &mut Vec<Mail>,
    ) -> bool {
        let mut tick = self.ticks();
        let mut asked = false;
        for mail in std::mem::take(kept) {
            asked = true;
            if self.answer_for(&sealed, mail).await {
                return true;
            }
        }
        loop {
            tokio::select! {
                mail = self.mailbox.recv() => {
                    self.used();
                    asked = true;
                    let Some(mail) = mail else { return true };
                    if self.answer_for(&sealed, mail).await {
                        return true;
                    }
                }
                _ = tick.tick() => {
                    // Damage stays; a store that failed may be well again.
                    if asked && matches!(sealed, Err(RoomError::Storage)) {
                        return false;
                    }
                    self.idle_ticks += 1;
                }
            }
            if self.is_idle() && self.retire() {
                return true;
            }
        }
    }
    /// Answers one mail; true when the task ends.
    async fn answer_for(&mut self, sealed: &Result<Room, RoomError>, mail: Mail) -> bool {
        match (mail, sealed) {
            (Mail::Close { .. }, _) => return true,
            (Mail::Unload, _) => self.unwanted = true,
            (Mail::Read(read), Ok(room)) => read(Ok(room)),
            (Mail::Join { peer, link, access, joined, .. }, Ok(_)) => {
                self.send_away(peer, link, &access).await;
                // A connection that ended meanwhile needs no answer.
                let _ = joined.send(Ok(()));
            }
            (mail, Ok(_)) => mail.refuse(&RoomError::Refounded),
            (mail, Err(error)) => mail.refuse(error),
        }
        false
    }
}
