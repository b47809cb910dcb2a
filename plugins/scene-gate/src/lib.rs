//! Lets through the frames that are worth a look: whoever asks a vision model about every frame pays for a hundred times the
//! same answer.
//!
//! The decision that shapes it: **who is there matters most, and a frame is decided when it is known who is on it**. Where
//! `faces` is wired a frame waits until the recogniser has looked at this very frame (by its time stamp), so that what is let
//! through has its faces: a stage behind that hides faces can use no other. A frame that the recogniser passed over goes
//! nowhere, because a newer one is under way. Only where nobody can look does the picture alone decide.
//!
//! A frame is compared with the one that was let through last, in `gate.rs`, a function of pictures, people and time. What is
//! let through is the packet's own buffer.
//!
//! It must never know: who anybody is, what the look is for, and what it costs. It keeps small grey pictures of a visit as
//! long as the visit lasts.
#![forbid(unsafe_code)]

mod config;
pub mod gate;
mod grey;
mod likeness;
mod people;
mod waiting;

use std::collections::HashMap;
use std::time::Duration;

use majlis_plugin_api::{
    Event, Faces, Flow, Frame, Host, Input, Output, Packet, Result, Stage, Time, VisitId, export_stage, manifest,
};

pub use config::Config;
use gate::{Gate, Reason, Rules};
use waiting::{Held, Waiting};

manifest! {
    name: "scene-gate",
    summary: "Lets through the frames that are worth a look",
    inputs: { frame: Frame, #[optional] faces: Faces },
    outputs: { frame: Frame },
    schema: "../config.schema.json",
}

/// The stage.
pub struct SceneGate {
    rules: Rules,
    faces_within: Duration,
    /// Frames wait for their faces: the input is wired, and more will come of it.
    faces_come: bool,
    /// Packets of no visit are one stream.
    visits: HashMap<Option<VisitId>, Visit>,
}

/// What is known of a visit.
#[derive(Default)]
struct Visit {
    gate: Gate,
    waiting: Waiting,
    /// The newest answer, where its frame has not come yet.
    early: Option<(Time, Faces)>,
    /// When the newest frame was taken about which there is an answer.
    answered: Option<Time>,
    /// Nobody looks at the frames just now.
    unseen: bool,
}

impl Stage for SceneGate {
    type Config = Config;

    fn open(config: Config, host: &Host) -> Result<Self> {
        config.check()?;
        let faces_come = host.wires().iter().any(|wire| wire.incoming && wire.port == input::faces.index());
        let rules = Rules::new(&config);
        Ok(Self { rules, faces_within: config.faces_within.get(), faces_come, visits: HashMap::new() })
    }

    fn process(&mut self, input: Input<'_>, out: &mut Output<'_>) -> Result<Flow> {
        let visit = match input {
            Input::Packet(packet) => {
                if let Some(frame) = packet.get(input::frame)? {
                    self.frame(&packet, frame, out)?;
                } else if let Some(faces) = packet.get(input::faces)? {
                    self.faces(&packet, faces, out)?;
                }
                packet.visit()
            }
            Input::Wake { visit, .. } => {
                self.nobody_looks(visit, out)?;
                visit
            }
            _ => return Ok(Flow::Continue),
        };
        Ok(self.next_wake(visit))
    }

    fn event(&mut self, event: Event, out: &mut Output<'_>) -> Result<Flow> {
        match event {
            Event::VisitClosed(visit, _) => {
                self.visits.remove(&Some(visit));
                Ok(Flow::Continue)
            }
            Event::UpstreamFailed { input, visit } if input.index() == input::faces.index() => {
                self.nobody_looks(visit, out)?;
                Ok(self.next_wake(visit))
            }
            Event::EndOfStream { input } if input.index() == input::faces.index() => {
                self.faces_come = false;
                let visits: Vec<Option<VisitId>> = self.visits.keys().copied().collect();
                visits.into_iter().try_for_each(|visit| self.nobody_looks(visit, out))?;
                Ok(Flow::CancelWake)
            }
            Event::Flush(visit) => {
                if let Some(visit) = self.visits.get_mut(&Some(visit)) {
                    (visit.waiting, visit.early) = (Waiting::default(), None);
                }
                Ok(Flow::CancelWake)
            }
            _ => Ok(Flow::Continue),
        }
    }
}

impl SceneGate {
    fn frame(&mut self, packet: &Packet<'_>, frame: Frame, out: &mut Output<'_>) -> Result<()> {
        let time = packet.time();
        let visit = self.visits.entry(packet.visit()).or_default();
        if !self.faces_come || visit.unseen {
            let reason = visit.gate.decide(&self.rules, time, &frame, None)?;
            return pass_on(reason, packet, out);
        }
        if let Some((_, faces)) = visit.early.take_if(|(answered, _)| *answered == time) {
            let reason = visit.gate.decide(&self.rules, time, &frame, Some(&faces.faces))?;
            return pass_on(reason, packet, out);
        }
        if visit.answered.is_some_and(|answered| answered >= time) {
            out.fact("reason", Reason::NotLookedAt.word());
            return Ok(());
        }
        // The first frame of a visit goes on in any case, and may be its only one.
        let pending = (!visit.gate.is_open()).then(|| out.defer("wait for the faces"));
        let held = Held { time, since: out.now(), frame, pending };
        if let Some(gone) = visit.waiting.keep(held) {
            not_looked_at(gone, out);
        }
        Ok(())
    }

    /// The recogniser has looked at a frame.
    fn faces(&mut self, packet: &Packet<'_>, faces: Faces, out: &mut Output<'_>) -> Result<()> {
        let time = packet.time();
        let visit = self.visits.entry(packet.visit()).or_default();
        visit.unseen = false;
        while let Some(older) = visit.waiting.before(time) {
            not_looked_at(older, out);
        }
        visit.answered = Some(time);
        let held = visit.waiting.at(time);
        if faces.extrapolated {
            // Whoever came since is in none of its boxes.
            held.into_iter().for_each(|held| not_looked_at(held, out));
            return Ok(());
        }
        let Some(held) = held else {
            visit.early = Some((time, faces));
            return Ok(());
        };
        let frame = held.done();
        let reason = visit.gate.decide(&self.rules, time, &frame, Some(&faces.faces))?;
        out.fact("reason", reason.word());
        // This call's packet was taken when the frame was.
        if reason.lets_through() { out.emit(output::frame, frame) } else { Ok(()) }
    }

    /// What waits will have no answer: the newest frame is decided by its picture, and so are those that come, until there is
    /// an answer again.
    fn nobody_looks(&mut self, visit: Option<VisitId>, out: &mut Output<'_>) -> Result<()> {
        // Of a visit whose first frame has not come yet as well: that one need not wait.
        let visit = self.visits.entry(visit).or_default();
        visit.unseen = true;
        while visit.waiting.len() > 1 {
            visit.waiting.oldest().into_iter().for_each(|held| not_looked_at(held, out));
        }
        let Some(held) = visit.waiting.oldest() else { return Ok(()) };
        let Some(pending) = held.pending else {
            // The next frame is a moment away, and this call's packets are not of this frame's time.
            out.fact("reason", Reason::NotLookedAt.word());
            return Ok(());
        };
        let reason = visit.gate.decide(&self.rules, held.time, &held.frame, None)?;
        out.fact("reason", reason.word());
        if reason.lets_through() {
            // Where there is no room for the first frame of a visit, the stage behind is busy with frames of this visit.
            let _ = pending.emit(output::frame, held.frame);
        }
        pending.finish();
        Ok(())
    }

    fn next_wake(&self, visit: Option<VisitId>) -> Flow {
        let since = self.visits.get(&visit).and_then(|visit| visit.waiting.since());
        since.map_or(Flow::CancelWake, |since| Flow::WakeAt(since + self.faces_within))
    }
}

fn pass_on(reason: Reason, packet: &Packet<'_>, out: &mut Output<'_>) -> Result<()> {
    out.fact("reason", reason.word());
    if reason.lets_through() { out.forward(output::frame, packet) } else { Ok(()) }
}

fn not_looked_at(held: Held, out: &mut Output<'_>) {
    out.fact("reason", Reason::NotLookedAt.word());
    drop(held.done());
}

export_stage!(SceneGate);
