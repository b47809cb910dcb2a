//! The kit behaves as a host: these tests drive a stage that does what its packets say.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use majlis_plugin_api::{
    Closed, Data, Error, Event, Flow, Host, Input, Output, Pending, Refused, Result, Stage, Time, Value, Visit,
    manifest, service,
};
use majlis_testkit::{Ending, FailureKind, Kit};
use serde_json::json;

manifest! {
    name: "obedient",
    summary: "Does what its packets say",
    inputs: { order: Data },
    outputs: { said: Data, spare: Data },
    milestones: ["known"],
    schema: "../../doc/hello.schema.json",
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default)]
    refuse: bool,
}

/// Work that the test holds: it stands in for a thread of the stage.
static HELD: Mutex<Vec<(u64, Pending)>> = Mutex::new(Vec::new());

#[derive(Default)]
struct Obedient {
    events: Vec<String>,
    visit: Option<Visit>,
}

fn order(what: &str) -> Data {
    Data { kind: what.into(), value: Value::Null, extra: Default::default() }
}

impl Obedient {
    fn say(&mut self, out: &mut Output<'_>, what: impl Into<String>) -> Result<Flow> {
        let what = what.into();
        self.events.push(what.clone());
        out.emit(output::said, order(&what))?;
        Ok(Flow::Continue)
    }
}

impl Stage for Obedient {
    type Config = Config;

    fn open(config: Config, _: &Host) -> Result<Self> {
        if config.refuse { Err(Error::new("it does not want to")) } else { Ok(Self::default()) }
    }

    fn process(&mut self, input: Input<'_>, out: &mut Output<'_>) -> Result<Flow> {
        match input {
            Input::Packet(packet) => {
                let Some(order) = packet.get(input::order)? else {
                    return Ok(Flow::Continue);
                };
                match order.kind.as_str() {
                    "panic" => panic!("as told"),
                    "fail" => return Err(Error::new("as told")),
                    "defer" => {
                        let work = out.defer("answer");
                        let whose = work.visit().map_or(0, |visit| visit.number());
                        HELD.lock().expect("no test panics with it").push((whose, work));
                    }
                    "drop" => drop(out.defer("forgotten")),
                    "visit" => self.visit = Some(out.open_visit()?),
                    "since" => {
                        self.visit = Some(out.open_visit_since(Time::from_nanos(700_000_000))?);
                        return self.say(out, "here");
                    }
                    "end" => self.visit.take().into_iter().for_each(Visit::end),
                    "milestone" => out.milestone("unknown"),
                    "say" => {
                        return self.say(out, packet.wire().map_or("nobody", |wire| wire.peer.as_str()));
                    }
                    "log" => tracing::warn!(number = 7, "a line"),
                    "thread" => {
                        let origin = out.host().origin();
                        out.host().spawn("talker", move || {
                            let _ =
                                origin.emit(output::spare, None, Time::from_nanos(5), crate::order("from a thread"));
                        })?;
                    }
                    wake => {
                        let after = wake.parse().map_err(|_| Error::new(format!("no such order: {wake}")))?;
                        return Ok(Flow::WakeAt(out.now() + Duration::from_millis(after)));
                    }
                }
                Ok(Flow::Continue)
            }
            Input::Wake { visit, due } => {
                let text = format!("woken {} at {}", visit.map_or(0, |v| v.number()), due.as_nanos() / 1_000_000);
                self.say(out, text)
            }
            Input::Resumed(work) => {
                work.mark("back");
                work.finish();
                self.say(out, "resumed")
            }
            _ => Ok(Flow::Continue),
        }
    }

    fn event(&mut self, event: Event, _: &mut Output<'_>) -> Result<Flow> {
        self.events.push(format!("{event:?}"));
        Ok(Flow::Continue)
    }

    fn control(&mut self, verb: &str, args: Value, host: &Host) -> Result<Value> {
        match verb {
            "events" => Ok(json!(self.events)),
            "native" => {
                Ok(json!(service::native::open(host, "toy", args["path"].as_str().unwrap_or("").as_ref(), None)?))
            }
            "visits" => Ok(json!(service::load::now(host)?.visits)),
            _ => Err(Error::unknown_verb(verb)),
        }
    }
}

fn kit() -> Kit<Obedient> {
    Kit::builder().manifest(manifest__::TEXT).open(json!({})).expect("the stage opens")
}

fn said(kit: &Kit<Obedient>) -> Vec<String> {
    kit.emitted(output::said).into_iter().map(|(_, data)| data.kind).collect()
}

/// The work that was deferred for this visit.
fn held(visit: u64) -> Pending {
    let mut held = HELD.lock().expect("no test panics with it");
    let at = held.iter().position(|(whose, _)| *whose == visit).expect("work was deferred");
    held.swap_remove(at).1
}

/// A visit whose number no other test of this file uses, so that `held` finds its own.
fn visit(kit: &mut Kit<Obedient>) -> majlis_plugin_api::VisitId {
    static TAKEN: AtomicUsize = AtomicUsize::new(0);
    let wanted = TAKEN.fetch_add(1, Ordering::SeqCst) as u64 + 1;
    loop {
        let visit = kit.open_visit().expect("a visit");
        if visit.number() == wanted {
            return visit;
        }
        kit.leave(visit).expect("it leaves");
    }
}

#[test]
fn wakes_come_in_their_order_each_at_its_own_time_and_one_for_each_visit() {
    let mut kit = kit();
    let (a, b) = (kit.open_visit().expect("a visit"), kit.open_visit().expect("a visit"));
    kit.send(input::order, a, order("300")).expect("armed");
    kit.send(input::order, b, order("100")).expect("armed");
    kit.send(input::order, None, order("200")).expect("armed");
    kit.send(input::order, a, order("150")).expect("replaced");
    kit.advance(Duration::from_millis(99)).expect("nothing is due");
    assert!(said(&kit).is_empty());
    kit.advance(Duration::from_secs(9)).expect("all are due");
    assert_eq!(said(&kit), ["woken 2 at 1100", "woken 1 at 1150", "woken 0 at 1200"]);
    assert_eq!(kit.now(), Time::from_nanos(10_099_000_000));
}

#[test]
fn whoever_is_noticed_later_came_earlier_and_is_told_of_with_the_time_of_what_showed_them() {
    let mut kit = kit();
    let seen = Time::from_nanos(900_000_000);
    kit.send_seen_at(seen, input::order, None, order("since")).expect("opened");
    let visit = kit.opened()[0];
    assert_eq!(kit.arrival(visit), Time::from_nanos(700_000_000));
    assert_eq!(kit.stamps(output::said), [seen]);
    kit.send(input::order, None, order("end")).expect("ended");
}

#[test]
fn a_visit_that_ends_is_closed_once_the_stage_holds_nothing_of_it() {
    let mut kit = kit();
    let visit = visit(&mut kit);
    kit.send(input::order, visit, order("100")).expect("armed");
    kit.send(input::order, visit, order("defer")).expect("deferred");
    kit.end_visit(visit).expect("it waits");
    kit.advance(Duration::from_secs(1)).expect("woken");
    assert_eq!(kit.closed(visit), None, "the deferred work still holds it");
    held(visit.number()).finish();
    kit.advance(Duration::ZERO).expect("closed");
    assert_eq!(kit.closed(visit), Some(Closed::Ended));
    let events = kit.control("events", &Value::Null).expect("an answer");
    let last = events.as_array().and_then(|events| events.last()).cloned();
    assert_eq!(last, Some(json!(format!("VisitClosed({visit:?}, Ended)"))));
}

#[test]
fn a_visitor_who_leaves_disarms_wakes_cancels_work_and_makes_messages_late() {
    let mut kit = kit();
    let visit = visit(&mut kit);
    kit.send(input::order, visit, order("100")).expect("armed");
    kit.send(input::order, visit, order("defer")).expect("deferred");
    kit.leave(visit).expect("told");
    let work = held(visit.number());
    assert!(work.is_cancelled());
    assert!(matches!(work.emit(output::said, order("late")), Err(Refused::Gone)));
    drop(work);
    kit.advance(Duration::from_secs(1)).expect("nothing");
    assert_eq!((said(&kit).len(), kit.late(), kit.works()[0].ended.clone()), (0, 1, Some(Ending::Dropped)));
}

#[test]
fn work_that_resumes_enters_the_stage_and_is_told_once_how_it_ends() {
    let mut kit = kit();
    let visit = visit(&mut kit);
    kit.send(input::order, visit, order("defer")).expect("deferred");
    kit.send(input::order, visit, order("drop")).expect("forgotten");
    let work = held(visit.number());
    work.mark("asked");
    work.emit(output::said, order("an answer")).expect("there is space");
    work.resume();
    kit.advance(Duration::ZERO).expect("resumed");
    assert_eq!(said(&kit), ["an answer", "resumed"]);
    let works = kit.works();
    assert_eq!(
        (works[0].marks.clone(), works[0].resumed, works[0].ended.clone()),
        (vec!["asked".into(), "back".into()], 1, Some(Ending::Finished))
    );
    assert_eq!(works[1].ended, Some(Ending::Dropped));
}

#[test]
fn a_full_output_gives_messages_back_and_tells_of_space_exactly_once() {
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let mut kit = kit();
    let visit = visit(&mut kit);
    kit.send(input::order, visit, order("defer")).expect("deferred");
    let work = held(visit.number());
    kit.fill(output::said);
    let Err(Refused::Full(again)) = work.emit(output::said, order("patient")) else { panic!("it is full") };
    let count = Arc::new(Count(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&count));
    let mut context = Context::from_waker(&waker);
    let mut space = std::pin::pin!(work.space(output::said));
    let mut cancelled = std::pin::pin!(work.cancelled());
    assert_eq!(space.as_mut().poll(&mut context), Poll::Pending);
    assert_eq!(cancelled.as_mut().poll(&mut context), Poll::Pending);
    kit.free(output::said);
    assert_eq!((count.0.load(Ordering::SeqCst), space.as_mut().poll(&mut context)), (1, Poll::Ready(())));
    work.emit(output::said, again).expect("there is space");
    kit.cancel(0);
    assert_eq!((count.0.load(Ordering::SeqCst), cancelled.as_mut().poll(&mut context)), (2, Poll::Ready(())));
    drop(work);
    assert_eq!(count.0.load(Ordering::SeqCst), 2);
    assert_eq!(said(&kit), ["patient"]);
}

#[test]
fn a_panic_poisons_the_stage_and_an_error_does_not() {
    let mut kit = kit();
    let failed = kit.send(input::order, None, order("fail")).expect_err("as told");
    assert_eq!((failed.kind, failed.message.as_str()), (FailureKind::Failed, "as told"));
    kit.send(input::order, None, order("say")).expect("it goes on");
    let panicked = kit.send(input::order, None, order("panic")).expect_err("as told");
    assert_eq!(panicked.kind, FailureKind::Panicked);
    assert!(panicked.message.starts_with("as told at ") && panicked.message.contains("kit.rs:"), "{panicked}");
    assert_eq!(kit.send(input::order, None, order("say")).expect_err("poisoned").kind, FailureKind::Poisoned);
}

#[test]
fn a_configuration_that_does_not_fit_is_told_with_its_key() {
    let unknown = Kit::<Obedient>::open(json!({ "refuze": true })).err().expect("refused");
    assert_eq!((unknown.kind, unknown.path.as_str()), (FailureKind::Config, "refuze"));
    let refused = Kit::<Obedient>::open(json!({ "refuse": true })).err().expect("refused");
    assert_eq!((refused.kind, refused.to_string().as_str()), (FailureKind::Failed, "it does not want to"));
}

#[test]
fn the_visits_of_a_stage_are_its_own_and_limited() {
    let mut kit = Kit::<Obedient>::builder().max_visits(1).open(json!({})).expect("the stage opens");
    kit.send(input::order, None, order("visit")).expect("opened");
    kit.send(input::order, None, order("end")).expect("ended");
    kit.send(input::order, None, order("visit")).expect("opened");
    let visits = kit.opened();
    assert_eq!(visits.iter().map(|&visit| kit.closed(visit)).collect::<Vec<_>>(), [Some(Closed::Ended), None]);
    let refused = kit.send(input::order, None, order("visit")).expect_err("one is open");
    assert!(refused.message.contains("max_visits"), "{refused}");
    kit.drain(Duration::from_secs(1)).expect("told");
    kit.advance(Duration::from_secs(2)).expect("all are gone");
    assert_eq!(kit.closed(visits[1]), Some(Closed::Gone));
    assert!(kit.send(input::order, None, order("visit")).expect_err("it drains").message.contains("drains"));
}

#[test]
fn edges_logs_threads_and_services_are_those_of_a_host() {
    let builder = Kit::<Obedient>::builder().wire(input::order, "desk.order").manifest(manifest__::TEXT);
    let mut kit = builder.open(json!({})).expect("the stage opens");
    for what in ["say", "log", "thread"] {
        kit.send(input::order, None, order(what)).expect("done");
    }
    assert_eq!(said(&kit), ["desk.order"]);
    assert_eq!((kit.logs()[0].level, kit.logs()[0].message.as_str()), (2, "a line number=7"));
    kit.wait(Duration::from_secs(20), |kit| kit.adopted() == (0, 1)).expect("the thread ends");
    assert_eq!(kit.stamps(output::spare), [Time::from_nanos(5)]);

    assert_eq!(kit.control("visits", &Value::Null), Ok(json!(0)));
    assert!(kit.control("native", &json!({ "path": "." })).is_ok());
    assert_eq!(kit.control("native", &json!({ "path": "no/where" })).expect_err("absent").kind, FailureKind::Refused);
    assert_eq!(kit.control("dance", &Value::Null).expect_err("unknown").kind, FailureKind::UnknownVerb);
}

#[test]
#[should_panic(expected = "the milestone `unknown`, which its manifest does not declare")]
fn a_milestone_that_the_manifest_does_not_declare_fails_the_test() {
    let _ = kit().send(input::order, None, order("milestone"));
}

#[test]
#[should_panic(expected = "wakes while the clock was turned")]
fn a_stage_that_asks_for_wakes_without_end_fails_the_test() {
    struct Restless;
    impl Stage for Restless {
        type Config = Config;
        fn open(_: Config, _: &Host) -> Result<Self> {
            Ok(Self)
        }
        fn process(&mut self, _: Input<'_>, out: &mut Output<'_>) -> Result<Flow> {
            Ok(Flow::WakeAt(out.now()))
        }
    }
    let mut kit = Kit::<Restless>::open(json!({})).expect("the stage opens");
    kit.start().expect("woken");
    let _ = kit.advance(Duration::from_secs(1));
}
