//! A client of the raw kernel interface, over real descriptors.

// Each test program uses a part of it.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::libc;
use nix::time::{ClockId, clock_gettime};
use panthor_raw::args::{syncobj_array, syncobj_wait, zeroed};
use panthor_raw::descriptors::{self, own};
use panthor_sys::*;

pub const RENDER: &str = "/dev/dri/renderD128";
pub const CARD: &str = "/dev/dri/card0";

/// Compiles a client in C with the system's C compiler, which linking Rust programs needs anyway.
pub fn compile(source: &str, program: &str, flags: &[&str]) -> PathBuf {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/loopback_client");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(program);
    let mut command = Command::new("cc");
    command.args(["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror"]).args(flags);
    command.arg(directory.join(source)).arg("-o").arg(&program);
    let output = command.output().expect("the tests of the loopback need a C compiler, cc");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    program
}

pub fn open(path: &str) -> File {
    OpenOptions::new().read(true).write(true).open(path).unwrap_or_else(|error| {
        panic!("{path}: {error}");
    })
}

/// Returns the result of the system call, or a negative error number.
pub fn ioctl<T>(fd: &impl AsRawFd, request: u32, arg: &mut T) -> i32 {
    // SAFETY: the argument is ours, and so is all that its pointers lead to.
    unsafe { descriptors::ioctl(fd.as_raw_fd(), request, std::ptr::from_mut(arg).cast()) }
}

/// Creates a file of the program with a node's seals, file position and lock.
pub fn imitate(node: &File) -> File {
    use nix::fcntl::{FcntlArg, SealFlag, fcntl};
    use nix::sys::memfd::{MFdFlags, memfd_create};
    use nix::unistd::{Whence, lseek};

    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let own = File::from(memfd_create(c"own", flags).unwrap());
    let seals = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL;
    fcntl(&own, FcntlArg::F_ADD_SEALS(seals)).unwrap();
    let position = lseek(node, 0, Whence::SeekCur).unwrap();
    lseek(&own, position, Whence::SeekSet).unwrap();
    let lock = libc::flock {
        l_type: libc::F_WRLCK as i16,
        l_whence: libc::SEEK_SET as i16,
        l_start: position,
        l_len: 1,
        l_pid: 0,
    };
    fcntl(&own, FcntlArg::F_OFD_SETLK(&lock)).unwrap();
    own
}

/// Checks that a program's own file is taken for what it is.
pub fn check_is_no_node(own: &File) {
    use std::os::unix::fs::FileTypeExt;

    let mut close = gem_close(1);
    assert_eq!(ioctl(own, DRM_IOCTL_GEM_CLOSE, &mut close), -libc::ENOTTY);
    assert!(!own.metadata().unwrap().file_type().is_char_device());
    let link = std::fs::read_link(format!("/proc/self/fd/{}", own.as_raw_fd())).unwrap();
    assert_eq!(link.to_str(), Some("/memfd:own (deleted)"));
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", own.as_raw_fd())).unwrap();
    assert!(!info.contains("drm-"), "{info}");
    let anew = open(&format!("/proc/self/fd/{}", own.as_raw_fd()));
    assert!(!anew.metadata().unwrap().file_type().is_char_device());
}

/// Returns the name and the version of the driver.
pub fn version(fd: &impl AsRawFd) -> (String, (i32, i32)) {
    let mut name = [0_u8; 16];
    let mut version =
        drm_version { name_len: name.len() as _, name: name.as_mut_ptr().cast(), ..zeroed() };
    assert_eq!(ioctl(fd, DRM_IOCTL_VERSION, &mut version), 0);
    let name = String::from_utf8_lossy(&name[..version.name_len as usize]).into_owned();
    (name, (version.version_major, version.version_minor))
}

pub fn create_bo(fd: &impl AsRawFd, size: u64) -> u32 {
    let mut bo = drm_panthor_bo_create { size, flags: 0, exclusive_vm_id: 0, handle: 0, pad: 0 };
    assert_eq!(ioctl(fd, DRM_IOCTL_PANTHOR_BO_CREATE, &mut bo), 0);
    bo.handle
}

pub fn gem_close(handle: u32) -> drm_gem_close {
    drm_gem_close { handle, pad: 0 }
}

pub fn mmap_offset(fd: &impl AsRawFd, handle: u32) -> u64 {
    let mut offset = drm_panthor_bo_mmap_offset { handle, pad: 0, offset: 0 };
    assert_eq!(ioctl(fd, DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET, &mut offset), 0);
    offset.offset
}

/// Exports a BO as a dma-buf.
pub fn export(fd: &impl AsRawFd, handle: u32) -> OwnedFd {
    let mut prime = drm_prime_handle { handle, flags: DRM_CLOEXEC | DRM_RDWR, fd: -1 };
    assert_eq!(ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &mut prime), 0);
    own(prime.fd)
}

pub fn create_syncobj(fd: &impl AsRawFd, flags: u32) -> u32 {
    let mut syncobj = drm_syncobj_create { handle: 0, flags };
    assert_eq!(ioctl(fd, DRM_IOCTL_SYNCOBJ_CREATE, &mut syncobj), 0);
    syncobj.handle
}

pub fn signal(fd: &impl AsRawFd, syncobj: u32) {
    let mut array = syncobj_array(std::slice::from_ref(&syncobj));
    assert_eq!(ioctl(fd, DRM_IOCTL_SYNCOBJ_SIGNAL, &mut array), 0);
}

/// Waits for the submission and the signal of a syncobj, until the time `until` of the monotonic
/// clock in nanoseconds. Returns the result of the ioctl.
pub fn wait(fd: &impl AsRawFd, syncobj: u32, until: i64) -> i32 {
    let handles = [syncobj];
    let mut wait = syncobj_wait(&handles, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT, until);
    ioctl(fd, DRM_IOCTL_SYNCOBJ_WAIT, &mut wait)
}

/// Returns the monotonic clock in nanoseconds.
pub fn now() -> i64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap();
    now.tv_sec() * 1_000_000_000 + now.tv_nsec()
}

/// A mapping of a descriptor.
#[derive(Debug)]
pub struct Map {
    start: *mut u8,
    len: usize,
}

impl Map {
    pub fn new(fd: &impl AsRawFd, len: usize, prot: i32, offset: u64) -> Result<Self, i32> {
        Self::with_flags(fd, len, prot, libc::MAP_SHARED, offset)
    }

    pub fn with_flags(
        fd: &impl AsRawFd,
        len: usize,
        prot: i32,
        flags: i32,
        offset: u64,
    ) -> Result<Self, i32> {
        // SAFETY: without an address it replaces nothing.
        unsafe { Self::at(std::ptr::null_mut(), fd.as_raw_fd(), len, prot, flags, offset) }
    }

    /// Maps at an address of the caller, and replaces the mappings there.
    ///
    /// # Safety
    ///
    /// The range must not contain memory in use.
    pub unsafe fn placed(
        address: *mut u8,
        fd: &impl AsRawFd,
        len: usize,
        prot: i32,
        offset: u64,
    ) -> Result<Self, i32> {
        let flags = libc::MAP_SHARED | libc::MAP_FIXED;
        // SAFETY: the caller's promise.
        unsafe { Self::at(address, fd.as_raw_fd(), len, prot, flags, offset) }
    }

    /// Ends it, and leaves its addresses reserved: gives the first one.
    pub fn reserve(self) -> Result<*mut u8, i32> {
        let flags = libc::MAP_PRIVATE | libc::MAP_FIXED | libc::MAP_ANONYMOUS;
        // SAFETY: it replaces this mapping, of which no reference exists.
        let reserved = unsafe { Self::at(self.start, -1, self.len, libc::PROT_NONE, flags, 0) }?;
        std::mem::forget(self);
        let start = reserved.start;
        std::mem::forget(reserved);
        Ok(start)
    }

    /// # Safety
    ///
    /// As for [`placed`](Self::placed), if there is an address.
    unsafe fn at(
        address: *mut u8,
        fd: i32,
        len: usize,
        prot: i32,
        flags: i32,
        offset: u64,
    ) -> Result<Self, i32> {
        // SAFETY: the caller's promise.
        let start = unsafe { libc::mmap(address.cast(), len, prot, flags, fd, offset as i64) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error().raw_os_error().unwrap_or(0));
        }
        Ok(Self { start: start.cast(), len })
    }

    pub fn read(&self, at: usize) -> u8 {
        assert!(at < self.len);
        // SAFETY: it is within the mapping, and no reference to it exists.
        unsafe { self.start.wrapping_add(at).read_volatile() }
    }

    pub fn write(&self, at: usize, value: u8) {
        assert!(at < self.len);
        // SAFETY: as above.
        unsafe { self.start.wrapping_add(at).write_volatile(value) };
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: it is the mapping of `new`, of which no reference exists.
        unsafe { libc::munmap(self.start.cast(), self.len) };
    }
}
