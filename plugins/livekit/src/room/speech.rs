//! What is said: carried out as the floor decides, shown as text, and what became of it.

use majlis_plugin_api::{Delivered, Delivery, Utterance, VisitId};

use super::Keeper;
use crate::floor::Do;
use crate::output;

/// So many texts wait for a visitor who is not here.
const TEXTS: usize = 16;

impl Keeper {
    /// A text came: it is shown in every case, to its visit's own participant.
    pub(super) fn said(&mut self, visit: Option<VisitId>, utterance: Utterance) {
        self.floor.known(visit, &utterance);
        if let Some(stay) = visit.and_then(|visit| self.stays.get_mut(&visit)) {
            stay.spoken_to = true;
        }
        if !utterance.display.is_empty() {
            self.write(visit, utterance);
        }
    }

    /// To whom texts of a visit go: its visitor; the stand, where it is of people before the camera.
    fn reader(&self, visit: Option<VisitId>) -> Option<String> {
        let is_own = visit.and_then(|visit| self.stays.get(&visit)).is_some_and(|stay| stay.own.is_some());
        let reader = match visit.filter(|_| is_own) {
            Some(visit) => self.guests.of_visit(visit),
            None => self.guests.stand(),
        };
        reader.filter(|reader| self.guests.is_ready(reader)).map(str::to_owned)
    }

    fn write(&mut self, visit: Option<VisitId>, utterance: Utterance) {
        match (&self.session, self.reader(visit)) {
            (Some(session), Some(to)) => session.scribe.write(visit, &to, utterance),
            _ => self.keep_text(visit, utterance, false),
        }
    }

    /// Keeps a text for when its visitor is here; in front of the others, if it was sent before them.
    fn keep_text(&mut self, visit: Option<VisitId>, utterance: Utterance, first: bool) {
        // Of no visit, nobody in particular is waited for.
        let Some(stay) = visit.and_then(|visit| self.stays.get_mut(&visit)) else { return };
        if stay.texts.len() == TEXTS {
            stay.texts.pop_front();
        }
        if first { stay.texts.push_front(utterance) } else { stay.texts.push_back(utterance) }
    }

    /// Sends what could not be shown yet to those who are here.
    pub(super) fn send_texts(&mut self) {
        for visit in self.stays.keys().copied().collect::<Vec<_>>() {
            let Some(stay) = self.stays.get_mut(&visit) else { continue };
            for utterance in std::mem::take(&mut stay.texts) {
                self.write(Some(visit), utterance);
            }
        }
    }

    /// A text was sent, or has to be sent again when the connection is back.
    pub(super) fn wrote(&mut self, visit: Option<VisitId>, utterance: Utterance, sent: bool) {
        if !sent {
            return self.keep_text(visit, utterance, true);
        }
        self.tell_delivery(utterance.number, Delivery::Shown);
    }

    /// Carries out what the floor decides.
    pub(super) fn speak(&mut self) {
        for step in self.floor.take() {
            if let Do::Over { key, delivery } = step {
                self.account.over(key, delivery);
                if let Some(delivery) = delivery {
                    self.tell_delivery(key.utterance, delivery);
                }
                continue;
            }
            let Some(session) = &mut self.session else { continue };
            match step {
                Do::Expect { to, sample_rate } => session.mouth.expect(to, sample_rate),
                Do::Begin { saying, speaker, rate } => session.mouth.begin(saying, speaker, rate),
                Do::Feed { saying, samples } => session.mouth.feed(saying, samples),
                Do::End { saying } => session.mouth.end(saying),
                Do::Break { saying } => session.mouth.break_off(saying),
                Do::Forget { saying } => session.mouth.forget(saying),
                Do::Over { .. } => {}
            }
        }
    }

    /// Tells whoever composed an utterance what became of it.
    fn tell_delivery(&self, utterance: u64, delivery: Delivery) {
        if utterance != 0 {
            let delivered = Delivered { utterance, delivery, extra: Default::default() };
            // A full queue or the end of the run: nobody waits for this.
            let _ = self.origin.emit(output::delivered, None, self.host.now(), delivered);
        }
    }
}
