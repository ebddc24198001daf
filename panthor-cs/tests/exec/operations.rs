//! Scoreboards and asynchronous operations.

use panthor_cs::exec::*;
use panthor_cs::instruction::*;
use panthor_cs::*;

use crate::support::*;

pub fn mask(bits: u16) -> SbMask {
    SbMask::from_bits(bits)
}

fn wait(bits: u16) -> Wait {
    Wait { mask: mask(bits), ..Wait::default() }
}

fn signal(wait: u16, signal: u8) -> SyncAdd64 {
    SyncAdd64 {
        address: pair::<90>(),
        data: pair::<4>(),
        wait: mask(wait),
        signal: SbEntry::new(signal).unwrap(),
        ..SyncAdd64::default()
    }
}

/// Returns a machine that holds RUN instructions.
pub fn holding(arch: Arch) -> Machine {
    let mut machine = Machine::new(arch);
    machine.set_pair(90, DATA);
    machine.set_pair(4, 1);
    machine.hooks.outcomes.extend([RunOutcome::Hold; 100]);
    machine
}

pub fn complete(machine: &mut Machine, number: usize) {
    let id = machine.hooks.runs[number].id;
    assert!(machine.queue().finish(id, RunOutcome::Done));
    assert!(!machine.queue().finish(id, RunOutcome::Done), "completed already");
}

#[test]
fn work_counts_on_the_endpoint_entry() {
    for arch in Arch::ALL {
        let mut machine = holding(arch);
        let select = SetSbEntry { endpoint: entry::<3>(), other: entry::<1>() };
        let stop =
            machine.run(code![select, RunCompute::default(), RunCompute::default(), wait(0xff)]);
        assert_eq!(stop, Stop::Blocked(Blocked::Scoreboard(mask(8))));
        complete(&mut machine, 1);
        assert_eq!(machine.step(0, 100), stop, "the other one is in flight");
        complete(&mut machine, 0);
        assert_eq!(machine.step(0, 100), Stop::Idle);
    }
}

#[test]
fn wait_has_16_bits_from_architecture_11_on() {
    for (arch, entries) in [(Arch::V10, 8), (Arch::V11, 16), (Arch::V15, 16)] {
        let mut machine = Machine::with(arch, 1, |config| config.scoreboard_entries = 16);
        machine.hooks.outcomes.push_back(RunOutcome::Hold);
        let last = SbEntry::new(entries - 1).unwrap();
        let select = SetSbEntry { endpoint: last, other: entry::<0>() };
        let stop = machine.run(code![
            select,
            RunCompute::default(),
            Wait { mask: last.mask(), ..wait(0) }
        ]);
        assert_eq!(stop, Stop::Blocked(Blocked::Scoreboard(last.mask())));
    }
}

#[test]
fn deferred_operation_counts_at_once_and_starts_later() {
    let mut machine = holding(Arch::V10);
    machine.run_to_end(code![RunCompute::default(), signal(0b1, 5)]);
    assert_eq!(machine.load64(DATA), 0, "not before the work");
    let status = machine.queues[0].status(&machine.group);
    assert_eq!(status.scoreboard, mask(0b10_0001));
    complete(&mut machine, 0);
    assert_eq!(machine.step(0, 100), Stop::Idle);
    assert_eq!(machine.load64(DATA), 1);
    assert!(machine.queue().is_quiescent());
}

#[test]
fn operands_of_deferred_operations_are_read_at_the_issue() {
    let mut machine = holding(Arch::V10);
    machine.run_to_end(code![
        RunCompute::default(),
        signal(0b1, 5),
        Move48 { dst: pair::<90>(), imm: DATA + 64 },
        Move48 { dst: pair::<4>(), imm: 77 },
    ]);
    complete(&mut machine, 0);
    assert_eq!(machine.step(0, 100), Stop::Idle);
    assert_eq!((machine.load64(DATA), machine.load64(DATA + 64)), (1, 0));
}

#[test]
fn deferred_operation_without_busy_entries_still_counts() {
    let mut machine = Machine::with(Arch::V10, 1, |config| config.max_delay = 1000);
    machine.set_pair(90, DATA);
    machine.set_pair(4, 1);
    machine.submit_to(0, code![signal(0b1, 5), wait(0xff)]);
    assert_eq!(machine.step(0, 1), Stop::Budget);
    assert_eq!(machine.load64(DATA), 1, "starts at once");
    assert_eq!(machine.queues[0].status(&machine.group).scoreboard, mask(1 << 5));
    assert_eq!(machine.step(0, 100), Stop::Idle);
}

#[test]
fn operation_without_wait_is_synchronous() {
    let mut machine = Machine::with(Arch::V10, 1, |config| config.max_delay = 1000);
    machine.set_pair(90, DATA);
    machine.set_pair(4, 1);
    // Entry 15 does not exist: `signal` is ignored.
    machine.submit_to(0, code![signal(0, 15)]);
    assert_eq!(machine.step(0, 2), Stop::Idle);
    assert_eq!(machine.load64(DATA), 1);
    assert!(machine.queue().is_quiescent());
}

#[test]
fn chains_of_deferred_operations_keep_their_order() {
    for seed in 0..50 {
        let mut machine = Machine::with(Arch::V10, 1, |config| config.seed = seed);
        machine.set_pair(90, DATA);
        machine.set_pair(4, 1);
        let flush = FlushCache2 { wait: mask(0b1), signal: entry::<2>(), ..Default::default() };
        let state = StoreState {
            state: StoredState::TIMESTAMP,
            address: pair::<90>(),
            offset: 64,
            wait: mask(0b100),
            signal: entry::<3>(),
            ..StoreState::default()
        };
        // A second signal of an entry that the first one waits for starts first.
        machine.run_to_end(code![
            RunCompute::default(),
            flush,
            state,
            signal(0b1000, 4),
            signal(0b1, 5),
            wait(1 << 4),
        ]);
        let values: Vec<(u64, u64)> =
            machine.hooks.signals.iter().map(|signal| (signal.ip, signal.value)).collect();
        assert_eq!(values, [(BASE + 32, 1), (BASE + 24, 2)], "seed {seed}");
        assert_eq!(machine.gpu.timestamp, 1);
    }
}

#[test]
fn operations_that_become_ready_together_start_in_order() {
    for seed in 0..50 {
        let mut machine = Machine::with(Arch::V12, 1, |config| config.seed = seed);
        machine.set_pair(90, DATA);
        let set = |value: u8, signal| {
            let entry = SbEntry::new(signal).unwrap();
            SyncSet32 {
                address: pair::<90>(),
                data: reg(value),
                wait: mask(1),
                signal: entry,
                ..Default::default()
            }
        };
        (1..6).for_each(|number| machine.set_reg(number, number.into()));
        machine.run_to_end(code![
            RunCompute::default(),
            set(1, 5),
            set(2, 1),
            set(3, 5),
            set(4, 2),
            set(5, 1)
        ]);
        let values: Vec<u64> = machine.hooks.signals.iter().map(|signal| signal.value).collect();
        assert_eq!(values, [1, 2, 3, 4, 5], "seed {seed}");
    }
}

#[test]
fn seeds_vary_the_order_of_completion() {
    let order = |seed| {
        let mut machine = Machine::with(Arch::V10, 1, |config| config.seed = seed);
        machine.set_pair(90, DATA);
        machine.set_pair(4, 1);
        let select = |endpoint| SetSbEntry { endpoint, other: entry::<0>() };
        machine.run_to_end(code![
            select(entry::<3>()),
            RunCompute::default(),
            select(entry::<4>()),
            RunCompute::default(),
            signal(1 << 3, 1),
            signal(1 << 4, 2),
        ]);
        machine.hooks.signals.iter().map(|signal| signal.ip).collect::<Vec<_>>()
    };
    let orders: std::collections::BTreeSet<_> = (0..50).map(order).collect();
    assert_eq!(orders.len(), 2);
    assert_eq!(order(3), order(3));
}

#[test]
fn operation_that_waits_for_itself_never_starts() {
    let mut machine = Machine::new(Arch::V10);
    machine.set_pair(90, DATA);
    machine.set_pair(4, 1);
    assert_eq!(machine.run(code![signal(0b10, 1)]), Stop::Idle);
    assert_eq!(machine.hooks.hazards, [HazardKind::WaitForItself(mask(0b10))]);
    assert!(!machine.queue().is_quiescent());
    assert_eq!(machine.run(code![wait(0b10)]), Stop::Blocked(Blocked::Scoreboard(mask(0b10))));
    assert_eq!(machine.load64(DATA), 0);
}

#[test]
fn missing_entries_are_configuration_faults() {
    let flush = FlushCache2 { signal: entry::<8>(), ..Default::default() };
    let select = SetSbEntry { endpoint: entry::<0>(), other: entry::<8>() };
    let state = SetStateImm32 { state: State::SB_SEL_DEFERRED, value: 8 };
    for instruction in code![signal(1, 8), flush, select, state] {
        let mut machine = Machine::new(Arch::V11);
        machine.set_pair(90, DATA);
        let stop = machine.run(&[*instruction]);
        assert_eq!(exception(stop), Exception::CONFIG_FAULT, "{instruction}");
    }
    // A mask may name entries that are not there.
    Machine::new(Arch::V11).run_to_end(code![wait(0xffff)]);
}

#[test]
fn indirect_operations_take_mask_and_entry_from_the_state() {
    let mut machine = holding(Arch::V11);
    machine.run_to_end(code![
        SetStateImm32 { state: State::SB_SEL_DEFERRED, value: 5 },
        SetStateImm32 { state: State::SB_MASK_WAIT, value: 1 },
        RunCompute::default(),
        SyncAdd64 { indirect: true, ..signal(0, 7) },
    ]);
    assert_eq!(machine.queues[0].status(&machine.group).scoreboard, mask(0b10_0001));
    let indirect = Wait { indirect: true, ..wait(0) };
    assert_eq!(machine.run(code![indirect]), Stop::Blocked(Blocked::Scoreboard(mask(1))));
    assert_eq!(machine.load64(DATA), 0);
    complete(&mut machine, 0);
    assert_eq!(machine.step(0, 100), Stop::Idle);
    assert_eq!(machine.load64(DATA), 1);
}

#[test]
fn full_queue_of_stuck_operations_blocks() {
    let mut machine = holding(Arch::V10);
    let code: Vec<Instruction> =
        (0..=MAX_OPERATIONS).map(|_| RunCompute::default().into()).collect();
    assert_eq!(machine.run(&code), Stop::Blocked(Blocked::Scoreboard(mask(1))));
    assert_eq!(machine.hooks.runs.len(), MAX_OPERATIONS);
    complete(&mut machine, 17);
    assert_eq!(machine.step(0, 100), Stop::Idle);
    assert_eq!(machine.hooks.runs.len(), MAX_OPERATIONS + 1);
}

#[test]
fn delay_0_completes_before_the_next_instruction() {
    let mut machine = Machine::with(Arch::V10, 1, |config| config.max_delay = 0);
    machine.submit_to(0, code![RunCompute::default(), wait(0xff), Nop::default()]);
    assert_eq!(machine.step(0, 4), Stop::Idle);
}
