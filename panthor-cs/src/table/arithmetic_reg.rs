//! Arithmetic and logic on registers.
//!
//! On architectures 10 to 12 there is one instruction per opcode; from 13 on, sub-opcodes share an
//! opcode. The words of UMIN32 are the same on all.

use super::instructions;
use crate::operand::{LogicOp, Reg, RegPair};

instructions! {
    /// Takes the minimum of two registers, unsigned.
    "UMIN32" Umin32 = 0x12, [10..], (24..=31 = 0, [13..]) {
        /// The destination.
        dst: Reg, 48..=55 [10..];
        /// The left operand.
        src0: Reg, 40..=47 [10..];
        /// The right operand.
        src1: Reg, 32..=39 [10..];
    }

    /// Adds two registers, wrapping.
    "ADD32" Add32 = 0x12, [13..], (24..=31 = 1, [13..]) {
        /// The destination.
        dst: Reg, 48..=55 [13..];
        /// The left operand.
        src0: Reg, 40..=47 [13..];
        /// The right operand.
        src1: Reg, 32..=39 [13..];
    }

    /// Subtracts `src1` from `src0`, wrapping.
    "SUB32" Sub32 = 0x12, [13..], (24..=31 = 2, [13..]) {
        /// The destination.
        dst: Reg, 48..=55 [13..];
        /// The left operand.
        src0: Reg, 40..=47 [13..];
        /// The right operand.
        src1: Reg, 32..=39 [13..];
    }

    /// Shifts `src0` left by `src1` bits.
    "LSHIFT32" Lshift32 = 0x12, [13..], (24..=31 = 3, [13..]) {
        /// The destination.
        dst: Reg, 48..=55 [13..];
        /// The left operand.
        src0: Reg, 40..=47 [13..];
        /// The right operand.
        src1: Reg, 32..=39 [13..];
    }

    /// Shifts `src0` right by `src1` bits, filling with zeros.
    "RSHIFT_U32" RshiftU32 = 0x12, [13..], (24..=31 = 4, [13..]) {
        /// The destination.
        dst: Reg, 48..=55 [13..];
        /// The left operand.
        src0: Reg, 40..=47 [13..];
        /// The right operand.
        src1: Reg, 32..=39 [13..];
    }

    /// Shifts `src0` right by `src1` bits, filling with the sign.
    "RSHIFT_S32" RshiftS32 = 0x12, [13..], (24..=31 = 5, [13..]) {
        /// The destination.
        dst: Reg, 48..=55 [13..];
        /// The left operand.
        src0: Reg, 40..=47 [13..];
        /// The right operand.
        src1: Reg, 32..=39 [13..];
    }

    /// Copies a register, with a bit-field replaced by that of another.
    "BFINS32" Bfins32 = 0x12, [13..], (24..=31 = 6, [13..]) {
        /// The destination.
        dst: Reg, 48..=55 [13..];
        /// The value that receives the bit-field.
        src0: Reg, 40..=47 [13..];
        /// The value of the bit-field, in the low bits.
        src1: Reg, 32..=39 [13..];
        /// The lowest bit of the bit-field.
        position: u8, 0..=7 [13..];
        /// The number of bits.
        width: u8, 8..=15 [13..];
    }

    /// Takes the minimum of two register pairs, unsigned.
    "UMIN64" Umin64 = 0x39, [13..], (24..=31 = 0, [13..]) {
        /// The destination.
        dst: RegPair, 48..=55 [13..];
        /// The left operand.
        src0: RegPair, 40..=47 [13..];
        /// The right operand.
        src1: RegPair, 32..=39 [13..];
    }

    /// Adds two register pairs, wrapping.
    "ADD64" Add64 = 0x39, [13..], (24..=31 = 1, [13..]) {
        /// The destination.
        dst: RegPair, 48..=55 [13..];
        /// The left operand.
        src0: RegPair, 40..=47 [13..];
        /// The right operand.
        src1: RegPair, 32..=39 [13..];
    }

    /// Subtracts `src1` from `src0`, wrapping.
    "SUB64" Sub64 = 0x39, [13..], (24..=31 = 2, [13..]) {
        /// The destination.
        dst: RegPair, 48..=55 [13..];
        /// The left operand.
        src0: RegPair, 40..=47 [13..];
        /// The right operand.
        src1: RegPair, 32..=39 [13..];
    }

    /// Shifts `src0` left by `src1` bits.
    "LSHIFT64" Lshift64 = 0x39, [13..], (24..=31 = 3, [13..]) {
        /// The destination.
        dst: RegPair, 48..=55 [13..];
        /// The left operand.
        src0: RegPair, 40..=47 [13..];
        /// The right operand.
        src1: RegPair, 32..=39 [13..];
    }

    /// Shifts `src0` right by `src1` bits, filling with zeros.
    "RSHIFT_U64" RshiftU64 = 0x39, [13..], (24..=31 = 4, [13..]) {
        /// The destination.
        dst: RegPair, 48..=55 [13..];
        /// The left operand.
        src0: RegPair, 40..=47 [13..];
        /// The right operand.
        src1: RegPair, 32..=39 [13..];
    }

    /// Shifts `src0` right by `src1` bits, filling with the sign.
    "RSHIFT_S64" RshiftS64 = 0x39, [13..], (24..=31 = 5, [13..]) {
        /// The destination.
        dst: RegPair, 48..=55 [13..];
        /// The left operand.
        src0: RegPair, 40..=47 [13..];
        /// The right operand.
        src1: RegPair, 32..=39 [13..];
    }

    /// Copies a register pair, with a bit-field replaced by that of another.
    "BFINS64" Bfins64 = 0x39, [13..], (24..=31 = 6, [13..]) {
        /// The destination.
        dst: RegPair, 48..=55 [13..];
        /// The value that receives the bit-field.
        src0: RegPair, 40..=47 [13..];
        /// The value of the bit-field, in the low bits.
        src1: RegPair, 32..=39 [13..];
        /// The lowest bit of the bit-field.
        position: u8, 0..=7 [13..];
        /// The number of bits.
        width: u8, 8..=15 [13..];
    }

    /// Combines two registers bit by bit.
    "LOGIC_OP32" LogicOp32 = 0x13, [11..] {
        /// The operation, on A (`src0`) and B (`src1`).
        mode: LogicOp, 0..=3 [11..];
        /// B is the bit with the number in `src1`.
        index: bool, 4..=4 [11..];
        /// The destination.
        dst: Reg, 48..=55 [11..];
        /// The operand A.
        src0: Reg, 40..=47 [11..];
        /// The operand B.
        src1: Reg, 32..=39 [11..];
    }
}
