//! Stored states, flush IDs, resources, progress counters, shared entries, what has no effect.

use panthor_cs::exec::*;
use panthor_cs::instruction::*;
use panthor_cs::*;

use crate::support::*;

fn store_state(state: StoredState, offset: i16) -> StoreState {
    StoreState { state, address: pair::<90>(), offset, ..StoreState::default() }
}

#[test]
fn states_are_stored() {
    for arch in Arch::ALL {
        let mut machine = Machine::new(arch);
        machine.gpu = SimulatedGpu { timestamp: 1 << 40, cycles: 1 << 41, latest_flush: 1 };
        machine.set_pair(90, DATA + 16);
        (0..4).for_each(|i| machine.store64(DATA + 8 * i, u64::MAX));
        machine.run_to_end(code![
            store_state(StoredState::TIMESTAMP, -16),
            store_state(StoredState::CYCLE_COUNT, -8),
            store_state(StoredState::DISJOINT_COUNT, 0),
            store_state(StoredState::ERROR_STATUS, 12),
        ]);
        let found: Vec<u64> = (0..4).map(|i| machine.load64(DATA + 8 * i)).collect();
        assert_eq!(found, [1 << 40, 1 << 41, 0, 0xffff_ffff], "{arch}");
    }
}

#[test]
fn error_status_is_the_exception_code() {
    let mut machine = Machine::new(Arch::V10);
    machine.set_pair(90, DATA);
    let fault = RunOutcome::Fault { exception: Exception::DATA_INVALID, info: 0 };
    machine.hooks.outcomes.push_back(fault);
    assert_eq!(exception(machine.run(code![RunCompute::default()])), Exception::DATA_INVALID);
    machine.run_to_end(code![store_state(StoredState::ERROR_STATUS, 0)]);
    assert_eq!(machine.load64(DATA), 0x58);
}

#[test]
fn stored_states_need_alignment_and_a_name() {
    let mut machine = Machine::new(Arch::V10);
    let stop = machine.run(code![store_state(StoredState::TIMESTAMP, 4)]);
    assert_eq!(exception(stop), Exception::BUS_FAULT);
    let mut machine = Machine::new(Arch::V11);
    let stop = machine.run(code![store_state(StoredState::from_bits(9), 0)]);
    assert_eq!(exception(stop), Exception::INVALID_INSTRUCTION);
}

fn flush(id: u8) -> FlushCache2 {
    FlushCache2 {
        flush_id: reg(id),
        l2: FlushMode::CLEAN_INVALIDATE,
        lsc: FlushMode::CLEAN,
        others: OtherFlushMode::INVALIDATE,
        ..FlushCache2::default()
    }
}

#[test]
fn flush_is_omitted_after_a_later_one() {
    // (latest flush, ID in the instruction, whether the caches are flushed)
    let cases = [
        (5, 0, true),
        (5, 5, true),
        (5, 4, false),
        (5, 6, true),
        (1, u32::MAX, false),
        (u32::MAX, u32::MAX - 9, false),
    ];
    for (latest, id, flushed) in cases {
        let mut machine = Machine::new(Arch::V10);
        machine.gpu.latest_flush = latest;
        machine.set_reg(1, id);
        machine.run_to_end(code![flush(1)]);
        assert_eq!(machine.gpu.latest_flush, if flushed { latest + 1 } else { latest }, "{id}");
    }
    let mut machine = Machine::new(Arch::V10);
    machine.gpu.latest_flush = u32::MAX;
    machine.run_to_end(code![flush(1)]);
    assert_eq!(machine.gpu.latest_flush, 1, "0 is no ID");
}

#[test]
fn unassigned_flush_modes_are_refused() {
    for bad in [
        FlushCache2 { l2: FlushMode::from_bits(2), ..flush(1) },
        FlushCache2 { lsc: FlushMode::from_bits(4), ..flush(1) },
        FlushCache2 { others: OtherFlushMode::from_bits(1), ..flush(1) },
    ] {
        assert_eq!(
            exception(Machine::new(Arch::V10).run(code![bad])),
            Exception::INVALID_INSTRUCTION
        );
    }
}

#[test]
fn resources_are_those_of_the_last_request() {
    let mut machine = Machine::new(Arch::V11);
    machine.run_to_end(code![
        ReqResource { compute: true, tiler: true, ..Default::default() },
        ReqResource { fragment: true, idvs: true, ray_tracing: true, ..Default::default() },
    ]);
    let resources = machine.queues[0].status(&machine.group).resources;
    assert_eq!(resources.bits(), 0b1_1010);
    assert_eq!(resources.to_string(), "fragment|idvs|ray_tracing");
}

#[test]
fn progress_counters_count_and_order_queues() {
    for arch in [Arch::V10, Arch::V11, Arch::V12, Arch::V13] {
        let mut machine = Machine::with(arch, 2, |_| {});
        machine.queues[1].set_register(reg(2), 3);
        machine.submit_to(1, code![ProgressWait { queue: 0, value: pair::<2>() }]);
        let blocked = Stop::Blocked(Blocked::Progress { queue: 0, value: 3 });
        assert_eq!(machine.step(1, 100), blocked);
        let counted = Wait { progress: true, ..Wait::default() };
        machine.run_to_end(code![counted, Wait::default()]);
        assert_eq!(machine.group.progress(0), 1);
        // Work counts when it completes.
        let run = RunCompute { progress: true, ..Default::default() };
        machine.hooks.outcomes.push_back(RunOutcome::Hold);
        machine.run_to_end(code![run]);
        assert_eq!(machine.group.progress(0), 1);
        let id = machine.hooks.runs[0].id;
        assert!(machine.queues[0].finish(id, RunOutcome::Done));
        machine.run_to_end(code![]);
        assert_eq!(machine.group.progress(0), 2);
        assert_eq!(machine.step(1, 100), blocked);
        machine.set_pair(8, u64::MAX);
        machine.run_to_end(code![
            ProgressLoad { dst: pair::<6>() },
            ProgressStore { src: pair::<8>() }
        ]);
        assert_eq!((machine.pair(6), machine.group.progress(0)), (2, u64::MAX));
        assert_eq!(machine.step(1, 100), Stop::Idle);
    }
}

#[test]
fn progress_of_a_queue_that_is_not_there_never_comes() {
    let mut machine = Machine::new(Arch::V10);
    machine.set_pair(2, 1);
    let stop = machine.run(code![ProgressWait { queue: 31, value: pair::<2>() }]);
    assert_eq!(stop, Stop::Blocked(Blocked::Progress { queue: 31, value: 1 }));
}

#[test]
fn shared_entries_are_taken_and_returned() {
    for arch in [Arch::V11, Arch::V13, Arch::V15] {
        let mut machine = Machine::with(arch, 2, |_| {});
        let shared = entry::<3>();
        machine.submit_to(1, code![SharedSbDec { shared, progress: false }]);
        assert_eq!(machine.step(1, 10), Stop::Blocked(Blocked::SharedScoreboard(shared)));
        machine.hooks.outcomes.push_back(RunOutcome::Hold);
        let inc = SharedSbInc { shared, wait: entry::<0>().mask(), ..Default::default() };
        let stop = machine.run(code![RunCompute::default(), inc]);
        assert_eq!(stop, Stop::Blocked(Blocked::Scoreboard(entry::<0>().mask())));
        let id = machine.hooks.runs[0].id;
        machine.queue().finish(id, RunOutcome::Done);
        machine.run_to_end(code![]);
        assert_eq!(machine.group.shared(shared), 1);
        assert_eq!(machine.step(1, 10), Stop::Idle);
        assert_eq!(machine.group.shared(shared), 0);
        assert_eq!(machine.queues[0].fidelity().count(Feature::SharedScoreboard), 1);
    }
}

#[test]
fn trace_points_are_counted() {
    let mut machine = Machine::new(Arch::V10);
    machine.run_to_end(code![TracePoint { base: reg(90), count: 6, ..Default::default() }]);
    let report = machine.queue().fidelity();
    assert_eq!(report.to_string(), "TRACE_POINT 1");
    let mut waiting = Machine::with(Arch::V10, 1, |config| config.max_delay = 0);
    // The operations wait for themselves, so that no room is left.
    let mask = entry::<1>().mask();
    let stuck = TracePoint { wait: mask, signal: entry::<1>(), ..Default::default() };
    waiting.submit_to(0, &vec![stuck.into(); MAX_OPERATIONS + 1]);
    for _ in 0..3 {
        assert_eq!(waiting.step(0, 1000), Stop::Blocked(Blocked::Scoreboard(mask)));
    }
    let count = waiting.queue().fidelity().count(Feature::TracePoint);
    assert_eq!(count, MAX_OPERATIONS as u64 + 1, "each instruction counts once");
    let stop = machine.run(code![TracePoint { base: reg(90), count: 7, ..Default::default() }]);
    assert_eq!(exception(stop), Exception::INVALID_INSTRUCTION);
    let mut machine = Machine::with(Arch::V10, 1, |config| config.registers = 256);
    let stop = machine.run(code![TracePoint { base: reg(250), count: 7, ..Default::default() }]);
    assert_eq!(exception(stop), Exception::INVALID_INSTRUCTION);
}

#[test]
fn protected_region_stays() {
    let mut machine = Machine::new(Arch::V10);
    let add = AddImm32 { dst: reg(1), src: reg(1), imm: 1 };
    assert_eq!(machine.run(code![ProtRegion { count: 1 }, add]), Stop::ProtectedMode);
    assert_eq!(machine.step(0, 100), Stop::ProtectedMode);
    assert_eq!((machine.reg(1), machine.queue().extract()), (0, 0));
    assert_eq!(machine.queue().fidelity().count(Feature::ProtectedRegion), 1);
}

#[test]
fn reserved_bits_are_ignored_and_reported() {
    let mut machine = Machine::new(Arch::V10);
    let word = machine.encode(code![Move32 { dst: reg(1), imm: 7 }])[0] | 1 << 40;
    machine.submit_words(0, &[word]);
    assert_eq!(machine.step(0, 10), Stop::Idle);
    assert_eq!(machine.reg(1), 7);
    assert_eq!(machine.hooks.hazards, [HazardKind::ReservedBits(1 << 40)]);
    assert_eq!(machine.queue().fidelity().count(Feature::ReservedBits), 1);
}

#[test]
fn metadata_has_no_effect() {
    let mut machine = Machine::new(Arch::V14);
    let nop = Nop { payload: 0xffff_ffff_ffff, kind: 0xff };
    machine.run_to_end(code![nop, Enop { payload: (1 << 56) - 1 }]);
    assert_eq!(machine.queue().retired(), 2);
    assert!(machine.queue().fidelity().is_exact());
    assert_eq!(machine.hooks.hazards, []);
}
