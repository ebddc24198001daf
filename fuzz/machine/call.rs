//! Ioctl of a program, with the knowledge that a call needs about its argument.

use panthor_fake::{Arena, Device, File, Leaks};
use panthor_sys::*;
use rustix::time::{ClockId, clock_gettime};

use crate::machine::invariants::*;

/// The longest wait, in nanoseconds.
const MOMENT: u64 = 20_000;

/// State besides the fake that a call changes.
pub struct World<'a> {
    pub arena: &'a Arena,
    pub devices: &'a [Device],
}

const fn nr(request: u32) -> u32 {
    request & 0xff
}

/// Returns the offset of the timeout of a wait.
fn timeout(request: u32) -> Option<u64> {
    const WAIT: u32 = nr(DRM_IOCTL_SYNCOBJ_WAIT);
    const TIMELINE_WAIT: u32 = nr(DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT);
    match nr(request) {
        WAIT => Some(8),
        TIMELINE_WAIT => Some(16),
        _ => None,
    }
}

fn monotonic_now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

impl World<'_> {
    fn word(&self, at: u64) -> Option<u32> {
        let mut bytes = [0; 4];
        self.arena.read(at, &mut bytes).then(|| u32::from_le_bytes(bytes))
    }

    fn quad(&self, at: u64) -> Option<u64> {
        let mut bytes = [0; 8];
        self.arena.read(at, &mut bytes).then(|| u64::from_le_bytes(bytes))
    }

    /// Calls with another word in the place of one that is there, which it has again afterwards.
    fn with<const N: usize>(&self, at: u64, word: [u8; N], call: impl FnOnce() -> i32) -> i32 {
        let mut before = [0; N];
        let is_there = self.arena.read(at, &mut before);
        self.arena.write(at, &word);
        let result = call();
        if is_there {
            self.arena.write(at, &before);
        }
        result
    }

    /// Makes a call; its result.
    pub fn call(&self, file: &File, request: u32, arg: u64) -> i32 {
        let watched = makes_something(request).then(|| self.alive());
        let is_bind = nr(request) == nr(DRM_IOCTL_PANTHOR_VM_BIND);
        let (vm, ops) = (self.word(arg), self.word(arg.wrapping_add(12)));

        let result = self.bounded(file, request, arg);

        check_result(request, result);
        if result != 0 {
            if let Some(before) = watched {
                for (before, after) in before.into_iter().zip(self.alive()) {
                    check_nothing_made(request, result, before, after);
                }
            }
        }
        if is_bind && result < 0 && request == DRM_IOCTL_PANTHOR_VM_BIND {
            let done = self.word(arg.wrapping_add(12));
            assert!(done <= ops, "{done:?} of {ops:?} operations are done");
        }
        if let Some(view) = vm.filter(|_| is_bind).and_then(|vm| file.gpu(vm)) {
            check_vm(&view);
        }
        if nr(request) == nr(DRM_IOCTL_PANTHOR_DEV_QUERY) {
            self.forget_time(arg);
        }
        result
    }

    fn alive(&self) -> Vec<Leaks> {
        self.devices.iter().map(Device::leaks).collect()
    }

    /// Makes a call that ends soon.
    fn bounded(&self, file: &File, request: u32, arg: u64) -> i32 {
        let call = || file.ioctl_in(request, arg, self.arena);
        if let Some(field) = timeout(request) {
            let at = arg.wrapping_add(field);
            let asked = self.quad(at).unwrap_or(0) as i64;
            let moment = if asked > 0 { monotonic_now() + MOMENT } else { asked as u64 };
            return self.with(at, moment.to_le_bytes(), call);
        }
        if nr(request) == nr(DRM_IOCTL_SYNCOBJ_TRANSFER) {
            // To wait for what is not there would take five seconds: only if it is there.
            let at = arg.wrapping_add(24);
            let flags = self.word(at).unwrap_or(0);
            let for_submit = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT;
            if flags & for_submit != 0 {
                let result = self.with(at, (flags & !for_submit).to_le_bytes(), call);
                return if result == 0 { call() } else { result };
            }
        }
        call()
    }

    /// Overwrites the time in a query's answer: programs must not depend on it.
    fn forget_time(&self, arg: u64) {
        if self.word(arg) != Some(DRM_PANTHOR_DEV_QUERY_TIMESTAMP_INFO) {
            return;
        }
        let Some(pointer) = self.quad(arg.wrapping_add(8)) else { return };
        for at in 0..size_of::<drm_panthor_timestamp_info>() as u64 {
            self.arena.write(pointer.wrapping_add(at), &[0]);
        }
    }
}
