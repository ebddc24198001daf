//! Memfds of a fixed size: what a program gets for memory of the kernel.

use std::ffi::CStr;
use std::fs::File;
use std::io;

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::resource::{Resource, getrlimit};

/// The seals of every memfd that the fake hands out.
///
/// Whoever has a descriptor could otherwise make the file shorter, and an access to a mapping of it would raise
/// SIGBUS.
pub(crate) const SEALS: SealFlag =
    SealFlag::F_SEAL_SHRINK.union(SealFlag::F_SEAL_GROW).union(SealFlag::F_SEAL_SEAL);

/// Creates a file of `size` bytes that no descriptor can resize.
///
/// # Errors
/// `FileTooLarge` where `RLIMIT_FSIZE` forbids such a file, for which the kernel would send SIGXFSZ; otherwise what
/// `memfd_create(2)` and `ftruncate(2)` return.
pub(crate) fn create(name: &CStr, size: u64) -> io::Result<File> {
    let (limit, _) = getrlimit(Resource::RLIMIT_FSIZE)?;
    if size > limit {
        let rule = format!("RLIMIT_FSIZE: {limit} bytes, a file of {size} bytes is needed");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, rule));
    }
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let file = File::from(memfd_create(name, flags)?);
    file.set_len(size)?;
    fcntl(&file, FcntlArg::F_ADD_SEALS(SEALS))?;
    Ok(file)
}
