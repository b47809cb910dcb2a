//! People who enrolled with consent, and who of them a face is: what recognisers share, whichever model they use.
//!
//! **The decision that shapes it: embeddings are bound to the model that made them.** Directions of two models have
//! nothing to do with each other, so each vector is kept with its model's sha256 and dimension, and is compared with
//! vectors of the same model only. A person may have vectors of several models; changing the recogniser is then a change
//! of one line, and [`Recogniser`] is all that the library asks of one.
//!
//! The second decision: **a face is known only when everything speaks for it.** [`decide`] names six outcomes, and five of
//! them name nobody: a face that is too small or poor, a likeness that is not close enough, or that is shared by two people.
//!
//! People live in two places: in the pipeline file, from where they are enrolled at each opening and kept in memory, and
//! in the host's store, from where a thread follows changes of other processes within half a second.
//!
//! **What it must never know**: models, what runs them, where pictures come from, and crates of the host. Below [`Desk`]
//! time is an argument. Names, embeddings and pictures get into no log.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod announce;
mod applicant;
mod check;
mod consent;
mod crop;
mod decision;
mod desk;
mod enrolment;
mod error;
mod face;
mod follower;
mod gallery;
mod live;
mod matrix;
mod packet;
mod people;
mod person;
mod photograph;
mod purge;
mod recogniser;
mod record;
mod request;
mod roster;
mod sealed;
mod tables;
mod template;
mod tombstone;
mod transfer;
pub mod verbs;
mod vote;
mod why;

pub use announce::Announce;
pub use consent::{Consent, Timestamp, end_of_day, today};
pub use crop::Crop;
pub use decision::{Decision, Match, Outcome, Thresholds, decide};
pub use desk::{Desk, Followed, Settings, Tally};
pub use enrolment::{ENROL_PX, SHARPNESS};
pub use error::{Error, Result};
pub use face::{BBox, Detection, Embedding, Face, KeyPoints};
pub use gallery::Gallery;
pub use people::People;
pub use person::{Names, Person};
pub use recogniser::{Picture, Recogniser};
pub use record::{Kept, Look};
pub use roster::{Named, Roster};
pub use template::{ModelId, Template};
pub use vote::{Verdict, Votes};
