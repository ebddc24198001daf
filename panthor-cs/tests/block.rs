//! Blocks: labels, structured control flow, checks against the target.

use panthor_cs::builder::{Block, Build, Defer, Label, Problem, Target};
use panthor_cs::instruction::*;
use panthor_cs::*;

const V10: Target = Target::new(Arch::V10);

/// Builds a block and returns its lines.
#[track_caller]
fn lines(target: Target, body: impl FnOnce(&mut Block<'_>)) -> Vec<String> {
    let mut words = [0; 64];
    let mut block = Block::new(target, &mut words);
    body(&mut block);
    let words = block.finish().unwrap();
    let decoded = words.iter().map(|&word| Instruction::decode(target.arch(), word).unwrap());
    decoded.map(|decoded| decoded.instruction.to_string()).collect()
}

/// Builds a block and returns its error.
#[track_caller]
fn error(target: Target, body: impl FnOnce(&mut Block<'_>)) -> String {
    let mut words = [0; 64];
    let mut block = Block::new(target, &mut words);
    body(&mut block);
    block.finish().unwrap_err().to_string()
}

const R1: Reg = reg(1);

#[test]
fn label_is_bound_before_its_branch() {
    let text = lines(V10, |block| {
        let mut top = Label::new();
        block.bind(&mut top).move32(R1, 0).branch(Condition::GT, R1, &mut top);
        block.branch(Condition::ALWAYS, R1, &mut top);
    });
    assert_eq!(text, ["MOVE32 r1, #0x0", "BRANCH.gt r1, #-2", "BRANCH.always r1, #-3"]);
}

#[test]
fn all_branches_to_a_later_label_are_resolved() {
    let text = lines(V10, |block| {
        let mut end = Label::new();
        block.branch(Condition::GT, R1, &mut end).branch(Condition::LT, R1, &mut end);
        block.move32(R1, 0).branch(Condition::EQ, R1, &mut end).move32(R1, 1).bind(&mut end);
    });
    let expected = [
        "BRANCH.gt r1, #4",
        "BRANCH.lt r1, #3",
        "MOVE32 r1, #0x0",
        "BRANCH.eq r1, #1",
        "MOVE32 r1, #0x1",
    ];
    assert_eq!(text, expected);
}

#[test]
fn two_labels_do_not_mix() {
    let text = lines(V10, |block| {
        let (mut first, mut second) = (Label::new(), Label::new());
        block.branch(Condition::GT, R1, &mut first).branch(Condition::LT, R1, &mut second);
        block.branch(Condition::EQ, R1, &mut first).branch(Condition::NE, R1, &mut second);
        block.bind(&mut first).move32(R1, 0).bind(&mut second);
    });
    let branches = ["BRANCH.gt r1, #3", "BRANCH.lt r1, #3", "BRANCH.eq r1, #1", "BRANCH.ne r1, #1"];
    assert_eq!(text[..4], branches);
}

#[test]
fn structured_control_flow_becomes_branches() {
    let text = lines(V10, |block| {
        block.if_then_else(
            Condition::EQ,
            R1,
            |block| {
                block.move32(R1, 2);
            },
            |block| {
                block.move32(R1, 3).move32(R1, 4);
            },
        );
        block.while_do(Condition::GT, R1, |block| {
            block.add32(R1, R1, -1);
        });
        block.while_do(Condition::ALWAYS, R1, |_| {});
    });
    let expected = [
        "BRANCH.ne r1, #2",
        "MOVE32 r1, #0x2",
        "BRANCH.always r1, #2",
        "MOVE32 r1, #0x3",
        "MOVE32 r1, #0x4",
        "BRANCH.le r1, #2",
        "ADD_IMM32 r1, r1, #-1",
        "BRANCH.gt r1, #-2",
        "BRANCH.always r1, #-1",
    ];
    assert_eq!(text, expected);
}

#[test]
fn condition_without_inverse_is_refused() {
    let text = error(V10, |block| {
        block.if_then(Condition::from_bits(7), R1, |_| {});
    });
    assert_eq!(text, "instruction 0: condition: has no inverse (7)");
}

#[test]
fn inverse_holds_where_the_condition_does_not() {
    for &condition in Condition::ASSIGNED {
        for value in [i32::MIN, -1, 0, 1, i32::MAX] {
            let Some(inverse) = condition.inverse() else { continue };
            assert_ne!(condition.holds(value), inverse.holds(value), "{condition} {value}");
        }
    }
}

#[test]
fn labels_are_checked() {
    let text = error(V10, |block| {
        let mut label = Label::new();
        block.branch(Condition::EQ, R1, &mut label).branch(Condition::EQ, R1, &mut label);
    });
    assert_eq!(text, "instruction 2: label: not bound (2 branches)");
    let text = error(V10, |block| {
        let mut label = Label::new();
        block.bind(&mut label).bind(&mut label);
    });
    assert_eq!(text, "instruction 0: label: bound twice");
}

#[test]
fn label_of_another_block_is_refused() {
    let mut words = [0; 4];
    let (mut bound, mut pending) = (Label::new(), Label::new());
    let mut block = Block::new(V10, &mut words);
    block.bind(&mut bound).branch(Condition::EQ, R1, &mut pending);
    // The memory is the same.
    let mut other = Block::new(V10, &mut words);
    other.branch(Condition::EQ, R1, &mut bound);
    assert_eq!(other.finish().unwrap_err().problem, Problem::ForeignLabel);
    let mut other = Block::new(V10, &mut words);
    other.bind(&mut pending);
    assert_eq!(other.finish().unwrap_err().problem, Problem::ForeignLabel);
}

/// Builds a branch over `count` instructions, forward or backward.
fn branch_over(count: usize, forward: bool) -> Result<usize, Problem> {
    let mut words = vec![0; count + 2];
    let mut block = Block::new(V10, &mut words);
    let mut label = Label::new();
    if forward {
        block.branch(Condition::EQ, R1, &mut label);
    } else {
        block.bind(&mut label);
    }
    for _ in 0..count {
        block.emit(Nop::default());
    }
    if forward {
        block.bind(&mut label);
    } else {
        block.branch(Condition::EQ, R1, &mut label);
    }
    block.finish().map(|words| words.len()).map_err(|error| error.problem)
}

#[test]
fn branch_range_is_checked() {
    assert_eq!(branch_over(32767, true), Ok(32768));
    assert_eq!(branch_over(32768, true), Err(Problem::BranchTooFar { distance: 32768 }));
    assert_eq!(branch_over(32767, false), Ok(32768));
    assert_eq!(branch_over(32768, false), Err(Problem::BranchTooFar { distance: -32769 }));
}

#[test]
fn registers_and_entries_of_the_queue_are_checked() {
    let text = error(V10, |block| {
        block.move32(reg(95), 0).move32(reg(96), 0);
    });
    assert_eq!(text, "instruction 1: MOVE32 dst: no such register (r96, 96 in all)");
    let text = error(V10, |block| {
        block.move64(pair::<96>(), 0);
    });
    assert_eq!(text, "instruction 0: MOVE48 dst: no such register (d96, 96 in all)");
    let text = error(V10, |block| {
        block.load(reg(90), RegMask::from_bits(0b10_0000), pair::<0>(), 0);
        block.load(reg(90), RegMask::from_bits(0b100_0000), pair::<0>(), 0);
    });
    assert_eq!(text, "instruction 1: LOAD_MULTIPLE mask: no such register (0x40, 96 in all)");
    let text = error(V10, |block| {
        block.flush_caches(R1, entry::<8>());
    });
    assert_eq!(
        text,
        "instruction 0: FLUSH_CACHE2 signal: no such scoreboard entry (sb8, 8 in all)"
    );
    let defer = Defer::after(entry::<9>());
    let text = error(Target::new(Arch::V11), |block| {
        block.sync_add64(Scope::GROUP, pair::<0>(), pair::<2>(), defer);
    });
    assert_eq!(text, "instruction 0: SYNC_ADD64 wait: no such scoreboard entry (sb{9}, 8 in all)");
    lines(Target::new(Arch::V11).registers(128).scoreboard_entries(16), |block| {
        block.move32(reg(127), 0).sync_add64(Scope::GROUP, pair::<0>(), pair::<2>(), defer);
    });
}

#[test]
fn deferred_operation_may_not_wait_for_itself() {
    let text = error(V10, |block| {
        let defer = Defer::after(entry::<1>() | entry::<2>()).signal(entry::<2>());
        block.store_timestamp(pair::<0>(), 0, defer);
    });
    assert_eq!(text, "instruction 0: STORE_STATE wait: contains the signaled entry (sb2)");
    // The fields are placeholders in the indirect form.
    lines(Target::new(Arch::V11), |block| {
        let wait = entry::<0>().mask();
        block.emit(HeapOperation { wait, indirect: true, ..HeapOperation::default() });
    });
}

#[test]
fn first_problem_is_reported() {
    let text = error(V10, |block| {
        block.move32(R1, 0).move32(reg(200), 0).move32(reg(201), 0).move32(R1, 1);
    });
    assert_eq!(text, "instruction 1: MOVE32 dst: no such register (r200, 96 in all)");
}

#[test]
fn full_slice_is_reported() {
    let mut words = [0; 2];
    let mut block = Block::new(V10, &mut words);
    block.move32(R1, 0).move32(R1, 0);
    assert_eq!(block.finish().unwrap().len(), 2);
    let mut block = Block::new(V10, &mut words);
    block.move32(R1, 0).move32(R1, 0).move32(R1, 0);
    let error = block.finish().unwrap_err();
    assert_eq!(error.to_string(), "instruction 2: memory: none left (3 words needed)");
}

#[test]
fn short_forms_follow_the_architecture() {
    let select = |block: &mut Block<'_>| {
        block.select_entries(entry::<3>(), entry::<1>());
    };
    assert_eq!(lines(V10, select), ["SET_SB_ENTRY sb3, sb1"]);
    for arch in [Arch::V11, Arch::V15] {
        let expected =
            ["SET_STATE_IMM32.sb_sel_endpoint #0x3", "SET_STATE_IMM32.sb_sel_other #0x1"];
        assert_eq!(lines(Target::new(arch), select), expected);
    }
}

#[test]
fn move64_takes_the_shortest_form() {
    let text = lines(V10, |block| {
        block.move64(pair::<2>(), (1 << 48) - 1).move64(pair::<2>(), 1 << 48);
    });
    assert_eq!(text, ["MOVE48 d2, #0xffffffffffff", "MOVE32 r2, #0x0", "MOVE32 r3, #0x10000"]);
}

#[test]
fn call_moves_address_and_length() {
    let call = |stream| {
        move |block: &mut Block<'_>| {
            block.call(pair::<2>(), reg(4), stream);
        }
    };
    let text = lines(V10, call(Stream { va: 0x1008, size: 24 }));
    assert_eq!(text, ["MOVE48 d2, #0x1008", "MOVE32 r4, #0x18", "CALL [d2], r4"]);
    let text = error(V10, call(Stream { va: 0x1004, size: 24 }));
    let expected = "va: not aligned or too large (0x1004, multiple of 8 below 2^48)";
    assert_eq!(text, format!("instruction 0: {expected}"));
    let text = error(V10, call(Stream { va: 0x1008, size: 25 }));
    assert_eq!(text, "instruction 0: size: not a multiple of 8 (25)");
}

#[test]
fn short_forms_emit_their_instruction() {
    let (address, data, offset) = (pair::<2>(), pair::<4>(), 8);
    let defer = Defer::after(entry::<1>()).signal(entry::<2>());
    let text = lines(V10, |block| {
        block.copy32(R1, reg(9)).copy64(address, data).add64(address, data, -8);
        block.load32(R1, address, offset).load64(data, address, offset);
        block.store32(R1, address, offset).store64(data, address, offset);
        block.store(R1, RegMask::from_bits(0b101), address, offset).wait_all();
        block.store_timestamp(address, offset, defer).flush_caches(R1, entry::<3>());
        block.sync_set64(Scope::SYSTEM, address, data, Defer::default());
        block.sync_add64(Scope::GROUP, address, data, defer);
        block.sync_wait64(SyncCondition::GT, address, data);
        block.jump(address, R1, Stream { va: 64, size: 8 });
    });
    let expected = [
        "ADD_IMM32 r1, r9, #0",
        "ADD_IMM64 d2, d4, #0",
        "ADD_IMM64 d2, d4, #-8",
        "LOAD_MULTIPLE {r1}, [d2 + 8]",
        "LOAD_MULTIPLE {r4-r5}, [d2 + 8]",
        "STORE_MULTIPLE {r1}, [d2 + 8]",
        "STORE_MULTIPLE {r4-r5}, [d2 + 8]",
        "STORE_MULTIPLE {r1, r3}, [d2 + 8]",
        "WAIT sb{0-7}",
        "STORE_STATE.timestamp [d2 + 8], wait=sb{1}, signal=sb2",
        "FLUSH_CACHE2 r1, l2=clean_inv, lsc=clean_inv, others=inv, signal=sb3",
        "SYNC_SET64.system [d2], d4",
        "SYNC_ADD64.group [d2], d4, wait=sb{1}, signal=sb2",
        "SYNC_WAIT64.gt [d2], d4",
        "MOVE48 d2, #0x40",
        "MOVE32 r1, #0x8",
        "JUMP [d2], r1",
    ];
    assert_eq!(text, expected);
}

#[test]
fn indirect_deferral_needs_architecture_11() {
    let store = |block: &mut Block<'_>| {
        block.store_timestamp(pair::<2>(), 0, Defer::INDIRECT);
    };
    assert_eq!(lines(Target::new(Arch::V11), store), ["STORE_STATE.timestamp.indirect [d2]"]);
    let text = "instruction 0: STORE_STATE indirect: no such field (v10, v11-v15 only)";
    assert_eq!(error(V10, store), text);
}

#[test]
fn debug_shows_how_far_a_block_came() {
    let mut words = [0; 4];
    let mut block = Block::new(V10, &mut words);
    assert!(block.is_empty());
    block.move32(R1, 0);
    assert_eq!((block.len(), block.is_empty()), (1, false));
    let text = format!("{block:?}");
    assert!(text.contains("len: 1, capacity: 4, error: None"), "{text}");
}
