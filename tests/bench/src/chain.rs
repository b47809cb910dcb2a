//! A pipeline of this folder, run in this process: real plugins from their libraries between our two ends.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;
use majlis_abi::entry::stage_box;
use majlis_abi::raw::StageBox;
use majlis_config::{Catalogue, Entry, Fixed, Manifest, Pipeline};
use majlis_loader::{Loader, Opened as Library};
use majlis_meter::Monotonic;
use majlis_runtime::{Observer, OpenError, Opened, Opener, Runtime, Services, Setup};

use crate::flush::{INTERRUPTER, PLAYER};
use crate::stages::{Beat, Sink, Source, Tap};
use crate::voice::{COMPOSER, EAR};

const SOURCE: &str = "bench-source";
const SINK: &str = "bench-sink";

/// Longer than any run here, so that one that stands still is an error and no silence.
const PATIENCE: Duration = Duration::from_secs(30);

fn manifest(name: &str, port: &str) -> Result<Manifest, String> {
    let text = format!(
        "abi = 1\nname = \"{name}\"\nversion = \"1.0.0\"\nsummary = \"An end of a chain\"\nlicence = \"Apache-2.0\"\n\n{port}"
    );
    Manifest::parse(&text).map_err(|error| error.to_string())
}

/// Makes an end of a pipeline that lies in this process, by its plugin's name.
pub(crate) type MakeEnd = dyn Fn(&str) -> Option<StageBox> + Send + Sync;

/// The plugins of a folder, and our ends.
pub(crate) struct Plugins {
    loader: Arc<Loader>,
    catalogue: Catalogue,
}

/// What a run is made from.
pub(crate) struct Plan<'a> {
    /// The pipeline file.
    pub(crate) pipeline: &'a Path,
    pub(crate) beat: Beat,
    /// Frames that are sent.
    pub(crate) frames: usize,
    pub(crate) metering: bool,
}

impl Plugins {
    /// Reads what lies in `folder`; copies of what is opened go to `copies`.
    pub(crate) fn find(folder: &Path, copies: &Path) -> Result<Self, String> {
        let loader = Arc::new(Loader::new(copies.to_owned()));
        let mut catalogue = loader.scan(&[folder.to_owned()]);
        let (utterance, audio) = (
            "[[output]]\nname = \"utterance\"\ntype = \"majlis/utterance@1\"\n",
            "[[input]]\nname = \"audio\"\ntype = \"majlis/audio@1\"\n",
        );
        let ends = [
            manifest(SOURCE, "[[output]]\nname = \"frame\"\ntype = \"majlis/frame@1\"\n")?,
            manifest(SINK, "[[input]]\nname = \"packet\"\ntype = \"any\"\n")?,
            manifest(COMPOSER, utterance)?,
            manifest(EAR, audio)?,
            manifest(INTERRUPTER, utterance)?,
            manifest(PLAYER, audio)?,
        ];
        for manifest in ends {
            let entry = Entry { path: "in this process".into(), sha256: [0; 32], manifest };
            catalogue.plugins.insert(entry.manifest.name.clone(), entry);
        }
        Ok(Self { loader, catalogue })
    }

    /// One plugin's library, open.
    pub(crate) fn open(&self, name: &str) -> Result<Library, String> {
        let entry = self.catalogue.plugins.get(name).ok_or_else(|| format!("there is no plugin `{name}`"))?;
        self.loader.open(entry, None).map_err(|refused| refused.to_string())
    }

    fn check(&self, file: &Path) -> Result<Pipeline, String> {
        let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let source = majlis_config::Source { file, text: &text };
        let checked = majlis_config::check(&source, &self.catalogue, &Fixed::default());
        checked.pipeline.ok_or_else(|| majlis_config::render(&checked.diagnostics, &source, false))
    }

    /// Sends the frames through, waits for the last one, and gives what both ends noted.
    pub(crate) fn run(&self, plan: &Plan<'_>) -> Result<Arc<Tap>, String> {
        let (done, hear) = crossbeam_channel::bounded(1);
        let tap = Arc::new(Tap::new(plan.beat, plan.frames, done));
        let of_ends = Arc::clone(&tap);
        let end = move |plugin: &str| match plugin {
            SOURCE => Some(stage_box(Source::new(Arc::clone(&of_ends)))),
            SINK => Some(stage_box(Sink::new(Arc::clone(&of_ends)))),
            _ => None,
        };
        self.run_between(plan.pipeline, plan.metering, Arc::new(end), &hear)?;
        Ok(tap)
    }

    /// Runs a pipeline between ends of ours until they say that they are done.
    pub(crate) fn run_between(
        &self,
        file: &Path,
        metering: bool,
        end: Arc<MakeEnd>,
        done: &Receiver<()>,
    ) -> Result<(), String> {
        let pipeline = self.check(file)?;
        let opener = Ends {
            loader: Arc::clone(&self.loader),
            entries: self.catalogue.plugins.clone().into_iter().collect(),
            stages: pipeline.stages.iter().map(|stage| stage.plugin.clone()).collect(),
            end,
        };
        let setup = Setup {
            manifests: pipeline.stages.iter().map(|stage| (*stage.manifest).clone()).collect(),
            pipeline: Arc::new(pipeline),
            opener: Arc::new(opener),
            services: Arc::new(Silent),
            observer: Arc::new(Silent),
            clock: Arc::new(Monotonic::new()),
            metering,
            processor: false,
        };
        let runtime = Runtime::start(setup).map_err(|error| error.to_string())?;
        let heard = done.recv_timeout(PATIENCE);
        runtime.kill();
        let ended = runtime.wait();
        if let Some((stage, why)) = ended.failure {
            return Err(format!("{}: stage `{stage}` failed: {why}", file.display()));
        }
        heard.map_err(|_| format!("{}: the last packet did not arrive within {PATIENCE:?}", file.display()))
    }
}

struct Ends {
    loader: Arc<Loader>,
    entries: HashMap<String, Entry>,
    /// Each stage's plugin.
    stages: Vec<String>,
    end: Arc<MakeEnd>,
}

impl Opener for Ends {
    fn create(&self, stage: usize) -> Result<Opened, OpenError> {
        let name = self.stages[stage].as_str();
        if let Some(stage) = (self.end)(name) {
            return Ok(Opened { stage });
        }
        let opened = self.loader.open(&self.entries[name], None).and_then(|library| library.create());
        opened.map(|stage| Opened { stage }).map_err(|refused| OpenError {
            code: refused.code,
            reason: refused.to_string(),
            path: String::new(),
        })
    }
}

/// Answers nothing and watches nothing, but for what went wrong.
struct Silent;

impl Services for Silent {
    fn request(&self, _: usize, service: &str, _: &str, _: &[u8]) -> Result<Vec<u8>, String> {
        Err(format!("there is no service `{service}` here"))
    }

    fn model(&self, name: &str) -> Result<String, String> {
        Err(format!("there is no model `{name}` here"))
    }
}

impl Observer for Silent {
    fn log_enabled(&self, level: u32, _: &str) -> bool {
        level == 1
    }

    fn log(&self, stage: &str, _: u32, _: &str, message: &str) {
        eprintln!("{stage}: {message}");
    }

    fn print(&self, _: &str, _: u64, _: &str) {}
}
