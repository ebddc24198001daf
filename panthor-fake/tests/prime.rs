//! PRIME: BOs as dma-bufs, and dma-bufs as BOs.

mod common;

use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use common::*;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::libc::{EBADF, EINVAL, ENOENT};
use nix::unistd::{Whence, lseek};
use panthor_fake::{File, Prot};
use panthor_sys::*;

const BOTH: u32 = DRM_CLOEXEC | DRM_RDWR;

fn export(file: &File, handle: u32, flags: u32) -> Result<OwnedFd, i32> {
    let mut args = drm_prime_handle { handle, flags, fd: -77 };
    match ioctl(file, DRM_IOCTL_PRIME_HANDLE_TO_FD, &mut args) {
        0 => Ok(own(args.fd)),
        error => {
            assert_eq!(args.fd, -77);
            Err(-error)
        }
    }
}

fn import_raw(file: &File, fd: i32) -> Result<u32, i32> {
    let mut args = drm_prime_handle { handle: 0, flags: 0xffff, fd };
    match ioctl(file, DRM_IOCTL_PRIME_FD_TO_HANDLE, &mut args) {
        0 => Ok(args.handle),
        error => Err(-error),
    }
}

fn import(file: &File, fd: &OwnedFd) -> Result<u32, i32> {
    import_raw(file, fd.as_raw_fd())
}

fn is_imported(file: &File, handle: u32) -> bool {
    let args = drm_panthor_bo_query_info { handle, ..zeroed() };
    ok(file, DRM_IOCTL_PANTHOR_BO_QUERY_INFO, args).extra_flags == DRM_PANTHOR_BO_IS_IMPORTED
}

#[test]
fn an_export_comes_back_as_the_same_handle() {
    let file = device().open();
    let (a, b) = (bo(&file, 5000), bo(&file, PAGE));
    let (fd, again) = (export(&file, a, BOTH).unwrap(), export(&file, a, 0).unwrap());
    assert_eq!((import(&file, &fd), import(&file, &again)), (Ok(a), Ok(a)));
    let other = export(&file, b, BOTH).unwrap();
    assert_eq!(import(&file, &other), Ok(b));
    assert!(!is_imported(&file, a));
    assert_eq!(lseek(&fd, 0, Whence::SeekEnd), Ok(8192));
}

#[test]
fn the_first_export_decides_about_writing_each_about_exec() {
    let file = device().open();
    let (a, b) = (bo(&file, PAGE), bo(&file, PAGE));
    let flags = |fd: &OwnedFd| {
        let status = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL).unwrap());
        let cloexec = fcntl(fd, FcntlArg::F_GETFD).unwrap() & FdFlag::FD_CLOEXEC.bits() != 0;
        (status & OFlag::O_ACCMODE == OFlag::O_RDWR, cloexec)
    };
    let writable = [BOTH, 0].map(|flags| export(&file, a, flags).unwrap());
    assert_eq!(writable.each_ref().map(flags), [(true, true), (true, false)]);
    let readable = [0, BOTH].map(|flags| export(&file, b, flags).unwrap());
    assert_eq!(readable.each_ref().map(flags), [(false, false), (false, true)]);
}

#[test]
fn what_cannot_be_exported_or_imported() {
    let file = device().open();
    let (vm, a) = (vm(&file), bo(&file, PAGE));
    let exclusive = try_bo(&file, PAGE, 0, vm).unwrap();
    assert_eq!(export(&file, exclusive, 0).unwrap_err(), EINVAL);
    assert_eq!(export(&file, 99, 0).unwrap_err(), ENOENT);
    assert_eq!(export(&file, a, 1).unwrap_err(), EINVAL);
    assert_eq!((import_raw(&file, -1), import_raw(&file, 99_999)), (Err(EBADF), Err(EBADF)));
    let null = std::fs::File::open("/dev/null").unwrap();
    assert_eq!(import_raw(&file, null.as_raw_fd()), Err(EINVAL));
    assert_eq!(import_raw(&file, file.as_fd().as_raw_fd()), Err(EINVAL));
}

#[test]
fn another_file_of_the_device_sees_the_same_object() {
    let device = device();
    let (file, other) = (device.open(), device.open());
    let a = bo(&file, PAGE);
    close(&other, bo(&other, PAGE));
    let fd = export(&file, a, BOTH).unwrap();
    let there = import(&other, &fd).unwrap();
    assert_eq!((there, import(&other, &fd), device.leaks().bos), (1, Ok(1), 1));
    assert!(!is_imported(&other, there));
    assert_eq!(mmap_offset(&file, a), mmap_offset(&other, there));
    let here = vm(&file);
    map(&file, here, a, 0, GIB, PAGE);
    let cpu = other.mmap(PAGE as usize, Prot::READ, mmap_offset(&other, there)).unwrap();
    file.gpu(here).unwrap().write(GIB, b"x").unwrap();
    // SAFETY: it is mapped for reading.
    assert_eq!(unsafe { cpu.as_ptr().read_volatile() }, b'x');
    // A second handle in a file comes only when the first is gone.
    close(&other, there);
    assert_eq!(import(&other, &fd), Ok(1));
}

#[test]
fn a_descriptor_keeps_the_object() {
    let device = device();
    let file = device.open();
    let a = bo(&file, PAGE);
    let (here, there) = (vm(&file), device.open());
    map(&file, here, a, 0, GIB, PAGE);
    file.gpu(here).unwrap().write(GIB, b"kept").unwrap();
    let fd = export(&file, a, BOTH).unwrap();
    let duplicate = fd.try_clone().unwrap();
    drop((file, fd));
    assert_eq!((device.leaks().files, device.leaks().bos), (1, 1));
    let a = import(&there, &duplicate).unwrap();
    let vm = vm(&there);
    map(&there, vm, a, 0, GIB, PAGE);
    let mut contents = [0; 4];
    there.gpu(vm).unwrap().read(GIB, &mut contents).unwrap();
    assert_eq!(&contents, b"kept");
    drop((there, duplicate));
    device.assert_released();
}

#[test]
fn a_dma_buf_without_a_handle_or_descriptor_is_forgotten() {
    let device = device();
    let file = device.open();
    let a = bo(&file, PAGE);
    drop(export(&file, a, BOTH).unwrap());
    // The handle keeps it: the next export is the same one, for writing.
    assert_eq!(device.leaks().bos, 1);
    let fd = export(&file, a, 0).unwrap();
    assert_eq!(fcntl(&fd, FcntlArg::F_GETFL).unwrap() & 3, OFlag::O_RDWR.bits());
    close(&file, a);
    assert_eq!(device.leaks().bos, 1);
    drop(fd);
    assert_eq!(device.leaks().bos, 0);
}

#[test]
fn foreign_memory_is_imported_and_says_so() {
    let device = device();
    let file = device.open();
    let fd = device.foreign_dma_buf(5000).unwrap();
    assert_eq!(lseek(&fd, 0, Whence::SeekEnd), Ok(8192));
    let a = import(&file, &fd).unwrap();
    assert_eq!(import(&file, &fd), Ok(a));
    assert!(is_imported(&file, a));
    // Every side sees what another writes.
    nix::sys::uio::pwrite(&fd, b"camera", 4096).unwrap();
    let vm = vm(&file);
    map(&file, vm, a, 0, GIB, 8192);
    let mut seen = [0; 6];
    file.gpu(vm).unwrap().read(GIB + 4096, &mut seen).unwrap();
    assert_eq!(&seen, b"camera");
    file.gpu(vm).unwrap().write(GIB, b"gpu").unwrap();
    let cpu = file.mmap(8192, Prot::READ, mmap_offset(&file, a)).unwrap();
    // SAFETY: it is mapped for reading.
    assert_eq!(unsafe { cpu.as_ptr().read_volatile() }, b'g');
    nix::sys::uio::pread(&fd, &mut seen[..3], 0).unwrap();
    assert_eq!(&seen[..3], b"gpu");
    // The export of an import is the dma-buf itself.
    let back = export(&file, a, 0).unwrap();
    drop(fd);
    assert_eq!(import(&file, &back), Ok(a));
    drop((back, cpu, file));
    device.assert_released();
}

#[test]
fn foreign_memory_has_a_size() {
    let device = device();
    for wrong in [0, u64::MAX, u64::MAX - PAGE + 2] {
        let error = device.foreign_dma_buf(wrong).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "{wrong:#x}");
    }
    let file = device.open();
    let foreign = import(&file, &device.foreign_dma_buf(1).unwrap()).unwrap();
    assert_ne!(mmap_offset(&file, foreign), mmap_offset(&file, bo(&file, PAGE)));
}

#[test]
fn an_import_is_not_synchronised_by_the_driver() {
    let device = device();
    let file = device.open();
    let sync = |handle| {
        let op = drm_panthor_bo_sync_op { handle, size: PAGE, ..zeroed() };
        let mut args = drm_panthor_bo_sync { ops: array(&[op]) };
        ioctl(&file, DRM_IOCTL_PANTHOR_BO_SYNC, &mut args)
    };
    let foreign = import(&file, &device.foreign_dma_buf(PAGE).unwrap()).unwrap();
    let own = bo(&file, PAGE);
    assert_eq!((sync(foreign), sync(own)), (-EINVAL, 0));
    assert_eq!(import(&file, &export(&file, own, 0).unwrap()), Ok(own));
    assert_eq!(sync(own), 0);
}

#[test]
fn two_devices_share_memory() {
    let (one, two) = (device(), device());
    let (exporter, importer) = (one.open(), two.open());
    let a = bo(&exporter, PAGE);
    let fd = export(&exporter, a, BOTH).unwrap();
    let b = import(&importer, &fd).unwrap();
    assert!(is_imported(&importer, b));
    let (here, there) = (vm(&exporter), vm(&importer));
    map(&exporter, here, a, 0, GIB, PAGE);
    map(&importer, there, b, 0, GIB, PAGE);
    drop((fd, exporter));
    // The import keeps it.
    assert_eq!(one.leaks().bos, 1);
    importer.gpu(there).unwrap().write(GIB, &[1]).unwrap();
    drop(importer);
    one.assert_released();
    two.assert_released();
}

#[test]
fn threads_that_import_and_close_always_have_a_valid_handle() {
    let device = device();
    let file = device.open();
    let fds: Vec<_> = (0..4).map(|_| device.foreign_dma_buf(PAGE).unwrap()).collect();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (file, fds) = (file.clone(), &fds);
            scope.spawn(move || {
                for round in 0..100 {
                    // Each its own, so that no other thread closes it.
                    let handle = import(&file, &fds[thread]).unwrap();
                    let back = export(&file, handle, BOTH).unwrap();
                    assert_eq!(import(&file, &back), Ok(handle), "{round}");
                    close(&file, handle);
                }
            });
        }
    });
    drop((file, fds));
    device.assert_released();
}

#[test]
fn a_dma_buf_keeps_its_size_whoever_has_its_descriptor() {
    let device = device();
    let file = device.open();
    let foreign = std::fs::File::from(device.foreign_dma_buf(2 * PAGE).unwrap());
    let handle = bo(&file, 2 * PAGE);
    let mut args = drm_prime_handle { handle, flags: DRM_CLOEXEC | DRM_RDWR, fd: -1 };
    assert_eq!(ioctl(&file, DRM_IOCTL_PRIME_HANDLE_TO_FD, &mut args), 0);
    for dma_buf in [foreign, std::fs::File::from(own(args.fd))] {
        for size in [0, PAGE, 3 * PAGE] {
            assert!(dma_buf.set_len(size).is_err());
        }
        assert_eq!(dma_buf.metadata().unwrap().len(), 2 * PAGE);
    }
}
