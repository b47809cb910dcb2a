//! Model packs: their cards, where they lie, and how they are fetched, checked and removed.
//!
//! One decision shapes this crate: **nothing gets a file's name before its bytes are those of the card**. Whatever comes,
//! from a server, an archive or an operator's folder, is written to a draft beside its place, compared in size and sha256
//! while it is written, synced, and then renamed. So a reader sees a file of a pack whole or not at all, and there is no
//! trust on first use: a card without the sha256 of a file is no card.
//!
//! The second decision is a lawyer's: a download begins with [`Accepted`], which only [`Terms::accept`] makes, so no path
//! through the program fetches weights whose licence nobody has agreed to.
//!
//! Time, room on the disk and the wish to stop are arguments ([`Settings`]), so that tests need neither waiting nor luck.
//!
//! It must never know: what a model computes, or who runs it. Roles, forms and normalisations are words here. And it is
//! no part of a run: a pipeline finds its models by their folders alone.
#![forbid(unsafe_code)]

mod archive;
mod card;
mod draft;
mod error;
mod fetch;
mod guard;
mod import;
mod inspect;
mod part;
mod places;
mod pull;
mod remove;
mod reply;
mod settings;
mod shelf;
mod terms;

pub use card::{Archive, Card, CardFile};
pub use error::{CODES, Error};
pub use import::{Imported, import};
pub use inspect::{FileState, Found, PackState, at_a_glance, verify};
pub use places::Places;
pub use pull::{Pulled, pull};
pub use remove::{Removed, remove};
pub use settings::{Settings, Watch};
pub use shelf::{Entry, Shelf};
pub use terms::{Accepted, Terms};
