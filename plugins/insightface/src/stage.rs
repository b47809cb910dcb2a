//! The stage: a frame comes in, the faces in it go out, each with who it is.
//!
//! It answers for every frame, with no face too: *nobody is there* and *nobody could look* are different answers, and the
//! second is an error of the call, which the host tells the stages behind.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use majlis_gallery::{Desk, Named, Picture, Roster, Settings, Thresholds};
use majlis_plugin_api::service::native;
use majlis_plugin_api::{self as api, Event, Faces, Flow, Frame, Host, Input, Output, Stage, Time, Value};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::backend::onnxruntime::{self, OnnxRuntime, Silent, Spawn};
use crate::others::{self, Enrolling, Others};
use crate::pack::{Card, Role};
use crate::{Analyser, Error, Options, input, output, pixels, runtime_path, scrfd};

/// The stage's own table of the pipeline file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("x-renamed" = json!({
    "threshold": "match_threshold", "minimum_face": "min_face_px", "embeddings": "emit_embeddings",
})))]
pub struct Config {
    /// The model pack: `buffalo_l`, `buffalo_s`, `buffalo_sc`, or another one whose card NAME.toml lies in `folder`.
    models: String,
    /// The folder with the pack's files. Without it: where the host keeps models, or majlis/models/NAME in the user's cache.
    #[schemars(extend("format" = "path"))]
    folder: Option<PathBuf>,
    /// Somebody is named whose similarity to an enrolled embedding (a cosine) is at least this. Without it: what the pack's
    /// card says.
    #[schemars(range(min = 0.0, max = 1.0))]
    match_threshold: Option<f64>,
    /// Below this similarity a face is nobody's who enrolled; from here to match_threshold it is undecided. Without it: 0.1
    /// less than match_threshold.
    #[schemars(range(min = -1.0, max = 1.0))]
    unknown_threshold: Option<f64>,
    /// By how much the closest person must be closer than the second; otherwise the face is ambiguous.
    #[schemars(range(min = 0.0, max = 1.0))]
    margin: f64,
    /// A face whose smaller side is below this, in pixels, is never named.
    #[schemars(range(min = 0.0))]
    min_face_px: f64,
    /// A face with a lower score is poor, and never named.
    #[schemars(range(min = 0.0, max = 1.0))]
    min_detection_score: f64,
    /// The score that a face must have to count as one.
    #[schemars(range(min = 0.0, max = 1.0))]
    detection_threshold: f64,
    /// Width and height of the detector's input, in pixels, multiples of 32. Without it: what the model fixes, else 640 x 640.
    detector_size: Option<[usize; 2]>,
    /// At most this many faces in a frame, large and central ones first. Without it: all.
    #[schemars(range(min = 1))]
    max_faces: Option<usize>,
    /// Threads that a model computes with.
    #[schemars(range(min = 1, max = 64))]
    threads: usize,
    /// ONNX Runtime's library. Without it: ORT_DYLIB_PATH, else where `make onnxruntime` puts it.
    #[schemars(extend("format" = "path"))]
    runtime: Option<PathBuf>,
    /// Keep the optimised form of each model in the user's cache, which makes later openings several times faster.
    cache: bool,
    /// People who are enrolled from their photographs when the stage is opened, and kept nowhere.
    people: Vec<Named>,
    /// The store's file for people whom `enrol` enrols, or `none`. Without it: `people`, or `none` where the table names people.
    #[schemars(length(min = 1))]
    gallery: Option<String>,
    /// Other packs for which people are enrolled beside `models`, so that the recogniser can be swapped without enrolling
    /// anybody again.
    enrol_for: Vec<String>,
    /// Keep the upright face of each photograph of people in the store, so that `reindex` can make vectors of another model.
    keep_crops: bool,
    /// Send the embedding of each face along. It identifies a person: leave it off unless a stage needs it.
    emit_embeddings: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            models: "buffalo_l".into(),
            folder: None,
            match_threshold: None,
            unknown_threshold: None,
            margin: 0.05,
            min_face_px: 60.0,
            min_detection_score: 0.6,
            detection_threshold: 0.5,
            detector_size: None,
            max_faces: None,
            threads: 1,
            runtime: None,
            cache: true,
            people: Vec::new(),
            gallery: None,
            enrol_for: Vec::new(),
            keep_crops: false,
            emit_embeddings: false,
        }
    }
}

impl Config {
    /// The file of the store, if people are kept at all.
    fn kept_in(&self) -> Option<&str> {
        match self.gallery.as_deref() {
            Some("none") => None,
            None if !self.people.is_empty() => None,
            Some(file) => Some(file),
            None => Some("people"),
        }
    }

    /// When a face is named, by the card where the operator says nothing else.
    fn thresholds(&self, card: &Card) -> api::Result<Thresholds> {
        let known = self.match_threshold.map(|given| given as f32).or(card.match_threshold).ok_or_else(|| {
            let what =
                format!("the card of the pack `{}` does not say from which similarity on somebody is known", card.name);
            api::Error::config("match_threshold", what)
        })?;
        let of_model = Thresholds::of_model(known);
        let unknown = self.unknown_threshold.map_or(of_model.unknown_threshold, |given| given as f32);
        if unknown > known {
            let what = format!("{unknown} is above match_threshold, which is {known}");
            return Err(api::Error::config("unknown_threshold", what));
        }
        Ok(Thresholds {
            match_threshold: known,
            unknown_threshold: unknown,
            min_face_px: self.min_face_px as f32,
            min_detection_score: self.min_detection_score as f32,
            margin: self.margin as f32,
        })
    }
}

/// The stage.
pub struct InsightFace {
    analyser: Analyser,
    others: Others,
    desk: Desk,
    scratch: Vec<u8>,
}

impl Stage for InsightFace {
    type Config = Config;

    fn open(config: Config, host: &Host) -> api::Result<Self> {
        let (card, folders) = pack(&config.models, config.folder.as_deref(), host)
            .map_err(|error| api::Error::config("models", error))?;
        let others = others(&config, host)?;
        let thresholds = config.thresholds(&card)?;
        // Looked for before the runtime is opened: what is missing is told without waiting.
        for role in [Role::Detector, Role::Recogniser] {
            card.locate(role, &folders).map_err(told)?;
        }
        let roster = Roster::begin(&config.people, host)?;
        let runtime = runtime(&config, host)?;
        if !card.commercial {
            tracing::warn!(
                pack = card.name,
                licence = card.licence,
                "these models must not be used at a commercial exhibition"
            );
        }
        let options = Options {
            detector: scrfd::Settings {
                size: config.detector_size.map(|[width, height]| (width, height)),
                threshold: config.detection_threshold as f32,
                max_faces: config.max_faces,
                ..scrfd::Settings::default()
            },
            // A stage behind that wants embeddings gets all of them; otherwise none is made that cannot name anybody.
            minimum_side: if config.emit_embeddings { 0.0 } else { thresholds.min_face_px },
        };
        let mut analyser = Analyser::open(&runtime, &card, &folders, options).map_err(told)?;
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
        tracing::info!(pack = card.name, named, stored, "ready");
        Ok(Self { analyser, others, desk, scratch: Vec::new() })
    }

    fn process(&mut self, input: Input<'_>, out: &mut Output<'_>) -> api::Result<Flow> {
        let Input::Packet(packet) = input else {
            return Ok(Flow::Continue);
        };
        let Some(frame) = packet.get(input::frame)? else {
            return Ok(Flow::Continue);
        };
        let faces = self.faces(&frame, packet.sequence(), out).map_err(told)?;
        out.emit(output::faces, faces)?;
        // After the answer: who waits to be greeted does not wait for somebody who enrols.
        self.attend(&frame, packet.time());
        Ok(Flow::Continue)
    }

    fn event(&mut self, event: Event, _: &mut Output<'_>) -> api::Result<Flow> {
        if let Event::VisitOpened(_) = event {
            // Whoever has just enrolled, or asked to be forgotten, and then steps before the camera.
            self.desk.look();
        }
        Ok(Flow::Continue)
    }

    fn control(&mut self, verb: &str, args: Value, host: &Host) -> api::Result<Value> {
        let mut recogniser = Enrolling { analyser: &mut self.analyser, others: &mut self.others };
        self.desk.control(verb, args, host, &mut recogniser)
    }
}

impl InsightFace {
    /// Shows the frame to whoever is being enrolled before the camera.
    fn attend(&mut self, frame: &Frame, at: Time) {
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

    fn faces(&mut self, frame: &Frame, sequence: u64, out: &mut Output<'_>) -> Result<Faces, Error> {
        let image = pixels::rgb(frame, &mut self.scratch)?;
        let found = self.analyser.analyse_in_steps(&image, |step| out.step(step))?;
        out.step("match");
        let (faces, tally) = self.desk.decide(found, frame.width(), frame.height());
        out.fact("faces", tally.faces);
        if tally.faces > 0 {
            out.fact("matched", tally.confidence.is_some());
        }
        if let Some(confidence) = tally.confidence {
            out.fact("confidence", format!("{confidence:.2}"));
            out.milestone("recognised");
        }
        Ok(Faces { width: frame.width(), height: frame.height(), frame: sequence, faces, extra: api::Extra::default() })
    }
}

fn variable(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name)
}

/// The card of a pack, and where its files may lie: in `folder`, where that is said.
fn pack(name: &str, folder: Option<&Path>, host: &Host) -> Result<(Card, Vec<PathBuf>), String> {
    let mut folders: Vec<PathBuf> = Vec::new();
    match folder {
        Some(folder) => folders.push(host.path(folder)),
        None => {
            folders.extend(host.model(name).ok());
            folders.extend(runtime_path::cache(&variable).map(|cache| cache.join("models").join(name)));
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
            "the model pack `{name}` is not known, and there is no card {file} in the folder of its models"
        )),
    }
}

/// The packs that are enrolled for: beside the folder of the one in use, if that is said, else where packs are.
fn others(config: &Config, host: &Host) -> api::Result<Vec<(Card, Vec<PathBuf>)>> {
    let other = |(at, name): (usize, &String)| {
        let wrong = |what: String| api::Error::config(others::place(at), what);
        if *name == config.models || config.enrol_for[..at].contains(name) {
            return Err(wrong(format!("people are enrolled for `{name}` already")));
        }
        let beside = config.folder.as_ref().map(|folder| folder.with_file_name(name));
        let beside = beside.filter(|folder| host.path(folder).is_dir());
        pack(name, beside.as_deref(), host).map_err(wrong)
    };
    config.enrol_for.iter().enumerate().map(other).collect()
}

fn runtime(config: &Config, host: &Host) -> api::Result<OnnxRuntime> {
    let configured = config.runtime.as_ref().map(|path| host.path(path));
    let path = runtime_path::find(configured.as_deref(), variable).map_err(told)?;
    // Before the host opens it, which is the first time in this process.
    let silent = Silent::check(&path).map_err(told)?;
    let path = native::open(host, "onnxruntime", silent.path(), None)?;
    let silent = if path == silent.path() { silent } else { Silent::check(&path).map_err(told)? };
    let threads = host.clone();
    let spawn: Spawn = Arc::new(move |work| threads.spawn("onnx", work).map_err(|error| error.to_string()));
    let cache = runtime_path::cache(&variable).filter(|_| config.cache).map(|cache| cache.join("optimised"));
    OnnxRuntime::open_silent(&silent, onnxruntime::Options { threads: config.threads, cache, spawn: Some(spawn) })
        .map_err(told)
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
    fn an_empty_table_asks_for_what_the_parts_do_by_themselves() {
        let config: Config = serde_json::from_value(json!({})).unwrap();
        let card = Card::shipped("testdata").unwrap();
        assert_eq!(config.thresholds(&card).unwrap(), Thresholds::of_model(card.match_threshold.unwrap()));
        let detector = scrfd::Settings::default();
        assert_eq!((config.detection_threshold as f32, config.max_faces), (detector.threshold, detector.max_faces));
        assert_eq!(config.kept_in(), Some("people"));
    }

    #[test]
    fn where_people_are_named_the_store_is_used_only_if_its_file_is_named_too() {
        let kept_in = |gallery: serde_json::Value| {
            let people = json!([{ "id": "p1", "name_latin": "N", "photos": ["a.jpg"], "consent": "in writing" }]);
            let config: Config = serde_json::from_value(json!({ "people": people, "gallery": gallery })).unwrap();
            config.kept_in().map(str::to_owned)
        };
        assert_eq!(kept_in(json!(null)), None);
        assert_eq!(kept_in(json!("none")), None);
        assert_eq!(kept_in(json!("people")), Some("people".into()));
    }

    #[test]
    fn thresholds_are_the_cards_unless_the_operator_says_otherwise() {
        let thresholds = |config: Value, card: &Card| {
            serde_json::from_value::<Config>(config).unwrap().thresholds(card).map_err(|error| error.path().to_owned())
        };
        let mut card = Card::shipped("buffalo_l").unwrap();
        assert_eq!(thresholds(json!({}), &card).unwrap().match_threshold, 0.4);
        let own = thresholds(json!({ "match_threshold": 0.5, "unknown_threshold": 0.45 }), &card).unwrap();
        assert_eq!((own.match_threshold, own.unknown_threshold), (0.5, 0.45));
        assert_eq!(thresholds(json!({ "unknown_threshold": 0.45 }), &card).unwrap_err(), "unknown_threshold");
        card.match_threshold = None;
        assert_eq!(thresholds(json!({}), &card).unwrap_err(), "match_threshold");
        assert_eq!(thresholds(json!({ "match_threshold": 0.5 }), &card).unwrap().unknown_threshold, 0.4);
    }

    #[test]
    fn an_error_tells_what_to_do_and_its_code() {
        let error = told(Error::RuntimeMissing { looked: vec!["/a".into()] }).to_string();
        assert!(
            error.contains("/a")
                && error.contains("make onnxruntime")
                && error.ends_with("(insightface.runtime-missing)"),
            "{error}"
        );
    }
}
