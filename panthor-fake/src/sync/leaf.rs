//! Single fences.
//!
//! Each fence belongs to a fence context. Fences of a context are signaled in order: of two fences
//! in a context, the later one implies the earlier one.

use std::cell::RefCell;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use nix::time::{ClockId, clock_gettime};

use crate::call::errno::{Errno, Result};
use crate::lock::{Mutex, lock, rank};
use crate::sync::events::Events;
use crate::sync::in_turn::{Next, in_turn};

/// A callback for the signal of a fence.
pub(crate) type Callback = Box<dyn FnOnce() + Send>;

/// Returns a new fence context number.
pub(crate) fn new_context() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);

    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Returns the time in nanoseconds of `CLOCK_MONOTONIC`, the clock of fence timestamps.
fn now() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC);
    now.map_or(0, |now| now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64)
}

/// The fence context of a queue. Jobs of a queue end in order.
#[derive(Debug)]
pub(crate) struct Line {
    name: String,
    context: u64,
    last: AtomicU64,
    /// The number of unfinished jobs of the queue, in any state.
    pub(crate) unfinished: AtomicUsize,
}

impl Line {
    pub(crate) fn new(name: String) -> Arc<Self> {
        Arc::new(Self {
            name,
            context: new_context(),
            last: AtomicU64::new(0),
            unfinished: AtomicUsize::new(0),
        })
    }
}

/// A single fence, signaled once with a result.
pub(crate) struct Leaf {
    signalled: AtomicBool,
    state: Mutex<LeafState, { rank::LEAF }>,
    origin: Origin,
}

enum LeafState {
    Pending(Vec<Callback>),
    Signalled { result: Result<()>, at: u64 },
}

/// The origin of a fence.
enum Origin {
    /// No origin: the fence was created as signaled.
    Nothing,
    /// The end of a job of a queue. The sequence number is assigned when the job is submitted.
    Job { line: Arc<Line>, seqno: AtomicU64 },
    /// The end of several fences.
    Several(Several),
}

struct Several {
    context: u64,
    parts: Box<[Arc<Leaf>]>,
    /// The number of unsignaled parts.
    left: AtomicUsize,
    /// The first error of a part, 0 for none.
    error: AtomicI32,
}

/// The description of a fence, as the kernel reports it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct About<'a> {
    pub(crate) driver: &'static str,
    pub(crate) timeline: &'a str,
    pub(crate) context: u64,
    pub(crate) seqno: u64,
}

impl fmt::Debug for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leaf").field("result", &self.result()).finish()
    }
}

impl Leaf {
    fn of(origin: Origin) -> Self {
        let state = Mutex::new(LeafState::Pending(Vec::new()));
        Self { signalled: AtomicBool::new(false), state, origin }
    }

    /// Creates a fence that a test signals.
    #[cfg(test)]
    pub(crate) fn pending() -> Arc<Self> {
        Arc::new(Self::of(Origin::Nothing))
    }

    /// Creates the fence of a job, to be [placed](Leaf::place) when the job is submitted.
    pub(crate) fn of_job(line: &Arc<Line>) -> Arc<Self> {
        Arc::new(Self::of(Origin::Job { line: line.clone(), seqno: AtomicU64::new(0) }))
    }

    /// Creates a fence that is signaled now.
    pub(crate) fn signalled() -> Arc<Self> {
        Self::signalled_since(now())
    }

    /// Returns the shared signaled fence, which stands for fences that no longer exist.
    pub(crate) fn long_signalled() -> Arc<Self> {
        static ONLY: LazyLock<Arc<Leaf>> = LazyLock::new(Leaf::signalled);

        ONLY.clone()
    }

    /// Creates a fence signaled at a time in nanoseconds of `CLOCK_MONOTONIC`.
    pub(crate) fn signalled_since(at: u64) -> Arc<Self> {
        let state = Mutex::new(LeafState::Signalled { result: Ok(()), at });
        Arc::new(Self { signalled: AtomicBool::new(true), state, origin: Origin::Nothing })
    }

    /// Creates a fence that is signaled when all parts are. The parts are not such fences
    /// themselves. The result is the first error of a part.
    pub(crate) fn of_several(parts: Vec<Arc<Self>>) -> Arc<Self> {
        // One more than the number of parts, until all callbacks are registered.
        let left = AtomicUsize::new(parts.len() + 1);
        let (context, error) = (new_context(), AtomicI32::new(0));
        let parts = parts.into_boxed_slice();
        let all = Arc::new(Self::of(Origin::Several(Several { context, parts, left, error })));
        for (index, part) in all.parts().iter().enumerate() {
            // The fence keeps the parts alive, not the reverse: there may be no user of the fence
            // left.
            let weak = Arc::downgrade(&all);
            let part_ended = move || {
                if let Some(all) = weak.upgrade() {
                    all.part_ended(all.parts()[index].result());
                }
            };
            if let Err(now) = part.on_signal(part_ended) {
                now();
            }
        }
        all.part_ended(None);
        all
    }

    fn part_ended(&self, result: Option<Result<()>>) {
        let Origin::Several(several) = &self.origin else { return };
        if let Some(Err(Errno(errno))) = result {
            // The first error stays.
            let _ = several.error.compare_exchange(0, errno, Ordering::AcqRel, Ordering::Relaxed);
        }
        if several.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            let result = match several.error.load(Ordering::Acquire) {
                0 => Ok(()),
                errno => Err(Errno(errno)),
            };
            self.signal(result, &Events::default());
        }
    }

    /// Returns the parts; empty unless this is the end of several fences.
    fn parts(&self) -> &[Arc<Self>] {
        match &self.origin {
            Origin::Several(several) => &several.parts,
            _ => &[],
        }
    }

    /// Returns the parts, or the fence itself if it has none.
    pub(crate) fn components(self: &Arc<Self>) -> impl Iterator<Item = &Arc<Self>> {
        let itself = self.parts().is_empty().then_some(self);
        self.parts().iter().chain(itself)
    }

    /// Assigns the next sequence number of the context when the job is submitted. Jobs of a queue
    /// are placed one at a time.
    pub(crate) fn place(&self) {
        if let Origin::Job { line, seqno } = &self.origin {
            seqno.store(line.last.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
    }

    /// Returns the description of an unsignaled fence.
    pub(crate) fn about(&self) -> About<'_> {
        match &self.origin {
            Origin::Nothing => About { driver: "stub", timeline: "stub", context: 0, seqno: 0 },
            Origin::Job { line, seqno } => About {
                driver: "drm_sched",
                timeline: &line.name,
                context: line.context,
                seqno: seqno.load(Ordering::Relaxed),
            },
            Origin::Several(several) => About {
                driver: "dma_fence_array",
                timeline: "unbound",
                context: several.context,
                seqno: 1,
            },
        }
    }

    /// Returns whether this is `other`, or a later fence in the same context.
    pub(crate) fn is_same_or_after(&self, other: &Self) -> bool {
        let (this, other_one) = (self.about(), other.about());
        let in_line = this.context != 0 && this.context == other_one.context;
        std::ptr::eq(self, other) || (in_line && this.seqno > other_one.seqno)
    }

    pub(crate) fn is_signalled(&self) -> bool {
        self.signalled.load(Ordering::Acquire)
    }

    /// Returns the result; `None` while the fence is pending.
    pub(crate) fn result(&self) -> Option<Result<()>> {
        match *lock(&self.state) {
            LeafState::Pending(_) => None,
            LeafState::Signalled { result, .. } => Some(result),
        }
    }

    /// Returns the status as the kernel reports it: 0 if pending, 1 if signaled, or a negative
    /// error number.
    pub(crate) fn status(&self) -> i32 {
        match self.result() {
            None => 0,
            Some(Ok(())) => 1,
            Some(Err(Errno(errno))) => -errno,
        }
    }

    /// Returns the signal time in nanoseconds of `CLOCK_MONOTONIC`; 0 while the fence is pending.
    pub(crate) fn signalled_at(&self) -> u64 {
        match *lock(&self.state) {
            LeafState::Pending(_) => 0,
            LeafState::Signalled { at, .. } => at,
        }
    }

    /// Signals the fence and wakes the waiters. The first result stays.
    pub(crate) fn signal(&self, result: Result<()>, events: &Events) {
        let callbacks = {
            let mut state = lock(&self.state);
            match &mut *state {
                LeafState::Signalled { .. } => return,
                LeafState::Pending(callbacks) => {
                    let callbacks = std::mem::take(callbacks);
                    *state = LeafState::Signalled { result, at: now() };
                    self.signalled.store(true, Ordering::Release);
                    callbacks
                }
            }
        };
        events.notify();
        call_all(callbacks);
    }

    /// Registers `callback` for the signal, or returns the callback if the fence is already
    /// signaled.
    pub(crate) fn on_signal(
        &self,
        callback: impl FnOnce() + Send + 'static,
    ) -> core::result::Result<(), Callback> {
        match &mut *lock(&self.state) {
            LeafState::Pending(callbacks) => {
                callbacks.push(Box::new(callback));
                Ok(())
            }
            LeafState::Signalled { .. } => Err(Box::new(callback)),
        }
    }
}

/// Calls the callbacks. A callback may signal another fence with callbacks, to any depth.
fn call_all(callbacks: Vec<Callback>) {
    thread_local! {
        static NEXT: Next<Callback> = const { RefCell::new(None) };
    }

    in_turn(&NEXT, callbacks, |callback| callback());
}
