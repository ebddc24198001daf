//! The loopback where a container forbids to duplicate descriptors of other processes.

#![cfg(feature = "loopback")]

mod loopback_client;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

use loopback_client::*;
use nix::libc;
use panthor_fake::loopback::Loopback;
use panthor_fake::{Config, Device};
use panthor_sys::*;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

/// Takes `pidfd_getfd(2)` away from the calling thread and those that it starts.
fn forbid_duplicates() {
    let rules = BTreeMap::from([(libc::SYS_pidfd_getfd, Vec::new())]);
    let arch = std::env::consts::ARCH.try_into().unwrap();
    let denied = SeccompAction::Errno(libc::EPERM as u32);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, denied, arch).unwrap();
    let program: BpfProgram = filter.try_into().unwrap();
    seccompiler::apply_filter(&program).unwrap();
}

#[test]
fn nodes_are_known_by_what_proc_tells() {
    // The test harness is not to have the filter.
    let test = std::thread::spawn(|| {
        forbid_duplicates();
        let device = Device::new(Config::default()).unwrap();
        let loopback = Loopback::new(&device).unwrap();
        loopback.run(client).unwrap();
        loopback.finish();
        device.assert_released();
    });
    test.join().unwrap();
}

fn client() {
    let (file, other) = (open(RENDER), open(CARD));
    check_is_no_node(&imitate(&file));
    assert_eq!(version(&file).0, "panthor");
    assert_eq!(other.metadata().unwrap().rdev(), libc::makedev(226, 0));
    let bo = create_bo(&file, 4096);
    let rw = libc::PROT_READ | libc::PROT_WRITE;
    let map = Map::new(&file, 4096, rw, mmap_offset(&file, bo)).unwrap();
    map.write(0, 3);
    assert_eq!(map.read(0), 3);
    // The other file has no such handle.
    assert_eq!(ioctl(&other, DRM_IOCTL_GEM_CLOSE, &mut gem_close(bo)), -libc::EINVAL);
    let dma_buf = export(&file, bo);
    let mut import = drm_prime_handle { handle: 0, flags: 0, fd: dma_buf.as_raw_fd() };
    assert_eq!(ioctl(&other, DRM_IOCTL_PRIME_FD_TO_HANDLE, &mut import), 0);
    let null = File::open("/dev/null").unwrap();
    assert_eq!(ioctl(&null, DRM_IOCTL_GEM_CLOSE, &mut gem_close(1)), -libc::ENOTTY);
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_PATH);
    let place = options.open(RENDER).unwrap();
    assert_eq!(place.metadata().unwrap().rdev(), libc::makedev(226, 128));
    let read_only = File::open(RENDER).unwrap();
    assert_eq!(version(&read_only).0, "panthor");
}
