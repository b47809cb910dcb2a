//! Where people enrol and are asked for: the pipeline file's people and the store's behind one front, which a stage owns.

mod enrolling;
mod following;
mod listing;
mod moving;

use std::sync::Arc;
use std::time::Duration;

use majlis_plugin_api::service::store;
use majlis_plugin_api::{self as api, Error, Host, Result, Value};
use serde_json::json;

use crate::consent::today;
use crate::decision::{Outcome, Thresholds, decide};
use crate::face::Face;
use crate::follower::{Follower, OPERATOR, Pace, VISITOR};
use crate::gallery::Gallery;
use crate::live::Session;
use crate::packet::Said;
use crate::people::People;
use crate::purge::purge;
use crate::recogniser::Recogniser;
use crate::template::ModelId;
use crate::verbs::{Check, Enrol, Forget, List, Purge, Reindex, Show, arguments};
use crate::{check, packet};

pub use following::Followed;

/// What an operator may choose about people.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// When a face is named.
    pub thresholds: Thresholds,
    /// The store's file for people who enrol. None: nobody is kept.
    pub file: Option<String>,
    /// Whether the upright face of each photograph is kept, so that another model can make its vectors of it.
    pub keep_crops: bool,
    /// Whether embeddings go out with the faces.
    pub emit_embeddings: bool,
    /// The name of the model pack, for people.
    pub pack: String,
}

/// What there is to say of the faces of a picture.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tally {
    /// How many there are.
    pub faces: usize,
    /// The greatest similarity of those that are known. None: nobody is.
    pub confidence: Option<f32>,
}

/// The people of a stage, of one model.
pub struct Desk {
    settings: Settings,
    /// Whom the pipeline file names.
    named: Gallery,
    /// Who is enrolled in the store, where there is one.
    store: Option<Follower>,
    /// Who is being enrolled before the camera.
    live: Option<Session>,
    /// How many of those whom the pipeline file names were forgotten.
    dropped: u64,
}

impl Desk {
    /// Opens the store's file, purges whose consent is over, and follows it from here on.
    ///
    /// # Errors
    /// What the store says.
    pub fn open(host: &Host, settings: Settings, named: Gallery) -> Result<Self> {
        let model = named.model();
        let store = match &settings.file {
            Some(file) => {
                let people = People::open(host, file)?;
                let store = Follower::start(host, people, model.clone(), Pace::default(), Arc::new(today))?;
                let listed = store.people().listed(model)?;
                let without = listed.iter().filter(|listed| listed.person.consent.recognise && listed.usable == 0);
                let (without, people) = (without.count(), listed.len());
                if without > 0 {
                    let said = check::lack(without, people, &settings.pack);
                    tracing::warn!(model = %model, "{said}: `check` says who, and what to do");
                }
                Some(store)
            }
            None => None,
        };
        Ok(Self { settings, named, store, live: None, dropped: 0 })
    }

    /// When a face is named.
    #[must_use]
    pub fn thresholds(&self) -> &Thresholds {
        &self.settings.thresholds
    }

    /// How many people the pipeline file names, and how many of the store can be recognised.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let stored = self.store.as_ref().map_or(0, |store| store.gallery().people().len());
        (self.named.people().len(), stored)
    }

    /// Sees what changed in the store just now: for somebody who has enrolled, or asked to be forgotten, and then comes.
    pub fn look(&self) {
        self.look_for(VISITOR);
    }

    fn look_for(&self, patience: Duration) {
        if let Some(store) = &self.store {
            store.look(patience);
        }
    }

    /// Who the faces of a picture are, those in the middle and large ones first. `width` and `height` are the picture's, px.
    pub fn decide(&self, mut found: Vec<Face>, width: u32, height: u32) -> (Vec<api::Face>, Tally) {
        let now = today();
        let stored = self.stored();
        let galleries = self.galleries(stored.as_deref());
        let rank = |face: &Face| face.detection.prominence(width as f32, height as f32);
        found.sort_by(|a, b| rank(b).total_cmp(&rank(a)));
        let mut tally = Tally { faces: found.len(), confidence: None };
        let told = found.into_iter().map(|face| {
            let decision = decide(&face, &galleries, &self.settings.thresholds, now);
            if let (Outcome::Known, Some(best)) = (decision.outcome, &decision.best) {
                let before = tally.confidence.unwrap_or(f32::NEG_INFINITY);
                tally.confidence = Some(before.max(best.similarity));
            }
            packet::face(face, Said::of(&decision, now), self.settings.emit_embeddings)
        });
        let told = told.collect();
        (told, tally)
    }

    /// Says that a frame is there; whether somebody is waiting to be enrolled before the camera, to whom it is to be shown
    /// ([`Desk::attend`]).
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.store.as_ref().is_some_and(|store| store.frame().is_some())
    }

    /// Does a verb.
    ///
    /// # Errors
    /// What the operator should read.
    pub fn control(&mut self, verb: &str, args: Value, host: &Host, recogniser: &mut dyn Recogniser) -> Result<Value> {
        self.look_for(OPERATOR);
        match verb {
            "enrol" => {
                let enrol: Enrol = arguments(args.clone())?;
                if enrol.live { self.enrol_live(&enrol, &args, host) } else { self.enrol(&enrol, host, recogniser) }
            }
            "list" => {
                let List {} = arguments(args)?;
                self.list()
            }
            "show" => self.show(&arguments::<Show>(args)?.id),
            "forget" => self.forget(&arguments::<Forget>(args)?.id, host),
            "purge" => {
                let Purge {} = arguments(args)?;
                self.purge()
            }
            "export" => self.export(&arguments(args)?, host),
            "import" => self.import(&arguments(args)?, host),
            "reindex" => {
                let Reindex {} = arguments(args)?;
                self.reindex(recogniser)
            }
            "check" => {
                let Check {} = arguments(args)?;
                self.check(recogniser)
            }
            "why" => self.why(&arguments(args)?, host, recogniser),
            other => Err(Error::unknown_verb(other)),
        }
    }

    fn stored(&self) -> Option<Arc<Gallery>> {
        self.store.as_ref().map(Follower::gallery)
    }

    fn galleries<'a>(&'a self, stored: Option<&'a Gallery>) -> Vec<&'a Gallery> {
        [&self.named].into_iter().chain(stored).collect()
    }

    fn model(&self) -> &ModelId {
        self.named.model()
    }

    fn store(&self) -> Result<&Follower> {
        self.store.as_ref().ok_or_else(|| {
            Error::config(
                "gallery",
                "this stage keeps nobody: name its `gallery`, or add the person to `people` in the pipeline file",
            )
        })
    }

    fn forget(&mut self, id: &str, host: &Host) -> Result<Value> {
        let named = self.named.without(id);
        let is_named = named.is_some();
        if let Some(named) = named {
            self.named = named;
            self.dropped += 1;
        }
        let (mut rows, mut forgotten) = (0, false);
        if let Some(store) = &self.store {
            store.drop_now(id);
            forgotten = store.people().is_forgotten(id)?;
            rows += store.people().forget(id)?;
        }
        // Also without a gallery: other stages may have kept something of the person. And again for whoever was forgotten
        // before, whose erasure was perhaps not proved.
        rows += store::erase(host, id)?;
        self.look_for(OPERATOR);
        match (is_named, rows) {
            (true, _) => Err(Error::new(format!(
                "{rows} rows of the store were erased, but the pipeline file names `{id}`: take the entry out of the stage's \
                 `people`, delete the photographs, and start the show anew"
            ))),
            (false, 0) if !forgotten => Err(nobody()),
            (false, rows) => Ok(json!({ "id": id, "erased_rows": rows })),
        }
    }

    fn purge(&self) -> Result<Value> {
        let purged = purge(self.store()?.people(), Vec::new(), today());
        self.look_for(OPERATOR);
        if let Some((_, why)) = purged.failed.first() {
            return Err(Error::new(format!(
                "{} people whose consent is over are not yet erased: {why}",
                purged.failed.len()
            )));
        }
        Ok(json!({ "erased": purged.erased }))
    }
}

fn nobody() -> Error {
    Error::new("nobody with this id is enrolled")
}
