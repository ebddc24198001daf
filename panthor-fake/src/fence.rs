//! Fences: promises that something will be done, and chains of them that make timelines.
//!
//! The rules of chains are those of the kernel's `dma_fence_chain`: a node's own fence and all
//! before it must be done, nodes that are done are dropped from the chain as it is walked.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::errno::{Errno, Result};
use crate::events::Events;
use crate::lock::lock;

/// A fence of either kind.
#[derive(Clone, Debug)]
pub(crate) enum Fence {
    /// One promise.
    Leaf(Arc<Leaf>),
    /// A point of a timeline.
    Chain(Arc<Chain>),
}

/// Called once when a fence is signalled.
type Callback = Box<dyn FnOnce() + Send>;

/// A promise that is kept once, with a result.
pub(crate) struct Leaf {
    signalled: AtomicBool,
    state: Mutex<LeafState>,
}

enum LeafState {
    Pending(Vec<Callback>),
    Signalled(Result<()>),
}

impl fmt::Debug for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leaf").field("result", &self.result()).finish()
    }
}

impl Leaf {
    /// One that [`Leaf::signal`] will signal.
    pub(crate) fn pending() -> Arc<Self> {
        let state = Mutex::new(LeafState::Pending(Vec::new()));
        Arc::new(Self { signalled: AtomicBool::new(false), state })
    }

    /// One that is signalled already.
    pub(crate) fn signalled() -> Arc<Self> {
        let state = Mutex::new(LeafState::Signalled(Ok(())));
        Arc::new(Self { signalled: AtomicBool::new(true), state })
    }

    pub(crate) fn is_signalled(&self) -> bool {
        self.signalled.load(Ordering::Acquire)
    }

    /// How it ended.
    pub(crate) fn result(&self) -> Option<Result<()>> {
        match *lock(&self.state) {
            LeafState::Pending(_) => None,
            LeafState::Signalled(result) => Some(result),
        }
    }

    /// Signals it and wakes who waits. The first result stays.
    pub(crate) fn signal(&self, result: Result<()>, events: &Events) {
        let callbacks = {
            let mut state = lock(&self.state);
            match &mut *state {
                LeafState::Signalled(_) => return,
                LeafState::Pending(callbacks) => {
                    let callbacks = std::mem::take(callbacks);
                    *state = LeafState::Signalled(result);
                    self.signalled.store(true, Ordering::Release);
                    callbacks
                }
            }
        };
        events.notify();
        call_all(callbacks);
    }

    /// Has `callback` called when it is signalled; gives it back if that has happened.
    pub(crate) fn on_signal(
        &self,
        callback: impl FnOnce() + Send + 'static,
    ) -> core::result::Result<(), Callback> {
        match &mut *lock(&self.state) {
            LeafState::Pending(callbacks) => {
                callbacks.push(Box::new(callback));
                Ok(())
            }
            LeafState::Signalled(_) => Err(Box::new(callback)),
        }
    }
}

/// Calls them, unless this thread is doing so further up: then they are called there, after those
/// that are. A callback may signal a fence with callbacks of its own, and so on without end, which
/// so is a loop and not a recursion.
fn call_all(callbacks: Vec<Callback>) {
    thread_local! {
        /// What to call next, while this thread is in the loop.
        static NEXT: RefCell<Option<VecDeque<Callback>>> = const { RefCell::new(None) };
    }
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            let left = NEXT.take();
            drop(left);
        }
    }

    if callbacks.is_empty() {
        return;
    }
    let is_inner = NEXT.with_borrow_mut(|next| {
        let is_inner = next.is_some();
        next.get_or_insert_default().extend(callbacks);
        is_inner
    });
    if is_inner {
        return;
    }
    let _leave = Leave;
    while let Some(callback) = NEXT.with_borrow_mut(|next| next.as_mut()?.pop_front()) {
        callback();
    }
}

/// A point of a timeline.
#[derive(Debug)]
pub(crate) struct Chain {
    /// Tells timelines apart: points that were added out of order start another one.
    context: u64,
    seqno: u64,
    /// The point before, 0 at the start of a context.
    prev_seqno: u64,
    fence: Arc<Leaf>,
    prev: Mutex<Option<Fence>>,
}

impl Chain {
    /// A point after `prev`.
    pub(crate) fn new(prev: Option<Fence>, fence: Arc<Leaf>, seqno: u64) -> Arc<Self> {
        static NEXT_CONTEXT: AtomicU64 = AtomicU64::new(1);

        let (context, seqno, prev_seqno) = match &prev {
            Some(Fence::Chain(before)) if seqno > before.seqno => {
                (before.context, seqno, before.seqno)
            }
            other => {
                let least = match other {
                    Some(Fence::Chain(before)) => before.seqno,
                    _ => 0,
                };
                (NEXT_CONTEXT.fetch_add(1, Ordering::Relaxed), seqno.max(least), 0)
            }
        };
        Arc::new(Self { context, seqno, prev_seqno, fence, prev: Mutex::new(prev) })
    }

    /// The nearest point before that is not done. Drops those between.
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
                // A fence may be the last of a long chain: not under the lock.
                drop(current);
                drop(done);
            }
        }
    }
}

impl Drop for Chain {
    /// Takes a chain apart link by link: left to itself it would recurse once per point.
    fn drop(&mut self) {
        let mut next = take_prev(self);
        while let Some(Fence::Chain(chain)) = next {
            next = Arc::into_inner(chain).and_then(|mut chain| take_prev(&mut chain));
        }
    }
}

fn take_prev(chain: &mut Chain) -> Option<Fence> {
    chain.prev.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner).take()
}

impl Fence {
    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Leaf(a), Self::Leaf(b)) => Arc::ptr_eq(a, b),
            (Self::Chain(a), Self::Chain(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// What comes before it and is not done.
    fn walk(&self) -> Option<Self> {
        match self {
            Self::Leaf(_) => None,
            Self::Chain(chain) => chain.walk(),
        }
    }

    /// Its own promise, without those before it.
    fn own(&self) -> &Arc<Leaf> {
        match self {
            Self::Leaf(leaf) => leaf,
            Self::Chain(chain) => &chain.fence,
        }
    }

    /// The promises that are not kept yet, its own first.
    pub(crate) fn pending_leaves(&self) -> impl Iterator<Item = Arc<Leaf>> {
        let mut next = Some(self.clone());
        std::iter::from_fn(move || {
            let fence = next.take()?;
            next = fence.walk();
            Some(fence.own().clone())
        })
        .filter(|leaf| !leaf.is_signalled())
    }

    /// The promises that are not kept yet, the oldest first, with their points of the timeline; 0 for
    /// what is none.
    pub(crate) fn pending_points(&self) -> Vec<(u64, Arc<Leaf>)> {
        let fences = std::iter::successors(Some(self.clone()), Self::walk);
        let point = |fence: &Self| match fence {
            Self::Leaf(_) => 0,
            Self::Chain(chain) => chain.seqno,
        };
        let all = fences.map(|fence| (point(&fence), fence.own().clone()));
        let mut pending: Vec<_> = all.filter(|(_, leaf)| !leaf.is_signalled()).collect();
        pending.reverse();
        pending
    }

    pub(crate) fn is_timeline(&self) -> bool {
        matches!(self, Self::Chain(_))
    }

    pub(crate) fn is_signalled(&self) -> bool {
        self.pending_leaves().next().is_none()
    }

    /// How its own promise ended, without those before it.
    pub(crate) fn result(&self) -> Option<Result<()>> {
        self.own().result()
    }

    /// The fence that stands for a point of this timeline; `None` if that is done and gone.
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

    /// The last point of the timeline that is done, or that was added; 0 if this is no timeline.
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

    /// A single promise that is kept when all of this fence is.
    ///
    /// `keep` is called with it at that time and must signal it.
    pub(crate) fn flatten(&self, keep: impl Fn(&Leaf) + Send + Sync + 'static) -> Arc<Leaf> {
        let mut pending: Vec<_> = self.pending_leaves().collect();
        if pending.len() <= 1 {
            return pending.pop().unwrap_or_else(Leaf::signalled);
        }
        let all = Leaf::pending();
        let left = Arc::new(AtomicU64::new(pending.len() as u64));
        let keep = Arc::new(keep);
        for leaf in pending {
            let (all, left, keep) = (all.clone(), left.clone(), keep.clone());
            let done = move || {
                if left.fetch_sub(1, Ordering::AcqRel) == 1 {
                    keep(&all);
                }
            };
            if let Err(now) = leaf.on_signal(done) {
                now();
            }
        }
        all
    }
}

#[cfg(test)]
#[path = "fence_tests.rs"]
mod tests;
