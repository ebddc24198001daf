//! Carries a program out.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use panthor_sys::*;
use rustix::event::{EventfdFlags, eventfd};

use crate::uapi::client::Client;
use crate::uapi::kernel::{Kernel, Linux};
use crate::uapi::mappings::Spaces;
use crate::uapi::ops::ASYNC;

use super::answers;
use super::compare::Expected;
use super::forbidden::Watch;
use super::program::{Arg, Call, FileId, MapNode, Program, Slot, Step};
use super::requests::*;
use super::settle::{Pending, is_of_burst};
use super::values::{Bytes, Values, View, number};

/// Results of a program.
#[derive(Default)]
pub struct Outcome {
    pub text: String,
    pub calls: u64,
    /// Calls that succeeded.
    pub succeeded: u64,
    /// Number of steps that a rule forbade.
    pub forbidden: u64,
    /// Mappings at each look of the program.
    pub looks: Vec<Spaces>,
    /// Set if the program ended early because of an unexpected result.
    pub differs: bool,
}

/// Carries a program out. With something to expect it ends where that is not what happens.
pub fn run(
    program: &Program,
    kernel: &dyn Kernel,
    linux: Linux,
    expected: Option<&Expected<'_>>,
) -> Outcome {
    let mut run = Run {
        client: Client::new(kernel, true),
        files: HashMap::from([(0, 0)]),
        current: 0,
        values: Values::new(),
        descriptors: HashMap::new(),
        watch: Watch::new(linux),
        linux,
        pending: Vec::new(),
        unsettled_groups: false,
        outcome: Outcome::default(),
    };
    let mut compared = 0;
    for step in &program.steps {
        if !is_of_burst(step, &run.values) {
            run.settle();
        }
        run.step(step, expected);
        if let Some(expected) = expected.and_then(|expected| expected.text) {
            let text = run.client.text().as_bytes();
            let same = expected.as_bytes().get(compared..text.len());
            run.outcome.differs |= same != Some(&text[compared..]);
            if run.outcome.differs {
                break;
            }
            compared = text.len();
        }
    }
    // Settle after an early end too: a closed VM with queued maps stays in the kernel forever.
    run.settle();
    if !run.outcome.differs {
        run.look(expected);
        // The last step may have said less than was expected of it.
        if let Some(expected) = expected.and_then(|expected| expected.text) {
            run.outcome.differs |= run.client.text() != expected;
        }
    }
    let Run { client, descriptors, mut outcome, .. } = run;
    drop(descriptors);
    outcome.calls += client.calls();
    outcome.text = client.finish();
    outcome
}

struct Run<'a> {
    client: Client<'a>,
    /// Their numbers at the client.
    files: HashMap<FileId, usize>,
    current: FileId,
    values: Values,
    descriptors: HashMap<Slot, OwnedFd>,
    watch: Watch,
    linux: Linux,
    pending: Vec<(FileId, Pending)>,
    /// Set just after a group is destroyed: the kernel releases the group's memory later.
    unsettled_groups: bool,
    outcome: Outcome,
}

impl<'a> Run<'a> {
    fn step(&mut self, step: &Step, expected: Option<&Expected<'_>>) {
        match step {
            Step::Open(file) => self.open(*file, Client::open),
            Step::OpenPrimary(file) => self.open(*file, Client::open_primary),
            Step::CloseFile(file) => {
                if let Some(number) = self.files.remove(file) {
                    self.client.close_file(number);
                    self.watch.closed_file();
                }
            }
            Step::Call(call) => {
                self.call(call);
                if std::mem::take(&mut self.unsettled_groups) {
                    self.look(expected);
                }
            }
            Step::Eventfd(slot) => {
                let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
                self.descriptors.insert(*slot, eventfd(0, flags).expect("an eventfd"));
                let fd = self.descriptors[slot].as_raw_fd();
                self.client.know(fd);
                self.values.insert(*slot, fd as u64);
            }
            Step::ReadEventfd(slot) => {
                if let Some(fd) = self.descriptors.get(slot) {
                    let mut count = [0; 8];
                    let result = rustix::io::read(fd, &mut count);
                    let count = u64::from_ne_bytes(count);
                    self.client.note(format_args!("read: {result:?} {count}"));
                }
            }
            Step::CloseFd(slot) => {
                self.values.remove(slot);
                self.descriptors.remove(slot);
            }
            Step::Poll(slot) => self.poll(*slot),
            Step::SetName(step) => {
                if self.descriptors.contains_key(&step.on) && self.on(step.file) {
                    let fd = self.descriptors[&step.on].as_raw_fd();
                    self.client.name_dma_buf(fd, DMA_BUF_SET_NAME_B, &"n".repeat(step.len));
                }
            }
            Step::Unique(file, room) => {
                if self.on(*file) {
                    self.client.unique(*room);
                }
            }
            Step::Plain(plain) => {
                if self.on(plain.file) {
                    self.client.bytes(plain.request, &mut vec![plain.byte; plain.len]);
                }
            }
            Step::MapNode(map) => self.map(map),
            Step::Look => self.look(expected),
        }
    }

    fn open(&mut self, file: FileId, open: impl Fn(&mut Client<'a>) -> usize) {
        if !self.files.contains_key(&file) {
            let number = open(&mut self.client);
            self.files.insert(file, number);
            self.current = file;
        }
    }

    /// Records whether a descriptor is readable once all work is done.
    fn poll(&mut self, slot: Slot) {
        let Some(fd) = self.descriptors.get(&slot) else { return };
        // A poll makes the kernel notice a finished timeline, but the fake never sees the poll:
        // query the sync file before.
        if self.linux != Linux::V6_12 {
            self.client.quietly(|client| client.file_info(fd, 0));
        }
        self.client.readable(fd);
    }

    /// Calls go to this file from now on; whether it is open.
    fn on(&mut self, file: FileId) -> bool {
        let Some(&number) = self.files.get(&file) else { return false };
        if self.current != file {
            self.current = file;
            self.client.on(number);
        }
        true
    }

    fn call(&mut self, call: &Call) {
        let on = match call.on {
            Some(slot) => match self.descriptors.get(&slot) {
                Some(fd) => Some(fd.as_raw_fd()),
                None => return,
            },
            None => None,
        };
        if !self.on(call.file) {
            return;
        }
        let request = call.request;
        let mut fields = call.fields.clone();
        for (name, arg) in &mut fields {
            // A descriptor that is not there is none, not 0, which is.
            if is_descriptor(name)
                && matches!(arg, Arg::Slot(slot) if !self.descriptors.contains_key(slot))
            {
                *arg = Arg::Number(u64::MAX);
            }
        }
        let view = View::new(&fields, request.layout, &self.values);
        if let Err(reason) = self.watch.check(call, &view) {
            self.outcome.forbidden += 1;
            self.client.note(format_args!("not tried: {reason}"));
            return;
        }
        if *request == BO_MMAP_OFFSET {
            self.client.forget_offsets();
        }
        let mut behind = Bytes::default();
        let mut bytes =
            behind.of(&fields, request.layout, request.size, &self.values, &self.client.memory);
        let result = (request.issue)(&mut self.client, on, &mut bytes);
        for answers in behind.answers() {
            self.client.note(format_args!("  {answers:x?}"));
        }
        if result == 0 {
            answers::show(&mut self.client, request, &fields, &bytes, &behind);
        }
        let given = request.gives.filter(|_| result >= 0).map(|field| {
            let &(_, at, len) =
                request.layout.iter().find(|(name, ..)| *name == field).expect("its own field");
            let mut value = [0; 8];
            value[..len].copy_from_slice(&bytes[at..at + len]);
            u64::from_ne_bytes(value)
        });
        self.remember(call, result, given);
    }

    /// Keeps what a call gave, and what must be known of it later.
    fn remember(&mut self, call: &Call, result: i32, given: Option<u64>) {
        if let Some(given) = given {
            // It is closed in any case.
            let fd = call.request.gives_descriptor().then(|| self.client.own(given as u32 as i32));
            if let Some(slot) = call.gives {
                self.values.insert(slot, given);
                if let Some(fd) = fd {
                    self.descriptors.insert(slot, fd);
                }
            }
        }
        let view = View::new(&call.fields, call.request.layout, &self.values);
        if *call.request == GROUP_DESTROY || *call.request == GROUP_CREATE && result < 0 {
            self.unsettled_groups = true;
        }
        if result < 0 {
            // A part may have been done.
            self.watch.submitted(call, &view);
            return;
        }
        self.outcome.succeeded += 1;
        self.watch.done(call, &view, given);
        if *call.request == GROUP_SUBMIT {
            let group = view.number("group_handle") as u32;
            for job in view.items("queue_submits") {
                let pending =
                    (call.file, Pending::Queue { group, queue: job.number("queue_index") as u32 });
                if !self.pending.contains(&pending) {
                    self.pending.push(pending);
                }
            }
        } else if *call.request == VM_BIND && view.number("flags") & u64::from(ASYNC) != 0 {
            let pending = (call.file, Pending::Vm(view.number("vm_id") as u32));
            if !self.pending.contains(&pending) {
                self.pending.push(pending);
            }
        }
    }

    fn map(&mut self, map: &MapNode) {
        if self.on(map.file) {
            let offset = number(&map.offset, &self.values);
            drop(self.client.map_node(map.len, map.writable, offset));
        }
    }

    /// Waits until all that was submitted is done.
    fn settle(&mut self) {
        let on = self.current;
        for (file, pending) in std::mem::take(&mut self.pending) {
            if !self.files.contains_key(&file) {
                continue;
            }
            let number = self.files[&file];
            self.client.quietly(|client| client.on(number));
            pending.wait(&self.client);
        }
        if let Some(&number) = self.files.get(&on) {
            self.client.quietly(|client| client.on(number));
        }
    }

    fn look(&mut self, expected: Option<&Expected<'_>>) {
        let wanted = expected.and_then(|expected| expected.looks.get(self.outcome.looks.len()));
        let patience = expected.map_or(Duration::ZERO, |expected| expected.patience);
        let Some(spaces) = self.client.spaces(wanted, patience) else { return };
        if expected.is_some_and(|expected| expected.text.is_some())
            && wanted.is_some_and(|wanted| *wanted != spaces)
        {
            self.outcome.differs = true;
        }
        let mut line = String::from("mappings:");
        for space in &spaces {
            write!(line, " {}", space.len()).unwrap();
        }
        self.client.note(line);
        self.outcome.looks.push(spaces);
    }
}
