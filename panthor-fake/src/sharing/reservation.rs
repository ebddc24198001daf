//! The fences of a dma-buf (`dma_resv`), which users of its memory wait for.
//!
//! Panthor adds the fences of its jobs as bookkeeping fences, which implicit waits never see, since
//! its synchronization is explicit. These are left out here, so a dma-buf has only the fences that
//! clients imported.

use std::sync::Arc;

use crate::lock::{Mutex, lock, rank};
use crate::sync::fence::Fence;
use crate::sync::leaf::Leaf;

/// The access that a fence protects. A query for one usage includes the earlier usages.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Usage {
    Write,
    Read,
}

impl Usage {
    /// Returns the last usage that an access has to wait for.
    pub(crate) fn before_access(writes: bool) -> Self {
        if writes { Self::Read } else { Self::Write }
    }
}

/// The fences with their usages.
#[derive(Debug, Default)]
pub(crate) struct Reservation {
    fences: Mutex<Vec<(Arc<Leaf>, Usage)>, { rank::RESERVATION }>,
}

impl Reservation {
    /// Adds all components of a fence.
    pub(crate) fn add(&self, fence: &Fence, usage: Usage) {
        for leaf in fence.components() {
            self.add_leaf(leaf, usage);
        }
    }

    fn add_leaf(&self, leaf: Arc<Leaf>, usage: Usage) {
        let mut fences = lock(&self.fences);
        let replaced = fences.iter_mut().find(|(old, of)| {
            let covered = *of >= usage && leaf.is_same_or_after(old);
            covered || old.is_signalled()
        });
        let old = match replaced {
            Some(place) => Some(std::mem::replace(place, (leaf, usage))),
            None => {
                fences.push((leaf, usage));
                None
            }
        };
        // The old fences are dropped without the lock.
        drop(fences);
        drop(old);
    }

    /// Returns the unsignaled fences up to a usage.
    pub(crate) fn pending(&self, usage: Usage) -> Vec<Arc<Leaf>> {
        let fences = lock(&self.fences);
        let wanted = fences.iter().filter(|(leaf, of)| *of <= usage && !leaf.is_signalled());
        wanted.map(|(leaf, _)| leaf.clone()).collect()
    }

    /// Returns a single fence for all fences up to a usage.
    pub(crate) fn fence(&self, usage: Usage) -> Fence {
        let mut pending = self.pending(usage);
        Fence::Leaf(match pending.len() {
            0 => Leaf::long_signalled(),
            1 => pending.swap_remove(0),
            _ => Leaf::of_several(pending),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::events::Events;
    use crate::sync::leaf::Line;

    fn job(line: &Arc<Line>) -> Arc<Leaf> {
        let leaf = Leaf::of_job(line);
        leaf.place();
        leaf
    }

    fn count(reservation: &Reservation) -> (usize, usize) {
        (reservation.pending(Usage::Write).len(), reservation.pending(Usage::Read).len())
    }

    #[test]
    fn readers_wait_for_writers_and_writers_for_all() {
        let (reservation, line) = (Reservation::default(), Line::new("a".into()));
        let other = Line::new("b".into());
        reservation.add(&Fence::Leaf(job(&line)), Usage::Read);
        assert_eq!(count(&reservation), (0, 1));
        let writer = job(&other);
        reservation.add(&Fence::Leaf(writer.clone()), Usage::Write);
        assert_eq!(count(&reservation), (1, 2));
        writer.signal(Ok(()), &Events::default());
        assert_eq!(count(&reservation), (0, 1));
        // An added fence takes the place of a signaled one.
        reservation.add(&Fence::Leaf(job(&Line::new("c".into()))), Usage::Read);
        assert_eq!(lock(&reservation.fences).len(), 2);
    }

    #[test]
    fn a_later_fence_of_a_line_stands_for_those_before_if_it_is_as_strong() {
        let (reservation, line) = (Reservation::default(), Line::new("a".into()));
        let [first, second, third] = [job(&line), job(&line), job(&line)];
        reservation.add(&Fence::Leaf(second.clone()), Usage::Read);
        reservation.add(&Fence::Leaf(third.clone()), Usage::Read);
        assert_eq!(count(&reservation), (0, 1));
        // A later fence is not replaced by an earlier one.
        reservation.add(&Fence::Leaf(first), Usage::Read);
        assert_eq!(count(&reservation), (0, 2));
        reservation.add(&Fence::Leaf(third.clone()), Usage::Write);
        assert_eq!(count(&reservation), (1, 2));
        // A read fence does not replace a write fence.
        reservation.add(&Fence::Leaf(third), Usage::Read);
        assert_eq!(count(&reservation).0, 1);
    }
}
