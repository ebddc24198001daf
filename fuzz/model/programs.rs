//! Programs: steps on the fake and on the model, which must agree.

use panthor_fake::{FaultKind, File, Prot};
use panthor_sys::*;

use super::bytes::Bytes;
use super::compare::compare_all;
use super::expect::{EINVAL, ENOENT, Model, USER_END};
use super::fake::{self, PAGE};
use super::objects::{Fence, Op, Page};

/// First page that programs map: just below a 2 MiB boundary, where a new sparse block begins.
const BASE: u64 = 512 - 32;
const WINDOW: u64 = 64;

const READONLY: u32 = DRM_PANTHOR_VM_BIND_OP_MAP_READONLY;
const NOEXEC: u32 = DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC;
const UNCACHED: u32 = DRM_PANTHOR_VM_BIND_OP_MAP_UNCACHED;
const SPARSE_FLAG: u32 = DRM_PANTHOR_VM_BIND_OP_MAP_SPARSE;

/// A program with what it has.
pub struct Program<'a> {
    file: File,
    model: Model,
    bytes: Bytes<'a>,
}

impl<'a> Program<'a> {
    pub fn new(file: File, bytes: Bytes<'a>) -> Self {
        Self { file, model: Model::default(), bytes }
    }

    /// Creates some objects: VMs, a BO for each page and more, syncobjs, held queues, and a sparse
    /// range.
    pub fn prologue(&mut self, which: u8) {
        let wanted = usize::from(which);
        for _ in 0..=wanted / 2 {
            self.create_vm();
        }
        for pages in 1..=wanted as u64 + 1 {
            self.create_bo(2 * pages, 0);
        }
        for signaled in 0..wanted as u32 {
            self.create_syncobj(signaled & 1);
        }
        if which & 1 != 0 {
            self.hold(1, true);
        }
        if which & 4 != 0 {
            let flags = SPARSE_FLAG | NOEXEC;
            let kind = DRM_PANTHOR_VM_BIND_OP_TYPE_MAP;
            let (waits, signals) = (vec![], vec![]);
            let op = Op { kind, flags, bo: 0, offset: 0, va: BASE, pages: WINDOW, waits, signals };
            self.bind(1, 0, &[op]);
        }
    }

    /// Takes a step; returns whether there was one.
    pub fn step(&mut self) -> bool {
        let Some(step) = self.bytes.next() else { return false };
        match step % 24 {
            0 => self.create_vm(),
            1 if step >= 0xe0 => self.destroy_vm(),
            1 | 2 => {
                let pages = self.bytes.below(17);
                let exclusive = if step & 0xc0 == 0xc0 { self.vm() } else { 0 };
                self.create_bo(pages, exclusive);
            }
            3 => self.close_bo(),
            4..=7 => {
                let (vm, ops) = (self.vm(), self.ops(step >= 0xf0, false));
                self.bind(vm, 0, &ops);
            }
            8..=12 => {
                let (vm, ops) = (self.vm(), self.ops(true, true));
                self.bind(vm, DRM_PANTHOR_VM_BIND_ASYNC, &ops);
            }
            13 => {
                let vm = self.vm();
                self.hold(vm, step & 0x40 == 0);
            }
            14 => self.step_queue(),
            15 if step >= 0xe0 => self.fail_next_job(),
            15 | 16 => self.create_syncobj(u32::from(step >> 6) & 1),
            17 => self.change_syncobj(step),
            18 => self.wait(step & 0x80 != 0),
            19 | 20 => self.write(),
            21 => self.cpu(),
            _ => self.read(step & 0x40 != 0),
        }
        true
    }

    fn vm(&mut self) -> u32 {
        let known = self.model.vms.iter().map(|(id, _)| id).collect();
        self.bytes.handle(known)
    }

    fn bo(&mut self) -> u32 {
        let known = self.model.bos.iter().map(|(handle, _)| handle).collect();
        self.bytes.handle(known)
    }

    fn syncobj(&mut self) -> u32 {
        let known = self.model.syncobjs.iter().map(|(handle, _)| handle).collect();
        // A kernel keeps handle 0 until it is destroyed: no program asks for it.
        self.bytes.handle(known).max(1)
    }

    fn syncobjs(&mut self, most: u64) -> Vec<u32> {
        (0..self.bytes.below(most + 1)).map(|_| self.syncobj()).collect()
    }

    fn ops(&mut self, with_syncs: bool, is_async: bool) -> Vec<Op> {
        (0..=self.bytes.below(4)).map(|_| self.op(with_syncs, is_async)).collect()
    }

    fn op(&mut self, with_syncs: bool, is_async: bool) -> Op {
        let what = self.bytes.next().unwrap_or(0);
        let mut op = Op {
            kind: DRM_PANTHOR_VM_BIND_OP_TYPE_MAP,
            flags: 0,
            bo: 0,
            offset: 0,
            va: BASE + self.bytes.below(WINDOW),
            pages: self.bytes.below(9) + u64::from(is_async),
            waits: if with_syncs { self.syncobjs(2) } else { vec![] },
            signals: if with_syncs { self.syncobjs(2) } else { vec![] },
        };
        match what % 16 {
            0..=4 => {
                op.kind = DRM_PANTHOR_VM_BIND_OP_TYPE_UNMAP;
                op.bo = u32::from(what == 0xf4);
            }
            5 if is_async => {
                op.kind = DRM_PANTHOR_VM_BIND_OP_TYPE_SYNC_ONLY;
                (op.va, op.pages) = (0, 0);
            }
            5 => op.va = USER_END - self.bytes.below(4),
            6..=8 => {
                op.flags = SPARSE_FLAG | if what >= 0xf0 { 0 } else { NOEXEC };
                op.flags |= if what & 0x20 != 0 { READONLY } else { 0 };
            }
            kind => {
                op.bo = self.bo();
                op.offset = self.bytes.below(6);
                op.flags = if kind & 1 != 0 { READONLY } else { 0 }
                    | if kind & 2 != 0 { NOEXEC } else { 0 };
                op.flags |= if what >= 0xe0 { UNCACHED } else { 0 };
            }
        }
        op
    }

    fn create_vm(&mut self) {
        let args = drm_panthor_vm_create { flags: 0, id: 0, user_va_range: 0 };
        let id = fake::create(&self.file, DRM_IOCTL_PANTHOR_VM_CREATE, args, |args| args.id);
        assert_eq!(id, self.model.create_vm(), "VM_CREATE");
    }

    fn destroy_vm(&mut self) {
        let id = self.vm();
        let mut args = drm_panthor_vm_destroy { id, pad: 0 };
        let result = fake::call(&self.file, DRM_IOCTL_PANTHOR_VM_DESTROY, &mut args);
        assert_eq!(result, self.model.destroy_vm(id), "VM_DESTROY of {id}");
    }

    fn create_bo(&mut self, pages: u64, exclusive_vm_id: u32) {
        let size = pages * PAGE;
        let args = drm_panthor_bo_create { size, flags: 0, exclusive_vm_id, handle: 0, pad: 0 };
        let handle =
            fake::create(&self.file, DRM_IOCTL_PANTHOR_BO_CREATE, args, |args| args.handle);
        let expected = self.model.create_bo(pages, exclusive_vm_id);
        assert_eq!(handle, expected, "BO_CREATE of {pages} pages for VM {exclusive_vm_id}");
    }

    fn close_bo(&mut self) {
        let handle = self.bo();
        let mut args = drm_gem_close { handle, pad: 0 };
        let result = fake::call(&self.file, DRM_IOCTL_GEM_CLOSE, &mut args);
        let expected = self.model.bos.remove(handle).map_or(EINVAL, |_| 0);
        assert_eq!(result, expected, "GEM_CLOSE of {handle}");
    }

    fn bind(&mut self, vm: u32, flags: u32, ops: &[Op]) {
        let answer = fake::bind(&self.file, vm, flags, ops);
        let expected = match flags {
            0 => self.model.bind(vm, ops),
            _ => (self.model.bind_async(vm, ops), ops.len()),
        };
        assert_eq!(answer, expected, "VM_BIND of VM {vm}, flags {flags}: {ops:?}");
        compare_all(&self.file, &self.model);
    }

    fn hold(&mut self, vm: u32, held: bool) {
        if let Some(view) = self.file.gpu(vm) {
            if held { view.hold() } else { view.release() }
        }
        self.model.hold(vm, held);
        compare_all(&self.file, &self.model);
    }

    fn step_queue(&mut self) {
        let vm = self.vm();
        let ran = self.file.gpu(vm).is_some_and(|view| view.step());
        assert_eq!(ran, self.model.step(vm), "a step of VM {vm}");
        compare_all(&self.file, &self.model);
    }

    fn fail_next_job(&mut self) {
        let vm = self.vm();
        if let Some(view) = self.file.gpu(vm) {
            assert!(view.fail_next_job(5));
        }
        self.model.fail_next_job(vm);
    }

    fn create_syncobj(&mut self, flags: u32) {
        let args = drm_syncobj_create { flags, handle: 0 };
        let handle = fake::create(&self.file, DRM_IOCTL_SYNCOBJ_CREATE, args, |args| args.handle);
        let fence = if flags == 0 { Fence::None } else { Fence::Signaled };
        assert_eq!(handle, Ok(self.model.syncobjs.add(fence)), "SYNCOBJ_CREATE");
    }

    fn change_syncobj(&mut self, step: u8) {
        let handle = self.syncobj();
        let (request, fence) = match step >> 5 {
            0..=2 => (DRM_IOCTL_SYNCOBJ_SIGNAL, Fence::Signaled),
            3..=5 => (DRM_IOCTL_SYNCOBJ_RESET, Fence::None),
            _ => {
                let mut args = drm_syncobj_destroy { handle, pad: 0 };
                let result = fake::call(&self.file, DRM_IOCTL_SYNCOBJ_DESTROY, &mut args);
                let expected = self.model.syncobjs.remove(handle).map_or(EINVAL, |_| 0);
                return assert_eq!(result, expected, "SYNCOBJ_DESTROY of {handle}");
            }
        };
        let result = fake::change(&self.file, request, handle);
        let known = self.model.syncobjs.get_mut(handle).map(|known| *known = fence);
        assert_eq!(result, known.map_or(ENOENT, |()| 0), "{request:#x} of syncobj {handle}");
    }

    fn wait(&mut self, all: bool) {
        let handles: Vec<_> = (0..=self.bytes.below(3)).map(|_| self.syncobj()).collect();
        let answer = fake::wait(&self.file, &handles, all);
        assert_eq!(answer, self.model.wait(&handles, all), "a wait for {handles:?}, all: {all}");
    }

    /// Returns the page that an access of the GPU reaches, or the fault.
    fn reach(&self, vm: u32, va: u64, denied: u32) -> Result<Page, FaultKind> {
        let vm = self.model.vms.get(vm).ok_or(FaultKind::Translation)?;
        if vm.unusable {
            return Err(FaultKind::Unusable);
        }
        let page = vm.table.get(&va).ok_or(FaultKind::Translation)?;
        if page.flags & denied != 0 { Err(FaultKind::Permission) } else { Ok(*page) }
    }

    fn write(&mut self) {
        let (vm, va) = (self.vm(), BASE + self.bytes.below(WINDOW));
        let value = u64::from_ne_bytes([self.bytes.next().unwrap_or(1); 8]);
        let Some(view) = self.file.gpu(vm) else { return };
        let written = view.write(va * PAGE, &value.to_ne_bytes()).map_err(|fault| fault.kind);
        let page = self.reach(vm, va, READONLY);
        assert_eq!(written, page.map(drop), "a write to page {va:#x} of VM {vm}");
        if let Ok(Page { object, offset, .. }) = page {
            self.model.memory.insert((object, offset), value);
        }
    }

    fn read(&mut self, fetch: bool) {
        let (vm, va) = (self.vm(), BASE + self.bytes.below(WINDOW));
        let Some(view) = self.file.gpu(vm) else { return };
        let mut word = [0; 8];
        let read = match fetch {
            false => view.read(va * PAGE, &mut word),
            true => view.fetch(va * PAGE, &mut word),
        };
        let read = read.map(|()| u64::from_ne_bytes(word)).map_err(|fault| fault.kind);
        let page = self.reach(vm, va, if fetch { NOEXEC } else { 0 });
        let expected = page.map(|page| self.contents((page.object, page.offset)));
        assert_eq!(read, expected, "a read of page {va:#x} of VM {vm}, fetch: {fetch}");
    }

    fn contents(&self, at: (u64, u64)) -> u64 {
        self.model.memory.get(&at).copied().unwrap_or(0)
    }

    /// Reads a BO through a mapping of the CPU, and writes to it.
    fn cpu(&mut self) {
        let (handle, page) = (self.bo(), self.bytes.below(16));
        let value = u64::from_ne_bytes([self.bytes.next().unwrap_or(2); 8]);
        let mut args = drm_panthor_bo_mmap_offset { handle, pad: 0, offset: 0 };
        let result = fake::call(&self.file, DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET, &mut args);
        let bo = self.model.bos.get(handle).copied();
        assert_eq!(result, bo.map_or(ENOENT, |_| 0), "BO_MMAP_OFFSET of {handle}");
        let Some(bo) = bo else { return };
        let len = (bo.pages * PAGE) as usize;
        let map = self.file.mmap(len, Prot::READ | Prot::WRITE, args.offset).expect("a mapping");
        let page = page % bo.pages;
        let word = map.as_ptr().wrapping_add((page * PAGE) as usize).cast::<u64>();
        // SAFETY: it is in the mapping, and aligned.
        let found = unsafe { word.read_volatile() };
        assert_eq!(found, self.contents((bo.object, page)), "page {page} of BO {handle}");
        // SAFETY: as above.
        unsafe { word.write_volatile(value) };
        self.model.memory.insert((bo.object, page), value);
    }
}
