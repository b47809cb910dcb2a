//! Watches over rooms whose visitors were let in here, and sends for agents where the server did not.
//!
//! Those who were let in elsewhere have a watch there; it ends with its host. So every door looks for rooms of which it does not
//! know, and watches over them as well, with more patience.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use majlis_livekit_dispatch::proto::{self, JobStatus};
use majlis_livekit_dispatch::{Api, Error, Result};
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::desk::is_of_a_visitor;
use super::vigil::{Do, Seen, Sent, State, Vigil};
use crate::servers::Servers;
use crate::tally::Tally;
use crate::word::Question;

/// A room is looked at this often.
const EVERY: Duration = Duration::from_secs(1);
/// And a room whose visitor was let in elsewhere so often.
const EVERY_ELSEWHERE: Duration = Duration::from_millis(1_500);
/// An agent is asked this often whether it is there. One whose host is lost is in the server's list for 20 s more.
const ASKED_EVERY: Duration = Duration::from_millis(1_900);
/// An agent answers within this time, on a busy host too. (A healthy one took 4 ms; one whose host was killed did not within 2 s.)
const ANSWERS_WITHIN: Duration = Duration::from_secs(3);
/// A page that is loaded anew, or one that joined at the last moment of its token, is back by then.
const SPARE: Duration = Duration::from_secs(30);
/// So often it is looked for rooms of visitors who were let in elsewhere.
const ROUND: Duration = Duration::from_secs(2);
/// Of several hosts who stand in for another one, each waits up to so much longer than another.
const APART: Duration = Duration::from_secs(3);
/// Rooms that are watched at once, of visitors who were let in here, and again elsewhere: more are not let in, rather than let in
/// without a watch.
const WATCHED: usize = 1_024;
/// What pages read of a room whose visitor waits because every host is full, and of one where that is over.
const FULL: &str = r#"{"majlis.stage":"full"}"#;
const NOT_FULL: &str = "{}";

/// Who looks at rooms of one server.
struct Round {
    api: Api,
    agent_name: String,
    tally: Arc<Tally>,
}

/// What is known of a room's agents between two looks.
#[derive(Debug, Default)]
struct Pulse {
    /// When they are asked again, after one has answered.
    next: Option<Instant>,
    /// Those who did not answer.
    silent: Vec<String>,
}

/// The rooms that are watched over.
pub(crate) struct Watches {
    agent_name: String,
    tally: Arc<Tally>,
    /// By name; whether the token was given here.
    rooms: Arc<Mutex<BTreeMap<String, bool>>>,
    tasks: Mutex<JoinSet<()>>,
}

/// A room that is watched over, while that is so.
struct Watched {
    room: String,
    all: Arc<Mutex<BTreeMap<String, bool>>>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.all.lock().remove(&self.room);
    }
}

impl Watches {
    /// What is done for visitors without this agent is counted there.
    pub(crate) fn new(agent_name: String, tally: Arc<Tally>) -> Self {
        Self { agent_name, tally, rooms: Arc::default(), tasks: Mutex::default() }
    }

    /// Whether no more visitors can be let in.
    pub(super) fn are_too_many(&self) -> bool {
        self.count(true) >= WATCHED
    }

    /// How many rooms of visitors are watched over who were let in here, or elsewhere.
    fn count(&self, given_here: bool) -> usize {
        self.rooms.lock().values().filter(|here| **here == given_here).count()
    }

    /// Watches over a room for whose visitor a token was given here that is good for so long.
    pub(super) fn begin(&self, api: Api, room: String, good_for: Duration) {
        self.over(api, room, Vigil::new(good_for + SPARE, Instant::now()), true);
    }

    fn over(&self, api: Api, room: String, vigil: Vigil, given_here: bool) {
        match self.rooms.lock().entry(room.clone()) {
            Entry::Occupied(_) => return,
            Entry::Vacant(place) => place.insert(given_here),
        };
        let watched = Watched { room, all: Arc::clone(&self.rooms) };
        let round = Round { api, agent_name: self.agent_name.clone(), tally: Arc::clone(&self.tally) };
        let mut tasks = self.tasks.lock();
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move { round.over(&watched.room, vigil, given_here).await });
    }

    /// Looks for rooms of visitors who were let in by another host, or by this one before it was started anew.
    pub(super) async fn patrol(&self, servers: &Servers) {
        let chance = RandomState::new();
        loop {
            if let Some(server) = servers.now() {
                match server.api.list_rooms().await {
                    Ok(rooms) => {
                        for room in rooms.into_iter().filter(|room| is_of_a_visitor(&room.name)) {
                            if room.num_participants > 0 && self.count(false) < WATCHED {
                                let longer = APART * (chance.hash_one(&room.name) % 1_000) as u32 / 1_000;
                                let vigil = Vigil::elsewhere(SPARE, longer, Instant::now());
                                self.over(server.api.clone(), room.name, vigil, false);
                            }
                        }
                    }
                    Err(error) => tracing::debug!("the server does not tell which rooms there are: {error}"),
                }
            }
            sleep(ROUND).await;
        }
    }
}

impl Round {
    /// Watches over one room until nobody is there nor comes. Of those who were let in elsewhere only such are taken care of for whom
    /// this agent was sent for.
    async fn over(&self, room: &str, mut vigil: Vigil, given_here: bool) {
        let (mut pulse, mut is_of_this_agent) = (Pulse::default(), given_here);
        let mut beat = interval(if given_here { EVERY } else { EVERY_ELSEWHERE });
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !vigil.is_over(Instant::now()) {
            beat.tick().await;
            // A server that does not answer is asked again a moment later.
            match self.look(room, &mut pulse).await {
                Ok(seen) => {
                    is_of_this_agent |= !seen.sent.is_empty();
                    if !is_of_this_agent && seen.visitors > 0 && !seen.agent {
                        continue;
                    }
                    for step in vigil.look(&seen, Instant::now()) {
                        tell(room, &step, vigil.is_full());
                        self.carry_out(room, step, &pulse).await;
                    }
                }
                Err(error) => tracing::debug!("a room cannot be looked at: {error}"),
            }
        }
    }

    async fn look(&self, room: &str, pulse: &mut Pulse) -> Result<Seen> {
        let present = self.api.list_participants(room).await?;
        let visitors = present.iter().filter(|somebody| is_visitor(somebody)).count();
        let agents = present.into_iter().filter(is_agent).map(|agent| agent.identity).collect();
        let agent = visitors > 0 && self.is_any_here(room, agents, pulse).await?;
        let sent = if visitors > 0 && !agent { self.sent(room).await? } else { Vec::new() };
        Ok(Seen { visitors, agent, sent })
    }

    /// Whether one of the agents in the list is there.
    async fn is_any_here(&self, room: &str, agents: Vec<String>, pulse: &mut Pulse) -> Result<bool> {
        pulse.silent.retain(|silent| agents.contains(silent));
        let is_known = agents.iter().any(|agent| !pulse.silent.contains(agent));
        if is_known && pulse.next.is_some_and(|next| Instant::now() < next) {
            return Ok(true);
        }
        for agent in &agents {
            let is_here = match self.api.answers(room, agent, Question::Here.method(), ANSWERS_WITHIN).await {
                Ok(is_here) => is_here,
                // A server that cannot ask for us knows no better: one who is only joining is not sent for again, and one who did not
                // answer before is not back for being taken from the list this moment.
                Err(Error::Answer { .. }) => !pulse.silent.contains(agent),
                Err(error) => return Err(error),
            };
            pulse.silent.retain(|silent| silent != agent);
            if is_here {
                pulse.next = Some(Instant::now() + ASKED_EVERY);
                return Ok(true);
            }
            pulse.silent.push(agent.clone());
        }
        Ok(false)
    }

    async fn sent(&self, room: &str) -> Result<Vec<Sent>> {
        let dispatches = self.api.list_dispatches(room).await?;
        let ours = dispatches.into_iter().filter(|dispatch| dispatch.agent_name == self.agent_name);
        Ok(ours.map(|dispatch| Sent { state: state(&dispatch), dispatch: dispatch.id }).collect())
    }

    async fn carry_out(&self, room: &str, step: Do, pulse: &Pulse) {
        let outcome = match step {
            Do::Send { instead_of } => self.send(room, &instead_of, &pulse.silent).await,
            Do::Tell { full } => self.api.set_room_metadata(room, if full { FULL } else { NOT_FULL }).await.map(|_| ()),
        };
        if let Err(error) = outcome {
            tracing::warn!("a visitor without an agent cannot be helped: {error}");
        }
    }

    async fn send(&self, room: &str, instead_of: &[String], silent: &[String]) -> Result<()> {
        // Somebody else may have sent for one this moment.
        let sent = self.sent(room).await?;
        if sent.iter().any(|sent| !instead_of.contains(&sent.dispatch)) {
            return Ok(());
        }
        self.api.create_dispatch(room, &self.agent_name, "").await?;
        self.tally.sent_again();
        let mut failed = None;
        for dispatch in instead_of {
            failed = self.api.delete_dispatch(room, dispatch).await.err().or(failed);
        }
        // What is left of an agent would be taken for one by pages.
        for agent in silent {
            failed = self.api.remove_participant(room, agent).await.err().or(failed);
        }
        failed.map_or(Ok(()), Err)
    }
}

/// Tells the operator; of a visitor who waits because all hosts are full once, and not with each try.
fn tell(room: &str, step: &Do, full: bool) {
    match step {
        Do::Send { .. } if full => tracing::debug!("an agent is sent for again, for the room `{room}`"),
        Do::Send { .. } => tracing::info!("the visitor of the room `{room}` has no agent; one is sent for"),
        Do::Tell { full: true } => tracing::warn!("no host is free for the visitor of the room `{room}`, who waits"),
        Do::Tell { full: false } => {}
    }
}

fn is_visitor(somebody: &proto::ParticipantInfo) -> bool {
    use proto::participant_info::Kind;
    let is_here = somebody.state() != proto::participant_info::State::Disconnected;
    is_here && matches!(somebody.kind(), Kind::Standard | Kind::Ingress)
}

/// An agent that is no avatar. What it says of itself is the server's word: it was given with its token.
fn is_agent(somebody: &proto::ParticipantInfo) -> bool {
    let is_here = somebody.state() != proto::participant_info::State::Disconnected;
    is_here
        && somebody.kind() == proto::participant_info::Kind::Agent
        && !somebody.attributes.contains_key("lk.publish_on_behalf")
}

fn state(dispatch: &proto::AgentDispatch) -> State {
    let jobs = dispatch.state.iter().flat_map(|state| &state.jobs);
    let mut found = State::Nobodys;
    for job in jobs {
        match job.state.as_ref().map(proto::JobState::status) {
            Some(JobStatus::JsPending) => return State::Coming,
            _ => found = State::Past,
        }
    }
    found
}
