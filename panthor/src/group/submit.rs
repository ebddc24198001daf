//! Builder and submission of queue submits.

use std::fmt;

use bytemuck::Zeroable;
use panthor_sys as sys;
use rustix::io::Errno;

use super::Group;
use super::rules;
use super::storage::{RawSubmit, Submits};
use crate::error::{BatchProgress, Broken, Error, ErrorKind, Result};
use crate::flush_id::FlushId;
use crate::sync::{SyncPoint, Timeout, WAIT_FIRST, Wait, describe_missing};
use crate::sync_ops::{self, require_fence, without_fence};

/// Call name in errors.
const CALL: &str = "GROUP_SUBMIT";

/// A submission to the queues of a group, created by [`Group::submit`].
///
/// [`queue`](Self::queue) starts a queue submit. A submission has any number of them, for the same
/// queue or for several. Queue submits of one queue run in recorded order. Each may wait for a
/// signal of an earlier one. Up to 8 queue submits with 8 sync operations each need no heap
/// memory.
///
/// `submit` reports the first broken rule, before any ioctl. `submit` empties the submission, on
/// success and on failure.
///
/// A dropped submission does nothing. The compiler does not warn about a chain without `submit` at
/// its end.
///
/// ```
/// use panthor::{GroupOptions, QueueOptions, Timeout, Wait, point};
///
/// let device = panthor::Device::open_fake()?;
/// let vm = device.create_vm(Default::default())?;
/// let queue = QueueOptions::new(64 << 10);
/// let group = vm.create_group(GroupOptions::new().queue(queue).queue(queue))?;
/// let timeline = device.create_timeline()?;
///
/// // The second queue waits for the first. Without streams, both only synchronize.
/// group
///     .submit()
///     .queue(0)
///     .signal(timeline.at(point::<1>()))
///     .queue(1)
///     .wait(timeline.at(point::<1>()))
///     .signal(timeline.at(point::<2>()))
///     .submit()?;
/// assert_eq!(timeline.wait(point::<2>(), Timeout::FOREVER)?, Wait::Ready);
/// # Ok::<(), panthor::Error>(())
/// ```
///
/// Queue submits wait and signal, not submissions. Recorded objects must live until `submit`:
///
/// ```compile_fail,E0599
/// # let device = panthor::Device::open_fake().unwrap();
/// # let vm = device.create_vm(Default::default()).unwrap();
/// # let group = vm.create_group(Default::default()).unwrap();
/// # let syncobj = device.create_syncobj().unwrap();
/// group.submit().wait(&syncobj).submit().unwrap(); // no method named `wait`
/// ```
///
/// ```compile_fail,E0505
/// # let device = panthor::Device::open_fake().unwrap();
/// # let vm = device.create_vm(Default::default()).unwrap();
/// # let group = vm.create_group(Default::default()).unwrap();
/// let syncobj = device.create_syncobj().unwrap();
/// let mut submission = group.submit();
/// submission.queue(0).signal(&syncobj);
/// drop(syncobj); // cannot move out of `syncobj` because it is borrowed
/// submission.submit().unwrap();
/// ```
#[doc(alias = "DRM_IOCTL_PANTHOR_GROUP_SUBMIT")]
#[doc(alias = "drm_panthor_group_submit")]
#[must_use = "a submission does nothing until it is submitted"]
pub struct GroupSubmit<'a> {
    /// Also bounds the life of the recorded objects.
    group: &'a Group,
    submits: Submits,
    /// Error of the first broken rule.
    refused: Option<Error>,
    #[cfg(feature = "tracing")]
    unsubmitted: crate::trace::Unsubmitted,
}

/// A queue submit under construction, created by [`GroupSubmit::queue`].
///
/// Without a [`stream`](Self::stream), a queue submit is a sync point. It signals after its waits
/// and after the queue's earlier submits.
#[derive(Debug)]
#[doc(alias = "drm_panthor_queue_submit")]
pub struct QueueSubmit<'s, 'a> {
    /// The submission, with this queue submit as its last.
    submission: &'s mut GroupSubmit<'a>,
}

impl<'a> GroupSubmit<'a> {
    #[cfg_attr(feature = "tracing", track_caller)]
    #[inline(always)]
    pub(super) fn new(group: &'a Group) -> Self {
        Self {
            group,
            submits: Submits::new(),
            refused: None,
            #[cfg(feature = "tracing")]
            unsubmitted: crate::trace::Unsubmitted::new(CALL),
        }
    }

    /// Starts a queue submit for the queue with this index, below
    /// [`queue_count`](Group::queue_count).
    #[inline]
    pub fn queue(&mut self, index: u32) -> QueueSubmit<'_, 'a> {
        self.start(index);
        QueueSubmit { submission: self }
    }

    /// Returns the number of recorded queue submits.
    #[inline]
    pub fn len(&self) -> usize {
        self.submits.len()
    }

    /// Returns whether no queue submit is recorded.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes all recorded queue submits and the error of a broken rule.
    pub fn clear(&mut self) -> &mut Self {
        self.empty();
        self.refused = None;
        self
    }

    /// Waits until all fences that the submission waits for are submitted, signaled or not
    /// (SYNCOBJ_TIMELINE_WAIT).
    ///
    /// `submit` refuses waits without a fence. This call implements wait-before-signal, which the
    /// driver leaves to a thread of the caller. Signals of earlier queue submits in the submission
    /// count as submitted.
    ///
    /// # Errors
    ///
    /// * [`InvalidArgument`](ErrorKind::InvalidArgument), at once, for a broken rule that `submit`
    ///   would report. The submission stays unchanged.
    /// * [`DeviceLost`](ErrorKind::DeviceLost) when the device was unplugged.
    ///
    /// A timeout is not an error: the result is [`Wait::TimedOut`].
    ///
    /// ```
    /// use panthor::{GroupOptions, QueueOptions, Timeout, Wait};
    /// # let device = panthor::Device::open_fake()?;
    /// # let vm = device.create_vm(Default::default())?;
    /// let group = vm.create_group(GroupOptions::new().queue(QueueOptions::new(4096)))?;
    /// let (acquired, done) = (device.create_syncobj()?, device.create_syncobj()?);
    /// let mut submission = group.submit();
    /// submission.queue(0).wait(&acquired).signal(&done).queue(0).wait(&done);
    /// assert_eq!(submission.wait_until_available(Timeout::NONE)?, Wait::TimedOut);
    /// acquired.signal()?; // somebody submits it at last
    /// assert_eq!(submission.wait_until_available(Timeout::FOREVER)?, Wait::Ready);
    /// submission.submit()?;
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "timelineSemaphore")]
    pub fn wait_until_available(&self, timeout: impl Into<Timeout>) -> Result<Wait> {
        if let Some(error) = &self.refused {
            return Err(error.clone());
        }
        self.check_count()?;
        let syncs = self.submits.syncs();
        sync_ops::wait_until_available(self.group.device(), syncs, timeout.into())
    }

    /// Submits the work to the queues (GROUP_SUBMIT). On an error, nothing is submitted.
    ///
    /// A submission without queue submits does nothing.
    ///
    /// # Errors
    ///
    /// * [`InvalidArgument`](ErrorKind::InvalidArgument) for a broken rule, and for a wait without
    ///   a fence: see [`SyncObj::wait_available`](crate::SyncObj::wait_available).
    ///   [`Error::op_index`] is the index of the queue submit.
    /// * [`DeviceLost`](ErrorKind::DeviceLost) when the group timed out or had a fatal fault, or
    ///   when its VM is unusable.
    /// * [`OutOfMemory`](ErrorKind::OutOfMemory) without kernel memory.
    ///
    /// ```
    /// use panthor::{ErrorKind, GroupOptions, QueueOptions};
    /// # let device = panthor::Device::open_fake()?;
    /// # let vm = device.create_vm(Default::default())?;
    /// let group = vm.create_group(GroupOptions::new().queue(QueueOptions::new(4096)))?;
    /// let error = group.submit().queue(0).queue(0).stream(100, 8).submit().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    /// assert_eq!((error.op_index(), error.argument()), (Some(1), Some("stream")));
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[inline]
    pub fn submit(&mut self) -> Result<()> {
        #[cfg(feature = "tracing")]
        let span = crate::trace::group_submit(self.group.handle(), self.submits.len()).entered();
        let result = match self.refused.take() {
            None => self.give(),
            Some(error) => Err(error),
        };
        self.empty();
        #[cfg(feature = "tracing")]
        if let Err(error) = &result {
            crate::trace::failed(&span, error);
        }
        result
    }

    #[inline]
    fn empty(&mut self) {
        self.submits.clear();
        #[cfg(feature = "tracing")]
        self.unsubmitted.clear();
    }

    fn give(&mut self) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        self.check_count()?;
        let device = self.group.device();
        for (index, wait) in sync_ops::self_waits(self.submits.syncs()) {
            require_fence(device, CALL, Some(index), &wait)?;
        }
        let mut arg = sys::drm_panthor_group_submit::zeroed();
        arg.group_handle = self.group.handle();
        arg.queue_submits = sys::drm_panthor_obj_array::from_slice(self.submits.laid_out());
        // A signal can interrupt the driver's wait for locks only: nothing is submitted then.
        device.transport().try_call(&mut arg).map_err(|errno| self.explain(errno))
    }

    /// Refuses more queue submits than one ioctl takes.
    #[inline]
    fn check_count(&self) -> Result<()> {
        let (count, most) = (self.len(), rules::MAX_QUEUE_SUBMITS);
        if count <= most {
            return Ok(());
        }
        let rule = format!("has too many queue submits ({count}, at most {most})");
        let error = Error::invalid(CALL, "self", rule);
        Err(error.with_progress(BatchProgress::nothing_done(None)))
    }

    /// Returns the error of a submission that the driver refused.
    #[cold]
    fn explain(&self, errno: Errno) -> Error {
        let error = Error::os(CALL, errno).with_progress(BatchProgress::nothing_done(None));
        if error.kind() != ErrorKind::InvalidArgument {
            return error;
        }
        match self.group.state() {
            Ok(state) if !state.is_usable() => {
                return error.with_kind(ErrorKind::DeviceLost).with_detail(state.describe());
            }
            _ => {}
        }
        let error = self.group.vm().explain(error);
        if error.kind() != ErrorKind::InvalidArgument {
            return error;
        }
        match without_fence(self.group.device(), self.submits.syncs()) {
            Some((index, wait)) => error
                .with_argument("wait")
                .with_detail(describe_missing(wait.handle, wait.timeline_value))
                .with_advice(WAIT_FIRST)
                .with_progress(BatchProgress::nothing_done(Some(index))),
            None => error,
        }
    }

    #[inline]
    fn start(&mut self, queue_index: u32) {
        if queue_index >= self.group.queue_count() {
            let count = self.group.queue_count();
            self.refuse(self.len(), || {
                ("queue", format!("is not in the group ({queue_index}, below {count})"))
            });
        }
        self.submits.push(RawSubmit { queue_index, ..RawSubmit::default() });
        #[cfg(feature = "tracing")]
        self.unsubmitted.record();
    }

    #[inline]
    fn sync(&mut self, sync: &SyncPoint<'a>, signal: bool, name: &'static str) {
        if sync.device().uid() != self.group.vm().file() {
            self.refuse_last(|| (name, "is a syncobj of another device file".into()));
        } else if let Some(submit) = self.last(name) {
            if submit.syncs.count < rules::MAX_SYNCS {
                self.submits.push_sync(sync.op(signal));
            } else {
                let most = rules::MAX_SYNCS;
                self.refuse_last(|| {
                    (
                        name,
                        format!(
                            "is one sync operation too many ({most} are there, at most {most})"
                        ),
                    )
                });
            }
        }
    }

    /// Returns the queue submit recorded last, or `None` after [`QueueSubmit::submit`].
    #[inline]
    fn last(&mut self, name: &'static str) -> Option<&mut RawSubmit> {
        if self.submits.len() == 0 {
            self.refuse_last(|| (name, "comes before any queue submit".into()));
        }
        self.submits.last_mut()
    }

    /// Records a broken rule of the queue submit recorded last.
    #[cold]
    #[inline(never)]
    fn refuse_last(&mut self, broken: impl FnOnce() -> Broken) {
        self.refuse(self.len().saturating_sub(1), broken);
    }

    #[cold]
    #[inline(never)]
    fn refuse(&mut self, index: usize, broken: impl FnOnce() -> Broken) {
        if self.refused.is_none() {
            let (argument, rule) = broken();
            let error = Error::invalid(CALL, argument, rule);
            self.refused = Some(error.with_progress(BatchProgress::nothing_done(Some(index))));
        }
    }
}

impl<'a> QueueSubmit<'_, 'a> {
    /// Sets the command stream: `size` bytes at the GPU address `va`.
    ///
    /// The address must be a multiple of 64 and the size a multiple of 8, within
    /// [`user_va_range`](crate::Vm::user_va_range). An address and a size of 0 mean no stream.
    #[doc(alias = "stream_addr")]
    #[doc(alias = "stream_size")]
    #[inline]
    pub fn stream(&mut self, va: u64, size: u32) -> &mut Self {
        let limit = self.submission.group.vm().user_va_range();
        if !rules::allows_stream(va, size, limit) {
            self.submission.refuse_last(|| rules::broken_by_stream(va, size, limit));
        } else if let Some(submit) = self.submission.last("stream") {
            submit.stream_addr = va;
            submit.stream_size = size;
        }
        self
    }

    /// Sets the flush ID that [`Device::flush_id`](crate::Device::flush_id) returned after the
    /// stream was written.
    ///
    /// The driver skips its cache flush if the caches were flushed since. By default, the driver
    /// always flushes.
    #[inline]
    pub fn latest_flush(&mut self, id: FlushId) -> &mut Self {
        if let Some(submit) = self.submission.last("latest_flush") {
            submit.latest_flush = id.as_raw();
        }
        self
    }

    /// Adds a wait before this queue submit. Later submits of the queue wait, too.
    ///
    /// The point must have a fence, signaled or not, when the ioctl runs. Alternatively, an
    /// earlier queue submit of the same submission must signal the point.
    #[doc(alias = "DRM_PANTHOR_SYNC_OP_WAIT")]
    #[inline]
    pub fn wait(&mut self, sync: impl Into<SyncPoint<'a>>) -> &mut Self {
        self.submission.sync(&sync.into(), false, "wait");
        self
    }

    /// Adds a signal after this queue submit and all earlier submits of its queue.
    #[doc(alias = "DRM_PANTHOR_SYNC_OP_SIGNAL")]
    #[inline]
    pub fn signal(&mut self, sync: impl Into<SyncPoint<'a>>) -> &mut Self {
        self.submission.sync(&sync.into(), true, "signal");
        self
    }

    /// Ends this queue submit and starts the next one, as [`GroupSubmit::queue`].
    #[inline]
    pub fn queue(&mut self, index: u32) -> &mut Self {
        self.submission.start(index);
        self
    }

    /// Submits the work to the queues: see [`GroupSubmit::submit`].
    ///
    /// # Errors
    ///
    /// The errors of [`GroupSubmit::submit`].
    #[inline]
    pub fn submit(&mut self) -> Result<()> {
        self.submission.submit()
    }
}

impl fmt::Debug for GroupSubmit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupSubmit")
            .field("group", &self.group.handle())
            .field("queue_submits", &self.len())
            .field("refused", &self.refused)
            .finish_non_exhaustive()
    }
}
