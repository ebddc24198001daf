//! Ioctls on dma-bufs and sync files themselves.

use crate::uapi::ops::{ASYNC, SYNC_ONLY};

use super::*;

/// Kinds of access to a dma-buf, mostly right.
const ACCESSES: [u64; 8] = [1, 2, 3, 1, 2, 3, 0, 7];

/// More descriptors than that are not kept open.
const OPEN: usize = 12;

impl Maker {
    pub fn descriptors(&mut self, file: FileId) {
        if self.descriptors.len() > OPEN {
            self.close_descriptor();
        }
        match self.dice.below(18) {
            0 | 1 => self.access(file),
            2 => self.name_dma_buf(file),
            3 | 4 => self.export_fences(file),
            5 | 6 => self.import_fences(file),
            7..=9 => self.merge(file),
            10..=12 => self.file_info(file),
            13 => self.deadline(file),
            14 | 15 => self.poll(),
            _ => self.fences_of_jobs(file),
        }
    }

    pub fn close_descriptor(&mut self) {
        let at = self.dice.index(self.descriptors.len());
        let (slot, _) = self.descriptors.swap_remove(at);
        self.steps.push(Step::CloseFd(slot));
    }

    /// Adds a call on a descriptor, mostly of a kind, which is made if there is none.
    fn ask(&mut self, file: FileId, kind: Descriptor, request: &'static Request, fields: Fields) {
        if let Some(on) = self.some(file, kind) {
            self.call(file, request, fields);
            if let Some(Step::Call(call)) = self.steps.last_mut() {
                call.on = Some(on);
            }
        }
    }

    /// Adds a step like `ask`, for a request that returns a descriptor.
    fn ask_for(
        &mut self,
        file: FileId,
        kind: Descriptor,
        request: &'static Request,
        fields: Fields,
    ) {
        let before = self.steps.len();
        self.ask(file, kind, request, fields);
        let slot = self.slot();
        if let Some(Step::Call(call)) = self.steps[before..].last_mut() {
            call.gives = Some(slot);
            self.descriptors.push((slot, Descriptor::SyncFile));
        }
    }

    fn some(&mut self, file: FileId, kind: Descriptor) -> Option<Slot> {
        match kind {
            _ if self.has_descriptor(kind) && !self.dice.one_in(8) => {}
            Descriptor::DmaBuf => self.export_bo(file),
            Descriptor::SyncFile => {
                let (handle, _) = self.reached(file);
                self.export_fence(file, handle);
            }
            _ => {}
        }
        match self.descriptor(kind) {
            Arg::Slot(slot) => Some(slot),
            _ => None,
        }
    }

    fn access(&mut self, file: FileId) {
        let flags = self.dice.of(&ACCESSES) | self.dice.of(&[0, 0, 0, DMA_BUF_SYNC_END]);
        self.ask(file, Descriptor::DmaBuf, &DMA_BUF_SYNC, vec![("flags", n(flags))]);
    }

    fn name_dma_buf(&mut self, file: FileId) {
        let len = self.dice.of(&[0, 1, 12, 31, 32, 40]);
        if let Some(on) = self.some(file, Descriptor::DmaBuf) {
            self.steps.push(Step::SetName(SetName { file, on, len }));
        }
    }

    fn export_fences(&mut self, file: FileId) {
        let fields = vec![("flags", n(self.dice.of(&ACCESSES))), ("fd", n(u64::MAX))];
        self.ask_for(file, Descriptor::DmaBuf, &EXPORT_FENCES, fields);
    }

    fn import_fences(&mut self, file: FileId) {
        if let Some(fences) = self.some(file, Descriptor::SyncFile) {
            let fields = vec![("flags", n(self.dice.of(&ACCESSES))), ("fd", Arg::Slot(fences))];
            self.ask(file, Descriptor::DmaBuf, &IMPORT_FENCES, fields);
        }
    }

    fn merge(&mut self, file: FileId) {
        if let Some(other) = self.some(file, Descriptor::SyncFile) {
            let mut fields = vec![("fd2", Arg::Slot(other)), ("fence", n(u64::MAX))];
            if self.dice.one_in(3) {
                let len = self.dice.of(&[1, 12, 31, 32]);
                fields.push(("name", Arg::Text("m".repeat(len))));
            }
            self.ask_for(file, Descriptor::SyncFile, &SYNC_MERGE, fields);
        }
    }

    fn file_info(&mut self, file: FileId) {
        let fields = match self.dice.below(4) {
            0 => Vec::new(),
            _ => {
                let room = self.dice.of(&[1_u64, 1, 2, 8]);
                vec![("num_fences", n(room)), ("sync_fence_info", Arg::Room)]
            }
        };
        self.ask(file, Descriptor::SyncFile, &SYNC_FILE_INFO, fields);
    }

    fn deadline(&mut self, file: FileId) {
        let deadline = self.dice.of(&[0, 1, u64::MAX]);
        let fields = vec![("deadline_ns", n(deadline))];
        self.ask(file, Descriptor::SyncFile, &SYNC_DEADLINE, fields);
    }

    fn poll(&mut self) {
        let kind = self.dice.of(&[Descriptor::SyncFile, Descriptor::SyncFile, Descriptor::DmaBuf]);
        if let Arg::Slot(slot) = self.descriptor(kind) {
            self.steps.push(Step::Poll(slot));
        }
    }

    /// Adds an export of a syncobj's fence as a sync file.
    fn export_fence(&mut self, file: FileId, handle: Arg) {
        let flags = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE;
        let fields = vec![("handle", handle), ("flags", n(flags)), ("fd", n(u64::MAX))];
        let slot = self.create(file, &SYNCOBJ_HANDLE_TO_FD, fields);
        self.descriptors.push((slot, Descriptor::SyncFile));
    }

    /// Puts the fences of jobs into a dma-buf while they may not be done, and accesses it.
    fn fences_of_jobs(&mut self, file: FileId) {
        let Some(on) = self.some(file, Descriptor::DmaBuf) else { return };
        for _ in 0..1 + self.dice.below(3) {
            let handle = self.one(file, Kind::Syncobj);
            let flags = u64::from(DRM_PANTHOR_SYNC_OP_SIGNAL);
            let signal = vec![("flags", n(flags)), ("handle", handle.clone())];
            let syncs = ("syncs", array(&SYNC_OP, vec![signal]));
            if self.dice.one_in(2) && self.objects(file).count(Kind::Group) > 0 {
                self.submit_with(file, syncs);
            } else {
                let vm = self.one(file, Kind::Vm);
                let op = match self.dice.below(3) {
                    0 => vec![("flags", n(SYNC_ONLY)), syncs],
                    _ => {
                        let mut op = self.op(file, &vm, true);
                        op.retain(|(name, _)| *name != "syncs");
                        op.push(syncs);
                        op
                    }
                };
                let ops = array(&BIND_OP, vec![op]);
                self.call(file, &VM_BIND, vec![("vm_id", vm), ("flags", n(ASYNC)), ("ops", ops)]);
            }
            self.signaled(file, &handle, 0);
            self.export_fence(file, handle);
            let Some(&(fences, _)) = self.descriptors.last() else { return };
            let usage = self.dice.of(&ACCESSES);
            self.call(file, &IMPORT_FENCES, vec![("flags", n(usage)), ("fd", Arg::Slot(fences))]);
            if let Some(Step::Call(call)) = self.steps.last_mut() {
                call.on = Some(on);
            }
        }
        let flags = self.dice.of(&ACCESSES);
        self.call(file, &DMA_BUF_SYNC, vec![("flags", n(flags))]);
        if let Some(Step::Call(call)) = self.steps.last_mut() {
            call.on = Some(on);
        }
    }
}
