//! The rules of the runtime, each as a behaviour: stages are closures behind the real boundary, time is turned by hand.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by its panic")]

#[path = "../common/mod.rs"]
mod common;

mod account;
mod deferred;
mod drain;
mod events;
mod fairness;
mod flush;
mod lifecycle;
mod queues;
mod threads;
mod visits;
mod wakes;
