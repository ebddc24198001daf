//! A program that has used up its descriptors. The limit is that of the whole process, so there is
//! one test only.

mod common;

use std::os::fd::AsFd;

use common::*;
use nix::libc::{RLIMIT_NOFILE, getrlimit, rlimit, setrlimit};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use panthor_sys::*;

/// Sets how many descriptors there may be; what it was.
fn limit_descriptors(limit: u64) -> u64 {
    let mut limits = rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure is writable.
    assert_eq!(unsafe { getrlimit(RLIMIT_NOFILE, &mut limits) }, 0);
    let before = std::mem::replace(&mut limits.rlim_cur, limit as _);
    // SAFETY: the structure is initialised.
    assert_eq!(unsafe { setrlimit(RLIMIT_NOFILE, &limits) }, 0);
    before as _
}

#[test]
fn a_sync_file_becomes_readable_without_another_descriptor() {
    let device = device();
    let file = device.open();
    let (vm, done) = (vm(&file), syncobj(&file));
    file.gpu(vm).unwrap().hold();
    let syncs = [signal_sync(done, 0)];
    assert_eq!(bind_async(&file, vm, &[with_syncs(map_op(0, 0, 0, 0, SYNC_ONLY), &syncs)]), 0);
    let flags = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE;
    let args = drm_syncobj_handle { handle: done, flags, fd: -1, ..zeroed() };
    let fd = own(ok(&file, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, args).fd);

    let before = limit_descriptors(1);
    assert!(fd.try_clone().is_err());
    file.gpu(vm).unwrap().release();
    let mut fds = [PollFd::new(fd.as_fd(), PollFlags::POLLIN)];
    let readable = poll(&mut fds, PollTimeout::ZERO);
    limit_descriptors(before);
    assert_eq!(readable, Ok(1));
    assert_eq!(fds[0].revents(), Some(PollFlags::POLLIN));
    drop((fd, file));
    device.assert_released();
}
