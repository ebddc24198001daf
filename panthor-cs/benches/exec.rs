//! The speed of the execution engine.
//!
//! `cargo bench -p panthor-cs` prints simulated instructions a second in one thread, the best of
//! several rounds. Where valgrind is installed, the benchmark also prints host instructions per
//! simulated instruction. As a test, the benchmark runs each program briefly.

use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

use panthor_cs::exec::*;
use panthor_cs::instruction::*;
use panthor_cs::{Arch, Condition, Error, RegMask, SbMask, pair, reg};

/// A program for measuring: a stream that a CALL in the ring buffer executes.
struct Program {
    name: &'static str,
    stream: fn(Arch) -> Result<Vec<u64>, Error>,
}

const PROGRAMS: [Program; 3] = [
    Program { name: "ADD_IMM32, BRANCH", stream: alu_and_branch },
    Program { name: "4 arithmetic, BRANCH", stream: arithmetic },
    Program { name: "LOAD, STORE, WAIT, ADD_IMM64, BRANCH", stream: transfers },
];

const BASE: u64 = 0x10_0000;
const STREAM: u64 = BASE + 0x1000;
const DATA: u64 = BASE + 0x2000;

fn back(instructions: i16) -> Branch {
    Branch { condition: Condition::ALWAYS, value: reg(0), offset: -instructions - 1 }
}

fn alu_and_branch(arch: Arch) -> Result<Vec<u64>, Error> {
    Ok(vec![AddImm32 { dst: reg(0), src: reg(0), imm: 1 }.encode(arch)?, back(1).encode(arch)?])
}

fn arithmetic(arch: Arch) -> Result<Vec<u64>, Error> {
    Ok(vec![
        AddImm32 { dst: reg(0), src: reg(0), imm: 1 }.encode(arch)?,
        AddImm64 { dst: pair::<2>(), src: pair::<2>(), imm: -1 }.encode(arch)?,
        Umin32 { dst: reg(4), src0: reg(0), src1: reg(2) }.encode(arch)?,
        Move32 { dst: reg(5), imm: 7 }.encode(arch)?,
        back(4).encode(arch)?,
    ])
}

fn transfers(arch: Arch) -> Result<Vec<u64>, Error> {
    let (mask, address) = (RegMask::first(4), pair::<90>());
    Ok(vec![
        LoadMultiple { base: reg(0), mask, address, offset: 0 }.encode(arch)?,
        Wait { mask: SbMask::from_bits(1), ..Wait::default() }.encode(arch)?,
        StoreMultiple { base: reg(0), mask, address, offset: 32 }.encode(arch)?,
        Wait { mask: SbMask::from_bits(1), ..Wait::default() }.encode(arch)?,
        AddImm64 { dst: pair::<4>(), src: pair::<4>(), imm: 1 }.encode(arch)?,
        back(5).encode(arch)?,
    ])
}

/// A queue with its memory.
struct Machine {
    queue: Queue,
    words: Vec<u64>,
}

impl Machine {
    fn new(program: &Program, arch: Arch) -> Result<Self, Error> {
        let stream = (program.stream)(arch)?;
        let mut words = vec![0; 0x600];
        let ring = [
            Move48 { dst: pair::<92>(), imm: STREAM }.encode(arch)?,
            Move32 { dst: reg(94), imm: 8 * stream.len() as u32 }.encode(arch)?,
            Move48 { dst: pair::<90>(), imm: DATA }.encode(arch)?,
            Call { address: pair::<92>(), length: reg(94) }.encode(arch)?,
        ];
        words[..ring.len()].copy_from_slice(&ring);
        let start = (STREAM - BASE) as usize / 8;
        words[start..start + stream.len()].copy_from_slice(&stream);
        let mut queue = Queue::new(QueueConfig::new(arch, 0));
        queue.set_ring(RingBuffer { base: BASE, size: 0x1000 });
        queue.set_insert(8 * ring.len() as u64);
        Ok(Self { queue, words })
    }

    /// Executes `steps` steps. Returns the number of instructions that retired.
    fn run(&mut self, steps: u64) -> u64 {
        let before = self.queue.retired();
        let mut context = Context {
            memory: &mut SliceMemory::new(BASE, &mut self.words),
            gpu: &mut SimulatedGpu::new(),
            hooks: &mut NoHooks,
            group: &mut Group::new(),
        };
        let stop = self.queue.run(black_box(steps), &mut context);
        assert_eq!(stop, Stop::Budget);
        self.queue.retired() - before
    }
}

/// Returns instructions a second, the best of `rounds`.
fn rate(program: &Program, arch: Arch, rounds: u32, steps: u64) -> Result<f64, Error> {
    let mut machine = Machine::new(program, arch)?;
    let mut best = 0.0f64;
    for _ in 0..rounds {
        let start = Instant::now();
        let retired = machine.run(steps);
        let elapsed = start.elapsed().max(Duration::from_nanos(1));
        best = best.max(retired as f64 / elapsed.as_secs_f64());
    }
    Ok(best)
}

/// Returns host instructions per simulated one: the difference of two runs, so that the start does
/// not count.
fn host_instructions(number: usize) -> Option<f64> {
    let count = |steps: u64| {
        let own = std::env::current_exe().ok()?;
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(own)
            .args(["--count".into(), number.to_string(), steps.to_string()])
            .output()
            .ok()?;
        let report = String::from_utf8_lossy(&output.stderr).into_owned();
        let line = report.lines().find(|line| line.contains("Collected"))?;
        let retired: f64 = String::from_utf8_lossy(&output.stdout).trim().parse().ok()?;
        Some((line.rsplit(' ').next()?.parse::<f64>().ok()?, retired))
    };
    let ((few, few_retired), (many, many_retired)) = (count(1_000)?, count(101_000)?);
    Some((many - few) / (many_retired - few_retired))
}

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, number, steps] = arguments.as_slice() {
        if flag == "--count" {
            let number: usize = number.parse().expect("a program's number");
            let mut machine = Machine::new(&PROGRAMS[number], Arch::V10)?;
            println!("{}", machine.run(steps.parse().expect("a number of steps")));
            return Ok(());
        }
    }
    let measure = arguments.iter().any(|argument| argument == "--bench");
    let (rounds, steps) = if measure { (20, 2_000_000) } else { (1, 1_000) };
    println!("{:<40} {:>12} {:>22}", "loop", "million/s", "host instructions each");
    for (number, program) in PROGRAMS.iter().enumerate() {
        let rate = rate(program, Arch::V10, rounds, steps)? / 1e6;
        let host = if measure { host_instructions(number) } else { None };
        let host = host.map_or_else(|| "-".into(), |count| format!("{count:.1}"));
        println!("{:<40} {rate:>12.1} {host:>22}", program.name);
    }
    Ok(())
}
