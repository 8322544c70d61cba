//! Live connections of people who are signed in, so that one can be ended when it may be no longer.
//!
//! A connection ends when its sign-in expires or is taken back, when its device is wiped, and when a room that it is in is no
//! longer its person's to see: it comes back then, and finds what is left.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use chartroom_engine::{RoomName, access::Access};
use parking_lot::Mutex;
use tokio::{sync::Notify, time::sleep};

use super::{SignedIn, devices::Handle};
use crate::{
    clock,
    hub::{Closing, Hub},
};

/// Longest sleep at once: the clock may be set.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// Why a connection may not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Its sign-in has expired.
    Expired,
    /// Its sign-in was taken back.
    Revoked,
    /// A room that it is in is not its person's to see any more, or not as it was.
    Access,
    /// The device that it comes from is to be wiped.
    Wiped,
}

impl Ended {
    /// A stable code for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Expired => "token-expired",
            Self::Revoked => "token-revoked",
            Self::Access => "access-ended",
            Self::Wiped => "device-wiped",
        }
    }

    /// How a socket is closed for it.
    pub fn closing(self) -> Closing {
        match self {
            Self::Expired => Closing::signed_out("the sign-in has expired; sign in anew"),
            Self::Revoked => Closing::revoked("the sign-in was taken back"),
            Self::Access => {
                Closing::try_again("access to a room has changed; come back for the others")
            }
            Self::Wiped => Closing::wiped("this device is to be wiped"),
        }
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Passes(Mutex<BTreeMap<u64, Arc<Live>>>);

#[derive(Debug)]
struct Live {
    signed: Mutex<SignedIn>,
    device: Option<Handle>,
    state: Mutex<State>,
    told: Notify,
}

#[derive(Debug, Default)]
struct State {
    rooms: BTreeSet<RoomName>,
    /// When the first of its rooms closes, in milliseconds since 1970.
    room_until_ms: Option<u64>,
    ended: Option<Ended>,
}

/// The right of one connection to go on; gone with it.
pub(crate) struct Pass {
    hub: Arc<Hub>,
    number: u64,
    live: Arc<Live>,
}

impl Pass {
    /// For a connection of somebody who has just signed in, from a device that may have said which.
    pub fn new(hub: Arc<Hub>, signed: SignedIn, device: Option<Handle>) -> Self {
        let number = hub.next_number();
        let (signed, state, told) = (Mutex::new(signed), Mutex::default(), Notify::new());
        let live = Arc::new(Live { signed, device, state, told });
        hub.gate().passes.0.lock().insert(number, Arc::clone(&live));
        // It may have been taken back meanwhile.
        if hub.gate().is_revoked(&live.signed.lock()) {
            live.end(Ended::Revoked);
        }
        if device.is_some_and(|device| hub.gate().is_wiped(device)) {
            live.end(Ended::Wiped);
        }
        Self { hub, number, live }
    }

    /// Goes on under a newer sign-in of the same person.
    pub fn renew(&self, signed: SignedIn) {
        *self.live.signed.lock() = signed;
        self.live.told.notify_one();
    }

    /// Opens a room, if `asked` says that the connection may: it ends when that is so no more. It is
    /// entered before it is asked for, so that no end of a right falls between the two.
    pub async fn enter<E>(
        &self,
        room: &RoomName,
        asked: impl Future<Output = Result<Access, E>>,
    ) -> Result<Access, E> {
        let is_new = self.live.state.lock().rooms.insert(room.clone());
        let access = asked.await;
        let mut state = self.live.state.lock();
        match &access {
            Ok(access) => {
                if let Some(until) = access.glass_until_ms {
                    let known = state.room_until_ms;
                    state.room_until_ms = Some(known.map_or(until, |known| known.min(until)));
                    self.live.told.notify_one();
                }
            }
            Err(_) if is_new => drop(state.rooms.remove(room)),
            Err(_) => {}
        }
        access
    }

    /// Waits until the connection may not go on. Safe to cancel.
    pub async fn ended(&self) -> Ended {
        loop {
            if let Some(ended) = self.live.state.lock().ended {
                return ended;
            }
            let (expires_ms, room_ms) = {
                let expires_ms = self.live.signed.lock().expires_ms;
                (expires_ms, self.live.state.lock().room_until_ms)
            };
            let now_ms = clock::now_ms();
            if expires_ms.is_some_and(|at| at <= now_ms) {
                return Ended::Expired;
            }
            if room_ms.is_some_and(|at| at <= now_ms) {
                return Ended::Access;
            }
            let next = expires_ms.into_iter().chain(room_ms).min();
            let wait = next.map(|at| Duration::from_millis(at - now_ms).min(SLEEP_MAX));
            tokio::select! {
                () = self.live.told.notified() => {}
                () = sleep(wait.unwrap_or(SLEEP_MAX)), if wait.is_some() => {}
            }
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.hub.gate().passes.0.lock().remove(&self.number);
    }
}

impl Live {
    fn end(&self, ended: Ended) {
        self.state.lock().ended.get_or_insert(ended);
        self.told.notify_one();
    }
}

impl Passes {
    /// How many connections a person has.
    pub fn of(&self, person: &str) -> usize {
        let passes = self.0.lock();
        passes.values().filter(|live| live.signed.lock().person.author.id == person).count()
    }

    /// Ends the connections of sign-ins that are meant.
    pub fn revoke(&self, is_meant: impl Fn(&SignedIn) -> bool) {
        for live in self.0.lock().values() {
            if is_meant(&live.signed.lock()) {
                live.end(Ended::Revoked);
            }
        }
    }

    /// Ends the connections from a device.
    pub fn wipe(&self, device: Handle) {
        for live in self.0.lock().values().filter(|live| live.device == Some(device)) {
            live.end(Ended::Wiped);
        }
    }

    /// Ends a person's connections that have a room open, or a compartment that is open through it.
    pub fn leave(&self, person: &str, room: &RoomName) {
        let goes = |open: &RoomName| open == room || open.chart().as_ref() == Some(room);
        for live in self.0.lock().values() {
            let is_theirs = live.signed.lock().person.author.id == person;
            if is_theirs && live.state.lock().rooms.iter().any(goes) {
                live.end(Ended::Access);
            }
        }
    }
}
