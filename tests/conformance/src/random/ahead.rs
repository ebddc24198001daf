//! Programs and what the fake does with them, one ahead of the driver that runs them next.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use crate::uapi::kernel::Linux;

use super::compare::on_fake;
use super::program::Program;
use super::run::Outcome;

/// A program that the fake has run.
pub struct Prepared {
    pub seed: u64,
    pub program: Program,
    pub fake: Outcome,
}

/// Passes the programs of these seeds to `consume`, in order and on demand. The fake runs on a CPU
/// of its own, which halves the time under full emulation.
pub fn prepared<R>(
    seeds: impl Iterator<Item = u64> + Send,
    program: impl Fn(u64) -> Program + Send,
    linux: Linux,
    consume: impl FnOnce(Receiver<Prepared>) -> R,
) -> R {
    let (give, take) = sync_channel(1);
    thread::scope(|scope| {
        scope.spawn(move || {
            for seed in seeds {
                let program = program(seed);
                let fake = on_fake(&program, linux);
                if give.send(Prepared { seed, program, fake }).is_err() {
                    break;
                }
            }
        });
        consume(take)
    })
}
