//! Deferred work as futures: these tests drive a stage whose tasks do what its packets say.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use majlis_plugin_api::{Data, Error, Flow, Host, Input, Output, Result, Stage, Task, Tasks, Then, Value, manifest};
use majlis_testkit::{Ending, Kit};
use serde_json::json;

manifest! {
    name: "waiting",
    summary: "Waits as its packets say",
    inputs: { order: Data },
    outputs: { said: Data },
    schema: "../../doc/hello.schema.json",
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {}

/// Long for a machine and short for who waits in vain.
const SOON: Duration = Duration::from_secs(20);

/// What the tasks of all tests held and let go.
static LET_GO: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
static CHANGED: Condvar = Condvar::new();

/// Stands for a connection.
struct Held(String);

impl Drop for Held {
    fn drop(&mut self) {
        LET_GO.lock().expect("no test panics with it").insert(std::mem::take(&mut self.0));
        CHANGED.notify_all();
    }
}

fn wait_until_let_go(name: &str) {
    let let_go = LET_GO.lock().expect("no test panics with it");
    let waited = CHANGED.wait_timeout_while(let_go, SOON, |let_go| !let_go.contains(name));
    assert!(!waited.expect("no test panics with it").1.timed_out(), "{name} is still held");
}

struct Waiting {
    tasks: Tasks,
    last: Option<Task>,
    resumed: u32,
}

impl Stage for Waiting {
    type Config = Config;

    fn open(_: Config, host: &Host) -> Result<Self> {
        Ok(Self { tasks: Tasks::new(host)?, last: None, resumed: 0 })
    }

    fn process(&mut self, input: Input<'_>, out: &mut Output<'_>) -> Result<Flow> {
        match input {
            Input::Packet(packet) => {
                let Some(order) = packet.get(input::order)? else { return Ok(Flow::Continue) };
                self.obey(&order, out);
            }
            Input::Resumed(pending) => {
                self.resumed += 1;
                out.emit(output::said, said("resumed"))?;
                pending.finish();
            }
            _ => {}
        }
        Ok(Flow::Continue)
    }
}

impl Waiting {
    fn obey(&mut self, order: &Data, out: &mut Output<'_>) {
        let held = Held(order.value.as_str().unwrap_or_default().to_owned());
        match order.kind.as_str() {
            "abort" => self.last.take().expect("a task").abort(),
            "apart" => {
                let work = async { Err(Error::new("the door is shut")) };
                self.last = Some(self.tasks.spawn_apart(work));
            }
            "block" => {
                let pending = out.defer("block");
                self.last = Some(self.tasks.spawn(pending, |_| async move {
                    // As a lookup of a name does that hangs in the system.
                    let waited = tokio::task::spawn_blocking(|| std::thread::park_timeout(SOON));
                    waited.await?;
                    Ok(Then::Finish)
                }));
            }
            kind => {
                let kind = kind.to_owned();
                let pending = out.defer("wait");
                self.last = Some(self.tasks.spawn(pending, |pending| async move {
                    let _held = held;
                    pending.mark("begun");
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    match kind.as_str() {
                        "say" => pending.emit_async(output::said, said("done")).await?,
                        "resume" => return Ok(Then::Resume),
                        "fail" => return Err(Error::new("the server is shut")),
                        "panic" => panic!("a bug in the task"),
                        _ => std::future::pending().await,
                    }
                    Ok(Then::Finish)
                }));
            }
        }
    }
}

fn said(what: &str) -> Data {
    Data { kind: what.into(), value: Value::Null, extra: Default::default() }
}

fn order(what: &str, holding: &str) -> Data {
    Data { kind: what.into(), value: Value::String(holding.into()), extra: Default::default() }
}

fn open() -> Kit<Waiting> {
    Kit::<Waiting>::open(json!({})).expect("it opens")
}

/// Gives the order and answers how its work ended.
fn outcome(kit: &mut Kit<Waiting>, what: &str, holding: &str) -> Ending {
    kit.send(input::order, None, order(what, holding)).expect("the call goes well");
    kit.wait(SOON, |kit| kit.works()[0].ended.is_some()).expect("it ends");
    kit.works()[0].ended.clone().expect("it ended")
}

#[test]
fn a_task_marks_its_steps_and_emits_and_its_work_is_done() {
    let mut kit = open();
    assert_eq!(outcome(&mut kit, "say", "said"), Ending::Finished);
    assert_eq!(kit.works()[0].marks, ["begun"]);
    assert_eq!(kit.emitted(output::said)[0].1.kind, "done");
}

#[test]
fn a_task_waits_for_space_without_a_thread() {
    let mut kit = open();
    kit.fill(output::said);
    kit.send(input::order, None, order("say", "full")).expect("the call goes well");
    kit.wait(SOON, |kit| kit.works()[0].marks == ["begun"]).expect("it begins");
    assert!(kit.emitted(output::said).is_empty());
    kit.free(output::said);
    kit.wait(SOON, |kit| kit.works()[0].ended == Some(Ending::Finished)).expect("it goes on");
    assert_eq!(kit.emitted(output::said).len(), 1);
}

#[test]
fn a_task_comes_back_to_its_stage() {
    let mut kit = open();
    assert_eq!(outcome(&mut kit, "resume", "resumed"), Ending::Finished);
    assert_eq!(kit.emitted(output::said)[0].1.kind, "resumed");
}

#[test]
fn an_error_of_a_task_is_that_of_its_work() {
    assert_eq!(outcome(&mut open(), "fail", "failed"), Ending::Failed("the server is shut".into()));
}

#[test]
fn a_panic_fails_its_work_and_the_stage_goes_on() {
    let mut kit = open();
    let Ending::Failed(why) = outcome(&mut kit, "panic", "panicked") else { panic!("it did not fail") };
    assert!(why.contains("a bug in the task") && why.contains("tasks.rs"), "{why}");
    wait_until_let_go("panicked");
    kit.send(input::order, None, order("say", "after the panic")).expect("the stage is there");
    kit.wait(SOON, |kit| kit.works()[1].ended == Some(Ending::Finished)).expect("and so are its threads");
}

#[test]
fn what_a_task_holds_is_let_go_when_its_visitor_leaves() {
    let mut kit = open();
    let visit = kit.open_visit().expect("the stage is told");
    kit.send(input::order, visit, order("for ever", "a visitor's")).expect("the call goes well");
    kit.wait(SOON, |kit| kit.works()[0].marks == ["begun"]).expect("it begins");
    kit.leave(visit).expect("the stage is told");
    wait_until_let_go("a visitor's");
}

#[test]
fn what_a_task_holds_is_let_go_at_the_deadline_and_at_a_flush() {
    let mut kit = open();
    let visit = kit.open_visit().expect("the stage is told");
    kit.send(input::order, visit, order("for ever", "late")).expect("the call goes well");
    kit.cancel(0);
    wait_until_let_go("late");
    kit.send(input::order, visit, order("for ever", "flushed")).expect("the call goes well");
    kit.flush(visit).expect("the stage is told");
    wait_until_let_go("flushed");
}

#[test]
fn a_task_that_is_aborted_has_failed() {
    let mut kit = open();
    kit.send(input::order, None, order("for ever", "aborted")).expect("the call goes well");
    kit.send(input::order, None, order("abort", "nothing")).expect("the call goes well");
    kit.wait(SOON, |kit| kit.works()[0].ended == Some(Ending::Dropped)).expect("it ends");
    wait_until_let_go("aborted");
}

#[test]
fn with_the_stage_its_tasks_end_and_its_threads() {
    let mut kit = open();
    kit.send(input::order, None, order("for ever", "a stage's")).expect("the call goes well");
    kit.wait(SOON, |kit| kit.works()[0].marks == ["begun"]).expect("it begins");
    assert_eq!(kit.adopted(), (1, 1));
    kit.close().expect("it closes");
    assert!(
        LET_GO.lock().expect("no test panics with it").contains("a stage's"),
        "closing does not wait for its tasks"
    );
    assert_eq!(kit.adopted(), (0, 1));
    assert_eq!(kit.works()[0].ended, Some(Ending::Dropped));
}

#[test]
fn what_hangs_in_the_system_does_not_keep_the_stage_from_closing() {
    let mut kit = open();
    kit.send(input::order, None, order("block", "nothing")).expect("the call goes well");
    kit.wait(SOON, |kit| kit.adopted().1 == 2).expect("it hangs");
    let begun = Instant::now();
    kit.close().expect("it closes");
    assert!(begun.elapsed() < SOON / 2, "closing took {:?}", begun.elapsed());
}

#[test]
fn an_error_that_is_of_no_visit_is_in_the_log() {
    let mut kit = open();
    kit.send(input::order, None, order("apart", "nothing")).expect("the call goes well");
    kit.wait(SOON, |kit| kit.logs().iter().any(|line| line.message == "the door is shut")).expect("it is told");
}
