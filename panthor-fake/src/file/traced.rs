//! Traced calls on a node other than ioctls: opens and CPU mappings.

use std::ptr::NonNull;

use crate::bo::mapping::Prot;
use crate::call::errno::{Errno, Result};
use crate::file::FileInner;
use crate::trace::{Call, Fields, Value, Who};

/// The arguments of an mmap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MmapArgs {
    pub(crate) len: u64,
    pub(crate) prot: Prot,
    pub(crate) offset: u64,
}

impl MmapArgs {
    fn fields(self) -> Fields {
        let prot = self.prot.iter_names().map(|(name, _)| name);
        Fields::plain([
            ("len", Value::Hex(self.len)),
            ("prot", Value::names(prot)),
            ("offset", Value::Hex(self.offset)),
        ])
    }
}

impl FileInner {
    /// Reports the open of this file.
    pub(crate) fn trace_open(&self, by: Who) {
        let _: Result<()> = self.trace(by, Call::Open, Fields::default, || Ok(()), |()| None);
    }

    /// Answers an mmap and reports it. `address` returns the address of the mapping, if it is
    /// known.
    pub(crate) fn trace_mmap<T>(
        &self,
        by: Who,
        args: MmapArgs,
        answer: impl FnOnce() -> Result<T>,
        address: impl FnOnce(&T) -> Option<NonNull<u8>>,
    ) -> Result<T> {
        self.trace(by, Call::Mmap, || args.fields(), answer, address)
    }

    /// Reports the removal of a CPU mapping. A child of the device's process reports nothing: the
    /// trace and its locks are the parent's.
    pub(crate) fn trace_munmap(&self, address: NonNull<u8>, len: usize) {
        if self.device_inner().is_inherited() {
            return;
        }
        let args = || {
            let addr = Value::Hex(address.addr().get() as u64);
            Fields::plain([("addr", addr), ("len", Value::Hex(len as u64))])
        };
        let _: Result<()> =
            self.trace(Who::this_thread(), Call::Munmap, args, || Ok(()), |()| None);
    }

    fn trace<T>(
        &self,
        by: Who,
        call: Call,
        args: impl FnOnce() -> Fields,
        answer: impl FnOnce() -> Result<T>,
        address: impl FnOnce(&T) -> Option<NonNull<u8>>,
    ) -> Result<T> {
        let trace = &self.device_inner().trace;
        if !trace.is_on() {
            return answer();
        }
        trace.around_call(by, self.target(), (call, args()), || {
            let answer = answer();
            let at = answer.as_ref().ok().and_then(address);
            let out = at.map(|at| ("addr", Value::Hex(at.addr().get() as u64)));
            let result = answer.as_ref().map_or_else(|&Errno(errno)| -errno, |_| 0);
            (answer, result, Fields::plain(out))
        })
    }
}
