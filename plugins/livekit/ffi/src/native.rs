//! Where Rust meets the library: its five functions, and the memory that passes between the two.
//!
//! The invariant of this island, on which every `unsafe` below rests:
//!
//! 1. The functions are those of the library whose sha256 was checked, so they have the signatures written here. It is
//!    never closed, so they and what they point to stay.
//! 2. Bytes of an event belong to the library and end with the callback: they are copied there. Bytes of an answer live
//!    until its handle is dropped: they are decoded before.
//! 3. Memory that the library lends (a frame, a packet) is written before its message is sent, never after, and lives until
//!    its handle is dropped: a view of it owns that handle.
//! 4. Memory that is lent to the library is owned by whoever waits for the answer that gives it back ([`crate::core`]), or
//!    outlives a call that copies it.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use parking_lot::RwLock;
use prost::Message;

use crate::handle::Handle;
use crate::proto::{
    BufferInfo, FfiResponse, OwnedAudioFrameBuffer, VideoBufferInfo, VideoBufferInfoComponentInfo, VideoBufferType,
};

type Callback = unsafe extern "C" fn(*const u8, usize);
type Initialize = unsafe extern "C" fn(Callback, bool, *const c_char, *const c_char);
type Request = unsafe extern "C" fn(*const u8, usize, *mut *const u8, *mut usize) -> u64;
type DropHandle = unsafe extern "C" fn(u64) -> bool;
type Dispose = unsafe extern "C" fn();

const SDK: &CStr = c"rust";
const SDK_VERSION: &CStr = c"0.13.2";

/// Where events go: the library has one callback for the process.
static EVENTS: RwLock<Option<Sender<Vec<u8>>>> = RwLock::new(None);

/// Comes on the library's threads, and only passes on.
unsafe extern "C" fn callback(data: *const u8, length: usize) {
    if data.is_null() {
        return;
    }
    // SAFETY: rule 2.
    let event = unsafe { std::slice::from_raw_parts(data, length) }.to_vec();
    if let Some(events) = &*EVENTS.read() {
        // Nobody listens any more when everything has ended.
        let _ = events.send(event);
    }
}

/// Whoever reads events reads one that says nothing.
pub(crate) fn wake() {
    if let Some(events) = &*EVENTS.read() {
        // Nobody reads any more when everything has ended.
        let _ = events.send(Vec::new());
    }
}

/// The library's functions.
#[derive(Clone, Copy)]
pub(crate) struct Native {
    initialize: Initialize,
    request: Request,
    drop_handle: DropHandle,
    dispose: Dispose,
}

impl Native {
    /// Opens a library that was checked; whoever opened it before shares it.
    pub(crate) fn open(path: &Path) -> Result<Self, libloading::Error> {
        // SAFETY: rule 1; and what runs at opening is that of the checked library.
        let library = unsafe { libloading::Library::new(path) }?;
        // SAFETY: rule 1.
        let native = unsafe {
            Self {
                initialize: *library.get::<Initialize>(c"livekit_ffi_initialize")?,
                request: *library.get::<Request>(c"livekit_ffi_request")?,
                drop_handle: *library.get::<DropHandle>(c"livekit_ffi_drop_handle")?,
                dispose: *library.get::<Dispose>(c"livekit_ffi_dispose")?,
            }
        };
        std::mem::forget(library);
        Ok(native)
    }

    /// From here on events go to `events`.
    pub(crate) fn initialize(&self, events: Sender<Vec<u8>>) {
        *EVENTS.write() = Some(events);
        // With `capture_logs` the library says nothing on the terminal.
        // SAFETY: rule 1; both texts end with a zero and live for ever.
        unsafe { (self.initialize)(callback, true, SDK.as_ptr(), SDK_VERSION.as_ptr()) };
    }

    /// Asks, and reads the answer; none where the library refuses.
    pub(crate) fn request(&self, request: &[u8]) -> Option<FfiResponse> {
        let (mut answer, mut length) = (std::ptr::null(), 0);
        // SAFETY: rule 1; the request is read before this returns.
        let handle = unsafe { (self.request)(request.as_ptr(), request.len(), &raw mut answer, &raw mut length) };
        if handle == 0 || answer.is_null() {
            return None;
        }
        // SAFETY: rule 2.
        let decoded = FfiResponse::decode(unsafe { std::slice::from_raw_parts(answer, length) });
        self.drop_handle(handle);
        decoded.ok()
    }

    /// Gives a handle back. One that is gone already, or never was, does no harm.
    pub(crate) fn drop_handle(&self, id: u64) {
        // SAFETY: rule 1.
        unsafe { (self.drop_handle)(id) };
    }

    /// Leaves every room, and waits for it. Nothing comes from the library afterwards.
    pub(crate) fn dispose(&self) {
        // SAFETY: rule 1.
        unsafe { (self.dispose)() };
        *EVENTS.write() = None;
    }
}

/// Memory of the library, read-only, for as long as its handle lives.
pub(crate) struct Lent {
    address: usize,
    length: usize,
    _handle: Arc<Handle>,
}

impl Lent {
    fn new(handle: Arc<Handle>, address: u64, length: u64) -> Option<Self> {
        let (address, length) = (usize::try_from(address).ok()?, usize::try_from(length).ok()?);
        let sound = length == 0 || (address != 0 && address.checked_add(length)? <= isize::MAX as usize);
        sound.then_some(Self { address, length, _handle: handle })
    }

    /// The bytes of a packet.
    pub(crate) fn packet(handle: Handle, info: &BufferInfo) -> Option<Self> {
        Self::new(Arc::new(handle), info.data_ptr, info.data_len)
    }

    /// A frame of sound, and its samples' count.
    pub(crate) fn sound(handle: Handle, owned: &OwnedAudioFrameBuffer) -> Option<Self> {
        let samples = u64::from(owned.info.num_channels).checked_mul(owned.info.samples_per_channel.into())?;
        let lent = Self::new(Arc::new(handle), owned.info.data_ptr, samples.checked_mul(2)?)?;
        lent.address.is_multiple_of(align_of::<i16>()).then_some(lent)
    }

    /// The planes of a picture in I420, each with its stride; none where it is of another kind, or a plane is smaller than
    /// the picture's sides say.
    pub(crate) fn picture(handle: Handle, info: &VideoBufferInfo) -> Option<[(Self, usize); 3]> {
        let [y, u, v] = &*info.components else { return None };
        if info.r#type() != VideoBufferType::I420 {
            return None;
        }
        let handle = Arc::new(handle);
        let plane = |component: &VideoBufferInfoComponentInfo, width: u32, height: u32| {
            let (stride, size) = (u64::from(component.stride), u64::from(component.size));
            let needed = stride * u64::from(height.checked_sub(1)?) + u64::from(width);
            let fits = component.stride >= width && size >= needed;
            let lent = fits.then(|| Self::new(handle.clone(), component.data_ptr, size)).flatten()?;
            Some((lent, component.stride as usize))
        };
        let (width, height) = (info.width, info.height);
        let (half, rows) = (width.div_ceil(2), height.div_ceil(2));
        Some([plane(y, width, height)?, plane(u, half, rows)?, plane(v, half, rows)?])
    }

    /// All of it.
    pub(crate) fn bytes(&self) -> &[u8] {
        if self.length == 0 {
            return &[];
        }
        // SAFETY: rule 3.
        unsafe { std::slice::from_raw_parts(self.address as *const u8, self.length) }
    }

    /// All of it as 16-bit samples; only what [`Lent::sound`] made is aligned for that.
    pub(crate) fn samples(&self) -> &[i16] {
        let (head, samples, tail) = {
            // SAFETY: rule 3; every pattern of bits is a sample.
            unsafe { self.bytes().align_to::<i16>() }
        };
        debug_assert!(head.is_empty() && tail.is_empty());
        samples
    }
}

/// Lets the library say something, by the function that it calls.
#[cfg(test)]
pub(crate) fn say(event: &crate::proto::FfiEvent) {
    let event = event.encode_to_vec();
    // SAFETY: the bytes outlive the call.
    unsafe { callback(event.as_ptr(), event.len()) };
}
