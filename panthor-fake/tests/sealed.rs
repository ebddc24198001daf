//! Descriptors of the fake in the hands of safe code: no use of them breaks the fake.

mod common;

use std::fs;
use std::os::fd::{AsFd, OwnedFd};

use common::*;
use nix::fcntl::{Flock, FlockArg};
use panthor_fake::{Prot, sync_file_status};
use panthor_sys::*;

fn dma_buf(file: &panthor_fake::File, bo: u32) -> OwnedFd {
    let args = drm_prime_handle { handle: bo, flags: DRM_CLOEXEC | DRM_RDWR, fd: -1 };
    own(ok(file, DRM_IOCTL_PRIME_HANDLE_TO_FD, args).fd)
}

fn import(file: &panthor_fake::File, dma_buf: &OwnedFd) -> u32 {
    use std::os::fd::AsRawFd;

    let args = drm_prime_handle { handle: 0, flags: 0, fd: dma_buf.as_raw_fd() };
    ok(file, DRM_IOCTL_PRIME_FD_TO_HANDLE, args).handle
}

/// Shrinks and grows the file behind a descriptor as far as the kernel permits. Returns its size.
fn resize(fd: impl AsFd) -> u64 {
    let file = fs::File::from(fd.as_fd().try_clone_to_owned().unwrap());
    for size in [0, 1, 1 << 60] {
        file.set_len(size).unwrap_err();
    }
    file.metadata().unwrap().len()
}

/// A shorter file would raise SIGBUS at the next access.
#[test]
fn no_descriptor_of_the_fake_can_be_resized() {
    let device = device();
    let file = device.open();
    let bo = bo(&file, 2 * PAGE);
    let camera = device.foreign_dma_buf(2 * PAGE).unwrap();
    let imported = import(&file, &camera);
    let of_bo = |bo| file.mmap(2 * PAGE as usize, Prot::READ, mmap_offset(&file, bo)).unwrap();
    let registers = DRM_PANTHOR_USER_FLUSH_ID_MMIO_OFFSET;
    let maps =
        [of_bo(bo), of_bo(imported), file.mmap(PAGE as usize, Prot::READ, registers).unwrap()];
    let load = |map: &panthor_fake::Mapping| {
        // SAFETY: the byte is mapped for reading.
        unsafe { map.as_ptr().wrapping_add(map.len() - 1).read_volatile() }
    };

    let exported = dma_buf(&file, bo);
    assert!(resize(&file) > 1 << 56);
    assert_eq!(resize(&exported), 2 * PAGE);
    assert_eq!(resize(&camera), 2 * PAGE);
    let syncobj = syncobj(&file);
    let args = drm_syncobj_handle { handle: syncobj, fd: -1, ..zeroed() };
    let shared = own(ok(&file, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, args).fd);
    assert_eq!(resize(&shared), 0);
    timeline_signal(&file, syncobj, 1);
    let flags = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE;
    let args = drm_syncobj_handle { handle: syncobj, flags, fd: -1, ..zeroed() };
    let fence = own(ok(&file, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, args).fd);
    resize(&fence);
    for map in &maps {
        assert_eq!(load(map), 0);
    }
    assert_eq!(sync_file_status(&fence), Some(1));
}

#[test]
fn locks_of_a_program_do_not_make_a_dma_buf_unknown() {
    let (device, other) = (device(), device());
    let file = device.open();
    let bo = bo(&file, PAGE);
    let exported = dma_buf(&file, bo);
    close(&file, bo);
    let camera = device.foreign_dma_buf(PAGE).unwrap();
    for fd in [&exported, &camera] {
        let program = fs::File::from(fd.try_clone().unwrap());
        for kind in [FlockArg::LockShared, FlockArg::LockExclusive] {
            let lock = Flock::lock(program.try_clone().unwrap(), kind).unwrap();
            assert_eq!(device.leaks().dma_bufs, 2);
            drop(lock.unlock().unwrap());
        }
        // Counting looks which descriptors are open.
        assert_eq!(device.leaks().dma_bufs, 2);
        import(&other.open(), fd);
    }
    drop((exported, camera));
    assert_eq!(device.leaks().dma_bufs, 0);
}

/// An export must not wait for what a program does with the descriptor of an earlier one.
#[test]
fn a_lock_of_a_program_does_not_block_an_export() {
    let device = device();
    let file = device.open();
    let bo = bo(&file, PAGE);
    let first = fs::File::from(dma_buf(&file, bo));
    let _locked = Flock::lock(first, FlockArg::LockExclusive).unwrap();
    let (done, finished) = std::sync::mpsc::channel();
    let exporter = file.clone();
    std::thread::spawn(move || done.send(dma_buf(&exporter, bo)));
    let second = finished.recv_timeout(std::time::Duration::from_secs(20));
    second.expect("the second export");
}

#[test]
fn a_limit_of_file_sizes_is_an_error_and_no_signal() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};

    if std::env::var_os("FEW_BYTES").is_none() {
        let program = std::env::current_exe().unwrap();
        let test = "a_limit_of_file_sizes_is_an_error_and_no_signal";
        let args = [test, "--exact", "--nocapture"];
        let status = std::process::Command::new(program).args(args).env("FEW_BYTES", "1").status();
        assert!(status.unwrap().success());
        return;
    }
    let (_, hard) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
    let device = device();
    setrlimit(Resource::RLIMIT_FSIZE, 1 << 20, hard).unwrap();
    let error = panthor_fake::Device::new(Default::default()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::FileTooLarge);
    assert!(error.to_string().starts_with("RLIMIT_FSIZE: 1048576 bytes"), "{error}");
    let error = device.foreign_dma_buf(2 << 20).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::OutOfMemory);
    device.foreign_dma_buf(1 << 20).unwrap();
}
