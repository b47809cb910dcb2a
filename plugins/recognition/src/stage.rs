//! What the stage of every recogniser does: a frame comes in, the faces in it go out, each with who it is.
//!
//! It answers for every frame, with no face too: *nobody is there* and *nobody could look* are different answers, and the
//! second is an error of the call, which the host tells the stages behind.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use majlis_gallery::{Desk, Picture, Roster, Settings};
use majlis_plugin_api::{self as api, Event, Faces, Frame, Host, Output, Packet, PossibleFace, Time, Value, VisitId};

use crate::config::Config;
use crate::detector::{self, Recognise};
use crate::following::{Following, Stream};
use crate::others::{self, Enrolling, Others};
use crate::pack::Card;
use crate::{Analyser, Error, Options, Result, backend, pixels, runtime_path};

/// What makes one recogniser another than the next.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// The word for its detectors in model cards.
    pub form: &'static str,
    /// Reads what a detector of that form declares.
    pub recognise: Recognise,
    /// The score that a face must have to count as one, where the configuration says nothing.
    pub threshold: f32,
    /// The pack that it takes where the configuration names none.
    pub pack: &'static str,
}

/// A recogniser that is open; a plugin's stage is made of one.
pub struct Recognition {
    analyser: Analyser,
    others: Others,
    desk: Desk,
    following: Following,
    /// Packets of no visit are one stream.
    streams: HashMap<Option<VisitId>, Stream>,
    scratch: Vec<u8>,
}

impl Recognition {
    /// Loads the pack and opens the gallery.
    ///
    /// # Errors
    /// What the operator should read: a pack or a runtime that is missing or does not fit, people without consent, the store.
    pub fn open(config: &Config, host: &Host, kind: &Kind) -> api::Result<Self> {
        let name = config.models.as_deref().unwrap_or(kind.pack);
        let (card, folders) =
            pack(name, config.folder.as_deref(), host).map_err(|error| api::Error::config("models", error))?;
        let others = others(config, name, host)?;
        let thresholds = config.thresholds(&card)?;
        // Looked for before the runtime is opened: what is missing is told without waiting.
        card.detector(kind.form, &folders).and_then(|_| card.recogniser(&folders)).map_err(|error| match error {
            // A pack for another plugin: what has to change is its name.
            Error::Role { .. } => api::Error::config("models", told(error).to_string()),
            error => told(error),
        })?;
        let roster = Roster::begin(&config.people, host)?;
        let runtime = backend::open(config, host)?;
        if !card.commercial {
            tracing::warn!(
                pack = card.name,
                licence = card.licence,
                "these models must not be used at a commercial exhibition"
            );
        }
        let options = Options {
            detector: detector::Settings {
                size: config.detector_size.map(|[width, height]| (width, height)),
                canvas: config.detector_canvas,
                threshold: config.detection_threshold(kind),
                possible_from: config.possible_from(kind)?,
                max_faces: config.max_faces,
                ..detector::Settings::default()
            },
            // A stage behind that wants embeddings gets all of them; otherwise none is made that cannot name anybody.
            minimum_side: if config.emit_embeddings { 0.0 } else { thresholds.min_face_px },
        };
        let mut analyser = Analyser::open(&*runtime, &card, kind, &folders, options).map_err(told)?;
        let backend = runtime.name();
        let others = Others::new(runtime, others)?;
        let named = roster.enrol(&mut analyser, &thresholds)?;
        let settings = Settings {
            thresholds,
            file: config.kept_in().map(str::to_owned),
            keep_crops: config.keep_crops,
            emit_embeddings: config.emit_embeddings,
            pack: card.name.clone(),
        };
        let desk = Desk::open(host, settings, named)?;
        let (named, stored) = desk.counts();
        tracing::info!(pack = card.name, title = card.title, backend, named, stored, "ready");
        let following = Following::new(config);
        Ok(Self { analyser, others, desk, following, streams: HashMap::new(), scratch: Vec::new() })
    }

    /// The faces in the frame that `packet` holds. Steps and facts of it go to the call's line.
    ///
    /// # Errors
    /// The frame cannot be searched, or a model failed.
    pub fn faces(&mut self, packet: &Packet<'_>, frame: &Frame, out: &mut Output<'_>) -> api::Result<Faces> {
        self.look(packet, frame, out).map_err(told)
    }

    /// Shows the frame, taken at `at`, to whoever is being enrolled before the camera. To be called when the frame's faces are
    /// sent: who waits to be greeted does not wait for somebody who enrols.
    pub fn attend(&mut self, frame: &Frame, at: Time) {
        if !self.desk.is_asked() {
            return self.others.close();
        }
        // It was read before: there is no frame here that cannot be.
        let Ok(image) = pixels::rgb(frame, &mut self.scratch) else { return };
        // A verb's picture has rows without a gap; a frame's may have one.
        let rgb: Vec<u8> = (0..image.height()).flat_map(|y| image.row(y)).copied().collect();
        let picture = Picture { rgb: &rgb, width: image.width(), height: image.height() };
        let mut recogniser = Enrolling { analyser: &mut self.analyser, others: &mut self.others };
        self.desk.attend(&picture, at, &mut recogniser);
    }

    /// To be told of every event of the stage.
    pub fn event(&mut self, event: &Event) {
        match event {
            // Whoever has just enrolled, or asked to be forgotten, and then steps before the camera.
            Event::VisitOpened(_) => self.desk.look(),
            // What was seen of a visitor ends with the visit.
            Event::VisitClosed(visit, _) => drop(self.streams.remove(&Some(*visit))),
            _ => {}
        }
    }

    /// Does a verb of [`crate::gallery::verbs`].
    ///
    /// # Errors
    /// What the operator should read.
    pub fn control(&mut self, verb: &str, args: Value, host: &Host) -> api::Result<Value> {
        let mut recogniser = Enrolling { analyser: &mut self.analyser, others: &mut self.others };
        self.desk.control(verb, args, host, &mut recogniser)
    }

    fn look(&mut self, packet: &Packet<'_>, frame: &Frame, out: &mut Output<'_>) -> Result<Faces> {
        let image = pixels::rgb(frame, &mut self.scratch)?;
        let (width, height) = (frame.width(), frame.height());
        let (faces, tally, possible, extrapolated) = if frame.is_still() && !self.following.is_asked_for_stills() {
            out.step("detect");
            let found = self.analyser.search(&image)?;
            if !found.faces.is_empty() {
                out.step("embed");
            }
            let faces = self.analyser.embed(&image, found.faces)?;
            out.step("match");
            let (faces, tally) = self.desk.decide(faces, width, height);
            (faces, tally, found.possible, false)
        } else {
            let stream = self.streams.entry(packet.visit()).or_default();
            // Before the frame, because it decides which faces are looked at.
            self.desk.review(stream.outdated(self.desk.edition()));
            let look =
                self.following.frame(stream, &mut self.analyser, &image, packet.time(), |step| out.step(step))?;
            out.step("match");
            let (faces, tally) = self.desk.decide_followed(look.faces, self.following.min_votes(), width, height);
            (faces, tally, look.possible, look.extrapolated)
        };
        out.fact("faces", tally.faces);
        if tally.faces > 0 {
            out.fact("matched", tally.confidence.is_some());
        }
        if let Some(confidence) = tally.confidence {
            out.fact("confidence", format!("{confidence:.2}"));
            out.milestone("recognised");
        }
        let possible = possible.into_iter().map(|face| PossibleFace { bbox: face.bbox, score: face.score }).collect();
        Ok(Faces { width, height, frame: packet.sequence(), extrapolated, faces, possible, ..Faces::default() })
    }
}

/// The card of a pack, and where its files may lie: in `folder`, where that is said.
fn pack(name: &str, folder: Option<&Path>, host: &Host) -> Result<(Card, Vec<PathBuf>), String> {
    let mut folders: Vec<PathBuf> = Vec::new();
    match folder {
        Some(folder) => folders.push(host.path(folder)),
        None => {
            folders.extend(host.model(name).ok());
            folders.extend(runtime_path::cache(&runtime_path::variable).map(|cache| cache.join("models").join(name)));
        }
    }
    if let Some(card) = Card::shipped(name) {
        return Ok((card, folders));
    }
    let file = format!("{name}.toml");
    let card = folders
        .iter()
        .flat_map(|folder| [folder.join(&file), folder.with_file_name(&file)])
        .find(|card| card.is_file());
    match card {
        Some(card) => Ok((Card::read(&card).map_err(|error| told(error).to_string())?, folders)),
        None => Err(format!(
            "the model pack `{name}` is not known, and there is no card {file} in the folder of its models; `majlis models \
             list` shows those that are"
        )),
    }
}

/// The packs that are enrolled for: beside the folder of the one in use, if that is said, else where packs are. The one in use
/// may be named too, so that swapping is one line; it is passed over.
fn others(config: &Config, in_use: &str, host: &Host) -> api::Result<Vec<others::Wanted>> {
    let other = |(at, name): (usize, &String)| {
        let wrong = |what: String| api::Error::config(others::place(at), what);
        if config.enrol_for[..at].contains(name) {
            return Some(Err(wrong(format!("`{name}` is named twice"))));
        }
        if name == in_use {
            return None;
        }
        let beside = config.folder.as_ref().map(|folder| folder.with_file_name(name));
        let beside = beside.filter(|folder| host.path(folder).is_dir());
        let found = pack(name, beside.as_deref(), host).map_err(wrong);
        Some(found.map(|(card, folders)| others::Wanted { at, card, folders }))
    };
    config.enrol_for.iter().enumerate().filter_map(other).collect()
}

/// An error in the operator's words: what, what to do, and the code.
pub(crate) fn told(error: Error) -> api::Error {
    let remedy = error.remedy().map(|remedy| format!("; {remedy}")).unwrap_or_default();
    api::Error::new(format!("{error}{remedy} ({})", error.code()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_tells_what_to_do_and_its_code() {
        let error = told(Error::RuntimeMissing { looked: vec!["/a".into()] }).to_string();
        assert!(
            error.contains("/a")
                && error.contains("make onnxruntime")
                && error.ends_with("(recognition.runtime-missing)"),
            "{error}"
        );
    }
}
