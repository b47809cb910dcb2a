//! The extension that carries the host's services (`store`, `native`, `load`, …): one request, one answer, both CBOR.
//!
//! One table for all of them, so that a service can gain methods and fields without touching the boundary.

use abi_stable::{
    StableAbi,
    std_types::{RResult, RSlice, RStr, RVec},
};

use crate::raw::{Opaque, RawError, RawExtension};

/// The id of the extension.
pub const ID: &str = "services/1";

/// The table.
#[repr(C)]
#[derive(StableAbi)]
pub struct ServiceTable {
    /// Asks `method` of `service`.
    pub request: unsafe extern "C" fn(
        host: Opaque,
        service: RStr<'_>,
        method: RStr<'_>,
        request: RSlice<'_, u8>,
    ) -> RResult<RVec<u8>, RawError>,
}

pub(crate) fn extension(table: &'static ServiceTable) -> RawExtension {
    RawExtension { layout: <ServiceTable as StableAbi>::LAYOUT, table: std::ptr::from_ref(table).cast() }
}
