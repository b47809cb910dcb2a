//! A recogniser's own table of the pipeline file: the same keys for every recogniser, so that swapping one is one line.

use std::path::PathBuf;

use majlis_gallery::{Named, Thresholds};
use majlis_plugin_api as api;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::backend::Choice;
use crate::detector::Canvas;
use crate::pack::Card;
use crate::stage::Kind;

/// From which score on it is a possible face, where the operator says nothing. The face of the test data that stands on its head
/// scores 0.38 and is none otherwise; of the pictures of nobody there only pure noise scores as much, and only for YuNet.
const POSSIBLE_FROM: f32 = 0.2;

/// The stage's own table of the pipeline file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("x-renamed" = json!({
    "threshold": "match_threshold", "minimum_face": "min_face_px", "embeddings": "emit_embeddings",
})))]
pub struct Config {
    /// The model pack, or one whose card NAME.toml lies in `folder`. Without it: the plugin's own choice, `buffalo_l` for
    /// insightface and `yunet_sface` for yunet.
    pub(crate) models: Option<String>,
    /// The folder with the pack's files. Without it: where the host keeps models, or majlis/models/NAME in the user's cache.
    #[schemars(extend("format" = "path"))]
    pub(crate) folder: Option<PathBuf>,
    /// Somebody is named whose similarity to an enrolled embedding (a cosine) is at least this. Without it: what the pack's
    /// card says.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(crate) match_threshold: Option<f64>,
    /// Below this similarity a face is nobody's who enrolled; from here to match_threshold it is undecided. Without it: 0.1
    /// less than match_threshold.
    #[schemars(range(min = -1.0, max = 1.0))]
    pub(crate) unknown_threshold: Option<f64>,
    /// By how much the closest person must be closer than the second; otherwise the face is ambiguous.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(crate) margin: f64,
    /// A face whose smaller side is below this, in pixels, is never named.
    #[schemars(range(min = 0.0))]
    pub(crate) min_face_px: f64,
    /// A face with a lower score is poor, and never named.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(crate) min_detection_score: f64,
    /// The score that a face must have to count as one. Without it: 0.5 for insightface and 0.6 for yunet.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(crate) detection_threshold: Option<f64>,
    /// What scores between this and detection_threshold might be a face. It is nobody's and counts as none; who hides faces in
    /// pictures hides it too. Without it: 0.2, or detection_threshold where that is lower.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(crate) possible_from: Option<f64>,
    /// Width and height of the detector's input, in pixels, multiples of 32. Without it: what the model fixes, else 640 x 640.
    pub(crate) detector_size: Option<[usize; 2]>,
    /// `fit` computes no more of that input than a frame's shape needs, where the model allows it; `square` all of it, as
    /// InsightFace does, which takes up to twice as long and differs by less than a quarter of a pixel.
    pub(crate) detector_canvas: Canvas,
    /// At most this many faces in a frame, large and central ones first. Without it: all.
    #[schemars(range(min = 1))]
    pub(crate) max_faces: Option<usize>,
    /// Look for faces in every n-th frame of a stream only; in between their boxes are extrapolated and marked `predicted`.
    #[schemars(range(min = 1, max = 100))]
    pub(crate) detect_every: u32,
    /// In so many looks a face of a stream must be the same person's, or nobody's, before that is said. Without it: 3 for
    /// streams, and 1 for photographs, of which there is one look.
    #[schemars(range(min = 1, max = 32))]
    pub(crate) min_votes: Option<usize>,
    /// What runs the models: `onnxruntime`, or `rten`, which is slower and needs nothing installed. `auto` is ONNX Runtime
    /// where it is found, else rten.
    pub(crate) backend: Choice,
    /// Threads that a model computes with.
    #[schemars(range(min = 1, max = 64))]
    pub(crate) threads: usize,
    /// ONNX Runtime's library. Without it: ORT_DYLIB_PATH, else where `make onnxruntime` puts it.
    #[schemars(extend("format" = "path"))]
    pub(crate) runtime: Option<PathBuf>,
    /// Keep the optimised form of each model in the user's cache, which makes later openings several times faster.
    pub(crate) cache: bool,
    /// People who are enrolled from their photographs when the stage is opened, and kept nowhere.
    pub(crate) people: Vec<Named>,
    /// The store's file for people whom `enrol` enrols, or `none`. Without it: `people`, or `none` where the table names people.
    #[schemars(length(min = 1))]
    pub(crate) gallery: Option<String>,
    /// Other packs for which people are enrolled beside `models`, so that the recogniser can be swapped without enrolling
    /// anybody again. The one in use may be among them.
    pub(crate) enrol_for: Vec<String>,
    /// Keep the upright face of each photograph of people in the store, so that `reindex` can make vectors of another model.
    pub(crate) keep_crops: bool,
    /// Send the embedding of each face along. It identifies a person: leave it off unless a stage needs it.
    pub(crate) emit_embeddings: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            models: None,
            folder: None,
            match_threshold: None,
            unknown_threshold: None,
            margin: 0.05,
            min_face_px: 60.0,
            min_detection_score: 0.6,
            detection_threshold: None,
            possible_from: None,
            detector_size: None,
            detector_canvas: Canvas::Fit,
            max_faces: None,
            detect_every: 1,
            min_votes: None,
            backend: Choice::Auto,
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
    pub(crate) fn kept_in(&self) -> Option<&str> {
        match self.gallery.as_deref() {
            Some("none") => None,
            None if !self.people.is_empty() => None,
            Some(file) => Some(file),
            None => Some("people"),
        }
    }

    /// The score that a face must have.
    pub(crate) fn detection_threshold(&self, kind: &Kind) -> f32 {
        self.detection_threshold.map_or(kind.threshold, |given| given as f32)
    }

    /// The score that a possible face must have.
    pub(crate) fn possible_from(&self, kind: &Kind) -> api::Result<f32> {
        let threshold = self.detection_threshold(kind);
        let possible = self.possible_from.map_or(POSSIBLE_FROM.min(threshold), |given| given as f32);
        if possible > threshold {
            let what = format!(
                "{possible} is above detection_threshold, which is {threshold}: between the two nothing could be a possible face"
            );
            return Err(api::Error::config("possible_from", what));
        }
        Ok(possible)
    }

    /// When a face is named, by the card where the operator says nothing else.
    pub(crate) fn thresholds(&self, card: &Card) -> api::Result<Thresholds> {
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

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn an_empty_table_asks_for_what_the_parts_do_by_themselves() {
        let config: Config = serde_json::from_value(json!({})).unwrap();
        let card = Card::shipped("testdata").unwrap();
        assert_eq!(config.thresholds(&card).unwrap(), Thresholds::of_model(card.match_threshold.unwrap()));
        let detector = crate::detector::Settings::default();
        assert_eq!((config.detection_threshold, config.max_faces), (None, detector.max_faces));
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
    fn what_might_be_a_face_scores_less_than_one() {
        let kind =
            |threshold| Kind { form: "x", recognise: |_| Err((String::new(), String::new())), threshold, pack: "x" };
        let from = |config: Value, threshold: f32| {
            let config = serde_json::from_value::<Config>(config).unwrap();
            config.possible_from(&kind(threshold)).map_err(|error| error.path().to_owned())
        };
        assert_eq!(from(json!({}), 0.5).unwrap(), 0.2);
        assert_eq!(from(json!({ "detection_threshold": 0.15 }), 0.5).unwrap(), 0.15);
        assert_eq!(from(json!({ "possible_from": 0.5 }), 0.5).unwrap(), 0.5);
        assert_eq!(from(json!({ "possible_from": 0.55 }), 0.6).unwrap(), 0.55);
        assert_eq!(from(json!({ "possible_from": 0.55 }), 0.5).unwrap_err(), "possible_from");
        let both = json!({ "possible_from": 0.3, "detection_threshold": 0.25 });
        assert_eq!(from(both, 0.5).unwrap_err(), "possible_from");
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
}
