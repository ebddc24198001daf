//! Syncobjs and sync files: what they hold, as far as the rules must know.

use std::collections::HashMap;

use panthor_sys::*;

use super::super::program::{Arg, Call, FileId, Slot};
use super::super::requests::*;
use super::super::values::{View, number};
use super::{Refusal, refuse_if};

/// Contents of a syncobj or sync file.
#[derive(Clone, Copy, Default)]
struct Sync {
    /// Perhaps the fence of a point.
    chained: bool,
    /// Surely a fence.
    fenced: bool,
    /// Perhaps the fence of a job, which names its queue.
    lined: bool,
}

impl Sync {
    const UNKNOWN: Self = Self { chained: true, fenced: false, lined: true };
}

/// All of a program.
#[derive(Default)]
pub struct Syncs {
    by_handle: HashMap<(FileId, u64), usize>,
    all: Vec<Sync>,
    /// Descriptors of syncobjs and sync files.
    shared: HashMap<Slot, usize>,
}

impl Syncs {
    /// Checks the syncs of all jobs or operations of a batch.
    pub fn check_batch(&self, file: FileId, jobs: &[View<'_>]) -> Refusal {
        let is_signal =
            |sync: &View<'_>| sync.number("flags") & u64::from(DRM_PANTHOR_SYNC_OP_SIGNAL) != 0;
        let place = |sync: &View<'_>| (sync.number("handle"), sync.number("timeline_value"));
        let all: Vec<_> = jobs
            .iter()
            .enumerate()
            .flat_map(|(job, view)| view.items("syncs").map(move |sync| (job, sync)))
            .collect();
        for (job, sync) in &all {
            if is_signal(sync) {
                refuse_if(
                    !self.by_handle.contains_key(&(file, sync.number("handle"))),
                    "signalling a syncobj that does not exist crashes Linux 7.3",
                )?;
                continue;
            }
            let (handle, point) = place(sync);
            let known = self.by_handle.get(&(file, handle));
            if point == 0 && known.is_some_and(|&known| self.all[known].fenced) {
                continue;
            }
            let signals = all
                .iter()
                .filter(|(_, other)| is_signal(other) && place(other) == place(sync))
                .map(|(job, _)| job);
            refuse_if(
                signals.min().is_some_and(|first| first >= job),
                "the kernel warns of a wait for what only a later job of the batch will signal",
            )?;
        }
        Ok(())
    }

    /// Checks the import of a descriptor.
    pub fn check_import(&self, args: &View<'_>) -> Refusal {
        let timeline =
            args.number("flags") & u64::from(DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_TIMELINE) != 0;
        let sync = match args.arg("fd") {
            Some(Arg::Slot(slot)) => self.shared.get(slot).map(|&sync| self.all[sync]),
            _ => None,
        };
        refuse_if(
            timeline && sync.is_some_and(|sync| sync.chained),
            "the kernel warns of a timeline's fence that becomes another's point",
        )
    }

    /// Returns whether a sync file may have a fence of a queue.
    pub fn may_name_a_line(&self, file: Option<Slot>) -> bool {
        let sync = file.and_then(|slot| self.shared.get(&slot));
        sync.is_some_and(|&sync| self.all[sync].lined)
    }

    /// Remembers what a call that succeeded has done.
    pub fn done(&mut self, call: &Call, args: &View<'_>, given: u64) {
        let (file, request) = (call.file, call.request);
        if *request == SYNCOBJ_CREATE {
            let signaled = u64::from(DRM_SYNCOBJ_CREATE_SIGNALED);
            let fenced = args.number("flags") & signaled != 0;
            let sync = self.add(Sync { chained: false, fenced, lined: false });
            self.by_handle.insert((file, given), sync);
        } else if *request == SYNCOBJ_DESTROY {
            self.by_handle.remove(&(file, args.number("handle")));
        } else if *request == SYNCOBJ_HANDLE_TO_FD {
            self.exported(call, args);
        } else if *request == SYNCOBJ_FD_TO_HANDLE {
            self.imported(call, args, given);
        } else if *request == SYNCOBJ_TRANSFER {
            let from = self.by_handle.get(&(file, args.number("src_handle")));
            let Sync { chained, fenced, lined } =
                from.map_or(Sync::UNKNOWN, |&sync| self.all[sync]);
            let target = args.number("dst_handle");
            if chained || args.number("dst_point") != 0 {
                self.chain(file, target);
            }
            self.fence(file, target, fenced);
            self.line(file, target, lined);
        } else if let Some(Arg::Words(handles)) = args.arg("handles") {
            let count = args.number("count_handles") as usize;
            for handle in handles.iter().take(count) {
                let handle = number(handle, args.values);
                if *request == SYNCOBJ_TIMELINE_SIGNAL {
                    self.chain(file, handle);
                    self.fence(file, handle, true);
                } else if *request == SYNCOBJ_SIGNAL {
                    self.fence(file, handle, true);
                } else if *request == SYNCOBJ_RESET {
                    self.fence(file, handle, false);
                }
            }
        }
    }

    /// Remembers what a job or an operation may have signalled.
    pub fn submitted(&mut self, file: FileId, job: &View<'_>) {
        for sync in job.items("syncs") {
            if sync.number("timeline_value") != 0 {
                self.chain(file, sync.number("handle"));
            }
            self.line(file, sync.number("handle"), true);
        }
    }

    fn add(&mut self, sync: Sync) -> usize {
        self.all.push(sync);
        self.all.len() - 1
    }

    fn fence(&mut self, file: FileId, handle: u64, fenced: bool) {
        if let Some(&sync) = self.by_handle.get(&(file, handle)) {
            self.all[sync].fenced = fenced;
        }
    }

    fn chain(&mut self, file: FileId, handle: u64) {
        if let Some(&sync) = self.by_handle.get(&(file, handle)) {
            self.all[sync].chained = true;
        }
    }

    fn line(&mut self, file: FileId, handle: u64, lined: bool) {
        if let Some(&sync) = self.by_handle.get(&(file, handle)) {
            self.all[sync].lined |= lined;
        }
    }

    fn exported(&mut self, call: &Call, args: &View<'_>) {
        let Some(slot) = call.gives else { return };
        let sync = self.by_handle.get(&(call.file, args.number("handle"))).copied();
        let file = u64::from(DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE);
        let sync = match sync {
            // A file of the fence that is there now.
            Some(sync) if args.number("flags") & file != 0 => self.add(self.all[sync]),
            Some(sync) => sync,
            None => self.add(Sync::UNKNOWN),
        };
        self.shared.insert(slot, sync);
    }

    fn imported(&mut self, call: &Call, args: &View<'_>, given: u64) {
        let slot = match args.arg("fd") {
            Some(Arg::Slot(slot)) => *slot,
            _ => return,
        };
        let Some(&sync) = self.shared.get(&slot) else { return };
        let file = u64::from(DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE);
        if args.number("flags") & file == 0 {
            self.by_handle.insert((call.file, given), sync);
            return;
        }
        let Sync { chained, lined, .. } = self.all[sync];
        if chained || args.number("point") != 0 {
            self.chain(call.file, args.number("handle"));
        }
        self.line(call.file, args.number("handle"), lined);
    }
}
