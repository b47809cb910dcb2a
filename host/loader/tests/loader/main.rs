//! From bytes to a verdict, from folders to a catalogue, from an entry to an opened plugin.
//!
//! One good library is built; each fixture is a copy of it with exactly one thing wrong.
#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod bytes;
mod fixture;
mod natives;
mod opening;
mod scanning;
