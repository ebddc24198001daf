//! The jobs of the kernel, word by word.

use panthor_cs::builder::Target;
use panthor_cs::kernel::{Job, MAX_JOB_WORDS, Profiling};
use panthor_cs::{Arch, Instruction, Stream};

const JOB: Job = Job {
    stream: Stream { va: 0x10_0000, size: 0x80 },
    latest_flush: 0x1234,
    sync_object: 0x8000_0000_0010,
    profiling: Profiling { cycles: false, time: false, slot: 0x8000_0000_4000 },
};

fn words(profiling: Profiling) -> Vec<u64> {
    let job = Job { profiling, ..JOB };
    let mut words = [!0; MAX_JOB_WORDS];
    let words = job.build(&Target::new(Arch::V10), &mut words).unwrap();
    assert_eq!(words.len(), job.word_count());
    words.to_vec()
}

const FLUSH: [u64; 2] = [0x025e_0000_0000_1234, 0x2400_5e00_0000_0233];
const CALL: [u64; 4] =
    [0x015c_0000_0010_0000, 0x025e_0000_0000_0080, 0x0300_0000_0001_0000, 0x2000_5c5e_0000_0000];
const SIGNAL: [u64; 5] = [
    0x015c_8000_0000_0010,
    0x015e_0000_0000_0001,
    0x0300_0000_00ff_0000,
    0x3300_5c5e_0000_0001,
    0x2f00_0000_0000_0000,
];
const CYCLES: [[u64; 2]; 2] = [
    [0x015c_8000_0000_4000, 0x2800_5c01_0000_0000],
    [0x015c_8000_0000_4008, 0x2800_5c01_0000_0000],
];
const TIME: [[u64; 2]; 2] = [
    [0x015e_8000_0000_4010, 0x2800_5e00_0000_0000],
    [0x015e_8000_0000_4018, 0x2800_5e00_0000_0000],
];

#[test]
fn job_calls_the_stream_and_signals() {
    let expected = [&FLUSH[..], &CALL, &SIGNAL, &[0; 5]].concat();
    assert_eq!(words(JOB.profiling), expected);
}

#[test]
fn profiled_jobs_store_counters_around_the_call() {
    let cycles = words(Profiling { cycles: true, ..JOB.profiling });
    assert_eq!(cycles, [&FLUSH[..], &CYCLES[0], &CALL, &CYCLES[1], &SIGNAL, &[0]].concat());
    let time = words(Profiling { time: true, ..JOB.profiling });
    assert_eq!(time, [&FLUSH[..], &TIME[0], &CALL, &TIME[1], &SIGNAL, &[0]].concat());
    let both = words(Profiling { cycles: true, time: true, ..JOB.profiling });
    let before = [&FLUSH[..], &CYCLES[0], &TIME[0], &CALL].concat();
    assert_eq!(both, [&before[..], &CYCLES[1], &TIME[1], &SIGNAL, &[0; 5]].concat());
}

#[test]
fn job_uses_the_registers_and_entries_of_the_queue() {
    let mut words = [0; MAX_JOB_WORDS];
    let target = Target::new(Arch::V13).registers(128).scoreboard_entries(16);
    let words = JOB.build(&target, &mut words).unwrap();
    let text = |word| Instruction::decode(Arch::V13, word).unwrap().instruction.to_string();
    assert_eq!(text(words[5]), "CALL [d124], r126");
    assert_eq!(text(words[8]), "WAIT sb{0-15}");
}

#[test]
fn queue_without_registers_for_the_kernel_is_refused() {
    let mut words = [0; MAX_JOB_WORDS];
    let mut error = |unpreserved| {
        let target = Target::new(Arch::V10).unpreserved(unpreserved);
        JOB.build(&target, &mut words).unwrap_err().to_string()
    };
    assert_eq!(error(2), "instruction 0: CALL length: no such register (r97, 96 in all)");
    assert_eq!(error(3), "instruction 0: CALL address: odd register for a pair (r93)");
}

/// The instructions that Linux 7.3.4 wrote to the ring buffer for the example `submit`.
const LINUX_7_3_4: [u64; 11] = [
    0x025e_0000_0000_0001,
    0x2400_5e00_0000_0233,
    0x015c_0000_0010_0000,
    0x025e_0000_0000_0400,
    0x0300_0000_0001_0000,
    0x2000_5c5e_0000_0000,
    0x015c_8000_0000_0000,
    0x015e_0000_0000_0001,
    0x0300_0000_00ff_0000,
    0x3300_5c5e_0000_0001,
    0x2f00_0000_0000_0000,
];

#[test]
fn job_is_the_one_of_the_real_driver() {
    let job = Job {
        stream: Stream { va: 0x10_0000, size: 1024 },
        latest_flush: 1,
        sync_object: 0x8000_0000_0000,
        profiling: Profiling::default(),
    };
    let mut words = [0; MAX_JOB_WORDS];
    let words = job.build(&Target::new(Arch::V10), &mut words).unwrap();
    assert_eq!(words[..11], LINUX_7_3_4);
    assert_eq!(words[11..], [0; 5]);
}
