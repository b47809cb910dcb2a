//! A thread of the run: it opens its stages, enters them, and closes them.

use std::sync::Arc;

use majlis_abi::host::{host_handle, pending_raw, with_call};
use majlis_abi::plugin::HostHandle;
use majlis_abi::raw::{RResult, RawEdge, RawError, RawFlow, RawInput, RawOpen, RawPacket, StageBox, error};
use majlis_meter::record::{CallKind, Opening, OpeningOutcome, Producer, Why};
use majlis_meter::{Arenas, Nanos, thread};

use crate::call::{Entered, With};
use crate::core::{Core, Locked, this_is_thread};
use crate::finish::{Returned, record_cost};
use crate::host::{Holding, StageHost};
use crate::lane::Wake;
use crate::notes::Notes;
use crate::schedule::{Begun, Next};
use crate::setup::{OpenError, Opened, Then};
use crate::state::{Life, Occupation, Phase, ThreadSpan};

/// A thread that sleeps for longer, as behind a camera, gains nothing by looking for some microseconds before.
const SHORT_SLEEP: Nanos = 1_000_000;

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
    /// Room for what the next call says.
    notes: Notes,
}

impl Worker {
    pub(crate) fn new(core: Arc<Core>, thread: usize) -> Self {
        let instances = (0..core.graph.stages.len()).map(|_| None).collect();
        Self { core, thread, instances, notes: Notes::default() }
    }

    /// Works until the run ends. `eager` are the stages to open first; `ready` is called once they are.
    pub(crate) fn run(mut self, eager: &[usize], ready: impl FnOnce(Result<(), (usize, OpenError)>)) {
        let core = Arc::clone(&self.core);
        this_is_thread(self.thread);
        Arenas::process().bind(Arenas::process().named(&core.graph.pipeline.threads[self.thread]));
        ready(eager.iter().try_for_each(|stage| self.open(*stage, None, None).map_err(|error| (*stage, error))));
        let mut state = core.lock();
        // Whether the last sleep was so short that looking would have found what ended it.
        let mut worth_looking = true;
        loop {
            let mut looked = false;
            let next = loop {
                match state.next(&core.graph, self.thread, || core.clock.now()) {
                    Next::Sleep(due) => {
                        if state.settle() {
                            continue;
                        }
                        // Looking lets go of the lock, so before it sleeps it asks once more.
                        looked = worth_looking && !looked;
                        if looked {
                            state.look(self.thread);
                        } else {
                            let begin = core.clock.now();
                            state.sleep(self.thread, due);
                            worth_looking = core.clock.now().saturating_sub(begin) < SHORT_SLEEP;
                        }
                    }
                    next => break next,
                }
            };
            drop(state);
            match next {
                Next::Open { stage, begun_for, slot } => {
                    // Its failure has its record, and whoever waits for its packets was told.
                    let _ = self.open(stage, begun_for, slot);
                    state = core.lock();
                }
                Next::Call(begun) => state = self.calls(&core, begun),
                Next::End | Next::Sleep(_) => break,
            }
        }
        // The first thread that ends lets the run be looked at; the others wait for it.
        core.looked_at.call_once(|| core.observer.ending(core.snapshot()));
        self.close_all();
        let mut state = core.lock();
        state.threads[self.thread].over = true;
        state.after.ended = true;
    }

    /// Makes a call, and those that follow from it at once. What a call came to and what comes next are one transaction,
    /// which the answer goes on with.
    fn calls<'a>(&mut self, core: &'a Arc<Core>, begun: Begun) -> Locked<'a> {
        let (mut call, mut with) = Entered::new(core, self.thread, begun, std::mem::take(&mut self.notes));
        loop {
            let mut returned = self.enter(&mut call, with);
            let mut state = core.lock();
            if state.follows(&core.graph, &call, &returned) {
                state.finish(core, &mut call, &mut returned, true);
                state.follow(&core.graph, &mut call);
                with = With::Packet;
                continue;
            }
            let over = state.finish(core, &mut call, &mut returned, false);
            call.notes.clear();
            self.notes = std::mem::take(&mut call.notes);
            if !over && returned.flow.is_ok() {
                return state;
            }
            drop(state);
            // What is left of the instance, and its error, may call the host: both are dropped without the lock.
            if over {
                self.instances[call.stage] = None;
            }
            drop(returned);
            return core.lock();
        }
    }

    /// Opens a stage. If that fails, the packet that needed it, the head of `slot`, has no answer.
    fn open(&mut self, stage: usize, begun_for: Option<u64>, slot: Option<usize>) -> Result<(), OpenError> {
        let core = Arc::clone(&self.core);
        let graph = &core.graph;
        let start = core.now();
        let instance = {
            let mut state = core.lock();
            let opening = &mut state.stages[stage];
            opening.life = Life::Opening;
            opening.open_ahead = false;
            opening.instance += 1;
            let (instance, paused_since) = (opening.instance, opening.paused_since.take());
            if let Some(since) = paused_since {
                // The pause is known as one once it is over; what the thread did meanwhile stands in its own spans.
                let since = state.threads[self.thread].spans.back().map_or(since, |last| last.end.max(since));
                if since < start {
                    state
                        .occupied(self.thread, ThreadSpan { stage, what: Occupation::Pause, start: since, end: start });
                }
            }
            instance
        };
        if core.metering {
            core.mappings.lock().begin(stage as u16, || core.opener.mapped());
        }
        let start = core.now();
        let meter = core.meter();
        let opened = make(&core, stage, instance);
        let cost = meter.map(|meter| meter.stop(&*core.clock)).unwrap_or_default();
        let end = core.now();
        let ended = || core.mappings.lock().end(stage as u16, || core.opener.mapped());
        let mapped = if core.metering { ended() } else { Vec::new() };
        let opened = opened.map(|made| self.instances[stage] = Some(made));
        let failure = opened.as_ref().err();
        let mut state = core.lock();
        state.occupied(self.thread, ThreadSpan { stage, what: Occupation::Opening { begun_for }, start, end });
        state.openings.push(Opening {
            stage: stage as u16,
            thread: self.thread as u16,
            start,
            end: Some(end),
            cost: record_cost(&cost),
            begun_for,
            outcome: failure.map_or(OpeningOutcome::Ready, |error| OpeningOutcome::Failed(error.reason.clone())),
            mapped,
        });
        let Some(error) = failure else {
            state.stages[stage].life = Life::Open;
            state.tell_live_visits(graph, stage);
            if graph.stages[stage].source {
                let producer = Producer::Origin(stage as u16);
                state.lane(stage, 0).wake = Some(Wake { due: end, asked: end, producer });
            }
            if state.phase == Phase::Draining {
                let until = state.until.unwrap_or(end);
                state.tell_drain(graph, stage, until, end);
            }
            for visit in state.stages[stage].lanes.numbers() {
                state.make_ready(graph, stage, visit);
            }
            state.pass_ends(graph, end);
            return Ok(());
        };
        if let (Some(visit), Some(slot)) = (begun_for, slot)
            && let Some((_, packet)) = state.pop(graph, stage, visit, slot)
        {
            let why = format!("the stage was not opened: {}", error.reason);
            state.skip(graph, stage, visit, &packet, &why, end);
        }
        let starting = state.phase == Phase::Starting;
        let then = state.failed(graph, stage, error.clone(), end);
        let then = if starting { Then::NotStarted } else { then };
        state.after.refused.push((stage, error.clone(), then));
        state.advance_all(graph, end);
        state.end_if_finished(graph, end);
        opened
    }

    #[inline]
    fn enter(&mut self, call: &mut Entered<'_>, with: With) -> Returned {
        let core = call.core;
        let node = &core.graph.stages[call.stage];
        // Somebody may look at when it began: a record, a deadline, or a visit that it opens.
        let told = call.span.is_some()
            || node.deadline.is_some()
            || node.starts_by_itself
            || matches!(call.kind, CallKind::Event);
        let meter = core.meter();
        call.start = if told { core.now() } else { call.trigger.ready() };
        if let With::Event(_) = with {
            call.time = call.start;
        }
        let flow = match &mut self.instances[call.stage] {
            Some(instance) => {
                let _holding = Holding::stage(call.stage);
                let flow = enter(&mut instance.stage, call, with);
                call.packet = None;
                flow
            }
            None => Err(Box::new(RawError::new(error::FAILED, "the stage is not open"))),
        };
        let cost = match meter {
            Some(meter) => meter.stop(&*core.clock),
            None => {
                let end = if told { core.now() } else { call.start };
                thread::Cost { start: call.start, end, ..Default::default() }
            }
        };
        Returned { flow, cost }
    }

    fn close_all(&mut self) {
        let core = Arc::clone(&self.core);
        for stage in core.graph.threads[self.thread].iter().copied() {
            let Some(mut instance) = self.instances[stage].take() else { continue };
            let now = core.now();
            core.lock().cancel_works(&core.graph, Why::Drain, now, |work| work.stage == stage);
            let _holding = Holding::stage(stage);
            if let Err(error) = instance.stage.close().into_result() {
                let text = format!("closing failed: {}", error.message);
                core.observer.log(core.graph.name(stage), 2, "majlis::close", &text);
            }
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
        .map(|edge| {
            (
                edge.input as u32,
                1,
                peer(edge.from, &core.graph.manifests[edge.from].outputs[edge.output].name),
                edge.ty.as_str(),
            )
        })
        .chain(node.outgoing.iter().flatten().map(|edge| core.graph.edge(*edge)).map(|edge| {
            (
                edge.output as u32,
                0,
                peer(edge.to, &core.graph.manifests[edge.to].inputs[edge.input].name),
                edge.ty.as_str(),
            )
        }))
        .collect();
    let edges: Vec<RawEdge<'_>> = wires
        .iter()
        .map(|(port, incoming, peer, ty)| RawEdge {
            port: *port,
            incoming: *incoming,
            peer: peer.as_str().into(),
            packet_type: (*ty).into(),
        })
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

#[inline]
fn enter(made: &mut StageBox, call: &mut Entered<'_>, with: With) -> Result<RawFlow, Box<RawError>> {
    let answer = match with {
        With::Packet => {
            let Some(packet) = &call.packet else {
                return Err(Box::new(RawError::new(error::FAILED, "there is no packet to enter the stage with")));
            };
            let graph = &call.core.graph;
            let raw_packet = RawPacket {
                input: graph.edge(call.edge).input as u32,
                edge: graph.slots[call.edge] as u32,
                sequence: call.sequence,
                time: call.time,
                visit: call.key,
                cause: call.cause,
                // The stage only borrows it: until the call is over somebody keeps a hold.
                buffer: packet.raw(),
            };
            let raw = RawInput::packet(&raw_packet);
            with_call(call, |call| made.process(&raw, call))
        }
        With::Event(event) => with_call(call, |call| made.event(&event, call)),
        With::Wake { due } => {
            let raw = RawInput::wake(call.key, due);
            with_call(call, |call| made.process(&raw, call))
        }
        With::Resumed(work) => {
            let raw = RawInput::resumed(call.key, pending_raw(work));
            with_call(call, |call| made.process(&raw, call))
        }
    };
    match answer {
        RResult::ROk(RawFlow { kind, at, reserved }) => Ok(RawFlow { kind, at, reserved }),
        RResult::RErr(error) => Err(Box::new(error)),
    }
}

fn open_error(raw: &RawError) -> OpenError {
    let code = match raw.code {
        error::CONFIG => crate::life::REFUSED,
        error::PANICKED => "R0101",
        _ => "R0103",
    };
    OpenError { code, reason: raw.message.to_string(), path: raw.path.to_string() }
}
