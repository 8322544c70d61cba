//! What a server knows of who may come in: how people sign in, the operator's roles, sign-ins that
//! were taken back, and live connections.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chartroom_engine::{
    Author, RoomId, RoomName,
    access::{Access, Person, Policy, Standing},
    limits::{PERSON_CONNECTIONS_MAX, REQUESTS_PER_SECOND},
};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::{
    devices::{Devices, Handle},
    pass::Passes,
    roles::Roles,
    standing::Remembered,
};
use crate::{
    clock,
    hub::{Hub, RoomError},
    limits::{Limits, Rates, RetryAfter, request_rate},
    sign_in::{Identity, SignIn, SignInError},
    storage::{Fact, Storage, StorageError},
};

/// Sign-ins that were taken back: from `person {id}` or `token {jti}` to when.
const REVOKED: &str = "revoked";

/// How people sign in, and what they may.
#[derive(Debug, Clone)]
pub struct AccessConfig {
    /// Who verifies tokens; `None` where there is no sign-in, and everybody may do everything.
    pub sign_in: Option<Arc<SignIn>>,
    /// What the operator says of roles; counts where there is sign-in.
    pub roles: Roles,
}

impl Default for AccessConfig {
    fn default() -> Self {
        let open = Roles { policy: Policy::open(), ..Roles::default() };
        Self { sign_in: None, roles: open }
    }
}

/// Somebody who came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// Who it is.
    pub person: Arc<Person>,
    /// Until when, in milliseconds since 1970; `None` without sign-in.
    pub expires_ms: Option<u64>,
    /// When the token was issued, in milliseconds since 1970, where it says so.
    pub issued_ms: u64,
    /// The token's own id.
    pub token_id: Option<String>,
}

impl SignedIn {
    /// Somebody of whom nobody knows but what they say.
    pub fn claimed(author: Author) -> Self {
        let person = Arc::new(Person::unlimited(author));
        Self { person, expires_ms: None, issued_ms: 0, token_id: None }
    }

    fn of(identity: Identity) -> Self {
        let person = Person {
            author: identity.author,
            roles: identity.roles.into_iter().collect(),
            scopes: Person::scopes(&identity.scope),
            patient: identity.patient,
        };
        Self {
            person: Arc::new(person),
            expires_ms: Some(identity.expires_ms),
            issued_ms: identity.issued_ms.unwrap_or(0),
            token_id: identity.token_id,
        }
    }
}

/// Whose sign-ins are taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Revoked {
    /// All of this person until now.
    Person(String),
    /// The one with this token.
    Token(String),
}

impl Revoked {
    fn key(&self) -> String {
        // Ids are as long as their provider likes; keys are not.
        let digest = |text: &str| format!("{:x}", Sha256::digest(text));
        match self {
            Self::Person(id) => format!("person {}", digest(id)),
            Self::Token(id) => format!("token {}", digest(id)),
        }
    }
}

/// The gate of one server.
#[derive(Debug)]
pub(crate) struct Gate {
    sign_in: Option<Arc<SignIn>>,
    policy: Policy,
    glass: Duration,
    /// Requests of each person who is signed in.
    rates: Rates<String>,
    revoked: Mutex<BTreeMap<String, u64>>,
    pub(super) remembered: Remembered,
    pub(super) passes: Passes,
    pub(super) devices: Devices,
}

impl Gate {
    /// With the sign-ins that the store knows as taken back, and the devices that are wiped.
    pub fn of(
        config: &AccessConfig,
        limits: &Limits,
        storage: &dyn Storage,
    ) -> Result<Self, StorageError> {
        let facts = storage.facts(REVOKED)?.into_iter();
        let revoked =
            facts.filter_map(|(key, at)| Some((key, u64::from_be_bytes(at.try_into().ok()?))));
        Ok(Self {
            sign_in: config.sign_in.clone(),
            policy: config.roles.policy.clone(),
            glass: config.roles.glass,
            rates: Rates::new(request_rate(
                limits.requests_per_second.unwrap_or(REQUESTS_PER_SECOND),
            )),
            revoked: Mutex::new(revoked.collect()),
            remembered: Remembered::default(),
            passes: Passes::default(),
            devices: Devices::of(storage)?,
        })
    }

    /// Whether people sign in; otherwise everybody is whom they say to be, and may do everything.
    pub fn signs_in(&self) -> bool {
        self.sign_in.is_some()
    }

    /// How people sign in, where they do.
    pub fn signing_in(&self) -> Option<&SignIn> {
        self.sign_in.as_deref()
    }

    /// What the operator says of roles.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// How long glass stays broken.
    pub fn glass(&self) -> Duration {
        self.glass
    }

    /// Whom a token speaks for; an error where there is sign-in and the token does not do.
    pub async fn sign_in(&self, token: Option<&str>) -> Result<SignedIn, SignInError> {
        let Some(sign_in) = &self.sign_in else { return Err(SignInError::Missing) };
        let signed = SignedIn::of(sign_in.identify(token.ok_or(SignInError::Missing)?).await?);
        if self.is_revoked(&signed) { Err(SignInError::Revoked) } else { Ok(signed) }
    }

    /// Counts a request of somebody who is signed in.
    pub fn count(&self, signed: &SignedIn) -> Result<(), RetryAfter> {
        match self.signs_in() {
            true => self.rates.take(signed.person.author.id.as_str(), 1),
            false => Ok(()),
        }
    }

    /// Whether a person has as many sockets as one may.
    pub fn is_crowded(&self, signed: &SignedIn) -> bool {
        self.signs_in() && self.passes.of(&signed.person.author.id) >= PERSON_CONNECTIONS_MAX
    }

    /// Whether a device is to be wiped.
    pub fn is_wiped(&self, device: Handle) -> bool {
        self.devices.is_wiped(device)
    }

    /// Whether a sign-in was taken back.
    pub fn is_revoked(&self, signed: &SignedIn) -> bool {
        let revoked = self.revoked.lock();
        if revoked.is_empty() {
            return false;
        }
        let person = Revoked::Person(signed.person.author.id.clone());
        let token = signed.token_id.clone().map(Revoked::Token);
        revoked.get(&person.key()).is_some_and(|at| signed.issued_ms <= *at)
            || token.is_some_and(|token| revoked.contains_key(&token.key()))
    }
}

impl Hub {
    /// What a person may do in a room; `None` where they are not to know of it.
    pub(crate) async fn access(
        &self,
        person: &Person,
        room: &RoomName,
    ) -> Result<Option<Access>, RoomError> {
        let policy = self.gate().policy();
        let (mut own, mut chart) = (Standing::default(), Standing::default());
        if policy.asks_for_standing(person, room) {
            own = self.standing_of(room, &person.author.id).await?;
            if let Some(of) = room.chart().filter(|of| of != room) {
                chart = self.standing_of(&of, &person.author.id).await?;
            }
        }
        Ok(policy.decide(person, room, own, chart, clock::now_ms()))
    }

    /// Takes sign-ins back: nobody comes in with them any more, and live connections end.
    pub(crate) async fn revoke(&self, revoked: &Revoked) -> Result<(), RoomError> {
        let now_ms = clock::now_ms();
        self.gate().revoked.lock().insert(revoked.key(), now_ms);
        self.gate().passes.revoke(|signed| match revoked {
            Revoked::Person(id) => signed.person.author.id == *id,
            Revoked::Token(id) => signed.token_id.as_ref() == Some(id),
        });
        let value = Some(now_ms.to_be_bytes().to_vec());
        let fact = Fact { table: REVOKED.to_owned(), key: revoked.key(), value };
        self.note(RoomId::first(RoomName::directory()), vec![fact]).await
    }
}
