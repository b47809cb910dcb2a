//! Tokens with which visitors' pages join, and what follows from giving them out.
//!
//! Whoever lets a visitor into a room of its own answers for it that an agent comes: the server sends for one once, and forgets it
//! where no host is free or the host is lost. So who gives the tokens watches the rooms, and those of others who give tokens, who may be
//! lost themselves.

mod desk;
mod door;
mod vigil;
mod watch;

pub(crate) use desk::Desk;
pub(crate) use door::{Care, Door};
pub(crate) use watch::Watches;
