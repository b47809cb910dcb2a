//! Deleting a person from every file, and proving it.
//!
//! Deleting rows is not enough: freed pages, pages of the write-ahead log and pages that were moved keep the old bytes.
//! So the rows go with `secure_delete`, the file is rewritten by `VACUUM`, and the log is cut to nothing, which
//! succeeds only when nobody reads an older state. Only then is a file complete.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, TransactionBehavior};

use crate::database::File;
use crate::error::Error;
use crate::store::Store;

/// What was erased.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Every file of the folder, by name, those without a row of the person included.
    pub files: Vec<ErasedFile>,
}

/// One file of an erasure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErasedFile {
    /// The store's name.
    pub name: String,
    /// Rows that named the person.
    pub rows: u64,
    /// Places of the file and its log where the bytes of the person's key still stand: in a column that no table
    /// declared as its subject, or as a part of another text. 0 proves that the key itself is gone.
    pub mentions: u64,
}

impl Erased {
    /// Rows over all files.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }

    /// Mentions over all files.
    #[must_use]
    pub fn mentions(&self) -> u64 {
        self.files.iter().map(|file| file.mentions).sum()
    }
}

impl Store {
    /// Deletes every row about a person, in every file of the folder, open or not, and answers when nothing of them is
    /// left in a file or its log. It waits for blockers, each at most 10 s.
    ///
    /// # Errors
    /// [`Error::NotProved`] when a file is not complete; the others are. The call can be repeated until it gives `Ok`.
    pub fn erase(&self, subject: &str) -> Result<Erased, Error> {
        let mut erased = Erased::default();
        let mut failed = Vec::new();
        for name in self.names()? {
            let open = self.files.lock().get(&name).cloned();
            let file = match open {
                Some(file) => Ok(file),
                None => File::open(&name, &self.path(&name), self.patience()).map(Arc::new),
            };
            let mut entry = ErasedFile { name, rows: 0, mentions: 0 };
            let result = file.and_then(|file| self.erase_in(&file, subject, &mut entry));
            if let Err(error) = result {
                failed.push((entry.name.clone(), error.to_string()));
            }
            erased.files.push(entry);
        }
        if failed.is_empty() { Ok(erased) } else { Err(Error::NotProved { erased, failed }) }
    }

    fn erase_in(&self, file: &File, subject: &str, entry: &mut ErasedFile) -> Result<(), Error> {
        let Some(lock) = file.connection.try_lock_for(self.patience()) else {
            return Err(Error::Busy { name: file.name.clone() });
        };
        let mut connection = file.borrow_mut(&lock)?;
        let refused = |error| Error::statement(&file.name, &error);
        file.guard.host(|| {
            entry.rows = delete(&mut connection, subject).map_err(refused)?;
            // A statement that is kept prepared would keep VACUUM out while it is unfinished.
            connection.flush_prepared_statement_cache();
            connection.execute_batch("VACUUM").map_err(refused)?;
            let busy: bool =
                connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).map_err(refused)?;
            if busy { Err(Error::Busy { name: file.name.clone() }) } else { Ok(()) }
        })?;
        entry.mentions = mentions(&file.path, subject)
            .map_err(|error| Error::File { path: file.path.clone(), reason: error.to_string() })?;
        Ok(())
    }
}

fn delete(connection: &mut Connection, subject: &str) -> rusqlite::Result<u64> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Rows about one person may refer to each other in any order.
    transaction.pragma_update(None, "defer_foreign_keys", true)?;
    let declared: Vec<(String, String)> = {
        let sql =
            "SELECT tbl, col FROM majlis_subjects JOIN sqlite_master ON lower(name) = lower(tbl) AND type = 'table'";
        let mut statement = transaction.prepare(sql)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<rusqlite::Result<_>>()?
    };
    let mut rows = 0;
    for (table, column) in declared {
        let sql = format!("DELETE FROM {} WHERE {} = ?1", quoted(&table), quoted(&column));
        rows += transaction.execute(&sql, [subject])? as u64;
    }
    transaction.commit()?;
    Ok(rows)
}

fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

/// How often the subject's bytes stand in the file or beside it. Cells stand side by side without anything between
/// them, so a part of a longer word cannot be told from a word, and is counted too.
fn mentions(path: &Path, subject: &str) -> std::io::Result<u64> {
    if subject.is_empty() {
        return Ok(0);
    }
    let wanted = subject.as_bytes();
    let mut found = 0;
    for suffix in ["", "-wal", "-journal"] {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        match fs::read(&file) {
            Ok(bytes) => found += bytes.windows(wanted.len()).filter(|window| *window == wanted).count() as u64,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}
