//! Descriptors that the fake returns: an open one counts as a leak.

mod common;

use std::os::fd::{AsRawFd, OwnedFd};

use common::*;
use panthor_fake::{Device, File, Leaks, descriptor_ioctl};
use panthor_sys::*;

fn sync_file(file: &File, syncobj: u32) -> OwnedFd {
    let flags = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE;
    let args = drm_syncobj_handle { handle: syncobj, flags, fd: -1, ..zeroed() };
    own(ok(file, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, args).fd)
}

fn syncobj_fd(file: &File, syncobj: u32) -> OwnedFd {
    let args = drm_syncobj_handle { handle: syncobj, fd: -1, ..zeroed() };
    own(ok(file, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, args).fd)
}

fn dma_buf(file: &File, bo: u32) -> OwnedFd {
    let args = drm_prime_handle { handle: bo, flags: DRM_CLOEXEC, fd: -1 };
    own(ok(file, DRM_IOCTL_PRIME_HANDLE_TO_FD, args).fd)
}

/// Makes an ioctl on a descriptor itself.
fn ask<T>(fd: &OwnedFd, request: u32, args: &mut T) {
    // SAFETY: the argument is ours, and has no pointers.
    let answer = unsafe { descriptor_ioctl(fd, request, (&raw mut *args).cast()) };
    assert_eq!(answer, Some(0));
}

/// Sync files, descriptors of sync objects, dma-bufs.
fn open(device: &Device) -> [usize; 3] {
    let Leaks { sync_files, syncobj_fds, dma_bufs, .. } = device.leaks();
    [sync_files, syncobj_fds, dma_bufs]
}

/// Creates a syncobj with a fence.
fn signalled(file: &File) -> u32 {
    let flags = DRM_SYNCOBJ_CREATE_SIGNALED;
    ok(file, DRM_IOCTL_SYNCOBJ_CREATE, drm_syncobj_create { flags, handle: 0 }).handle
}

#[test]
fn what_is_open_after_its_file_was_closed_is_a_leak() {
    let (device, other) = (device(), device());
    let file = device.open();
    let (syncobj, a) = (signalled(&file), bo(&file, PAGE));
    let sync_files: Vec<_> = (0..100).map(|_| sync_file(&file, syncobj)).collect();
    let syncobjs: Vec<_> = (0..2).map(|_| syncobj_fd(&file, syncobj)).collect();
    // Of one BO there is one dma-buf, however often it is exported.
    let dma_bufs = [dma_buf(&file, a), dma_buf(&file, a), device.foreign_dma_buf(1).unwrap()];
    assert_eq!(open(&device), [100, 2, 2]);
    drop(file);
    assert_eq!(open(&device), [100, 2, 2]);
    assert_eq!(open(&other), [0; 3]);
    let told = device.leaks().to_string();
    for what in ["100 × open sync file", "2 × open descriptor of a syncobj", "2 × open dma-buf"]
    {
        assert!(told.contains(what), "{told}");
    }
    let released = || {
        let device = device.clone();
        std::panic::catch_unwind(move || device.assert_released()).is_ok()
    };
    // A duplicate keeps what it is of open, and is not another one.
    let duplicate = sync_files[0].try_clone().unwrap();
    drop((sync_files, syncobjs));
    assert_eq!(open(&device), [1, 0, 2]);
    assert!(!released());
    drop((duplicate, dma_bufs));
    assert!(device.leaks().is_empty());
    assert!(released());
}

#[test]
fn what_another_file_and_device_share_is_open_only_with_a_descriptor() {
    let (device, other) = (device(), device());
    let (file, there) = (device.open(), other.open());
    let fd = dma_buf(&file, bo(&file, PAGE));
    let import = |file: &File| {
        let args = drm_prime_handle { fd: fd.as_raw_fd(), ..zeroed() };
        ok(file, DRM_IOCTL_PRIME_FD_TO_HANDLE, args).handle
    };
    let (imported, again) = (import(&there), import(&device.open()));
    assert_ne!((imported, again), (0, 0));
    assert_eq!((open(&device), open(&other)), ([0, 0, 1], [0; 3]));
    drop(fd);
    assert_eq!((open(&device), open(&other)), ([0; 3], [0; 3]));
    drop(file);
    // The other device keeps the memory until its handle is closed, and not longer.
    assert_eq!(device.leaks().bos, 1);
    let args = drm_gem_close { handle: imported, pad: 0 };
    ok(&there, DRM_IOCTL_GEM_CLOSE, args);
    device.assert_released();
    drop(there);
    other.assert_released();
}

#[test]
fn fences_are_of_the_device_that_made_the_sync_file_or_the_dma_buf() {
    let (device, other) = (device(), device());
    let (file, there) = (device.open(), other.open());
    let camera = other.foreign_dma_buf(PAGE).unwrap();
    let mut of_camera = dma_buf_export_sync_file { flags: DMA_BUF_SYNC_READ as u32, fd: -1 };
    ask(&camera, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &mut of_camera);
    let of_camera = own(of_camera.fd);
    assert_eq!((open(&device), open(&other)), ([0; 3], [1, 0, 1]));
    let own_one = sync_file(&file, signalled(&file));
    let mut merged = sync_merge_data { fd2: of_camera.as_raw_fd(), ..zeroed() };
    ask(&own_one, SYNC_IOC_MERGE, &mut merged);
    let merged = own(merged.fence);
    assert_eq!((open(&device), open(&other)), ([2, 0, 0], [1, 0, 1]));
    drop((merged, own_one, of_camera, camera, file, there));
    device.assert_released();
    other.assert_released();
}
