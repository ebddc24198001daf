//! Moves, arithmetic and logic against Rust's own arithmetic.

use panthor_cs::instruction::*;
use panthor_cs::table::TABLE;
use panthor_cs::*;

use crate::support::*;

/// Returns the bits of a field from `position` on, one by one.
fn field(value: u64, bits: u32, position: u8, width: u8) -> (u64, bool) {
    let (mut result, mut top) = (0, false);
    for i in 0..u32::from(width) {
        let at = u32::from(position) + i;
        if at < bits {
            top = value >> at & 1 == 1;
            result |= u64::from(top) << i;
        }
    }
    (result, top)
}

fn extract_signed(value: u64, bits: u32, position: u8, width: u8) -> u64 {
    let (result, negative) = field(value, bits, position, width);
    let real = u32::from(width).min(bits.saturating_sub(position.into()));
    if negative && real < 64 { result | u64::MAX << real } else { result }
}

fn insert(value: u64, position: u8, width: u8, new: u64) -> u64 {
    (0..u32::from(width)).fold(value, |value, i| {
        let at = u32::from(position) + i;
        let bit = if i < 64 { new >> i & 1 } else { 0 };
        if at < 64 { value & !(1 << at) | bit << at } else { value }
    })
}

/// Returns the destination and its value after `instruction`; registers are read through `get`.
///
/// A 32-bit result is the low half. `None` for an instruction that is no arithmetic.
#[rustfmt::skip]
fn model(instruction: &Instruction, get: impl Fn(u8) -> u32) -> Option<(u8, bool, u64)> {
    use Instruction as I;
    let a32 = |reg: Reg| get(reg.number());
    let r = |reg: Reg| u64::from(get(reg.number()));
    let p = |pair: RegPair| u64::from(get(pair.number())) | u64::from(get(pair.number() + 1)) << 32;
    let narrow = |dst: Reg, value: u64| Some((dst.number(), false, value & 0xffff_ffff));
    let wide = |dst: RegPair, value: u64| Some((dst.number(), true, value));
    match *instruction {
        I::Move32(i) => narrow(i.dst, i.imm.into()),
        I::Move48(i) => wide(i.dst, i.imm),
        I::AddImm32(i) => narrow(i.dst, (i64::from(a32(i.src)) + i64::from(i.imm)) as u64),
        I::LshiftImm32(i) => narrow(i.dst, r(i.src) << i.amount),
        I::RshiftImmU32(i) => narrow(i.dst, r(i.src) >> i.amount),
        I::RshiftImmS32(i) => narrow(i.dst, (i64::from(a32(i.src) as i32) >> i.amount) as u64),
        I::BfextU32(i) => narrow(i.dst, field(r(i.src), 32, i.position, i.width).0),
        I::BfextS32(i) => narrow(i.dst, extract_signed(r(i.src), 32, i.position, i.width)),
        I::BfinsImm32(i) => narrow(i.dst, insert(r(i.src), i.position, i.width, i.value.into())),
        I::UminImm32(i) => narrow(i.dst, r(i.src).min(i.imm.into())),
        I::AddImm64(i) => wide(i.dst, (i128::from(p(i.src)) + i128::from(i.imm)) as u64),
        I::LshiftImm64(i) => wide(i.dst, (u128::from(p(i.src)) << i.amount) as u64),
        I::RshiftImmU64(i) => wide(i.dst, p(i.src) >> i.amount),
        I::RshiftImmS64(i) => wide(i.dst, (i128::from(p(i.src) as i64) >> i.amount) as u64),
        I::BfextU64(i) => wide(i.dst, field(p(i.src), 64, i.position, i.width).0),
        I::BfextS64(i) => wide(i.dst, extract_signed(p(i.src), 64, i.position, i.width)),
        I::BfinsImm64(i) => wide(i.dst, insert(p(i.src), i.position, i.width, i.value.into())),
        I::UminImm64(i) => wide(i.dst, p(i.src).min(i.imm.into())),
        I::Umin32(i) => narrow(i.dst, r(i.src0).min(r(i.src1))),
        I::Add32(i) => narrow(i.dst, r(i.src0) + r(i.src1)),
        I::Sub32(i) => narrow(i.dst, (i64::from(a32(i.src0)) - i64::from(a32(i.src1))) as u64),
        I::Lshift32(i) => narrow(i.dst, r(i.src0) << (r(i.src1) % 32)),
        I::RshiftU32(i) => narrow(i.dst, r(i.src0) >> (r(i.src1) % 32)),
        I::RshiftS32(i) => narrow(i.dst, (i64::from(a32(i.src0) as i32) >> (r(i.src1) % 32)) as u64),
        I::Bfins32(i) => narrow(i.dst, insert(r(i.src0), i.position, i.width, r(i.src1))),
        I::Umin64(i) => wide(i.dst, p(i.src0).min(p(i.src1))),
        I::Add64(i) => wide(i.dst, (u128::from(p(i.src0)) + u128::from(p(i.src1))) as u64),
        I::Sub64(i) => wide(i.dst, (i128::from(p(i.src0)) - i128::from(p(i.src1))) as u64),
        I::Lshift64(i) => wide(i.dst, (u128::from(p(i.src0)) << (p(i.src1) % 64)) as u64),
        I::RshiftU64(i) => wide(i.dst, p(i.src0) >> (p(i.src1) % 64)),
        I::RshiftS64(i) => wide(i.dst, (i128::from(p(i.src0) as i64) >> (p(i.src1) % 64)) as u64),
        I::Bfins64(i) => wide(i.dst, insert(p(i.src0), i.position, i.width, p(i.src1))),
        I::LogicOp32(i) => {
            let (a, b) = (r(i.src0), if i.index { 1 << (r(i.src1) % 32) } else { r(i.src1) });
            let value = match i.mode.bits() {
                0 => 0, 1 => a & b, 2 => a & !b, 3 => a, 4 => !a & b, 5 => b, 6 => a ^ b, 7 => a | b,
                8 => !(a | b), 9 => !(a ^ b), 10 => !b, 11 => a | !b, 12 => !a, 13 => !a | b, 14 => !(a & b),
                _ => u64::MAX,
            };
            narrow(i.dst, value)
        }
        _ => None,
    }
}

#[test]
fn arithmetic_is_that_of_rust_on_every_architecture() {
    let mut random = Random(15);
    for arch in Arch::ALL {
        let mut checked = 0;
        for row in TABLE.iter().filter(|row| row.archs.contains(arch)) {
            let mut machine = Machine::new(arch);
            for round in 0..300 {
                let used = row.used_bits(arch)
                    & !(0xff << 56)
                    & !row.sub_opcode.map_or(0, |sub| {
                        if sub.bits.archs.contains(arch) { sub.bits.mask() } else { 0 }
                    });
                let sub = row.sub_opcode.filter(|sub| sub.bits.archs.contains(arch));
                let mut word = u64::from(row.opcode) << 56 | random.next() & used;
                word |= sub.map_or(0, |sub| sub.value << sub.bits.low);
                // Register numbers below 64, pairs even; small positions of fields often.
                word &= !0x00c1_c1c1_0000_0000 | !used;
                if round % 2 == 0 && row.name.starts_with("BF") {
                    word &= !0xc0c0;
                }
                let instruction = Instruction::decode(arch, word).unwrap().instruction;
                for number in 0..96 {
                    let value = match random.below(4) {
                        0 => random.below(70) as u32,
                        1 => 0x8000_0000 >> random.below(32),
                        _ => random.next() as u32,
                    };
                    machine.set_reg(number, value);
                }
                let Some((dst, wide, value)) = model(&instruction, |number| machine.reg(number))
                else {
                    break;
                };
                checked += 1;
                let mut wanted: Vec<u32> = (0..96).map(|number| machine.reg(number)).collect();
                wanted[usize::from(dst)] = value as u32;
                if wide {
                    wanted[usize::from(dst) + 1] = (value >> 32) as u32;
                }
                machine.run_to_end(&[instruction]);
                let found: Vec<u32> = (0..96).map(|number| machine.reg(number)).collect();
                assert_eq!(found, wanted, "{instruction} ({word:#018x}) on {arch}");
            }
        }
        let instructions = match arch.major() {
            10 => 5,
            11 | 12 => 6,
            _ => 2 + 16 + 14 + 1,
        };
        assert_eq!(checked, 300 * instructions, "{arch}");
    }
}

#[test]
fn moves_keep_the_other_registers() {
    let mut machine = Machine::new(Arch::V10);
    (0..96).for_each(|number| machine.set_reg(number, u32::MAX));
    machine.run_to_end(code![
        Move48 { dst: pair::<4>(), imm: 0x1234_5678_9abc },
        Move32 { dst: reg(7), imm: 5 },
    ]);
    assert_eq!((machine.pair(4), machine.reg(6), machine.reg(7)), (0x1234_5678_9abc, u32::MAX, 5));
}
