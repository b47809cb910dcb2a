//! What can go wrong, each with a stable code.

use std::path::PathBuf;

use crate::erase::Erased;

/// Why the store could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name that is no file name of the store.
    #[error("`{name}` is no name of a store: 1 to 64 of a-z, 0-9 and -, beginning with a letter or digit [S0101]")]
    Name {
        /// As asked for.
        name: String,
    },
    /// The folder or file cannot be used.
    #[error("the store {} cannot be used: {reason}; check the disk and its permissions [S0102]", path.display())]
    File {
        /// The folder or file.
        path: PathBuf,
        /// The system's or SQLite's words.
        reason: String,
    },
    /// The file was made by a newer version of the plugin.
    #[error(
        "the store `{name}` has schema step {found} and this plugin knows {known}: install the newer plugin again [S0201]"
    )]
    Newer {
        /// The store.
        name: String,
        /// Steps that were applied to the file.
        found: i64,
        /// Steps that the plugin gives.
        known: usize,
    },
    /// A schema step failed; the ones before it stay applied.
    #[error("schema step {step} of the store `{name}` failed: {reason} [S0202]")]
    Step {
        /// The store.
        name: String,
        /// Counted from 1.
        step: usize,
        /// SQLite's words.
        reason: String,
    },
    /// A declared subject column does not exist.
    #[error(
        "the store `{name}` has no column `{column}` in a table `{table}`, which is declared to name a subject [S0203]"
    )]
    Subject {
        /// The store.
        name: String,
        /// As declared.
        table: String,
        /// As declared.
        column: String,
    },
    /// SQLite refused a statement.
    #[error("the store `{name}` refused a statement: {reason} [S0301]")]
    Statement {
        /// The store.
        name: String,
        /// SQLite's words.
        reason: String,
    },
    /// The statement is one that a plugin may not use.
    #[error(
        "the store `{name}` does not allow this statement: no ATTACH, PRAGMA, BEGIN, COMMIT or SAVEPOINT, and no table of \
         the host; use `transaction` and the schema steps [S0302]"
    )]
    Forbidden {
        /// The store.
        name: String,
    },
    /// The database was used from inside its own transaction, not through it.
    #[error("the store `{name}` is inside a transaction of this thread: use the transaction that it was given [S0303]")]
    Inside {
        /// The store.
        name: String,
    },
    /// Another connection holds the file for longer than the store waits.
    #[error("the store `{name}` is in use elsewhere and did not become free in time: try again [S0304]")]
    Busy {
        /// The store.
        name: String,
    },
    /// An erasure is not complete in every file. It has to be asked for again; what was done is done.
    #[error("not yet proved: {} [S0401]", failed.iter().map(|(file, why)| format!("{file}: {why}")).collect::<Vec<_>>().join("; "))]
    NotProved {
        /// What was erased, in the files that are complete and in those that are not.
        erased: Erased,
        /// The files that are not complete, and why.
        failed: Vec<(String, String)>,
    },
}

/// Each code and its explanation.
pub const CODES: &[(&str, &str)] = &[
    ("S0101", "A store's name becomes a file's name, so it has only small letters, digits and hyphens."),
    (
        "S0102",
        "The file or folder of a store cannot be made, read or written, or is no SQLite file. Look at the disk, at its \
               permissions and at what else writes there.",
    ),
    (
        "S0201",
        "The file was written by a newer version of the plugin, which changed its tables. An older plugin could misread \
               them, so it is not opened.",
    ),
    (
        "S0202",
        "A step that changes the tables of a plugin failed; it was rolled back whole. The plugin's author has to look.",
    ),
    (
        "S0203",
        "A plugin says that a column names the person that a row is about, and there is no such column, so `forget` \
               could not delete that person's rows. The plugin's author has to look.",
    ),
    ("S0301", "SQLite refused a statement of a plugin; its words are in the message."),
    ("S0302", "A plugin may read and write its own tables and nothing else of the process's SQLite."),
    (
        "S0303",
        "A statement was sent beside the transaction that the same thread has open; it would wait for itself for ever.",
    ),
    ("S0304", "Another process, or another stage in a long transaction, holds the file. Try again."),
    (
        "S0401",
        "A person's rows are deleted, but it is not proved that nothing of them is left on the disk: somebody reads the \
               file, or it could not be opened. End what reads it and ask again; only an answer without this error is a proof.",
    ),
];

/// The long explanation of a code.
#[must_use]
pub fn explain(code: &str) -> Option<&'static str> {
    CODES.iter().find(|(known, _)| *known == code).map(|(_, text)| *text)
}

impl Error {
    /// Stable; [`explain`] knows it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Name { .. } => "S0101",
            Self::File { .. } => "S0102",
            Self::Newer { .. } => "S0201",
            Self::Step { .. } => "S0202",
            Self::Subject { .. } => "S0203",
            Self::Statement { .. } => "S0301",
            Self::Forbidden { .. } => "S0302",
            Self::Inside { .. } => "S0303",
            Self::Busy { .. } => "S0304",
            Self::NotProved { .. } => "S0401",
        }
    }

    /// A statement's error, told apart by what can be done about it.
    pub(crate) fn statement(name: &str, error: &rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        let name = name.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::AuthorizationForStatementDenied) => Self::Forbidden { name },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { name },
            _ => Self::Statement { name, reason: error.to_string() },
        }
    }
}
