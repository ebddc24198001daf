//! System calls, each repeated while signals interrupt it.
//!
//! No other module of this crate calls the kernel, except for `ioctl`: its retry rule depends on
//! the request.

use std::ffi::{OsStr, OsString, c_int, c_ulong, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags, RawDir, SeekFrom, Stat};
use rustix::io::{Errno, retry_on_intr};
use rustix::mm::{Advice, MapFlags, ProtFlags};

use crate::error::{Error, Result};

/// Opens a file.
pub(crate) fn open(path: &Path, flags: OFlags) -> Result<OwnedFd> {
    retry_on_intr(|| rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty()))
        .map_err(|errno| Error::elsewhere("open", errno).at(path))
}

/// Reads a file from its start to its end.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let file = open(path, OFlags::RDONLY)?;
    let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let len = retry_on_intr(|| rustix::io::read(&file, &mut part[..]))
            .map_err(|errno| Error::elsewhere("read", errno).at(path))?;
        if len == 0 {
            return Ok(bytes);
        }
        bytes.extend_from_slice(&part[..len]);
    }
}

/// Replaces the contents of an existing file.
pub(crate) fn write(path: &Path, mut bytes: &[u8]) -> Result<()> {
    let file = open(path, OFlags::WRONLY | OFlags::TRUNC)?;
    while !bytes.is_empty() {
        let written = retry_on_intr(|| rustix::io::write(&file, bytes))
            .map_err(|errno| Error::elsewhere("write", errno).at(path))?;
        bytes = &bytes[written..];
    }
    Ok(())
}

/// Returns the names in a directory, without `.` and `..`.
pub(crate) fn list(path: &Path) -> Result<Vec<OsString>> {
    let directory = open(path, OFlags::RDONLY | OFlags::DIRECTORY)?;
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut entries = RawDir::new(&directory, &mut buffer);
    let mut names = Vec::new();
    while let Some(entry) = entries.next() {
        match entry {
            Ok(entry) => match entry.file_name().to_bytes() {
                b"." | b".." => {}
                name => names.push(OsStr::from_bytes(name).to_owned()),
            },
            Err(Errno::INTR) => {}
            Err(errno) => return Err(Error::elsewhere("getdents64", errno).at(path)),
        }
    }
    Ok(names)
}

/// Returns the attributes of an open file.
pub(crate) fn fstat(fd: BorrowedFd<'_>) -> Result<Stat> {
    retry_on_intr(|| rustix::fs::fstat(fd)).map_err(|errno| Error::elsewhere("fstat", errno))
}

/// Returns the size of an open file that is not a device.
pub(crate) fn size(file: impl AsFd) -> Result<u64> {
    retry_on_intr(|| rustix::fs::seek(&file, SeekFrom::End(0)))
        .map_err(|errno| Error::elsewhere("lseek", errno))
}

/// Duplicates a descriptor. `exec` closes the copy.
pub(crate) fn duplicate(fd: BorrowedFd<'_>) -> Result<OwnedFd> {
    retry_on_intr(|| rustix::io::fcntl_dupfd_cloexec(fd, 0))
        .map_err(|errno| Error::elsewhere("dup", errno))
}

/// Maps a part of a file.
///
/// # Safety
///
/// With `MapFlags::FIXED`, the caller must own the `len` bytes from `address` on.
pub(crate) unsafe fn mmap(
    address: *mut c_void,
    len: usize,
    protection: ProtFlags,
    flags: MapFlags,
    fd: BorrowedFd<'_>,
    offset: u64,
) -> Result<*mut c_void, Errno> {
    retry_on_intr(|| {
        // SAFETY: guaranteed by the caller.
        unsafe { rustix::mm::mmap(address, len, protection, flags, fd, offset) }
    })
}

/// Maps memory without a file.
///
/// # Safety
///
/// As for [`mmap`].
pub(crate) unsafe fn mmap_anonymous(
    address: *mut c_void,
    len: usize,
    protection: ProtFlags,
    flags: MapFlags,
) -> Result<*mut c_void, Errno> {
    retry_on_intr(|| {
        // SAFETY: guaranteed by the caller.
        unsafe { rustix::mm::mmap_anonymous(address, len, protection, flags) }
    })
}

/// The kernel's `struct iovec`.
#[repr(C)]
struct IoVec {
    base: *mut c_void,
    len: usize,
}

unsafe extern "C" {
    /// `process_vm_writev(2)`.
    fn process_vm_writev(
        pid: c_int,
        local: *const IoVec,
        local_count: c_ulong,
        remote: *const IoVec,
        remote_count: c_ulong,
        flags: c_ulong,
    ) -> isize;
}

/// Reads a register of a mapped page through the kernel, which reports a fault as an error: a page
/// of a device that is gone raises no SIGBUS.
///
/// # Errors
///
/// `EFAULT` when the page cannot be read, `EPERM` or `ENOSYS` when a sandbox forbids
/// `process_vm_writev(2)`.
pub(crate) fn read_register(register: *const u32) -> Result<u32, Errno> {
    let mut value = 0_u32;
    let local = IoVec { base: register.cast_mut().cast(), len: size_of::<u32>() };
    let remote = IoVec { base: (&raw mut value).cast(), len: size_of::<u32>() };
    retry_on_intr(|| {
        let process = std::process::id() as c_int;
        // SAFETY: the kernel checks both ranges. It writes to `value` alone, which is live and has
        // no other user.
        let copied =
            unsafe { process_vm_writev(process, &raw const local, 1, &raw const remote, 1, 0) };
        match copied {
            4 => Ok(()),
            -1 => Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)),
            _ => Err(Errno::FAULT),
        }
    })?;
    // SAFETY: `value` is live and aligned; the read is volatile because the kernel wrote through
    // its address.
    Ok(unsafe { (&raw const value).read_volatile() })
}

/// Unmaps memory.
///
/// # Safety
///
/// The caller must own the memory, and no code may use it afterwards.
pub(crate) unsafe fn munmap(address: *mut c_void, len: usize) -> Result<(), Errno> {
    retry_on_intr(|| {
        // SAFETY: guaranteed by the caller.
        unsafe { rustix::mm::munmap(address, len) }
    })
}

/// Advises the kernel about memory.
///
/// # Safety
///
/// The caller must own the memory, and the advice must match its use.
pub(crate) unsafe fn madvise(
    address: *mut c_void,
    len: usize,
    advice: Advice,
) -> Result<(), Errno> {
    retry_on_intr(|| {
        // SAFETY: guaranteed by the caller.
        unsafe { rustix::mm::madvise(address, len, advice) }
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::error::ErrorKind;
    use crate::temp_file::TempFile;

    #[test]
    fn files_are_read_and_written_whole() {
        let file = TempFile::new("whole", "old and longer than what follows");
        let path = Path::new(&file.path);
        for text in [String::from("new"), "x".repeat(10_000), String::new()] {
            write(path, text.as_bytes()).unwrap();
            assert_eq!(read(path).unwrap(), text.as_bytes());
        }
        assert_eq!(size(std::fs::File::open(path).unwrap()).unwrap(), 0);
    }

    #[test]
    fn a_directory_of_many_names_is_listed_whole() {
        let directory = std::env::temp_dir().join(format!("panthor-list-{}", std::process::id()));
        std::fs::create_dir(&directory).unwrap();
        // The names need more than one buffer.
        let names: BTreeSet<OsString> =
            (0..200).map(|i| format!("{i}-{}", "x".repeat(200)).into()).collect();
        for name in &names {
            std::fs::write(directory.join(name), "").unwrap();
        }
        let listed: BTreeSet<_> = list(&directory).unwrap().into_iter().collect();
        std::fs::remove_dir_all(&directory).unwrap();
        assert_eq!(listed, names);
    }

    #[test]
    fn an_error_has_the_call_the_path_and_the_errno() {
        let file = TempFile::new("error", "");
        let below = Path::new(&file.path).join("below");
        let missing = Path::new("/nonexistent");
        for (error, path, errno, kind) in [
            (read(missing).unwrap_err(), missing, Errno::NOENT, ErrorKind::NotFound),
            (write(missing, b"1").unwrap_err(), missing, Errno::NOENT, ErrorKind::NotFound),
            (list(missing).unwrap_err(), missing, Errno::NOENT, ErrorKind::NotFound),
            (list(&below).unwrap_err(), below.as_path(), Errno::NOTDIR, ErrorKind::Other),
        ] {
            assert_eq!((error.call(), error.kind()), ("open", kind), "{error}");
            assert_eq!(error.errno(), Some(errno.raw_os_error()), "{error}");
            assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        }
        // Opening a directory succeeds, and reading it as a file fails.
        let error = read(Path::new("/proc/self")).unwrap_err();
        assert_eq!((error.call(), error.errno()), ("read", Some(Errno::ISDIR.raw_os_error())));
    }
}
