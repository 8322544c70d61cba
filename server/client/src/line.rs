//! The line to a server: a socket that is dialled, joined and, when it breaks, made anew.
//!
//! A task of its own moves frames between the socket and the client's task, and knows nothing of
//! rooms. Both ways are bounded: who is slow is waited for. Reading and writing do not wait for each
//! other, so two ends that write much at once cannot stand still.

use std::{pin::pin, sync::Arc, time::Duration};

use chartroom_engine::{Author, DocumentId};
use futures_util::{SinkExt, Stream, StreamExt, stream::SplitSink};
use tokio::{
    select,
    sync::{Notify, mpsc},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tokio_tungstenite::tungstenite::{self, Message};

use crate::{
    backoff::{Backoff, Trouble},
    dial::{DialError, Socket, Target, TokenError, dial},
    frame::{
        ChartroomMetadata, FollowStart, Frame, FrameError, PROTOCOL_VERSION, PeerMetadata,
        SyncHead, decode, encode,
    },
};

/// How long the server may take to answer `join`.
pub const JOIN_WAIT: Duration = Duration::from_secs(10);
/// So long without a word or a ping, and the connection counts as broken; a server pings every 5 s.
pub const SILENCE_MAX: Duration = Duration::from_secs(20);
/// How long a closing handshake may take.
const CLOSE_WAIT: Duration = Duration::from_secs(2);
/// A connection that stood so long was a good one: the next wait starts small again.
const GOOD: Duration = Duration::from_secs(5);
/// A sign-in that was taken for so long is followed at once by the next.
const SIGNED_IN: Duration = Duration::from_secs(1);
/// The server closed: the sign-in is missing, no good, or has expired.
const SIGN_IN_ANEW: u16 = 4001;
/// The server closed: the sign-in was taken back.
const TAKEN_BACK: u16 = 4003;
/// Frames that wait between the socket and the client's task, either way.
const FRAMES_MAX: usize = 8;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The socket could not be opened (environment, or peer).
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The server did not answer `join` in time (peer).
    #[error("the server did not answer a join within {} s", JOIN_WAIT.as_secs())]
    NotJoined,
    /// What answered is no Chartroom server (peer).
    #[error("it does not speak Chartroom's extensions of protocol {PROTOCOL_VERSION}")]
    NoChartroom,
    /// The server sent what is no frame (peer).
    #[error("the server sent what is no frame: {0}")]
    Frame(#[from] FrameError),
    /// The server closed the connection, for the reason it gives.
    #[error("the server closed the connection with {code}: {message}")]
    Closed {
        /// The code of the close frame (docs/protocol.md, "Closing").
        code: u16,
        /// The server's fixed text.
        message: String,
    },
    /// The connection broke (environment).
    #[error("the connection broke: {0}")]
    Broken(Box<tungstenite::Error>),
    /// Nothing came for too long (environment).
    #[error("nothing was heard of the server for {} s", SILENCE_MAX.as_secs())]
    Silent,
    /// The client gave the connection up: it was closed, or the server sent what cannot be.
    #[error("the client gave the connection up")]
    GivenUp,
}

impl LineError {
    /// Whether trying again soon may help.
    pub fn trouble(&self) -> Trouble {
        match self {
            Self::Dial(error) => error.trouble(),
            Self::NoChartroom
            | Self::Frame(_)
            | Self::Closed { code: 1002 | 1008 | 1009 | TAKEN_BACK, .. } => Trouble::Lasting,
            Self::NotJoined
            | Self::Closed { .. }
            | Self::Broken(_)
            | Self::Silent
            | Self::GivenUp => Trouble::Passing,
        }
    }

    /// Whether no attempt is to follow until a person has signed in again.
    pub(crate) fn signs_out(&self) -> bool {
        matches!(
            self,
            Self::Closed { code: TAKEN_BACK, .. }
                | Self::Dial(DialError::Token(TokenError::SignedOut))
        )
    }
}

/// What the line tells, in order.
pub(crate) enum Heard {
    /// The server is there.
    Up(Wire),
    /// It says something.
    Frame(Frame),
    /// It is there no more, or an attempt to reach it failed.
    Down(Arc<LineError>),
}

/// One connection, for whoever has something to say. Dropping it gives the connection up: what was
/// sent goes out, and the server is told that the client leaves.
pub(crate) struct Wire {
    me: String,
    server: String,
    outgoing: mpsc::Sender<Vec<u8>>,
}

impl Wire {
    /// Sends encoded frames, and waits while the socket is behind. Where it breaks, the line says so
    /// by itself.
    pub async fn send(&self, frames: Vec<Vec<u8>>) {
        for frame in frames {
            if self.outgoing.send(frame).await.is_err() {
                return;
            }
        }
    }

    /// What the sync messages of a document have in common.
    pub fn sync_head(&self, document: &DocumentId) -> SyncHead {
        SyncHead::new(&self.me, &self.server, document)
    }

    /// Asks which document a room is.
    pub fn room(&self, name: &str) -> Vec<u8> {
        let (sender, target) = self.parties();
        encode(&Frame::Room { sender, target, name: name.to_owned() })
    }

    /// Leaves a room.
    pub fn leave_room(&self, document: DocumentId) -> Vec<u8> {
        let (sender, target) = self.parties();
        encode(&Frame::LeaveRoom { sender, target, document })
    }

    /// Asks for the events behind a number.
    pub fn follow(&self, document: DocumentId, id: u64, after: u64) -> Vec<u8> {
        let (sender, target) = self.parties();
        encode(&Frame::Follow { sender, target, document, id, start: FollowStart::After(after) })
    }

    /// Wants no more of them.
    pub fn unfollow(&self, id: u64) -> Vec<u8> {
        let (sender, target) = self.parties();
        encode(&Frame::Unfollow { sender, target, id })
    }

    fn parties(&self) -> (String, String) {
        (self.me.clone(), self.server.clone())
    }
}

/// Begins to dial. The line ends when its receiver is gone.
///
/// `signed_in` wakes one that nobody is signed in for.
pub(crate) fn open(
    target: Target,
    person: Author,
    signed_in: Arc<Notify>,
) -> (mpsc::Receiver<Heard>, JoinHandle<()>) {
    let (heard, receiver) = mpsc::channel(FRAMES_MAX);
    // The same over all connections, so that the server drops the socket that a new one replaces.
    let me = format!("chartroom-{:032x}", rand::random::<u128>());
    let backoff = Backoff::new();
    let line = Line { target, person, me, heard, signed_in, backoff, refreshed: false };
    (receiver, tokio::spawn(line.run()))
}

struct Line {
    target: Target,
    person: Author,
    me: String,
    heard: mpsc::Sender<Heard>,
    signed_in: Arc<Notify>,
    backoff: Backoff,
    /// Whether the last attempts were about a fresh token already.
    refreshed: bool,
}

impl Line {
    async fn run(mut self) {
        loop {
            let joined = select! {
                joined = self.join() => joined,
                () = self.heard.closed() => return,
            };
            let error = match joined {
                Ok((socket, server)) => {
                    let since = Instant::now();
                    let error = self.serve(socket, server).await;
                    if since.elapsed() >= GOOD {
                        self.backoff.succeeded();
                    }
                    self.refreshed &= since.elapsed() < SIGNED_IN;
                    error
                }
                Err(error) => error,
            };
            if self.heard.is_closed() {
                return;
            }
            let wait = self.wait(&error);
            tracing::info!(server = self.target.address(), %error, ?wait, "no connection");
            // Heard from here on: the program may sign in as soon as it knows.
            let signed_in = Arc::clone(&self.signed_in);
            let mut signed_in = pin!(signed_in.notified());
            signed_in.as_mut().enable();
            // Nobody is there to hear it where the wait ends at once.
            let _ = self.heard.send(Heard::Down(Arc::new(error))).await;
            select! {
                () = sleep(wait.unwrap_or_default()), if wait.is_some() => {}
                () = signed_in => self.refreshed = false,
                () = self.heard.closed() => return,
            }
        }
    }

    /// How long to wait behind an error; `None` where somebody has to sign in first.
    fn wait(&mut self, error: &LineError) -> Option<Duration> {
        if error.signs_out() {
            return None;
        }
        let is_stale = matches!(error, LineError::Closed { code: SIGN_IN_ANEW, .. });
        if !is_stale || !self.target.renews_token() {
            let trouble = if is_stale { Trouble::Lasting } else { error.trouble() };
            return Some(self.backoff.failed(trouble, rand::random()));
        }
        // With a fresh token at once; where that does not do either, as behind other errors.
        match std::mem::replace(&mut self.refreshed, true) {
            false => Some(Duration::ZERO),
            true => Some(self.backoff.failed(error.trouble(), rand::random())),
        }
    }

    /// Opens a socket and says who is there; gives the server's peer id.
    async fn join(&self) -> Result<(Socket, String), LineError> {
        let mut socket = dial(&self.target).await?;
        let join = encode(&Frame::Join {
            sender: self.me.clone(),
            metadata: PeerMetadata {
                is_ephemeral: true,
                chartroom: Some(ChartroomMetadata { version: 1, parts: true, ..<_>::default() }),
                person: Some(self.person.clone()),
                ..PeerMetadata::default()
            },
            versions: vec![PROTOCOL_VERSION.to_owned()],
        });
        socket.send(Message::Binary(join.into())).await.map_err(broken)?;
        let answered = timeout(JOIN_WAIT, Ear::default().next(&mut socket)).await;
        let frame = answered.map_err(|_| LineError::NotJoined)??;
        let Frame::Peer { sender, metadata, version, .. } = frame else {
            return Err(LineError::NoChartroom);
        };
        if metadata.chartroom.is_none() || version != PROTOCOL_VERSION {
            return Err(LineError::NoChartroom);
        }
        Ok((socket, sender))
    }

    /// Moves frames until the connection ends, and says why it did.
    async fn serve(&self, socket: Socket, server: String) -> LineError {
        let (outgoing, frames) = mpsc::channel(FRAMES_MAX);
        let wire = Wire { me: self.me.clone(), server, outgoing };
        if self.heard.send(Heard::Up(wire)).await.is_err() {
            return LineError::GivenUp;
        }
        let (sink, stream) = socket.split();
        let mut listening = pin!(self.listen(stream));
        select! {
            error = &mut listening => error,
            error = self.talk(sink, frames) => {
                // The server may have said why.
                match timeout(CLOSE_WAIT, listening).await {
                    Ok(reason) if !matches!(error, LineError::GivenUp) => reason,
                    Ok(_) | Err(_) => error,
                }
            }
        }
    }

    async fn listen(&self, mut stream: impl Stream<Item = Received> + Unpin) -> LineError {
        let mut ear = Ear::default();
        loop {
            match ear.next(&mut stream).await {
                // Behind the end of the client what comes is read to the socket's end.
                Ok(frame) => drop(self.heard.send(Heard::Frame(frame)).await),
                Err(error) => return error,
            }
        }
    }

    async fn talk(
        &self,
        mut sink: SplitSink<Socket, Message>,
        mut frames: mpsc::Receiver<Vec<u8>>,
    ) -> LineError {
        while let Some(frame) = frames.recv().await {
            if let Err(error) = sink.send(Message::Binary(frame.into())).await {
                return broken(error);
            }
        }
        let leave = encode(&Frame::Leave { sender: self.me.clone() });
        // Where this fails, the other end notices by itself.
        let _ = sink.send(Message::Binary(leave.into())).await;
        let _ = sink.close().await;
        LineError::GivenUp
    }
}

type Received = Result<Message, tungstenite::Error>;

/// Reads frames, and remembers what the server said before it closed.
#[derive(Default)]
struct Ear {
    last_words: Option<String>,
}

impl Ear {
    /// The next frame, or why none comes.
    async fn next(
        &mut self,
        stream: &mut (impl Stream<Item = Received> + Unpin),
    ) -> Result<Frame, LineError> {
        loop {
            let received = timeout(SILENCE_MAX, stream.next()).await;
            let message = match received.map_err(|_| LineError::Silent)? {
                Some(message) => message.map_err(broken)?,
                None => return Err(self.closed(1006, String::new())),
            };
            match message {
                Message::Binary(bytes) => {
                    let frame = decode(&bytes)?;
                    let Frame::Error { message, .. } = frame else { return Ok(frame) };
                    self.last_words = Some(message);
                }
                Message::Close(Some(frame)) => {
                    return Err(self.closed(frame.code.into(), frame.reason.to_string()));
                }
                Message::Close(None) => return Err(self.closed(1005, String::new())),
                Message::Text(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    fn closed(&mut self, code: u16, reason: String) -> LineError {
        LineError::Closed { code, message: self.last_words.take().unwrap_or(reason) }
    }
}

fn broken(error: tungstenite::Error) -> LineError {
    LineError::Broken(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(target: Target) -> Line {
        Line {
            target,
            person: Author::new("alice", "Alice"),
            me: String::new(),
            heard: mpsc::channel(1).0,
            signed_in: Arc::default(),
            backoff: Backoff::new(),
            refreshed: false,
        }
    }

    fn closed(code: u16) -> LineError {
        LineError::Closed { code, message: String::new() }
    }

    #[test]
    fn a_fresh_token_is_tried_at_once_and_then_like_everything_else() {
        let target = Target::new("ws://x").unwrap();
        let mut renews = line(target.clone().with_token_source(|| async { Ok("t".to_owned()) }));
        assert_eq!(renews.wait(&closed(SIGN_IN_ANEW)), Some(Duration::ZERO));
        assert!(renews.wait(&closed(SIGN_IN_ANEW)) >= Some(Backoff::FIRST / 2));
        renews.refreshed = false;
        assert_eq!(renews.wait(&closed(SIGN_IN_ANEW)), Some(Duration::ZERO));
        let mut fixed = line(target.with_token("t").unwrap());
        assert!(fixed.wait(&closed(SIGN_IN_ANEW)) >= Some(Backoff::FIRST_LASTING / 2));
    }

    #[test]
    fn a_sign_in_that_was_taken_back_is_not_tried_again() {
        let mut line = line(Target::new("ws://x").unwrap());
        assert_eq!(line.wait(&closed(TAKEN_BACK)), None);
        let nobody = LineError::Dial(DialError::Token(TokenError::SignedOut));
        assert_eq!(line.wait(&nobody), None);
    }
}
