//! Tables of small numbers that stand for objects.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Objects by handle. A new one gets the lowest free handle, from 1, as in the kernel: handles are
/// reused at once.
#[derive(Debug)]
pub(crate) struct Handles<T> {
    slots: Vec<Option<T>>,
    /// Free indices below the length of `slots`.
    free: BinaryHeap<Reverse<u32>>,
}

impl<T> Default for Handles<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Handles<T> {
    pub(crate) fn new() -> Self {
        Self { slots: Vec::new(), free: BinaryHeap::new() }
    }

    /// Adds an object unless that needs a handle above `max`.
    pub(crate) fn insert(&mut self, object: T, max: u32) -> Option<u32> {
        let index = self.next_handle() - 1;
        if index >= max {
            return None;
        }
        if index == self.slots.len() as u32 {
            self.slots.push(Some(object));
        } else {
            self.free.pop();
            self.slots[index as usize] = Some(object);
        }
        Some(index + 1)
    }

    /// The handle that the next object gets.
    pub(crate) fn next_handle(&self) -> u32 {
        self.free.peek().map_or(self.slots.len() as u32, |&Reverse(index)| index) + 1
    }

    /// Whether another object would get a handle of at most `max`.
    pub(crate) fn has_room(&self, max: u32) -> bool {
        !self.free.is_empty() || (self.slots.len() as u64) < u64::from(max)
    }

    pub(crate) fn get(&self, handle: u32) -> Option<&T> {
        self.slots.get(handle.checked_sub(1)? as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, handle: u32) -> Option<&mut T> {
        self.slots.get_mut(handle.checked_sub(1)? as usize)?.as_mut()
    }

    pub(crate) fn remove(&mut self, handle: u32) -> Option<T> {
        let index = handle.checked_sub(1)?;
        let object = self.slots.get_mut(index as usize)?.take()?;
        self.free.push(Reverse(index));
        Some(object)
    }

    /// Removes everything.
    pub(crate) fn take_all(&mut self) -> Vec<T> {
        self.free.clear();
        std::mem::take(&mut self.slots).into_iter().flatten().collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        let numbered = self.slots.iter().enumerate();
        numbered.filter_map(|(index, slot)| Some((index as u32 + 1, slot.as_ref()?)))
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
    fn a_table_has_a_limit() {
        let mut handles = Handles::new();
        assert_eq!(handles.insert((), 2), Some(1));
        assert!(handles.has_room(2));
        assert_eq!(handles.insert((), 2), Some(2));
        assert!(!handles.has_room(2));
        assert_eq!(handles.insert((), 2), None);
        handles.remove(1);
        assert!(handles.has_room(2));
        assert_eq!(handles.insert((), 2), Some(1));
    }
}
