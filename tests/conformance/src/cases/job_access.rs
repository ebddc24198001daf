//! Memory accesses of streams, and their places: the permissions of mappings.

use super::job_faults::end;
use super::jobs::CODE;
use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::kernel::{Linux, Trouble};
use crate::uapi::memory::CpuMap;
use crate::uapi::ops::*;
use crate::uapi::streams::*;

/// Address of the data.
const DATA: u64 = 64 * MIB;

/// Unmapped address.
const NOTHING: u64 = 3 * GIB;

/// Registers 4 to 7 from and to what registers 0 and 1 say.
const LOAD: u64 = LOAD_MULTIPLE | 4 << 48 | 0xf << 16;
const STORE: u64 = STORE_MULTIPLE | 4 << 48 | 0xf << 16;
/// Instruction that writes or adds the value of register 2 at the address in registers 0 and 1.
const ADD: u64 = SYNC_ADD32 | 2 << 32;
const SET: u64 = SYNC_SET32 | 2 << 32;

/// Memory accesses of a stream.
const WRITES: [(&str, u64); 3] = [("store_multiple", STORE), ("sync_add", ADD), ("sync_set", SET)];

/// A VM with a group, and a stream at [`CODE`].
struct Program {
    vm: u32,
    group: u32,
    bo: u32,
    memory: CpuMap,
}

fn program(c: &mut Client<'_>, flags: u32) -> Program {
    let (vm, bo) = (c.vm(), c.bo(PAGE));
    c.bind(vm, &[map(bo, 0, CODE, PAGE, UNCACHED | flags)]);
    let memory = c.cpu_map(bo, PAGE);
    Program { vm, group: c.group(vm, 1), bo, memory }
}

impl Program {
    /// Runs an instruction on an address and records the result.
    fn access(&self, c: &mut Client<'_>, va: u64, instruction: u64) {
        let instructions = [MOV48 | va, MOV32 | 2 << 48 | 7, instruction];
        let size = self.memory.store_stream(0, &instructions);
        self.run(c, CODE, size);
    }

    /// Runs a stream.
    fn run(&self, c: &mut Client<'_>, va: u64, size: u32) {
        let done = c.syncobj();
        if c.submit(self.group, &[stream(0, va, size, &[signal(done, 0)])]) == 0 {
            end(c, done);
        }
        c.group_state(self.group);
    }

    /// Prepares the next stream to fault.
    fn faults(&self, c: &mut Client<'_>) {
        c.arrange(self.group, 0, Trouble::PageFault);
    }
}

/// Data that is mapped with flags; the CPU sees it.
fn data(c: &mut Client<'_>, vm: u32, flags: u32) -> CpuMap {
    let bo = c.bo(2 * PAGE);
    c.bind(vm, &[map(bo, 0, DATA, 2 * PAGE, UNCACHED | flags)]);
    let memory = c.cpu_map(bo, 2 * PAGE);
    memory.store(0, 40);
    memory
}

pub fn add(cases: &mut Cases) {
    cases.group("job_fault");
    readonly(cases);
    missing(cases);
    cases.group("job");
    permitted(cases);
    code(cases);
}

fn readonly(cases: &mut Cases) {
    for (name, instruction) in WRITES {
        cases
            .add(format!("{name}_in_readonly_memory"), move |c| {
                let program = program(c, 0);
                let memory = data(c, program.vm, READONLY);
                program.faults(c);
                program.access(c, DATA, instruction);
                c.note(format_args!("  memory has {}", memory.load(0)));
                c.vm_state(program.vm);
                program.run(c, CODE, 8);
            })
            .needs_jobs();
    }
    cases
        .add("write_to_its_own_stream_that_is_readonly", |c| {
            let program = program(c, READONLY);
            program.faults(c);
            program.access(c, CODE + 512, SET);
            c.note(format_args!("  memory has {}", program.memory.load(512)));
        })
        .needs_jobs();
    cases
        .add("write_to_what_was_mapped_readonly_over", |c| {
            let program = program(c, 0);
            let memory = data(c, program.vm, 0);
            c.bind(program.vm, &[map(program.bo, 0, DATA + PAGE, PAGE, UNCACHED | READONLY)]);
            program.access(c, DATA, SET);
            program.faults(c);
            program.access(c, DATA + PAGE, SET);
            c.note(format_args!("  memory has {}", memory.load(PAGE)));
        })
        .needs_jobs();
    cases
        .add("write_to_readonly_sparse_memory", |c| {
            let program = program(c, 0);
            let mut op = sparse(DATA, 2 * MIB);
            op.flags |= READONLY;
            c.bind(program.vm, &[op]);
            program.access(c, DATA + MIB, LOAD);
            program.faults(c);
            program.access(c, DATA + MIB, STORE);
        })
        .needs_jobs()
        .not_on(Linux::V6_12, "it takes no sparse maps");
}

fn missing(cases: &mut Cases) {
    for (name, instruction) in WRITES.into_iter().chain([("load_multiple", LOAD)]) {
        cases
            .add(format!("{name}_where_nothing_is_mapped"), move |c| {
                let program = program(c, 0);
                program.faults(c);
                program.access(c, NOTHING, instruction);
            })
            .needs_jobs();
    }
    cases
        .add("behind_the_end_of_a_mapping", |c| {
            let program = program(c, 0);
            let _memory = data(c, program.vm, 0);
            program.access(c, DATA + 2 * PAGE - 16, LOAD);
            program.faults(c);
            program.access(c, DATA + 2 * PAGE - 12, LOAD);
        })
        .needs_jobs();
    cases
        .add("what_was_unmapped", |c| {
            let program = program(c, 0);
            let _memory = data(c, program.vm, 0);
            program.access(c, DATA, LOAD);
            c.bind(program.vm, &[unmap(DATA, PAGE)]);
            program.access(c, DATA + PAGE, LOAD);
            program.faults(c);
            program.access(c, DATA, LOAD);
        })
        .needs_jobs();
    cases
        .add("mapped_by_another_vm_only", |c| {
            let program = program(c, 0);
            let other = c.vm();
            let _memory = data(c, other, 0);
            program.faults(c);
            program.access(c, DATA, LOAD);
            c.vm_state(other);
        })
        .needs_jobs();
}

fn permitted(cases: &mut Cases) {
    cases
        .add("load_from_readonly_memory", |c| {
            let program = program(c, 0);
            let memory = data(c, program.vm, READONLY);
            program.access(c, DATA, LOAD);
            c.note(format_args!("  memory has {}", memory.load(0)));
        })
        .needs_jobs();
    for (name, instruction) in WRITES {
        cases
            .add(format!("{name}_in_noexec_memory"), move |c| {
                let program = program(c, 0);
                let _memory = data(c, program.vm, NOEXEC);
                program.access(c, DATA, instruction);
            })
            .needs_jobs();
    }
    cases
        .add("load_and_store_in_sparse_memory", |c| {
            let program = program(c, 0);
            c.bind(program.vm, &[sparse(DATA, 4 * MIB)]);
            for instruction in [LOAD, STORE, ADD] {
                program.access(c, DATA + 3 * MIB, instruction);
            }
        })
        .needs_jobs()
        .not_on(Linux::V6_12, "it takes no sparse maps");
    cases
        .add("write_to_what_was_mapped_writable_over", |c| {
            let program = program(c, 0);
            let _memory = data(c, program.vm, READONLY);
            c.bind(program.vm, &[map(program.bo, 0, DATA + PAGE, PAGE, UNCACHED)]);
            program.access(c, DATA + PAGE + 512, SET);
        })
        .needs_jobs();
}

/// Adds cases of streams in NOEXEC memory. NOEXEC does not stop a stream: the driver's own streams
/// are in such memory, and the simulator runs no shaders.
fn code(cases: &mut Cases) {
    for (name, flags) in
        [("readonly", READONLY), ("noexec", NOEXEC), ("readonly_and_noexec", READONLY | NOEXEC)]
    {
        cases
            .add(format!("stream_in_{name}_memory"), move |c| {
                let program = program(c, flags);
                let _memory = data(c, program.vm, 0);
                program.access(c, DATA, LOAD);
            })
            .needs_jobs();
    }
    cases
        .add("stream_in_sparse_memory", |c| {
            let program = program(c, 0);
            c.bind(program.vm, &[sparse(DATA, 2 * MIB)]);
            program.run(c, DATA + MIB, 64);
        })
        .needs_jobs()
        .not_on(Linux::V6_12, "it takes no sparse maps");
}
