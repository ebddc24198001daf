//! Memfds of a fixed size, for kernel memory that programs map.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::resource::{Resource, getrlimit};

/// The seals of every memfd that programs receive.
///
/// Without them, a program could shrink the file, and accesses to existing mappings would raise
/// SIGBUS.
pub(crate) const SEALS: SealFlag =
    SealFlag::F_SEAL_SHRINK.union(SealFlag::F_SEAL_GROW).union(SealFlag::F_SEAL_SEAL);

/// Creates a file of `size` bytes.
///
/// # Errors
/// `FileTooLarge` if `RLIMIT_FSIZE` forbids the size, in which case the kernel would send SIGXFSZ;
/// otherwise the error of `memfd_create(2)` or `ftruncate(2)`.
pub(crate) fn create(name: &CStr, size: u64) -> io::Result<File> {
    check_limit(size)?;
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let file = File::from(memfd_create(name, flags)?);
    file.set_len(size)?;
    fcntl(&file, FcntlArg::F_ADD_SEALS(SEALS))?;
    Ok(file)
}

/// Writes bytes at an offset.
///
/// # Errors
/// As [`create`]: a program may lower `RLIMIT_FSIZE` at any time.
pub(crate) fn write(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    check_limit(offset.saturating_add(bytes.len() as u64))?;
    file.write_all_at(bytes, offset)
}

/// Checks that `RLIMIT_FSIZE` allows a file of `size` bytes, instead of SIGXFSZ.
fn check_limit(size: u64) -> io::Result<()> {
    let (limit, _) = getrlimit(Resource::RLIMIT_FSIZE)?;
    if size <= limit {
        return Ok(());
    }
    let rule = format!("RLIMIT_FSIZE: {limit} bytes, a file of {size} bytes is needed");
    Err(io::Error::new(io::ErrorKind::FileTooLarge, rule))
}
