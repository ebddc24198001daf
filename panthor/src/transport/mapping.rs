//! mmap(2) of a device file, with munmap(2) on drop.

use std::ffi::c_void;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;

use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags};

use super::system;

/// Returns the page size of this process in bytes, independent of a fake's configuration.
pub(crate) fn host_page_size() -> usize {
    rustix::param::page_size()
}

/// CPU access rights of a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protection {
    Read,
    ReadWrite,
}

impl Protection {
    fn of_node(self) -> ProtFlags {
        match self {
            Self::Read => ProtFlags::READ,
            Self::ReadWrite => ProtFlags::READ | ProtFlags::WRITE,
        }
    }

    #[cfg(feature = "fake")]
    fn of_fake(self) -> panthor_fake::Prot {
        match self {
            Self::Read => panthor_fake::Prot::READ,
            Self::ReadWrite => panthor_fake::Prot::READ | panthor_fake::Prot::WRITE,
        }
    }
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

/// Returns the errno of a fake's error. The fake always reports one.
#[cfg(feature = "fake")]
fn errno_of_fake(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

impl Mapping {
    pub(super) fn of_node(
        fd: BorrowedFd<'_>,
        offset: u64,
        len: usize,
        protection: Protection,
    ) -> Result<Self, Errno> {
        let prot = protection.of_node();
        // SAFETY: without MAP_FIXED the kernel picks a free address, so the call replaces no
        // mapping.
        let start =
            unsafe { system::mmap(std::ptr::null_mut(), len, prot, MapFlags::SHARED, fd, offset) }?;
        // A successful mmap without MAP_FIXED does not return page 0.
        let start = NonNull::new(start).ok_or(Errno::NOMEM)?;
        Ok(Self::Node(NodeMapping { start, len }))
    }

    /// # Safety
    ///
    /// The caller must own the `len` bytes from `address` on.
    pub(super) unsafe fn of_node_at(
        address: NonNull<u8>,
        fd: BorrowedFd<'_>,
        offset: u64,
        len: usize,
        protection: Protection,
    ) -> Result<Self, Errno> {
        let (prot, flags) = (protection.of_node(), MapFlags::SHARED | MapFlags::FIXED);
        let start: NonNull<c_void> = address.cast();
        // SAFETY: the caller owns the replaced addresses.
        unsafe { system::mmap(start.as_ptr(), len, prot, flags, fd, offset) }?;
        Ok(Self::Node(NodeMapping { start, len }))
    }

    #[cfg(feature = "fake")]
    pub(super) fn of_fake(
        file: &panthor_fake::File,
        offset: u64,
        len: usize,
        protection: Protection,
    ) -> Result<Self, Errno> {
        let mapping = file.mmap(len, protection.of_fake(), offset);
        mapping.map(Self::Fake).map_err(|error| errno_of_fake(&error))
    }

    /// # Safety
    ///
    /// As for `of_node_at`.
    #[cfg(feature = "fake")]
    pub(super) unsafe fn of_fake_at(
        address: NonNull<u8>,
        file: &panthor_fake::File,
        offset: u64,
        len: usize,
        protection: Protection,
    ) -> Result<Self, Errno> {
        // SAFETY: guaranteed by the caller.
        let mapping = unsafe { file.mmap_at(address, len, protection.of_fake(), offset) };
        mapping.map(Self::Fake).map_err(|error| errno_of_fake(&error))
    }

    /// Unmaps the memory, and keeps its addresses reserved from byte `from` on.
    pub(crate) fn reserve(self, from: usize) -> Result<(), (Self, Errno)> {
        let start = self.as_ptr();
        match self {
            Self::Node(node) => {
                node.reserve().map_err(|(node, errno)| (Self::Node(node), errno))?
            }
            #[cfg(feature = "fake")]
            Self::Fake(fake) => {
                fake.reserve().map_err(|(fake, error)| (Self::Fake(fake), errno_of_fake(&error)))?
            }
        }
        // Only whole hidden pages are unmapped. A partly visible page stays reserved.
        let hidden = from - from % host_page_size();
        if hidden > 0 {
            // SAFETY: the bytes are the first of the addresses just reserved, which no other code
            // uses.
            let _ = unsafe { system::munmap(start.cast(), hidden) };
        }
        Ok(())
    }

    /// Returns a pointer to the first byte.
    pub(crate) fn as_ptr(&self) -> *mut u8 {
        match self {
            Self::Node(node) => node.start.as_ptr().cast(),
            #[cfg(feature = "fake")]
            Self::Fake(fake) => fake.as_ptr(),
        }
    }
}

impl NodeMapping {
    fn reserve(self) -> Result<(), (Self, Errno)> {
        let (start, prot) = (self.start.as_ptr(), ProtFlags::empty());
        let flags = MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE;
        // SAFETY: start and len describe a mapping that this value alone owns. On failure the
        // mapping is unchanged: the call replaces the whole mapping, so the kernel needs only one
        // small structure. The kernel does not fail such an allocation but ends a process instead.
        match unsafe { system::mmap_anonymous(start, self.len, prot, flags) } {
            Ok(_) => {
                std::mem::forget(self);
                Ok(())
            }
            Err(errno) => Err((self, errno)),
        }
    }
}

impl Drop for NodeMapping {
    fn drop(&mut self) {
        // SAFETY: start and len describe a mapping of mmap that this value alone owns.
        let unmapped = unsafe { system::munmap(self.start.as_ptr(), self.len) };
        // At `vm.max_map_count` the kernel refuses to split a mapping that it has merged with its
        // neighbors. Then the addresses stay mapped without an owner, and the BO's memory stays
        // allocated.
        #[cfg(feature = "tracing")]
        if let Err(errno) = unmapped {
            crate::trace::still_mapped(self.len, errno);
        }
        #[cfg(not(feature = "tracing"))]
        let _ = unmapped;
    }
}

// SAFETY: the mapping belongs to the process and not to a thread, and accesses use raw pointers
// only.
unsafe impl Send for NodeMapping {}
// SAFETY: as above. No method changes the mapping.
unsafe impl Sync for NodeMapping {}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use rustix::fs::MemfdFlags;

    use super::*;

    /// Returns permissions, offset and file of the mapping at an address, if one exists.
    fn mapping_at(address: *mut u8) -> Option<String> {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        maps.lines().find_map(|line| {
            let (range, rest) = line.split_once(' ')?;
            let (start, end) = range.split_once('-')?;
            let number = |text| usize::from_str_radix(text, 16).ok();
            let there = (number(start)?..number(end)?).contains(&address.addr());
            there.then(|| rest.to_owned())
        })
    }

    /// Returns the permissions of the mapping at an address, if one exists.
    fn permissions(address: *mut u8) -> Option<String> {
        mapping_at(address).map(|mapping| mapping[..4].to_owned())
    }

    #[test]
    fn a_file_is_mapped_where_it_was_asked_and_shared() {
        let page = rustix::param::page_size();
        let file = rustix::fs::memfd_create("node", MemfdFlags::CLOEXEC).unwrap();
        rustix::fs::ftruncate(&file, 2 * page as u64).unwrap();
        rustix::io::pwrite(&file, b"x", page as u64).unwrap();
        let map = |offset, protection| Mapping::of_node(file.as_fd(), offset, page, protection);
        let writable = map(page as u64, Protection::ReadWrite).unwrap();
        // SAFETY: the byte is mapped, and no other code writes to it.
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

    #[test]
    fn a_file_is_mapped_at_an_address_which_stays_reserved_after_it() {
        let page = rustix::param::page_size();
        let file = rustix::fs::memfd_create("placed", MemfdFlags::CLOEXEC).unwrap();
        rustix::fs::ftruncate(&file, 2 * page as u64).unwrap();
        rustix::io::pwrite(&file, b"xy", page as u64).unwrap();
        let place = Mapping::of_node(file.as_fd(), 0, 2 * page, Protection::Read).unwrap();
        let address = place.as_ptr();
        place.reserve(0).map_err(|(_, errno)| errno).unwrap();
        assert_eq!(permissions(address).as_deref(), Some("---p"));
        assert_eq!(permissions(address.wrapping_add(page)).as_deref(), Some("---p"));
        let at = NonNull::new(address).unwrap();
        // SAFETY: the addresses were just reserved.
        let placed =
            unsafe { Mapping::of_node_at(at, file.as_fd(), 0, 2 * page, Protection::ReadWrite) };
        let placed = placed.unwrap();
        assert_eq!(placed.as_ptr(), address);
        // SAFETY: the byte is mapped, and no other code writes to it.
        assert_eq!(unsafe { address.wrapping_add(page).read_volatile() }, b'x');
        assert_eq!(permissions(address).as_deref(), Some("rw-s"));
        // Of a partly visible mapping, the visible part stays reserved.
        placed.reserve(page).map_err(|(_, errno)| errno).unwrap();
        assert_eq!(permissions(address.wrapping_add(page)).as_deref(), Some("---p"));
        // Another thread may have mapped a file of its own there.
        let other = mapping_at(address);
        assert!(other.as_deref().is_none_or(|other| !other.contains("/memfd:placed")), "{other:?}");
        // SAFETY: this part is still reserved, and no other code uses it.
        unsafe { rustix::mm::munmap(address.wrapping_add(page).cast(), page) }.unwrap();
    }
}
