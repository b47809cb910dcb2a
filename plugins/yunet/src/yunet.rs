//! YuNet: where faces and their key points are.
//!
//! The network answers for each cell of three grids with a class score and an objectness, whose geometric mean is the score of
//! a face, with the middle and the logarithms of the sides of a box, and with five key points; all in units of the grid's
//! stride and counted from the cell's corner. It takes pixels as they are, in the order B, G, R.

use majlis_recognition::backend::{Port, Tensor};
use majlis_recognition::detector::{Form, Misfit, Pixels, words};
use majlis_recognition::face::Detection;

/// Grids: their strides, px.
const STRIDES: [usize; 3] = [8, 16, 32];

/// Values a row of each kind of output; all strides of a kind come one after the other.
const KINDS: [(&str, usize); 4] = [("class score", 1), ("objectness", 1), ("box", 4), ("key points", 10)];

/// YuNet's form, if a graph with these outputs is one of its detectors.
///
/// # Errors
/// What was expected, and what was found.
pub fn form(outputs: &[Port]) -> Result<Box<dyn Form>, Misfit> {
    if outputs.len() != KINDS.len() * STRIDES.len() {
        return Err((
            "a YuNet detector: 12 outputs (class scores, objectness, boxes and key points of the strides 8, 16, 32)"
                .into(),
            format!("{} outputs", outputs.len()),
        ));
    }
    for (index, output) in outputs.iter().enumerate() {
        let (kind, columns) = KINDS[index / STRIDES.len()];
        if !output.float || output.shape.last().copied().flatten().is_some_and(|last| last != columns) {
            return Err((
                format!("32-bit floats in rows of {columns} in output {index} of a YuNet detector ({kind})"),
                format!("output `{}` of {}", output.name, words(output)),
            ));
        }
    }
    Ok(Box::new(YuNetForm))
}

struct YuNetForm;

impl Form for YuNetForm {
    fn pixels(&self) -> Pixels {
        Pixels { mean: 0.0, scale: 1.0, bgr: true }
    }

    fn key_points(&self) -> bool {
        true
    }

    fn stride(&self) -> usize {
        STRIDES[STRIDES.len() - 1]
    }

    fn decode(
        &self,
        outputs: &[Tensor<'_>],
        (width, height): (usize, usize),
        scale: f32,
        threshold: f32,
        found: &mut Vec<Detection>,
    ) -> Result<(), Misfit> {
        for (grid, stride) in STRIDES.into_iter().enumerate() {
            let (columns, rows) = (width / stride, height / stride);
            let values = |kind: usize| {
                let (index, wanted) = (kind * STRIDES.len() + grid, columns * rows * KINDS[kind].1);
                let output = outputs.get(index).filter(|output| output.data.len() == wanted);
                output.map(|output| output.data).ok_or_else(|| {
                    let expected = format!(
                        "{} rows of {} in output {index} for an input of {width} x {height} px",
                        columns * rows,
                        KINDS[kind].1
                    );
                    let found = outputs.get(index).map_or("none".into(), |output| format!("{:?}", output.shape));
                    (expected, found)
                })
            };
            let (classes, objects, boxes, points) = (values(0)?, values(1)?, values(2)?, values(3)?);
            for (cell, (class, object)) in classes.iter().zip(objects).enumerate() {
                // Both are scores already; a network that overshoots is taken at 1, as OpenCV does.
                let score = (class.clamp(0.0, 1.0) * object.clamp(0.0, 1.0)).sqrt();
                if score >= threshold {
                    let corner = [(cell % columns) as f32, (cell / columns) as f32];
                    let at = |offset: f32, axis: usize| (corner[axis] + offset) * stride as f32 / scale;
                    let side = |logarithm: f32| logarithm.exp() * stride as f32 / scale;
                    let [x, y, w, h] = std::array::from_fn(|i| boxes[4 * cell + i]);
                    let (x, y, w, h) = (at(x, 0), at(y, 1), side(w), side(h));
                    found.push(Detection {
                        bbox: [x - w / 2.0, y - h / 2.0, x + w / 2.0, y + h / 2.0],
                        score,
                        key_points: Some(std::array::from_fn(|p| {
                            std::array::from_fn(|axis| at(points[10 * cell + 2 * p + axis], axis))
                        })),
                    });
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Outputs of a 64 x 32 px detector: one face in stride 16, cell (2, 1).
    fn answer() -> Vec<Vec<f32>> {
        let cells = |grid: usize| (64 / STRIDES[grid]) * (32 / STRIDES[grid]);
        let mut values: Vec<Vec<f32>> = (0..12).map(|i| vec![0.0; cells(i % 3) * KINDS[i / 3].1]).collect();
        let cell = 4 + 2;
        (values[1][cell], values[4][cell]) = (0.81, 1.2);
        values[7][4 * cell..][..4].copy_from_slice(&[0.5, 0.25, 0.0, 2.0f32.ln()]);
        values[10][10 * cell..][..4].copy_from_slice(&[-0.5, 0.0, 1.0, 0.0]);
        values
    }

    fn decoded(values: &[Vec<f32>]) -> Result<Vec<Detection>, Misfit> {
        let outputs: Vec<Tensor<'_>> = values.iter().map(|data| Tensor { shape: &[1, 2], data }).collect();
        let mut found = Vec::new();
        YuNetForm.decode(&outputs, (64, 32), 0.5, 0.6, &mut found).map(|()| found)
    }

    #[test]
    fn offsets_of_a_cell_become_pixels_of_the_frame() {
        let found = decoded(&answer()).unwrap();
        let [face] = &found[..] else { panic!("{found:?}") };
        assert_eq!(face.score, 0.9);
        // The middle is (2.5, 1.25) cells of 16 px, the sides are 1 and 2 cells; the frame is twice as large.
        let expected = [64.0, 8.0, 96.0, 72.0];
        assert!(face.bbox.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-3), "{:?}", face.bbox);
        assert_eq!(face.key_points.unwrap()[..2], [[48.0, 32.0], [96.0, 32.0]]);
    }

    #[test]
    fn scores_that_are_not_numbers_are_no_faces() {
        let mut values = answer();
        values[1].fill(f32::NAN);
        assert_eq!(decoded(&values).unwrap(), []);
    }

    #[test]
    fn an_answer_of_another_size_says_what_was_expected() {
        let mut values = answer();
        values[7].truncate(8);
        let (expected, found) = decoded(&values).unwrap_err();
        assert_eq!(expected, "8 rows of 4 in output 7 for an input of 64 x 32 px");
        assert_eq!(found, "[1, 2]");
    }

    #[test]
    fn another_number_of_outputs_or_of_columns_is_another_detector() {
        let port = |columns: usize| Port { name: "x".into(), float: true, shape: vec![Some(1), None, Some(columns)] };
        let outputs: Vec<Port> = (0..12).map(|index| port(KINDS[index / 3].1)).collect();
        assert!(form(&outputs).is_ok());
        assert!(form(&outputs[..9]).err().unwrap().1.contains("9 outputs"));
        let mut wrong = outputs.clone();
        wrong[6] = port(5);
        assert!(form(&wrong).err().unwrap().0.contains("rows of 4 in output 6"));
    }
}
