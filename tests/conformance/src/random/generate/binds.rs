//! Binds of all kinds.

use crate::uapi::ops::{ASYNC, GIB, MAP, MIB, NOEXEC, PAGE, SPARSE, SYNC_ONLY, UNMAP};

use super::*;

/// Range of addresses.
pub struct Window {
    base: u64,
    /// Addresses and sizes are multiples of it.
    unit: u64,
    /// Size in units.
    span: u64,
}

impl Window {
    /// Returns a few windows of very different sizes.
    pub fn some(dice: &mut Dice) -> Vec<Self> {
        let mut all = vec![
            // Few pages around the borders of page tables.
            Self { base: GIB - 8 * PAGE, unit: PAGE, span: 16 },
            Self { base: 2 * MIB - 32 * PAGE, unit: PAGE, span: 80 },
            Self { base: 4 * GIB - MIB, unit: PAGE, span: 1024 },
            Self { base: 0, unit: PAGE, span: 8 },
            // Large pages, and what has some of both.
            Self { base: GIB - 8 * MIB, unit: 2 * MIB, span: 8 },
            Self { base: 511 * GIB + 992 * MIB, unit: 32 * MIB, span: 9 },
            Self { base: 3 * MIB, unit: 64 * PAGE + MIB, span: 30 },
            // To the end of what a VM has.
            Self { base: (1 << 47) - 8 * PAGE, unit: PAGE, span: 8 },
            Self { base: (1 << 47) - 16 * MIB, unit: 2 * MIB, span: 8 },
        ];
        let count = 1 + dice.index(3);
        let mut some: Vec<_> = (0..count).map(|_| all.swap_remove(dice.index(all.len()))).collect();
        // Few VMs have so much.
        if dice.one_in(5) {
            some.push(Self { base: 0xffff_f000_0000 - 8 * PAGE, unit: PAGE, span: 8 });
        }
        some
    }
}

impl Maker {
    /// Adds a synchronous bind.
    pub fn bind(&mut self, file: FileId) {
        let vm = self.one(file, Kind::Vm);
        let count = self.dice.of(&[1, 1, 1, 2, 3, 5, 9]);
        let ops = (0..count).map(|_| self.op(file, &vm, false)).collect();
        let flags = if self.dice.one_in(60) { self.dice.of(&[2, 1 << 31]) } else { 0_u64 };
        let fields = vec![("vm_id", vm), ("flags", n(flags)), ("ops", array(&BIND_OP, ops))];
        self.call(file, &VM_BIND, fields);
    }

    /// Adds a few asynchronous binds and submissions, with no wait before the last.
    pub fn burst(&mut self, file: FileId) {
        for _ in 0..1 + self.dice.below(4) {
            if self.dice.one_in(5) && self.objects(file).count(Kind::Group) > 0 {
                self.submit(file);
                continue;
            }
            let vm = self.one(file, Kind::Vm);
            let count = self.dice.of(&[1, 1, 2, 3, 5]);
            let mut ops = Vec::new();
            for _ in 0..count {
                let mut op = self.op(file, &vm, true);
                let has_syncs = op.iter().any(|(name, _)| *name == "syncs");
                if !has_syncs && self.dice.one_in(2) {
                    let syncs = self.syncs(file);
                    op.push(("syncs", syncs));
                }
                ops.push(op);
            }
            let fields = vec![("vm_id", vm), ("flags", n(ASYNC)), ("ops", array(&BIND_OP, ops))];
            self.call(file, &VM_BIND, fields);
        }
    }

    /// Waits and signals.
    pub fn syncs(&mut self, file: FileId) -> Arg {
        let mut syncs = Vec::new();
        for _ in 0..1 + self.dice.below(3) {
            let signal = self.dice.one_in(2);
            let (handle, point) = if signal { self.unreached(file) } else { self.reached(file) };
            let mut flags = u64::from(point != 0);
            if signal {
                flags |= u64::from(DRM_PANTHOR_SYNC_OP_SIGNAL);
            }
            syncs.push(vec![("flags", n(flags)), ("handle", handle), ("timeline_value", n(point))]);
        }
        array(&SYNC_OP, syncs)
    }

    /// Returns a syncobj with a point, or 0, that is or will be signaled, in most cases.
    pub fn reached(&mut self, file: FileId) -> (Arg, u64) {
        let objects = &self.files[file as usize];
        let mut known: Vec<_> = objects.fences.iter().map(|(&slot, &last)| (slot, last)).collect();
        known.sort_unstable();
        if known.is_empty() || self.dice.one_in(8) {
            let point = if self.dice.one_in(2) { self.point() } else { 0 };
            return (self.one(file, Kind::Syncobj), point);
        }
        let (slot, last) = known[self.dice.index(known.len())];
        let point = if last == 0 || self.dice.one_in(3) { 0 } else { 1 + self.dice.below(last) };
        (Arg::Slot(slot), point)
    }

    /// Returns a syncobj with a point after its last one, or 0, in most cases.
    pub fn unreached(&mut self, file: FileId) -> (Arg, u64) {
        let handle = self.one(file, Kind::Syncobj);
        if self.dice.one_in(2) {
            return (handle, 0);
        }
        let last = match &handle {
            Arg::Slot(slot) => self.objects(file).fences.get(slot).copied().unwrap_or(0),
            _ => 0,
        };
        let point = if self.dice.one_in(8) {
            self.point()
        } else {
            last.saturating_add(1 + self.dice.below(3))
        };
        (handle, point)
    }

    /// Remembers a syncobj that is or will be signalled.
    pub fn signaled(&mut self, file: FileId, handle: &Arg, point: u64) {
        if let Arg::Slot(slot) = handle {
            let fences = &mut self.objects(file).fences;
            let last = fences.entry(*slot).or_default();
            *last = if point == 0 { 0 } else { point.max(*last) };
        }
    }

    /// Returns a point, mostly small, so that points coincide.
    pub fn point(&mut self) -> u64 {
        match self.dice.below(30) {
            0 => u64::MAX,
            1 => self.dice.any(),
            _ => self.dice.below(14),
        }
    }

    /// Returns a range in a window: mostly small, sometimes up to its end.
    fn range(&mut self) -> (u64, u64) {
        let window = &self.windows[self.dice.index(self.windows.len())];
        let dice = &mut self.dice;
        let start = dice.below(window.span);
        let room = window.span - start;
        let len = match dice.below(8) {
            0 => room,
            1 => room + 1,
            _ => 1 + dice.below(room.min(6)),
        };
        let (mut va, mut size) = (window.base + start * window.unit, len * window.unit);
        if window.unit > PAGE && dice.one_in(3) {
            // A few pages less or more.
            va += dice.below(4) * PAGE;
            size -= dice.below(4) * PAGE;
        }
        (va, size)
    }

    pub fn op(&mut self, file: FileId, vm: &Arg, is_async: bool) -> Fields {
        let (va, size) = self.range();
        match self.dice.below(20) {
            0..9 => self.map(file, vm, va, size),
            9..13 => {
                let flags = u64::from(SPARSE) | self.dice.of(&[0, 0, 0, 1, 4, 5]);
                vec![("flags", n(flags)), ("va", n(va)), ("size", n(size))]
            }
            13..19 => {
                let size = if self.dice.one_in(12) {
                    self.dice.of(&[GIB, 1 << 40, 1 << 47])
                } else {
                    size
                };
                vec![("flags", n(UNMAP)), ("va", n(va)), ("size", n(size))]
            }
            _ if is_async => vec![("flags", n(SYNC_ONLY)), ("syncs", self.syncs(file))],
            _ => vec![("flags", n(if self.dice.one_in(5) { SYNC_ONLY } else { UNMAP }))],
        }
    }

    /// Returns a map of a BO that the VM may map, in most cases.
    fn map(&mut self, file: FileId, vm: &Arg, va: u64, size: u64) -> Fields {
        let objects = &self.files[file as usize];
        let alive = &objects.alive[Kind::Bo as usize];
        let fits = |exclusive: Option<Slot>| match vm {
            Arg::Slot(vm) => exclusive.is_none_or(|exclusive| exclusive == *vm),
            _ => true,
        };
        let known: Vec<_> = objects
            .bos
            .iter()
            .filter(|(slot, exclusive, _)| alive.contains(slot) && fits(*exclusive))
            .map(|&(slot, _, size)| (slot, size))
            .collect();
        let flags = match self.dice.below(6) {
            0..3 => NOEXEC | MAP,
            _ => MAP | self.dice.below(8) as u32,
        };
        if known.is_empty() || self.dice.one_in(30) {
            let bo = self.one(file, Kind::Bo);
            return vec![("flags", n(flags)), ("bo_handle", bo), ("va", n(va)), ("size", n(size))];
        }
        let (bo, len) = known[self.dice.index(known.len())];
        let size = if self.dice.one_in(30) { size } else { size.min(len) };
        let room = (len.saturating_sub(size)) / PAGE;
        let offset = self.dice.below(room + 1) * PAGE;
        vec![
            ("flags", n(flags)),
            ("bo_handle", Arg::Slot(bo)),
            ("bo_offset", n(offset)),
            ("va", n(va)),
            ("size", n(size)),
        ]
    }
}
