//! A run: started from a setup, drained or killed, and waited for.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use majlis_config::Load;
use majlis_meter::Pool;
use majlis_meter::histogram::Histogram;
use majlis_meter::record::{
    EdgeDrops, EdgeInfo, InFlightRow, Quantiles, RunRecord, StageInfo, StageTotals, VisitTotals,
};
use majlis_meter::slab;

use crate::core::Core;
use crate::graph::Graph;
use crate::setup::{OpenError, Setup};
use crate::state::{Life, Phase, State};
use crate::timer::Timer;
use crate::worker::Worker;

/// Why a run did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A stage that must be open before the first packet is not.
    #[error("stage `{stage}` could not be opened: {error}")]
    Stage {
        /// Its index.
        index: usize,
        /// Its name.
        stage: String,
        /// Why.
        error: OpenError,
    },
    /// A thread could not be made.
    #[error("the thread `{thread}` could not be started: {source}; the system may be out of memory or threads")]
    Thread {
        /// Its name.
        thread: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// There is no memory for packets.
    #[error("no memory for packets: {0}")]
    Memory(String),
}

/// What ended a run before it came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutOff {
    /// The time of its drain was over.
    Drain {
        /// Visits that were open, and are gone.
        visits: usize,
    },
    /// It was killed.
    Kill {
        /// Visits that were open, and are gone.
        visits: usize,
    },
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    /// What it was.
    pub record: RunRecord,
    /// The stage whose failure ended it, and why.
    pub failure: Option<(String, String)>,
    /// Whether something was still under way; `None` where the run came to its end, a drained one included.
    pub cut_off: Option<CutOff>,
}

/// A run.
pub struct Runtime {
    core: Arc<Core>,
    threads: Vec<JoinHandle<()>>,
}

/// The shared part of a run, before any thread.
pub(crate) fn core_of(setup: Setup) -> Result<Core, StartError> {
    let Setup { pipeline, manifests, opener, services, observer, clock, metering, processor } = setup;
    let graph = Graph::new(pipeline, manifests);
    let pool = Pool::new(graph.stages.len()).map_err(|error| StartError::Memory(error.to_string()))?;
    let mut state = State::new(&graph);
    state.tells_reached = observer.follows_milestones();
    Ok(Core::new(graph, clock, pool, opener, services, observer, metering, processor, state))
}

impl Runtime {
    /// Starts the threads, opens what must be open before the first packet, and lets the sources go.
    ///
    /// # Errors
    /// See [`StartError`]; then nothing is left running.
    pub fn start(setup: Setup) -> Result<Self, StartError> {
        let core = Arc::new(core_of(setup)?);
        let weak = Arc::downgrade(&core);
        core.clock.register_waker(Box::new(move || {
            if let Some(core) = weak.upgrade() {
                core.wake_all();
            }
        }));
        let mut run = Self { core, threads: Vec::new() };
        match run.start_threads() {
            Ok(()) => Ok(run),
            Err(error) => {
                run.kill();
                run.join();
                Err(error)
            }
        }
    }

    fn start_threads(&mut self) -> Result<(), StartError> {
        let core = Arc::clone(&self.core);
        let (told, hear) = mpsc::channel();
        for (thread, stages) in core.graph.threads.iter().enumerate() {
            let eager: Vec<usize> =
                stages.iter().copied().filter(|stage| core.graph.pipeline.stages[*stage].load == Load::Eager).collect();
            let its_core = Arc::clone(&core);
            let told = told.clone();
            let name = &core.graph.pipeline.threads[thread];
            let handle = std::thread::Builder::new()
                .name(name.chars().take(15).collect())
                .spawn(move || {
                    Worker::new(its_core, thread).run(&eager, |outcome| {
                        // The starter may have given up on another stage's error.
                        let _ = told.send(outcome);
                    })
                })
                .map_err(|source| StartError::Thread { thread: name.clone(), source })?;
            self.threads.push(handle);
        }
        for _ in 0..core.graph.threads.len() {
            if let Ok(Err((index, error))) = hear.recv() {
                return Err(StartError::Stage { index, stage: core.graph.name(index).to_owned(), error });
            }
        }
        core.observer.ready();
        let mut state = core.lock();
        // Until here nobody was entered: an eager source must not speak before those who hear it are there.
        state.phase = Phase::Running;
        for thread in 0..core.graph.threads.len() {
            state.wake_thread(thread);
        }
        for (stage, node) in core.graph.stages.iter().enumerate() {
            let ahead = node.starts_by_itself || core.graph.pipeline.stages[stage].load == Load::Prewarm;
            if ahead && matches!(state.stages[stage].life, Life::Closed { .. }) {
                state.stages[stage].open_ahead = true;
            }
        }
        // A pipeline of which nothing would ever start is over before it began.
        if core.graph.stages.iter().all(|node| !node.starts_by_itself) {
            let now = core.now();
            state.end(&core.graph, now);
        }
        Ok(())
    }

    /// Takes no new visit, lets what is under way finish, and ends at the latest after `within`.
    pub fn drain(&self, within: Duration) {
        self.core.drain(within);
    }

    /// Ends at once: all visits are gone.
    pub fn kill(&self) {
        self.core.kill();
    }

    /// Something that drains or kills the run from another thread.
    #[must_use]
    pub fn controls(&self) -> Controls {
        Controls { core: Arc::downgrade(&self.core) }
    }

    /// The run as it stands.
    #[must_use]
    pub fn snapshot(&self) -> RunRecord {
        self.core.snapshot()
    }

    /// Waits until the run is over.
    #[must_use]
    pub fn wait(mut self) -> Ended {
        {
            let mut state = self.core.lock();
            while state.phase != Phase::Ending || state.threads.iter().any(|thread| !thread.over) {
                if !state.settle() {
                    state.wait_for_end();
                }
            }
        }
        self.join();
        let mut record = self.core.snapshot();
        record.ended = Some(self.core.now());
        let state = self.core.lock();
        let failure = state.failure.clone().map(|(stage, why)| (self.core.graph.name(stage).to_owned(), why));
        let cut_off = state.cut_off;
        drop(state);
        Ended { record, failure, cut_off }
    }

    fn join(&mut self) {
        for thread in self.threads.drain(..) {
            // A thread of ours does not panic; if one did, its panic was printed where it happened.
            let _ = thread.join();
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if !self.threads.is_empty() {
            self.kill();
            self.join();
        }
    }
}

/// Asks, drains or kills a run; outlives it without keeping it.
#[derive(Clone)]
pub struct Controls {
    core: std::sync::Weak<Core>,
}

impl Controls {
    /// How many visits are open.
    #[must_use]
    pub fn open_visits(&self) -> usize {
        self.core.upgrade().map_or(0, |core| core.lock().visits.len())
    }

    /// As [`Runtime::drain`].
    pub fn drain(&self, within: Duration) {
        if let Some(core) = self.core.upgrade() {
            core.drain(within);
        }
    }

    /// As [`Runtime::kill`].
    pub fn kill(&self) {
        if let Some(core) = self.core.upgrade() {
            core.kill();
        }
    }
}

impl Core {
    fn drain(&self, within: Duration) {
        let now = self.now();
        let until = now.saturating_add(u64::try_from(within.as_nanos()).unwrap_or(u64::MAX));
        let mut state = self.lock();
        if state.phase != Phase::Running {
            return;
        }
        state.phase = Phase::Draining;
        state.until = Some(until);
        for stage in 0..self.graph.stages.len() {
            if state.is_open(stage) {
                state.tell_drain(&self.graph, stage, until, now);
            }
        }
        for thread in 0..self.graph.threads.len() {
            state.set_timer(thread, until, Timer::Drained);
        }
        state.end_if_finished(&self.graph, now);
        drop(state);
        // Whoever sleeps, wherever, has to know until when.
        self.wake_all();
    }

    fn kill(&self) {
        let now = self.now();
        let mut state = self.lock();
        if state.phase != Phase::Ending {
            state.cut_off = Some(CutOff::Kill { visits: state.visits.len() });
            state.end(&self.graph, now);
        }
    }

    /// The run as it stands: names, totals and openings; the ledgers are added by who reports.
    pub(crate) fn snapshot(&self) -> RunRecord {
        let in_flight = self.in_flight();
        let state = self.lock();
        let graph = &self.graph;
        // Written down when they end, which is another order.
        let mut openings = state.openings.clone();
        openings.sort_by_key(|opening| opening.start);
        let quantiles = |histogram: &Histogram| {
            let summary = histogram.summary();
            Quantiles { count: summary.count, p50: summary.p50, p95: summary.p95, max: summary.max }
        };
        RunRecord {
            pipeline: graph.pipeline.name.clone(),
            started: self.started,
            ended: None,
            until: graph.pipeline.until.clone(),
            unmetered: !self.metering || !majlis_meter::alloc::available(),
            stages: graph
                .pipeline
                .stages
                .iter()
                .map(|stage| StageInfo {
                    name: stage.name.clone(),
                    title: stage.title.clone(),
                    opening_title: stage.opening_title.clone(),
                    plugin: stage.plugin.clone(),
                    thread: stage.thread as u16,
                })
                .collect(),
            threads: graph.pipeline.threads.clone(),
            edges: graph
                .pipeline
                .edges
                .iter()
                .map(|edge| EdgeInfo {
                    from: format!("{}.{}", graph.name(edge.from), graph.manifests[edge.from].outputs[edge.output].name),
                    to: format!("{}.{}", graph.name(edge.to), graph.manifests[edge.to].inputs[edge.input].name),
                })
                .collect(),
            openings,
            totals: state
                .stages
                .iter()
                .zip(&graph.stages)
                .map(|(stage, node)| StageTotals {
                    wall: quantiles(&stage.wall),
                    work: quantiles(&stage.work),
                    drops: node
                        .incoming
                        .iter()
                        .filter(|edge| state.edges[**edge].drops > 0)
                        .map(|edge| EdgeDrops { edge: *edge as u16, packets: state.edges[*edge].drops })
                        .collect(),
                    ..stage.totals.clone()
                })
                .collect(),
            visits: VisitTotals { to_milestone: quantiles(&state.to_milestone), ..state.totals.clone() },
            in_flight,
            overhead: self.overhead,
            ..RunRecord::default()
        }
    }

    fn in_flight(&self) -> Vec<InFlightRow> {
        let name = |holder: u16| match holder {
            slab::QUEUE => "in a queue".to_owned(),
            slab::HOST => "the host".to_owned(),
            stage => {
                self.graph.pipeline.stages.get(usize::from(stage)).map_or_else(String::new, |stage| stage.title.clone())
            }
        };
        self.pool
            .table()
            .into_iter()
            .map(|row| InFlightRow {
                producer: name(row.producer),
                holder: name(row.holder),
                count: row.count,
                bytes: row.bytes,
            })
            .collect()
    }
}
