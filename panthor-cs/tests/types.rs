//! Texts and conversions of the small types.

use panthor_cs::builder::{StoreWith, Target, Words};
use panthor_cs::disasm::Constants;
use panthor_cs::instruction::{AddImm32, Move48, ProgressWait};
use panthor_cs::*;

#[test]
fn architectures_are_numbered_10_to_15() {
    let numbers: Vec<u8> = Arch::ALL.iter().map(|arch| arch.major()).collect();
    assert_eq!(numbers, [10, 11, 12, 13, 14, 15]);
    let found: Vec<Arch> = (0..=300).filter_map(Arch::new).collect();
    assert_eq!(found, Arch::ALL);
}

#[test]
fn architecture_sets_are_written_as_ranges() {
    let text = |predicate: fn(u8) -> bool| Archs::of(|arch| predicate(arch.major())).to_string();
    assert_eq!(text(|_| false), "none");
    assert_eq!(text(|_| true), "v10-v15");
    assert_eq!(text(|major| major == 12), "v12");
    assert_eq!(text(|major| major != 12), "v10-v11, v13-v15");
    assert_eq!(format!("{:?}", Archs::ALL), "Archs(v10-v15)");
    assert!(!Archs::of(|arch| arch == Arch::V10).contains_all(Archs::ALL));
}

#[test]
fn scoreboard_masks_are_written_as_ranges() {
    let text = |bits| SbMask::from_bits(bits).to_string();
    assert_eq!(text(0), "sb{}");
    assert_eq!(text(0x8000), "sb{15}");
    assert_eq!(text(0xffff), "sb{0-15}");
    assert_eq!(text(0b1011_0110), "sb{1-2,4-5,7}");
    assert_eq!(format!("{:?} {:?}", SbMask::NONE, entry::<3>()), "sb{} sb3");
}

#[test]
fn scoreboard_masks_combine() {
    let mut mask = SbMask::first(2);
    mask |= entry::<4>();
    assert_eq!(mask.bits(), 0b1_0011);
    let numbers: Vec<u8> = mask.iter().map(SbEntry::number).collect();
    assert_eq!(numbers, [0, 1, 4]);
    assert_eq!(SbMask::first(16).bits(), 0xffff);
    assert_eq!(SbMask::first(255).bits(), 0xffff);
    assert_eq!(SbEntry::new(15), Some(entry::<15>()));
    assert_eq!(SbEntry::new(16), None);
}

#[test]
fn register_masks_count_from_the_base() {
    assert_eq!(RegMask::first(3).bits(), 0b111);
    assert_eq!(RegMask::first(16).bits(), 0xffff);
    assert_eq!(RegMask::from_bits(0x8001).iter().collect::<Vec<_>>(), [0, 15]);
    assert_eq!(format!("{:?}", RegMask::from_bits(0x8001)), "RegMask(0x8001)");
}

#[test]
fn pairs_consist_of_two_registers() {
    let pair = pair::<254>();
    assert_eq!((pair.low(), pair.high()), (reg(254), reg(255)));
    assert_eq!(RegPair::containing(reg(255)), pair);
    assert_eq!(format!("{:?} {:?}", pair, pair.high()), "d254 r255");
}

#[test]
fn unassigned_values_keep_their_bits() {
    let scope = Scope::from_bits(3);
    assert_eq!((scope.bits(), scope.name()), (3, None));
    assert_eq!(scope.to_string(), "unassigned(3)");
    assert_eq!(format!("{:?}", Scope::GROUP), "Scope(group)");
    assert_eq!(Scope::ASSIGNED, [Scope::SYSTEM, Scope::GROUP]);
}

#[test]
fn conditions_compare_with_zero() {
    let holds = |condition: Condition| [-1, 0, 1].map(|value| condition.holds(value));
    let some = |values: [bool; 3]| values.map(Some);
    assert_eq!(holds(Condition::LE), some([true, true, false]));
    assert_eq!(holds(Condition::GT), some([false, false, true]));
    assert_eq!(holds(Condition::EQ), some([false, true, false]));
    assert_eq!(holds(Condition::NE), some([true, false, true]));
    assert_eq!(holds(Condition::LT), some([true, false, false]));
    assert_eq!(holds(Condition::GE), some([false, true, true]));
    assert_eq!(holds(Condition::ALWAYS), some([true; 3]));
    assert_eq!(holds(Condition::from_bits(7)), [None; 3]);
}

#[test]
fn sync_conditions_compare_unsigned() {
    let big = u64::MAX;
    assert_eq!(SyncCondition::LE.holds(1, big), Some(true));
    assert_eq!(SyncCondition::LE.holds(big, big), Some(true));
    assert_eq!(SyncCondition::GT.holds(big, big), Some(false));
    assert_eq!(SyncCondition::GT.holds(big, 1), Some(true));
    assert_eq!(SyncCondition::from_bits(2).holds(1, 1), None);
}

#[test]
fn operands_know_their_defaults() {
    let wait = ProgressWait { queue: 1, value: pair::<2>() };
    let operands: Vec<_> = Instruction::from(wait).operands().collect();
    assert_eq!(operands[0].value, Value::Unsigned(1));
    assert!(!operands[0].is_default());
    let operands: Vec<_> = Instruction::from(instruction::Wait::default()).operands().collect();
    assert_eq!((operands[1].name, operands[1].is_default()), ("progress", true));
}

#[test]
fn words_reach_the_memory_of_the_caller() {
    let mut memory = [0; 2];
    let mut words = &mut memory[..];
    Words::store(&mut words, 1, 7);
    // Behind the end there is nothing to write to.
    Words::store(&mut words, 2, 8);
    assert_eq!((Words::len(&words), Words::is_empty(&words)), (2, false));
    assert_eq!(memory, [0, 7u64.to_le()]);

    let mut stored = Vec::new();
    let mut words = StoreWith::new(5, |index, word| stored.push((index, word)));
    words.store(3, 9);
    assert_eq!(words.len(), 5);
    assert_eq!(format!("{words:?}"), "StoreWith { len: 5, .. }");
    assert_eq!(stored, [(3, 9)]);
}

#[test]
fn constants_follow_immediates() {
    let mut constants = Constants::default();
    constants.follow(&Move48 { dst: pair::<2>(), imm: 0x1_0000_0005 }.into());
    constants.follow(&AddImm32 { dst: reg(9), src: reg(2), imm: -6 }.into());
    assert_eq!(format!("{constants:?}"), "{r2: 5, r3: 1, r9: 4294967295}");
}

#[test]
fn stream_is_written_with_address_and_size() {
    assert_eq!(Stream { va: 0x1000, size: 64 }.to_string(), "0x1000, 64 bytes");
}

#[test]
fn target_clamps_limits_that_no_queue_has() {
    let target = Target::new(Arch::V10).registers(1000).unpreserved(1000).scoreboard_entries(1000);
    assert_eq!((target.register_count(), target.first_unpreserved()), (256, 1));
    assert_eq!((target.entry_count(), target.all_entries().bits()), (16, 0xffff));
    assert_eq!(Target::new(Arch::V10).unpreserved(100).first_unpreserved(), 0);
}
