//! What waits to be written to one socket: bounded, so that a slow reader costs little.
//!
//! Whoever pushes never waits. A queue that overflows is emptied and the connection is told to try
//! again later; the peer then syncs anew, which costs less than everything it missed.

use std::{
    borrow::Cow,
    collections::VecDeque,
    future::poll_fn,
    sync::atomic::{AtomicU64, Ordering},
    task::Poll,
};

use bytes::Bytes;
use chartroom_engine::limits::QUEUE_FRAMES_MAX;
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::limits::{Exceeded, Limit};

/// What may wait before a producer that can wait does so; the rest of the queue is for answers.
const SPACE_BYTES: usize = 256 * 1024;
/// Bytes handed to the socket at once, so that what waits is counted here and not there.
const DRAIN_BYTES: usize = 256 * 1024;

/// The close code that asks the peer to come back.
pub const TRY_AGAIN: u16 = 1013;

/// Why, and with which WebSocket code, the server ends a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// The close code.
    pub code: u16,
    /// The limit that the peer went over, if that is why.
    pub limit: Option<Limit>,
    /// Fixed public text; goes out as an `error` message first.
    pub message: Cow<'static, str>,
}

impl Closing {
    /// The peer broke the protocol.
    pub fn protocol(message: impl Into<Cow<'static, str>>) -> Self {
        Self { code: 1002, limit: None, message: message.into() }
    }

    /// The peer went over a limit.
    pub fn over(limit: Limit, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code: limit.close_code(), limit: Some(limit), message: message.into() }
    }

    /// What the peer does is not allowed.
    pub fn policy(message: impl Into<Cow<'static, str>>) -> Self {
        Self { code: 1008, limit: None, message: message.into() }
    }

    /// The peer should come back and sync anew.
    pub fn try_again(message: impl Into<Cow<'static, str>>) -> Self {
        Self { code: TRY_AGAIN, limit: None, message: message.into() }
    }

    /// The peer has to sign in, or to sign in anew.
    pub fn signed_out(message: impl Into<Cow<'static, str>>) -> Self {
        Self { code: 4001, limit: None, message: message.into() }
    }

    /// The sign-in of the peer is taken no more.
    pub fn revoked(message: impl Into<Cow<'static, str>>) -> Self {
        Self { code: 4003, limit: None, message: message.into() }
    }

    /// The server goes down.
    pub fn going_away() -> Self {
        Self { code: 1001, limit: None, message: "the server is shutting down".into() }
    }

    /// The peer said that it goes.
    pub fn normal() -> Self {
        Self { code: 1000, limit: None, message: "".into() }
    }
}

/// The queue of one connection.
#[derive(Debug)]
pub struct Outbox {
    bytes_max: usize,
    exceeded: Exceeded,
    state: Mutex<State>,
    /// Wakes the writer.
    ready: AtomicWaker,
    taken: Notify,
    ended: Notify,
    written: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<Bytes>,
    bytes: usize,
    ping: bool,
    closing: Option<Closing>,
}

/// What the socket's writer does next.
#[derive(Debug)]
pub struct Outgoing {
    /// Frames to write, in order; may be empty when `closing` is set.
    pub frames: Vec<Bytes>,
    /// Whether to ask the peer if it is there.
    pub ping: bool,
    /// After them, the end.
    pub closing: Option<Closing>,
}

impl Outbox {
    /// An empty queue for so many bytes; notes the limit for which it is closed.
    pub(crate) fn new(bytes_max: usize, exceeded: Exceeded) -> Self {
        Self {
            bytes_max,
            exceeded,
            state: Mutex::default(),
            ready: AtomicWaker::new(),
            taken: Notify::new(),
            ended: Notify::new(),
            written: AtomicU64::new(0),
        }
    }

    /// Queues one frame, or closes the connection where it does not fit.
    pub fn push(&self, frame: Bytes) {
        let mut state = self.state.lock();
        if state.closing.is_some() {
            return;
        }
        let fits =
            state.frames.len() < QUEUE_FRAMES_MAX && state.bytes + frame.len() <= self.bytes_max;
        // A frame that is large by itself still goes to a peer that keeps up.
        if fits || state.frames.is_empty() {
            state.bytes += frame.len();
            state.frames.push_back(frame);
        } else {
            state.frames.clear();
            state.bytes = 0;
            drop(state);
            return self.close(Closing::over(Limit::Queue, "the peer reads too slowly"));
        }
        drop(state);
        self.ready.wake();
    }

    /// Whether frames of so many bytes together fit where nothing waits.
    pub fn holds(&self, bytes: usize) -> bool {
        bytes <= self.bytes_max / 2
    }

    /// Queues a frame that can be made anew later, where little waits; false where it was left out.
    pub fn offer(&self, frame: &Bytes) -> bool {
        let fits = self.has_space() && (self.holds(frame.len()) || self.bytes() == 0);
        if fits {
            self.push(frame.clone());
        }
        fits
    }

    /// Bytes that were taken to be written since this was last asked.
    pub fn take_written(&self) -> u64 {
        self.written.swap(0, Ordering::Relaxed)
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        self.state.lock().bytes
    }

    /// Whether little enough waits for more to be produced.
    pub fn has_space(&self) -> bool {
        let state = self.state.lock();
        state.frames.len() < QUEUE_FRAMES_MAX / 2
            && state.bytes < SPACE_BYTES.min(self.bytes_max / 2)
    }

    /// Waits until the queue [has space](Self::has_space).
    pub async fn space(&self) {
        loop {
            let taken = self.taken.notified();
            if self.has_space() {
                return;
            }
            taken.await;
        }
    }

    /// Ends the connection after what is queued; the first reason stands.
    pub fn close(&self, closing: Closing) {
        let mut state = self.state.lock();
        if state.closing.is_none() {
            if let Some(limit) = closing.limit {
                self.exceeded.note(limit);
            }
            state.closing = Some(closing);
        }
        drop(state);
        self.ended.notify_one();
        self.ready.wake();
    }

    /// Asks the peer whether it is there.
    pub fn ping(&self) {
        self.state.lock().ping = true;
        self.ready.wake();
    }

    /// Waits until the connection is about to end, and says why.
    pub async fn closing(&self) -> Closing {
        loop {
            let ended = self.ended.notified();
            if let Some(closing) = self.state.lock().closing.clone() {
                return closing;
            }
            ended.await;
        }
    }

    /// Whether the connection is about to end.
    pub fn is_closing(&self) -> bool {
        self.state.lock().closing.is_some()
    }

    /// Waits until there is something to write. For one writer.
    pub async fn next(&self) -> Outgoing {
        poll_fn(|context| {
            if let Some(outgoing) = self.take() {
                return Poll::Ready(outgoing);
            }
            self.ready.register(context.waker());
            // What came before that woke nobody.
            self.take().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    fn take(&self) -> Option<Outgoing> {
        let mut state = self.state.lock();
        let mut frames = Vec::new();
        let mut bytes = 0;
        while bytes < DRAIN_BYTES
            && let Some(frame) = state.frames.pop_front()
        {
            bytes += frame.len();
            frames.push(frame);
        }
        state.bytes -= bytes;
        self.written.fetch_add(bytes as u64, Ordering::Relaxed);
        let closing = state.frames.is_empty().then(|| state.closing.clone()).flatten();
        let ping = std::mem::take(&mut state.ping);
        let some = !frames.is_empty() || ping || closing.is_some();
        if some {
            self.taken.notify_waiters();
        }
        some.then_some(Outgoing { frames, ping, closing })
    }
}

#[cfg(test)]
#[allow(clippy::panic, clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use chartroom_engine::limits::QUEUE_BYTES_MAX;

    use super::*;

    #[tokio::test]
    async fn a_full_queue_closes_the_connection_and_forgets_its_frames() {
        let outbox = Outbox::new(QUEUE_BYTES_MAX, Exceeded::default());
        for _ in 0..=QUEUE_FRAMES_MAX {
            outbox.push(Bytes::from_static(b"frame"));
        }
        let outgoing = outbox.next().await;
        assert!(outgoing.frames.is_empty());
        assert_eq!(outgoing.closing.unwrap().code, 1013);
    }

    #[tokio::test]
    async fn what_was_queued_leaves_before_the_end() {
        let outbox = Outbox::new(QUEUE_BYTES_MAX, Exceeded::default());
        outbox.push(Bytes::from_static(b"frame"));
        outbox.close(Closing::going_away());
        outbox.close(Closing::normal());
        outbox.push(Bytes::from_static(b"too late"));
        let outgoing = outbox.next().await;
        assert_eq!(outgoing.frames, [Bytes::from_static(b"frame")]);
        assert_eq!(outgoing.closing, Some(Closing::going_away()));
    }

    #[tokio::test]
    async fn who_can_wait_does_not_fill_the_queue() {
        let outbox = Outbox::new(QUEUE_BYTES_MAX, Exceeded::default());
        let frame = Bytes::from(vec![0; SPACE_BYTES]);
        outbox.space().await;
        outbox.push(frame);
        let mut second = std::pin::pin!(outbox.space());
        tokio::select! {
            biased;
            () = &mut second => panic!("it did not wait"),
            () = std::future::ready(()) => {}
        }
        assert_eq!(outbox.next().await.frames.len(), 1);
        second.await;
    }

    #[tokio::test]
    async fn a_writer_that_waits_is_woken_by_each_thing_that_is_to_be_written() {
        let outbox = std::sync::Arc::new(Outbox::new(QUEUE_BYTES_MAX, Exceeded::default()));
        let acts: [fn(&Outbox); 3] = [
            |outbox| outbox.push(Bytes::from_static(b"frame")),
            |outbox| outbox.ping(),
            |outbox| outbox.close(Closing::normal()),
        ];
        for act in acts {
            let writer = std::sync::Arc::clone(&outbox);
            let writing = tokio::spawn(async move { writer.next().await });
            tokio::task::yield_now().await;
            act(&outbox);
            writing.await.unwrap();
        }
    }

    #[tokio::test]
    async fn one_large_frame_passes_when_nothing_waits() {
        let outbox = Outbox::new(QUEUE_BYTES_MAX, Exceeded::default());
        outbox.push(Bytes::from(vec![0; QUEUE_BYTES_MAX + 1]));
        assert_eq!(outbox.next().await.frames.len(), 1);
        assert!(!outbox.is_closing());
    }
}
