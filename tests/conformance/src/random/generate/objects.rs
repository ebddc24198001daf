//! VMs and BOs, and what each file has.

use std::collections::HashMap;

use super::super::forbidden::{CODE, CODE_SIZE};
use super::*;

/// Kinds of objects that files have handles or IDs of.
#[derive(Clone, Copy)]
pub enum Kind {
    Vm,
    Bo,
    Syncobj,
    Group,
    Heap,
}

/// Objects that a file should have.
#[derive(Default)]
pub struct Objects {
    pub is_primary: bool,
    pub alive: [Vec<Slot>; 5],
    pub gone: [Vec<Slot>; 5],
    /// BOs: each with its exclusive VM, if any, and its size in bytes.
    pub bos: Vec<(Slot, Option<Slot>, u64)>,
    /// Groups: each with its VM and its number of queues.
    pub groups: Vec<(Slot, u64)>,
    /// Syncobjs with fences, and the last points of their timelines.
    pub fences: HashMap<Slot, u64>,
}

impl Objects {
    pub fn add(&mut self, kind: Kind, slot: Slot) {
        self.alive[kind as usize].push(slot);
    }

    /// Takes one away.
    pub fn remove(&mut self, kind: Kind, arg: &Arg) {
        let Arg::Slot(slot) = arg else { return };
        let alive = &mut self.alive[kind as usize];
        self.fences.remove(slot);
        if let Some(at) = alive.iter().position(|known| known == slot) {
            alive.swap_remove(at);
            self.gone[kind as usize].push(*slot);
        }
    }

    pub fn count(&self, kind: Kind) -> usize {
        self.alive[kind as usize].len()
    }
}

impl Maker {
    pub fn create_vm(&mut self, file: FileId) {
        if self.objects(file).count(Kind::Vm) >= 6 && !self.dice.one_in(20) {
            return;
        }
        let range = self.dice.of(&[
            0_u64,
            0,
            0,
            0,
            1 << 32,
            1 << 40,
            (1 << 47) + 4096,
            0xffff_f000_0000,
            5,
        ]);
        let slot = self.create(file, &VM_CREATE, vec![("user_va_range", n(range))]);
        self.objects(file).add(Kind::Vm, slot);
        if self.with_jobs && self.dice.one_in(2) {
            self.map_code(file, slot);
        }
    }

    /// Maps a BO at the address of streams. All bytes are zero, which the GPU executes as
    /// no-operations.
    fn map_code(&mut self, file: FileId, vm: Slot) {
        let bo = self.create(file, &BO_CREATE, vec![("size", n(CODE_SIZE))]);
        let op = vec![("bo_handle", Arg::Slot(bo)), ("va", n(CODE)), ("size", n(CODE_SIZE))];
        let ops = array(&BIND_OP, vec![op]);
        self.call(file, &VM_BIND, vec![("vm_id", Arg::Slot(vm)), ("ops", ops)]);
    }

    pub fn destroy_vm(&mut self, file: FileId) {
        let vm = self.one(file, Kind::Vm);
        self.objects(file).remove(Kind::Vm, &vm);
        self.call(file, &VM_DESTROY, vec![("id", vm)]);
        if self.objects(file).count(Kind::Vm) == 0 {
            self.create_vm(file);
        }
    }

    pub fn vm_state(&mut self, file: FileId) {
        let vm = self.one(file, Kind::Vm);
        self.call(file, &VM_GET_STATE, vec![("vm_id", vm)]);
    }

    pub fn create_bo(&mut self, file: FileId) {
        if self.objects(file).count(Kind::Bo) >= 12 {
            return self.close_bo(file);
        }
        let pages = match self.dice.below(10) {
            0..4 => 1 + self.dice.below(8),
            4..8 => 1 + self.dice.below(64),
            8 => 512,
            _ => self.dice.of(&[511, 513, 1024]),
        };
        let mut size = pages * 4096;
        if self.dice.one_in(6) {
            size -= self.dice.below(4096);
        }
        let exclusive = self.dice.one_in(4).then(|| self.one(file, Kind::Vm));
        let flags = if self.dice.one_in(3) { self.dice.of(&[1_u64, 2, 3]) } else { 0 };
        let vm = exclusive.clone().unwrap_or(n(0_u64));
        let fields = vec![("size", n(size)), ("flags", n(flags)), ("exclusive_vm_id", vm)];
        let slot = self.create(file, &BO_CREATE, fields);
        let exclusive = match exclusive {
            Some(Arg::Slot(vm)) => Some(vm),
            _ => None,
        };
        let objects = self.objects(file);
        objects.add(Kind::Bo, slot);
        objects.bos.push((slot, exclusive, pages * 4096));
    }

    /// Returns the expected size of a BO in bytes.
    pub fn bo_size(&self, file: FileId, bo: &Arg) -> u64 {
        let bos = &self.files[file as usize].bos;
        let known = bos.iter().find(|(slot, ..)| *bo == Arg::Slot(*slot));
        known.map_or(4096, |&(_, _, size)| size)
    }

    pub fn close_bo(&mut self, file: FileId) {
        let bo = self.one(file, Kind::Bo);
        self.objects(file).remove(Kind::Bo, &bo);
        self.call(file, &GEM_CLOSE, vec![("handle", bo)]);
    }

    /// Adds calls on a BO other than VM_BIND.
    pub fn bo_calls(&mut self, file: FileId) {
        let bo = self.one(file, Kind::Bo);
        match self.dice.below(6) {
            0 => {
                let offset = self.create(file, &BO_MMAP_OFFSET, vec![("handle", bo)]);
                self.map_node(file, Arg::Slot(offset));
            }
            1 | 2 => self.label(file, bo),
            3 => {
                let ops = (0..1 + self.dice.below(3)).map(|_| self.bo_sync_op(file)).collect();
                self.call(file, &BO_SYNC, vec![("ops", array(&BO_SYNC_OP, ops))]);
            }
            _ => self.call(file, &BO_QUERY_INFO, vec![("handle", bo)]),
        }
    }

    fn map_node(&mut self, file: FileId, offset: Arg) {
        // Of a whole page of any CPU, or not.
        let len = self.dice.of(&[4096, 4096, 8192, 1 << 16, 1 << 22, 1]);
        let writable = self.dice.one_in(2);
        let map = super::super::program::MapNode { file, len, writable, offset };
        self.steps.push(Step::MapNode(map));
    }

    fn label(&mut self, file: FileId, bo: Arg) {
        let len = self.dice.of(&[0, 1, 5, 4094, 4095, 4096, 5000]);
        let fields = vec![("handle", bo), ("label", Arg::Text("x".repeat(len)))];
        self.call(file, &BO_SET_LABEL, fields);
    }

    fn bo_sync_op(&mut self, file: FileId) -> Fields {
        let handle = self.one(file, Kind::Bo);
        let kind = self.dice.of(&[0_u64, 0, 1, 1, 2]);
        let offset = self.dice.of(&[0, 0, 1, 64, 4096, 1 << 20, 0_u64.wrapping_sub(4096)]);
        let size = self.dice.of(&[0, 1, 64, 4096, 4097, 1 << 18, 0_u64.wrapping_sub(4096)]);
        vec![("handle", handle), ("type_", n(kind)), ("offset", n(offset)), ("size", n(size))]
    }
}
