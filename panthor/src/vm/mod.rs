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
use crate::transport::NoCallbacks;
use crate::uid::Uid;

pub(crate) use inner::VmInner;
pub use options::VmOptions;
pub use state::VmState;

/// Bytes of VA that the kernel reserves in each VM at least.
const KERNEL_VA_MIN: u64 = 256 << 20;

/// A GPU virtual address space.
///
/// Dropping a VM destroys the VM and all its mappings. The BOs keep their memory. A device file
/// has room for 32 VMs.
///
/// [Queued](Self::bind_async) operations still run and signal after the drop, once their waits are
/// over. Until then the driver keeps the VM. Memory that such an operation maps would stay pinned
/// even after the program ends. The drop therefore queues an unmap of the whole VM behind them. A
/// killed program cannot do so: the system loses that memory.
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
    /// * [`InvalidArgument`](ErrorKind::InvalidArgument) when the user VA range leaves the kernel
    ///   less than 256 MiB.
    /// * [`OutOfMemory`](ErrorKind::OutOfMemory) beyond 32 VMs of one file.
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
        let until_owned = NoCallbacks::new();
        self.transport().call(&mut arg).map_err(|error| match error.kind() {
            // The driver returns EBUSY when its table of 32 VMs is full.
            ErrorKind::Busy => error
                .with_kind(ErrorKind::OutOfMemory)
                .with_detail("the device file has as many VMs as the driver allows (32)"),
            ErrorKind::InvalidArgument => self.explain_user_va_range(error, options.user_va_range),
            _ => error,
        })?;
        let vm = Vm::of(Owned::new(VmInner::new(self, arg.id, arg.user_va_range, Uid::next())));
        drop(until_owned);
        Ok(vm)
    }

    /// Adds the argument to the driver's error if the user VA range exceeds the limit.
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
    /// Maximum size in bytes of all maps in one [asynchronous batch](Self::bind_async): 64 GiB.
    ///
    /// When a batch is queued, the driver allocates the page tables of all its maps: 2 MiB for
    /// each GiB. The driver keeps them until the batch has run. A larger batch is refused, and
    /// [`op_index`](crate::Error::op_index) is the first operation beyond the limit.
    ///
    /// Callers split larger maps into several batches. Such batches run in the order in which they
    /// are queued, but batches of other threads may run between them. If one batch is refused,
    /// earlier ones stay queued. Each batch runs after the waits of the first.
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

    /// Returns the size of the user VA range in bytes. Valid VAs are `0..user_va_range`.
    pub fn user_va_range(&self) -> u64 {
        self.inner.user_va_range()
    }

    /// Returns the driver's ID of this VM.
    ///
    /// The driver reuses IDs of destroyed VMs, so compare VMs and not IDs.
    pub fn id(&self) -> u32 {
        self.inner.id()
    }

    /// Returns the device that the VM belongs to.
    pub fn device(&self) -> &Device {
        self.inner.device()
    }

    /// Returns whether the VM accepts new mappings (VM_GET_STATE).
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

    /// Starts a synchronous batch: its operations are done when `submit` returns.
    ///
    /// A synchronous batch overtakes queued asynchronous batches. If it unmaps a range that a
    /// queued batch will map, the range ends up mapped.
    #[inline]
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn bind(&self) -> VmBind<'_, Blocking> {
        VmBind::new(&self.inner, InlineStorage::new())
    }

    /// Starts an asynchronous batch, which `submit` queues.
    ///
    /// The batch runs after the VM's earlier asynchronous batches and after its syncobj waits.
    /// Synchronous batches overtake it.
    ///
    /// On a VM of a [parent process](Device#fork), `submit` refuses the batch unless the parent
    /// queued operations before the fork.
    #[inline]
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn bind_async(&self) -> VmBind<'_, Queued> {
        VmBind::new(&self.inner, InlineStorage::new())
    }

    /// Starts a synchronous batch that records into a reusable buffer, for large batches.
    ///
    /// Operations that need a plan, such as emulated sparse ranges and maps beyond 64 GiB, still
    /// allocate separate memory.
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

    /// Starts an asynchronous batch, as [`bind_async`](Self::bind_async), that records into a
    /// reusable buffer.
    #[inline]
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn bind_async_with<'a>(
        &'a self,
        buffer: &'a mut BindBuffer,
    ) -> VmBind<'a, Queued, &'a mut BindBuffer> {
        VmBind::new(&self.inner, buffer.cleared())
    }

    /// Destroys the VM and its mappings, and reports failures (VM_DESTROY).
    ///
    /// An unmap behind the queued operations removes their mappings, too.
    ///
    /// # Errors
    ///
    /// * [`Busy`](ErrorKind::Busy) while a [`Group`](crate::Group) or a
    ///   [`TilerHeap`](crate::TilerHeap) of the VM exists. The VM is unchanged.
    /// * Errors of the driver. If operations were ever queued in the VM, the VM loses all mappings
    ///   after they have run.
    ///
    /// The error contains the VM.
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

    /// Releases the VM and returns its ID, which the caller must destroy.
    ///
    /// # Errors
    ///
    /// [`Busy`](ErrorKind::Busy) while a group or a tiler heap uses the VM. The error contains the
    /// VM.
    pub fn into_raw(self) -> Result<u32, DestroyError<Self>> {
        let owned = self.into_owned("into_raw")?;
        let id = owned.id();
        owned.device().given_up_vms().note(id, owned.uid());
        owned.give_up();
        Ok(id)
    }

    /// Creates a VM from its ID.
    ///
    /// If [`into_raw`](Self::into_raw) released the VM, BOs that were exclusive to the released VM
    /// are exclusive to this VM.
    ///
    /// # Safety
    ///
    /// `id` must be a VM of this device's open file with this user VA range, and no other code may
    /// destroy that VM.
    #[cfg_attr(feature = "tracing", track_caller)]
    pub unsafe fn from_raw(device: &Device, id: u32, user_va_range: u64) -> Self {
        let uid = device.given_up_vms().find(id);
        let inner = VmInner::new(device, id, user_va_range, uid);
        // The previous owner may have queued operations.
        inner.assume_queued();
        Self::of(Owned::new(inner))
    }

    fn of(inner: Owned<VmInner>) -> Self {
        Self { inner: Arc::new(inner) }
    }

    /// Returns the VM if `inner` is the last reference.
    pub(crate) fn last_of(inner: Arc<Owned<VmInner>>) -> Option<Self> {
        Arc::into_inner(inner).map(Self::of)
    }

    pub(crate) fn uid(&self) -> Uid {
        self.inner.uid()
    }

    /// Returns the state that groups and tiler heaps keep alive.
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
