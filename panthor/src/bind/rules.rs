//! What the uAPI demands of an operation's arguments.
//!
//! Each rule stands twice: once in a function that only says yes or no, because it runs for every
//! operation, and once in one that says which rule it is. A test holds them together.

use std::ops::Range;

use super::MapFlags;
use crate::bo::BoInner;
use crate::error::Error;
use crate::vm::{VmInner, VmUid};

use super::CALL;

/// The granularity of VAs, sizes and offsets, whatever the CPU's page size.
pub(super) const GRANULE: u64 = 4096;

/// A broken rule: the argument and what it should be.
pub(super) type Broken = (&'static str, String);

#[inline]
fn is_granular(bits: u64) -> bool {
    bits & (GRANULE - 1) == 0
}

/// Whether `va..va + size` is within the user's part of the VM.
#[inline]
fn is_user_va(vm: &VmInner, va: u64, size: u64) -> bool {
    let limit = vm.user_va_range();
    size <= limit && va <= limit - size
}

#[inline]
fn is_bindable(vm: &VmInner, bo: &BoInner) -> bool {
    std::ptr::eq(bo.device().inner_ptr(), vm.device().inner_ptr())
        && (bo.exclusive_to() == VmUid::NONE || bo.exclusive_to() == vm.uid())
}

/// Whether this part of a BO may be mapped there.
#[inline]
pub(super) fn allows_map(
    vm: &VmInner,
    bo: &BoInner,
    range: &Range<u64>,
    va: u64,
    flags: MapFlags,
) -> bool {
    let size = range.end.wrapping_sub(range.start);
    range.start < range.end
        && range.end <= bo.size()
        && is_granular(va | range.start | size)
        && is_user_va(vm, va, size)
        && flags.bits() & MapFlags::NOT_FLAGS == 0
        && is_bindable(vm, bo)
}

/// Whether this range may be mapped sparsely, or unmapped.
#[inline]
pub(super) fn allows_range(vm: &VmInner, range: &Range<u64>) -> bool {
    range.start < range.end
        && range.end <= vm.user_va_range()
        && is_granular(range.start | range.end)
}

/// Whether a sparse mapping may have these flags.
#[inline]
pub(super) fn allows_sparse_flags(flags: MapFlags) -> bool {
    flags.bits() & MapFlags::NOT_FLAGS == 0
}

/// The rule that a map operation breaks.
pub(super) fn broken_by_map(
    vm: &VmInner,
    bo: &BoInner,
    range: Option<&Range<u64>>,
    va: u64,
    flags: MapFlags,
) -> Option<Broken> {
    let Some(range) = range else {
        return Some(("range", "ends before it starts".into()));
    };
    if range.is_empty() {
        return Some(("range", "is empty".into()));
    }
    if range.end > bo.size() {
        return Some(("range", format!("{range:#x?} is not within the BO's {:#x}", bo.size())));
    }
    if !is_granular(range.start | range.end) {
        return Some(("range", format!("{range:#x?} is not made of 4 KiB pages")));
    }
    if !is_granular(va) {
        return Some(("va", format!("{va:#x} is not a multiple of 4096")));
    }
    if !is_user_va(vm, va, range.end - range.start) {
        let (size, limit) = (range.end - range.start, vm.user_va_range());
        return Some(("va", format!("{size:#x} bytes at {va:#x} are not within 0..{limit:#x}")));
    }
    if flags.bits() & MapFlags::NOT_FLAGS != 0 {
        return Some(("flags", format!("{flags:?} says what the operation is, not how to map")));
    }
    if !is_bindable(vm, bo) {
        let rule = if bo.exclusive_to() == VmUid::NONE || bo.exclusive_to() == vm.uid() {
            "is of another device file"
        } else {
            "is exclusive to another VM"
        };
        return Some(("bo", rule.into()));
    }
    None
}

/// The rule that a sparse map or an unmap operation breaks with its range.
pub(super) fn broken_by_range(vm: &VmInner, range: &Range<u64>) -> Option<Broken> {
    if range.end < range.start {
        return Some(("range", format!("{range:#x?} ends before it starts")));
    }
    if range.is_empty() {
        return Some(("range", "is empty".into()));
    }
    if !is_granular(range.start | range.end) {
        return Some(("range", format!("{range:#x?} is not made of 4 KiB pages")));
    }
    if range.end > vm.user_va_range() {
        let limit = vm.user_va_range();
        return Some(("range", format!("{range:#x?} is not within 0..{limit:#x}")));
    }
    None
}

/// The rule that a sparse map operation breaks with its flags.
pub(super) fn broken_by_sparse_flags(flags: MapFlags) -> Option<Broken> {
    (!allows_sparse_flags(flags))
        .then(|| ("flags", format!("{flags:?} says what the operation is, not how to map")))
}

/// The error for a broken rule of operation `index`.
#[cold]
pub(super) fn refuse(index: usize, broken: Broken) -> Error {
    let (argument, rule) = broken;
    Error::invalid(CALL, argument, rule).with_bind(crate::error::BindProgress {
        failed: Some(index),
        done: 0,
        partial: None,
    })
}
