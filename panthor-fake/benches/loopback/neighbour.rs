//! The longest that a system call of one thread takes while another's ioctl takes long.

use std::fs::OpenOptions;
use std::hint::black_box;
use std::os::fd::AsRawFd;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use nix::libc;
use panthor_fake::loopback::Loopback;
use panthor_sys::*;

use super::{NODE, create_vm, ioctl, median, micros};

/// Number of binds.
const ROUNDS: usize = 15;
const OPERATIONS: u64 = 200_000;

const PAGE: u64 = 4096;
const FIRST_VA: u64 = 1 << 32;

/// Milliseconds of the longest `access(2)` beside a bind: the median of all binds, and the worst.
pub(super) fn measure(loopback: &Loopback) -> Result<(f64, f64), String> {
    let delays = loopback.run(|| -> Result<Vec<f64>, String> {
        let bind = Bind::new()?;
        (0..ROUNDS).map(|_| beside(|| bind.run())).collect()
    });
    let delays = delays.map_err(|error| error.to_string())??;
    Ok((median(&delays), delays.iter().copied().fold(0.0, f64::max)))
}

/// Milliseconds of the longest `access(2)` while something runs on another thread.
fn beside(long: impl FnOnce() -> Result<(), String> + Send) -> Result<f64, String> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let long = scope.spawn(|| {
            let result = long();
            over.store(true, Ordering::Release);
            result
        });
        let mut longest = 0_f64;
        while !over.load(Ordering::Acquire) {
            let start = Instant::now();
            // SAFETY: the path ends with a NUL.
            black_box(unsafe { libc::access(c"/etc/passwd".as_ptr(), libc::R_OK) });
            longest = longest.max(micros(start.elapsed()) / 1e3);
        }
        long.join().map_err(|_| "the thread that binds panicked")??;
        Ok(longest)
    })
}

/// A bind of many operations, all of which map the same page.
struct Bind {
    node: std::fs::File,
    vm: u32,
    operations: Vec<drm_panthor_vm_bind_op>,
}

impl Bind {
    fn new() -> Result<Self, String> {
        let node = OpenOptions::new().read(true).write(true).open(NODE);
        let node = node.map_err(|error| format!("{NODE}: {error}"))?;
        let vm = create_vm(|request, arg| ioctl(&node, request, arg))?;
        let mut bo =
            drm_panthor_bo_create { size: PAGE, flags: 0, exclusive_vm_id: 0, handle: 0, pad: 0 };
        if ioctl(&node, DRM_IOCTL_PANTHOR_BO_CREATE, (&raw mut bo).cast()) != 0 {
            return Err("a BO cannot be created".into());
        }
        let operation = |index| drm_panthor_vm_bind_op {
            flags: DRM_PANTHOR_VM_BIND_OP_TYPE_MAP | DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC,
            bo_handle: bo.handle,
            bo_offset: 0,
            // Apart from each other: neighbours would become one mapping.
            va: FIRST_VA + index * 2 * PAGE,
            size: PAGE,
            syncs: drm_panthor_obj_array { stride: 0, count: 0, array: 0 },
        };
        Ok(Self { vm, operations: (0..OPERATIONS).map(operation).collect(), node })
    }

    fn run(&self) -> Result<(), String> {
        let mut bind = drm_panthor_vm_bind {
            vm_id: self.vm,
            flags: 0,
            ops: drm_panthor_obj_array {
                stride: size_of::<drm_panthor_vm_bind_op>() as u32,
                count: OPERATIONS as u32,
                array: self.operations.as_ptr().expose_provenance() as u64,
            },
        };
        // SAFETY: the argument is a structure of that ioctl, and its array lives.
        let result = unsafe {
            libc::ioctl(
                self.node.as_raw_fd(),
                DRM_IOCTL_PANTHOR_VM_BIND as libc::Ioctl,
                &raw mut bind,
                null_mut::<u8>(),
            )
        };
        if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error().to_string()) }
    }
}
