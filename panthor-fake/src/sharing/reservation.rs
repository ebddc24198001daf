//! The fences of a dma-buf: what whoever uses its memory has to wait for.
//!
//! Panthor puts the fences of its own jobs there for its memory management only, which those who
//! ask for fences to wait for never see: to it all synchronisation is explicit. So they are left
//! out here, and what is in a dma-buf was put there by a client.

use std::sync::Arc;

use crate::lock::{Mutex, lock, rank};
use crate::sync::fence::Fence;
use crate::sync::leaf::Leaf;

/// How what a fence stands for uses the memory. Who asks for one kind gets those before it, too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Usage {
    Write,
    Read,
}

impl Usage {
    /// The last kind of fences that an access has to wait for.
    pub(crate) fn before_access(writes: bool) -> Self {
        if writes { Self::Read } else { Self::Write }
    }
}

/// The fences, with what each is for.
#[derive(Debug, Default)]
pub(crate) struct Reservation {
    fences: Mutex<Vec<(Arc<Leaf>, Usage)>, { rank::RESERVATION }>,
}

impl Reservation {
    /// Adds all that a fence is made of.
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
        // What it kept goes without the lock.
        drop(fences);
        drop(old);
    }

    /// The fences up to a kind that are not signalled.
    pub(crate) fn pending(&self, usage: Usage) -> Vec<Arc<Leaf>> {
        let fences = lock(&self.fences);
        let wanted = fences.iter().filter(|(leaf, of)| *of <= usage && !leaf.is_signalled());
        wanted.map(|(leaf, _)| leaf.clone()).collect()
    }

    /// A single fence for those up to a kind.
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
        // What is done makes room.
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
        // The other way round it does not.
        reservation.add(&Fence::Leaf(first), Usage::Read);
        assert_eq!(count(&reservation), (0, 2));
        reservation.add(&Fence::Leaf(third.clone()), Usage::Write);
        assert_eq!(count(&reservation), (1, 2));
        // One for reading does not stand for one for writing.
        reservation.add(&Fence::Leaf(third), Usage::Read);
        assert_eq!(count(&reservation).0, 1);
    }
}
