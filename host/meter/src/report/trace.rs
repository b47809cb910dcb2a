//! Visits as a trace that Perfetto and Chrome open.
//!
//! Calls and openings are slices on their threads, deferred work and visits are asynchronous
//! slices, milestones and steps are instants, and an arrow leads from where a packet was produced
//! to the call that it was given to. A packet of a deferred work leads from where that work was
//! begun, because arrows bind to threads. Times are microseconds since the run began.
//!
//! A trace is handed around, so it carries no facts and no texts of errors.

use serde_json::{Value, json};

use crate::record::{Call, CallKind, Nanos, Outcome, Producer, RunRecord, Span, VisitRecord, Work, WorkOutcome};

/// The one process of a trace.
const PID: u32 = 1;

/// The trace of some visits: a JSON object with `traceEvents`, in order of time.
pub fn of(run: &RunRecord, visits: &[&VisitRecord]) -> Value {
    let mut trace = Trace { run, events: Vec::new() };
    for opening in &run.openings {
        let end = opening.end.or(run.ended).unwrap_or(opening.start);
        let title = match run.stages.get(usize::from(opening.stage)) {
            Some(stage) => stage.opening_shown(),
            None => format!("stage {} (opening)", opening.stage),
        };
        let args = json!({ "visit": opening.begun_for.filter(|visit| *visit != 0), "live_bytes": opening.cost.live,
            "peak_bytes": opening.cost.peak });
        trace.slice(&title, "opening", opening.thread, (opening.start, end), args);
    }
    for visit in visits {
        trace.visit(visit);
    }
    trace.events.sort_by_key(|(time, _)| *time);
    let names = trace.names();
    let events: Vec<Value> = names.into_iter().chain(trace.events.into_iter().map(|(_, event)| event)).collect();
    json!({ "displayTimeUnit": "ms", "traceEvents": events })
}

struct Trace<'a> {
    run: &'a RunRecord,
    events: Vec<(Nanos, Value)>,
}

impl Trace<'_> {
    fn names(&self) -> Vec<Value> {
        let name = format!("majlis {}", self.run.pipeline);
        let mut names = vec![json!({ "ph": "M", "name": "process_name", "pid": PID, "args": { "name": name } })];
        for (thread, name) in self.run.threads.iter().enumerate() {
            names.push(json!({ "ph": "M", "name": "thread_name", "pid": PID,
                "tid": tid(thread as u16), "args": { "name": name } }));
        }
        names
    }

    fn put(&mut self, time: Nanos, mut event: Value) {
        if let Value::Object(event) = &mut event {
            event.insert("ts".to_owned(), micros(time.saturating_sub(self.run.started)));
            event.insert("pid".to_owned(), PID.into());
        }
        self.events.push((time, event));
    }

    fn slice(&mut self, name: &str, category: &str, thread: u16, (start, end): (Nanos, Nanos), args: Value) {
        let length = micros(end.saturating_sub(start));
        self.put(
            start,
            json!({ "ph": "X", "name": name, "cat": category, "tid": tid(thread),
                "dur": length, "args": args }),
        );
    }

    fn asynchronous(&mut self, phase: &str, name: &str, category: &str, id: &str, time: Nanos) {
        let event = json!({ "ph": phase, "name": name, "cat": category, "id": id, "tid": 0 });
        self.put(time, event);
    }

    fn visit(&mut self, visit: &VisitRecord) {
        let last = last_moment(visit);
        let id = format!("visit {}", visit.visit);
        self.asynchronous("b", &id, "visit", &id, visit.arrival);
        for milestone in &visit.milestones {
            let time = milestone.time.clamp(visit.arrival, last);
            self.asynchronous("n", &milestone.name, "visit", &id, time);
        }
        self.asynchronous("e", &id, "visit", &id, last);
        for (index, span) in visit.indexed() {
            match span {
                Span::Call(call) => self.call(visit, index, call, last),
                Span::Work(work) => self.work(visit, index, work, last),
            }
        }
    }

    fn call(&mut self, visit: &VisitRecord, index: u32, call: &Call, last: Nanos) {
        let kind = match call.kind {
            CallKind::Packet => "packet",
            CallKind::Wake => "wake",
            CallKind::Event => "event",
            CallKind::Resumed => "resumed",
            CallKind::Control => "control",
            CallKind::Close => "close",
        };
        let outcome = match call.outcome {
            Outcome::Ok => "ok",
            Outcome::Failed(_) => "failed",
            Outcome::Panicked(_) => "panicked",
            Outcome::Skipped(_) => "skipped",
            Outcome::Late => "late",
        };
        let mut args = json!({ "visit": visit.visit, "outcome": outcome });
        if let (Value::Object(args), false) = (&mut args, self.run.unmetered) {
            args.insert("live_bytes".to_owned(), call.cost.live.into());
            args.insert("peak_bytes".to_owned(), call.cost.peak.into());
        }
        if let (Value::Object(args), Some(cpu)) = (&mut args, call.cost.cpu) {
            args.insert("cpu_us".to_owned(), micros(cpu));
        }
        let end = if call.is_running() { last.max(call.start) } else { call.end };
        let title = self.stage(call.stage);
        self.slice(&title, kind, call.thread, (call.start, end), args);
        for (step, time) in &call.steps {
            let time = (*time).clamp(call.start, end);
            let instant = json!({ "ph": "i", "name": step, "s": "t", "tid": tid(call.thread) });
            self.put(time, instant);
        }
        if let Some((thread, time)) = origin(visit, call) {
            let id = format!("{}.{index}", visit.visit);
            let arrow = |phase: &str, thread| {
                json!({ "ph": phase, "name": "packet", "cat": "packet", "id": id, "bp": "e",
                    "tid": tid(thread) })
            };
            let (begin, end) = (arrow("s", thread), arrow("f", call.thread));
            self.put(time, begin);
            self.put(call.start, end);
        }
    }

    fn work(&mut self, visit: &VisitRecord, index: u32, work: &Work, last: Nanos) {
        let outcome = match work.outcome {
            WorkOutcome::Running => "running",
            WorkOutcome::Finished => "finished",
            WorkOutcome::Failed(_) => "failed",
            WorkOutcome::Cancelled(_) => "cancelled",
            WorkOutcome::Dropped => "given up",
            WorkOutcome::Resumed => "resumed",
        };
        let name = format!("{}: {}", self.stage(work.stage), work.label);
        let id = format!("{}.{index}", visit.visit);
        let end = work.end.unwrap_or(last).max(work.begun);
        let begin = json!({ "ph": "b", "name": name, "cat": "work", "id": id, "tid": 0,
            "args": { "visit": visit.visit, "outcome": outcome } });
        self.put(work.begun, begin);
        for (mark, time) in &work.marks {
            self.asynchronous("n", mark, "work", &id, (*time).clamp(work.begun, end));
        }
        self.asynchronous("e", &name, "work", &id, end);
    }

    fn stage(&self, stage: u16) -> String {
        let info = self.run.stages.get(usize::from(stage));
        info.map_or_else(|| format!("stage {stage}"), |info| info.shown().to_owned())
    }
}

/// Where the arrow to a call begins: (thread, time), inside a call.
fn origin(visit: &VisitRecord, call: &Call) -> Option<(u16, Nanos)> {
    let Producer::Span(index) = call.trigger.producer else {
        return None;
    };
    let (producer, time) = match visit.get(index)? {
        Span::Call(producer) => (producer, call.trigger.time),
        Span::Work(work) => match visit.get(work.call)? {
            Span::Call(producer) => (producer, work.begun),
            Span::Work(_) => return None,
        },
    };
    let time = time.max(producer.start);
    (time <= call.start).then_some((producer.thread, time))
}

fn last_moment(visit: &VisitRecord) -> Nanos {
    let spans = visit.spans.iter().map(|span| span.end().unwrap_or(span.start()));
    let closed = visit.closed.map(|(time, _)| time);
    spans.chain(closed).max().unwrap_or(visit.arrival).max(visit.arrival)
}

/// Thread 0 is where asynchronous slices stand.
fn tid(thread: u16) -> u32 {
    u32::from(thread) + 1
}

fn micros(nanos: Nanos) -> Value {
    (nanos as f64 / 1e3).into()
}
