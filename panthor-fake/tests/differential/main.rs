//! Random programs give the same transcript on the fake as they gave on the real driver.
//!
//! A transcript has the result of every call, what the driver wrote back, and the mappings of the
//! VM. What the unmodified drivers of Debian's kernels said is in `recorded.rs`, as one checksum a
//! program. To record again, build this test for the machine with the driver and run it there as
//! root: `differential --ignored --nocapture record`.

mod fake;
mod program;
mod real;
mod recorded;

use program::transcript;

/// How many programs there are.
const PROGRAMS: u64 = 40;

/// FNV-1a.
fn checksum(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Runs the programs of a version on the fake and compares.
fn compare(minor: u32, recorded: &[u64]) {
    assert_eq!(recorded.len() as u64, PROGRAMS);
    for (seed, &expected) in (1..).zip(recorded) {
        let text = transcript(&mut fake::Fake::new(minor), seed);
        let sum = checksum(&text);
        assert!(sum == expected, "program {seed} on 1.{minor} differs:\n{text}");
    }
}

#[test]
fn the_fake_1_9_does_what_linux_7_3_does() {
    compare(9, &recorded::LINUX_7_3);
}

#[test]
fn the_fake_1_8_does_what_linux_7_2_does() {
    compare(8, &recorded::LINUX_7_2);
}

#[test]
fn the_fake_1_0_does_what_linux_6_12_does() {
    compare(0, &recorded::LINUX_6_12);
}

#[test]
fn programs_do_something() {
    let text = transcript(&mut fake::Fake::new(9), 1);
    let lines = |with: &str| text.lines().filter(|line| line.contains(with)).count();
    assert!(lines("map ") > 20 && lines("bind sync 0") > 10 && lines("bind async 0") > 3, "{text}");
    assert!(lines("-22") > 3 && lines("points") > 10, "{text}");
}

#[test]
#[ignore = "needs the real driver, root and debugfs"]
fn record() {
    let mut real = real::Real::open().expect("a render node of Panthor");
    for seed in 1..=PROGRAMS {
        let text = transcript(&mut real, seed);
        if std::env::var_os("TRANSCRIPT").is_some() {
            println!("{text}");
        }
        println!("    {:#018x},", checksum(&text));
    }
    real.finish();
}
