//! Tiler heaps: memory that grows while tiler jobs run.

use std::fmt;
use std::sync::Arc;

use bytemuck::Zeroable;
use panthor_sys as sys;

use crate::device::Device;
use crate::error::{DestroyError, Error, ErrorKind, Result};
use crate::owned::{Owned, Release};
use crate::transport::NoCallbacks;
use crate::vm::{Vm, VmInner};

/// Call name in errors.
const CALL: &str = "TILER_HEAP_CREATE";

/// Range of valid chunk sizes.
const CHUNK_SIZES: std::ops::RangeInclusive<u32> = 128 << 10..=8 << 20;

/// Tiler heap creation options.
///
/// By default, a heap has 5 initial chunks of 2 MiB, at most 64 chunks, and no limit on render
/// passes.
#[derive(Debug, Clone)]
pub struct TilerHeapOptions {
    chunk_size: u32,
    initial_chunks: u32,
    max_chunks: u32,
    target_in_flight: u32,
}

impl TilerHeapOptions {
    /// Returns the default options: a heap of 10 MiB that grows to 128 MiB.
    pub fn new() -> Self {
        Self {
            chunk_size: 2 << 20,
            initial_chunks: 5,
            max_chunks: 64,
            target_in_flight: u32::from(u16::MAX),
        }
    }

    /// Sets the chunk size in bytes, a multiple of the CPU's page size from 128 KiB to 8 MiB.
    pub fn chunk_size(mut self, bytes: u32) -> Self {
        self.chunk_size = bytes;
        self
    }

    /// Sets the number of chunks allocated on creation, from 1 to
    /// [`max_chunks`](Self::max_chunks).
    #[doc(alias = "initial_chunk_count")]
    pub fn initial_chunks(mut self, chunks: u32) -> Self {
        self.initial_chunks = chunks;
        self
    }

    /// Sets the maximum number of chunks.
    pub fn max_chunks(mut self, chunks: u32) -> Self {
        self.max_chunks = chunks;
        self
    }

    /// Sets the number of render passes in flight above which the firmware waits instead of
    /// growing the heap.
    pub fn target_in_flight(mut self, render_passes: u32) -> Self {
        self.target_in_flight = render_passes;
        self
    }

    /// Returns the broken rule, if any.
    fn broken_rule(&self, cpu_page_size: u64) -> Option<(&'static str, String)> {
        let Self { chunk_size, initial_chunks, max_chunks, .. } = *self;
        if !CHUNK_SIZES.contains(&chunk_size) || u64::from(chunk_size) % cpu_page_size != 0 {
            let rule = format!(
                "is no multiple of the CPU's page size from 128 KiB to 8 MiB ({chunk_size:#x}, {cpu_page_size} bytes)"
            );
            return Some(("chunk_size", rule));
        }
        if initial_chunks == 0 {
            return Some(("initial_chunks", "is too small (0, at least 1)".into()));
        }
        if initial_chunks > max_chunks {
            let rule = format!("is above max_chunks ({initial_chunks}, at most {max_chunks})");
            return Some(("initial_chunks", rule));
        }
        None
    }
}

impl Default for TilerHeapOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// Tiler memory of a VM: tiler jobs take chunks from the heap, and the heap grows on demand.
///
/// A heap keeps its VM alive. Dropping a heap destroys it, and jobs that still use it fault. A VM
/// has room for 128 heaps.
///
/// ```
/// use panthor::{Device, TilerHeapOptions};
///
/// let device = Device::open_fake()?;
/// let vm = device.create_vm(Default::default())?;
/// let heap = vm.create_tiler_heap(TilerHeapOptions::new().initial_chunks(1))?;
/// // Both are in the kernel's part of the VM.
/// assert!(heap.context_va() >= vm.user_va_range());
/// assert!(heap.first_chunk_va() >= vm.user_va_range());
/// # Ok::<(), panthor::Error>(())
/// ```
#[doc(alias = "drm_panthor_tiler_heap_create")]
pub struct TilerHeap {
    inner: Owned<HeapInner>,
    context_va: u64,
    first_chunk_va: u64,
}

struct HeapInner {
    vm: Arc<Owned<VmInner>>,
    handle: u32,
}

impl Vm {
    /// Creates a tiler heap in this VM (TILER_HEAP_CREATE).
    ///
    /// The driver allocates the initial chunks at once, outside of the user VA range.
    ///
    /// # Errors
    ///
    /// * [`InvalidArgument`](ErrorKind::InvalidArgument) for a chunk size that is not a multiple
    ///   of the CPU's page size from 128 KiB to 8 MiB.
    /// * [`InvalidArgument`](ErrorKind::InvalidArgument) for no initial chunk, and for more
    ///   initial chunks than the maximum.
    /// * [`OutOfMemory`](ErrorKind::OutOfMemory) without kernel memory, and beyond 128 heaps of
    ///   one VM.
    /// * [`DeviceLost`](ErrorKind::DeviceLost) when the VM is unusable.
    ///
    /// ```
    /// use panthor::{ErrorKind, TilerHeapOptions};
    /// # let device = panthor::Device::open_fake()?;
    /// # let vm = device.create_vm(Default::default())?;
    /// let options = TilerHeapOptions::new().initial_chunks(9).max_chunks(8);
    /// let error = vm.create_tiler_heap(options).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    /// assert_eq!(error.argument(), Some("initial_chunks"));
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE")]
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn create_tiler_heap(&self, options: TilerHeapOptions) -> Result<TilerHeap> {
        if let Some((argument, rule)) = options.broken_rule(self.device().cpu_page_size()) {
            return Err(Error::invalid(CALL, argument, rule));
        }
        let mut arg = sys::drm_panthor_tiler_heap_create::zeroed();
        arg.vm_id = self.id();
        arg.chunk_size = options.chunk_size;
        arg.initial_chunk_count = options.initial_chunks;
        arg.max_chunks = options.max_chunks;
        arg.target_in_flight = options.target_in_flight;
        let until_owned = NoCallbacks::new();
        self.device().transport().call(&mut arg).map_err(|error| match error.kind() {
            // The driver returns EBUSY when the VM's table is full.
            ErrorKind::Busy => error
                .with_kind(ErrorKind::OutOfMemory)
                .with_detail("the VM has as many tiler heaps as the driver allows (128)"),
            _ => self.inner().explain(error),
        })?;
        let (context_va, first_chunk_va) = (arg.tiler_heap_ctx_gpu_va, arg.first_heap_chunk_gpu_va);
        let heap = TilerHeap::of(self, arg.handle, context_va, first_chunk_va);
        drop(until_owned);
        Ok(heap)
    }
}

impl TilerHeap {
    /// Returns the GPU address of the heap's context, which identifies the heap in command
    /// streams.
    #[doc(alias = "tiler_heap_ctx_gpu_va")]
    pub fn context_va(&self) -> u64 {
        self.context_va
    }

    /// Returns the GPU address of the first chunk, which links to the others.
    #[doc(alias = "first_heap_chunk_gpu_va")]
    pub fn first_chunk_va(&self) -> u64 {
        self.first_chunk_va
    }

    /// Returns the driver's handle of this heap, valid while the heap lives. The driver reuses
    /// handles.
    pub fn handle(&self) -> u32 {
        self.inner.handle
    }

    /// Returns the device that the heap belongs to.
    pub fn device(&self) -> &Device {
        self.inner.vm.device()
    }

    /// Destroys the heap and reports failures (TILER_HEAP_DESTROY).
    ///
    /// # Errors
    ///
    /// [`DeviceLost`](ErrorKind::DeviceLost) when the device was unplugged. The error contains the
    /// heap.
    ///
    /// ```
    /// # let device = panthor::Device::open_fake()?;
    /// let vm = device.create_vm(Default::default())?;
    /// let heap = vm.create_tiler_heap(Default::default())?;
    /// let vm = vm.destroy().unwrap_err().object; // the heap needs it
    /// heap.destroy()?;
    /// vm.destroy()?;
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DRM_IOCTL_PANTHOR_TILER_HEAP_DESTROY")]
    pub fn destroy(self) -> Result<(), DestroyError<Self>> {
        let Self { inner, context_va, first_chunk_va } = self;
        inner.destroy(|inner| Self { inner, context_va, first_chunk_va })
    }

    /// Releases the heap and returns its handle, which the caller must destroy.
    ///
    /// Also returns the VM if the heap held its last reference. Dropping that VM destroys it with
    /// the heap in it.
    ///
    /// ```
    /// # let device = panthor::Device::open_fake()?;
    /// # let vm = device.create_vm(Default::default())?;
    /// let heap = vm.create_tiler_heap(Default::default())?;
    /// let (handle, None) = heap.into_raw() else { panic!("`vm` holds the VM") };
    /// # let _ = handle;
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[must_use = "the VM is destroyed with the last that holds it"]
    pub fn into_raw(self) -> (u32, Option<Vm>) {
        let (handle, vm) = (self.handle(), self.inner.vm.clone());
        self.inner.give_up();
        (handle, Vm::last_of(vm))
    }

    /// Creates a heap from its handle.
    ///
    /// # Safety
    ///
    /// `handle` must be a heap of this VM at these addresses, and no other code may destroy it.
    #[cfg_attr(feature = "tracing", track_caller)]
    pub unsafe fn from_raw(vm: &Vm, handle: u32, context_va: u64, first_chunk_va: u64) -> Self {
        Self::of(vm, handle, context_va, first_chunk_va)
    }

    #[cfg_attr(feature = "tracing", track_caller)]
    fn of(vm: &Vm, handle: u32, context_va: u64, first_chunk_va: u64) -> Self {
        let inner = Owned::new(HeapInner { vm: vm.inner().clone(), handle });
        Self { inner, context_va, first_chunk_va }
    }
}

impl Release for HeapInner {
    fn release(&self) -> Result<()> {
        let mut arg = sys::drm_panthor_tiler_heap_destroy::zeroed();
        arg.handle = self.handle;
        self.vm.device().transport().call(&mut arg)
    }
}

impl fmt::Debug for TilerHeap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TilerHeap")
            .field("handle", &self.handle())
            .field("context_va", &format_args!("{:#x}", self.context_va))
            .field("first_chunk_va", &format_args!("{:#x}", self.first_chunk_va))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(options: TilerHeapOptions, page: u64) -> Option<&'static str> {
        options.broken_rule(page).map(|(argument, _)| argument)
    }

    #[test]
    fn chunk_sizes() {
        let with = |bytes| TilerHeapOptions::new().chunk_size(bytes);
        for size in [128 << 10, 132 << 10, 1 << 20, 8 << 20] {
            assert_eq!(broken(with(size), 4096), None, "{size:#x}");
        }
        for size in [0, 4096, 124 << 10, (128 << 10) + 2048, (8 << 20) + 4096, u32::MAX] {
            assert_eq!(broken(with(size), 4096), Some("chunk_size"), "{size:#x}");
        }
        // The rule depends on the CPU's page size, not on the GPU's.
        assert_eq!(broken(with(132 << 10), 64 << 10), Some("chunk_size"));
        assert_eq!(broken(with(192 << 10), 64 << 10), None);
    }

    #[test]
    fn chunk_counts() {
        let with = |first, most| TilerHeapOptions::new().initial_chunks(first).max_chunks(most);
        assert_eq!(broken(with(1, 1), 4096), None);
        assert_eq!(broken(with(3, u32::MAX), 4096), None);
        assert_eq!(broken(with(0, 1), 4096), Some("initial_chunks"));
        assert_eq!(broken(with(0, 0), 4096), Some("initial_chunks"));
        assert_eq!(broken(with(2, 1), 4096), Some("initial_chunks"));
        assert_eq!(broken(TilerHeapOptions::new().target_in_flight(0), 4096), None);
    }

    #[cfg(feature = "fake")]
    #[test]
    fn a_refused_creation_says_why() {
        let vm = Device::open_fake().unwrap().create_vm(Default::default()).unwrap();
        let fake = vm.device().fake().unwrap();
        for (errno, kind) in [
            (12, ErrorKind::OutOfMemory), // ENOMEM
            (16, ErrorKind::OutOfMemory), // EBUSY: the table is full
            (19, ErrorKind::DeviceLost),  // ENODEV
            (22, ErrorKind::InvalidArgument),
        ] {
            fake.fail_ioctl(sys::DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE, errno);
            let error = vm.create_tiler_heap(TilerHeapOptions::new()).unwrap_err();
            assert_eq!((error.kind(), error.errno()), (kind, Some(errno)), "{error}");
        }
        assert!(fake.gpu(vm.id()).unwrap().fail_next_job(5));
        let done = vm.device().create_syncobj().unwrap();
        vm.bind_async().map_sparse(0..4096).signal(&done).submit().unwrap();
        assert!(done.wait(crate::Timeout::FOREVER).unwrap().is_ready());
        fake.fail_ioctl(sys::DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE, 22);
        let error = vm.create_tiler_heap(TilerHeapOptions::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DeviceLost, "{error}");
    }

    #[cfg(feature = "fake")]
    #[test]
    fn a_destruction_that_fails_gives_the_heap_back() {
        let vm = Device::open_fake().unwrap().create_vm(Default::default()).unwrap();
        // SAFETY: the fake refuses every use of this handle.
        let heap = unsafe { TilerHeap::from_raw(&vm, 1 << 16, 0, 0) };
        vm.device().fake().unwrap().fail_ioctl(sys::DRM_IOCTL_PANTHOR_TILER_HEAP_DESTROY, 19);
        let failed = heap.destroy().unwrap_err();
        assert_eq!(failed.error.kind(), ErrorKind::DeviceLost);
        assert_eq!(failed.object.into_raw().0, 1 << 16);
    }
}
