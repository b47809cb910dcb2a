//! Starts avatars of vendors in a LiveKit room, and decides who speaks to each visitor.
//!
//! The decision that shapes it: **a vendor is data, and who speaks is decided by a state machine that does nothing else**. What a
//! vendor is asked, where its answers hold what, and what its errors mean stand in a file; so another vendor, or a vendor that
//! changes its API, needs no compiler. The ladder knows moments and what happened, and says who speaks; requests, sessions and
//! rows of the ledger belong to whoever carries out what it says. So every order of events can be tried in a test.
//!
//! It must never know: what is said, who is visiting, and how a room works. It sees a room through what the room tells of its
//! avatars, and moves it by orders. It holds no connection to LiveKit.
#![forbid(unsafe_code)]

mod config;
mod faults;
mod health;
mod ladder;
mod ledger;
mod process;
mod profile;
mod session;
mod template;
mod vendor;
mod visit;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use majlis_plugin_api::{
    AvatarSeen, AvatarStep, Event, Flow, Host, Input, Invite, Output, Result, RoomOrder, Stage, Tasks, VisitId,
    export_stage, manifest,
};
use parking_lot::Mutex;
use tokio::time::{sleep, timeout};

pub use config::{Config, VendorOptions, WithoutAvatar};
pub use faults::Fault;
pub use profile::{Profile, SHIPPED};

use health::Health;
use ladder::{Do, Happened, Ladder, Rung, Why};
use ledger::Ledger;
use profile::Meaning;
use session::{Bell, Desk, Living, News};
use vendor::{Refused, Vendor};
use visit::{Attempt, Visit};

manifest! {
    name: "avatar-livekit",
    summary: "Starts avatars of vendors in a LiveKit room and decides who speaks",
    inputs: { invite: Invite, seen: AvatarSeen },
    outputs: { order: RoomOrder },
    milestones: [
        "avatar-asked", "avatar-accepted", "avatar-joined", "avatar-video", "avatar-decoded", "avatar-ready",
        "avatar-speaks", "own-voice",
    ],
    capabilities: ["acts-on-events"],
    schema: "../config.schema.json",
}

/// So long the end of the stage waits for vendors to end their sessions; what is not ended then is in the ledger.
const END_WITHIN: Duration = Duration::from_secs(5);

/// The stage.
pub struct Avatars {
    vendors: Vec<Arc<Vendor>>,
    health: Vec<Arc<Mutex<Health>>>,
    visits: BTreeMap<VisitId, Visit>,
    desk: Desk,
    speak_by: Duration,
    without_avatar: WithoutAvatar,
}

impl Stage for Avatars {
    type Config = Config;

    fn open(config: Config, host: &Host) -> Result<Self> {
        let vendors: Vec<Arc<Vendor>> = config.ladder(host)?.into_iter().map(Arc::new).collect();
        let desk = Desk {
            tasks: Tasks::new(host)?,
            ledger: Arc::new(Ledger::open(host)),
            living: Living::default(),
            left_behind: Arc::default(),
        };
        desk.sweep(vendors.clone(), drop);
        let rest = config.rest.get();
        let health = vendors.iter().map(|_| Arc::new(Mutex::new(Health::new(rest)))).collect();
        let (speak_by, without_avatar) = (config.speak_by.get(), config.without_avatar);
        Ok(Self { vendors, health, visits: BTreeMap::new(), desk, speak_by, without_avatar })
    }

    fn process(&mut self, input: Input<'_>, out: &mut Output<'_>) -> Result<Flow> {
        let Some(id) = out.visit() else { return Ok(Flow::Continue) };
        let happened = match input {
            Input::Packet(packet) => {
                if let Some(invite) = packet.get(input::invite)? {
                    let Some(visit) = self.visits.get_mut(&id) else { return Ok(Flow::Continue) };
                    visit.ladder.arrived(packet.time());
                    let attempt = invite.attempt;
                    visit.invites.entry(attempt).or_insert(invite);
                    Happened::Invited(attempt)
                } else if let Some(seen) = packet.get(input::seen)? {
                    match self.seen(id, &seen, out) {
                        Some(happened) => happened,
                        None => return Ok(Flow::Continue),
                    }
                } else {
                    return Ok(Flow::Continue);
                }
            }
            Input::Resumed(pending) => {
                pending.finish();
                Happened::Passing
            }
            _ => Happened::Passing,
        };
        self.go_on(id, happened, out)
    }

    fn event(&mut self, event: Event, out: &mut Output<'_>) -> Result<Flow> {
        match event {
            Event::VisitOpened(id) => {
                let now = out.now();
                let rungs = self.vendors.iter().map(|vendor| Rung { start_within: vendor.start_within }).collect();
                let may_ask: Vec<bool> = self.health.iter().map(|health| health.lock().may_ask(now)).collect();
                self.visits.insert(id, Visit::new(Ladder::new(rungs, &may_ask, self.speak_by, now)));
                self.go_on(id, Happened::Passing, out)
            }
            Event::VisitClosed(id, _) => {
                let now = out.now();
                if let Some(mut visit) = self.visits.remove(&id) {
                    for todo in visit.ladder.handle(now, Happened::Over) {
                        if let Do::End { attempt } = todo {
                            self.end(&mut visit, attempt);
                        }
                    }
                }
                Ok(Flow::Continue)
            }
            Event::Flush(id) => {
                // The flush is of speech. The work by which answers call this stage is begun anew, and so is the account.
                let Some(visit) = self.visits.get_mut(&id) else { return Ok(Flow::Continue) };
                for attempt in visit.attempts.values_mut() {
                    if let Some(session) = &attempt.session {
                        session.bell.renew(|| out.defer("avatar asked"));
                    }
                    if let Some(account) = attempt.account.take() {
                        account.finish();
                        attempt.account = Some(out.defer("avatar starts"));
                    }
                }
                for bell in &visit.bells {
                    bell.renew(|| out.defer("slots freed"));
                }
                self.go_on(id, Happened::Passing, out)
            }
            _ => Ok(Flow::Continue),
        }
    }

    fn close(mut self, _: &Host) -> Result<()> {
        // Dropped, each session is ended.
        self.visits.clear();
        let living = self.desk.living.clone();
        let ended =
            self.desk.tasks.wait_for(std::future::pending(), async { timeout(END_WITHIN, living.none()).await });
        if let Some(Err(_)) = ended {
            tracing::warn!("not every session of an avatar is known to be over; the next start looks for the others");
        }
        Ok(())
    }
}

impl Avatars {
    /// Marks what a room saw, and says whether it is of an avatar that was invited.
    fn seen(&mut self, id: VisitId, seen: &AvatarSeen, out: &mut Output<'_>) -> Option<Happened> {
        let visit = self.visits.get(&id)?;
        let invite = visit.invites.get(&seen.attempt)?;
        if invite.identity != seen.identity {
            return None;
        }
        let (mark, milestone) = match seen.step {
            AvatarStep::Joined => ("joined", Some("avatar-joined")),
            AvatarStep::Video => ("video", Some("avatar-video")),
            AvatarStep::Decoded => ("avatar-decoded", Some("avatar-decoded")),
            AvatarStep::Shown => ("shown", None),
            AvatarStep::PlaybackStarted => ("", Some("avatar-speaks")),
            AvatarStep::PlaybackFinished | AvatarStep::Left => ("", None),
        };
        // Of one that was given up nothing is told: it has no part in what the visitor sees.
        if let Some(attempt) = visit.attempts.get(&seen.attempt).filter(|attempt| attempt.session.is_some()) {
            if let Some(account) = attempt.account.as_ref().filter(|_| !mark.is_empty()) {
                account.mark(mark);
            }
            if let Some(milestone) = milestone {
                out.milestone(milestone);
            }
        }
        Some(Happened::Seen(seen.attempt, seen.step))
    }

    /// Tells the ladder what happened, and all that came meanwhile; does what it says; and orders what it wants.
    fn go_on(&mut self, id: VisitId, happened: Happened, out: &mut Output<'_>) -> Result<Flow> {
        let Some(mut visit) = self.visits.remove(&id) else { return Ok(Flow::Continue) };
        self.tell(&mut visit, happened, out);
        while let Some(news) = visit.mailbox.take() {
            match news {
                News::Answered(attempt, Ok(())) => {
                    out.milestone("avatar-accepted");
                    if let Some(account) = visit.attempts.get(&attempt).and_then(|attempt| attempt.account.as_ref()) {
                        account.mark("accepted");
                    }
                }
                News::Answered(attempt, Err(refused)) => {
                    let why = self.refused(&mut visit, attempt, &refused, out);
                    self.tell(&mut visit, Happened::Failed(attempt, why), out);
                }
                News::Freed(rung, ended) => self.tell(&mut visit, Happened::Freed(rung, ended), out),
            }
        }
        let order = visit.order(&self.vendors, self.without_avatar, &self.desk.left_behind.lock());
        if order != visit.sent {
            let is_own = |order: &RoomOrder| {
                let target = order.speech.as_ref().map(|speech| &speech.target);
                target.is_some_and(|target| !matches!(target, majlis_plugin_api::SpeechTarget::Avatar { .. }))
            };
            if is_own(&order) && !is_own(&visit.sent) {
                out.milestone("own-voice");
            }
            out.emit(output::order, order.clone())?;
            visit.sent = order;
        }
        let flow = visit.ladder.wake().map_or(Flow::CancelWake, Flow::WakeAt);
        self.visits.insert(id, visit);
        Ok(flow)
    }

    fn tell(&self, visit: &mut Visit, happened: Happened, out: &mut Output<'_>) {
        let mut next = Some(happened);
        while let Some(happened) = next.take() {
            for todo in visit.ladder.handle(out.now(), happened) {
                match todo {
                    Do::Ask { attempt, rung } => {
                        if !self.ask(visit, attempt, rung, out) {
                            next = Some(Happened::Failed(attempt, Why::Other));
                        }
                    }
                    Do::End { attempt } => self.end(visit, attempt),
                    Do::Free { rung } => self.free(visit, rung, out),
                    Do::Missed { rung } => {
                        let vendor = &self.vendors[rung];
                        let (title, limit) = (&vendor.profile.title, vendor.start_within);
                        tracing::warn!(
                            "{title}: its avatar was not there within {limit:?}, or left before; it is told to leave"
                        );
                        out.fact("reason", format!("{} did not come in time", vendor.name()));
                        self.missed(rung, false, out);
                        for attempt in visit.attempts.values_mut().filter(|attempt| attempt.rung == rung) {
                            attempt.is_judged = true;
                        }
                    }
                    Do::Ready { attempt, rung, shown } => {
                        self.health[rung].lock().well();
                        out.milestone("avatar-ready");
                        out.fact("vendor", self.vendors[rung].name());
                        out.fact("ready", if shown { "shown" } else { "decoded" });
                        if let Some(attempt) = visit.attempts.get_mut(&attempt) {
                            attempt.is_judged = true;
                            if let Some(account) = attempt.account.take() {
                                account.finish();
                            }
                        }
                    }
                }
            }
        }
    }

    /// Asks a vendor. Answers whether it was asked.
    fn ask(&self, visit: &mut Visit, attempt: u64, rung: usize, out: &mut Output<'_>) -> bool {
        let vendor = &self.vendors[rung];
        let Some(invite) = visit.invites.get(&attempt) else { return false };
        if vendor.needs_listener() && invite.listener.is_none() {
            let title = &vendor.profile.title;
            tracing::error!("{title} hears speech through a second participant, and this room gives no token for one");
            return false;
        }
        if !self.health[rung].lock().admit(out.now()) {
            return false;
        }
        out.milestone("avatar-asked");
        out.fact("asked", vendor.name());
        let account = out.defer("avatar starts");
        account.mark("asked");
        let session = self.desk.begin(attempt, vendor, invite, &visit.mailbox, out.defer("avatar asked"));
        let asked = Attempt { rung, session: Some(session), account: Some(account), is_judged: false };
        visit.attempts.insert(attempt, asked);
        true
    }

    fn end(&self, visit: &mut Visit, attempt: u64) {
        visit.dismiss(attempt);
        let Some(attempt) = visit.attempts.get_mut(&attempt) else { return };
        attempt.session = None;
        if let Some(account) = attempt.account.take() {
            account.finish();
        }
        if !std::mem::replace(&mut attempt.is_judged, true) {
            self.health[attempt.rung].lock().undecided();
        }
    }

    fn free(&self, visit: &mut Visit, rung: usize, out: &mut Output<'_>) {
        let bell = Bell::new(out.defer("slots freed"));
        visit.bells.push(Arc::clone(&bell));
        let mailbox = Arc::clone(&visit.mailbox);
        self.desk.sweep(vec![Arc::clone(&self.vendors[rung])], move |ended| {
            bell.ring(&mailbox, News::Freed(rung, ended));
        });
    }

    /// Says why a vendor starts no avatar.
    fn refused(&self, visit: &mut Visit, attempt: u64, refused: &Refused, out: &mut Output<'_>) -> Why {
        let Some(attempt) = visit.attempts.get_mut(&attempt) else { return Why::Other };
        let (rung, is_judged) = (attempt.rung, std::mem::replace(&mut attempt.is_judged, true));
        let vendor = &self.vendors[rung];
        tracing::warn!("{}: {}", vendor.profile.title, refused.failure);
        let (word, why) = match refused.what {
            Meaning::NoSlot => ("has no free slot", Why::NoSlot),
            Meaning::NoCredit => ("has no credit left", Why::Other),
            Meaning::Permanent => ("has to be mended", Why::Other),
            Meaning::Passing | Meaning::Failed => ("failed", Why::Other),
        };
        out.fact("reason", format!("{} {word}", vendor.name()));
        if !is_judged {
            match refused.what {
                // It does well; others have its slots.
                Meaning::NoSlot => self.health[rung].lock().undecided(),
                Meaning::NoCredit | Meaning::Permanent => self.missed(rung, true, out),
                Meaning::Passing | Meaning::Failed => self.missed(rung, false, out),
            }
        }
        why
    }

    /// A vendor did not do what it should. Where there is a start that costs nothing, that is tried instead of the next visitor.
    fn missed(&self, rung: usize, somebody_must_act: bool, out: &Output<'_>) {
        let (vendor, health, host) =
            (Arc::clone(&self.vendors[rung]), Arc::clone(&self.health[rung]), out.host().clone());
        let Some(mut rest) = health.lock().missed(out.now(), somebody_must_act) else { return };
        tracing::warn!("{} is left out for {rest:?}", vendor.profile.title);
        if !vendor.can_probe() {
            return;
        }
        let tag = self.desk.ledger.tag();
        self.desk.tasks.spawn_apart(async move {
            loop {
                sleep(rest).await;
                if !health.lock().admit(host.now()) {
                    return Ok(());
                }
                match vendor.start(vendor.probing_scope(&tag), true).await {
                    Ok(session) => {
                        health.lock().well();
                        tracing::info!("{} takes sessions again", vendor.profile.title);
                        if let Some(session) = session {
                            // It runs for nobody; a vendor that says it is over already is right.
                            let _ = vendor.stop(&session).await;
                        }
                        return Ok(());
                    }
                    Err(_) => match health.lock().missed(host.now(), true) {
                        Some(longer) => rest = longer,
                        None => return Ok(()),
                    },
                }
            }
        });
    }
}

export_stage!(Avatars);
