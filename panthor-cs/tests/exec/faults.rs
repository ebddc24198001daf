//! Exceptions: opcodes, registers, fetches, what a halted queue does.

use panthor_cs::exec::*;
use panthor_cs::instruction::*;
use panthor_cs::table::TABLE;
use panthor_cs::*;

use crate::support::*;

#[test]
fn unassigned_opcodes_are_refused_on_every_architecture() {
    for arch in Arch::ALL {
        for opcode in 0..=255u8 {
            if TABLE.iter().any(|row| row.opcode == opcode && row.archs.contains(arch)) {
                continue;
            }
            let mut machine = Machine::new(arch);
            let word = u64::from(opcode) << 56 | 0x1234;
            machine.submit_words(0, &[0, word]);
            let wanted =
                Fault { exception: Exception::INVALID_INSTRUCTION, ip: BASE + 8, info: word };
            assert_eq!(machine.step(0, 10), Stop::Fatal(wanted), "{opcode:#x} on {arch}");
            assert_eq!(machine.queue().extract(), 8);
        }
    }
}

#[test]
fn unassigned_sub_opcodes_are_refused() {
    for arch in [Arch::V13, Arch::V14, Arch::V15] {
        for (opcode, low, assigned) in
            [(0x10u64, 32, 8), (0x11, 32, 8), (0x12, 24, 7), (0x39, 24, 7)]
        {
            for sub in [assigned, 0xff] {
                let mut machine = Machine::new(arch);
                machine.submit_words(0, &[opcode << 56 | sub << low]);
                assert_eq!(exception(machine.step(0, 10)), Exception::INVALID_INSTRUCTION);
            }
        }
    }
}

#[test]
fn odd_pairs_are_refused() {
    let mut machine = Machine::new(Arch::V10);
    machine.submit_words(0, &[0x01 << 56 | 5 << 48]);
    assert_eq!(exception(machine.step(0, 10)), Exception::INVALID_INSTRUCTION);
}

#[test]
fn every_register_operand_is_checked() {
    for arch in Arch::ALL {
        for row in TABLE.iter().filter(|row| row.archs.contains(arch)) {
            for field in row.fields {
                let Some(layout) = field.layout(arch) else { continue };
                if !matches!(field.kind, Kind::Reg | Kind::Pair) {
                    continue;
                }
                let sub = row.sub_opcode.filter(|sub| sub.bits.archs.contains(arch));
                let mut word = u64::from(row.opcode) << 56 | 96 << layout.low;
                word |= sub.map_or(0, |sub| sub.value << sub.bits.low);
                // What makes the instruction look at the register.
                word |= match (row.name, field.name) {
                    ("LOAD_MULTIPLE" | "STORE_MULTIPLE", _) => 1 << 16,
                    (_, "draw_id") => 1 << 34,
                    ("TRACE_POINT", _) => 1 << 40,
                    ("RUN_FRAGMENT2", _) => 56 << 24,
                    _ => 0,
                };
                let mut machine = Machine::new(arch);
                if arch > Arch::V10 {
                    // Without an entry to choose, NEXT_SB_ENTRY does not come to its register.
                    machine.submit_to(
                        0,
                        code![SetStateImm32 { state: State::SB_MASK_STREAM, value: 1 }],
                    );
                }
                let ip = BASE + machine.queue().insert();
                machine.submit_words(0, &[word]);
                let stop = machine.step(0, 10);
                let wanted = Fault { exception: Exception::INVALID_INSTRUCTION, ip, info: word };
                assert_eq!(stop, Stop::Fatal(wanted), "{} {} on {arch}", row.name, field.name);
            }
        }
    }
}

/// Every instruction, with all operands 0, does what its operands ask for.
#[test]
fn every_instruction_executes_on_every_architecture_that_has_it() {
    for arch in Arch::ALL {
        for row in TABLE.iter().filter(|row| row.archs.contains(arch)) {
            let sub = row.sub_opcode.filter(|sub| sub.bits.archs.contains(arch));
            let word = u64::from(row.opcode) << 56 | sub.map_or(0, |sub| sub.value << sub.bits.low);
            let mut machine = Machine::new(arch);
            machine.submit_words(0, &[word]);
            let stop = machine.step(0, 1000);
            let fault = MemoryFault::Translation { level: 3 };
            let halted = |exception, info| Stop::Fatal(Fault { exception, ip: BASE, info });
            let wanted = match row.name {
                "JUMP" => halted(Exception::INVALID_INSTRUCTION, word),
                "HEAP_OPERATION" | "NEXT_SB_ENTRY" => halted(Exception::CONFIG_FAULT, 0),
                "PROT_REGION" => Stop::ProtectedMode,
                "SET_EXCEPTION_HANDLER" => halted(Exception::INVALID_INSTRUCTION, word),
                "SHARED_SB_DEC" => Stop::Blocked(Blocked::SharedScoreboard(entry::<0>())),
                "SYNC_ADD32" | "SYNC_SET32" => {
                    Stop::Mmu(MmuFault { fault, va: 4, access: Access::Write, ip: BASE })
                }
                "SYNC_ADD64" | "SYNC_SET64" => {
                    Stop::Mmu(MmuFault { fault, va: 8, access: Access::Write, ip: BASE })
                }
                "STORE_STATE" => {
                    Stop::Mmu(MmuFault { fault, va: 0, access: Access::Write, ip: BASE })
                }
                "SYNC_WAIT32" | "SYNC_WAIT64" => {
                    Stop::Mmu(MmuFault { fault, va: 0, access: Access::Read, ip: BASE })
                }
                _ => Stop::Idle,
            };
            assert_eq!(stop, wanted, "{} on {arch}", row.name);
            assert_eq!(machine.queue().retired(), u64::from(stop == Stop::Idle), "{}", row.name);
        }
    }
}

#[test]
fn fetch_from_an_unmapped_va_is_reported() {
    let mut machine = Machine::new(Arch::V10);
    machine.set_pair(2, END);
    machine.set_reg(4, 64);
    let stop = machine.run(code![Call { address: pair::<2>(), length: reg(4) }]);
    let fault = MemoryFault::Translation { level: 3 };
    assert_eq!(stop, Stop::Mmu(MmuFault { fault, va: END, access: Access::Fetch, ip: END }));
    assert_eq!(machine.hooks.hazards, [HazardKind::StreamNotMapped]);
    assert_eq!(machine.queue().extract(), 8, "the position lies in the job");
}

#[test]
fn stream_that_runs_out_of_its_mapping_executes_up_to_there() {
    let mut machine = Machine::new(Arch::V10);
    machine.write_code(END - 8, code![Move32 { dst: reg(1), imm: 7 }]);
    machine.set_pair(2, END - 8);
    machine.set_reg(4, 16);
    let stop = machine.run(code![Call { address: pair::<2>(), length: reg(4) }]);
    assert!(matches!(stop, Stop::Mmu(MmuFault { va: END, access: Access::Fetch, .. })));
    assert_eq!(machine.reg(1), 7);
}

#[test]
fn recoverable_fault_drops_the_instruction_and_continues() {
    let mut machine = Machine::new(Arch::V10);
    let fault = RunOutcome::Fault { exception: Exception::ENDPOINT_FAULT, info: 5 };
    machine.hooks.outcomes.push_back(fault);
    machine.submit_to(0, code![RunCompute::default(), Move32 { dst: reg(1), imm: 7 }]);
    let wanted = Fault { exception: Exception::ENDPOINT_FAULT, ip: BASE, info: 5 };
    assert_eq!(machine.step(0, 100), Stop::Fault(wanted));
    let status = machine.queues[0].status(&machine.group);
    assert_eq!(
        (status.fault, status.error, status.halt),
        (Some(wanted), Some(wanted.exception), None)
    );
    assert_eq!(machine.step(0, 100), Stop::Idle);
    assert_eq!(machine.reg(1), 7);
    assert!(machine.queue().is_quiescent());
}

#[test]
fn halted_queue_does_not_run_again() {
    let mut machine = Machine::new(Arch::V10);
    machine.submit_words(0, &[0xff << 56]);
    let stop = machine.step(0, 100);
    machine.submit_to(0, code![Move32 { dst: reg(1), imm: 7 }]);
    assert_eq!(machine.step(0, 100), stop);
    assert_eq!(machine.step(0, 0), stop);
    assert_eq!(machine.reg(1), 0);
    let Stop::Fatal(fault) = stop else { panic!("{stop:?}") };
    assert_eq!(machine.queues[0].status(&machine.group).halt, Some(Halt::Fatal(fault)));
}

#[test]
fn deferred_operation_faults_with_its_own_place() {
    let mut machine = Machine::new(Arch::V10);
    machine.set_pair(2, END);
    let signal = SyncSet64 {
        address: pair::<2>(),
        wait: entry::<0>().mask(),
        signal: entry::<1>(),
        ..SyncSet64::default()
    };
    let wait = Wait { mask: SbMask::first(8), ..Wait::default() };
    let stop = machine.run(code![RunCompute::default(), signal, wait]);
    let fault = MemoryFault::Translation { level: 3 };
    assert_eq!(
        stop,
        Stop::Mmu(MmuFault { fault, va: END + 8, access: Access::Write, ip: BASE + 8 })
    );
}

#[test]
fn codes_of_memory_faults_are_those_of_the_mmu() {
    let codes = [
        (MemoryFault::Translation { level: 0 }, 0xc0),
        (MemoryFault::Translation { level: 3 }, 0xc3),
        (MemoryFault::Translation { level: 99 }, 0xc4),
        (MemoryFault::Permission { level: 2 }, 0xca),
        (MemoryFault::Permission { level: 9 }, 0xcb),
        (MemoryFault::AccessFlag { level: 0 }, 0xd9),
        (MemoryFault::AccessFlag { level: 3 }, 0xdb),
        (MemoryFault::InputAddressSize, 0xe0),
        (MemoryFault::OutputAddressSize { level: 1 }, 0xe5),
        (MemoryFault::Attributes { level: 9 }, 0xeb),
    ];
    for (fault, code) in codes {
        assert_eq!(fault.exception().code(), code);
        assert!(fault.exception().is_fatal());
    }
    assert_eq!(
        [Access::Atomic, Access::Fetch, Access::Read, Access::Write].map(Access::code),
        [0, 1, 2, 3]
    );
}

#[test]
fn severity_follows_the_code() {
    let fatal = [0x40, 0x41, 0x48, 0x49, 0x4a, 0x68, 0x69];
    let recoverable = [0x44, 0x4b, 0x50, 0x51, 0x55, 0x58, 0x59, 0x5a, 0x5b, 0x60];
    assert!(fatal.iter().all(|&code| Exception::from_code(code).is_fatal()));
    assert!(!recoverable.iter().any(|&code| Exception::from_code(code).is_fatal()));
}
