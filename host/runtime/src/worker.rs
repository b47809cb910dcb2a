//! A thread of the run: it opens its stages, enters them, and closes them.

use std::sync::Arc;

use majlis_abi::host::{host_handle, pending_raw, with_call};
use majlis_abi::plugin::HostHandle;
use majlis_abi::raw::{
    RawEdge, RawError, RawEvent, RawFlow, RawInput, RawOpen, RawPacket, StageBox, closed, error, event, flow,
};
use majlis_meter::record::{CallKind, Cost, MappedFile, Opening, OpeningOutcome, Outcome, Producer, Why};
use majlis_meter::{CallMeter, Nanos};

use crate::call::Entered;
use crate::core::{Core, this_is_thread};
use crate::host::{Holding, StageHost};
use crate::schedule::{Begun, Item, Next};
use crate::setup::{OpenError, Opened};
use crate::state::{Life, Occupation, Phase, ThreadSpan, Timer, Wake};

/// An open instance. It is dropped on the thread that opened it.
pub(crate) struct Instance {
    pub(crate) stage: StageBox,
    /// Kept as long as the instance.
    _host: HostHandle,
}

pub(crate) struct Worker {
    core: Arc<Core>,
    thread: usize,
    /// By stage; only this thread's stages are ever open.
    instances: Vec<Option<Instance>>,
}

/// What a call came back with.
struct Returned {
    flow: Result<RawFlow, RawError>,
    cost: majlis_meter::thread::Cost,
    steps: Vec<(String, Nanos)>,
    facts: Vec<(String, String)>,
    opened: Vec<(u64, u32)>,
    visit: u64,
    span: Option<u32>,
}

impl Worker {
    pub(crate) fn new(core: Arc<Core>, thread: usize) -> Self {
        let instances = (0..core.graph.stages.len()).map(|_| None).collect();
        Self { core, thread, instances }
    }

    /// Works until the run ends. `eager` are the stages to open first; `ready` is called once they are.
    pub(crate) fn run(mut self, eager: &[usize], ready: impl FnOnce(Result<(), (usize, OpenError)>)) {
        this_is_thread(self.thread);
        let arena = majlis_meter::Arenas::process().named(&self.core.graph.pipeline.threads[self.thread]);
        majlis_meter::Arenas::process().bind(arena);
        let mut outcome = Ok(());
        for stage in eager {
            if let Err(error) = self.open(*stage, None) {
                outcome = Err((*stage, error));
                break;
            }
        }
        ready(outcome);
        let core = Arc::clone(&self.core);
        loop {
            let mut state = core.lock();
            let next = loop {
                match state.next(&core.graph, self.thread, || core.clock.now()) {
                    Next::Sleep(due) => {
                        if !state.settle() {
                            state.sleep(self.thread, due);
                        }
                    }
                    next => break next,
                }
            };
            drop(state);
            match next {
                Next::Open { stage, begun_for } => {
                    let _ = self.open(stage, begun_for);
                }
                Next::Call(begun) => self.call(begun),
                Next::End => break,
                Next::Sleep(_) => {}
            }
        }
        // The first thread that ends lets the run be looked at; the others wait for it.
        core.looked_at.call_once(|| core.observer.ending(core.snapshot()));
        self.close_all();
        let mut state = core.lock();
        state.threads[self.thread].over = true;
        state.after.ended = true;
    }

    /// Opens a stage, and lets its first packet go if that fails.
    fn open(&mut self, stage: usize, begun_for: Option<u64>) -> Result<(), OpenError> {
        let core = Arc::clone(&self.core);
        let start = core.now();
        let instance = {
            let mut state = core.lock();
            let opening = std::mem::replace(&mut state.stages[stage].life, Life::Opening);
            drop(opening);
            state.stages[stage].open_ahead = false;
            state.stages[stage].instance += 1;
            if let Some(since) = state.stages[stage].paused_since.take() {
                // The pause is known as one once it is over; what the thread did meanwhile stands in its own spans.
                let busy = state.threads[self.thread].spans.back().map_or(0, |last| last.end);
                if since.max(busy) < start {
                    state.occupied(self.thread, ThreadSpan { stage, what: Occupation::Pause, start: since.max(busy), end: start });
                }
            }
            state.stages[stage].instance
        };
        let mapped_before = if core.metering { core.opener.mapped() } else { Vec::new() };
        let start = core.now();
        let meter = core.metering.then(|| CallMeter::start(&*core.clock));
        let opened = make(&core, stage, instance);
        let cost = meter.map(|meter| meter.stop(&*core.clock)).unwrap_or_default();
        let end = core.now();
        let mapped = if core.metering { mapped_since(&mapped_before, core.opener.mapped()) } else { Vec::new() };
        let error = match opened {
            Ok(made) => {
                self.instances[stage] = Some(made);
                None
            }
            Err(error) => Some(error),
        };
        let mut state = core.lock();
        state.occupied(self.thread, ThreadSpan { stage, what: Occupation::Opening { begun_for }, start, end });
        state.openings.push(Opening {
            stage: stage as u16,
            thread: self.thread as u16,
            start,
            end: Some(end),
            cost: record_cost(&cost),
            begun_for: begun_for.filter(|visit| *visit != 0),
            outcome: error.as_ref().map_or(OpeningOutcome::Ready, |error| OpeningOutcome::Failed(error.reason.clone())),
            mapped,
        });
        match error {
            None => {
                state.stages[stage].life = Life::Open;
                if core.graph.stages[stage].source {
                    state.lane(&core.graph, stage, 0).wake = Some(Wake { due: end, asked: end, producer: Producer::Origin(stage as u16) });
                    state.make_ready(&core.graph, stage, 0);
                }
                state.tell_live_visits(&core.graph, stage);
                if state.phase == Phase::Draining {
                    let until = state.until.unwrap_or(end);
                    state.tell_drain(&core.graph, stage, until, end);
                }
                let waiting: Vec<u64> = state.stages[stage].lanes.keys().copied().collect();
                for visit in waiting {
                    state.make_ready(&core.graph, stage, visit);
                }
                Ok(())
            }
            Some(error) => {
                let first_time = state.stages[stage].failures.is_empty();
                // The packet that needed it has no answer, and is not tried again.
                if let Some(visit) = begun_for {
                    let slots = core.graph.stages[stage].incoming.len();
                    let head = (0..slots)
                        .filter(|slot| state.stages[stage].lanes.get(&visit).is_some_and(|lane| !lane.inputs[*slot].packets.is_empty()))
                        .min_by_key(|slot| {
                            state.stages[stage].lanes.get(&visit).and_then(|lane| lane.inputs[*slot].packets.front().map(|packet| packet.time))
                        });
                    if let Some((_, packet)) = head.and_then(|slot| state.pop(&core.graph, stage, visit, slot)) {
                        let why = format!("the stage was not opened: {}", error.reason);
                        state.skip(&core.graph, stage, visit, &packet, &why, end);
                    }
                    state.failed(&core, stage, error.clone(), end);
                    state.advance_closing(&core.graph, visit, end);
                } else {
                    state.failed(&core, stage, error.clone(), end);
                }
                state.end_if_finished(&core.graph);
                drop(state);
                if first_time {
                    core.observer.refused(stage, &error);
                }
                Err(error)
            }
        }
    }

    fn call(&mut self, begun: Begun) {
        let core = Arc::clone(&self.core);
        let Begun { stage, visit, item, span, trigger, flush, number } = begun;
        let Some(instance) = &mut self.instances[stage] else { return };
        let kind = match &item {
            Item::Packet { .. } => CallKind::Packet,
            Item::Event(_) => CallKind::Event,
            Item::Wake { .. } => CallKind::Wake,
            Item::Resumed(_) => CallKind::Resumed,
        };
        let timed = core.metering || span.is_some() || core.graph.stages[stage].deadline.is_some();
        let start = if timed { core.now() } else { trigger.ready() };
        let time = match &item {
            Item::Packet { packet, .. } => packet.time,
            Item::Wake { due } => *due,
            Item::Resumed(work) => work.time,
            Item::Event(_) => start,
        };
        let mut entered = Entered {
            core: &core,
            stage,
            thread: self.thread,
            visit,
            span,
            kind,
            trigger,
            flush,
            start,
            time,
            number,
            steps: Vec::new(),
            facts: Vec::new(),
            opened: Vec::new(),
        };
        let saw_closed = matches!(&item, Item::Event(queued) if queued.event.kind == event::VISIT_CLOSED);
        let meter = core.metering.then(|| CallMeter::start(&*core.clock));
        let holding = Holding::stage(stage);
        let flow = enter(&mut instance.stage, &core, visit, item, &mut entered);
        drop(holding);
        let cost = meter.map_or_else(
            || majlis_meter::thread::Cost { start, end: if timed { core.now() } else { start }, ..Default::default() },
            |meter| meter.stop(&*core.clock),
        );
        let returned = Returned {
            flow,
            cost,
            steps: entered.steps,
            facts: entered.facts,
            opened: entered.opened,
            visit: entered.visit,
            span: entered.span,
        };
        if self.finish(stage, visit, kind, saw_closed, returned) {
            // The instance panicked: it is poisoned, and what is left of it is dropped without the lock.
            self.instances[stage] = None;
        }
    }

    /// Writes down what a call came to; true if its instance is over.
    fn finish(&mut self, stage: usize, key: u64, kind: CallKind, saw_closed: bool, returned: Returned) -> bool {
        let core = Arc::clone(&self.core);
        let graph = &core.graph;
        let node = &graph.stages[stage];
        let Returned { flow, cost, steps, facts, opened, visit, span } = returned;
        let end = cost.end;
        let mut state = core.lock();
        state.threads[self.thread].running = None;
        let late = node.deadline.is_some_and(|deadline| end.saturating_sub(cost.start) > deadline);
        let (outcome, panicked) = match &flow {
            Ok(_) if late => (Outcome::Late, false),
            Ok(_) => (Outcome::Ok, false),
            Err(error) if matches!(error.code, error::PANICKED | error::POISONED) => {
                (Outcome::Panicked(error.message.to_string()), true)
            }
            Err(error) => (Outcome::Failed(error.message.to_string()), false),
        };
        let totals = &mut state.stages[stage].totals;
        totals.calls += 1;
        totals.allocated += cost.allocated;
        totals.freed += cost.freed;
        totals.max_peak = totals.max_peak.max(cost.peak);
        match &outcome {
            Outcome::Late => totals.late += 1,
            Outcome::Panicked(_) => totals.panicked += 1,
            Outcome::Failed(_) => totals.failed += 1,
            Outcome::Ok | Outcome::Skipped(_) => {}
        }
        if core.metering {
            state.stages[stage].wall.record(end.saturating_sub(cost.start));
            // What other visits do on the same stages is a line of each visit's report.
            if state.visits.len() > 1 {
                for (number, other) in &mut state.visits {
                    if *number != visit && other.waiting.has(stage) {
                        other.record.others.calls += 1;
                        other.record.others.live += cost.live;
                    }
                }
            }
        }
        if core.metering || span.is_some() {
            state.occupied(self.thread, ThreadSpan { stage, what: Occupation::Call { visit }, start: cost.start, end });
        }
        let spans = span.map(|span| (visit, span)).into_iter().chain(opened);
        let mut seen = None;
        for (visit, span) in spans {
            if seen == Some((visit, span)) {
                continue;
            }
            seen = seen.or(Some((visit, span)));
            if let Some(call) = state.visits.get_mut(&visit).and_then(|visit| visit.record.call_mut(span)) {
                call.kind = kind;
                call.start = cost.start;
                call.end = end;
                call.cost = record_cost(&cost);
                call.outcome = outcome.clone();
                call.steps.clone_from(&steps);
                call.facts.clone_from(&facts);
                // The wait ended when the call began, which is a little after it was taken.
                let ready = call.trigger.ready();
                call.waits.retain_mut(|cut| {
                    cut.end = cut.end.min(cost.start);
                    cut.start = cut.start.max(ready);
                    cut.start < cut.end
                });
            }
        }
        let producer = span.map_or(Producer::Origin(stage as u16), Producer::Span);
        match &flow {
            Ok(flow) => state.take_flow(&core, stage, key, *flow, end, producer),
            Err(_) => {
                if matches!(kind, CallKind::Packet | CallKind::Resumed) {
                    state.tell_failed(graph, stage, visit, end, producer);
                }
            }
        }
        if let Err(error) = &flow {
            let text = format!("{}: {}", if panicked { "panicked" } else { "failed" }, error.message);
            state.after.complaints.push((stage, text));
            if node.stop_on_failure && state.failure.is_none() && matches!(kind, CallKind::Packet | CallKind::Resumed | CallKind::Wake) {
                state.failure = Some((stage, error.message.to_string()));
                state.all_gone(graph, end);
                state.end(graph);
            }
        }
        if panicked {
            let reason = format!("the stage panicked: {}", flow.as_ref().err().map_or("", |error| error.message.as_str()));
            state.failed(&core, stage, OpenError { code: "R0101", reason, path: String::new() }, end);
        }
        if saw_closed {
            state.saw_closed(graph, stage, key, end);
        }
        state.after_call(graph, stage, end);
        panicked
    }

    fn close_all(&mut self) {
        let core = Arc::clone(&self.core);
        for stage in core.graph.threads[self.thread].clone() {
            let Some(mut instance) = self.instances[stage].take() else { continue };
            let now = core.now();
            core.lock().cancel_works(&core.graph, Why::Drain, now, |work| work.stage == stage);
            let holding = Holding::stage(stage);
            if let Err(error) = instance.stage.close().into_result() {
                core.observer.log(core.graph.name(stage), 2, "majlis::close", &format!("closing failed: {}", error.message));
            }
            drop(instance);
            drop(holding);
        }
    }
}

/// A fresh instance of a stage, open.
pub(crate) fn make(core: &Arc<Core>, stage: usize, instance: u64) -> Result<Instance, OpenError> {
    let Opened { stage: mut made } = core.opener.create(stage)?;
    let host = host_handle(Arc::new(StageHost { core: Arc::clone(core), stage, instance }));
    let pipeline = &core.graph.pipeline;
    let node = &core.graph.stages[stage];
    let peer = |stage: usize, port: &str| format!("{}.{port}", core.graph.name(stage));
    let wires: Vec<(u32, u32, String, &str)> = node
        .incoming
        .iter()
        .map(|edge| core.graph.edge(*edge))
        .map(|edge| (edge.input as u32, 1, peer(edge.from, &core.graph.manifests[edge.from].outputs[edge.output].name), edge.ty.as_str()))
        .chain(node.outgoing.iter().flatten().map(|edge| core.graph.edge(*edge)).map(|edge| {
            (edge.output as u32, 0, peer(edge.to, &core.graph.manifests[edge.to].inputs[edge.input].name), edge.ty.as_str())
        }))
        .collect();
    let edges: Vec<RawEdge<'_>> = wires
        .iter()
        .map(|(port, incoming, peer, ty)| RawEdge { port: *port, incoming: *incoming, peer: peer.as_str().into(), packet_type: (*ty).into() })
        .collect();
    let config = pipeline.stages[stage].config.to_string();
    let base = pipeline.base.to_string_lossy();
    let open = RawOpen {
        config: config.as_str().into(),
        stage: core.graph.name(stage).into(),
        language: pipeline.language.as_str().into(),
        time_zone: pipeline.time_zone.as_str().into(),
        base: base.as_ref().into(),
        edges: edges.as_slice().into(),
        host: host.as_raw(),
    };
    let _holding = Holding::stage(stage);
    match made.open(&open).into_result() {
        Ok(()) => Ok(Instance { stage: made, _host: host }),
        Err(error) => Err(open_error(&error)),
    }
}

fn enter(
    made: &mut StageBox,
    core: &Core,
    visit: u64,
    item: Item,
    entered: &mut Entered<'_>,
) -> Result<RawFlow, RawError> {
    match item {
        Item::Event(queued) => with_call(entered, |call| made.event(&queued.event, call)).into_result(),
        Item::Wake { due } => {
            let raw = RawInput::wake(visit, due);
            with_call(entered, |call| made.process(&raw, call)).into_result()
        }
        Item::Resumed(work) => {
            let raw = RawInput::resumed(visit, pending_raw(work));
            with_call(entered, |call| made.process(&raw, call)).into_result()
        }
        Item::Packet { edge, packet } => {
            let place = core.graph.slots[edge];
            let buffer = packet.buffer.as_raw();
            let raw_packet = RawPacket {
                input: core.graph.edge(edge).input as u32,
                edge: place as u32,
                sequence: packet.sequence,
                time: packet.time,
                visit,
                cause: packet.cause,
                buffer,
            };
            let raw = RawInput::packet(&raw_packet);
            let answer = with_call(entered, |call| made.process(&raw, call)).into_result();
            drop(packet.buffer);
            answer
        }
    }
}

fn open_error(raw: &RawError) -> OpenError {
    let code = match raw.code {
        error::CONFIG => "R0102",
        error::PANICKED => "R0101",
        _ => "R0103",
    };
    OpenError { code, reason: raw.message.to_string(), path: raw.path.to_string() }
}

pub(crate) fn record_cost(cost: &majlis_meter::thread::Cost) -> Cost {
    Cost { allocated: cost.allocated, freed: cost.freed, live: cost.live, peak: cost.peak, cpu: cost.cpu }
}

fn mapped_since(before: &[MappedFile], after: Vec<MappedFile>) -> Vec<MappedFile> {
    after
        .into_iter()
        .filter_map(|file| {
            let had = before.iter().find(|old| old.file == file.file).map_or(0, |old| old.bytes);
            (file.bytes > had).then(|| MappedFile { file: file.file, bytes: file.bytes - had })
        })
        .collect()
}

impl crate::state::State {
    /// What a call says about what comes next.
    fn take_flow(&mut self, core: &Core, stage: usize, visit: u64, said: RawFlow, now: Nanos, producer: Producer) {
        let graph = &core.graph;
        match said.kind {
            flow::WAKE_AT => {
                if !self.listens(stage, visit) {
                    return;
                }
                let wake = Wake { due: said.at, asked: now, producer };
                self.lane(graph, stage, visit).wake = Some(wake);
                let thread = graph.stages[stage].thread;
                self.threads[thread].timers.push(std::cmp::Reverse((said.at, Timer::Wake { stage, visit })));
            }
            flow::CANCEL_WAKE => {
                if let Some(lane) = self.stages[stage].lanes.get_mut(&visit) {
                    lane.wake = None;
                }
            }
            flow::ENDED => {
                self.stages[stage].ended = true;
                if let Some(lane) = self.stages[stage].lanes.get_mut(&visit) {
                    lane.wake = None;
                }
            }
            _ => {}
        }
    }

    /// An instance is over: it may be made anew, by its restart policy.
    pub(crate) fn failed(&mut self, core: &Core, stage: usize, error: OpenError, now: Nanos) {
        let graph = &core.graph;
        let policy = graph.stages[stage].restart;
        let within = Nanos::try_from(policy.within.as_nanos()).unwrap_or(Nanos::MAX);
        let delay = Nanos::try_from(policy.delay.as_nanos()).unwrap_or(Nanos::MAX);
        let state = &mut self.stages[stage];
        while state.failures.front().is_some_and(|at| now.saturating_sub(*at) > within) {
            state.failures.pop_front();
        }
        state.failures.push_back(now);
        let thread = graph.stages[stage].thread;
        if state.failures.len() > policy.max as usize {
            state.life = Life::Failed(error.clone());
            state.paused_since = None;
            self.after.complaints.push((stage, format!("is not tried again: {}", error.reason)));
        } else {
            state.totals.restarts += 1;
            let not_before = now.saturating_add(delay);
            state.life = Life::Closed { not_before };
            state.paused_since = (delay > 0).then_some(now);
            state.open_ahead = graph.stages[stage].starts_by_itself;
            self.threads[thread].timers.push(std::cmp::Reverse((not_before, Timer::Retry { stage })));
        }
        self.instance_over(graph, stage, now);
        if matches!(self.stages[stage].life, Life::Failed(_)) {
            let waiting: Vec<u64> = self.stages[stage].lanes.keys().copied().collect();
            for visit in waiting {
                self.skip_all(graph, stage, visit, now);
            }
            if graph.stages[stage].stop_on_failure && self.failure.is_none() {
                self.failure = Some((stage, error.reason));
                self.all_gone(graph, now);
                self.end(graph);
            }
            self.pass_ends(graph, now);
            self.end_if_finished(graph);
        }
    }

    /// What may have become possible because a call is over.
    fn after_call(&mut self, graph: &crate::graph::Graph, stage: usize, now: Nanos) {
        if !self.visits.is_empty() {
            let closing: Vec<u64> = self
                .visits
                .iter()
                .filter(|(_, state)| state.stay != crate::state::Stay::Open)
                .map(|(visit, _)| *visit)
                .collect();
            for visit in closing {
                self.advance_closing(graph, visit, now);
            }
        }
        if self.stages[stage].ended || self.stages[stage].inputs_ended.contains(&true) {
            self.pass_ends(graph, now);
        }
        if self.visits.is_empty() {
            self.end_if_finished(graph);
        }
    }

    /// Tells an open stage that the host drains.
    pub(crate) fn tell_drain(&mut self, graph: &crate::graph::Graph, stage: usize, until: Nanos, now: Nanos) {
        let event = RawEvent { kind: event::DRAIN, input: u32::MAX, visit: 0, time: until, how: closed::ENDED, reserved: 0 };
        let queued = crate::state::QueuedEvent { event, arrival: now, producer: Producer::Origin(stage as u16) };
        self.queue_event(graph, stage, 0, queued);
    }
}
