//! Makes visits of the people before a camera that stays on all day: faces in, visits out.
//!
//! The decision that shapes it: **a visit is opened by what a call has seen and is fed through the origin**. A frame of
//! the camera is of no visit, and what it shows may be of several. The call that opens a visit emits for it itself, so that
//! the report leads from the greeting through this call to the arrival; a later frame is for visits that are open already,
//! and a call cannot change to one of them, so these packets go through [`Origin`]. It never blocks, which suits a camera:
//! one visitor's slow avatar keeps nobody else waiting. What an edge has no room for is given back; of faces the newest
//! answer is kept and tried again, of frames none is, because the next one is newer. The outputs are therefore marked as
//! origins, and the stage is open from the start: a recogniser that fails before anybody came is nobody's failure.
//!
//! Who is there is decided in `people.rs`, a function of what was seen and when. The end of a visit is the stage's own
//! wake, so that visits end even when frames stop.
//!
//! It must never know: how a face is found or recognised, and what is done for a visitor. It names nobody; of people it
//! keeps the ids of those who are there.
#![forbid(unsafe_code)]

mod config;
mod follow;
mod people;
mod place;

use std::collections::BTreeMap;
use std::time::Duration;

use majlis_plugin_api::{
    Error, Event, Faces, Flow, Frame, Host, Input, NoVisit, Origin, Output, Packet, PossibleFace, Refused, Result,
    Stage, Time, Visit, export_stage, manifest,
};

pub use config::{Config, Group};
use people::{Changes, GuestId, People};

manifest! {
    name: "presence",
    summary: "Makes visits of the people before a camera",
    inputs: { faces: Faces, #[optional] frame: Frame },
    outputs: { #[origin] faces: Faces, #[origin] frame: Frame },
    schema: "../config.schema.json",
}

/// How soon faces for which there was no room are tried again, if no frame comes before.
const AGAIN: Duration = Duration::from_millis(50);

/// The stage.
pub struct Presence {
    people: People,
    guests: BTreeMap<GuestId, Guest>,
    origin: Origin,
    /// Somebody wants the frames.
    frames_wired: bool,
    /// The newest frame, for whoever comes next.
    newest: Option<(Time, Frame)>,
    /// Nobody new is received any more.
    closing: bool,
    /// It was told that a visit could not be opened, and none has been since.
    refusal_told: bool,
}

/// A guest's visit.
struct Guest {
    visit: Visit,
    /// The newest faces for which there was no room.
    unsent: Option<(Time, Faces)>,
}

impl Stage for Presence {
    type Config = Config;

    fn open(config: Config, host: &Host) -> Result<Self> {
        config.check()?;
        let frames_wired = host.wires().iter().any(|wire| !wire.incoming && wire.port == output::frame.index());
        Ok(Self {
            people: People::new(&config),
            guests: BTreeMap::new(),
            origin: host.origin(),
            frames_wired,
            newest: None,
            closing: false,
            refusal_told: false,
        })
    }

    fn process(&mut self, input: Input<'_>, out: &mut Output<'_>) -> Result<Flow> {
        self.try_again();
        match input {
            Input::Packet(packet) => {
                of_no_visit(&packet)?;
                if let Some(faces) = packet.get(input::faces)? {
                    self.look(packet.time(), &faces, out)?;
                } else if let Some(frame) = packet.get(input::frame)? {
                    self.pass_on(packet.time(), frame);
                }
            }
            Input::Wake { .. } => {
                for guest in self.people.left(out.now()) {
                    self.end(guest);
                }
            }
            _ => {}
        }
        Ok(self.next_wake(out.now()))
    }

    fn event(&mut self, event: Event, _: &mut Output<'_>) -> Result<Flow> {
        match event {
            Event::Drain { .. } => {
                self.close_the_door();
                Ok(Flow::CancelWake)
            }
            Event::EndOfStream { input } if input.index() == input::faces.index() => {
                self.close_the_door();
                Ok(Flow::Ended)
            }
            _ => Ok(Flow::Continue),
        }
    }
}

impl Presence {
    /// Somebody looked at a frame.
    fn look(&mut self, time: Time, faces: &Faces, out: &mut Output<'_>) -> Result<()> {
        if self.closing {
            return Ok(());
        }
        let changes = self.people.look(time, out.now(), &faces.faces);
        for merged in &changes.merged {
            // Not ended: a greeting that is still due for it would be the second one of the same person.
            if let Some(guest) = self.guests.remove(merged) {
                guest.visit.gone();
            }
        }
        // Before this call's messages are of a new visit, though it would not matter: these go by the visit's number.
        for (id, guest) in &mut self.guests {
            guest.send(&self.origin, time, of_guest(faces, &changes, *id));
        }
        for (id, arrived) in &changes.came {
            self.receive(*id, *arrived, of_guest(faces, &changes, *id), out)?;
        }
        Ok(())
    }

    fn receive(&mut self, id: GuestId, arrived: Time, faces: Faces, out: &mut Output<'_>) -> Result<()> {
        let visit = match out.open_visit_since(arrived) {
            Ok(visit) => visit,
            Err(why) => {
                self.people.turn_away(id);
                // The end of a run is no news.
                if why == NoVisit::TooMany && !std::mem::replace(&mut self.refusal_told, true) {
                    tracing::warn!("somebody came and is not received yet: {why}");
                }
                return Ok(());
            }
        };
        self.refusal_told = false;
        if let Some((seen, frame)) = self.newest.clone() {
            // A frame for which there is no room is followed by the next one.
            let _ = self.origin.emit(output::frame, Some(visit.id()), seen, frame);
        }
        self.guests.insert(id, Guest { visit, unsent: None });
        // Of this visit, because the call has just opened it.
        out.emit(output::faces, faces)
    }

    /// A frame is of everybody who is there.
    fn pass_on(&mut self, time: Time, frame: Frame) {
        if !self.frames_wired || self.closing {
            return;
        }
        for guest in self.guests.values() {
            let _ = self.origin.emit(output::frame, Some(guest.visit.id()), time, frame.clone());
        }
        self.newest = Some((time, frame));
    }

    fn try_again(&mut self) {
        for guest in self.guests.values_mut() {
            if let Some((time, faces)) = guest.unsent.take() {
                guest.send(&self.origin, time, faces);
            }
        }
    }

    fn end(&mut self, id: GuestId) {
        if let Some(guest) = self.guests.remove(&id) {
            guest.visit.end();
        }
    }

    /// Nobody new is received, and for those who are there nothing more comes.
    fn close_the_door(&mut self) {
        self.try_again();
        self.closing = true;
        self.newest = None;
        for (_, guest) in std::mem::take(&mut self.guests) {
            guest.visit.end();
        }
    }

    fn next_wake(&self, now: Time) -> Flow {
        if self.closing {
            return Flow::CancelWake;
        }
        let unsent = self.guests.values().any(|guest| guest.unsent.is_some()).then(|| now + AGAIN);
        unsent.into_iter().chain(self.people.next_leaves()).min().map_or(Flow::CancelWake, Flow::WakeAt)
    }
}

impl Guest {
    fn send(&mut self, origin: &Origin, time: Time, faces: Faces) {
        // That nobody is there just now is no reason to forget who was.
        if faces.faces.is_empty() && self.unsent.is_some() {
            return;
        }
        self.unsent = match origin.emit(output::faces, Some(self.visit.id()), time, faces) {
            Ok(()) => None,
            Err(Refused::Full(faces)) => Some((time, faces)),
            // The run ends, and with it the visit.
            Err(Refused::Gone) => None,
        };
    }
}

/// The same answer, with the faces of one guest. Those of the others are where faces might be: whoever hides faces in the
/// picture has to hide them too.
fn of_guest(faces: &Faces, changes: &Changes, id: GuestId) -> Faces {
    let of = faces.faces.iter().zip(&changes.whose).filter(|(_, whose)| **whose == Some(id));
    let others = faces.faces.iter().zip(&changes.whose).filter(|(_, whose)| **whose != Some(id));
    let others = others.map(|(face, _)| PossibleFace { bbox: face.bbox, score: face.score });
    Faces {
        faces: of.map(|(face, _)| face.clone()).collect(),
        possible: faces.possible.iter().cloned().chain(others).collect(),
        extra: faces.extra.clone(),
        ..*faces
    }
}

fn of_no_visit(packet: &Packet<'_>) -> Result<()> {
    if packet.visit().is_none() {
        return Ok(());
    }
    let from = packet.wire().map_or("the producer", |wire| wire.peer.as_str());
    Err(Error::new(format!(
        "{from} gives packets of visits, and it is this stage that makes visits: let the source open none (of plugin images: \
         `as_visits = false`), or take this stage out"
    )))
}

export_stage!(Presence);
