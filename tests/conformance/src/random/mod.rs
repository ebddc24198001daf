//! Random programs on the driver of this machine and on the fake that plays it.

mod ahead;
mod answers;
mod compare;
mod dice;
mod forbidden;
mod generate;
mod print;
mod program;
pub mod recorded;
mod requests;
mod run;
mod settle;
mod shrink;
mod values;

use std::time::{Duration, Instant};

use crate::case::wait_for_silence;
use crate::uapi::kernel::{Kernel, Linux};

use ahead::{Prepared, prepared};
use compare::{Both, PATIENCE};
use program::Program;

/// Limit of the runs of one program by the shrinker.
const ATTEMPTS: usize = 3000;
/// Limit of the differences of a run.
const DIFFERENCES: u64 = 5;

/// Totals of a run.
#[derive(Default)]
struct Sum {
    programs: u64,
    calls: u64,
    succeeded: u64,
    forbidden: u64,
    mappings: u64,
    differences: u64,
}

impl Sum {
    fn add(&mut self, both: &Both) {
        self.programs += 1;
        self.calls += both.driver.calls;
        self.succeeded += both.driver.succeeded;
        self.forbidden += both.driver.forbidden;
        self.mappings += both.driver.looks.iter().flatten().flatten().count() as u64;
        self.differences += u64::from(both.differs());
    }
}

/// Amount of programs to run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Amount {
    /// At least so many calls.
    pub calls: u64,
    /// Seed of the first program; each further program has the next seed.
    pub seed: u64,
    /// Limit of the steps of a program.
    pub steps: u64,
}

/// Runs programs on both until the number of calls is reached, and prints the results. Fails if
/// some programs differ.
pub fn compare(
    driver: &dyn Kernel,
    linux: Linux,
    amount: Amount,
    tell: &mut dyn FnMut(&str),
) -> Result<(), String> {
    let Amount { calls, seed, steps } = amount;
    tell(&format!(
        "conformance: random programs of seed {seed} on the driver and on the fake of Linux {linux}"
    ));
    let start = Instant::now();
    let mut sum = Sum::default();
    let seeds = (0..).map(|program| seed.wrapping_add(program));
    let jobs = driver.jobs_run();
    prepared(
        seeds,
        |seed| generate::program(seed, steps, jobs),
        linux,
        |programs| {
            for Prepared { seed, program, fake } in programs {
                wait_for_silence(driver);
                let both = Both::beside(fake, &program, driver, linux, PATIENCE);
                sum.add(&both);
                if both.differs() {
                    report(&program, seed, driver, linux, &both, tell);
                }
                if sum.calls >= calls || sum.differences >= DIFFERENCES {
                    break;
                }
            }
        },
    );
    let rate = sum.calls as f64 / start.elapsed().as_secs_f64();
    tell(&format!(
        "conformance: {} programs, {} calls ({} succeeded), {} mappings compared, {} steps left out, \
         {} differences; {rate:.0} calls a second",
        sum.programs, sum.calls, sum.succeeded, sum.mappings, sum.forbidden, sum.differences
    ));
    match sum.differences {
        0 => Ok(()),
        count => Err(format!("{count} programs differ")),
    }
}

/// Prints the smallest program that differs in the same way.
fn report(
    program: &Program,
    seed: u64,
    driver: &dyn Kernel,
    linux: Linux,
    both: &Both,
    tell: &mut dyn FnMut(&str),
) {
    tell(&format!("seed {seed}: the driver (-) and the fake (+):\n{}", both.difference()));
    let short = Duration::from_millis(300);
    let again = |program: &Program| {
        wait_for_silence(driver);
        Both::run(program, driver, linux, short)
    };
    if !again(program).differs() {
        tell(&format!("seed {seed}: it does not differ when it runs again"));
        return;
    }
    let kind = both.kind();
    let small = shrink::shrink(program, ATTEMPTS, |program| {
        let both = again(program);
        both.differs() && both.kind() == kind
    });
    let steps = (program.steps.len(), small.steps.len());
    tell(&format!("seed {seed}: {} of {} steps are enough:\n", steps.1, steps.0));
    tell(&print::case(&format!("random_{seed}"), &small));
    tell(&again(&small).difference());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uapi::fake::Fake;

    #[test]
    fn the_fake_does_the_same_again() {
        let fake = Fake::new(Linux::V7_3);
        let amount = Amount { calls: 5000, seed: 1, steps: 400 };
        compare(&fake, Linux::V7_3, amount, &mut |_| {}).expect("no difference");
    }

    #[test]
    fn a_difference_is_found_and_made_small() {
        let fake = Fake::new(Linux::V6_12);
        let amount = Amount { calls: 1, seed: 2, steps: 400 };
        let mut told = String::new();
        let found = compare(&fake, Linux::V7_3, amount, &mut |text| told += text);
        assert_eq!(found, Err("1 programs differ".into()), "{told}");
        assert!(told.contains("c.call(DRM_IOCTL_PANTHOR_BO_CREATE, &mut args);"), "{told}");
        assert_eq!(told.matches("c.call").count(), 1, "{told}");
    }

    #[test]
    fn a_seed_is_a_program() {
        assert_eq!(generate::program(1, 100, false), generate::program(1, 100, false));
        assert_ne!(generate::program(1, 100, false), generate::program(2, 100, false));
    }
}
