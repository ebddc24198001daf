//! Syncobjs, and what is shared by descriptors.

use super::*;

/// In the past, however early the clock began.
const PAST: [u64; 3] = [0, 1, u64::MAX];

impl Maker {
    pub fn create_syncobj(&mut self, file: FileId) {
        if self.objects(file).count(Kind::Syncobj) >= 10 {
            return self.destroy_syncobj(file);
        }
        let flags = self.dice.below(2);
        let slot = self.create(file, &SYNCOBJ_CREATE, vec![("flags", n(flags))]);
        self.objects(file).add(Kind::Syncobj, slot);
        if flags == 1 {
            self.signaled(file, &Arg::Slot(slot), 0);
        }
    }

    fn destroy_syncobj(&mut self, file: FileId) {
        let handle = self.one(file, Kind::Syncobj);
        self.objects(file).remove(Kind::Syncobj, &handle);
        self.call(file, &SYNCOBJ_DESTROY, vec![("handle", handle)]);
    }

    pub fn syncobjs(&mut self, file: FileId) {
        let count = 1 + self.dice.index(4);
        let (handles, points): (Vec<_>, Vec<_>) = (0..count).map(|_| self.reached(file)).unzip();
        let ahead = self.unreached(file);
        let handles = Arg::Words(handles);
        let points = Arg::Longs(points.into_iter().map(n).collect());
        let count = n(count as u64);
        match self.dice.below(24) {
            0 | 1 => self.create_syncobj(file),
            2 => self.destroy_syncobj(file),
            3 | 4 => {
                if let Arg::Words(handles) = &handles {
                    handles.iter().for_each(|handle| self.signaled(file, handle, 0));
                }
                self.call(
                    file,
                    &SYNCOBJ_SIGNAL,
                    vec![("handles", handles), ("count_handles", count)],
                );
            }
            5 | 6 => {
                if let Arg::Words(handles) = &handles {
                    for handle in handles {
                        if let Arg::Slot(slot) = handle {
                            self.objects(file).fences.remove(slot);
                        }
                    }
                }
                self.call(
                    file,
                    &SYNCOBJ_RESET,
                    vec![("handles", handles), ("count_handles", count)],
                );
            }
            7..=10 => {
                let (handle, point) = ahead;
                self.signaled(file, &handle, point);
                let fields = vec![
                    ("handles", Arg::Words(vec![handle])),
                    ("points", Arg::Longs(vec![n(point)])),
                    ("count_handles", n(1_u64)),
                ];
                self.call(file, &SYNCOBJ_TIMELINE_SIGNAL, fields);
            }
            11..=13 => {
                let Arg::Number(room) = count else { unreachable!("a number") };
                let flags = self.dice.below(2);
                let fields = vec![
                    ("handles", handles),
                    ("points", Arg::Answers(room as usize)),
                    ("count_handles", count),
                    ("flags", n(flags)),
                ];
                self.call(file, &SYNCOBJ_QUERY, fields);
            }
            14 | 15 => {
                let fields = vec![("handles", handles), ("count_handles", count)];
                self.wait(file, &SYNCOBJ_WAIT, fields);
            }
            16..=19 => {
                let fields =
                    vec![("handles", handles), ("points", points), ("count_handles", count)];
                self.wait(file, &SYNCOBJ_TIMELINE_WAIT, fields);
            }
            20 | 21 => {
                let ((source, from), (target, to)) = (self.reached(file), ahead);
                self.signaled(file, &target, to);
                let fields = vec![
                    ("src_handle", source),
                    ("dst_handle", target),
                    ("src_point", n(from)),
                    ("dst_point", n(to)),
                ];
                self.call(file, &SYNCOBJ_TRANSFER, fields);
            }
            _ => self.eventfd(file),
        }
    }

    fn wait(&mut self, file: FileId, request: &'static Request, mut fields: Fields) {
        let flags = self.dice.below(if *request == SYNCOBJ_WAIT { 4 } else { 8 });
        let flags = if self.dice.one_in(12) { flags | 8 } else { flags };
        fields.push(("timeout_nsec", n(self.dice.of(&PAST))));
        fields.push(("flags", n(flags)));
        fields.push(("first_signaled", n(77_u64)));
        self.call(file, request, fields);
    }

    fn eventfd(&mut self, file: FileId) {
        let slot = self.slot();
        self.steps.push(Step::Eventfd(slot));
        self.descriptors.push((slot, Descriptor::Eventfd));
        let handle = self.one(file, Kind::Syncobj);
        let point = self.point();
        let flags = self.dice.of(&[0_u64, 0, 4]);
        let fd = self.descriptor(Descriptor::Eventfd);
        let fields = vec![("handle", handle), ("point", n(point)), ("flags", n(flags)), ("fd", fd)];
        self.call(file, &SYNCOBJ_EVENTFD, fields);
        self.read_eventfd();
    }

    fn read_eventfd(&mut self) {
        if let Arg::Slot(slot) = self.descriptor(Descriptor::Eventfd) {
            if self.descriptors.contains(&(slot, Descriptor::Eventfd)) {
                self.steps.push(Step::ReadEventfd(slot));
            }
        }
    }

    /// Exports and imports.
    pub fn share(&mut self, file: FileId) {
        match self.dice.below(12) {
            0..=2 => self.export_bo(file),
            3..=5 => {
                if !self.has_descriptor(Descriptor::DmaBuf) {
                    let other = self.dice.index(self.files.len());
                    self.export_bo(other as FileId);
                }
                let fd = self.descriptor(Descriptor::DmaBuf);
                let size = match &fd {
                    Arg::Slot(slot) => self.dma_buf_sizes.get(slot).copied(),
                    _ => None,
                };
                let slot = self.create(file, &PRIME_FD_TO_HANDLE, vec![("fd", fd)]);
                let objects = self.objects(file);
                objects.add(Kind::Bo, slot);
                objects.bos.push((slot, None, size.unwrap_or(4096)));
            }
            6 | 7 => self.export_syncobj(file),
            8 | 9 => self.import_syncobj(file),
            10 => self.read_eventfd(),
            _ if self.descriptors.len() > 4 => self.close_descriptor(),
            _ => {}
        }
    }

    pub fn export_bo(&mut self, file: FileId) {
        let bo = self.one(file, Kind::Bo);
        let size = self.bo_size(file, &bo);
        let flags = u64::from(self.dice.of(&[DRM_CLOEXEC | DRM_RDWR, DRM_CLOEXEC, DRM_RDWR, 0]));
        let fields = vec![("handle", bo), ("flags", n(flags)), ("fd", n(u64::MAX))];
        let slot = self.create(file, &PRIME_HANDLE_TO_FD, fields);
        self.descriptors.push((slot, Descriptor::DmaBuf));
        self.dma_buf_sizes.insert(slot, size);
    }

    fn export_syncobj(&mut self, file: FileId) {
        let handle = self.one(file, Kind::Syncobj);
        let to_file = self.dice.one_in(2);
        let timeline = self.dice.one_in(4);
        let point = if timeline { self.point() } else { 0 };
        let mut flags = 0;
        if to_file {
            flags |= DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE;
        }
        if timeline {
            flags |= DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_TIMELINE;
        }
        let fields =
            vec![("handle", handle), ("flags", n(flags)), ("fd", n(u64::MAX)), ("point", n(point))];
        let slot = self.create(file, &SYNCOBJ_HANDLE_TO_FD, fields);
        let kind = if to_file { Descriptor::SyncFile } else { Descriptor::Syncobj };
        self.descriptors.push((slot, kind));
    }

    fn import_syncobj(&mut self, file: FileId) {
        if self.dice.one_in(2) {
            let fd = self.descriptor(Descriptor::Syncobj);
            let slot = self.create(file, &SYNCOBJ_FD_TO_HANDLE, vec![("fd", fd)]);
            self.objects(file).add(Kind::Syncobj, slot);
            return;
        }
        let fd = self.descriptor(Descriptor::SyncFile);
        let handle = self.one(file, Kind::Syncobj);
        let timeline = self.dice.one_in(3);
        let point = if timeline { self.point() } else { 0 };
        let mut flags = DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE;
        if timeline {
            flags |= DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_TIMELINE;
        }
        let fields = vec![("handle", handle), ("flags", n(flags)), ("fd", fd), ("point", n(point))];
        self.call(file, &SYNCOBJ_FD_TO_HANDLE, fields);
    }
}
