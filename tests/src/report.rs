//! The JSON report, as tests ask it.

use serde_json::Value;

/// A report of a run.
#[derive(Debug)]
pub struct Report(Value);

/// The account of a visit in a report.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'a>(pub &'a Value);

/// Nanoseconds as milliseconds.
#[must_use]
pub fn ms(nanoseconds: &Value) -> f64 {
    number(nanoseconds) / 1e6
}

/// Bytes as megabytes of 10^6 bytes.
#[must_use]
pub fn mb(bytes: &Value) -> f64 {
    number(bytes) / 1e6
}

/// Bytes as MiB.
#[must_use]
pub fn mib(bytes: &Value) -> f64 {
    number(bytes) / f64::from(1 << 20)
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// Holds a figure against what it should be.
///
/// # Panics
/// It is further away than `tolerance`.
#[track_caller]
pub fn close(what: &str, found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{what}: {found:.4} instead of {expected:.4} ± {tolerance:.4}");
}

impl Report {
    /// A report from its JSON.
    ///
    /// # Panics
    /// It is of another schema.
    #[must_use]
    pub fn new(value: Value) -> Self {
        assert_eq!(value["schema"], "majlis/report@1");
        Self(value)
    }

    /// The run.
    #[must_use]
    pub fn run(&self) -> &Value {
        &self.0["run"]
    }

    /// The accounts.
    #[must_use]
    pub fn visits(&self) -> Vec<Visit<'_>> {
        items(&self.0["visits"]).map(Visit).collect()
    }

    /// The one account.
    #[must_use]
    #[track_caller]
    pub fn visit(&self) -> Visit<'_> {
        let visits = self.visits();
        assert_eq!(visits.len(), 1, "one visit was expected: {}", self.0);
        visits[0]
    }

    /// A stage's totals, by its name.
    #[must_use]
    #[track_caller]
    pub fn stage(&self, name: &str) -> &Value {
        find(&self.run()["stages"], "name", name)
    }

    /// An opening, by its stage.
    #[must_use]
    #[track_caller]
    pub fn opening(&self, stage: &str) -> &Value {
        find(&self.run()["openings"], "stage", stage)
    }

    /// A row's bytes of the ledger `heap` or `resident`.
    #[must_use]
    #[track_caller]
    pub fn row(&self, ledger: &str, name: &str) -> &Value {
        &find(&self.run()[ledger]["rows"], "name", name)["bytes"]
    }

    /// That the ledgers explain what they hold: *unclaimed* at most 3 % of the heap, *rest* at most 10 % of resident
    /// memory, and the rows sum up to the total that was measured apart.
    #[track_caller]
    pub fn assert_ledgers(&self) {
        let (heap, resident) = (&self.run()["heap"], &self.run()["resident"]);
        let share = |row: &Value, ledger: &Value| number(row) / number(&ledger["total_bytes"]);
        let unclaimed = share(self.row("heap", "unclaimed"), heap);
        assert!(unclaimed <= 0.03, "{:.1} % of the heap is unclaimed: {heap:#}", unclaimed * 100.0);
        let rest = share(self.row("resident", "rest"), resident);
        assert!(rest <= 0.10, "{:.1} % of resident memory is rest: {resident:#}", rest * 100.0);
        for ledger in [heap, resident] {
            let gap = number(&ledger["total_bytes"]) - number(&ledger["sum_bytes"]);
            assert!(gap.abs() <= 0.01 * number(&ledger["total_bytes"]), "the rows miss the total by {gap}: {ledger:#}");
        }
    }
}

impl<'a> Visit<'a> {
    /// Its steps.
    pub fn steps(self) -> impl Iterator<Item = &'a Value> {
        items(&self.0["steps"])
    }

    /// The one step with this title.
    #[must_use]
    #[track_caller]
    pub fn step(self, title: &str) -> &'a Value {
        let steps: Vec<&Value> = self.steps().filter(|step| step["title"] == title).collect();
        assert_eq!(steps.len(), 1, "one step `{title}` was expected: {:#}", self.0["steps"]);
        steps[0]
    }

    /// A fact of one of its steps, by its name.
    #[must_use]
    pub fn fact(self, name: &str) -> Option<&'a str> {
        self.steps()
            .flat_map(|step| items(&step["facts"]))
            .find(|fact| fact["name"] == name)
            .and_then(|fact| fact["value"].as_str())
    }

    /// That the account's segments tile it: no gap, no overlap.
    #[track_caller]
    pub fn assert_tiles(self) {
        let visit = self.0;
        let mut at = visit["arrival_ns"].as_u64();
        for segment in items(&visit["segments"]) {
            assert_eq!(segment["start_ns"].as_u64(), at, "a gap or an overlap before {segment}: {visit:#}");
            assert!(segment["end_ns"].as_u64() > at, "a segment without length: {segment}");
            at = segment["end_ns"].as_u64();
        }
        assert_eq!(at, visit["end_ns"].as_u64(), "the segments do not reach the end: {visit:#}");
        assert_eq!(visit["untracked_ns"], 0, "no record contradicts itself: {visit:#}");
    }

    /// That they tile it and explain all but the larger of 1 % and 5 ms; for [`undisturbed`](crate::undisturbed) runs.
    #[track_caller]
    pub fn assert_account(self) {
        self.assert_tiles();
        let visit = self.0;
        let unexplained = ms(&visit["hand_over_ns"]) + ms(&visit["untracked_ns"]) + ms(&visit["folded_ns"]);
        let allowed = f64::max(0.01 * ms(&visit["length_ns"]), 5.0);
        assert!(unexplained <= allowed, "{unexplained:.2} ms of the way are explained by nothing: {visit:#}");
    }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

#[track_caller]
fn find<'a>(list: &'a Value, key: &str, wanted: &str) -> &'a Value {
    items(list).find(|item| item[key] == wanted).unwrap_or_else(|| panic!("no {key} is `{wanted}` in {list:#}"))
}
