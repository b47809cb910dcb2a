//! Where an agent is, as whom, and for how long: the room of a stand until it is told to leave, or one that the server sent it to.

use std::time::Duration;

use majlis_livekit_dispatch::{AgentPass, Job, Keys, Outcome, new_identity};
use majlis_plugin_api::{Error, Result, Secret, VisitId};
use tokio::time::Instant;

use super::term::Term;
use crate::routes::Seat;
use crate::servers::Server;

/// The token of an assignment is good for joining for an hour. Later passes are of our own.
const ASSIGNED: Duration = Duration::from_secs(50 * 60);

/// A room and what it is kept for.
pub(crate) struct Post {
    /// The room's name.
    pub(super) room: String,
    /// Under which identity it is joined, each time.
    pub(super) identity: String,
    /// Nothing for the room of a stand.
    assigned: Option<Assigned>,
}

/// A job of the server's dispatch.
struct Assigned {
    job: Job,
    /// That which sent for it: its visitors are there.
    server: Server,
    since: Instant,
    seat: Seat,
    term: Term,
}

/// How a room is entered.
pub(super) enum Entrance {
    /// With the token of an assignment.
    Given { url: String, token: Secret },
    /// With a pass of our own, wherever it is.
    Own { keys: Keys, room: String, pass: AgentPass },
}

impl Entrance {
    /// Where it is joined, and with which token.
    pub(super) fn on(self, server: &Server) -> Result<(String, Secret)> {
        match self {
            Self::Given { url, token } => Ok((url, token)),
            Self::Own { keys, room, pass } => {
                Ok((server.api.address().ws(), keys.agent(&room, &pass).map_err(Error::from)?.token))
            }
        }
    }
}

impl Post {
    /// The room of a stand.
    pub(crate) fn stand(room: &str) -> Result<Self> {
        Ok(Self { room: room.to_owned(), identity: new_identity("agent")?, assigned: None })
    }

    /// The room of a job.
    pub(crate) fn assigned(job: Job, server: Server, seat: Seat) -> Self {
        let (room, identity) = (job.room.clone(), job.identity.clone());
        let (since, term) = (Instant::now(), Term::new(Instant::now()));
        Self { room, identity, assigned: Some(Assigned { job, server, since, seat, term }) }
    }

    /// Whether the server sent for it.
    pub(super) fn is_assigned(&self) -> bool {
        self.assigned.is_some()
    }

    /// The server that sent for it.
    pub(super) fn server(&self) -> Option<&Server> {
        self.assigned.as_ref().map(|assigned| &assigned.server)
    }

    /// How it is entered now.
    pub(super) fn entrance(&self, keys: &Keys, name: &str) -> Entrance {
        if let Some(Assigned { job, since, .. }) = &self.assigned
            && since.elapsed() < ASSIGNED
        {
            return Entrance::Given { url: job.url.clone(), token: job.token.clone() };
        }
        let pass = AgentPass { name: name.to_owned(), identity: Some(self.identity.clone()), ..AgentPass::default() };
        Entrance::Own { keys: keys.clone(), room: self.room.clone(), pass }
    }

    /// The room is joined.
    pub(super) fn joined(&mut self) {
        if let Some(Assigned { job, term, .. }) = &mut self.assigned {
            term.joined(Instant::now());
            job.running();
        }
    }

    /// The room is lost.
    pub(super) fn lost(&mut self) {
        if let Some(assigned) = &mut self.assigned {
            assigned.term.lost();
        }
    }

    /// A visit of this room was opened.
    pub(super) fn opened(&mut self, visit: VisitId) {
        if let Some(Assigned { seat, term, .. }) = &mut self.assigned {
            seat.claim(visit);
            term.visited();
        }
    }

    /// It is over, whoever is there; the room of a stand is never.
    pub(super) fn end(&mut self, why: &str) {
        if let Some(assigned) = &mut self.assigned {
            assigned.term.end(why);
        }
    }

    /// When it is to be looked at next, though nothing happens.
    pub(super) fn due(&self, anybody: bool) -> Option<Instant> {
        self.assigned.as_ref()?.term.due(anybody)
    }

    /// How it ended, if it has.
    pub(super) fn outcome(&self, anybody: bool, now: Instant) -> Option<Outcome> {
        self.assigned.as_ref()?.term.outcome(anybody, now)
    }

    /// It is over: no word reaches the room any more, and the server is told how it ended.
    pub(super) fn finish(&mut self, outcome: Outcome) {
        if let Some(Assigned { job, .. }) = self.assigned.take() {
            job.finish(outcome);
        }
    }
}
