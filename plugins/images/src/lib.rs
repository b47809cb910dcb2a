//! Photographs of a folder, as a camera: a source of frames without a device.
//!
//! The decision that shapes it: **one picture a wake**. So it keeps to its rate on the host's clock, holds at most one
//! decoded picture, and a host that has no place for another visitor makes it wait instead of losing one.
//!
//! It must never know: who looks at the frames, and what is on them.
#![forbid(unsafe_code)]

mod config;
mod listing;
mod picture;

use std::time::Duration;

use majlis_plugin_api::{
    Error, Event, Flow, Frame, Host, Input, NoVisit, Output, Result, Stage, Time, Value, export_stage, manifest,
};

pub use config::Config;
use listing::{File, Listed};

manifest! {
    name: "images",
    summary: "Photographs of a folder as a camera, or each as a visitor",
    outputs: { frame: Frame },
    capabilities: ["finite"],
    verbs: { "pictures": ("Lists the pictures by number and key, and why one cannot be decoded", "../verbs/pictures.schema.json") },
    schema: "../config.schema.json",
}

/// The stage.
pub struct Images {
    files: Vec<File>,
    /// The next file's place.
    next: usize,
    period: Duration,
    /// When the next picture is due.
    due: Option<Time>,
    endless: bool,
    as_visits: bool,
    live: bool,
    /// A decoded picture that waits for a visit.
    held: Option<Frame>,
    broken: u64,
    /// Whether a picture of this round could be decoded.
    shown: bool,
    over: bool,
}

impl Stage for Images {
    type Config = Config;

    fn open(config: Config, host: &Host) -> Result<Self> {
        config.check()?;
        Ok(Self {
            files: listing::list(&config, host)?,
            next: 0,
            period: Duration::from_secs_f64(1.0 / config.fps),
            due: None,
            endless: config.r#loop,
            as_visits: config.as_visits,
            live: config.live,
            held: None,
            broken: 0,
            shown: false,
            over: false,
        })
    }

    fn process(&mut self, input: Input<'_>, out: &mut Output<'_>) -> Result<Flow> {
        match input {
            Input::Wake { .. } => self.turn(out),
            _ => Ok(Flow::Continue),
        }
    }

    fn event(&mut self, event: Event, _: &mut Output<'_>) -> Result<Flow> {
        if let Event::Drain { .. } = event {
            self.end();
            return Ok(Flow::Ended);
        }
        Ok(Flow::Continue)
    }

    fn control(&mut self, verb: &str, _: Value, host: &Host) -> Result<Value> {
        if verb != "pictures" {
            return Err(Error::unknown_verb(verb));
        }
        let listed = self.files.iter().enumerate().map(|(index, file)| Listed {
            picture: index + 1,
            key: file.key(),
            file: &file.shown,
            broken: picture::read(&file.path, host, true).err().map(|error| error.to_string()),
        });
        Ok(serde_json::to_value(listed.collect::<Vec<_>>())?)
    }
}

impl Images {
    /// One picture.
    fn turn(&mut self, out: &mut Output<'_>) -> Result<Flow> {
        if self.over {
            return Ok(Flow::Ended);
        }
        let frame = self.held.take().or_else(|| self.read(out));
        if let Some(frame) = frame {
            if self.as_visits {
                match out.open_visit() {
                    Ok(visit) => {
                        out.emit(output::frame, frame)?;
                        visit.end();
                    }
                    Err(NoVisit::TooMany) => {
                        self.held = Some(frame);
                        let patience = self.period.clamp(Duration::from_millis(10), Duration::from_secs(1));
                        return Ok(Flow::WakeAt(out.now() + patience));
                    }
                    Err(NoVisit::Draining) => {
                        self.end();
                        return Ok(Flow::Ended);
                    }
                }
            } else {
                out.emit(output::frame, frame)?;
            }
            self.shown = true;
            out.fact("file", self.next + 1);
            out.fact("files", self.files.len());
        }
        Ok(self.go_on(out.now()))
    }

    /// The next picture, or nothing if its file is broken.
    fn read(&mut self, out: &mut Output<'_>) -> Option<Frame> {
        let file = &self.files[self.next];
        match picture::read(&file.path, out.host(), !self.live) {
            Ok(frame) => Some(frame),
            Err(error) => {
                self.broken += 1;
                // Photographs are often named after whom they show, and a log is kept longer than a show. So its number
                // and key stand here, with which the verb names the file to whoever asks.
                let (number, of, key) = (self.next + 1, self.files.len(), file.key());
                // Decoders write several lines, and a line of a log is one.
                let error = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
                tracing::error!(
                    broken = self.broken,
                    "picture {number} of {of} (key {key}) is left out: {error}; the verb `pictures` names its file"
                );
                tracing::debug!(key, "it is {}", file.shown);
                out.fact("broken", self.broken);
                None
            }
        }
    }

    fn go_on(&mut self, now: Time) -> Flow {
        self.next += 1;
        if self.next == self.files.len() {
            if !self.shown {
                tracing::error!("none of the {} pictures can be decoded", self.files.len());
            }
            // A round without a single picture would be repeated in vain for ever.
            if !self.endless || !self.shown {
                self.end();
                return Flow::Ended;
            }
            self.next = 0;
            self.shown = false;
        }
        // From the time that was asked for, so that the rate holds; a turn that came late is not caught up in a burst.
        let due = (self.due.unwrap_or(now) + self.period).max(now);
        self.due = Some(due);
        Flow::WakeAt(due)
    }

    fn end(&mut self) {
        self.over = true;
        self.held = None;
    }
}

export_stage!(Images);
