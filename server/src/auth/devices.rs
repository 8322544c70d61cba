//! The devices that people sign in from, and those that are to be wiped. Facts of the store.
//!
//! A device says a secret of its own when it joins, of which nothing is kept but a [`Handle`]. One
//! that is wiped is told so before anybody asks who uses it: whoever has it may have no token any more.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use chartroom_engine::{Author, RoomId, RoomName, time};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{anonymous, pass::Passes};
use crate::{
    clock,
    hub::{Hub, RoomError},
    limits::{DEVICES_MAX, WIPED_MAX, WIPED_OF_PERSON_MAX},
    storage::{Fact, Storage, StorageError},
    wire::frame::DeviceSecret,
};

/// From person and handle to a [`Seen`].
const DEVICES: &str = "device";
/// From handle to a [`Wipe`].
const WIPED: &str = "wiped-device";
/// Devices that are known to have been noted today.
const NOTED_MAX: usize = 100_000;
/// Characters of a secret, in base64url: 128 bits at least.
const SECRET_CHARS: std::ops::RangeInclusive<usize> = 22..=64;
/// Milliseconds of a day.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// What a device is called: the first 8 bytes of SHA-256 of its secret, in hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Handle([u8; 8]);

/// A text is no device's secret, or no handle.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoDevice;

impl Handle {
    /// Of a secret, where it is written as one.
    pub fn of(DeviceSecret(secret): &DeviceSecret) -> Result<Self, NoDevice> {
        let is_base64url = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if !SECRET_CHARS.contains(&secret.len()) || !secret.bytes().all(is_base64url) {
            return Err(NoDevice);
        }
        let digest = Sha256::digest(secret);
        Ok(Self(*digest.first_chunk().expect("a digest has 32 bytes")))
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl FromStr for Handle {
    type Err = NoDevice;

    fn from_str(text: &str) -> Result<Self, NoDevice> {
        let handle = u64::from_str_radix(text, 16).map_err(|_| NoDevice)?;
        let handle = Self(handle.to_be_bytes());
        // As it is printed, and in no other way.
        (handle.to_string() == text).then_some(handle).ok_or(NoDevice)
    }
}

/// A device that a person has signed in from, in days since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Seen {
    person: String,
    first_day: u64,
    last_day: u64,
}

/// That a device is to be wiped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Wipe {
    /// The id of who asked for it.
    pub by: String,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// When the device was first told, in milliseconds since 1970.
    pub told_ms: Option<u64>,
}

/// A device as its person, or an operator, is shown it.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Device {
    handle: String,
    /// The day, as `2026-01-31`.
    first_seen: String,
    /// The day.
    last_seen: String,
    /// When it was wiped, in RFC 3339.
    wiped: Option<String>,
    /// When it was first told.
    told: Option<String>,
}

/// Why a device is not wiped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WipeError {
    /// The person has wiped as many as one may (caller).
    #[error("you have wiped {WIPED_OF_PERSON_MAX} devices; an operator has to wipe this one")]
    TooMany,
    /// The store failed (environment).
    #[error(transparent)]
    Room(#[from] RoomError),
}

/// What is in memory of all this.
#[derive(Debug, Default)]
pub(super) struct Devices {
    wiped: Mutex<BTreeMap<Handle, Wipe>>,
    noted: Mutex<Noted>,
}

/// Keys of devices that were noted on a day.
#[derive(Debug, Default)]
struct Noted {
    day: u64,
    keys: BTreeSet<String>,
}

impl Devices {
    /// With the devices that the store knows as wiped.
    pub fn of(storage: &dyn Storage) -> Result<Self, StorageError> {
        let wiped = storage.facts(WIPED)?.into_iter().filter_map(|(handle, wipe)| {
            Some((handle.parse().ok()?, serde_json::from_slice(&wipe).ok()?))
        });
        Ok(Self { wiped: Mutex::new(wiped.collect()), noted: Mutex::default() })
    }

    /// Whether a device is to be wiped.
    pub fn is_wiped(&self, device: Handle) -> bool {
        self.wiped.lock().contains_key(&device)
    }

    /// Keeps what was made durable, and ends the device's connections.
    fn wipe(&self, device: Handle, wipe: Wipe, dropped: Option<Handle>, passes: &Passes) {
        let mut wiped = self.wiped.lock();
        wiped.entry(device).or_insert(wipe);
        dropped.iter().for_each(|dropped| drop(wiped.remove(dropped)));
        drop(wiped);
        passes.wipe(device);
    }
}

impl Hub {
    /// Remembers that somebody signed in from a device; durable when this returns, and written once a
    /// day. Of people whom nobody knows, nothing.
    pub(crate) async fn signed_in_from(
        &self,
        person: &Author,
        device: Handle,
    ) -> Result<(), RoomError> {
        if *person == anonymous() {
            return Ok(());
        }
        let (key, today) = (key(&person.id, &device.to_string()), clock::now_ms() / DAY_MS);
        let is_noted = |noted: &Noted| noted.day == today && noted.keys.contains(&key);
        if is_noted(&self.gate().devices.noted.lock()) {
            return Ok(());
        }
        let mut known = self.seen_of(&person.id).await?;
        let at = known.iter().position(|(of, _)| *of == key);
        let before = at.map(|at| known.swap_remove(at).1);
        if before.as_ref().is_none_or(|before| before.last_day != today) {
            let first_day = before.map_or(today, |before| before.first_day);
            let seen = Seen { person: person.id.clone(), first_day, last_day: today };
            known.sort_by_key(|(_, seen)| std::cmp::Reverse(seen.last_day));
            let dropped = known.split_off(known.len().min(DEVICES_MAX - 1));
            let gone = dropped.into_iter().map(|(key, _)| fact(DEVICES, key, None));
            let own = fact(DEVICES, key.clone(), serde_json::to_vec(&seen).ok());
            self.note(directory(), std::iter::once(own).chain(gone).collect()).await?;
        }
        let mut noted = self.gate().devices.noted.lock();
        if noted.day != today || noted.keys.len() >= NOTED_MAX {
            *noted = Noted { day: today, keys: BTreeSet::new() };
        }
        noted.keys.insert(key);
        Ok(())
    }

    /// The devices of a person, the one that was here last first.
    pub(crate) async fn devices_of(&self, person: &str) -> Result<Vec<Device>, RoomError> {
        let mut seen = self.seen_of(person).await?;
        seen.sort_by_key(|(_, seen)| std::cmp::Reverse(seen.last_day));
        let wiped = self.gate().devices.wiped.lock();
        let devices = seen.into_iter().filter_map(|(key, seen)| {
            let handle: Handle = key.split_once(' ')?.1.parse().ok()?;
            let wipe = wiped.get(&handle);
            Some(Device {
                handle: handle.to_string(),
                first_seen: day(seen.first_day),
                last_seen: day(seen.last_day),
                wiped: wipe.map(|wipe| instant(wipe.at_ms)),
                told: wipe.and_then(|wipe| wipe.told_ms).map(instant),
            })
        });
        Ok(devices.collect())
    }

    /// Whether a device is one that this person, or with `None` anybody, has signed in from.
    pub(crate) async fn has_device(
        &self,
        person: Option<&str>,
        device: Handle,
    ) -> Result<bool, RoomError> {
        if let Some(person) = person {
            let key = key(person, &device.to_string());
            return Ok(self.fact(DEVICES, key).await?.is_some());
        }
        let ending = format!(" {device}");
        Ok(self.facts(DEVICES).await?.iter().any(|(key, _)| key.ends_with(&ending)))
    }

    /// Has a device wiped: its connections end, and it is told so whenever it comes. Durable when this
    /// returns; gives when it was first asked for, in RFC 3339. Of those who are no operators, `limited`,
    /// each wipes so many.
    pub(crate) async fn wipe(
        &self,
        device: Handle,
        by: &str,
        limited: bool,
    ) -> Result<String, WipeError> {
        let wipe = Wipe { by: by.to_owned(), at_ms: clock::now_ms(), told_ms: None };
        let at = instant(wipe.at_ms);
        let dropped = {
            let wiped = self.gate().devices.wiped.lock();
            if let Some(before) = wiped.get(&device) {
                return Ok(instant(before.at_ms));
            }
            let own = wiped.values().filter(|wipe| wipe.by == by).count();
            if limited && own >= WIPED_OF_PERSON_MAX {
                return Err(WipeError::TooMany);
            }
            let oldest = || wiped.iter().min_by_key(|(_, wipe)| wipe.at_ms);
            (wiped.len() >= WIPED_MAX).then(oldest).flatten().map(|(handle, _)| *handle)
        };
        let noted = fact(WIPED, device.to_string(), serde_json::to_vec(&wipe).ok());
        let gone = dropped.map(|dropped| fact(WIPED, dropped.to_string(), None));
        self.note(directory(), std::iter::once(noted).chain(gone).collect()).await?;
        self.gate().devices.wipe(device, wipe, dropped, &self.gate().passes);
        Ok(at)
    }

    /// Keeps when a wiped device was first told so; waits for nothing.
    pub(crate) fn wipe_is_told(&self, device: Handle) {
        let mut wiped = self.gate().devices.wiped.lock();
        let Some(wipe) = wiped.get_mut(&device).filter(|wipe| wipe.told_ms.is_none()) else {
            return;
        };
        wipe.told_ms = Some(clock::now_ms());
        let told = fact(WIPED, device.to_string(), serde_json::to_vec(wipe).ok());
        drop(wiped);
        self.note_later(directory(), vec![told]);
    }

    async fn seen_of(&self, person: &str) -> Result<Vec<(String, Seen)>, RoomError> {
        // What stands before and behind every handle.
        let (after, through) = (key(person, &"/".repeat(16)), key(person, &"g".repeat(16)));
        let limit = 2 * DEVICES_MAX;
        let read =
            move |storage: &dyn Storage| storage.facts_between(DEVICES, &after, &through, limit);
        let facts = self.read_storage(read).await?.into_iter();
        Ok(facts
            .filter_map(|(key, seen)| Some((key, serde_json::from_slice(&seen).ok()?)))
            .collect())
    }
}

/// Ids of persons are as long as their provider likes; keys are not.
fn key(person: &str, handle: &str) -> String {
    format!("{:x} {handle}", Sha256::digest(person))
}

fn fact(table: &str, key: String, value: Option<Vec<u8>>) -> Fact {
    Fact { table: table.to_owned(), key, value }
}

fn directory() -> RoomId {
    RoomId::first(RoomName::directory())
}

fn instant(ms: u64) -> String {
    time::rfc3339(i64::try_from(ms).unwrap_or(i64::MAX))
}

fn day(day: u64) -> String {
    let mut day = instant(day.saturating_mul(DAY_MS));
    day.truncate("2026-01-31".len());
    day
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{hub::HubConfig, storage::Memory};

    fn secret(n: usize) -> DeviceSecret {
        DeviceSecret(format!("{n:_>22}"))
    }

    fn handle(n: usize) -> Handle {
        Handle::of(&secret(n)).unwrap()
    }

    #[test]
    fn a_secret_is_base64url_of_128_bits_and_more() {
        let of = |text: &str| Handle::of(&DeviceSecret(text.to_owned()));
        for sound in ["abcdefghijklmnopqrstuv", "ABC-_0123456789abcdefg", &"x".repeat(64)] {
            assert!(of(sound).is_ok(), "{sound}");
        }
        let umlaut = format!("{}ä", "x".repeat(22));
        for wrong in
            ["", "abcdefghijklmnopqrstu", &"x".repeat(65), "abcdefghijklmnopqrstu=", &umlaut]
        {
            assert_eq!(of(wrong), Err(NoDevice), "{wrong}");
        }
        // sha256sum says so.
        assert_eq!(of("abcdefghijklmnopqrstuv").unwrap().to_string(), "f69f9b70d1c9a544");
        assert!(!format!("{:?}", secret(1)).contains("__"));
    }

    #[test]
    fn a_handle_is_written_in_one_way() {
        let text = handle(1).to_string();
        assert_eq!(text.parse(), Ok(handle(1)));
        for wrong in [&text[1..], &text.to_uppercase(), "+00000000000000a", "", "zzzzzzzzzzzzzzzz"]
        {
            assert_eq!(wrong.parse::<Handle>(), Err(NoDevice), "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_person_has_so_many_devices_and_nobodys_are_kept() {
        let storage = Arc::new(Memory::new());
        let hub = Hub::start(storage.clone(), HubConfig::default()).unwrap();
        let (alice, bob) = (Author::new("alice", "Alice"), Author::new("bob", "Bob"));
        for n in 0..DEVICES_MAX + 5 {
            hub.signed_in_from(&alice, handle(n)).await.unwrap();
        }
        hub.signed_in_from(&bob, handle(0)).await.unwrap();
        hub.signed_in_from(&anonymous(), handle(1)).await.unwrap();
        let of = async |who: &str| hub.devices_of(who).await.unwrap();
        assert_eq!(of("alice").await.len(), DEVICES_MAX);
        assert_eq!(of("anonymous").await, []);
        let bobs = of("bob").await;
        assert_eq!((bobs.len(), &bobs[0].handle), (1, &handle(0).to_string()));
        assert_eq!((&bobs[0].first_seen, bobs[0].first_seen.len()), (&bobs[0].last_seen, 10));
        assert!(hub.has_device(Some("bob"), handle(0)).await.unwrap());
        assert!(!hub.has_device(Some("bob"), handle(1)).await.unwrap());
        assert!(!hub.has_device(None, handle(1000)).await.unwrap());
        // Once a day.
        let commits = hub.writer_counts();
        hub.signed_in_from(&bob, handle(0)).await.unwrap();
        assert_eq!(hub.writer_counts(), commits);
        let facts = storage.facts(DEVICES).unwrap();
        let text = format!("{:?}", facts);
        assert!(!text.contains(&secret(0).0), "no secret is kept");
        hub.close(false).await;
    }

    #[tokio::test]
    async fn what_is_wiped_stays_so_and_nobody_drives_it_out() {
        let storage = Arc::new(Memory::new());
        let hub = Hub::start(storage.clone(), HubConfig::default()).unwrap();
        let first = hub.wipe(handle(0), "alice", true).await.unwrap();
        assert_eq!(hub.wipe(handle(0), "bob", true).await.unwrap(), first);
        for n in 1..WIPED_OF_PERSON_MAX {
            hub.wipe(handle(n), "alice", true).await.unwrap();
        }
        let one_more = hub.wipe(handle(1000), "alice", true).await;
        assert!(matches!(one_more, Err(WipeError::TooMany)));
        hub.wipe(handle(1000), "alice", false).await.unwrap();
        hub.wipe_is_told(handle(0));
        hub.close(false).await;
        let again = Devices::of(&*storage).unwrap();
        assert!(again.is_wiped(handle(0)) && again.is_wiped(handle(1000)));
        assert!(!again.is_wiped(handle(1001)));
        let wiped = again.wiped.lock();
        assert!(wiped[&handle(0)].told_ms.is_some() && wiped[&handle(1)].told_ms.is_none());
    }
}
