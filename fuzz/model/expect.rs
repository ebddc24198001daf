//! The model: what a file of the driver has, and what it answers.

use std::collections::{BTreeMap, BTreeSet};

use panthor_sys::*;

use super::objects::{Bo, Change, Fence, Job, Object, Op, Page, Queued, SPARSE, Table, Vm};

pub const EINVAL: i32 = -22;
pub const ENOENT: i32 = -2;
pub const EBUSY: i32 = -16;
pub const ETIME: i32 = -62;

/// The end of the user's part of a VM, in pages.
pub const USER_END: u64 = 1 << (47 - 12);

/// The most VMs of a file.
const VMS_MAX: usize = 32;

/// A file.
#[derive(Debug, Default)]
pub struct Model {
    pub bos: Table<Bo>,
    pub vms: Table<Vm>,
    /// VMs that were destroyed with jobs in their queues.
    destroyed: Vec<Vm>,
    pub syncobjs: Table<Fence>,
    /// The first word of every page that was written to.
    pub memory: BTreeMap<(Object, u64), u64>,
    next: u64,
    jobs: usize,
    done: BTreeSet<Job>,
}

impl Model {
    fn unique(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub fn create_vm(&mut self) -> Result<u32, i32> {
        if self.vms.0.len() == VMS_MAX {
            return Err(EBUSY);
        }
        let unique = self.unique();
        Ok(self.vms.add(Vm { unique, ..Vm::default() }))
    }

    pub fn destroy_vm(&mut self, id: u32) -> i32 {
        let Some(mut vm) = self.vms.remove(id) else { return EINVAL };
        vm.table.clear();
        self.destroyed.push(vm);
        0
    }

    pub fn create_bo(&mut self, pages: u64, exclusive: u32) -> Result<u32, i32> {
        let exclusive = match exclusive {
            0 => None,
            id => Some(self.vms.get(id).ok_or(EINVAL)?.unique),
        };
        if pages == 0 {
            return Err(EINVAL);
        }
        let object = self.unique();
        Ok(self.bos.add(Bo { object, pages, exclusive }))
    }

    /// Checks an operation as the driver does before it does or queues it.
    fn check(&self, vm: &Vm, op: &Op) -> Result<Change, i32> {
        const KNOWN: u32 = DRM_PANTHOR_VM_BIND_OP_MAP_READONLY
            | DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC
            | DRM_PANTHOR_VM_BIND_OP_MAP_UNCACHED
            | DRM_PANTHOR_VM_BIND_OP_MAP_SPARSE;
        let &Op { kind, flags, bo, offset, va, pages, .. } = op;
        if va >= USER_END || pages > USER_END - va {
            return Err(EINVAL);
        }
        let is_plain = flags == 0 && bo == 0 && offset == 0;
        match kind {
            DRM_PANTHOR_VM_BIND_OP_TYPE_MAP if flags & !KNOWN != 0 => Err(EINVAL),
            DRM_PANTHOR_VM_BIND_OP_TYPE_MAP if flags & DRM_PANTHOR_VM_BIND_OP_MAP_SPARSE != 0 => {
                if flags & DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC == 0 || bo != 0 || offset != 0 {
                    return Err(EINVAL);
                }
                Ok(Change::Map { va, pages, first: Page { object: SPARSE, offset: 0, flags } })
            }
            DRM_PANTHOR_VM_BIND_OP_TYPE_MAP => {
                let bo = self.bos.get(bo).ok_or(EINVAL)?;
                let fits = offset + pages <= bo.pages;
                if !fits || bo.exclusive.is_some_and(|only| only != vm.unique) {
                    return Err(EINVAL);
                }
                Ok(Change::Map { va, pages, first: Page { object: bo.object, offset, flags } })
            }
            DRM_PANTHOR_VM_BIND_OP_TYPE_UNMAP if is_plain => Ok(Change::Unmap { va, pages }),
            DRM_PANTHOR_VM_BIND_OP_TYPE_SYNC_ONLY if is_plain => {
                let has_syncs = !op.waits.is_empty() || !op.signals.is_empty();
                if va != 0 || pages != 0 || !has_syncs { Err(EINVAL) } else { Ok(Change::SyncOnly) }
            }
            _ => Err(EINVAL),
        }
    }

    /// Does operations one by one; returns the result and how many were done.
    pub fn bind(&mut self, id: u32, ops: &[Op]) -> (i32, usize) {
        if self.vms.get(id).is_none() {
            return (EINVAL, ops.len());
        }
        for (index, op) in ops.iter().enumerate() {
            if !op.waits.is_empty() || !op.signals.is_empty() {
                return (EINVAL, index);
            }
            if op.pages == 0 {
                continue;
            }
            let Some(vm) = self.vms.get(id) else { return (EINVAL, index) };
            let change = self.check(vm, op);
            let refused = matches!(change, Ok(Change::Map { .. })) && vm.unusable;
            match change {
                Ok(change) if !refused => {
                    self.vms.get_mut(id).into_iter().for_each(|vm| vm.apply(change));
                }
                _ => return (EINVAL, index),
            }
        }
        (0, ops.len())
    }

    /// Queues operations, all or none.
    pub fn bind_async(&mut self, id: u32, ops: &[Op]) -> i32 {
        self.try_bind_async(id, ops).err().unwrap_or(0)
    }

    fn try_bind_async(&mut self, id: u32, ops: &[Op]) -> Result<(), i32> {
        let vm = self.vms.get(id).ok_or(EINVAL)?;
        let mut changes = Vec::new();
        for op in ops {
            if vm.unusable {
                return Err(EINVAL);
            }
            changes.push(self.check(vm, op)?);
        }
        // What the batch signals, with the fence that is there so far.
        let mut signals = BTreeMap::new();
        for &handle in ops.iter().flat_map(|op| &op.signals) {
            signals.insert(handle, *self.syncobjs.get(handle).ok_or(EINVAL)?);
        }
        let mut queued = Vec::new();
        for (index, (op, change)) in ops.iter().zip(changes).enumerate() {
            let mut waits = Vec::new();
            for handle in &op.waits {
                let fence = match signals.get(handle) {
                    Some(fence) => *fence,
                    None => *self.syncobjs.get(*handle).ok_or(ENOENT)?,
                };
                match fence {
                    Fence::None => return Err(EINVAL),
                    Fence::Signaled => {}
                    Fence::Of(job) => waits.push(job),
                }
            }
            let job = self.jobs + index;
            for handle in &op.signals {
                signals.insert(*handle, Fence::Of(job));
            }
            queued.push(Queued { job, change, waits });
        }
        self.jobs += ops.len();
        self.vms.get_mut(id).into_iter().for_each(|vm| vm.queue.extend(queued.iter().cloned()));
        for (handle, fence) in signals {
            self.syncobjs.0.insert(handle, fence);
        }
        self.run();
        Ok(())
    }

    /// Runs a job of a queue if it is ready; returns whether it was.
    fn run_one(vm: &mut Vm, done: &mut BTreeSet<Job>, forced: bool, is_destroyed: bool) -> bool {
        let ready = |next: &Queued| next.waits.iter().all(|job| done.contains(job));
        if (vm.held && !forced) || !vm.queue.front().is_some_and(ready) {
            return false;
        }
        let Some(next) = vm.queue.pop_front() else { return false };
        let changes = !matches!(next.change, Change::SyncOnly);
        let is_map = matches!(next.change, Change::Map { .. });
        if changes && vm.failures > 0 {
            vm.failures -= 1;
            vm.unusable = true;
        } else if is_map && vm.unusable {
            // It stays so.
        } else if !is_destroyed {
            vm.apply(next.change);
        }
        done.insert(next.job);
        true
    }

    /// Runs all jobs that are ready.
    fn run(&mut self) {
        let Self { vms, destroyed, done, .. } = self;
        loop {
            let mut ran = false;
            for vm in vms.0.values_mut() {
                ran |= Self::run_one(vm, done, false, false);
            }
            for vm in destroyed.iter_mut() {
                ran |= Self::run_one(vm, done, false, true);
            }
            if !ran {
                return;
            }
        }
    }

    pub fn step(&mut self, id: u32) -> bool {
        let Some(vm) = self.vms.0.get_mut(&id) else { return false };
        let ran = Self::run_one(vm, &mut self.done, true, false);
        self.run();
        ran
    }

    pub fn hold(&mut self, id: u32, held: bool) {
        if let Some(vm) = self.vms.get_mut(id) {
            vm.held = held;
        }
        self.run();
    }

    pub fn fail_next_job(&mut self, id: u32) {
        if let Some(vm) = self.vms.get_mut(id) {
            vm.failures += 1;
        }
    }

    /// Checks whether all or any of the syncobjs are signaled. Returns the result and the index of
    /// the first signaled one.
    pub fn wait(&self, handles: &[u32], all: bool) -> Result<u32, i32> {
        let find = |handle: &u32| self.syncobjs.get(*handle).copied().ok_or(ENOENT);
        let fences: Vec<_> = handles.iter().map(find).collect::<Result<_, _>>()?;
        if fences.contains(&Fence::None) {
            return Err(EINVAL);
        }
        let is_done = |fence: &Fence| !matches!(fence, Fence::Of(job) if !self.done.contains(job));
        let first = fences.iter().position(is_done).ok_or(ETIME)? as u32;
        if all && !fences.iter().all(is_done) { Err(ETIME) } else { Ok(first) }
    }
}
