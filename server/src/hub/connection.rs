//! One connection on `/sync`: who is there; once the peer has joined, its [`Session`] goes on.
//!
//! It moves frames between one socket and rooms and knows no socket itself: bytes come in through
//! [`Connection::receive`], and leave through the [`Outbox`]. What a peer does wrong ends its own
//! connection, with a reason, and touches nobody else.

mod follow;
mod membership;
mod server;
mod session;

use std::sync::Arc;

use chartroom_engine::{Author, limits::WIRE_BYTES_MAX};

use super::{
    Closing, DEVICE_WIPED, Hub, Outbox, RoomError, Said, Socket,
    link::{Link, fail},
};
use crate::{
    audit::{Act, Door, Entry},
    auth::{
        self, Caller, Entrant, SignedIn,
        devices::Handle,
        pass::{Ended, Pass},
    },
    limits::Limit,
    sign_in::SignInError,
    wire::frame::{
        ChartroomMetadata, DeviceSecret, Envelope, Frame, FrameError, PROTOCOL_VERSION,
        PeerMetadata,
    },
};
pub(super) use membership::Membership;
pub(crate) use server::said_by_server;
use session::Session;

/// Version of the extension messages.
const EXTENSIONS_VERSION: u64 = 1;

/// The server's end of one socket.
pub struct Connection {
    hub: Arc<Hub>,
    /// What the upgrade brought.
    entrant: Entrant,
    socket: Socket,
    envelope: Envelope,
    /// The device that it comes from, where it said which.
    device: Option<Handle>,
    session: Option<Session>,
}

impl Connection {
    /// A socket that was just accepted.
    pub(crate) fn new(entrant: Entrant) -> Self {
        let hub = Arc::clone(&entrant.hub);
        Self {
            entrant,
            socket: Socket::open(Arc::clone(&hub)),
            hub,
            envelope: Envelope::default(),
            device: None,
            session: None,
        }
    }

    /// What waits to be written to the socket.
    pub fn outbox(&self) -> &Arc<Outbox> {
        self.socket.outbox()
    }

    /// Whether the peer has said who it is.
    pub fn has_joined(&self) -> bool {
        self.session.is_some()
    }

    /// Whether the peer is another server.
    pub fn is_server(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.server.is_some())
    }

    /// Waits until the peer's sign-in, or a right that it uses, ends. Safe to cancel.
    pub async fn ended(&self) -> Closing {
        match &self.session {
            Some(session) => session.pass.ended().await.closing(),
            None => std::future::pending().await,
        }
    }

    /// Takes one binary frame; waits while its room is behind.
    pub async fn receive(&mut self, bytes: &[u8]) {
        if self.outbox().is_closing() {
            return;
        }
        if let Err(closing) = self.try_receive(bytes).await {
            self.fail(closing);
        }
    }

    /// Tells the peer why, then ends the connection.
    pub fn fail(&self, closing: Closing) {
        if closing.code == DEVICE_WIPED && !self.outbox().is_closing() {
            self.note_wipe();
        }
        let peer_id = self.session.as_ref().map(|session| session.link.peer_id.as_str());
        fail(self.outbox(), &self.hub.peer_id, peer_id, closing);
    }

    /// Notes that a device is told to wipe what it keeps.
    fn note_wipe(&self) {
        let Some(device) = self.device else { return };
        self.hub.wipe_is_told(device);
        let entry = match &self.session {
            Some(session) => {
                session.caller.entry(Act::Wipe).connection(session.link.peer_id.clone())
            }
            None => {
                let from = self.entrant.from.map(|from| from.ip());
                let entry = Entry::by_server(Act::Wipe).via(Door::Sync);
                from.into_iter().fold(entry, Entry::from)
            }
        };
        self.hub.audit.note(entry.detail("device", device.to_string()).detail("wipe", "told"));
    }

    async fn try_receive(&mut self, bytes: &[u8]) -> Result<(), Closing> {
        if bytes.len() > WIRE_BYTES_MAX {
            let message =
                format!("the frame has {} bytes; the limit is {WIRE_BYTES_MAX}", bytes.len());
            return Err(Closing::over(Limit::FrameBytes, message));
        }
        if let Some(session) = &mut self.session
            && let Some((document, message)) = self.envelope.open(&session.link.peer_id, bytes)
        {
            return match &session.server {
                None => session.sync(&self.hub, document, message).await,
                Some(other) => {
                    other.received(bytes.len());
                    session.say(&self.hub, document, Said::Sync(message.to_vec())).await
                }
            };
        }
        let frame = self.envelope.decode(bytes).map_err(|error| match error {
            FrameError::TooLong(_) => Closing::over(Limit::MessageLists, error.to_string()),
            FrameError::Cbor(_)
            | FrameError::Missing(_)
            | FrameError::Shape(_)
            | FrameError::DocumentId => Closing::protocol(error.to_string()),
        })?;
        if let Frame::Join { sender, metadata, versions } = frame {
            return self.join(sender, metadata, &versions).await;
        }
        let Some(session) = &mut self.session else {
            return Err(Closing::protocol("the first message of a connection is join"));
        };
        if let Some(other) = &session.server {
            other.received(bytes.len());
        }
        session.take(&self.hub, frame).await
    }

    async fn join(
        &mut self,
        sender: String,
        metadata: PeerMetadata,
        versions: &[String],
    ) -> Result<(), Closing> {
        if !versions.iter().any(|version| version == PROTOCOL_VERSION) {
            return Err(Closing::protocol("this server speaks protocol version 1"));
        }
        self.check_device(metadata.device.as_ref())?;
        if sender == self.hub.peer_id {
            return Err(Closing::policy("this peer id is the server's"));
        }
        // A second join on one socket starts from fresh sync states, as a new socket would.
        if let Some(old) = self.session.take() {
            self.hub.leave(&old.link);
        }
        let (token, outbox) = (self.entrant.token.as_deref(), self.outbox());
        let admitted = server::admit(&self.hub, &metadata, token, sender.clone(), outbox).await?;
        let (link, signed, server) = match admitted {
            Some((link, server)) => (link, SignedIn::claimed(auth::anonymous()), Some(server)),
            None => {
                let signed = self.sign_in(metadata.person).await?;
                if let Some(device) = self.device {
                    let noted = self.hub.signed_in_from(&signed.person.author, device).await;
                    noted.map_err(|error| closing_for(&error))?;
                }
                let (person, outbox) = (signed.person.author.id.clone(), Arc::clone(outbox));
                let link = Link::new(sender, metadata.chartroom, outbox)
                    .of(person, self.entrant.from.map(|from| from.ip()));
                (Arc::new(link), signed, None)
            }
        };
        self.hub.enter(&link)?;
        link.send(&Frame::Peer {
            sender: self.hub.peer_id.clone(),
            target: link.peer_id.clone(),
            metadata: PeerMetadata {
                storage_id: Some(self.hub.storage_id.clone()),
                is_ephemeral: false,
                chartroom: Some(ChartroomMetadata {
                    version: EXTENSIONS_VERSION,
                    durable_heads: true,
                    parts: true,
                    person: server.is_none().then(|| signed.person.author.clone()),
                }),
                person: None,
                device: None,
                server: server.as_ref().map(|_| self.hub.registry.name.clone()),
            },
            version: PROTOCOL_VERSION.to_owned(),
        });
        let pass = Pass::new(Arc::clone(&self.hub), signed.clone(), self.device);
        let caller = Caller::new(Arc::clone(&self.hub), signed, self.entrant.from, Door::Sync);
        if server.is_none() {
            let entry = caller.entry(Act::SignIn).connection(link.peer_id.clone());
            let device = self.device.map(|device| device.to_string());
            caller.note(device.into_iter().fold(entry, |entry, of| entry.detail("device", of)));
        }
        self.session = Some(Session::new(link, caller, pass, server));
        Ok(())
    }

    /// Refuses a device that is to be wiped, whoever uses it: it may have no good token any more.
    fn check_device(&mut self, secret: Option<&DeviceSecret>) -> Result<(), Closing> {
        let malformed = |_| Closing::protocol("the field device is no device's secret");
        self.device = secret.map(Handle::of).transpose().map_err(malformed)?;
        match self.device.is_some_and(|device| self.hub.gate.is_wiped(device)) {
            true => Err(Ended::Wiped.closing()),
            false => Ok(()),
        }
    }

    /// Who the peer is: by its token, or, where there is no sign-in, as it says.
    async fn sign_in(&self, claimed: Option<Author>) -> Result<SignedIn, Closing> {
        if self.hub.gate().signs_in() {
            let signed = self.entrant.sign_in().await.map_err(|error| {
                self.entrant.note_refusal(error);
                if error == SignInError::Unavailable {
                    return Closing::try_again(error.to_string());
                }
                match error == SignInError::Revoked {
                    true => Ended::Revoked.closing(),
                    false => Closing::signed_out(error.to_string()),
                }
            })?;
            self.entrant.check_crowd(&signed)?;
            return Ok(signed);
        }
        let author = claimed.unwrap_or_else(auth::anonymous);
        if auth::is_reserved(&author.id) {
            return Err(Closing::policy("this person id is the server's own"));
        }
        Ok(SignedIn::claimed(author))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            self.hub.leave(&session.link);
        }
    }
}

fn closing_for(error: &RoomError) -> Closing {
    match error {
        RoomError::ShuttingDown => Closing::going_away(),
        RoomError::Ended | RoomError::Refounded => {
            Closing::try_again("the room is loaded again; connect anew")
        }
        RoomError::Storage => Closing::try_again("the store failed; connect anew"),
        RoomError::Unreadable { .. } => Closing::try_again("the room cannot be read"),
    }
}
