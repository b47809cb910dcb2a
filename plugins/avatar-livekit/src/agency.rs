//! The vendors, and all that is asked of them: what the machines say is done here.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;
use majlis_plugin_api::Output;
use parking_lot::Mutex;
use tokio::time::sleep;

use crate::cast::{Attempt, Cast};
use crate::health::Health;
use crate::hours::Hours;
use crate::ladder::{By, Do, Happened, Machine, Why};
use crate::profile::Meaning;
use crate::session::{Bell, Desk, News};
use crate::spending::Used;
use crate::vendor::{Refused, Vendor};

/// The vendors of a ladder, the best first.
pub(crate) struct Agency {
    pub(crate) vendors: Vec<Arc<Vendor>>,
    pub(crate) health: Vec<Arc<Mutex<Health>>>,
    pub(crate) hours: Hours,
    pub(crate) desk: Desk,
}

impl Agency {
    /// Does what a machine says, and tells it what comes of it and all that came meanwhile.
    pub(crate) fn follow(&self, machine: &mut impl Machine, cast: &mut Cast, todo: Vec<Do>, out: &mut Output<'_>) {
        self.carry_out(machine, cast, todo, out);
        while let Some(news) = cast.mailbox.take() {
            let happened = match news {
                News::Answered(attempt, Ok(())) => {
                    milestone(out, "avatar-accepted");
                    if let Some(account) = cast.attempts.get(&attempt).and_then(|attempt| attempt.account.as_ref()) {
                        account.mark("accepted");
                    }
                    continue;
                }
                News::Answered(attempt, Err(refused)) => {
                    Happened::Failed(attempt, self.refused(cast, attempt, &refused, out))
                }
                News::Freed(rung, ended) => Happened::Freed(rung, ended),
            };
            let todo = machine.handle(out.now(), happened);
            self.carry_out(machine, cast, todo, out);
        }
    }

    fn carry_out(&self, machine: &mut impl Machine, cast: &mut Cast, todo: Vec<Do>, out: &mut Output<'_>) {
        let mut todo = VecDeque::from(todo);
        while let Some(next) = todo.pop_front() {
            match next {
                Do::Ask { attempt, rung } => {
                    if !self.ask(cast, attempt, rung, out) {
                        todo.extend(machine.handle(out.now(), Happened::Failed(attempt, Why::Other)));
                    }
                }
                Do::End { attempt } => self.end(cast, attempt),
                Do::Free { rung } => self.free(cast, rung, out),
                Do::Missed { rung } => {
                    let vendor = &self.vendors[rung];
                    let (title, limit) = (&vendor.profile.title, vendor.start_within);
                    tracing::warn!(
                        "{title}: its avatar was not there within {limit:?}, or left before; it is told to leave"
                    );
                    out.fact("reason", format!("{} did not come in time", vendor.name()));
                    self.missed(rung, false, out);
                    for attempt in cast.attempts.values_mut().filter(|attempt| attempt.rung == rung) {
                        attempt.is_judged = true;
                    }
                }
                Do::Ready { attempt, rung, by } => self.ready(cast, attempt, rung, by, out),
            }
        }
    }

    fn ready(&self, cast: &mut Cast, attempt: u64, rung: usize, by: By, out: &mut Output<'_>) {
        milestone(out, "avatar-ready");
        out.fact("vendor", self.vendors[rung].name());
        let word = match by {
            By::Shown => "shown",
            By::Decoded => "decoded",
            By::Waiting => "waiting",
        };
        out.fact("ready", word);
        self.tell_used(rung, out);
        if out.visit().is_none() {
            tracing::info!("an avatar of {} waits for the next visitor", self.vendors[rung].profile.title);
        }
        // One that waited was well when it began to, which was told then.
        if by != By::Waiting || out.visit().is_none() {
            self.health[rung].lock().well();
        }
        if let Some(attempt) = cast.attempts.get_mut(&attempt) {
            attempt.is_judged = true;
            if let Some(account) = attempt.account.take() {
                account.finish();
            }
        }
    }

    /// What a vendor was used for.
    fn used(&self, rung: usize) -> Used {
        let midnight = self.hours.midnight(Timestamp::now());
        self.desk.ledger.used(self.vendors[rung].name(), midnight)
    }

    /// Why a vendor is asked for nothing more, if it is not.
    pub(crate) fn reached(&self, rung: usize) -> Option<&'static str> {
        self.vendors[rung].limit.reached(self.used(rung))
    }

    /// Says in the report that a vendor is asked for nothing more, if so.
    pub(crate) fn tell_reached(&self, rung: usize, out: &mut Output<'_>) -> bool {
        let reached = self.reached(rung);
        if let Some(why) = reached {
            out.fact("reason", format!("{} {why}", self.vendors[rung].name()));
        }
        reached.is_some()
    }

    /// Says in the report what a vendor was used for, and for how much it may be.
    fn tell_used(&self, rung: usize, out: &mut Output<'_>) {
        let (used, limit) = (self.used(rung), self.vendors[rung].limit);
        match limit.minutes_per_day {
            Some(most) => out.fact("minutes", format_args!("{} of {most}", used.minutes())),
            None => out.fact("minutes", used.minutes()),
        }
        if let Some(most) = limit.calls_per_hour {
            out.fact("calls", format_args!("{} of {most}", used.calls));
        }
    }

    /// Asks a vendor. Answers whether it was asked.
    fn ask(&self, cast: &mut Cast, attempt: u64, rung: usize, out: &mut Output<'_>) -> bool {
        let vendor = &self.vendors[rung];
        let Some(invite) = cast.invites.get(&attempt) else { return false };
        if vendor.needs_listener() && invite.listener.is_none() {
            let title = &vendor.profile.title;
            tracing::error!("{title} hears speech through a second participant, and this room gives no token for one");
            return false;
        }
        if self.tell_reached(rung, out) || !self.health[rung].lock().admit(out.now()) {
            return false;
        }
        milestone(out, "avatar-asked");
        out.fact("asked", vendor.name());
        let account = out.visit().map(|_| out.defer("avatar starts"));
        if let Some(account) = &account {
            account.mark("asked");
        }
        let session = self.desk.begin(attempt, vendor, invite, &cast.mailbox, out.defer("avatar asked"));
        self.tell_used(rung, out);
        let (hears, held) = (!vendor.needs_listener(), None);
        cast.attempts.insert(attempt, Attempt { rung, session: Some(session), account, is_judged: false, hears, held });
        true
    }

    /// Ends what was asked for, and tells its avatar to leave.
    pub(crate) fn end(&self, cast: &mut Cast, attempt: u64) {
        cast.dismiss(attempt);
        let Some(attempt) = cast.attempts.get_mut(&attempt) else { return };
        attempt.session = None;
        if let Some(account) = attempt.account.take() {
            account.finish();
        }
        if !std::mem::replace(&mut attempt.is_judged, true) {
            self.health[attempt.rung].lock().undecided();
        }
    }

    fn free(&self, cast: &mut Cast, rung: usize, out: &mut Output<'_>) {
        let bell = Bell::new(out.defer("slots freed"));
        cast.bells.push(Arc::clone(&bell));
        let mailbox = Arc::clone(&cast.mailbox);
        self.desk.sweep(vec![Arc::clone(&self.vendors[rung])], move |ended| {
            bell.ring(&mailbox, News::Freed(rung, ended));
        });
    }

    /// Says why a vendor starts no avatar.
    fn refused(&self, cast: &mut Cast, attempt: u64, refused: &Refused, out: &mut Output<'_>) -> Why {
        let Some(attempt) = cast.attempts.get_mut(&attempt) else { return Why::Other };
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

/// A milestone of the call's visit, if it is of one.
pub(crate) fn milestone(out: &mut Output<'_>, name: &'static str) {
    if out.visit().is_some() {
        out.milestone(name);
    }
}
