//! The loopback in a process that has no file descriptors left.

#![cfg(feature = "cli")]

mod loopback_client;

use std::os::fd::AsRawFd;

use loopback_client::*;
use nix::libc;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use panthor_fake::loopback::Loopback;
use panthor_fake::{Config, Device};
use panthor_sys::*;

/// The only test here: the limit is the process's.
#[test]
fn a_shortage_is_told_and_not_taken_for_something_else() {
    let device = Device::new(Config::default()).unwrap();
    let loopback = Loopback::new(&device).unwrap();
    loopback
        .run(|| {
            let file = open(RENDER);
            let bo = create_bo(&file, 4096);
            let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
            setrlimit(Resource::RLIMIT_NOFILE, 3, hard).unwrap();
            let refused = ioctl(&file, DRM_IOCTL_GEM_CLOSE, &mut gem_close(bo));
            let looked = file.metadata().map(drop).map_err(|error| error.raw_os_error());
            let elsewhere = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
            let looked_at = std::fs::metadata(&elsewhere).map(drop);
            let read = std::fs::read_link(&elsewhere).map(drop);
            let opened =
                std::fs::File::open(RENDER).map(drop).map_err(|error| error.raw_os_error());
            setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
            assert_eq!(refused, -libc::EMFILE);
            assert_eq!(looked, Err(Some(libc::EMFILE)));
            assert_eq!(opened, Err(Some(libc::EMFILE)));
            // Other threads may inspect the descriptor. Whether this one may is not known.
            let errno = |result: std::io::Result<()>| result.map_err(|error| error.raw_os_error());
            assert_eq!(errno(looked_at), Err(Some(libc::EMFILE)));
            assert_eq!(errno(read), Err(Some(libc::EMFILE)));
            assert_eq!(ioctl(&file, DRM_IOCTL_GEM_CLOSE, &mut gem_close(bo)), 0);
        })
        .unwrap();
    loopback.finish();
    device.assert_released();
}
