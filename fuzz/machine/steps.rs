//! The steps of a program.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::hash::{DefaultHasher, Hasher};

use panthor_fake::{Arena, Device, File, GpuView, GroupView, Mapping, Prot, sync_file_status};
use panthor_sys::*;
use rustix::event::{EventfdFlags, eventfd};

use crate::machine::Outcome;
use crate::machine::call::World;
use crate::machine::input::{ARENA_BASE, ARENA_LEN, Input};
use crate::machine::invariants::check_vm;
use crate::machine::layouts::LAYOUTS;
use crate::machine::memory::{Arrays, Writer};

/// Limits of a program's open files and mappings.
const FILES: usize = 4;
const MAPPINGS: usize = 8;

/// Default address of a call's argument and of the memory behind its pointers.
const ARGUMENT: u64 = ARENA_BASE;
const BEHIND: u64 = ARENA_BASE + 0x200;

/// The largest dma-buf that comes from elsewhere.
const FOREIGN_MAX: u64 = 1 << 20;

/// Deviations of a call from the call of a correct client.
mod mode {
    /// In the step: a byte says how.
    pub const GIVEN: u8 = 0xc;
    pub const ELSEWHERE: u8 = 1;
    pub const OTHER_SIZE: u8 = 2;
    pub const OTHER_DIRECTION: u8 = 4;
    pub const ODD_ARRAYS: u8 = 8;
}

/// A program with what it has.
pub struct Machine<'a> {
    input: Input<'a>,
    devices: Vec<Device>,
    files: [Option<File>; FILES],
    mappings: Vec<(Mapping, Prot)>,
    arena: Arena,
    /// Checksum of all answers.
    checksum: DefaultHasher,
    succeeded: BTreeSet<u8>,
    /// Set if `FUZZ_TRACE` is: prints every answer.
    trace: bool,
}

impl<'a> Machine<'a> {
    pub fn new(devices: Vec<Device>, input: Input<'a>) -> Self {
        let last = &devices[devices.len() - 1];
        let files =
            [Some(devices[0].open()), Some(devices[0].open_primary()), Some(last.open()), None];
        Self {
            input,
            files,
            devices,
            mappings: Vec::new(),
            arena: Arena::new(ARENA_BASE, ARENA_LEN),
            checksum: DefaultHasher::new(),
            succeeded: BTreeSet::new(),
            trace: std::env::var_os("FUZZ_TRACE").is_some(),
        }
    }

    /// Ends the program and closes all. With `mapped_last`, closes the files before the objects
    /// made with them.
    pub fn finish(self, mapped_last: bool) -> Outcome {
        let outcome = Outcome { checksum: self.checksum.finish(), succeeded: self.succeeded };
        if mapped_last {
            drop(self.files);
            drop((self.mappings, self.arena));
        } else {
            drop((self.mappings, self.arena));
            drop(self.files);
        }
        outcome
    }

    /// Notes an answer.
    fn note(&mut self, what: impl Display, answer: i64) {
        if self.trace {
            eprintln!("{what} -> {answer}");
        }
        self.checksum.write_i64(answer);
    }

    /// Takes a step; whether there was one.
    pub fn step(&mut self) -> bool {
        if self.input.is_over() {
            return false;
        }
        let step = self.input.byte();
        let detail = step & 15;
        match step >> 4 {
            0..=8 => self.known_call(detail),
            9 => self.raw_call(detail),
            0xa => self.poke(),
            0xb => self.open_or_close(detail),
            0xc => self.memory(detail),
            0xd => self.gpu(detail),
            0xe => self.group(detail),
            _ => self.outside(detail),
        }
        true
    }

    fn file(&self, detail: u8) -> Option<File> {
        self.files[detail as usize % FILES].clone()
    }

    /// Makes a call that the fake knows, with an argument of its layout.
    fn known_call(&mut self, detail: u8) {
        let Some(file) = self.file(detail) else { return };
        let mode = if detail & 0xc == mode::GIVEN { self.input.byte() } else { 0 };
        let layout = &LAYOUTS[self.input.byte() as usize % LAYOUTS.len()];
        let mut request = layout.request;
        let arg = if mode & mode::ELSEWHERE != 0 { self.input.quad() } else { ARGUMENT };
        if mode & mode::OTHER_SIZE != 0 {
            request = request & !0x3fff_0000 | (self.input.word() & 0x3fff) << 16;
        }
        if mode & mode::OTHER_DIRECTION != 0 {
            request ^= u32::from(self.input.byte() & 3) << 30;
        }
        let arrays = if mode & mode::ODD_ARRAYS != 0 { Arrays::Odd } else { Arrays::Honest };
        let Self { arena, input, .. } = self;
        Writer { arena, input, arrays, next: BEHIND }.write(layout.fields, arg);
        self.call(&file, request, arg);
    }

    /// Makes a call with any number and any bytes.
    fn raw_call(&mut self, detail: u8) {
        let Some(file) = self.file(detail) else { return };
        let mut request = self.input.raw_word();
        if detail & 4 != 0 {
            request = request & !0xff00 | u32::from(DRM_IOCTL_BASE) << 8;
        }
        let arg = if detail & 8 != 0 { self.input.quad() } else { ARGUMENT };
        let count = usize::from(self.input.byte());
        self.arena.write(arg, self.input.bytes(count));
        self.call(&file, request, arg);
    }

    fn call(&mut self, file: &File, request: u32, arg: u64) -> i32 {
        let Self { arena, devices, .. } = self;
        let result = World { arena, devices }.call(file, request, arg);
        if result == 0 {
            self.succeeded.insert(request as u8);
        }
        self.note(format_args!("ioctl {request:#010x} at {arg:#x}"), result.into());
        result
    }

    /// Bytes anywhere in memory.
    fn poke(&mut self) {
        let at = ARENA_BASE + u64::from(self.input.word() & 0xffff);
        let count = usize::from(self.input.byte());
        self.arena.write(at, self.input.bytes(count));
    }

    fn open_or_close(&mut self, detail: u8) {
        let slot = usize::from(self.input.byte()) % FILES;
        let device = &self.devices[usize::from(detail & 1) % self.devices.len()];
        let file = match detail >> 1 {
            0 | 1 => Some(device.open()),
            2 | 3 => Some(device.open_primary()),
            4 => self.file(self.input.clone().byte()),
            _ => None,
        };
        self.files[slot] = file;
    }

    /// Mappings by the CPU.
    fn memory(&mut self, detail: u8) {
        let Some(file) = self.file(detail) else { return };
        match detail >> 2 {
            0 | 1 => {
                let offset = match detail >> 2 {
                    0 => self.mmap_offset(&file),
                    _ => self.input.quad(),
                };
                let len = self.input.quad() as usize;
                let prot = Prot::from_bits_truncate(self.input.byte().into());
                let mapping = file.mmap(len, prot, offset);
                let errno = mapping.as_ref().err().and_then(std::io::Error::raw_os_error);
                self.note("mmap", errno.unwrap_or(0).into());
                if let Ok(mapping) = mapping {
                    assert_eq!(mapping.len(), len);
                    if self.mappings.len() < MAPPINGS {
                        self.mappings.push((mapping, prot));
                    }
                }
            }
            2 => self.touch(),
            _ => {
                let index = usize::from(self.input.byte()) % MAPPINGS;
                if index < self.mappings.len() {
                    self.mappings.swap_remove(index);
                }
            }
        }
    }

    fn mmap_offset(&mut self, file: &File) -> u64 {
        let handle = self.input.word();
        self.arena.write(ARGUMENT, &u64::from(handle).to_le_bytes());
        self.call(file, DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET, ARGUMENT);
        let mut offset = [0; 8];
        self.arena.read(ARGUMENT + 8, &mut offset);
        u64::from_le_bytes(offset)
    }

    /// Reads and writes the ends of a mapping.
    fn touch(&mut self) {
        let index = usize::from(self.input.byte()) % MAPPINGS;
        let value = self.input.byte();
        let Some((mapping, prot)) = self.mappings.get(index) else { return };
        let mut sum = 0;
        for at in [0, mapping.len() - 1] {
            let byte = mapping.as_ptr().wrapping_add(at);
            if prot.contains(Prot::WRITE) {
                // SAFETY: within the mapping, which may be written to.
                unsafe { byte.write_volatile(value) };
            }
            if prot.contains(Prot::READ) {
                // SAFETY: within the mapping, which may be read.
                sum += i64::from(unsafe { byte.read_volatile() });
            }
        }
        self.note("touch", sum);
    }

    /// Reads memory as the GPU does, or controls the queue of a VM.
    fn gpu(&mut self, detail: u8) {
        let Some(file) = self.file(self.input.clone().byte()) else { return };
        let (_, id) = (self.input.byte(), self.input.word());
        let Some(view) = file.gpu(id) else { return };
        let answer = match detail {
            0..=2 => self.access(&view, detail),
            3 | 4 => {
                view.hold();
                0
            }
            5 | 6 => view.step().into(),
            7 | 8 => {
                view.release();
                0
            }
            9 => view.fail_next_job(i32::from(self.input.byte()) + 1).into(),
            10 => view.pending() as i64,
            _ => {
                assert_eq!(view.mapping_count(), view.mappings().len());
                view.mapping_count() as i64
            }
        };
        check_vm(&view);
        self.note("GPU", answer);
    }

    fn access(&mut self, view: &GpuView, kind: u8) -> i64 {
        let (va, len) = (self.input.quad(), self.input.word() as usize % 9000);
        let mut bytes = vec![self.input.byte(); len];
        let result = match kind {
            0 => view.read(va, &mut bytes),
            1 => view.write(va, &bytes),
            _ => view.fetch(va, &mut bytes),
        };
        match result {
            Ok(()) => bytes.iter().map(|&byte| i64::from(byte)).sum(),
            Err(fault) => fault.va as i64,
        }
    }

    /// Controls the queues of a group.
    fn group(&mut self, detail: u8) {
        let Some(file) = self.file(self.input.clone().byte()) else { return };
        let (_, handle, queue) = (self.input.byte(), self.input.word(), self.input.word());
        let Some(view) = file.group(handle) else { return };
        let answer = match detail {
            0..=2 => call(&view, GroupView::hold),
            3..=5 => view.step(queue).into(),
            6 | 7 => call(&view, GroupView::release),
            8 => view.time_out().into(),
            9 => view.page_fault().into(),
            10 => view.fault(queue).into(),
            11 => view.time_out_next_job(queue).into(),
            12 => view.fault_next_job(queue).into(),
            _ => view.pending(queue).len() as i64 + i64::from(view.queue_count()),
        };
        self.note("group", answer);
    }

    /// Takes an action from outside: failures, ends, descriptors.
    fn outside(&mut self, detail: u8) {
        let which = self.input.byte();
        let device = self.devices[usize::from(which) % self.devices.len()].clone();
        let file = self.file(which);
        let answer = match detail {
            0 => call(&device, Device::reset),
            // The end of all that follows, so it must be meant.
            1 if which == 0xdd => call(&device, Device::unplug),
            2 | 3 => {
                let size = self.input.quad();
                let fd = device.foreign_dma_buf(size.min(FOREIGN_MAX)).ok();
                fd.map_or(-1, |fd| self.arena.add_descriptor(fd).into())
            }
            4 => {
                let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
                fd.map_or(-1, |fd| self.arena.add_descriptor(fd).into())
            }
            5 => {
                let copy = self.arena.descriptor(which.into()).map(|fd| fd.try_clone());
                copy.and_then(Result::ok).map_or(-1, |fd| self.arena.add_descriptor(fd).into())
            }
            6 => {
                self.arena.close_descriptor(which.into());
                0
            }
            7 => device.reclaim(self.input.quad()) as i64,
            8 => {
                let dump = device.dump();
                assert!(dump.memory_used <= dump.memory, "{dump}");
                dump.files.len() as i64
            }
            9 => {
                let fd = self.arena.descriptor(which.into());
                fd.and_then(sync_file_status).map_or(-1000, i64::from)
            }
            10 | 11 => {
                let (nr, errno) = (self.input.byte(), self.input.byte());
                let request = u32::from(DRM_IOCTL_BASE) << 8 | u32::from(nr);
                let n = if detail == 11 { self.input.byte().into() } else { 0 };
                file.map_or(-1, |file| {
                    call(&file, |file| file.fail_nth_ioctl(request, n, positive(errno)))
                })
            }
            12 => {
                let (index, errno) = (self.input.byte(), self.input.byte());
                file.map_or(-1, |file| {
                    call(&file, |file| file.fail_bind_op(index.into(), positive(errno)))
                })
            }
            13 => {
                let handle = self.input.word();
                let label = file.and_then(|file| file.bo_label(handle));
                label.map_or(-1, |label| label.len() as i64)
            }
            14 => file.map_or(-1, |file| i64::from(file.fdinfo().contains("drm-client-id"))),
            _ => {
                let leaks = device.leaks();
                assert!(leaks.vm_mappings < 1 << 20, "{leaks}");
                device.stats().ioctls() as i64
            }
        };
        self.note("outside", answer);
    }
}

/// Calls what has no answer.
fn call<T>(target: &T, action: impl FnOnce(&T)) -> i64 {
    action(target);
    0
}

/// Returns an error number.
fn positive(errno: u8) -> i32 {
    i32::from(errno) + 1
}
