mod did;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use majlis_abi::entry::stage_box;
use majlis_abi::export::{ROption, RResult};
use majlis_abi::host::{Closing, pending_raw, with_call};
use majlis_abi::plugin::{Buffer, HostHandle};
use majlis_abi::raw::{
    RawCall, RawError, RawEvent, RawFlow, RawInput, RawOpen, RawPacket, StageBox, closed, event, flow, input,
};
use majlis_plugin_api::export::Exported;
use majlis_plugin_api::{Flow, Host, In, Message, Out, Stage, Time, Value, VisitId};

use crate::call::Call;
use crate::state::{Shared, Stand};
use crate::work::cancel_visit;
use crate::{Builder, Failure};

/// More wakes than this in one turn of the clock are an endless loop.
const WAKES_IN_A_TURN: usize = 100_000;

/// A stage under test, and a clock that only [`advance`](Kit::advance) turns.
///
/// A call that the test asks for answers what the stage says. Whatever becomes due by it (deferred work that comes
/// back, the close of a visit that the stage no longer holds) is delivered before it returns.
pub struct Kit<S> {
    stage: StageBox,
    shared: Arc<Shared>,
    handle: HostHandle,
    host: Host,
    /// Port and packet type of each incoming edge.
    wires: Vec<(u32, &'static str)>,
    sequences: BTreeMap<usize, u64>,
    /// The one wake of each visit; 0 is the stage's own.
    wakes: BTreeMap<u64, u64>,
    /// What the next call is entered with, if that is a packet.
    packet: Option<Buffer>,
    drain_until: Option<u64>,
    ended: bool,
    author: std::marker::PhantomData<S>,
}

impl<S: Stage> Kit<S> {
    /// Opens a stage with this configuration, in surroundings that do not matter.
    ///
    /// # Errors
    /// What the stage says of its configuration or of its opening.
    pub fn open(config: Value) -> Result<Self, Failure> {
        Self::builder().open(config)
    }

    /// For surroundings that matter: edges, language, models, services.
    #[must_use]
    pub fn builder() -> Builder<S> {
        Builder::new()
    }

    pub(crate) fn enter_new(
        shared: Arc<Shared>,
        handle: HostHandle,
        open: &RawOpen<'_>,
        wires: Vec<(u32, &'static str)>,
    ) -> Result<Self, Failure> {
        let host = Host::new(open, handle.clone());
        let mut stage = stage_box(Exported::<S>::new());
        stage.open(open).into_result()?;
        Ok(Self {
            stage,
            shared,
            handle,
            host,
            wires,
            sequences: BTreeMap::new(),
            wakes: BTreeMap::new(),
            drain_until: None,
            packet: None,
            ended: false,
            author: std::marker::PhantomData,
        })
    }

    /// The host that the stage sees: to make frames and audio with.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The clock.
    #[must_use]
    pub fn now(&self) -> Time {
        Time::from_nanos(self.shared.peek().now)
    }

    // What happens to the stage.

    /// The first wake of a source: it is ready.
    ///
    /// # Errors
    /// What the stage says.
    pub fn start(&mut self) -> Result<Flow, Failure> {
        let now = self.now().as_nanos();
        self.wake(0, now)
    }

    /// A visit opens upstream, and the stage is told.
    ///
    /// # Errors
    /// What the stage says.
    ///
    /// # Panics
    /// No visit can be opened: the kit drains, or as many are open as the test allows.
    pub fn open_visit(&mut self) -> Result<VisitId, Failure> {
        let opened = self.shared.state().open_visit(false, None, self.shared.settings.max_visits);
        let visit = opened.ok().and_then(VisitId::from_number);
        let visit = visit.expect("a visit can be opened: the kit neither drains nor is full");
        self.tell(event::VISIT_OPENED, u32::MAX, visit.number(), 0, 0)?;
        Ok(visit)
    }

    /// Nothing more comes of a visit. The stage is told that it closed once it holds no wake and no deferred work of it.
    ///
    /// # Errors
    /// What the stage says to its close, if it came.
    pub fn end_visit(&mut self, visit: VisitId) -> Result<(), Failure> {
        if let Some(known) =
            self.shared.state().visits.get_mut(&visit.number()).filter(|known| known.stand == Stand::Open)
        {
            known.stand = Stand::Ending;
        }
        self.settle()
    }

    /// The visitor leaves: wakes are disarmed, deferred work is cancelled, and the stage is told.
    ///
    /// # Errors
    /// What the stage says.
    pub fn leave(&mut self, visit: VisitId) -> Result<(), Failure> {
        let number = visit.number();
        let (told, waiting) = {
            let mut state = self.shared.state();
            let Some(known) = state.visits.get_mut(&number).filter(|known| !matches!(known.stand, Stand::Closed(_)))
            else {
                return Ok(());
            };
            known.stand = Stand::Closed(Closing::Gone);
            let told = !known.own;
            (told, cancel_visit(&mut state, number))
        };
        drop(waiting);
        self.wakes.remove(&number);
        if told {
            self.tell(event::VISIT_CLOSED, u32::MAX, number, 0, closed::GONE)?;
        }
        self.settle()
    }

    /// A message comes by an input, over its first edge; seen now.
    ///
    /// # Errors
    /// What the stage says.
    pub fn send<T: Message>(
        &mut self,
        port: In<T>,
        visit: impl Into<Option<VisitId>>,
        message: T,
    ) -> Result<Flow, Failure> {
        self.send_by(self.first_edge(port), port, visit, message)
    }

    /// A message comes by an input, over its first edge; seen then, and on its way since.
    ///
    /// # Errors
    /// What the stage says.
    pub fn send_seen_at<T: Message>(
        &mut self,
        seen: Time,
        port: In<T>,
        visit: impl Into<Option<VisitId>>,
        message: T,
    ) -> Result<Flow, Failure> {
        self.deliver(self.first_edge(port), port, visit.into(), seen, message)
    }

    /// A message of any type comes by an input over this edge, counted as the test wired them.
    ///
    /// # Errors
    /// What the stage says.
    pub fn send_by<M: Message, T>(
        &mut self,
        edge: usize,
        port: In<T>,
        visit: impl Into<Option<VisitId>>,
        message: M,
    ) -> Result<Flow, Failure> {
        self.deliver(edge, port, visit.into(), self.now(), message)
    }

    fn first_edge<T>(&self, port: In<T>) -> usize {
        self.wires.iter().position(|wire| wire.0 == port.index()).unwrap_or(self.wires.len())
    }

    fn deliver<M: Message, T>(
        &mut self,
        edge: usize,
        port: In<T>,
        visit: Option<VisitId>,
        seen: Time,
        message: M,
    ) -> Result<Flow, Failure> {
        let buffer = message.encode(&self.handle)?;
        let visit = visit.map_or(0, VisitId::number);
        let sequence = self.sequences.entry(edge).or_default();
        let time = seen.as_nanos();
        let packet = RawPacket {
            input: port.index(),
            edge: u32::try_from(edge).unwrap_or(u32::MAX),
            sequence: *sequence,
            time,
            visit,
            cause: 0,
            buffer: buffer.as_raw(),
        };
        *sequence += 1;
        self.packet = Some(buffer.clone());
        let entry = RawInput {
            kind: input::PACKET,
            reserved: 0,
            packet: ROption::RSome(&packet),
            visit,
            due: 0,
            pending: std::ptr::null(),
        };
        self.enter_and_settle(visit, time, |stage, call| stage.process(&entry, call))
    }

    /// Turns the clock. Wakes that become due are delivered in their order, each at its own time.
    ///
    /// # Errors
    /// What the stage says to the first of them that fails.
    ///
    /// # Panics
    /// The stage asks for wakes without end.
    pub fn advance(&mut self, by: Duration) -> Result<(), Failure> {
        let until = (self.now() + by).as_nanos();
        for _ in 0..WAKES_IN_A_TURN {
            let next = self.wakes.iter().map(|(&visit, &due)| (due, visit)).min();
            let drained = self.drain_until.filter(|&at| at <= until && next.is_none_or(|(due, _)| at < due));
            if let Some(at) = drained {
                self.turn_to(at);
                self.drain_until = None;
                let visits: Vec<u64> = self.shared.peek().visits.keys().copied().collect();
                for visit in visits.into_iter().filter_map(VisitId::from_number) {
                    self.leave(visit)?;
                }
                continue;
            }
            let Some((due, visit)) = next.filter(|&(due, _)| due <= until) else {
                self.turn_to(until);
                return self.settle();
            };
            self.turn_to(due);
            self.wakes.remove(&visit);
            self.wake(visit, due)?;
        }
        panic!("the stage asked for {WAKES_IN_A_TURN} wakes while the clock was turned by {by:?}");
    }

    fn turn_to(&self, time: u64) {
        let mut state = self.shared.state();
        state.now = state.now.max(time);
    }

    /// A packet that would have come by this input never will.
    ///
    /// # Errors
    /// What the stage says.
    pub fn fail_upstream<T>(&mut self, port: In<T>, visit: impl Into<Option<VisitId>>) -> Result<Flow, Failure> {
        self.tell(event::UPSTREAM_FAILED, port.index(), visit.into().map_or(0, VisitId::number), 0, 0)
    }

    /// The input answers again.
    ///
    /// # Errors
    /// What the stage says.
    pub fn recover_upstream<T>(&mut self, port: In<T>) -> Result<Flow, Failure> {
        self.tell(event::UPSTREAM_RECOVERED, port.index(), 0, 0, 0)
    }

    /// Nothing more comes by this input.
    ///
    /// # Errors
    /// What the stage says.
    pub fn end_stream<T>(&mut self, port: In<T>) -> Result<Flow, Failure> {
        self.tell(event::END_OF_STREAM, port.index(), 0, 0, 0)
    }

    /// What is under way for the visit is withdrawn: its deferred work is cancelled, and the stage is told.
    ///
    /// # Errors
    /// What the stage says.
    pub fn flush(&mut self, visit: VisitId) -> Result<Flow, Failure> {
        let waiting = cancel_visit(&mut self.shared.state(), visit.number());
        drop(waiting);
        self.tell(event::FLUSH, u32::MAX, visit.number(), 0, 0)
    }

    /// No visit is opened from here on; once the clock has been turned by `within`, all visits are gone.
    ///
    /// # Errors
    /// What the stage says.
    pub fn drain(&mut self, within: Duration) -> Result<Flow, Failure> {
        let until = (self.now() + within).as_nanos();
        self.shared.state().draining = true;
        self.drain_until = Some(until);
        self.tell(event::DRAIN, u32::MAX, 0, until, 0)
    }

    /// A verb of the manifest.
    ///
    /// # Errors
    /// What the stage says.
    pub fn control(&mut self, verb: &str, arguments: &Value) -> Result<Value, Failure> {
        let answer = self.stage.control(verb.into(), arguments.to_string().as_str().into()).into_result()?;
        let answer = serde_json::from_str(&answer).expect("the export answers what it made from a value");
        self.settle()?;
        Ok(answer)
    }

    /// The last call.
    ///
    /// # Errors
    /// What the stage says.
    pub fn close(&mut self) -> Result<(), Failure> {
        self.wakes.clear();
        self.stage.close().into_result().map_err(Into::into)
    }

    /// An output has no more space for what never blocks: `Pending::emit` and `Origin::emit` give their message back.
    pub fn fill<T>(&mut self, port: Out<T>) {
        self.shared.state().full.insert(port.index());
    }

    /// An output has space again, and whoever waits for it is told.
    pub fn free<T>(&mut self, port: Out<T>) {
        let waiting: Vec<_> = {
            let mut state = self.shared.state();
            state.full.remove(&port.index());
            state.works.iter_mut().flat_map(|work| work.space(port.index())).collect()
        };
        drop(waiting);
    }

    /// Cancels deferred work, as a deadline would; it is counted as [`works`](Kit::works) lists it.
    ///
    /// # Panics
    /// There is no such work.
    pub fn cancel(&mut self, work: usize) {
        let waiting = self.shared.state().works[work].cancel();
        drop(waiting);
    }

    /// Waits for threads of the stage until `there` holds, and delivers what they ask for. This is the only thing that
    /// looks at the machine's clock: it gives up after `limit`.
    ///
    /// # Errors
    /// What the stage says to what is delivered.
    ///
    /// # Panics
    /// It did not come true in time.
    pub fn wait(&mut self, limit: Duration, there: impl Fn(&Self) -> bool) -> Result<(), Failure> {
        let begun = std::time::Instant::now();
        loop {
            self.settle()?;
            if there(self) {
                return Ok(());
            }
            let left = limit.saturating_sub(begun.elapsed());
            assert!(!left.is_zero(), "what the test waits for did not come true within {limit:?}");
            // A change between the look and the wait is found when the short wait ends.
            let state = self.shared.peek();
            drop(self.shared.changed.wait_timeout(state, left.min(Duration::from_millis(20))));
        }
    }

    // How it is entered.

    fn wake(&mut self, visit: u64, due: u64) -> Result<Flow, Failure> {
        let entry =
            RawInput { kind: input::WAKE, reserved: 0, packet: ROption::RNone, visit, due, pending: std::ptr::null() };
        self.enter_and_settle(visit, due, |stage, call| stage.process(&entry, call))
    }

    fn tell(&mut self, kind: u32, input: u32, visit: u64, time: u64, how: u32) -> Result<Flow, Failure> {
        let now = self.now().as_nanos();
        let raw = RawEvent { kind, input, visit, time, how, reserved: 0 };
        self.enter_and_settle(visit, now, |stage, call| stage.event(&raw, call))
    }

    fn enter_and_settle(
        &mut self,
        visit: u64,
        time: u64,
        enter: impl FnOnce(&mut StageBox, RawCall) -> RResult<RawFlow, RawError>,
    ) -> Result<Flow, Failure> {
        let answer = self.enter(visit, time, enter);
        let settled = self.settle();
        let flow = answer?;
        settled.map(|()| flow)
    }

    /// One call. Its visit is the one whose wake its answer is about.
    fn enter(
        &mut self,
        visit: u64,
        time: u64,
        enter: impl FnOnce(&mut StageBox, RawCall) -> RResult<RawFlow, RawError>,
    ) -> Result<Flow, Failure> {
        let mut call = Call { shared: Arc::clone(&self.shared), visit, time, packet: self.packet.take() };
        let stage = &mut self.stage;
        let answer = with_call(&mut call, |raw| enter(stage, raw)).into_result();
        let complaints = std::mem::take(&mut self.shared.state().complaints);
        assert!(complaints.is_empty(), "{}", complaints.join("; "));
        let raw = answer?;
        let flow = match raw.kind {
            flow::WAKE_AT => Flow::WakeAt(Time::from_nanos(raw.at)),
            flow::CANCEL_WAKE => Flow::CancelWake,
            flow::ENDED => Flow::Ended,
            _ => Flow::Continue,
        };
        match flow {
            Flow::Continue => {}
            Flow::WakeAt(_) if self.shared.peek().is_closed(visit) => {}
            Flow::WakeAt(at) => {
                self.wakes.insert(visit, at.as_nanos());
            }
            Flow::CancelWake => {
                self.wakes.remove(&visit);
            }
            Flow::Ended => self.ended = true,
        }
        Ok(flow)
    }

    /// Delivers what the last call or a thread made due.
    fn settle(&mut self) -> Result<(), Failure> {
        loop {
            let resumed = self.shared.state().resumed.pop_front();
            if let Some(work) = resumed {
                let (visit, time) = (work.visit, work.time);
                let entry = RawInput {
                    kind: input::RESUMED,
                    reserved: 0,
                    packet: ROption::RNone,
                    visit,
                    due: 0,
                    pending: pending_raw(work),
                };
                self.enter(visit, time, |stage, call| stage.process(&entry, call))?;
                continue;
            }
            let over = {
                let mut state = self.shared.state();
                let free = |number: &u64| {
                    !self.wakes.contains_key(number) && !state.works.iter().any(|work| work.holds(*number))
                };
                let mut ending = state.visits.iter().filter(|(_, known)| known.stand == Stand::Ending);
                let over = ending.find(|(number, _)| free(number)).map(|(number, known)| (*number, known.own));
                if let Some(known) = over.and_then(|(number, _)| state.visits.get_mut(&number)) {
                    known.stand = Stand::Closed(Closing::Ended);
                }
                over
            };
            let Some((number, own)) = over else {
                return Ok(());
            };
            if !own {
                let now = self.now().as_nanos();
                let raw = RawEvent {
                    kind: event::VISIT_CLOSED,
                    input: u32::MAX,
                    visit: number,
                    time: 0,
                    how: closed::ENDED,
                    reserved: 0,
                };
                self.enter(number, now, |stage, call| stage.event(&raw, call))?;
            }
        }
    }
}

impl<S> Drop for Kit<S> {
    fn drop(&mut self) {
        // Work that waits to come back holds what holds it.
        let resumed = std::mem::take(&mut self.shared.state().resumed);
        drop(resumed);
    }
}
