//! A connection's readers of event logs: from a number on, then as events become durable.
//!
//! A reader takes from the log only while little waits for its socket, so that a replay of any
//! length neither overflows the connection's queue nor delays what others write.

use std::{collections::BTreeMap, sync::Arc};

use chartroom_engine::{Event, RoomName, limits::FOLLOWS_MAX};
use tokio::task::{AbortHandle, JoinSet};

use super::closing_for;
use crate::{
    hub::{FollowEnd, FollowError, Hub, RoomError, link::Link},
    limits::Limit,
    wire::frame::{FollowStart, Frame, encode},
};

/// Bytes of events in one frame, unless one event has more.
const FRAME_BYTES: usize = 64 * 1024;

/// The readers of one connection, which end with it.
#[derive(Default)]
pub(super) struct Follows {
    tasks: JoinSet<()>,
    by_id: BTreeMap<u64, AbortHandle>,
}

impl Follows {
    /// Begins to send the events of a room that the peer has open, those from `start` on first.
    pub fn begin(
        &mut self,
        hub: &Arc<Hub>,
        link: &Arc<Link>,
        id: u64,
        room: Option<RoomName>,
        start: FollowStart,
    ) {
        self.end(id);
        while self.tasks.try_join_next().is_some() {}
        self.by_id.retain(|_, task| !task.is_finished());
        let reader = Reader { hub: Arc::clone(hub), link: Arc::clone(link), id };
        match room {
            None => reader.refuse("room-unavailable", "the connection has no such room open"),
            Some(_) if self.by_id.len() >= FOLLOWS_MAX => {
                let limit = hub.exceeded(Limit::Follows);
                reader.refuse(limit.code(), "the connection follows too many rooms");
            }
            Some(room) => {
                let task = self.tasks.spawn(async move { reader.run(room, start).await });
                self.by_id.insert(id, task);
            }
        }
    }

    /// Ends a reader, if there is one of this number.
    pub fn end(&mut self, id: u64) {
        if let Some(task) = self.by_id.remove(&id) {
            task.abort();
        }
    }
}

struct Reader {
    hub: Arc<Hub>,
    link: Arc<Link>,
    id: u64,
}

impl Reader {
    async fn run(self, room: RoomName, start: FollowStart) {
        let error = self.read(&room, start).await;
        if let FollowError::Room(error) = &error
            && !matches!(error, RoomError::Unreadable { .. })
        {
            // The peer comes back and asks again from where it is.
            return self.link.fail(&self.hub.peer_id, closing_for(error));
        }
        let (first, last) = error.numbers();
        self.send_ended(error.code(), error.to_string(), first, last);
    }

    /// Sends events until they cannot be followed. The log is what waits for a slow peer.
    async fn read(&self, room: &RoomName, mut start: FollowStart) -> FollowError {
        loop {
            let followed = match start {
                FollowStart::After(after) => self.hub.follow(room, Some(after)).await,
                FollowStart::Last(count) => self.hub.follow_last(room, count).await,
            };
            let mut follower = match followed {
                Ok(follower) => follower,
                Err(error) => return error,
            };
            loop {
                match follower.next().await {
                    Ok(events) => self.send(&events).await,
                    Err(FollowEnd::Slow { resume_after }) => {
                        start = FollowStart::After(resume_after);
                        break;
                    }
                    Err(FollowEnd::Lost(error)) => return error,
                }
            }
        }
    }

    async fn send(&self, events: &[Arc<Event>]) {
        let mut frame = Vec::new();
        let mut bytes = 0;
        for event in events.iter().filter(|event| !event.is_withheld()) {
            let text = serde_json::to_string(&**event).expect("an event has text keys alone");
            if bytes + text.len() > FRAME_BYTES && bytes > 0 {
                self.send_frame(std::mem::take(&mut frame)).await;
                bytes = 0;
            }
            bytes += text.len();
            frame.push(text);
        }
        if !frame.is_empty() {
            self.send_frame(frame).await;
        }
    }

    async fn send_frame(&self, events: Vec<String>) {
        let (sender, target) = self.parties();
        let frame = encode(&Frame::Events { sender, target, id: self.id, events });
        self.link.outbox.space().await;
        self.link.outbox.push(frame.into());
    }

    fn refuse(&self, code: &str, message: &str) {
        self.send_ended(code, message.to_owned(), None, None);
    }

    fn send_ended(&self, code: &str, message: String, first: Option<u64>, last: Option<u64>) {
        let (sender, target) = self.parties();
        let (id, code) = (self.id, code.to_owned());
        self.link.send(&Frame::FollowEnded { sender, target, id, code, message, first, last });
    }

    fn parties(&self) -> (String, String) {
        (self.hub.peer_id.clone(), self.link.peer_id.clone())
    }
}
