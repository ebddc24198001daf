//! State words and NEXT_SB_ENTRY.

use panthor_cs::exec::*;
use panthor_cs::instruction::*;
use panthor_cs::*;

use crate::operations::{complete, holding, mask};
use crate::support::*;

#[test]
fn state_words_are_set_and_persist() {
    for arch in [Arch::V11, Arch::V12, Arch::V13, Arch::V14, Arch::V15] {
        let mut machine = Machine::new(arch);
        machine.set_reg(1, 6);
        machine.run_to_end(code![
            SetStateImm32 { state: State::SB_SEL_ENDPOINT, value: 3 },
            SetState { state: State::SB_SEL_OTHER, src: reg(1) },
            SetStateImm32 { state: State::SB_SEL_DEFERRED, value: 5 },
            SetStateImm32 { state: State::SB_MASK_STREAM, value: 0xf8 },
            SetStateImm32 { state: State::SB_MASK_WAIT, value: 0x18 },
        ]);
        let values = State::ASSIGNED.iter().map(|&state| machine.queues[0].state(state).unwrap());
        assert_eq!(values.collect::<Vec<_>>(), [3, 6, 5, 0xf8, 0x18], "{arch}");
        let bad = SetStateImm32 { state: State::from_bits(3), value: 0 };
        assert_eq!(exception(machine.run(code![bad])), Exception::INVALID_INSTRUCTION);
    }
}

#[test]
fn next_entry_takes_a_free_one_or_waits() {
    for format in [SbFormat::INDEX, SbFormat::MASK] {
        let mut machine = holding(Arch::V11);
        let next = NextSbEntry { selector: SbSelector::ENDPOINT, format, dst: reg(1) };
        machine.run_to_end(code![
            SetStateImm32 { state: State::SB_MASK_STREAM, value: 0b11000 },
            next,
            RunCompute::default(),
        ]);
        assert_eq!(machine.reg(1), if format == SbFormat::INDEX { 3 } else { 8 });
        machine.run_to_end(code![next, RunCompute::default()]);
        assert_eq!(machine.reg(1), if format == SbFormat::INDEX { 4 } else { 16 });
        let stop = machine.run(code![next]);
        assert_eq!(stop, Stop::Blocked(Blocked::Scoreboard(mask(0b11000))));
        complete(&mut machine, 1);
        assert_eq!(machine.step(0, 10), Stop::Idle);
        assert_eq!(machine.reg(1), if format == SbFormat::INDEX { 4 } else { 16 });
    }
}

#[test]
fn next_entry_changes_the_named_selector_only() {
    for (selector, changed) in [
        (SbSelector::NONE, None),
        (SbSelector::ENDPOINT, Some(State::SB_SEL_ENDPOINT)),
        (SbSelector::OTHER, Some(State::SB_SEL_OTHER)),
        (SbSelector::DEFERRED, Some(State::SB_SEL_DEFERRED)),
    ] {
        let mut machine = Machine::new(Arch::V12);
        machine.run_to_end(code![
            SetStateImm32 { state: State::SB_MASK_STREAM, value: 0b1000000 },
            NextSbEntry { selector, format: SbFormat::INDEX, dst: reg(1) },
        ]);
        assert_eq!(machine.reg(1), 6);
        for state in [State::SB_SEL_ENDPOINT, State::SB_SEL_OTHER, State::SB_SEL_DEFERRED] {
            let wanted = if changed == Some(state) { 6 } else { 0 };
            assert_eq!(machine.queues[0].state(state), Some(wanted), "{selector} {state}");
        }
    }
    let bad =
        NextSbEntry { selector: SbSelector::from_bits(4), format: SbFormat::INDEX, dst: reg(1) };
    assert_eq!(exception(Machine::new(Arch::V12).run(code![bad])), Exception::INVALID_INSTRUCTION);
}
