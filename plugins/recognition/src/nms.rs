//! Non-maximum suppression: of boxes that overlap, the best one stays.

/// A box as `[x1, y1, x2, y2]`, px.
pub type BBox = [f32; 4];

/// Greedy suppression. `boxes` come best first; the answer holds the indices that stay, best first.
///
/// A box goes when its intersection over union with one that stays is above `threshold`. Sides count one pixel more than
/// their difference (a box that begins and ends on one pixel is 1 px wide), as InsightFace has it. A box that is not made of
/// numbers goes as soon as it meets another.
#[must_use]
pub fn suppress(boxes: &[BBox], threshold: f32) -> Vec<usize> {
    let mut kept: Vec<usize> = Vec::new();
    for (index, candidate) in boxes.iter().enumerate() {
        // Not `overlap > threshold`: a NaN must not stay.
        if kept.iter().all(|better| overlap(&boxes[*better], candidate) <= threshold) {
            kept.push(index);
        }
    }
    kept
}

fn overlap(a: &BBox, b: &BBox) -> f32 {
    let width = (a[2].min(b[2]) - a[0].max(b[0]) + 1.0).max(0.0);
    let height = (a[3].min(b[3]) - a[1].max(b[1]) + 1.0).max(0.0);
    let intersection = width * height;
    intersection / (area(a) + area(b) - intersection)
}

fn area(b: &BBox) -> f32 {
    (b[2] - b[0] + 1.0) * (b[3] - b[1] + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_of_overlapping_boxes_stays_and_distant_ones_do_too() {
        let boxes =
            [[0.0, 0.0, 99.0, 99.0], [5.0, 5.0, 104.0, 104.0], [300.0, 0.0, 399.0, 99.0], [302.0, 0.0, 401.0, 99.0]];
        assert_eq!(suppress(&boxes, 0.4), [0, 2]);
    }

    #[test]
    fn a_box_that_only_a_suppressed_one_covers_stays() {
        // Each overlaps the next by a half (IoU 1/3), its second next not at all.
        let boxes = [[0.0, 0.0, 99.0, 9.0], [50.0, 0.0, 149.0, 9.0], [100.0, 0.0, 199.0, 9.0]];
        assert_eq!(suppress(&boxes, 0.3), [0, 2]);
        assert_eq!(suppress(&boxes, 0.34), [0, 1, 2]);
    }

    #[test]
    fn an_overlap_of_exactly_the_threshold_stays() {
        // 10 of 20 columns of one pixel height: 10 / (15 + 15 - 10) = 0.5.
        let boxes = [[0.0, 0.0, 14.0, 0.0], [5.0, 0.0, 19.0, 0.0]];
        assert_eq!(suppress(&boxes, 0.5), [0, 1]);
        assert_eq!(suppress(&boxes, 0.499), [0]);
    }

    #[test]
    fn boxes_that_are_not_numbers_do_not_pile_up() {
        let boxes = [[0.0, 0.0, 9.0, 9.0], [f32::NAN; 4], [f32::NAN; 4]];
        assert_eq!(suppress(&boxes, 0.4), [0]);
        assert!(suppress(&[], 0.4).is_empty());
    }
}
