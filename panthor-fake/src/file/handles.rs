//! Handle tables.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Objects by handle. A new object gets the lowest free handle from 1, as in the kernel, so handles
/// are reused at once.
#[derive(Debug)]
pub(crate) struct Handles<T> {
    slots: Vec<Option<T>>,
    /// Free indices below the length of `slots`.
    free: BinaryHeap<Reverse<u32>>,
    /// The object with handle 0, once that handle may be used.
    zero: Option<Option<T>>,
}

impl<T> Default for Handles<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Handles<T> {
    pub(crate) fn new() -> Self {
        Self { slots: Vec::new(), free: BinaryHeap::new(), zero: None }
    }

    /// Adds an object, unless its handle would exceed `max`.
    pub(crate) fn insert(&mut self, object: T, max: u32) -> Option<u32> {
        if let Some(zero @ None) = &mut self.zero {
            *zero = Some(object);
            return Some(0);
        }
        let handle = self.reserve(max)?;
        self.fill(handle, object);
        Some(handle)
    }

    /// Reserves a nonzero handle up to `max` for a later object.
    pub(crate) fn reserve(&mut self, max: u32) -> Option<u32> {
        let next = self.slots.len() as u32;
        let index = self.free.peek().map_or(next, |&Reverse(index)| index);
        if index >= max {
            return None;
        }
        if index == next {
            self.slots.push(None);
        } else {
            self.free.pop();
        }
        Some(index + 1)
    }

    /// Stores the object of a reserved handle.
    pub(crate) fn fill(&mut self, handle: u32, object: T) {
        if let Some(slot) = handle.checked_sub(1).and_then(|it| self.slots.get_mut(it as usize)) {
            *slot = Some(object);
        }
    }

    /// Releases a reserved handle without an object.
    pub(crate) fn unreserve(&mut self, handle: u32) {
        if let Some(index) = handle.checked_sub(1) {
            self.free.push(Reverse(index));
        }
    }

    /// Makes handle 0 available to later objects, unless the table is empty.
    pub(crate) fn free_zero(&mut self) {
        if self.zero.is_none() && self.slots.len() > self.free.len() {
            self.zero = Some(None);
        }
    }

    pub(crate) fn get(&self, handle: u32) -> Option<&T> {
        if handle == 0 {
            return self.zero.as_ref()?.as_ref();
        }
        self.slots.get(handle.checked_sub(1)? as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, handle: u32) -> Option<&mut T> {
        if handle == 0 {
            return self.zero.as_mut()?.as_mut();
        }
        self.slots.get_mut(handle.checked_sub(1)? as usize)?.as_mut()
    }

    pub(crate) fn remove(&mut self, handle: u32) -> Option<T> {
        if handle == 0 {
            return self.zero.as_mut()?.take();
        }
        let index = handle.checked_sub(1)?;
        let object = self.slots.get_mut(index as usize)?.take()?;
        self.free.push(Reverse(index));
        Some(object)
    }

    /// Removes and returns all objects.
    pub(crate) fn take_all(&mut self) -> Vec<T> {
        self.free.clear();
        let zero = self.zero.take().flatten();
        zero.into_iter().chain(std::mem::take(&mut self.slots).into_iter().flatten()).collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        let numbered = self.slots.iter().enumerate();
        let others = numbered.filter_map(|(index, slot)| Some((index as u32 + 1, slot.as_ref()?)));
        self.zero.iter().flatten().map(|zero| (0, zero)).chain(others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_free_handle_is_given_from_one() {
        let mut handles = Handles::new();
        let all: Vec<_> = (0..5).map(|i| handles.insert(i, u32::MAX)).collect();
        assert_eq!(all, [Some(1), Some(2), Some(3), Some(4), Some(5)]);
        assert_eq!(handles.remove(4), Some(3));
        assert_eq!(handles.remove(2), Some(1));
        assert_eq!(handles.insert(7, u32::MAX), Some(2));
        assert_eq!(handles.insert(8, u32::MAX), Some(4));
        assert_eq!(handles.insert(9, u32::MAX), Some(6));
    }

    #[test]
    fn unknown_handles_are_none() {
        let mut handles = Handles::new();
        handles.insert((), u32::MAX);
        assert!(handles.get(0).is_none());
        assert!(handles.get(2).is_none());
        assert!(handles.remove(0).is_none());
        assert!(handles.remove(u32::MAX).is_none());
        assert!(handles.remove(1).is_some());
        assert!(handles.remove(1).is_none());
    }

    #[test]
    fn zero_is_given_once_it_was_freed_among_others() {
        let mut handles = Handles::new();
        handles.free_zero();
        assert_eq!(handles.insert(10, u32::MAX), Some(1));
        handles.free_zero();
        assert_eq!(handles.insert(20, u32::MAX), Some(0));
        assert_eq!(handles.insert(30, u32::MAX), Some(2));
        assert_eq!((handles.get(0), handles.iter().count()), (Some(&20), 3));
        assert_eq!(handles.remove(0), Some(20));
        assert_eq!(handles.remove(0), None);
        assert_eq!(handles.insert(40, u32::MAX), Some(0));
        assert_eq!(handles.take_all(), [40, 10, 30]);
        assert_eq!(handles.insert(50, u32::MAX), Some(1));
    }

    #[test]
    fn a_table_has_a_limit() {
        let mut handles = Handles::new();
        assert_eq!(handles.insert((), 2), Some(1));
        assert_eq!(handles.insert((), 2), Some(2));
        assert_eq!(handles.insert((), 2), None);
        assert_eq!(handles.reserve(2), None);
        handles.remove(1);
        assert_eq!(handles.insert((), 2), Some(1));
    }

    #[test]
    fn a_reserved_handle_is_nobodys_until_it_is_filled() {
        let mut handles = Handles::new();
        assert_eq!((handles.insert(10, 9), handles.insert(20, 9)), (Some(1), Some(2)));
        handles.remove(1);
        assert_eq!((handles.reserve(9), handles.reserve(9)), (Some(1), Some(3)));
        assert_eq!(handles.remove(3), None);
        assert_eq!((handles.get(1), handles.iter().count()), (None, 1));
        assert_eq!(handles.insert(30, 9), Some(4));
        handles.fill(3, 40);
        handles.unreserve(1);
        assert_eq!(handles.insert(50, 9), Some(1));
        assert_eq!(handles.get(3), Some(&40));
    }
}
