//! A list with inline storage that moves to the heap when full.

use arrayvec::ArrayVec;

/// A list of up to `N` inline elements, or any number on the heap.
#[derive(Debug)]
pub struct Spilling<T: Copy, const N: usize> {
    inline: ArrayVec<T, N>,
    /// All elements, once they exceed `N`. `inline` stays full then.
    heap: Vec<T>,
}

impl<T: Copy, const N: usize> Spilling<T, N> {
    // Without `always`, the compiler copies the uninitialized elements, too.
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self { inline: ArrayVec::new_const(), heap: Vec::new() }
    }

    #[inline]
    pub(crate) fn push(&mut self, element: T) {
        if let Err(full) = self.inline.try_push(element) {
            self.push_to_heap(full.element());
        }
    }

    #[inline(never)]
    fn push_to_heap(&mut self, element: T) {
        if self.heap.is_empty() {
            self.heap.reserve(N + 1);
            self.heap.extend_from_slice(&self.inline);
        }
        self.heap.push(element);
    }

    /// Reserves capacity for this many more elements. Does nothing if the allocation fails.
    pub(crate) fn reserve(&mut self, more: usize) {
        let total = self.as_slice().len().saturating_add(more);
        if total > N {
            // The elements move to the heap with the first that does not fit inline.
            let _ = self.heap.try_reserve_exact(total - self.heap.len());
        }
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[T] {
        if self.heap.is_empty() { &self.inline } else { &self.heap }
    }

    #[inline]
    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        if self.heap.is_empty() { &mut self.inline } else { &mut self.heap }
    }

    /// Returns the heap capacity in elements.
    #[cfg(test)]
    pub(crate) fn heap_capacity(&self) -> usize {
        self.heap.capacity()
    }

    #[inline]
    pub(crate) fn clear(&mut self) {
        self.inline.clear();
        self.heap.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_keep_their_order_across_the_border() {
        let mut list = Spilling::<u32, 4>::new();
        for count in [0, 3, 4, 5, 20, 4] {
            list.clear();
            (0..count).for_each(|element| list.push(element));
            assert_eq!(list.as_slice(), (0..count).collect::<Vec<_>>());
            assert_eq!(list.as_mut_slice().len(), count as usize);
        }
    }

    #[test]
    fn reserved_room_is_used_without_growing() {
        let mut list = Spilling::<u32, 4>::new();
        list.push(0);
        list.reserve(99);
        let capacity = list.heap_capacity();
        (1..100).for_each(|element| list.push(element));
        assert_eq!((list.heap_capacity(), list.as_slice().len()), (capacity, 100));
    }
}
