//! Branches, calls, jumps, the ring buffer.

use panthor_cs::exec::*;
use panthor_cs::instruction::*;
use panthor_cs::*;

use crate::support::*;

fn branch(condition: Condition, value: u8, offset: i16) -> Branch {
    Branch { condition, value: reg(value), offset }
}

fn add(register: u8) -> AddImm32 {
    AddImm32 { dst: reg(register), src: reg(register), imm: 1 }
}

#[test]
fn branch_takes_each_condition() {
    type Holds = fn(i32) -> bool;
    let holds: [(Condition, Holds); 7] = [
        (Condition::LE, |value| value <= 0),
        (Condition::GT, |value| value > 0),
        (Condition::EQ, |value| value == 0),
        (Condition::NE, |value| value != 0),
        (Condition::LT, |value| value < 0),
        (Condition::GE, |value| value >= 0),
        (Condition::ALWAYS, |_| true),
    ];
    for arch in Arch::ALL {
        for (condition, holds) in holds {
            for value in [i32::MIN, -1, 0, 1, i32::MAX] {
                let mut machine = Machine::new(arch);
                machine.set_reg(1, value as u32);
                machine.run_to_end(code![branch(condition, 1, 1), add(2), add(3)]);
                let skipped = machine.reg(2) == 0;
                assert_eq!(skipped, holds(value), "{condition} {value} on {arch}");
                assert_eq!(machine.reg(3), 1);
            }
        }
    }
}

#[test]
fn loop_runs_as_often_as_its_counter_says() {
    let mut machine = Machine::new(Arch::V10);
    machine.set_reg(1, 1000);
    machine.run_to_end(code![
        add(2),
        AddImm32 { dst: reg(1), src: reg(1), imm: -1 },
        branch(Condition::GT, 1, -3),
    ]);
    assert_eq!(machine.reg(2), 1000);
    assert_eq!(machine.queue().retired(), 3000);
}

#[test]
fn branch_to_itself_uses_the_budget_up() {
    let mut machine = Machine::new(Arch::V12);
    machine.submit_to(0, code![branch(Condition::ALWAYS, 0, -1)]);
    assert_eq!(machine.step(0, 1_000_000), Stop::Budget);
    assert_eq!(machine.queue().retired(), 1_000_000);
}

#[test]
fn branch_to_the_end_returns_and_behind_is_refused() {
    for (offset, fine) in [(0, true), (1, true), (2, false), (i16::MAX, false)] {
        let mut machine = Machine::new(Arch::V10);
        let length =
            machine.write_code(CODE, code![branch(Condition::ALWAYS, 0, offset), Nop::default()]);
        let stop = machine.run(code![
            Move48 { dst: pair::<92>(), imm: CODE },
            Move32 { dst: reg(94), imm: length },
            Call { address: pair::<92>(), length: reg(94) },
            add(1),
        ]);
        match fine {
            true => assert_eq!((stop, machine.reg(1)), (Stop::Idle, 1)),
            false => assert_eq!(exception(stop), Exception::INVALID_INSTRUCTION),
        }
    }
}

#[test]
fn unassigned_condition_is_refused() {
    let mut machine = Machine::new(Arch::V10);
    let stop = machine.run(code![branch(Condition::from_bits(7), 0, 0)]);
    assert_eq!(exception(stop), Exception::INVALID_INSTRUCTION);
}

/// Submits a call of `CODE`.
fn call(machine: &mut Machine, length: u32) -> Stop {
    machine.run(code![
        Move48 { dst: pair::<92>(), imm: CODE },
        Move32 { dst: reg(94), imm: length },
        Call { address: pair::<92>(), length: reg(94) },
        add(95),
    ])
}

#[test]
fn call_returns_behind_itself() {
    let mut machine = Machine::new(Arch::V10);
    let length = machine.write_code(CODE, code![add(1), add(1)]);
    assert_eq!(call(&mut machine, length), Stop::Idle);
    assert_eq!((machine.reg(1), machine.reg(95)), (2, 1));
    let wanted = [BASE, BASE + 8, BASE + 16, CODE, CODE + 8, BASE + 24];
    assert_eq!(machine.hooks.ips, wanted);
}

#[test]
fn call_of_length_0_returns_at_once() {
    let mut machine = Machine::new(Arch::V10);
    assert_eq!(call(&mut machine, 0), Stop::Idle);
    assert_eq!(machine.reg(95), 1);
}

#[test]
fn call_and_jump_refuse_partial_instructions() {
    for length in [1, 4, 12, u32::MAX] {
        let mut machine = Machine::new(Arch::V10);
        assert_eq!(
            exception(call(&mut machine, length)),
            Exception::INVALID_INSTRUCTION,
            "{length}"
        );
    }
    for (address, length) in [(CODE + 4, 8), (CODE, 4), (u64::MAX - 7, 8)] {
        let mut machine = Machine::new(Arch::V10);
        machine.set_pair(4, address);
        machine.set_reg(6, length);
        let code_length =
            machine.write_code(CODE, code![Jump { address: pair::<4>(), length: reg(6) }]);
        assert_eq!(exception(call(&mut machine, code_length)), Exception::INVALID_INSTRUCTION);
    }
}

#[test]
fn six_calls_nest_below_the_kernels() {
    for (calls, fine) in [(6, true), (7, false)] {
        let mut machine = Machine::new(Arch::V10);
        // Stream i calls stream i + 1; the registers of the calls differ.
        for i in 0..=calls {
            let (pair, length) = (RegPair::new(4 + 4 * i).unwrap(), reg(6 + 4 * i));
            let va = CODE + 0x100 * u64::from(i);
            machine.set_pair(pair.number(), va + 0x100);
            let call = Call { address: pair, length };
            let deeper =
                if i < calls { code![call, add(1)].to_vec() } else { code![add(1)].to_vec() };
            let size = machine.write_code(va, &deeper);
            if i > 0 {
                machine.set_reg(6 + 4 * (i - 1), size);
            }
        }
        let stop = call(&mut machine, 16);
        if fine {
            assert_eq!((stop, machine.reg(1), machine.reg(95)), (Stop::Idle, 7, 1));
        } else {
            assert_eq!(exception(stop), Exception::CALL_STACK_OVERFLOW);
            assert_eq!(machine.queue().depth(), 7);
        }
    }
}

#[test]
fn jump_replaces_the_frame() {
    let mut machine = Machine::new(Arch::V10);
    let second = machine.write_code(CODE + 0x100, code![add(2)]);
    let first = machine.write_code(
        CODE,
        code![
            Move48 { dst: pair::<92>(), imm: CODE + 0x100 },
            Move32 { dst: reg(94), imm: second },
            Jump { address: pair::<92>(), length: reg(94) },
            add(3),
        ],
    );
    assert_eq!(call(&mut machine, first), Stop::Idle);
    assert_eq!((machine.reg(2), machine.reg(3), machine.reg(95)), (1, 0, 1));
}

#[test]
fn stream_that_jumps_to_itself_uses_the_budget_up() {
    let mut machine = Machine::new(Arch::V10);
    machine.set_pair(4, CODE);
    machine.set_reg(6, 8);
    let length = machine.write_code(CODE, code![Jump { address: pair::<4>(), length: reg(6) }]);
    machine.submit_to(
        0,
        code![
            Move48 { dst: pair::<92>(), imm: CODE },
            Move32 { dst: reg(94), imm: length },
            Call { address: pair::<92>(), length: reg(94) },
        ],
    );
    assert_eq!(machine.step(0, 10_000), Stop::Budget);
    assert_eq!(machine.queue().depth(), 1);
}

#[test]
fn jump_in_the_ring_buffer_is_refused() {
    let mut machine = Machine::new(Arch::V10);
    let stop = machine.run(code![Jump { address: pair::<4>(), length: reg(6) }]);
    assert_eq!(exception(stop), Exception::INVALID_INSTRUCTION);
}

#[test]
fn ring_buffer_wraps() {
    let mut machine = Machine::new(Arch::V10);
    for round in 0..3 * RING / 8 / 5 {
        machine.run_to_end(code![add(1), Nop::default(), add(1), Nop::default(), Nop::default()]);
        assert_eq!(machine.reg(1), 2 * (round + 1));
    }
    assert!(machine.queue().extract() > 2 * u64::from(RING));
    assert_eq!(machine.queue().extract(), machine.queue().insert());
}

#[test]
fn extract_lies_in_the_job_during_its_call() {
    let mut machine = Machine::new(Arch::V10);
    let length = machine.write_code(CODE, code![add(1), add(1)]);
    machine.submit_to(
        0,
        code![
            Move48 { dst: pair::<92>(), imm: CODE },
            Move32 { dst: reg(94), imm: length },
            Call { address: pair::<92>(), length: reg(94) },
            Nop::default(),
        ],
    );
    assert_eq!(machine.step(0, 4), Stop::Budget);
    let queue = machine.queue();
    assert_eq!((queue.extract(), queue.ip(), queue.depth()), (24, CODE + 8, 1));
}

#[test]
fn misaligned_ring_buffer_is_a_configuration_fault() {
    let bad = [
        (RingBuffer { base: BASE + 4, size: RING }, 0),
        (RingBuffer { base: BASE, size: 0 }, 0),
        (RingBuffer { base: BASE, size: 12 }, 0),
        (RingBuffer { base: BASE, size: RING }, 4),
        (RingBuffer { base: BASE, size: RING }, u64::MAX - 2),
    ];
    for (ring, extract) in bad {
        let mut machine = Machine::new(Arch::V10);
        machine.queue().set_ring(ring);
        machine.queue().set_extract(extract);
        machine.queue().set_insert(u64::MAX);
        assert_eq!(exception(machine.step(0, 10)), Exception::CONFIG_FAULT);
    }
}

#[test]
fn insert_before_extract_is_idle() {
    let mut machine = Machine::new(Arch::V10);
    machine.queue().set_extract(64);
    machine.queue().set_insert(0);
    assert_eq!(machine.step(0, 10), Stop::Idle);
}
