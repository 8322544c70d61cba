//! The rooms of a link: what either end says of them, and going in and out.

use chartroom_client::frame::{Frame, RoomStanding};
use chartroom_engine::{DocumentId, RoomId, RoomName};

use super::{Link, Standing};
use crate::{
    clock,
    hub::{Relayed, RoomAt, RoomError, RoomNews, Said},
    peers::{
        agenda::{EPOCH_DIFFERS, Step},
        end::End,
    },
};

impl Link {
    /// The other end has these rooms.
    pub(super) async fn take_rooms(
        &mut self,
        standing: &mut Standing,
        rooms: Vec<RoomStanding>,
        complete: bool,
    ) -> Result<(), End> {
        let now_ms = clock::now_ms();
        for RoomStanding { name, epoch, heads, before } in rooms {
            let name: RoomName = name.parse().map_err(|_| End::NoRoom)?;
            if epoch == 0 {
                return Err(End::NoRoom);
            }
            if !self.known.rights.covers(&name) {
                return Err(End::OutsideItsRooms);
            }
            let id = RoomId { name, epoch };
            if self.agenda.our_epoch(&id.name).is_some_and(|ours| ours < epoch) {
                self.follow(standing, &id, before).await?;
            }
            self.agenda.theirs(now_ms, &id.name, RoomAt { epoch, heads });
            self.names.insert(id.document_id(), id);
        }
        if complete {
            self.compared(standing);
            let (peer, lag) = (&self.known.name, self.agenda.lag(now_ms));
            tracing::info!(%peer, rooms = lag.rooms, differ = lag.behind, "a server told its rooms");
        }
        Ok(())
    }

    /// Goes with a room into the epoch that the other end founded, unless something is here that it
    /// does not hold.
    async fn follow(
        &mut self,
        standing: &mut Standing,
        id: &RoomId,
        before: Option<[u8; 16]>,
    ) -> Result<(), End> {
        let (peer, document) = (&self.known.name, id.document_id());
        match self.hub.follow_epoch(id, before).await {
            Ok(true) => {
                tracing::info!(%peer, %document, epoch = id.epoch, "a room goes on where a server founded it anew");
                standing.open.retain(|_, (open, _)| open.name != id.name);
                let at = RoomAt { epoch: id.epoch, heads: None };
                self.agenda.moved(clock::now_ms(), &id.name, at);
            }
            Ok(false) => {
                tracing::warn!(
                    %peer, %document, epoch = id.epoch,
                    "a server founded a room anew without changes that are here; found it anew here too, and both are joined"
                );
            }
            Err(error) => return Err(End::Refounding(error)),
        }
        Ok(())
    }

    /// The other end says which epoch of a room it has.
    pub(super) async fn found(
        &mut self,
        standing: &mut Standing,
        name: &str,
        epoch: u32,
        document: DocumentId,
    ) -> Result<(), End> {
        let name: RoomName = name.parse().map_err(|_| End::NoRoom)?;
        let id = RoomId { name, epoch };
        if epoch == 0 || id.document_id() != document {
            return Err(End::NoRoom);
        }
        if !self.known.rights.covers(&id.name) {
            return Err(End::OutsideItsRooms);
        }
        self.names.insert(document, id.clone());
        let stale = standing.open.iter().find(|(_, (open, _))| open.name == id.name && *open != id);
        if let Some(stale) = stale.map(|(document, _)| *document) {
            standing.open.remove(&stale);
            self.agenda.hold(&id.name, EPOCH_DIFFERS);
            if self.agenda.our_epoch(&id.name) > Some(epoch) {
                return self.tell_epoch(standing, &id).await;
            }
            // It was founded anew just now: how it stands is told with all rooms.
            self.ask_for_rooms(standing);
        }
        Ok(())
    }

    /// Hands on what is said in a room, which is entered for it.
    pub(super) async fn hand(
        &mut self,
        standing: &mut Standing,
        document: DocumentId,
        said: Said,
    ) -> Result<(), End> {
        let Some(id) = self.names.get(&document).cloned() else {
            let (sender, target) = self.parties(standing);
            standing.far.send(&Frame::DocUnavailable { sender, target, document });
            return Ok(());
        };
        if self.agenda.heard(clock::now_ms(), &id.name, id.epoch) {
            self.enter(standing, &id).await?;
        }
        if let Some((_, relayed)) = standing.open.get(&document) {
            relayed.hand(said).await;
        }
        Ok(())
    }

    pub(super) async fn take_steps(&mut self, standing: &mut Standing) -> Result<(), End> {
        while let Some(step) = self.agenda.next(clock::now_ms()) {
            match step {
                Step::Enter(id) => self.enter(standing, &id).await?,
                Step::Leave(id) => self.leave(standing, &id),
            }
        }
        Ok(())
    }

    async fn enter(&mut self, standing: &mut Standing, id: &RoomId) -> Result<(), End> {
        if self.agenda.epochs_differ(&id.name) {
            self.agenda.hold(&id.name, EPOCH_DIFFERS);
            return self.tell_epoch(standing, id).await;
        }
        let document = id.document_id();
        self.names.insert(document, id.clone());
        if standing.chartroom {
            let (sender, target) = self.parties(standing);
            standing.far.send(&Frame::Room { sender, target, name: id.name.to_string() });
        }
        let relayed = Relayed::enter(&self.hub, id, &standing.far)?;
        standing.open.insert(document, (id.clone(), relayed));
        Ok(())
    }

    /// Tells the other end of an epoch that it does not have, so that it can follow.
    async fn tell_epoch(&self, standing: &Standing, id: &RoomId) -> Result<(), End> {
        if let Some(record) = self.hub.stored(&id.name).await?
            && standing.chartroom
        {
            let (sender, target) = self.parties(standing);
            let rooms = vec![self.hub.standing(record).await?];
            standing.far.send(&Frame::Rooms { sender, target, rooms, complete: false });
        }
        Ok(())
    }

    fn leave(&mut self, standing: &mut Standing, id: &RoomId) {
        let document = id.document_id();
        if standing.open.remove(&document).is_some() && standing.chartroom {
            let (sender, target) = self.parties(standing);
            standing.far.send(&Frame::LeaveRoom { sender, target, document });
        }
    }

    /// Notes what changed in a room here.
    pub(super) fn take_changes(&mut self, id: &RoomId, news: &RoomNews) {
        if news.heads.is_some() && self.known.rights.covers(&id.name) {
            self.names.entry(id.document_id()).or_insert_with(|| id.clone());
            let at = RoomAt { epoch: id.epoch, heads: news.heads };
            self.agenda.ours(clock::now_ms(), &id.name, at, news.changes);
        }
    }

    /// Takes what rooms say of the other end.
    pub(super) fn take_news(
        &mut self,
        standing: &mut Standing,
        id: &RoomId,
        news: RoomNews,
    ) -> Result<(), End> {
        let now_ms = clock::now_ms();
        let is_stale = |open: &RoomId| open.name == id.name && open.epoch < id.epoch;
        let stale = standing.open.values().find(|(open, _)| is_stale(open));
        if let Some(stale) = stale.map(|(open, _)| open.clone()) {
            // It was founded anew here.
            self.leave(standing, &stale);
            self.agenda.moved(now_ms, &id.name, RoomAt { epoch: id.epoch, heads: news.heads });
        }
        if !standing.open.contains_key(&id.document_id()) {
            return Ok(());
        }
        match news.lost {
            None => {}
            Some(RoomError::Unreadable { .. }) => {
                standing.open.remove(&id.document_id());
                self.agenda.hold(&id.name, "unreadable-here");
            }
            Some(RoomError::Refounded) => {
                standing.open.remove(&id.document_id());
                self.agenda.hold(&id.name, EPOCH_DIFFERS);
                self.ask_for_rooms(standing);
            }
            Some(error) => return Err(error.into()),
        }
        if let Some((is, heads)) = news.in_step {
            self.agenda.in_step(now_ms, &id.name, is, heads);
        }
        if let Some(changes) = news.lacks {
            self.agenda.lacks(now_ms, &id.name, changes);
        }
        Ok(())
    }
}
