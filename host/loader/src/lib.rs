//! Bytes of a plugin library in, an opened plugin or the kept reason of its refusal out.
//!
//! One decision shapes this crate: **what was checked is what is opened**. `dlopen` believes the file that it is given:
//! a truncated library, or one that is overwritten while it is loaded, ends the process with SIGBUS, and the same path
//! opened again gives the old code. So a library is read and judged as plain bytes ([`probe`]), copied to a file that
//! is named by its sha256 and that nobody writes again ([`store`]), and only that copy is opened. Three things follow:
//! - Listing and checking run no code of a plugin: everything that a catalogue says was read from bytes.
//! - The order of the steps is in the types: a [`Probed`] comes from bytes, a [`Verified`](store::Verified) from a file
//!   whose bytes have the sha256 that was probed, an [`Opened`] from both.
//! - A refusal is data with a code, a reason that names both sides, and a remedy. It is kept until the next
//!   [`scan`](Loader::scan), so that an operator can ask [`why`](Loader::why).
//!
//! Nothing is ever unloaded: `dlclose` does not unload a library that used a thread-local with a destructor, and half
//! unloaded is worse than loaded. In process a stage is released by dropping its instance.
//!
//! `unsafe` lives on one island, the module `open`.
//!
//! It must never know: pipelines, stages' configurations, threads, the terminal, or what a plugin does.

pub mod codes;
mod elf;
mod hash;
mod loader;
pub mod native;
mod open;
pub mod probe;
mod refused;
mod scan;
pub mod store;

pub use codes::explain;
pub use loader::{Loader, Opened};
pub use native::Natives;
pub use open::silence_native_telemetry;
pub use probe::{Probed, Verdict};
pub use refused::Refused;
pub use scan::judge;
