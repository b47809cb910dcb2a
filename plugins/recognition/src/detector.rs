//! What finds faces in a frame, as far as all detectors are alike: a frame goes in, boxes come out.
//!
//! A frame is scaled into the top left corner of the network's input and the rest stays black. What the network's answers
//! stand for is its [`Form`]: SCRFD's, YuNet's, or another one's.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::backend::{Model, Port, Tensor};
use crate::error::{Error, Result};
use crate::face::Detection;
use crate::image::Rgb8;
use crate::nms::{BBox, suppress};
use crate::resize::Resizer;

/// How much of the network's input a frame that is not square leaves black.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Canvas {
    /// A margin beside the frame and no more, where the graph leaves its size open: of a frame of 640 x 480 a fifth less is
    /// computed, of a narrow portrait half. What is found differs from `square` by what the border of a convolution does: on the test
    /// photographs by at most 0.2 px and 0.0015 of the score.
    #[default]
    Fit,
    /// All that is left of a square, as InsightFace does it.
    Square,
}

/// What one may choose about detection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Width and height of the network's input, px. None: what the graph fixes, else 640 x 640.
    pub size: Option<(usize, usize)>,
    /// What of it is computed for a frame of another shape.
    pub canvas: Canvas,
    /// The score that a face must have at least, 0 to 1.
    pub threshold: f32,
    /// From this score to `threshold` it is a possible face. `threshold` itself: there are none.
    pub possible_from: f32,
    /// Of two boxes that overlap more than this (intersection over union), the worse one goes.
    pub overlap: f32,
    /// At most this many faces, large and central ones first. None: all.
    pub max_faces: Option<usize>,
}

impl Default for Settings {
    /// InsightFace's own, but for the canvas; it has no possible faces.
    fn default() -> Self {
        Self { size: None, canvas: Canvas::Fit, threshold: 0.5, possible_from: 0.5, overlap: 0.4, max_faces: None }
    }
}

/// Of what might be a face at most this many are looked at, best first: a picture full of it costs a millisecond more and not
/// a second.
const MOST_POSSIBLE: usize = 1000;

/// What there is in a frame.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// The faces: best score first, or by size and place where [`Settings::max_faces`] left some out.
    pub faces: Vec<Detection>,
    /// What scores less than a face, best first, and before it the faces that [`Settings::max_faces`] left out.
    pub possible: Vec<Detection>,
}

/// What was expected and what was found.
pub type Misfit = (String, String);

/// How a network wants its pixels: `(value - mean) * scale`, values from 0 to 255.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pixels {
    /// Subtracted first.
    pub mean: f32,
    /// Multiplied by then.
    pub scale: f32,
    /// Planes in the order B, G, R instead of R, G, B.
    pub bgr: bool,
}

/// What the outputs of a detector stand for.
pub trait Form: Send {
    /// How the network wants its pixels.
    fn pixels(&self) -> Pixels;

    /// Whether it gives key points, without which nobody can be recognised.
    fn key_points(&self) -> bool;

    /// Both sides of the input must be multiples of this, px.
    fn stride(&self) -> usize;

    /// Adds what scores at least `threshold` to `found`, in pixels of the frame. `size` is the input's width and height, px,
    /// and `scale` how many of its pixels a pixel of the frame is.
    ///
    /// # Errors
    /// When the outputs are not those that the graph declared.
    fn decode(
        &self,
        outputs: &[Tensor<'_>],
        size: (usize, usize),
        scale: f32,
        threshold: f32,
        found: &mut Vec<Detection>,
    ) -> Result<(), Misfit>;
}

/// Looks at what a graph declares of its outputs, and says which form they have.
pub type Recognise = fn(outputs: &[Port]) -> Result<Box<dyn Form>, Misfit>;

/// A detector: a graph, its form, and the buffers that it needs for a frame.
pub struct Detector {
    model: Box<dyn Model>,
    settings: Settings,
    form: Box<dyn Form>,
    /// The most that the network's input may be, px.
    whole: (usize, usize),
    /// Which side of the input the graph leaves open: width, height.
    open: (bool, bool),
    /// What the blob is the input of, px.
    width: usize,
    height: usize,
    blob: Vec<f32>,
    /// Size of the picture that the blob holds; outside of it the blob is black.
    pasted: (usize, usize),
    resizer: Resizer,
    found: Vec<Detection>,
}

impl Detector {
    /// Takes a graph as a detector.
    ///
    /// # Errors
    /// [`Error::ModelShape`] when it is none, [`Error::DetectorSize`] when it cannot work at the size that is asked for.
    pub fn new(model: Box<dyn Model>, form: Recognise, settings: Settings) -> Result<Self> {
        let form = form(model.outputs()).map_err(|(expected, found)| misfit(&*model, expected, found))?;
        let fixed = image_input(&*model)?;
        let (width, height) = size(settings.size, fixed, form.stride())?;
        let blob = vec![black(form.pixels()); 3 * width * height];
        Ok(Self {
            model,
            settings,
            form,
            whole: (width, height),
            open: (fixed.0.is_none(), fixed.1.is_none()),
            width,
            height,
            blob,
            pasted: (0, 0),
            resizer: Resizer::default(),
            found: Vec::new(),
        })
    }

    /// Whether the graph gives key points, without which nobody can be recognised.
    #[must_use]
    pub fn gives_key_points(&self) -> bool {
        self.form.key_points()
    }

    /// The faces in a frame, and what might be one.
    ///
    /// # Errors
    /// [`Error::AspectRatio`], [`Error::Inference`], and [`Error::ModelShape`] when the graph answers otherwise than it declared.
    pub fn search(&mut self, image: &Rgb8<'_>) -> Result<Found> {
        let Settings { threshold, possible_from, overlap, max_faces, .. } = self.settings;
        self.decode(image, possible_from.min(threshold))?;
        let mut found = split(&self.found, threshold, overlap);
        if let Some(max) = max_faces {
            let rest = keep_prominent(&mut found.faces, max, (image.width(), image.height()));
            found.possible.splice(..0, rest);
        }
        Ok(found)
    }

    /// The faces in a frame, as [`Detector::search`] has them.
    ///
    /// # Errors
    /// As [`Detector::search`].
    pub fn detect(&mut self, image: &Rgb8<'_>) -> Result<Vec<Detection>> {
        Ok(self.search(image)?.faces)
    }

    /// Every face, whatever [`Settings::max_faces`] says: best score first.
    ///
    /// # Errors
    /// As [`Detector::search`].
    pub fn detect_all(&mut self, image: &Rgb8<'_>) -> Result<Vec<Detection>> {
        let Settings { threshold, overlap, .. } = self.settings;
        self.decode(image, threshold)?;
        Ok(split(&self.found, threshold, overlap).faces)
    }

    /// Runs the network on a frame, and leaves in `found` what scores at least `threshold`, best first.
    fn decode(&mut self, image: &Rgb8<'_>, threshold: f32) -> Result<()> {
        let fit = Fit::new((image.width(), image.height()), self.whole)?;
        self.stretch(fit);
        self.paste(image, fit);

        let (form, size) = (&*self.form, (self.width, self.height));
        let found = &mut self.found;
        found.clear();
        let mut decoded = Ok(());
        let shape = [1, 3, self.height as i64, self.width as i64];
        self.model.run(Tensor { shape: &shape, data: &self.blob }, &mut |outputs| {
            decoded = form.decode(outputs, size, fit.scale, threshold, found);
        })?;
        decoded.map_err(|(expected, found)| misfit(&*self.model, expected, found))?;
        self.found.sort_by(|a, b| b.score.total_cmp(&a.score));
        Ok(())
    }

    /// Makes the input as large as it has to be for a frame.
    fn stretch(&mut self, fit: Fit) {
        if self.settings.canvas == Canvas::Square {
            return;
        }
        let stride = self.form.stride();
        // One cell more than the frame: what a network sees at its border is not what it sees beside black.
        let side = |frame: usize, whole: usize, open: bool| match open {
            true => ((frame.div_ceil(stride) + 1) * stride).min(whole),
            false => whole,
        };
        let size = (side(fit.width, self.whole.0, self.open.0), side(fit.height, self.whole.1, self.open.1));
        if size != (self.width, self.height) {
            (self.width, self.height) = size;
            self.blob.resize(3 * size.0 * size.1, 0.0);
            // Whatever it held lies elsewhere now.
            self.pasted = (0, 0);
        }
    }

    /// The network's input for a frame: values `3 x height x width`.
    fn paste(&mut self, image: &Rgb8<'_>, fit: Fit) {
        let pixels = self.form.pixels();
        if self.pasted != (fit.width, fit.height) {
            self.blob.fill(black(pixels));
            self.pasted = (fit.width, fit.height);
        }
        let (width, plane) = (self.width, self.width * self.height);
        self.resizer.resize(image, fit.width, fit.height, |y, channel, line| {
            let channel = if pixels.bgr { 2 - channel } else { channel };
            let target = &mut self.blob[channel * plane + y * width..][..line.len()];
            for (target, value) in target.iter_mut().zip(line) {
                *target = normalised(pixels, *value);
            }
        });
    }
}

fn normalised(pixels: Pixels, value: u8) -> f32 {
    (f32::from(value) - pixels.mean) * pixels.scale
}

fn black(pixels: Pixels) -> f32 {
    normalised(pixels, 0)
}

fn misfit(model: &dyn Model, expected: String, found: String) -> Error {
    Error::ModelShape { model: model.name().into(), expected, found }
}

/// The size that the graph fixes for its only input, an RGB image: (width, height), each None where it is open.
pub(crate) fn image_input(model: &dyn Model) -> Result<(Option<usize>, Option<usize>)> {
    match model.inputs() {
        [Port { float: true, shape, .. }] => match shape[..] {
            [None | Some(1), None | Some(3), height, width] => Ok((width, height)),
            _ => Err(&model.inputs()[0]),
        },
        [input] => Err(input),
        inputs => {
            return Err(misfit(model, "one input".into(), format!("{} inputs", inputs.len())));
        }
    }
    .map_err(|input: &Port| {
        misfit(
            model,
            "an input of 32-bit floats, [1, 3, height, width]".into(),
            format!("input `{}` of {}", input.name, words(input)),
        )
    })
}

/// A port's type in words: `floats [1, 3, ?, ?]`.
pub fn words(port: &Port) -> String {
    let extents: Vec<String> =
        port.shape.iter().map(|extent| extent.map_or("?".into(), |extent| extent.to_string())).collect();
    format!("{} [{}]", if port.float { "floats" } else { "another type" }, extents.join(", "))
}

fn size(asked: Option<(usize, usize)>, fixed: (Option<usize>, Option<usize>), stride: usize) -> Result<(usize, usize)> {
    const USUAL: usize = 640;
    let (width, height) = asked.unwrap_or((fixed.0.unwrap_or(USUAL), fixed.1.unwrap_or(USUAL)));
    let wrong = |reason| Err(Error::DetectorSize { width, height, reason });
    if fixed.0.is_some_and(|fixed| fixed != width) || fixed.1.is_some_and(|fixed| fixed != height) {
        let extent = |extent: Option<usize>| extent.map_or("any".into(), |extent: usize| extent.to_string());
        return wrong(format!("its graph fixes {} x {}", extent(fixed.0), extent(fixed.1)));
    }
    if width == 0 || height == 0 || width % stride != 0 || height % stride != 0 {
        return wrong(format!("both sides must be multiples of {stride}"));
    }
    // An input of 8,192 px a side is 800 MB of floats, and no detector of this kind was trained anywhere near it.
    if width > 4096 || height > 4096 {
        return wrong("4,096 px a side is the most".into());
    }
    Ok((width, height))
}

/// How a frame lies in the network's input: scaled to `width` x `height` px, at the top left.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Fit {
    width: usize,
    height: usize,
    /// Pixels of the input a pixel of the frame.
    scale: f32,
}

impl Fit {
    fn new((width, height): (usize, usize), (input_width, input_height): (usize, usize)) -> Result<Self> {
        let ratio = height as f64 / width as f64;
        let (fit_width, fit_height) = if ratio > input_height as f64 / input_width as f64 {
            ((input_height as f64 / ratio) as usize, input_height)
        } else {
            (input_width, (input_width as f64 * ratio) as usize)
        };
        if fit_width == 0 || fit_height == 0 {
            return Err(Error::AspectRatio { width, height, input_width, input_height });
        }
        Ok(Self { width: fit_width, height: fit_height, scale: (fit_height as f64 / height as f64) as f32 })
    }
}

/// Candidates, best first, without those that a better one covers: the faces, and what might be one. What scores less than a
/// face covers no face, so the faces are those that there would be without it.
fn split(candidates: &[Detection], threshold: f32, overlap: f32) -> Found {
    let (sure, rest) = candidates.split_at(candidates.partition_point(|candidate| candidate.score >= threshold));
    let boxes: Vec<BBox> = sure.iter().map(|candidate| candidate.bbox).collect();
    let faces: Vec<Detection> = suppress(&boxes, overlap).into_iter().map(|index| sure[index].clone()).collect();

    // A box that is not made of numbers hides nothing, and would cover all others.
    let finite = |candidate: &&Detection| candidate.bbox.iter().all(|side| side.is_finite());
    let both: Vec<&Detection> =
        faces.iter().filter(finite).chain(rest.iter().filter(finite).take(MOST_POSSIBLE)).collect();
    let boxes: Vec<BBox> = both.iter().map(|candidate| candidate.bbox).collect();
    let kept = suppress(&boxes, overlap).into_iter().map(|index| both[index]);
    let possible = kept.filter(|candidate| candidate.score < threshold).cloned().collect();
    Found { faces, possible }
}

/// Keeps of more faces than `max` those with the largest area, less twice the squared distance from the middle of the frame.
/// Answers with the others.
fn keep_prominent(faces: &mut Vec<Detection>, max: usize, (width, height): (usize, usize)) -> Vec<Detection> {
    if faces.len() <= max {
        return Vec::new();
    }
    let middle = [(width / 2) as f32, (height / 2) as f32];
    let weight = |face: &Detection| {
        let [x1, y1, x2, y2] = face.bbox;
        let (dx, dy) = ((x1 + x2) / 2.0 - middle[0], (y1 + y2) / 2.0 - middle[1]);
        (x2 - x1) * (y2 - y1) - 2.0 * (dx * dx + dy * dy)
    };
    faces.sort_by(|a, b| weight(b).total_cmp(&weight(a)));
    faces.split_off(max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_scaled_to_the_longer_side() {
        let input = (640, 640);
        assert_eq!(Fit::new((512, 512), input).unwrap(), Fit { width: 640, height: 640, scale: 1.25 });
        assert_eq!(Fit::new((1280, 720), input).unwrap(), Fit { width: 640, height: 360, scale: 0.5 });
        assert_eq!(Fit::new((720, 1280), input).unwrap(), Fit { width: 360, height: 640, scale: 0.5 });
        assert_eq!(Fit::new((1280, 720), (640, 384)).unwrap(), Fit { width: 640, height: 360, scale: 0.5 });
    }

    #[test]
    fn a_frame_too_narrow_to_scale_is_an_error_in_both_directions() {
        for (width, height) in [(1, 641), (641, 1), (2, 100_000), (100_000, 2)] {
            assert_eq!(Fit::new((width, height), (640, 640)).unwrap_err().code(), "recognition.aspect-ratio");
        }
        assert_eq!(Fit::new((1, 640), (640, 640)).unwrap().width, 1);
    }

    #[test]
    fn the_size_comes_from_the_graph_then_from_the_settings() {
        assert_eq!(size(None, (None, None), 32).unwrap(), (640, 640));
        assert_eq!(size(None, (Some(320), Some(256)), 32).unwrap(), (320, 256));
        assert_eq!(size(Some((320, 320)), (None, None), 32).unwrap(), (320, 320));
        assert_eq!(size(Some((320, 320)), (Some(320), Some(320)), 32).unwrap(), (320, 320));
        for (asked, fixed) in [
            (Some((320, 320)), (Some(640), Some(640))),
            (Some((300, 320)), (None, None)),
            (Some((0, 320)), (None, None)),
            (Some((320, 1 << 20)), (None, None)),
            (None, (Some(100), None)),
        ] {
            assert_eq!(size(asked, fixed, 32).unwrap_err().code(), "recognition.detector-size");
        }
    }

    #[test]
    fn of_too_many_faces_large_and_central_ones_stay() {
        let face = |x: f32, side: f32| Detection { bbox: [x, 0.0, x + side, side], score: 0.9, key_points: None };
        let (small, corner, central) = (face(45.0, 10.0), face(0.0, 30.0), face(35.0, 30.0));
        let kept = |max: usize| {
            let mut faces = vec![small.clone(), corner.clone(), central.clone()];
            let rest = keep_prominent(&mut faces, max, (100, 30));
            (faces, rest)
        };
        assert_eq!(kept(1), (vec![central.clone()], vec![small.clone(), corner.clone()]));
        assert_eq!(kept(3), (vec![small.clone(), corner.clone(), central.clone()], vec![]));
        assert_eq!(kept(0).0, []);
    }

    fn candidate(x: f32, score: f32) -> Detection {
        Detection { bbox: [x, 0.0, x + 99.0, 99.0], score, key_points: None }
    }

    #[test]
    fn what_scores_less_than_a_face_is_possible_unless_a_face_covers_it() {
        let (face, beside, covered, far) =
            (candidate(0.0, 0.9), candidate(80.0, 0.4), candidate(5.0, 0.45), candidate(500.0, 0.2));
        let found = split(&[face.clone(), covered, beside.clone(), far.clone()], 0.5, 0.4);
        assert_eq!(found, Found { faces: vec![face], possible: vec![beside, far] });
    }

    #[test]
    fn the_faces_are_those_that_there_would_be_without_what_might_be_one() {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random >> 40) as f32 / (1 << 24) as f32
        };
        let mut seen = (0, 0);
        for _ in 0..200 {
            let mut all: Vec<Detection> = (0..60).map(|_| candidate(1200.0 * next(), next())).collect();
            all.sort_by(|a, b| b.score.total_cmp(&a.score));
            let sure: Vec<Detection> = all.iter().filter(|candidate| candidate.score >= 0.5).cloned().collect();
            let found = split(&all, 0.5, 0.4);
            assert_eq!(found.faces, split(&sure, 0.5, 0.4).faces);
            assert!(found.possible.iter().all(|possible| possible.score < 0.5));
            seen = (seen.0 + found.faces.len(), seen.1 + found.possible.len());
        }
        assert!(seen.0 > 1000 && seen.1 > 100, "{seen:?}");
    }

    #[test]
    fn a_box_without_numbers_covers_nothing_that_might_be_a_face() {
        let broken = |score: f32| Detection { bbox: [f32::NAN; 4], score, key_points: None };
        let possible = candidate(0.0, 0.3);
        for candidates in [[broken(0.9), possible.clone()], [broken(0.4), possible.clone()]] {
            assert_eq!(split(&candidates, 0.5, 0.4).possible, std::slice::from_ref(&possible));
        }
    }

    #[test]
    fn of_what_might_be_a_face_only_the_best_are_looked_at() {
        let many: Vec<Detection> = (0..3000).map(|at| candidate(200.0 * at as f32, 0.4)).collect();
        assert_eq!(split(&many, 0.5, 0.4).possible, many[..MOST_POSSIBLE]);
    }
}
