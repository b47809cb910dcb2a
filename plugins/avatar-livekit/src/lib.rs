//! Starts avatars of vendors in a LiveKit room, and decides who speaks to each visitor.
//!
//! The decision that shapes it: **a vendor is data, and who speaks is decided by a state machine that does nothing else**. What a
//! vendor is asked, where its answers hold what, and what its errors mean stand in a file; so another vendor, or a vendor that
//! changes its API, needs no compiler. The ladder knows moments and what happened, and says who speaks; requests, sessions and
//! rows of the ledger belong to whoever carries out what it says. So every order of events can be tried in a test.
//!
//! It must never know: what is said (at most that something is), who is visiting, and how a room works. It sees a room through what
//! the room tells of its avatars, and moves it by orders. It holds no connection to LiveKit.
#![forbid(unsafe_code)]

mod agency;
mod cast;
mod config;
mod faults;
mod health;
mod hours;
mod ladder;
mod ledger;
mod pause;
mod process;
mod profile;
mod rules;
mod session;
mod spending;
mod standby;
mod template;
mod vendor;
mod visit;
mod waiting;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use majlis_plugin_api::{
    AvatarSeen, Error, Event, Flow, Host, Input, Invite, Origin, Output, Result, RoomOrder, Stage, Tasks, Utterance,
    Value, VisitId, Welcome, export_stage, manifest,
};
use parking_lot::Mutex;
use tokio::time::timeout;

pub use config::{Config, VendorOptions, WithoutAvatar};
pub use faults::{Fault, KINDS};
pub use hours::Daily;
pub use profile::{Profile, SHIPPED};

use agency::Agency;
use health::Health;
use hours::Hours;
use ladder::{Happened, Machine};
use ledger::Ledger;
use pause::Pause;
use session::{Desk, Living};
use vendor::Vendor;
use visit::Visit;
use waiting::Waiting;

manifest! {
    name: "avatar-livekit",
    summary: "Starts avatars of vendors in a LiveKit room and decides who speaks",
    inputs: { invite: Invite, seen: AvatarSeen, #[optional] welcome: Welcome, #[optional] #[many] utterance: Utterance },
    outputs: { order: RoomOrder },
    milestones: [
        "avatar-asked", "avatar-accepted", "avatar-joined", "avatar-video", "avatar-decoded", "avatar-ready",
        "avatar-speaks", "own-voice",
    ],
    capabilities: ["acts-on-events"],
    verbs: {
        "pause": ("No avatar waits or is asked for and nothing is heard, until it is resumed; texts are shown", "../verbs/pause.schema.json"),
        "resume": ("Ends a pause", "../verbs/resume.schema.json"),
    },
    schema: "../config.schema.json",
}

/// So long the end of the stage waits for vendors to end their sessions; what is not ended then is in the ledger.
const END_WITHIN: Duration = Duration::from_secs(5);

/// The stage.
pub struct Avatars {
    agency: Agency,
    visits: BTreeMap<VisitId, Visit>,
    waiting: Waiting,
    /// Whether an avatar is to wait at all: no more, once the show is about to end.
    prewarm: bool,
    /// Why each vendor is asked for nothing more, as of the last look.
    reached: Vec<Option<&'static str>>,
    pause: Arc<Pause>,
    origin: Origin,
    speak_by: Duration,
    without_avatar: WithoutAvatar,
}

impl Stage for Avatars {
    type Config = Config;

    fn open(config: Config, host: &Host) -> Result<Self> {
        let vendors: Vec<Arc<Vendor>> = config.ladder(host)?.into_iter().map(Arc::new).collect();
        let hours = Hours::open(&config.open, &config.quiet, host)?;
        let desk = Desk {
            tasks: Tasks::new(host)?,
            ledger: Arc::new(Ledger::open(host)),
            living: Living::default(),
            left_behind: Arc::default(),
        };
        desk.sweep(vendors.clone(), drop);
        let pause = Arc::new(Pause::open(host));
        if pause.is_set() {
            tracing::warn!("the avatars are paused: nothing is heard until the verb `resume` ends that");
        }
        desk.follow(Arc::clone(&pause));
        let rest = config.rest.get();
        let health = vendors.iter().map(|_| Arc::new(Mutex::new(Health::new(rest)))).collect();
        let mut avatars = Self {
            waiting: Waiting::new(&vendors),
            reached: vec![None; vendors.len()],
            agency: Agency { vendors, health, hours, desk },
            visits: BTreeMap::new(),
            prewarm: config.prewarm > 0,
            pause,
            origin: host.origin(),
            speak_by: config.speak_by.get(),
            without_avatar: config.without_avatar,
        };
        // The room's answer is the first call of no visit, and from then on there is one at every look.
        avatars.order_for_nobody(host.now());
        Ok(avatars)
    }

    fn process(&mut self, input: Input<'_>, out: &mut Output<'_>) -> Result<Flow> {
        let happened = match input {
            Input::Packet(packet) => match out.visit() {
                Some(id) => self.heard(id, &packet, out)?,
                None => self.heard_of_nobodys(&packet, out)?,
            },
            Input::Resumed(pending) => {
                pending.finish();
                Some(Happened::Passing)
            }
            _ => Some(Happened::Passing),
        };
        match (out.visit(), happened) {
            (Some(id), Some(happened)) => {
                let flow = self.go_on(id, out, |ladder, now| ladder.handle(now, happened))?;
                if happened == Happened::Spared {
                    // After the visitor's own order: whoever speaks for nobody may wait.
                    self.order_for_nobody(out.now());
                }
                Ok(flow)
            }
            (Some(_), None) => Ok(Flow::Continue),
            (None, happened) => self.look(happened.unwrap_or(Happened::Passing), out),
        }
    }

    fn event(&mut self, event: Event, out: &mut Output<'_>) -> Result<Flow> {
        match event {
            Event::VisitOpened(id) => self.came(id, out),
            Event::VisitClosed(id, _) => {
                self.left(id, out.now());
                Ok(Flow::Continue)
            }
            Event::Drain { .. } => {
                self.prewarm = false;
                self.waiting.cast.bells.drain(..).for_each(|bell| bell.silence());
                self.look(Happened::Passing, out)
            }
            Event::Flush(id) => {
                // The flush is of speech. The work by which answers call this stage is begun anew, and so is the account.
                let Some(visit) = self.visits.get_mut(&id) else { return Ok(Flow::Continue) };
                for attempt in visit.cast.attempts.values_mut() {
                    if let Some(session) = &attempt.session {
                        session.bell.renew(|| out.defer("avatar asked"));
                    }
                    if let Some(account) = attempt.account.take() {
                        account.finish();
                        attempt.account = Some(out.defer("avatar starts"));
                    }
                }
                for bell in &visit.cast.bells {
                    bell.renew(|| out.defer("slots freed"));
                }
                self.go_on(id, out, |ladder, now| ladder.handle(now, Happened::Passing))
            }
            _ => Ok(Flow::Continue),
        }
    }

    fn control(&mut self, verb: &str, _: Value, _: &Host) -> Result<Value> {
        let paused = match verb {
            "pause" => true,
            "resume" => false,
            _ => return Err(Error::unknown_verb(verb)),
        };
        self.pause.set(paused)?;
        Ok(serde_json::json!({ "paused": paused }))
    }

    fn close(mut self, _: &Host) -> Result<()> {
        // Dropped, each session is ended.
        self.visits.clear();
        self.waiting.cast.attempts.clear();
        let desk = &self.agency.desk;
        let living = desk.living.clone();
        let ended = desk.tasks.wait_for(std::future::pending(), async { timeout(END_WITHIN, living.none()).await });
        if let Some(Err(_)) = ended {
            tracing::warn!("not every session of an avatar is known to be over; the next start looks for the others");
        }
        Ok(())
    }
}

export_stage!(Avatars);
