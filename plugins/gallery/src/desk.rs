//! Where people enrol and are asked for: the pipeline file's people and the store's behind one front, which a stage owns.

mod following;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use majlis_plugin_api::service::store;
use majlis_plugin_api::{self as api, Error, Host, Result, Time, Value};
use serde_json::json;

use crate::consent::{Timestamp, day, moment, today};
use crate::decision::{Outcome, Thresholds, decide};
use crate::enrolment::{Admitted, Seen, admit, chosen, found, one_person};
use crate::face::Face;
use crate::follower::{Came, Follower, OPERATOR, Pace, VISITOR, purge};
use crate::gallery::Gallery;
use crate::live::{self, Session, Step};
use crate::packet::Said;
use crate::people::{Listed, People};
use crate::person::Person;
use crate::photograph::Photograph;
use crate::recogniser::{Picture, Recogniser};
use crate::template::{ModelId, Template};
use crate::verbs::{Check, Enrol, Export, Forget, Import, List, Purge, Reindex, Show, Why, arguments};
use crate::{check, packet, sealed, transfer, why};

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
                let store = Follower::start(host, people, model.clone(), Pace::default())?;
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
        Ok(Self { settings, named, store, live: None })
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

    /// Shows a frame, taken at `at`, to whoever is waiting to be enrolled before the camera. Without such a person it costs
    /// nothing; with one, each frame is searched once more. What goes wrong is told to whoever waits: a show goes on.
    pub fn attend(&mut self, picture: &Picture<'_>, at: Time, recogniser: &mut dyn Recogniser) {
        let Some(store) = &self.store else { return };
        let Some(request) = store.frame() else {
            self.live = None;
            return;
        };
        let session = match self.live.take().filter(|live| live.request.number == request.number) {
            Some(session) => Ok(session),
            None => Session::begin((*request).clone()),
        };
        let mut session = match session {
            Ok(session) => session,
            Err(error) => return store.came(Came::Refused(error)),
        };
        let thresholds = &self.settings.thresholds;
        let looks = match session.look(picture, (at, Instant::now()), thresholds, recogniser) {
            Step::Looking(reason) => {
                reason.into_iter().for_each(|reason| store.because(reason));
                self.live = Some(session);
                return;
            }
            Step::Looked(looks) => looks,
        };
        let stored = store.gallery();
        let came = match one_person(&session.enrol.id, &looks, &[&self.named, &*stored], thresholds) {
            Ok(()) => Came::Seen {
                faces: looks.iter().map(said).collect(),
                looks: looks.into_iter().map(|look| look.look(self.settings.keep_crops)).collect(),
                enrol: Box::new(session.enrol),
            },
            Err(error) => Came::Refused(error),
        };
        store.came(came);
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

    fn enrol(&self, enrol: &Enrol, host: &Host, recogniser: &mut dyn Recogniser) -> Result<Value> {
        let store = self.store()?;
        if self.named.person(&enrol.id).is_some() {
            return Err(Error::config("id", "the pipeline file names a person with this id in `people`"));
        }
        let photographs = enrol.photographs();
        if enrol.face.is_some() && photographs.len() != 1 {
            return Err(Error::config("face", "a face is chosen where there is one photograph; crop the others"));
        }
        let kept = store.people().kept(&enrol.id)?;
        if photographs.is_empty() && kept.as_ref().is_none_or(|kept| kept.looks.is_empty()) {
            return Err(Error::config(
                "photo",
                "a person is enrolled from at least one photograph, or with live=true from what the running show's camera sees",
            ));
        }
        let person = enrol.person(today(), kept.as_ref().map(|kept| &kept.person))?;
        let thresholds = &self.settings.thresholds;
        let mut admitted: Vec<Admitted> = Vec::new();
        for path in &photographs {
            let mut take = || {
                let photograph = Photograph::open(&host.path(path))?;
                let picture = photograph.picture();
                let face = chosen(found(&picture, recogniser)?, enrol.face, Seen::Photograph)?;
                admit(&picture, &face, thresholds, recogniser)
            };
            let many = photographs.len() > 1;
            let place = |error: Error| if many { error.within(&path.display().to_string()) } else { error };
            admitted.push(take().map_err(place)?);
        }
        let stored = store.gallery();
        one_person(&enrol.id, &admitted, &self.galleries(Some(&stored)), thresholds)?;
        let said: Vec<Value> = admitted.iter().map(self::said).collect();
        let looks: Vec<_> = admitted.into_iter().map(|face| face.look(self.settings.keep_crops)).collect();
        store.people().keep(&person, &looks)?;
        store.look(OPERATOR);
        Ok(json!({ "id": person.id, "faces": said, "people": store.gallery().people().len() }))
    }

    /// Asks the running stage, and waits for what it says.
    fn enrol_live(&self, enrol: &Enrol, args: &Value, host: &Host) -> Result<Value> {
        let store = self.store()?;
        if self.named.person(&enrol.id).is_some() {
            return Err(Error::config("id", "the pipeline file names a person with this id in `people`"));
        }
        if !enrol.photographs().is_empty() {
            return Err(Error::config(
                "live",
                "a person is enrolled from photographs or before the camera, not both at once",
            ));
        }
        // What is wrong with the words is told at once, and nothing of the person is written down.
        enrol.person(today(), store.people().person(&enrol.id)?.as_ref())?;
        let answer = live::wait(host, store, &enrol.id, args, live::WINDOW)?;
        store.look(OPERATOR);
        let mut answer = answer;
        answer["people"] = json!(store.gallery().people().len());
        Ok(answer)
    }

    fn list(&self) -> Result<Value> {
        let now = today();
        let mut people: Vec<Value> =
            self.named.people().iter().map(|person| row("pipeline", person, None, now)).collect();
        if let Some(store) = &self.store {
            let listed = store.people().listed(self.model())?;
            people.extend(listed.iter().map(|listed| row("store", &listed.person, Some(listed), now)));
        }
        Ok(json!({ "model": self.model().to_string(), "people": people }))
    }

    fn show(&self, id: &str) -> Result<Value> {
        let now = today();
        if let Some(person) = self.named.person(id) {
            return Ok(whole("pipeline", person, None, now));
        }
        let listed = match &self.store {
            Some(store) => store.people().listed(self.model())?,
            None => Vec::new(),
        };
        let listed = listed.iter().find(|listed| listed.person.id == id).ok_or_else(nobody)?;
        Ok(whole("store", &listed.person, Some(listed), now))
    }

    fn forget(&mut self, id: &str, host: &Host) -> Result<Value> {
        let named = self.named.without(id);
        let is_named = named.is_some();
        if let Some(named) = named {
            self.named = named;
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
        let purged = purge(self.store()?.people(), Vec::new());
        self.look_for(OPERATOR);
        if let Some((_, why)) = purged.failed.first() {
            return Err(Error::new(format!(
                "{} people whose consent is over are not yet erased: {why}",
                purged.failed.len()
            )));
        }
        Ok(json!({ "erased": purged.erased }))
    }

    fn export(&self, export: &Export, host: &Host) -> Result<Value> {
        let people = self.store()?.people();
        let passphrase =
            transfer::passphrase(export.passphrase_file.as_deref().map(|file| host.path(file)).as_deref())?;
        let (archive, count) = transfer::archive(people, self.model())?;
        let path = host.path(&export.file);
        sealed::write_private(&path, &sealed::seal(&passphrase, &archive)?)?;
        Ok(json!({ "file": path, "people": count }))
    }

    fn import(&self, import: &Import, host: &Host) -> Result<Value> {
        let store = self.store()?;
        let path = host.path(&import.file);
        let bytes = read(&path)?;
        let incoming = if sealed::is_sealed(&bytes) {
            let file = import.passphrase_file.as_deref().map(|file| host.path(file));
            transfer::archived(&sealed::open(&transfer::passphrase(file.as_deref())?, &bytes)?)?
        } else {
            transfer::elsewhere(&bytes, today())?
        };
        let stored = store.gallery();
        let galleries = self.galleries(Some(&stored));
        let answer = transfer::import(incoming, store.people(), &galleries, &self.settings.thresholds, self.model())?;
        self.look_for(OPERATOR);
        Ok(answer)
    }

    fn reindex(&self, recogniser: &mut dyn Recogniser) -> Result<Value> {
        let people = self.store()?.people();
        let (mut made, mut failed) = (0_u32, 0_u32);
        for unread in people.unread(recogniser.model())? {
            match recogniser.embed_crop(&unread.crop)? {
                Some(embedding) => {
                    let template = Template::new(recogniser.model(), &embedding)?;
                    made += u32::from(people.read(&unread, &template)?);
                }
                None => failed += 1,
            }
        }
        for (_, model) in recogniser.others()? {
            for unread in people.unread(&model)? {
                for template in recogniser.also(&unread.crop)?.iter().filter(|template| *template.model() == model) {
                    made += u32::from(people.read(&unread, template)?);
                }
            }
        }
        self.look_for(OPERATOR);
        let listed = people.listed(self.model())?;
        let without = listed.iter().filter(|listed| listed.usable == 0).map(|listed| listed.person.id.as_str());
        let without: Vec<&str> = without.collect();
        Ok(
            json!({ "model": self.model().to_string(), "vectors_made": made, "faces_not_usable": failed, "to_enrol_again": without }),
        )
    }

    fn check(&self, recogniser: &mut dyn Recogniser) -> Result<Value> {
        let listed = |model: &ModelId| match &self.store {
            Some(store) => store.people().listed(model),
            None => Ok(Vec::new()),
        };
        let in_use = (self.settings.pack.clone(), self.model().clone());
        let packs = [in_use].into_iter().chain(recogniser.others()?);
        let packs = packs.map(|(pack, model)| Ok(check::Pack { listed: listed(&model)?, pack, model }));
        let packs = packs.collect::<Result<Vec<_>>>()?;
        Ok(check::answer(self.named.people(), &packs, today()))
    }

    fn why(&self, asked: &Why, host: &Host, recogniser: &mut dyn Recogniser) -> Result<Value> {
        let now = today();
        let photograph = Photograph::open(&host.path(&asked.photo))?;
        let picture = photograph.picture();
        let stored = self.stored();
        let galleries = self.galleries(stored.as_deref());
        let mut faces = Vec::new();
        for detection in found(&picture, recogniser)? {
            let embedding = recogniser.embed(&picture, &detection)?;
            faces.push(Face { detection, embedding });
        }
        let asked = match asked.id.as_deref() {
            Some(id) => {
                let person = match self.named.person(id) {
                    Some(person) => Some(person.clone()),
                    None => self.store.as_ref().map(|store| store.people().person(id)).transpose()?.flatten(),
                };
                let usable = galleries.iter().any(|gallery| gallery.person(id).is_some());
                let holds = person.map(|person| person.consent.allows_recognition(now));
                Some(why::Asked { id, not_compared: why::not_compared(holds, usable) })
            }
            None => None,
        };
        let mut answer = why::answer(&faces, &galleries, &self.settings.thresholds, asked.as_ref(), now);
        answer["model"] = json!(self.model().to_string());
        Ok(answer)
    }
}

/// What is told of a face that somebody was enrolled from.
fn said(face: &Admitted) -> Value {
    json!({ "px": face.side.round(), "sharpness": why::rounded(face.sharpness) })
}

fn nobody() -> Error {
    Error::new("nobody with this id is enrolled")
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| Error::from(error).within(&path.display().to_string()))
}

/// A person in a list. When is part of the consent's words in the pipeline file.
fn row(place: &str, person: &Person, listed: Option<&Listed>, now: Timestamp) -> Value {
    let Person { id, names, consent, .. } = person;
    json!({
        "id": id, "name_ar": names.arabic, "name_speak": names.spoken, "name_latin": names.latin, "enrolled_in": place,
        "consent": consent.text, "given": listed.map(|_| moment(consent.given)),
        "until": consent.until.map(|until| day(until.saturating_sub(1))),
        "recognised_now": consent.allows_recognition(now) && listed.is_none_or(|listed| listed.usable > 0),
        "announce": if consent.announce { person.announce.word() } else { "none" }, "name_sent_to": consent.name_sent_to,
    })
}

/// All of a person that can be read.
fn whole(place: &str, person: &Person, listed: Option<&Listed>, now: Timestamp) -> Value {
    let mut whole = row(place, person, listed, now);
    let more = json!({
        "title": person.title, "gender": person.gender, "language": person.language, "precedence": person.precedence,
        "notes": person.notes, "given_by": person.consent.given_by, "guardian": person.consent.guardian,
        "vectors": listed.map(|listed| listed.vectors), "vectors_of_this_model": listed.map(|listed| listed.usable),
        "upright_faces": listed.map(|listed| listed.crops),
    });
    if let (Some(whole), Value::Object(more)) = (whole.as_object_mut(), more) {
        whole.extend(more);
    }
    whole
}
