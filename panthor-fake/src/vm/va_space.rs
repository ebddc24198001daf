//! A GPU virtual address space: what is mapped where.
//!
//! Pure bookkeeping without I/O or locks. It behaves as the kernel's GPU VA manager does under
//! Panthor: a new mapping cuts what it covers, neighbours are never merged, and what is left of a
//! mapping that was cut keeps showing what it showed. A sparse mapping is one entry whatever its
//! size.

use std::collections::BTreeMap;

use panthor_sys::DRM_PANTHOR_VM_BIND_OP_MAP_SPARSE as SPARSE;

use crate::vm::PAGE;

/// The size of the object behind sparse mappings, which repeats through them.
pub(crate) const SPARSE_PERIOD: u64 = 2 << 20;

/// Up to how many keys the room for them is kept.
const KEEP: usize = 4096;

/// One mapping of an object of type `O`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Mapping<O> {
    /// Bytes; zero for what an asynchronous map of nothing leaves behind.
    pub(crate) size: u64,
    /// Where in the object the first byte is.
    pub(crate) offset: u64,
    /// The `DRM_PANTHOR_VM_BIND_OP_MAP_*` flags.
    pub(crate) flags: u32,
    /// Whether it is off because its object has lost its pages.
    pub(crate) evicted: bool,
    pub(crate) object: O,
}

/// What becomes of a mapping that something else takes the place of, unless a part of it is left.
pub(crate) enum Cut<'a, O> {
    /// Nothing is left.
    Gone(Mapping<O>),
    /// Two parts are left.
    InTwo(&'a Mapping<O>),
}

impl<O> Mapping<O> {
    pub(crate) fn is_sparse(&self) -> bool {
        self.flags & SPARSE != 0
    }
}

/// A virtual address space.
///
/// The key is the start address, whose low bits are free: there a number tells apart mappings that
/// start at the same address, which only ones of size zero can.
#[derive(Debug)]
pub(crate) struct VaSpace<O> {
    map: BTreeMap<u64, Mapping<O>>,
    /// How many mappings have size zero.
    empty: usize,
    /// Room for the keys that an operation deals with, kept so that none has to allocate it.
    affected: Vec<u64>,
}

pub(crate) fn start_of(key: u64) -> u64 {
    key & !(PAGE - 1)
}

impl<O: Clone> VaSpace<O> {
    pub(crate) fn new() -> Self {
        Self { map: BTreeMap::new(), empty: 0, affected: Vec::new() }
    }

    /// Number of mappings.
    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    /// All mappings with their addresses, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &Mapping<O>)> {
        self.map.iter().map(|(&key, mapping)| (start_of(key), mapping))
    }

    /// All mappings, out of their place.
    pub(crate) fn into_mappings(self) -> impl Iterator<Item = Mapping<O>> {
        self.map.into_values()
    }

    /// Switches off the mappings of certain objects. `of` tells which, of those that are on.
    pub(crate) fn evict(&mut self, mut of: impl FnMut(&O) -> bool) {
        for mapping in self.map.values_mut().filter(|mapping| !mapping.evicted) {
            mapping.evicted = of(&mapping.object);
        }
    }

    /// Switches a mapping on if it is one of a certain object, by its key.
    pub(crate) fn restore(&mut self, key: u64, of: impl Fn(&O) -> bool) {
        if let Some(mapping) = self.map.get_mut(&key).filter(|mapping| of(&mapping.object)) {
            mapping.evicted = false;
        }
    }

    /// The mappings that are off, ascending, with their keys.
    pub(crate) fn evicted(&self) -> impl Iterator<Item = (u64, &Mapping<O>)> {
        self.map.iter().filter(|(_, mapping)| mapping.evicted).map(|(&key, m)| (key, m))
    }

    /// The mapping that covers `va`, and its address.
    pub(crate) fn find(&self, va: u64) -> Option<(u64, &Mapping<O>)> {
        // Mappings with a size are disjoint, so the nearest one decides.
        let mut below = self.map.range(..=va | (PAGE - 1)).rev();
        let (&key, mapping) = below.find(|(_, mapping)| mapping.size != 0)?;
        let start = start_of(key);
        (va - start < mapping.size).then_some((start, mapping))
    }

    /// Maps an object at `va`, replacing what is there, and tells what becomes of that.
    pub(crate) fn map(&mut self, va: u64, mut mapping: Mapping<O>, tell: impl FnMut(Cut<O>)) {
        if mapping.is_sparse() {
            mapping.offset = va % SPARSE_PERIOD;
        }
        self.cut(va, mapping.size, true, tell);
        self.insert(va, mapping);
    }

    /// Unmaps what lies in `va .. va + size`, and tells what becomes of that.
    pub(crate) fn unmap(&mut self, va: u64, size: u64, tell: impl FnMut(Cut<O>)) {
        self.cut(va, size, false, tell);
    }

    /// Adds a mapping, behind those that start at the same address.
    fn insert(&mut self, va: u64, mapping: Mapping<O>) {
        let mut key = va;
        if self.empty != 0 || mapping.size == 0 {
            // The numbers last for 4096 mappings of size zero at an address; beyond that they are
            // not told apart, and nothing can be seen through them.
            let last = self.map.range(va..=va | (PAGE - 1)).next_back();
            key = last.map_or(va, |(&key, _)| (key + 1).min(va | (PAGE - 1)));
        }
        self.empty += usize::from(mapping.size == 0);
        if let Some(lost) = self.map.insert(key, mapping) {
            self.empty -= usize::from(lost.size == 0);
        }
    }

    fn remove(&mut self, key: u64) -> Option<Mapping<O>> {
        let mapping = self.map.remove(&key)?;
        self.empty -= usize::from(mapping.size == 0);
        Some(mapping)
    }

    /// Removes what lies in the range and puts back what sticks out of it.
    ///
    /// `mapping` tells that a new mapping causes it: then the walk ends at the first mapping that
    /// reaches the end, and so leaves alone one of size zero that starts together with it.
    fn cut(&mut self, va: u64, size: u64, mapping: bool, mut tell: impl FnMut(Cut<O>)) {
        let end = va + size;
        let Some((&key, nearest)) = self.map.range(..end).next_back() else { return };
        if nearest.size != 0 {
            let start = start_of(key);
            // The usual case when addresses ascend: the nearest one ends before the range.
            if start < va && start + nearest.size <= va {
                return;
            }
            // The usual case when something is replaced or removed: it is the range.
            if key == va && nearest.size == size {
                if let Some(old) = self.remove(key) {
                    tell(Cut::Gone(old));
                }
                return;
            }
        }
        let mut keys = std::mem::take(&mut self.affected);
        self.find_affected(va, end, mapping, &mut keys);
        for key in keys.drain(..) {
            let Some(old) = self.remove(key) else {
                continue;
            };
            let start = start_of(key);
            let old_end = start + old.size;
            if old_end > end {
                let skip = end - start;
                let offset = if old.is_sparse() { end % SPARSE_PERIOD } else { old.offset + skip };
                let next = Mapping { size: old.size - skip, offset, ..old.clone() };
                if start < va {
                    tell(Cut::InTwo(&old));
                    self.insert(start, Mapping { size: va - start, ..old });
                }
                self.insert(end, next);
            } else if start < va {
                self.insert(start, Mapping { size: va - start, ..old });
            } else {
                tell(Cut::Gone(old));
            }
        }
        if keys.capacity() <= KEEP {
            self.affected = keys;
        }
    }

    /// Collects the keys that [`VaSpace::cut`] deals with.
    ///
    /// The first is the first one that overlaps; after it the kernel takes all that start before
    /// the end. An empty range overlaps what it is strictly inside of, a mapping of size zero is
    /// overlapped by what it is strictly inside of.
    fn find_affected(&self, va: u64, end: u64, mapping: bool, keys: &mut Vec<u64>) {
        let straddler = self.straddler(va);
        if let Some(key) = straddler {
            keys.push(key);
            if mapping && start_of(key) + self.map[&key].size >= end {
                return;
            }
        }
        let mut found = straddler.is_some();
        for (&key, entry) in self.map.range(va..end) {
            let start = start_of(key);
            if !found && entry.size == 0 && start == va {
                continue;
            }
            found = true;
            keys.push(key);
            if mapping && start + entry.size >= end {
                break;
            }
        }
    }

    /// The key of the mapping that starts before `va` and ends behind it.
    fn straddler(&self, va: u64) -> Option<u64> {
        let (&key, entry) = self.map.range(..va).rev().find(|(_, entry)| entry.size != 0)?;
        (start_of(key) + entry.size > va).then_some(key)
    }
}

#[cfg(test)]
#[path = "va_space_tests.rs"]
mod tests;
