//! How near two boxes are to each other.

/// `[x1, y1, x2, y2]` in pixels of the frame.
pub(crate) type Box4 = [f32; 4];

/// The shorter side.
pub(crate) fn size(of: &Box4) -> f32 {
    (of[2] - of[0]).min(of[3] - of[1])
}

/// The distance between the centres of two boxes, in widths of a face; none where one is more than twice as large as the
/// other, for then they are not at the same place but one behind the other. Unlike the overlap of the boxes (IoU) it still
/// tells near from far when a small face has moved by more than itself.
pub(crate) fn distance(a: &Box4, b: &Box4) -> Option<f32> {
    let (one, other) = (size(a), size(b));
    let (small, large) = (one.min(other), one.max(other));
    if !(small > 0.0 && large <= 2.0 * small) {
        return None;
    }
    let (dx, dy) = ((a[0] + a[2] - b[0] - b[2]) / 2.0, (a[1] + a[3] - b[1] - b[3]) / 2.0);
    // None, too, where a box is of no numbers.
    Some(dx.hypot(dy) / ((one + other) / 2.0)).filter(|distance| distance.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_is_in_widths_of_a_face_and_there_is_none_between_a_near_face_and_a_far_one() {
        let face = [100.0, 100.0, 200.0, 200.0];
        assert_eq!(distance(&face, &face), Some(0.0));
        assert_eq!(distance(&face, &[150.0, 100.0, 250.0, 200.0]), Some(0.5));
        assert_eq!(distance(&face, &[140.0, 140.0, 160.0, 160.0]), None);
        assert_eq!(distance(&face, &[f32::NAN, 0.0, 100.0, 100.0]), None);
        assert_eq!(distance(&face, &[200.0, 200.0, 100.0, 100.0]), None, "a box that is inside out");
    }
}
