//! Owners of GEM handles: an import returns the existing handle of an object.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytemuck::Zeroable;
use panthor_sys as sys;

use super::BoFlags;
use crate::device::Device;
use crate::error::Result;
use crate::transport::NoCallbacks;

/// Handles of one open file with their owner counts, for all BOs that are not exclusive to a VM.
///
/// Import (ioctl, then lookup) and close (lookup, then ioctl) hold the lock throughout. Otherwise
/// a close could destroy a handle after the kernel returned the handle again and before its new
/// owner is counted.
#[derive(Debug)]
pub(crate) struct BoTable(Mutex<Handles>);

pub(super) type Handles = HashMap<u32, Entry>;

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) owners: usize,
    pub(super) about: About,
}

/// Properties of an object, shared by all owners of its handle.
#[derive(Debug, Clone)]
pub(super) struct About {
    pub(super) size: u64,
    pub(super) flags: BoFlags,
    /// Dma-buf of memory that is, or may be, another driver's.
    pub(super) dma_buf: Option<Arc<OwnedFd>>,
}

impl BoTable {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(HashMap::new()))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Handles> {
        // Each change is a single step, so a panic leaves the table consistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a new handle of the kernel with one owner.
    pub(super) fn enter(&self, handle: u32, about: About) {
        self.lock().insert(handle, Entry { owners: 1, about });
    }

    /// Adds an owner of a caller's handle.
    ///
    /// Properties of an imported handle are known. For other handles, `ask` queries the driver, so
    /// the caller must hold [`NoCallbacks`].
    pub(super) fn adopt(&self, handle: u32, ask: impl FnOnce() -> Result<About>) -> Result<About> {
        let mut handles = self.lock();
        let entry = match handles.entry(handle) {
            Slot::Occupied(entry) => entry.into_mut(),
            Slot::Vacant(free) => free.insert(Entry { owners: 0, about: ask()? }),
        };
        entry.owners += 1;
        Ok(entry.about.clone())
    }

    /// Removes one owner. The last owner closes the handle. An error leaves the table unchanged.
    pub(super) fn release(&self, device: &Device, handle: u32) -> Result<()> {
        let _until_unlocked = NoCallbacks::new();
        let mut handles = self.lock();
        match handles.get_mut(&handle) {
            Some(entry) if entry.owners > 1 => entry.owners -= 1,
            _ => {
                close(device, handle)?;
                handles.remove(&handle);
            }
        }
        Ok(())
    }

    /// Removes a handle without closing it. Returns `false` and keeps the handle if it has other
    /// owners.
    pub(super) fn forget(&self, handle: u32) -> bool {
        let mut handles = self.lock();
        let only = handles.get(&handle).is_none_or(|entry| entry.owners == 1);
        if only {
            handles.remove(&handle);
        }
        only
    }
}

/// Closes a handle (GEM_CLOSE).
pub(super) fn close(device: &Device, handle: u32) -> Result<()> {
    let mut arg = sys::drm_gem_close::zeroed();
    arg.handle = handle;
    device.transport().call(&mut arg)
}
