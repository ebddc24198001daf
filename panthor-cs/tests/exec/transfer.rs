//! LOAD_MULTIPLE and STORE_MULTIPLE.

use panthor_cs::exec::*;
use panthor_cs::instruction::*;
use panthor_cs::*;

use crate::support::*;

const ADDRESS: RegPair = pair::<90>();

fn load(base: u8, mask: u16, offset: i16) -> LoadMultiple {
    LoadMultiple { base: reg(base), mask: RegMask::from_bits(mask), address: ADDRESS, offset }
}

fn store(base: u8, mask: u16, offset: i16) -> StoreMultiple {
    StoreMultiple { base: reg(base), mask: RegMask::from_bits(mask), address: ADDRESS, offset }
}

fn wait(mask: u16) -> Wait {
    Wait { mask: SbMask::from_bits(mask), ..Wait::default() }
}

fn machine(arch: Arch) -> Machine {
    let mut machine = Machine::new(arch);
    machine.set_pair(90, DATA);
    machine
}

#[test]
fn gaps_of_the_mask_are_gaps_in_memory_and_registers() {
    for arch in Arch::ALL {
        let mut machine = machine(arch);
        for i in 0..16 {
            machine.store32(DATA + 4 * i - 8, 100 + i as u32);
        }
        machine.run_to_end(code![load(10, 0b1000_0000_0010_0101, -8), wait(1)]);
        let found: Vec<u32> = (10..26).map(|number| machine.reg(number)).collect();
        let wanted: Vec<u32> =
            (0..16).map(|i| if [0, 2, 5, 15].contains(&i) { 100 + i } else { 0 }).collect();
        assert_eq!(found, wanted);

        machine.run_to_end(code![store(10, 0b1000_0000_0010_0101, 0x100), wait(1)]);
        for i in 0..16 {
            assert_eq!(machine.load32(DATA + 0x100 + 4 * i), wanted[i as usize], "word {i}");
        }
        assert_eq!(machine.hooks.hazards, []);
    }
}

#[test]
fn load_may_overwrite_its_own_address() {
    let mut machine = machine(Arch::V10);
    machine.store64(DATA, 0x1_2345_6789);
    machine.run_to_end(code![load(90, 0b11, 0), wait(1)]);
    assert_eq!(machine.pair(90), 0x1_2345_6789);
}

#[test]
fn empty_mask_accesses_nothing() {
    let mut machine = Machine::new(Arch::V10);
    machine.set_pair(90, END + 0x1000);
    machine.run_to_end(code![load(255, 0, 0), store(255, 0, 0)]);
}

#[test]
fn misaligned_address_is_a_bus_fault() {
    for instruction in [Instruction::from(load(0, 1, 2)), store(0, 1, -1).into()] {
        let mut machine = machine(Arch::V10);
        let stop = machine.run(&[instruction]);
        assert_eq!(exception(stop), Exception::BUS_FAULT);
    }
}

#[test]
fn missing_register_is_refused_before_any_access() {
    for arch in [Arch::V10, Arch::V14] {
        let mut machine = machine(arch);
        machine.set_reg(95, 7);
        assert_eq!(
            exception(machine.run(code![store(95, 0b11, 0)])),
            Exception::INVALID_INSTRUCTION
        );
        assert_eq!(machine.load32(DATA), 0);
    }
    // The last register of the part.
    machine(Arch::V10).run_to_end(code![load(80, 0x8000, 0)]);
    let mut big = Machine::with(Arch::V10, 1, |config| config.registers = 256);
    big.set_pair(90, DATA);
    assert_eq!(exception(big.run(code![load(250, 0x8000, 0)])), Exception::INVALID_INSTRUCTION);
}

#[test]
fn refused_accesses_name_va_and_kind() {
    let cases = [
        (Instruction::from(load(0, 0b101, -8)), Access::Read),
        (store(0, 0b101, -8).into(), Access::Write),
    ];
    for (instruction, access) in cases {
        let mut machine = Machine::new(Arch::V10);
        machine.set_pair(90, END);
        let fault = MemoryFault::Translation { level: 3 };
        let wanted = Stop::Mmu(MmuFault { fault, va: END, access, ip: BASE });
        assert_eq!(machine.run(&[instruction]), wanted);
        assert_eq!(machine.step(0, 10), wanted, "a halted queue stays halted");
        assert_eq!(machine.queue().extract(), 0);
    }
}

#[test]
fn transfer_counts_on_the_other_entry_until_it_completes() {
    let mut machine = machine(Arch::V10);
    let select = SetSbEntry { endpoint: entry::<2>(), other: entry::<5>() };
    machine.submit_to(0, code![select, load(0, 1, 0), wait(1 << 5)]);
    assert_eq!(machine.step(0, 2), Stop::Budget);
    let status = machine.queues[0].status(&machine.group);
    assert_eq!(status.scoreboard, entry::<5>().mask());
    assert_eq!(machine.step(0, 1000), Stop::Idle);
    assert!(machine.queues[0].is_quiescent());
}

/// Returns the hazards of a program.
fn hazards(code: &[Instruction]) -> Vec<HazardKind> {
    let mut machine = machine(Arch::V11);
    machine.run_to_end(code);
    machine.hooks.hazards
}

#[test]
fn early_uses_of_registers_are_reported() {
    use HazardKind::Register;
    let add = |dst, src| AddImm32 { dst: reg(dst), src: reg(src), imm: 1 };
    let read = hazards(code![load(3, 0b11, 0), add(10, 4)]);
    assert_eq!(read, [Register(RegisterHazard::ReadBeforeLoad(reg(4)))]);
    let overwritten = hazards(code![load(3, 0b11, 0), add(4, 10)]);
    assert_eq!(overwritten, [Register(RegisterHazard::WrittenBeforeLoad(reg(4)))]);
    let reused = hazards(code![store(3, 0b11, 0), add(4, 10)]);
    assert_eq!(reused, [Register(RegisterHazard::WrittenBeforeStore(reg(4)))]);
    let loaded = hazards(code![store(3, 0b11, 0), load(4, 1, 0)]);
    assert_eq!(loaded, [Register(RegisterHazard::WrittenBeforeStore(reg(4)))]);
    let stored = hazards(code![load(4, 1, 0), store(3, 0b11, 0)]);
    assert_eq!(stored, [Register(RegisterHazard::ReadBeforeLoad(reg(4)))]);
}

#[test]
fn right_uses_of_registers_are_not_reported() {
    let add = |dst, src| AddImm32 { dst: reg(dst), src: reg(src), imm: 1 };
    assert_eq!(hazards(code![load(3, 0b11, 0), add(10, 5), wait(1), add(10, 4), add(4, 4)]), []);
    assert_eq!(hazards(code![store(3, 0b11, 0), add(10, 4), wait(1), add(4, 10)]), []);
    // Waiting for a flush that comes after the load.
    let flush =
        FlushCache2 { wait: entry::<0>().mask(), signal: entry::<2>(), ..Default::default() };
    assert_eq!(hazards(code![load(3, 1, 0), flush, wait(4), add(10, 3)]), []);
    // The wrong entry.
    assert_eq!(hazards(code![load(3, 1, 0), wait(2), add(10, 3)]).len(), 1);
    // A load that the flush does not wait for.
    assert_eq!(hazards(code![flush, load(3, 1, 0), wait(4), add(10, 3)]).len(), 1);
}

#[test]
fn operands_without_influence_are_no_hazard() {
    let always = Branch { condition: Condition::ALWAYS, value: reg(0), offset: 0 };
    assert_eq!(hazards(code![load(0, 1, 0), always]), []);
    let conditional = Branch { condition: Condition::EQ, ..always };
    assert_eq!(hazards(code![load(0, 1, 0), conditional]).len(), 1);
    for bits in 0..16 {
        let mode = LogicOp::from_bits(bits);
        let differs = |values: [u32; 2]| values[0] != values[1];
        let by_a = [0, !0].map(|b| differs([mode.apply(0, b), mode.apply(!0, b)]));
        let by_b = [0, !0].map(|a| differs([mode.apply(a, 0), mode.apply(a, !0)]));
        for (loading, matters) in [(1, by_a), (2, by_b)] {
            let op = LogicOp32 { mode, src0: reg(1), src1: reg(2), dst: reg(3), index: false };
            let wanted = usize::from(matters.contains(&true));
            assert_eq!(hazards(code![load(loading, 1, 0), op]).len(), wanted, "{mode} r{loading}");
        }
    }
    for number in 0..4 {
        let run =
            RunCompute { srt: number, fau: number, spd: number, tsd: number, ..Default::default() };
        for register in 0..32u8 {
            let reported = hazards(code![load(register, 1, 0), run]);
            let early = HazardKind::Register(RegisterHazard::ReadBeforeLoad(reg(register)));
            assert_eq!(
                reported.contains(&early),
                register / 2 % 4 == number,
                "{run:?} r{register}"
            );
        }
    }
    // Registers that do not exist are still refused.
    let missing = Branch { value: reg(96), ..always };
    assert_eq!(exception(machine(Arch::V11).run(code![missing])), Exception::INVALID_INSTRUCTION);
}

#[test]
fn more_transfers_than_fit_in_flight_wait_for_room() {
    let mut machine = Machine::with(Arch::V10, 1, |config| config.max_delay = 100_000);
    machine.set_pair(90, DATA);
    let code: Vec<Instruction> = (0..200).map(|i| store(0, 1, 4 * i).into()).collect();
    (0..200).for_each(|i| machine.store32(DATA + 4 * i, 9));
    machine.run_to_end(&code);
    // Each of them completes.
    machine.run_to_end(code![wait(0xff)]);
    (0..200).for_each(|i| assert_eq!(machine.load32(DATA + 4 * i), 0));
    assert!(machine.queues[0].is_quiescent());
}
