//! Slots as the boundary's buffers: what crosses to a plugin is a slot's parts and two functions of this module.
//!
//! A plugin's thread says no name when it retains or releases; so the host says, before it lets a thread into a stage,
//! on whose account that thread holds.

use std::cell::Cell;

use majlis_abi::plugin::{Buffer, BufferMut, heap_buffer};
use majlis_abi::raw::{BufferTable, Opaque, RawBuffer, place};

use super::{HOST, Pool, QUEUE, move_holder, release, retain};

thread_local! {
    static HOLDER: Cell<u16> = const { Cell::new(HOST) };
}

/// From here on this thread retains and releases on account of `holder`; answers on whose it did before.
pub fn hold_as(holder: u16) -> u16 {
    HOLDER.replace(holder)
}

static TABLE: BufferTable = BufferTable { retain: retain_here, release: release_here };

unsafe extern "C" fn retain_here(token: Opaque) {
    // SAFETY: the caller keeps a hold on the slot, which is why it may take another.
    unsafe { retain(token, HOLDER.get()) }
}

unsafe extern "C" fn release_here(token: Opaque) {
    // SAFETY: the caller gives its hold back, once.
    unsafe { release(token, HOLDER.get()) }
}

impl Pool {
    /// A buffer of `len` bytes for a packet of `producer`, which holds it. Without memory for slabs it is an ordinary
    /// one, which works as well but is in no table.
    pub fn buffer(&self, producer: u16, len: usize) -> BufferMut {
        let Ok(slot) = self.take(producer, len) else {
            return heap_buffer(len);
        };
        let slot = slot.into_raw();
        let raw = RawBuffer {
            data: slot.ptr,
            len: slot.len,
            place: place::SHARED,
            reserved: 0,
            token: slot.token,
            table: &TABLE,
        };
        // SAFETY: the slot's one hold goes with its parts.
        unsafe { BufferMut::from_raw(raw) }
    }
}

/// Puts one hold on a buffer from the account of `from` into a queue's.
pub fn hand_to_queue(buffer: &Buffer, from: u16) {
    if buffer.place() == place::SHARED {
        // SAFETY: `buffer` keeps a hold on the slot, and every shared buffer of this process is a slot.
        unsafe { move_holder(buffer.token(), from, QUEUE) }
    }
}
