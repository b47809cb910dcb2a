//! Greets each visitor once: by name when somebody is known, otherwise as a guest.
//!
//! The decision that shapes it: **every visitor has a deadline from the first moment**. A wake is armed when a visit
//! opens, before anybody has looked, so that a recogniser that is slow, failed or absent delays a greeting but never
//! prevents it. *No face was seen* and *nobody could look* are different: the first is answered with silence.
//!
//! It must never know: how a person is recognised, and what a voice does with the text. No name leaves it but in the
//! utterance.
#![forbid(unsafe_code)]

mod clean;
mod compose;
mod config;
mod texts;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use majlis_plugin_api::{
    Error, Event, Faces, Flow, Host, Identity, Input, Output, Person, Result, Stage, Time, Utterance, UtteranceKind,
    VisitId, export_stage, manifest,
};

pub use config::Config;
use texts::Language;

manifest! {
    name: "greeting",
    summary: "Greets each visitor once, by name or as a guest",
    inputs: { faces: Faces },
    outputs: { utterance: Utterance },
    milestones: ["recognised", "greeted"],
    capabilities: ["acts-on-events"],
    schema: "../config.schema.json",
}

/// The stage.
pub struct Greeting {
    languages: Vec<Language>,
    deadline: Duration,
    /// Packets of no visit count as one visitor.
    visitors: HashMap<Option<VisitId>, Visitor>,
}

/// What is known of a visitor.
struct Visitor {
    /// When the guest greeting is due.
    deadline: Time,
    /// Somebody looked.
    answered: bool,
    /// Some face was seen.
    seen: bool,
    greeted: bool,
}

/// What one answer of the recogniser asks for.
enum Verdict {
    Named(Vec<Person>),
    Guest,
    /// A face is there, and who it is may still be found out.
    Wait,
    /// No face.
    Nobody,
}

fn judge(faces: Faces) -> Verdict {
    let mut ids = BTreeSet::new();
    let (mut people, mut undecided, mut seen) = (Vec::new(), false, false);
    for face in faces.faces {
        seen = true;
        match face.identity {
            // Whoever did not agree to be named aloud is welcome as a guest.
            Identity::Known(person) if !person.may_be_announced() => {}
            // One person on two faces: a picture of them in the picture.
            Identity::Known(person) if ids.insert(person.id.clone()) => people.push(person),
            Identity::Undecided => undecided = true,
            Identity::Known(_) | Identity::Unknown | Identity::TooSmall => {}
        }
    }
    match (people.is_empty(), undecided, seen) {
        (false, ..) => Verdict::Named(people),
        (true, true, _) => Verdict::Wait,
        (true, false, true) => Verdict::Guest,
        (true, false, false) => Verdict::Nobody,
    }
}

impl Stage for Greeting {
    type Config = Config;

    fn open(config: Config, host: &Host) -> Result<Self> {
        let languages = texts::languages(&config, host)?;
        if languages.is_empty() {
            return Err(Error::config("languages", "names no language to greet in"));
        }
        Ok(Self { languages, deadline: config.deadline.get(), visitors: HashMap::new() })
    }

    fn process(&mut self, input: Input<'_>, out: &mut Output<'_>) -> Result<Flow> {
        match input {
            Input::Packet(packet) => {
                let Some(faces) = packet.get(input::faces)? else {
                    return Ok(Flow::Continue);
                };
                self.looked(packet.visit(), packet.time(), judge(faces), out)
            }
            Input::Wake { visit, .. } => {
                let due =
                    self.visitors.get(&visit).is_some_and(|known| !known.greeted && (known.seen || !known.answered));
                if due { self.greet(visit, &[], out) } else { Ok(Flow::Continue) }
            }
            _ => Ok(Flow::Continue),
        }
    }

    fn event(&mut self, event: Event, out: &mut Output<'_>) -> Result<Flow> {
        match event {
            Event::VisitOpened(visit) => Ok(self.expect(Some(visit), out.now())),
            Event::VisitClosed(visit, _) => {
                self.visitors.remove(&Some(visit));
                Ok(Flow::Continue)
            }
            // Nobody could look; somebody may still, until the deadline.
            Event::UpstreamFailed { visit, .. } => Ok(self.expect(visit, out.now())),
            _ => Ok(Flow::Continue),
        }
    }
}

impl Greeting {
    /// A visitor is there, at the latest since then. The wake of a visitor who is known already stays as it is.
    fn expect(&mut self, visit: Option<VisitId>, since: Time) -> Flow {
        if self.visitors.contains_key(&visit) {
            return Flow::Continue;
        }
        let deadline = since + self.deadline;
        self.visitors.insert(visit, Visitor { deadline, answered: false, seen: false, greeted: false });
        Flow::WakeAt(deadline)
    }

    fn looked(&mut self, visit: Option<VisitId>, time: Time, verdict: Verdict, out: &mut Output<'_>) -> Result<Flow> {
        if matches!(verdict, Verdict::Named(_)) {
            out.milestone("recognised");
        }
        self.expect(visit, time);
        let Some(visitor) = self.visitors.get_mut(&visit) else {
            return Ok(Flow::Continue);
        };
        if visitor.greeted {
            return Ok(Flow::CancelWake);
        }
        visitor.answered = true;
        visitor.seen |= !matches!(verdict, Verdict::Nobody);
        match verdict {
            Verdict::Named(people) => self.greet(visit, &people, out),
            Verdict::Guest => self.greet(visit, &[], out),
            Verdict::Wait => Ok(Flow::WakeAt(visitor.deadline)),
            // Who was seen before is still greeted at the deadline.
            Verdict::Nobody if visitor.seen => Ok(Flow::WakeAt(visitor.deadline)),
            Verdict::Nobody => Ok(Flow::CancelWake),
        }
    }

    fn greet(&mut self, visit: Option<VisitId>, people: &[Person], out: &mut Output<'_>) -> Result<Flow> {
        let greeting = compose::greeting(&self.languages, people).expect("`open` refuses to greet in no language");
        out.fact("kind", if greeting.kind == UtteranceKind::Named { "named" } else { "guest" });
        out.emit(output::utterance, greeting)?;
        out.milestone("greeted");
        if let Some(visitor) = self.visitors.get_mut(&visit) {
            visitor.greeted = true;
        }
        Ok(Flow::CancelWake)
    }
}

export_stage!(Greeting);
