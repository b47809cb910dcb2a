//! The stage: a frame comes in, the faces in it go out, each with who it is.
//!
//! It answers for every frame, with no face too: *nobody is there* and *nobody could look* are different answers, and the
//! second is an error of the call, which the host tells the stages behind.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use majlis_plugin_api::service::{native, store};
use majlis_plugin_api::{self as api, Event, Faces, Flow, Frame, Host, Input, Output, Stage, Time, Value};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::backend::onnxruntime::{self, OnnxRuntime, Silent, Spawn};
use crate::consent::Timestamp;
use crate::gallery::{Gallery, Identity, Policy};
use crate::named::{Named, Roster};
use crate::pack::{Card, Role};
use crate::people::People;
use crate::photograph::Photograph;
use crate::verbs::{Add, Forget, List, Place, arguments, listed};
use crate::{Analyser, Error, Face, Options, input, output, pixels, runtime_path, scrfd};

/// How long the gallery in memory may be behind the store.
const GALLERY_AGE: Duration = Duration::from_secs(2);

/// The stage's own table of the pipeline file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The model pack: `buffalo_l`, `buffalo_s`, `buffalo_sc`, or another one whose card NAME.toml lies in `folder`.
    models: String,
    /// The folder with the pack's files. Without it: where the host keeps models, or majlis/models/NAME in the user's cache.
    #[schemars(extend("format" = "path"))]
    folder: Option<PathBuf>,
    /// A person is named when the cosine with an enrolled embedding is above this.
    #[schemars(range(min = 0.0, max = 1.0))]
    threshold: f64,
    /// A face whose smaller side is below this, in pixels, is never named.
    #[schemars(range(min = 0.0))]
    minimum_face: f64,
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
    /// The store's file for people whom `add` enrols, or `none`. Without it: `people`, or `none` where the table names people.
    #[schemars(length(min = 1))]
    gallery: Option<String>,
    /// Send the embedding of each face along. It identifies a person: leave it off unless a stage needs it.
    embeddings: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            models: "buffalo_l".into(),
            folder: None,
            threshold: 0.4,
            minimum_face: 60.0,
            detection_threshold: 0.5,
            detector_size: None,
            max_faces: None,
            threads: 1,
            runtime: None,
            cache: true,
            people: Vec::new(),
            gallery: None,
            embeddings: false,
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
}

/// The stage.
pub struct InsightFace {
    analyser: Analyser,
    /// Whom the pipeline file names.
    named: Gallery,
    /// Who is enrolled in the store, where there is one.
    people: Option<People>,
    looked: Time,
    embeddings: bool,
    scratch: Vec<u8>,
}

impl Stage for InsightFace {
    type Config = Config;

    fn open(config: Config, host: &Host) -> api::Result<Self> {
        let policy = Policy { threshold: config.threshold as f32, minimum_side: config.minimum_face as f32 };
        let (card, folders) = pack(&config, host)?;
        // Looked for before the runtime is opened: what is missing is told without waiting.
        for role in [Role::Detector, Role::Recogniser] {
            card.locate(role, &folders).map_err(told)?;
        }
        let roster = Roster::begin(&config.people, today(), host)?;
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
            minimum_side: if config.embeddings { 0.0 } else { policy.minimum_side },
        };
        let mut analyser = Analyser::open(&runtime, &card, &folders, options).map_err(told)?;
        let named = roster.enrol(&mut analyser, policy)?;
        let people = config.kept_in().map(|file| People::open(host, file, analyser.model(), policy)).transpose()?;
        let stored = people.as_ref().map_or(0, |people| people.gallery().people().len());
        tracing::info!(pack = card.name, named = named.people().len(), stored, "ready");
        Ok(Self { analyser, named, people, looked: host.now(), embeddings: config.embeddings, scratch: Vec::new() })
    }

    fn process(&mut self, input: Input<'_>, out: &mut Output<'_>) -> api::Result<Flow> {
        let Input::Packet(packet) = input else {
            return Ok(Flow::Continue);
        };
        let Some(frame) = packet.get(input::frame)? else {
            return Ok(Flow::Continue);
        };
        if out.now().since(self.looked) >= GALLERY_AGE {
            self.looked = out.now();
            self.follow_store()?;
        }
        let faces = self.faces(&frame, packet.sequence(), out).map_err(told)?;
        out.emit(output::faces, faces)?;
        Ok(Flow::Continue)
    }

    fn event(&mut self, event: Event, out: &mut Output<'_>) -> api::Result<Flow> {
        if let Event::VisitOpened(_) = event {
            // Whoever has just enrolled, or asked to be forgotten, and then steps before the camera.
            self.looked = out.now();
            self.follow_store()?;
        }
        Ok(Flow::Continue)
    }

    fn control(&mut self, verb: &str, args: Value, host: &Host) -> api::Result<Value> {
        self.follow_store()?;
        match verb {
            "add" => self.add(&arguments(args)?, host),
            "list" => {
                let List {} = arguments(args)?;
                let mut galleries = vec![(Place::Pipeline, &self.named)];
                galleries.extend(self.people.as_ref().map(|people| (Place::Store, people.gallery())));
                Ok(listed(&galleries, today()))
            }
            "forget" => {
                let Forget { id } = arguments(args)?;
                self.forget(&id, host)
            }
            other => Err(api::Error::unknown_verb(other)),
        }
    }
}

impl InsightFace {
    fn follow_store(&mut self) -> api::Result<()> {
        match &mut self.people {
            Some(people) => people.follow(),
            None => Ok(()),
        }
    }

    fn identify(&self, face: &Face, now: Timestamp) -> Identity<'_> {
        let named = self.named.identify(face, now);
        match &self.people {
            Some(people) => named.or_closer(people.gallery().identify(face, now)),
            None => named,
        }
    }

    fn faces(&mut self, frame: &Frame, sequence: u64, out: &mut Output<'_>) -> Result<Faces, Error> {
        let image = pixels::rgb(frame, &mut self.scratch)?;
        let found = self.analyser.analyse_in_steps(&image, |step| out.step(step))?;
        out.step("match");
        let now = today();
        let mut confidence = None;
        let faces: Vec<api::Face> = found
            .into_iter()
            .map(|face| {
                let (identity, similarity) = match self.identify(&face, now) {
                    Identity::Known { person, similarity } => {
                        confidence = confidence.max(Some(ordered(similarity)));
                        (api::Identity::Known(person_of(person, now)), Some(similarity))
                    }
                    Identity::Unknown { similarity } => (api::Identity::Unknown, similarity),
                    Identity::Undecided => (api::Identity::Undecided, None),
                    Identity::TooSmall { .. } => (api::Identity::TooSmall, None),
                };
                api::Face {
                    bbox: face.detection.bbox,
                    score: face.detection.score,
                    key_points: face.detection.key_points.map_or_else(Vec::new, Vec::from),
                    identity,
                    similarity,
                    embedding: face
                        .embedding
                        .filter(|_| self.embeddings)
                        .map_or_else(Vec::new, |embedding| embedding.unit),
                    extra: api::Extra::default(),
                }
            })
            .collect();
        out.fact("faces", faces.len());
        if !faces.is_empty() {
            out.fact("matched", confidence.is_some());
        }
        if let Some(confidence) = confidence {
            out.fact("confidence", format!("{:.2}", f64::from(confidence) / 1e6));
            out.milestone("recognised");
        }
        Ok(Faces { width: frame.width(), height: frame.height(), frame: sequence, faces, extra: api::Extra::default() })
    }

    fn add(&mut self, add: &Add, host: &Host) -> api::Result<Value> {
        let Some(people) = &mut self.people else {
            return Err(api::Error::config(
                "gallery",
                "this stage keeps nobody: name its `gallery`, or add the person to `people` in the pipeline file",
            ));
        };
        let person = add.person(today())?;
        if self.named.people().iter().any(|named| named.id == person.id) {
            return Err(api::Error::config("id", "the pipeline file names a person with this id in `people`"));
        }
        let photograph = Photograph::open(&host.path(&add.photo))?;
        let view = photograph.view().map_err(told)?;
        let mut faces = self.analyser.detect_all(&view).map_err(told)?;
        let (Some(face), 0) = (faces.pop(), faces.len()) else {
            return Err(api::Error::new(format!(
                "the photograph shows {} faces; it must show the person's and no other",
                if faces.is_empty() { 0 } else { faces.len() + 1 }
            )));
        };
        let face = self.analyser.embed(&view, face).map_err(told)?;
        let template = people.gallery().template(&face).map_err(told)?;
        people.add(&person, &template)?;
        Ok(
            json!({ "id": person.id, "face_px": face.detection.smaller_side().round(), "people": people.gallery().people().len() }),
        )
    }

    fn forget(&mut self, id: &str, host: &Host) -> api::Result<Value> {
        if let Some(people) = &mut self.people {
            people.forget(id);
        }
        let named = self.named.forget(id);
        // Also without a gallery: other stages may have kept something of the person.
        let rows = store::erase(host, id)?;
        self.follow_store()?;
        match (named, rows) {
            (true, _) => Err(api::Error::new(format!(
                "{rows} rows of the store were erased, but the pipeline file names `{id}`: take the entry out of the stage's \
                 `people`, delete the photographs, and start the show anew"
            ))),
            (false, 0) => Err(api::Error::new("nobody with this id is enrolled")),
            (false, rows) => Ok(json!({ "id": id, "erased_rows": rows })),
        }
    }
}

/// A cosine as a number that can be ordered, in millionths.
fn ordered(similarity: f32) -> i32 {
    (similarity * 1e6) as i32
}

/// What the stages behind learn of a person, with what the person agreed to.
fn person_of(person: &crate::gallery::Person, now: Timestamp) -> api::Person {
    let consent = &person.consent;
    let allowed = json!({ "announce": consent.allows_announcement(now), "name_sent_to": consent.name_sent_to });
    api::Person {
        id: person.id.clone(),
        name_ar: person.names.arabic.clone(),
        name_speak: person.names.spoken.clone(),
        name_latin: person.names.latin.clone(),
        extra: serde_json::from_value(allowed).unwrap_or_default(),
    }
}

/// The calendar's time: consent ends on a day, and the host's clock knows none.
fn today() -> Timestamp {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn variable(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name)
}

/// The card of the configured pack, and where its files may lie.
fn pack(config: &Config, host: &Host) -> api::Result<(Card, Vec<PathBuf>)> {
    let name = &config.models;
    let mut folders: Vec<PathBuf> = Vec::new();
    match &config.folder {
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
        Some(card) => Ok((Card::read(&card).map_err(told)?, folders)),
        None => Err(api::Error::config(
            "models",
            format!("the model pack `{name}` is not known, and there is no card {file} in the folder of its models"),
        )),
    }
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
        let (policy, detector) = (Policy::default(), scrfd::Settings::default());
        assert_eq!((config.threshold as f32, config.minimum_face as f32), (policy.threshold, policy.minimum_side));
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
