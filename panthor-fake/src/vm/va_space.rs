//! The mappings of a GPU virtual address space.
//!
//! Pure bookkeeping without I/O or locks, with the behavior of the kernel's GPU VA manager under
//! Panthor: a new mapping cuts the mappings that it overlaps, adjacent mappings are never merged,
//! and the rest of a cut mapping keeps its contents. A sparse mapping of any size is one entry.

use std::collections::BTreeMap;

use panthor_sys::DRM_PANTHOR_VM_BIND_OP_MAP_SPARSE as SPARSE;

use crate::vm::PAGE;

/// The size of the object behind sparse mappings, which repeats over the range.
pub(crate) const SPARSE_PERIOD: u64 = 2 << 20;

/// The maximum number of keys for which the buffer is kept.
const KEEP: usize = 4096;

/// A mapping of an object of type `O`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Mapping<O> {
    /// The size in bytes; zero for the result of an empty asynchronous map.
    pub(crate) size: u64,
    /// The offset of the first byte in the object.
    pub(crate) offset: u64,
    /// The `DRM_PANTHOR_VM_BIND_OP_MAP_*` flags.
    pub(crate) flags: u32,
    /// Set while the mapping is inactive because its object was evicted.
    pub(crate) evicted: bool,
    pub(crate) object: O,
}

/// The effect of a change on an overlapped mapping, unless one part is left.
pub(crate) enum Cut<'a, O> {
    /// The mapping is removed.
    Gone(Mapping<O>),
    /// The mapping is split into two.
    InTwo(&'a Mapping<O>),
}

impl<O> Mapping<O> {
    pub(crate) fn is_sparse(&self) -> bool {
        self.flags & SPARSE != 0
    }
}

/// A virtual address space.
///
/// The key is the start address. Its low bits number the mappings with the same start address,
/// which only empty mappings can share.
#[derive(Debug)]
pub(crate) struct VaSpace<O> {
    map: BTreeMap<u64, Mapping<O>>,
    /// The number of empty mappings.
    empty: usize,
    /// A buffer for the keys of an operation, kept to avoid allocations.
    affected: Vec<u64>,
}

pub(crate) fn start_of(key: u64) -> u64 {
    key & !(PAGE - 1)
}

impl<O: Clone> VaSpace<O> {
    pub(crate) fn new() -> Self {
        Self { map: BTreeMap::new(), empty: 0, affected: Vec::new() }
    }

    /// Returns the number of mappings.
    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    /// Returns all mappings with their addresses in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &Mapping<O>)> {
        self.map.iter().map(|(&key, mapping)| (start_of(key), mapping))
    }

    /// Returns all mappings by value.
    pub(crate) fn into_mappings(self) -> impl Iterator<Item = Mapping<O>> {
        self.map.into_values()
    }

    /// Deactivates the active mappings of the objects that satisfy `of`.
    pub(crate) fn evict(&mut self, mut of: impl FnMut(&O) -> bool) {
        for mapping in self.map.values_mut().filter(|mapping| !mapping.evicted) {
            mapping.evicted = of(&mapping.object);
        }
    }

    /// Activates the mapping with a key if its object satisfies `of`.
    pub(crate) fn restore(&mut self, key: u64, of: impl Fn(&O) -> bool) {
        if let Some(mapping) = self.map.get_mut(&key).filter(|mapping| of(&mapping.object)) {
            mapping.evicted = false;
        }
    }

    /// Returns the inactive mappings with their keys in ascending order.
    pub(crate) fn evicted(&self) -> impl Iterator<Item = (u64, &Mapping<O>)> {
        self.map.iter().filter(|(_, mapping)| mapping.evicted).map(|(&key, m)| (key, m))
    }

    /// Returns the mapping that covers `va`, with its address.
    pub(crate) fn find(&self, va: u64) -> Option<(u64, &Mapping<O>)> {
        // Nonempty mappings are disjoint, so the nearest one decides.
        let mut below = self.map.range(..=va | (PAGE - 1)).rev();
        let (&key, mapping) = below.find(|(_, mapping)| mapping.size != 0)?;
        let start = start_of(key);
        (va - start < mapping.size).then_some((start, mapping))
    }

    /// Maps an object at `va` and replaces overlapped mappings. Calls `tell` with the effect on
    /// each.
    pub(crate) fn map(&mut self, va: u64, mut mapping: Mapping<O>, tell: impl FnMut(Cut<O>)) {
        if mapping.is_sparse() {
            mapping.offset = va % SPARSE_PERIOD;
        }
        self.cut(va, mapping.size, true, tell);
        self.insert(va, mapping);
    }

    /// Unmaps `va .. va + size`. Calls `tell` with the effect on each overlapped mapping.
    pub(crate) fn unmap(&mut self, va: u64, size: u64, tell: impl FnMut(Cut<O>)) {
        self.cut(va, size, false, tell);
    }

    /// Adds a mapping after those with the same start address.
    fn insert(&mut self, va: u64, mapping: Mapping<O>) {
        let mut key = va;
        if self.empty != 0 || mapping.size == 0 {
            // The low bits number up to 4096 empty mappings at an address. Further empty mappings
            // replace the last one, which has no visible effect.
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

    /// Removes the overlapped mappings and adds back their parts outside of the range.
    ///
    /// `mapping` is set for a new mapping. The walk then ends at the first mapping that reaches the
    /// end of the range, and leaves an empty mapping with the same start alone.
    fn cut(&mut self, va: u64, size: u64, mapping: bool, mut tell: impl FnMut(Cut<O>)) {
        let end = va + size;
        let Some((&key, nearest)) = self.map.range(..end).next_back() else { return };
        if nearest.size != 0 {
            let start = start_of(key);
            // Common for ascending addresses: the nearest mapping ends before the range.
            if start < va && start + nearest.size <= va {
                return;
            }
            // Common for replacing or removing: the nearest mapping is the range.
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

    /// Collects the keys that [`VaSpace::cut`] handles.
    ///
    /// The first key is that of the first overlapping mapping. After it, the kernel takes all
    /// mappings that start before the end. An empty range overlaps a mapping that strictly contains
    /// it, and an empty mapping is overlapped by a range that strictly contains it.
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

    /// Returns the key of the mapping that starts before `va` and ends behind it.
    fn straddler(&self, va: u64) -> Option<u64> {
        let (&key, entry) = self.map.range(..va).rev().find(|(_, entry)| entry.size != 0)?;
        (start_of(key) + entry.size > va).then_some(key)
    }
}

#[cfg(test)]
#[path = "va_space_tests.rs"]
mod tests;
