//! Arithmetic with an immediate.
//!
//! On architectures 10 to 12 there is one instruction per opcode; from 13 on, sub-opcodes share an
//! opcode. The words of ADD_IMM32 and ADD_IMM64 are the same on all.

use super::instructions;
use crate::operand::{Reg, RegPair};

instructions! {
    /// Adds an immediate to a register, wrapping.
    "ADD_IMM32" AddImm32 = 0x10, [10..], (32..=39 = 0, [13..]) {
        /// The destination.
        dst: Reg, 48..=55 [10..];
        /// The source.
        src: Reg, 40..=47 [10..];
        /// The immediate.
        imm: i32, 0..=31 [10..];
    }

    /// Shifts a register left.
    "LSHIFT_IMM32" LshiftImm32 = 0x10, [13..], (32..=39 = 1, [13..]) {
        /// The destination.
        dst: Reg, 48..=55 [13..];
        /// The source.
        src: Reg, 40..=47 [13..];
        /// The distance in bits, at most 31.
        amount: u8, 0..=4 [13..];
    }

    /// Shifts a register right, filling with zeros.
    "RSHIFT_IMM_U32" RshiftImmU32 = 0x10, [13..], (32..=39 = 2, [13..]) {
        /// The destination.
        dst: Reg, 48..=55 [13..];
        /// The source.
        src: Reg, 40..=47 [13..];
        /// The distance in bits, at most 31.
        amount: u8, 0..=4 [13..];
    }

    /// Shifts a register right, filling with the sign.
    "RSHIFT_IMM_S32" RshiftImmS32 = 0x10, [13..], (32..=39 = 3, [13..]) {
        /// The destination.
        dst: Reg, 48..=55 [13..];
        /// The source.
        src: Reg, 40..=47 [13..];
        /// The distance in bits, at most 31.
        amount: u8, 0..=4 [13..];
    }

    /// Extracts a bit-field of a register, zero-extended.
    "BFEXT_U32" BfextU32 = 0x10, [13..], (32..=39 = 4, [13..]) {
        /// The destination.
        dst: Reg, 48..=55 [13..];
        /// The source.
        src: Reg, 40..=47 [13..];
        /// The lowest bit of the bit-field.
        position: u8, 0..=7 [13..];
        /// The number of bits.
        width: u8, 8..=15 [13..];
    }

    /// Extracts a bit-field of a register, sign-extended.
    "BFEXT_S32" BfextS32 = 0x10, [13..], (32..=39 = 5, [13..]) {
        /// The destination.
        dst: Reg, 48..=55 [13..];
        /// The source.
        src: Reg, 40..=47 [13..];
        /// The lowest bit of the bit-field.
        position: u8, 0..=7 [13..];
        /// The number of bits.
        width: u8, 8..=15 [13..];
    }

    /// Copies a register, with a bit-field replaced by an immediate.
    "BFINS_IMM32" BfinsImm32 = 0x10, [13..], (32..=39 = 6, [13..]) {
        /// The destination.
        dst: Reg, 48..=55 [13..];
        /// The source.
        src: Reg, 40..=47 [13..];
        /// The lowest bit of the bit-field.
        position: u8, 0..=7 [13..];
        /// The number of bits.
        width: u8, 8..=15 [13..];
        /// The value of the bit-field.
        value: u16, 16..=31 [13..];
    }

    /// Takes the minimum of a register and an immediate, unsigned.
    "UMIN_IMM32" UminImm32 = 0x10, [13..], (32..=39 = 7, [13..]) {
        /// The destination.
        dst: Reg, 48..=55 [13..];
        /// The source.
        src: Reg, 40..=47 [13..];
        /// The immediate.
        imm: u32, 0..=31 [13..];
    }

    /// Adds a sign-extended immediate to a register pair, wrapping.
    "ADD_IMM64" AddImm64 = 0x11, [10..], (32..=39 = 0, [13..]) {
        /// The destination.
        dst: RegPair, 48..=55 [10..];
        /// The source.
        src: RegPair, 40..=47 [10..];
        /// The immediate.
        imm: i32, 0..=31 [10..];
    }

    /// Shifts a register pair left.
    "LSHIFT_IMM64" LshiftImm64 = 0x11, [13..], (32..=39 = 1, [13..]) {
        /// The destination.
        dst: RegPair, 48..=55 [13..];
        /// The source.
        src: RegPair, 40..=47 [13..];
        /// The distance in bits, at most 63.
        amount: u8, 0..=5 [13..];
    }

    /// Shifts a register pair right, filling with zeros.
    "RSHIFT_IMM_U64" RshiftImmU64 = 0x11, [13..], (32..=39 = 2, [13..]) {
        /// The destination.
        dst: RegPair, 48..=55 [13..];
        /// The source.
        src: RegPair, 40..=47 [13..];
        /// The distance in bits, at most 63.
        amount: u8, 0..=5 [13..];
    }

    /// Shifts a register pair right, filling with the sign.
    "RSHIFT_IMM_S64" RshiftImmS64 = 0x11, [13..], (32..=39 = 3, [13..]) {
        /// The destination.
        dst: RegPair, 48..=55 [13..];
        /// The source.
        src: RegPair, 40..=47 [13..];
        /// The distance in bits, at most 63.
        amount: u8, 0..=5 [13..];
    }

    /// Extracts a bit-field of a register pair, zero-extended.
    "BFEXT_U64" BfextU64 = 0x11, [13..], (32..=39 = 4, [13..]) {
        /// The destination.
        dst: RegPair, 48..=55 [13..];
        /// The source.
        src: RegPair, 40..=47 [13..];
        /// The lowest bit of the bit-field.
        position: u8, 0..=7 [13..];
        /// The number of bits.
        width: u8, 8..=15 [13..];
    }

    /// Extracts a bit-field of a register pair, sign-extended.
    "BFEXT_S64" BfextS64 = 0x11, [13..], (32..=39 = 5, [13..]) {
        /// The destination.
        dst: RegPair, 48..=55 [13..];
        /// The source.
        src: RegPair, 40..=47 [13..];
        /// The lowest bit of the bit-field.
        position: u8, 0..=7 [13..];
        /// The number of bits.
        width: u8, 8..=15 [13..];
    }

    /// Copies a register pair, with a bit-field replaced by an immediate.
    "BFINS_IMM64" BfinsImm64 = 0x11, [13..], (32..=39 = 6, [13..]) {
        /// The destination.
        dst: RegPair, 48..=55 [13..];
        /// The source.
        src: RegPair, 40..=47 [13..];
        /// The lowest bit of the bit-field.
        position: u8, 0..=7 [13..];
        /// The number of bits.
        width: u8, 8..=15 [13..];
        /// The value of the bit-field.
        value: u16, 16..=31 [13..];
    }

    /// Takes the minimum of a register pair and an immediate, unsigned.
    "UMIN_IMM64" UminImm64 = 0x11, [13..], (32..=39 = 7, [13..]) {
        /// The destination.
        dst: RegPair, 48..=55 [13..];
        /// The source.
        src: RegPair, 40..=47 [13..];
        /// The immediate.
        imm: u32, 0..=31 [13..];
    }
}
