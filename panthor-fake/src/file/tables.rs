//! The VMs, groups and sync objects of a file.

use std::sync::{Arc, Weak};

use super::FileInner;
use crate::call::errno::{Errno, Result};
use crate::group::{Group, page_fault};
use crate::lock::{lock, read, write};
use crate::sync::syncobj::Syncobj;
use crate::vm::Vm;

/// The most VMs that a file can have.
const VMS_MAX: u32 = 32;

/// The most groups that a file can have.
const GROUPS_MAX: u32 = 128;

/// The handle of a group that is in the making: it is free again if that comes to nothing.
pub(crate) struct ReservedGroup<'a> {
    file: &'a FileInner,
    handle: u32,
}

impl ReservedGroup<'_> {
    pub(crate) fn handle(&self) -> u32 {
        self.handle
    }

    /// Gives the handle to the group.
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
    /// All VMs with their ids, and those that were destroyed as far as something keeps them.
    pub(crate) fn all_vms(&self) -> Vec<(Option<u32>, Arc<Vm>)> {
        let vms: Vec<_> = read(&self.vms).iter().map(|(id, vm)| (Some(id), vm.clone())).collect();
        let destroyed: Vec<_> =
            lock(&self.destroyed_vms).iter().filter_map(Weak::upgrade).collect();
        vms.into_iter().chain(destroyed.into_iter().map(|vm| (None, vm))).collect()
    }

    /// All groups with their handles.
    pub(crate) fn all_groups(&self) -> Vec<(u32, Arc<Group>)> {
        read(&self.groups).iter().map(|(handle, group)| (handle, group.clone())).collect()
    }

    /// All sync objects with their handles.
    pub(crate) fn all_syncobjs(&self) -> Vec<(u32, Arc<Syncobj>)> {
        read(&self.syncobjs).iter().map(|(handle, syncobj)| (handle, syncobj.clone())).collect()
    }

    /// # Errors
    /// `EINVAL` if there is no such VM.
    pub(crate) fn vm(&self, id: u32) -> Result<Arc<Vm>> {
        read(&self.vms).get(id).cloned().ok_or(Errno::INVAL)
    }

    /// # Errors
    /// `EBUSY` if the file has as many VMs as it can.
    pub(crate) fn add_vm(&self, vm: Arc<Vm>) -> Result<u32> {
        write(&self.vms).insert(vm, VMS_MAX).ok_or(Errno::BUSY)
    }

    /// # Errors
    /// `EINVAL` if there is no such VM.
    pub(crate) fn destroy_vm(&self, id: u32) -> Result<()> {
        let vm = write(&self.vms).remove(id).ok_or(Errno::INVAL)?;
        vm.destroy();
        // What the GPU is busy with has lost its memory.
        page_fault(&vm);
        let mut destroyed = lock(&self.destroyed_vms);
        destroyed.retain(|vm| vm.strong_count() > 0);
        // Also without jobs: another thread may be about to submit one.
        destroyed.push(Arc::downgrade(&vm));
        Ok(())
    }

    /// # Errors
    /// `EINVAL` if there is no such group.
    pub(crate) fn group(&self, handle: u32) -> Result<Arc<Group>> {
        read(&self.groups).get(handle).cloned().ok_or(Errno::INVAL)
    }

    /// Takes a handle for a group that is to come.
    ///
    /// # Errors
    /// `EBUSY` if the file has as many groups as it can.
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
            // Kernels with this driver keep handle 0 back only until somebody destroys it. That was
            // otherwise with driver 1.0; which kernel between the two changed it is not known.
            if handle == 0 && self.config().driver_minor >= 8 {
                syncobjs.free_zero();
            }
            syncobjs.remove(handle)
        };
        removed.map(drop).ok_or(Errno::INVAL)
    }
}
