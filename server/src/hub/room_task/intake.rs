//! What comes in: mail, and the answers of the storage thread.

use std::sync::atomic::Ordering;

use chartroom_engine::{Author, Command, Input};
use tokio::sync::oneshot;

use super::{Flow, Live, Mail, RoomTask, StorageAnswer};
use crate::{
    audit::{Act, Entry},
    clock,
    hub::{Mirror, RoomError, handle::Edits, neighbours::ServerEnd},
};

impl RoomTask {
    pub(super) fn take_mail(&mut self, live: &mut Live, mail: Mail) -> Flow {
        let now_ms = clock::now_ms();
        let input = match mail {
            Mail::Join { peer, link, author, access, answers, joined } => {
                let extensions = link.extensions;
                let server = link.server.as_ref().map(ServerEnd::linked);
                live.members.enter(&self.hub.peer_id, &self.id, peer, link, &access, answers);
                // A connection that ended meanwhile says so with its next mail.
                let _ = joined.send(Ok(()));
                match server {
                    Some(server) => Input::Linked { peer, server },
                    None => {
                        let author = Some(author);
                        let joined = Input::Joined { peer, author, may_write: true, extensions };
                        live.room.handle(now_ms, joined);
                        if matches!(self.drain(live), Flow::Reload) {
                            return Flow::Reload;
                        }
                        Input::Granted { peer, access }
                    }
                }
            }
            Mail::Received { peer, message, turn } => {
                live.staged.bytes += message.len();
                live.staged.turns.push(turn);
                Input::Received { peer, message }
            }
            Mail::Vouched { peer, actors } => Input::Vouched { peer, actors },
            Mail::Left { peer } => {
                live.members.leave(&self.id, peer, &live.room);
                Input::Left { peer }
            }
            Mail::Ephemeral { peer, message } => {
                live.members.relay(&self.hub.peer_id, &self.id, peer, message);
                return Flow::Go;
            }
            Mail::Present { peer, person, state } => {
                live.members.present(&self.hub, &self.id, peer, person, state);
                return Flow::Go;
            }
            Mail::Commands { author, commands, done } => {
                return self.take_commands(live, &author, commands, done);
            }
            Mail::Plan { author, plan, done } => {
                let ticket = live.expect(1, done).start;
                Input::Planned { ticket, author: Some(author), plan }
            }
            Mail::Offer { offer, done } => {
                Input::Offered { ticket: live.expect(1, done).start, offer }
            }
            Mail::Mirror { mirror, done } => {
                let ticket = live.expect(1, done).start;
                let Mirror { commands, events, import, facts } = mirror;
                live.facts.insert(ticket, facts);
                Input::Mirror { ticket, commands, events, import }
            }
            Mail::Read(read) => {
                live.reads.push(read);
                return Flow::Go;
            }
            Mail::Listen { listening } => {
                // Who no longer waits needs no answer.
                let _ = listening.send(Ok((live.feed.listen(), live.event_seq)));
                return Flow::Go;
            }
            Mail::Refound { to, done } => {
                live.refounding = Some((to, done));
                return Flow::Go;
            }
            Mail::Unload => {
                self.unwanted = true;
                return Flow::Go;
            }
            Mail::Close { compact } => {
                self.closing = Some(compact);
                return Flow::Go;
            }
        };
        live.room.handle(now_ms, input);
        self.drain(live)
    }

    fn take_commands(
        &self,
        live: &mut Live,
        author: &Author,
        commands: Vec<Command>,
        done: oneshot::Sender<Result<Edits, RoomError>>,
    ) -> Flow {
        if commands.is_empty() {
            // Who no longer waits needs no answer.
            let _ = done.send(Ok(Vec::new()));
            return Flow::Go;
        }
        let tickets = live.expect(commands.len(), done);
        for (ticket, command) in tickets.zip(commands) {
            let author = Some(author.clone());
            live.room.handle(clock::now_ms(), Input::Command { ticket, author, command });
            if matches!(self.drain(live), Flow::Reload) {
                return Flow::Reload;
            }
        }
        Flow::Go
    }

    pub(super) fn take_answer(&mut self, live: &mut Live, answer: StorageAnswer) -> Flow {
        match answer {
            StorageAnswer::Compacted { result, snapshot } => {
                let bytes = snapshot.as_ref().map(|snapshot| snapshot.bytes.len() as u64);
                live.log.compacted(bytes.filter(|_| result.is_ok()));
                // What it reaches was durable before, whether or not it was stored.
                if let Some(snapshot) = snapshot {
                    live.room.renew_snapshot(snapshot);
                }
                Flow::Go
            }
            StorageAnswer::Committed { number, at, result } => {
                let Some(persisting) = live.persisting.take_if(|p| p.number == number) else {
                    return Flow::Go;
                };
                if let Err(error) = result {
                    let document = self.id.document_id();
                    // The trail has them as written, since they may be.
                    let entry = Entry::by_server(Act::Write).room(&self.id.name);
                    self.hub.audit.note(entry.failed("not-stored"));
                    tracing::error!(%document, room_alone = error.room().is_some(), "a batch was not stored");
                    return Flow::Reload;
                }
                self.hub.metrics.commit_seconds.observe(at.elapsed().as_secs_f64());
                live.log.appended(persisting.bytes, persisting.seq);
                if !self.id.name.labels().is_empty() {
                    self.hub.has_compartment(&self.id.name);
                }
                if persisting.patient {
                    self.hub.patients_written.fetch_add(1, Ordering::AcqRel);
                }
                live.room.handle(clock::now_ms(), Input::Persisted { through: number });
                let flow = self.drain(live);
                // Who is in step with these heads is told first: a link takes them to be theirs, too.
                live.members.tell_servers(&self.id, &live.room);
                self.hub.linked.tell(&self.id, persisting.heads, persisting.changes);
                live.members.announce_heads(&self.hub, &self.id, &live.room);
                flow
            }
        }
    }
}
