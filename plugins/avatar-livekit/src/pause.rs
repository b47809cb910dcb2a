//! Whether an operator has paused the stage: a word in the store, said by a verb in another process and heard by a show that runs.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use majlis_plugin_api::service::store::{Database, Statement};
use majlis_plugin_api::{Error, Host, Result};

/// The history of the table. A released step never changes.
const STEPS: [&str; 1] = ["CREATE TABLE paused (stage TEXT PRIMARY KEY) WITHOUT ROWID"];
const FILE: &str = "avatars-paused";

/// The word about one stage.
pub(crate) struct Pause {
    store: Result<Database>,
    /// The stage by its name and the folder of its pipeline: a machine may have several shows.
    stage: String,
    paused: AtomicBool,
}

impl Pause {
    pub(crate) fn open(host: &Host) -> Self {
        let folder = host.path("");
        // Relative where the host was started in the folder.
        let folder = if folder == Path::new("") { ".".into() } else { folder };
        let folder = folder.canonicalize().unwrap_or(folder);
        let stage = format!("{} of {}", host.stage(), folder.display());
        let pause = Self { store: Database::open(host, FILE, &STEPS, &[]), stage, paused: AtomicBool::new(false) };
        pause.look();
        pause
    }

    /// Whether it was paused at the last look.
    pub(crate) fn is_set(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    /// Looks.
    pub(crate) fn look(&self) {
        let Ok(store) = &self.store else { return };
        let select = "SELECT 1 FROM paused WHERE stage = ?1";
        // The disk may be slow, and the thread for tasks has more to do.
        match tokio::task::block_in_place(|| store.query(select, [self.stage.as_str().into()])) {
            Ok(rows) => self.paused.store(!rows.is_empty(), Ordering::Relaxed),
            // What was said last holds.
            Err(error) => tracing::debug!(%error, "whether the avatars are paused cannot be read"),
        }
    }

    /// Says so.
    pub(crate) fn set(&self, paused: bool) -> Result<()> {
        let store = self.store.as_ref().map_err(|error| Error::new(error.to_string()).within("the store"))?;
        let sql =
            if paused { "INSERT OR IGNORE INTO paused VALUES (?1)" } else { "DELETE FROM paused WHERE stage = ?1" };
        store.run(&[Statement::new(sql, [self.stage.as_str().into()])])?;
        self.paused.store(paused, Ordering::Relaxed);
        Ok(())
    }
}
