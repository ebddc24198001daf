//! The model's state of objects.

use std::collections::{BTreeMap, VecDeque};

/// The pages of the object behind sparse mappings.
const SPARSE_PAGES: u64 = 512;

/// Permanent identity of an object. [`SPARSE`] is the object behind sparse mappings.
pub type Object = u64;
pub const SPARSE: Object = 0;

/// A page of a VM.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Page {
    pub object: Object,
    pub offset: u64,
    pub flags: u32,
}

/// A BO with a handle.
#[derive(Clone, Copy, Debug)]
pub struct Bo {
    pub object: Object,
    pub pages: u64,
    /// The only VM that may map it.
    pub exclusive: Option<u64>,
}

/// Changes by an operation, in pages.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    Map { va: u64, pages: u64, first: Page },
    Unmap { va: u64, pages: u64 },
    SyncOnly,
}

/// The number of a job.
pub type Job = usize;

#[derive(Clone, Debug)]
pub struct Queued {
    pub job: Job,
    pub change: Change,
    pub waits: Vec<Job>,
}

#[derive(Debug, Default)]
pub struct Vm {
    /// Permanent identity, distinct from other VMs with the same ID.
    pub unique: u64,
    pub table: BTreeMap<u64, Page>,
    pub unusable: bool,
    pub held: bool,
    pub queue: VecDeque<Queued>,
    pub failures: usize,
}

impl Vm {
    pub fn pending(&self) -> usize {
        self.queue.len()
    }

    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Map { va, pages, first } => {
                for page in 0..pages {
                    let offset = match first.object {
                        SPARSE => (va + page) % SPARSE_PAGES,
                        _ => first.offset + page,
                    };
                    self.table.insert(va + page, Page { offset, ..first });
                }
            }
            Change::Unmap { va, pages } => {
                self.table.retain(|at, _| !(va..va + pages).contains(at))
            }
            Change::SyncOnly => {}
        }
    }
}

/// The fence of a syncobj.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fence {
    None,
    Signaled,
    Of(Job),
}

/// An operation of VM_BIND, in pages, as a client asks for it.
#[derive(Clone, Debug)]
pub struct Op {
    pub kind: u32,
    pub flags: u32,
    pub bo: u32,
    pub offset: u64,
    pub va: u64,
    pub pages: u64,
    pub waits: Vec<u32>,
    pub signals: Vec<u32>,
}

/// Objects by handle: the lowest number that is free is the next.
#[derive(Debug)]
pub struct Table<T>(pub BTreeMap<u32, T>);

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Table<T> {
    pub fn add(&mut self, object: T) -> u32 {
        let handle = (1..).find(|handle| !self.0.contains_key(handle)).unwrap_or(0);
        self.0.insert(handle, object);
        handle
    }

    pub fn get(&self, handle: u32) -> Option<&T> {
        self.0.get(&handle)
    }

    pub fn get_mut(&mut self, handle: u32) -> Option<&mut T> {
        self.0.get_mut(&handle)
    }

    pub fn remove(&mut self, handle: u32) -> Option<T> {
        self.0.remove(&handle)
    }

    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.0.iter().map(|(&handle, object)| (handle, object))
    }
}
