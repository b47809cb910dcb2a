//! What the threads of a run share: the graph, the clock, the pool, and the one lock.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use majlis_meter::{CallMeter, Clock, Nanos, Pool};
use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::graph::Graph;
use crate::mapped::Mappings;
use crate::setup::{Observer, Opener, Services};
use crate::state::{Phase, State, Wanted};

pub(crate) struct Core {
    pub(crate) graph: Graph,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) pool: Pool,
    pub(crate) opener: Arc<dyn Opener>,
    pub(crate) services: Arc<dyn Services>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) metering: bool,
    processor: bool,
    /// It is held while the system is asked: looks come one after another, as what they are compared with.
    pub(crate) mappings: Mutex<Mappings>,
    pub(crate) started: Nanos,
    /// What metering one call costs.
    pub(crate) overhead: Option<Nanos>,
    state: Mutex<State>,
    /// By thread: there is something to do.
    work: Vec<Bell>,
    /// By edge: it has space, or nobody needs to wait any more.
    space: Vec<Bell>,
    /// A thread has ended, or the run has.
    pub(crate) over: Condvar,
    /// The observer saw the run before any stage was closed.
    pub(crate) looked_at: std::sync::Once,
}

thread_local! {
    /// The thread of the run that this is, if it is one.
    static THREAD: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Says which thread of the run the calling one is.
pub(crate) fn this_is_thread(index: usize) {
    THREAD.set(Some(index));
}

impl Core {
    #[allow(clippy::too_many_arguments)] // called once, and a builder for one caller hides more than it shows
    pub(crate) fn new(
        graph: Graph,
        clock: Arc<dyn Clock>,
        pool: Pool,
        opener: Arc<dyn Opener>,
        services: Arc<dyn Services>,
        observer: Arc<dyn Observer>,
        metering: bool,
        processor: bool,
        state: State,
    ) -> Self {
        let work = graph.threads.iter().map(|_| Bell::default()).collect();
        let space = graph.pipeline.edges.iter().map(|_| Bell::default()).collect();
        let overhead = metering.then(|| majlis_meter::thread::overhead(&*clock, processor));
        Self {
            started: clock.now(),
            graph,
            clock,
            pool,
            opener,
            services,
            observer,
            metering,
            processor,
            mappings: Mutex::default(),
            overhead,
            state: Mutex::new(state),
            work,
            space,
            over: Condvar::new(),
            looked_at: std::sync::Once::new(),
        }
    }

    /// Begins to measure a call, or an opening, on the calling thread.
    #[inline]
    pub(crate) fn meter(&self) -> Option<CallMeter> {
        self.metering.then(|| CallMeter::start_as(&*self.clock, self.processor))
    }

    pub(crate) fn now(&self) -> Nanos {
        self.clock.now()
    }

    /// The lock. What was collected in [`State::after`] is done when the guard is dropped.
    pub(crate) fn lock(&self) -> Locked<'_> {
        Locked { core: self, guard: Some(self.state.lock()) }
    }

    /// Wakes every thread, and whoever waits for the end: the clock was turned, or a drain began.
    pub(crate) fn wake_all(&self) {
        let mut state = self.lock();
        for thread in 0..self.graph.threads.len() {
            state.wake_thread(thread);
        }
        state.after.all_space = true;
        state.after.ended = true;
    }

    fn perform(&self, after: crate::state::After) {
        after.wake.for_each(|thread| self.work[thread].ring());
        if after.all_space {
            self.space.iter().for_each(Bell::ring);
        } else {
            after.space.for_each(|edge| self.space[edge].ring());
        }
        for notice in after.notices {
            notice.give();
        }
        for (visit, name) in after.milestones {
            self.observer.milestone(visit, &name);
        }
        for record in after.reached {
            self.observer.reached(record, &|| self.snapshot());
        }
        for (stage, text) in after.complaints {
            let name = self.graph.name(stage);
            self.observer.log(name, 1, "majlis::runtime", &format!("stage `{name}` {text}"));
        }
        for (stage, error, then) in after.refused {
            self.observer.refused(stage, &error, then);
        }
        for (record, how) in after.closed {
            self.observer.closed(record, how, &|| self.snapshot());
        }
        if after.quiet {
            self.pool.shrink();
        }
        if after.ended {
            self.over.notify_all();
        }
    }
}

/// What one thread at a time waits for: it looks whether the bell was rung, or sleeps until it is.
#[derive(Default)]
struct Bell {
    rung: AtomicBool,
    condition: Condvar,
}

impl Bell {
    fn ring(&self) {
        self.rung.store(true, Ordering::Release);
        self.condition.notify_one();
    }

    /// Looks for a while. Where packets stream from thread to thread the next one is mostly a microsecond away, and
    /// going to sleep and being woken costs twenty: channels do the same before they park.
    fn look(&self) {
        const SPINS: u32 = 3;
        const TURNS: usize = 8;
        let is_rung = || self.rung.load(Ordering::Acquire);
        for spins in 0..SPINS {
            (0..1 << spins).for_each(|_| std::hint::spin_loop());
            if is_rung() {
                return;
            }
        }
        for _ in 0..TURNS {
            std::thread::yield_now();
            if is_rung() {
                return;
            }
        }
    }
}

/// The state, locked.
pub(crate) struct Locked<'a> {
    pub(crate) core: &'a Core,
    guard: Option<MutexGuard<'a, State>>,
}

const HELD: &str = "the guard is there until it is dropped";

impl Locked<'_> {
    /// Does what was collected so far with the lock released; true if there was anything, and then everything may
    /// have changed.
    pub(crate) fn settle(&mut self) -> bool {
        if self.after.is_empty() {
            return false;
        }
        let after = std::mem::take(&mut self.after);
        let core = self.core;
        MutexGuard::unlocked(self.guard.as_mut().expect(HELD), || core.perform(after));
        true
    }

    /// Lets go of the lock and looks for a while; whatever comes of it, everything may have changed.
    fn look_at(&mut self, bell: &Bell) {
        bell.rung.store(false, Ordering::Relaxed);
        MutexGuard::unlocked(self.guard.as_mut().expect(HELD), || bell.look());
    }

    /// Looks for a while whether this thread has something to do.
    pub(crate) fn look(&mut self, thread: usize) {
        self.threads[thread].asleep = true;
        self.look_at(&self.core.work[thread]);
        self.threads[thread].asleep = false;
    }

    /// Sleeps until there may be something to do for this thread, or the due time comes.
    pub(crate) fn sleep(&mut self, thread: usize, due: Option<Nanos>) {
        let core = self.core;
        self.threads[thread].asleep = true;
        let guard = self.guard.as_mut().expect(HELD);
        match due.and_then(|due| core.clock.real_time_until(due)) {
            Some(time) if time.is_zero() => {}
            Some(time) => {
                core.work[thread].condition.wait_for(guard, time);
            }
            None => core.work[thread].condition.wait(guard),
        }
        self.threads[thread].asleep = false;
    }

    /// Looks for a while whether an edge has space.
    pub(crate) fn look_for_space(&mut self, edge: usize, awaited: Wanted) {
        self.edges[edge].awaited = Some(awaited);
        self.look_at(&self.core.space[edge]);
        self.has_waited(edge);
    }

    /// Sleeps until an edge may have space, or the time of a drain is over.
    pub(crate) fn wait_for_space(&mut self, edge: usize, awaited: Wanted) {
        let core = self.core;
        self.edges[edge].awaited = Some(awaited);
        self.wait_until_drained(&core.space[edge].condition);
        self.has_waited(edge);
    }

    /// The call tries again before it lets go of the lock; those who stood behind it come then.
    fn has_waited(&mut self, edge: usize) {
        self.edges[edge].awaited = None;
        self.tell_of_space(edge);
    }

    /// Sleeps until the run or one of its threads is over, or the time of a drain is.
    pub(crate) fn wait_for_end(&mut self) {
        self.wait_until_drained(&self.core.over);
    }

    fn wait_until_drained(&mut self, condition: &Condvar) {
        let core = self.core;
        let until = self.until.filter(|_| self.phase == Phase::Draining);
        let guard = self.guard.as_mut().expect(HELD);
        match until.and_then(|until| core.clock.real_time_until(until)) {
            Some(time) if time.is_zero() => {}
            Some(time) => {
                condition.wait_for(guard, time);
            }
            None => condition.wait(guard),
        }
        if until.is_some() {
            self.end_if_drained(&core.graph, core.now());
        }
    }
}

impl Deref for Locked<'_> {
    type Target = State;
    fn deref(&self) -> &State {
        self.guard.as_ref().expect(HELD)
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut State {
        self.guard.as_mut().expect(HELD)
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        let after =
            self.guard.as_mut().filter(|state| !state.after.is_empty()).map(|state| std::mem::take(&mut state.after));
        drop(self.guard.take());
        if let Some(after) = after {
            self.core.perform(after);
        }
    }
}

impl State {
    /// Makes sure that a thread looks again.
    pub(crate) fn wake_thread(&mut self, thread: usize) {
        if THREAD.get() != Some(thread) && std::mem::replace(&mut self.threads[thread].asleep, false) {
            self.after.wake.insert(thread);
        }
    }
}
