//! The code of the plugin guide, `plugin-api/README.md`: each of its Rust blocks stands here, and so it compiles.
#![allow(dead_code, reason = "the guide shows functions of stages that it does not show whole")]

use std::collections::BTreeSet;
use std::time::Duration;

use majlis_plugin_api::{
    Error, Event, Flow, Frame, Host, Input, Output, Result, Span, Stage, Utterance, VisitId, export_stage, manifest,
};
use schemars::JsonSchema;
use serde::Deserialize;

manifest! {
    name: "hello",
    summary: "Welcomes each visitor of whom a picture comes",
    inputs: { frame: Frame },
    outputs: { utterance: Utterance },
    milestones: ["greeted"],
    schema: "../config.schema.json",
}

/// What is said to visitors.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The words.
    pub text: String,
    /// After this time a visitor is welcomed without a picture.
    #[serde(default = "two_seconds")]
    pub patience: Span,
}

fn two_seconds() -> Span {
    Span::from_millis(2_000)
}

/// The stage.
pub struct Hello {
    text: String,
    language: String,
    patience: Duration,
    /// Who was welcomed and has not left.
    welcomed: BTreeSet<VisitId>,
}

impl Stage for Hello {
    type Config = Config;

    fn open(config: Config, host: &Host) -> Result<Self> {
        if config.text.trim().is_empty() {
            return Err(Error::config("text", "there are no words in it"));
        }
        let language = host.language().to_owned();
        Ok(Self { text: config.text, language, patience: config.patience.get(), welcomed: BTreeSet::new() })
    }

    fn process(&mut self, input: Input<'_>, out: &mut Output<'_>) -> Result<Flow> {
        match input {
            Input::Packet(packet) => {
                let Some(frame) = packet.get(input::frame)? else { return Ok(Flow::Continue) };
                out.fact("pixels", frame.width() * frame.height());
                self.welcome(packet.visit(), out)
            }
            Input::Wake { visit, .. } => self.welcome(visit, out),
            _ => Ok(Flow::Continue),
        }
    }

    fn event(&mut self, event: Event, out: &mut Output<'_>) -> Result<Flow> {
        match event {
            Event::VisitOpened(_) => Ok(Flow::WakeAt(out.now() + self.patience)),
            Event::VisitClosed(visit, _) => {
                self.welcomed.remove(&visit);
                Ok(Flow::Continue)
            }
            _ => Ok(Flow::Continue),
        }
    }
}

impl Hello {
    fn welcome(&mut self, visit: Option<VisitId>, out: &mut Output<'_>) -> Result<Flow> {
        if visit.is_some_and(|visit| !self.welcomed.insert(visit)) {
            return Ok(Flow::Continue);
        }
        out.emit(output::utterance, Utterance::plain(&self.text, &self.language))?;
        out.milestone("greeted");
        Ok(Flow::CancelWake)
    }
}

export_stage!(Hello);

/// What the tests of a plugin `hello` import.
mod hello {
    pub(crate) use crate::{Config, Hello, input, manifest__, output};
}

mod tests {
    use super::hello;

    use hello::{Config, Hello, input, manifest__, output};
    use majlis_plugin_api::{FrameMut, PixelFormat};
    use majlis_testkit::Kit;
    use serde_json::json;

    #[test]
    fn the_schema_is_that_of_the_type() {
        majlis_testkit::schema::check::<Config>("config.schema.json");
    }

    #[test]
    fn a_visitor_is_welcomed_once() {
        let builder = Kit::<Hello>::builder().manifest(manifest__::TEXT);
        let mut kit = builder.open(json!({ "text": "Welcome" })).expect("it opens");
        let visit = kit.open_visit().expect("the stage is told");
        for _ in 0..3 {
            let frame = FrameMut::new(kit.host(), 64, 48, PixelFormat::Gray8).expect("a frame");
            kit.send(input::frame, visit, frame.freeze().expect("a frame")).expect("the call goes well");
        }
        assert_eq!(kit.emitted(output::utterance).len(), 1);
        assert_eq!(kit.milestones(), [(Some(visit), "greeted".to_owned())]);
    }

    #[test]
    fn whoever_is_not_seen_is_welcomed_after_two_seconds() {
        let mut kit = Kit::<Hello>::open(json!({ "text": "Welcome" })).expect("it opens");
        kit.open_visit().expect("the stage is told");
        kit.advance(std::time::Duration::from_millis(1_999)).expect("nothing is due");
        assert!(kit.emitted(output::utterance).is_empty());
        kit.advance(std::time::Duration::from_millis(1)).expect("the wake is due");
        assert_eq!(kit.emitted(output::utterance)[0].1.display, "Welcome");
    }

    #[test]
    fn a_wrong_key_is_refused_with_its_path() {
        let refused = Kit::<Hello>::open(json!({ "text": "Welcome", "patience": 2 }));
        assert_eq!(refused.err().expect("2 is no length of time").path, "patience");
    }
}

/// A text line by line, without indentation: what stands in a module here stands at the margin there.
fn lines(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join("\n")
}

#[test]
fn each_rust_block_of_the_guide_stands_here() {
    let guide = include_str!("../../README.md");
    let here = lines(include_str!("guide.rs"));
    let blocks: Vec<&str> = guide.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() > 10, "the guide has {} blocks", blocks.len());
    for block in blocks {
        assert!(here.contains(lines(block).trim()), "this block of the guide is not in tests/guide.rs:\n{block}");
    }
}

/// Functions of other stages.
mod more {
    use std::cell::RefCell;
    use std::collections::BTreeMap;
    use std::path::PathBuf;
    use std::time::Duration;

    use majlis_plugin_api::service::store::{Database, Statement};
    use majlis_plugin_api::service::{load, native};
    use majlis_plugin_api::{
        Adopted, Data, Delivered, Delivery, Error, Flow, Frame, FrameMut, Host, NoVisit, Origin, Out, Output, Pending,
        PixelFormat, Result, Secret, Task, Tasks, Then, Time, Value, VisitId,
    };
    use schemars::JsonSchema;
    use serde::Deserialize;

    fn ask_the_weather() -> Result<String> {
        Ok("clear".to_owned())
    }

    fn begin(port: Out<Data>, out: &mut Output<'_>) -> Result<Flow> {
        let pending = out.defer("ask the weather");
        out.host().spawn("weather", move || match ask_the_weather() {
            Ok(answer) => {
                pending.mark("answered");
                let value = Value::String(answer);
                let data = Data { kind: "acme/weather@1".into(), value, extra: Default::default() };
                // Refused only if the visitor has left meanwhile.
                let _ = pending.emit_wait(port, data);
                pending.finish();
            }
            Err(error) => pending.fail(error),
        })?;
        Ok(Flow::Continue)
    }

    struct Weather {
        of_visit: BTreeMap<Option<VisitId>, String>,
    }

    impl Weather {
        fn resumed(&mut self, pending: Pending) -> Result<Flow> {
            self.of_visit.insert(pending.visit(), "clear".to_owned());
            pending.finish();
            Ok(Flow::Continue)
        }
    }

    async fn the_weather() -> Result<Value> {
        Ok(Value::String("clear".into()))
    }

    fn ask(tasks: &Tasks, port: Out<Data>, out: &mut Output<'_>) -> Task {
        let pending = out.defer("ask the weather");
        tasks.spawn(pending, move |pending| async move {
            let value = the_weather().await?;
            pending.mark("answered");
            let data = Data { kind: "acme/weather@1".into(), value, extra: Default::default() };
            pending.emit_async(port, data).await?;
            Ok(Then::Finish)
        })
    }

    thread_local! {
        static KNOWN: RefCell<Option<Adopted>> = const { RefCell::new(None) };
    }

    fn thread_starts(host: &Host) {
        KNOWN.set(Some(host.adopt_thread("pool")));
    }

    fn thread_stops() {
        KNOWN.set(None);
    }

    fn mirrored(frame: &Frame, host: &Host) -> Result<Frame> {
        if frame.format() != PixelFormat::Gray8 {
            return Err(Error::new(format!("a {} frame came; only gray8 is mirrored", frame.format().name())));
        }
        let mut made = FrameMut::new(host, frame.width(), frame.height(), PixelFormat::Gray8)?;
        let width = frame.width() as usize;
        let rows = frame.pixels().chunks(frame.stride()).zip(made.pixels_mut().chunks_mut(width));
        for (row, mirror) in rows {
            mirror.copy_from_slice(&row[..width]);
            mirror.reverse();
        }
        made.freeze()
    }

    struct Camera {
        left: u32,
    }

    impl Camera {
        fn turn(&mut self, port: Out<Frame>, out: &mut Output<'_>) -> Result<Flow> {
            if self.left == 0 {
                return Ok(Flow::Ended);
            }
            let mut frame = FrameMut::new(out.host(), 640, 480, PixelFormat::Rgb8)?;
            frame.pixels_mut().fill(0);
            match out.open_visit() {
                Ok(visit) => {
                    out.emit(port, frame.freeze()?)?;
                    visit.end();
                    self.left -= 1;
                    Ok(Flow::WakeAt(out.now() + Duration::from_millis(100)))
                }
                Err(NoVisit::TooMany) => Ok(Flow::WakeAt(out.now() + Duration::from_secs(1))),
                Err(NoVisit::Draining) => Ok(Flow::Ended),
            }
        }
    }

    fn noticed(first_seen: Time, port: Out<Frame>, frame: Frame, out: &mut Output<'_>) -> Result<Flow> {
        let visit = out.open_visit_since(first_seen)?;
        out.emit(port, frame)?;
        visit.end();
        Ok(Flow::Continue)
    }

    fn somebody_came(origin: &Origin, port: Out<Frame>, seen: Time, frame: Frame) {
        let Ok(visit) = origin.open_visit() else { return };
        if origin.emit(port, Some(visit.id()), seen, frame).is_ok() {
            visit.end();
        }
    }

    fn shown(origin: &Origin, port: Out<Delivered>, utterance: u64, now: Time) {
        let delivered = Delivered { utterance, delivery: Delivery::Shown, extra: Default::default() };
        // A full queue or the end of the run: nobody waits for this.
        let _ = origin.emit(port, None, now, delivered);
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct ServiceConfig {
        /// The key of the service.
        api_key: Secret,
    }

    fn header(config: &ServiceConfig) -> String {
        format!("Bearer {}", config.api_key.expose())
    }

    fn remember(host: &Host, guest: &str) -> Result<u64> {
        let steps = ["CREATE TABLE guests (id TEXT PRIMARY KEY, visits INTEGER NOT NULL)"];
        let store = Database::open(host, "guests", &steps, &[("guests", "id")])?;
        let count = "INSERT INTO guests VALUES (?1, 1) ON CONFLICT (id) DO UPDATE SET visits = visits + 1";
        let answers = store.run(&[Statement::new(count, [guest.into()])])?;
        Ok(answers.iter().map(|answer| answer.changed).sum())
    }

    fn may_take_a_job(host: &Host) -> Result<bool> {
        let load = load::now(host)?;
        Ok(load.limit.is_none_or(|limit| load.resident < limit / 2))
    }

    fn open_library(host: &Host) -> Result<PathBuf> {
        native::open(host, "blinds", &host.path("lib/libblinds.so.2"), None)
    }

    struct Guests {
        count: u64,
    }

    impl Guests {
        fn control(&mut self, verb: &str, _args: Value, _host: &Host) -> Result<Value> {
            match verb {
                "count" => Ok(Value::from(self.count)),
                _ => Err(Error::unknown_verb(verb)),
            }
        }
    }
}
