//! Runs an input as a program on the fake and on a model of the fake, and compares the two after
//! every step.
//!
//! The model knows handles, page tables, the contents of memory, the queues of VMs and the fences
//! of syncobjs. The model predicts the error number of every call, what the GPU and the CPU read,
//! and which accesses fault. Every input is a program: bytes choose among the existing objects, and
//! rarely a missing one.
//!
//! The first byte chooses a prologue, so that every input starts with some objects. It also chooses
//! whether a second thread runs the other half of the input, on a file of its own of the same
//! device.

mod bytes;
mod compare;
mod expect;
mod fake;
mod objects;
mod programs;

use panthor_fake::{Config, Device};

use bytes::Bytes;
use programs::Program;

/// The most steps of a program.
const STEPS: usize = 300;

/// Runs an input.
///
/// # Panics
/// If the fake differs from the model, or leaves something behind.
pub fn check(bytes: &[u8]) {
    let (first, bytes) = bytes.split_first().unwrap_or((&0, &[]));
    let device = Device::new(Config::default()).expect("the fake works here");
    if first & 0x80 == 0 {
        run(&device, *first, bytes);
    } else {
        let (half, other) = bytes.split_at(bytes.len() / 2);
        std::thread::scope(|scope| {
            scope.spawn(|| run(&device, *first, half));
            run(&device, first >> 3, other);
        });
    }
    let mut leaks = device.leaks();
    // What a program does to the kernel is its own affair.
    leaks.stuck_vms = 0;
    assert!(leaks.is_empty(), "still alive: {leaks}");
}

/// Runs a program on a file of its own.
fn run(device: &Device, prologue: u8, bytes: &[u8]) {
    let mut program = Program::new(device.open(), Bytes::new(bytes));
    program.prologue(prologue & 7);
    for _ in 0..STEPS {
        if !program.step() {
            break;
        }
    }
}
