//! Ioctls of an emulated program reach no descriptor of this process.

mod common;

use std::os::fd::{AsRawFd, OwnedFd};

use common::*;
use nix::sys::eventfd::{EfdFlags, EventFd};
use panthor_fake::{Arena, File, sync_file_status};
use panthor_sys::*;

const AT: u64 = 0x10000;
const EBADF: i32 = -9;

/// Answers an ioctl with an argument in the arena, which also gets the answer.
fn ioctl_in<T: bytemuck::Pod>(file: &File, arena: &Arena, request: u32, args: &mut T) -> i32 {
    assert!(arena.write(AT, bytemuck::bytes_of(args)));
    let result = file.ioctl_in(request, AT, arena);
    assert!(arena.read(AT, bytemuck::bytes_of_mut(args)));
    result
}

fn eventfd() -> EventFd {
    EventFd::from_value_and_flags(0, EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC).unwrap()
}

fn signal(file: &File, handle: u32) {
    let handles = [handle];
    let handles = handles.as_ptr() as u64;
    ok(file, DRM_IOCTL_SYNCOBJ_SIGNAL, drm_syncobj_array { handles, count_handles: 1, pad: 0 });
}

#[test]
fn eventfd_of_this_process_is_not_signaled() {
    let device = device();
    let (file, arena) = (device.open(), Arena::new(AT, 4096));
    let (ours, theirs) = (eventfd(), eventfd());
    let number = arena.add_descriptor(OwnedFd::from(theirs));
    let handle = syncobj(&file);
    let notify = |fd| {
        let mut args = drm_syncobj_eventfd { handle, fd, ..zeroed() };
        ioctl_in(&file, &arena, DRM_IOCTL_SYNCOBJ_EVENTFD, &mut args)
    };
    assert_eq!(notify(ours.as_raw_fd()), EBADF);
    assert_eq!(notify(-1), EBADF);
    assert_eq!(notify(number), 0);
    signal(&file, handle);
    assert_eq!(ours.read(), Err(nix::errno::Errno::EAGAIN));
    let theirs = arena.descriptor(number).unwrap();
    let mut counter = [0; 8];
    assert_eq!(nix::unistd::read(&theirs, &mut counter), Ok(8));
    assert_eq!(u64::from_ne_bytes(counter), 1);
}

#[test]
fn returned_descriptors_have_numbers_of_the_arena() {
    let device = device();
    let (file, arena) = (device.open(), Arena::new(AT, 4096));
    let handle = bo(&file, PAGE);
    let export = || {
        let mut args = drm_prime_handle { handle, flags: 0, fd: -1 };
        assert_eq!(ioctl_in(&file, &arena, DRM_IOCTL_PRIME_HANDLE_TO_FD, &mut args), 0);
        args.fd
    };
    assert_eq!([export(), export(), export()], [0, 1, 2]);
    assert!(arena.close_descriptor(1) && !arena.close_descriptor(1));
    assert_eq!(export(), 1);

    // A descriptor of the program imports; one of this process, which is another number, does not.
    let importer = device.open();
    let ours = arena.descriptor(0).unwrap();
    assert!(ours.as_raw_fd() > 2);
    let import = |fd| {
        let mut args = drm_prime_handle { handle: 0, flags: 0, fd };
        ioctl_in(&importer, &arena, DRM_IOCTL_PRIME_FD_TO_HANDLE, &mut args)
    };
    assert_eq!(import(ours.as_raw_fd()), EBADF);
    assert_eq!(import(2), 0);

    // The same for sync files.
    let handle = syncobj(&file);
    signal(&file, handle);
    let flags = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE;
    let mut args = drm_syncobj_handle { handle, flags, fd: -1, ..zeroed() };
    assert_eq!(ioctl_in(&file, &arena, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &mut args), 0);
    assert_eq!(args.fd, 3);
    assert_eq!(sync_file_status(arena.descriptor(3).unwrap()), Some(1));

    drop((file, importer, ours));
    assert!(device.leaks().to_string().contains("dma-buf"), "{}", device.leaks());
    drop(arena);
    device.assert_released();
}
