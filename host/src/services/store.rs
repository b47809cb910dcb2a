//! The service `store`: requests of plugins to the process's one SQLite.

use std::collections::BTreeMap;
use std::sync::Arc;

use majlis_store::{Database, Store};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::{decode, encode};

/// The store, and the files of it that plugins have opened.
pub(super) struct Files {
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
    fn known(self) -> Result<majlis_store::Value, String> {
        Ok(match self {
            Self::Null => majlis_store::Value::Null,
            Self::Integer(number) => majlis_store::Value::Integer(number),
            Self::Real(number) => majlis_store::Value::Real(number),
            Self::Text(text) => majlis_store::Value::Text(text),
            Self::Blob(ciborium::Value::Bytes(bytes)) => majlis_store::Value::Blob(bytes),
            Self::Blob(_) => return Err("a blob of the request is not bytes".to_owned()),
        })
    }
}

impl From<majlis_store::Value> for Value {
    fn from(value: majlis_store::Value) -> Self {
        match value {
            majlis_store::Value::Null => Self::Null,
            majlis_store::Value::Integer(number) => Self::Integer(number),
            majlis_store::Value::Real(number) => Self::Real(number),
            majlis_store::Value::Text(text) => Self::Text(text),
            majlis_store::Value::Blob(bytes) => Self::Blob(ciborium::Value::Bytes(bytes)),
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

/// Whether a statement gives rows; the library wants to know beforehand.
fn gives_rows(sql: &str) -> bool {
    let lower = sql.trim_start().to_ascii_lowercase();
    ["select", "with", "values"].iter().any(|word| lower.starts_with(word))
        || lower.split_ascii_whitespace().any(|word| word == "returning")
}

impl Files {
    pub(super) fn new(store: Store) -> Self {
        Self { store, open: Mutex::default() }
    }

    pub(super) fn answer(&self, method: &str, request: &[u8]) -> Result<Vec<u8>, String> {
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
    let statements: Vec<(String, Vec<majlis_store::Value>)> = statements
        .into_iter()
        .map(|statement| {
            Ok((statement.sql, statement.values.into_iter().map(Value::known).collect::<Result<_, String>>()?))
        })
        .collect::<Result<_, String>>()?;
    database
        .transaction(|transaction| {
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
                .collect::<Result<Vec<Answer>, majlis_store::Error>>()
        })
        .map_err(|error| error.to_string())
}
