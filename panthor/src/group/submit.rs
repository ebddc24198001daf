//! The builder of a submission, and giving it to the driver.

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

/// The name of the call in errors.
const CALL: &str = "GROUP_SUBMIT";

/// A submission to the queues of a group, made by [`Group::submit`].
///
/// [`queue`](Self::queue) starts a queue submit; a submission has any number of them, for the same queue or
/// for others. Those of a queue run in the order in which they are recorded, and each may wait for what an
/// earlier one signals. Up to 8 with 8 sync operations each take no memory of the heap.
///
/// A rule that is broken is reported by `submit`, before anything reaches the driver. The first broken one
/// counts. `submit` empties the submission, whatever comes of it.
///
/// The compiler does not notice a chain that lacks `submit` at its end: it is dropped, and nothing happens.
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
/// // The second queue goes on where the first one is; without a stream, they do nothing but that.
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
/// What waits and signals is a queue submit, and what a submission uses must live until it is submitted:
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
    /// `'a` is also the life of what is recorded, which must not end before it is submitted.
    group: &'a Group,
    submits: Submits,
    /// The first rule that was broken.
    refused: Option<Error>,
    #[cfg(feature = "tracing")]
    unsubmitted: crate::trace::Unsubmitted,
}

/// A queue submit that is being recorded, made by [`GroupSubmit::queue`].
///
/// Without a [`stream`](Self::stream) it is a sync point: it signals when what was submitted to the queue
/// before is done, and what it waits for has come.
#[derive(Debug)]
#[doc(alias = "drm_panthor_queue_submit")]
pub struct QueueSubmit<'s, 'a> {
    /// The submission, in which this is the last queue submit.
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

    /// Starts a queue submit for the queue of this index, from 0 up to
    /// [`queue_count`](Group::queue_count).
    #[inline]
    pub fn queue(&mut self, index: u32) -> QueueSubmit<'_, 'a> {
        self.start(index);
        QueueSubmit { submission: self }
    }

    /// How many queue submits are recorded.
    #[inline]
    pub fn len(&self) -> usize {
        self.submits.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets what was recorded, a broken rule as well.
    pub fn clear(&mut self) -> &mut Self {
        self.empty();
        self.refused = None;
        self
    }

    /// Waits until everything that the submission waits for is submitted, signalled or not, and so until the
    /// driver takes it: `submit` refuses waits without a fence (SYNCOBJ_TIMELINE_WAIT).
    ///
    /// This is wait-before-signal, which the driver leaves to a thread of the caller. What an earlier queue
    /// submit of the submission signals itself is not waited for.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](ErrorKind::InvalidArgument), at once, for a submission that `submit` will refuse
    /// because of a broken rule; it stays as it is. [`DeviceLost`](ErrorKind::DeviceLost) when the device was
    /// unplugged. Running out of time is [`Wait::TimedOut`], no error.
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

    /// Gives the queues their work (GROUP_SUBMIT): all of it or, with an error, nothing.
    ///
    /// A submission without queue submits does nothing.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for a broken rule, and for a wait whose fence is not
    /// there yet, see [`SyncObj::wait_available`](crate::SyncObj::wait_available);
    /// [`Error::op_index`] is the index of the queue submit to blame.
    /// [`DeviceLost`](ErrorKind::DeviceLost) when the group timed out or met a fatal fault, or its VM has
    /// become unusable; [`OutOfMemory`](ErrorKind::OutOfMemory).
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
        // A signal may come while the driver waits for locks: nothing is done then.
        device.transport().try_call(&mut arg).map_err(|errno| self.explain(errno))
    }

    /// Refuses more queue submits than one call takes.
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

    /// The error of a submission that the driver refused.
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

    /// The queue submit recorded last. There is none after [`QueueSubmit::submit`].
    #[inline]
    fn last(&mut self, name: &'static str) -> Option<&mut RawSubmit> {
        if self.submits.len() == 0 {
            self.refuse_last(|| (name, "comes before any queue submit".into()));
        }
        self.submits.last_mut()
    }

    /// Refuses what the queue submit recorded last was given.
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
    /// Has the queue run the command stream of `size` bytes at the GPU address `va`.
    ///
    /// The address is a multiple of 64 and the size of 8, within
    /// [`user_va_range`](crate::Vm::user_va_range); both are 0 for none.
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

    /// Says that the stream was complete in memory when [`Device::flush_id`](crate::Device::flush_id) gave
    /// this: a cache flush since then spares another. Unless told, caches are flushed in any case.
    #[inline]
    pub fn latest_flush(&mut self, id: FlushId) -> &mut Self {
        if let Some(submit) = self.submission.last("latest_flush") {
            submit.latest_flush = id.as_raw();
        }
        self
    }

    /// Has this queue submit wait, and those behind it in its queue.
    ///
    /// The fence must be there when the call is made, signalled or not, or an earlier queue submit of the
    /// same submission must signal the same point.
    #[doc(alias = "DRM_PANTHOR_SYNC_OP_WAIT")]
    #[inline]
    pub fn wait(&mut self, sync: impl Into<SyncPoint<'a>>) -> &mut Self {
        self.submission.sync(&sync.into(), false, "wait");
        self
    }

    /// Has this queue submit signal when it is done, and all before it in its queue.
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

    /// Gives the queues their work, as [`GroupSubmit::submit`].
    ///
    /// # Errors
    ///
    /// As for [`GroupSubmit::submit`].
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
