//! The boundary between the Majlis host and its plugins: ABI major 1.
//!
//! The decision that shapes this crate: **a released major never changes**. A newer host would refuse every older
//! plugin as soon as one checked type gained a field, so nothing here grows in place; the boundary grows only by
//! [`extension`](root::PluginModule::extension) tables, each with an id and a layout check of its own. Kinds of
//! inputs, events and flows are therefore numbers in flat structs, not enums: a side ignores a kind it does not know.
//!
//! Both sides use this crate: [`host`] has the traits which a host implements and the thunks that carry them,
//! [`plugin`] the owned handles that a plugin gets, [`raw`] the types that travel, [`preamble`] what is compared
//! before anything else is believed, and [`layout`] the walk that guards against accidental change.
//!
//! It must never know: what a frame or a face is, TOML, JSON, threads, or how the host schedules a call.
//!
//! `unsafe` lives here on purpose, so that neither the runtime nor an author needs any. Its invariant: every opaque
//! pointer is made by exactly one thunk table of this crate and comes back only to functions of that same table.
#![allow(unsafe_code)]
#![allow(non_local_definitions, non_camel_case_types)] // written by abi_stable's derive
// The derives of abi_stable write public items without documentation next to ours.
#![warn(missing_docs)]

pub mod entry;
pub mod host;
pub mod layout;
pub mod plugin;
pub mod preamble;
pub mod raw;
pub mod root;
pub mod service;

/// The ABI major that this crate speaks.
pub const MAJOR: u32 = 1;
/// Grows with each extension table that this copy of the crate knows; never decides about compatibility.
pub const MINOR: u32 = 0;

/// What `export_stage!` needs to write a library's root; nobody else does.
#[doc(hidden)]
pub mod export {
    pub use abi_stable::library::{__call_root_module_loader, LibHeader, RootModuleResult};
    pub use abi_stable::prefix_type::PrefixTypeTrait;
    pub use abi_stable::std_types::{RErr, RNone, ROk, ROption, RResult, RStr, RString};

    /// The header of a library whose constructor answers a [`PluginModule_Ref`](crate::root::PluginModule_Ref).
    #[must_use]
    pub const fn header(constructor: extern "C" fn() -> RootModuleResult) -> LibHeader {
        use abi_stable::library::CheckTypeLayout;
        // SAFETY: `export_stage!`, the one caller, gives a constructor of exactly this module type.
        unsafe { LibHeader::from_constructor::<crate::root::PluginModule_Ref>(constructor, CheckTypeLayout::Yes) }
    }
}
