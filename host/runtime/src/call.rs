//! One call, as the entered stage sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use majlis_abi::host::{CallSide, NoVisit, NotEmitted};
use majlis_abi::plugin::Buffer;
use majlis_meter::Nanos;
use majlis_meter::record::{Call, CallKind, Producer, Span, Trigger, Work as WorkRecord};

use crate::core::Core;
use crate::deliver::{By, Put};
use crate::host::{Holding, StageHost};
use crate::state::{Phase, Queued, Stay, Timer, WorkState};
use crate::work::Work;

pub(crate) struct Entered<'a> {
    pub(crate) core: &'a Arc<Core>,
    pub(crate) stage: usize,
    pub(crate) thread: usize,
    pub(crate) visit: u64,
    pub(crate) span: Option<u32>,
    pub(crate) kind: CallKind,
    pub(crate) trigger: Trigger,
    pub(crate) flush: u64,
    /// When it began.
    pub(crate) start: Nanos,
    /// The time stamp that its packets carry.
    pub(crate) time: Nanos,
    pub(crate) number: u64,
    pub(crate) steps: Vec<(String, Nanos)>,
    pub(crate) facts: Vec<(String, String)>,
    /// Spans of this call in the records of visits that it opened.
    pub(crate) opened: Vec<(u64, u32)>,
}

impl Entered<'_> {
    fn producer(&self) -> Producer {
        self.span.map_or(Producer::Origin(self.stage as u16), Producer::Span)
    }

    /// Time for a record: read only where somebody looks at it.
    fn noted(&self) -> Nanos {
        if self.core.metering || self.visit != 0 { self.core.now() } else { self.start }
    }

    fn is_withdrawn(&self, state: &crate::state::State) -> bool {
        let visit_gone = self.visit != 0 && state.visits.get(&self.visit).is_none_or(|visit| visit.stay == Stay::Gone);
        visit_gone || state.stages[self.stage].lanes.get(&self.visit).map_or(0, |lane| lane.flush) != self.flush
    }
}

impl CallSide for Entered<'_> {
    type Host = StageHost;

    fn emit(&mut self, output: u32, buffer: Buffer) -> Result<(), NotEmitted> {
        let core = &**self.core;
        let _holding = Holding::queue();
        let Some(edges) = core.graph.stages[self.stage].outgoing.get(output as usize) else { return Err(NotEmitted::NoPort) };
        let produced = self.noted();
        let mut state = core.lock();
        if (self.visit != 0 || self.flush != 0 || !state.stages[self.stage].lanes.is_empty()) && self.is_withdrawn(&state) {
            if let Some(visit) = state.visits.get_mut(&self.visit) {
                visit.record.late += 1;
            }
            return Err(NotEmitted::Gone);
        }
        let mut overrun = false;
        let mut rest = Some(buffer);
        for (at, edge) in edges.iter().enumerate() {
            let last = at + 1 == edges.len();
            let Some(buffer) = (if last { rest.take() } else { rest.clone() }) else { break };
            majlis_meter::slab::hand_to_queue(&buffer, if last { self.stage as u16 } else { majlis_meter::slab::QUEUE });
            let mut packet = Queued {
                buffer,
                time: self.time,
                arrival: produced,
                sequence: 0,
                cause: self.number,
                producer: self.producer(),
                produced,
            };
            loop {
                match state.put(&core.graph, *edge, self.visit, packet, By::Call { thread: self.thread }) {
                    Put::Taken | Put::Late => break,
                    Put::Overrun => {
                        overrun = true;
                        break;
                    }
                    Put::Full(again) => {
                        packet = again;
                        if state.phase == Phase::Ending || self.is_withdrawn(&state) {
                            return Err(NotEmitted::Gone);
                        }
                        // Others may have been told nothing yet of what this call did before.
                        if !state.settle() {
                            state.wait_for_space();
                            packet.arrival = core.now();
                        }
                    }
                }
            }
        }
        if overrun { Err(NotEmitted::Overrun) } else { Ok(()) }
    }

    fn open_visit(&mut self) -> Result<u64, NoVisit> {
        let now = self.core.now();
        let mut state = self.core.lock();
        let visit = state.open_visit(&self.core.graph, self.stage, now, Producer::Origin(self.stage as u16))?;
        let call = Call {
            stage: self.stage as u16,
            thread: self.thread as u16,
            kind: self.kind,
            trigger: Trigger { producer: Producer::Origin(self.stage as u16), ..self.trigger },
            start: self.start,
            end: Call::RUNNING,
            ..Call::default()
        };
        self.span = state.visits.get_mut(&visit).map(|state| state.record.push(Span::Call(call)));
        if let Some(span) = self.span {
            self.opened.push((visit, span));
        }
        self.visit = visit;
        self.flush = 0;
        self.time = now;
        Ok(visit)
    }

    fn defer(&mut self, label: &str) -> Arc<Work> {
        let core = self.core;
        let now = core.now();
        let mut state = core.lock();
        state.next_work += 1;
        let number = state.next_work;
        let span = match (self.span, state.visits.get_mut(&self.visit)) {
            (Some(call), Some(visit)) => {
                let record = WorkRecord { stage: self.stage as u16, label: label.to_owned(), call, begun: now, ..WorkRecord::default() };
                Some(visit.record.push(Span::Work(record)))
            }
            _ => None,
        };
        let work = Arc::new(Work {
            core: Arc::clone(core),
            number,
            stage: self.stage,
            instance: state.stages[self.stage].instance,
            visit: self.visit,
            span,
            flush: self.flush,
            time: self.time,
            begun: now,
            cancelled: AtomicBool::new(false),
            resumed: AtomicU64::new(0),
        });
        if self.is_withdrawn(&state) {
            // Born cancelled: its visit left, or a flush passed, while the call went on.
            work.cancelled.store(true, std::sync::atomic::Ordering::Relaxed);
            return work;
        }
        state.works.insert(number, WorkState { work: Arc::clone(&work), on_cancel: Vec::new(), on_space: Vec::new() });
        state.lane(&core.graph, self.stage, self.visit).works += 1;
        if let Some(deadline) = core.graph.stages[self.stage].deadline {
            let due = self.start.saturating_add(deadline);
            state.threads[self.thread].timers.push(std::cmp::Reverse((due, Timer::Deadline { work: number })));
        }
        work
    }

    fn flush(&mut self, output: u32) {
        let now = self.core.now();
        let mut state = self.core.lock();
        state.flush(&self.core.graph, self.stage, output as usize, self.visit, now, self.producer());
    }

    fn milestone(&mut self, name: &str) {
        let now = self.core.now();
        let mut state = self.core.lock();
        state.milestone(&self.core.graph, self.visit, name, now, self.producer(), self.stage);
    }

    fn step(&mut self, name: &str) {
        self.steps.push((name.to_owned(), self.core.now()));
    }

    fn fact(&mut self, name: &str, value: &str) {
        self.facts.push((name.to_owned(), value.to_owned()));
    }

    fn cancelled(&self) -> bool {
        let state = self.core.lock();
        state.phase == Phase::Ending || self.is_withdrawn(&state)
    }

    fn visit(&self) -> u64 {
        self.visit
    }
}
