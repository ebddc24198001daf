//! Jobs as the driver submits them, and what outlives a job.

use panthor_cs::builder::Target;
use panthor_cs::exec::*;
use panthor_cs::instruction::*;
use panthor_cs::kernel::{Job, MAX_JOB_WORDS, Profiling};
use panthor_cs::*;

use crate::support::*;

const SYNC: u64 = DATA + 0x100;

fn submit_profiled(machine: &mut Machine, stream: &[Instruction], profiling: Profiling) {
    let size = machine.write_code(CODE, stream);
    let stream = Stream { va: CODE, size };
    let job = Job { stream, latest_flush: 1, sync_object: SYNC, profiling };
    let mut words = [0; MAX_JOB_WORDS];
    let words = job.build(&Target::new(machine.arch), &mut words).unwrap();
    machine.submit_words(0, words);
}

fn submit(machine: &mut Machine, stream: &[Instruction]) {
    submit_profiled(machine, stream, Profiling::default());
}

#[test]
fn profiled_job_fills_its_slot() {
    for arch in Arch::ALL {
        let mut machine = Machine::new(arch);
        machine.gpu = SimulatedGpu { timestamp: 1000, cycles: 2000, latest_flush: 1 };
        let profiling = Profiling { cycles: true, time: true, slot: DATA };
        submit_profiled(&mut machine, code![Nop::default()], profiling);
        assert_eq!(machine.step(0, 1000), Stop::Idle);
        let slot: Vec<u64> = (0..4).map(|i| machine.load64(DATA + 8 * i)).collect();
        assert_eq!(slot, [2000, 2001, 1000, 1001]);
        assert_eq!((machine.load64(SYNC), machine.queue().extract()), (1, 192));
    }
}

#[test]
fn jobs_signal_their_sequence_number() {
    for arch in Arch::ALL {
        let mut machine = Machine::new(arch);
        for job in 1..=100 {
            submit(&mut machine, code![AddImm32 { dst: reg(0), src: reg(0), imm: 1 }]);
            assert_eq!(machine.step(0, 1000), Stop::Idle);
            assert_eq!((machine.load64(SYNC), machine.load32(SYNC + 8)), (job, 0));
            assert_eq!(machine.queue().extract(), 128 * job);
            assert_eq!(u64::from(machine.reg(0)), job);
        }
        assert!(machine.hooks.signals.iter().all(|signal| signal.scope == Scope::SYSTEM));
        assert_eq!(machine.hooks.hazards, []);
    }
}

#[test]
fn fault_in_a_stream_leaves_the_next_job_alone() {
    let mut machine = Machine::new(Arch::V10);
    let fault = RunOutcome::Fault { exception: Exception::ENDPOINT_FAULT, info: 0 };
    machine.hooks.outcomes.push_back(fault);
    submit(
        &mut machine,
        code![RunCompute::default(), AddImm32 { dst: reg(0), src: reg(0), imm: 1 }],
    );
    assert_eq!(exception(machine.step(0, 1000)), Exception::ENDPOINT_FAULT);
    // EXTRACT lies in the job.
    assert!((8..128).contains(&machine.queue().extract()));
    assert_eq!(machine.step(0, 1000), Stop::Idle);
    assert_eq!((machine.load64(SYNC), machine.load32(SYNC + 8)), (1, 1));
    submit(&mut machine, code![RunCompute::default()]);
    assert_eq!(machine.step(0, 1000), Stop::Idle);
    assert_eq!((machine.load64(SYNC), machine.load32(SYNC + 8)), (2, 0));
}

#[test]
fn state_outlives_a_job() {
    let mut machine = Machine::new(Arch::V11);
    let handler_length = machine.write_code(CODE + 0x400, code![Move32 { dst: reg(50), imm: 1 }]);
    submit(
        &mut machine,
        code![
            Move48 { dst: pair::<90>(), imm: DATA },
            Move48 { dst: pair::<10>(), imm: 0x9000 },
            HeapSet { address: pair::<10>() },
            SetStateImm32 { state: State::SB_SEL_ENDPOINT, value: 3 },
            SetStateImm32 { state: State::SB_SEL_OTHER, value: 4 },
            ReqResource { compute: true, ..Default::default() },
            Move48 { dst: pair::<20>(), imm: CODE + 0x400 },
            Move32 { dst: reg(22), imm: handler_length },
            SetExceptionHandler {
                exception: ExceptionType::TILER_OOM,
                address: pair::<20>(),
                length: reg(22)
            },
        ],
    );
    assert_eq!(machine.step(0, 1000), Stop::Idle);
    machine.hooks.outcomes.push_back(RunOutcome::Hold);
    submit(
        &mut machine,
        code![
            RunCompute::default(),
            StoreMultiple {
                base: reg(90),
                mask: RegMask::first(2),
                address: pair::<90>(),
                offset: 0
            },
            Wait { mask: entry::<4>().mask(), ..Wait::default() },
        ],
    );
    let stop = machine.step(0, 1000);
    assert_eq!(stop, Stop::Blocked(Blocked::Scoreboard(entry::<3>().mask())));
    assert_eq!(machine.load64(DATA), DATA);
    assert_eq!(machine.group.heap(0), 0x9000);
    assert_eq!(machine.hooks.hazards, []);
    assert_eq!(machine.hooks.runs[0].heap, 0x9000);
}

#[test]
fn several_jobs_wait_in_the_ring_buffer() {
    let mut machine = Machine::new(Arch::V10);
    for _ in 0..RING / 128 {
        submit(&mut machine, code![AddImm32 { dst: reg(0), src: reg(0), imm: 1 }]);
    }
    assert_eq!(machine.step(0, 10_000), Stop::Idle);
    assert_eq!(machine.load64(SYNC), u64::from(RING / 128));
}

#[test]
fn chunks_chain_through_the_drivers_registers() {
    let mut machine = Machine::new(Arch::V10);
    let add = AddImm32 { dst: reg(0), src: reg(0), imm: 1 };
    let chain = |next: u64, size: u32| {
        let (address, length) = (pair::<92>(), reg(94));
        [
            Instruction::from(add),
            Move48 { dst: address, imm: next }.into(),
            Move32 { dst: length, imm: size }.into(),
            Jump { address, length }.into(),
        ]
    };
    for i in 1..8 {
        let size = if i == 7 { 8 } else { 32 };
        machine.write_code(CODE + 0x100 * i, &chain(CODE + 0x100 * (i + 1), size));
    }
    machine.write_code(CODE + 0x800, code![add]);
    let first = chain(CODE + 0x100, 32);
    submit(&mut machine, &first);
    assert_eq!(machine.step(0, 1000), Stop::Idle);
    assert_eq!((machine.reg(0), machine.load64(SYNC)), (9, 1));
}
