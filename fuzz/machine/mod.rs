//! Runs an input as a program against the fake, and checks the invariants.
//!
//! The first bytes choose the driver and the machine; each further step is a call on a file, or an
//! action of a test from outside: a read by the GPU, a fault, a reset. All pointers are addresses
//! and all descriptors are numbers in an [`Arena`](panthor_fake::Arena), so no argument can do
//! harm. No call waits for long. The results of a program depend on its bytes only.
//!
//! The fuzz target and the test that replays the corpus include this module.

mod call;
pub mod input;
mod invariants;
pub mod layouts;
mod memory;
mod steps;

use std::collections::BTreeSet;

use input::Input;
use panthor_fake::{Config, Device, Gpu, PageSize};
use steps::Machine;

/// The most steps of a program.
const STEPS: usize = 400;

/// Results of a program.
#[derive(PartialEq, Eq, Debug)]
pub struct Outcome {
    /// Checksum of all answers.
    pub checksum: u64,
    /// The numbers of the ioctls that succeeded.
    pub succeeded: BTreeSet<u8>,
}

/// Runs an input; with `twice` once more, which must give the same answers.
///
/// # Panics
/// If the fake does something that it never may.
pub fn check(bytes: &[u8], twice: bool) -> Outcome {
    let before = open_descriptors();
    let outcome = run(bytes, |_| {});
    assert_eq!(open_descriptors(), before, "descriptors are left open");
    if twice {
        let again = run(bytes, |_| {});
        assert_eq!(again, outcome, "the same program has other answers the second time");
    }
    outcome
}

/// Returns the number of this process's open descriptors.
fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("/proc is there").count()
}

/// Runs a program on devices of its own, which are prepared first.
pub fn run(bytes: &[u8], prepare: impl Fn(&Device)) -> Outcome {
    let mut input = Input::new(bytes);
    let (devices, mapped_last) = devices(&mut input);
    devices.iter().for_each(prepare);
    let mut machine = Machine::new(devices.clone(), input);
    for _ in 0..STEPS {
        if !machine.step() {
            break;
        }
    }
    let outcome = machine.finish(mapped_last);
    for device in devices {
        let mut leaks = device.leaks();
        // What a program does to the kernel is its own affair.
        leaks.stuck_vms = 0;
        assert!(leaks.is_empty(), "still alive: {leaks}");
    }
    outcome
}

/// Creates one or two devices. Returns them, and whether mappings and descriptors outlive the
/// files.
fn devices(input: &mut Input<'_>) -> (Vec<Device>, bool) {
    let (version, machine, gpu) = (input.byte(), input.byte(), input.byte());
    let config = Config::default()
        .driver_minor(Config::NEWEST_MINOR - u32::from(version) % (Config::NEWEST_MINOR + 1))
        .sparse_in_1_8(version & 0x80 != 0)
        .page_size([PageSize::K4, PageSize::K4, PageSize::K16, PageSize::K64][machine as usize & 3])
        .memory([8 << 30, 8 << 30, 16 << 20, 64 << 10][machine as usize >> 2 & 3])
        .swap(version & 0x40 != 0)
        .administrator(machine & 0x10 != 0)
        .high_priority(machine & 0x20 != 0)
        .coherent(machine & 0x40 != 0)
        .gpu(Gpu::ALL[gpu as usize % Gpu::ALL.len()]);
    let count = if gpu & 0x80 != 0 { 2 } else { 1 };
    let new = |_| Device::new(config.clone()).expect("the fake works here");
    ((0..count).map(new).collect(), machine & 0x80 != 0)
}
