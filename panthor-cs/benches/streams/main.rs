//! The speed of building, decoding and disassembling, in one thread.
//!
//! `cargo bench -p panthor-cs --bench streams` prints a table. Run as a test, the program only
//! checks that each row runs.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use panthor_cs::builder::{Block, Build, Target};
use panthor_cs::disasm::Listing;
use panthor_cs::*;

/// Instructions of the measured stream.
const COUNT: usize = 4096;

/// A row of the table.
struct Row {
    name: &'static str,
    /// The best time of a round.
    best: Duration,
    work: Box<dyn FnMut()>,
}

impl Row {
    fn new(name: &'static str, work: impl FnMut() + 'static) -> Self {
        Self { name, best: Duration::MAX, work: Box::new(work) }
    }

    fn nanoseconds(&self) -> f64 {
        self.best.as_secs_f64() * 1e9 / COUNT as f64
    }
}

/// Builds the stream: a dispatch's worth of moves, loads, stores and waits, over and over.
fn build(words: &mut [u64]) -> &[u64] {
    let mut block = Block::new(black_box(Target::new(Arch::V10)), words);
    for i in 0..COUNT as u32 / 8 {
        block
            .move64(pair::<40>(), 0x10_0000 + u64::from(i))
            .move32(reg(37), i)
            .load(reg(0), RegMask::first(16), pair::<40>(), 16)
            .wait(entry::<0>())
            .store(reg(0), RegMask::first(16), pair::<40>(), 128)
            .wait(entry::<0>() | entry::<1>())
            .add64(pair::<42>(), pair::<42>(), 8)
            .sync_add64(Scope::GROUP, pair::<40>(), pair::<42>(), Default::default());
    }
    block.finish().expect("a stream within its limits")
}

/// Packs the same words without a check, from operands that the compiler does not know.
fn pack(words: &mut [u64]) {
    let (pair, data, count, mask) = (40, 42, 37, 0xffff);
    for (i, chunk) in words.chunks_exact_mut(8).enumerate() {
        let [i, pair, data, count, mask] = black_box([i as u64, pair, data, count, mask]);
        chunk[0] = 0x01 << 56 | pair << 48 | (0x10_0000 + i);
        chunk[1] = 0x02 << 56 | count << 48 | i;
        chunk[2] = 0x14 << 56 | pair << 40 | mask << 16 | 16;
        chunk[3] = 0x03 << 56 | 0b1 << 16;
        chunk[4] = 0x15 << 56 | pair << 40 | mask << 16 | 128;
        chunk[5] = 0x03 << 56 | 0b11 << 16;
        chunk[6] = 0x11 << 56 | data << 48 | data << 40 | 8;
        chunk[7] = 0x33 << 56 | pair << 40 | data << 32 | 2 << 1;
    }
}

fn main() {
    let rounds = if std::env::args().any(|argument| argument == "--bench") { 400 } else { 1 };
    let mut words = vec![0; COUNT];
    let mut packed = vec![0; COUNT];
    pack(&mut packed);
    assert_eq!(build(&mut words), packed, "both ways give the same words");
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();

    let mut to_pack = vec![0; COUNT];
    let mut to_build = vec![0; COUNT];
    let mut text = String::new();
    let mut rows = [
        Row::new("pack by hand, no check", move || pack(black_box(&mut to_pack))),
        Row::new("build", move || {
            black_box(build(black_box(&mut to_build)));
        }),
        Row::new("decode", move || {
            for &word in black_box(&words) {
                let _ = black_box(Instruction::decode(Arch::V10, word));
            }
        }),
        Row::new("disassemble", move || {
            text.clear();
            write!(text, "{}", Listing::new(Arch::V10, black_box(&bytes))).expect("room for text");
            black_box(&text);
        }),
    ];
    // Rows take turns, so that other load of the machine hits all alike; the best round counts.
    for _ in 0..rounds {
        for row in &mut rows {
            let start = Instant::now();
            (row.work)();
            row.best = row.best.min(start.elapsed());
        }
    }
    let floor = rows[0].nanoseconds();
    println!("{:24} {:>12} {:>14} {:>9}", "", "ns each", "million a s", "ratio");
    for row in &rows {
        let each = row.nanoseconds();
        println!("{:24} {each:12.2} {:14.1} {:9.1}", row.name, 1e3 / each, each / floor);
    }
}
