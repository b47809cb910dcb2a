//! Who enrols: from photographs, or before the camera of the running stage.

use std::time::Instant;

use majlis_plugin_api::{Error, Host, Result, Time, Value};
use serde_json::json;

use super::Desk;
use crate::consent::today;
use crate::enrolment::{Admitted, Seen, admit, chosen, found, one_person};
use crate::follower::{Came, OPERATOR};
use crate::live::{self, Session, Step};
use crate::photograph::Photograph;
use crate::recogniser::{Picture, Recogniser};
use crate::verbs::Enrol;
use crate::why;

impl Desk {
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

    pub(super) fn enrol(&self, enrol: &Enrol, host: &Host, recogniser: &mut dyn Recogniser) -> Result<Value> {
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
    pub(super) fn enrol_live(&self, enrol: &Enrol, args: &Value, host: &Host) -> Result<Value> {
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
}

/// What is told of a face that somebody was enrolled from.
fn said(face: &Admitted) -> Value {
    json!({ "px": face.side.round(), "sharpness": why::rounded(face.sharpness) })
}
