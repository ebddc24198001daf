//! Arithmetic and logic on registers.

use super::Trap;
use super::alu::Word;
use super::registers::Registers;
use crate::Instruction;

/// Executes an instruction of arithmetic or logic, or a move. Returns `false` for any other
/// instruction.
#[inline(always)]
#[rustfmt::skip]
pub(super) fn execute(r: &mut Registers, instruction: &Instruction) -> Result<bool, Trap> {
    use Instruction as I;
    match *instruction {
        I::Move32(i) => r.write(i.dst, i.imm)?,
        I::Move48(i) => r.write_pair(i.dst, i.imm)?,

        I::AddImm32(i) => { let a = r.read(i.src)?; r.write(i.dst, a.wrapping_add_signed(i.imm))? }
        I::LshiftImm32(i) => { let a = r.read(i.src)?; r.write(i.dst, a.shift_left(i.amount.into()))? }
        I::RshiftImmU32(i) => { let a = r.read(i.src)?; r.write(i.dst, a.shift_right_unsigned(i.amount.into()))? }
        I::RshiftImmS32(i) => { let a = r.read(i.src)?; r.write(i.dst, a.shift_right_signed(i.amount.into()))? }
        I::BfextU32(i) => { let a = r.read(i.src)?; r.write(i.dst, a.extract_unsigned(i.position, i.width))? }
        I::BfextS32(i) => { let a = r.read(i.src)?; r.write(i.dst, a.extract_signed(i.position, i.width))? }
        I::BfinsImm32(i) => { let a = r.read(i.src)?; r.write(i.dst, a.insert(i.position, i.width, i.value.into()))? }
        I::UminImm32(i) => { let a = r.read(i.src)?; r.write(i.dst, a.min(i.imm))? }

        I::AddImm64(i) => { let a = r.read_pair(i.src)?; r.write_pair(i.dst, a.wrapping_add_signed(i.imm.into()))? }
        I::LshiftImm64(i) => { let a = r.read_pair(i.src)?; r.write_pair(i.dst, a.shift_left(i.amount.into()))? }
        I::RshiftImmU64(i) => { let a = r.read_pair(i.src)?; r.write_pair(i.dst, a.shift_right_unsigned(i.amount.into()))? }
        I::RshiftImmS64(i) => { let a = r.read_pair(i.src)?; r.write_pair(i.dst, a.shift_right_signed(i.amount.into()))? }
        I::BfextU64(i) => { let a = r.read_pair(i.src)?; r.write_pair(i.dst, a.extract_unsigned(i.position, i.width))? }
        I::BfextS64(i) => { let a = r.read_pair(i.src)?; r.write_pair(i.dst, a.extract_signed(i.position, i.width))? }
        I::BfinsImm64(i) => { let a = r.read_pair(i.src)?; r.write_pair(i.dst, a.insert(i.position, i.width, i.value.into()))? }
        I::UminImm64(i) => { let a = r.read_pair(i.src)?; r.write_pair(i.dst, a.min(i.imm.into()))? }

        I::Umin32(i) => { let (a, b) = (r.read(i.src0)?, r.read(i.src1)?); r.write(i.dst, a.min(b))? }
        I::Add32(i) => { let (a, b) = (r.read(i.src0)?, r.read(i.src1)?); r.write(i.dst, a.wrapping_add(b))? }
        I::Sub32(i) => { let (a, b) = (r.read(i.src0)?, r.read(i.src1)?); r.write(i.dst, a.wrapping_sub(b))? }
        I::Lshift32(i) => { let (a, b) = (r.read(i.src0)?, r.read(i.src1)?); r.write(i.dst, a.shift_left(b))? }
        I::RshiftU32(i) => { let (a, b) = (r.read(i.src0)?, r.read(i.src1)?); r.write(i.dst, a.shift_right_unsigned(b))? }
        I::RshiftS32(i) => { let (a, b) = (r.read(i.src0)?, r.read(i.src1)?); r.write(i.dst, a.shift_right_signed(b))? }
        I::Bfins32(i) => { let (a, b) = (r.read(i.src0)?, r.read(i.src1)?); r.write(i.dst, a.insert(i.position, i.width, b))? }

        I::Umin64(i) => { let (a, b) = (r.read_pair(i.src0)?, r.read_pair(i.src1)?); r.write_pair(i.dst, a.min(b))? }
        I::Add64(i) => { let (a, b) = (r.read_pair(i.src0)?, r.read_pair(i.src1)?); r.write_pair(i.dst, a.wrapping_add(b))? }
        I::Sub64(i) => { let (a, b) = (r.read_pair(i.src0)?, r.read_pair(i.src1)?); r.write_pair(i.dst, a.wrapping_sub(b))? }
        I::Lshift64(i) => { let (a, b) = (r.read_pair(i.src0)?, r.read_pair(i.src1)?); r.write_pair(i.dst, a.shift_left(b))? }
        I::RshiftU64(i) => { let (a, b) = (r.read_pair(i.src0)?, r.read_pair(i.src1)?); r.write_pair(i.dst, a.shift_right_unsigned(b))? }
        I::RshiftS64(i) => { let (a, b) = (r.read_pair(i.src0)?, r.read_pair(i.src1)?); r.write_pair(i.dst, a.shift_right_signed(b))? }
        I::Bfins64(i) => { let (a, b) = (r.read_pair(i.src0)?, r.read_pair(i.src1)?); r.write_pair(i.dst, a.insert(i.position, i.width, b))? }

        I::LogicOp32(i) => {
            let (uses_a, uses_b) = i.mode.uses();
            let a = if uses_a { r.read(i.src0)? } else { r.unused(i.src0)? };
            let b = if uses_b { r.read(i.src1)? } else { r.unused(i.src1)? };
            let b = if i.index { 1u32.shift_left(b) } else { b };
            r.write(i.dst, i.mode.apply(a, b))?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}
