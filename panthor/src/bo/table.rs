//! Who owns a GEM handle: an import gives the handle that the file has for the object already.

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

/// The handles of one open file that an import may give again, with the number of their owners: those of
/// all BOs that are not exclusive to a VM.
///
/// Import (ioctl and look-up) and close (look-up and ioctl) hold the lock throughout: else a handle could be
/// closed between the moment that the kernel gives it again and the moment that its new owner is counted.
#[derive(Debug)]
pub(crate) struct BoTable(Mutex<Handles>);

pub(super) type Handles = HashMap<u32, Entry>;

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) owners: usize,
    pub(super) about: About,
}

/// What all owners of a handle know about the object.
#[derive(Debug, Clone)]
pub(super) struct About {
    pub(super) size: u64,
    pub(super) flags: BoFlags,
    /// The dma-buf behind memory of another driver, or of what may be.
    pub(super) dma_buf: Option<Arc<OwnedFd>>,
}

impl BoTable {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(HashMap::new()))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Handles> {
        // Each change is a single one: whoever panicked left the table in order.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a handle that the kernel just gave, with one owner.
    pub(super) fn enter(&self, handle: u32, about: About) {
        self.lock().insert(handle, Entry { owners: 1, about });
    }

    /// Enters a handle that somebody hands over. Of one that is imported as well, all is known; of another one it
    /// is asked for, by ioctls: under [`NoCallbacks`].
    pub(super) fn adopt(&self, handle: u32, ask: impl FnOnce() -> Result<About>) -> Result<About> {
        let mut handles = self.lock();
        let entry = match handles.entry(handle) {
            Slot::Occupied(entry) => entry.into_mut(),
            Slot::Vacant(free) => free.insert(Entry { owners: 0, about: ask()? }),
        };
        entry.owners += 1;
        Ok(entry.about.clone())
    }

    /// Takes one owner away; the last one closes the handle. With an error nothing has changed.
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

    /// Forgets a handle, which is somebody else's to close, unless it has more than this one owner.
    pub(super) fn forget(&self, handle: u32) -> bool {
        let mut handles = self.lock();
        let only = handles.get(&handle).is_none_or(|entry| entry.owners == 1);
        if only {
            handles.remove(&handle);
        }
        only
    }
}

/// GEM_CLOSE.
pub(super) fn close(device: &Device, handle: u32) -> Result<()> {
    let mut arg = sys::drm_gem_close::zeroed();
    arg.handle = handle;
    device.transport().call(&mut arg)
}
