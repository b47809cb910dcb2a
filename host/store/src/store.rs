//! The folder of files, and what a file is opened with.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, read_dir};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::{Connection, TransactionBehavior};

use crate::database::{Database, File};
use crate::error::Error;

/// How long a blocker is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Durable tables for plugins: one folder, a file for each name. One a process.
pub struct Store {
    folder: PathBuf,
    patience: Duration,
    /// Those that are open, by name.
    pub(crate) files: Mutex<BTreeMap<String, Arc<File>>>,
}

impl Store {
    /// The folder is made, for its owner alone, when the first file is.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, patience: PATIENCE, files: Mutex::default() }
    }

    /// Waits for blockers as long as this instead of 10 s; before the first file is opened.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Opens the file of a name, or makes it.
    ///
    /// `steps` is the history of its schema: each is SQL that is run once in the life of the file, in order, whole or
    /// not at all. A released step never changes; a new one is added at the end. `subjects` are pairs (table, column):
    /// the columns whose value is the person that a row is about. Opening a name again gives the same file.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn open(&self, name: &str, steps: &[&str], subjects: &[(&str, &str)]) -> Result<Database, Error> {
        check_name(name)?;
        let mut files = self.files.lock();
        let file = match files.get(name) {
            Some(file) => file.clone(),
            None => {
                let failed =
                    |error: std::io::Error| Error::File { path: self.folder.clone(), reason: error.to_string() };
                DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(failed)?;
                Arc::new(File::open(name, &self.path(name), self.patience)?)
            }
        };
        {
            let lock = file.connection.lock();
            let mut connection = file.borrow_mut(&lock)?;
            apply(&file, &mut connection, steps)?;
            declare(&file, &connection, subjects)?;
        }
        files.insert(name.to_owned(), file.clone());
        Ok(Database { file })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.db"))
    }

    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// The names of all files of the folder, open or not.
    ///
    /// # Errors
    /// The folder cannot be read. One that is not there has no files.
    pub fn names(&self) -> Result<Vec<String>, Error> {
        let failed = |error: std::io::Error| Error::File { path: self.folder.clone(), reason: error.to_string() };
        let entries = match read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let file = entry.map_err(failed)?.file_name();
            let name = file.to_str().and_then(|file| file.strip_suffix(".db"));
            names.extend(name.filter(|name| check_name(name).is_ok()).map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("folder", &self.folder).finish_non_exhaustive()
    }
}

fn check_name(name: &str) -> Result<(), Error> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let first = name.bytes().next().is_some_and(plain);
    if first && name.len() <= 64 && name.bytes().all(|byte| plain(byte) || byte == b'-') {
        return Ok(());
    }
    Err(Error::Name { name: name.to_owned() })
}

fn apply(file: &File, connection: &mut Connection, steps: &[&str]) -> Result<(), Error> {
    let refused = |error| Error::statement(&file.name, &error);
    let version = |connection: &Connection| {
        file.guard.host(|| connection.pragma_query_value(None, "user_version", |row| row.get(0)))
    };
    loop {
        // Asked again inside the transaction: another process may be at the same step.
        let transaction = file
            .guard
            .host(|| connection.transaction_with_behavior(TransactionBehavior::Immediate))
            .map_err(refused)?;
        let done: i64 = version(&transaction).map_err(refused)?;
        let newer = || Error::Newer { name: file.name.clone(), found: done, known: steps.len() };
        let at = usize::try_from(done).map_err(|_| newer())?;
        let result = match steps.get(at) {
            None if at == steps.len() => Ok(false),
            None => Err(newer()),
            Some(sql) => transaction
                .execute_batch(sql)
                .and_then(|()| file.guard.host(|| transaction.pragma_update(None, "user_version", done + 1)))
                .map(|()| true)
                .map_err(|error| Error::Step { name: file.name.clone(), step: at + 1, reason: error.to_string() }),
        };
        // Both ends are the host's own: the rules would refuse them as a plugin's.
        let more = file.guard.host(|| match result {
            Ok(more) => transaction.commit().map(|()| more).map_err(refused),
            Err(error) => {
                drop(transaction);
                Err(error)
            }
        })?;
        if !more {
            return Ok(());
        }
    }
}

fn declare(file: &File, connection: &Connection, subjects: &[(&str, &str)]) -> Result<(), Error> {
    for (table, column) in subjects {
        let found: rusqlite::Result<bool> = file.guard.host(|| {
            let sql = "SELECT EXISTS (SELECT 1 FROM pragma_table_info(?1) WHERE lower(name) = lower(?2))";
            let found = connection.query_row(sql, (table, column), |row| row.get(0))?;
            if found {
                connection.execute("INSERT OR IGNORE INTO majlis_subjects VALUES (?1, ?2)", (table, column))?;
            }
            Ok(found)
        });
        if !found.map_err(|error| Error::statement(&file.name, &error))? {
            let (name, table, column) = (file.name.clone(), (*table).to_owned(), (*column).to_owned());
            return Err(Error::Subject { name, table, column });
        }
    }
    Ok(())
}
