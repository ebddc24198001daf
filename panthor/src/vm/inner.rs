//! What stands behind a [`Vm`](super::Vm) and all that holds on to it.

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
    /// The device file's.
    file: Uid,
    /// The object that stands for sparse memory where the driver has no native sparse mappings.
    sparse_object: OnceLock<Bo>,
    /// The process that made it, and ends it on drop.
    process: Process,
    /// Whether an operation may be queued that has not run.
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

    /// Notes that operations are about to be queued.
    #[inline]
    pub(crate) fn note_queued(&self) -> Result<()> {
        if self.may_have_queued.load(Ordering::Relaxed) { Ok(()) } else { self.note_first_queued() }
    }

    /// Refuses to queue in a child of who made the VM, unless something was queued before.
    pub(crate) fn check_process(&self) -> Result<()> {
        if self.may_have_queued.load(Ordering::Relaxed) || self.process == Process::current() {
            return Ok(());
        }
        let rule =
            "is on a VM of a parent process, which may end the VM without regard to what is queued";
        let error = Error::invalid("VM_BIND", "self", rule).with_advice("Create a VM.");
        Err(error.with_progress(BatchProgress::nothing_done(None)))
    }

    /// Notes that somebody else may have queued something.
    pub(super) fn assume_queued(&self) {
        self.may_have_queued.store(true, Ordering::Relaxed);
    }

    /// The first time: whoever is to end the VM has to know.
    #[cold]
    fn note_first_queued(&self) -> Result<()> {
        self.check_process()?;
        self.may_have_queued.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Unmaps all of the user's part, behind what is queued: nobody undoes a map that runs in a VM which was
    /// destroyed, and what it maps stays with the VM even when the file is closed.
    fn unmap_behind_queued(&self) {
        if self.may_have_queued.load(Ordering::Relaxed) {
            // An unusable VM refuses it, in which the queued maps fail, too. For other failures there is no cure.
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

    /// The uid of the device file that it belongs to.
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

    /// Says so when the driver refused because the VM is unusable: it answers EINVAL to whatever maps.
    pub(crate) fn explain(&self, error: Error) -> Error {
        let refused = error.kind() == ErrorKind::InvalidArgument;
        if refused && matches!(self.state(), Ok(VmState::Unusable)) {
            return error.with_kind(ErrorKind::DeviceLost).with_detail("the VM is unusable");
        }
        error
    }

    /// The object that emulated sparse ranges are mapped to, made at the first need.
    pub(crate) fn sparse_object(&self) -> Result<&Bo> {
        if let Some(object) = self.sparse_object.get() {
            return Ok(object);
        }
        let object = sparse::create_object(self)?;
        // Of two threads that come here at once, one drops its object again.
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
