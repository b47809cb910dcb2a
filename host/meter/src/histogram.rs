//! A histogram of fixed size: calls are counted for months and it never grows.

use std::sync::atomic::{AtomicU64, Ordering};

/// Each power of two is cut into this many equal parts, so a quantile is at most 1/16 (6.3 %) too high, and never too low.
const PARTS: u64 = 16;
const PARTS_BITS: u32 = PARTS.trailing_zeros();
/// Values of this many bits and more share the last part: 2^43 ns are 2.4 hours, 2^43 bytes are 8.8 TB.
const MAX_BITS: u32 = 43;
const BUCKETS: usize = ((MAX_BITS - PARTS_BITS + 1) * PARTS as u32) as usize;

/// Counts of values (nanoseconds or bytes) in parts that are fine for small ones and coarse for large ones.
///
/// 5.2 kB, no lock, and nothing is allocated after it was made. Any thread may record while another reads: a reading is
/// then of some moment in between.
pub struct Histogram {
    buckets: Box<[AtomicU64]>,
    sum: AtomicU64,
    max: AtomicU64,
}

/// What a [`Histogram`] tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many values.
    pub count: u64,
    /// Their sum; exact.
    pub sum: u64,
    /// The median: half of the values are no larger. Up to 6.3 % too high.
    pub p50: u64,
    /// 95 of 100 values are no larger. Up to 6.3 % too high.
    pub p95: u64,
    /// The largest value; exact.
    pub max: u64,
}

impl Histogram {
    /// An empty one.
    pub fn new() -> Self {
        Self {
            buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
            max: AtomicU64::new(0),
        }
    }

    /// Counts one value.
    pub fn record(&self, value: u64) {
        self.buckets[bucket(value)].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
        // Most values are no new maximum, and a load is cheaper than a `fetch_max`.
        if value > self.max.load(Ordering::Relaxed) {
            self.max.fetch_max(value, Ordering::Relaxed);
        }
    }

    /// How many values were counted.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|b| b.load(Ordering::Relaxed)).sum()
    }

    /// The value that the share `q` (0 to 1) of all values does not exceed; `None` if there are none.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        let count = self.count();
        let rank = ((q * count as f64).ceil() as u64).clamp(1, count.max(1));
        let mut seen = 0;
        let at = self.buckets.iter().position(|b| {
            seen += b.load(Ordering::Relaxed);
            seen >= rank
        })?;
        Some(highest(at).min(self.max.load(Ordering::Relaxed)))
    }

    /// Count, sum, median, 95th percentile and maximum.
    pub fn summary(&self) -> Summary {
        Summary {
            count: self.count(),
            sum: self.sum.load(Ordering::Relaxed),
            p50: self.quantile(0.50).unwrap_or(0),
            p95: self.quantile(0.95).unwrap_or(0),
            max: self.max.load(Ordering::Relaxed),
        }
    }

    /// Adds all values of `other`.
    pub fn merge(&self, other: &Self) {
        for (mine, theirs) in self.buckets.iter().zip(&other.buckets) {
            mine.fetch_add(theirs.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        self.sum.fetch_add(other.sum.load(Ordering::Relaxed), Ordering::Relaxed);
        self.max.fetch_max(other.max.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Histogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.summary().fmt(f)
    }
}

fn bucket(value: u64) -> usize {
    if value < PARTS {
        return value as usize;
    }
    let power = value.ilog2();
    if power >= MAX_BITS {
        return BUCKETS - 1;
    }
    let part = (value >> (power - PARTS_BITS)) - PARTS;
    ((u64::from(power - PARTS_BITS) + 1) * PARTS + part) as usize
}

/// The highest value that is counted there: a quantile says what was not exceeded, so it may be too high and never too low.
fn highest(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < PARTS {
        return bucket;
    }
    let shift = bucket / PARTS - 1;
    let lowest = (PARTS + bucket % PARTS) << shift;
    lowest + ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_a_part_whose_end_is_at_most_a_sixteenth_above_and_never_below() {
        for power in 0..MAX_BITS {
            for value in [1 << power, (1 << power) + (1 << power) / 3, (2 << power) - 1_u64] {
                let end = highest(bucket(value));
                assert!(value <= end && end - value <= value / 16, "{value}: {end}");
            }
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
        assert_eq!(bucket(1 << MAX_BITS), BUCKETS - 1);
        assert_eq!(bucket((1 << MAX_BITS) - 1), BUCKETS - 1);
    }

    #[test]
    fn parts_grow_with_their_values() {
        let ends: Vec<u64> = (0..BUCKETS).map(highest).collect();
        assert!(ends.is_sorted_by(|a, b| a < b));
        assert!((0..BUCKETS).all(|at| bucket(ends[at]) == at));
    }

    #[test]
    fn quantiles_of_a_known_row_of_values() {
        let histogram = Histogram::new();
        assert_eq!(histogram.summary(), Summary::default());
        assert_eq!(histogram.quantile(0.5), None);
        for value in 1..=1_000_u64 {
            histogram.record(value * 1_000);
        }
        let summary = histogram.summary();
        assert_eq!((summary.count, summary.sum, summary.max), (1_000, 500_500_000, 1_000_000));
        assert!((500_000..=500_000 / 16 * 17).contains(&summary.p50), "{}", summary.p50);
        assert!((950_000..=950_000 / 16 * 17).contains(&summary.p95), "{}", summary.p95);
        assert_eq!(histogram.quantile(1.0), Some(1_000_000));
    }

    #[test]
    fn one_value_is_its_own_median() {
        let histogram = Histogram::new();
        histogram.record(3);
        assert_eq!(histogram.summary(), Summary { count: 1, sum: 3, p50: 3, p95: 3, max: 3 });
    }

    #[test]
    fn merging_is_as_if_one_had_seen_all() {
        let (a, b, both) = (Histogram::new(), Histogram::new(), Histogram::new());
        for value in 0..5_000_u64 {
            let value = value * value;
            if value % 3 == 0 {
                a.record(value)
            } else {
                b.record(value)
            }
            both.record(value);
        }
        a.merge(&b);
        assert_eq!(a.summary(), both.summary());
    }

    #[test]
    fn threads_that_record_at_once_lose_nothing() {
        let histogram = Histogram::new();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10_000).for_each(|n| histogram.record(n)));
            }
        });
        assert_eq!((histogram.count(), histogram.summary().max), (40_000, 9_999));
    }
}
