//! Reclaim: idle BOs lose their pages under memory pressure, and get them back before the GPU needs
//! them.
//!
//! The mappings of an evicted BO are inactive until a job is submitted to a group of their VM. The
//! driver then restores all evicted BOs of the VM, or the submission fails. A new mapping of the BO
//! gets pages at once, and leaves the old mappings inactive.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::bo::Bo;
use crate::bo::residency::Turn;
use crate::call::errno::Result;
use crate::lock::lock;
use crate::vm::Vm;
use crate::vm::bind::page_table_bytes;
use crate::vm::va_space::start_of;

/// BOs that a reclaim must skip because the caller holds their locks.
#[derive(Debug, Default)]
pub(crate) struct Spared {
    bo: Option<*const Bo>,
    /// The identity of a VM. Its exclusive BOs are skipped, since they share its lock.
    exclusive_to: Option<u64>,
}

impl Spared {
    /// Excludes the BOs that are locked while `bo` gets pages.
    pub(crate) fn for_pages_of(bo: &Bo) -> Self {
        Self { bo: Some(bo), exclusive_to: bo.exclusive_vm() }
    }

    /// Excludes the BOs that are locked while `bo` is about to be mapped.
    pub(crate) fn for_mapping_of(bo: &Bo) -> Self {
        Self { bo: Some(bo), exclusive_to: None }
    }

    fn spares(&self, bo: &Bo) -> bool {
        let shares_lock = self.exclusive_to.is_some() && bo.exclusive_vm() == self.exclusive_to;
        shares_lock || self.bo.is_some_and(|spared| std::ptr::eq(spared, bo))
    }
}

/// The VMs of a device during eviction.
struct Vms<'a> {
    vms: &'a [Arc<Vm>],
    /// The identities of VMs with a submission in progress.
    contended: HashSet<u64>,
    /// The BOs that contended VMs map, evicted or not.
    locked: HashSet<*const Bo>,
    /// The VMs with pending group jobs.
    working: HashSet<*const Vm>,
    /// The VMs with active mappings of a BO.
    users: HashMap<*const Bo, Vec<usize>>,
}

impl Vms<'_> {
    fn find_users(&mut self) {
        for (index, vm) in self.vms.iter().enumerate() {
            let contended = self.contended.contains(&vm.id());
            vm.with_space(|space| {
                for (_, mapping) in space.iter() {
                    let bo = Arc::as_ptr(&mapping.object);
                    if contended {
                        self.locked.insert(bo);
                    }
                    if !mapping.evicted {
                        let users = self.users.entry(bo).or_default();
                        if users.last() != Some(&index) {
                            users.push(index);
                        }
                    }
                }
            });
        }
    }

    fn users(&self, bo: &Arc<Bo>) -> &[usize] {
        self.users.get(&Arc::as_ptr(bo)).map_or(&[], Vec::as_slice)
    }

    /// Returns whether a VM that maps the BO may be using it.
    fn is_busy(&self, bo: &Arc<Bo>) -> bool {
        self.users(bo).iter().any(|&index| {
            let vm = &self.vms[index];
            // An exclusive BO shares its fences with the VM, and so with every bind.
            self.working.contains(&Arc::as_ptr(vm))
                || (bo.is_exclusive() && vm.line.unfinished.load(Ordering::Acquire) != 0)
        })
    }

    /// Returns whether a submission in progress holds the lock of the BO.
    fn is_locked(&self, bo: &Arc<Bo>) -> bool {
        self.locked.contains(&Arc::as_ptr(bo))
            || bo.exclusive_vm().is_some_and(|vm| self.contended.contains(&vm))
    }
}

impl Turn<'_> {
    /// Evicts idle BOs until `bytes` of memory are freed. Returns the number of freed bytes.
    pub(crate) fn reclaim(&self, bytes: u64, spared: &Spared) -> u64 {
        self.evict(bytes, |bo| !spared.spares(bo))
    }

    /// Evicts BOs that satisfy `may` until `bytes` of memory are freed. Returns the number of freed
    /// bytes.
    pub(crate) fn evict(&self, bytes: u64, may: impl Fn(&Arc<Bo>) -> bool) -> u64 {
        if !evicts(self.device.config.driver_minor) {
            return 0;
        }
        let vms = self.device.vms();
        // A submission during the eviction would rely on mappings that go away.
        let mut guards = Vec::with_capacity(vms.len());
        let mut contended = HashSet::new();
        for vm in &vms {
            match vm.submission.try_lock() {
                Some(guard) => guards.push(guard),
                None => drop(contended.insert(vm.id())),
            }
        }
        let mut found = Vms {
            vms: &vms,
            contended,
            locked: HashSet::new(),
            working: self.device.working_vms(),
            users: HashMap::new(),
        };
        found.find_users();
        let all = self.device.residents.all().into_iter().filter(may);
        // Each key is computed once, since other threads continue meanwhile.
        let mut candidates: Vec<_> = all.filter_map(|bo| Some((bo.ordered()?, bo))).collect();
        candidates.sort_by_cached_key(|(place, _)| place.key());

        let mut freed = 0;
        let mut evicted = HashSet::new();
        let mut looked_at = Vec::new();
        for (place, bo) in &candidates {
            if freed >= bytes {
                break;
            }
            looked_at.extend(&place.vm);
            if !found.is_locked(bo) && !found.is_busy(bo) && self.take_pages(bo) {
                freed += bo.size();
                evicted.insert(Arc::as_ptr(bo));
            }
        }
        if !evicted.is_empty() {
            // All VMs, including new ones: another thread may have mapped a BO meanwhile.
            for vm in self.device.vms() {
                vm.evict_mappings(|bo| evicted.contains(&Arc::as_ptr(bo)));
            }
        }
        drop(guards);
        let left = candidates.iter().filter_map(|(_, bo)| bo.ordered()?.vm);
        let left: HashSet<_> = left.map(|vm| vm.vm()).collect();
        for vm in looked_at.into_iter().filter(|vm| !left.contains(&vm.vm())) {
            vm.leave();
        }
        freed
    }
}

/// Returns whether the driver takes part in reclaim. Older drivers keep the pages of a BO until it
/// is destroyed.
pub(crate) fn evicts(minor: u32) -> bool {
    minor >= 8
}

impl Vm {
    /// Restores the evicted BOs of this VM. The caller holds the submission lock, so that none is
    /// evicted meanwhile.
    ///
    /// # Errors
    /// `ENOMEM` if the memory does not suffice. BOs restored by then stay resident.
    pub(crate) fn restore(&self) -> Result<()> {
        if !self.may_have_evicted() {
            return Ok(());
        }
        let turn = Turn::new(&self.device);
        for (key, size, bo) in self.evicted_mappings() {
            turn.populate(&bo)?;
            let bytes = page_table_bytes(&self.device, start_of(key), size)?;
            let in_flight = self.page_tables_in_flight();
            turn.make_room(in_flight.saturating_add(bytes), &Spared::for_mapping_of(&bo))?;
            self.restore_mapping(key, &bo);
        }
        self.count_restored();
        Ok(())
    }

    /// Restores evicted BOs before a GPU access, as a job submission would, as far as memory
    /// suffices.
    pub(crate) fn restore_for_access(&self) {
        if self.may_have_evicted() {
            let _in_one_piece = lock(&self.submission);
            // The access itself reports a BO that is still evicted.
            let _ = self.restore();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Device;
    use crate::device::config::Config;
    use crate::vm::Change;
    use crate::vm::va_space::Mapping;

    #[test]
    fn a_vm_that_is_made_meanwhile_loses_what_is_evicted() {
        let device = Device::new(Config::default()).unwrap();
        let inner = device.inner();
        let bo = || Arc::new(Bo::new(inner.clone(), 4096, 0, None, false).unwrap());
        let (object, sparse) = (bo(), bo());
        object.make_resident().unwrap();
        let late = std::cell::OnceCell::new();
        let freed = Turn::new(inner).evict(1, |_| {
            // The actions of another thread after the scan of the VMs.
            let vm = Vm::new(inner.clone(), 1 << 47, sparse.clone());
            let object = object.clone();
            let mapping = Mapping { size: 4096, offset: 0, flags: 0, evicted: false, object };
            vm.apply(Change::Map { va: 0, mapping }).unwrap();
            late.set(vm).is_ok()
        });
        assert_eq!((freed, object.is_resident()), (4096, false));
        let vm = late.get().unwrap();
        assert!(vm.with_space(|space| space.evicted().count() == 1));
        vm.restore().unwrap();
        assert!(object.is_resident());
    }
}
