//! Random words as streams: no panic, no hang, the same result twice.

use panthor_cs::exec::*;
use panthor_cs::instruction::{HeapSet, SetStateImm32};
use panthor_cs::table::TABLE;
use panthor_cs::*;

use crate::support::*;

/// Returns a random instruction word, with operands that often refer to memory and registers that
/// exist.
///
/// A branch goes at most `backward` instructions back.
pub fn random_word(arch: Arch, random: &mut Random, backward: u64) -> u64 {
    loop {
        let row = &TABLE[random.below(TABLE.len() as u64) as usize];
        // What halts or blocks most programs is rare.
        let rare = match row.name {
            "PROT_REGION" | "JUMP" | "PROGRESS_WAIT" | "SHARED_SB_DEC" | "SET_STATE" => 40,
            "CALL" | "SYNC_WAIT32" | "SYNC_WAIT64" => 4,
            _ => 1,
        };
        if !row.archs.contains(arch) || random.below(rare) != 0 {
            continue;
        }
        let sub = row.sub_opcode.filter(|sub| sub.bits.archs.contains(arch));
        let mut word = u64::from(row.opcode) << 56 | sub.map_or(0, |sub| sub.value << sub.bits.low);
        for field in row.fields {
            let Some(layout) = field.layout(arch) else { continue };
            let bits = match (field.kind, field.name) {
                (_, "address" | "first" | "last") => 80 + 2 * random.below(4),
                (_, "base") => random.below(40),
                (Kind::Pair, _) => 2 * random.below(40),
                (Kind::Reg, _) => random.below(80),
                (Kind::Entry, _) => random.below(8),
                (Kind::Entries, _) => random.next() & random.next() & 0xff,
                (Kind::Named, _) => random.below(10),
                (Kind::Signed, "offset") if row.name == "BRANCH" => {
                    random.below(16).wrapping_sub(backward)
                }
                (Kind::Signed, "offset") => 8 * random.below(8),
                (_, "count") => random.below(57),
                (_, "value") if row.name == "SET_STATE_IMM32" => random.below(8),
                _ => random.next(),
            };
            word |= bits << layout.low & layout.mask();
        }
        let decoded = Instruction::decode(arch, word).expect("a word of the table");
        if !decoded
            .instruction
            .operands()
            .any(|operand| matches!(operand.value, Value::Named(_, None)))
        {
            return word;
        }
    }
}

/// Returns a machine with a random program, and with address registers that point into memory.
///
/// One word in `wild` is arbitrary; 0 for none.
pub fn random_machine(arch: Arch, seed: u64, length: usize, wild: u64) -> Machine {
    let mut random = Random(seed);
    let mut machine = Machine::with(arch, 3, |config| {
        config.seed = seed;
        config.max_delay = (seed % 40) as u32;
    });
    for index in 0..3 {
        for number in (80..88).step_by(2) {
            let va = DATA + 64 * random.below(16);
            machine.queues[index].set_register(reg(number), va as u32);
        }
        for number in 0..40 {
            machine.queues[index].set_register(reg(number), 8 * random.below(12) as u32);
        }
        machine.submit_to(index, code![HeapSet { address: pair::<80>() }]);
        if arch > Arch::V10 {
            let all = SetStateImm32 { state: State::SB_MASK_STREAM, value: 0xff };
            machine.submit_to(index, code![all]);
        }
        let words = (0..length).map(|_| match wild != 0 && random.below(wild) == 0 {
            true => random.next(),
            false => random_word(arch, &mut random, wild.min(3)),
        });
        let words: Vec<u64> = words.collect();
        machine.submit_words(index, &words);
    }
    for outcome in 0..200 {
        machine.hooks.outcomes.push_back(match random.below(20) {
            0 => RunOutcome::OutOfMemory,
            1 => RunOutcome::Fault { exception: Exception::ENDPOINT_FAULT, info: outcome },
            2 => RunOutcome::Hold,
            _ => RunOutcome::Done,
        });
    }
    machine
}

/// Runs the queues in turn, with budgets by `random`, for a number of rounds.
fn run_all(machine: &mut Machine, rounds: usize, budget: u64) -> u64 {
    for round in 0..rounds {
        let index = round % machine.queues.len();
        match machine.step(index, budget) {
            Stop::TilerOutOfMemory(event) => {
                machine.group.grant_memory(event.queue, (round % 2) as u64 * 0x1000);
            }
            // Held work completes later.
            Stop::Blocked(_) | Stop::Idle => {
                for run in machine.hooks.runs.clone() {
                    machine.queues[usize::from(run.queue)].finish(run.id, RunOutcome::Done);
                }
                machine.hooks.runs.clear();
            }
            _ => {}
        }
    }
    machine.queues.iter().map(Queue::retired).sum()
}

/// Makes a halted queue run on, behind the instruction that halted it.
fn revive(machine: &mut Machine, index: usize) {
    let old = &machine.queues[index];
    if old.status(&machine.group).halt.is_none() {
        return;
    }
    let (extract, insert) = (old.extract(), old.insert());
    let mut queue = Queue::new(*old.config());
    queue.set_ring(old.ring());
    for number in 0..96 {
        queue.set_register(reg(number), old.register(reg(number)).unwrap());
    }
    queue.set_extract(extract + 8);
    queue.set_insert(insert);
    machine.queues[index] = queue;
}

#[test]
fn random_programs_neither_panic_nor_hang() {
    let (mut retired, mut seed) = (0, 0);
    let wanted = if cfg!(debug_assertions) { 2_000_000 } else { 20_000_000 };
    while retired < wanted {
        seed += 1;
        let mut machine = random_machine(Arch::ALL[seed as usize % 6], seed, 480, 50);
        // Loops take their budget; everything else ends.
        for _ in 0..100 {
            let extracts = |machine: &Machine| -> Vec<u64> {
                machine.queues.iter().map(Queue::extract).collect()
            };
            let before =
                (extracts(&machine), machine.queues.iter().map(Queue::retired).sum::<u64>());
            let sum = run_all(&mut machine, 6, 500);
            retired += sum.saturating_sub(before.1);
            (0..3).for_each(|index| revive(&mut machine, index));
            if extracts(&machine) == before.0 {
                break;
            }
        }
    }
}

#[test]
fn arbitrary_words_neither_panic_nor_hang() {
    let mut random = Random(99);
    for round in 0..20_000 {
        let arch = Arch::ALL[round % 6];
        let mut machine = Machine::with(arch, 1, |config| {
            config.registers = [0, 1, 96, 256, u16::MAX][round % 5];
            config.scoreboard_entries = [0, 8, 16, 255][round % 4];
            config.index = [0, 31, 32, 255][round % 4];
        });
        for number in 0..=255 {
            machine.queue().set_register(reg(number), random.next() as u32);
        }
        let opcode = TABLE[random.below(TABLE.len() as u64) as usize].opcode;
        let words: Vec<u64> =
            (0..16).map(|_| random.next() & !(0xff << 56) | u64::from(opcode) << 56).collect();
        machine.submit_words(0, &words);
        for _ in 0..20 {
            machine.step(0, 20);
        }
    }
}

#[test]
fn same_seed_gives_the_same_execution() {
    for seed in 0..60 {
        let arch = Arch::ALL[seed as usize % 6];
        let mut first = random_machine(arch, seed, 200, 200);
        let mut second = first.clone();
        run_all(&mut first, 100, 50);
        run_all(&mut second, 100, 50);
        assert_eq!(first.words, second.words, "seed {seed}");
        assert_eq!(format!("{:?}", first.queues), format!("{:?}", second.queues), "seed {seed}");
        assert_eq!(format!("{:?}", first.hooks), format!("{:?}", second.hooks), "seed {seed}");
    }
}
