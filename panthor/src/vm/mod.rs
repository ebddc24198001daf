//! GPU virtual address spaces.

mod inner;
mod options;
mod state;

use std::fmt;
use std::sync::Arc;

use bytemuck::Zeroable;
use panthor_sys as sys;

use crate::bind::{self, BindBuffer, Blocking, InlineStorage, Queued, VmBind};
use crate::device::Device;
use crate::error::{DestroyError, Error, ErrorKind, Result};
use crate::owned::Owned;
use crate::uid::Uid;

pub(crate) use inner::VmInner;
pub use options::VmOptions;
pub use state::VmState;

/// What the driver keeps for itself of a VM's VA, in bytes.
const KERNEL_VA_MIN: u64 = 256 << 20;

/// A GPU virtual address space.
///
/// Dropping it destroys it, with every mapping in it; the memory of the BOs stays with the BOs. A device
/// file has room for 32.
///
/// Operations that are still [queued](Self::bind_async) run nevertheless when their waits are over, and signal;
/// until then the driver keeps the VM. It would keep for ever what they map then, beyond the end of the program,
/// so the drop queues an unmap of all behind them. Without that chance, in a program that is killed, this is
/// lost to the system.
///
/// ```
/// use panthor::{BoOptions, Device, MapFlags, VmOptions};
///
/// let device = Device::open_fake()?;
/// let vm = device.create_vm(VmOptions::new())?;
/// let bo = device.create_bo(BoOptions::new(2 << 20).exclusive_to(&vm))?;
/// vm.bind().map(&bo, .., 16 << 20, MapFlags::NOEXEC).submit()?;
/// vm.bind().unmap(16 << 20..18 << 20).submit()?;
/// # Ok::<(), panthor::Error>(())
/// ```
pub struct Vm {
    inner: Arc<Owned<VmInner>>,
}

impl Device {
    /// Creates a VM (VM_CREATE).
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) when the user VA range leaves the kernel less than
    /// 256 MiB; [`OutOfMemory`](ErrorKind::OutOfMemory) beyond 32 VMs of one file.
    ///
    /// ```
    /// use panthor::{Device, VmOptions};
    /// let vm = Device::open_fake()?.create_vm(VmOptions::new().user_va_range(4 << 30))?;
    /// assert!(vm.user_va_range() >= 4 << 30);
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DRM_IOCTL_PANTHOR_VM_CREATE")]
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn create_vm(&self, options: VmOptions) -> Result<Vm> {
        let mut arg = sys::drm_panthor_vm_create::zeroed();
        arg.user_va_range = options.user_va_range;
        self.transport().call(&mut arg).map_err(|error| match error.kind() {
            // What the driver says when the table of 32 is full.
            ErrorKind::Busy => error
                .with_kind(ErrorKind::OutOfMemory)
                .with_detail("the device file has as many VMs as the driver allows (32)"),
            ErrorKind::InvalidArgument => self.explain_user_va_range(error, options.user_va_range),
            _ => error,
        })?;
        Ok(Vm::of(Owned::new(VmInner::new(self, arg.id, arg.user_va_range, Uid::next()))))
    }

    /// Names the user VA range when the driver refused one that leaves the kernel too little.
    #[cold]
    fn explain_user_va_range(&self, error: Error, asked: u64) -> Error {
        let Ok(gpu) = self.gpu_info() else { return error };
        let full = 1u64.checked_shl(gpu.va_bits()).unwrap_or(u64::MAX);
        let limit = full.saturating_sub(KERNEL_VA_MIN);
        if asked <= limit {
            return error;
        }
        let rule =
            format!("leaves the kernel less than 256 MiB of VA ({asked:#x}, at most {limit:#x})");
        error.with_argument("user_va_range").with_detail(rule)
    }
}

impl Vm {
    /// Bytes that one [asynchronous batch](Self::bind_async) maps at most: 64 GiB.
    ///
    /// The driver allocates the page tables of all its maps when the batch is queued, 2 MiB for each GiB, and keeps
    /// them until it has run. A batch that would map more is refused, with the operation from which on it is too much
    /// as [`op_index`](crate::Error::op_index). What is to map more is split by the caller, for whom several batches
    /// mean this: they run in the order in which they are queued, but batches of other threads may come between; and
    /// when one is refused, those before it stay queued. All wait for what the first one waits for.
    ///
    /// ```
    /// use panthor::{Timeout, Vm, Wait};
    /// # let device = panthor::Device::open_fake()?;
    /// # let vm = device.create_vm(Default::default())?;
    /// let (acquired, done) = (device.create_signaled_syncobj()?, device.create_syncobj()?);
    /// let size = 100 << 30;
    /// let mut va = 0;
    /// while va < size {
    ///     let end = size.min(va + Vm::MAX_QUEUED_MAP_SIZE);
    ///     let mut batch = vm.bind_async();
    ///     batch.map_sparse(va..end);
    ///     if va == 0 {
    ///         batch.wait(&acquired);
    ///     }
    ///     if end == size {
    ///         batch.signal(&done);
    ///     }
    ///     batch.submit()?;
    ///     va = end;
    /// }
    /// assert_eq!(done.wait(Timeout::FOREVER)?, Wait::Ready);
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "vkQueueBindSparse")]
    pub const MAX_QUEUED_MAP_SIZE: u64 = bind::MAX_QUEUED_MAP_SIZE;

    /// Bytes of VA for the user: valid VAs are `0..user_va_range`.
    pub fn user_va_range(&self) -> u64 {
        self.inner.user_va_range()
    }

    /// The driver's id of this VM, valid while it lives: ids are reused, so compare VMs, not ids.
    pub fn id(&self) -> u32 {
        self.inner.id()
    }

    /// The device that it was created on.
    pub fn device(&self) -> &Device {
        self.inner.device()
    }

    /// Asks whether the VM takes new mappings (VM_GET_STATE).
    ///
    /// # Errors
    ///
    /// [`DeviceLost`](ErrorKind::DeviceLost) when the device was unplugged.
    ///
    /// ```
    /// # let device = panthor::Device::open_fake()?;
    /// let vm = device.create_vm(Default::default())?;
    /// assert_eq!(vm.state()?, panthor::VmState::Usable);
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DRM_IOCTL_PANTHOR_VM_GET_STATE")]
    pub fn state(&self) -> Result<VmState> {
        self.inner.state()
    }

    /// Starts a batch of operations that are done when `submit` returns.
    ///
    /// It overtakes asynchronous batches that are still queued: unmapping synchronously what a queued batch is
    /// yet to map leaves it mapped in the end.
    #[inline]
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn bind(&self) -> VmBind<'_, Blocking> {
        VmBind::new(&self.inner, InlineStorage::new())
    }

    /// Starts a batch of operations that `submit` queues behind the VM's earlier ones and behind the
    /// syncobjs it waits for, but not behind or before synchronous ones, which overtake it.
    ///
    /// On a VM that a [parent process](Device#fork) made `submit` refuses it, unless the parent has queued
    /// something before the fork.
    #[inline]
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn bind_async(&self) -> VmBind<'_, Queued> {
        VmBind::new(&self.inner, InlineStorage::new())
    }

    /// As [`bind`](Self::bind), in memory that is kept for the next batch: for large ones.
    ///
    /// What cannot go to the driver as it is recorded (emulated sparse ranges, maps beyond 64 GiB) is laid out
    /// in memory of its own all the same.
    ///
    /// ```
    /// # let device = panthor::Device::open_fake()?;
    /// # let vm = device.create_vm(Default::default())?;
    /// let mut buffer = panthor::BindBuffer::new();
    /// for frame in 0..3u64 {
    ///     let mut batch = vm.bind_with(&mut buffer);
    ///     for page in 0..100u64 {
    ///         batch.map_sparse((frame * 100 + page) << 12..(frame * 100 + page + 1) << 12);
    ///     }
    ///     batch.submit()?; // allocates in the first frame only
    /// }
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[inline]
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn bind_with<'a>(
        &'a self,
        buffer: &'a mut BindBuffer,
    ) -> VmBind<'a, Blocking, &'a mut BindBuffer> {
        VmBind::new(&self.inner, buffer.cleared())
    }

    /// As [`bind_async`](Self::bind_async), in memory that is kept for the next batch.
    #[inline]
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn bind_async_with<'a>(
        &'a self,
        buffer: &'a mut BindBuffer,
    ) -> VmBind<'a, Queued, &'a mut BindBuffer> {
        VmBind::new(&self.inner, buffer.cleared())
    }

    /// Destroys the VM and says how that went (VM_DESTROY); every mapping in it goes with it, and what queued
    /// operations are yet to map is unmapped behind them.
    ///
    /// # Errors
    ///
    /// [`Busy`](ErrorKind::Busy) while a [`Group`](crate::Group) or a [`TilerHeap`](crate::TilerHeap) of it
    /// lives, with nothing changed, else what the driver says. The VM comes back with the error; when the driver
    /// refused, one in which something was ever queued loses all its mappings as soon as that has run.
    ///
    /// ```
    /// # let device = panthor::Device::open_fake()?;
    /// let vm = device.create_vm(Default::default())?;
    /// vm.destroy()?;
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DRM_IOCTL_PANTHOR_VM_DESTROY")]
    pub fn destroy(self) -> Result<(), DestroyError<Self>> {
        self.into_owned("VM_DESTROY")?.destroy(Self::of)
    }

    fn into_owned(self, call: &'static str) -> Result<Owned<VmInner>, DestroyError<Self>> {
        let why = "a group or a tiler heap still needs the VM";
        Owned::unshared(self.inner, call, why, |inner| Self { inner })
    }

    /// Gives up the VM for its id, which is the caller's to destroy.
    ///
    /// # Errors
    ///
    /// [`Busy`](ErrorKind::Busy) while a group or a tiler heap needs it. The VM comes back with the error.
    pub fn into_raw(self) -> Result<u32, DestroyError<Self>> {
        let owned = self.into_owned("into_raw")?;
        let id = owned.id();
        owned.device().given_up_vms().note(id, owned.uid());
        owned.give_up();
        Ok(id)
    }

    /// Takes over a VM by its id. BOs that are exclusive to one that [`into_raw`](Self::into_raw) gave up are so to
    /// this one.
    ///
    /// # Safety
    ///
    /// `id` is a VM of this device's open file with this user VA range, and nothing else destroys it.
    #[cfg_attr(feature = "tracing", track_caller)]
    pub unsafe fn from_raw(device: &Device, id: u32, user_va_range: u64) -> Self {
        let uid = device.given_up_vms().find(id);
        let inner = VmInner::new(device, id, user_va_range, uid);
        // Who had it may have queued something.
        inner.assume_queued();
        Self::of(Owned::new(inner))
    }

    fn of(inner: Owned<VmInner>) -> Self {
        Self { inner: Arc::new(inner) }
    }

    /// The VM, if nothing else holds it any more.
    pub(crate) fn last_of(inner: Arc<Owned<VmInner>>) -> Option<Self> {
        Arc::into_inner(inner).map(Self::of)
    }

    pub(crate) fn uid(&self) -> Uid {
        self.inner.uid()
    }

    /// What a group or a heap holds on to.
    pub(crate) fn inner(&self) -> &Arc<Owned<VmInner>> {
        &self.inner
    }
}

impl fmt::Debug for Vm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vm")
            .field("id", &self.inner.id())
            .field("user_va_range", &self.inner.user_va_range())
            .finish_non_exhaustive()
    }
}
