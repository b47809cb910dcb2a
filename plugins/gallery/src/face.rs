//! What is found in a picture: a detection, and what the recogniser makes of it.

use std::fmt;

/// `[x1, y1, x2, y2]` in px of the picture, not clipped to it.
pub type BBox = [f32; 4];

/// Left eye, right eye, nose, left and right corner of the mouth, as seen in the picture: `[x, y]` in px of the frame.
pub type KeyPoints = [[f32; 2]; 5];

/// A face that the detector found.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// `[x1, y1, x2, y2]` in px of the frame, not clipped to it.
    pub bbox: BBox,
    /// 0 to 1.
    pub score: f32,
    /// None when the detector gives no key points; such a face cannot be recognised.
    pub key_points: Option<KeyPoints>,
}

impl Detection {
    /// The smaller side of the box, px of the frame: the measure of whether a face is large enough to be named. Not a
    /// number where one of the sides is none.
    #[must_use]
    pub fn smaller_side(&self) -> f32 {
        let [x1, y1, x2, y2] = self.bbox;
        let (width, height) = (x2 - x1, y2 - y1);
        if width.is_nan() || height.is_nan() { f32::NAN } else { width.min(height) }
    }

    /// How much of a picture's subject it is, px²: its area, less twice the squared distance of its middle from the
    /// picture's (as InsightFace ranks). The greatest comes first.
    #[must_use]
    pub fn prominence(&self, width: f32, height: f32) -> f32 {
        let [x1, y1, x2, y2] = self.bbox;
        let (dx, dy) = (f32::midpoint(x1, x2) - width / 2.0, f32::midpoint(y1, y2) - height / 2.0);
        (x2 - x1) * (y2 - y1) - 2.0 * (dx * dx + dy * dy)
    }
}

/// The direction of a face in the recogniser's space: a vector of length 1, and how long it was before.
#[derive(Clone, PartialEq)]
pub struct Embedding {
    /// Length 1; as many values as the model has dimensions.
    pub unit: Vec<f32>,
    /// Length of the raw answer. Small for blurred, turned or covered faces: a rough measure of quality.
    pub norm: f32,
}

impl Embedding {
    /// Scales a raw answer to length 1. None when it has no length.
    #[must_use]
    pub fn from_raw(raw: &[f32]) -> Option<Self> {
        let norm = raw.iter().map(|v| v * v).sum::<f32>().sqrt();
        (norm.is_normal()).then(|| Self { unit: raw.iter().map(|v| v / norm).collect(), norm })
    }
}

// Not derived: an embedding identifies a person and must not get into a log by way of `{:?}`.
impl fmt::Debug for Embedding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Embedding({} dimensions, norm {:.1})", self.unit.len(), self.norm)
    }
}

/// A detection and, where the face could be aligned, its embedding.
#[derive(Debug, Clone, PartialEq)]
pub struct Face {
    /// Where it is.
    pub detection: Detection,
    /// Who it looks like. None without key points or with key points that coincide.
    pub embedding: Option<Embedding>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_face_in_the_middle_comes_before_a_larger_one_at_the_edge() {
        let face =
            |x: f32, side: f32| Detection { bbox: [x, 200.0, x + side, 200.0 + side], score: 0.9, key_points: None };
        let rank = |face: Detection| face.prominence(640.0, 480.0);
        assert!(rank(face(280.0, 80.0)) > rank(face(0.0, 100.0)));
        assert!(rank(face(280.0, 100.0)) > rank(face(280.0, 80.0)));
    }

    #[test]
    fn a_raw_embedding_becomes_a_direction_and_a_length() {
        let embedding = Embedding::from_raw(&[3.0, 0.0, -4.0]).unwrap();
        assert_eq!(embedding.norm, 5.0);
        assert_eq!(embedding.unit, [0.6, 0.0, -0.8]);
    }

    #[test]
    fn an_embedding_without_a_direction_is_none() {
        for raw in [&[][..], &[0.0, 0.0], &[f32::NAN, 1.0], &[f32::INFINITY, 1.0]] {
            assert_eq!(Embedding::from_raw(raw), None);
        }
    }

    #[test]
    fn an_embedding_does_not_show_in_debug_output() {
        let text = format!("{:?}", Embedding::from_raw(&[0.125, 0.25]).unwrap());
        assert_eq!(text, "Embedding(2 dimensions, norm 0.3)");
    }
}
