//! Groups of queues, and submissions to them.
//!
//! * `options` has the creation options, and `rules` checks them against the device.
//! * `submit` records queue submits in `storage` and calls the driver.
//! * `state` describes faults and timeouts.

mod options;
mod rules;
mod state;
mod storage;
mod submit;

use std::fmt;
use std::sync::Arc;

use bytemuck::Zeroable;
use panthor_sys as sys;

use crate::device::Device;
use crate::error::{DestroyError, Error, ErrorKind, Result};
use crate::owned::{Owned, Release};
use crate::query::GroupPriority;
use crate::transport::NoCallbacks;
use crate::version::Features;
use crate::vm::{Vm, VmInner};

pub use options::{GroupOptions, QueueOptions};
pub(crate) use rules::GroupLimits;
pub use state::{GroupFlags, GroupState};
pub use submit::{GroupSubmit, QueueSubmit};

/// Call name in errors.
const CREATE: &str = "GROUP_CREATE";

/// A group of queues that are scheduled together and run command streams in one VM.
///
/// A group keeps its VM alive. Dropping a group destroys it: pending work does not run, and its
/// fences are signaled. A device file has room for 128 groups.
///
/// ```
/// use panthor::{Device, GroupOptions, QueueOptions, Timeout, Wait};
///
/// let device = Device::open_fake()?;
/// let vm = device.create_vm(Default::default())?;
/// let group = vm.create_group(GroupOptions::new().queue(QueueOptions::new(64 << 10)))?;
/// let done = device.create_syncobj()?;
/// group.submit().queue(0).signal(&done).submit()?;
/// assert_eq!(done.wait(Timeout::FOREVER)?, Wait::Ready);
/// assert!(group.state()?.is_usable());
/// # Ok::<(), panthor::Error>(())
/// ```
#[doc(alias = "drm_panthor_group_create")]
pub struct Group {
    inner: Owned<GroupInner>,
}

struct GroupInner {
    vm: Arc<Owned<VmInner>>,
    handle: u32,
    queue_count: u32,
}

impl Vm {
    /// Creates a group with queues that run in this VM (GROUP_CREATE).
    ///
    /// # Errors
    ///
    /// * [`InvalidArgument`](ErrorKind::InvalidArgument) for cores that the GPU lacks, and for a
    ///   maximum above the number of selected cores.
    /// * [`InvalidArgument`](ErrorKind::InvalidArgument) for no queue or more than
    ///   [`cs_slot_count`](crate::CsifInfo::cs_slot_count).
    /// * [`InvalidArgument`](ErrorKind::InvalidArgument) for a ring size that is not a power of
    ///   two from 4 KiB to 64 KiB, and for a queue priority above 15.
    /// * [`PermissionDenied`](ErrorKind::PermissionDenied) for a priority that this process may
    ///   not use: see [`Device::group_priorities`].
    /// * [`Unsupported`](ErrorKind::Unsupported) for the real-time priority below driver 1.2.
    /// * [`OutOfMemory`](ErrorKind::OutOfMemory) without kernel memory, and beyond 128 groups of
    ///   one file.
    /// * [`DeviceLost`](ErrorKind::DeviceLost) when the VM is unusable.
    ///
    /// ```
    /// use panthor::{ErrorKind, GroupOptions, QueueOptions};
    /// # let device = panthor::Device::open_fake()?;
    /// # let vm = device.create_vm(Default::default())?;
    /// let options = GroupOptions::new().queue(QueueOptions::new(5000));
    /// let error = vm.create_group(options).unwrap_err();
    /// assert_eq!((error.kind(), error.argument()), (ErrorKind::InvalidArgument, Some("queue")));
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DRM_IOCTL_PANTHOR_GROUP_CREATE")]
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn create_group(&self, options: GroupOptions) -> Result<Group> {
        let device = self.device();
        if options.priority == GroupPriority::Realtime {
            let what = "the real-time group priority";
            Features::GROUP_PRIORITIES.require(device.version(), CREATE, what)?;
        }
        let limits = device.group_limits();
        let limits = limits.map_err(|error| error.within(CREATE, "the limits of groups"))?;
        let mut arg = rules::group_create(&options, limits)
            .map_err(|(argument, rule)| Error::invalid(CREATE, argument, rule))?;
        let queues: Vec<_> = options.queues.iter().map(QueueOptions::as_raw).collect();
        arg.queues = sys::drm_panthor_obj_array::from_slice(&queues);
        arg.vm_id = self.id();
        let until_owned = NoCallbacks::new();
        device.transport().call(&mut arg).map_err(|error| match error.kind() {
            // The driver returns EBUSY when the file's table is full.
            ErrorKind::Busy => error
                .with_kind(ErrorKind::OutOfMemory)
                .with_detail("the device file has as many groups as the driver allows (128)"),
            ErrorKind::PermissionDenied => error
                .with_argument("priority")
                .with_detail("is not allowed for this process (above Medium only with CAP_SYS_NICE or as DRM master)"),
            _ => self.inner().explain(error),
        })?;
        let queue_count = queues.len() as u32;
        let group = Group::of(self, arg.group_handle, queue_count);
        drop(until_owned);
        Ok(group)
    }
}

impl Group {
    /// Starts a submission for one or several queues, in one ioctl.
    #[inline]
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn submit(&self) -> GroupSubmit<'_> {
        GroupSubmit::new(self)
    }

    /// Returns the state of the group (GROUP_GET_STATE).
    ///
    /// # Errors
    ///
    /// [`DeviceLost`](ErrorKind::DeviceLost) when the device was unplugged.
    ///
    /// ```
    /// use panthor::{GroupFlags, GroupOptions, QueueOptions};
    /// # let device = panthor::Device::open_fake()?;
    /// # let vm = device.create_vm(Default::default())?;
    /// let group = vm.create_group(GroupOptions::new().queue(QueueOptions::new(4096)))?;
    /// assert_eq!(group.state()?.flags, GroupFlags::empty());
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DRM_IOCTL_PANTHOR_GROUP_GET_STATE")]
    pub fn state(&self) -> Result<GroupState> {
        let mut arg = sys::drm_panthor_group_get_state::zeroed();
        arg.group_handle = self.handle();
        self.device().transport().call(&mut arg)?;
        Ok(GroupState {
            flags: GroupFlags::from_bits_retain(arg.state),
            fatal_queues: arg.fatal_queues,
        })
    }

    /// Returns the number of queues. Valid queue indices are `0..queue_count`.
    pub fn queue_count(&self) -> u32 {
        self.inner.queue_count
    }

    /// Returns the driver's handle of this group, valid while the group lives. The driver reuses
    /// handles.
    pub fn handle(&self) -> u32 {
        self.inner.handle
    }

    /// Returns the device that the group belongs to.
    pub fn device(&self) -> &Device {
        self.vm().device()
    }

    /// Destroys the group and reports failures (GROUP_DESTROY).
    ///
    /// # Errors
    ///
    /// [`DeviceLost`](ErrorKind::DeviceLost) when the device was unplugged. The error contains the
    /// group.
    ///
    /// ```
    /// use panthor::{ErrorKind, GroupOptions, QueueOptions};
    /// # let device = panthor::Device::open_fake()?;
    /// let vm = device.create_vm(Default::default())?;
    /// let group = vm.create_group(GroupOptions::new().queue(QueueOptions::new(4096)))?;
    /// let busy = vm.destroy().unwrap_err();
    /// assert_eq!(busy.error.kind(), ErrorKind::Busy); // the group needs it
    /// group.destroy()?;
    /// busy.object.destroy()?;
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DRM_IOCTL_PANTHOR_GROUP_DESTROY")]
    pub fn destroy(self) -> Result<(), DestroyError<Self>> {
        self.inner.destroy(|inner| Self { inner })
    }

    /// Releases the group and returns its handle, which the caller must destroy.
    ///
    /// Also returns the VM if the group held its last reference. Dropping that VM destroys it with
    /// the group in it.
    ///
    /// ```
    /// # let device = panthor::Device::open_fake()?;
    /// # let vm = device.create_vm(Default::default())?;
    /// # let options = panthor::GroupOptions::new().queue(panthor::QueueOptions::new(4096));
    /// let group = vm.create_group(options)?;
    /// drop(vm); // the group holds it
    /// let (handle, vm) = group.into_raw();
    /// // Whoever takes the group takes the VM, too.
    /// let vm_id = vm.expect("nothing else holds it").into_raw()?;
    /// # let _ = (handle, vm_id);
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[must_use = "the VM is destroyed with the last that holds it"]
    pub fn into_raw(self) -> (u32, Option<Vm>) {
        let (handle, vm) = (self.handle(), self.inner.vm.clone());
        self.inner.give_up();
        (handle, Vm::last_of(vm))
    }

    /// Creates a group from its handle.
    ///
    /// # Safety
    ///
    /// `handle` must be a group in this VM with this number of queues, and no other code may
    /// destroy it.
    ///
    /// ```
    /// use panthor::{Group, GroupOptions, QueueOptions};
    /// # let device = panthor::Device::open_fake()?;
    /// # let vm = device.create_vm(Default::default())?;
    /// let options = GroupOptions::new().queue(QueueOptions::new(4096));
    /// let (handle, _) = vm.create_group(options)?.into_raw(); // `vm` holds the VM
    /// // SAFETY: that was a group with one queue in this VM, and it has no owner now.
    /// let group = unsafe { Group::from_raw(&vm, handle, 1) };
    /// assert!(group.state()?.is_usable());
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[cfg_attr(feature = "tracing", track_caller)]
    pub unsafe fn from_raw(vm: &Vm, handle: u32, queue_count: u32) -> Self {
        Self::of(vm, handle, queue_count)
    }

    #[cfg_attr(feature = "tracing", track_caller)]
    fn of(vm: &Vm, handle: u32, queue_count: u32) -> Self {
        let vm = vm.inner().clone();
        Self { inner: Owned::new(GroupInner { vm, handle, queue_count }) }
    }

    #[inline]
    fn vm(&self) -> &VmInner {
        &self.inner.vm
    }
}

impl Release for GroupInner {
    fn release(&self) -> Result<()> {
        let mut arg = sys::drm_panthor_group_destroy::zeroed();
        arg.group_handle = self.handle;
        self.vm.device().transport().call(&mut arg)
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("handle", &self.handle())
            .field("vm", &self.vm().id())
            .field("queue_count", &self.queue_count())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "fake"))]
mod tests {
    use super::*;
    use crate::{MapFlags, Timeout};

    fn options() -> GroupOptions {
        GroupOptions::new().queue(QueueOptions::new(4096))
    }

    fn vm() -> Vm {
        Device::open_fake().unwrap().create_vm(Default::default()).unwrap()
    }

    fn fail_next(vm: &Vm, request: u32, errno: i32) {
        vm.device().fake().unwrap().fail_ioctl(request, errno);
    }

    const EIO: i32 = 5;
    const ENOMEM: i32 = 12;
    const EACCES: i32 = 13;
    const EBUSY: i32 = 16;
    const ENODEV: i32 = 19;
    const EINVAL: i32 = 22;

    #[test]
    fn a_refused_creation_says_why() {
        let vm = vm();
        for (errno, kind, argument) in [
            (ENOMEM, ErrorKind::OutOfMemory, None),
            (EACCES, ErrorKind::PermissionDenied, Some("priority")),
            (EBUSY, ErrorKind::OutOfMemory, None),
            (ENODEV, ErrorKind::DeviceLost, None),
            (EINVAL, ErrorKind::InvalidArgument, None),
        ] {
            fail_next(&vm, sys::DRM_IOCTL_PANTHOR_GROUP_CREATE, errno);
            let error = vm.create_group(options()).unwrap_err();
            assert_eq!((error.kind(), error.argument()), (kind, argument), "{error}");
            assert_eq!((error.call(), error.errno()), (CREATE, Some(errno)));
        }
        vm.destroy().unwrap();
    }

    #[test]
    fn an_unusable_vm_is_why_creation_and_submission_fail() {
        let vm = vm();
        // SAFETY: the fake refuses every use of this handle.
        let group = unsafe { Group::from_raw(&vm, 1, 1) };
        assert!(vm.device().fake().unwrap().gpu(vm.id()).unwrap().fail_next_job(EIO));
        let done = vm.device().create_syncobj().unwrap();
        vm.bind_async().map_sparse_with(0..4096, MapFlags::NOEXEC).signal(&done).submit().unwrap();
        assert!(done.wait(Timeout::FOREVER).unwrap().is_ready());

        fail_next(&vm, sys::DRM_IOCTL_PANTHOR_GROUP_CREATE, EINVAL);
        fail_next(&vm, sys::DRM_IOCTL_PANTHOR_GROUP_SUBMIT, EINVAL);
        for error in
            [vm.create_group(options()).unwrap_err(), group.submit().queue(0).submit().unwrap_err()]
        {
            assert_eq!(error.kind(), ErrorKind::DeviceLost, "{error}");
            assert!(error.to_string().contains("the VM is unusable"), "{error}");
        }
        let _handle = group.into_raw();
    }

    #[test]
    fn a_destruction_that_fails_gives_the_group_back() {
        let vm = vm();
        // SAFETY: the fake refuses every use of this handle.
        let group = unsafe { Group::from_raw(&vm, 1, 1) };
        fail_next(&vm, sys::DRM_IOCTL_PANTHOR_GROUP_DESTROY, ENODEV);
        let failed = group.destroy().unwrap_err();
        assert_eq!(failed.error.kind(), ErrorKind::DeviceLost);
        assert_eq!(failed.object.into_raw().0, 1);
    }

    #[test]
    fn other_errors_of_a_submission_keep_their_kind() {
        let vm = vm();
        // SAFETY: the fake refuses every use of this handle.
        let group = unsafe { Group::from_raw(&vm, 1, 1) };
        for (errno, kind) in [(ENOMEM, ErrorKind::OutOfMemory), (ENODEV, ErrorKind::DeviceLost)] {
            fail_next(&vm, sys::DRM_IOCTL_PANTHOR_GROUP_SUBMIT, errno);
            let error = group.submit().queue(0).submit().unwrap_err();
            assert_eq!((error.kind(), error.op_index()), (kind, None), "{error}");
            assert_eq!(error.ops_done(), Some(0));
        }
        fail_next(&vm, sys::DRM_IOCTL_PANTHOR_GROUP_GET_STATE, ENODEV);
        assert_eq!(group.state().unwrap_err().kind(), ErrorKind::DeviceLost);
        let _handle = group.into_raw();
    }
}
