//! Which handles stand for the same BO, in a file, and are known to PRIME there.

use std::collections::{HashMap, HashSet};

use super::super::program::{Call, FileId};
use super::super::requests::*;
use super::super::values::View;
use super::{Refusal, refuse_if};

/// A BO, whatever handles it has.
type Object = usize;

#[derive(Default)]
pub struct Handles {
    objects: usize,
    of_handles: HashMap<(FileId, u64), Object>,
    of_names: HashMap<u64, Object>,
    /// By the descriptor, of which a number may mean another one later.
    of_dma_bufs: HashMap<u64, Object>,
    /// Handles by which a file finds an object if it imports it.
    known: HashSet<(FileId, u64)>,
}

impl Handles {
    pub fn check_export(&self, file: FileId, args: &View<'_>) -> Refusal {
        let handle = args.number("handle");
        let object = self.of_handles.get(&(file, handle));
        let another = self.known.iter().any(|&(of, known)| {
            of == file && known != handle && self.of_handles.get(&(file, known)) == object
        });
        refuse_if(
            object.is_some() && another,
            "by which of two handles an import finds a BO depends on addresses in the kernel",
        )
    }

    pub fn done(&mut self, call: &Call, args: &View<'_>, given: u64) {
        let (file, request) = (call.file, call.request);
        let of_handle = (file, args.number("handle"));
        let is_known = if *request == BO_CREATE {
            self.objects += 1;
            self.of_handles.insert((file, given), self.objects);
            return;
        } else if *request == GEM_CLOSE {
            self.of_handles.remove(&of_handle);
            self.known.remove(&of_handle);
            return;
        } else if *request == GEM_FLINK {
            self.of_names.extend(self.of_handles.get(&of_handle).map(|&object| (given, object)));
            return;
        } else if *request == GEM_OPEN {
            let object = self.of_names.get(&args.number("name"));
            self.of_handles.extend(object.map(|&object| ((file, given), object)));
            return;
        } else if *request == PRIME_HANDLE_TO_FD {
            self.of_dma_bufs.extend(self.of_handles.get(&of_handle).map(|&object| (given, object)));
            of_handle
        } else if *request == PRIME_FD_TO_HANDLE {
            let object = self.of_dma_bufs.get(&args.number("fd"));
            self.of_handles.extend(object.map(|&object| ((file, given), object)));
            (file, given)
        } else {
            return;
        };
        self.known.insert(is_known);
    }
}
