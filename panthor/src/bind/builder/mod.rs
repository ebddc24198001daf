//! The builder of a batch of VM_BIND operations.

mod blocking;
mod queued;

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Range, RangeBounds};

use panthor_sys as sys;

use super::mode::BindMode;
use super::rules::Limits;
use super::storage::{BindStorage, InlineStorage, Ops, Record};
use super::{MapFlags, plan, rules};
use crate::bo::Bo;
use crate::error::{Broken, Error};
use crate::range::to_range;
use crate::sparse::SparseMode;
use crate::vm::VmInner;

/// A batch of bind operations on a VM, created by [`Vm::bind`](crate::Vm::bind) and its siblings.
///
/// The batch stores 16 operations and 4 sync operations without heap memory. Sync operations of
/// single operations, and operations that need a plan, allocate memory.
///
/// Operations run in recorded order. A map replaces earlier mappings of its range. Replacing or
/// unmapping a part of a mapping keeps the rest. VAs, sizes and offsets are multiples of 4 KiB,
/// whatever the CPU's page size. VAs lie within [`user_va_range`](crate::Vm::user_va_range).
///
/// `submit` reports the first rule that an operation breaks, before any ioctl. `submit` empties
/// the batch, on success and on failure. A dropped batch does nothing. The compiler does not warn
/// about a chain without `submit` at its end.
///
/// The batch borrows the recorded objects, so create a new batch for BOs with shorter lives. A new
/// batch is cheap, and a [`BindBuffer`](crate::BindBuffer) keeps the memory of large ones.
///
/// # Foreign memory
///
/// Linux 7.2 and 7.3 crash when an unmap or a replacement splits a mapped 2 MiB block of another
/// driver's memory. [`map`](Self::map) therefore splits maps of a [foreign](Bo::is_foreign) BO so
/// that no piece covers a whole block: up to three pieces for each block, in the same ioctl. The
/// split costs the GPU its large pages. [`map_whole`](Self::map_whole) does not split.
///
/// # Sparse ranges
///
/// A [sparse](Self::map_sparse) range never faults, but reads are undefined. The whole range is
/// backed by one 2 MiB dummy BO, so a write at one VA is seen 2 MiB further. On native driver 1.9,
/// the write is also seen in other VMs of the same device file. Vulkan's
/// `residencyNonResidentStrict` therefore cannot be offered.
///
/// # Huge ranges
///
/// The driver preallocates page tables for a whole map operation: 2 MiB of memory for each GiB. A
/// larger map than 64 GiB is split into operations of that size, which take the driver about half
/// a second each. An asynchronous batch maps at most 64 GiB [in
/// total](crate::Vm::MAX_QUEUED_MAP_SIZE). [`BindReport`](crate::BindReport) counts the submitted
/// operations. An emulated sparse range needs one operation for each 2 MiB: half a million for
/// each TiB.
///
/// ```
/// use panthor::{BoOptions, Device, MapFlags};
///
/// let device = Device::open_fake()?;
/// let vm = device.create_vm(Default::default())?;
/// let bo = device.create_bo(BoOptions::new(64 << 10))?;
/// let va = 1 << 30;
///
/// // A sparse resource of 100e6 bytes, with memory behind a part of it: one ioctl.
/// let report = vm
///     .bind()
///     .map_sparse(va..va + 100_003_840)
///     .map(&bo, .., va + (4 << 20), MapFlags::NOEXEC)
///     .submit()?;
/// assert_eq!((report.operations, report.ioctls), (2, 1));
/// # Ok::<(), panthor::Error>(())
/// ```
/// Only asynchronous batches have sync operations, and recorded objects must live until `submit`:
///
/// ```compile_fail,E0277
/// # let device = panthor::Device::open_fake().unwrap();
/// # let vm = device.create_vm(Default::default()).unwrap();
/// let syncobj = device.create_syncobj().unwrap();
/// vm.bind().unmap(0..4096).wait(&syncobj).submit().unwrap(); // no sync operations here
/// ```
///
/// ```compile_fail,E0505
/// # let device = panthor::Device::open_fake().unwrap();
/// # let vm = device.create_vm(Default::default()).unwrap();
/// let bo = device.create_bo(panthor::BoOptions::new(4096)).unwrap();
/// let mut batch = vm.bind();
/// batch.map(&bo, .., 0, panthor::MapFlags::NOEXEC);
/// drop(bo); // cannot move out of `bo` because it is borrowed
/// batch.submit().unwrap();
/// ```
#[doc(alias = "DRM_IOCTL_PANTHOR_VM_BIND")]
#[doc(alias = "drm_panthor_vm_bind")]
#[must_use = "a batch does nothing until it is submitted"]
pub struct VmBind<'a, M: BindMode, S: BindStorage = InlineStorage> {
    /// Also bounds the life of the recorded objects.
    vm: &'a VmInner,
    storage: S,
    /// Limits that each operation is checked against.
    limits: Limits,
    /// Error of the first broken rule.
    refused: Option<Error>,
    sparse: SparseMode,
    /// `true` if the batch needs a plan.
    special: bool,
    mode: PhantomData<M>,
    #[cfg(feature = "tracing")]
    unsubmitted: crate::trace::Unsubmitted,
}

impl<'a, M: BindMode, S: BindStorage> VmBind<'a, M, S> {
    /// Creates an empty batch. `storage` must be empty.
    #[cfg_attr(feature = "tracing", track_caller)]
    #[inline(always)]
    pub(crate) fn new(vm: &'a VmInner, storage: S) -> Self {
        let limits = Limits::of(vm);
        let (refused, sparse, special, mode) = (None, SparseMode::Auto, false, PhantomData);
        #[cfg(feature = "tracing")]
        let unsubmitted = crate::trace::Unsubmitted::new(super::CALL);
        Self {
            vm,
            storage,
            limits,
            refused,
            sparse,
            special,
            mode,
            #[cfg(feature = "tracing")]
            unsubmitted,
        }
    }

    /// Records for tracing that the batch has content.
    #[inline(always)]
    fn note(&mut self) {
        #[cfg(feature = "tracing")]
        self.unsubmitted.record();
    }

    /// Reserves capacity for this many more operations. Does nothing if the allocation fails.
    pub fn reserve(&mut self, operations: usize) -> &mut Self {
        self.storage.parts().0.reserve(operations);
        self
    }

    /// Maps `range` of a BO, in bytes, at `va`.
    ///
    /// ```
    /// # use panthor::{BoOptions, MapFlags};
    /// # let device = panthor::Device::open_fake()?;
    /// # let vm = device.create_vm(Default::default())?;
    /// let bo = device.create_bo(BoOptions::new(1 << 20))?;
    /// vm.bind()
    ///     .map(&bo, .., 0x10_0000, MapFlags::NOEXEC)
    ///     .map(&bo, 4096..8192, 0x80_0000, MapFlags::NOEXEC | MapFlags::READONLY)
    ///     .submit()?;
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DRM_PANTHOR_VM_BIND_OP_TYPE_MAP")]
    #[inline]
    pub fn map(
        &mut self,
        bo: &'a Bo,
        range: impl RangeBounds<u64>,
        va: u64,
        flags: MapFlags,
    ) -> &mut Self {
        let range = to_range(&range, bo.size());
        if self.limits.allow_map(bo.inner(), &range, va, flags) {
            self.push_map(bo, &range, va, flags.bits());
        } else {
            self.map_in_pieces(bo, range, va, flags);
        }
        self
    }

    /// Maps `range` of a BO, in bytes, at `va` as one mapping, [foreign](Bo::is_foreign) memory
    /// included.
    ///
    /// # Safety
    ///
    /// If the BO is foreign, no later operation may unmap or replace a part of this mapping,
    /// except in whole blocks of 2 MiB. The kernel may crash otherwise.
    ///
    /// ```
    /// # use panthor::MapFlags;
    /// # let device = panthor::Device::open_fake()?;
    /// # let vm = device.create_vm(Default::default())?;
    /// # let dma_buf = device.fake().expect("a fake").device().foreign_dma_buf(8 << 20)?;
    /// let scanout = device.import_bo(dma_buf)?;
    /// let va = 1 << 30;
    /// let report = vm.bind().map(&scanout, .., va, MapFlags::NOEXEC).submit()?;
    /// assert_eq!(report.operations, 12);
    /// vm.bind().unmap(va..va + scanout.size()).submit()?;
    ///
    /// let mut batch = vm.bind();
    /// // SAFETY: what is mapped here is unmapped as a whole.
    /// unsafe { batch.map_whole(&scanout, .., va, MapFlags::NOEXEC) };
    /// assert_eq!(batch.submit()?.operations, 1);
    /// vm.bind().unmap(va..va + scanout.size()).submit()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub unsafe fn map_whole(
        &mut self,
        bo: &'a Bo,
        range: impl RangeBounds<u64>,
        va: u64,
        flags: MapFlags,
    ) -> &mut Self {
        let range = to_range(&range, bo.size());
        self.map_after_check(bo, range, va, flags, sys::DRM_PANTHOR_VM_BIND_OP_TYPE_MAP);
        self
    }

    /// Maps a VA range sparsely: accesses do not fault, and the range has no memory of its own.
    ///
    /// Reads are undefined: one 2 MiB dummy BO backs the range, so a write at one VA is seen 2 MiB
    /// further. On native driver 1.9, other VMs of the same device file see the write, too.
    /// Vulkan's `residencyNonResidentStrict` therefore cannot be offered.
    ///
    /// Driver 1.9 maps the range in one operation. On older drivers the range is emulated with one
    /// operation for each 2 MiB: see [`sparse_mode`](Self::sparse_mode). NOEXEC is implied.
    #[doc(alias = "DRM_PANTHOR_VM_BIND_OP_MAP_SPARSE")]
    #[inline]
    pub fn map_sparse(&mut self, range: Range<u64>) -> &mut Self {
        self.map_sparse_with(range, MapFlags::NOEXEC)
    }

    /// Maps a VA range sparsely, as [`map_sparse`](Self::map_sparse), with flags in addition to
    /// NOEXEC.
    #[inline]
    pub fn map_sparse_with(&mut self, range: Range<u64>, flags: MapFlags) -> &mut Self {
        if self.limits.allow_range(&range) && rules::allows_sparse_flags(flags) {
            let flags = (flags | MapFlags::NOEXEC).bits() | sys::DRM_PANTHOR_VM_BIND_OP_MAP_SPARSE;
            let size = range.end - range.start;
            self.special |= size > plan::CHUNK || !self.vm.device().has_native_sparse();
            self.push_without_bo(flags, range.start, size);
        } else {
            self.refuse_range(range, flags);
        }
        self
    }

    /// Unmaps a VA range. The range may contain unmapped parts.
    #[doc(alias = "DRM_PANTHOR_VM_BIND_OP_TYPE_UNMAP")]
    #[inline]
    pub fn unmap(&mut self, range: Range<u64>) -> &mut Self {
        if self.limits.allow_range(&range) {
            let size = range.end - range.start;
            self.push_without_bo(sys::DRM_PANTHOR_VM_BIND_OP_TYPE_UNMAP, range.start, size);
        } else {
            self.refuse_range(range, MapFlags::empty());
        }
        self
    }

    /// Sets the sparse mode of this batch and of later batches of the same builder.
    ///
    /// ```
    /// use panthor::SparseMode;
    /// # let device = panthor::Device::open_fake()?;
    /// # let vm = device.create_vm(Default::default())?;
    /// let range = 1 << 30..(1 << 30) + 100_003_840;
    /// let report = vm.bind().sparse_mode(SparseMode::Emulated).map_sparse(range).submit()?;
    /// assert_eq!((report.operations, report.ioctls), (48, 1));
    /// # Ok::<(), panthor::Error>(())
    /// ```
    pub fn sparse_mode(&mut self, mode: SparseMode) -> &mut Self {
        self.sparse = mode;
        self.special |= mode != SparseMode::Auto;
        self
    }

    /// Returns the number of recorded operations.
    #[inline]
    pub fn len(&self) -> usize {
        self.storage.ops().len()
    }

    /// Returns whether no operation is recorded.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes all recorded operations and the error of a broken rule.
    pub fn clear(&mut self) -> &mut Self {
        self.empty();
        self.refused = None;
        self
    }

    #[inline]
    fn push_without_bo(&mut self, flags: u32, va: u64, size: u64) {
        let record = Record { flags, bo_handle: 0, bo_offset: 0, va, size };
        self.storage.parts().0.push(record);
        self.note();
    }

    #[inline]
    fn empty(&mut self) {
        let (ops, syncs) = self.storage.parts();
        ops.clear();
        syncs.clear();
        #[cfg(feature = "tracing")]
        self.unsubmitted.clear();
    }

    /// Records a map that needs a plan, or its error.
    #[cold]
    #[inline(never)]
    fn map_in_pieces(&mut self, bo: &Bo, range: Range<u64>, va: u64, flags: MapFlags) {
        if bo.is_foreign() {
            self.map_after_check(bo, range, va, flags, plan::TYPE_MAP_IN_PIECES);
            self.special = true;
        } else {
            self.refuse_map(bo, &range, va, flags);
        }
    }

    fn map_after_check(
        &mut self,
        bo: &Bo,
        range: Range<u64>,
        va: u64,
        flags: MapFlags,
        op_type: u32,
    ) {
        if rules::broken_by_map(self.vm, bo.inner(), &range, va, flags).is_some() {
            self.refuse_map(bo, &range, va, flags);
            return;
        }
        self.push_map(bo, &range, va, flags.bits() | op_type);
    }

    #[inline(always)]
    fn push_map(&mut self, bo: &Bo, range: &Range<u64>, va: u64, flags: u32) {
        let size = range.end - range.start;
        self.special |= size > plan::CHUNK;
        let record = Record { flags, bo_handle: bo.handle(), bo_offset: range.start, va, size };
        self.storage.parts().0.push(record);
        self.note();
    }

    fn refuse_map(&mut self, bo: &Bo, range: &Range<u64>, va: u64, flags: MapFlags) {
        let (vm, index) = (self.vm, self.len());
        self.refuse(Some(index), || rules::broken_by_map(vm, bo.inner(), range, va, flags));
    }

    #[cold]
    #[inline(never)]
    fn refuse_range(&mut self, range: Range<u64>, flags: MapFlags) {
        let (vm, index) = (self.vm, self.len());
        self.refuse(Some(index), || {
            rules::broken_by_range(vm, &range).or_else(|| rules::broken_by_sparse_flags(flags))
        });
    }

    fn refuse(&mut self, index: Option<usize>, broken: impl FnOnce() -> Option<Broken>) {
        self.note();
        if self.refused.is_none() {
            let broken = broken().unwrap_or(("operation", "breaks a rule of the uAPI".into()));
            self.refused = Some(rules::refuse(index, broken));
        }
    }
}

impl<M: BindMode, S: BindStorage> fmt::Debug for VmBind<'_, M, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VmBind")
            .field("vm", &self.vm.id())
            .field("operations", &self.len())
            .field("refused", &self.refused)
            .finish_non_exhaustive()
    }
}
