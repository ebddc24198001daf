//! A program without free descriptors, while the fake keeps some of closed objects. The limit
//! applies to the whole process, so there is only one test.

mod common;

use std::fs::File;
use std::os::fd::AsRawFd;

use common::*;
use nix::libc::{RLIMIT_NOFILE, getrlimit, rlimit, setrlimit};
use panthor_sys::*;

#[test]
fn descriptors_of_what_is_closed_are_given_back_when_there_are_none_left() {
    let device = device();
    let file = device.open();
    let flags = DRM_SYNCOBJ_CREATE_SIGNALED;
    let done = ok(&file, DRM_IOCTL_SYNCOBJ_CREATE, drm_syncobj_create { flags, handle: 0 }).handle;
    let (a, b) = (bo(&file, PAGE), bo(&file, PAGE));
    let sync_file = || {
        let flags = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE;
        let mut args = drm_syncobj_handle { handle: done, flags, fd: -1, ..zeroed() };
        match ioctl(&file, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &mut args) {
            0 => Ok(own(args.fd)),
            error => Err(-error),
        }
    };
    // The fake keeps few descriptors of many closed ones, even if no call asks for the open ones.
    // After such a call it keeps none.
    let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = open();
    for _ in 0..1000 {
        drop(sync_file().unwrap());
    }
    assert!(open() <= before + 32, "{} descriptors more", open() - before);
    assert!(device.leaks().sync_files == 0 && open() == before);

    let syncobj_fd = || {
        let args = drm_syncobj_handle { handle: done, fd: -1, ..zeroed() };
        own(ok(&file, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, args).fd)
    };
    let mut closed: Vec<_> = (0..10).map(|_| sync_file().unwrap()).collect();
    closed.extend((0..10).map(|_| syncobj_fd()));
    let highest = File::open("/dev/null").unwrap().as_raw_fd();
    let mut limits = rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure is writable.
    assert_eq!(unsafe { getrlimit(RLIMIT_NOFILE, &mut limits) }, 0);
    limits.rlim_cur = highest as _;
    // SAFETY: the structure is initialised.
    assert_eq!(unsafe { setrlimit(RLIMIT_NOFILE, &limits) }, 0);
    drop(closed);
    let mut others = Vec::new();
    while let Ok(another) = File::open("/dev/null") {
        others.push(another);
    }
    // Twenty are the fake's. A sync file takes two, and so does a dma-buf.
    let first = sync_file().unwrap();
    let mut args = drm_prime_handle { handle: a, flags: DRM_CLOEXEC, fd: -1 };
    assert_eq!(ioctl(&file, DRM_IOCTL_PRIME_HANDLE_TO_FD, &mut args), 0);
    let second = own(args.fd);
    let rest: Vec<_> = std::iter::from_fn(|| sync_file().ok()).collect();
    assert_eq!(rest.len(), 8);
    assert_eq!(sync_file().unwrap_err(), nix::libc::EMFILE);
    let mut args = drm_prime_handle { handle: b, flags: DRM_CLOEXEC, fd: -1 };
    assert_eq!(ioctl(&file, DRM_IOCTL_PRIME_HANDLE_TO_FD, &mut args), -nix::libc::EMFILE);
    drop((first, second, rest, others, file));
    device.assert_released();
}
