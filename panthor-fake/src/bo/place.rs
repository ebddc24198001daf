//! Where a BO is among those that can be evicted: in what state, and since when.
//!
//! The driver has a list for each state, to whose end a BO goes when it gets into the state, and takes from the
//! beginning. A VM has a list of its own, of the BOs that only it maps; the VMs are in a list, too.

use std::sync::{Arc, Mutex};

use crate::bo::Bo;
use crate::bo::reclaim::evicts;
use crate::lock::lock;

/// The state of a BO that can be evicted, the easiest first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Unused,
    MappedByCpu,
    /// By the VM of that identity alone.
    MappedByOne(u64),
    MappedByMany,
}

/// The place of a BO, and who maps it.
#[derive(Debug, Default)]
pub(crate) struct Place(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// How many mappings that are not off each VM has.
    users: Vec<(Arc<Rank>, usize)>,
    /// None while it cannot be evicted.
    state: Option<State>,
    /// Since when, in the order of the device.
    since: u64,
}

/// The place of a VM among the VMs.
#[derive(Debug)]
pub(crate) struct Rank {
    vm: u64,
    /// Nothing while it is not in the list. The lowest goes first.
    rank: Mutex<Option<i64>>,
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

    /// It gets a BO: if it is not in the list it goes to its beginning.
    fn enter(&self, now: u64) {
        lock(&self.rank).get_or_insert(-(now as i64));
    }

    /// The GPU begins to use it: it goes to the end of the list.
    pub(crate) fn use_now(&self, now: u64) {
        *lock(&self.rank) = Some(now as i64);
    }

    /// It was looked at and nothing of it is left: it leaves the list.
    pub(crate) fn leave(&self) {
        *lock(&self.rank) = None;
    }
}

/// What a BO is ordered by when it is decided what to evict.
#[derive(Clone, Debug)]
pub(crate) struct Ordered {
    pub(crate) state: State,
    /// The VM that alone maps it.
    pub(crate) vm: Option<Arc<Rank>>,
    pub(crate) since: u64,
}

impl Ordered {
    /// The lowest goes first.
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
    /// Counts a mapping that is not off.
    pub(crate) fn count_user(&self, vm: &Arc<Rank>) {
        if !evicts(self.driver_minor()) {
            return;
        }
        let users = &mut lock(&self.place.0).users;
        match users.iter_mut().find(|(user, _)| Arc::ptr_eq(user, vm)) {
            Some((_, count)) => *count += 1,
            None => users.push((vm.clone(), 1)),
        }
    }

    /// Discounts a mapping that was not off; whether it was the last of its VM.
    pub(crate) fn discount_user(&self, vm: &Arc<Rank>) -> bool {
        let users = &mut lock(&self.place.0).users;
        let Some(index) = users.iter().position(|(user, _)| Arc::ptr_eq(user, vm)) else {
            return false;
        };
        users[index].1 -= 1;
        let last = users[index].1 == 0;
        if last {
            users.swap_remove(index);
        }
        last
    }

    /// Looks what its state is now. It is in a new one since now, also if it left it for a moment.
    pub(crate) fn settle(&self, left: bool) {
        if !evicts(self.driver_minor()) {
            return;
        }
        let inner = &mut *lock(&self.place.0);
        let state = match &inner.users[..] {
            _ if !self.is_evictable() => None,
            [] if !self.may_be_mapped_by_cpu() => Some(State::Unused),
            [] => Some(State::MappedByCpu),
            [(vm, _)] => Some(State::MappedByOne(vm.vm)),
            _ => Some(State::MappedByMany),
        };
        if state == inner.state && !left {
            return;
        }
        (inner.state, inner.since) = (state, self.device().unique_id());
        if let (Some(State::MappedByOne(_)), Some((vm, _))) = (state, inner.users.first()) {
            vm.enter(inner.since);
        }
    }

    /// Where it is, if it can be evicted.
    pub(crate) fn ordered(&self) -> Option<Ordered> {
        let inner = lock(&self.place.0);
        let state = inner.state?;
        let vm = match state {
            State::MappedByOne(_) => inner.users.first().map(|(vm, _)| vm.clone()),
            _ => None,
        };
        Some(Ordered { state, vm, since: inner.since })
    }
}
