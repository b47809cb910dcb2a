//! One file of tables.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{ReentrantMutex, ReentrantMutexGuard};
use rusqlite::{Connection, OpenFlags, TransactionBehavior, params_from_iter};

use crate::error::Error;
use crate::guard::Guard;
use crate::value::Value;

/// A file of tables; cheap to clone, and all clones share one connection: their calls wait for each other.
#[derive(Clone)]
pub struct Database {
    pub(crate) file: Arc<File>,
}

/// The connection of one file.
///
/// The lock may be taken again by its own thread, so that a call from inside a transaction finds the borrowed cell and
/// becomes an error, where an ordinary lock would wait for itself for ever.
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) guard: Guard,
    pub(crate) connection: ReentrantMutex<RefCell<Connection>>,
}

/// Statements that are kept together or not at all.
pub struct Transaction<'a> {
    name: &'a str,
    connection: &'a Connection,
}

impl Database {
    /// Runs one statement; gives the number of rows that it changed. `?1`, `?2`, … in the statement are the values.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn execute(&self, sql: &str, values: &[Value]) -> Result<u64, Error> {
        self.file.with(|connection| execute(&self.file.name, connection, sql, values))
    }

    /// Runs one statement and gives its rows, each with one value a column.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn query(&self, sql: &str, values: &[Value]) -> Result<Vec<Vec<Value>>, Error> {
        self.file.with(|connection| query(&self.file.name, connection, sql, values))
    }

    /// Runs statements that are kept together: all of them when `work` gives `Ok`, none when it gives an error or
    /// panics. Nobody else writes to the file meanwhile.
    ///
    /// # Errors
    /// What `work` gives, or the store's own.
    pub fn transaction<R, E: From<Error>>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<R, E>) -> Result<R, E> {
        self.run(TransactionBehavior::Immediate, work)
    }

    /// Runs queries that see one state of the file. Others may write meanwhile, in this process and in others: whoever only
    /// reads never waits for them, nor they for him.
    ///
    /// # Errors
    /// What `work` gives, or the store's own.
    pub fn snapshot<R, E: From<Error>>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<R, E>) -> Result<R, E> {
        self.run(TransactionBehavior::Deferred, work)
    }

    fn run<R, E: From<Error>>(
        &self,
        behavior: TransactionBehavior,
        work: impl FnOnce(&Transaction<'_>) -> Result<R, E>,
    ) -> Result<R, E> {
        let File { name, guard, .. } = &*self.file;
        let lock = self.file.connection.lock();
        let mut connection = self.file.borrow_mut(&lock)?;
        let busy = |error| E::from(Error::statement(name, &error));
        let transaction = guard.host(|| connection.transaction_with_behavior(behavior)).map_err(busy)?;
        // Rolls back while a panic of `work` passes by: the rules would refuse it as a plugin's ROLLBACK.
        let ending = Ending { guard, transaction: Some(transaction) };
        let result = work(&Transaction { name, connection: ending.connection() })?;
        ending.commit().map_err(busy)?;
        Ok(result)
    }

    /// The name that it was opened with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.file.name
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("path", &self.file.path).finish_non_exhaustive()
    }
}

impl Transaction<'_> {
    /// As [`Database::execute`].
    ///
    /// # Errors
    /// See [`Error`].
    pub fn execute(&self, sql: &str, values: &[Value]) -> Result<u64, Error> {
        execute(self.name, self.connection, sql, values)
    }

    /// As [`Database::query`].
    ///
    /// # Errors
    /// See [`Error`].
    pub fn query(&self, sql: &str, values: &[Value]) -> Result<Vec<Vec<Value>>, Error> {
        query(self.name, self.connection, sql, values)
    }
}

/// A transaction that ends under the host's rights, however it ends.
struct Ending<'a> {
    guard: &'a Guard,
    transaction: Option<rusqlite::Transaction<'a>>,
}

impl Ending<'_> {
    fn connection(&self) -> &Connection {
        self.transaction.as_ref().expect("taken only by `commit`, which takes `self`")
    }

    fn commit(mut self) -> rusqlite::Result<()> {
        let transaction = self.transaction.take().expect("taken only here");
        self.guard.host(|| transaction.commit())
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.guard.host(|| drop(self.transaction.take()));
    }
}

impl File {
    /// Opens or makes the file, with the host's settings and rules.
    pub(crate) fn open(name: &str, path: &Path, patience: Duration) -> Result<Self, Error> {
        let failed = |reason: String| Error::File { path: path.to_owned(), reason };
        private(path).map_err(|error| failed(error.to_string()))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags).map_err(|error| failed(error.to_string()))?;
        let guard = Guard::default();
        guard.install(&mut connection).map_err(|error| failed(error.to_string()))?;
        guard
            .host(|| {
                connection.busy_timeout(patience)?;
                connection.pragma_update(None, "secure_delete", true)?;
                connection.pragma_update(None, "temp_store", "MEMORY")?;
                connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
                // With WAL the default of other builds, NORMAL, may lose the last commits when the power goes.
                connection.pragma_update(None, "synchronous", "FULL")?;
                connection.pragma_update(None, "foreign_keys", true)?;
                connection.pragma_update(None, "cache_size", -1024)?;
                connection.execute_batch(
                    "CREATE TABLE IF NOT EXISTS majlis_subjects (tbl TEXT, col TEXT, PRIMARY KEY (tbl, col)) WITHOUT ROWID",
                )
            })
            .map_err(|error: rusqlite::Error| failed(error.to_string()))?;
        let connection = ReentrantMutex::new(RefCell::new(connection));
        Ok(Self { name: name.to_owned(), path: path.to_owned(), guard, connection })
    }

    fn with<R>(&self, work: impl FnOnce(&Connection) -> Result<R, Error>) -> Result<R, Error> {
        let lock = self.connection.lock();
        let connection = lock.try_borrow().map_err(|_| self.inside())?;
        work(&connection)
    }

    pub(crate) fn borrow_mut<'a>(
        &self,
        lock: &'a ReentrantMutexGuard<'_, RefCell<Connection>>,
    ) -> Result<std::cell::RefMut<'a, Connection>, Error> {
        lock.try_borrow_mut().map_err(|_| self.inside())
    }

    pub(crate) fn inside(&self) -> Error {
        Error::Inside { name: self.name.clone() }
    }
}

/// SQLite gives its log the mode of the file, so the file is made first, for its owner alone.
fn private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).map(drop)
}

fn execute(name: &str, connection: &Connection, sql: &str, values: &[Value]) -> Result<u64, Error> {
    let run = || {
        let mut statement = connection.prepare_cached(sql)?;
        statement.execute(params_from_iter(values))
    };
    run().map(|changed| changed as u64).map_err(|error| Error::statement(name, &error))
}

fn query(name: &str, connection: &Connection, sql: &str, values: &[Value]) -> Result<Vec<Vec<Value>>, Error> {
    let run = || {
        let mut statement = connection.prepare_cached(sql)?;
        let columns = statement.column_count();
        let rows = statement.query_map(params_from_iter(values), |row| (0..columns).map(|at| row.get(at)).collect())?;
        rows.collect::<rusqlite::Result<Vec<Vec<Value>>>>()
    };
    run().map_err(|error| Error::statement(name, &error))
}
