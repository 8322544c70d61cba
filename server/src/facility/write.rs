//! Writing into a facility room, without one bad resource holding up the rest.

use std::sync::Arc;

use chartroom_engine::{Command, Event, RoomName, limits};

use super::FacilityError;
use crate::{
    hub::{Hub, Mirror, RoomHandle},
    storage::Fact,
};

/// A facility room to write into.
pub(super) struct Place(Arc<RoomHandle>);

impl Place {
    /// The latest epoch of a facility room.
    pub async fn open(hub: &Arc<Hub>, name: &RoomName) -> Result<Self, FacilityError> {
        Ok(Self(hub.open_latest(name).await?))
    }

    /// The room.
    pub fn room(&self) -> &RoomHandle {
        &self.0
    }

    /// Writes what stood before, or changed, in as few steps as it fits in.
    pub async fn commands(
        &self,
        commands: Vec<Command>,
        import: bool,
    ) -> Result<(), FacilityError> {
        self.step(commands, Vec::new(), import, Vec::new()).await
    }

    /// Writes commands, then in the last step events and facts beside them.
    pub async fn step(
        &self,
        mut commands: Vec<Command>,
        events: Vec<Event>,
        import: bool,
        facts: Vec<Fact>,
    ) -> Result<(), FacilityError> {
        while commands.len() > limits::IMPORT_CHUNK_RESOURCES {
            let rest = commands.split_off(limits::IMPORT_CHUNK_RESOURCES);
            let chunk = std::mem::replace(&mut commands, rest);
            self.chunk(Mirror { commands: chunk, import, ..Mirror::default() }).await?;
        }
        self.chunk(Mirror { commands, events, import, facts }).await
    }

    /// Writes one step; command by command where the room refuses them together.
    async fn chunk(&self, mirror: Mirror) -> Result<(), FacilityError> {
        let (commands, import) = (mirror.commands.clone(), mirror.import);
        let (events, facts) = (mirror.events.clone(), mirror.facts.clone());
        if self.0.mirror(mirror).await?.is_ok() {
            return Ok(());
        }
        for command in commands {
            let alone = Mirror { commands: vec![command], import, ..Mirror::default() };
            if let Err(error) = self.0.mirror(alone).await? {
                let document = self.0.id().document_id();
                tracing::error!(%document, code = error.code(), "an entry cannot be written");
            }
        }
        // Without commands nothing is left that could be refused.
        let last = Mirror { commands: Vec::new(), events, import, facts };
        self.0.mirror(last).await?.map(drop).or(Ok(()))
    }
}
