//! Shared state of a [`Vm`](super::Vm), its groups and its tiler heaps.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use bytemuck::Zeroable;
use panthor_sys as sys;

use super::VmState;
use crate::bind;
use crate::bo::Bo;
use crate::device::Device;
use crate::error::{BatchProgress, Error, ErrorKind, Result};
use crate::owned::Release;
use crate::sparse;
use crate::transport::Process;
use crate::uid::Uid;

pub(crate) struct VmInner {
    device: Device,
    id: u32,
    user_va_range: u64,
    uid: Uid,
    /// Uid of the device file.
    file: Uid,
    /// Dummy BO behind emulated sparse ranges, unused with native sparse mappings.
    sparse_object: OnceLock<Bo>,
    /// Process that created the VM and destroys the VM on drop.
    process: Process,
    /// `true` if a queued operation may be pending.
    may_have_queued: AtomicBool,
}

impl VmInner {
    pub(super) fn new(device: &Device, id: u32, user_va_range: u64, uid: Uid) -> Self {
        Self {
            device: device.clone(),
            id,
            user_va_range,
            uid,
            file: device.uid(),
            sparse_object: OnceLock::new(),
            process: Process::current(),
            may_have_queued: AtomicBool::new(false),
        }
    }

    /// Records that operations are about to be queued.
    #[inline]
    pub(crate) fn note_queued(&self) -> Result<()> {
        if self.may_have_queued.load(Ordering::Relaxed) { Ok(()) } else { self.note_first_queued() }
    }

    /// Refuses to queue in a child of the VM's creator, unless operations were queued before.
    pub(crate) fn check_process(&self) -> Result<()> {
        if self.may_have_queued.load(Ordering::Relaxed) || self.process == Process::current() {
            return Ok(());
        }
        let rule =
            "is on a VM of a parent process, which may end the VM without regard to what is queued";
        let error = Error::invalid("VM_BIND", "self", rule).with_advice("Create a VM.");
        Err(error.with_progress(BatchProgress::nothing_done(None)))
    }

    /// Records that a previous owner may have queued operations.
    pub(super) fn assume_queued(&self) {
        self.may_have_queued.store(true, Ordering::Relaxed);
    }

    /// Records the first queued operation. Release depends on this flag.
    #[cold]
    fn note_first_queued(&self) -> Result<()> {
        self.check_process()?;
        self.may_have_queued.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Queues an unmap of the whole user VA range behind the queued operations.
    ///
    /// The driver never undoes a map that runs in a destroyed VM. Its BOs would stay referenced
    /// even after the file is closed.
    fn unmap_behind_queued(&self) {
        if self.may_have_queued.load(Ordering::Relaxed) {
            // An unusable VM refuses the unmap, but its queued maps fail, too. Other failures have
            // no remedy.
            let _unmapped = bind::unmap_behind_queued(self);
            #[cfg(feature = "tracing")]
            if let Err(error) = &_unmapped {
                if error.kind() != ErrorKind::DeviceLost {
                    crate::trace::cleanup_failed(error);
                }
            }
        }
    }

    #[inline]
    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    #[inline]
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    #[inline]
    pub(crate) fn user_va_range(&self) -> u64 {
        self.user_va_range
    }

    #[inline]
    pub(crate) fn uid(&self) -> Uid {
        self.uid
    }

    /// Returns the uid of the device file that the VM belongs to.
    #[inline]
    pub(crate) fn file(&self) -> Uid {
        self.file
    }

    pub(crate) fn state(&self) -> Result<VmState> {
        let mut arg = sys::drm_panthor_vm_get_state::zeroed();
        arg.vm_id = self.id;
        self.device.transport().call(&mut arg)?;
        Ok(match arg.state {
            sys::DRM_PANTHOR_VM_STATE_USABLE => VmState::Usable,
            sys::DRM_PANTHOR_VM_STATE_UNUSABLE => VmState::Unusable,
            other => VmState::Unknown(other),
        })
    }

    /// Adds a detail when the driver refused a map because the VM is unusable. The driver's errno,
    /// EINVAL, does not identify this case.
    pub(crate) fn explain(&self, error: Error) -> Error {
        let refused = error.kind() == ErrorKind::InvalidArgument;
        if refused && matches!(self.state(), Ok(VmState::Unusable)) {
            return error.with_kind(ErrorKind::DeviceLost).with_detail("the VM is unusable");
        }
        error
    }

    /// Returns the dummy BO behind emulated sparse ranges and creates the BO on first use.
    pub(crate) fn sparse_object(&self) -> Result<&Bo> {
        if let Some(object) = self.sparse_object.get() {
            return Ok(object);
        }
        let object = sparse::create_object(self)?;
        // If two threads race here, one BO is dropped.
        Ok(self.sparse_object.get_or_init(|| object))
    }
}

impl Release for VmInner {
    fn release(&self) -> Result<()> {
        self.unmap_behind_queued();
        let mut arg = sys::drm_panthor_vm_destroy::zeroed();
        arg.id = self.id;
        self.device.transport().call(&mut arg)
    }
}
