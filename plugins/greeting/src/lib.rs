//! Greets each visitor once: by name when somebody is known, otherwise as a guest; and says one thing more if something worth it is
//! seen soon.
//!
//! The decision that shapes it: **every visitor has a deadline from the first moment**. A wake is armed when a visit
//! opens, before anybody has looked, so that a recogniser that is slow, failed or absent delays a greeting but never
//! prevents it. *No face was seen* and *nobody could look* are different: the first is answered with silence. Nothing waits for
//! what a vision model sees: it is an utterance of its own, or none.
//!
//! It must never know: how a person is recognised, and what a voice does with the text. No name leaves it but in the
//! utterance.
#![forbid(unsafe_code)]

mod calendar;
mod clean;
mod compose;
mod config;
mod cooldown;
mod guest;
#[cfg(test)]
mod review;
mod rules;
mod texts;
mod titles;
mod visitor;

use std::collections::HashMap;
use std::time::Duration;

use jiff::civil::Date;
use majlis_plugin_api::{
    Delivered, Delivery, Event, Faces, Flow, Host, Input, Origin, Output, Result, Scene, Stage, Time, Utterance,
    UtteranceKind, VisitId, Welcome, WelcomeKind, export_stage, manifest,
};

use calendar::Calendar;
use compose::Audience;
pub use config::{Again, Config, Salutation, TextFile};
use cooldown::CoolDown;
use texts::Texts;
use titles::Titles;
use visitor::{Greeting as Standing, Seen, Visitor};

manifest! {
    name: "greeting",
    summary: "Greets each visitor once, by name or as a guest, and remarks what was seen",
    inputs: { faces: Faces, #[optional] scene: Scene, #[optional] #[many] delivered: Delivered },
    outputs: { utterance: Utterance, #[feedback] welcome: Welcome, #[feedback] ahead: Utterance },
    milestones: ["recognised", "greeted"],
    capabilities: ["acts-on-events"],
    schema: "../config.schema.json",
}

/// The stage.
pub struct Greeting {
    texts: Texts,
    titles: Titles,
    calendar: Calendar,
    cool_down: CoolDown,
    again: Again,
    greet_by: Duration,
    remark_within: Duration,
    /// Somebody tells what became of an utterance.
    is_told: bool,
    /// Where what will be said is sent, if somebody makes it ahead.
    ahead: Option<Origin>,
    /// Of which day that was sent.
    sent_ahead: Option<Date>,
    /// The number of the last utterance.
    number: u64,
    /// Packets of no visit count as one visitor.
    visitors: HashMap<Option<VisitId>, Visitor>,
}

impl Stage for Greeting {
    type Config = Config;

    fn open(config: Config, host: &Host) -> Result<Self> {
        let texts = Texts::open(&config, host)?;
        let calendar = Calendar::open(&config, host)?;
        texts.warn_of_missing(calendar.names());
        let wired =
            |incoming: bool, port: u32| host.wires().iter().any(|wire| wire.incoming == incoming && wire.port == port);
        let mut greeting = Self {
            texts,
            titles: Titles::open(config.titles.as_deref(), host)?,
            calendar,
            cool_down: CoolDown::open(config.again_after.get(), host),
            again: config.again,
            greet_by: config.greet_by.get(),
            remark_within: config.remark_within.get(),
            is_told: wired(true, input::delivered.index()),
            ahead: wired(false, output::ahead.index()).then(|| host.origin()),
            sent_ahead: None,
            // An instance that takes the place of another must not take its numbers, of which one may be on its way.
            number: host.now().as_nanos() / 1_000,
            visitors: HashMap::new(),
        };
        greeting.send_ahead(host.now());
        Ok(greeting)
    }

    fn process(&mut self, input: Input<'_>, out: &mut Output<'_>) -> Result<Flow> {
        match input {
            Input::Packet(packet) => {
                if let Some(faces) = packet.get(input::faces)? {
                    self.looked(packet.visit(), packet.time(), Seen::of(faces), out)
                } else if let Some(scene) = packet.get(input::scene)? {
                    self.saw(packet.visit(), packet.time(), scene, out)
                } else if let Some(delivered) = packet.get(input::delivered)? {
                    Ok(self.told(&delivered, out.now()))
                } else {
                    Ok(Flow::Continue)
                }
            }
            Input::Wake { visit, .. } => match self.visitors.get(&visit).filter(|known| known.is_due()) {
                Some(known) => {
                    let audience = Audience { people: known.seen, ..Audience::default() };
                    self.greet(visit, audience, out)
                }
                None if visit.is_none() => Ok(self.purge(out.now())),
                None => Ok(Flow::Continue),
            },
            _ => Ok(Flow::Continue),
        }
    }

    fn event(&mut self, event: Event, out: &mut Output<'_>) -> Result<Flow> {
        match event {
            Event::VisitOpened(visit) => {
                self.cool_down.purge();
                self.send_ahead(out.now());
                Ok(self.expect(Some(visit), out.now()))
            }
            Event::VisitClosed(visit, _) => {
                self.visitors.remove(&Some(visit));
                Ok(Flow::Continue)
            }
            // Nobody could look; somebody may still, until the deadline.
            Event::UpstreamFailed { input, visit } if input.is(input::faces) => Ok(self.expect(visit, out.now())),
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
        let deadline = since + self.greet_by;
        self.visitors.insert(visit, Visitor::new(deadline));
        Flow::WakeAt(deadline)
    }

    fn looked(&mut self, visit: Option<VisitId>, time: Time, seen: Seen, out: &mut Output<'_>) -> Result<Flow> {
        if seen.recognised {
            out.milestone("recognised");
        }
        self.expect(visit, time);
        let Some(visitor) = self.visitors.get_mut(&visit) else {
            return Ok(Flow::Continue);
        };
        if !matches!(visitor.greeting, Standing::Due) {
            return Ok(Flow::CancelWake);
        }
        visitor.answered = true;
        if seen.faces > 0 {
            visitor.seen = seen.faces;
        }
        match (seen.guests.is_empty(), seen.undecided, seen.faces) {
            (false, ..) => self.welcome(visit, seen, out),
            (true, false, 1..) => self.greet(visit, Audience { people: seen.faces, ..Audience::default() }, out),
            // Who was seen is greeted at the deadline at the latest.
            (true, ..) if visitor.seen > 0 => Ok(Flow::WakeAt(visitor.deadline)),
            (true, ..) => Ok(Flow::CancelWake),
        }
    }

    /// Somebody is there who may be named.
    fn welcome(&mut self, visit: Option<VisitId>, seen: Seen, out: &mut Output<'_>) -> Result<Flow> {
        let Seen { mut guests, faces, undecided, .. } = seen;
        let known = guests.len();
        let recent: Vec<bool> = guests.iter().map(|guest| self.cool_down.holds(&guest.id)).collect();
        let all = recent.iter().all(|recent| *recent);
        if self.again == Again::Silent {
            let mut recent = recent.into_iter();
            guests.retain(|_| !recent.next().unwrap_or(false));
        }
        if !guests.is_empty() {
            return self.greet(visit, Audience { guests, people: known, again: all }, out);
        }
        // All of them were greeted not long ago. Those beside them were not.
        let others = faces.saturating_sub(known);
        let Some(visitor) = self.visitors.get_mut(&visit).filter(|_| others == 0 || undecided) else {
            return self.greet(visit, Audience { people: others, ..Audience::default() }, out);
        };
        if undecided {
            return Ok(Flow::WakeAt(visitor.deadline));
        }
        visitor.greeting = Standing::Over;
        out.fact("kind", "silent");
        out.emit(output::welcome, Welcome::new(WelcomeKind::Silent))?;
        Ok(Flow::CancelWake)
    }

    fn greet(&mut self, visit: Option<VisitId>, audience: Audience, out: &mut Output<'_>) -> Result<Flow> {
        let first = audience.guests.first().map_or("", |guest| guest.language.as_str());
        let languages = self.texts.languages(first);
        let greeting = compose::greeting(&languages, &self.titles, &audience, &self.calendar.now());
        out.fact("kind", if greeting.kind == UtteranceKind::Named { "named" } else { "guest" });
        if audience.again {
            out.fact("again", true);
        }
        let kind = if audience.again { WelcomeKind::Short } else { WelcomeKind::Full };
        out.emit(output::welcome, Welcome::new(kind))?;
        let subjects = greeting.subjects.clone();
        let number = self.say(greeting, out)?;
        out.milestone("greeted");
        // After the greeting, which waits for no disk.
        self.cool_down.sent(number, &subjects, !self.is_told);
        let Some(visitor) = self.visitors.get_mut(&visit) else {
            return Ok(Flow::CancelWake);
        };
        visitor.greeting = Standing::Said(out.now(), languages);
        if let Some(scene) = visitor.scene.take() {
            self.remark(visit, &scene, out)?;
        }
        Ok(Flow::CancelWake)
    }

    /// Something was seen. Before the greeting it is kept, and the newest counts.
    fn saw(&mut self, visit: Option<VisitId>, time: Time, scene: Scene, out: &mut Output<'_>) -> Result<Flow> {
        let flow = self.expect(visit, time);
        match self.visitors.get_mut(&visit) {
            Some(visitor) if matches!(visitor.greeting, Standing::Due) => visitor.scene = Some(scene),
            _ => self.remark(visit, &scene, out)?,
        }
        Ok(flow)
    }

    /// Says what was seen, once, and not when it is too late.
    fn remark(&mut self, visit: Option<VisitId>, scene: &Scene, out: &mut Output<'_>) -> Result<()> {
        let Some(visitor) = self.visitors.get_mut(&visit) else {
            return Ok(());
        };
        let dropped = match &visitor.greeting {
            Standing::Said(at, _) if out.now() > *at + self.remark_within => "late",
            Standing::Said(_, languages) => match compose::remark(languages, scene) {
                Some(remark) => {
                    visitor.greeting = Standing::Over;
                    self.say(remark, out)?;
                    out.fact("remark", "said");
                    return Ok(());
                }
                // Most scenes are nothing to speak of.
                None if scene.observations.is_empty() => return Ok(()),
                None => "no words in the greeting's languages",
            },
            Standing::Due | Standing::Over => "one is enough",
        };
        out.fact("remark", dropped);
        out.count("remarks_dropped", 1);
        Ok(())
    }

    /// Sends what will be said on this day to whoever makes it before it is said, once.
    fn send_ahead(&mut self, now: Time) {
        let Some(origin) = &self.ahead else { return };
        let today = self.calendar.today();
        if self.sent_ahead.replace(today) == Some(today) {
            return;
        }
        let again_too = self.cool_down.is_on() && self.again == Again::Short;
        for utterance in compose::ahead(&self.texts.languages(""), &self.calendar.moments_of(today), again_too) {
            // Without room, or at the end of the run: it is made when it is said.
            let _ = origin.emit(output::ahead, None, now, utterance);
        }
    }

    /// Emits an utterance under a number of its own.
    fn say(&mut self, utterance: Utterance, out: &mut Output<'_>) -> Result<u64> {
        self.number += 1;
        out.emit(output::utterance, Utterance { number: self.number, ..utterance })?;
        Ok(self.number)
    }

    /// Somebody tells what became of an utterance. Of no visit, so that its wake is the stage's own.
    fn told(&mut self, delivered: &Delivered, now: Time) -> Flow {
        if delivered.delivery == Delivery::Cut || !self.cool_down.is_on() {
            return Flow::Continue;
        }
        self.cool_down.delivered(delivered.utterance);
        match self.visitors.get(&None) {
            Some(visitor) if visitor.is_due() => Flow::Continue,
            _ => self.purge(now),
        }
    }

    /// Lets go of those whose greeting holds no more, now and when the next one of them is to go.
    fn purge(&mut self, now: Time) -> Flow {
        // The store counts whole seconds.
        self.cool_down.purge().map_or(Flow::CancelWake, |left| Flow::WakeAt(now + Duration::from_secs(left + 1)))
    }
}

export_stage!(Greeting);
