//! A trampoline for work that creates more work: a loop instead of unbounded recursion.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::thread::LocalKey;

/// The items that wait for the loop of this thread; `None` outside of the loop.
pub(crate) type Next<T> = RefCell<Option<VecDeque<T>>>;

/// Runs all items. If the loop is already running on this thread, appends the items to it instead.
pub(crate) fn in_turn<T: 'static>(
    next: &'static LocalKey<Next<T>>,
    items: impl IntoIterator<Item = T>,
    mut run: impl FnMut(T),
) {
    struct Leave<T: 'static>(&'static LocalKey<Next<T>>);
    impl<T> Drop for Leave<T> {
        fn drop(&mut self) {
            let left = self.0.take();
            drop(left);
        }
    }

    let mut items = items.into_iter();
    let is_inner = next.with_borrow_mut(|next| match next {
        Some(next) => {
            next.extend(items.by_ref());
            true
        }
        None => {
            *next = Some(VecDeque::new());
            false
        }
    });
    if is_inner {
        return;
    }
    let _leave = Leave(next);
    // The first item needs no queue, and usually there is no other.
    let mut current = items.next();
    next.with_borrow_mut(|next| next.get_or_insert_default().extend(items));
    while let Some(item) = current {
        run(item);
        current = next.with_borrow_mut(|next| next.as_mut().and_then(VecDeque::pop_front));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        static NEXT: Next<u32> = const { RefCell::new(None) };
    }

    #[test]
    fn what_comes_from_within_is_done_after_what_is_there() {
        let seen = RefCell::new(Vec::new());
        fn run(item: u32, seen: &RefCell<Vec<u32>>) {
            seen.borrow_mut().push(item);
            if item < 4 {
                in_turn(&NEXT, [2 * item + 1, 2 * item + 2], |_| panic!("not in the loop"));
            }
        }
        in_turn(&NEXT, [0, 3], |item| run(item, &seen));
        assert_eq!(seen.take(), [0, 3, 1, 2, 7, 8, 3, 4, 5, 6, 7, 8]);
        in_turn(&NEXT, [], |_| panic!("nothing to do"));
        in_turn(&NEXT, [9], |item| run(item, &seen));
        assert_eq!(seen.take(), [9]);
    }

    #[test]
    fn what_a_panic_leaves_is_not_done_later() {
        let panicked = std::panic::catch_unwind(|| {
            in_turn(&NEXT, [1, 2], |_| panic!("as a test of somebody may"));
        });
        assert!(panicked.is_err());
        let mut seen = Vec::new();
        in_turn(&NEXT, [3], |item| seen.push(item));
        assert_eq!(seen, [3]);
    }
}
