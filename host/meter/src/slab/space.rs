//! The file behind all slots, and its mappings.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags};
use rustix::mm::{MapFlags, ProtFlags};

/// The name under which the mappings stand in `/proc/self/maps`.
pub(crate) const NAME: &str = "majlis-packets";

/// One memfd. It only grows, and offsets are never used twice: a mapping that somebody still has of a place that was
/// given back shows zeros, never another slot. (At 6 GB/s the offsets last for 48 years; holes cost nothing.)
pub(super) struct Space {
    file: OwnedFd,
    end: Mutex<u64>,
}

impl Space {
    pub(super) fn new() -> io::Result<Self> {
        let file = rustix::fs::memfd_create(NAME, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        // A worker that has the file cannot cut it and so kill the host by SIGBUS.
        rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK)?;
        Ok(Self { file, end: Mutex::new(0) })
    }

    /// New zeros: `len` bytes, a multiple of the page size, and where they are in the file.
    pub(super) fn map(&self, len: usize) -> io::Result<(NonNull<u8>, u64)> {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        let offset = *end;
        rustix::fs::ftruncate(&self.file, offset + len as u64)?;
        // SAFETY: a new mapping at an address of the kernel's choice.
        let ptr = unsafe {
            let (read_write, shared) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
            rustix::mm::mmap(std::ptr::null_mut(), len, read_write, shared, &self.file, offset)?
        };
        *end = offset + len as u64;
        Ok((NonNull::new(ptr.cast()).ok_or(io::ErrorKind::OutOfMemory)?, offset))
    }

    /// Gives the pages of a place back; it stays mapped and shows zeros.
    pub(super) fn clear(&self, offset: u64, len: usize) -> bool {
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        rustix::fs::fallocate(&self.file, hole, offset, len as u64).is_ok()
    }

    /// # Safety
    /// The mapping came from [`Self::map`] as a whole, and nobody uses it any more.
    pub(super) unsafe fn unmap(&self, ptr: *mut u8, len: usize) {
        // SAFETY: passed on. It fails only for arguments that `map` cannot have given.
        let _ = unsafe { rustix::mm::munmap(ptr.cast(), len) };
    }

    pub(super) fn resident(&self) -> u64 {
        rustix::fs::fstat(&self.file).map_or(0, |stat| stat.st_blocks.cast_unsigned() * 512)
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
