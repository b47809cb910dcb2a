//! Takes the time and the memory that its table says: a measured system, stage by stage, without the system.
//!
//! The decision that shapes it: **it does what the table says, it does not say so**. The time passes on the stage's
//! thread and every page of the memory is written, so the report about it comes from the same meter as any other, and a
//! report whose sums are known beforehand can be held against it.
//!
//! It must never know: what the stage that it stands for did.
#![forbid(unsafe_code)]

mod config;
mod work;

use std::collections::HashMap;
use std::time::Duration;

use majlis_plugin_api::{
    Any, Data, Event, Flow, Host, Input, NoVisit, Output, Result, Stage, VisitId, export_stage, manifest,
};

pub use config::{Call, Config, Milestone, Open};

manifest! {
    name: "replay",
    summary: "Takes the time and the memory that its table says",
    inputs: {
        #[optional] first: Any,
        #[optional] second: Any,
        #[optional] third: Any,
        #[optional] fourth: Any,
    },
    outputs: { done: Data },
    milestones: ["ready", "recognised", "greeted"],
    schema: "../config.schema.json",
}

/// The stage.
pub struct Replay {
    config: Config,
    /// A bit for each wired input; none for a source.
    wired: u32,
    /// The inputs that came, for each visit.
    came: HashMap<Option<VisitId>, u32>,
    visits_left: u32,
    over: bool,
    /// What opening and calls added: it counts because it is held.
    kept: Vec<Vec<u8>>,
}

impl Stage for Replay {
    type Config = Config;

    fn open(config: Config, host: &Host) -> Result<Self> {
        config.check()?;
        let begun = host.now();
        let kept = vec![work::memory(config.open.memory_mb)];
        let wired = host.wires().iter().filter(|wire| wire.incoming).fold(0, |wired, wire| wired | 1 << wire.port);
        work::pass(config.open.time.get().div_f64(config.speed), begun, || host.now(), || false);
        Ok(Self { wired, came: HashMap::new(), visits_left: config.visits, over: false, kept, config })
    }

    fn process(&mut self, input: Input<'_>, out: &mut Output<'_>) -> Result<Flow> {
        match input {
            Input::Wake { .. } if self.wired == 0 => self.receive(out),
            Input::Packet(packet) => {
                let came = self.came.entry(packet.visit()).or_default();
                let before = *came;
                *came |= 1 << packet.input().index();
                if before != self.wired && *came == self.wired {
                    self.work(out)?;
                }
                Ok(Flow::Continue)
            }
            _ => Ok(Flow::Continue),
        }
    }

    fn event(&mut self, event: Event, _: &mut Output<'_>) -> Result<Flow> {
        match event {
            Event::VisitClosed(visit, _) => {
                self.came.remove(&Some(visit));
                Ok(Flow::Continue)
            }
            Event::Drain { .. } if self.wired == 0 => {
                self.over = true;
                Ok(Flow::Ended)
            }
            _ => Ok(Flow::Continue),
        }
    }
}

impl Replay {
    /// A source's next visitor.
    fn receive(&mut self, out: &mut Output<'_>) -> Result<Flow> {
        if self.over {
            return Ok(Flow::Ended);
        }
        let begun = out.now();
        match out.open_visit() {
            Ok(visit) => {
                self.work(out)?;
                visit.end();
            }
            Err(NoVisit::TooMany) => return Ok(Flow::WakeAt(begun + Duration::from_millis(100))),
            Err(NoVisit::Draining) => {
                self.over = true;
                return Ok(Flow::Ended);
            }
        }
        self.visits_left -= 1;
        if self.visits_left == 0 {
            self.over = true;
            return Ok(Flow::Ended);
        }
        Ok(Flow::WakeAt(begun + self.config.every.get().div_f64(self.config.speed)))
    }

    fn work(&mut self, out: &mut Output<'_>) -> Result<()> {
        let begun = out.now();
        let call = &self.config.call;
        self.kept.push(work::memory(call.memory_mb));
        let temporary = work::memory(call.temporary_mb);
        work::pass(call.time.get().div_f64(self.config.speed), begun, || out.now(), || out.cancelled());
        drop(temporary);
        let value = serde_json::json!({ "stage": out.host().stage() });
        out.emit(output::done, Data { kind: "majlis/replay@1".into(), value, extra: Default::default() })?;
        if let Some(milestone) = self.config.milestone.name() {
            out.milestone(milestone);
        }
        Ok(())
    }
}

export_stage!(Replay);
