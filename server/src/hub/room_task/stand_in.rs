//! What a room's task does for a room that cannot be written to.

use chartroom_engine::Room;

use super::{Mail, RoomTask};
use crate::hub::RoomError;

impl RoomTask {
    /// Answers for a room that takes nothing, until nobody asks for a while: a sealed epoch, or one
    /// that cannot be loaded. False when the room is to be loaded again.
    pub(super) async fn stand_in(&mut self, sealed: Result<Room, RoomError>) -> bool {
        let mut tick = self.ticks();
        let mut asked = false;
        loop {
            tokio::select! {
                mail = self.mailbox.recv() => {
                    self.used();
                    asked = true;
                    match (mail, &sealed) {
                        (None | Some(Mail::Close { .. }), _) => return true,
                        (Some(Mail::Unload), _) => self.unwanted = true,
                        (Some(Mail::Read(read)), Ok(room)) => read(Ok(room)),
                        (Some(Mail::Join { peer, link, access, joined, .. }), Ok(_)) => {
                            self.send_away(peer, link, &access).await;
                            // A connection that ended meanwhile needs no answer.
                            let _ = joined.send(Ok(()));
                        }
                        (Some(mail), Ok(_)) => mail.refuse(&RoomError::Refounded),
                        (Some(mail), Err(error)) => mail.refuse(error),
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
}
