//! SCRFD: where faces and their key points are.
//!
//! The network answers for each cell of three (or five) grids, at each of two (or one) anchors, with a score, four distances
//! to the sides of a box and, mostly, five key points; all in units of the grid's stride. How many grids there are is read
//! from the number of outputs.

use majlis_recognition::backend::{Port, Tensor};
use majlis_recognition::detector::{Form, Misfit, Pixels, words};
use majlis_recognition::face::Detection;

/// SCRFD's form, if a graph with these outputs is one of its detectors.
///
/// # Errors
/// What was expected, and what was found.
pub fn form(outputs: &[Port]) -> Result<Box<dyn Form>, Misfit> {
    Ok(Box::new(head(outputs)?))
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
}

impl Form for Head {
    fn pixels(&self) -> Pixels {
        Pixels { mean: 127.5, scale: 1.0 / 128.0, bgr: false }
    }

    fn key_points(&self) -> bool {
        self.key_points
    }

    fn stride(&self) -> usize {
        self.strides[self.strides.len() - 1]
    }

    fn decode(
        &self,
        outputs: &[Tensor<'_>],
        size: (usize, usize),
        scale: f32,
        threshold: f32,
        found: &mut Vec<Detection>,
    ) -> Result<(), Misfit> {
        decode(outputs, *self, size, scale, threshold, found)
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
