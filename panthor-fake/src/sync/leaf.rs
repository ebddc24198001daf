//! Single fences: promises that something will be done.
//!
//! Each is one of a line of fences that are signalled in their order, what the kernel calls a
//! context: of two of the same line the later one says all.

use std::cell::RefCell;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use nix::time::{ClockId, clock_gettime};

use crate::call::errno::{Errno, Result};
use crate::lock::{Mutex, lock, rank};
use crate::sync::events::Events;
use crate::sync::in_turn::{Next, in_turn};

/// Called once when a fence is signalled.
pub(crate) type Callback = Box<dyn FnOnce() + Send>;

/// A number that no other line of fences has.
pub(crate) fn new_context() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);

    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Nanoseconds on the clock that the kernel's times of fences are of.
fn now() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC);
    now.map_or(0, |now| now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64)
}

/// The line of the fences of a queue, whose jobs end in their order.
#[derive(Debug)]
pub(crate) struct Line {
    name: String,
    context: u64,
    last: AtomicU64,
    /// How many jobs of the queue there are that are not done, wherever they are.
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

/// A promise that is kept once, with a result.
pub(crate) struct Leaf {
    signalled: AtomicBool,
    state: Mutex<LeafState, { rank::LEAF }>,
    origin: Origin,
}

enum LeafState {
    Pending(Vec<Callback>),
    Signalled { result: Result<()>, at: u64 },
}

/// What a fence is of.
enum Origin {
    /// Of nothing: it was signalled from the start.
    Nothing,
    /// The end of a job of a queue. It has its place in the line once the job is submitted.
    Job { line: Arc<Line>, seqno: AtomicU64 },
    /// The end of several others.
    Several(Several),
}

struct Several {
    context: u64,
    parts: Box<[Arc<Leaf>]>,
    /// How many are not signalled.
    left: AtomicUsize,
    /// The first error of one of them, 0 for none.
    error: AtomicI32,
}

/// What the kernel tells about a fence.
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

    /// One that a test signals.
    #[cfg(test)]
    pub(crate) fn pending() -> Arc<Self> {
        Arc::new(Self::of(Origin::Nothing))
    }

    /// One for the end of a job, to be [placed](Leaf::place) when the job is submitted.
    pub(crate) fn of_job(line: &Arc<Line>) -> Arc<Self> {
        Arc::new(Self::of(Origin::Job { line: line.clone(), seqno: AtomicU64::new(0) }))
    }

    /// One that is signalled already: now.
    pub(crate) fn signalled() -> Arc<Self> {
        Self::signalled_since(now())
    }

    /// The one that stands for what is done and gone: it was signalled once and for all.
    pub(crate) fn long_signalled() -> Arc<Self> {
        static ONLY: LazyLock<Arc<Leaf>> = LazyLock::new(Leaf::signalled);

        ONLY.clone()
    }

    /// One that is signalled since a time, in nanoseconds of `CLOCK_MONOTONIC`.
    pub(crate) fn signalled_since(at: u64) -> Arc<Self> {
        let state = Mutex::new(LeafState::Signalled { result: Ok(()), at });
        Arc::new(Self { signalled: AtomicBool::new(true), state, origin: Origin::Nothing })
    }

    /// One that is signalled when all of these are, which are no such fences themselves. It ends with
    /// the first error of one of them.
    pub(crate) fn of_several(parts: Vec<Arc<Self>>) -> Arc<Self> {
        // One more than there are, until it is known of all whether they are signalled.
        let left = AtomicUsize::new(parts.len() + 1);
        let (context, error) = (new_context(), AtomicI32::new(0));
        let parts = parts.into_boxed_slice();
        let all = Arc::new(Self::of(Origin::Several(Several { context, parts, left, error })));
        for (index, part) in all.parts().iter().enumerate() {
            // It keeps the parts, and not the other way round: nobody may be left who wants to know.
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
            // If there was one before, that one stays.
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

    /// What it is the end of, if that is several.
    fn parts(&self) -> &[Arc<Self>] {
        match &self.origin {
            Origin::Several(several) => &several.parts,
            _ => &[],
        }
    }

    /// Those that it is made of, or itself.
    pub(crate) fn components(self: &Arc<Self>) -> impl Iterator<Item = &Arc<Self>> {
        let itself = self.parts().is_empty().then_some(self);
        self.parts().iter().chain(itself)
    }

    /// Gives it the next place in its line: its job is submitted, and no other job of the queue is
    /// before that has happened.
    pub(crate) fn place(&self) {
        if let Origin::Job { line, seqno } = &self.origin {
            seqno.store(line.last.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
    }

    /// What it is, while it is not signalled.
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

    /// Whether it is of the same line as another one, and not before it.
    pub(crate) fn is_same_or_after(&self, other: &Self) -> bool {
        let (this, other_one) = (self.about(), other.about());
        let in_line = this.context != 0 && this.context == other_one.context;
        std::ptr::eq(self, other) || (in_line && this.seqno > other_one.seqno)
    }

    pub(crate) fn is_signalled(&self) -> bool {
        self.signalled.load(Ordering::Acquire)
    }

    /// How it ended.
    pub(crate) fn result(&self) -> Option<Result<()>> {
        match *lock(&self.state) {
            LeafState::Pending(_) => None,
            LeafState::Signalled { result, .. } => Some(result),
        }
    }

    /// How it ended, as the kernel tells: 0 if it has not, 1, or a negative error number.
    pub(crate) fn status(&self) -> i32 {
        match self.result() {
            None => 0,
            Some(Ok(())) => 1,
            Some(Err(Errno(errno))) => -errno,
        }
    }

    /// When it ended, in nanoseconds of `CLOCK_MONOTONIC`; 0 if it has not.
    pub(crate) fn signalled_at(&self) -> u64 {
        match *lock(&self.state) {
            LeafState::Pending(_) => 0,
            LeafState::Signalled { at, .. } => at,
        }
    }

    /// Signals it and wakes who waits. The first result stays.
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
            LeafState::Signalled { .. } => Err(Box::new(callback)),
        }
    }
}

/// Calls them. A callback may signal a fence with callbacks of its own, and so on without end.
fn call_all(callbacks: Vec<Callback>) {
    thread_local! {
        static NEXT: Next<Callback> = const { RefCell::new(None) };
    }

    in_turn(&NEXT, callbacks, |callback| callback());
}
