//! Another server in one room. What it says is handed to the room in order by a task of its own, so
//! that a room that is being loaded, or is behind, does not hold up the link's other rooms.

use std::sync::Arc;

use chartroom_engine::{ActorId, Author, RoomId, access::Access};
use tokio::{sync::mpsc, task::JoinHandle};

use super::{Hub, RoomError, RoomHandle, connection::Membership, link::Link, room_task::Mail};

/// What may wait for one room before the link is read no further.
const WAITING_MAX: usize = 64;

/// What a server says in a room.
pub(crate) enum Said {
    /// A sync message.
    Sync(Vec<u8>),
    /// Who is behind actors.
    Authors(Vec<(ActorId, Author)>),
}

/// A server in a room, which it leaves when this is dropped.
pub(crate) struct Relayed {
    sender: mpsc::Sender<Said>,
    task: JoinHandle<()>,
}

impl Relayed {
    /// Enters a room, which is loaded behind this. What goes wrong there is news of the link.
    pub fn enter(hub: &Arc<Hub>, id: &RoomId, link: &Arc<Link>) -> Result<Self, RoomError> {
        let room = hub.open(id)?;
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let (hub, link) = (Arc::clone(hub), Arc::clone(link));
        let task = tokio::spawn(async move {
            let id = room.id().clone();
            if let Err(error) = hand_on(&hub, room, &link, receiver).await
                && let Some(server) = &link.server
            {
                server.news.tell(&id, |news| news.lost = Some(error));
            }
        });
        Ok(Self { sender, task })
    }

    /// Hands on what it says; waits while the room is far behind.
    pub async fn hand(&self, said: Said) {
        // A room that cannot be entered has told its news.
        let _ = self.sender.send(said).await;
    }
}

impl Drop for Relayed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn hand_on(
    hub: &Hub,
    room: Arc<RoomHandle>,
    link: &Arc<Link>,
    mut receiver: mpsc::Receiver<Said>,
) -> Result<(), RoomError> {
    // What it may do, the list of servers says.
    let (author, everything) = (crate::auth::anonymous(), Arc::new(Access::everything()));
    let membership = Membership::join(hub, room, Arc::clone(link), author, everything).await?;
    while let Some(said) = receiver.recv().await {
        match said {
            Said::Sync(message) => {
                let turn = membership.turn().await;
                membership.receive(&message, turn).await?;
            }
            Said::Authors(actors) => {
                let mail = Mail::Vouched { peer: membership.peer(), actors };
                membership.room().send(mail).await?;
            }
        }
    }
    Ok(())
}
