//! Makes programs up: mostly right, sometimes nearly, sometimes not at all.

mod binds;
mod descriptors;
mod mistakes;
mod objects;
mod others;
mod primary;
mod syncobjs;

use std::collections::HashMap;

use panthor_sys::*;

use super::dice::Dice;
use super::program::{Arg, Array, Call, Fields, FileId, Plain, Program, SetName, Slot, Step};
use super::requests::*;
use binds::Window;
use objects::{Kind, Objects};

/// Limit of the files that a program opens.
const FILES: usize = 4;

/// Returns the program of a seed with at most this many steps, not counting the steps that create
/// its first objects.
pub fn program(seed: u64, steps: u64, with_jobs: bool) -> Program {
    let mut dice = Dice::new(seed);
    let windows = Window::some(&mut dice);
    let mut maker = Maker {
        steps: Vec::new(),
        next_slot: 0,
        files: vec![Objects::default()],
        descriptors: Vec::new(),
        dma_buf_sizes: HashMap::new(),
        names: Vec::new(),
        magics: Vec::new(),
        windows,
        // Some programs are about few things.
        clumsy: dice.of(&[8, 15, 40, 1000]),
        busy: dice.of(&[Busy::All, Busy::All, Busy::All, Busy::Binds, Busy::Binds, Busy::Syncs]),
        with_jobs,
        dice,
    };
    maker.begin();
    for _ in 0..maker.dice.below(steps) + 1 {
        maker.step();
    }
    Program { steps: maker.steps }
}

/// Subject of most steps.
#[derive(Clone, Copy, PartialEq)]
enum Busy {
    All,
    Binds,
    Syncs,
}

struct Maker {
    dice: Dice,
    steps: Vec<Step>,
    next_slot: Slot,
    files: Vec<Objects>,
    /// Open dma-bufs, syncobjs, sync files, and eventfds.
    descriptors: Vec<(Slot, Descriptor)>,
    dma_buf_sizes: HashMap<Slot, u64>,
    /// Names of BOs, with their sizes.
    names: Vec<(Slot, u64)>,
    /// By which files of the primary node are introduced.
    magics: Vec<Slot>,
    windows: Vec<Window>,
    /// One of this many argument structures has a mistake.
    clumsy: u64,
    busy: Busy,
    with_jobs: bool,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Descriptor {
    DmaBuf,
    Syncobj,
    SyncFile,
    Eventfd,
}

impl Maker {
    /// Creates the objects of every program: VMs, BOs, syncobjs. Many programs also open the
    /// primary node.
    fn begin(&mut self) {
        for _ in 0..1 + self.dice.below(2) {
            self.create_vm(0);
        }
        for _ in 0..3 {
            self.create_bo(0);
        }
        for _ in 0..5 {
            self.create_syncobj(0);
        }
        if self.dice.one_in(2) {
            self.open(true);
        }
    }

    fn step(&mut self) {
        let file = self.dice.index(self.files.len()) as FileId;
        // The first file is the busiest.
        let file = if self.dice.one_in(3) { file } else { 0 };
        // What goes from file to file, and what that is asked itself.
        if self.dice.one_in(6) {
            return match self.dice.below(12) {
                0..3 => self.names(file),
                3..5 => self.primary(file),
                _ => self.descriptors(file),
            };
        }
        let kind = match self.busy {
            Busy::All => self.dice.below(100),
            Busy::Binds => self.dice.below(60),
            Busy::Syncs => 36 + self.dice.below(40),
        };
        match kind {
            0..34 => self.bind(file),
            34..36 => self.steps.push(Step::Look),
            36..50 => self.burst(file),
            50..54 => self.create_bo(file),
            54..56 => self.close_bo(file),
            56..58 => self.create_vm(file),
            58 => self.destroy_vm(file),
            59 => self.vm_state(file),
            60..76 => self.syncobjs(file),
            76..84 => self.share(file),
            84..90 => self.groups(file),
            90..92 => self.heaps(file),
            92..95 => self.bo_calls(file),
            95..97 => self.queries(file),
            97..99 => self.core(file),
            _ => self.open_or_close(),
        }
    }

    fn objects(&mut self, file: FileId) -> &mut Objects {
        &mut self.files[file as usize]
    }

    fn slot(&mut self) -> Slot {
        self.next_slot += 1;
        self.next_slot
    }

    /// Adds a call, perhaps with a mistake.
    fn call(&mut self, file: FileId, request: &'static Request, mut fields: Fields) {
        if self.dice.one_in(self.clumsy) {
            self.make_mistake(&mut fields, request.layout);
        }
        self.steps.push(Step::Call(Call { file, on: None, request, fields, gives: None }));
    }

    /// Adds a call that makes something.
    fn create(&mut self, file: FileId, request: &'static Request, fields: Fields) -> Slot {
        self.call(file, request, fields);
        let slot = self.slot();
        if let Some(Step::Call(call)) = self.steps.last_mut() {
            call.gives = Some(slot);
        }
        slot
    }

    /// Something that a file has, mostly.
    fn one(&mut self, file: FileId, kind: Kind) -> Arg {
        let dice = &mut self.dice;
        let objects = &self.files[file as usize];
        let (alive, gone) = (&objects.alive[kind as usize], &objects.gone[kind as usize]);
        if dice.one_in(60) {
            return Arg::Number(dice.of(&[0, 1, 2, 7, 31, 32, 33, 999, 1 << 31, u64::MAX]));
        }
        if dice.one_in(60) && !gone.is_empty() {
            return Arg::Slot(gone[dice.index(gone.len())]);
        }
        match alive.len() {
            0 => Arg::Number(0),
            len => Arg::Slot(alive[dice.index(len)]),
        }
    }

    fn has_descriptor(&self, kind: Descriptor) -> bool {
        self.descriptors.iter().any(|(_, known)| *known == kind)
    }

    /// Returns a descriptor, mostly of this kind.
    fn descriptor(&mut self, kind: Descriptor) -> Arg {
        let of_kind: Vec<_> = self
            .descriptors
            .iter()
            .filter(|(_, known)| *known == kind || self.dice.one_in(30))
            .map(|&(slot, _)| slot)
            .collect();
        match of_kind.len() {
            0 => Arg::Number(u64::MAX),
            len => Arg::Slot(of_kind[self.dice.index(len)]),
        }
    }

    fn open_or_close(&mut self) {
        if self.files.len() < FILES && self.dice.one_in(2) {
            let is_primary = self.dice.one_in(2);
            self.open(is_primary);
        } else if self.files.len() > 1 && self.dice.one_in(4) {
            // Never the first.
            let file = 1 + self.dice.index(self.files.len() - 1);
            self.steps.push(Step::CloseFile(file as FileId));
        }
    }

    /// Opens the render node or the primary node.
    fn open(&mut self, is_primary: bool) -> FileId {
        let file = self.files.len() as FileId;
        self.files.push(Objects { is_primary, ..Objects::default() });
        self.steps.push(if is_primary { Step::OpenPrimary(file) } else { Step::Open(file) });
        self.create_vm(file);
        self.create_bo(file);
        self.create_syncobj(file);
        file
    }
}

fn n(number: impl Into<u64>) -> Arg {
    Arg::Number(number.into())
}

fn array(element: &'static Element, items: Vec<Fields>) -> Arg {
    Arg::Array(Array::of(element, items))
}
