use std::sync::atomic::AtomicUsize;

use super::*;
use crate::sync::events::Events;

fn timeline(points: &[(u64, Arc<Leaf>)]) -> Fence {
    let add = |prev, (point, leaf): &(u64, Arc<Leaf>)| {
        Some(Fence::Chain(Chain::new(prev, leaf.clone(), *point)))
    };
    points.iter().fold(None, add).unwrap()
}

fn signal(leaf: &Leaf) {
    leaf.signal(Ok(()), &Events::default());
}

#[test]
fn a_leaf_keeps_its_first_result_and_calls_back_once() {
    let leaf = Leaf::pending();
    let calls = Arc::new(AtomicUsize::new(0));
    let count = calls.clone();
    assert!(
        leaf.on_signal(move || {
            count.fetch_add(1, Ordering::Relaxed);
        })
        .is_ok()
    );
    leaf.signal(Err(Errno::INVAL), &Events::default());
    signal(&leaf);
    assert_eq!(leaf.result(), Some(Err(Errno::INVAL)));
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    assert!(leaf.on_signal(|| ()).is_err());
}

#[test]
fn a_point_is_done_when_it_and_all_before_it_are() {
    let (a, b) = (Leaf::pending(), Leaf::pending());
    let fence = timeline(&[(1, a.clone()), (2, b.clone())]);
    signal(&b);
    assert!(!fence.is_signalled());
    assert_eq!(fence.reached_point(false), 0);
    signal(&a);
    assert!(fence.is_signalled());
    assert_eq!(fence.reached_point(false), 2);
}

#[test]
fn the_reached_point_is_the_one_before_the_oldest_pending() {
    let leaves: Vec<_> = (0..4).map(|_| Leaf::pending()).collect();
    let points: Vec<_> =
        leaves.iter().enumerate().map(|(i, l)| (10 * (i as u64 + 1), l.clone())).collect();
    let fence = timeline(&points);
    assert_eq!(fence.reached_point(false), 0);
    assert_eq!(fence.reached_point(true), 40);
    signal(&leaves[0]);
    assert_eq!(fence.reached_point(false), 10);
    signal(&leaves[2]);
    assert_eq!(fence.reached_point(false), 10);
    signal(&leaves[1]);
    assert_eq!(fence.reached_point(false), 30);
}

#[test]
fn a_point_between_two_is_done_with_the_later_one() {
    let (a, b) = (Leaf::pending(), Leaf::pending());
    let fence = timeline(&[(10, a.clone()), (20, b.clone())]);
    let found = fence.find_point(15).unwrap().unwrap();
    signal(&a);
    assert!(!found.is_signalled());
    assert!(fence.find_point(10).unwrap().is_none_or(|fence| fence.is_signalled()));
    signal(&b);
    assert!(found.is_signalled());
    assert_eq!(fence.find_point(21).unwrap_err(), Errno::INVAL);
}

#[test]
fn the_kernel_knows_of_a_timeline_that_is_done_if_somebody_asks_or_waits() {
    let leaf = Leaf::pending();
    let fence = timeline(&[(1, leaf.clone())]);
    assert!(!fence.is_signalled());
    signal(&leaf);
    assert!(!fence.is_known_signalled());
    assert!(fence.is_signalled() && fence.is_known_signalled());

    let leaf = Leaf::pending();
    let fence = timeline(&[(1, leaf.clone())]);
    fence.watch();
    assert!(!fence.is_known_signalled());
    signal(&leaf);
    assert!(fence.is_known_signalled());
}

#[test]
fn only_a_timeline_has_points() {
    let fence = Fence::Leaf(Leaf::signalled());
    assert!(fence.find_point(0).unwrap().is_some());
    assert_eq!(fence.find_point(1).unwrap_err(), Errno::INVAL);
    assert_eq!(fence.reached_point(true), 0);
}

#[test]
fn a_point_out_of_order_takes_the_number_of_the_last() {
    let fence = timeline(&[(5, Leaf::signalled()), (3, Leaf::signalled())]);
    assert_eq!(fence.reached_point(true), 5);
    assert_eq!(fence.reached_point(false), 5);
}

#[test]
fn points_that_are_done_leave_the_chain() {
    let first = Leaf::pending();
    let middle = Leaf::signalled();
    let fence = timeline(&[(1, first.clone()), (2, middle.clone()), (3, Leaf::pending())]);
    assert_eq!(Arc::strong_count(&middle), 2);
    assert_eq!(fence.pending_leaves().count(), 2);
    assert_eq!(Arc::strong_count(&middle), 1);
    signal(&first);
    assert_eq!(fence.pending_leaves().count(), 1);
    assert_eq!(Arc::strong_count(&first), 1);
}

#[test]
fn a_million_pending_points_do_not_overflow_the_stack() {
    let leaf = Leaf::pending();
    let fence = timeline(&vec![(0, leaf.clone()); 1_000_000]);
    signal(&leaf);
    assert!(fence.is_signalled());
    let leaf = Leaf::pending();
    drop(timeline(&vec![(0, leaf.clone()); 1_000_000]));
    assert_eq!(Arc::strong_count(&leaf), 1);
}

#[test]
fn a_callback_comes_when_all_of_the_chain_is_done() {
    let (a, b) = (Leaf::pending(), Leaf::pending());
    let fence = timeline(&[(1, a.clone()), (2, b.clone())]);
    let calls = Arc::new(AtomicUsize::new(0));
    let call = || {
        let calls = calls.clone();
        move || {
            calls.fetch_add(1, Ordering::Relaxed);
        }
    };
    let count = || calls.load(Ordering::Relaxed);
    fence.when_signalled(call());
    signal(&b);
    assert_eq!(count(), 0);
    signal(&a);
    assert_eq!(count(), 1);
    fence.when_signalled(call());
    assert_eq!(count(), 2);
}

#[test]
fn a_row_of_a_hundred_thousand_fences_does_not_overflow_the_stack() {
    let row = || {
        let (first, other) = (Leaf::pending(), Leaf::pending());
        let mut last = first.clone();
        for _ in 0..100_000 {
            let both = timeline(&[(1, other.clone()), (2, last)]);
            last = Leaf::pending();
            let next = last.clone();
            both.when_signalled(move || signal(&next));
        }
        signal(&other);
        assert!(!last.is_signalled());
        signal(&first);
        assert!(last.is_signalled());
    };
    std::thread::Builder::new().stack_size(256 << 10).spawn(row).unwrap().join().unwrap();
}

#[test]
fn a_point_equal_to_the_last_begins_another_context() {
    let (a, b) = (Leaf::pending(), Leaf::pending());
    let fence = timeline(&[(5, a.clone()), (5, b.clone())]);
    let first = timeline(&[(5, a.clone())]);
    assert_ne!(fence.about().context, first.about().context);
    assert_eq!(fence.about().seqno, 5);
    // A point below 5 therefore resolves to the last fence, and not to the earlier point 5.
    let found = fence.find_point(3).unwrap().unwrap();
    signal(&a);
    assert!(!found.is_signalled());
    assert!(!fence.find_point(3).unwrap().unwrap().is_signalled());
    assert_eq!(fence.reached_point(false), 0);
    signal(&b);
    assert!(found.is_signalled());
    assert_eq!(fence.reached_point(false), 5);
}

#[test]
fn a_point_above_the_last_stays_in_the_context() {
    let line = timeline(&[(5, Leaf::pending())]);
    let context = line.about().context;
    let longer = Chain::new(Some(line.clone()), Leaf::pending(), 6);
    assert_eq!((longer.context, longer.prev_seqno), (context, 5));
    let again = Chain::new(Some(line.clone()), Leaf::pending(), 5);
    assert_ne!(again.context, context);
    assert_eq!((again.seqno, again.prev_seqno), (5, 0));
    let before = Chain::new(Some(line), Leaf::pending(), 4);
    assert_ne!(before.context, context);
    assert_eq!((before.seqno, before.prev_seqno), (5, 0));
}
