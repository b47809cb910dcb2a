//! The life of one session at its vendor, from the row in the ledger to the end that is known. It goes on when its visitor has left:
//! whoever asked for a session waits for the answer, in order to end it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use majlis_plugin_api::{Dismissed, Invite, Pending, Tasks};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use tokio::time::sleep;

use crate::ledger::{Ledger, Row};
use crate::pause::Pause;
use crate::vendor::{Refused, Vendor};

/// Before each try to end a session.
const TRIES: [Duration; 3] = [Duration::ZERO, Duration::from_millis(500), Duration::from_secs(2)];
/// A vendor that did not answer lists what it began after so long.
const LISTED_AFTER: Duration = Duration::from_secs(2);

/// So often others of this host are looked at.
pub(crate) const LOOK: Duration = Duration::from_secs(2);

/// What a visit hears of its sessions.
pub(crate) enum News {
    /// The vendor of this attempt answered.
    Answered(u64, Result<(), Refused>),
    /// Sessions of this rung's vendor were looked for, and so many ended.
    Freed(usize, usize),
}

/// Where news of a visit lie until its stage is called.
#[derive(Default)]
pub(crate) struct Mailbox {
    news: Mutex<VecDeque<News>>,
}

impl Mailbox {
    pub(crate) fn take(&self) -> Option<News> {
        self.news.lock().pop_front()
    }
}

/// Calls the stage when there are news. A flush takes the work away by which it is called, and the stage gives a new one.
#[derive(Default)]
pub(crate) struct Bell(Mutex<Option<Pending>>);

impl Bell {
    pub(crate) fn new(pending: Pending) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Some(pending))))
    }

    /// Gives it another work, unless it has rung.
    pub(crate) fn renew(&self, with: impl FnOnce() -> Pending) {
        let mut pending = self.0.lock();
        if let Some(cancelled) = pending.take() {
            cancelled.finish();
            *pending = Some(with());
        }
    }

    /// Whether it has not rung yet.
    pub(crate) fn may_ring(&self) -> bool {
        self.0.lock().is_some()
    }

    /// It rings for nobody any more.
    pub(crate) fn silence(&self) {
        self.silence_if(|_| true);
    }

    fn silence_if(&self, is: impl FnOnce(&Pending) -> bool) {
        let mut pending = self.0.lock();
        if pending.as_ref().is_some_and(is)
            && let Some(pending) = pending.take()
        {
            pending.finish();
        }
    }

    /// Tells the news, and calls the stage.
    pub(crate) fn ring(&self, mailbox: &Mailbox, news: News) {
        mailbox.news.lock().push_back(news);
        if let Some(pending) = self.0.lock().take() {
            pending.resume();
        }
    }
}

/// How many sessions live, for whoever waits for their end.
#[derive(Clone, Default)]
pub(crate) struct Living(Arc<(AtomicUsize, Notify)>);

/// One that lives.
struct Lives(Living);

impl Living {
    fn enter(&self) -> Lives {
        self.0.0.fetch_add(1, Ordering::SeqCst);
        Lives(self.clone())
    }

    /// Ready when none does.
    pub(crate) async fn none(&self) {
        loop {
            let ended = self.0.1.notified();
            if self.0.0.load(Ordering::SeqCst) == 0 {
                return;
            }
            ended.await;
        }
    }
}

impl Drop for Lives {
    fn drop(&mut self) {
        self.0.0.0.fetch_sub(1, Ordering::SeqCst);
        self.0.0.1.notify_waiters();
    }
}

/// A session that was asked for. Dropped, it is ended.
pub(crate) struct Session {
    _end: oneshot::Sender<()>,
    pub(crate) bell: Arc<Bell>,
}

impl Drop for Session {
    fn drop(&mut self) {
        // Work of a visit ends with it. That of none would keep the show from ending until the vendor answers.
        self.bell.silence_if(|pending| pending.visit().is_none());
    }
}

/// What sessions are begun with.
pub(crate) struct Desk {
    pub(crate) tasks: Tasks,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) living: Living,
    /// Who has no place in a room, of runs before this one.
    pub(crate) left_behind: Arc<Mutex<Vec<Dismissed>>>,
}

impl Desk {
    /// Asks a vendor for a session.
    pub(crate) fn begin(
        &self,
        attempt: u64,
        vendor: &Arc<Vendor>,
        invite: &Invite,
        mailbox: &Arc<Mailbox>,
        pending: Pending,
    ) -> Session {
        let (end, ended) = oneshot::channel();
        let bell = Bell::new(pending);
        let (vendor, ledger, invite) = (Arc::clone(vendor), Arc::clone(&self.ledger), invite.clone());
        let (mailbox, told, lives) = (Arc::clone(mailbox), Arc::clone(&bell), self.living.enter());
        // At once: the next one who asks has to know of it.
        let billed = ledger.count(vendor.name(), vendor.longest());
        self.tasks.spawn_apart(async move {
            let _lives = lives;
            let tag = ledger.tag();
            let mut row = ledger.ask(vendor.name(), &invite, &tag, vendor.longest(), billed);
            let outcome = vendor.start(vendor.scope(&invite, &tag), false).await;
            // Nobody needs the token any more.
            drop(invite);
            let may_run = match &outcome {
                Ok(session) => {
                    ledger.started(&mut row, session.clone());
                    true
                }
                Err(refused) => refused.may_run,
            };
            if !may_run {
                ledger.never_began(&row);
            }
            told.ring(&mailbox, News::Answered(attempt, outcome.map(drop)));
            if may_run {
                // Told or dropped, both are the end.
                let _ = ended.await;
                end_row(&vendor, &ledger, &row).await;
            }
            Ok(())
        });
        Session { _end: end, bell }
    }

    /// Looks again and again what others of this host do: what they spend, and whether the stage is paused.
    pub(crate) fn follow(&self, pause: Arc<Pause>) {
        let ledger = Arc::clone(&self.ledger);
        self.tasks.spawn_apart(async move {
            loop {
                sleep(LOOK).await;
                ledger.look();
                pause.look();
            }
        });
    }

    /// Looks for sessions that nobody holds any more and ends them: of all vendors, or of one for somebody who waits for a slot.
    pub(crate) fn sweep(&self, vendors: Vec<Arc<Vendor>>, then: impl FnOnce(usize) + Send + 'static) {
        let (ledger, left_behind, lives) =
            (Arc::clone(&self.ledger), Arc::clone(&self.left_behind), self.living.enter());
        self.tasks.spawn_apart(async move {
            let _lives = lives;
            let mut freed = 0;
            for row in ledger.abandoned() {
                let Some(vendor) = vendors.iter().find(|vendor| vendor.name() == row.vendor) else { continue };
                if row.is_own && !vendor.can_stop() {
                    // Its avatar was told to leave, and more cannot be done.
                    continue;
                }
                let dismissed = Dismissed { identity: row.identity.clone(), room: Some(row.room.clone()) };
                remember(&left_behind, dismissed);
                freed += usize::from(end_row(vendor, &ledger, &row).await);
            }
            if freed > 0 {
                tracing::info!(sessions = freed, "sessions of avatars that a run before left behind are ended");
            }
            then(freed);
            Ok(())
        });
    }
}

fn remember(left_behind: &Mutex<Vec<Dismissed>>, dismissed: Dismissed) {
    let mut known = left_behind.lock();
    if !known.contains(&dismissed) {
        known.push(dismissed);
    }
}

/// Ends a session as far as its vendor has a way to. Answers whether it took a slot and is known to be over.
async fn end_row(vendor: &Vendor, ledger: &Ledger, row: &Row) -> bool {
    let title = &vendor.profile.title;
    match &row.session {
        Some(session) if vendor.can_stop() => {
            let mut last = None;
            for pause in TRIES {
                sleep(pause).await;
                match vendor.stop(session).await {
                    Ok(()) => {
                        ledger.over(row);
                        return true;
                    }
                    Err(failure) => last = Some(failure),
                }
            }
            let why = last.map(|failure| failure.to_string()).unwrap_or_default();
            tracing::warn!("a session of {title} could not be ended and may bill until {}: {why}", moment(row.until));
            ledger.leave(row);
            false
        }
        None if vendor.can_list() => {
            // What the request began may be listed a moment later.
            for pause in [Duration::ZERO, LISTED_AFTER] {
                sleep(pause).await;
                match found(vendor, &row.tag).await {
                    Ok(0) => {}
                    Ok(_) => {
                        ledger.over(row);
                        return true;
                    }
                    Err(failure) => {
                        tracing::warn!("whether {title} began a session is not known: {failure}");
                        ledger.leave(row);
                        return false;
                    }
                }
            }
            ledger.never_began(row);
            false
        }
        None if vendor.can_stop() => {
            // Nobody was told its id, and this vendor tells no list.
            let until = moment(row.until);
            tracing::warn!("{title} did not say which session it began, if it did: it may bill until {until}");
            ledger.leave(row);
            false
        }
        _ => {
            // The participant is removed from the room, which is all that there is.
            tracing::debug!("{title} has no way to end a session; this one may bill until {}", moment(row.until));
            ledger.leave(row);
            false
        }
    }
}

/// Ends the sessions with this tag. Answers how many there were.
async fn found(vendor: &Vendor, tag: &str) -> Result<usize, majlis_remote::Failure> {
    let mut ended = 0;
    for listed in vendor.list().await?.into_iter().filter(|listed| listed.tag == tag) {
        vendor.stop(&listed.session).await?;
        ended += 1;
    }
    Ok(ended)
}

/// A moment of the day, in UTC: enough for an hour of billing.
fn moment(seconds: i64) -> String {
    let of_day = seconds.rem_euclid(86_400);
    format!("{:02}:{:02} UTC", of_day / 3_600, of_day % 3_600 / 60)
}
