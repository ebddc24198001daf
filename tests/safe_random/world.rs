//! Objects that the calls are made on.

use std::os::fd::OwnedFd;
use std::time::Duration;

use panthor::{Bo, Device, Group, SyncObj, TilerHeap, Timeline, VaAllocator, Vm};

use super::arguments::Random;

/// Limit of the objects of each kind.
const MOST: usize = 6;

/// All that was made, of two open files.
pub struct World {
    pub devices: [Device; 2],
    pub groups: Vec<Group>,
    pub heaps: Vec<TilerHeap>,
    pub vms: Vec<Vm>,
    pub bos: Vec<Bo>,
    pub syncobjs: Vec<SyncObj>,
    pub timelines: Vec<Timeline>,
    /// Dma-bufs, syncobjs, sync files, and eventfds in one list, so that calls also get descriptors
    /// of the wrong kind.
    pub descriptors: Vec<OwnedFd>,
    pub allocator: VaAllocator,
    /// Ranges that the allocator returned.
    pub allocated: Vec<std::ops::Range<u64>>,
}

impl World {
    pub fn new(devices: [Device; 2]) -> Self {
        let pages = devices[0].page_sizes().expect("page sizes");
        Self {
            devices,
            groups: Vec::new(),
            heaps: Vec::new(),
            vms: Vec::new(),
            bos: Vec::new(),
            syncobjs: Vec::new(),
            timelines: Vec::new(),
            descriptors: Vec::new(),
            allocator: VaAllocator::new(0..1 << 32, &pages).expect("an allocator"),
            allocated: Vec::new(),
        }
    }

    pub fn vms(&self) -> impl Iterator<Item = &Vm> {
        self.vms.iter()
    }

    pub fn device(&self, random: &mut Random) -> &Device {
        // Mostly the first, so that things meet.
        &self.devices[usize::from(random.one_in(4))]
    }
}

/// Waits until all binds of a VM are done. A VM that is destroyed earlier stays in the kernel: the
/// driver still carries out a queued asynchronous map and never unmaps it (Linux 6.12 to 7.3).
pub fn settle(vm: &Vm) {
    let done = vm.device().create_syncobj().expect("a syncobj");
    vm.bind_async().sync_point().signal(&done).submit().expect("a bind that only signals");
    assert!(done.wait(Duration::from_secs(60)).expect("a wait").is_ready(), "a bind hangs");
}

impl Drop for World {
    fn drop(&mut self) {
        self.vms.iter().for_each(settle);
    }
}

/// Adds one, in place of another if there are many.
pub fn put<T>(all: &mut Vec<T>, one: T, random: &mut Random) {
    if all.len() < MOST {
        all.push(one);
    } else {
        let at = random.index(all.len());
        all[at] = one;
    }
}

/// Takes one away if there are many.
pub fn replaced<T>(all: &mut Vec<T>, random: &mut Random) -> Option<T> {
    if all.len() < MOST { None } else { take(all, random) }
}

/// Returns a random element, if any.
pub fn any<'a, T>(all: &'a [T], random: &mut Random) -> Option<&'a T> {
    (!all.is_empty()).then(|| &all[random.index(all.len())])
}

/// Takes one away.
pub fn take<T>(all: &mut Vec<T>, random: &mut Random) -> Option<T> {
    (!all.is_empty()).then(|| all.swap_remove(random.index(all.len())))
}
