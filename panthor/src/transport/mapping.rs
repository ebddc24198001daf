//! mmap(2) of a device file, undone on drop.

use std::ffi::c_void;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;

use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags};

/// What the CPU may do with a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protection {
    Read,
    ReadWrite,
}

/// CPU-mapped memory of a device file.
pub(crate) enum Mapping {
    Node(NodeMapping),
    #[cfg(feature = "fake")]
    Fake(panthor_fake::Mapping),
}

pub(crate) struct NodeMapping {
    start: NonNull<c_void>,
    len: usize,
}

impl Mapping {
    pub(super) fn of_node(
        fd: BorrowedFd<'_>,
        offset: u64,
        len: usize,
        protection: Protection,
    ) -> Result<Self, Errno> {
        let prot = match protection {
            Protection::Read => ProtFlags::READ,
            Protection::ReadWrite => ProtFlags::READ | ProtFlags::WRITE,
        };
        // SAFETY: the kernel picks the place (no MAP_FIXED), so nothing that exists is replaced.
        let start = unsafe {
            rustix::mm::mmap(std::ptr::null_mut(), len, prot, MapFlags::SHARED, fd, offset)
        }?;
        // A successful mmap without MAP_FIXED does not return page 0.
        let start = NonNull::new(start).ok_or(Errno::NOMEM)?;
        Ok(Self::Node(NodeMapping { start, len }))
    }

    #[cfg(feature = "fake")]
    pub(super) fn of_fake(
        file: &panthor_fake::File,
        offset: u64,
        len: usize,
        protection: Protection,
    ) -> Result<Self, Errno> {
        let prot = match protection {
            Protection::Read => panthor_fake::Prot::READ,
            Protection::ReadWrite => panthor_fake::Prot::READ | panthor_fake::Prot::WRITE,
        };
        let mapping = file.mmap(len, prot, offset);
        mapping.map(Self::Fake).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
    }

    /// The first byte.
    pub(crate) fn as_ptr(&self) -> *mut u8 {
        match self {
            Self::Node(node) => node.start.as_ptr().cast(),
            #[cfg(feature = "fake")]
            Self::Fake(fake) => fake.as_ptr(),
        }
    }
}

impl Drop for NodeMapping {
    fn drop(&mut self) {
        // SAFETY: start and len are those of a mapping that mmap made and that only this value owns.
        // An error would mean that they are not; there is nothing to be done about it here.
        let _ = unsafe { rustix::mm::munmap(self.start.as_ptr(), self.len) };
    }
}

// SAFETY: the mapping belongs to the process, not to a thread; it is reached through raw pointers only.
unsafe impl Send for NodeMapping {}
// SAFETY: as above; no method changes it.
unsafe impl Sync for NodeMapping {}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use rustix::fs::MemfdFlags;

    use super::*;

    #[test]
    fn a_file_is_mapped_where_it_was_asked_and_shared() {
        let page = rustix::param::page_size();
        let file = rustix::fs::memfd_create("node", MemfdFlags::CLOEXEC).unwrap();
        rustix::fs::ftruncate(&file, 2 * page as u64).unwrap();
        rustix::io::pwrite(&file, b"x", page as u64).unwrap();
        let map = |offset, protection| Mapping::of_node(file.as_fd(), offset, page, protection);
        let writable = map(page as u64, Protection::ReadWrite).unwrap();
        // SAFETY: it is mapped, and nobody else writes to it.
        assert_eq!(unsafe { writable.as_ptr().read_volatile() }, b'x');
        // SAFETY: as above.
        unsafe { writable.as_ptr().write_volatile(b'y') };
        let readable = map(page as u64, Protection::Read).unwrap();
        assert_ne!(readable.as_ptr(), writable.as_ptr());
        drop(writable);
        // SAFETY: as above.
        assert_eq!(unsafe { readable.as_ptr().read_volatile() }, b'y');
        let mut byte = [0];
        rustix::io::pread(&file, &mut byte, page as u64).unwrap();
        assert_eq!(&byte, b"y");
        assert_eq!(map(1, Protection::Read).err(), Some(Errno::INVAL));
    }
}
