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
    measure: Measure,
}

/// What a column measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    Time,
    Bytes,
}

/// A figure of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Figure {
    /// In steps of the column.
    Steps(i64),
    /// Less than a step, in ns or bytes: shown to its own figures, as nothing only if it is nothing.
    Exact(i64),
}

impl Scale {
    /// For times up to `longest`.
    pub(super) fn time(longest: Nanos) -> Self {
        match longest {
            0..1_000_000_000 => Self { step: 10_000, steps: 100, decimals: 2, unit: "ms", measure: Measure::Time },
            1_000_000_000..10_000_000_000 => {
                Self { step: 1_000_000, steps: 1_000, decimals: 3, unit: "s", measure: Measure::Time }
            }
            _ => Self { step: 10_000_000, steps: 100, decimals: 2, unit: "s", measure: Measure::Time },
        }
    }

    /// For bytes up to `most`.
    pub(super) fn bytes(most: u64) -> Self {
        match most {
            0..1_000_000 => Self { step: 100, steps: 10, decimals: 1, unit: "kB", measure: Measure::Bytes },
            _ => Self { step: 100_000, steps: 10, decimals: 1, unit: "MB", measure: Measure::Bytes },
        }
    }

    /// The nearest number of steps.
    pub(super) fn steps(self, value: i64) -> i64 {
        // Always half up, so that whole steps can be added before or after.
        (value + self.step / 2).div_euclid(self.step)
    }

    /// The figures of a column and that of its sum, `total`: as they are printed they add up to it, to a step. What is
    /// smaller than a step is not nothing, so it is shown to its own figures. No value is more than one step off.
    pub(super) fn column(self, values: &[i64], total: i64) -> (Vec<Figure>, Figure) {
        let (large, small): (Vec<usize>, Vec<usize>) =
            (0..values.len()).partition(|&at| values[at].unsigned_abs() >= self.step.unsigned_abs());
        let exact: i64 = small.iter().map(|&at| values[at]).sum();
        let mut figures: Vec<Figure> = values.iter().map(|value| Figure::Exact(*value)).collect();
        let mut steps: Vec<i64> = large.iter().map(|&at| values[at].div_euclid(self.step)).collect();
        let missing = self.steps(total) - self.steps(exact) - steps.iter().sum::<i64>();
        let mut order: Vec<usize> = (0..large.len()).collect();
        order.sort_by_key(|&at| std::cmp::Reverse(values[large[at]].rem_euclid(self.step)));
        // One each, but for what is in the sum and printed nowhere.
        for at in order.iter().cycle().take(usize::try_from(missing).unwrap_or(0)) {
            steps[*at] += 1;
        }
        for (at, steps) in large.into_iter().zip(steps) {
            figures[at] = Figure::Steps(steps);
        }
        (figures, self.figure(total))
    }

    /// A figure on its own.
    pub(super) fn figure(self, value: i64) -> Figure {
        if value.unsigned_abs() < self.step.unsigned_abs() {
            return Figure::Exact(value);
        }
        Figure::Steps(self.steps(value))
    }

    /// A moment, to the column's resolution.
    pub(super) fn moment(self, value: i64) -> String {
        self.steps_shown(self.steps(value))
    }

    /// A figure with its unit.
    pub(super) fn show(self, figure: Figure) -> String {
        match (figure, self.measure) {
            (Figure::Steps(steps), _) => self.steps_shown(steps),
            (Figure::Exact(value), Measure::Bytes) => bytes(value),
            (Figure::Exact(value), Measure::Time) => time(value.unsigned_abs()),
        }
    }

    /// As [`Scale::show`], with a plus where it is one.
    pub(super) fn show_change(self, figure: Figure) -> String {
        let (Figure::Steps(value) | Figure::Exact(value)) = figure;
        format!("{}{}", if value > 0 { "+" } else { "" }, self.show(figure))
    }

    fn steps_shown(self, steps: i64) -> String {
        let sign = if steps < 0 { "-" } else { "" };
        format!("{sign}{} {}", self.bare(steps.abs()), self.unit)
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

    /// The column in steps as it is printed, its small figures exactly, against its sum.
    fn assert_adds_up(scale: Scale, values: &[i64]) {
        let total = values.iter().sum();
        let (figures, sum) = scale.column(values, total);
        let printed: i64 = figures
            .iter()
            .map(|figure| match figure {
                Figure::Steps(steps) => steps * scale.step,
                Figure::Exact(value) => *value,
            })
            .sum();
        assert_eq!(scale.steps(printed), scale.steps(total), "{values:?}: {figures:?}");
        for (value, figure) in values.iter().chain([&total]).zip(figures.iter().chain([&sum])) {
            if let Figure::Steps(steps) = figure {
                assert!((value - steps * scale.step).abs() < scale.step, "{value} is shown as {figure:?}");
            }
            let shown = scale.show(*figure);
            let nothing = !shown.contains(|c: char| ('1'..='9').contains(&c));
            assert_eq!(nothing, *value == 0, "{value} is shown as {shown}");
        }
    }

    #[test]
    fn a_printed_column_adds_up_and_no_figure_of_it_reads_as_nothing() {
        let times: Vec<i64> = (1..200).map(|n| n * n * 7_654_321 % 400_000_000).collect();
        assert_adds_up(Scale::time(20_000_000_000), &times);
        assert_adds_up(Scale::time(1_042_000_000), &[40_000, 98_500, 924_300_000, 117_100_000, 461_500]);
        let bytes = Scale::bytes(281_500_000);
        for values in [
            &[281_500_000, 18_000, 952, 0][..],
            &[-149_999, 60_000, -1, 50_001, -2_333_333],
            &[45_200_000, -45_181_048],
            &[40_000; 10],
            &[150_000, 150_000, 49_999],
            &[-100_000, 99_999],
            &[],
        ] {
            assert_adds_up(bytes, values);
        }
        assert_eq!(bytes.show_change(bytes.figure(18_952)), "+19.0 kB");
        assert_eq!(bytes.show_change(bytes.figure(-952)), "-952 B");
        assert_eq!(bytes.show_change(bytes.figure(0)), "0");
        assert_eq!(bytes.show_change(bytes.figure(281_500_000)), "+281.5 MB");
    }

    #[test]
    fn what_is_printed_nowhere_is_still_in_the_sum() {
        let scale = Scale::bytes(2_000_000);
        let (figures, sum) = scale.column(&[1_140_000, 20_000], 1_200_000);
        assert_eq!(figures, [Figure::Steps(12), Figure::Exact(20_000)]);
        assert_eq!(sum, Figure::Steps(12));
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
