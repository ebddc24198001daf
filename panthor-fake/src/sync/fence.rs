//! Fences: single fences, and fence chains that form timelines.
//!
//! Chains follow the kernel's `dma_fence_chain`: a node is signaled when its own fence and all
//! earlier nodes are, and walks remove signaled nodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::call::errno::{Errno, Result};
use crate::lock::{Mutex, lock, rank};
use crate::sync::leaf::{About, Leaf, new_context};

/// A single fence or a fence chain.
#[derive(Clone, Debug)]
pub(crate) enum Fence {
    /// A single fence.
    Leaf(Arc<Leaf>),
    /// A point of a timeline.
    Chain(Arc<Chain>),
}

/// A timeline point.
#[derive(Debug)]
pub(crate) struct Chain {
    /// The fence context. Points added out of order start a new context.
    context: u64,
    seqno: u64,
    /// The previous point, 0 at the start of a context.
    prev_seqno: u64,
    fence: Arc<Leaf>,
    prev: Mutex<Option<Fence>, { rank::CHAIN }>,
    /// Set once a check found the node signaled. The kernel does not notice earlier.
    noticed: AtomicBool,
    /// Set once there was a waiter. The kernel then notices the signal by itself.
    watched: AtomicBool,
}

impl Chain {
    /// Creates a point after `prev`.
    pub(crate) fn new(prev: Option<Fence>, fence: Arc<Leaf>, seqno: u64) -> Arc<Self> {
        let (context, seqno, prev_seqno) = match &prev {
            Some(Fence::Chain(before)) if seqno > before.seqno => {
                (before.context, seqno, before.seqno)
            }
            other => {
                let least = match other {
                    Some(Fence::Chain(before)) => before.seqno,
                    _ => 0,
                };
                (new_context(), seqno.max(least), 0)
            }
        };
        let (noticed, watched) = (AtomicBool::new(false), AtomicBool::new(false));
        Arc::new(Self {
            context,
            seqno,
            prev_seqno,
            fence,
            prev: Mutex::new(prev),
            noticed,
            watched,
        })
    }

    /// Returns the nearest earlier unsignaled point, and drops the points in between.
    fn walk(&self) -> Option<Fence> {
        loop {
            let prev = lock(&self.prev).clone()?;
            let replacement = match &prev {
                Fence::Leaf(leaf) if leaf.is_signalled() => None,
                Fence::Chain(chain) if chain.fence.is_signalled() => lock(&chain.prev).clone(),
                _ => return Some(prev),
            };
            let mut current = lock(&self.prev);
            if current.as_ref().is_some_and(|current| current.same(&prev)) {
                let done = std::mem::replace(&mut *current, replacement);
                // The fence may be the last reference to a long chain, so it is dropped without the
                // lock.
                drop(current);
                drop(done);
            }
        }
    }
}

impl Drop for Chain {
    /// Drops a chain link by link: the default drop would recurse once per point.
    fn drop(&mut self) {
        let mut next = take_prev(self);
        while let Some(Fence::Chain(chain)) = next {
            next = Arc::into_inner(chain).and_then(|mut chain| take_prev(&mut chain));
        }
    }
}

fn take_prev(chain: &mut Chain) -> Option<Fence> {
    chain.prev.get_mut().take()
}

impl Fence {
    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Leaf(a), Self::Leaf(b)) => Arc::ptr_eq(a, b),
            (Self::Chain(a), Self::Chain(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// Returns the nearest earlier unsignaled fence.
    fn walk(&self) -> Option<Self> {
        match self {
            Self::Leaf(_) => None,
            Self::Chain(chain) => chain.walk(),
        }
    }

    /// Returns the node's own fence, without earlier nodes.
    fn own(&self) -> &Arc<Leaf> {
        match self {
            Self::Leaf(leaf) => leaf,
            Self::Chain(chain) => &chain.fence,
        }
    }

    /// Returns the unsignaled single fences, its own first.
    pub(crate) fn pending_leaves(&self) -> impl Iterator<Item = Arc<Leaf>> {
        let mut next = Some(self.clone());
        std::iter::from_fn(move || {
            let fence = next.take()?;
            next = fence.walk();
            Some(fence.own().clone())
        })
        .filter(|leaf| !leaf.is_signalled())
    }

    /// Returns the unsignaled single fences, oldest first, with their timeline points. Merged
    /// fences are split into their parts. The point of a fence outside a timeline is 0.
    pub(crate) fn pending_points(&self) -> Vec<(u64, Arc<Leaf>)> {
        let fences = std::iter::successors(Some(self.clone()), Self::walk);
        let point = |fence: &Self| match fence {
            Self::Leaf(_) => 0,
            Self::Chain(chain) => chain.seqno,
        };
        let mut newest_first: Vec<_> = fences.collect();
        newest_first.reverse();
        let all = newest_first.iter().flat_map(|fence| {
            fence.own().components().map(move |leaf| (point(fence), leaf.clone()))
        });
        all.filter(|(_, leaf)| !leaf.is_signalled()).collect()
    }

    pub(crate) fn is_timeline(&self) -> bool {
        matches!(self, Self::Chain(_))
    }

    pub(crate) fn is_signalled(&self) -> bool {
        let done = self.pending_leaves().next().is_none();
        if let (Self::Chain(chain), true) = (self, done) {
            chain.noticed.store(true, Ordering::Relaxed);
        }
        done
    }

    /// Records that there is a waiter.
    pub(crate) fn watch(&self) {
        if let Self::Chain(chain) = self {
            chain.watched.store(true, Ordering::Relaxed);
        }
    }

    /// Returns whether the kernel knows that the fence is signaled, without checking it.
    pub(crate) fn is_known_signalled(&self) -> bool {
        match self {
            Self::Leaf(leaf) => leaf.is_signalled(),
            Self::Chain(chain) => {
                chain.noticed.load(Ordering::Relaxed)
                    || (chain.watched.load(Ordering::Relaxed) && self.is_signalled())
            }
        }
    }

    /// Returns the component fences: its own first, then earlier unsignaled ones.
    pub(crate) fn components(&self) -> Vec<Arc<Leaf>> {
        let mut all = Vec::new();
        let mut next = Some(self.clone());
        while let Some(fence) = next {
            all.extend(fence.own().components().cloned());
            next = fence.walk();
        }
        all
    }

    /// Merges fences into a single fence that is signaled when all are. Signaled parts are left
    /// out. Of several fences in a context, only the last one counts. If no part is pending, the
    /// result is signaled since the last signal, without an error.
    pub(crate) fn merge(fences: &[&Self]) -> Arc<Leaf> {
        let mut pending: Vec<_> = fences.iter().flat_map(|fence| fence.components()).collect();
        let mut last = 0;
        pending.retain(|leaf| {
            let signalled = leaf.is_signalled();
            if signalled {
                last = last.max(leaf.signalled_at());
            }
            !signalled
        });
        if pending.len() > 1 {
            let place = |leaf: &Arc<Leaf>| {
                let About { context, seqno, .. } = leaf.about();
                (context, std::cmp::Reverse(seqno))
            };
            pending.sort_by_key(place);
            pending.dedup_by(|next, last| last.is_same_or_after(next));
        }
        match pending.len() {
            0 => Leaf::signalled_since(last),
            1 => pending.swap_remove(0),
            _ => Leaf::of_several(pending),
        }
    }

    /// Returns the status as the kernel reports it: 0 if pending, 1 if signaled, or a negative
    /// error number. A timeline point reports no errors.
    pub(crate) fn status(&self) -> i32 {
        match self {
            Self::Leaf(leaf) => leaf.status(),
            Self::Chain(_) => self.is_signalled().into(),
        }
    }

    /// Returns the description of an unsignaled fence.
    pub(crate) fn about(&self) -> About<'_> {
        match self {
            Self::Leaf(leaf) => leaf.about(),
            Self::Chain(chain) => About {
                driver: "dma_fence_chain",
                timeline: "unbound",
                context: chain.context,
                seqno: chain.seqno,
            },
        }
    }

    /// Returns the fence of a timeline point; `None` if the point is signaled and removed.
    ///
    /// # Errors
    /// `EINVAL` if the point was not added yet, or if this is no timeline.
    pub(crate) fn find_point(&self, point: u64) -> Result<Option<Self>> {
        if point == 0 {
            return Ok(Some(self.clone()));
        }
        let head = match self {
            Self::Chain(head) if head.seqno >= point => head,
            _ => return Err(Errno::INVAL),
        };
        let mut next = Some(self.clone());
        while let Some(Self::Chain(chain)) = &next {
            if chain.context != head.context || chain.prev_seqno < point {
                break;
            }
            next = chain.walk();
        }
        Ok(next)
    }

    /// Returns the last signaled point of the timeline, or the last added one; 0 if this is no
    /// timeline.
    pub(crate) fn reached_point(&self, last_added: bool) -> u64 {
        let Self::Chain(head) = self else { return 0 };
        if last_added {
            return head.seqno;
        }
        let mut oldest = head.clone();
        let mut next = Some(self.clone());
        while let Some(Self::Chain(chain)) = next {
            if chain.context != head.context {
                break;
            }
            next = chain.walk();
            oldest = chain;
        }
        let done = Self::Chain(oldest.clone()).is_signalled();
        if done { oldest.seqno } else { oldest.prev_seqno }
    }

    /// Calls `callback` when the whole fence is signaled, possibly at once.
    pub(crate) fn when_signalled(&self, callback: impl FnOnce() + Send + 'static) {
        let pending: Vec<_> = self.pending_leaves().collect();
        // One more than the number of fences, until all callbacks are registered.
        let left = Arc::new(AtomicUsize::new(pending.len() + 1));
        let callback = Arc::new(Mutex::<_, { rank::CALLBACK }>::new(Some(callback)));
        let one_less = move || {
            if left.fetch_sub(1, Ordering::AcqRel) == 1 {
                let callback = lock(&callback).take();
                if let Some(callback) = callback {
                    callback();
                }
            }
        };
        for leaf in pending {
            if let Err(now) = leaf.on_signal(one_less.clone()) {
                now();
            }
        }
        one_less();
    }
}

#[cfg(test)]
#[path = "fence_tests.rs"]
mod tests;
