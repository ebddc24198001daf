//! Memory access through the GPU page tables of a VM.

use std::fmt;
use std::sync::{Arc, Weak};

use panthor_sys as sys;

use crate::bo::Bo;
use crate::call::errno::Errno;
use crate::file::FileInner;
use crate::vm::Vm;
use crate::vm::mapping_info::{HandleOf, MappingInfo};
use crate::vm::va_space::{Mapping, SPARSE_PERIOD};

/// The GPU's view of a VM, with control over the VM's queue.
///
/// An access counts as a job's access, so it first restores the evicted BOs of the VM, see
/// [`Device::reclaim`](crate::Device::reclaim).
///
/// The view does not keep the VM alive. After the VM is gone, every access faults.
#[derive(Clone, Debug)]
pub struct GpuView {
    vm: Weak<Vm>,
    file: Weak<FileInner>,
}

/// A mapping in one of the lists of [`Device::address_spaces`](crate::Device::address_spaces).
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct GpuVa {
    /// The GPU virtual address.
    pub va: u64,
    /// The size in bytes.
    pub size: u64,
    /// The identity of the object behind the mapping: equal for all mappings of an object,
    /// different for other live objects.
    pub object: u64,
    /// The offset in the object, in bytes.
    pub offset: u64,
}

impl GpuVa {
    pub(crate) fn of((va, mapping): (u64, &Mapping<Arc<Bo>>)) -> Self {
        let Mapping { size, offset, ref object, .. } = *mapping;
        Self { va, size, object: object.mmap_offset(), offset }
    }
}

/// A kind of GPU memory access.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Access {
    /// A load.
    Read,
    /// A store.
    Write,
    /// An instruction fetch.
    Execute,
}

/// A cause of a GPU fault.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FaultKind {
    /// No mapping at the address.
    Translation,
    /// The flags of the mapping forbid the access.
    Permission,
    /// The VM is unusable, so its address space is disabled.
    Unusable,
    /// The memory behind the mapping is inaccessible because the machine is out of memory.
    Bus,
    /// The memory behind the mapping was evicted and cannot be restored for lack of memory. With
    /// the real driver, the submission of the job fails with `ENOMEM` before this can happen.
    Evicted,
}

/// A fault of the GPU's MMU.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GpuFault {
    /// The first faulting address.
    pub va: u64,
    /// The cause.
    pub kind: FaultKind,
    /// The kind of access.
    pub access: Access,
}

impl fmt::Display for GpuFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let access = match self.access {
            Access::Read => "read",
            Access::Write => "write",
            Access::Execute => "instruction fetch",
        };
        let kind = match self.kind {
            FaultKind::Translation => "nothing is mapped there",
            FaultKind::Permission => "the mapping does not allow it",
            FaultKind::Unusable => "the VM is unusable",
            FaultKind::Bus => "the memory behind it cannot be accessed",
            FaultKind::Evicted => "the memory behind it was reclaimed",
        };
        write!(f, "GPU {access} at {:#x}: {kind}", self.va)
    }
}

impl std::error::Error for GpuFault {}

/// The part of an access that lies in one object.
struct Piece {
    bo: Arc<Bo>,
    offset: u64,
    len: usize,
}

impl GpuView {
    pub(crate) fn new(vm: &Arc<Vm>, file: &Arc<FileInner>) -> Self {
        Self { vm: Arc::downgrade(vm), file: Arc::downgrade(file) }
    }

    /// Loads from a GPU virtual address.
    ///
    /// # Errors
    /// The first fault. Bytes before it may have been read.
    pub fn read(&self, va: u64, buf: &mut [u8]) -> Result<(), GpuFault> {
        self.load(va, buf, Access::Read)
    }

    /// Fetches instructions from a GPU virtual address; a mapping with `NOEXEC` faults.
    ///
    /// # Errors
    /// The first fault. Bytes before it may have been read.
    pub fn fetch(&self, va: u64, buf: &mut [u8]) -> Result<(), GpuFault> {
        self.load(va, buf, Access::Execute)
    }

    /// Stores to a GPU virtual address; a mapping with `READONLY` faults.
    ///
    /// # Errors
    /// The first fault. Bytes before it have been written.
    pub fn write(&self, va: u64, data: &[u8]) -> Result<(), GpuFault> {
        let mut done = 0;
        while done < data.len() {
            let at = va.wrapping_add(done as u64);
            let piece = self.translate(at, data.len() - done, Access::Write)?;
            let part = &data[done..done + piece.len];
            let written = piece.bo.write(piece.offset, part);
            written.map_err(|_| fault(at, FaultKind::Bus, Access::Write))?;
            done += piece.len;
        }
        Ok(())
    }

    fn load(&self, va: u64, buf: &mut [u8], access: Access) -> Result<(), GpuFault> {
        let mut done = 0;
        while done < buf.len() {
            let at = va.wrapping_add(done as u64);
            let piece = self.translate(at, buf.len() - done, access)?;
            let part = &mut buf[done..done + piece.len];
            let read = piece.bo.read(piece.offset, part);
            read.map_err(|_| fault(at, FaultKind::Bus, access))?;
            done += piece.len;
        }
        Ok(())
    }

    /// Returns the location of the byte at `va`, and the number of the `wanted` bytes that follow
    /// it contiguously.
    fn translate(&self, va: u64, wanted: usize, access: Access) -> Result<Piece, GpuFault> {
        let vm = self.vm.upgrade().ok_or_else(|| fault(va, FaultKind::Translation, access))?;
        if vm.is_unusable() {
            return Err(fault(va, FaultKind::Unusable, access));
        }
        vm.restore_for_access();
        vm.with_space(|space| {
            let (start, mapping) =
                space.find(va).ok_or_else(|| fault(va, FaultKind::Translation, access))?;
            if !allows(mapping, access) {
                return Err(fault(va, FaultKind::Permission, access));
            }
            if mapping.evicted {
                return Err(fault(va, FaultKind::Evicted, access));
            }
            let mut left = mapping.size - (va - start);
            let offset = if mapping.is_sparse() {
                let offset = va % SPARSE_PERIOD;
                left = left.min(SPARSE_PERIOD - offset);
                offset
            } else {
                mapping.offset + (va - start)
            };
            let len = left.min(wanted as u64) as usize;
            Ok(Piece { bo: mapping.object.clone(), offset, len })
        })
    }

    /// Returns the mappings by ascending address: those of the client, and the driver's own for
    /// groups and tiler heaps ([`Backing::Kernel`](crate::Backing::Kernel)).
    pub fn mappings(&self) -> Vec<MappingInfo> {
        let Some(vm) = self.vm.upgrade() else {
            return Vec::new();
        };
        let handles = self.file.upgrade().map_or_else(HandleOf::new, |file| file.handle_of());
        MappingInfo::all(&vm, &handles)
    }

    /// Returns the number of mappings, including the driver's own.
    pub fn mapping_count(&self) -> usize {
        self.vm.upgrade().map_or(0, |vm| vm.mapping_count())
    }

    /// Holds the queue of asynchronous VM_BIND operations: until [`GpuView::release`], only
    /// [`GpuView::step`] runs operations. Closing the file also releases the queue.
    pub fn hold(&self) {
        if let Some(vm) = self.vm.upgrade() {
            vm.hold();
        }
    }

    /// Runs the next queued operation if its wait fences are signaled. Returns whether an
    /// operation ran.
    pub fn step(&self) -> bool {
        self.vm.upgrade().is_some_and(|vm| vm.step())
    }

    /// Releases the queue and runs all ready operations.
    pub fn release(&self) {
        if let Some(vm) = self.vm.upgrade() {
            vm.release();
        }
    }

    /// Returns the number of queued operations that have not run.
    pub fn pending(&self) -> usize {
        self.vm.upgrade().map_or(0, |vm| vm.pending())
    }

    /// Makes the next queued map or unmap fail when it runs, as after a hardware error; the VM
    /// becomes unusable. `errno` is 1 to 4095; any other number becomes `EIO`. Returns `false` if
    /// the VM is gone.
    ///
    /// Several failures apply to successive operations.
    #[must_use = "nothing will fail if it is false"]
    pub fn fail_next_job(&self, errno: i32) -> bool {
        let vm = self.vm.upgrade();
        if let Some(vm) = &vm {
            vm.fail_next_job(Errno::wanted(errno));
        }
        vm.is_some()
    }
}

fn fault(va: u64, kind: FaultKind, access: Access) -> GpuFault {
    GpuFault { va, kind, access }
}

fn allows(mapping: &Mapping<Arc<Bo>>, access: Access) -> bool {
    let denied = match access {
        Access::Read => 0,
        Access::Write => sys::DRM_PANTHOR_VM_BIND_OP_MAP_READONLY,
        Access::Execute => sys::DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC,
    };
    mapping.flags & denied == 0
}
