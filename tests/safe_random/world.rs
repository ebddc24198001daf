//! What the calls are made on.

use std::os::fd::OwnedFd;

use panthor::{Bo, Device, Group, SyncObj, TilerHeap, Timeline, VaAllocator, Vm};

use super::arguments::Random;

/// How many of each kind there are at most.
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
    /// dma-bufs, syncobjs, sync files, eventfds: all kinds in one, to take the wrong one for another.
    pub descriptors: Vec<OwnedFd>,
    pub allocator: VaAllocator,
    /// What it gave away.
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

/// Adds one, in place of another if there are many.
pub fn put<T>(all: &mut Vec<T>, one: T, random: &mut Random) {
    if all.len() < MOST {
        all.push(one);
    } else {
        let at = random.index(all.len());
        all[at] = one;
    }
}

/// One of those that there are.
pub fn any<'a, T>(all: &'a [T], random: &mut Random) -> Option<&'a T> {
    (!all.is_empty()).then(|| &all[random.index(all.len())])
}

/// Takes one away.
pub fn take<T>(all: &mut Vec<T>, random: &mut Random) -> Option<T> {
    (!all.is_empty()).then(|| all.swap_remove(random.index(all.len())))
}
