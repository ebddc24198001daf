//! The VMs, groups and sync objects of a file.

use std::sync::{Arc, Weak};

use super::FileInner;
use crate::call::errno::{Errno, Result};
use crate::group::{Group, page_fault};
use crate::lock::{lock, read, write};
use crate::sync::syncobj::Syncobj;
use crate::vm::Vm;

/// The maximum number of VMs of a file.
const VMS_MAX: u32 = 32;

/// The maximum number of groups of a file.
const GROUPS_MAX: u32 = 128;

/// A reserved group handle, which is released on drop unless it is filled.
pub(crate) struct ReservedGroup<'a> {
    file: &'a FileInner,
    handle: u32,
}

impl ReservedGroup<'_> {
    pub(crate) fn handle(&self) -> u32 {
        self.handle
    }

    /// Stores the group of the handle.
    pub(crate) fn fill(self, group: Group) -> u32 {
        write(&self.file.groups).fill(self.handle, Arc::new(group));
        std::mem::ManuallyDrop::new(self).handle
    }
}

impl Drop for ReservedGroup<'_> {
    fn drop(&mut self) {
        write(&self.file.groups).unreserve(self.handle);
    }
}

impl FileInner {
    /// Returns all VMs with their IDs, including destroyed VMs that are still alive.
    pub(crate) fn all_vms(&self) -> Vec<(Option<u32>, Arc<Vm>)> {
        let vms: Vec<_> = read(&self.vms).iter().map(|(id, vm)| (Some(id), vm.clone())).collect();
        let destroyed: Vec<_> =
            lock(&self.destroyed_vms).iter().filter_map(Weak::upgrade).collect();
        vms.into_iter().chain(destroyed.into_iter().map(|vm| (None, vm))).collect()
    }

    /// Returns all groups with their handles.
    pub(crate) fn all_groups(&self) -> Vec<(u32, Arc<Group>)> {
        read(&self.groups).iter().map(|(handle, group)| (handle, group.clone())).collect()
    }

    /// Returns all sync objects with their handles.
    pub(crate) fn all_syncobjs(&self) -> Vec<(u32, Arc<Syncobj>)> {
        read(&self.syncobjs).iter().map(|(handle, syncobj)| (handle, syncobj.clone())).collect()
    }

    /// # Errors
    /// `EINVAL` if there is no such VM.
    pub(crate) fn vm(&self, id: u32) -> Result<Arc<Vm>> {
        read(&self.vms).get(id).cloned().ok_or(Errno::INVAL)
    }

    /// # Errors
    /// `EBUSY` if the file has the maximum number of VMs.
    pub(crate) fn add_vm(&self, vm: Arc<Vm>) -> Result<u32> {
        write(&self.vms).insert(vm, VMS_MAX).ok_or(Errno::BUSY)
    }

    /// # Errors
    /// `EINVAL` if there is no such VM.
    pub(crate) fn destroy_vm(&self, id: u32) -> Result<()> {
        let vm = write(&self.vms).remove(id).ok_or(Errno::INVAL)?;
        vm.destroy();
        // Jobs on the GPU lose their memory, which causes a page fault.
        page_fault(&vm);
        let mut destroyed = lock(&self.destroyed_vms);
        destroyed.retain(|vm| vm.strong_count() > 0);
        // Even without jobs: another thread may be about to submit one.
        destroyed.push(Arc::downgrade(&vm));
        Ok(())
    }

    /// # Errors
    /// `EINVAL` if there is no such group.
    pub(crate) fn group(&self, handle: u32) -> Result<Arc<Group>> {
        read(&self.groups).get(handle).cloned().ok_or(Errno::INVAL)
    }

    /// Reserves a handle for a new group.
    ///
    /// # Errors
    /// `EBUSY` if the file has the maximum number of groups.
    pub(crate) fn reserve_group(&self) -> Result<ReservedGroup<'_>> {
        let handle = write(&self.groups).reserve(GROUPS_MAX).ok_or(Errno::BUSY)?;
        Ok(ReservedGroup { file: self, handle })
    }

    /// # Errors
    /// `EINVAL` if there is no such group.
    pub(crate) fn destroy_group(&self, handle: u32) -> Result<()> {
        let group = write(&self.groups).remove(handle).ok_or(Errno::INVAL)?;
        group.destroy();
        Ok(())
    }

    pub(crate) fn syncobj(&self, handle: u32) -> Option<Arc<Syncobj>> {
        read(&self.syncobjs).get(handle).cloned()
    }

    pub(crate) fn add_syncobj(&self, syncobj: Arc<Syncobj>) -> Result<u32> {
        write(&self.syncobjs).insert(syncobj, u32::MAX).ok_or(Errno::BUSY)
    }

    /// # Errors
    /// `EINVAL` if there is no such sync object.
    pub(crate) fn remove_syncobj(&self, handle: u32) -> Result<()> {
        let removed = {
            let mut syncobjs = write(&self.syncobjs);
            // Kernels with driver 1.8 or later reserve handle 0 only until a client destroys it.
            // Driver 1.0 always reserves it; the kernel that changed this is unknown.
            if handle == 0 && self.config().driver_minor >= 8 {
                syncobjs.free_zero();
            }
            syncobjs.remove(handle)
        };
        removed.map(drop).ok_or(Errno::INVAL)
    }
}
