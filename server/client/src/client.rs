//! The client: one server, one person, any number of rooms.

use std::sync::Arc;

use chartroom_engine::{Author, RoomName, RoomNameError};
use tokio::sync::{Notify, mpsc, oneshot, watch};

use crate::{
    dial::Target,
    line::{self, LineError},
    room::OpenRoom,
    task::{Opened, Request, Task},
};

/// Requests that wait for the client's task.
const REQUESTS_MAX: usize = 64;

/// A connection to one server that is made anew whenever it breaks, and the rooms on it.
///
/// A task of its own does the work. It ends with [`Client::close`], or when the client and all that
/// came from it (rooms, edits, streams of events) is dropped.
#[derive(Debug)]
pub struct Client {
    handle: Handle,
    status: watch::Receiver<Status>,
    signed_in: Arc<Notify>,
    closing: oneshot::Sender<oneshot::Sender<()>>,
}

/// Where the connection stands.
#[derive(Debug, Clone)]
pub enum Status {
    /// The first attempt is on its way.
    Connecting,
    /// The server is there.
    Online,
    /// It is not, for this reason; another attempt follows by itself.
    Offline(Arc<LineError>),
    /// It is not, and no attempt follows until [`Client::sign_in`] is called: the sign-in was taken
    /// back, or the source of tokens says that nobody is signed in.
    SignedOut(Arc<LineError>),
}

/// Why a room was not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The name is none (caller).
    #[error(transparent)]
    Name(#[from] RoomNameError),
    /// The server does not serve the room to this client (peer).
    #[error("the server refuses the room with {code}: {message}")]
    Refused {
        /// Stable code, such as `room-unreadable`.
        code: String,
        /// The server's fixed text.
        message: String,
    },
    /// The client was closed (caller).
    #[error("the client was closed")]
    Closed,
}

/// What everything that came from a client has of its task.
#[derive(Debug, Clone)]
pub(crate) struct Handle {
    pub requests: mpsc::Sender<Request>,
    /// Told when a reader of events has read all that waited for it.
    pub drained: Arc<Notify>,
}

impl Client {
    /// Begins to connect a person, and returns at once: [`status`](Self::status) tells what comes of
    /// it. Must be called within a tokio runtime.
    ///
    /// A server without sign-in takes the person for whom is named here.
    pub fn connect(target: Target, person: Author) -> Self {
        let (requests, waiting) = mpsc::channel(REQUESTS_MAX);
        let (status, standing) = watch::channel(Status::Connecting);
        let drained = Arc::new(Notify::new());
        let signed_in = Arc::new(Notify::new());
        let (heard, line) = line::open(target, person.clone(), Arc::clone(&signed_in));
        let task = Task::new(person, waiting, heard, line, Arc::clone(&drained), status);
        let (closing, close) = oneshot::channel();
        tokio::spawn(task.run(close));
        Self { handle: Handle { requests, drained }, status: standing, signed_in, closing }
    }

    /// Comes back from [`Status::SignedOut`], with a token that the target's source is asked for; does
    /// not wait either where the client is [offline](Status::Offline).
    ///
    /// Rooms and unsaved edits are as they were, so it has to be the same person: edits would go out
    /// as somebody else's, or be refused.
    pub fn sign_in(&self) {
        self.signed_in.notify_waiters();
    }

    /// Where the connection stands, now and from now on.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Opens a room, such as `patient:1`; it need not exist yet. The same room may be open several
    /// times.
    ///
    /// Returns when the room can be read: once the server has sent what it has, or, without a
    /// connection, at once with what is known, which for a room that was not open before is nothing.
    /// [`OpenRoom::until_in_step`] waits for the server in any case. The first attempt to connect is
    /// waited for, which is up to 25 s, and a first sync for as long as it goes on. May be dropped at
    /// any time.
    pub async fn open(&self, name: &str) -> Result<OpenRoom, OpenError> {
        let name: RoomName = name.parse()?;
        let (reply, opened) = oneshot::channel();
        let request = Request::Open { name: name.clone(), reply };
        self.handle.requests.send(request).await.map_err(|_| OpenError::Closed)?;
        let Opened { shown, mut standing } = opened.await.map_err(|_| OpenError::Closed)?;
        let answered = standing.wait_for(|room| room.answered || room.refused.is_some()).await;
        let refused = answered.map_err(|_| OpenError::Closed)?.refused.clone();
        match refused {
            Some(refusal) => {
                Err(OpenError::Refused { code: refusal.code, message: refusal.message })
            }
            None => Ok(OpenRoom { name, shown, standing, handle: self.handle.clone() }),
        }
    }

    /// Leaves all rooms, tells the server and closes the socket, in this order; takes 5 s at most.
    ///
    /// Edits that are unsaved by then are given up: wait for [`Edit::saved`](crate::Edit::saved) or
    /// [`OpenRoom::until_in_step`] first where that matters. What came from the client says from now
    /// on that it is closed; rooms can still be read.
    pub async fn close(self) {
        let (ending, ended) = oneshot::channel();
        if self.closing.send(ending).is_ok() {
            // The task drops its end when it is done.
            let _ = ended.await;
        }
    }
}
