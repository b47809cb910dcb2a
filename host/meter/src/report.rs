//! The reports: text for an operator, JSON for a program, a trace for a viewer.
//!
//! All three are made of the same [`Account`]s and
//! [`RunRecord`], and nothing is computed in one that the others do not
//! show. Texts are made, never printed: only the host writes to the terminal.
//!
//! No image, embedding or name of a visitor enters here: visits are numbers. Facts and the texts
//! of errors come from plugins, which keep to the same rule; text and JSON show them, traces, which
//! travel further, leave them out.

pub mod json;
mod picture;
mod run;
mod table;
pub mod trace;
mod units;
mod visit;

use crate::account::Account;
use crate::record::RunRecord;

/// How a text report looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Whether terminal colours are used.
    pub color: bool,
    /// Columns that no line exceeds; not less than 80.
    pub width: usize,
}

impl Default for Look {
    fn default() -> Self {
        Self { color: false, width: 100 }
    }
}

/// The account of one visit as a text.
pub fn visit_text(account: &Account, run: &RunRecord, look: Look) -> String {
    visit::text(account, run, look)
}

/// The summary of a run as a text.
pub fn run_text(run: &RunRecord, look: Look) -> String {
    run::text(run, look)
}
