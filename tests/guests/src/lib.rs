//! The people of a room as tests need them: visitors whose camera shows a picture, and avatars of vendors that speak what they are
//! sent, or misbehave on demand.
//!
//! The decision that shapes it: **each of them is a real participant of a real room**, with a token that somebody gave out, on the
//! official server. So what a test sees is what a visitor's page or a vendor would see: nothing is told to them beside the room.
//!
//! It must never know: who is tested. No code of a stage is used here.
#![forbid(unsafe_code)]

mod agent;
mod avatar;
mod conduct;
mod hall;
mod heard;
mod picture;
mod troupe;
mod visitor;

pub use agent::Agent;
pub use avatar::{Avatar, Speech};
pub use conduct::Conduct;
pub use hall::Hall;
pub use heard::Heard;
pub use picture::{Picture, colour, room_colour};
pub use troupe::Troupe;
pub use visitor::{Shown, Text, Visitor};
