//! Asks a vision model what the visitors' surroundings are like: frames and faces in, scenes out.
//!
//! The decision that shapes it: **the model chooses, and says nothing**. Of its answer only tags of a closed list are used, and each
//! tag has a phrase that people wrote. So whatever stands in a picture, and whatever a model makes of it, no visitor hears a word
//! that nobody has read before; and no voice gets Arabic without its vowel signs. What leaves the house is decided just as
//! narrowly: a picture is sent only when a recogniser looked at this very frame, its faces are hidden in the picture that is
//! encoded, and the frame itself never leaves the stage's thread.
//!
//! A question is deferred work of its visit. There is one for each visit at a time; of the frames that come meanwhile the newest
//! waits. Every question comes back to the stage, which keeps the answer for the same people in the same scene and asks about the
//! frame that waits.
//!
//! It must never know: who a visitor is, beyond whether it is the same one. Nothing of a picture is kept but a signature of some
//! hundred coarse grey values, faces hidden; nothing is written to disk.
#![forbid(unsafe_code)]

mod answer;
mod ask;
mod cache;
mod config;
mod dialect;
mod hide;
mod join;
mod phrases;
mod picture;
mod question;
mod signature;
mod visits;

use std::sync::Arc;
use std::time::Duration;

use majlis_plugin_api::{
    self as api, Event, Flow, Frame, Host, Input, Output, Packet, Pending, Result, Scene, Stage, Tasks, Then, Time,
    VisitId, Welcome, export_stage, manifest,
};
use majlis_remote::{Failure, Remote, Warmed};
use parking_lot::Mutex;
use tokio::time::Instant;

use answer::{FreeText, Seen};
use ask::Told;
use cache::{Cache, People};
pub use config::{Config, Detail, Faces};
use dialect::Dialect;
pub use dialect::DialectName;
use join::Arrived;
use phrases::Phrases;
use question::Questions;
use signature::Signature;
use visits::{Asking, Held, Reception, Visits, may_be_known_already};

manifest! {
    name: "vision",
    summary: "Asks a vision model what the visitors' surroundings are like",
    inputs: { frame: Frame, #[optional] faces: api::Faces, #[optional] welcome: Welcome },
    outputs: { scene: Scene },
    schema: "../config.schema.json",
}

/// A connection that was not used for so long may be closed: it is opened anew when somebody comes.
const STALE: Duration = Duration::from_secs(50);
/// So long an answer may take from its thread to the stage.
const BACK: Duration = Duration::from_secs(5);
/// So long a frame with somebody known on it waits for word of whether that visitor was greeted not long ago. Whoever greets has the
/// same faces at the same time, and decides within a few milliseconds.
const WORD_WITHIN: Duration = Duration::from_millis(100);

/// The stage.
pub struct Vision {
    config: Config,
    phrases: Arc<Phrases>,
    free: Option<FreeText>,
    /// Then frames wait for their faces.
    faces_wired: bool,
    /// Then frames of known people wait a moment for word of how they are received.
    welcome_wired: bool,
    questions: Questions,
    ready: String,
    remote: Remote,
    visits: Visits,
    cache: Cache,
    warmed: Arc<Mutex<Option<Warmed>>>,
    /// Why the last question was not answered; empty: it was.
    trouble: String,
    /// When the server was last asked for anything.
    used: Time,
    counted: Counted,
    tasks: Tasks,
}

/// What the run's last line tells.
#[derive(Default)]
struct Counted {
    asked: u64,
    saved: u64,
    tokens: u64,
    not_sent: u64,
}

impl Stage for Vision {
    type Config = Config;

    fn open(config: Config, host: &Host) -> Result<Self> {
        let is_wired = |port: u32| host.wires().iter().any(|wire| wire.incoming && wire.port == port);
        let (faces_wired, welcome_wired) = (is_wired(input::faces.index()), is_wired(input::welcome.index()));
        config.check(faces_wired)?;
        let dialect = Dialect::of(config.dialect)?;
        let model = config.model(&dialect)?;
        let phrases = Phrases::load(config.tags.as_ref().map(|file| host.path(file)).as_deref())?;
        let questions = Questions::new(&config, &dialect, &model, &phrases, host.language())?;
        let remote = Remote::open(config.endpoint(&dialect, host), host)?;
        if config.faces == Faces::Send {
            tracing::warn!("visitors' faces are sent to {}, as `consent_notice` tells them", remote.server());
        }
        let free = config.free_text.then(|| FreeText {
            language: host.language().to_owned(),
            blocklist: config
                .blocklist
                .iter()
                .map(|word| word.to_lowercase())
                .filter(|word| !word.is_empty())
                .collect(),
        });
        let cache = Cache::new(config.cache_size, config.cache_for.get());
        let mut vision = Self {
            phrases: Arc::new(phrases),
            free,
            faces_wired,
            welcome_wired,
            questions,
            ready: dialect.ready,
            remote,
            visits: Visits::default(),
            cache,
            warmed: Arc::default(),
            trouble: String::new(),
            used: host.now(),
            counted: Counted::default(),
            tasks: Tasks::new(host)?,
            config,
        };
        if vision.config.prewarm {
            vision.warm(host.now());
        }
        Ok(vision)
    }

    fn process(&mut self, input: Input<'_>, out: &mut Output<'_>) -> Result<Flow> {
        match input {
            Input::Packet(packet) => self.packet(&packet, out),
            // Word of how the visitor is received does not come.
            Input::Wake { visit, .. } => {
                let held = self.visits.of(visit).held.take();
                self.look_at_what_was_held(visit, held, out).map(|()| Flow::Continue)
            }
            Input::Resumed(pending) => self.answered(pending, out).map(|()| Flow::Continue),
            _ => Ok(Flow::Continue),
        }
    }

    fn event(&mut self, event: Event, out: &mut Output<'_>) -> Result<Flow> {
        match event {
            Event::VisitOpened(_) if self.config.prewarm && out.now().since(self.used) > STALE => self.warm(out.now()),
            Event::VisitClosed(visit, _) => {
                self.visits.close(visit);
                self.cache.forget(visit);
            }
            // The question under way was cancelled; what was seen before is of no interest any more.
            Event::Flush(visit) => self.visits.withdraw(visit),
            _ => {}
        }
        Ok(Flow::Continue)
    }

    fn close(self, _: &Host) -> Result<()> {
        let Counted { asked, saved, tokens, not_sent } = self.counted;
        tracing::info!(asked, saved, tokens, not_sent, "questions to {}", self.remote.server());
        Ok(())
    }
}

impl Vision {
    fn packet(&mut self, packet: &Packet<'_>, out: &mut Output<'_>) -> Result<Flow> {
        let visit = packet.visit();
        if let Some(welcome) = packet.get(input::welcome)? {
            let held = self.visits.of(visit).received(&welcome);
            return self.look_at_what_was_held(visit, held, out).map(|()| Flow::CancelWake);
        }
        let joined = if let Some(frame) = packet.get(input::frame)? {
            let arrived = Arrived { time: packet.time(), sequence: packet.sequence(), frame };
            if !self.faces_wired {
                // Nothing has to be hidden, and nothing waited for; who is there is then not known.
                self.worth_a_look(visit, arrived, None, out)?;
                return Ok(Flow::Continue);
            }
            self.visits.of(visit).join.frame(arrived)
        } else if let Some(faces) = packet.get(input::faces)? {
            self.visits.of(visit).join.faces(packet.time(), faces)
        } else {
            None
        };
        let Some((arrived, faces)) = joined else { return Ok(Flow::Continue) };
        let of_visit = self.visits.of(visit);
        if self.welcome_wired && of_visit.reception == Reception::Awaited && may_be_known_already(&faces) {
            let until = of_visit.held.as_ref().map_or(out.now() + WORD_WITHIN, |held| held.until);
            of_visit.held = Some(Held { arrived, faces, until });
            return Ok(Flow::WakeAt(until));
        }
        of_visit.held = None;
        self.worth_a_look(visit, arrived, Some(faces), out)?;
        Ok(Flow::Continue)
    }

    fn look_at_what_was_held(
        &mut self,
        visit: Option<VisitId>,
        held: Option<Held>,
        out: &mut Output<'_>,
    ) -> Result<()> {
        match held {
            Some(Held { arrived, faces, .. }) => self.worth_a_look(visit, arrived, Some(faces), out),
            None => Ok(()),
        }
    }

    /// A frame and its faces are here. It is looked at now, or when the question under way is answered.
    fn worth_a_look(
        &mut self,
        visit: Option<VisitId>,
        arrived: Arrived,
        faces: Option<api::Faces>,
        out: &mut Output<'_>,
    ) -> Result<()> {
        let of_visit = self.visits.of(visit);
        if of_visit.reception == Reception::Repeated {
            out.fact("not_asked", "greeted not long ago");
            return Ok(());
        }
        if of_visit.is_asking(out.now()) {
            if of_visit.waiting.replace((arrived, faces)).is_some() {
                out.fact("replaced", true);
            }
            return Ok(());
        }
        self.look(visit, &arrived, faces.as_ref(), out)
    }

    fn look(
        &mut self,
        visit: Option<VisitId>,
        arrived: &Arrived,
        faces: Option<&api::Faces>,
        out: &mut Output<'_>,
    ) -> Result<()> {
        let frame = &arrived.frame;
        let size = (frame.width(), frame.height());
        let boxes = match (self.config.faces, faces) {
            (Faces::Send, _) => Vec::new(),
            (_, None) => return Ok(()),
            (_, Some(faces)) => match hide::boxes(faces, size.0, size.1) {
                Ok(boxes) => boxes,
                Err(why) => {
                    self.counted.not_sent += 1;
                    out.fact("not_sent", why.word());
                    return Ok(());
                }
            },
        };
        out.step("hide faces");
        let mut picture = picture::shrunk(frame, self.config.max_side)?;
        hide::hide(&mut picture, &boxes, size, self.config.faces);
        out.fact("hidden", boxes.len());
        let people = faces.and_then(|faces| People::of(visit, faces));
        let signature = Signature::of(&picture)?;
        let again = people.as_ref().and_then(|people| self.cache.find(people, &signature, out.now()));
        if let Some(seen) = again {
            self.counted.saved += 1;
            out.fact("cached", true);
            out.count("questions_saved", 1);
            return self.tell(&seen, arrived.sequence, 0, true, out);
        }
        if let Some(failure) = self.remote.refuses() {
            // Told once: a day's log is not to be one line.
            out.fact("not_asked", "the server refuses");
            let why = failure.to_string();
            if self.trouble == why {
                return Ok(());
            }
            self.trouble = why;
            return Err(failure.into());
        }
        out.step("write the question");
        let body = self.questions.body(&picture)?;
        if let Some(warmed) = self.warmed.lock().take() {
            out.fact("prewarm_saved_ms", warmed.saved().as_millis());
        }
        self.counted.asked += 1;
        out.count("questions", 1);
        self.used = out.now();
        let answer = Arc::new(Mutex::new(None));
        let (remote, told, phrases) = (self.remote.clone(), Arc::clone(&answer), Arc::clone(&self.phrases));
        let until = Instant::now() + self.config.answer_within.get();
        let task = self.tasks.spawn(out.defer("ask"), move |pending| async move {
            let counts = |text: &str| answer::read(text, true, &phrases).is_some_and(|seen| !seen.tags.is_empty());
            let outcome = ask::ask(&remote, body, until, &pending, &counts).await;
            *told.lock() = Some(outcome);
            Ok(Then::Resume)
        });
        let until = out.now() + self.config.answer_within.get() + BACK;
        let asking = Asking { task, until, answer, sequence: arrived.sequence, people, signature };
        self.visits.of(visit).asking = Some(asking);
        Ok(())
    }

    /// A question is back.
    fn answered(&mut self, pending: Pending, out: &mut Output<'_>) -> Result<()> {
        let visit = pending.visit();
        let asked = self.visits.of(visit).answered();
        let waiting = self.visits.of(visit).waiting.take();
        let told = match asked {
            Some((asking, outcome)) => self.use_answer(asking, outcome, out),
            // It was withdrawn meanwhile.
            None => Ok(()),
        };
        // Before the work ends, so that the visit does not close in between.
        let looked = waiting.map(|(arrived, faces)| self.look(visit, &arrived, faces.as_ref(), out));
        match told {
            Ok(()) => pending.finish(),
            Err(error) => pending.fail(error),
        }
        looked.unwrap_or(Ok(()))
    }

    fn use_answer(&mut self, asking: Asking, outcome: Result<Told, Failure>, out: &mut Output<'_>) -> Result<()> {
        let told = match outcome {
            Ok(told) => told,
            Err(failure) => {
                // Once, until it is another one: what is not seen is not missed by anybody who could tell.
                let why = failure.to_string();
                if self.trouble != why && self.remote.refuses().is_none() {
                    tracing::warn!("nothing is seen: {why}");
                }
                self.trouble = why;
                return Err(failure.into());
            }
        };
        if !std::mem::take(&mut self.trouble).is_empty() {
            tracing::info!("{} answers again", self.remote.server());
        }
        self.counted.tokens += told.tokens;
        out.count("tokens", told.tokens);
        if told.cut {
            out.fact("cut", true);
        }
        if let Some(why) = told.silent {
            out.fact("no_scene", why);
            return Ok(());
        }
        let Some(seen) = answer::read(&told.text, told.cut, &self.phrases) else {
            out.fact("no_scene", "not an answer");
            return Ok(());
        };
        self.tell(&seen, asking.sequence, told.tokens, false, out)?;
        // The rest of what was cut is not known, and the next look may see it.
        if let Some(people) = asking.people.filter(|_| !told.cut) {
            self.cache.keep(people, asking.signature, seen, out.now());
        }
        Ok(())
    }

    fn tell(&self, seen: &Seen, frame: u64, tokens: u64, cached: bool, out: &mut Output<'_>) -> Result<()> {
        let scene = Scene {
            frame,
            tags: seen.tags.iter().map(|&place| self.phrases.name(place).to_owned()).collect(),
            observations: answer::observations(seen, &self.phrases, self.free.as_ref()),
            people: seen.people,
            tokens,
            cached,
            ..Scene::default()
        };
        out.fact("tags", scene.tags.len());
        out.emit(output::scene, scene)
    }

    /// Opens a connection before it is needed.
    fn warm(&mut self, now: Time) {
        self.used = now;
        let (remote, ready, warmed) = (self.remote.clone(), self.ready.clone(), Arc::clone(&self.warmed));
        self.tasks.spawn_apart(async move {
            let took = remote
                .warm(&ready)
                .await
                .map_err(|failure| api::Error::from(failure).within("before the first visitor"))?;
            tracing::info!(
                cold_ms = took.cold.as_millis(),
                warm_ms = took.warm.as_millis(),
                "a connection to {} is open",
                remote.server()
            );
            *warmed.lock() = Some(took);
            Ok(())
        });
    }
}

export_stage!(Vision);
