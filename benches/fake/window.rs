//! Measured workload: mappings that move through a VM.

use std::time::{Duration, Instant};

use panthor_fake::File;
use panthor_sys::*;

use crate::{BASE, BATCH, PAGE};

/// The address of the page that is mapped as the `index`-th.
pub(crate) type Order = fn(u64) -> u64;

pub(crate) fn ascending(index: u64) -> u64 {
    BASE + index * PAGE
}

/// Returns the address of a page in 16 TiB. Successive indices visit each page once, in an order
/// that no tree or cache can exploit.
pub(crate) fn random(index: u64) -> u64 {
    let mut page = (index as u32).wrapping_mul(0x9e37_79b1);
    page ^= page >> 15;
    page = page.wrapping_mul(0x85eb_ca77);
    page ^= page >> 13;
    BASE + u64::from(page) * PAGE
}

pub(crate) fn ioctl<T>(file: &File, request: u32, arg: &mut T) {
    // SAFETY: `arg` and the arrays in it are ours and outlive the call.
    let result = unsafe { file.ioctl(request, (&raw mut *arg).cast()) };
    assert_eq!(result, 0, "ioctl {request:#x}");
}

pub(crate) fn new_vm(file: &File) -> u32 {
    let mut args = drm_panthor_vm_create { flags: 0, id: 0, user_va_range: 0 };
    ioctl(file, DRM_IOCTL_PANTHOR_VM_CREATE, &mut args);
    args.id
}

pub(crate) fn new_bo(file: &File) -> u32 {
    let mut args =
        drm_panthor_bo_create { size: PAGE, flags: 0, exclusive_vm_id: 0, handle: 0, pad: 0 };
    ioctl(file, DRM_IOCTL_PANTHOR_BO_CREATE, &mut args);
    args.handle
}

/// VM with a moving window of mappings: each new mapping replaces the oldest.
pub(crate) struct Window {
    file: File,
    vm: u32,
    bo: u32,
    order: Order,
    first: u64,
    next: u64,
    ops: Vec<drm_panthor_vm_bind_op>,
}

impl Window {
    pub(crate) fn new(file: &File, order: Order) -> Self {
        let (vm, bo) = (new_vm(file), new_bo(file));
        let ops = Vec::with_capacity(BATCH);
        Self { file: file.clone(), vm, bo, order, first: 0, next: 0, ops }
    }

    pub(crate) fn submit(&mut self) {
        let ops = drm_panthor_obj_array {
            stride: size_of::<drm_panthor_vm_bind_op>() as u32,
            count: self.ops.len() as u32,
            array: self.ops.as_ptr() as u64,
        };
        let mut args = drm_panthor_vm_bind { vm_id: self.vm, flags: 0, ops };
        ioctl(&self.file, DRM_IOCTL_PANTHOR_VM_BIND, &mut args);
    }

    /// Maps a batch of pages.
    pub(crate) fn map(&mut self, count: usize) {
        self.ops.clear();
        for _ in 0..count {
            let va = (self.order)(self.next);
            self.next += 1;
            self.ops.push(op(DRM_PANTHOR_VM_BIND_OP_TYPE_MAP, self.bo, va, PAGE));
        }
        self.submit();
    }

    /// Unmaps a batch of the oldest pages.
    pub(crate) fn unmap(&mut self, count: usize) {
        self.ops.clear();
        for _ in 0..count {
            let va = (self.order)(self.first);
            self.first += 1;
            self.ops.push(op(DRM_PANTHOR_VM_BIND_OP_TYPE_UNMAP, 0, va, PAGE));
        }
        self.submit();
    }

    pub(crate) fn fill(&mut self, alive: usize) {
        while self.alive() < alive {
            self.map(BATCH.min(alive - self.alive()));
        }
        assert_eq!(self.file.gpu(self.vm).map(|gpu| gpu.mapping_count()), Some(alive));
    }

    pub(crate) fn alive(&self) -> usize {
        (self.next - self.first) as usize
    }

    /// Returns the time of this many batches of maps, and of unmaps.
    pub(crate) fn round(&mut self, batches: usize) -> (Duration, Duration) {
        let (mut maps, mut unmaps) = (Duration::ZERO, Duration::ZERO);
        for _ in 0..batches {
            let start = Instant::now();
            self.map(BATCH);
            let middle = Instant::now();
            self.unmap(BATCH);
            maps += middle - start;
            unmaps += middle.elapsed();
        }
        (maps, unmaps)
    }
}

pub(crate) fn op(flags: u32, bo_handle: u32, va: u64, size: u64) -> drm_panthor_vm_bind_op {
    let syncs = drm_panthor_obj_array { stride: 0, count: 0, array: 0 };
    drm_panthor_vm_bind_op { flags, bo_handle, bo_offset: 0, va, size, syncs }
}
