//! The order of the steps, done once for each library, and the reasons of those that failed.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant, SystemTime};

use majlis_abi::raw::{RawExtension, StageBox};
use majlis_abi::root::Plugin;
use majlis_config::{Catalogue, Entry, Refusal};
use parking_lot::Mutex;

use crate::codes;
use crate::hash::Short;
use crate::native::Natives;
use crate::open;
use crate::probe::{Probed, Verdict, probe};
use crate::refused::Refused;
use crate::scan::{self, Scanned};
use crate::store::{Store, Verified};

/// Finds plugins, opens them when they are needed, and keeps the reason of every refusal. One a process.
pub struct Loader {
    store: Store,
    natives: Natives,
    scanned: Mutex<Scanned>,
    /// By sha256.
    slots: Mutex<HashMap<[u8; 32], Slot>>,
    failures: Arc<Failures>,
    swept: Once,
}

/// Its own lock lets different libraries open at once, and one library only once.
type Slot = Arc<Mutex<Option<Opened>>>;

/// A plugin that is open and fits the boundary; cheap to clone, and never closed.
#[derive(Clone)]
pub struct Opened {
    inner: Arc<Inner>,
}

struct Inner {
    plugin: Plugin,
    name: String,
    origin: PathBuf,
    path: PathBuf,
    cost: Duration,
    failures: Arc<Failures>,
}

/// The last failure of each library to open, and its last refusal to make an instance.
#[derive(Default)]
struct Failures(Mutex<BTreeMap<(PathBuf, Step), Refusal>>);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Open,
    Create,
}

impl Failures {
    fn keep(&self, step: Step, name: &str, refused: &Refused) {
        self.0.lock().insert((refused.path.clone(), step), refused.to_refusal(Some(name)));
    }

    /// That one instance was made says nothing of why another one was not, so only an opening is forgotten.
    fn opened(&self, path: &Path) {
        self.0.lock().remove(&(path.to_owned(), Step::Open));
    }
}

impl Loader {
    /// `store` is the folder of the private copies, such as `majlis/plugins` in the user's cache; it is made with
    /// mode 0700 when the first plugin is opened, and rid of copies that nobody has used for [`store::KEPT`].
    ///
    /// [`store::KEPT`]: crate::store::KEPT
    #[must_use]
    pub fn new(store: PathBuf) -> Self {
        Self {
            store: Store::new(store),
            natives: Natives::new(),
            scanned: Mutex::default(),
            slots: Mutex::default(),
            failures: Arc::default(),
            swept: Once::new(),
        }
    }

    /// Reads every `*.so` of the folders, not of their subfolders, and runs no code of a plugin. Of two libraries that
    /// say one name, the first in the order of the folders is used and the other refused; within a folder the order is
    /// that of the file names. A folder that cannot be read, or is not there, is a refusal too.
    ///
    /// It takes the place of what an earlier scan found, in [`Loader::why`] too; opened plugins stay open.
    pub fn scan(&self, folders: &[PathBuf]) -> Catalogue {
        let scanned = scan::scan(folders);
        let catalogue = scanned.catalogue.clone();
        *self.scanned.lock() = scanned;
        self.failures.0.lock().clear();
        catalogue
    }

    /// Opens a plugin: copies it, verifies that the copy has the sha256 of `entry`, opens the copy, compares preamble,
    /// layout and self-description. A library is opened once for each sha256; whoever asks meanwhile waits and shares
    /// it. A failure is kept for [`Loader::why`] and may be tried again.
    ///
    /// `pin` is the sha256 that the pipeline demands.
    ///
    /// # Errors
    /// The first step that failed.
    pub fn open(&self, entry: &Entry, pin: Option<[u8; 32]>) -> Result<Opened, Refused> {
        let name = &entry.manifest.name;
        let opened = self.try_open(entry, pin);
        match &opened {
            Ok(_) => self.failures.opened(&entry.path),
            Err(refused) => self.failures.keep(Step::Open, name, refused),
        }
        opened
    }

    fn try_open(&self, entry: &Entry, pin: Option<[u8; 32]>) -> Result<Opened, Refused> {
        if let Some(pin) = pin.filter(|pin| *pin != entry.sha256) {
            let reason = format!("the pipeline pins it to sha256 {} and it has {}", Short(&pin), Short(&entry.sha256));
            return Err(
                Verdict::new(codes::L0304, reason, "install the pinned build or change the pin").at(&entry.path)
            );
        }
        let slot = self.slots.lock().entry(entry.sha256).or_default().clone();
        let mut slot = slot.lock();
        if let Some(opened) = &*slot {
            return Ok(opened.clone());
        }
        let begun = Instant::now();
        let verified = self.store.verified(&entry.path, &entry.sha256)?;
        self.swept.call_once(|| {
            let wanted: Vec<[u8; 32]> = self.scanned.lock().probed.keys().copied().chain([entry.sha256]).collect();
            self.store.sweep(SystemTime::now(), &wanted);
        });
        let probed = self.probed(entry, &verified)?;
        self.open_companions(entry, &probed)?;
        let plugin = open::plugin(&verified, &probed)?;
        agree(&plugin, entry)?;
        let opened = Opened {
            inner: Arc::new(Inner {
                plugin,
                name: entry.manifest.name.clone(),
                origin: entry.path.clone(),
                path: verified.path().to_owned(),
                cost: begun.elapsed(),
                failures: self.failures.clone(),
            }),
        };
        *slot = Some(opened.clone());
        Ok(opened)
    }

    /// What the probe said of these bytes: kept from the scan, or read from the copy for an entry from elsewhere.
    fn probed(&self, entry: &Entry, verified: &Verified) -> Result<Arc<Probed>, Refused> {
        if let Some(probed) = self.scanned.lock().probed.get(&entry.sha256) {
            return Ok(probed.clone());
        }
        let probed = scan::read(verified.path()).and_then(|bytes| probe(&bytes));
        probed.map(Arc::new).map_err(|verdict| verdict.at(&entry.path))
    }

    /// The copy in the store has lost its neighbours, so what the plugin needs and has beside it is opened first, from
    /// there; the system's loader then finds it by its name.
    fn open_companions(&self, entry: &Entry, probed: &Probed) -> Result<(), Refused> {
        let Some(folder) = entry.path.parent() else {
            return Ok(());
        };
        let origin = folder.to_string_lossy();
        let search = probed.search.iter().filter(|place| place.contains("ORIGIN"));
        let search = search.map(|place| place.replace("${ORIGIN}", &origin).replace("$ORIGIN", &origin));
        let places: Vec<PathBuf> = search.map(PathBuf::from).chain([folder.to_owned()]).collect();
        for needed in &probed.needed {
            let file = places.iter().map(|place| place.join(needed)).find(|file| file.is_file());
            if let Some(file) = file {
                self.natives.open(needed, &file, None, &entry.manifest.name)?;
            }
        }
        Ok(())
    }

    /// The native libraries of the process, those beside plugins included.
    #[must_use]
    pub fn natives(&self) -> &Natives {
        &self.natives
    }

    /// What the bytes of a plugin of the last scan said: compiler, needed libraries, exported symbols.
    #[must_use]
    pub fn details(&self, entry: &Entry) -> Option<Arc<Probed>> {
        self.scanned.lock().probed.get(&entry.sha256).cloned()
    }

    /// Every reason that is kept of a plugin: of the last scan, by the manifest's name or else by the file's, and of
    /// what failed to open since.
    #[must_use]
    pub fn why(&self, name: &str) -> Vec<Refusal> {
        let scanned = self.scanned.lock();
        let mut reasons: Vec<Refusal> =
            scanned.catalogue.refused.iter().filter(|refusal| concerns(refusal, name)).cloned().collect();
        let failures = self.failures.0.lock();
        reasons.extend(failures.values().filter(|refusal| concerns(refusal, name)).cloned());
        reasons
    }
}

impl std::fmt::Debug for Loader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loader").field("store", &self.store).finish_non_exhaustive()
    }
}

impl Opened {
    /// A new instance, not yet open.
    ///
    /// # Errors
    /// The plugin's own words. The library stays open and `create` may be called again.
    pub fn create(&self) -> Result<StageBox, Refused> {
        let Inner { plugin, name, origin, failures, .. } = &*self.inner;
        plugin.create().map_err(|error| {
            let reason = format!("it refused to make an instance: {}", error.message);
            let refused = Verdict::new(codes::L0501, reason, "it may be tried again").at(origin);
            failures.keep(Step::Create, name, &refused);
            refused
        })
    }

    /// A table of a later minor of the boundary, by its id; none if the plugin does not know it.
    #[must_use]
    pub fn extension(&self, id: &str) -> Option<RawExtension> {
        self.inner.plugin.extension(id)
    }

    /// What copying, checking and opening took; once a library, however many instances are made.
    #[must_use]
    pub fn open_cost(&self) -> Duration {
        self.inner.cost
    }

    /// The copy that is mapped, as it shows in `/proc/self/maps`.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("name", &self.inner.name).field("path", &self.inner.path).finish_non_exhaustive()
    }
}

/// Whether the open library is who its manifest says.
fn agree(plugin: &Plugin, entry: &Entry) -> Result<(), Refused> {
    let said = plugin.describe();
    let (name, version) = (said.name.as_str(), said.version.as_str());
    let manifest = &entry.manifest;
    if (name, version) == (manifest.name.as_str(), manifest.version.as_str()) {
        return Ok(());
    }
    let reason = format!(
        "it says to be `{name}` version {version} and its manifest says `{}` version {}",
        manifest.name, manifest.version
    );
    Err(Verdict::new(codes::L0407, reason, "build it again").at(&entry.path))
}

/// A library whose manifest is unreadable has only the name of its file.
fn concerns(refusal: &Refusal, name: &str) -> bool {
    let one = Catalogue { refused: vec![refusal.clone()], ..Catalogue::default() };
    one.refusal_of(name).is_some()
}
