//! The service `store`: requests of plugins to the process's one SQLite, in CBOR.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Database, Error, Store, Transaction};

/// The store, and the files of it that plugins have opened.
pub struct Service {
    store: Store,
    open: Mutex<BTreeMap<String, Arc<Database>>>,
}

/// One value of a row, as it travels.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Value {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(ciborium::Value),
}

impl Value {
    fn known(self) -> Result<crate::Value, String> {
        Ok(match self {
            Self::Null => crate::Value::Null,
            Self::Integer(number) => crate::Value::Integer(number),
            Self::Real(number) => crate::Value::Real(number),
            Self::Text(text) => crate::Value::Text(text),
            Self::Blob(ciborium::Value::Bytes(bytes)) => crate::Value::Blob(bytes),
            Self::Blob(_) => return Err("a blob of the request is not bytes".to_owned()),
        })
    }
}

impl From<crate::Value> for Value {
    fn from(value: crate::Value) -> Self {
        match value {
            crate::Value::Null => Self::Null,
            crate::Value::Integer(number) => Self::Integer(number),
            crate::Value::Real(number) => Self::Real(number),
            crate::Value::Text(text) => Self::Text(text),
            crate::Value::Blob(bytes) => Self::Blob(ciborium::Value::Bytes(bytes)),
        }
    }
}

#[derive(Deserialize)]
struct Open {
    name: String,
    steps: Vec<String>,
    subjects: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Statement {
    sql: String,
    values: Vec<Value>,
}

#[derive(Deserialize)]
struct Run {
    name: String,
    statements: Vec<Statement>,
}

#[derive(Serialize)]
struct Answer {
    rows: Vec<Vec<Value>>,
    changed: u64,
}

fn decode<T: DeserializeOwned>(request: &[u8]) -> Result<T, String> {
    ciborium::from_reader(request).map_err(|error| format!("the request is not what this host expects: {error}"))
}

fn encode<T: Serialize>(answer: &T) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    ciborium::into_writer(answer, &mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// Whether a statement gives rows; the library wants to know beforehand.
fn gives_rows(sql: &str) -> bool {
    let lower = sql.trim_start().to_ascii_lowercase();
    ["select", "with", "values"].iter().any(|word| lower.starts_with(word))
        || lower.split_ascii_whitespace().any(|word| word == "returning")
}

/// Whether a statement can only read. What begins with WITH may write.
fn only_reads(sql: &str) -> bool {
    sql.trim_start().get(..6).is_some_and(|word| word.eq_ignore_ascii_case("select"))
}

impl Service {
    /// The service of this store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, open: Mutex::default() }
    }

    /// Answers a request of a plugin: `open`, `run` or `erase`. Request and answer are what `majlis_plugin_api::service::store`
    /// writes and reads.
    ///
    /// # Errors
    /// A sentence for an operator.
    pub fn answer(&self, method: &str, request: &[u8]) -> Result<Vec<u8>, String> {
        match method {
            "open" => {
                let asked: Open = decode(request)?;
                let steps: Vec<&str> = asked.steps.iter().map(String::as_str).collect();
                let subjects: Vec<(&str, &str)> =
                    asked.subjects.iter().map(|(table, column)| (table.as_str(), column.as_str())).collect();
                let database = self.store.open(&asked.name, &steps, &subjects).map_err(|error| error.to_string())?;
                self.open.lock().insert(asked.name, Arc::new(database));
                encode(&())
            }
            "run" => {
                let Run { name, statements } = decode(request)?;
                let database = self.open.lock().get(&name).cloned();
                let database = database.ok_or_else(|| format!("the store `{name}` is not open; open it first"))?;
                encode(&run(&database, statements)?)
            }
            "erase" => {
                let subject: String = decode(request)?;
                let erased = self.store.erase(&subject).map_err(|error| error.to_string())?;
                encode(&erased.rows())
            }
            _ => Err(format!("the service `store` has no method `{method}`; it has open, run and erase")),
        }
    }
}

fn run(database: &Database, statements: Vec<Statement>) -> Result<Vec<Answer>, String> {
    let statements: Vec<(String, Vec<crate::Value>)> = statements
        .into_iter()
        .map(|statement| {
            Ok((statement.sql, statement.values.into_iter().map(Value::known).collect::<Result<_, String>>()?))
        })
        .collect::<Result<_, String>>()?;
    let work = |transaction: &Transaction<'_>| {
        statements
            .iter()
            .map(|(sql, values)| {
                if gives_rows(sql) {
                    let rows = transaction.query(sql, values)?;
                    let rows = rows.into_iter().map(|row| row.into_iter().map(Value::from).collect()).collect();
                    Ok(Answer { rows, changed: 0 })
                } else {
                    Ok(Answer { rows: Vec::new(), changed: transaction.execute(sql, values)? })
                }
            })
            .collect::<Result<Vec<Answer>, Error>>()
    };
    let done = if statements.iter().all(|(sql, _)| only_reads(sql)) {
        database.snapshot(work)
    } else {
        database.transaction(work)
    };
    done.map_err(|error| error.to_string())
}
