//! Encoder, decoder and disassembler agree, on every instruction and architecture.

use std::collections::BTreeSet;

use panthor_cs::instruction::*;
use panthor_cs::table::TABLE;
use panthor_cs::*;

/// A generator of random numbers (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
}

/// The opcodes that each architecture assigns.
fn opcodes(arch: Arch) -> BTreeSet<u8> {
    let ranges: &[std::ops::RangeInclusive<u8>] = &[
        0x00..=0x09,
        0x0b..=0x0b,
        0x10..=0x12,
        0x14..=0x19,
        0x20..=0x22,
        0x24..=0x2c,
        0x2f..=0x35,
    ];
    let mut opcodes: BTreeSet<u8> = ranges.iter().cloned().flatten().collect();
    let mut change = |since, removed: &[u8], added: &[u8]| {
        if arch >= since {
            opcodes.retain(|opcode| !removed.contains(opcode));
            opcodes.extend(added);
        }
    };
    change(Arch::V11, &[0x05], &[0x13, 0x1a, 0x1b, 0x1c, 0x1e, 0x1f]);
    change(Arch::V12, &[0x06], &[0x0c]);
    change(Arch::V13, &[], &[0x39]);
    change(Arch::V14, &[0x07, 0x18, 0x2a, 0x2b], &[0x0e, 0x80]);
    opcodes
}

#[test]
fn table_has_the_opcodes_of_each_architecture() {
    for arch in Arch::ALL {
        let rows = TABLE.iter().filter(|row| row.archs.contains(arch));
        let table: BTreeSet<u8> = rows.map(|row| row.opcode).collect();
        assert_eq!(table, opcodes(arch), "{arch}");
    }
}

#[test]
fn table_names_are_unique() {
    let names: BTreeSet<_> = TABLE.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), TABLE.len());
}

#[test]
fn fields_exist_only_where_their_instruction_does() {
    for row in TABLE {
        let archs = row.fields.iter().map(|field| (field.name, field.archs()));
        for (name, archs) in archs.chain(row.sub_opcode.map(|sub| ("sub-opcode", sub.bits.archs))) {
            assert!(row.archs.contains_all(archs), "{} {name}: {archs}", row.name);
        }
    }
}

#[test]
fn unassigned_opcodes_do_not_decode() {
    for arch in Arch::ALL {
        let assigned = opcodes(arch);
        for opcode in 0..=255 {
            let decoded = Instruction::decode(arch, u64::from(opcode) << 56);
            match assigned.contains(&opcode) {
                true => assert_eq!(decoded.unwrap().instruction.definition().opcode, opcode),
                false => {
                    let error = Error::Unassigned { arch, opcode, sub_opcode: None };
                    assert_eq!(decoded, Err(error));
                }
            }
        }
    }
}

/// Checks that the text of an instruction starts with its name.
fn check_text(instruction: &Instruction) {
    let text = instruction.to_string();
    assert!(text.starts_with(instruction.name()), "{text}");
    assert!(!text.ends_with([' ', ',', '.']), "{text}");
}

#[test]
fn decoding_loses_no_bit() {
    let mut random = Random(1);
    let (mut decoded_words, mut refused_words) = (0, 0);
    for arch in Arch::ALL {
        for opcode in 0..=255u64 {
            for i in 0..400 {
                // Sparse words reach sub-opcodes and zero fields that dense words miss.
                let noise =
                    random.next() & if i % 2 == 0 { random.next() & random.next() } else { !0 };
                let word = opcode << 56 | noise >> 8;
                let Ok(decoded) = Instruction::decode(arch, word) else {
                    refused_words += 1;
                    continue;
                };
                decoded_words += 1;
                let encoded =
                    decoded.instruction.encode(arch).expect("a decoded instruction encodes");
                assert_eq!(encoded | decoded.reserved, word, "{arch} {word:#018x}");
                assert_eq!(encoded & decoded.reserved, 0, "{arch} {word:#018x}");
                let used = decoded.instruction.definition().used_bits(arch);
                assert_eq!(decoded.reserved, word & !used, "{arch} {word:#018x}");
                check_text(&decoded.instruction);
            }
        }
    }
    assert!(decoded_words > 40_000 && refused_words > 400_000, "{decoded_words} {refused_words}");
}

#[test]
fn fields_that_an_architecture_lacks_are_not_listed() {
    for arch in Arch::ALL {
        for row in TABLE.iter().filter(|row| row.archs.contains(arch)) {
            let sub = row.sub_opcode.filter(|sub| sub.bits.archs.contains(arch));
            let word = u64::from(row.opcode) << 56 | sub.map_or(0, |sub| sub.value << sub.bits.low);
            let decoded = Instruction::decode(arch, word).unwrap();
            for (operand, field) in decoded.instruction.operands().zip(row.fields) {
                // A flag without a default is listed if set.
                let listed = operand.default.unwrap_or(Value::Flag(false)) != operand.value;
                assert!(field.layout(arch).is_some() || !listed, "{arch} {}", decoded.instruction);
            }
        }
    }
}

#[test]
fn operands_are_the_fields_of_the_table() {
    let mut random = Random(2);
    for arch in Arch::ALL {
        for row in TABLE.iter().filter(|row| row.archs.contains(arch)) {
            let sub = row.sub_opcode.filter(|sub| sub.bits.archs.contains(arch));
            for _ in 0..50 {
                let mut word = u64::from(row.opcode) << 56 | random.next() & random.next() >> 8;
                if let Some(sub) = sub {
                    word = word & !sub.bits.mask() | sub.value << sub.bits.low;
                }
                let Ok(decoded) = Instruction::decode(arch, word) else { continue };
                assert_eq!(decoded.instruction.name(), row.name);
                let operands: Vec<_> = decoded.instruction.operands().collect();
                assert_eq!(operands.len(), row.fields.len(), "{}", row.name);
                for (operand, field) in operands.iter().zip(row.fields) {
                    assert_eq!(operand.name, field.name);
                    let Some(layout) = field.layout(arch) else { continue };
                    let bits = (word & layout.mask()) >> layout.low;
                    assert_eq!(
                        raw(operand.value, layout.high - layout.low + 1),
                        bits,
                        "{operand:?}"
                    );
                }
            }
        }
    }
}

/// Returns the bits of a value in a field of `width` bits.
fn raw(value: Value, width: u8) -> u64 {
    match value {
        Value::Flag(flag) => flag.into(),
        Value::Unsigned(value) => value,
        Value::Signed(value) => value as u64 & ((1 << width) - 1),
        Value::Reg(reg) => reg.number().into(),
        Value::Pair(pair) => pair.number().into(),
        Value::Registers(mask) => mask.bits().into(),
        Value::Entry(entry) => entry.number().into(),
        Value::Entries(mask) => mask.bits().into(),
        Value::Named(bits, _) => bits.into(),
        _ => unreachable!("a kind of values that this test does not know"),
    }
}

#[test]
fn every_row_decodes_on_its_architectures() {
    for arch in Arch::ALL {
        for row in TABLE {
            let sub = row.sub_opcode.filter(|sub| sub.bits.archs.contains(arch));
            let word = u64::from(row.opcode) << 56 | sub.map_or(0, |sub| sub.value << sub.bits.low);
            let found = Instruction::decode(arch, word).map(|decoded| decoded.instruction.name());
            if row.archs.contains(arch) {
                assert_eq!(found, Ok(row.name), "{arch}");
            } else {
                assert_ne!(found, Ok(row.name), "{arch}");
            }
        }
    }
}

#[test]
fn unassigned_sub_opcode_is_named() {
    let error = Instruction::decode(Arch::V13, 0x1000_0008_0000_0000).unwrap_err();
    assert_eq!(error.to_string(), "opcode: unassigned (0x10 with sub-opcode 8, architecture v13)");
    // Before, the bits have no meaning.
    let decoded = Instruction::decode(Arch::V12, 0x1000_0008_0000_0000).unwrap();
    assert_eq!(decoded.instruction.name(), "ADD_IMM32");
    assert_eq!(decoded.reserved, 8 << 32);
}

#[test]
fn odd_pair_is_refused_by_field() {
    let error = Instruction::decode(Arch::V10, 0x0129_0000_0000_0000).unwrap_err();
    assert_eq!(error.to_string(), "MOVE48 dst: odd register for a pair (r41)");
    let error = RegPair::new(41).unwrap_err();
    assert_eq!(error.to_string(), "first: odd register for a pair (r41)");
    assert_eq!(RegPair::new(40), Ok(pair::<40>()));
}

#[track_caller]
fn refused(instruction: impl Into<Instruction>, arch: Arch, text: &str) {
    assert_eq!(instruction.into().encode(arch).unwrap_err().to_string(), text);
}

#[test]
fn missing_instruction_is_refused_by_name() {
    let error = Instruction::decode(Arch::V12, 0x0500_0000_0000_0000).unwrap_err();
    let text = "opcode: unassigned (0x05, architecture v12). The opcode is RUN_TILING on v10.";
    assert_eq!(error.to_string(), text);
    refused(RunTiling::default(), Arch::V12, "RUN_TILING: no such instruction (v12, v10 only)");
    refused(Enop::default(), Arch::V13, "ENOP: no such instruction (v13, v14-v15 only)");
    refused(Add64::default(), Arch::V12, "ADD64: no such instruction (v12, v13-v15 only)");
}

#[test]
fn missing_field_is_refused_by_name() {
    let indirect = Wait { indirect: true, ..Wait::default() };
    refused(indirect, Arch::V10, "WAIT indirect: no such field (v10, v11-v15 only)");
    let progress = Wait { progress: true, ..Wait::default() };
    refused(progress, Arch::V14, "WAIT progress: no such field (v14, v10-v13 only)");
    // The default stands for "as the architecture does", not for a set bit.
    assert_eq!(RunFullscreen::default().encode(Arch::V10), Ok(0x0800_0000_0000_0000));
}

#[test]
fn values_beyond_the_field_are_refused() {
    let mask = SbMask::from_bits(0x100);
    refused(Wait { mask, ..Wait::default() }, Arch::V10, "WAIT mask: out of range (sb{8}, 8 bits)");
    assert!(Wait { mask, ..Wait::default() }.encode(Arch::V11).is_ok());
    let condition = Condition::from_bits(8);
    let branch = Branch { condition, ..Branch::default() };
    refused(branch, Arch::V10, "BRANCH condition: out of range (unassigned(8), 3 bits)");
    let run = RunCompute { srt: 4, ..RunCompute::default() };
    refused(run, Arch::V10, "RUN_COMPUTE srt: out of range (0x4, 2 bits)");
    let shift = LshiftImm32 { amount: 32, ..LshiftImm32::default() };
    refused(shift, Arch::V13, "LSHIFT_IMM32 amount: out of range (0x20, 5 bits)");
}

#[test]
fn logic_operations_follow_their_names() {
    let (a, b) = (0b1100, 0b1010);
    let expected: [(LogicOp, u32); 16] = [
        (LogicOp::CLEAR, 0),
        (LogicOp::AND, a & b),
        (LogicOp::AND_NOT_B, a & !b),
        (LogicOp::A, a),
        (LogicOp::NOT_A_AND, !a & b),
        (LogicOp::B, b),
        (LogicOp::XOR, a ^ b),
        (LogicOp::OR, a | b),
        (LogicOp::NOR, !(a | b)),
        (LogicOp::XNOR, !(a ^ b)),
        (LogicOp::NOT_B, !b),
        (LogicOp::OR_NOT_B, a | !b),
        (LogicOp::NOT_A, !a),
        (LogicOp::NOT_A_OR, !a | b),
        (LogicOp::NAND, !(a & b)),
        (LogicOp::SET, !0),
    ];
    for (op, result) in expected {
        assert_eq!(op.apply(a, b), result, "{op}");
    }
}
