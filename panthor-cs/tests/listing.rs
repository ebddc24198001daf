//! Listings of streams.

use panthor_cs::disasm::{Comment, Listing, Registers};
use panthor_cs::instruction::*;
use panthor_cs::*;

fn bytes(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn stream(arch: Arch, instructions: &[Instruction]) -> Vec<u8> {
    let words: Result<Vec<u64>, _> = instructions.iter().map(|i| i.encode(arch)).collect();
    bytes(&words.unwrap())
}

#[test]
fn branch_shows_its_target() {
    let branch = |offset| Branch { condition: Condition::GT, value: reg(3), offset }.into();
    let bytes = stream(Arch::V10, &[branch(1), Nop::default().into(), branch(-3)]);
    let text = Listing::new(Arch::V10, &bytes).at(0x1000).to_string();
    let expected = "    1000  BRANCH.gt r3, #1    ; -> 0x1010
    1008  NOP
    1010  BRANCH.gt r3, #-3    ; -> 0x1000
";
    assert_eq!(text, expected);
}

#[test]
fn words_are_optional() {
    let bytes = stream(Arch::V10, &[Move32 { dst: reg(1), imm: 2 }.into()]);
    let text = Listing::new(Arch::V10, &bytes).with_words(true).to_string();
    assert_eq!(text, "       0  0201000000000002  MOVE32 r1, #0x2\n");
}

#[test]
fn data_is_listed_as_words_and_bytes() {
    let mut bytes = bytes(&[0x1d00_0000_0000_0001, 0x0900_0000_0000_0002]);
    bytes.extend([1, 2, 3]);
    let text = Listing::new(Arch::V10, &bytes).to_string();
    let expected =
        "       0  .word 0x1d00000000000001    ; opcode: unassigned (0x1d, architecture v10)
       8  FINISH_TILING    ; reserved bits 0x2
      10  .byte 0x01 0x02 0x03    ; no whole instruction
";
    assert_eq!(text, expected);
}

/// Returns the comments of a listing.
fn comments(instructions: &[Instruction]) -> Vec<String> {
    let bytes = stream(Arch::V13, instructions);
    Listing::new(Arch::V13, &bytes).lines().map(|line| line.comment.to_string()).collect()
}

const ADDRESS: RegPair = pair::<40>();

fn store() -> Instruction {
    StoreMultiple { address: ADDRESS, mask: RegMask::first(1), base: reg(0), offset: 4 }.into()
}

fn set_address() -> Instruction {
    Move48 { dst: ADDRESS, imm: 0x10_0000 }.into()
}

#[test]
fn address_follows_from_immediates() {
    let add = AddImm64 { dst: ADDRESS, src: ADDRESS, imm: -16 }.into();
    assert_eq!(comments(&[set_address(), store(), add, store()]), ["", "0x100004", "", "0xffff4"]);
}

#[test]
fn address_is_forgotten_when_another_instruction_writes_a_register() {
    for writer in [
        Instruction::from(Add32 { dst: reg(41), src0: reg(0), src1: reg(0) }),
        Sub64 { dst: ADDRESS, src0: pair::<0>(), src1: pair::<2>() }.into(),
        LoadMultiple {
            base: reg(30),
            mask: RegMask::from_bits(1 << 10),
            ..LoadMultiple::default()
        }
        .into(),
        NextSbEntry { dst: reg(40), ..NextSbEntry::default() }.into(),
        Call::default().into(),
    ] {
        let comments = comments(&[set_address(), writer, store()]);
        assert_eq!(comments[2], "", "{writer}");
    }
}

#[test]
fn address_is_forgotten_at_a_branch_target() {
    let back = Branch { condition: Condition::NE, value: reg(1), offset: -3 }.into();
    let add = AddImm64 { dst: ADDRESS, src: ADDRESS, imm: 8 }.into();
    assert_eq!(comments(&[set_address(), store(), add, back]), ["", "", "", "-> 0x8"]);
    let over = Branch { condition: Condition::NE, value: reg(1), offset: 1 }.into();
    assert_eq!(comments(&[over, set_address(), store()]), ["-> 0x10", "", ""]);
}

#[test]
fn comment_takes_registers_of_a_caller() {
    struct All(u32);
    impl Registers for All {
        fn register(&self, _: Reg) -> Option<u32> {
            Some(self.0)
        }
    }
    let instruction = Jump { address: pair::<2>(), length: reg(4) }.into();
    let comment = Comment::new(&Decoded { instruction, reserved: 0 }, 0, &All(16));
    assert_eq!(comment.to_string(), "0x1000000010, 16 bytes");
}

#[test]
fn any_bytes_have_a_listing() {
    let mut state = 7u64;
    for length in 0..600usize {
        let bytes: Vec<u8> = (0..length)
            .map(|_| {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                (state >> 56) as u8
            })
            .collect();
        for arch in Arch::ALL {
            let listing = Listing::new(arch, &bytes).at(u64::MAX - 100).with_words(true);
            assert_eq!(listing.to_string().lines().count(), length.div_ceil(8));
        }
    }
}
