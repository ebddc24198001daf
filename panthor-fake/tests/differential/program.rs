//! Random programs of ioctls.

use std::ffi::c_void;
use std::fmt::Write as _;

use bytemuck::Zeroable;
use panthor_sys::*;

/// Address, size, object and offset. Objects are any numbers that tell them apart.
pub(crate) type Mapped = (u64, u64, u64, u64);

/// A driver to run programs on.
pub(crate) trait Target {
    /// Zero or a negative error number.
    ///
    /// # Safety
    /// As that of `ioctl(2)`.
    unsafe fn ioctl(&mut self, request: u32, arg: *mut c_void) -> i32;

    fn mappings(&mut self, vm: u32) -> Vec<Mapped>;
}

const PAGE: u64 = 4096;
const STEPS: usize = 100;
const MAP: u32 = DRM_PANTHOR_VM_BIND_OP_TYPE_MAP;
const UNMAP: u32 = DRM_PANTHOR_VM_BIND_OP_TYPE_UNMAP;
const SYNC_ONLY: u32 = DRM_PANTHOR_VM_BIND_OP_TYPE_SYNC_ONLY;
const SPARSE: u32 = DRM_PANTHOR_VM_BIND_OP_MAP_SPARSE | DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC;
const SIGNAL: u32 = DRM_PANTHOR_SYNC_OP_SIGNAL;

/// The sizes of the BOs in pages; the second is exclusive to the VM.
const BO_PAGES: [u64; 4] = [64, 64, 1024, 1];

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

struct Program<'a, T> {
    target: &'a mut T,
    random: Random,
    text: String,
    vm: u32,
    bos: [u32; 4],
    syncobjs: [u32; 6],
    /// Tells that the queue is empty.
    fence: u32,
    /// Where the addresses begin, and how many pages they span.
    base: u64,
    span: u64,
}

/// Runs a program and tells what happened. The target is as before when it is over.
pub(crate) fn transcript<T: Target>(target: &mut T, seed: u64) -> String {
    let random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    // Around a boundary of 1 GiB, or of 2 MiB with much more room.
    let (base, span) = match seed % 2 {
        0 => ((1 << 30) - 32 * PAGE, 80),
        _ => ((2 << 30) - (1 << 20), 1024),
    };
    let mut program = Program {
        target,
        random,
        text: String::new(),
        vm: 0,
        bos: [0; 4],
        syncobjs: [0; 6],
        fence: 0,
        base,
        span,
    };
    program.create();
    for step in 0..STEPS {
        match program.random.below(10) {
            0..=6 => program.bind(step),
            7 | 8 => program.syncobjs(step),
            _ => program.list(),
        }
    }
    program.list();
    program.destroy();
    program.text
}

fn at<E>(items: &[E]) -> u64 {
    items.as_ptr() as u64
}

fn array<E>(items: &[E]) -> drm_panthor_obj_array {
    let (stride, count) = (size_of::<E>() as u32, items.len() as u32);
    drm_panthor_obj_array { stride, count, array: at(items) }
}

impl<T: Target> Program<'_, T> {
    fn call<A>(&mut self, request: u32, arg: &mut A) -> i32 {
        // SAFETY: the argument is writable, and its pointers lead to arrays of the caller, or
        // nowhere, which the driver finds out.
        unsafe { self.target.ioctl(request, (&raw mut *arg).cast()) }
    }

    #[track_caller]
    fn must<A>(&mut self, request: u32, mut arg: A) -> A {
        assert_eq!(self.call(request, &mut arg), 0, "ioctl {request:#x}\n{}", self.text);
        arg
    }

    fn create(&mut self) {
        self.vm = self.must(DRM_IOCTL_PANTHOR_VM_CREATE, drm_panthor_vm_create::zeroed()).id;
        for (index, pages) in BO_PAGES.into_iter().enumerate() {
            let exclusive_vm_id = if index == 1 { self.vm } else { 0 };
            let size = pages * PAGE;
            let args = drm_panthor_bo_create { size, exclusive_vm_id, flags: 0, handle: 0, pad: 0 };
            self.bos[index] = self.must(DRM_IOCTL_PANTHOR_BO_CREATE, args).handle;
        }
        for index in 0..self.syncobjs.len() {
            let args = drm_syncobj_create { flags: index as u32 % 2, handle: 0 };
            self.syncobjs[index] = self.must(DRM_IOCTL_SYNCOBJ_CREATE, args).handle;
        }
        self.fence = self.must(DRM_IOCTL_SYNCOBJ_CREATE, drm_syncobj_create::zeroed()).handle;
    }

    fn destroy(&mut self) {
        let id = self.vm;
        self.must(DRM_IOCTL_PANTHOR_VM_DESTROY, drm_panthor_vm_destroy { id, pad: 0 });
        for handle in self.bos {
            self.must(DRM_IOCTL_GEM_CLOSE, drm_gem_close { handle, pad: 0 });
        }
        for handle in self.syncobjs.into_iter().chain([self.fence]) {
            self.must(DRM_IOCTL_SYNCOBJ_DESTROY, drm_syncobj_destroy { handle, pad: 0 });
        }
    }

    /// Lists the mappings, with objects numbered as they appear.
    fn list(&mut self) {
        let mut objects = Vec::new();
        for (va, size, object, offset) in self.target.mappings(self.vm) {
            let known = objects.iter().position(|&known| known == object);
            let number = known.unwrap_or_else(|| {
                objects.push(object);
                objects.len() - 1
            });
            writeln!(self.text, "  map {va:#x} +{size:#x} object {number} @{offset:#x}").unwrap();
        }
    }

    /// A map, a sparse map or an unmap that is mostly right.
    fn random_op(&mut self, is_async: bool) -> drm_panthor_vm_bind_op {
        let mut op = drm_panthor_vm_bind_op::zeroed();
        let start = self.random.below(self.span);
        let most = if self.random.one_in(3) { self.span - start } else { 16 };
        let mut pages = 1 + self.random.below(most);
        match self.random.below(8) {
            0..=3 => {
                let bo = self.random.below(4) as usize;
                if pages > BO_PAGES[bo] && !self.random.one_in(5) {
                    pages = 1 + self.random.below(BO_PAGES[bo]);
                }
                let room = (BO_PAGES[bo] + 1).saturating_sub(pages).max(1);
                op.bo_offset = self.random.below(room) * PAGE;
                op.bo_handle = self.bos[bo];
                op.flags = MAP | self.random.below(8) as u32;
            }
            4 | 5 => op.flags = MAP | SPARSE | self.random.of(&[0, 0, 1, 4]),
            _ => op.flags = UNMAP,
        }
        op.va = self.base + start * PAGE;
        op.size = pages * PAGE;
        match self.random.below(40) {
            0 => op.va += self.random.below(PAGE),
            1 => op.size += self.random.below(PAGE),
            2 => op.bo_offset += self.random.of(&[0, 1, PAGE, PAGE + 1, 2 * PAGE]),
            3 => op.flags ^= 1 << self.random.below(32),
            4 => op.bo_handle += self.random.below(100) as u32,
            5 => op.va = (1 << 47) - self.random.below(3) * PAGE,
            // Asynchronous maps of nothing can get the real driver into trouble.
            6 if !is_async || op.flags >> 28 != 0 => op.size = 0,
            7 => op.flags = SYNC_ONLY,
            8 => op = drm_panthor_vm_bind_op { flags: SYNC_ONLY, ..Zeroable::zeroed() },
            _ => {}
        }
        op
    }

    fn random_syncs(&mut self) -> Vec<drm_panthor_sync_op> {
        let count = 1 + self.random.below(3);
        let mut syncs = Vec::new();
        for _ in 0..count {
            let mut sync = drm_panthor_sync_op::zeroed();
            sync.handle = self.random.of(&self.syncobjs.clone());
            sync.flags = self.random.below(2) as u32;
            if sync.flags != 0 {
                sync.timeline_value = self.random.below(12);
            }
            if self.random.one_in(2) {
                sync.flags |= SIGNAL;
            }
            match self.random.below(25) {
                0 => sync.flags |= 1 << self.random.below(31),
                // To signal one that does not exist crashes the real driver.
                1 if sync.flags & SIGNAL == 0 => sync.handle = 999,
                2 => sync.timeline_value = 3,
                _ => {}
            }
            syncs.push(sync);
        }
        syncs
    }

    fn bind(&mut self, step: usize) {
        let is_async = self.random.one_in(3);
        let count = 1 + self.random.below(4);
        let mut ops = Vec::new();
        let mut syncs = Vec::new();
        for _ in 0..count {
            let mut op = self.random_op(is_async);
            if self.random.one_in(if is_async { 2 } else { 50 }) {
                syncs.push(self.random_syncs());
                op.syncs = array(&syncs[syncs.len() - 1]);
            }
            if self.random.one_in(60) {
                op.syncs.count = 1;
                op.syncs.stride = 8;
            }
            ops.push(op);
        }
        let mut args = drm_panthor_vm_bind {
            vm_id: if self.random.one_in(60) { 31 } else { self.vm },
            flags: u32::from(is_async) | if self.random.one_in(50) { 2 } else { 0 },
            ops: array(&ops),
        };
        let result = self.call(DRM_IOCTL_PANTHOR_VM_BIND, &mut args);
        if is_async {
            self.drain();
        }
        let state = drm_panthor_vm_get_state { vm_id: self.vm, state: 0 };
        let state = self.must(DRM_IOCTL_PANTHOR_VM_GET_STATE, state).state;
        let kind = if is_async { "async" } else { "sync" };
        let done = args.ops.count;
        writeln!(self.text, "{step} bind {kind} {result} count {done} state {state}").unwrap();
    }

    /// Waits until the queue is empty, unless the VM is unusable.
    fn drain(&mut self) {
        let handles = [self.fence];
        let sync = [drm_panthor_sync_op { flags: SIGNAL, handle: self.fence, timeline_value: 0 }];
        let op = drm_panthor_vm_bind_op { flags: SYNC_ONLY, ..Zeroable::zeroed() };
        let ops = [drm_panthor_vm_bind_op { syncs: array(&sync), ..op }];
        let mut args = drm_panthor_vm_bind {
            vm_id: self.vm,
            flags: DRM_PANTHOR_VM_BIND_ASYNC,
            ops: array(&ops),
        };
        if self.call(DRM_IOCTL_PANTHOR_VM_BIND, &mut args) == 0 {
            let mut wait = drm_syncobj_wait::zeroed();
            wait.handles = at(&handles);
            wait.count_handles = 1;
            wait.timeout_nsec = i64::MAX;
            self.must(DRM_IOCTL_SYNCOBJ_WAIT, wait);
        }
    }

    fn syncobjs(&mut self, step: usize) {
        let count = 1 + self.random.below(3) as usize;
        let mut handles = [0; 3];
        let mut points = [0; 3];
        for (handle, point) in handles.iter_mut().zip(&mut points) {
            let one = self.random.of(&self.syncobjs.clone());
            *handle = if self.random.one_in(40) { 999 } else { one };
            *point = self.random.below(14);
        }
        let (handles, points) = (&handles[..count], &points[..count]);
        let (name, result, first) = match self.random.below(8) {
            kind @ (0 | 1) => {
                let pad = u32::from(self.random.one_in(20));
                let count_handles = count as u32;
                let mut args = drm_syncobj_array { handles: at(handles), count_handles, pad };
                match kind {
                    0 => ("signal", self.call(DRM_IOCTL_SYNCOBJ_SIGNAL, &mut args), 0),
                    _ => ("reset", self.call(DRM_IOCTL_SYNCOBJ_RESET, &mut args), 0),
                }
            }
            2 | 3 => {
                let mut args = drm_syncobj_timeline_array {
                    handles: at(handles),
                    points: if self.random.one_in(9) { 0 } else { at(points) },
                    count_handles: count as u32,
                    flags: u32::from(self.random.one_in(20)),
                };
                let request = DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL;
                ("timeline signal", self.call(request, &mut args), 0)
            }
            4 | 5 => {
                let mut args = drm_syncobj_timeline_wait::zeroed();
                args.handles = at(handles);
                args.points = at(points);
                args.count_handles = count as u32;
                args.flags = self.random.below(8) as u32;
                args.flags |= u32::from(self.random.one_in(30)) << 4;
                args.first_signaled = 55;
                let result = self.call(DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &mut args);
                ("timeline wait", result, args.first_signaled)
            }
            6 => {
                let mut args = drm_syncobj_wait::zeroed();
                args.handles = at(handles);
                args.count_handles = count as u32;
                args.flags = self.random.below(4) as u32;
                args.flags |= u32::from(self.random.one_in(20)) << 2;
                args.first_signaled = 55;
                let result = self.call(DRM_IOCTL_SYNCOBJ_WAIT, &mut args);
                ("wait", result, args.first_signaled)
            }
            _ => {
                let mut args = drm_syncobj_transfer::zeroed();
                args.src_handle = handles[0];
                args.dst_handle = self.random.of(&self.syncobjs.clone());
                args.src_point = self.random.below(8);
                args.dst_point = self.random.of(&[0, 5, 9, 13, 20]);
                args.flags = u32::from(self.random.one_in(20));
                ("transfer", self.call(DRM_IOCTL_SYNCOBJ_TRANSFER, &mut args), 0)
            }
        };
        writeln!(self.text, "{step} {name} {result} first {first}").unwrap();
        let reached = self.points(0);
        let added = self.points(DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED);
        writeln!(self.text, "  points {reached:?} of {added:?}").unwrap();
    }

    /// The points that all timelines have reached, or that were added.
    fn points(&mut self, flags: u32) -> [u64; 6] {
        let handles = self.syncobjs;
        let mut points = [u64::MAX; 6];
        let mut args = drm_syncobj_timeline_array {
            handles: at(&handles),
            points: points.as_mut_ptr() as u64,
            count_handles: 6,
            flags,
        };
        let result = self.call(DRM_IOCTL_SYNCOBJ_QUERY, &mut args);
        assert_eq!(result, 0);
        // SAFETY: the array above, which the driver has written to.
        unsafe { std::ptr::from_ref(&points).read_volatile() }
    }
}
