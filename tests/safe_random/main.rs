//! Random safe calls in any order, valid or not: no VM becomes unusable, and no object is left
//! behind.
//!
//! It runs on the fake, and on the real driver where there is one (see `tests/common`). The calls
//! follow from the seed, which is printed; `PANTHOR_RANDOM_SEED` and `PANTHOR_RANDOM_CALLS` choose.
//! The test submits no streams: a stream is a program for a GPU, which may be absent.

#[path = "../common/mod.rs"]
mod common;

mod arguments;
mod steps;
mod sync_steps;
mod world;

use std::fs;
use std::time::{Duration, Instant};

use panthor::{Device, ErrorKind, VmState};

use arguments::Random;
use world::World;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect(variable))
}

/// Directory of the drivers' debugfs files.
const LISTINGS: &str = "/sys/kernel/debug/dri";

/// Returns the number of the driver's VMs of all files, if the driver reports them: the real driver
/// does to root.
fn vms_of_all_files() -> Option<usize> {
    let cards = fs::read_dir(LISTINGS).ok()?;
    let mut listings =
        cards.filter_map(|card| fs::read_to_string(card.ok()?.path().join("gpuvas")).ok());
    Some(listings.next()?.matches("DRM GPU VA space").count())
}

/// Returns [`vms_of_all_files`] once the VMs of earlier programs are gone, for which the driver
/// needs a while if jobs time out. The firmware's VM always stays.
fn vms_of_others() -> Option<usize> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let now = vms_of_all_files();
        if now.is_some_and(|now| now <= 1) || Instant::now() > deadline {
            return now;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn any_safe_calls_leave_no_vm_unusable_and_nothing_behind() {
    let seed = number("PANTHOR_RANDOM_SEED", 1);
    let calls = number("PANTHOR_RANDOM_CALLS", 20_000);
    println!("PANTHOR_RANDOM_SEED={seed}");
    let descriptors_before = open_descriptors();
    let device = common::device();
    let told = device.fake().is_none() && fs::read_dir(LISTINGS).is_ok();
    let vms_before = if told { vms_of_others() } else { None };
    let start = Instant::now();
    let other = common::second_file(&device);
    let mut world = World::new([device.clone(), other.clone()]);
    let mut random = Random::new(seed);
    let (mut succeeded, mut refused) = (0_u64, 0_u64);
    for call in 0..calls {
        match steps::step(&mut world, &mut random) {
            Ok(()) => succeeded += 1,
            // Whatever it is, it must not be the device's end.
            Err(error) => {
                assert_ne!(error.kind(), ErrorKind::DeviceLost, "call {call}: {error}");
                refused += 1;
            }
        }
        for vm in world.vms() {
            assert_eq!(vm.state().expect("a state"), VmState::Usable, "call {call}");
        }
    }
    drop(world);
    for device in [&device, &other] {
        nothing_is_left(device);
    }
    println!("{succeeded} calls succeeded, {refused} failed, in {:.1?}", start.elapsed());
    assert!(succeeded > calls / 3 && refused > calls / 20, "most calls must have a chance");

    let fake = device.fake().map(|file| file.device().clone());
    drop((device, other));
    if let Some(fake) = fake {
        fake.assert_released();
    } else if let Some(before) = vms_before {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let now = vms_of_all_files();
            if now.is_some_and(|now| now <= before) {
                break;
            }
            assert!(Instant::now() < deadline, "VMs of all files: {before}, and now {now:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    // The fake keeps some as long as it is there.
    assert_eq!(open_descriptors(), descriptors_before, "a descriptor was left behind");
}

/// Returns the number of the program's open descriptors.
fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("descriptors").count()
}

/// Handles and IDs are the lowest free numbers: without leftover objects they start at 1 again.
fn nothing_is_left(device: &Device) {
    let vm = device.create_vm(Default::default()).expect("a VM");
    assert_eq!(vm.id(), 1, "a VM was left behind");
    let bo = device.create_bo(panthor::BoOptions::new(4096)).expect("a BO");
    assert_eq!(bo.handle(), 1, "a BO was left behind");
    let syncobj = device.create_syncobj().expect("a syncobj");
    assert_eq!(syncobj.handle(), 1, "a syncobj was left behind");
    let group = vm.create_group(arguments::small_group()).expect("a group");
    assert_eq!(group.handle(), 1, "a group was left behind");
}
