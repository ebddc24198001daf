//! The residency of BOs: they get pages at the first map into a VM, and lose them under memory
//! pressure, see [`reclaim`](crate::bo::reclaim).
//!
//! Only the holder of the device's [`Turn`] changes residency. A pin keeps pages in place, and can
//! be taken without the turn while the BO is resident.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use crate::bo::Bo;
use crate::bo::reclaim::Spared;
use crate::call::errno::{Errno, Result};
use crate::device::DeviceInner;
use crate::lock::{Mutex, MutexGuard, lock, rank};

/// The bit of [`Residency::state`] that is set while there are pages.
const RESIDENT: u32 = 1 << 31;

/// The state of a BO's pages.
#[derive(Debug, Default)]
pub(crate) struct Residency {
    /// [`RESIDENT`], and the number of pins below it.
    state: AtomicU32,
    /// The time of population, in the device's order.
    since: AtomicU64,
    /// The number of evictions.
    evictions: AtomicU32,
}

impl Bo {
    /// Returns whether the BO is resident. An imported BO always is.
    pub(crate) fn is_resident(&self) -> bool {
        self.is_imported() || self.residency.state.load(Ordering::Acquire) & RESIDENT != 0
    }

    /// Returns whether the BO is pinned.
    pub(crate) fn is_pinned(&self) -> bool {
        self.residency.state.load(Ordering::Acquire) & !RESIDENT != 0
    }

    /// Returns whether the BO is resident and not pinned.
    pub(crate) fn is_evictable(&self) -> bool {
        self.residency.state.load(Ordering::Acquire) == RESIDENT
    }

    /// Returns the number of evictions.
    pub(crate) fn evictions(&self) -> u32 {
        self.residency.evictions.load(Ordering::Relaxed)
    }

    /// Makes the BO resident. Eviction is possible at any time.
    pub(crate) fn make_resident(self: &Arc<Self>) -> Result<()> {
        if self.is_resident() { Ok(()) } else { Turn::new(self.device()).populate(self) }
    }

    /// Makes the BO resident and pins it until the matching [`Bo::unpin`].
    pub(crate) fn pin(self: &Arc<Self>) -> Result<()> {
        // An imported BO is pinned by its exporter.
        if self.is_imported() || self.pin_if_resident() {
            return Ok(());
        }
        let turn = Turn::new(self.device());
        turn.populate(self)?;
        self.residency.state.fetch_add(1, Ordering::AcqRel);
        self.settle(false);
        Ok(())
    }

    fn pin_if_resident(&self) -> bool {
        let one_more = |state: u32| (state & RESIDENT != 0).then_some(state + 1);
        let state = &self.residency.state;
        let before = state.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more);
        if before == Ok(RESIDENT) {
            self.settle(false);
        }
        before.is_ok()
    }

    pub(crate) fn unpin(&self) {
        if !self.is_imported() {
            self.residency.state.fetch_sub(1, Ordering::AcqRel);
            if self.is_evictable() {
                self.settle(false);
            }
        }
    }

    /// Releases the pages when the BO is destroyed.
    pub(crate) fn forget_pages(&mut self) {
        if *self.residency.state.get_mut() & RESIDENT != 0 {
            let since = *self.residency.since.get_mut();
            self.device().residents.remove(since);
            self.device().pinned.give_back(self.size());
        }
    }
}

/// A set of pinned BOs, unpinned on drop.
#[derive(Debug, Default)]
pub(crate) struct Pins(Vec<Arc<Bo>>);

impl Pins {
    /// Pins a BO for the lifetime of the set.
    pub(crate) fn pin(&mut self, bo: &Arc<Bo>) -> Result<()> {
        bo.pin()?;
        self.0.push(bo.clone());
        Ok(())
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        for bo in self.0.iter().filter(|bo| !bo.device().is_inherited()) {
            bo.unpin();
        }
    }
}

/// The resident BOs in the order of population.
#[derive(Debug, Default)]
pub(crate) struct Residents(Mutex<BTreeMap<u64, Weak<Bo>>, { rank::RESIDENTS }>);

impl Residents {
    fn add(&self, since: u64, bo: &Arc<Bo>) {
        lock(&self.0).insert(since, Arc::downgrade(bo));
    }

    fn remove(&self, since: u64) {
        let removed = lock(&self.0).remove(&since);
        // After unlocking, because the drop may free the memory of the BO.
        drop(removed);
    }

    /// Returns all resident BOs.
    pub(crate) fn all(&self) -> Vec<Arc<Bo>> {
        lock(&self.0).values().filter_map(Weak::upgrade).collect()
    }
}

/// The bytes of memory in use by the GPU.
#[derive(Debug, Default)]
pub(crate) struct Pinned(AtomicU64);

impl Pinned {
    fn take(&self, bytes: u64, limit: u64) -> Result<()> {
        let add = |used: u64| used.checked_add(bytes).filter(|&sum| sum <= limit);
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        taken.map(drop).map_err(|_| Errno::NOMEM)
    }

    /// Returns whether `bytes` more fit into the limit now.
    pub(crate) fn has_room(&self, bytes: u64, limit: u64) -> bool {
        self.bytes().checked_add(bytes).is_some_and(|sum| sum <= limit)
    }

    fn give_back(&self, bytes: u64) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The exclusive right to change the residency of a device's BOs.
///
/// The holder takes no lock of a file's table, and only tries submission locks.
pub(crate) struct Turn<'a> {
    pub(crate) device: &'a DeviceInner,
    _alone: MutexGuard<'a, ()>,
}

impl<'a> Turn<'a> {
    pub(crate) fn new(device: &'a DeviceInner) -> Self {
        Self { device, _alone: lock(&device.turn) }
    }

    /// Makes a BO resident.
    ///
    /// # Errors
    /// `ENOMEM` if the memory does not suffice.
    pub(crate) fn populate(&self, bo: &Arc<Bo>) -> Result<()> {
        if bo.is_resident() {
            return Ok(());
        }
        self.make_room(bo.size(), &Spared::for_pages_of(bo))?;
        self.device.pinned.take(bo.size(), self.device.config.memory)?;
        let since = self.device.unique_id();
        bo.residency.since.store(since, Ordering::Relaxed);
        self.device.residents.add(since, bo);
        bo.residency.state.fetch_or(RESIDENT, Ordering::AcqRel);
        bo.settle(false);
        Ok(())
    }

    /// Makes sure that `bytes` of memory are free, by reclaim if the emulated kernel has swap.
    ///
    /// # Errors
    /// `ENOMEM` if the memory does not suffice.
    pub(crate) fn make_room(&self, bytes: u64, spared: &Spared) -> Result<()> {
        let (pinned, config) = (&self.device.pinned, &self.device.config);
        if !pinned.has_room(bytes, config.memory) && config.swap {
            let missing = pinned.bytes().saturating_add(bytes).saturating_sub(config.memory);
            self.reclaim(missing, spared);
        }
        if pinned.has_room(bytes, config.memory) { Ok(()) } else { Err(Errno::NOMEM) }
    }

    /// Evicts a BO unless it is pinned. Returns whether the BO was evicted.
    pub(crate) fn take_pages(&self, bo: &Bo) -> bool {
        let residency = &bo.residency;
        let taken =
            residency.state.compare_exchange(RESIDENT, 0, Ordering::AcqRel, Ordering::Acquire);
        if taken.is_err() {
            return false;
        }
        residency.evictions.fetch_add(1, Ordering::Relaxed);
        self.device.residents.remove(residency.since.load(Ordering::Relaxed));
        self.device.pinned.give_back(bo.size());
        bo.settle(false);
        true
    }
}
