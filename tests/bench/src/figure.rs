//! Figures: a median, its spread, what it must reach, and the table of all of them.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

/// A median over rounds, and the range in which eight of ten rounds lie; all rounds, where there are fewer than ten.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// What was measured, or why it was not.
pub(crate) type Measured = Result<Sample, String>;

/// What a figure must reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(bound) => value <= bound,
            Self::AtLeast(bound) => value >= bound,
        }
    }

    fn shown(self) -> String {
        match self {
            Self::AtMost(bound) => format!("<= {bound}"),
            Self::AtLeast(bound) => format!(">= {bound}"),
        }
    }
}

/// One row of the table.
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    /// A figure without it is only shown.
    pub(crate) bound: Option<Bound>,
    pub(crate) measured: Measured,
}

impl Sample {
    /// Of one value a round; none of no round.
    pub(crate) fn of(mut rounds: Vec<f64>) -> Option<Self> {
        rounds.sort_by(f64::total_cmp);
        let last = rounds.len().checked_sub(1)?;
        let cut = if rounds.len() < 10 { 0 } else { rounds.len() / 10 };
        Some(Self { median: middle(&rounds), low: rounds[cut], high: rounds[last - cut] })
    }
}

/// The median of sorted values.
fn middle(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[half] } else { f64::midpoint(sorted[half - 1], sorted[half]) }
}

/// The median.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    (!values.is_empty()).then(|| middle(&values))
}

/// One value a round as a figure, or the first round that failed.
pub(crate) fn rounds(values: Vec<Result<f64, String>>) -> Measured {
    let values: Vec<f64> = values.into_iter().collect::<Result<_, _>>()?;
    Sample::of(values).ok_or_else(|| "no round was made".to_owned())
}

impl Figure {
    /// Whether it was measured and is within its bound.
    pub(crate) fn is_reached(&self) -> bool {
        self.measured.as_ref().is_ok_and(|sample| self.bound.is_none_or(|bound| bound.holds(sample.median)))
    }
}

fn shown(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

/// The table, and below it why what is missing was not measured.
pub(crate) fn table(figures: &[Figure]) -> String {
    let mut text = format!("{:30} {:>8}  {:19} {:>10}  {:6}  {}\n", "", "median", "spread", "must reach", "", "what");
    // Figures that are taken together are missing together.
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for Figure { name, what, bound, measured } in figures {
        let limit = bound.map_or(String::new(), Bound::shown);
        let (median, spread, verdict) = match measured {
            Ok(sample) => {
                let verdict = bound.map_or("", |bound| if bound.holds(sample.median) { "ok" } else { "MISSED" });
                (shown(sample.median), format!("{} - {}", shown(sample.low), shown(sample.high)), verdict)
            }
            Err(reason) => {
                match reasons.iter_mut().find(|(known, _)| known == reason) {
                    Some((_, names)) => names.push(name),
                    None => reasons.push((reason, vec![name])),
                }
                ("-".to_owned(), String::new(), "-")
            }
        };
        let _ = writeln!(text, "{name:30} {median:>8}  {spread:19} {limit:>10}  {verdict:6}  {what}");
    }
    text.push('\n');
    for (reason, names) in reasons {
        let _ = writeln!(text, "not measured: {}\n  {reason}", names.join(", "));
    }
    text
}

/// Name to number: the median as NAME, the spread as NAME_spread; null for what was not measured.
pub(crate) fn json(figures: &[Figure]) -> Value {
    let mut object = Map::new();
    for Figure { name, measured, .. } in figures {
        let (median, spread) = match measured {
            Ok(sample) => (json!(sample.median), json!([sample.low, sample.high])),
            Err(_) => (Value::Null, Value::Null),
        };
        object.insert((*name).to_owned(), median);
        object.insert(format!("{name}_spread"), spread);
    }
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_rounds_show_all_of_them_and_many_leave_the_outermost_tenth_out() {
        let few = Sample::of(vec![9.0, 1.0, 4.0, 2.0]).unwrap();
        assert_eq!((few.median, few.low, few.high), (3.0, 1.0, 9.0));
        let many = Sample::of((1..=20).map(f64::from).collect()).unwrap();
        assert_eq!((many.median, many.low, many.high), (10.5, 3.0, 18.0));
        assert!(Sample::of(Vec::new()).is_none());
    }

    #[test]
    fn what_was_not_measured_is_null_in_the_object_and_has_its_reason_below_the_table() {
        let figures =
            [Figure { name: "a_us", what: "a", bound: Some(Bound::AtMost(1.0)), measured: Err("no such tool".into()) }];
        assert_eq!(json(&figures), json!({ "a_us": null, "a_us_spread": null }));
        assert!(table(&figures).ends_with("not measured: a_us\n  no such tool\n"));
        assert!(!figures[0].is_reached());
    }

    #[test]
    fn a_figure_above_its_bound_is_missed() {
        let sample = Sample { median: 1.01, low: 0.9, high: 1.2 };
        let figures = [Figure { name: "a_us", what: "a", bound: Some(Bound::AtMost(1.0)), measured: Ok(sample) }];
        assert!(table(&figures).contains("MISSED"));
    }
}
