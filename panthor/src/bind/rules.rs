//! Argument rules of the uAPI for bind operations.
//!
//! Each rule has two implementations. A fast predicate runs for every operation, and a slow
//! function returns the text of the broken rule. A test compares the two.

use std::ops::Range;

use super::MapFlags;
use crate::bo::BoInner;
use crate::error::{BatchProgress, Broken, Error};
use crate::uid::Uid;
use crate::va::GRANULE;
use crate::vm::VmInner;

use super::CALL;

#[inline]
fn is_granular(bits: u64) -> bool {
    bits & (GRANULE - 1) == 0
}

/// Bits that must be clear in a VA, an offset and a size.
///
/// Each must be granular, and the sum of two must not wrap.
const STRAY_BITS: u64 = (GRANULE - 1) | 1 << 63;

/// Properties of a VM that each operation is checked against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    user_va_range: u64,
    vm: Uid,
    file: Uid,
}

impl Limits {
    #[inline]
    pub(super) fn of(vm: &VmInner) -> Self {
        Self { user_va_range: vm.user_va_range(), vm: vm.uid(), file: vm.file() }
    }

    /// Returns whether this part of a BO may be mapped at `va` without a plan. Foreign memory
    /// needs one.
    #[inline]
    pub(super) fn allow_map(
        &self,
        bo: &BoInner,
        range: &Range<u64>,
        va: u64,
        flags: MapFlags,
    ) -> bool {
        let size = range.end.wrapping_sub(range.start);
        self.allow_bo(bo)
            && range.start < range.end
            && range.end <= bo.size()
            && (va | range.start | size) & STRAY_BITS == 0
            && va + size <= self.user_va_range
            && flags.bits() & MapFlags::NOT_FLAGS == 0
    }

    /// Returns whether this range may be unmapped or mapped sparsely.
    #[inline]
    pub(super) fn allow_range(&self, range: &Range<u64>) -> bool {
        range.start < range.end
            && range.end <= self.user_va_range
            && is_granular(range.start | range.end)
    }

    /// Returns whether the VM may map this native BO. Foreign BOs go to [`broken_by_map`].
    #[inline]
    fn allow_bo(&self, bo: &BoInner) -> bool {
        bo.scope() == self.file || bo.scope() == self.vm
    }

    /// Returns whether objects of this device file may be used.
    #[inline]
    pub(super) fn allow_file(&self, file: Uid) -> bool {
        file == self.file
    }
}

/// Returns whether a sparse mapping may have these flags.
#[inline]
pub(super) fn allows_sparse_flags(flags: MapFlags) -> bool {
    flags.bits() & MapFlags::NOT_FLAGS == 0
}

/// Returns the rule that a map operation breaks.
pub(super) fn broken_by_map(
    vm: &VmInner,
    bo: &BoInner,
    range: &Range<u64>,
    va: u64,
    flags: MapFlags,
) -> Option<Broken> {
    if let Some(rule) = bo.rule_of_range(range).or_else(|| broken_by_bounds(range)) {
        return Some(("range", rule));
    }
    if !is_granular(va) {
        return Some(("va", stray("", va)));
    }
    let (size, limit) = (range.end - range.start, vm.user_va_range());
    if va.checked_add(size).is_none_or(|end| end > limit) {
        return Some((
            "va",
            format!("ends beyond the user VA range ({size:#x} bytes at {va:#x}, {:#x?})", 0..limit),
        ));
    }
    if flags.bits() & MapFlags::NOT_FLAGS != 0 {
        return Some(("flags", format!("has bits of the operation's type ({flags:?})")));
    }
    let foreign_of_file = bo.is_foreign() && bo.device().uid() == vm.file();
    if !foreign_of_file && !Limits::of(vm).allow_bo(bo) {
        let rule = if bo.device().uid() == vm.file() {
            "is exclusive to another VM"
        } else {
            "is of another device file"
        };
        return Some(("bo", rule.into()));
    }
    None
}

/// Returns the rule that the range of a sparse map or an unmap breaks.
pub(super) fn broken_by_range(vm: &VmInner, range: &Range<u64>) -> Option<Broken> {
    if let Some(rule) = broken_by_bounds(range) {
        return Some(("range", rule));
    }
    if range.end > vm.user_va_range() {
        let limit = vm.user_va_range();
        return Some((
            "range",
            format!("is not within the user VA range ({range:#x?}, {:#x?})", 0..limit),
        ));
    }
    None
}

/// Returns the rule that the bounds of a range break.
fn broken_by_bounds(range: &Range<u64>) -> Option<String> {
    if range.end < range.start {
        return Some(format!("ends before it starts ({range:#x?})"));
    }
    if range.is_empty() {
        return Some(format!("is empty ({range:#x?})"));
    }
    if !is_granular(range.start) {
        return Some(stray("start ", range.start));
    }
    (!is_granular(range.end)).then(|| stray("end ", range.end))
}

/// Returns the rule for a value that is not a multiple of 4 KiB, with its nearest multiples.
fn stray(what: &str, value: u64) -> String {
    let below = value - value % GRANULE;
    match below.checked_add(GRANULE) {
        Some(above) => {
            format!(
                "{what}is no multiple of 4096 ({value:#x}, nearest are {below:#x} and {above:#x})"
            )
        }
        None => format!("{what}is no multiple of 4096 ({value:#x}, nearest is {below:#x})"),
    }
}

/// Returns the rule that the flags of a sparse map break.
pub(super) fn broken_by_sparse_flags(flags: MapFlags) -> Option<Broken> {
    (!allows_sparse_flags(flags))
        .then(|| ("flags", format!("has bits of the operation's type ({flags:?})")))
}

/// Returns the error for a broken rule, of operation `index` if the rule concerns one.
#[cold]
pub(super) fn refuse(index: Option<usize>, broken: Broken) -> Error {
    let (argument, rule) = broken;
    Error::invalid(CALL, argument, rule).with_progress(BatchProgress::nothing_done(index))
}

#[cfg(all(test, feature = "fake"))]
mod tests {
    use super::*;
    use crate::{BoOptions, Device, VmOptions};

    /// Returns values around which rules begin and end.
    fn borders(edges: &[u64]) -> Vec<u64> {
        let around = |&edge: &u64| {
            [0, 1, 100, 4095, 4096, 4097, 8192]
                .into_iter()
                .flat_map(move |step| [edge.wrapping_add(step), edge.wrapping_sub(step)])
        };
        let mut all: Vec<_> = edges.iter().flat_map(around).collect();
        all.sort();
        all.dedup();
        all
    }

    #[test]
    fn yes_or_no_and_which_rule_agree_on_every_map() {
        let device = Device::open_fake().unwrap();
        let other_file = Device::open_fake().unwrap();
        let vm = device.create_vm(VmOptions::new()).unwrap();
        let other_vm = device.create_vm(VmOptions::new()).unwrap();
        let bos = [
            device.create_bo(BoOptions::new(16384)).unwrap(),
            device.create_bo(BoOptions::new(16384).exclusive_to(&vm)).unwrap(),
            device.create_bo(BoOptions::new(16384).exclusive_to(&other_vm)).unwrap(),
            other_file.create_bo(BoOptions::new(16384)).unwrap(),
        ];
        let flags = [0, 7, 1 << 3, 1 << 20, 1 << 28, 0xf << 28].map(MapFlags::from_bits_retain);
        let vas = borders(&[0, vm.user_va_range(), 1 << 63, u64::MAX]);
        let offsets = borders(&[0, 16384, 1 << 63]);
        let limits = Limits::of(vm.inner());
        let mut seen = [0; 2];
        for (i, &va) in vas.iter().enumerate() {
            for &start in &offsets {
                for (j, &end) in offsets.iter().enumerate() {
                    let range = start..end;
                    let (bo, flags) = (bos[(i + j) % 4].inner(), flags[(i * 7 + j) % 6]);
                    let allowed = limits.allow_map(bo, &range, va, flags);
                    let broken = broken_by_map(vm.inner(), bo, &range, va, flags);
                    assert_eq!(
                        allowed,
                        broken.is_none(),
                        "{range:x?} {va:#x} {flags:?} {broken:?}"
                    );
                    seen[usize::from(allowed)] += 1;
                }
            }
        }
        assert!(seen[0] > 1000 && seen[1] > 10, "{seen:?}");
    }

    #[test]
    fn foreign_memory_has_the_same_rules_but_is_never_mapped_as_it_is() {
        let device = Device::open_fake().unwrap();
        let vm = device.create_vm(VmOptions::new()).unwrap();
        let elsewhere = Device::open_fake().unwrap().create_vm(VmOptions::new()).unwrap();
        let native = device.create_bo(BoOptions::new(16384)).unwrap();
        let dma_buf = device.fake().unwrap().device().foreign_dma_buf(16384).unwrap();
        let foreign = device.import_bo(dma_buf).unwrap();
        let broken = |vm: &crate::Vm, bo: &crate::Bo, range: &Range<u64>, va, flags| {
            broken_by_map(vm.inner(), bo.inner(), range, va, flags)
        };
        for va in borders(&[0, vm.user_va_range()]) {
            for start in borders(&[0, 16384]) {
                for (end, flags) in [(16384, MapFlags::NOEXEC), (8192, MapFlags::all())] {
                    let range = start..end;
                    let expected = broken(&vm, &native, &range, va, flags);
                    assert_eq!(broken(&vm, &foreign, &range, va, flags), expected);
                    assert!(!Limits::of(vm.inner()).allow_map(foreign.inner(), &range, va, flags));
                }
            }
        }
        let range = 0..16384;
        assert_eq!(broken(&vm, &foreign, &range, 0, MapFlags::NOEXEC), None);
        let error = broken(&elsewhere, &foreign, &range, 0, MapFlags::NOEXEC).unwrap();
        assert_eq!(error, ("bo", "is of another device file".into()));
    }

    #[test]
    fn yes_or_no_and_which_rule_agree_on_every_range() {
        let vm = Device::open_fake().unwrap().create_vm(VmOptions::new()).unwrap();
        let edges = borders(&[0, 1 << 30, vm.user_va_range(), u64::MAX]);
        let limits = Limits::of(vm.inner());
        let mut seen = [0; 2];
        for &start in &edges {
            for &end in &edges {
                let allowed = limits.allow_range(&(start..end));
                let broken = broken_by_range(vm.inner(), &(start..end));
                assert_eq!(allowed, broken.is_none(), "{start:#x}..{end:#x} {broken:?}");
                seen[usize::from(allowed)] += 1;
            }
        }
        assert!(seen[0] > 100 && seen[1] > 10, "{seen:?}");
    }
}
