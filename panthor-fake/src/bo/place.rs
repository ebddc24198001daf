//! Where a BO is among those that can be evicted: in what state, and since when.
//!
//! The driver has a list for each state, to whose end a BO goes when it gets into the state, and takes from the
//! beginning. A VM has a list of its own, of the BOs that only it maps; the VMs are in a list, too.
//!
//! A VM where mappings of a BO went off does not count for it until they are back, also if it has mapped it anew.

use std::sync::Arc;

use crate::bo::Bo;
use crate::bo::reclaim::evicts;
use crate::lock::{Mutex, lock, rank};

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
pub(crate) struct Place(Mutex<Inner, { rank::PLACE }>);

#[derive(Debug, Default)]
struct Inner {
    users: Vec<User>,
    /// None while it cannot be evicted.
    state: Option<State>,
    /// Since when, in the order of the device.
    since: u64,
}

/// A VM that maps a BO.
#[derive(Debug)]
struct User {
    vm: Arc<Rank>,
    /// Since when, in the order of the device.
    since: u64,
    /// How many mappings there are, on or off.
    mappings: usize,
    /// Whether it lost mappings, and has not got them back.
    evicted: bool,
}

impl Inner {
    fn user(&mut self, vm: &Arc<Rank>) -> Option<&mut User> {
        self.users.iter_mut().find(|user| Arc::ptr_eq(&user.vm, vm))
    }

    /// The VMs that count.
    fn counted(&self) -> impl Iterator<Item = &Arc<Rank>> {
        self.users.iter().filter(|user| !user.evicted).map(|user| &user.vm)
    }
}

/// The place of a VM among the VMs.
#[derive(Debug)]
pub(crate) struct Rank {
    vm: u64,
    /// Nothing while it is not in the list. The lowest goes first.
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

    /// It gets a BO: if it is not in the list it goes to its beginning.
    pub(crate) fn enter(&self, now: u64) {
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
    /// Counts a mapping.
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

    /// Discounts a mapping; whether it was the last of its VM.
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

    /// Notes that mappings of a VM are off, or that they are back; whether that was otherwise.
    pub(crate) fn set_evicted(&self, vm: &Arc<Rank>, evicted: bool) -> bool {
        let inner = &mut *lock(&self.place.0);
        inner.user(vm).is_some_and(|user| std::mem::replace(&mut user.evicted, evicted) != evicted)
    }

    /// What the BOs that a VM has lost are ordered by when it gets them back: those that are exclusive to it go first, in
    /// the order in which they were evicted, then the others, in the order in which it began to map them.
    pub(crate) fn restore_key(&self, vm: &Arc<Rank>) -> (bool, u64) {
        let inner = &mut *lock(&self.place.0);
        match self.is_exclusive() {
            true => (false, inner.since),
            false => (true, inner.user(vm).map_or(0, |user| user.since)),
        }
    }

    /// Looks what its state is now. It is in a new one since now, also if it left it for a moment.
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

    /// Where it is, if it can be evicted.
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
