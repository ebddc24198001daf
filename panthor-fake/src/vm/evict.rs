//! Eviction state of a VM: its inactive mappings, and its LRU position.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::bo::Bo;
use crate::bo::place::State;
use crate::lock::lock;
use crate::vm::Vm;
use crate::vm::va_space::VaSpace;

impl Vm {
    /// Deactivates the mappings of the BOs that satisfy `of`.
    pub(crate) fn evict_mappings(&self, of: impl Fn(&Arc<Bo>) -> bool) {
        let mut space = lock(&self.space);
        space.evict(|object| {
            let is_one = of(object);
            if is_one {
                object.set_evicted(&self.rank, true);
                self.evicted.store(true, Ordering::Release);
            }
            is_one
        });
    }

    /// Returns `false` only if no mapping was inactive at the last check.
    pub(crate) fn may_have_evicted(&self) -> bool {
        self.evicted.load(Ordering::Acquire)
    }

    /// Returns the evicted mappings in restore order, as key, size and BO. Records an empty result.
    pub(crate) fn evicted_mappings(&self) -> Vec<(u64, u64, Arc<Bo>)> {
        let space = lock(&self.space);
        let off = space.evicted().map(|(key, m)| (key, m.size, m.object.clone()));
        let mut all: Vec<_> = off.collect();
        self.evicted.store(!all.is_empty(), Ordering::Release);
        drop(space);
        all.sort_by_cached_key(|(_, _, bo)| bo.restore_key(&self.rank));
        all
    }

    /// Activates a mapping if it still belongs to the BO, which is resident.
    pub(crate) fn restore_mapping(&self, key: u64, bo: &Arc<Bo>) {
        lock(&self.space).restore(key, |object| Arc::ptr_eq(object, bo));
    }

    /// Counts the BOs as mapped again after all mappings were restored.
    pub(crate) fn count_restored(&self) {
        let objects = |space: &VaSpace<Arc<Bo>>| -> Vec<_> {
            space.iter().map(|(_, mapping)| mapping.object.clone()).collect()
        };
        let mut all = self.with_space(objects);
        all.sort_by_cached_key(|bo| bo.restore_key(&self.rank));
        for object in all.iter().filter(|object| object.set_evicted(&self.rank, false)) {
            object.settle(false);
        }
    }

    /// Adds the VM to the LRU list, because a BO of it is evictable, at least for a moment.
    pub(crate) fn list(&self) {
        self.rank.enter(self.device.unique_id());
    }

    /// Marks the VM as recently used by the GPU: BOs that only it maps are evicted later than those
    /// of other VMs.
    pub(crate) fn use_now(&self) {
        let is_own = |object: &Bo| {
            object.ordered().is_some_and(|it| it.state == State::MappedByOne(self.id))
        };
        let has_own = lock(&self.space)
            .iter()
            .any(|(_, mapping)| !mapping.evicted && is_own(&mapping.object));
        if has_own {
            self.rank.use_now(self.device.unique_id());
        }
    }
}
