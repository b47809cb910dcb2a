//! Packs at the crate's boundary: a card and a server, an archive or a folder in; files, and what is told, out.
#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod archives;
mod cards;
mod encryption;
mod fixture;
mod pulling;
mod server;
