//! Cost of sharing a descriptor while many others are open.

use std::os::fd::{FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use panthor_fake::File;
use panthor_sys::*;

use crate::window::{ioctl, new_bo};
use crate::{Effort, device};

/// Numbers of other open descriptors. Each takes two of the process, which may have at most 1024.
pub(crate) const OPEN: [usize; 2] = [50, 400];

/// Number of shared descriptors per measured time.
const BATCH: u32 = 500;

/// Makes something, gives a descriptor of it away, and lets go of the rest.
type Share = fn(&File) -> OwnedFd;

fn own(fd: i32) -> OwnedFd {
    // SAFETY: the descriptor is new and has no other owner.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// Returns a sync file of a syncobj and destroys the syncobj.
pub(crate) fn sync_file(file: &File) -> OwnedFd {
    let mut created = drm_syncobj_create { flags: DRM_SYNCOBJ_CREATE_SIGNALED, handle: 0 };
    ioctl(file, DRM_IOCTL_SYNCOBJ_CREATE, &mut created);
    let (handle, flags) = (created.handle, DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE);
    let mut exported = drm_syncobj_handle { handle, flags, fd: -1, pad: 0, point: 0 };
    ioctl(file, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &mut exported);
    ioctl(file, DRM_IOCTL_SYNCOBJ_DESTROY, &mut drm_syncobj_destroy { handle, pad: 0 });
    own(exported.fd)
}

/// Closes the handle of a new BO and returns its dma-buf.
pub(crate) fn dma_buf(file: &File) -> OwnedFd {
    let handle = new_bo(file);
    let mut exported = drm_prime_handle { handle, flags: DRM_CLOEXEC, fd: -1 };
    ioctl(file, DRM_IOCTL_PRIME_HANDLE_TO_FD, &mut exported);
    ioctl(file, DRM_IOCTL_GEM_CLOSE, &mut drm_gem_close { handle, pad: 0 });
    own(exported.fd)
}

/// Returns the best time of sharing a descriptor for each number in [`OPEN`]. The sizes take turns
/// and never coexist, since the fake keeps all descriptors of the process together.
pub(crate) fn measure(effort: Effort, share: Share) -> [Duration; 2] {
    let mut best = [Duration::MAX; 2];
    // Short ones and several: the best of them is what the machine can do.
    for _ in 0..4 * effort.rounds {
        for (open, best) in OPEN.into_iter().zip(&mut best) {
            let device = device();
            let file = device.open();
            let others: Vec<_> = (0..open).map(|_| share(&file)).collect();
            let start = Instant::now();
            for _ in 0..BATCH {
                drop(share(&file));
            }
            *best = (start.elapsed() / BATCH).min(*best);
            let leaks = device.leaks();
            assert_eq!(leaks.sync_files + leaks.dma_bufs, others.len());
            assert_eq!(leaks.bos, leaks.dma_bufs);
        }
    }
    best
}
