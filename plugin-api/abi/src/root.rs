//! The root of a plugin library: `describe`, `create`, `extension`.

use abi_stable::{
    StableAbi, declare_root_module_statics,
    library::{AbiHeaderRef, RootModule},
    package_version_strings,
    sabi_types::VersionStrings,
    std_types::{ROption, RResult, RStr, RString},
};

use crate::raw::{RawError, RawExtension, StageBox};

/// What a library says of itself once it is open; held against its manifest section.
#[repr(C)]
#[derive(StableAbi, Clone, Copy, Debug)]
pub struct Description {
    /// The plugin's name.
    pub name: RStr<'static>,
    /// The plugin's version.
    pub version: RStr<'static>,
    /// [`MINOR`](crate::MINOR) of the boundary crate that it was built with.
    pub abi_minor: u32,
    /// Zero.
    pub reserved: u32,
}

/// The root module of a plugin.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginModule_Ref, prefix_fields = PluginModule_Prefix)))]
#[sabi(missing_field(panic))]
pub struct PluginModule {
    /// Who it is.
    pub describe: extern "C" fn() -> Description,
    /// A new instance, not yet open.
    pub create: extern "C" fn() -> RResult<StageBox, RawError>,
    /// A table of a later minor, by its id. The host ignores what it does not know; a plugin answers none.
    #[sabi(last_prefix_field)]
    pub extension: extern "C" fn(id: RStr<'_>) -> ROption<RawExtension>,
}

impl RootModule for PluginModule_Ref {
    declare_root_module_statics! {PluginModule_Ref}
    const BASE_NAME: &'static str = "majlis_plugin";
    const NAME: &'static str = "majlis_plugin";
    const VERSION_STRINGS: VersionStrings = package_version_strings!();
}

/// The symbol that carries the preamble.
pub const PREAMBLE_SYMBOL: &str = "majlis_preamble";
/// The symbol that carries abi_stable's header.
pub const ROOT_SYMBOL: &str = "majlis_root";
/// The section that carries the manifest's text.
pub const MANIFEST_SECTION: &str = ".stage.manifest";
/// The section that carries the preamble.
pub const PREAMBLE_SECTION: &str = ".stage.abi";

/// An opened plugin whose layout was checked: the type that makes `create` callable.
#[derive(Clone, Copy)]
pub struct Plugin {
    module: PluginModule_Ref,
}

impl Plugin {
    /// Checks the header that [`ROOT_SYMBOL`] of an open library points to, then initialises the library.
    ///
    /// # Errors
    /// The long text of abi_stable's layout check, for a verbose log; the preamble gives the line for people.
    ///
    /// # Safety
    /// `symbol` is the address of `ROOT_SYMBOL` in a library that stays mapped for the life of the process and whose
    /// preamble was compared before.
    pub unsafe fn from_symbol(symbol: *const ()) -> Result<Self, String> {
        // SAFETY: the caller vouches that the symbol is a `LibHeader` of a library that is never unmapped; its
        // preamble said that it was built with this major of this crate.
        let header: AbiHeaderRef = unsafe { std::mem::transmute::<*const (), AbiHeaderRef>(symbol) };
        let header = header.upgrade().map_err(|error| error.to_string())?;
        let module = header.init_root_module::<PluginModule_Ref>().map_err(|error| error.to_string())?;
        Ok(Self { module })
    }

    /// Who it is.
    #[must_use]
    pub fn describe(&self) -> Description {
        (self.module.describe())()
    }

    /// A new instance, not yet open.
    ///
    /// # Errors
    /// What the plugin says.
    pub fn create(&self) -> Result<StageBox, RawError> {
        (self.module.create())().into_result()
    }

    /// A table of a later minor.
    #[must_use]
    pub fn extension(&self, id: &str) -> Option<RawExtension> {
        (self.module.extension())(RStr::from(id)).into_option()
    }
}

/// Checks an extension's layout and gives its table.
///
/// # Errors
/// The id and what differs.
///
/// # Safety
/// The extension came from the other side of this boundary and points to a static table of the layout that it names.
pub unsafe fn extension_table<T: StableAbi>(id: &str, extension: RawExtension) -> Result<&'static T, RString> {
    abi_stable::abi_stability::abi_checking::check_layout_compatibility(T::LAYOUT, extension.layout)
        .map_err(|error| RString::from(format!("extension `{id}` has another layout: {error}")))?;
    // SAFETY: the layout was just compared, and the caller vouches for the pointer.
    Ok(unsafe { &*extension.table.cast::<T>() })
}
