//! Thousands of short processes, many of them killed midway: nothing is left of them, and the
//! supervisor does not grow. `PANTHOR_SOAK_SECONDS` is the duration, 4 by default.

#![cfg(feature = "loopback")]

mod loopback_client;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use loopback_client::{RENDER, compile, open};
use nix::sys::stat::fstat;
use panthor_fake::loopback::Loopback;
use panthor_fake::{Config, Device};

/// In so many parts it goes on; after each it is looked what is left.
const PARTS: u64 = 4;

/// Growth that the supervisor may have in the end: a descriptor for each of at most 64 known
/// threads, and memory that the allocator keeps.
const MORE_FDS: usize = 66;
const MORE_THREADS: usize = 2;
const MORE_KIB: u64 = 4096;
/// Blocks of 512 bytes that the memory of the device may have when there is no BO: the registers.
const MOST_BLOCKS: i64 = 64;

/// Resources of the supervisor's process.
#[derive(Clone, Copy, Debug)]
struct Held {
    fds: usize,
    threads: usize,
    /// Memory of its own.
    kib: u64,
}

impl Held {
    fn now() -> Self {
        let count = |directory: &str| fs::read_dir(directory).unwrap().count();
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        let kib = line.trim().trim_end_matches(" kB").parse().unwrap();
        Self { fds: count("/proc/self/fd"), threads: count("/proc/self/task"), kib }
    }
}

/// Waits until nothing is left in the device, as soon as the kernel has closed what was open.
fn wait_for_release(device: &Device, loopback: &Loopback) {
    wait_for_closes(device);
    // Memory that a process was permitted to map a moment ago is kept until another node is closed.
    std::thread::sleep(Duration::from_millis(50));
    loopback.run(|| drop(open(RENDER))).unwrap();
    wait_for_closes(device);
    let blocks = || fstat(device.open()).unwrap().st_blocks;
    wait_until(|| blocks() <= MOST_BLOCKS);
    assert!(blocks() <= MOST_BLOCKS, "{} blocks of memory are left", blocks());
}

fn wait_for_closes(device: &Device) {
    wait_until(|| device.leaks().is_empty());
    device.assert_released();
}

fn wait_until(mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !done() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn soak(device: &Device, loopback: &Loopback, program: &Path, (seconds, seed): (u64, u64)) -> Held {
    let output = loopback.run(|| {
        Command::new(program).args([seconds.to_string(), seed.to_string()]).output().unwrap()
    });
    let output = output.unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "seed {seed}: {}: {message}", output.status);
    wait_for_release(device, loopback);
    let held = Held::now();
    println!("{}: {held:?}", String::from_utf8_lossy(&output.stdout).trim());
    held
}

#[test]
fn nothing_is_left_of_thousands_of_processes() {
    let seconds = std::env::var("PANTHOR_SOAK_SECONDS").map_or(4, |seconds| {
        seconds.parse::<u64>().expect("PANTHOR_SOAK_SECONDS is a number of seconds")
    });
    let program = compile("soak.c", "loopback-soak", &[]);
    let device = Device::new(Config::default()).unwrap();
    let loopback = Loopback::new(&device).unwrap();
    let soak = |part| {
        let seed = u64::from(std::process::id()) * PARTS + part;
        soak(&device, &loopback, &program, (seconds.div_ceil(PARTS), seed))
    };
    let first = Held::now();
    let mut last = first;
    for part in 0..PARTS {
        last = soak(part);
    }
    // The threads of a supervisor end a moment after its last program.
    wait_until(|| {
        last.threads = Held::now().threads;
        last.threads <= first.threads + MORE_THREADS
    });
    loopback.finish();
    assert!(last.fds <= first.fds + MORE_FDS, "{first:?} {last:?}");
    assert!(last.threads <= first.threads + MORE_THREADS, "{first:?} {last:?}");
    assert!(last.kib <= first.kib + MORE_KIB, "{first:?} {last:?}");
}
