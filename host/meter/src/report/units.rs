//! Figures as words. MB is 10^6 bytes; MiB and KiB stand only where they are written.

use crate::account::Mapped;
use crate::record::Nanos;

/// Below this a peak is not resolved, in bytes: what the allocator's counter may be too low by.
pub(super) const RESOLVED_PEAK: u64 = 64 * 1024;

/// Mapped files below this share one line: a dozen system libraries tell an operator nothing each.
const SMALL_FILE: u64 = 1_000_000;

/// The lines that tell which files an opening mapped: the large ones by name, the largest first.
pub(super) fn mapped(files: &[Mapped]) -> Vec<String> {
    let named = |file: &Mapped| {
        let or_by = match &file.or_by[..] {
            [] => String::new(),
            others => format!(" (or {} did)", others.join(" or ")),
        };
        format!("mapped {}, {}{or_by}", file.file, bytes(file.bytes as i64))
    };
    let (mut large, small): (Vec<_>, Vec<_>) = files.iter().partition(|file| file.bytes >= SMALL_FILE);
    large.sort_by(|a, b| b.bytes.cmp(&a.bytes).then(a.file.cmp(&b.file)));
    let mut lines: Vec<String> = large.into_iter().map(named).collect();
    match &small[..] {
        [] => {}
        [file] => lines.push(named(file)),
        several => {
            let sum: u64 = several.iter().map(|file| file.bytes).sum();
            lines.push(format!("mapped {} smaller files, {}", several.len(), bytes(sum as i64)));
        }
    }
    lines
}

/// The resolution of a column, so that its figures can be compared and added by eye.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scale {
    /// What one step stands for, in ns or bytes.
    step: i64,
    /// Steps in one unit.
    steps: i64,
    decimals: usize,
    unit: &'static str,
}

impl Scale {
    /// For times up to `longest`.
    pub(super) fn time(longest: Nanos) -> Self {
        match longest {
            0..1_000_000_000 => Self { step: 10_000, steps: 100, decimals: 2, unit: "ms" },
            1_000_000_000..10_000_000_000 => Self { step: 1_000_000, steps: 1_000, decimals: 3, unit: "s" },
            _ => Self { step: 10_000_000, steps: 100, decimals: 2, unit: "s" },
        }
    }

    /// For bytes up to `most`.
    pub(super) fn bytes(most: u64) -> Self {
        match most {
            0..1_000_000 => Self { step: 100, steps: 10, decimals: 1, unit: "kB" },
            _ => Self { step: 100_000, steps: 10, decimals: 1, unit: "MB" },
        }
    }

    /// The nearest number of steps.
    pub(super) fn steps(self, value: i64) -> i64 {
        let half = if value < 0 { -self.step / 2 } else { self.step / 2 };
        (value + half) / self.step
    }

    /// Steps for each value, such that they add up to the steps of the values' sum: a column that
    /// is printed adds up as printed. No value is more than one step off.
    pub(super) fn apportion(self, values: &[i64]) -> Vec<i64> {
        let mut steps: Vec<i64> = values.iter().map(|v| v.div_euclid(self.step)).collect();
        let total = self.steps(values.iter().sum());
        let missing = (total - steps.iter().sum::<i64>()).max(0) as usize;
        let mut largest: Vec<usize> = (0..values.len()).collect();
        largest.sort_by_key(|&at| std::cmp::Reverse(values[at].rem_euclid(self.step)));
        for at in largest.into_iter().take(missing) {
            steps[at] += 1;
        }
        steps
    }

    /// Steps as a figure with its unit.
    pub(super) fn show(self, steps: i64) -> String {
        let sign = if steps < 0 { "-" } else { "" };
        format!("{sign}{} {}", self.bare(steps.abs()), self.unit)
    }

    /// As [`Scale::show`], with a plus where it is one; nothing is `0`.
    pub(super) fn show_change(self, steps: i64) -> String {
        match steps {
            0 => "0".to_owned(),
            1.. => format!("+{}", self.show(steps)),
            _ => self.show(steps),
        }
    }

    fn bare(self, steps: i64) -> String {
        let (whole, part) = (steps / self.steps, steps % self.steps);
        format!("{whole}.{part:0width$}", width = self.decimals)
    }
}

/// A time on its own, to three figures.
pub(super) fn time(nanos: Nanos) -> String {
    let float = nanos as f64;
    match nanos {
        0 => "0".to_owned(),
        1..1_000 => format!("{nanos} ns"),
        1_000..100_000 => format!("{:.1} µs", float / 1e3),
        100_000..100_000_000 => format!("{:.1} ms", float / 1e6),
        100_000_000..120_000_000_000 => format!("{:.2} s", float / 1e9),
        120_000_000_000..7_200_000_000_000 => {
            format!("{} min {:02} s", nanos / 60_000_000_000, nanos / 1_000_000_000 % 60)
        }
        _ => format!("{} h {:02} min", nanos / 3_600_000_000_000, nanos / 60_000_000_000 % 60),
    }
}

/// Bytes on their own.
pub(super) fn bytes(bytes: i64) -> String {
    let sign = if bytes < 0 { "-" } else { "" };
    match bytes.unsigned_abs() {
        0 => "0".to_owned(),
        b @ 1..1_000 => format!("{sign}{b} B"),
        b @ 1_000..1_000_000 => format!("{sign}{:.1} kB", b as f64 / 1e3),
        b @ 1_000_000..10_000_000_000 => format!("{sign}{:.1} MB", b as f64 / 1e6),
        b => format!("{sign}{:.1} GB", b as f64 / 1e9),
    }
}

/// Bytes as a change.
pub(super) fn change(value: i64) -> String {
    if value > 0 { format!("+{}", bytes(value)) } else { bytes(value) }
}

/// The peak of a call, which is resolved to 64 KiB.
pub(super) fn peak(value: u64) -> String {
    if value < RESOLVED_PEAK { "< 64 KiB".to_owned() } else { bytes(value as i64) }
}

/// "1 visit", "3 visits".
pub(super) fn count(n: u64, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_file_that_may_be_anothers_says_whose() {
        let file = |file: &str, or_by: &[&str]| Mapped {
            file: file.into(),
            bytes: 2_500_000,
            or_by: or_by.iter().map(|stage| (*stage).to_owned()).collect(),
        };
        let lines = mapped(&[file("b.onnx", &["Vision", "Avatar"]), file("a.so", &[])]);
        assert_eq!(lines, ["mapped a.so, 2.5 MB", "mapped b.onnx, 2.5 MB (or Vision or Avatar did)"]);
    }

    #[test]
    fn a_printed_column_adds_up_to_its_printed_sum() {
        let scale = Scale::time(20_000_000_000);
        let values: Vec<i64> = (1..200).map(|n| n * n * 7_654_321 % 400_000_000).collect();
        let sum: i64 = values.iter().sum();
        let steps = scale.apportion(&values);
        assert_eq!(steps.iter().sum::<i64>(), scale.steps(sum));
        for (value, steps) in values.iter().zip(&steps) {
            assert!((value - steps * 10_000_000).abs() < 10_000_000);
        }
        let signed = [-149_999, 60_000, -1, 50_001, -2_333_333];
        let scale = Scale::bytes(2_000_000);
        let steps = scale.apportion(&signed);
        assert_eq!(steps.iter().sum::<i64>(), scale.steps(signed.iter().sum()));
    }

    #[test]
    fn small_peaks_are_not_resolved_and_megabytes_are_millions() {
        assert_eq!(peak(0), "< 64 KiB");
        assert_eq!(peak(65_535), "< 64 KiB");
        assert_eq!(peak(65_536), "65.5 kB");
        assert_eq!(bytes(1_048_576), "1.0 MB");
        assert_eq!(change(-2_500_000), "-2.5 MB");
        assert_eq!(time(2_150_000_000), "2.15 s");
        assert_eq!(time(192_000_000_000), "3 min 12 s");
    }
}
