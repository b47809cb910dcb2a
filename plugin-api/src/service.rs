//! Services of the host beside packets: the process's one store, native libraries, the load of the machine, and whether there is a run.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::message::{from_cbor, to_cbor};
use crate::{Host, Result};

fn ask<A: serde::de::DeserializeOwned>(
    host: &Host,
    service: &str,
    method: &str,
    request: &impl Serialize,
) -> Result<A> {
    from_cbor(&host.request(service, method, &to_cbor(request)?)?)
}

/// Native libraries, opened once a process.
pub mod native {
    use super::{Deserialize, Host, Path, PathBuf, Result, Serialize, ask};

    #[derive(Serialize)]
    struct Open<'a> {
        name: &'a str,
        path: &'a Path,
        sha256: Option<&'a str>,
    }

    #[derive(Deserialize)]
    struct Opened {
        path: PathBuf,
    }

    /// Opens a native library once a process and keeps it. `name` is one of the manifest's `native`; `sha256` is the
    /// file's hash in hexadecimal, where it is known. Answers the path under which it is open.
    ///
    /// # Errors
    /// The file is missing, has another hash, or another stage uses another version of it: the message names both.
    pub fn open(host: &Host, name: &str, path: &Path, sha256: Option<&str>) -> Result<PathBuf> {
        let opened: Opened = ask(host, "native", "open", &Open { name, path, sha256 })?;
        Ok(opened.path)
    }
}

/// The load of the machine, for stages that take jobs from elsewhere.
pub mod load {
    use super::{Deserialize, Host, Result, Serialize, ask};

    /// One reading.
    #[derive(Clone, Copy, Debug, Serialize, Deserialize)]
    pub struct Load {
        /// Processor use of this process since it started, in cores.
        pub cores: f64,
        /// Resident memory of this process, in bytes.
        pub resident: u64,
        /// The memory limit that it runs under, in bytes, where there is one.
        pub limit: Option<u64>,
        /// Open visits.
        pub visits: u32,
        /// Processor time that all threads of this process have used, in nanoseconds: of two readings, what was used between them.
        #[serde(default)]
        pub used_ns: u64,
        /// Cores that this process may use; 0 where the host does not say it.
        #[serde(default)]
        pub processors: u32,
        /// Memory of the machine, in bytes; 0 where the host does not say it.
        #[serde(default)]
        pub memory: u64,
    }

    /// Reads the load now.
    ///
    /// # Errors
    /// What the host says.
    pub fn now(host: &Host) -> Result<Load> {
        ask(host, "load", "now", &())
    }
}

/// What a stage is opened for.
pub mod run {
    use super::{Deserialize, Host, Result, Serialize, ask};

    /// How a pipeline stands.
    #[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
    pub struct Run {
        /// This stage is open without the others, to do a verb: it is closed when it has answered. What reaches beyond the process,
        /// such as a port to listen on or a place in a room, belongs to a run, which may go on beside it.
        pub alone: bool,
    }

    /// Asks how it stands.
    ///
    /// # Errors
    /// What the host says.
    pub fn now(host: &Host) -> Result<Run> {
        ask(host, "run", "now", &())
    }
}

/// Durable tables in the one SQLite of the process.
pub mod store {
    use super::{Deserialize, Host, Result, Serialize, ask};

    /// One value of a row.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    pub enum Value {
        /// Nothing.
        Null,
        /// A whole number.
        Integer(i64),
        /// A number.
        Real(f64),
        /// Text.
        Text(String),
        /// Bytes.
        Blob(#[serde(with = "bytes")] Vec<u8>),
    }

    mod bytes {
        use serde::{Deserializer, Serializer, de};

        pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(bytes)
        }

        pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
            struct Bytes;
            impl de::Visitor<'_> for Bytes {
                type Value = Vec<u8>;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("bytes")
                }
                fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                    Ok(bytes.to_vec())
                }
                fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
                    Ok(bytes)
                }
            }
            // Borrowed bytes are given up to 4 KiB only.
            deserializer.deserialize_byte_buf(Bytes)
        }
    }

    macro_rules! value_from {
        ($($type:ty => $variant:ident),*) => {$(
            impl From<$type> for Value {
                fn from(value: $type) -> Self {
                    Self::$variant(value.into())
                }
            }
        )*};
    }
    value_from!(i64 => Integer, u32 => Integer, f64 => Real, &str => Text, String => Text, Vec<u8> => Blob);

    /// One file of the store, open.
    pub struct Database {
        host: Host,
        name: String,
    }

    #[derive(Serialize)]
    struct Open<'a> {
        name: &'a str,
        steps: &'a [&'a str],
        subjects: &'a [(&'a str, &'a str)],
    }

    /// One statement of a transaction.
    #[derive(Clone, Debug, Serialize, Deserialize)]
    pub struct Statement {
        /// SQL with `?1` … for the values.
        pub sql: String,
        /// The values.
        pub values: Vec<Value>,
    }

    impl Statement {
        /// A statement and its values.
        pub fn new(sql: impl Into<String>, values: impl IntoIterator<Item = Value>) -> Self {
            Self { sql: sql.into(), values: values.into_iter().collect() }
        }
    }

    #[derive(Serialize)]
    struct Run<'a> {
        name: &'a str,
        statements: &'a [Statement],
    }

    /// Rows, or the number of rows that changed.
    #[derive(Clone, Debug, Serialize, Deserialize)]
    pub struct Answer {
        /// Rows of a query.
        pub rows: Vec<Vec<Value>>,
        /// Rows that a change touched.
        pub changed: u64,
    }

    impl Database {
        /// Opens a file of the store by name, and applies the schema's steps that it has not seen yet, in order. A
        /// table that holds something about a person names its *subject* column, so that one call erases a person.
        ///
        /// # Errors
        /// What the store says.
        pub fn open(host: &Host, name: &str, steps: &[&str], subjects: &[(&str, &str)]) -> Result<Self> {
            let () = ask(host, "store", "open", &Open { name, steps, subjects })?;
            Ok(Self { host: host.clone(), name: name.to_owned() })
        }

        /// Runs the statements in one transaction: all of them, or none.
        ///
        /// # Errors
        /// What the store says; then nothing was changed.
        pub fn run(&self, statements: &[Statement]) -> Result<Vec<Answer>> {
            ask(&self.host, "store", "run", &Run { name: &self.name, statements })
        }

        /// One query.
        ///
        /// # Errors
        /// What the store says.
        pub fn query(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Result<Vec<Vec<Value>>> {
            let answer = self.run(&[Statement::new(sql, values)])?;
            Ok(answer.into_iter().next().map(|answer| answer.rows).unwrap_or_default())
        }
    }

    /// Erases a subject in every file of the store, and every remains of it.
    ///
    /// # Errors
    /// It could not be proved within ten seconds.
    pub fn erase(host: &Host, subject: &str) -> Result<u64> {
        ask(host, "store", "erase", &subject)
    }
}

#[cfg(test)]
mod tests {
    use super::store::Value;
    use crate::message::{from_cbor, to_cbor};

    #[test]
    fn bytes_of_any_length_come_back_from_the_store() {
        for length in [0, 4096, 4097, 100_000] {
            let value = Value::Blob(vec![7; length]);
            let bytes = to_cbor(&value).expect("a value can be written");
            assert!(from_cbor::<Value>(&bytes).is_ok_and(|read| read == value), "{length} bytes");
        }
    }
}
