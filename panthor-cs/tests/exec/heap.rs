//! Tiler heaps, out-of-memory events, exception handlers.

use panthor_cs::exec::*;
use panthor_cs::instruction::*;
use panthor_cs::*;

use crate::support::*;

const HEAP: u64 = 0x7f_0000_1000;

fn operation(counter: HeapCounter) -> HeapOperation {
    HeapOperation { counter, ..HeapOperation::default() }
}

fn heap_set() -> HeapSet {
    HeapSet { address: pair::<10>() }
}

#[test]
fn operations_count_per_heap() {
    for arch in Arch::ALL {
        let mut machine = Machine::with(arch, 2, |_| {});
        for queue in &mut machine.queues {
            queue.set_register(reg(10), HEAP as u32);
            queue.set_register(reg(11), (HEAP >> 32) as u32);
        }
        machine.run_to_end(code![
            heap_set(),
            operation(HeapCounter::VT_STARTED),
            operation(HeapCounter::VT_STARTED),
            operation(HeapCounter::VT_COMPLETED),
        ]);
        machine.submit_to(1, code![heap_set(), operation(HeapCounter::FRAGMENT_COMPLETED)]);
        assert_eq!(machine.step(1, 100), Stop::Idle);
        let wanted = HeapCounters { vt_started: 2, vt_completed: 1, fragment_completed: 1 };
        assert_eq!(machine.group.heap_counters(HEAP), wanted);
        assert_eq!(machine.queues[0].status(&machine.group).heap, wanted);
        assert_eq!((machine.group.heap(0), machine.group.heap(1)), (HEAP, HEAP));
        let last = HeapChange::Counted { heap: HEAP, counters: wanted };
        assert_eq!(machine.hooks.heap.last(), Some(&last));
    }
}

#[test]
fn heap_persists_between_jobs() {
    let mut machine = Machine::new(Arch::V10);
    machine.set_pair(10, HEAP);
    machine.run_to_end(code![heap_set()]);
    machine.set_pair(10, 0);
    machine.run_to_end(code![operation(HeapCounter::VT_STARTED)]);
    assert_eq!(machine.group.heap_counters(HEAP).vt_started, 1);
}

#[test]
fn operation_without_a_heap_is_a_configuration_fault() {
    let stop = Machine::new(Arch::V10).run(code![operation(HeapCounter::VT_STARTED)]);
    assert_eq!(exception(stop), Exception::CONFIG_FAULT);
    let stop = Machine::new(Arch::V10).run(code![operation(HeapCounter::from_bits(2))]);
    assert_eq!(exception(stop), Exception::INVALID_INSTRUCTION);
}

#[test]
fn finish_fragment_returns_chunks_and_counts() {
    for arch in Arch::ALL {
        let mut machine = Machine::new(arch);
        machine.set_pair(10, HEAP);
        machine.set_pair(12, 0x1000);
        machine.set_pair(14, 0x3000);
        let finish = FinishFragment {
            first: pair::<12>(),
            last: pair::<14>(),
            count: true,
            ..Default::default()
        };
        machine.run_to_end(code![heap_set(), finish, FinishFragment { count: false, ..finish }]);
        let list = ChunkList { heap: HEAP, first: 0x1000, last: 0x3000, completed: true };
        let counters = HeapCounters { fragment_completed: 1, ..Default::default() };
        let wanted = [
            HeapChange::ChunksReturned(list),
            HeapChange::Counted { heap: HEAP, counters },
            HeapChange::ChunksReturned(ChunkList { completed: false, ..list }),
        ];
        assert_eq!(machine.hooks.heap, wanted);
    }
}

#[test]
fn finish_fragment_without_tiling_is_fine() {
    let finish = FinishFragment {
        first: pair::<12>(),
        last: pair::<14>(),
        count: true,
        ..Default::default()
    };
    let mut machine = Machine::new(Arch::V10);
    machine.run_to_end(code![finish]);
    machine.set_pair(12, 0x1000);
    assert_eq!(exception(machine.run(code![finish])), Exception::CONFIG_FAULT);
}

/// Returns a machine after queue 0 has run out of tiler memory, and the event.
fn out_of_memory(arch: Arch, queues: u8) -> (Machine, HeapEvent) {
    let mut machine = Machine::with(arch, queues, |_| {});
    machine.set_pair(10, HEAP);
    machine.hooks.outcomes.push_back(RunOutcome::OutOfMemory);
    let draw: Instruction = match arch.major() {
        10..=11 => RunIdvs::default().into(),
        _ => RunIdvs2::default().into(),
    };
    let request = ReqResource { tiler: true, idvs: true, ..Default::default() };
    let stop = machine.run(code![heap_set(), operation(HeapCounter::VT_STARTED), request, draw]);
    let Stop::TilerOutOfMemory(event) = stop else { panic!("{stop:?}") };
    assert!(machine.group.needs_memory(0));
    let counters = HeapCounters { vt_started: 1, ..Default::default() };
    assert_eq!(event, HeapEvent { queue: 0, heap: HEAP, counters });
    (machine, event)
}

fn wait_all() -> Wait {
    Wait { mask: SbMask::first(8), ..Wait::default() }
}

#[test]
fn granted_chunk_continues_the_tiler() {
    for arch in Arch::ALL {
        let (mut machine, event) = out_of_memory(arch, 1);
        assert_eq!(machine.hooks.heap.last(), Some(&HeapChange::OutOfMemory(event)));
        let stop = machine.run(code![wait_all()]);
        assert_eq!(stop, Stop::Blocked(Blocked::Scoreboard(entry::<0>().mask())));
        assert!(machine.group.grant_memory(0, 0x20_0000));
        assert!(!machine.group.grant_memory(0, 0x20_0000), "answered already");
        assert_eq!(machine.step(0, 100), Stop::Idle);
        assert_eq!(machine.hooks.granted, [(machine.hooks.runs[0].id, 0x20_0000)]);
    }
}

#[test]
fn tiler_may_need_more_than_one_chunk() {
    let (mut machine, event) = out_of_memory(Arch::V10, 1);
    machine.hooks.outcomes.push_back(RunOutcome::OutOfMemory);
    machine.group.grant_memory(0, 0x20_0000);
    assert_eq!(machine.run(code![wait_all()]), Stop::TilerOutOfMemory(event));
    machine.group.grant_memory(0, 0x40_0000);
    assert_eq!(machine.step(0, 100), Stop::Idle);
    assert_eq!(machine.hooks.granted.len(), 2);
}

#[test]
fn event_is_returned_even_behind_a_fault() {
    let mut machine = Machine::new(Arch::V10);
    let fault = RunOutcome::Fault { exception: Exception::ENDPOINT_FAULT, info: 0 };
    machine.hooks.outcomes.extend([RunOutcome::OutOfMemory, RunOutcome::OutOfMemory, fault]);
    let run = RunIdvs::default();
    assert!(matches!(machine.run(code![run, run, run]), Stop::TilerOutOfMemory(_)));
    // The second one is part of the same event.
    assert_eq!(exception(machine.step(0, 100)), Exception::ENDPOINT_FAULT);
    machine.group.grant_memory(0, 64);
    assert_eq!(machine.step(0, 100), Stop::Idle);
    assert_eq!(machine.hooks.granted.len(), 2);
}

/// Registers a handler of queue 1 that increments r20 and calls a stream that increments r21.
fn register_handler(machine: &mut Machine) {
    let add = |number| AddImm32 { dst: reg(number), src: reg(number), imm: 1 };
    let inner = machine.write_code(CODE + 0x100, code![add(21)]);
    let length = machine.write_code(
        CODE,
        code![
            add(20),
            Move48 { dst: pair::<30>(), imm: CODE + 0x100 },
            Move32 { dst: reg(32), imm: inner },
            Call { address: pair::<30>(), length: reg(32) },
        ],
    );
    let handler = SetExceptionHandler {
        exception: ExceptionType::TILER_OOM,
        address: pair::<30>(),
        length: reg(32),
    };
    machine.submit_to(
        1,
        code![
            Move48 { dst: pair::<30>(), imm: CODE },
            Move32 { dst: reg(32), imm: length },
            handler
        ],
    );
    assert_eq!(machine.step(1, 100), Stop::Idle);
}

#[test]
fn handler_runs_on_its_queue_while_the_queue_is_blocked() {
    for arch in Arch::ALL {
        let (mut machine, _) = out_of_memory(arch, 2);
        register_handler(&mut machine);
        let wait = SyncWait64 {
            condition: SyncCondition::GT,
            address: pair::<40>(),
            data: pair::<42>(),
            reject: false,
        };
        machine.submit_to(1, code![Move48 { dst: pair::<40>(), imm: DATA }, wait]);
        let blocked = machine.step(1, 100);
        assert!(matches!(blocked, Stop::Blocked(Blocked::Sync(_))));

        machine.group.grant_memory(0, 0);
        assert!(machine.group.needs_handler());
        assert_eq!(machine.run(code![]), Stop::Idle, "the tiler waits");
        assert!(machine.hooks.granted.is_empty());

        assert_eq!(machine.step(1, 1), Stop::Budget);
        assert!(machine.queues[1].in_handler());
        assert_eq!(machine.step(1, 100), blocked, "blocked again at the same wait");
        assert!(!machine.queues[1].in_handler());
        assert_eq!(machine.queues[1].register(reg(20)), Some(1));
        assert_eq!(machine.queues[1].register(reg(21)), Some(1));
        let changes = &machine.hooks.heap[machine.hooks.heap.len() - 2..];
        assert_eq!(
            changes,
            [HeapChange::HandlerStarted { queue: 0 }, HeapChange::HandlerEnded { queue: 0 }]
        );

        assert_eq!(machine.step(0, 100), Stop::Idle);
        assert_eq!(machine.hooks.granted, [(machine.hooks.runs[0].id, 0)]);
        assert!(machine.queues[0].is_quiescent());
        assert!(!machine.group.needs_handler());
    }
}

#[test]
fn event_waits_for_a_handler_and_removal_removes() {
    let (mut machine, _) = out_of_memory(Arch::V10, 2);
    register_handler(&mut machine);
    let remove = SetExceptionHandler {
        exception: ExceptionType::TILER_OOM,
        address: pair::<50>(),
        length: reg(50),
    };
    machine.submit_to(1, code![remove]);
    assert_eq!(machine.step(1, 100), Stop::Idle);
    machine.group.grant_memory(0, 0);
    assert_eq!(machine.step(1, 100), Stop::Idle);
    assert_eq!(machine.queues[1].register(reg(20)), Some(0));
    register_handler(&mut machine);
    assert_eq!(machine.queues[1].register(reg(20)), Some(1), "with the next instruction");
}

#[test]
fn handler_of_the_same_queue_frees_the_tiler() {
    let (mut machine, _) = out_of_memory(Arch::V10, 1);
    let length = machine.write_code(CODE, code![Move32 { dst: reg(20), imm: 7 }]);
    machine.run(code![
        Move48 { dst: pair::<30>(), imm: CODE },
        Move32 { dst: reg(32), imm: length },
        SetExceptionHandler {
            exception: ExceptionType::TILER_OOM,
            address: pair::<30>(),
            length: reg(32)
        },
    ]);
    machine.group.grant_memory(0, 0);
    machine.run_to_end(code![wait_all()]);
    assert_eq!(machine.reg(20), 7);
    assert!(machine.queues[0].is_quiescent());
}

#[test]
fn handler_needs_a_known_exception_and_whole_instructions() {
    let handler = SetExceptionHandler {
        exception: ExceptionType::from_bits(1),
        address: pair::<30>(),
        length: reg(32),
    };
    assert_eq!(
        exception(Machine::new(Arch::V10).run(code![handler])),
        Exception::INVALID_INSTRUCTION
    );
    let mut machine = Machine::new(Arch::V10);
    machine.set_reg(32, 12);
    let handler = SetExceptionHandler { exception: ExceptionType::TILER_OOM, ..handler };
    assert_eq!(exception(machine.run(code![handler])), Exception::INVALID_INSTRUCTION);
}

#[test]
fn events_of_two_queues_are_handled_one_after_the_other() {
    let mut machine = Machine::with(Arch::V10, 3, |_| {});
    register_handler(&mut machine);
    for index in [0, 2] {
        machine.hooks.outcomes.push_back(RunOutcome::OutOfMemory);
        machine.submit_to(index, code![RunIdvs::default()]);
        let Stop::TilerOutOfMemory(event) = machine.step(index, 100) else { panic!() };
        machine.group.grant_memory(event.queue, 0);
    }
    // One instruction into the first handler, the second one has not started.
    assert_eq!(machine.step(1, 1), Stop::Budget);
    assert_eq!(machine.step(1, 1), Stop::Budget);
    assert_eq!(machine.queues[1].depth(), 1);
    assert_eq!(machine.step(1, 100), Stop::Idle);
    assert_eq!(machine.queues[1].register(reg(20)), Some(2));
    let order: Vec<HeapChange> = machine.hooks.heap.split_off(2);
    let (started, ended) =
        (|queue| HeapChange::HandlerStarted { queue }, |queue| HeapChange::HandlerEnded { queue });
    assert_eq!(order, [started(0), ended(0), started(2), ended(2)]);
}
