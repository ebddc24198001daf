//! Tiler heaps: memory that grows while tiler jobs run.

use std::fmt;
use std::sync::Arc;

use bytemuck::Zeroable;
use panthor_sys as sys;

use crate::device::Device;
use crate::error::{DestroyError, Error, ErrorKind, Result};
use crate::owned::{Owned, Release};
use crate::vm::{Vm, VmInner};

/// The name of the call in errors.
const CALL: &str = "TILER_HEAP_CREATE";

/// The sizes of a chunk that the driver takes.
const CHUNK_SIZES: std::ops::RangeInclusive<u32> = 128 << 10..=8 << 20;

/// How a tiler heap shall be: at first 5 chunks of 2 MiB, at most 64, and no limit of render passes.
#[derive(Debug, Clone)]
pub struct TilerHeapOptions {
    chunk_size: u32,
    initial_chunks: u32,
    max_chunks: u32,
    target_in_flight: u32,
}

impl TilerHeapOptions {
    /// A heap that starts with 10 MiB and grows to 128 MiB.
    pub fn new() -> Self {
        Self {
            chunk_size: 2 << 20,
            initial_chunks: 5,
            max_chunks: 64,
            target_in_flight: u32::from(u16::MAX),
        }
    }

    /// Bytes of a chunk: a multiple of the CPU's page size from 128 KiB to 8 MiB.
    pub fn chunk_size(mut self, bytes: u32) -> Self {
        self.chunk_size = bytes;
        self
    }

    /// Chunks that are allocated at once, from 1 to [`max_chunks`](Self::max_chunks).
    #[doc(alias = "initial_chunk_count")]
    pub fn initial_chunks(mut self, chunks: u32) -> Self {
        self.initial_chunks = chunks;
        self
    }

    /// Chunks that the heap may grow to.
    pub fn max_chunks(mut self, chunks: u32) -> Self {
        self.max_chunks = chunks;
        self
    }

    /// Render passes in flight above which the firmware waits for some to finish instead of having the heap
    /// grow.
    pub fn target_in_flight(mut self, render_passes: u32) -> Self {
        self.target_in_flight = render_passes;
        self
    }

    /// The rule that is broken: the argument and what it should be.
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

/// Memory of a VM that tiler jobs take chunks from, and that grows when they need more.
///
/// It keeps its VM alive. Dropping it destroys it, and faults jobs that still use it. A VM has room for 128.
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
    /// The first chunks are allocated at once, and not out of the VM's user part.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for a chunk size that is not a multiple of the CPU's
    /// page size from 128 KiB to 8 MiB, for no first chunk and for more than the heap may have;
    /// [`OutOfMemory`](ErrorKind::OutOfMemory), also beyond 128 heaps of one VM;
    /// [`DeviceLost`](ErrorKind::DeviceLost) when the VM has become unusable.
    ///
    /// ```
    /// use panthor::{ErrorKind, TilerHeapOptions};
    /// # let device = panthor::Device::open_fake()?;
    /// # let vm = device.create_vm(Default::default())?;
    /// let options = TilerHeapOptions::new().initial_chunks(9).max_chunks(8);
    /// let error = vm.create_tiler_heap(options).unwrap_err();
    /// assert_eq!((error.kind(), error.argument()), (ErrorKind::InvalidArgument, Some("initial_chunks")));
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
        self.device().transport().call(&mut arg).map_err(|error| match error.kind() {
            // What the driver says when the VM's table is full.
            ErrorKind::Busy => error
                .with_kind(ErrorKind::OutOfMemory)
                .with_detail("the VM has as many tiler heaps as the driver allows (128)"),
            _ => self.inner().explain(error),
        })?;
        let (context_va, first_chunk_va) = (arg.tiler_heap_ctx_gpu_va, arg.first_heap_chunk_gpu_va);
        Ok(TilerHeap::of(self, arg.handle, context_va, first_chunk_va))
    }
}

impl TilerHeap {
    /// GPU address of the heap's context, which command streams name the heap by.
    #[doc(alias = "tiler_heap_ctx_gpu_va")]
    pub fn context_va(&self) -> u64 {
        self.context_va
    }

    /// GPU address of the first chunk, which links to the others.
    #[doc(alias = "first_heap_chunk_gpu_va")]
    pub fn first_chunk_va(&self) -> u64 {
        self.first_chunk_va
    }

    /// The driver's handle of this heap, valid while it lives: handles are reused.
    pub fn handle(&self) -> u32 {
        self.inner.handle
    }

    /// The device that it was created on.
    pub fn device(&self) -> &Device {
        self.inner.vm.device()
    }

    /// Destroys the heap and says how that went (TILER_HEAP_DESTROY).
    ///
    /// # Errors
    ///
    /// [`DeviceLost`](ErrorKind::DeviceLost) when the device was unplugged. The heap comes back with the error.
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

    /// Gives up the heap for its handle, which is the caller's to destroy, and for its VM, if nothing else holds
    /// that any more: dropping the VM destroys it, with the heap still in it.
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

    /// Takes over a heap by its handle.
    ///
    /// # Safety
    ///
    /// `handle` is a heap of this VM, at these addresses, and nothing else destroys it.
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
        // The CPU's page counts, not the GPU's.
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
        // SAFETY: nothing is done with this handle but what the fake is told to refuse.
        let heap = unsafe { TilerHeap::from_raw(&vm, 1 << 16, 0, 0) };
        vm.device().fake().unwrap().fail_ioctl(sys::DRM_IOCTL_PANTHOR_TILER_HEAP_DESTROY, 19);
        let failed = heap.destroy().unwrap_err();
        assert_eq!(failed.error.kind(), ErrorKind::DeviceLost);
        assert_eq!(failed.object.into_raw().0, 1 << 16);
    }
}
