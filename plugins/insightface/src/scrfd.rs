//! SCRFD: where faces and their key points are.
//!
//! A frame is scaled into the top left corner of the network's input and the rest stays black. The network answers for each
//! cell of three (or five) grids, at each of two (or one) anchors, with a score, four distances to the sides of a box and,
//! mostly, five key points; all in units of the grid's stride. How many grids there are is read from the number of outputs.

use crate::backend::{Model, Port, Tensor};
use crate::error::{Error, Result};
use crate::face::Detection;
use crate::image::Rgb8;
use crate::nms::{BBox, suppress};
use crate::resize::Resizer;

/// What one may choose about detection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Width and height of the network's input, px. None: what the graph fixes, else 640 x 640.
    pub size: Option<(usize, usize)>,
    /// The score that a face must have at least, 0 to 1.
    pub threshold: f32,
    /// Of two boxes that overlap more than this (intersection over union), the worse one goes.
    pub overlap: f32,
    /// At most this many faces, large and central ones first. None: all.
    pub max_faces: Option<usize>,
}

impl Default for Settings {
    /// InsightFace's own.
    fn default() -> Self {
        Self { size: None, threshold: 0.5, overlap: 0.4, max_faces: None }
    }
}

/// The detector: a graph, and the buffers that it needs for a frame.
pub struct Scrfd {
    model: Box<dyn Model>,
    settings: Settings,
    head: Head,
    width: usize,
    height: usize,
    blob: Vec<f32>,
    /// Size of the picture that the blob holds; outside of it the blob is black.
    pasted: (usize, usize),
    resizer: Resizer,
    found: Vec<Detection>,
}

/// What the outputs of a detector stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    strides: &'static [usize],
    anchors: usize,
    key_points: bool,
}

impl Head {
    fn of(outputs: usize) -> Option<Self> {
        let (strides, anchors): (&[usize], usize) = match outputs {
            6 | 9 => (&[8, 16, 32], 2),
            10 | 15 => (&[8, 16, 32, 64, 128], 1),
            _ => return None,
        };
        Some(Self { strides, anchors, key_points: outputs == 3 * strides.len() })
    }

    /// Values a row in output `index`: scores of all strides come first, then boxes, then key points.
    fn columns(&self, index: usize) -> usize {
        [1, 4, 10][index / self.strides.len()]
    }

    fn largest_stride(&self) -> usize {
        self.strides[self.strides.len() - 1]
    }
}

impl Scrfd {
    /// Takes a graph as a detector.
    ///
    /// # Errors
    /// [`Error::ModelShape`] when it is none, [`Error::DetectorSize`] when it cannot work at the size that is asked for.
    pub fn new(model: Box<dyn Model>, settings: Settings) -> Result<Self> {
        let head = head(model.outputs()).map_err(|(expected, found)| misfit(&*model, expected, found))?;
        let fixed = image_input(&*model)?;
        let (width, height) = size(settings.size, fixed, head.largest_stride())?;
        Ok(Self {
            model,
            settings,
            head,
            width,
            height,
            blob: vec![BLACK; 3 * width * height],
            pasted: (0, 0),
            resizer: Resizer::default(),
            found: Vec::new(),
        })
    }

    /// Whether the graph gives key points, without which nobody can be recognised.
    #[must_use]
    pub fn gives_key_points(&self) -> bool {
        self.head.key_points
    }

    /// The faces in a frame, best score first, or by size and place where [`Settings::max_faces`] left some out.
    ///
    /// # Errors
    /// [`Error::AspectRatio`], [`Error::Inference`], and [`Error::ModelShape`] when the graph answers otherwise than it declared.
    pub fn detect(&mut self, image: &Rgb8<'_>) -> Result<Vec<Detection>> {
        let faces = self.detect_all(image)?;
        Ok(match self.settings.max_faces {
            Some(max) => most_prominent(faces, max, (image.width(), image.height())),
            None => faces,
        })
    }

    /// The same, whatever [`Settings::max_faces`] says: best score first.
    ///
    /// # Errors
    /// As [`Scrfd::detect`].
    pub fn detect_all(&mut self, image: &Rgb8<'_>) -> Result<Vec<Detection>> {
        let fit = Fit::new((image.width(), image.height()), (self.width, self.height))?;
        self.paste(image, fit);

        let (head, size, threshold) = (self.head, (self.width, self.height), self.settings.threshold);
        let found = &mut self.found;
        found.clear();
        let mut decoded = Ok(());
        let shape = [1, 3, self.height as i64, self.width as i64];
        self.model.run(Tensor { shape: &shape, data: &self.blob }, &mut |outputs| {
            decoded = decode(outputs, head, size, fit.scale, threshold, found);
        })?;
        decoded.map_err(|(expected, found)| misfit(&*self.model, expected, found))?;

        self.found.sort_by(|a, b| b.score.total_cmp(&a.score));
        let boxes: Vec<BBox> = self.found.iter().map(|detection| detection.bbox).collect();
        let kept = suppress(&boxes, self.settings.overlap);
        Ok(kept.into_iter().map(|index| self.found[index].clone()).collect())
    }

    /// The network's input for a frame: values `3 x height x width`, planes R, G, B.
    fn paste(&mut self, image: &Rgb8<'_>, fit: Fit) {
        if self.pasted != (fit.width, fit.height) {
            self.blob.fill(BLACK);
            self.pasted = (fit.width, fit.height);
        }
        let (width, plane) = (self.width, self.width * self.height);
        self.resizer.resize(image, fit.width, fit.height, |y, channel, line| {
            let target = &mut self.blob[channel * plane + y * width..][..line.len()];
            for (target, value) in target.iter_mut().zip(line) {
                *target = normalised(*value);
            }
        });
    }
}

const BLACK: f32 = normalised(0);

const fn normalised(value: u8) -> f32 {
    (value as f32 - 127.5) * (1.0 / 128.0)
}

fn misfit(model: &dyn Model, expected: String, found: String) -> Error {
    Error::ModelShape { model: model.name().into(), expected, found }
}

/// What was expected and what was found.
type Misfit = (String, String);

fn head(outputs: &[Port]) -> Result<Head, Misfit> {
    let Some(head) = Head::of(outputs.len()) else {
        return Err((
            "an SCRFD detector: 6 or 9 outputs (strides 8, 16, 32) or 10 or 15 (strides 8 to 128)".into(),
            format!("{} outputs", outputs.len()),
        ));
    };
    for (index, output) in outputs.iter().enumerate() {
        let columns = head.columns(index);
        if !output.float || output.shape.last().copied().flatten().is_some_and(|last| last != columns) {
            return Err((
                format!(
                    "32-bit floats in rows of {columns} in output {index} of an SCRFD detector (scores, then boxes, then key points)"
                ),
                format!("output `{}` of {}", output.name, words(output)),
            ));
        }
    }
    Ok(head)
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
pub(crate) fn words(port: &Port) -> String {
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

/// Adds what scores at least `threshold` to `found`, in pixels of the frame.
fn decode(
    outputs: &[Tensor<'_>],
    head: Head,
    (width, height): (usize, usize),
    scale: f32,
    threshold: f32,
    found: &mut Vec<Detection>,
) -> Result<(), Misfit> {
    let grids = head.strides.len();
    for (grid, &stride) in head.strides.iter().enumerate() {
        let (columns, rows) = (width / stride, height / stride);
        let cells = columns * rows * head.anchors;
        let values = |group: usize| -> Result<&[f32], Misfit> {
            let index = group * grids + grid;
            let output = outputs
                .get(index)
                .ok_or_else(|| (format!("{} outputs", 3 * grids), format!("{} outputs", outputs.len())))?;
            if output.data.len() != cells * head.columns(index) {
                return Err((
                    format!(
                        "{cells} rows of {} in output {index} for an input of {width} x {height} px",
                        head.columns(index)
                    ),
                    format!("{:?}", output.shape),
                ));
            }
            Ok(output.data)
        };
        let (scores, boxes) = (values(0)?, values(1)?);
        let key_points = if head.key_points { Some(values(2)?) } else { None };

        for (index, &score) in scores.iter().enumerate() {
            if score >= threshold {
                let cell = index / head.anchors;
                let centre = [((cell % columns) * stride) as f32, ((cell / columns) * stride) as f32];
                // Each product and sum is rounded in the order of the original, so that ties fall as they do there.
                let at = |distance: f32, axis: usize| (centre[axis] + distance * stride as f32) / scale;
                let back = |distance: f32, axis: usize| (centre[axis] - distance * stride as f32) / scale;
                let [left, top, right, bottom] = std::array::from_fn(|i| boxes[4 * index + i]);
                found.push(Detection {
                    bbox: [back(left, 0), back(top, 1), at(right, 0), at(bottom, 1)],
                    score,
                    key_points: key_points.map(|values| {
                        std::array::from_fn(|p| std::array::from_fn(|axis| at(values[10 * index + 2 * p + axis], axis)))
                    }),
                });
            }
        }
    }
    Ok(())
}

/// Of more faces than `max`, those with the largest area, less twice the squared distance from the middle of the frame.
fn most_prominent(mut faces: Vec<Detection>, max: usize, (width, height): (usize, usize)) -> Vec<Detection> {
    if faces.len() > max {
        let middle = [(width / 2) as f32, (height / 2) as f32];
        let weight = |face: &Detection| {
            let [x1, y1, x2, y2] = face.bbox;
            let (dx, dy) = ((x1 + x2) / 2.0 - middle[0], (y1 + y2) / 2.0 - middle[1]);
            (x2 - x1) * (y2 - y1) - 2.0 * (dx * dx + dy * dy)
        };
        faces.sort_by(|a, b| weight(b).total_cmp(&weight(a)));
        faces.truncate(max);
    }
    faces
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
            assert_eq!(Fit::new((width, height), (640, 640)).unwrap_err().code(), "insightface.aspect-ratio");
        }
        assert_eq!(Fit::new((1, 640), (640, 640)).unwrap().width, 1);
    }

    #[test]
    fn the_number_of_outputs_tells_strides_anchors_and_key_points() {
        assert_eq!(Head::of(6).unwrap(), Head { strides: &[8, 16, 32], anchors: 2, key_points: false });
        assert_eq!(Head::of(9).unwrap(), Head { strides: &[8, 16, 32], anchors: 2, key_points: true });
        assert_eq!(Head::of(10).unwrap(), Head { strides: &[8, 16, 32, 64, 128], anchors: 1, key_points: false });
        assert_eq!(Head::of(15).unwrap(), Head { strides: &[8, 16, 32, 64, 128], anchors: 1, key_points: true });
        for other in [0, 1, 3, 12, 16] {
            assert_eq!(Head::of(other), None);
        }
    }

    /// Outputs of a 64 x 32 px detector with 3 strides: one face in stride 16, cell (2, 1), second anchor.
    fn answer(head: Head) -> Vec<Vec<f32>> {
        let outputs = head.strides.len() * if head.key_points { 3 } else { 2 };
        let cells = |grid: usize| (64 / head.strides[grid]) * (32 / head.strides[grid]) * head.anchors;
        let mut values: Vec<Vec<f32>> = (0..outputs).map(|i| vec![0.0; cells(i % 3) * head.columns(i)]).collect();
        let index = (4 + 2) * 2 + 1;
        values[1][index] = 0.5;
        values[4][4 * index..][..4].copy_from_slice(&[1.0, 0.5, 2.0, 1.5]);
        if head.key_points {
            values[7][10 * index..][..10].copy_from_slice(&[-0.5, 0.0, 0.5, 0.0, 0.0, 0.25, -0.5, 0.5, 0.5, 0.5]);
        }
        values
    }

    fn decoded(head: Head, values: &[Vec<f32>], shape: &[i64]) -> Result<Vec<Detection>, Misfit> {
        let outputs: Vec<Tensor<'_>> = values.iter().map(|data| Tensor { shape, data }).collect();
        let mut found = Vec::new();
        decode(&outputs, head, (64, 32), 0.5, 0.5, &mut found).map(|()| found)
    }

    #[test]
    fn distances_become_pixels_of_the_frame() {
        let head = Head::of(9).unwrap();
        let found = decoded(head, &answer(head), &[]).unwrap();
        let [face] = &found[..] else { panic!("{found:?}") };
        // The cell's centre is (32, 16) in the input; the frame is twice as large.
        assert_eq!(face.bbox, [32.0, 16.0, 128.0, 80.0]);
        assert_eq!(face.key_points.unwrap()[0], [48.0, 32.0]);
        assert_eq!(face.key_points.unwrap()[4], [80.0, 48.0]);
        assert_eq!(face.smaller_side(), 64.0);
    }

    #[test]
    fn a_detector_without_key_points_gives_none() {
        let head = Head::of(6).unwrap();
        assert_eq!(decoded(head, &answer(head), &[]).unwrap()[0].key_points, None);
    }

    #[test]
    fn an_answer_of_another_size_says_what_was_expected() {
        let head = Head::of(9).unwrap();
        let mut values = answer(head);
        values[4].truncate(8);
        let (expected, found) = decoded(head, &values, &[2, 4]).unwrap_err();
        assert_eq!(expected, "16 rows of 4 in output 4 for an input of 64 x 32 px");
        assert_eq!(found, "[2, 4]");
    }

    #[test]
    fn scores_that_are_not_numbers_are_no_faces() {
        let head = Head::of(6).unwrap();
        let mut values = answer(head);
        values[1].fill(f32::NAN);
        assert_eq!(decoded(head, &values, &[]).unwrap(), []);
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
            assert_eq!(size(asked, fixed, 32).unwrap_err().code(), "insightface.detector-size");
        }
    }

    #[test]
    fn of_too_many_faces_large_and_central_ones_stay() {
        let face = |x: f32, side: f32| Detection { bbox: [x, 0.0, x + side, side], score: 0.9, key_points: None };
        let (small, corner, central) = (face(45.0, 10.0), face(0.0, 30.0), face(35.0, 30.0));
        let faces = vec![small.clone(), corner, central.clone()];
        assert_eq!(most_prominent(faces.clone(), 1, (100, 30)), [central]);
        assert_eq!(most_prominent(faces.clone(), 3, (100, 30)), faces);
        assert_eq!(most_prominent(faces, 0, (100, 30)), []);
    }
}
