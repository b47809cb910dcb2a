//! The one SQLite of the process, offered to plugins.
//!
//! One decision shapes this crate: there is **one copy of SQLite in the process, and it is the host's**. Two copies on
//! one file corrupt it: POSIX locks belong to the process, so when the second copy closes the file, the first one's
//! locks are gone. A plugin therefore brings no SQLite of its own; it gets durable tables, a file for each name, from
//! here.
//!
//! The second decision is privacy's: a table says which of its columns names the *subject*, the person that a row is
//! about, and each file remembers that. So one call, [`Store::erase`], deletes a person from every file of the folder,
//! the files of plugins that are not even loaded included, rewrites them, and answers only when nothing of it is left
//! in the write-ahead log either.
//!
//! What a plugin's SQL may not do is refused by SQLite's authorizer, not by reading SQL: attach other files, set
//! pragmas, begin transactions of its own, or touch the host's tables.
//!
//! [`Service`] is how a plugin's requests reach it; tests of plugins use the same.
//!
//! It must never know: what is in a table, or who may ask for it.
#![forbid(unsafe_code)]

mod database;
mod erase;
mod error;
mod guard;
mod service;
mod store;
mod value;

pub use database::{Database, Transaction};
pub use erase::{Erased, ErasedFile};
pub use error::{CODES, Error, explain};
pub use service::Service;
pub use store::Store;
pub use value::Value;
