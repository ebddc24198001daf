//! What a VM has to do with eviction: its mappings that are off, and its place among the VMs.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::bo::Bo;
use crate::bo::place::State;
use crate::lock::lock;
use crate::vm::Vm;
use crate::vm::va_space::VaSpace;

impl Vm {
    /// Switches off the mappings of certain BOs.
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

    /// Whether mappings may be off for want of memory; if not, none was a moment ago.
    pub(crate) fn may_have_evicted(&self) -> bool {
        self.evicted.load(Ordering::Acquire)
    }

    /// The mappings that are off, in the order in which they come back: key, size and BO. If there are none, that is
    /// remembered.
    pub(crate) fn evicted_mappings(&self) -> Vec<(u64, u64, Arc<Bo>)> {
        let space = lock(&self.space);
        let off = space.evicted().map(|(key, m)| (key, m.size, m.object.clone()));
        let mut all: Vec<_> = off.collect();
        self.evicted.store(!all.is_empty(), Ordering::Release);
        drop(space);
        all.sort_by_cached_key(|(_, _, bo)| bo.restore_key(&self.rank));
        all
    }

    /// Switches a mapping on if it still is that of the BO, which has its pages.
    pub(crate) fn restore_mapping(&self, key: u64, bo: &Arc<Bo>) {
        lock(&self.space).restore(key, |object| Arc::ptr_eq(object, bo));
    }

    /// All that was off is back: the BOs count as mapped again.
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

    /// It has a BO that can be evicted, be it for a moment.
    pub(crate) fn list(&self) {
        self.rank.enter(self.device.unique_id());
    }

    /// The GPU begins to use it: what only it maps is evicted later than that of others.
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
