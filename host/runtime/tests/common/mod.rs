//! Pipelines of closures: each stage is a real `Stage` behind the real boundary, and a closure says what it does.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by its panic")]

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use majlis_abi::entry::stage_box;
use majlis_abi::plugin::{Buffer, HostHandle};
use majlis_config::{
    Edge, InputPort, Load, Manifest, OnFailure, OutputPort, Overflow, Pipeline, Place, Restart, Stage,
};
use majlis_meter::record::{Closed as HowClosed, RunRecord, VisitRecord};
use majlis_meter::{Clock, Turned};
use majlis_plugin_api::export::Exported;
use majlis_plugin_api::{
    Closed, Event, Flow, Host, In, Input, Message, Origin, Out, Output, Packet, Pending, Refused, Result, Time, Value,
    Visit, VisitId,
};
use majlis_runtime::{Ended, Observer, OpenError, Opened, Opener, Runtime, Services, Setup, StartError, Then};

/// Longer than any of these tests takes, however busy the machine is.
const FOR_EVER: Duration = Duration::from_secs(20);

pub fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub fn at(millis: u64) -> Time {
    Time::from_nanos(millis * 1_000_000)
}

/// A number, in a buffer of the host; `padding` makes it longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Num {
    pub value: u64,
    pub padding: usize,
}

pub fn num(value: u64) -> Num {
    Num { value, padding: 0 }
}

impl Message for Num {
    const TYPE: &'static str = "test/number@1";

    fn encode(&self, host: &HostHandle) -> Result<Buffer> {
        let mut buffer = host.buffer(8 + self.padding);
        buffer[..8].copy_from_slice(&self.value.to_le_bytes());
        Ok(buffer.freeze())
    }

    fn decode(buffer: &Buffer, _: &str) -> Result<Self> {
        let value = u64::from_le_bytes(buffer[..8].try_into()?);
        Ok(Self { value, padding: buffer.len() - 8 })
    }
}

pub const fn out(index: u32) -> Out<Num> {
    Out::at(index)
}

/// What a stage is entered with, packets and events alike.
pub enum At<'a> {
    Packet(Packet<'a>),
    Wake(Option<VisitId>, Time),
    Resumed(Pending),
    Event(Event),
}

pub fn number(packet: &Packet<'_>) -> u64 {
    packet.get(In::<Num>::at(packet.input().index())).unwrap().unwrap().value
}

fn of(visit: Option<VisitId>) -> String {
    visit.map_or(String::new(), |visit| format!(" of {visit}"))
}

impl At<'_> {
    /// In a few words: `7 of 1`, `7 of 1 by input 2`, `wake of 1 at 2000`, `closed 1 Ended`.
    pub fn words(&self) -> String {
        match self {
            At::Packet(packet) => {
                let input = packet.input().index();
                let by = if input == 0 { String::new() } else { format!(" by input {input}") };
                format!("{}{}{by}", number(packet), of(packet.visit()))
            }
            At::Wake(visit, due) => format!("wake{} at {}", of(*visit), due.as_nanos() / 1_000_000),
            At::Resumed(pending) => format!("resumed{}", of(pending.visit())),
            At::Event(event) => match event {
                Event::VisitOpened(visit) => format!("opened {visit}"),
                Event::VisitClosed(visit, how) => {
                    format!("closed {visit} {}", if *how == Closed::Ended { "ended" } else { "gone" })
                }
                Event::Flush(visit) => format!("flush {visit}"),
                Event::Drain { until } => format!("drain until {}", until.as_nanos() / 1_000_000),
                Event::UpstreamFailed { input, visit } => format!("input {} failed{}", input.index(), of(*visit)),
                Event::UpstreamRecovered { input } => format!("input {} recovered", input.index()),
                Event::EndOfStream { input } => format!("input {} ended", input.index()),
                other => format!("{other:?}"),
            },
        }
    }
}

pub type Script = Box<dyn for<'a, 'b, 'c> FnMut(At<'a>, &'b mut Output<'c>) -> Result<Flow>>;
type Make = Arc<dyn Fn(&Host) -> Result<Script> + Send + Sync>;

pub fn script(
    script: impl for<'a, 'b, 'c> FnMut(At<'a>, &'b mut Output<'c>) -> Result<Flow> + 'static,
) -> Result<Script> {
    Ok(Box::new(script))
}

/// The makers of all runs of this process, by run and stage: a stage is opened by a function of its type.
static MAKERS: Mutex<BTreeMap<(u64, String), Make>> = Mutex::new(BTreeMap::new());

pub struct Scripted(Script);

impl majlis_plugin_api::Stage for Scripted {
    type Config = Value;

    fn open(config: Value, host: &Host) -> Result<Self> {
        let run = config["run"].as_u64().unwrap();
        let make = MAKERS.lock().unwrap().get(&(run, host.stage().to_owned())).cloned().unwrap();
        make(host).map(Self)
    }

    fn process(&mut self, input: Input<'_>, out: &mut Output<'_>) -> Result<Flow> {
        let at = match input {
            Input::Packet(packet) => At::Packet(packet),
            Input::Wake { visit, due } => At::Wake(visit, due),
            Input::Resumed(pending) => At::Resumed(pending),
            _ => return Ok(Flow::Continue),
        };
        (self.0)(at, out)
    }

    fn event(&mut self, event: Event, out: &mut Output<'_>) -> Result<Flow> {
        (self.0)(At::Event(event), out)
    }

    fn close(self, _: &Host) -> Result<()> {
        Ok(())
    }
}

/// Lines that stages write and tests wait for.
#[derive(Clone, Default)]
pub struct Log {
    inner: Arc<(Mutex<Vec<String>>, Condvar)>,
}

impl Log {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn say(&self, line: impl Into<String>) {
        self.inner.0.lock().unwrap().push(line.into());
        self.inner.1.notify_all();
    }

    pub fn lines(&self) -> Vec<String> {
        self.inner.0.lock().unwrap().clone()
    }

    pub fn clear(&self) {
        self.inner.0.lock().unwrap().clear();
    }

    pub fn count(&self, line: &str) -> usize {
        self.lines().iter().filter(|said| *said == line).count()
    }

    /// Waits until the lines are as they should be.
    #[track_caller]
    pub fn until(&self, enough: impl Fn(&[String]) -> bool) -> Vec<String> {
        let deadline = Instant::now() + FOR_EVER;
        let mut lines = self.inner.0.lock().unwrap();
        while !enough(&lines) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "it did not come to that; so far: {lines:#?}");
            lines = self.inner.1.wait_timeout(lines, left).unwrap().0;
        }
        lines.clone()
    }

    /// Waits for a line.
    #[track_caller]
    pub fn wait(&self, line: &str) -> Vec<String> {
        self.until(|lines| lines.iter().any(|said| said == line))
    }

    /// Waits for all of these lines and no other, in this order.
    #[track_caller]
    pub fn exactly(&self, lines: &[&str]) {
        let said = self.until(|said| said.len() >= lines.len());
        assert_eq!(said, lines);
    }
}

/// Writes all that it sees down, and passes packets on where it has an output.
pub fn recorder(
    name: &'static str,
    log: &Log,
    passes: bool,
) -> impl Fn(&Host) -> Result<Script> + Send + Sync + 'static {
    let log = log.clone();
    move |_| {
        let log = log.clone();
        script(move |at, out| {
            log.say(format!("{name}: {}", at.words()));
            if let (At::Packet(packet), true) = (&at, passes) {
                out.forward(self::out(0), packet)?;
            }
            Ok(Flow::Continue)
        })
    }
}

/// A source that a test moves from outside.
#[derive(Clone, Default)]
pub struct Door {
    inner: Arc<(Mutex<DoorState>, Condvar)>,
}

#[derive(Default)]
struct DoorState {
    origin: Option<Origin>,
    pending: Option<Pending>,
}

impl Door {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn script(&self) -> impl Fn(&Host) -> Result<Script> + Send + Sync + 'static {
        let inner = Arc::clone(&self.inner);
        move |host| {
            inner.0.lock().unwrap().origin = Some(host.origin());
            inner.1.notify_all();
            let inner = Arc::clone(&inner);
            script(move |at, out| match at {
                At::Wake(None, _) => {
                    inner.0.lock().unwrap().pending = Some(out.defer("door"));
                    inner.1.notify_all();
                    Ok(Flow::Continue)
                }
                At::Resumed(pending) => {
                    pending.finish();
                    Ok(Flow::Ended)
                }
                _ => Ok(Flow::Continue),
            })
        }
    }

    fn with<T>(&self, take: impl Fn(&mut DoorState) -> Option<T>) -> T {
        let mut state = self.inner.0.lock().unwrap();
        loop {
            if let Some(taken) = take(&mut state) {
                return taken;
            }
            let (next, waited) = self.inner.1.wait_timeout(state, FOR_EVER).unwrap();
            assert!(!waited.timed_out(), "the door was not opened");
            state = next;
        }
    }

    pub fn origin(&self) -> Origin {
        self.with(|state| state.origin.clone())
    }

    /// A visitor.
    pub fn visit(&self) -> Visit {
        self.origin().open_visit().unwrap()
    }

    /// A number of a visit, seen at this time.
    #[track_caller]
    pub fn send_at(&self, output: u32, visit: Option<VisitId>, millis: u64, value: u64) {
        assert!(self.origin().emit(out(output), visit, at(millis), num(value)).is_ok(), "{value} was not taken");
    }

    #[track_caller]
    pub fn send(&self, visit: &Visit, value: u64) {
        self.send_at(0, Some(visit.id()), 0, value);
    }

    pub fn try_send(&self, visit: Option<VisitId>, value: u64) -> std::result::Result<(), Refused<Num>> {
        self.origin().emit(out(0), visit, at(0), num(value))
    }

    /// Nothing more comes.
    pub fn end(&self) {
        self.with(|state| state.pending.take()).resume();
    }
}

/// Something that happens once, and that others wait for.
#[derive(Clone, Default)]
pub struct Gate {
    inner: Arc<(Mutex<bool>, Condvar)>,
}

impl Gate {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn open(&self) {
        *self.inner.0.lock().unwrap() = true;
        self.inner.1.notify_all();
    }

    #[track_caller]
    pub fn pass(&self) {
        let open = self.inner.0.lock().unwrap();
        let waited = self.inner.1.wait_timeout_while(open, FOR_EVER, |open| !*open).unwrap().1;
        assert!(!waited.timed_out(), "the gate stayed closed");
    }
}

pub struct StageSpec {
    name: String,
    make: Make,
    thread: Option<String>,
    load: Load,
    deadline: Option<Duration>,
    on_failure: OnFailure,
    restart: Restart,
    origins: Vec<usize>,
    feedback: Vec<usize>,
}

impl StageSpec {
    pub fn thread(&mut self, name: &str) -> &mut Self {
        self.thread = Some(name.to_owned());
        self
    }
    pub fn load(&mut self, load: Load) -> &mut Self {
        self.load = load;
        self
    }
    pub fn deadline(&mut self, millis: u64) -> &mut Self {
        self.deadline = Some(ms(millis));
        self
    }
    pub fn stop(&mut self) -> &mut Self {
        self.on_failure = OnFailure::Stop;
        self
    }
    pub fn restart(&mut self, max: u32, within: u64, delay: u64) -> &mut Self {
        self.restart = Restart { max, within: ms(within), delay: ms(delay) };
        self
    }
    pub fn origin(&mut self, output: usize) -> &mut Self {
        self.origins.push(output);
        self
    }

    pub fn feedback(&mut self, output: usize) -> &mut Self {
        self.feedback.push(output);
        self
    }
}

pub struct EdgeSpec(Edge);

impl EdgeSpec {
    pub fn depth(&mut self, depth: usize) -> &mut Self {
        self.0.depth = depth;
        self
    }
    pub fn bytes(&mut self, bytes: u64) -> &mut Self {
        self.0.bytes = bytes;
        self
    }
    pub fn overflow(&mut self, overflow: Overflow) -> &mut Self {
        self.0.overflow = overflow;
        self
    }
    pub fn looping(&mut self) -> &mut Self {
        self.0.looping = true;
        self
    }
}

/// A pipeline that is being put together. Its stages are eager, so that they are told all that they could be told.
pub struct Bench {
    pub stages: Vec<StageSpec>,
    pub edges: Vec<EdgeSpec>,
    pub max_visits: u32,
    pub until: Option<String>,
    pub metering: bool,
    pub clock: Arc<dyn Clock>,
    pub turned: Turned,
    pub opener: Arc<dyn Opener>,
    doors: Vec<Door>,
}

impl Bench {
    pub fn new() -> Self {
        let turned = Turned::new();
        Self {
            stages: Vec::new(),
            edges: Vec::new(),
            max_visits: 64,
            until: None,
            metering: true,
            clock: Arc::new(turned.clone()),
            turned,
            opener: Arc::new(Boxes),
            doors: Vec::new(),
        }
    }

    /// A stage on a thread of its own.
    pub fn stage(
        &mut self,
        name: &str,
        make: impl Fn(&Host) -> Result<Script> + Send + Sync + 'static,
    ) -> &mut StageSpec {
        self.stages.push(StageSpec {
            name: name.to_owned(),
            make: Arc::new(make),
            thread: None,
            load: Load::Eager,
            deadline: None,
            on_failure: OnFailure::Skip,
            restart: Restart { max: 3, within: ms(60_000), delay: ms(200) },
            origins: Vec::new(),
            feedback: Vec::new(),
        });
        self.stages.last_mut().unwrap()
    }

    pub fn door(&mut self, name: &str) -> Door {
        let door = Door::new();
        self.stage(name, door.script());
        self.doors.push(door.clone());
        door
    }

    /// An edge from `a.0` to `b.0`: four packets, then it blocks.
    pub fn edge(&mut self, from: &str, to: &str) -> &mut EdgeSpec {
        let port = |text: &str| {
            let (stage, port) = text.split_once('.').unwrap();
            (self.stages.iter().position(|spec| spec.name == stage).unwrap(), port.parse().unwrap())
        };
        let ((from, output), (to, input)) = (port(from), port(to));
        self.edges.push(EdgeSpec(Edge {
            from,
            output,
            to,
            input,
            ty: Num::TYPE.to_owned(),
            depth: 4,
            bytes: 64 << 20,
            overflow: Overflow::Block,
            looping: false,
        }));
        self.edges.last_mut().unwrap()
    }

    /// An edge for each pair of neighbours.
    pub fn chain(&mut self, names: &[&str]) {
        for pair in names.windows(2) {
            self.edge(&format!("{}.0", pair[0]), &format!("{}.0", pair[1]));
        }
    }

    pub fn manifest(&self, stage: usize) -> Manifest {
        let ports = |find: &dyn Fn(&Edge) -> Option<usize>| {
            self.edges.iter().filter_map(|edge| find(&edge.0)).map(|port| port + 1).max().unwrap_or(0)
        };
        let inputs = ports(&|edge| (edge.to == stage).then_some(edge.input));
        let outputs = ports(&|edge| (edge.from == stage).then_some(edge.output));
        let spec = &self.stages[stage];
        Manifest {
            abi: 1,
            name: "scripted".to_owned(),
            version: "1.0.0".to_owned(),
            summary: String::new(),
            licence: "Apache-2.0".to_owned(),
            milestones: Vec::new(),
            native: Vec::new(),
            capabilities: Vec::new(),
            alias: None,
            source: inputs == 0,
            finite: false,
            inputs: (0..inputs)
                .map(|port| InputPort {
                    name: format!("i{port}"),
                    ty: Num::TYPE.to_owned(),
                    required: true,
                    many: true,
                })
                .collect(),
            outputs: (0..outputs.max(1))
                .map(|port| OutputPort {
                    name: format!("o{port}"),
                    ty: Num::TYPE.to_owned(),
                    origin: spec.origins.contains(&port) || spec.feedback.contains(&port),
                    feedback: spec.feedback.contains(&port),
                })
                .collect(),
            verbs: Vec::new(),
            config_schema: Value::Null,
        }
    }

    pub fn setup(&self, seen: &Arc<Seen>) -> Setup {
        static RUNS: AtomicU64 = AtomicU64::new(0);
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        let manifests: Vec<Manifest> = (0..self.stages.len()).map(|stage| self.manifest(stage)).collect();
        let mut threads: Vec<String> = Vec::new();
        let mut stages = Vec::new();
        for (spec, manifest) in self.stages.iter().zip(&manifests) {
            MAKERS.lock().unwrap().insert((run, spec.name.clone()), Arc::clone(&spec.make));
            let thread = spec.thread.clone().unwrap_or_else(|| spec.name.clone());
            let index = threads.iter().position(|name| *name == thread).unwrap_or_else(|| {
                threads.push(thread);
                threads.len() - 1
            });
            stages.push(Stage {
                name: spec.name.clone(),
                title: spec.name.clone(),
                opening_title: None,
                plugin: "scripted".to_owned(),
                manifest: Arc::new(manifest.clone()),
                path: PathBuf::new(),
                checked_sha256: [0; 32],
                sha256: None,
                config: format!("{{\"run\":{run}}}").parse().unwrap(),
                secrets: Vec::new(),
                load: spec.load,
                thread: index,
                deadline: spec.deadline,
                on_failure: spec.on_failure,
                restart: spec.restart,
                place: Place::default(),
                config_places: BTreeMap::new(),
            });
        }
        let pipeline = Pipeline {
            name: "test".to_owned(),
            language: "en".to_owned(),
            time_zone: "UTC".to_owned(),
            max_visits: self.max_visits,
            drain_within: ms(1_000),
            base: PathBuf::new(),
            plugins: Vec::new(),
            stages,
            edges: self.edges.iter().map(|edge| edge.0.clone()).collect(),
            threads,
            until: self.until.clone(),
        };
        Setup {
            pipeline: Arc::new(pipeline),
            manifests,
            opener: Arc::clone(&self.opener),
            services: Arc::new(NoServices),
            observer: Arc::clone(seen) as Arc<dyn Observer>,
            clock: Arc::clone(&self.clock),
            metering: self.metering,
            processor: false,
        }
    }

    pub fn try_start(&self) -> std::result::Result<Run, StartError> {
        let seen = Arc::new(Seen::default());
        let runtime = Runtime::start(self.setup(&seen))?;
        Ok(Run { runtime, seen, clock: self.turned.clone() })
    }

    pub fn start(&self) -> Run {
        let run = self.try_start().unwrap();
        // Its thread may be the last one that the system lets run.
        self.doors.iter().for_each(|door| door.with(|state| state.pending.is_some().then_some(())));
        run
    }
}

struct Boxes;

impl Opener for Boxes {
    fn create(&self, _: usize) -> std::result::Result<Opened, OpenError> {
        Ok(Opened { stage: stage_box(Exported::<Scripted>::new()) })
    }
}

struct NoServices;

impl Services for NoServices {
    fn request(&self, _: usize, service: &str, _: &str, _: &[u8]) -> std::result::Result<Vec<u8>, String> {
        Err(format!("no service `{service}` here"))
    }
    fn model(&self, name: &str) -> std::result::Result<String, String> {
        Err(format!("no model `{name}` here"))
    }
}

/// What the observer was told.
#[derive(Default)]
pub struct Seen {
    pub records: Mutex<Vec<(VisitRecord, HowClosed, RunRecord)>>,
    pub closed: Condvar,
    /// Visits as of the milestone at which their accounts end.
    pub reached: Mutex<Vec<VisitRecord>>,
    pub log: Log,
    /// For tests that count bytes: nothing is kept.
    pub forgets: std::sync::atomic::AtomicBool,
    pub forgotten: AtomicU64,
}

impl Observer for Seen {
    fn log_enabled(&self, _: u32, _: &str) -> bool {
        true
    }
    fn log(&self, stage: &str, _: u32, _: &str, message: &str) {
        if !self.forgets.load(Ordering::Relaxed) {
            // The runtime's own lines say whose they are.
            let words = message.strip_prefix(&format!("stage `{stage}` ")).unwrap_or(message);
            self.log.say(format!("{stage} {words}"));
        }
    }
    fn print(&self, stage: &str, visit: u64, text: &str) {
        self.log.say(format!("{stage} prints for {visit}: {text}"));
    }
    fn milestone(&self, visit: u64, name: &str) {
        if !self.forgets.load(Ordering::Relaxed) {
            self.log.say(format!("milestone {name} of {visit}"));
        }
    }
    fn refused(&self, stage: usize, error: &OpenError, then: Then) {
        self.log.say(format!("refused {stage}: {error}; {then}"));
    }
    fn follows_milestones(&self) -> bool {
        true
    }
    fn reached(&self, visit: VisitRecord, _: &dyn Fn() -> RunRecord) {
        if !self.forgets.load(Ordering::Relaxed) {
            let number = visit.visit;
            self.reached.lock().unwrap().push(visit);
            self.log.say(format!("reached by {number}"));
        }
    }
    fn closed(&self, visit: VisitRecord, how: HowClosed, run: &dyn Fn() -> RunRecord) {
        if self.forgets.load(Ordering::Relaxed) {
            self.forgotten.fetch_add(1, Ordering::Relaxed);
        } else {
            let run = run();
            self.records.lock().unwrap().push((visit, how, run));
        }
        self.closed.notify_all();
    }
}

impl Seen {
    /// Whether so many visits close within this time.
    pub fn closes(&self, count: usize, within: Duration) -> bool {
        let records = self.records.lock().unwrap();
        self.closed.wait_timeout_while(records, within, |all| all.len() < count).unwrap().0.len() >= count
    }

    /// Waits for the records of this many visits.
    #[track_caller]
    pub fn visits(&self, count: usize) -> Vec<(VisitRecord, HowClosed, RunRecord)> {
        let records = self.records.lock().unwrap();
        let (records, waited) = self.closed.wait_timeout_while(records, FOR_EVER, |all| all.len() < count).unwrap();
        assert!(!waited.timed_out(), "{} of {count} visits closed", records.len());
        records.clone()
    }
}

pub struct Run {
    pub runtime: Runtime,
    pub seen: Arc<Seen>,
    pub clock: Turned,
}

impl Run {
    pub fn advance(&self, millis: u64) {
        self.clock.advance(ms(millis));
    }

    /// Turns the clock in steps of a millisecond until it is so.
    #[track_caller]
    pub fn turn_until(&self, log: &Log, line: &str) {
        for _ in 0..10_000 {
            if log.lines().iter().any(|said| said == line) {
                return;
            }
            self.advance(1);
            std::thread::yield_now();
        }
        panic!("{line:?} was not said; so far {:#?}", log.lines());
    }

    /// Waits for the end of the run.
    #[track_caller]
    pub fn wait(self) -> Ended {
        let (told, hear) = std::sync::mpsc::channel();
        let runtime = self.runtime;
        std::thread::spawn(move || {
            let _ = told.send(runtime.wait());
        });
        hear.recv_timeout(FOR_EVER).expect("the run did not end")
    }

    /// Ends it at once.
    #[track_caller]
    pub fn kill(self) -> Ended {
        self.runtime.kill();
        self.wait()
    }
}

/// Numbers by name, for totals of stages.
pub fn totals(run: &RunRecord) -> HashMap<String, majlis_meter::record::StageTotals> {
    run.stages.iter().map(|stage| stage.name.clone()).zip(run.totals.iter().cloned()).collect()
}
