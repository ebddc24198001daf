//! Submission of a synchronous batch.

use super::VmBind;
use crate::bind::mode::Blocking;
use crate::bind::storage::{BindStorage, Ops};
use crate::bind::{BindReport, submit};
use crate::error::Result;

impl<'a, S: BindStorage> VmBind<'a, Blocking, S> {
    /// Runs the operations (VM_BIND). An empty batch does nothing.
    ///
    /// A batch that a signal interrupts resumes where the driver stopped.
    ///
    /// # Errors
    ///
    /// * [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a broken rule.
    /// * [`OutOfMemory`](crate::ErrorKind::OutOfMemory) without memory for page tables.
    /// * [`Unsupported`](crate::ErrorKind::Unsupported) for sparse ranges in
    ///   [`SparseMode::Native`](crate::SparseMode::Native) below driver 1.9.
    /// * [`DeviceLost`](crate::ErrorKind::DeviceLost) when the VM is unusable. Unmaps still work.
    ///
    /// Completed operations stay in effect. [`op_index`](crate::Error::op_index),
    /// [`ops_done`](crate::Error::ops_done) and [`partial_range`](crate::Error::partial_range)
    /// report the progress.
    ///
    /// ```
    /// # use panthor::ErrorKind;
    /// # let device = panthor::Device::open_fake()?;
    /// # let vm = device.create_vm(Default::default())?;
    /// let error = vm.bind().map_sparse(0..4096).unmap(100..200).submit().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    /// assert_eq!((error.op_index(), error.ops_done()), (Some(1), Some(0)));
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[inline]
    pub fn submit(&mut self) -> Result<BindReport> {
        #[cfg(feature = "tracing")]
        let span = crate::trace::vm_bind(self.vm.id(), self.len(), false).entered();
        let result = match self.refused.take() {
            None => {
                let ops = self.storage.parts().0.as_mut_slice();
                submit::blocking(self.vm, ops, self.special, self.sparse)
            }
            Some(error) => Err(error),
        };
        self.empty();
        #[cfg(feature = "tracing")]
        crate::trace::bound(&span, &result);
        result
    }
}
