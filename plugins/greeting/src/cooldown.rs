//! Who was greeted by name not long ago.
//!
//! A row is written when a greeting is sent and counts from when it was delivered. So a person who is forgotten in between is
//! forgotten: the delivery finds no row, and writes none.

use std::collections::{BTreeMap, VecDeque};

use majlis_plugin_api::service::store::{Database, Statement, Value};
use majlis_plugin_api::{Host, Result};

use crate::calendar::seconds;

/// The history of the table. A released step never changes.
const STEPS: [&str; 1] =
    ["CREATE TABLE greeted (person TEXT PRIMARY KEY, sent INTEGER NOT NULL, delivered INTEGER) WITHOUT ROWID"];
const SUBJECTS: [(&str, &str); 1] = [("greeted", "person")];
const FILE: &str = "greeting";

/// So many greetings may be on their way; an older one is taken as not delivered.
const ON_THEIR_WAY: usize = 256;

/// Who was greeted when. Only people who enrolled are kept, and only for as long as it matters.
pub(crate) struct CoolDown {
    /// In seconds; 0: nobody is kept.
    after: i64,
    kept: Kept,
    /// By number of the utterance, the people who are named in it.
    sent: VecDeque<(u64, Vec<String>)>,
}

enum Kept {
    /// In the host's store.
    Store(Database),
    /// For this run, where there is no store: when it was sent, and when delivered.
    Run(BTreeMap<String, (i64, Option<i64>)>),
}

impl CoolDown {
    pub(crate) fn open(after: std::time::Duration, host: &Host) -> Self {
        let after = i64::try_from(after.as_secs()).unwrap_or(i64::MAX);
        let mut kept = Kept::Run(BTreeMap::new());
        if after > 0 {
            match Database::open(host, FILE, &STEPS, &SUBJECTS) {
                Ok(store) => kept = Kept::Store(store),
                // Nobody waits for a greeting because of it.
                Err(error) => tracing::warn!(%error, "who was greeted is kept for this run alone"),
            }
        }
        let mut cool_down = Self { after, kept, sent: VecDeque::new() };
        cool_down.purge();
        cool_down
    }

    /// Whether anybody is kept.
    pub(crate) fn is_on(&self) -> bool {
        self.after > 0
    }

    /// Whether a greeting of this person was delivered so recently that it holds.
    pub(crate) fn holds(&mut self, person: &str) -> bool {
        if !self.is_on() {
            return false;
        }
        let since = seconds().saturating_sub(self.after);
        match &self.kept {
            Kept::Run(kept) => kept.get(person).is_some_and(|(_, delivered)| delivered.is_some_and(|at| at > since)),
            Kept::Store(store) => {
                let sql = "SELECT 1 FROM greeted WHERE person = ?1 AND delivered > ?2";
                let found = store.query(sql, [person.into(), Value::Integer(since)]);
                tell(found).is_some_and(|rows| !rows.is_empty())
            }
        }
    }

    /// A greeting that names these people was sent; `delivered`: nobody will say when it is.
    pub(crate) fn sent(&mut self, number: u64, people: &[String], delivered: bool) {
        if !self.is_on() || people.is_empty() {
            return;
        }
        let now = seconds();
        match &mut self.kept {
            Kept::Run(kept) => {
                for person in people {
                    kept.entry(person.clone()).or_insert((now, None)).0 = now;
                }
            }
            Kept::Store(store) => {
                let sql = "INSERT INTO greeted VALUES (?1, ?2, NULL) ON CONFLICT (person) DO UPDATE SET sent = ?2";
                let row = |person: &String| Statement::new(sql, [person.as_str().into(), Value::Integer(now)]);
                let _ = tell(store.run(&people.iter().map(row).collect::<Vec<_>>()));
            }
        }
        self.sent.push_back((number, people.to_vec()));
        if self.sent.len() > ON_THEIR_WAY {
            self.sent.pop_front();
        }
        if delivered {
            self.delivered(number);
        }
    }

    /// It was seen or heard.
    pub(crate) fn delivered(&mut self, number: u64) {
        let Some(place) = self.sent.iter().position(|(known, _)| *known == number) else {
            return;
        };
        let Some((_, people)) = self.sent.remove(place) else {
            return;
        };
        let now = seconds();
        match &mut self.kept {
            Kept::Run(kept) => {
                for person in people {
                    kept.entry(person).and_modify(|(_, delivered)| *delivered = Some(now));
                }
            }
            Kept::Store(store) => {
                let sql = "UPDATE greeted SET delivered = ?2 WHERE person = ?1";
                let row = |person: &String| Statement::new(sql, [person.as_str().into(), Value::Integer(now)]);
                let _ = tell(store.run(&people.iter().map(row).collect::<Vec<_>>()));
            }
        }
    }

    /// Lets go of those whose greeting holds no more. Answers after how many seconds the next one of them is to go.
    pub(crate) fn purge(&mut self) -> Option<u64> {
        if !self.is_on() {
            return None;
        }
        let now = seconds();
        let since = now.saturating_sub(self.after);
        let oldest = match &mut self.kept {
            Kept::Run(kept) => {
                let at = |(sent, delivered): &(i64, Option<i64>)| delivered.unwrap_or(*sent).max(*sent);
                kept.retain(|_, times| at(times) > since);
                kept.values().map(at).min()
            }
            Kept::Store(store) => {
                let delete = "DELETE FROM greeted WHERE max(sent, ifnull(delivered, 0)) <= ?1";
                let oldest = "SELECT min(max(sent, ifnull(delivered, 0))) FROM greeted";
                let statements = [Statement::new(delete, [Value::Integer(since)]), Statement::new(oldest, [])];
                let answers = tell(store.run(&statements)).unwrap_or_default();
                match answers.last().and_then(|answer| answer.rows.first()?.first().cloned()) {
                    Some(Value::Integer(oldest)) => Some(oldest),
                    _ => None,
                }
            }
        };
        oldest.and_then(|oldest| u64::try_from(oldest.saturating_add(self.after).saturating_sub(now)).ok())
    }
}

/// A store that fails keeps nobody, and nobody is left without a greeting for it.
fn tell<T>(answer: Result<T>) -> Option<T> {
    answer.inspect_err(|error| tracing::warn!(%error, "who was greeted cannot be kept")).ok()
}
