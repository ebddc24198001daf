//! Groups, heaps, queries, and calls of the DRM core.

use crate::uapi::ops::KIB;

use super::super::forbidden::CODE;
use super::*;

impl Maker {
    pub fn groups(&mut self, file: FileId) {
        let count = self.objects(file).count(Kind::Group);
        match self.dice.below(10) {
            0 | 1 if count < 3 => self.create_group(file),
            2 if count > 0 => {
                let group = self.one(file, Kind::Group);
                self.objects(file).remove(Kind::Group, &group);
                self.call(file, &GROUP_DESTROY, vec![("group_handle", group)]);
            }
            3 => {
                let group = self.one(file, Kind::Group);
                self.call(file, &GROUP_GET_STATE, vec![("group_handle", group)]);
            }
            _ if count > 0 => self.submit(file),
            _ => self.create_group(file),
        }
    }

    fn create_group(&mut self, file: FileId) {
        let vm = self.one(file, Kind::Vm);
        let count = self.dice.of(&[1, 1, 1, 2, 2, 3, 3, 8, 9]);
        let mut queues = Vec::new();
        for _ in 0..count {
            let priority = self.dice.of(&[0_u64, 0, 1, 15, 16]);
            let size = self.dice.of(&[4 * KIB, 4 * KIB, 64 * KIB, 4 * KIB + 1, 12 * KIB, 0]);
            let size = if self.dice.one_in(8) { size } else { 4 * KIB };
            let priority = if self.dice.one_in(8) { priority } else { 0 };
            queues.push(vec![("priority", n(priority)), ("ringbuf_size", n(size))]);
        }
        let priority = self.dice.of(&[0_u64, 1, 1, 1, 2, 3, 4]);
        let mut fields = vec![
            ("queues", array(&QUEUE, queues)),
            ("priority", n(priority)),
            ("vm_id", vm),
            ("max_compute_cores", n(1_u64)),
            ("max_fragment_cores", n(1_u64)),
            ("max_tiler_cores", n(1_u64)),
            ("compute_core_mask", n(1_u64)),
            ("fragment_core_mask", n(1_u64)),
            ("tiler_core_mask", n(1_u64)),
        ];
        if self.dice.one_in(8) {
            let at = 3 + self.dice.index(6);
            fields[at].1 = n(self.dice.of(&[0_u64, 2, 3, 255]));
        }
        let slot = self.create(file, &GROUP_CREATE, fields);
        let objects = self.objects(file);
        objects.add(Kind::Group, slot);
        objects.groups.push((slot, count));
    }

    /// Returns the expected number of queues of a group.
    fn queues(&self, file: FileId, group: &Arg) -> u64 {
        let groups = &self.files[file as usize].groups;
        let known = groups.iter().find(|(slot, _)| *group == Arg::Slot(*slot));
        known.map_or(1, |(_, queues)| *queues)
    }

    /// Jobs, mostly without streams: their syncs happen.
    pub fn submit(&mut self, file: FileId) {
        let group = self.one(file, Kind::Group);
        let queues = self.queues(file, &group);
        let mut jobs = Vec::new();
        for _ in 0..self.dice.of(&[1, 1, 2, 3]) {
            let queue = self.dice.below(queues);
            let queue = if self.dice.one_in(40) { queues } else { queue };
            let mut job = vec![("queue_index", n(queue))];
            if !self.dice.one_in(4) {
                job.push(("syncs", self.syncs(file)));
            }
            if self.with_jobs && self.dice.one_in(6) {
                self.add_stream(&mut job);
            }
            jobs.push(job);
        }
        let fields = vec![("group_handle", group), ("queue_submits", array(&JOB, jobs))];
        self.call(file, &GROUP_SUBMIT, fields);
    }

    fn add_stream(&mut self, job: &mut Fields) {
        let start = self.dice.below(8) * 64;
        let len = self.dice.of(&[8_u64, 8, 64, 256, 20]);
        job.push(("stream_addr", n(CODE + start)));
        job.push(("stream_size", n(len)));
    }

    /// Adds a job with these syncs, with a stream if possible.
    pub fn submit_with(&mut self, file: FileId, syncs: (&'static str, Arg)) {
        let group = self.one(file, Kind::Group);
        let queues = self.queues(file, &group);
        let mut job = vec![("queue_index", n(self.dice.below(queues))), syncs];
        if self.with_jobs && self.dice.one_in(2) {
            self.add_stream(&mut job);
        }
        let fields = vec![("group_handle", group), ("queue_submits", array(&JOB, vec![job]))];
        self.call(file, &GROUP_SUBMIT, fields);
    }

    pub fn heaps(&mut self, file: FileId) {
        let count = self.objects(file).count(Kind::Heap);
        if count < 2 && self.dice.one_in(2) {
            let vm = self.one(file, Kind::Vm);
            let size =
                self.dice.of(&[128 * KIB, 256 * KIB, 256 * KIB, 64 * KIB, 300 * KIB, 16 << 20]);
            let initial = self.dice.of(&[1_u64, 1, 2, 3, 0]);
            let most = self.dice.of(&[1_u64, 2, 4, 8, 0]);
            let in_flight = self.dice.of(&[1_u64, 4, 65535, 65536, 0]);
            let slot = self.create(
                file,
                &HEAP_CREATE,
                vec![
                    ("vm_id", vm),
                    ("initial_chunk_count", n(initial)),
                    ("chunk_size", n(size)),
                    ("max_chunks", n(most)),
                    ("target_in_flight", n(in_flight)),
                ],
            );
            self.objects(file).add(Kind::Heap, slot);
        } else {
            let heap = self.one(file, Kind::Heap);
            self.objects(file).remove(Kind::Heap, &heap);
            self.call(file, &HEAP_DESTROY, vec![("handle", heap)]);
        }
    }

    pub fn queries(&mut self, file: FileId) {
        let kind = self.dice.below(6);
        let size = self.dice.of(&[0_u64, 1, 8, 16, 24, 64, 128, 256]);
        let pointer = if self.dice.one_in(3) { n(0_u64) } else { Arg::Room };
        self.call(
            file,
            &DEV_QUERY,
            vec![("type_", n(kind)), ("size", n(size)), ("pointer", pointer)],
        );
    }

    /// Calls that every DRM driver has.
    pub fn core(&mut self, file: FileId) {
        match self.dice.below(5) {
            0 => {
                let capability = self.dice.below(24);
                self.call(file, &GET_CAP, vec![("capability", n(capability))]);
            }
            1 => {
                let capability = self.dice.below(9);
                let fields = vec![("capability", n(capability)), ("value", n(1_u64))];
                self.call(file, &SET_CLIENT_CAP, fields);
            }
            2 => {
                let len = self.dice.of(&[0, 1, 10, 63, 64, 65]);
                let len = usize::min(len, 64);
                let extra = self.dice.of(&[0_u64, 0, 0, 1]);
                let fields =
                    vec![("name", Arg::Text("n".repeat(len))), ("name_len", n(len as u64 + extra))];
                self.call(file, &SET_CLIENT_NAME, fields);
            }
            3 => {
                let bo = self.one(file, Kind::Bo);
                self.call(file, &GEM_FLINK, vec![("handle", bo)]);
            }
            _ => {
                let offset = self.dice.of(&[1_u64 << 56, 1 << 43, 0, 4096]);
                self.call(file, &SET_USER_MMIO_OFFSET, vec![("offset", n(offset))]);
            }
        }
    }
}
