//! The LRU position of a BO: its list, and the time of its last move.
//!
//! The driver has one LRU list for each state. A BO moves to the end of a list when it enters the
//! state, and eviction starts at the front. Each VM has a list of the BOs that only it maps, and
//! the VMs themselves are in an LRU list.
//!
//! A VM with evicted mappings of a BO does not count as a user until the mappings are restored,
//! even if it has mapped the BO anew.

use std::sync::Arc;

use crate::bo::Bo;
use crate::bo::reclaim::evicts;
use crate::lock::{Mutex, lock, rank};

/// The state of an evictable BO, in the order of eviction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Unused,
    MappedByCpu,
    /// Mapped by the VM with this identity only.
    MappedByOne(u64),
    MappedByMany,
}

/// The LRU position of a BO, and the VMs that map it.
#[derive(Debug, Default)]
pub(crate) struct Place(Mutex<Inner, { rank::PLACE }>);

#[derive(Debug, Default)]
struct Inner {
    users: Vec<User>,
    /// `None` while the BO cannot be evicted.
    state: Option<State>,
    /// The time of entry into the state, in the device's order.
    since: u64,
}

/// A VM that maps a BO.
#[derive(Debug)]
struct User {
    vm: Arc<Rank>,
    /// The time of the first mapping, in the device's order.
    since: u64,
    /// The number of mappings, active or not.
    mappings: usize,
    /// Set while mappings of the VM are evicted.
    evicted: bool,
}

impl Inner {
    fn user(&mut self, vm: &Arc<Rank>) -> Option<&mut User> {
        self.users.iter_mut().find(|user| Arc::ptr_eq(&user.vm, vm))
    }

    /// Returns the VMs without evicted mappings.
    fn counted(&self) -> impl Iterator<Item = &Arc<Rank>> {
        self.users.iter().filter(|user| !user.evicted).map(|user| &user.vm)
    }
}

/// The position of a VM in the LRU list of VMs.
#[derive(Debug)]
pub(crate) struct Rank {
    vm: u64,
    /// `None` while the VM is not in the list. The lowest rank is evicted first.
    rank: Mutex<Option<i64>, { rank::VM_RANK }>,
}

impl Rank {
    pub(crate) fn new(vm: u64) -> Arc<Self> {
        Arc::new(Self { vm, rank: Mutex::new(None) })
    }

    pub(crate) fn vm(&self) -> u64 {
        self.vm
    }

    pub(crate) fn get(&self) -> Option<i64> {
        *lock(&self.rank)
    }

    /// Adds the VM to the front of the list when it gets a BO, unless it is in the list.
    pub(crate) fn enter(&self, now: u64) {
        lock(&self.rank).get_or_insert(-(now as i64));
    }

    /// Moves the VM to the end of the list when the GPU starts to use it.
    pub(crate) fn use_now(&self, now: u64) {
        *lock(&self.rank) = Some(now as i64);
    }

    /// Removes the VM from the list after a scan found no BO left.
    pub(crate) fn leave(&self) {
        *lock(&self.rank) = None;
    }
}

/// The sort key of a BO for eviction.
#[derive(Clone, Debug)]
pub(crate) struct Ordered {
    pub(crate) state: State,
    /// The only VM that maps the BO.
    pub(crate) vm: Option<Arc<Rank>>,
    pub(crate) since: u64,
}

impl Ordered {
    /// Returns the key; the lowest is evicted first.
    pub(crate) fn key(&self) -> (u8, i64, u64) {
        let class = match self.state {
            State::Unused => 0,
            State::MappedByCpu => 1,
            State::MappedByOne(_) => 2,
            State::MappedByMany => 3,
        };
        let rank = self.vm.as_ref().and_then(|vm| vm.get()).unwrap_or(i64::MIN);
        (class, rank, self.since)
    }
}

impl Bo {
    /// Counts a new mapping.
    pub(crate) fn count_user(&self, vm: &Arc<Rank>) {
        if !evicts(self.device().config.driver_minor) {
            return;
        }
        let inner = &mut *lock(&self.place.0);
        match inner.user(vm) {
            Some(user) => user.mappings += 1,
            None => {
                let since = self.device().unique_id();
                inner.users.push(User { vm: vm.clone(), since, mappings: 1, evicted: false });
            }
        }
    }

    /// Counts a removed mapping. Returns whether the VM has no mapping left.
    pub(crate) fn discount_user(&self, vm: &Arc<Rank>) -> bool {
        let inner = &mut *lock(&self.place.0);
        let Some(user) = inner.user(vm) else {
            return false;
        };
        user.mappings -= 1;
        let last = user.mappings == 0;
        inner.users.retain(|user| user.mappings != 0);
        last
    }

    /// Records that mappings of a VM are evicted or restored. Returns whether this is a change.
    pub(crate) fn set_evicted(&self, vm: &Arc<Rank>, evicted: bool) -> bool {
        let inner = &mut *lock(&self.place.0);
        inner.user(vm).is_some_and(|user| std::mem::replace(&mut user.evicted, evicted) != evicted)
    }

    /// Returns the restore order of a VM's evicted BOs: exclusive BOs first, in the order of their
    /// eviction, then the others, in the order in which the VM began to map them.
    pub(crate) fn restore_key(&self, vm: &Arc<Rank>) -> (bool, u64) {
        let inner = &mut *lock(&self.place.0);
        match self.is_exclusive() {
            true => (false, inner.since),
            false => (true, inner.user(vm).map_or(0, |user| user.since)),
        }
    }

    /// Updates the state. `left` counts as a new state even if the BO returns to the old one.
    pub(crate) fn settle(&self, left: bool) {
        if !evicts(self.device().config.driver_minor) {
            return;
        }
        let inner = &mut *lock(&self.place.0);
        let mut counted = inner.counted();
        let (first, second) = (counted.next().cloned(), counted.next());
        let state = match (&first, second) {
            _ if !self.is_evictable() => None,
            (None, _) if !self.may_be_mapped_by_cpu() => Some(State::Unused),
            (None, _) => Some(State::MappedByCpu),
            (Some(only), None) => Some(State::MappedByOne(only.vm)),
            _ => Some(State::MappedByMany),
        };
        drop(counted);
        if state == inner.state && !left {
            return;
        }
        (inner.state, inner.since) = (state, self.device().unique_id());
        if let (Some(State::MappedByOne(_)), Some(only)) = (state, first) {
            only.enter(inner.since);
        }
    }

    /// Returns the sort key if the BO can be evicted.
    pub(crate) fn ordered(&self) -> Option<Ordered> {
        let inner = lock(&self.place.0);
        let state = inner.state?;
        let vm = match state {
            State::MappedByOne(_) => inner.counted().next().cloned(),
            _ => None,
        };
        Some(Ordered { state, vm, since: inner.since })
    }
}
