//! Groups of queues, and giving them work.
//!
//! `options` says how a group shall be and `rules` holds that against the device; `submit` records queue
//! submits in `storage` and gives them to the driver; `state` is what became of a group.

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
use crate::query::GroupPriority;
use crate::version::Features;
use crate::vm::{Vm, VmInner};

pub use options::{GroupOptions, QueueOptions};
pub(crate) use rules::GroupLimits;
pub use state::{GroupFlags, GroupState};
pub use submit::{GroupSubmit, QueueSubmit};

/// The name of the call in errors.
const CREATE: &str = "GROUP_CREATE";

/// Queues that are on the hardware together, and run command streams in one VM.
///
/// It keeps its VM alive. Dropping it destroys it: what has not run by then does not run, and what it would
/// have signalled is signalled. A device file has room for 128.
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
    vm: Arc<VmInner>,
    /// 0 once it is destroyed: the driver counts from 1.
    handle: u32,
    queue_count: u32,
}

impl Vm {
    /// Creates a group whose queues run in this VM (GROUP_CREATE).
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for cores that the GPU does not have, more cores at
    /// once than there are to choose from, no queue or more than
    /// [`cs_slot_count`](crate::CsifInfo::cs_slot_count), a ring size that is not a power of two from 4 KiB
    /// to 64 KiB and a queue's priority above 15; [`PermissionDenied`](ErrorKind::PermissionDenied) for a
    /// priority that this process may not use, see [`Device::group_priorities`];
    /// [`Unsupported`](ErrorKind::Unsupported) for the real-time priority below driver 1.2;
    /// [`OutOfMemory`](ErrorKind::OutOfMemory), also beyond 128 groups of one file;
    /// [`DeviceLost`](ErrorKind::DeviceLost) when the VM has become unusable.
    ///
    /// ```
    /// use panthor::{ErrorKind, GroupOptions, QueueOptions};
    /// # let device = panthor::Device::open_fake()?;
    /// # let vm = device.create_vm(Default::default())?;
    /// let error = vm.create_group(GroupOptions::new().queue(QueueOptions::new(5000))).unwrap_err();
    /// assert_eq!((error.kind(), error.argument()), (ErrorKind::InvalidArgument, Some("queue")));
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DRM_IOCTL_PANTHOR_GROUP_CREATE")]
    pub fn create_group(&self, options: GroupOptions) -> Result<Group> {
        let device = self.device();
        if options.priority == GroupPriority::Realtime {
            let what = "the real-time group priority";
            Features::GROUP_PRIORITIES.require(device.version(), CREATE, what)?;
        }
        let mut arg = rules::group_create(&options, device.group_limits()?)
            .map_err(|(argument, rule)| Error::invalid(CREATE, argument, rule))?;
        let queues: Vec<_> = options.queues.iter().map(QueueOptions::as_raw).collect();
        arg.queues = sys::drm_panthor_obj_array::from_slice(&queues);
        arg.vm_id = self.id();
        device.transport().call(&mut arg).map_err(|error| match error.kind() {
            // What the driver says when the file's table is full.
            ErrorKind::Busy => error
                .with_kind(ErrorKind::OutOfMemory)
                .with_detail("this file has as many groups as the driver allows"),
            ErrorKind::PermissionDenied => error
                .with_argument("priority")
                .with_detail("above Medium takes CAP_SYS_NICE, or being the DRM master"),
            _ => self.inner().explain(error),
        })?;
        let queue_count = queues.len() as u32;
        Ok(Group { vm: self.inner().clone(), handle: arg.group_handle, queue_count })
    }
}

impl Group {
    /// Starts a submission: work for one queue or for several, in one call.
    #[inline]
    pub fn submit(&self) -> GroupSubmit<'_> {
        GroupSubmit::new(self)
    }

    /// Asks what became of the group (GROUP_GET_STATE).
    ///
    /// # Errors
    ///
    /// What the driver says.
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
        arg.group_handle = self.handle;
        self.device().transport().call(&mut arg)?;
        Ok(GroupState {
            flags: GroupFlags::from_bits_retain(arg.state),
            fatal_queues: arg.fatal_queues,
        })
    }

    /// How many queues it has: valid indices are `0..queue_count`.
    pub fn queue_count(&self) -> u32 {
        self.queue_count
    }

    /// The driver's handle of this group, valid while it lives: handles are reused.
    pub fn handle(&self) -> u32 {
        self.handle
    }

    /// The device that it was created on.
    pub fn device(&self) -> &Device {
        self.vm.device()
    }

    /// Destroys the group and says how that went (GROUP_DESTROY).
    ///
    /// # Errors
    ///
    /// What the driver says. The group comes back with the error.
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
    pub fn destroy(mut self) -> Result<(), DestroyError<Self>> {
        match self.release() {
            Ok(()) => Ok(()),
            Err(error) => Err(DestroyError { object: self, error }),
        }
    }

    /// Takes over a group by its handle.
    ///
    /// # Safety
    ///
    /// `handle` is a group in this VM with this many queues, and nothing else destroys it.
    pub unsafe fn from_raw(vm: &Vm, handle: u32, queue_count: u32) -> Self {
        Self { vm: vm.inner().clone(), handle, queue_count }
    }

    #[inline]
    fn vm(&self) -> &VmInner {
        &self.vm
    }

    fn release(&mut self) -> Result<()> {
        let mut arg = sys::drm_panthor_group_destroy::zeroed();
        arg.group_handle = self.handle;
        self.device().transport().call(&mut arg)?;
        self.handle = 0;
        Ok(())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.handle != 0 {
            // The driver refuses only a handle that it does not know, or a device that is gone.
            let _ = self.release();
        }
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("handle", &self.handle)
            .field("vm", &self.vm.id())
            .field("queue_count", &self.queue_count)
            .finish_non_exhaustive()
    }
}
