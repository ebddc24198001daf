//! Sync objects: signals, waits, errors.

use panthor_cs::exec::*;
use panthor_cs::instruction::*;
use panthor_cs::*;

use crate::support::*;

const ADDRESS: RegPair = pair::<90>();

fn add32() -> SyncAdd32 {
    SyncAdd32 { address: ADDRESS, data: reg(4), ..SyncAdd32::default() }
}

fn set32() -> SyncSet32 {
    SyncSet32 { address: ADDRESS, data: reg(4), ..SyncSet32::default() }
}

fn add64() -> SyncAdd64 {
    SyncAdd64 { address: ADDRESS, data: pair::<4>(), ..SyncAdd64::default() }
}

fn set64() -> SyncSet64 {
    SyncSet64 { address: ADDRESS, data: pair::<4>(), ..SyncSet64::default() }
}

fn wait32(condition: SyncCondition) -> SyncWait32 {
    SyncWait32 { condition, address: ADDRESS, data: reg(6), reject: false }
}

fn wait64(condition: SyncCondition) -> SyncWait64 {
    SyncWait64 { condition, address: ADDRESS, data: pair::<6>(), reject: false }
}

fn machine(arch: Arch) -> Machine {
    let mut machine = Machine::new(arch);
    machine.set_pair(90, DATA);
    machine
}

#[test]
fn signals_change_value_and_status() {
    for arch in Arch::ALL {
        let mut machine = machine(arch);
        machine.set_pair(4, 0x2_0000_0003);
        machine.store64(DATA, 0x77_ffff_fffe);
        machine.run_to_end(code![add32()]);
        // 32 bits wrap, and the status word behind is cleared.
        assert_eq!(machine.load64(DATA), 1);
        machine.store32(DATA + 4, 9);
        machine.run_to_end(code![set32()]);
        assert_eq!(machine.load64(DATA), 3);
        machine.store64(DATA, u64::MAX);
        machine.store64(DATA + 8, u64::MAX);
        machine.run_to_end(code![add64()]);
        assert_eq!(machine.load64(DATA), 0x2_0000_0002);
        // The padding behind the status word stays.
        assert_eq!(machine.load64(DATA + 8), 0xffff_ffff_0000_0000);
        machine.run_to_end(code![set64()]);
        assert_eq!(machine.load64(DATA), 0x2_0000_0003);
    }
}

#[test]
fn signals_reach_the_hook_with_their_scope() {
    let mut machine = machine(Arch::V10);
    machine.set_pair(4, 2);
    machine.store64(DATA, 40);
    machine.run_to_end(code![
        SyncAdd64 { scope: Scope::GROUP, ..add64() },
        SyncSet32 { scope: Scope::SYSTEM, ..set32() },
    ]);
    let signal =
        Signal { ip: BASE, scope: Scope::GROUP, address: DATA, wide: true, value: 42, status: 0 };
    let second = Signal { ip: BASE + 8, scope: Scope::SYSTEM, wide: false, value: 2, ..signal };
    assert_eq!(machine.hooks.signals, [signal, second]);
}

#[test]
fn waits_compare_unsigned() {
    let values = [0, 1, 2, 0x7fff_ffff, 0x8000_0000, u64::MAX >> 32, 1 << 32, 1 << 63, u64::MAX];
    for arch in [Arch::V10, Arch::V15] {
        for value in values {
            for reference in values {
                for condition in [SyncCondition::LE, SyncCondition::GT] {
                    let mut machine = machine(arch);
                    machine.store64(DATA, value);
                    machine.set_pair(6, reference);
                    let holds = (value > reference) == (condition == SyncCondition::GT);
                    let wait = SyncWait { address: DATA, reference, condition, wide: true };
                    let stop = machine.run(code![wait64(condition)]);
                    let wanted =
                        if holds { Stop::Idle } else { Stop::Blocked(Blocked::Sync(wait)) };
                    assert_eq!(stop, wanted, "{value:#x} {condition} {reference:#x}");

                    let mut machine = self::machine(arch);
                    let (value, reference) = (value as u32, reference as u32);
                    machine.store32(DATA, value);
                    // The status is no part of the value.
                    machine.store32(DATA + 4, 1);
                    machine.set_reg(6, reference);
                    let holds = (value > reference) == (condition == SyncCondition::GT);
                    let wait = SyncWait {
                        address: DATA,
                        reference: reference.into(),
                        condition,
                        wide: false,
                    };
                    let stop = machine.run(code![wait32(condition)]);
                    let wanted =
                        if holds { Stop::Idle } else { Stop::Blocked(Blocked::Sync(wait)) };
                    assert_eq!(stop, wanted, "{value:#x} {condition} {reference:#x}");
                }
            }
        }
    }
}

#[test]
fn blocked_queue_reports_and_goes_on_when_the_value_is_there() {
    let mut machine = machine(Arch::V10);
    machine.set_pair(6, 4);
    let add = AddImm32 { dst: reg(1), src: reg(1), imm: 1 };
    let stop = machine.run(code![wait64(SyncCondition::GT), add]);
    let wait = SyncWait { address: DATA, reference: 4, condition: SyncCondition::GT, wide: true };
    assert_eq!(stop, Stop::Blocked(Blocked::Sync(wait)));
    let status = machine.queues[0].status(&machine.group);
    assert_eq!((status.blocked, status.extract), (Some(Blocked::Sync(wait)), 0));
    assert_eq!(machine.step(0, 10), stop, "still blocked");
    machine.store64(DATA, 5);
    assert_eq!(machine.step(0, 10), Stop::Idle);
    assert_eq!(machine.reg(1), 1);
    assert_eq!(machine.queues[0].status(&machine.group).blocked, None);
}

#[test]
fn one_queue_wakes_another() {
    let mut machine = Machine::with(Arch::V10, 2, |_| {});
    for queue in &mut machine.queues {
        queue.set_register(reg(90), DATA as u32);
        queue.set_register(reg(4), 1);
    }
    machine.submit_to(1, code![wait64(SyncCondition::GT)]);
    assert!(matches!(machine.step(1, 100), Stop::Blocked(Blocked::Sync(_))));
    machine.run_to_end(code![SyncAdd64 { scope: Scope::GROUP, ..add64() }]);
    assert_eq!(machine.step(1, 100), Stop::Idle);
}

#[test]
fn own_deferred_signal_ends_a_wait() {
    let mut machine = machine(Arch::V10);
    machine.set_pair(4, 1);
    let resources = ReqResource { compute: true, ..Default::default() };
    let run = RunCompute::default();
    let signal = SyncAdd64 { wait: entry::<0>().mask(), signal: entry::<1>(), ..add64() };
    machine.run_to_end(code![resources, run, signal, wait64(SyncCondition::GT)]);
    assert_eq!(machine.load64(DATA), 1);
}

/// Puts queue 0 into the error state.
fn break_queue(machine: &mut Machine) {
    let fault = RunOutcome::Fault { exception: Exception::ENDPOINT_FAULT, info: 3 };
    machine.hooks.outcomes.push_back(fault);
    let stop = machine.run(code![RunCompute::default()]);
    assert!(matches!(stop, Stop::Fault(Fault { info: 3, .. })), "{stop:?}");
}

#[test]
fn error_is_propagated_until_the_barrier() {
    let mut machine = machine(Arch::V10);
    break_queue(&mut machine);
    machine.run_to_end(code![SyncSet64 { propagate: true, ..set64() }]);
    assert_eq!(machine.load32(DATA + 8), 1);
    machine.run_to_end(code![set64()]);
    assert_eq!(machine.load32(DATA + 8), 0, "not propagated");
    machine.run_to_end(code![ErrorBarrier {}, SyncSet32 { propagate: true, ..set32() }]);
    assert_eq!(machine.load32(DATA + 4), 0);
    assert_eq!(machine.queues[0].status(&machine.group).error, None);
}

#[test]
fn wait_inherits_or_rejects_an_error() {
    for wide in [false, true] {
        for reject in [false, true] {
            let mut machine = machine(Arch::V11);
            machine.store32(DATA, 5);
            machine.store32(DATA + if wide { 8 } else { 4 }, 1);
            let gt = SyncCondition::GT;
            let wait: Instruction = match wide {
                true => SyncWait64 { reject, ..wait64(gt) }.into(),
                false => SyncWait32 { reject, ..wait32(gt) }.into(),
            };
            let add = AddImm32 { dst: reg(1), src: reg(1), imm: 1 }.into();
            let stop = machine.run(&[wait, add]);
            match reject {
                true => assert_eq!(exception(stop), Exception::INHERIT_FAULT),
                false => assert_eq!(stop, Stop::Idle),
            }
            assert_eq!(machine.step(0, 10), Stop::Idle);
            assert_eq!(machine.reg(1), 1);
            let status = machine.queues[0].status(&machine.group);
            assert_eq!(status.error, Some(Exception::INHERIT_FAULT));
            assert_eq!(status.fault.is_some(), reject);
        }
    }
}

#[test]
fn misaligned_objects_are_bus_faults() {
    let cases: [(Instruction, u64); 6] = [
        (add32().into(), 2),
        (set32().into(), 1),
        (wait32(SyncCondition::GT).into(), 2),
        (add64().into(), 4),
        (set64().into(), 4),
        (wait64(SyncCondition::LE).into(), 4),
    ];
    for (instruction, offset) in cases {
        let mut machine = Machine::new(Arch::V10);
        machine.set_pair(90, DATA + offset);
        let stop = machine.run(&[instruction]);
        assert_eq!(exception(stop), Exception::BUS_FAULT, "{instruction}");
        assert!(matches!(stop, Stop::Fatal(Fault { info, .. }) if info == DATA + offset));
    }
}

#[test]
fn unassigned_scopes_and_conditions_are_refused() {
    for scope in [1, 3] {
        let mut machine = machine(Arch::V10);
        let stop = machine.run(code![SyncAdd64 { scope: Scope::from_bits(scope), ..add64() }]);
        assert_eq!(exception(stop), Exception::INVALID_INSTRUCTION);
    }
    for condition in 2..16 {
        let mut machine = machine(Arch::V10);
        let stop = machine.run(code![wait32(SyncCondition::from_bits(condition))]);
        assert_eq!(exception(stop), Exception::INVALID_INSTRUCTION);
    }
}

#[test]
fn refused_accesses_name_the_kind() {
    let cases: [(Instruction, Access, u64); 4] = [
        // The status word comes first.
        (add64().into(), Access::Write, END + 8),
        (set32().into(), Access::Write, END + 4),
        (wait64(SyncCondition::GT).into(), Access::Read, END),
        (wait32(SyncCondition::GT).into(), Access::Read, END),
    ];
    for (instruction, access, va) in cases {
        let mut machine = Machine::new(Arch::V10);
        machine.set_pair(90, END);
        let fault = MemoryFault::Translation { level: 3 };
        assert_eq!(
            machine.run(&[instruction]),
            Stop::Mmu(MmuFault { fault, va, access, ip: BASE })
        );
    }
}

#[test]
fn signal_before_the_wait_for_a_store_is_reported() {
    let store =
        StoreMultiple { base: reg(0), mask: RegMask::first(1), address: ADDRESS, offset: 64 };
    let flush =
        FlushCache2 { wait: entry::<0>().mask(), signal: entry::<2>(), ..Default::default() };
    let after_flush = SyncAdd64 { wait: entry::<2>().mask(), signal: entry::<1>(), ..add64() };
    let wait = Wait { mask: entry::<0>().mask(), ..Wait::default() };
    let cases: [(&[Instruction], bool); 5] = [
        (code![store, add64()], true),
        (code![store, after_flush], true),
        (code![store, wait, add64()], false),
        (code![store, flush, after_flush], false),
        (code![flush, store, after_flush], true),
    ];
    for (code, hazard) in cases {
        let mut machine = machine(Arch::V10);
        machine.run_to_end(code);
        let wanted = [HazardKind::SignalBeforeStore(entry::<0>().mask())];
        assert_eq!(machine.hooks.hazards, wanted[..usize::from(hazard)], "{code:?}");
    }
}

#[test]
fn signal_before_the_wait_for_work_is_reported() {
    let resources = ReqResource { compute: true, ..Default::default() };
    let run = RunCompute::default();
    let other = SetSbEntry { endpoint: entry::<3>(), other: entry::<0>() };
    let flush =
        FlushCache2 { wait: entry::<0>().mask(), signal: entry::<2>(), ..Default::default() };
    let after = |mask: SbMask| SyncAdd64 { wait: mask, signal: entry::<1>(), ..add64() };
    let wait = |mask| Wait { mask, ..Wait::default() };
    let (run_entry, flush_entry) = (entry::<0>().mask(), entry::<2>().mask());
    let cases: [(&[Instruction], &[SbMask]); 8] = [
        (code![resources, run, add64()], &[run_entry]),
        (code![resources, run, set32()], &[run_entry]),
        (code![resources, run, wait(run_entry), add64()], &[]),
        (code![resources, run, after(run_entry)], &[]),
        (code![resources, run, flush, after(flush_entry)], &[]),
        (code![resources, flush, run, after(flush_entry)], &[run_entry]),
        (code![resources, other, run, after(run_entry), add64()], &[entry::<3>().mask(); 2]),
        (code![resources, other, run, wait(entry::<3>().mask()), add64()], &[]),
    ];
    for (code, entries) in cases {
        let mut machine = machine(Arch::V10);
        machine.run_to_end(code);
        let wanted: Vec<_> =
            entries.iter().map(|&mask| HazardKind::SignalBeforeRun(mask)).collect();
        assert_eq!(machine.hooks.hazards, wanted, "{code:?}");
    }
    let hazard = Hazard { ip: 0x40, kind: HazardKind::SignalBeforeRun(run_entry | flush_entry) };
    assert_eq!(hazard.to_string(), "0x40: signal before a WAIT for the work on sb{0,2}");
}

#[test]
fn status_names_the_wait_that_a_budget_interrupts() {
    let mut machine = Machine::with(Arch::V10, 1, |config| config.max_delay = 100_000);
    machine.set_pair(90, DATA);
    let store =
        StoreMultiple { base: reg(0), mask: RegMask::first(1), address: ADDRESS, offset: 64 };
    machine.submit_to(0, code![store, wait64(SyncCondition::GT), Nop::default()]);
    assert_eq!(machine.step(0, 1), Stop::Budget);
    assert_eq!(machine.queues[0].status(&machine.group).blocked, None);
    assert_eq!(machine.step(0, 1), Stop::Budget, "time passes until the store completes");
    let blocked = machine.queues[0].status(&machine.group).blocked;
    assert!(matches!(blocked, Some(Blocked::Sync(wait)) if wait.address == DATA));
    assert_eq!(machine.step(0, 10), Stop::Blocked(blocked.unwrap()));
    machine.store64(DATA, u64::MAX);
    assert_eq!(machine.step(0, 10), Stop::Idle);
    assert_eq!(machine.queues[0].status(&machine.group).blocked, None);
}

#[test]
fn blocked_instruction_reports_its_hazard_once() {
    let mut machine = machine(Arch::V10);
    machine.store32(DATA + 64, 5);
    let load = LoadMultiple { base: reg(6), mask: RegMask::first(1), address: ADDRESS, offset: 64 };
    let stop = machine.run(code![load, wait32(SyncCondition::GT)]);
    assert!(matches!(stop, Stop::Blocked(Blocked::Sync(_))));
    assert_eq!(machine.step(0, 10), stop);
    let hazard = HazardKind::Register(RegisterHazard::ReadBeforeLoad(reg(6)));
    assert_eq!(machine.hooks.hazards, [hazard]);
}
